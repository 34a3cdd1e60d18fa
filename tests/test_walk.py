"""A walk test never reaches the real ladder, and a real alarm can never become a test."""

import pytest
from hand import Day, refusal, story
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import kind
from gateway.alarm import Outcome, State
from gateway.instruction import Door
from gateway.reading import Kind


@pytest.fixture
def day():
    return Day()


def walk(day, device="button", seconds=300.0, **more):
    return day.tell("walk", device=device, seconds=seconds, door=Door.LOCAL, **more)


def visits(day):
    return [e.fact.detail for e in day.entries if getattr(e.fact, "kind", "") == kind.VISIT]


def test_presses_are_counted_on_one_test_of_p4_that_calls_nobody(day):
    walk(day)
    for _ in range(3):
        day.press()
        day.receipt()
    day.wait(290)
    (alarm,) = day.alarms()
    assert (alarm.test, int(alarm.priority), alarm.count) == (True, 4, 3)
    assert {c.rung for c in alarm.calls} == {0}
    walk(day, seconds=0.0)
    assert day.alarm.outcome is Outcome.TEST
    (told,) = visits(day)
    assert (told["presses"], told["receipts"], told["without_receipt"], told["by"]) == (3, 3, 0, "Wang")
    assert told["receipt_s"] == 0.0


def test_another_device_is_real_meanwhile_and_goes_up_the_ladder(day):
    walk(day)
    day.press(device="pendant")
    day.wait(200)
    assert not day.alarm.test
    assert day.alarm.rung > 0


def test_after_it_the_same_press_is_real_though_the_test_is_still_open(day):
    walk(day)
    day.press()
    day.tell("dispatch", alarm=day.alarm.id, responder="Li", seconds=600.0)
    walk(day, seconds=0.0)
    assert day.open[0].state is State.DISPATCHED, "the table lets nobody close it from here"
    day.press()
    real = day.alarm
    assert (real.test, real.linked, real.count) == (False, "", 1)


def test_forgotten_it_ends_by_itself(day):
    walk(day)
    day.press()
    day.wait(301)
    assert visits(day)[0]["end"] == "time_over"
    day.press()
    assert not day.alarm.test
    assert not refusal(walk(day, device="radar"))[0]


def test_a_device_with_an_open_alarm_is_not_tested_and_only_one_is_at_a_time(day):
    day.press()
    assert refusal(walk(day))[0] == "not_allowed"
    assert not refusal(walk(day, device="pendant"))[0]
    word, zh, _ = refusal(walk(day, device="radar"))
    assert word == "not_allowed"
    assert "pendant" in zh
    assert refusal(walk(day, device="pendant", seconds=301.0))[0] == "too_long"
    assert refusal(walk(day, device="nobody"))[0] == "unknown_device"
    assert refusal(day.tell("walk", device="pendant", seconds=10.0))[0] == "local_only"


def test_a_cancel_button_under_test_does_not_end_a_real_pre_alarm(day):
    day.fall()
    walk(day)
    day.cancel()
    assert day.alarm.state is State.PRE_ALARM
    walk(day, seconds=0.0)
    day.cancel()
    assert day.alarm.state is State.CANCELLED


def test_an_sos_under_test_confirms_no_real_fall_and_a_real_one_confirms_no_test(day):
    day.fall()
    walk(day)
    day.press()
    assert day.alarms(kind.FALL)[0].state is State.PRE_ALARM
    walk(day, seconds=0.0)
    walk(day, device="radar2")
    day.fall(device="radar2")
    day.press(device="pendant")
    assert [(a.device, a.state) for a in day.alarms(kind.FALL)] == [("radar", State.RAISED), ("radar2", State.PRE_ALARM)]


def test_a_scripted_fall_that_is_still_on_at_the_end_is_real_with_its_grace(day):
    walk(day, device="radar")
    day.fall()
    day.wait(40)
    assert day.alarm.test
    assert day.alarm.state is State.RAISED
    walk(day, device="radar", seconds=0.0)
    assert (day.alarm.test, day.alarm.state) == (False, State.PRE_ALARM)
    day.wait(31)
    assert day.alarm.state is State.RAISED


def test_a_scripted_fall_that_has_ended_leaves_nothing(day):
    walk(day, device="radar")
    day.fall()
    day.fall(value=False)
    walk(day, device="radar", seconds=0.0)
    assert not day.open
    day.fall()
    assert not day.alarm.test


def test_a_restart_ends_it(day):
    walk(day)
    day.press()
    walk_alarm = day.alarm
    day.restart()
    assert day.alarm.id == walk_alarm.id
    assert day.alarm.outcome is Outcome.TEST
    day.press()
    assert (day.alarm.test, day.alarm.count) == (False, 1)


def test_tried_cancels_are_no_matter_of_the_resident(day):
    walk(day, device="radar")
    for _ in range(4):
        day.fall()
        day.cancel()
        day.fall(value=False)
    assert not [line for line in story(day.entries) if "often_cancelled" in line]


DEVICES = ("button", "pendant", "radar", "smoke")
steps = st.lists(
    st.one_of(
        st.tuples(st.just("walk"), st.sampled_from(DEVICES), st.sampled_from((0.0, 60.0))),
        st.tuples(st.just("press"), st.sampled_from(("button", "pendant"))),
        st.tuples(st.just("fall"), st.booleans()),
        st.tuples(st.just("smoke"), st.booleans()),
        st.tuples(st.just("wait"), st.sampled_from((1.0, 20.0, 70.0))),
        st.tuples(st.just("cancel")),
        st.tuples(st.just("restart")),
        st.tuples(st.just("receipt")),
    ),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(steps)
def test_whatever_the_order_tests_stay_tests_and_real_ones_real(steps):
    day = Day()
    was = {}
    for step in steps:
        before = len(day.entries)
        under_test = day.pipeline.walk.device if day.pipeline.walk else ""
        match step:
            case ("walk", device, seconds):
                walk(day, device=device, seconds=seconds)
            case ("press", device):
                day.press(device=device)
                if device != under_test:
                    news = [e.fact.alarm for e in day.entries[before:] if hasattr(e.fact, "alarm") and hasattr(e.fact, "before")]
                    assert any(a.kind == kind.SOS and a.device == device and not a.test for a in news), "a real SOS is always told"
            case ("fall", value):
                day.fall(value=value)
            case ("smoke", value):
                day.hear("smoke", Kind.SMOKE, value)
            case ("wait", seconds):
                day.wait(seconds)
            case ("cancel",):
                day.cancel()
            case ("restart",):
                day.restart()
            case ("receipt",):
                day.receipt()
        for alarm in day.alarms():
            assert was.setdefault(alarm.id, alarm.test) == alarm.test, "never one made the other"
            assert not alarm.test or all(c.rung == 0 for c in alarm.calls)
