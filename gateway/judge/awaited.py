"""Which entries about open alarms have no receipt yet, and which call each of them made. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.words.ranges import Numbers, Range


class Awaited:
    """Entry number -> (alarm number, number of the call or -1). Bound: the open alarms' entries."""

    def __init__(self) -> None:
        self._of: dict[int, tuple[int, int]] = {}
        self._numbers = Numbers()  # these entry numbers

    def add(self, entry: int, alarm: int, call: int) -> None:
        """Wait for the receipt of an entry."""
        self._of[entry] = (alarm, call)
        self._numbers.add(entry)

    def take(self, entry: int) -> tuple[int, int] | None:
        """Return, once, which alarm and call an entry was about; None: nobody waits for it."""
        self._numbers.discard(entry)
        return self._of.pop(entry, None)

    def forget(self, alarm: int) -> None:
        """Wait for no receipt of an alarm any more."""
        self._of = {entry: found for entry, found in self._of.items() if found[0] != alarm}
        self._numbers = Numbers(self._of)

    def covered(self, ranges: Sequence[Range]) -> list[int]:
        """Return which of these entries the ranges cover; they are `merged`."""
        return self._numbers.covered(ranges)
