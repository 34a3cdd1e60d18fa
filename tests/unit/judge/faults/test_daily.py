"""Today's list: once a day what can wait, in one entry; the month's figures; both outlive a restart."""

from datetime import UTC, datetime

import pytest
from gateway.judge.faults.daily import DEVICES, Daily
from gateway.judge.faults.fault import Faults
from gateway.judge.faults.silence import Supervised
from gateway.words import kind
from gateway.words.clock import Quality
from gateway.words.reading import Kind, Reading
from gateway.words.times import Times

from tests.kit.hand import HOME_ZONE, HandClock

DAY, HOUR = 86400.0, 3600.0
MORNING = datetime(2026, 5, 4, 12, 0, tzinfo=HOME_ZONE).astimezone(UTC)
NAMES = ("button", "door", "climate")


class Home:
    """Faults and a clock; time passes in looks."""

    def __init__(self, mark="", clock=None, names=NAMES, known=None):
        self.clock = clock or HandClock(MORNING)
        self.faults = Faults({d: Supervised(device=d, missing_after=25 * HOUR) for d in names}, Times())
        self.faults.daily.keep(HOME_ZONE, 0.5)
        self.faults.restored(mark)
        self.faults.start(self.clock.now(), known or {}, {})
        self.faults.linked(True, self.clock.now())

    def wait(self, seconds, step=300.0, heard=True):
        """Return (local time, kind, detail) of each list and each month's figures."""
        out, end = [], self.clock.mono + seconds
        while self.clock.mono < end:
            now = self.clock.move(step)
            if heard:
                self.faults.heard_at.update(dict.fromkeys(NAMES, self.clock.mono))
            out += [
                (f"{now.wall.astimezone(HOME_ZONE):%d. %H:%M}", f.kind, dict(f.detail))
                for f in self.faults.tick(now)
                if f.kind in (kind.TODAY, kind.MONTH)
            ]
        return out

    def night(self):
        """Switch the box off from 22:00 to 06:00."""
        known, mark = dict(self.faults.on), self.faults.mark(anew=True)
        self.clock.reboot("other", after=8 * HOUR)
        home = Home(mark, self.clock, known=known)
        home.faults.note(kind.RESTARTED, home.clock.now(), why="start")
        return home


def test_the_day_is_one_entry_at_the_homes_own_minute():
    home = Home()
    for device in ("door", "button"):
        home.faults.heard(Reading(device=device, kind=Kind.BATTERY, value=9, at=home.clock.now()))
    home.faults.daily.listed("door.left_open", "door")
    home.faults.daily.listed("door.left_open", "door")
    assert home.wait(1.8 * DAY) == [
        ("05. 08:30", "service.today", {"lines": 2, "device.low_battery": "button, door", "door.left_open": "door x2"})
    ]
    assert home.wait(0.5 * DAY) == [("06. 08:30", "service.today", {"lines": 1, "device.low_battery": "button, door"})], "it lasts"
    for device in ("door", "button"):
        home.faults.heard(Reading(device=device, kind=Kind.BATTERY, value=99, at=home.clock.now()))
    assert home.wait(3 * DAY) == [], "a day without anything has no list"


def test_what_is_for_now_stands_on_no_list():
    home = Home()
    home.faults.begin(kind.TAMPER, home.clock.now(), "door")
    home.faults.begin(kind.UPLINK_LOST, home.clock.now(), test=True)
    assert home.wait(2 * DAY) == []


def test_devices_that_are_not_heard_are_one_line():
    home = Home()
    said = home.wait(3 * DAY, heard=False)
    assert [detail for _, _, detail in said][-1] == {"lines": 1, "device.missing": "button, climate, door"}


def test_a_box_that_is_switched_off_each_night_is_one_line():
    home, said = Home(clock=HandClock(MORNING.replace(hour=22, day=1))), []
    for _ in range(5):
        said += home.wait(16 * HOUR)
        home = home.night()
    assert [detail for _, _, detail in said] == [{"lines": 1, "gateway.restarted": 1, "each_night": True}] * 2
    again = Home()
    again.faults.note(kind.RESTARTED, again.clock.now(), why="start")
    assert again.wait(DAY) == [], "once is no trouble"
    for _ in range(3):
        again.faults.note(kind.RESTARTED, again.clock.now(), why="start")
    assert again.wait(DAY)[0][2] == {"lines": 1, "gateway.restarted": 3}


