"""How good the machine's wall clock is called, and what a time server that lies can do."""

from datetime import UTC, datetime, timedelta

import pytest
from gateway.words import clock as module
from gateway.words.clock import SPEED, Agreement, Quality, SystemClock
from gateway.words.waits import WAITS

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
D = 86400.0
MADE, THEN = 1_000_000_000.0, 1_100_000_000.0
YEARS = 3 * 365 * D


@pytest.mark.parametrize(
    ("made", "floor", "agreed", "quality"),
    [
        (-DAY, -DAY, True, Quality.SYNCHRONISED),
        (-DAY, -DAY, False, Quality.UNSURE),
        (-DAY, DAY, False, Quality.WRONG),  # earlier than what was confirmed once, and nobody confirms it
        (-DAY, DAY, True, Quality.SYNCHRONISED),  # the time server takes back a step that was its mistake
        (-DAY, 40 * DAY, True, Quality.WRONG),  # but not by months: that needs a day
        (-50 * DAY, -40 * DAY, True, Quality.UNSURE),
        (DAY, DAY, True, Quality.WRONG),  # whoever says so: the software was not made yet
    ],
)
def test_a_time_server_is_believed_but_never_before_the_software_was_made(monkeypatch, made, floor, agreed, quality):
    monkeypatch.setattr(module, "kernel_synchronised", lambda: agreed)
    clock = SystemClock(NOW + made)
    clock.restored((NOW + floor).isoformat(), "")
    assert clock.now().quality is quality


class Box:
    """One box at a time server. `wall` is the true time; `lie` is by how much the server is wrong."""

    def __init__(self, floor=THEN, wall=THEN):
        self.wall, self.lie, self.mono = wall, 0.0, 0.0
        self.boot(floor)

    def boot(self, floor, earlier=(0.0, 0.0), *, dark=0.0):
        self.wall += dark
        self.mono = 12.0
        self.clock = Agreement(MADE)
        if floor:
            self.clock.restored(floor, earlier)

    def restart(self, *, dark):
        self.boot(self.clock.floor, self.clock.kept(self.mono), dark=dark)

    def look(self, agreed=True):
        return self.clock.judged(self.mono, self.wall + self.lie, agreed)

    def live(self, seconds, step=10.0, agreed=True):
        for _ in range(int(seconds / step)):
            self.mono += step
            self.wall += step
            quality = self.look(agreed)
        return quality


def test_the_first_word_of_all_is_believed():
    box = Box(floor=0.0, wall=THEN + YEARS)
    assert box.look() is Quality.SYNCHRONISED
    assert box.clock.floor == THEN + YEARS


@pytest.mark.parametrize(("lie", "quality"), [(YEARS, Quality.UNSURE), (-YEARS, Quality.WRONG)])
def test_a_server_that_lies_by_years_is_not_believed_for_a_day_and_leaves_nothing_behind(lie, quality):
    box = Box()
    assert box.live(3600) is Quality.SYNCHRONISED
    box.lie = lie
    assert box.live(0.95 * D, 60.0) is quality
    assert box.clock.why["why"] == "leap"
    assert box.clock.why["days"] == pytest.approx(lie / D, abs=2)
    assert box.clock.floor == THEN + 3600
    assert box.clock.proved(box.mono) == pytest.approx(box.wall, abs=1)
    box.lie = 0.0
    assert box.live(10) is Quality.SYNCHRONISED, "mended at once"
    assert box.clock.floor == box.wall
    assert not box.clock.why


@pytest.mark.parametrize("lie", [YEARS, -YEARS])
def test_what_time_servers_have_said_for_a_day_is_believed(lie):
    box = Box()
    box.lie = lie
    assert box.live(D + 20) is Quality.SYNCHRONISED
    assert box.clock.floor == box.wall + lie
    box.lie = 0.0
    assert box.live(0.95 * D, 60.0) is not Quality.SYNCHRONISED
    assert box.live(0.1 * D, 60.0) is Quality.SYNCHRONISED, "and a lie that was believed is taken back in a day, not in three years"
    assert box.clock.floor == box.wall


