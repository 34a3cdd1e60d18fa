"""Whether an adapter is deaf, or the air empty: told when each heard anything last. Pure.

Where a device that calls for help is heard by radio a silence is told after the adapter had time to
be repaired; else it waits for the day's list. In a home whose own radio devices speak only when
pressed the air is empty for as long as nobody walks by: such a home learns its own longest silence,
from which the adapter came back by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from gateway.judge.waits import WAITS
from gateway.words.rows import good

if TYPE_CHECKING:
    from gateway.judge.faults.silence import Supervised

LONGER = 1.5  # times its longest silence so far a home may be silent


class Deafness:
    """The silences of one home's adapters."""

    def __init__(self) -> None:
        self.longest = 0.0  # s: the longest silence that ended
        self._heard: dict[str, float] = {}

    def restored(self, mark: msgspec.Raw) -> None:
        """Go on with the longest silence (s) that was known before a start."""
        longest = next(good((mark,), float), self.longest)
        self.longest = min(max(0.0, longest), WAITS.deaf_longest)

    def learn(self, radios: Iterable[tuple[str, float]]) -> None:
        """Take when each adapter heard something last (monotonic s)."""
        for adapter, heard in radios:
            gap = heard - self._heard.get(adapter, heard)
            self._heard[adapter] = heard
            if gap > WAITS.deaf_learns:
                self.longest = min(max(self.longest, gap), WAITS.deaf_longest)

    def limit(self, devices: Iterable[Supervised], told_after: float) -> tuple[float, bool]:
        """Return (seconds of silence that mean deaf, whether a device that calls is heard by it).

        `told_after`: seconds of silence from which an adapter is told where there is such a device.
        """
        by_radio = [one for one in devices if one.radio]
        calls = any(one.vital for one in by_radio)
        least = told_after if calls else max(told_after, WAITS.deaf_unwatched)
        if any(
            one.missing_after is not None and one.missing_after <= WAITS.deaf_beacons
            for one in by_radio
        ):
            return least, calls
        return min(max(least, LONGER * self.longest), max(least, WAITS.deaf_longest)), calls
