"""Once a week relatives are told on which days there were signs of life.

A day has a sign, or none, or nobody could see it: the box was off or started, the radio heard
nothing, or no sensor that shows life was there. It is told on Sunday from ten o'clock on by a clock
that is sure, once: the entry and the mark `weekly` are one commit. A box that is off then tells it
later, by day. Days are kept only where the resident has agreed that movements are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final

from gateway.home.config import Config
from gateway.home.home import Home
from gateway.home.silence import places
from gateway.judge.book import Entry
from gateway.judge.faults.ledger import Ledger
from gateway.judge.pipeline import Pipeline
from gateway.judge.silence.life import Life, Sign
from gateway.sms.family import AWAY, BLIND, NONE, SEEN
from gateway.tell.family import agreed
from gateway.words import kind
from gateway.words.clock import Moment, Quality
from gateway.words.reading import Reading

MARK: Final = "weekly"
DAYS: Final = 7
SUNDAY, HOUR, LATEST = 7, 10, 20  # when it is told, and until which hour of a day
_KEPT: Final = DAYS + 1  # days that are remembered


class Weekly:
    """What is known of this week. In the task "pump"."""

    def __init__(
        self, mark: str, *, home: Home, pipeline: Pipeline, faults: Ledger, replays: bool
    ) -> None:
        """`replays`: a recorded day is played, and nobody is told of it."""
        self._home, self._pipeline, self._faults = home, pipeline, faults
        self._replays = replays
        self._life = Life()
        self._of: Config | None = None  # by whose sensors it goes
        self._started = True  # what was before this start nobody saw
        self._days, self._told = _read(mark)
        self._changed = False

    def heard(self, reading: Reading) -> None:
        """Take one reading: it may be a sign of life."""
        if not self._wanted():
            return
        self._arrange()
        if self._life.sign(reading) is not Sign.NONE:
            self._set(reading.at, SEEN)

    def look(self, now: Moment) -> list[Entry]:
        """Go on with today, and tell the week where that is due."""
        if not agreed(self._home.config) or self._replays:
            self._forget()
            return []
        if now.quality is not Quality.SYNCHRONISED:
            return []
        self._arrange()
        if self._wanted():
            self._set(now, self._today(now))
        elif self._days:
            self._days, self._changed = {}, True
        return self._due(now)

    def marks(self, _now: Moment, anew: bool = False) -> Mapping[str, str]:
        """Return what outlives a restart."""
        if not self._changed and not anew:
            return {}
        self._changed = False
        return {MARK: json.dumps({"told": self._told, "days": self._days})}

    def _wanted(self) -> bool:
        """Say whether days are kept: the resident has agreed to it, and somebody is told."""
        config = self._home.config
        return not self._replays and config.parts.consent.activity and agreed(config)

    def _arrange(self) -> None:
        config = self._home.config
        if config is not self._of:
            self._of = config
            self._life.arrange(places(config))

    def _today(self, now: Moment) -> str:
        if self._started:
            self._started = False
            return BLIND
        if self._pipeline.away.lasts(now):
            return AWAY
        on = self._faults.on
        gone = {of for what, of in on if what == kind.MISSING}
        deaf = any(what == kind.RADIO_DEAF for what, _ in on)
        return BLIND if deaf or self._life.places.keys() <= gone else NONE

    def _set(self, at: Moment, state: str) -> None:
        """Take what a day shows: a sign counts most, then being out, then that nobody could see."""
        if at.quality is not Quality.SYNCHRONISED:
            return
        day, order = self._local(at).date().isoformat(), (NONE, BLIND, AWAY, SEEN)
        was = self._days.get(day)
        if was is None or order.index(state) > order.index(was):
            self._days[day], self._changed = state, True
            for old in sorted(self._days)[:-_KEPT]:
                del self._days[old]

    def _due(self, now: Moment) -> list[Entry]:
        at = self._local(now)
        sunday = at.date() - timedelta(days=at.isoweekday() % SUNDAY)
        if sunday == at.date() and at.hour < HOUR:
            sunday -= timedelta(days=DAYS)
        if not self._told:  # from the first Sunday on that has a whole week behind it
            self._told, self._changed = (sunday + timedelta(days=DAYS)).isoformat(), True
        if self._told >= sunday.isoformat() or not HOUR <= at.hour < LATEST:
            return []
        alarms = [a for a in self._pipeline.alarms.values() if a.open and not a.test]
        if any(alarm.calls_on for alarm in alarms):
            return []  # nobody has it yet: first things first
        self._told, self._changed = sunday.isoformat(), True
        days = self._week(at.date()) if self._wanted() else ""
        told = self._faults.note(
            kind.FAMILY_WORD,
            now,
            days=days,
            open=bool(alarms),
            people=len(self._home.config.informed),
        )
        return self._pipeline.noticed([told], now)

    def _week(self, today: date) -> str:
        """Return weekday and state of the seven days before today, oldest first."""
        each = [today - timedelta(days=n) for n in range(DAYS, 0, -1)]
        return "".join(
            f"{day.isoweekday()}{self._days.get(day.isoformat(), BLIND)}" for day in each
        )

    def _local(self, at: Moment) -> datetime:
        return at.wall.astimezone(self._home.config.zone)

    def _forget(self) -> None:
        if self._days or self._told:
            self._days, self._told, self._changed = {}, "", True


def _read(mark: str) -> tuple[dict[str, str], str]:
    """Return the days and the last Sunday of a mark; nothing of one that is damaged."""
    try:
        kept = json.loads(mark or "{}")
        days = {str(d): str(s) for d, s in kept.get("days", {}).items()}
        told = str(kept.get("told", ""))
        fits = all(s in {SEEN, NONE, BLIND, AWAY} for s in days.values()) and len(days) <= _KEPT
        [date.fromisoformat(d) for d in (*days, *([told] if told else []))]
    except (ValueError, AttributeError, TypeError, RecursionError):
        return {}, ""
    return (days, told) if fits else ({}, told)
