"""A level is a danger when it begins, and when it begins again: fires, falls and leaks after the first one of their kind."""

import pytest
from gateway.judge.masks import Shelf
from gateway.judge.waits import WAITS
from gateway.words.reading import Kind
from msgspec.structs import replace

from tests.kit.hand import WATCHES, Day, Home, story

GONE, LOST = 300, 14_400


def close(day, outcome="rescued"):
    day.tell("close", alarm=day.open[-1].id, outcome=outcome)


def smoke(day, device="smoke433", value=True):
    return story(day.hear(device, Kind.SMOKE, value))


@pytest.mark.parametrize("between", [None, False, True])
def test_the_second_fire_of_a_make_that_never_says_over(monkeypatch, between):
    monkeypatch.setattr(WAITS, "look_every", 3600.0)
    day = Day()
    assert smoke(day) == ["env.smoke raise raised"]
    day.wait(60)
    first = day.alarm
    close(day)
    assert not day.alarm.condition_active, "nobody will ever say that it is over"
    if between is not None:
        day.restart(other_boot=between)
    day.wait(86_400 * 30)
    assert smoke(day) == ["env.smoke raise raised"]
    assert (day.alarm.linked, day.alarm.number) == (first.id, first.number + 1)


def test_a_fire_of_such_a_make_right_after_the_end_of_the_last_alarm_is_an_alarm():
    day = Day()
    smoke(day)
    close(day)
    assert smoke(day) == ["env.smoke raise raised"]


@pytest.mark.parametrize("between", [None, False, True])
@pytest.mark.parametrize("outcome", ["rescued", "helped", "no_help_needed", "device_fault", "false_alarm"])
def test_an_over_that_got_lost_hides_no_later_fire(between, outcome):
    day = Day()
    smoke(day, "smoke")
    first = day.alarm
    day.wait(10)
    close(day, outcome)
    assert day.alarm.condition_active
    assert story(day.wait(GONE - 11)) == []
    assert story(day.wait(1)) == ["env.smoke clear closed"]
    assert (day.alarm.reason, day.entries[-1].fact.reason) == (first.reason and day.alarm.reason, "not_heard")
    if between is not None:
        day.restart(other_boot=between)
    assert smoke(day, "smoke") == ["env.smoke raise raised"]
    assert day.alarm.linked == first.id
    assert day.entries[-1].fact.reason == "raised"


@pytest.mark.parametrize("outcome", ["rescued", "helped", "no_help_needed", "device_fault", "unknown"])
def test_a_level_that_stays_on_after_somebody_has_seen_to_it_stays_quiet(outcome):
    day = Day()
    smoke(day, "smoke")
    close(day, outcome)
    for _ in range(50):
        day.wait(GONE - 1)
        assert smoke(day, "smoke") == []
    assert smoke(day, "smoke", value=False) == ["env.smoke clear closed"]
    assert smoke(day, "smoke") == ["env.smoke raise raised"]


