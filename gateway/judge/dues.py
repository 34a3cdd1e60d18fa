"""When something is to be done for each open alarm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.judge.alarm import Alarm
from gateway.judge.dispatch import Rung, due_at
from gateway.words.times import Times


class Dues:
    """When each alarm is due next: worked out once a turn, however often it moved in it."""

    def __init__(self) -> None:
        self._at: dict[int, float] = {}
        self._moved: set[int] = set()

    def moved(self, numbers: Iterable[int]) -> None:
        """Take that these alarms stand otherwise now."""
        self._moved.update(numbers)

    def over(self, number: int) -> None:
        """Forget an alarm: it has ended."""
        self._moved.discard(number)
        self._at.pop(number, None)

    def of(
        self, alarms: Mapping[int, Alarm], ladder: tuple[Rung, ...], times: Times
    ) -> Mapping[int, float]:
        """Return the monotonic second of each alarm, inf where nothing is to be done."""
        for number in self._moved:
            self._at[number] = due_at(alarms[number], ladder, times)
        self._moved.clear()
        return self._at
