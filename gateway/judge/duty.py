"""When a person can be called: hours and days, in the home's own time. Pure."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, time, timedelta
from typing import Final

from msgspec import Struct

from gateway.words.clock import Moment, Quality

DAYS: Final = "1234567"  # Monday to Sunday


class Duty(Struct, frozen=True):
    """From when to when, and on which days; a night that begins on a Friday is Friday's."""

    begins: time
    ends: time
    zone: zoneinfo.ZoneInfo
    days: str = DAYS

    def on(self, now: Moment) -> bool:
        """Say whether this is such an hour. With a clock that nobody has confirmed it always is."""
        if now.quality is not Quality.SYNCHRONISED:
            return True
        return self.holds(now.wall.astimezone(self.zone))

    def holds(self, at: datetime) -> bool:
        """Say the same of a time of the home's own clock."""
        clock = at.time()
        if self.begins < self.ends:
            inside, day = self.begins <= clock < self.ends, at
        else:  # over midnight, or around the clock
            late = clock >= self.begins
            inside, day = late or clock < self.ends, at if late else at - timedelta(days=1)
        return inside and str(day.isoweekday()) in self.days


def gaps(duties: tuple[Duty | None, ...], step: int = 15) -> list[tuple[int, time, time]]:
    """Return when nobody can be called: (day from 1, from, to), in the home's own time.

    `duties`: of each person, None for one who can always be called. Looked at every `step` minutes.
    """
    if not duties or any(duty is None for duty in duties):
        return []
    monday = datetime(2024, 1, 1, tzinfo=UTC)
    out: list[tuple[int, time, time]] = []
    for day in range(7):
        began: time | None = None
        for minute in range(0, 24 * 60 + 1, step):
            at = monday + timedelta(days=day, minutes=minute)
            nobody = minute < 24 * 60 and not any(duty is None or duty.holds(at) for duty in duties)
            if nobody and began is None:
                began = at.time()
            elif not nobody and began is not None:
                out.append((day + 1, began, at.time()))
                began = None
    return out
