"""How much a door lets in: a babbling sender fills no journal, and a flood is one fault with its number."""

import pytest
from gateway.judge.allowance import Of
from gateway.judge.faults.fact import Turn
from gateway.judge.waits import WAITS
from gateway.tend.admission import BAD_MESSAGES, Admission
from gateway.words import kind
from gateway.words.instruction import Door

from tests.unit.tend.turns import Turns


@pytest.fixture
def turns():
    made = Turns()
    made.admission = Admission(made.faults, made.notes, made.clock.now)
    return made


def test_so_many_bad_messages_an_hour_are_told_and_the_others_counted(turns):
    for n in range(BAD_MESSAGES + 5):
        assert turns.admission.tells is (n < BAD_MESSAGES)
        turns.admission.bad_message("instruction", f"no {n}", "o1" if n == 0 else "")
    turns.turn()
    bad = [detail for name, *_, detail in turns.told if name == kind.BAD_MESSAGE]
    assert len(bad) == BAD_MESSAGES
    assert bad[0] == {"message": "instruction", "why": "no 0", "id": "o1"}
    assert [turn for name, turn, *_ in turns.told if name == kind.TOO_MANY_ORDERS] == [Turn.RAISED]
    turns.clock.mono += 3600
    turns.admission.bad_message("instruction", "again")
    turns.turn()
    assert turns.told[-1][0] == kind.BAD_MESSAGE, "the next hour has its own"


def test_a_flood_is_over_when_it_is_quiet_and_told_with_its_number(turns):
    now = turns.clock.now()
    let_in = sum(turns.admission.spare(Door.PLATFORM, Of.ORDER, now) for _ in range(100))
    assert let_in == Of.ORDER.value.at_once
    turns.turn()
    assert turns.admission.flooded(now) == []
    turns.clock.mono += WAITS.refusals_over
    (over,) = turns.admission.flooded(turns.clock.now())
    assert (over.turn, over.detail["refused"]) == (Turn.CLEARED, 100 - let_in)
    assert turns.admission.flooded(turns.clock.now()) == []
