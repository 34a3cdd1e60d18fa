"""How many visits a month a home has had, where its people count on some. Pure.

A month is called missed only where nothing else can explain it: a time server has confirmed the
clock when it began and when it is over, and they are neighbours in the calendar. The visits that
are missing must not have fitted into the hours in which the gateway did not listen, by its
monotonic clock, or the resident was away: each `visits_hole` that began may have held one.
"""

from __future__ import annotations

import contextlib
import math
from datetime import date, timedelta, tzinfo
from math import inf

import msgspec
from msgspec import Struct

from gateway.judge.waits import WAITS
from gateway.words.clock import Moment, Quality
from gateway.words.reading import Value

MARK = "visits"


class _Month(Struct):
    """The month that runs. `first`: its first day, "" where no clock has said so yet."""

    first: str = ""
    whole: bool = False  # it was counted from its first day on
    ran: float = 0.0  # seconds in which the gateway listened, and nobody said to be away
    visits: int = 0
    wanted: int = 0  # the fewest that were wanted in it; 0: not known yet


class Visits:
    """The visits of the month that runs, and how many are wanted; 0: nobody counts on them."""

    def __init__(self) -> None:
        self._month = _Month()
        self._zone: tzinfo | None = None
        self._wanted = 0
        self._looked = -inf
        self._written = 0.0  # how much of the running time is
        self._changed = False

    def restored(self, mark: str) -> None:
        """Take up what was counted before a restart; nothing of a mark that is damaged."""
        with contextlib.suppress(ValueError, RecursionError):
            month = msgspec.json.decode(mark, type=_Month)
            if month.first:
                date.fromisoformat(month.first)
            self._month, self._written = month, month.ran

    def want(self, wanted: int, zone: tzinfo) -> None:
        """Take how many visits are wanted a month, by this zone's calendar."""
        if not wanted and self._month != _Month():
            self._month, self._looked, self._changed = _Month(), -inf, True
        self._wanted, self._zone = wanted, zone

    def came(self) -> None:
        """Count a visit."""
        if self._wanted:
            self._month.visits += 1
            self._changed = True

    def tick(self, now: Moment, *, away: bool) -> dict[str, Value]:
        """Return what is to be told of a month that is over with too few visits, or nothing.

        `away`: the resident is, so that nobody is to come now.
        """
        if not self._wanted or self._zone is None:
            return {}
        month = self._month
        if self._looked > -inf and not away:
            month.ran += max(0.0, now.mono - self._looked)
        self._looked = now.mono
        wanted = min(month.wanted or self._wanted, self._wanted)
        month.wanted, self._changed = wanted, self._changed or wanted != month.wanted
        self._changed = self._changed or month.ran - self._written >= WAITS.visits_kept
        if now.quality is not Quality.SYNCHRONISED:
            return {}
        today = now.wall.astimezone(self._zone).date()
        first = today.replace(day=1)
        if first.isoformat() == month.first:
            return {}
        follows = bool(month.first) and _after(date.fromisoformat(month.first)) == first
        missed = follows and self._missed(first)
        said: dict[str, Value] = {
            "month": month.first[:7],
            "visits": month.visits,
            "wanted": month.wanted,
        }
        self._month = _Month(first.isoformat(), whole=follows or today.day == 1)
        self._month.wanted = self._wanted
        if not month.first:  # those of its first days, before the clock was confirmed
            self._month.visits = month.visits
        self._changed = True
        return said if missed else {}

    def _missed(self, over: date) -> bool:
        month = self._month
        days = (over - date.fromisoformat(month.first)).days
        hole = days * 86400 - month.ran - WAITS.visits_kept
        unheard = max(0, math.ceil(hole / WAITS.visits_hole))
        return month.whole and month.visits + unheard < month.wanted

    def mark(self, *, anew: bool = False) -> str:
        """Return what is to be remembered over a restart, "" where nothing is new."""
        if not (self._changed or anew):
            return ""
        self._changed, self._written = False, self._month.ran
        return msgspec.json.encode(self._month).decode()


def _after(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)
