"""Silences at home, of simulated residents and of recordings, and what a line through them would ask and find: `-m tests.truth.gaps`.

A quick study of the line alone: absences are known, nothing else is judged. The whole rule in the whole pipeline: `tests.truth`.
"""

from __future__ import annotations

import argparse
import copy
import math
import random
import statistics
import sys
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from gateway.home.recordings.formats import FORMATS
from gateway.words.reading import Kind

from tests.truth.residents import DAY, HOMES, HOUR, Home, Year, furnished

DAY_BEGINS, DAY_ENDS = 7 * HOUR, 22 * HOUR
FALLS_END = 22 * HOUR  # of those that count as by day
ANSWER = 300.0  # s from the question to whoever is called
LEARNS = 28  # days


@dataclass
class Heard:
    """One home: its signs of life and its absences, in local seconds from a midnight on."""

    name: str
    days: int
    signs: list[float]
    out: list[tuple[float, float]]

    def __post_init__(self) -> None:
        self.signs.sort()
        self._outs = [a for a, _ in self.out]

    def is_out(self, at: float) -> bool:
        n = bisect_right(self._outs, at) - 1
        return n >= 0 and at < self.out[n][1]

    def gaps(self) -> list[tuple[float, float]]:
        """Return the silences at home: from a sign, or from coming back, to the next or to leaving."""
        edges = sorted([(s, 0.0) for s in self.signs] + self.out)
        found, last = [], None
        for at, back in edges:
            if last is not None and at > last:
                found.append((last, at))
            last = max(last or 0.0, back or at)
        return found


def simulated(home: Home, seed: int, days: int) -> Heard:
    home = furnished(home, seed, days)
    signs, out = [], []
    for said, doing in Year(home, seed, days).days():
        heard = [one for one in said if one.value or one.kind is not Kind.MOTION]
        signs += [one.at for one in heard if not any(a <= one.at < b for a, b in home.cuts)]
        out += [(d.begin, d.end) for d in doing if d.room == "out"]
    return Heard(home.id, days, signs, merged(out))


def recorded(form: str, path: Path, leaves: str, notes: Path | None = None) -> Heard:
    """Return a recording's; `leaves`: the activity of whoever is out, in its labels or in `notes`."""
    made = FORMATS[form](path.read_bytes(), UTC, ())
    first = min(r.at.wall for r in made.readings)
    zero = datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp()
    signs = sorted(r.at.mono - zero for r in made.readings)
    if notes is not None:
        on = [r.at.mono - zero for r in FORMATS[form](notes.read_bytes(), UTC, ()).readings if r.device == leaves]
        out = list(zip(on[::2], on[1::2], strict=False))
    else:  # the label is that of leaving; back by the next sign
        left = [x.end - zero for x in made.labels if x.what == leaves and x.end is not None]
        out = [(at, next((s for s in signs if s > at), at)) for at in left]
    return Heard(path.parent.name, math.ceil(signs[-1] / DAY), signs, merged(out))


