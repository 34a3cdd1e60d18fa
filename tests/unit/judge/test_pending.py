"""What is heard and not yet told outlives a restart and a power cut: no danger is lost because it had not been told."""

import json
from datetime import timedelta
from math import inf

import pytest
from gateway.judge import pending
from gateway.judge.masks import Shelf
from gateway.judge.pending import Pending
from gateway.judge.waits import WAITS
from gateway.words.clock import Quality
from gateway.words.reading import Kind
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.hand import NIGHT, Day, HandClock, story


def moves(entries):
    return [line for line in story(entries) if not line.startswith(("gateway.", "device.test_due"))]


@pytest.fixture
def day():
    return Day(clock=HandClock(NIGHT))


def open_door(day, seconds=500):
    day.hear("door", Kind.CONTACT_OPEN, True)
    day.wait(seconds)


def leave_bed(day, seconds=500):
    day.hear("bed", Kind.OCCUPANCY, True)
    day.hear("bed", Kind.OCCUPANCY, False)
    day.wait(seconds)


# -- doors and beds ------------------------------------------------------------------------------------------------------


def test_an_open_door_goes_on_being_open_over_a_restart(day):
    open_door(day)
    day.restart()
    assert moves(day.wait(99)) == []
    assert moves(day.wait(1)) == ["door.left_open raise raised"]
    assert moves(day.hear("door", Kind.CONTACT_OPEN, False)) == ["door.left_open close closed"]


def test_after_a_power_cut_a_door_is_unknown_until_it_is_heard_and_then_open_since_it_was(day):
    open_door(day)
    day.restart(other_boot=True, after=60)
    assert moves(day.wait(7200)) == [], "anybody may have shut it"
    day.restart()
    assert moves(day.hear("door", Kind.CONTACT_OPEN, True)) == []
    assert moves(day.wait(1)) == ["door.left_open raise raised"]


def test_a_door_that_was_shut_meanwhile_is_shut(day):
    open_door(day)
    day.restart(other_boot=True)
    assert moves(day.hear("door", Kind.CONTACT_OPEN, False)) == []
    assert moves(day.hear("door", Kind.CONTACT_OPEN, True)) == []
    assert moves(day.wait(599)) == []
    assert moves(day.wait(1)) == ["door.left_open raise raised"]


def test_a_door_that_was_open_before_a_long_time_without_power_begins_anew(day):
    open_door(day)
    day.restart(other_boot=True, after=6 * 3600)
    day.hear("door", Kind.CONTACT_OPEN, True)
    assert moves(day.wait(599)) == []
    assert moves(day.wait(1)) == ["door.left_open raise raised"]


@pytest.mark.parametrize(("other_boot", "after", "waits"), [(False, 0, 700), (True, 60, 640), (True, 3600, 0)])
def test_a_bed_that_was_left_is_left_over_a_restart_and_a_power_cut(day, other_boot, after, waits):
    leave_bed(day)
    day.restart(other_boot=other_boot, after=after)
    assert moves(day.wait(max(0, waits - 1))) == [] or not waits
    assert "person.bed_exit danger pre_alarm" in moves(day.entries) + moves(day.wait(1))
    assert moves(day.hear("bed", Kind.OCCUPANCY, True)) == ["person.bed_exit cancel cancelled"]


def test_without_a_clock_the_time_in_the_dark_counts_as_none(day):
    leave_bed(day)
    day.clock.quality = Quality.UNSURE
    day.restart(other_boot=True, after=3600)
    assert moves(day.wait(699)) == []
    assert moves(day.wait(1)) == ["person.bed_exit danger pre_alarm"]


def test_power_that_comes_and_goes_does_not_put_off_for_ever_what_is_due(day):
    leave_bed(day, 10)
    day.clock.quality = Quality.UNSURE
    for _ in range(10):
        day.wait(240)
        day.restart(other_boot=True, after=30)
    assert "person.bed_exit danger pre_alarm" in moves(day.entries)


@pytest.mark.parametrize("other_boot", [False, True])
def test_whoever_got_up_before_a_restart_is_up_after_it(other_boot):
    day = Day(clock=HandClock(NIGHT + timedelta(hours=3, minutes=10)))  # 04:10 in the home
    leave_bed(day, 60)
    day.hear("radar", Kind.MOTION, True)
    day.restart(other_boot=other_boot)
    assert moves(day.wait(3600)) == []


def test_whoever_was_in_bed_before_a_restart_and_is_not_after_it_has_left_it(day):
    day.hear("bed", Kind.OCCUPANCY, True)
    day.restart()
    day.hear("bed", Kind.OCCUPANCY, False)
    assert moves(day.wait(1200)) == ["person.bed_exit danger pre_alarm"]


def test_a_bed_back_in_before_the_restart_is_no_matter(day):
    leave_bed(day)
    day.hear("bed", Kind.OCCUPANCY, True)
    day.restart(other_boot=True)
    assert moves(day.wait(7200)) == []


# -- withheld ------------------------------------------------------------------------------------------------------------


def shelved(day, device="smoke", seconds=1000.0):
    day.pipeline.shelves[device] = Shelf(day.clock.mono + seconds, "Li", "repair")


