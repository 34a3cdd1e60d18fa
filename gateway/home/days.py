"""Recorded days judged once more: what was raised, missed and cancelled, beside what was.

The days before the first one are lived too, so that what the rules learn is learnt, and are not
counted. Nothing here looks at a clock: the same recording and rules give the same days, to the
byte.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import takewhile
from typing import Final

from msgspec import Struct, field

from gateway.home.recorded import Was
from gateway.home.rerun import NOTHING, Home, Key, Ran, Rules, beyond, key_of, raised, run, same
from gateway.judge.alarm import State
from gateway.judge.beds import SIGNS
from gateway.words.reading import Kind, Reading

LEARNT: Final = 28  # days before the first that are lived too
MOST_DAYS: Final = 800  # that are counted
READINGS: Final = 2_000_000
MARKS: Final = ("asked", "answered", "cancelled", "raised", "was", "missed", "more", "fewer")


class Mark(Struct, frozen=True):
    """Something at a minute of a day: an alarm's kind and device."""

    minute: int
    kind: str
    device: str = ""
    room: str = ""


class Day(Struct):
    """What came of one day. `marks` by what they are, each list in the order of time."""

    date: date
    readings: int = 0
    signs: list[int] = field(default_factory=list)  # minutes with a sign of life
    # minute, and the seconds of silence that are borne from then on; -1: none is judged
    line: list[tuple[int, float]] = field(default_factory=list)
    asked: list[Mark] = field(default_factory=list)
    answered: list[Mark] = field(default_factory=list)
    cancelled: list[Mark] = field(default_factory=list)
    raised: list[Mark] = field(default_factory=list)
    called: int = 0
    was: list[Mark] = field(default_factory=list)  # raised, as the journal has it
    was_cancelled: int = 0
    missed: list[Mark] = field(default_factory=list)  # was raised and not for nothing; is not now
    more: list[Mark] = field(default_factory=list)  # raised now, and not by the rules in force
    fewer: list[Mark] = field(default_factory=list)  # the other way round


class Lived(Struct):
    """All days, and whether all that was recorded of them was judged."""

    days: list[Day]
    complete: bool = True
    readings: int = 0


class Calendar:
    """The days from `first` to `last`, into which a run is written."""

    def __init__(self, first: date, last: date, zone: tzinfo) -> None:
        self._zone = zone
        self.days = [Day(first + timedelta(days=n)) for n in range((last - first).days + 1)]
        self.edges = [midnight(day.date, zone) for day in self.days]
        self.edges.append(midnight(last + timedelta(days=1), zone))

    def seen(self, reading: Reading, home: Home) -> None:
        """Take what was heard: signs of life, and the line at that moment."""
        day, minute = self.at(reading.at.mono)
        if day is None:
            return
        day.readings += 1
        if is_sign(reading) and (not day.signs or day.signs[-1] != minute):
            day.signs.append(minute)
        borne = home.pipeline.silence.borne(reading.at)
        line = -1 if borne is None else round(borne)
        if not day.line or day.line[-1][1] != line:
            day.line.append((minute, line))

    def at(self, wall: float) -> tuple[Day | None, int]:
        """Return the day of a wall second, and its minute."""
        n = bisect_right(self.edges, wall) - 1
        if not 0 <= n < len(self.days):
            return None, 0
        return self.days[n], int((wall - self.edges[n]) // 60)

    def put(self, name: str, key: Key, room: str = "") -> None:
        """Write down something of a day, if it is one of these."""
        kind, device, at = key
        day, minute = self.at(at)
        if day is not None:
            getattr(day, name).append(Mark(minute, kind, device, room))

    def told(self, ran: Ran, was: Sequence[Was]) -> None:
        """Write down what was asked, answered, cancelled, raised and called, and what was."""
        for name in ("asked", "answered"):
            for at, about in getattr(ran, name):
                self.put(name, (about, "", at))
        for alarm in ran.alarms.values():
            key = key_of(alarm)
            if alarm.state is State.CANCELLED:
                self.put("cancelled", key, alarm.room)
            elif "alarm" in alarm.stages:
                self.put("raised", key, alarm.room)
            day, _ = self.at(key[2])
            if day is not None:
                day.called += sum(call.rung > 0 for call in alarm.calls)
        found = [key_of(a) for a in raised(ran)]
        for one in was:
            self._was(one, found)

    def _was(self, one: Was, found: Sequence[Key]) -> None:
        """Write down an alarm of the journal; what was none for nothing may not be missed."""
        key = one.kind, one.device, one.at
        day, _ = self.at(one.at)
        if day is None or one.state is State.PRE_ALARM:
            return
        if one.state is State.CANCELLED:
            day.was_cancelled += 1
            return
        self.put("was", key, one.room)
        if one.outcome not in NOTHING and not any(same(key, other) for other in found):
            self.put("missed", key, one.room)

    def in_order(self) -> list[Day]:
        """Return the days, what is in each in the order of time."""
        for day in self.days:
            for name in MARKS:
                getattr(day, name).sort(key=lambda found: (found.minute, found.kind, found.device))
        return self.days


def lived(
    rules: Rules,
    heard: Callable[[], Iterable[Reading]],
    was: Sequence[Was],
    first: date,
    last: date,
    *,
    in_force: Rules | None = None,
) -> Lived:
    """Judge what was heard from `first` to `last` by `rules`, and by those in force to compare."""
    days = Calendar(first, last, rules.zone)

    def until_then() -> Iterator[Reading]:
        return takewhile(lambda reading: reading.at.mono < days.edges[-1], heard())

    ran = run(rules, until_then(), was, most=READINGS, seen=days.seen, ends=days.edges[-1])
    days.told(ran, was)
    if in_force is not None:
        before = run(in_force, until_then(), was, most=READINGS, ends=days.edges[-1])
        for one, other, name in ((ran, before, "more"), (before, ran, "fewer")):
            for alarm in beyond(one, other):
                days.put(name, key_of(alarm), alarm.room)
        ran.complete = ran.complete and before.complete
    return Lived(days.in_order(), ran.complete, sum(day.readings for day in days.days))


def midnight(day: date, zone: tzinfo) -> float:
    """Return the wall second at which a day of the home begins."""
    return datetime.combine(day, time(), zone).timestamp()


def is_sign(reading: Reading) -> bool:
    """Say whether a reading shows that somebody moves about."""
    return reading.kind in SIGNS and (bool(reading.value) or reading.kind is not Kind.MOTION)