def merged(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    out: list[tuple[float, float]] = []
    for a, b in sorted(spans):
        if out and a <= out[-1][1]:
            out[-1] = out[-1][0], max(b, out[-1][1])
        else:
            out.append((a, b))
    return out


# -- lines -----------------------------------------------------------------------------------------

Line = list[float]  # s of silence that are borne, by the hour of the day


@dataclass
class Rule:
    """`kind`: fixed, quantile (of each day's longest silence at this hour), or budget (see `budget_line`)."""

    kind: str
    value: float  # s, quantile, or questions a day that are aimed at
    margin: float = 1.0
    least: float = 2400.0
    most: float = 4 * HOUR
    preset: float = 2 * HOUR
    width: int = 1  # hours to both sides that count too
    known: int = 5  # days on which somebody was at home at an hour, before anything is known of it

    evening: float = 0.0  # s borne in the last 20 min before the night, unless the home is usually silent then; 0: as at any hour
    rises: float = 0.9  # quantile of the hours of getting up, and
    rises_later: float = 2400.0  # s after it, when it is asked in the morning

    def up(self, firsts: Sequence[float]) -> float:
        """Return the second of the day at which it is asked who has not got up."""
        if len(firsts) < self.known:
            return 10 * HOUR
        s = sorted(firsts)
        return max(DAY_BEGINS, s[min(len(s) - 1, int(len(s) * self.rises))] + self.rises_later)

    def line(self, days: Sequence[list[list[float]]]) -> Line:
        """Return the line that the last days give. A day: its silences by hour."""
        if self.kind == "fixed":
            return [self.value] * 24
        if len(days) < 7:
            return [self.preset] * 24
        near = [[(h + d) % 24 for d in range(-self.width, self.width + 1)] for h in range(24)]
        if self.kind == "quantile":
            out = []
            for hours in near:
                longest = sorted(max(g for h in hours for g in day[h]) for day in days if any(day[h] for h in hours))
                if len(longest) < self.known:
                    out.append(self.preset / self.margin)
                    continue
                at = (len(longest) - 1) * self.value
                low = longest[int(at)]
                high = longest[min(int(at) + 1, len(longest) - 1)]
                out.append(low + (high - low) * (at - int(at)))
            return [min(self.most, max(self.least, x * self.margin)) for x in out]
        return self.budget_line(days, near)

    def budget_line(self, days: Sequence[list[list[float]]], near: list[list[int]]) -> Line:
        """Return the line that asked `value` times a day in these days and waits the least: the same price of a question for each hour."""
        steps = [self.least * 1.06**n for n in range(60) if self.least * 1.06**n <= self.most]
        asked = []
        few = [sum(any(day[h] for h in hours) for day in days) < self.known for hours in near]
        for hours in near:
            gaps = sorted(g for h in hours for day in days for g in day[h])
            asked.append([(len(gaps) - bisect_right(gaps, s)) / len(days) / len(hours) for s in steps])
        low, high = 0.0, 1e7
        for _ in range(40):
            price = math.sqrt(max(low, 1.0) * high)
            best = [min(range(len(steps)), key=lambda n: steps[n] + price * row[n]) for row in asked]
            total = sum(asked[h][best[h]] for h in range(7, 22))
            low, high = (price, high) if total > self.value else (low, price)
        return [self.preset if few[h] else steps[n] * self.margin for h, n in enumerate(best)]


@dataclass
class Found:
    name: str
    days: int = 0
    asked: int = 0
    late: list[float] = field(default_factory=list)

    def row(self) -> str:
        s = sorted(self.late)
        share = [sum(x <= h * HOUR for x in s) / max(1, len(s)) for h in (1, 2, 4)]
        return (
            f"{self.name:28} {self.days:5} {self.asked / max(1, self.days):7.2f} {statistics.median(s) / HOUR if s else 0:7.2f}"
            f" {share[0]:5.0%} {share[1]:5.0%} {share[2]:5.0%}"
        )


def tried(home: Heard, rule: Rule, seed: int, warm: int = 14, each: int = 3) -> Found:
    """Live through a home by a rule: ask, learn each midnight, and let somebody fall `each` times a day in a copy."""
    dice = random.Random(f"{seed} falls {home.name}")
    gaps = home.gaps()
    by_day: dict[int, list[tuple[float, float]]] = {}
    for a, b in gaps:
        by_day.setdefault(int(a // DAY), []).append((a, b))
    learnt: list[list[list[float]]] = []
    firsts: list[float] = []
    found = Found(home.name)
    for day in range(home.days):
        line, up = rule.line(learnt), day * DAY + rule.up(firsts[-LEARNS:])
        here = by_day.get(day, [])
        rose = next((b for _, b in by_day.get(day - 1, [])[-1:] if b > day * DAY + 3 * HOUR), None)
        rose = rose or next((b for a, b in here if b > day * DAY + 4 * HOUR), None)
        late = [g for hour in learnt for g in hour[21]]
        usual = sum(g > 3000 for g in late) > 0.4 * max(1, len(learnt))
        evening = rule.evening if rule.evening and not usual else math.inf
        falls = [day * DAY + dice.uniform(DAY_BEGINS, FALLS_END) for _ in range(each)]
        falls = [f for f in falls if not home.is_out(f) and rose is not None and f > rose]
        hours: list[list[float]] = [[] for _ in range(24)]
        night = [(a, b) for a, b in by_day.get(day - 1, ()) if b > day * DAY + 4 * HOUR]
        if night and night[-1][1] > up and day >= warm:
            found.asked += 1
        for a, b in here:
            last = a
            while (at := asks(line, last, last, up, evening)) < b:
                found.asked += day >= warm and at < (day + 1) * DAY
                if day >= warm:
                    found.late += [asks(line, last, f, up, evening) + ANSWER - f for f in falls if last <= f < at]
                last = at
            if day >= warm:
                found.late += [asks(line, last, f, up, evening) + ANSWER - f for f in falls if last <= f < b]
            # a silence counts at each hour that it fills, with what it has come to by then
            for n in range(int(a // HOUR), int(b // HOUR) + 1):
                hours[n % 24].append(min(b, (n + 1) * HOUR) - a)
        if rose is not None:
            firsts.append(rose % DAY)
        learnt = [*learnt, hours][-LEARNS:]
    found.days = home.days - warm
    return found


def asks(line: Line, last: float, since: float, up: float, evening: float) -> float:
    """Return when it is asked, from `since` on, whose last sign was at `last`; `up`: when it is asked in the morning of the first day."""
    at = max(since, last)
    if last % DAY < 4 * HOUR and last // DAY == up // DAY:
        return max(at, up)
    for _ in range(60):
        hour = at % DAY
        if hour < DAY_BEGINS or hour >= DAY_ENDS:
            begins = at - hour + (DAY if hour >= DAY_ENDS else 0.0)
            return begins + up % DAY  # whoever was silent at night is asked for in the morning
        ends = at - hour % HOUR + HOUR
        due = max(at, last + line[int(hour // HOUR)])
        if ends % DAY == DAY_ENDS:
            due = min(due, max(at, last + evening, ends - 1200))
        if due < ends:
            return due
        at = ends
    return at


def quantiles(home: Heard) -> str:
    """Return a row of how long silences at home last by day, and of each day's longest."""
    day = [(a, b) for a, b in home.gaps() if DAY_BEGINS <= a % DAY < DAY_ENDS]
    longest: dict[int, float] = {}
    for a, b in day:
        longest[int(a // DAY)] = max(longest.get(int(a // DAY), 0.0), min(b, a - a % DAY + DAY_ENDS) - a)
    over = [sum(b - a > h * HOUR for a, b in day) / home.days for h in (0.5, 1, 1.5, 2, 3)]
    s = sorted(longest.values())
    q = [s[int((len(s) - 1) * x)] / 60 for x in (0.25, 0.5, 0.75, 0.9)]
    return (
        f"{home.name:18} {home.days:4} {len(home.signs) / home.days:7.0f}  "
        + " ".join(f"{x:6.2f}" for x in over)
        + "   "
        + " ".join(f"{x:5.0f}" for x in q)
    )


def homes(seed: int, days: int, recordings: Path | None) -> list[Heard]:
    out = [simulated(copy.deepcopy(h), seed, days) for h in HOMES]
    if recordings is not None:
        a = recordings / "kasteren-a"
        out.append(recorded("kasteren", a / "houseA-ss.txt", "1", a / "houseA-as.txt"))
        out.append(recorded("placelab", recordings / "mit-1/activities_data.csv", "Going out to work"))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--recordings", type=Path)
    parser.add_argument("--lines", action="store_true", help="try lines through these silences too")
    given = parser.parse_args()
    heard = homes(given.seed, given.days, given.recordings)
    print("silences at home by day      signs   a day longer than 0.5 1 1.5 2 3 h       each day's longest, min: 25 50 75 90 %")
    for h in heard:
        print(quantiles(h))
    if not given.lines:
        return
    rules = [Rule("fixed", 4 * HOUR), Rule("fixed", 2 * HOUR)]
    rules += [
        Rule("quantile", q, m, evening=e)
        for q, m in ((0.75, 1.15), (0.85, 1.0), (0.85, 1.15), (0.9, 1.0), (0.9, 1.15))
        for e in (0.0, 1800.0)
    ]
    rules += [Rule("budget", b, evening=1800.0) for b in (0.4, 0.6, 0.8)]
    for rule in rules:
        print(f"\n{rule.kind} {rule.value:g} x {rule.margin:g} evening {rule.evening:g}")
        each = [tried(h, rule, given.seed, warm=min(14, h.days // 2)) for h in heard]
        for name, part in (("simulated", each[: len(HOMES)]), *((f.name, [f]) for f in each[len(HOMES) :])):
            whole = Found(name, sum(f.days for f in part), sum(f.asked for f in part), [x for f in part for x in f.late])
            print(whole.row())
        sys.stdout.flush()


if __name__ == "__main__":
    main()
