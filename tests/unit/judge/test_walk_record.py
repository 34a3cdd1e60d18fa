"""A walk test never reaches the real ladder, and a real alarm can never become a test."""

import pytest
from drivers import all_models
from gateway.judge.alarm import Outcome, State
from gateway.judge.faults.fact import Turn
from gateway.judge.waits import WAITS
from gateway.judge.walk_record import Goal, Need, goal
from gateway.words import kind
from gateway.words.instruction import Door
from gateway.words.reading import Kind
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.hand import DARK, HOME_ZONE, Day, refusal, story


@pytest.fixture
def day():
    return Day()


def walk(day, device="button", seconds=300.0, **more):
    return day.tell("walk", device=device, seconds=seconds, door=Door.LOCAL, **more)


def pull(day, plug, seconds=WAITS.walk_step, **more):
    return day.tell("walk", step=plug, seconds=seconds, door=Door.LOCAL, **more)


def visits(day):
    return [e.fact.detail for e in day.entries if getattr(e.fact, "kind", "") == kind.VISIT]


def of(day, name):
    return [(e.fact.turn, e.fact.test) for e in day.entries if getattr(e.fact, "kind", "") == name]


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


# -- it ends when it has seen what it wants ------------------------------------------------------------------------------

PRESSED = Goal({"presses": 3}, receipted=True, within=30.0)


def test_it_ends_by_itself_once_nothing_more_is_wanted_and_the_next_press_is_real(day):
    day.pipeline.walk_test.wants({"button": PRESSED}, platform=True)
    walk(day)
    for _ in range(3):
        day.press()
        day.wait(2)
    day.wait(20)
    assert day.pipeline.walk_test.walk is not None, "the platform has not confirmed yet"
    day.receipt()
    day.wait(WAITS.walk_settles - 1)
    day.press()  # once more than asked for, while it still lasts
    day.receipt()
    assert day.alarm.test
    day.wait(WAITS.walk_settles + 1)
    (told,) = visits(day)
    assert (told["end"], told["passed"], told["lacks"], told["presses"]) == ("passed", True, "", 4)
    assert day.alarm.outcome is Outcome.TEST
    day.press()
    assert not day.alarm.test


def test_ended_early_it_says_what_is_missing(day):
    day.pipeline.walk_test.wants({"button": PRESSED}, platform=True)
    walk(day)
    day.press()
    day.pipeline.walk_test.walk.signal(-94, day.clock.mono)
    walk(day, seconds=0.0)
    (told,) = visits(day)
    assert (told["passed"], told["lacks"]) == (False, "presses signal receipt")


def test_a_fall_that_is_still_on_keeps_it_open_until_the_radar_says_otherwise(day):
    day.pipeline.walk_test.wants({"radar": Goal({"falls": 1}, receipted=True)}, platform=True)
    walk(day, device="radar")
    day.fall()
    for _ in range(6):
        day.receipt()
        day.wait(10)
    assert day.pipeline.walk_test.walk is not None
    day.fall(value=False)
    day.receipt()
    day.wait(WAITS.walk_settles + 1)
    assert day.pipeline.walk_test.walk is None
    assert not day.open


def test_states_count_when_they_begin_and_a_door_when_it_is_closed_too(day):
    walk(day, device="door")
    for value in (False, False, True, True, True, False, False, True):
        day.hear("door", Kind.CONTACT_OPEN, value)
    assert day.pipeline.walk_test.walk.facts() | {"readings": 8, "openings": 2, "closings": 1} == day.pipeline.walk_test.walk.facts()


def test_each_press_has_the_worst_signal_of_its_burst(day):
    walk(day)
    for signals in ((-71, -78, -70), (-60,), (-88, -80)):
        for n, rssi in enumerate(signals):
            day.pipeline.walk_test.walk.signal(rssi, day.clock.mono)
            if n == 0:
                day.press()
            day.clock.move(0.1)
        day.clock.move(3)
    facts = day.pipeline.walk_test.walk.facts()
    assert (facts["signals_dbm"], facts["worst_dbm"]) == ("-78 -60 -88", -88)


@pytest.mark.parametrize(
    ("model", "more", "counts"),
    [
        ("shelly-blu-button", {}, {"presses": 3}),
        ("shelly-blu-door", {}, {"openings": 1, "closings": 1}),
        ("shelly-blu-motion", {}, {"motions": 1}),
        ("radar-5359", {}, {"presences": 1, "falls": 1}),
        ("zigbee-smoke", {}, {"smokes": 1}),
        ("linptech-ps1bb", {"bed": True}, {"occupied": 1, "left": 1}),
        ("ev1527-door", {"codes": ("open",)}, {"openings": 1}),
        ("bthome-v2", {"roles": {"sos"}}, {"presses": 3}),
        ("enocean-esp3", {}, {"packets": 1}),
        ("gatt-scale", {}, {"readings": 1}),
    ],
)
def test_what_a_make_has_to_show(model, more, counts):
    made = goal(all_models()[model], **more, receipts=True, within=30.0)
    assert dict(made.counts) == counts
    assert made.receipted is bool({"presses", "falls", "smokes"} & set(counts))