def test_the_day_goes_on_over_power_cuts_and_begins_anew_with_another_word():
    box = Box()
    box.wall += YEARS  # the box lay in a store for three years, and power goes every night
    for _ in range(2):
        assert box.live(10 * 3600.0, 60.0) is Quality.UNSURE
        box.restart(dark=14 * 3600.0)
    assert box.live(5 * 3600.0, 60.0) is Quality.SYNCHRONISED
    liar = Box()
    for days in range(50, 90):
        liar.lie = days * D  # never twice the same
        assert liar.live(0.5 * D, 60.0) is Quality.UNSURE
    assert liar.clock.floor <= THEN + 10


def test_a_server_that_nobody_hears_any_more_agrees_to_nothing():
    box = Box()
    box.lie = YEARS
    box.live(0.9 * D, 60.0)
    assert box.live(2 * D, 60.0, agreed=False) is Quality.UNSURE
    assert box.clock.floor == THEN


@pytest.mark.parametrize("off", [3600.0, 8 * 3600.0, 5 * D, 30 * D])
def test_after_a_time_in_the_dark_the_clock_is_good_at_once_and_the_floor_follows(off):
    box = Box()
    box.live(60)
    box.restart(dark=off)
    assert box.look() is Quality.SYNCHRONISED
    assert box.clock.floor == THEN + 60
    box.live(min(WAITS.clock_agreed, off / SPEED) + 20)
    assert box.clock.floor == box.wall


def test_a_step_back_moves_no_floor_before_a_day_has_agreed_to_it():
    box = Box()
    box.live(60)
    box.lie = -5 * D
    assert box.live(0.9 * D, 60.0) is Quality.SYNCHRONISED
    assert box.clock.floor == THEN + 60
    assert box.live(0.2 * D, 60.0) is Quality.SYNCHRONISED
    assert box.clock.floor == box.wall - 5 * D


def test_however_it_is_done_the_floor_rises_at_most_so_fast():
    box = Box()
    for _ in range(int(D / 20)):
        box.lie += 19.0  # 19 s more every 20 s
        box.live(20)
    assert box.clock.floor - THEN <= D * (SPEED + 2)


def test_a_certificate_that_was_signed_lately_proves_that_it_is_not_earlier():
    box = Box()
    box.wall += YEARS
    box.live(10)
    box.clock.shown(box.wall - 10 * D, box.wall + 80 * D, box.mono, box.wall)
    assert box.live(10) is Quality.SYNCHRONISED
    liar = Box()
    liar.live(10)
    liar.clock.shown(liar.wall + 10 * D, liar.wall + 80 * D, liar.mono, liar.wall)
    assert liar.clock.floor <= liar.wall, "one from the future proves nothing"


def test_a_certificate_that_would_have_ended_long_ago_speaks_against_a_leap():
    box = Box()
    box.live(10)
    box.clock.shown(THEN - 300 * D, THEN + 60 * D, box.mono, box.wall)
    box.lie = YEARS
    assert box.live(3 * D, 60.0) is Quality.UNSURE
    box.clock.shown(THEN + YEARS - D, THEN + YEARS + 300 * D, box.mono, box.wall + box.lie)
    assert box.live(60) is Quality.SYNCHRONISED, "a new certificate of that time speaks for it"


def test_marks_that_are_none_are_passed_over():
    clock = SystemClock(NOW - DAY)
    for floor, agreeing in (
        ("", ""),
        ("x", "y z"),
        ("1970-01-01T00:00:00+00:00", "1 2"),
        (NOW.isoformat(), "nan x"),
        (NOW.isoformat(), "nan 5"),
        ("9999-12-31T23:59:59+00:00", "1 2"),
    ):
        clock.restored(floor, agreeing)
        assert clock.floor == NOW - DAY
    clock.restored((NOW - DAY / 2).isoformat(), "12 34")
    assert clock.marks()["floor"] >= (NOW - DAY / 2).isoformat()
    assert WAITS.clock_leap > D