def test_a_danger_that_began_while_shelved_is_raised_when_the_shelf_ends_though_the_process_was_restarted(day):
    shelved(day)
    assert moves(day.hear("smoke", Kind.SMOKE, True)) == ["device.shelved_danger noted"]
    day.wait(100)
    assert moves(day.restart()) == []
    assert moves(day.hear("smoke", Kind.SMOKE, True)) == [], "the same smoke"
    assert moves(day.wait(899)) == []
    assert moves(day.wait(1)) == ["env.smoke raise raised"]
    assert day.alarm.evidence[0].kind == "smoke"


def test_after_a_power_cut_that_no_shelf_outlives_it_is_raised_at_once(day):
    shelved(day)
    day.hear("smoke", Kind.SMOKE, True)
    day.wait(100)
    assert moves(day.restart(other_boot=True)) == ["env.smoke raise raised"]


@pytest.mark.parametrize("restarted", [False, True])
def test_a_danger_that_was_over_before_the_shelf_ended_raises_nothing(day, restarted):
    shelved(day)
    day.hear("smoke", Kind.SMOKE, True)
    if restarted:
        day.restart()
    day.hear("smoke", Kind.SMOKE, False)
    assert day.pipeline.unsaved, "nothing else says that it is over"
    day.restart()
    assert moves(day.wait(2000)) == []


def test_a_fall_withheld_twice_over_restarts_keeps_its_grace(day):
    shelved(day, "radar")
    day.fall()
    day.restart()
    day.restart()
    assert "person.fall danger pre_alarm" in moves(day.wait(1000))


# -- levels ---------------------------------------------------------------------------------------------------------


def test_a_restart_in_the_five_minutes_after_a_cancel_hides_nobody_on_the_floor(day):
    day.fall()
    day.cancel()
    day.wait(100)
    day.fall()
    day.restart()
    assert moves(day.wait(199)) == []
    day.fall()
    assert "person.fall danger pre_alarm" in moves(day.wait(1))
    assert day.alarm.linked


def test_a_level_heard_last_before_a_restart_is_forgotten_in_its_time(day):
    day.fall()
    day.cancel()
    day.wait(200)
    day.restart()
    assert moves(day.wait(99)) == []
    assert moves(day.wait(1)) == ["person.fall clear cancelled"]


# -- the mark ------------------------------------------------------------------------------------------------------------


def test_it_is_read_as_it_was_written(day):
    shelved(day)
    day.hear("smoke", Kind.SMOKE, True)
    open_door(day, 5)
    leave_bed(day, 5)
    day.fall()
    day.cancel()
    now = day.clock.now()
    held = day.pipeline.pending()
    again = pending.read(pending.text_of(held, now, "b"), now, "b")
    for name in ("heard", "doors", "in_bed", "left_bed", "withheld"):
        assert dict(getattr(again, name)) == dict(getattr(held, name)), name


MARK = {
    "boot": "b",
    "mono": 1.0,
    "wall": 1.0,
    "sure": True,
    "heard": [],
    "doors": [],
    "in_bed": {},
    "left_bed": [],
    "withheld": [],
}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", '{"boot": "b"}', "null", "[" * 100_000, *(json.dumps(MARK | {name: [None, 7]}) for name in MARK)],
)
def test_a_mark_that_cannot_be_read_says_nothing_and_ends_nothing(text):
    read = pending.read(text, HandClock().now(), "b")
    assert (read.heard, read.doors, read.withheld) == ({}, {}, {})


READING = ["smoke", "smoke", True, 0, "", False, [1.0, 1.0, "unsure"]]
FIRE = {"kind": "fire", "device": "smoke", "room": "", "grace": 0.0, "returned": False, "at": READING[-1], "evidence": [READING]}


def test_what_is_withheld_waits_for_no_moment_to_come_and_for_no_longer_than_a_grace_can_be():
    later = [*READING[:-1], [1e11, 1.0, "unsure"]]
    found = pending.read(
        json.dumps(MARK | {"withheld": [FIRE | {"grace": 1e9, "at": [1e11, 1.0, "unsure"]}], "doors": [[later, 1e11]]}),
        HandClock().now(),
        "b",
    )
    (danger,) = found.withheld.values()
    assert danger.grace == WAITS.grace_most
    ((since, heard),) = found.doors.values()
    assert max(danger.at.mono, since.at.mono, heard) <= HandClock().now().mono


@pytest.mark.parametrize("number", ["NaN", "1e999", '"nan"'])
def test_a_moment_that_is_no_number_says_nothing(number):
    text = json.dumps(MARK | {"withheld": [FIRE | {"at": ["?", 1.0, "unsure"]}]}).replace('"?"', number)
    assert pending.read(text, HandClock().now(), "b").withheld == {}


json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*MARK, "kind", "device", "at", "evidence"]), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*MARK]), json_like))
def test_no_mark_ends_a_start(changed):
    read = pending.read(json.dumps(MARK | changed), HandClock().now(), "b")
    assert isinstance(read, Pending)


def test_what_is_of_devices_that_are_gone_is_left_out(day):
    shelved(day, "attic", inf)
    now = day.clock.now()
    mark = pending.text_of(day.pipeline.pending(), now, "b").replace('"in_bed":{}', '"in_bed":{"attic":true}')
    day.pipeline._judge.resume(heard={}, doors={}, in_bed=pending.read(mark, now, "b").in_bed, left_bed={}, same_boot=True)
    assert day.pipeline.pending().in_bed == {}