def test_every_make_can_pass():
    for name, model in all_models().items():
        made = goal(model, receipts=True, within=30.0)
        facts = dict(made.counts) or {"openings": 1}
        if made.receipted:
            facts |= {"receipt_s": 0.5, "without_receipt": 0}
        assert all(n.done for n in made.needs(facts)), name
        assert not all(n.done for n in made.needs({})), name


def test_a_late_receipt_is_no_receipt():
    assert PRESSED.needs({"presses": 3, "receipt_s": 31.0})[-1] == Need("receipt", False)


# -- mains and network pulled --------------------------------------------------------------------------------------------


def test_network_pulled_an_alarm_is_raised_meanwhile_and_told_after_all_of_it_marked_as_test(day):
    pull(day, "uplink")
    day.wait(70)
    day.take(day.pipeline.linked(False, day.clock.now()))
    assert of(day, kind.UPLINK_LOST) == [(Turn.RAISED, True)]
    assert (day.alarm.kind, day.alarm.test, day.alarm.state) == (kind.TEST, True, State.RAISED)
    day.wait(90)
    assert {c.rung for c in day.alarm.calls} == {0}
    day.take(day.pipeline.linked(True, day.clock.now()))
    day.clock.move(1.5)
    day.receipt()
    (told,) = visits(day)
    assert (told["step"], told["passed"], told["end"]) == ("uplink", True, "passed")
    assert (told["noticed_s"], told["away_s"], told["receipt_s"], told["held_s"]) == (70.0, 90.0, 1.5, 91.5)
    assert of(day, kind.UPLINK_LOST)[-1] == (Turn.CLEARED, True)
    assert day.alarm.outcome is Outcome.TEST
    assert day.pipeline.walk_test.step is None


def test_a_network_that_stays_away_is_a_real_fault_in_its_time(day):
    pull(day, "uplink", seconds=60.0)
    day.take(day.pipeline.linked(False, day.clock.now()))
    day.wait(61)
    assert visits(day)[0]["passed"] is False
    assert of(day, kind.UPLINK_LOST) == [(Turn.RAISED, True), (Turn.CLEARED, True)]
    day.wait(1750)
    assert of(day, kind.UPLINK_LOST)[-1] == (Turn.RAISED, False)


def test_a_real_sos_with_the_network_pulled_is_real(day):
    pull(day, "uplink")
    day.take(day.pipeline.linked(False, day.clock.now()))
    day.press()
    day.wait(100)
    assert (day.alarm.kind, day.alarm.test) == (kind.SOS, False)
    assert day.alarm.rung > 0


def test_mains_pulled_and_back_is_a_test_and_one_that_stays_away_is_not(day):
    day.take(day.pipeline.powered(True, day.clock.now()))
    pull(day, "mains")
    day.wait(5)
    day.take(day.pipeline.powered(False, day.clock.now()))
    assert of(day, kind.MAINS_LOST) == [(Turn.RAISED, True)]
    day.wait(20)
    day.take(day.pipeline.powered(True, day.clock.now()))
    (told,) = visits(day)
    assert (told["step"], told["passed"], told["noticed_s"], told["away_s"]) == ("mains", True, 5.0, 20.0)
    day.pipeline.faults._mains_jitter = 100.0
    day.take(day.pipeline.powered(False, day.clock.now()))
    day.wait(395)
    assert of(day, kind.MAINS_LOST)[-1] == (Turn.CLEARED, True)
    day.wait(10)
    assert of(day, kind.MAINS_LOST)[-1] == (Turn.RAISED, False)
    day.take(day.pipeline.powered(True, day.clock.now()))
    assert of(day, kind.MAINS_LOST)[-1] == (Turn.CLEARED, False)


def test_a_step_needs_something_to_pull_and_one_thing_is_tested_at_a_time(day):
    assert "cannot know" in refusal(pull(day, "mains"))[2]
    day.take(day.pipeline.powered(False, day.clock.now()))
    assert refusal(pull(day, "mains"))[0] == "not_allowed"
    assert refusal(pull(day, "radio"))[0] == "missing_field"
    assert refusal(pull(day, "uplink", seconds=WAITS.walk_step + 1))[0] == "too_long"
    assert not refusal(pull(day, "uplink"))[0]
    assert refusal(walk(day))[0] == "not_allowed"
    assert refusal(pull(day, "uplink"))[0] == "not_allowed"
    pull(day, "uplink", seconds=0.0)
    assert not refusal(walk(day))[0]
    assert refusal(pull(day, "uplink"))[0] == "not_allowed"
    walk(day, seconds=0.0)
    day.take(day.pipeline.linked(False, day.clock.now()))
    assert "connect it first" in refusal(pull(day, "uplink"))[2]
    day.pipeline.walk_test.wants({}, platform=False)
    assert refusal(pull(day, "uplink"))[0] == "missing_field"
    assert refusal(day.tell("walk", step="uplink", seconds=10.0))[0] == "local_only"


