"""Recorded days judged once more: what was raised, missed and cancelled, beside what was.

The days before the first one are lived too, so that what the rules learn is learnt, and are not
counted. Nothing here looks at a clock: the same recording and rules give the same days, to the
byte.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final

from msgspec import Struct, field

from gateway.home.recorded import Was
from gateway.home.rerun import NOTHING, AsThen, Home, Key, Ran, Rules, key_of, same
from gateway.home.waits import WAITS
from gateway.judge.alarm import Alarm, State
from gateway.judge.beds import SIGNS
from gateway.words.reading import Kind, Reading

LEARNT: Final = 28  # days before the first that are lived too
MOST_DAYS: Final = 800  # that are counted
READINGS: Final = 2_000_000
DAY: Final = 86400.0


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
    count = (last - first).days + 1
    days = [Day(first + timedelta(days=n)) for n in range(count)]
    edges = [midnight(day.date, rules.zone) for day in days]
    edges.append(midnight(last + timedelta(days=1), rules.zone))

    def day_of(at: float) -> Day | None:
        n = bisect_left(edges, at + 1e-9) - 1
        return days[n] if 0 <= n < count else None

    def mark(key: Key, room: str) -> tuple[Day | None, Mark]:
        kind, device, at = key
        day = day_of(at)
        begins = 0.0 if day is None else edges[days.index(day)]
        return day, Mark(int((at - begins) // 60), kind, device, room)

    ran = _run(rules, heard(), was, edges[-1], day_of, edges[0])
    _told(ran, mark)
    _compared(ran, was, mark)
    if in_force is not None:
        before = _run(in_force, heard(), was, edges[-1])
        for one, other, name in ((ran, before, "more"), (before, ran, "fewer")):
            for alarm in _beyond(one, other):
                day, found = mark(key_of(alarm), alarm.room)
                if day is not None:
                    getattr(day, name).append(found)
        ran.complete = ran.complete and before.complete
    for day in days:
        for name in ("asked", "answered", "cancelled", "raised", "was", "missed", "more", "fewer"):
            getattr(day, name).sort(key=lambda found: (found.minute, found.kind, found.device))
    return Lived(days, ran.complete, sum(day.readings for day in days))


def midnight(day: date, zone: tzinfo) -> float:
    """Return the wall second at which a day of the home begins."""
    return datetime.combine(day, time(), zone).timestamp()


def is_sign(reading: Reading) -> bool:
    """Say whether a reading shows that somebody moves about."""
    return reading.kind in SIGNS and (bool(reading.value) or reading.kind is not Kind.MOTION)


def _run(
    rules: Rules,
    heard: Iterable[Reading],
    was: Sequence[Was],
    ends: float,
    day_of: Callable[[float], Day | None] | None = None,
    begins: float = 0.0,
) -> Ran:
    home = Home(rules, AsThen(was))
    ran = home.ran
    for reading in heard:
        at = reading.at.mono
        if at >= ends:
            break
        if ran.readings >= READINGS:
            ran.complete = False
            return ran
        home.heard(reading)
        day = day_of(at) if day_of is not None and at >= begins else None
        if day is None:
            continue
        day.readings += 1
        minute = int((at - midnight(day.date, rules.zone)) // 60)
        if is_sign(reading) and (not day.signs or day.signs[-1] != minute):
            day.signs.append(minute)
        borne = home.pipeline.silence.borne(reading.at)
        line = -1 if borne is None else round(borne)
        if not day.line or day.line[-1][1] != line:
            day.line.append((minute, line))
    # what is open at the end comes to its end
    home.until(min(ends, ran.until + DAY) + WAITS.trial_after)
    return ran


def _told(ran: Ran, mark: Callable[[Key, str], tuple[Day | None, Mark]]) -> None:
    """Put into each day what was asked, cancelled, raised and called in it."""
    for name in ("asked", "answered"):
        for at, about in getattr(ran, name):
            day, found = mark((about, "", at), "")
            if day is not None:
                getattr(day, name).append(found)
    for alarm in ran.alarms.values():
        day, found = mark(key_of(alarm), alarm.room)
        if day is None:
            continue
        if alarm.state is State.CANCELLED:
            day.cancelled.append(found)
        elif "alarm" in alarm.stages:
            day.raised.append(found)
        day.called += sum(call.rung > 0 for call in alarm.calls)


def _compared(
    ran: Ran, was: Sequence[Was], mark: Callable[[Key, str], tuple[Day | None, Mark]]
) -> None:
    """Put beside it what the journal says was; what was no alarm for nothing may not be missed."""
    raised = [key_of(a) for a in _raised(ran)]
    for one in was:
        key = one.kind, one.device, one.at
        day, found = mark(key, one.room)
        if day is None:
            continue
        if one.state is State.CANCELLED:
            day.was_cancelled += 1
        elif one.state is not State.PRE_ALARM:
            day.was.append(found)
            if one.outcome not in NOTHING and not any(same(key, other) for other in raised):
                day.missed.append(found)


def _raised(ran: Ran) -> list[Alarm]:
    return [a for a in ran.alarms.values() if "alarm" in a.stages]


def _beyond(one: Ran, other: Ran) -> list[Alarm]:
    """Return what was raised in `one` and not in `other`, each once."""
    left = [key_of(a) for a in _raised(other)]
    out = []
    for alarm in _raised(one):
        if known := [other for other in left if same(key_of(alarm), other)]:
            left.remove(known[0])
        else:
            out.append(alarm)
    return out
