"""The last day on one axis of time: hours, night, and the alarms and questions across all rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from gateway.contract import wire
from gateway.page.known import DAY, seconds
from gateway.page.questions import ANSWERED, DROPPED, Question
from gateway.page.strip import WIDE
from gateway.page.visitor import Visitor

MARKED = 40  # alarms and questions that are drawn


@dataclass(frozen=True, slots=True)
class Mark:
    """An alarm, a pre-alarm that became none, a test, or what the home asked, at its minute.

    `alarm`: its number, 0 where there is none.
    """

    minute: int
    what: str
    at: float
    kind: str
    room: str = ""
    device: str = ""
    alarm: int = 0


@dataclass(frozen=True, slots=True)
class Axis:
    """Minutes from the left edge. `hours`: (minute, hour); `nights`: (from, to)."""

    hours: list[tuple[int, str]]
    nights: list[tuple[int, int]]
    marks: list[Mark] = field(default_factory=list)


def axis(
    v: Visitor,
    night: tuple[time, time],
    now: float,
    alarms: Iterable[wire.AlarmMessage] = (),
    asked: Iterable[Question] = (),
) -> Axis:
    """Return the axis of the day up to wall second `now`."""
    marks = sorted([*_marks(alarms, now), *_asked(asked, now)], key=lambda mark: mark.at)
    return Axis(_hours(v, now), nights(night, v.page.known.zone, now), marks)


def nights(night: tuple[time, time], zone: ZoneInfo, now: float) -> list[tuple[int, int]]:
    """Return the spans of the last day that are night at the home."""
    begin, out = now - DAY, []
    today = datetime.fromtimestamp(now, UTC).astimezone(zone).date()
    for back in (2, 1, 0):
        date = today - timedelta(days=back)
        last = date + timedelta(days=night[1] <= night[0])
        since = datetime.combine(date, night[0], zone).timestamp()
        until = datetime.combine(last, night[1], zone).timestamp()
        a, b = (max(0, min(WIDE, int((at - begin) // 60))) for at in (since, until))
        if a < b:
            out.append((a, b))
    return out


def _hours(v: Visitor, now: float) -> list[tuple[int, str]]:
    """Return every fourth full hour that has room for its word."""
    begin = now - DAY
    first = (3600 - begin % 3600) / 60
    found = (first + 60 * n for n in range(1, 24, 4))
    return [(int(m), v.words.local(begin + m * 60, "%H")) for m in found]


def _marks(alarms: Iterable[wire.AlarmMessage], now: float) -> list[Mark]:
    """Return the marks of alarms."""
    out: list[Mark] = []
    for a in alarms:
        at = seconds(a.stages["danger"].wall)
        minute = int((at - now + DAY) // 60)
        if minute >= 0 and len(out) < MARKED:
            what = "test" if a.test else "alarm" if "alarm" in a.stages else "question"
            where = a.room, a.device
            out.append(Mark(min(minute, WIDE), what, at, a.kind, *where, a.alarm_number))
    return out


def _asked(asked: Iterable[Question], now: float) -> list[Mark]:
    """Return the marks of questions."""
    out = []
    for q in islice(asked, MARKED):
        what = "asked" if q.end in {ANSWERED, DROPPED} else "unanswered"
        out.append(Mark(min(int((q.at - now + DAY) // 60), WIDE), what, q.at, q.about))
    return out