def test_a_restart_ends_a_step_and_what_it_began(day):
    pull(day, "uplink")
    day.take(day.pipeline.linked(False, day.clock.now()))
    day.restart()
    assert of(day, kind.UPLINK_LOST)[-1] == (Turn.CLEARED, True)
    assert day.pipeline.walk_test.step is None
    day.wait(WAITS.walk_longest * 3)
    assert day.alarm.outcome is Outcome.TEST


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
        under_test = day.pipeline.walk_test.walk.device if day.pipeline.walk_test.walk else ""
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


# -- what never says that it is over -------------------------------------------------------------------------------------


def sounds(day, times=1, every=5):
    for _ in range(times):
        day.hear("smoke433", Kind.SMOKE, True)
        day.wait(every)


def real(day):
    return [a for a in day.alarms() if not a.test]


@pytest.mark.parametrize("how", ["time", "ended", "passed", "retired", "replaced", "restart", "power cut"])
def test_a_test_key_of_a_detector_without_an_over_is_never_a_real_fire(day, how):
    day.pipeline.walk_test.wants({"smoke433": Goal({"smokes": 1}, receipted=True)} if how == "passed" else {}, platform=True)
    walk(day, device="smoke433")
    sounds(day, 4)
    day.receipt()
    others = {w.device: w.room for w in day.home.watches if w.device != "smoke433" or how != "retired"}
    match how:
        case "ended":
            walk(day, device="smoke433", seconds=0.0)
        case "retired" | "replaced":
            gone = {"smoke433"} if how == "replaced" else set()
            watches = {w.device: w for w in day.home.watches if w.device in others}
            day.pipeline._judge.rewatch(watches, day.home.times, HOME_ZONE, DARK, gone)
            ladder = day.home.ladder
            now = day.clock.now()
            day.take(day.pipeline.rearrange(devices=others, ladder=ladder, times=day.home.times, ended=(), now=now, other=gone))
        case "restart" | "power cut":
            day.restart(other_boot=how == "power cut")
    day.wait(1000)
    assert day.pipeline.walk_test.walk is None
    assert (real(day), day.open) == ([], [])
    if how != "retired":
        sounds(day)
        assert [(a.kind, a.priority, a.linked) for a in real(day)] == [("env.smoke", 1, "")], "ten days later it burns"


def test_the_tone_that_goes_on_after_the_test_was_ended_is_its_own_and_what_comes_after_a_pause_is_real(day):
    walk(day, device="smoke433")
    sounds(day, 3)
    walk(day, device="smoke433", seconds=0.0)
    sounds(day, 3)
    assert not real(day)
    day.wait(WAITS.walk_settles)
    sounds(day)
    assert len(real(day)) == 1


def test_a_fire_that_goes_on_is_not_taken_for_the_test_for_longer_than_a_minute(day):
    walk(day, device="smoke433")
    sounds(day, 3)
    walk(day, device="smoke433", seconds=0.0)
    sounds(day, int(WAITS.walk_sounds / 5))
    assert not real(day)
    sounds(day, 2)
    assert [a.kind for a in real(day)] == [kind.SMOKE]


def test_such_a_test_does_not_pass_while_the_tone_still_sounds(day):
    day.pipeline.walk_test.wants({"smoke433": Goal({"smokes": 1}, receipted=True)}, platform=True)
    walk(day, device="smoke433")
    for _ in range(6):
        sounds(day, every=0)
        day.receipt()
        day.wait(30)
    assert day.pipeline.walk_test.walk is not None
    assert not day.pipeline.walk_test.walk.on, "nobody need wait for an end that is never said"
    day.wait(WAITS.walk_sounds)
    assert visits(day)[0]["end"] == "passed"
    assert not real(day)


@pytest.mark.parametrize("how", ["retired", "replaced"])
def test_a_radar_retired_or_replaced_in_its_test_leaves_nothing_real(day, how):
    walk(day, device="radar")
    day.fall()
    gone = {"radar"} if how == "replaced" else set()
    here = {w.device: w for w in day.home.watches if w.device != "radar" or how == "replaced"}
    day.pipeline._judge.rewatch(here, day.home.times, HOME_ZONE, DARK, gone)
    rooms = {d: w.room for d, w in here.items()}
    day.take(day.pipeline.rearrange(devices=rooms, ladder=day.home.ladder, times=day.home.times, ended=(), now=day.clock.now(), other=gone))
    day.wait(1000)
    assert not real(day)
    assert day.pipeline.walk_test.walk is None


def test_a_fall_that_is_still_on_when_the_time_is_over_is_real_for_a_radar_would_have_said_otherwise(day):
    walk(day, device="radar")
    day.fall()
    day.wait(301)
    assert [(a.kind, a.state) for a in real(day)] == [(kind.FALL, State.PRE_ALARM)]
