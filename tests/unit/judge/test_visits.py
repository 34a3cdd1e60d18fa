"""A month with too few visits is told once, and only where nothing but nobody's coming explains it."""

from datetime import UTC, datetime, timedelta

import pytest
from gateway.judge.visits import Visits
from gateway.judge.waits import WAITS
from gateway.words import kind
from gateway.words.clock import Quality

from tests.kit.hand import HOME_ZONE, Day, HandClock

DAY = 86400.0
NOVEMBER = datetime(2026, 10, 31, 16, 5, tzinfo=UTC)  # 00:05 in the home


class Home:
    """Visits that are wanted, asked every hour."""

    def __init__(self, wanted=2, at=NOVEMBER):
        self.clock, self.visits, self.away = HandClock(at), Visits(), False
        self.visits.want(wanted, HOME_ZONE)

    def days(self, count, *, come=0):
        out = []
        for _ in range(come):
            self.visits.came()
        for hour in range(round(count * 24) + 1):
            self.clock.move(3600 if hour else 0)
            if said := self.visits.tick(self.clock.now(), away=self.away):
                out.append(said)
        return out

    def restart(self, off=0.0):
        mark = self.visits.mark(anew=True)
        self.clock.reboot("next", after=off)
        self.visits = Visits()
        self.visits.restored(mark)
        self.visits.want(2, HOME_ZONE)


def test_a_month_with_too_few_visits_is_told_once_when_it_is_over():
    home = Home()
    assert home.days(30, come=1) == [{"month": "2026-11", "visits": 1, "wanted": 2}]
    assert home.days(30.9, come=2) == []
    assert home.days(31) == [], "December had two"
    assert home.days(28) == [{"month": "2027-01", "visits": 0, "wanted": 2}]


@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_as_many_as_are_wanted_are_enough_and_whoever_wants_none_hears_nothing(wanted):
    assert Home(wanted).days(70, come=wanted)[:1] == ([] if not wanted else [{"month": "2026-12", "visits": 0, "wanted": wanted}])


def test_the_month_in_which_it_was_first_wanted_says_nothing():
    home = Home(at=NOVEMBER + timedelta(days=3))
    assert home.days(28) == []
    assert home.days(31) != []
    home = Home()
    home.days(20)
    home.visits.want(0, HOME_ZONE)
    home.days(1)
    home.visits.want(2, HOME_ZONE)
    assert home.days(12) == [], "not wanted for a while: begun anew"


@pytest.mark.parametrize("quality", [Quality.UNSURE, Quality.WRONG])
def test_a_clock_that_nobody_confirms_misses_nobody(quality):
    home = Home()
    home.days(29)
    home.clock.quality = quality
    assert home.days(60) == []
    home.clock.quality = Quality.SYNCHRONISED
    assert home.days(1) == [], "the month after is not known to be the next"


@pytest.mark.parametrize("leap", [timedelta(days=25), timedelta(days=-25), timedelta(days=40), timedelta(days=400)])
def test_a_clock_that_leaps_and_comes_back_misses_nobody(leap):
    home = Home()
    home.days(10)
    home.clock.wall += leap
    assert home.days(1) == []
    home.clock.wall -= leap
    assert home.days(21) == [], "over the end of the month"


def test_a_box_that_was_off_and_a_resident_who_is_away_miss_nobody():
    home = Home()
    home.days(10)
    home.restart(off=4 * DAY)
    assert home.days(18) == [], "a visit may have been in those four days"
    home = Home()
    home.days(10)
    home.restart(off=60 * DAY)
    assert home.days(40) == []
    home = Home()
    home.days(29)
    home.away = True
    assert home.days(3) == []


@pytest.mark.parametrize(
    ("gone", "came", "told"),
    [
        (28.5 * DAY, 0, False),  # in hospital, home for the last day
        (2.9 * DAY, 1, False),  # the other one may have come in it
        (1800, 1, True),
        (8 * 3600, 1, False),
        (4 * 3600, 0, True),  # not both of them in four hours
    ],
)
@pytest.mark.parametrize("how", ["away", "off"])
def test_what_is_missing_may_have_been_in_the_hours_that_nobody_heard(gone, came, told, how):
    home = Home()
    home.days(1, come=came)
    if how == "away":
        home.away = True
        home.days(gone / DAY)
        home.away = False
    else:
        home.restart(off=gone)
    assert bool(home.days(30.1 - 1 - gone / DAY)) is told


@pytest.mark.parametrize("restarts", [False, True])
def test_more_that_are_wanted_count_from_the_next_month_and_fewer_at_once(restarts):
    home = Home(1)
    home.days(29, come=1)
    home.visits.want(4, HOME_ZONE)
    home.days(0.5)
    if restarts:
        home.restart(off=10)
        home.visits.want(4, HOME_ZONE)
    assert home.days(2, come=0) == []
    assert home.days(31, come=3) == [{"month": "2026-12", "visits": 3, "wanted": 4}]
    home = Home(4)
    home.days(29, come=1)
    home.visits.want(1, HOME_ZONE)
    assert home.days(2) == []


def test_what_was_counted_outlives_restarts_and_a_damaged_mark_is_none():
    home = Home()
    home.days(10, come=2)
    home.restart(off=60)
    assert home.days(21) == [], "both visits are known"
    for mark in ("", "{", '{"first": "yesterday"}', '{"visits": "two"}', "[" * 5000):
        home.visits.restored(mark)


def test_the_home_tells_it_on_todays_list():
    day = Day(clock=HandClock(NOVEMBER))
    day.pipeline.visits.want(1, HOME_ZONE)
    day.pipeline.faults.daily.keep(HOME_ZONE, 0.0)
    day.wait(30)
    day.pipeline.visits.restored('{"first": "2026-11-01", "whole": true, "ran": 2592000.0, "visits": 0}')
    day.clock.move(30 * DAY)
    told = [e for e in day.wait(12 * 3600) if e.fact.kind in {kind.VISIT_MISSED, kind.TODAY}]
    assert [(e.fact.kind, e.priority) for e in told] == [(kind.VISIT_MISSED, 3), (kind.TODAY, 3)]
    assert told[0].fact.detail == {"month": "2026-11", "visits": 0, "wanted": 1}
    assert kind.VISIT_MISSED in told[1].fact.detail


def test_a_visit_by_a_badge_is_one_of_the_month():
    day = Day(clock=HandClock(NOVEMBER))
    day.pipeline.visits.want(1, HOME_ZONE)
    day.wait(30)
    day.pipeline.visits.mark()
    day.pipeline.visits.came()
    assert '"visits":1' in day.pipeline.marks(day.clock.now())["visits"]
    assert "visits" not in day.pipeline.marks(day.clock.now()), "nothing is new"
    day.wait(WAITS.visits_kept + 10)
    assert "visits" in day.pipeline.marks(day.clock.now())
