"""What the rules came to: questions by kind, and false alarms with their interval."""

from datetime import UTC, date, datetime
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from gateway.page import ledger

from tests.page.test_figures import when

SHANGHAI = ZoneInfo("Asia/Shanghai")


def note(what, at, **detail):
    return SimpleNamespace(kind=what, at=when(at), detail=detail)


def test_questions_of_a_month_are_counted_once_by_what_they_were_about():
    told = [
        note("person.asked", datetime(2026, 5, 3, 2, tzinfo=UTC), about="person.inactive", times=1),
        note("person.asked", datetime(2026, 5, 3, 2, 2, tzinfo=UTC), about="person.inactive", times=2),
        note("person.answered", datetime(2026, 5, 3, 2, 3, tzinfo=UTC), about="person.inactive", after_s=180),
        note("person.asked", datetime(2026, 5, 4, 2, tzinfo=UTC), about="person.inactive", times=1),
        note("person.answered", datetime(2026, 5, 4, 2, 1, tzinfo=UTC), about="person.inactive", why="deaf"),
        note("person.asked", datetime(2026, 5, 5, 2, tzinfo=UTC), about="person.not_up", times=1),
        note("person.asked", datetime(2026, 5, 31, 20, tzinfo=UTC), about="person.not_up", times=1),  # June in the home
        note("gateway.restarted", datetime(2026, 5, 6, tzinfo=UTC)),
    ]
    found = ledger.questions(told, date(2026, 5, 1), SHANGHAI)
    assert [(r.kind, r.asked, r.answered) for r in found] == [("person.inactive", 2, 1), ("person.not_up", 1, 0)]


# Exact limits of a Poisson mean, as in Garwood's table of 1936.
@pytest.mark.parametrize(("count", "low", "high"), [(0, 0.0, 3.69), (1, 0.0253, 5.57), (4, 1.09, 10.24), (10, 4.80, 18.39)])
def test_the_interval_is_the_exact_one(count, low, high):
    assert ledger.interval(count) == (pytest.approx(low, abs=0.005), pytest.approx(high, abs=0.005))


def test_a_month_that_runs_is_counted_as_far_as_it_has_gone():
    may = date(2026, 5, 1)
    assert ledger.false_alarms(2, may, date(2026, 5, 16)).rate == pytest.approx(4.0)
    assert ledger.false_alarms(2, may, date(2026, 8, 1)).days == 31
    assert ledger.false_alarms(0, may, date(2026, 5, 7)) is None, "a day says nothing of a month"
