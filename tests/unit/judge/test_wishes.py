"""A wish, not a rescue: told once as a P4 note, whoever presses again; no alarm, no ladder."""

import pytest
from drivers import all_models
from gateway.judge.faults.fact import FaultFact
from gateway.judge.waits import WAITS
from gateway.judge.walk_record import goal
from gateway.judge.watch import REQUEST, ROLES
from gateway.words import kind
from gateway.words.instruction import Do, Door
from gateway.words.kind import Priority
from msgspec.structs import replace

from tests.kit.hand import WATCHES, Day, Home


@pytest.fixture
def day():
    watches = tuple(replace(w, presses={**w.presses, (1, "long"): REQUEST}) if w.device == "onebutton" else w for w in WATCHES)
    return Day(Home(watches=watches))


def wishes(day):
    return [e for e in day.entries if isinstance(e.fact, FaultFact) and e.fact.kind == kind.REQUEST]


def test_a_press_that_asks_for_a_service_is_a_note_and_no_alarm(day):
    day.press(device="onebutton", value="long_press")
    (told,) = wishes(day)
    assert (told.priority, told.fact.turn, told.fact.device, told.fact.test) == (Priority.P4, "noted", "onebutton", False)
    assert [r.value for r in told.fact.evidence] == ["long_press"]
    day.wait(3600)
    assert not day.pipeline.alarms
    day.press(device="onebutton", value="double_press")
    assert [a.kind for a in day.pipeline.alarms.values()] == [kind.SOS], "the other presses mean what they meant"


def test_who_presses_again_at_once_means_the_same_wish(day):
    for _ in range(5):
        day.press(device="onebutton", value="long_press")
        day.clock.move(1)
    assert len(wishes(day)) == 1
    day.clock.move(WAITS.wish_again)
    day.press(device="onebutton", value="long_press")
    assert len(wishes(day)) == 2


def test_in_a_walk_test_it_is_a_test_and_no_receipt_is_waited_for(day):
    day.tell(Do.WALK, by="Li", device="onebutton", seconds=300.0, door=Door.LOCAL)
    day.press(device="onebutton", value="long_press")
    assert [e.fact.test for e in wishes(day)] == [True]
    button = all_models()["shelly-blu-button"]
    assert REQUEST in ROLES
    assert not goal(button, roles=[REQUEST], receipts=True, within=30).receipted
    assert goal(button, roles=[REQUEST, "sos"], receipts=True, within=30).receipted
    assert goal(button, receipts=True, within=30).receipted
