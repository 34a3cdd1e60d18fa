"""A drill: the resident's press is a test, and the first responder alone is called by it, marked as a test; nothing of it is ever real."""

import pytest
from gateway.judge.alarm import Delivery, State
from gateway.judge.book import AlarmFact
from gateway.judge.dispatch import PROGRAM, Rung
from gateway.judge.walk_record import DRILL, Goal
from gateway.words import kind
from gateway.words.instruction import Door

from tests.kit.hand import Day, Home, refusal, story

SIREN, FAMILY, NEIGHBOUR = (
    Rung("siren", PROGRAM, 0.0, ("/bin/siren",), sounds=True),
    Rung("family", PROGRAM, 60.0, ("/bin/call", "1")),
    Rung("neighbour", PROGRAM, 60.0, ("/bin/call", "2")),
)
GOALS = {"pendant": Goal({"presses": 3}, receipted=True, within=30.0), "radar": Goal({"falls": 1})}


def day_of(*ladder):
    day = Day(Home(ladder=ladder))
    day.pipeline.walk_test.wants(GOALS, platform=True)
    return day


@pytest.fixture
def day():
    return day_of(SIREN, FAMILY, NEIGHBOUR)


def begin(day, device="pendant", seconds=300.0):
    return day.tell("walk", by="Li", device=device, step=DRILL, seconds=seconds, door=Door.LOCAL)


def result(day):
    """Return what the drill came to."""
    (note,) = (e.fact for e in day.entries if getattr(e.fact, "kind", "") == kind.VISIT)
    assert note.test
    return note.detail


def calls(day):
    return [c for a in day.alarms() for c in a.calls if c.rung]


def test_the_resident_presses_the_first_person_is_called_and_answers(day):
    begin(day)
    day.press(device="pendant")
    (alarm,) = day.alarms()
    assert (alarm.test, alarm.priority) == (True, 4)
    assert [(c.responder, c.reason, c.delivery) for c in calls(day)] == [("family", "drill", Delivery.WAITING)], "no siren, nobody else"
    day.receipt()
    day.clock.move(8)
    day.called_back(alarm.number, alarm.made - 1, ok=True)
    day.clock.move(20)
    day.tell("acknowledge", alarm=alarm.id, by="family", door=Door.LOCAL)
    day.tell("dispatch", alarm=alarm.id, by="family", responder="family", seconds=600.0, door=Door.LOCAL)
    day.receipt()
    day.wait(15)
    told = result(day)
    assert (told["what"], told["passed"], told["lacks"], told["called"]) == ("drill", True, "", "family")
    assert (told["reached_s"], told["answered_s"], told["presses"]) == (8.0, 28.0, 1)
    assert [a.state for a in day.alarms()] == [State.CLOSED], "whoever said to be coming need not"
    assert day.wait(3600) == []


def test_pressed_often_one_is_called_once_and_nobody_after_him(day):
    begin(day)
    for _ in range(5):
        day.press(device="pendant")
        day.wait(20)
    (alarm,) = day.alarms()
    day.called_back(alarm.number, 1, ok=False)
    day.wait(400)
    assert [c.responder for c in calls(day)] == ["family"]
    assert (result(day)["passed"], result(day)["lacks"]) == (False, "receipt reached answered")
    assert [a.state for a in day.alarms()] == [State.CLOSED]


def test_nobody_who_presses_makes_a_drill_of_nothing(day):
    begin(day)
    day.wait(301)
    assert (result(day)["lacks"], calls(day)) == ("presses receipt reached answered", [])


def test_what_is_real_is_real_meanwhile(day):
    begin(day)
    day.press(device="button")
    real = day.alarm
    assert (real.test, real.state) == (False, State.RAISED)
    day.press(device="pendant")
    day.wait(400)
    assert {c.responder for a in day.alarms() if not a.test for c in a.calls if c.rung} >= {"family", "neighbour"}
    assert [c.reason for a in day.alarms() if a.test for c in a.calls if c.rung] == ["drill"]


def test_a_walk_test_and_a_test_alarm_call_nobody_still(day):
    day.tell("walk", by="Li", device="pendant", seconds=300.0, door=Door.LOCAL)
    day.press(device="pendant")
    day.wait(120)
    assert [c for c in calls(day) if c.delivery is not Delivery.HELD] == []


@pytest.mark.parametrize("device", ["radar", "smoke"])
def test_only_a_button_that_calls_can_be_drilled(day, device):
    assert refusal(begin(day, device))[0] == "not_allowed"


def test_while_an_alarm_is_open_there_is_none(day):
    day.press(device="button")
    assert refusal(begin(day))[0] == "not_allowed"
    day.tell("acknowledge", alarm=day.alarm.id)
    assert refusal(begin(day))[0] == "not_allowed", "answered is not over"


def test_where_the_gateway_calls_nobody_itself_there_is_none():
    for ladder in ((), (SIREN,), (Rung("desk"),)):
        assert refusal(begin(day_of(*ladder)))[0] == "not_allowed"


def test_ended_by_hand_and_by_a_restart_it_leaves_nothing_open(day):
    begin(day)
    day.press(device="pendant")
    day.tell("dispatch", alarm=day.alarm.id, by="family", responder="family", seconds=600.0, door=Door.LOCAL)
    begin(day, seconds=0.0)
    assert (result(day)["end"], [a.state for a in day.alarms()]) == ("ended", [State.CLOSED])
    begin(day)
    day.press(device="pendant")
    day.restart()
    assert all(a.state is State.CLOSED for a in day.alarms())
    day.press(device="pendant")
    assert not day.alarm.test, "real again"
    moves = [e.fact.move for e in day.entries if isinstance(e.fact, AlarmFact) and e.fact.alarm.test]
    assert "recall" in moves
    assert "service.visit noted" in story(day.entries)
