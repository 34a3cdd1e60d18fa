"""Nobody is at home: bounded, said again, and over as soon as somebody plainly is."""

import json

import pytest
from gateway.judge.away import OFTEN
from gateway.judge.waits import WAITS
from gateway.words.clock import Quality
from gateway.words.reading import Kind

from tests.kit.hand import NIGHT, Day, HandClock, refusal, story

DAY, HOUR, MINUTE = 86400.0, 3600.0, 60.0


@pytest.fixture(autouse=True)
def seldom(monkeypatch):
    """Look at the silences every ten minutes: an absence lasts for days."""
    monkeypatch.setattr(WAITS, "look_every", 600.0)


def gone(days=5, clock=None):
    day = Day(clock=clock)
    assert story(day.tell("away", seconds=days * DAY)) == ["service.away raised", "away done"]
    day.wait(6 * HOUR)
    return day


def come_home(day, *, minutes=20):
    """The door, then somebody in two rooms until `minutes` later; return what was said."""
    out = day.hear("door", Kind.CONTACT_OPEN, True)
    out += day.hear("door", Kind.CONTACT_OPEN, False)
    out += day.hear("button", Kind.MOTION, True)  # the hall
    for minute in range(minutes):
        out += day.wait(MINUTE)
        out += day.hear("radar2" if minute % 2 else "button", Kind.MOTION, True)
    return out


def test_away_ends_by_itself_when_somebody_plainly_is_at_home_and_a_bed_left_that_night_is_judged():
    day = gone(clock=HandClock(NIGHT))
    day.wait(18 * HOUR)
    said = story(come_home(day, minutes=21))
    assert said == ["service.away cleared", "service.back_home noted"]
    ended = next(e.fact for e in day.entries if getattr(e.fact, "kind", "") == "service.away" and e.fact.turn == "cleared")
    assert ended.detail["why"] == "home"
    assert [r.kind for r in ended.evidence] == [Kind.CONTACT_OPEN, Kind.MOTION, Kind.MOTION]
    day.hear("bed", Kind.OCCUPANCY, True)
    day.hear("bed", Kind.OCCUPANCY, False)
    assert "person.bed_exit danger pre_alarm" in story(day.wait(1300))


@pytest.mark.parametrize("ends", ["by its time", "by an order"])
def test_a_bed_left_while_away_is_looked_at_when_the_absence_ends(ends):
    day = Day(clock=HandClock(NIGHT))
    day.tell("away", seconds=3600.0)
    day.hear("bed", Kind.OCCUPANCY, True)
    day.wait(600)
    day.hear("bed", Kind.OCCUPANCY, False)
    if ends == "by its time":
        assert story(day.wait(2999)) == []
        assert story(day.wait(1)) == ["service.away cleared", "person.bed_exit danger pre_alarm"]
    else:
        day.wait(1500)
        day.tell("away", seconds=0.0)
        assert story(day.wait(1)) == ["person.bed_exit danger pre_alarm"]


def test_whoever_moved_about_since_is_not_looked_for_when_the_absence_ends():
    day = Day(clock=HandClock(NIGHT))
    day.tell("away", seconds=3600.0)
    day.hear("bed", Kind.OCCUPANCY, True)
    day.hear("bed", Kind.OCCUPANCY, False)
    day.wait(1800)
    day.hear("button", Kind.MOTION, True)
    assert story(day.wait(1800)) == ["service.away cleared"]
    assert story(day.wait(7200)) == []


@pytest.mark.parametrize(("after", "looked_for"), [(2, True), (45, True), (46, False)])
def test_whoever_was_only_seen_leaving_the_bed_is_looked_for_when_the_absence_ends(after, looked_for):
    day = Day(clock=HandClock(NIGHT))
    day.tell("away", seconds=3600.0)
    day.hear("bed", Kind.OCCUPANCY, True)
    day.hear("bed", Kind.OCCUPANCY, False)
    day.wait(after)
    day.hear("button", Kind.MOTION, True)
    assert story(day.wait(3600 - after)) == ["service.away cleared", *["person.bed_exit danger pre_alarm"] * looked_for]


def test_a_bed_left_days_ago_is_not_told_when_the_absence_ends():
    day = Day(clock=HandClock(NIGHT))
    day.tell("away", seconds=2 * DAY)
    day.hear("bed", Kind.OCCUPANCY, True)
    day.hear("bed", Kind.OCCUPANCY, False)
    assert story(day.wait(2 * DAY + HOUR)) == ["service.away cleared"]


def test_somebody_who_stays_put_need_not_move():
    day = gone()
    day.hear("door", Kind.CONTACT_OPEN, True)
    day.hear("button", Kind.MOTION, True)
    day.hear("door", Kind.CONTACT_OPEN, False)
    day.hear("bed", Kind.OCCUPANCY, True)
    assert day.wait(19 * MINUTE) == []
    assert story(day.wait(2 * MINUTE)) == ["service.away cleared", "service.back_home noted"]


@pytest.mark.parametrize("what", ["shorter", "one room", "no door", "while leaving", "ten minutes each day"])
def test_what_does_not_show_that_the_resident_is_back(what):
    if what == "while leaving":
        day = Day()
        day.tell("away", seconds=DAY)
        assert come_home(day, minutes=30) == []
        return
    day = gone()
    if what == "shorter":
        come_home(day, minutes=19)
    elif what == "ten minutes each day":
        for _ in range(3):
            come_home(day, minutes=10)
            day.wait(DAY)
    else:
        if what == "one room":
            day.hear("door", Kind.CONTACT_OPEN, True)
        for n in range(60):
            day.wait(MINUTE)
            day.hear("button" if what == "one room" or n % 2 else "radar2", Kind.MOTION, True)
    day.wait(WAITS.left_again)
    assert day.pipeline.away.lasts(day.clock.now())


