"""Forged frames and recordings on a device's address, counted and told as one fault.

The intake counts in memory; here the pump looks every few seconds what has been added. A frame that
the air has damaged now and then is life, MANY in one window are somebody, or a key that was typed
wrong: both want somebody to look.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from gateway.judge.waits import WAITS

FRAMES = "frames"  # the sort of attack, see `attacks`
# Refusals that only somebody else's frame earns: without the key, plain where there is one, of what
# the make cannot sense, recorded.
FORGED = frozenset({"decrypt_failed", "downgrade", "not_sensed", "replayed"})
MANY = 100  # frames in one window


class _Tally(Struct):
    known: int = 0  # as many as there were at the last look
    recent: int = 0  # in this window
    since: float = 0.0


class Tallies:
    """How many came for each device since the last look. Bound: one tally a device."""

    def __init__(self) -> None:
        self._of: dict[str, _Tally] = {}

    def look(
        self, refused: Iterable[tuple[str, Mapping[str, int]]], told: frozenset[str], now: float
    ) -> list[tuple[str, int]]:
        """Return (device, how many to tell of).

        Of those in `told` every one counts, of others only MANY at once.
        """
        out: list[tuple[str, int]] = []
        present = {}
        for device, reasons in refused:
            total = sum(n for why, n in reasons.items() if why in FORGED)
            one = self._of.get(device) or _Tally(since=now)
            present[device] = one
            # fewer: other hardware under the same id
            more = total - one.known if total >= one.known else total
            one.known = total
            if now - one.since >= WAITS.forged_window:
                one.recent, one.since = 0, now
            one.recent += more
            if device in told and more:
                out.append((device, more))
            elif device not in told and one.recent >= MANY:
                out.append((device, one.recent))
        self._of = present
        return out
