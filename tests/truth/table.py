"""What came of the simulated homes, as the table of docs/truth.md."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence

from tests.truth.residents import HOUR
from tests.truth.year import Fall, Result

BARS = {
    "questions": (1.2, "questions a day, at most"),
    "alarms": (1.0, "alarms to a person for nothing in 30 home-days, at most"),
    "median": (1.5, "h from a collapse by day to a person called, median, at most"),
    "two": (0.75, "of them within 2 h, at least"),
    "four": (0.95, "of them within 4 h, at least"),
    "quicker": (0.25, "sooner than the rule of four hours, median, at least"),
}


def facts(results: Sequence[Result]) -> dict[str, float]:
    """Return the figures of the bars, over all homes."""
    days = sum(r.days for r in results)
    falls = [f for r in results for f in r.falls if f.when != "night"]
    called = [f.called for f in falls]
    fixed = statistics.median(f.fixed for f in falls) if falls else math.inf
    return {
        "questions": sum(r.asked.total() for r in results) / days,
        "alarms": sum(r.raised.total() for r in results) / days * 30,
        "median": statistics.median(called) / HOUR if called else math.inf,
        "two": within(falls, 2),
        "four": within(falls, 4),
        "quicker": 1 - statistics.median(called) / fixed if called else -math.inf,
        "fixed": sum(r.fixed for r in results) / days * 30,
        "fixed_median": fixed / HOUR,
    }


def within(falls: Sequence[Fall], hours: float) -> float:
    return sum(f.called <= hours * HOUR for f in falls) / max(1, len(falls))


def met(found: dict[str, float]) -> dict[str, bool]:
    return {
        name: found[name] <= bar if name in ("questions", "alarms", "median") else found[name] >= bar for name, (bar, _) in BARS.items()
    }


def text(results: Sequence[Result]) -> str:
    found = facts(results)
    days = sum(r.days for r in results)
    out = [f"{len(results)} homes, {days} home-days, {sum(len(r.falls) for r in results)} collapses, each in a copy", ""]
    well = met(found)
    for name, (bar, what) in BARS.items():
        share = name in ("two", "four", "quicker")
        value = f"{found[name]:.0%}" if share else f"{found[name]:.2f}"
        out.append(f"{value:>7}  {what}: {f'{bar:.0%}' if share else f'{bar:g}':>5}  {'met' if well[name] else 'NOT MET'}")
    out.append(f"{found['fixed']:7.2f}  alarms of the rule of four hours in 30 home-days; its median {found['fixed_median']:.2f} h")
    night = sum(r.by_night for r in results)
    nobody, unheard, answers, asked = (
        sum(n) for n in zip(*((r.nobody, r.heard_by_nobody, r.answers, r.asked.total()) for r in results), strict=True)
    )
    out += [
        f"{night:7}  questions 22:00-07:00",
        f"{answers / max(1, asked - unheard):7.1%}  of the questions answered that somebody could hear; {unheard} in an empty home",
    ]
    out += [
        f"{nobody:7}  of the alarms: nobody was at home",
        f"{max(r.state for r in results):7}  bytes that a home's rules of silence keep, at most",
        "",
    ]
    rows = [
        ["home", "days", "asked a day", "alarms in 30 days", "falls by day", "median h", "<= 1 h", "<= 2 h", "<= 4 h", "by night", "<= 8 h"]
    ]
    rows += [_row(r.home, [r]) for r in results]
    rows.append(_row("all", results))
    out += [*_aligned(rows), ""]
    kinds = sorted({k for r in results for k in (*r.asked, *r.raised)})
    rows = [["kind", "asked a day", "alarms in 30 days", "collapses called by it"]]
    by = Counter(f.kind or "nobody called" for r in results for f in r.falls)
    for kind in [*kinds, *sorted(by.keys() - set(kinds))]:
        asked = sum(r.asked[kind] for r in results) / days
        rows.append([kind, f"{asked:.3f}", f"{sum(r.raised[kind] for r in results) / days * 30:.2f}", str(by[kind])])
    out += [*_aligned(rows), ""]
    rows = [["collapse", "falls", "median h", "<= 1 h", "<= 2 h", "<= 4 h"]]
    falls = [f for r in results for f in r.falls]
    groups = [(when, [f for f in falls if f.when == when]) for when in ("day", "evening", "night")]
    groups += [(f"by day: {what}", [f for f in falls if f.when != "night" and f.what == what]) for what in ("busy", "sit", "nap", "asleep")]
    groups += [(f"by day in: {room}", [f for f in falls if f.when != "night" and f.room == room]) for room in ("bath", "kitchen", "unseen")]
    rows += [[name, str(len(part)), *_times(part)] for name, part in groups if part]
    return "\n".join([*out, *_aligned(rows)]) + "\n"


def _times(falls: Sequence[Fall], *, hours: Iterable[float] = (1, 2, 4)) -> list[str]:
    median = statistics.median(f.called for f in falls) / HOUR if falls else math.nan
    return [f"{median:.2f}", *(f"{within(falls, h):.0%}" for h in hours)]


def _row(name: str, results: Sequence[Result]) -> list[str]:
    days = sum(r.days for r in results)
    day = [f for r in results for f in r.falls if f.when != "night"]
    night = [f for r in results for f in r.falls if f.when == "night"]
    asked, raised = (sum(getattr(r, n).total() for r in results) for n in ("asked", "raised"))
    times = _times(night, hours=(8,))
    return [name, str(days), f"{asked / days:.2f}", f"{raised / days * 30:.2f}", str(len(day)), *_times(day), *times]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    wide = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    out = [" ".join(c.ljust(w) if n == 0 else c.rjust(w + 1) for n, (c, w) in enumerate(zip(row, wide, strict=True))) for row in rows]
    return [out[0], "-" * len(out[0]), *out[1:]]