def test_away_is_bounded_and_said_again_every_week(monkeypatch):
    monkeypatch.setattr(WAITS, "look_every", 3600.0)
    day = Day()
    assert refusal(day.tell("away", seconds=31 * DAY + 1))[0] == "too_long"
    day.tell("away", seconds=31 * DAY)
    said = story(day.wait(31 * DAY))
    assert said == ["service.away repeated"] * 4 + ["service.away cleared"]
    assert day.entries[-1].fact.detail["why"] == "time"
    assert not day.pipeline.away.lasts(day.clock.now())


def test_it_is_longer_by_another_order_and_over_by_one():
    day = gone(days=1)
    assert story(day.tell("away", seconds=3 * DAY)) == ["service.away repeated", "away done"]
    assert story(day.wait(2 * DAY)) == []
    assert story(day.tell("away", seconds=0.0)) == ["service.away cleared", "away done"]
    assert story(day.tell("away", seconds=0.0)) == ["away done"], "nobody was away"


@pytest.mark.parametrize("quality", [Quality.SYNCHRONISED, Quality.UNSURE])
def test_a_process_restart_keeps_it_and_the_week_goes_on(quality):
    day = gone()
    day.clock.quality = quality
    assert story(day.restart()) == ["gateway.restarted noted"]
    assert day.pipeline.away.lasts(day.clock.now())
    day.wait(5 * DAY)
    assert not day.pipeline.away.lasts(day.clock.now())
    assert "service.away cleared" in story(day.entries)


def test_what_was_over_in_the_dark_is_told_so():
    day = gone()
    assert "service.away cleared" in story(day.restart(other_boot=True)), "the stand-in of this test keeps no mask over a boot"


def test_an_order_on_its_way_for_long_lasts_no_longer_for_that():
    day = Day()
    issued = day.clock.wall.isoformat()
    day.wait(HOUR)
    day.tell("shelve", device="door", seconds=2 * HOUR, reason="paint", issued=issued)
    day.tell("away", seconds=2 * HOUR, issued=issued)
    day.wait(HOUR)
    assert not day.pipeline.shelves
    assert not day.pipeline.away.lasts(day.clock.now())


def test_who_repeats_that_a_door_is_open_opens_it_no_second_time():
    day = Day()
    day.hear("window", Kind.CONTACT_OPEN, True)  # it stands open when the resident leaves
    day.tell("away", seconds=5 * DAY)
    day.wait(6 * HOUR)
    out = []
    for minute in range(30):  # a cat, in two rooms
        out += day.hear("window", Kind.CONTACT_OPEN, True)
        out += day.hear("radar2" if minute % 2 else "button", Kind.MOTION, True)
        out += day.wait(MINUTE)
    assert story(out) == []
    assert day.pipeline.away.lasts(day.clock.now())
    assert story(come_home(day, minutes=21)) == ["service.away cleared", "service.back_home noted"]


def test_an_absence_that_ended_by_itself_is_written_down_as_over():
    day = gone()
    day.pipeline.saved()
    come_home(day, minutes=21)
    assert not day.pipeline.away.lasts(day.clock.now())
    assert json.loads(day.pipeline.marks(day.clock.now())["masks"])["away"] == 0


@pytest.mark.parametrize(
    ("rooms", "every", "hours", "ends"),
    [
        (("button", "radar2"), 30, 3, True),
        (("button",), 15, 3, True),  # a home of one room
        (("button", "radar2"), 30, 2.5, False),
        (("button",), 30, 4.5, False),  # too seldom, for one room
        (("button", "radar2"), 150, 25, False),
    ],
)
@pytest.mark.parametrize("restarted", [True, False])
def test_whoever_is_heard_for_hours_is_at_home_without_a_door(rooms, every, hours, ends, restarted):
    day = gone()
    if restarted:
        day.hear("door", Kind.CONTACT_OPEN, True)
        day.restart()
    out = day.hear(rooms[0], Kind.MOTION, True)
    for n in range(int(hours * 60 / every)):
        assert story(out) == []
        day.wait(every * MINUTE)
        out = day.hear(rooms[n % len(rooms)], Kind.MOTION, True)
    assert story(out) == ["service.away cleared", "service.back_home noted"] * ends
    if ends:
        assert day.entries[-1].fact.detail["rooms"] == len(rooms)


def test_a_bed_left_after_hours_in_it_shows_without_a_door_that_the_resident_is_back():
    day = gone(clock=HandClock(NIGHT))
    day.wait(15 * HOUR)  # 22:00
    day.hear("button", Kind.MOTION, True)
    day.hear("bed", Kind.OCCUPANCY, True)
    assert day.wait(WAITS.lived_in) == [], "that it is on still may be an error"
    assert story(day.hear("bed", Kind.OCCUPANCY, False)) == ["service.away cleared", "service.back_home noted"]
    assert story(day.wait(20 * MINUTE)) == ["person.bed_exit danger pre_alarm"]


@pytest.mark.parametrize("value", [True, False])
def test_one_sensor_that_errs_ends_no_absence(value):
    day = gone()
    for _ in range(OFTEN // 2 - 1):
        day.hear("radar2", Kind.PRESENCE, True)
        day.wait(WAITS.lived_in)
        day.hear("radar2", Kind.PRESENCE, value)
    day.wait(DAY)
    assert day.pipeline.away.lasts(day.clock.now())
