"""Every way an alarm can go, against a table written from the document and not from the code."""

from itertools import product

import pytest
from gateway.judge.alarm import ENDED, MOVES, STAGE_OF, Alarm, Move, NotAllowed, State, moved
from gateway.words.clock import Moment, stamp
from gateway.words.kind import Priority
from msgspec.structs import replace

from tests.kit.hand import NOON

# State, what may happen, where it leads. A decline is "cannot come", a lapse "nobody acts / did not arrive in time".
TABLE = """
    pre_alarm     expire       raised
    pre_alarm     confirm      raised
    pre_alarm     cancel       cancelled
    raised        acknowledge  acknowledged
    raised        dispatch     dispatched
    raised        arrive       on_site
    raised        close        closed
    acknowledged  dispatch     dispatched
    acknowledged  arrive       on_site
    acknowledged  close        closed
    acknowledged  lapse        raised
    dispatched    arrive       on_site
    dispatched    decline      acknowledged
    dispatched    recall       acknowledged
    dispatched    lapse        raised
    on_site       close        closed
    on_site       lapse        raised
"""
MAY = {(s, m): to for s, m, to in (line.split() for line in TABLE.split("\n") if line.strip())}
STATES = ("pre_alarm", "raised", "acknowledged", "dispatched", "on_site", "closed", "cancelled")
DOES = ("expire", "confirm", "cancel", "acknowledge", "dispatch", "decline", "recall", "arrive", "lapse", "close")
STAGE = dict(zip(STATES, ("danger", "alarm", "answered", "dispatch", "arrival", "closed", "cancelled"), strict=True))
LONGEST = 6


def alarm_in(state: str) -> Alarm:
    at = Moment(100.0, NOON)
    return Alarm(
        number=1,
        id="j-a1",
        kind="person.fall",
        priority=Priority.P1,
        device="radar",
        room="bath",
        state=State(state),
        since=at,
        stages={STAGE[state]: stamp("b", at)},
    )


def at(n: int) -> Moment:
    return Moment(101.0 + n, NOON)


def test_the_table_is_the_documents_table():
    assert {(s.value, m.value): to.value for s, row in MOVES.items() for m, to in row.items()} == MAY
    assert {s.value for s in State} == set(STATES)
    assert {m.value for m in Move} == set(DOES)
    assert {s.value for s in ENDED} == {"closed", "cancelled"} == set(STATES) - {s for s, _ in MAY}
    assert {s.value: name for s, name in STAGE_OF.items()} == STAGE


@pytest.mark.parametrize("first", STATES)
def test_every_sequence_of_moves_up_to_six(first):
    # Walked as a tree: each of the 10 ** 6 sequences is the path to one leaf; a refused move leaves the alarm as it was,
    # so what follows it is what follows the shorter sequence, already walked.
    walked = 0
    front = [(alarm_in(first), first, {STAGE[first]: 100.0})]
    for n in range(LONGEST):
        after = []
        for alarm, state, firsts in front:
            for move in DOES:
                walked += 1
                to = MAY.get((state, move))
                if to is None:
                    before = replace(alarm)
                    with pytest.raises(NotAllowed) as refused:
                        moved(alarm, Move(move), at(n), stamp("b", at(n)), by="x")
                    assert alarm == before
                    assert move in str(refused.value)
                    assert state in str(refused.value)
                    continue
                done = moved(alarm, Move(move), at(n), stamp("b", at(n)), by=f"by {n}", reason=f"why {n}")
                withdraws = move in {"decline", "recall"}
                times = {STAGE[to]: at(n).mono} | ({"withdrawn": at(n).mono} if withdraws else {}) | firsts
                assert (done.state, done.since, done.by, done.reason) == (to, at(n), f"by {n}", f"why {n}")
                assert {name: s.mono for name, s in done.stages.items()} == times, "each stage keeps its first time"
                assert alarm.state == state, "the alarm before the move is untouched"
                assert done == replace(
                    alarm,
                    state=done.state,
                    since=done.since,
                    stages=done.stages,
                    by=done.by,
                    reason=done.reason,
                    answered=done.answered,
                    lapsed=alarm.lapsed or move == "lapse" or (withdraws and "withdrawn" in firsts),
                )
                held = {"acknowledged", "dispatched", "on_site"}
                assert done.answered == (at(n).mono if to in held and state not in held else alarm.answered)
                after.append((done, to, times))
        front = after
    assert walked >= len(DOES)


def test_sequences_taken_one_by_one_agree_with_the_table():
    # The same again without the tree's short cut, all lengths up to four from the two states in which an alarm begins.
    for first, length in product(("pre_alarm", "raised"), range(1, 5)):
        for moves in product(DOES, repeat=length):
            alarm, state = alarm_in(first), first
            for n, move in enumerate(moves):
                try:
                    alarm = moved(alarm, Move(move), at(n), stamp("b", at(n)), by="x")
                except NotAllowed:
                    assert (state, move) not in MAY
                else:
                    state = MAY[state, move]
            assert alarm.state == state


def test_nothing_ends_without_being_closed_by_somebody_or_cancelled_in_the_grace():
    assert {s for (s, _), to in MAY.items() if to == "cancelled"} == {"pre_alarm"}
    assert all(move == "close" for (_, move), to in MAY.items() if to == "closed")
    assert all(alarm_in(s).open is (s not in {"closed", "cancelled"}) for s in STATES)


def test_a_refusal_names_what_is_allowed():
    assert str(NotAllowed(State.RAISED, Move.CANCEL)) == (
        "cancel is not allowed in state raised; allowed: acknowledge, dispatch, arrive, close"
    )
    assert str(NotAllowed(State.CLOSED, Move.CLOSE)).endswith("allowed: nothing, it has ended")