def test_short_outages_are_counted_for_the_month_and_wake_nobody():
    home = Home(clock=HandClock(datetime(2026, 5, 30, 4, 0, tzinfo=UTC)))
    facts = []
    for _ in range(7):
        facts += home.faults.linked(False, home.clock.now())
        home.wait(600)
        facts += home.faults.linked(True, home.clock.now())
        home.wait(600)
    assert facts == []
    assert home.wait(3 * DAY) == [
        ("01. 08:30", "service.month", {"month": "2026-05", "gateway.uplink_lost": 7, "gateway.uplink_lost_s": 4200})
    ]


def test_a_first_connection_is_no_outage():
    home = Home()
    home.faults = Faults({}, Times())
    home.faults.daily.keep(HOME_ZONE, 0.5)
    home.faults.start(home.clock.now(), {}, {})
    home.clock.move(100)
    home.faults.linked(True, home.clock.now())
    assert home.faults.daily.mark().figures == {}


def test_a_wrong_clock_has_its_list_once_a_day_of_running():
    home = Home(clock=HandClock(datetime(2001, 1, 1, tzinfo=UTC), quality=Quality.WRONG))
    home.faults.heard(Reading(device="door", kind=Kind.BATTERY, value=9, at=home.clock.now()))
    assert len(home.wait(3.1 * DAY)) == 3
    back = Home()
    back.faults.heard(Reading(device="door", kind=Kind.BATTERY, value=9, at=back.clock.now()))
    assert len(back.wait(DAY)) == 1
    back.clock.wall = back.clock.wall.replace(year=2020)
    assert len(back.wait(HOUR)) == 0, "a clock that jumps gives no second list"


def test_a_wrong_clock_and_power_that_fails_each_night_hide_neither_the_list_nor_the_week_of_a_low_battery():
    mark, known, lists, again = "", {}, [], []
    for day in range(16):
        clock = HandClock(datetime(2001, 1, 1, tzinfo=UTC), quality=Quality.WRONG)
        home = Home(mark, clock, known=known)
        home.faults.heard(Reading(device="door", kind=Kind.BATTERY, value=9, at=clock.now()))
        for _ in range(22 * 12):
            home.faults.heard_at.update(dict.fromkeys(NAMES, clock.mono + 300))
            told = home.faults.tick(clock.move(300))
            lists += [day for f in told if f.kind == kind.TODAY]
            again += [day for f in told if f.kind == kind.LOW_BATTERY]
            mark = home.faults.mark() or mark
        known = dict(home.faults.on)
    assert len(lists) == 14, "a list for each 24 h that the box ran"
    assert len(again) == 2


def test_a_list_has_a_bound_and_a_damaged_mark_is_nothing():
    daily = Daily()
    daily.keep(HOME_ZONE, 0.0)
    for n in range(100):
        daily.listed(kind.LOW_BATTERY, f"d{n:03}")
    assert len(daily.mark().items[kind.LOW_BATTERY]) == DEVICES
    for torn in (
        "",
        "{",
        "[1]",
        "[" * 100000,
        '{"items": 3}',
        '{"items": {"a": {"b": "c"}}, "figures": {}, "day": "", "month": "", "starts": []}',
    ):
        home = Home(torn)
        assert home.wait(DAY) == [], torn


def test_faults_of_devices_that_are_enrolled_no_more_end():
    before = Home()
    for device in ("door", "button"):
        before.faults.heard(Reading(device=device, kind=Kind.TAMPER, value=True, at=before.clock.now()))
    after = Home(known=dict(before.faults.on), names=("button",))
    ended = [(f.kind, f.device, f.turn) for _ in range(3) for f in after.faults.tick(after.clock.move(5))]
    assert ended == [("device.tamper", "door", "cleared")]
    assert set(after.faults.on) == {("device.tamper", "button")}


@pytest.mark.parametrize(("here", "ends"), [(True, True), (False, False)])
def test_a_test_that_is_due_ends_where_somebody_at_the_box_says_that_it_was_made(here, ends):
    home = Home()
    home.faults.begin(kind.TEST_DUE, home.clock.now(), "button")
    assert bool(home.faults.confirmed("button", home.clock.now(), here=here)) is ends
