"""How long this home is silent at each hour: learned, robust, and explained in one sentence. Pure.

Of each day and hour it remembers the longest silence so far when the hour was watched, in minutes,
over the last DAYS days, apart for silences that began where the resident sleeps: who rests there is
silent for longer. Each of the two is a cell of its hour. The line of a cell is one of its own
longest: the k-th longest. Which k is one question for all cells: how often would the home have been
asked? From the longest (k = 1) it goes down, the longest line first, for as long as the days that
are known would have brought no more questions than wanted, each day judged by all. While few days
are known it is the longest, and a quarter more.

A day of which an hour was not watched (away, deaf, a carer, an unsure clock) says nothing of that
hour. An answered question is a silence that would have gone on: it counts for a quarter more, or
the line would follow its own questions downwards.

Bound: DAYS rows of at most 56 numbers below 1,500, and TRIPS numbers: below 12 kB as a mark.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct, field

DAYS = 28
HOURS = 24
CELLS = 2 * HOURS
LEAST = 7  # days of an hour from which it has a line of its own
ENOUGH = 14  # days from which that is not only its longest, and FEW of it more
FEW = 1.25
WEEKEND = 12  # days of the same kind from which they alone count
NEAR = 2  # hours that are neighbours
WATCHED = 20  # looks, of one a minute, from which an hour was watched
TRIPS = 60  # outings that are remembered
ANSWERED = 1.25  # times as long an answered silence would have been, at least
_MOST = 1440


class Day(Struct, array_like=True):
    """One day. -1 stands for "not known".

    `longest`: minutes of silence by cell; `rise`: minute of the day at which somebody was up;
    `bath`: the longest silence in the bath; `late`: how long it was silent elsewhere than where the
    resident sleeps when the evening ended.
    """

    date: str
    free: bool  # Saturday or Sunday
    longest: list[int] = field(default_factory=lambda: [-1] * CELLS)
    rise: int = -1
    bath: int = -1
    late: int = -1


class Kept(Struct):
    """What outlives a restart."""

    days: list[Day] = []
    today: Day | None = None
    watched: list[int] = []  # minutes of each hour of today
    trips: list[int] = []  # minutes of outings, the oldest first


class Line:
    """The lines of one home. `questions`: how many a day are wanted of it."""

    def __init__(self) -> None:
        self.kept = Kept()
        self._lines: dict[bool, list[int]] = {}  # by kind of day: minutes by hour, -1: not known
        self.changed = False

    def restored(self, mark: str) -> None:
        """Take up a mark; nothing of one that is damaged."""
        try:
            kept = msgspec.json.decode(mark, type=Kept) if mark else Kept()
        except (ValueError, RecursionError):
            return
        days = [*kept.days, *([kept.today] if kept.today else [])]
        if all(len(day.longest) == CELLS for day in days):
            kept.days, kept.trips = kept.days[-DAYS:], kept.trips[-TRIPS:]
            if len(kept.watched) != HOURS:
                kept.today = None
            self.kept = kept

    def mark(self) -> str:
        """Return what outlives a restart."""
        self.changed = False
        return msgspec.json.encode(self.kept).decode()

    @property
    def days(self) -> int:
        """How many days have taught something."""
        return len(self.kept.days)

    # -- what is learned --------------------------------------------------------------------------

    def begin(self, date: str, *, free: bool) -> bool:
        """Take which day it is; say whether it is another than before."""
        kept = self.kept
        if kept.today is not None and kept.today.date == date:
            return False
        if (over := kept.today) is not None:
            over.longest = [
                max(minutes, 0) if kept.watched[at // 2] >= WATCHED else -1
                for at, minutes in enumerate(over.longest)
            ]
            if any(minutes >= 0 for minutes in over.longest) or over.rise >= 0:
                kept.days = [*kept.days, over][-DAYS:]
        kept.today, kept.watched = Day(date, free), [0] * HOURS
        self._lines.clear()
        self.changed = True
        return True

    def watch(self, cell: int, minutes: float) -> None:
        """Take that a cell was watched for one look, and how long it is silent."""
        if (today := self.kept.today) is not None:
            self.kept.watched[cell // 2] += 1
            today.longest[cell] = max(today.longest[cell], min(int(minutes), _MOST))

    def answered(self, cell: int, minutes: float) -> None:
        """Take that a question was answered after so many minutes of silence."""
        if (today := self.kept.today) is not None:
            longer = min(int(minutes * ANSWERED), _MOST)
            today.longest[cell] = max(today.longest[cell], longer)

    def evening(self, minutes: float) -> None:
        """Take how long it was silent elsewhere than in the bedroom when the evening ended."""
        if (today := self.kept.today) is not None:
            today.late = max(today.late, min(int(minutes), _MOST))

    def rose(self, minute: int) -> None:
        """Take at which minute of the day somebody was up."""
        if (today := self.kept.today) is not None and today.rise < 0:
            today.rise, self.changed = minute, True

    def bathed(self, minutes: float) -> None:
        """Take how long it was silent in the bath."""
        if (today := self.kept.today) is not None:
            today.bath = max(today.bath, min(int(minutes), _MOST))

    def trip(self, minutes: float) -> None:
        """Take how long somebody was out."""
        self.kept.trips = [*self.kept.trips, min(int(minutes), 10 * _MOST)][-TRIPS:]
        self.changed = True

    # -- what is known ----------------------------------------------------------------------------

    def of(self, cell: int, hours: range, *, free: bool, questions: float, least: int) -> int:
        """Return the line of a cell in minutes, -1 where too little is known.

        `hours` are those in which the home may be asked, `least` the shortest line. Of a cell that
        is not known the longest of its neighbours holds.
        """
        if (lines := self._lines.get(free)) is None:
            rows = [day.longest for day in self._of_kind(free=free)]
            lines = self._lines[free] = lines_of(rows, hours, questions, least)
        if lines[cell] >= 0:
            return lines[cell]
        near = (cell + 2 * n for n in range(-NEAR, NEAR + 1))
        return max((lines[c] for c in near if 0 <= c < CELLS), default=-1)

    def arranged(self) -> None:
        """Take that other numbers are wanted."""
        self._lines.clear()

    def longest(self, cell: int, *, free: bool) -> tuple[int, int]:
        """Return (the longest silence of a cell in minutes, in so many days)."""
        known = [m for day in self._of_kind(free=free) if (m := day.longest[cell]) >= 0]
        return max(known, default=-1), len(known)

    def rises(self) -> list[int]:
        """Return the minutes of the day at which somebody was up, in order of size."""
        return sorted(day.rise for day in self.kept.days if day.rise >= 0)

    def baths(self) -> list[int]:
        """Return the longest silence in the bath of each day, the longest first."""
        return sorted((day.bath for day in self.kept.days if day.bath >= 0), reverse=True)

    def lates(self) -> list[int]:
        """Return how long it was silent when each evening ended, the longest first."""
        return sorted((day.late for day in self.kept.days if day.late >= 0), reverse=True)

    def _of_kind(self, *, free: bool) -> list[Day]:
        same = [day for day in self.kept.days if day.free is free]
        return same if len(same) >= WEEKEND else self.kept.days


def lines_of(
    rows: Sequence[Sequence[int]], hours: range, questions: float, least: int
) -> list[int]:
    """Return the line of each cell in minutes; see the head of this file."""
    cells = [2 * hour + rests for rests in (0, 1) for hour in hours]
    known = {c: sorted((row[c] for row in rows if row[c] >= 0), reverse=True) for c in cells}
    known = {c: values for c, values in known.items() if len(values) >= LEAST}
    few = {c: values[0] for c, values in known.items() if len(values) < ENOUGH}
    rank = dict.fromkeys(known.keys() - few.keys(), 0)
    wanted = questions * len(rows)
    while True:
        steps = [h for h, k in rank.items() if k < len(known[h]) // 2 and known[h][k + 1] >= least]
        if not steps:
            break
        best = max(steps, key=lambda h: (known[h][rank[h]], -h))
        more = rank | {best: rank[best] + 1}
        if _asked(rows, {h: max(known[h][k], least) for h, k in more.items()}) > wanted:
            break
        rank = more
    out = [-1] * CELLS
    for c, minutes in few.items():
        out[c] = max(int(minutes * FEW), least)
    for h, k in rank.items():
        out[h] = max(known[h][k], least)
    return out


def _asked(rows: Sequence[Sequence[int]], lines: dict[int, int]) -> int:
    """Return how often these days would have been asked: once in a silence."""
    count = 0
    for row in rows:
        before = -1  # the silence of the hour before, where that was asked about
        for h, line in lines.items():
            over = row[h] >= line
            # what has grown by the hour is the same silence
            if over and not 0 <= before <= row[h]:
                count += 1
            before = row[h] if over else -1
    return count
