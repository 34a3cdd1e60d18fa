"""What the rules came to in a month: questions and answers by kind, and how often for nothing.

A rate of few events says little: it comes with an interval that covers the true one in at least 95
of 100 months (Poisson, exact).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from math import exp
from zoneinfo import ZoneInfo

from msgspec import Struct

from gateway.contract import wire
from gateway.page import counted
from gateway.page.known import seconds
from gateway.words import kind

TAIL = 0.025  # of each side
LEAST = 7  # days of which a rate is said
_STEPS = 60  # of a bisection: far below what is shown


class Asked(Struct):
    """How often the home asked about one kind, and how often it was answered."""

    kind: str
    asked: int = 0
    answered: int = 0


class Rate(Struct, frozen=True):
    """False alarms per 30 days, and the interval of 95 %."""

    count: int
    days: int
    rate: float
    low: float
    high: float


def questions(told: Iterable[wire.FaultMessage], first: date, zone: ZoneInfo) -> list[Asked]:
    """Return the questions of a month by kind, as far as the journal was read."""
    following, out = counted.after(first), dict[str, Asked]()
    for m in told:
        about = str(m.detail.get("about", ""))
        if m.kind not in {kind.ASKED, kind.ANSWER} or not (
            first <= counted.day_of(seconds(m.at.wall), zone) < following
        ):
            continue
        row = out.setdefault(about, Asked(about))
        row.asked += m.kind == kind.ASKED and m.detail.get("times") == 1
        row.answered += m.kind == kind.ANSWER and "after_s" in m.detail
    return sorted(out.values(), key=lambda row: (-row.asked, row.kind))


def false_alarms(needless: int, first: date, today: date) -> Rate | None:
    """Return the rate of a month's needless alarms, of this one so far; None in its first week."""
    days = (min(counted.after(first), today) - first).days
    if days < LEAST:
        return None
    low, high = interval(needless)
    return Rate(needless, days, *(30 * n / days for n in (needless, low, high)))


def interval(count: int) -> tuple[float, float]:
    """Return the means of which so many events, or more extreme, are just not too seldom."""
    most = 3.0 * count + 10.0
    low = _where(lambda mean: 1.0 - below(count - 1, mean) < TAIL, most) if count else 0.0
    return low, _where(lambda mean: below(count, mean) > TAIL, most)


def below(count: int, mean: float) -> float:
    """Return how likely at most so many events are."""
    term = total = exp(-mean)
    for n in range(1, count + 1):
        term *= mean / n
        total += term
    return total if count >= 0 else 0.0


def _where(still: Callable[[float], bool], most: float) -> float:
    """Return where a condition ends that holds from 0 on."""
    low, high = 0.0, most
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if still(middle) else (low, middle)
    return low