def lies(day, seconds, every=60):
    """Let the radar go on saying "fall"."""
    out = []
    for _ in range(int(seconds // every)):
        out += day.wait(every)
        out += day.fall()
    return story(out)


def test_a_fall_cancelled_by_mistake_is_a_new_alarm_five_minutes_later():
    day = Day()
    day.fall()
    day.wait(10)
    day.cancel()
    first = day.alarm
    assert lies(day, 240) == []
    assert lies(day, 120)[:3] == ["person.fall clear cancelled", "person.fall danger pre_alarm", "person.fall expire raised"]
    danger = next(e for e in day.entries if getattr(e.fact, "move", "") == "danger" and e.fact.alarm.number == 2)
    assert (danger.fact.reason, danger.fact.alarm.linked) == ("returned", first.id)
    assert danger.at.mono == 1000 + 10 + GONE
    assert day.alarm.evidence, "it says what it rests on"


def test_a_fall_closed_as_false_that_was_true_is_a_new_alarm_and_so_again():
    day = Day()
    for n in range(1, 4):
        if n == 1:
            day.fall()
        day.wait(40)
        assert (day.alarm.number, day.alarm.state) == (n, "raised")
        close(day, "false_alarm")
        assert "person.fall danger pre_alarm" in lies(day, 300)
    assert [a.linked for a in day.alarms()] == ["", "j1-a1", "j1-a2", "j1-a3"]


@pytest.mark.parametrize("restarted", [False, True])
def test_a_fall_cancelled_by_mistake_returns_although_an_older_one_was_never_closed(restarted):
    day = Day()
    day.raise_to("on_site")
    day.fall(False)
    day.wait(3600)
    day.fall()
    day.wait(10)
    assert story(day.cancel())[0] == "person.fall cancel cancelled"
    day.wait(60)
    day.fall()
    if restarted:
        day.restart()
    assert "person.fall danger pre_alarm" in lies(day, 300)
    assert [a.state for a in day.alarms("person.fall")][:2] == ["on_site", "cancelled"]


def test_a_fall_that_is_over_after_a_cancel_does_not_return():
    day = Day()
    day.fall()
    day.cancel()
    assert lies(day, 120) == []
    assert story(day.fall(False)) == ["person.fall clear cancelled"]
    assert story(day.wait(10_000)) == []


def test_silence_after_a_cancel_says_nothing():
    day = Day()
    day.fall()
    day.cancel()
    assert story(day.wait(10_000)) == ["person.fall clear cancelled"]


def test_a_returned_danger_of_a_shelved_device_waits_for_the_end_of_its_shelf():
    day = Day()
    day.fall(device="radar2")
    day.cancel()
    day.pipeline.shelves["radar2"] = Shelf(day.clock.mono + 400, "Li", "repair")
    day.wait(200)
    day.fall(device="radar2")
    assert "device.shelved_danger noted" in story(day.wait(150))
    assert story(day.wait(100)) == ["person.fall clear cancelled", "person.fall danger pre_alarm", "person.fall expire raised"]


@pytest.mark.parametrize(("device", "after"), [("smoke433", GONE), ("smoke", LOST)])
def test_what_is_heard_after_a_long_silence_is_counted_on_the_alarm_that_is_open(device, after):
    day = Day()
    smoke(day, device)
    day.wait(after - 1)
    assert smoke(day, device) == []
    day.wait(after)
    assert smoke(day, device) == ["env.smoke count raised"]


@pytest.mark.parametrize("other_boot", [False, True])
def test_an_open_alarm_goes_on_over_a_restart_and_its_end_is_an_end(other_boot):
    day = Day()
    smoke(day)
    day.restart(other_boot=other_boot)
    close(day)
    day.wait(1)
    assert smoke(day) == ["env.smoke raise raised"]


def test_what_an_earlier_version_left_on_for_ever_is_forgotten_at_the_start():
    # Closed by a version that took the end of the alarm for no end of the smoke: its row says to this day that it is on.
    day = Day(Home(watches=tuple(replace(watch, endless=frozenset()) for watch in WATCHES)))
    smoke(day)
    close(day)
    assert day.alarm.condition_active
    day.home = Home()
    assert "env.smoke clear closed" in story(day.restart())
    assert smoke(day) == ["env.smoke raise raised"]


def test_a_door_whose_closing_got_lost_is_judged_again_the_next_day():
    day = Day()
    day.hear("door", Kind.CONTACT_OPEN, True)
    day.wait(700)
    close(day, "helped")
    assert story(day.hear("door", Kind.CONTACT_OPEN, True)) == []
    assert story(day.wait(LOST - 1)) == []
    assert story(day.hear("door", Kind.CONTACT_OPEN, True)) == [], "it has said so all the time"
    day.wait(LOST)
    assert story(day.hear("door", Kind.CONTACT_OPEN, True)) == []
    assert story(day.wait(600)) == ["door.left_open clear closed", "door.left_open raise raised"]
