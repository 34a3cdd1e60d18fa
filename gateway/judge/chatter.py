"""What changes more often than anything in a home does: a chattering contact or level. Pure.

A chattering contact writes megabytes an hour to a metered line, and a chattering level tens of
thousands of urgent entries a day, if each change is written. It is counted, and written now and
then; an SOS is not: each press is written at once.
"""

from __future__ import annotations

from collections.abc import Hashable
from math import inf
from typing import Generic, TypeVar

from gateway.judge.waits import WAITS
from gateway.words.reading import Kind

T = TypeVar("T", bound=Hashable)
MOST = 60  # changes within one window that are still believed
FREE = 6  # entries about one alarm that are written at once, in a row
# what changes often in a home that is well
LIVELY = frozenset(
    {
        Kind.MOTION,
        Kind.LIGHT,
        Kind.ACTIVITY,
        Kind.OTHER_STATE,
        Kind.PRESENCE,
        Kind.SOUND,
        Kind.VIBRATION,
    }
)
KEYS = 1000  # things that are counted, the oldest forgotten first


class Chatter:
    """How often each of many things has changed lately, in monotonic seconds of this boot."""

    def __init__(self) -> None:
        self._counts: dict[Hashable, tuple[float, int]] = {}  # since when, and how often
        self._last: dict[Hashable, float] = {}  # when it last was more than is believed

    def changed(self, key: Hashable, mono: float) -> int:
        """Count one change; return the changes in this window once they are too many, else 0."""
        since, times = self._counts.pop(key, (mono, 0))
        if mono - since >= WAITS.chatter_window:
            since, times = mono, 0
        self._counts[key] = since, times + 1
        while len(self._counts) > KEYS:
            self._last.pop(oldest := next(iter(self._counts)), None)
            del self._counts[oldest]
        if times + 1 <= MOST:
            return 0
        self._last[key] = mono
        return times + 1

    def goes_on(self, key: Hashable, mono: float) -> bool:
        """Say whether it has chattered within `chatter_over`."""
        return mono - self._last.get(key, -inf) < WAITS.chatter_over


class Counting(Generic[T]):
    """When an entry that only counts is written: a few at once, then after waits that double."""

    def __init__(self) -> None:
        # when it was written last, and how often in a row
        self._said: dict[T, tuple[float, int]] = {}
        self._waits: dict[T, None] = {}

    def at_once(self, alarm: T, mono: float) -> bool:
        """Say whether a count is to be written now; else it waits, and `due` says for when."""
        said, times = self._said.get(alarm, (-inf, 0))
        if mono - said >= 2 * WAITS.count_longest:
            times = 0
        if mono - said >= _wait(times):
            self._said[alarm] = mono, times + 1
            return True
        self._waits[alarm] = None
        return False

    def written(self, alarm: T) -> None:
        """Take that an entry about the alarm is written: it has the count too, whatever it says."""
        self._waits.pop(alarm, None)

    def over(self, alarm: T) -> None:
        """Forget an alarm that has ended."""
        self._waits.pop(alarm, None)
        self._said.pop(alarm, None)

    def due(self) -> float:
        """Return the monotonic second at which a waiting count is to be written, or inf."""
        return min((self._at(alarm) for alarm in self._waits), default=inf)

    def take(self, mono: float) -> list[T]:
        """Return the alarms whose counts are to be written now, and take them as written."""
        due = [alarm for alarm in self._waits if self._at(alarm) <= mono]
        for alarm in due:
            self._said[alarm] = mono, self._said[alarm][1] + 1
            del self._waits[alarm]
        return due

    def take_all(self) -> list[T]:
        """Return all alarms whose counts wait: the process ends."""
        waits, self._waits = [*self._waits], {}
        return waits

    def _at(self, alarm: T) -> float:
        said, times = self._said[alarm]
        return said + _wait(times)


def _wait(times: int) -> float:
    return (
        0.0
        if times < FREE
        else min(WAITS.count_first * 2 ** min(times - FREE, 20), WAITS.count_longest)
    )
