"""The last day on one axis of time: hours, night, and the alarms and questions across all rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from gateway.contract import wire
from gateway.page.known import DAY, seconds
from gateway.page.strip import WIDE
from gateway.page.visitor import Visitor

MARKED = 40  # alarms and questions that are drawn


@dataclass(frozen=True, slots=True)
class Mark:
    """An alarm, a question (a pre-alarm that became none) or a test, at its minute."""

    minute: int
    what: str
    at: float
    alarm: wire.AlarmMessage


@dataclass(frozen=True, slots=True)
class Axis:
    """Minutes from the left edge. `hours`: (minute, hour); `nights`: (from, to)."""

    hours: list[tuple[int, str]]
    nights: list[tuple[int, int]]
    marks: list[Mark] = field(default_factory=list)


def axis(
    v: Visitor, night: tuple[time, time], now: float, alarms: Iterable[wire.AlarmMessage] = ()
) -> Axis:
    """Return the axis of the day up to wall second `now`."""
    return Axis(_hours(v, now), nights(night, v.page.known.zone, now), _marks(alarms, now))


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
    """Return what is marked, oldest first."""
    out: list[Mark] = []
    for a in alarms:
        at = seconds(a.stages["danger"].wall)
        minute = int((at - now + DAY) // 60)
        if minute >= 0 and len(out) < MARKED:
            what = "test" if a.test else "alarm" if "alarm" in a.stages else "question"
            out.append(Mark(min(minute, WIDE), what, at, a))
    return out[::-1]
