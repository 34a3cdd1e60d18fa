"""Alarms in figures: how many of each kind, how they ended, and how long each step took."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from gateway.contract import wire
from gateway.judge.alarm import Outcome
from gateway.page.known import between, seconds

HELPED: Final = frozenset({Outcome.RESCUED, Outcome.HELPED})
# Nobody would have had to come.
NEEDLESS: Final = frozenset(
    {Outcome.NO_HELP_NEEDED, Outcome.FALSE_ALARM, Outcome.DEVICE_FAULT, Outcome.AWAY}
)
# What is measured from the danger on: receipt, answer, arrival.
STEPS: Final = ("push", "answered", "arrival")
# Upper edges of the columns of a spread; above the last is one more.
EDGES: Final = (10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 1800.0)
WIDE, HIGH = 10, 100  # units of a column of a plot, and of all of it
_MONTH: Final = re.compile("20[0-9]{2}-(0[1-9]|1[0-2])")


@dataclass(slots=True)
class Row:
    """The real alarms of one kind. Times are seconds from the danger on."""

    kind: str
    count: int = 0
    helped: int = 0
    needless: int = 0
    cancelled: int = 0
    times: dict[str, list[float]] = field(default_factory=lambda: {step: [] for step in STEPS})

    @property
    def unsaid(self) -> int:
        """Return how many are open, or ended without anybody's knowing what it was."""
        return self.count - self.helped - self.needless - self.cancelled

    def add(self, a: wire.AlarmMessage) -> None:
        """Count one."""
        self.count += 1
        if "cancelled" in a.stages:
            self.cancelled += 1
        elif a.outcome is not None:
            self.helped += a.outcome in HELPED
            self.needless += a.outcome in NEEDLESS
        for step, times in self.times.items():
            if step in a.stages and "danger" in a.stages:
                times.append(max(0.0, between(a.stages["danger"], a.stages[step])))

    def usual(self, step: str) -> float | None:
        """Return the median time of a step, None where none was taken."""
        return statistics.median(self.times[step]) if self.times[step] else None


@dataclass(slots=True)
class Month:
    """One month of the home's own calendar."""

    first: date
    kinds: dict[str, Row] = field(default_factory=dict)
    total: Row = field(default_factory=lambda: Row(""))
    days: list[int] = field(default_factory=list)
    tests: int = 0
    pushed: int = 0  # of the tests: had a receipt


def counted(alarms: Iterable[wire.AlarmMessage], first: date, zone: ZoneInfo) -> Month:
    """Return the figures of the alarms whose danger was in the month of `first`."""
    following = after(first)
    month = Month(first, days=[0] * (following - first).days)
    for a in alarms:
        at = day_of(seconds(a.stages["danger"].wall), zone) if "danger" in a.stages else None
        if at is None or not first <= at < following:
            continue
        if a.test:
            month.tests += 1
            month.pushed += "push" in a.stages
            continue
        month.days[at.day - 1] += 1
        for row in (month.kinds.setdefault(a.kind, Row(a.kind)), month.total):
            row.add(a)
    return month


def ordered(month: Month, by: str) -> list[Row]:
    """Return its kinds: by their name, else the largest first; without a time last."""

    def key(row: Row) -> tuple[float, str]:
        value = row.usual(by) if by in STEPS else getattr(row, by, 0)
        return (0.0 if by == "kind" else -1.0 if value is None else -float(value) - 2.0, row.kind)

    return sorted(month.kinds.values(), key=key)


def spread(times: Iterable[float]) -> list[int]:
    """Return how many times lie up to each of EDGES, and above the last."""
    bins = [0] * (len(EDGES) + 1)
    for time in times:
        bins[sum(time > edge for edge in EDGES)] += 1
    return bins


def columns(counts: list[int]) -> str:
    """Return the counts as the path of an SVG, a column each."""
    top = max([*counts, 1])
    return "".join(
        f"M{n * WIDE + 1} {HIGH}v-{max(4.0, count / top * HIGH):g}h{WIDE - 2}V{HIGH}z"
        for n, count in enumerate(counts)
        if count
    )


def asked(text: str, today: date) -> date:
    """Return the first of the month that an address asks for, else of this one."""
    this = today.replace(day=1)
    return min(this, date.fromisoformat(f"{text}-01")) if _MONTH.fullmatch(text) else this


def after(first: date) -> date:
    """Return the first of the next month."""
    return (first + timedelta(days=31)).replace(day=1)


def day_of(wall: float, zone: ZoneInfo) -> date:
    """Return the day of a wall second by the home's own clock; `date.min` where there is none."""
    try:
        return datetime.fromtimestamp(wall, UTC).astimezone(zone).date()
    except (ValueError, OverflowError, OSError):
        return date.min
