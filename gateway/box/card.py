"""What this process has written to the card in the last day, as the kernel counts it.

The kernel counts pages that became dirty on a real disk. What the file system's journal and the
card's controller add is not in it: see docs/operator.md. Files in memory do not count.
"""

from __future__ import annotations

import contextlib
from collections import deque
from pathlib import Path

# MB a day by this process; with what the file system adds some 40 reach the card
CARD_BUDGET = 16.0
CARD_KEPT = 24  # hours that are added up
HOUR = 3600.0
IO = Path("/proc/self/io")


class Card:
    """The bytes written per hour. Runs on the loop's thread."""

    def __init__(self, mono: float, io: Path = IO) -> None:
        self._io = io
        written = self._written()
        since = [(mono, written)] if written is not None else []
        self._since: deque[tuple[float, int]] = deque(since, maxlen=CARD_KEPT + 1)

    def facts(self, mono: float) -> dict[str, float] | None:
        """Return {written_mb, over_h, day_mb, budget_mb}; None where the kernel does not count.

        `written_mb` are the MB in the last `over_h` hours (24 at most), `day_mb` what that makes a
        day, `budget_mb` what a day may have. `day_mb` is there from the first full hour on: what a
        start writes says nothing about a day.
        """
        written = self._written()
        if written is None or not self._since:
            return None
        if mono - self._since[-1][0] >= HOUR:
            self._since.append((mono, written))
        began, before = self._since[0]
        hours, mb = (mono - began) / HOUR, (written - before) / 1e6
        facts = {"written_mb": round(mb, 3), "over_h": round(hours, 2), "budget_mb": CARD_BUDGET}
        return facts | {"day_mb": round(mb * CARD_KEPT / hours, 2)} if hours >= 1 else facts

    def _written(self) -> int | None:
        with contextlib.suppress(OSError, ValueError):
            lines = self._io.read_text(encoding="ascii").splitlines()
            return next((int(line[12:]) for line in lines if line.startswith("write_bytes:")), None)
        return None
