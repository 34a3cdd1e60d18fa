"""What of an alarm's life is told aloud: a call that is made, and nothing of who is passed over."""

from gateway.judge.alarm import Alarm, Called, Delivery, Move, State
from gateway.judge.book import AlarmFact
from gateway.judge.dispatch import PROGRAM
from gateway.tell.spoken import word
from gateway.words import kind as kinds
from gateway.words.clock import Moment, stamp
from gateway.words.kind import Priority

from tests.kit.hand import NOON

AT = Moment(1000.0, NOON)


def call(reason, delivery=Delivery.WAITING, mono=1000.0):
    return Called(1, "daughter", PROGRAM, reason, stamp("b", AT), delivery, entry="e", mono=mono)


def fact(*calls, move="call", before=State.RAISED, state=State.RAISED):
    alarm = Alarm(
        number=1,
        id="a1",
        kind=kinds.SOS,
        priority=Priority.P1,
        device="d",
        room="",
        state=state,
        since=AT,
        stages={},
        calls=(call("raised", mono=900.0), *calls),
    )
    return AlarmFact(alarm, move, before, "rule", "")


def test_nothing_is_told_of_who_is_passed_over_and_whoever_is_called_instead_is_told_with_the_reason():
    skipped = call("not_acknowledged", Delivery.FAILED)
    assert word(fact(skipped), moved=False, called=True, passed=True) == ""
    assert word(fact(skipped, call("call_failed", mono=1000.01)), moved=False, called=True) == "raised_again"
    lapse = fact(call("not_arrived", Delivery.FAILED), move=Move.LAPSE, before=State.DISPATCHED)
    assert word(lapse, moved=True, called=True, passed=True) == ""
    assert word(fact(call("not_arrived", Delivery.FAILED), call("repeat")), moved=False, called=True) == "raised_again"


def test_a_call_that_failed_by_itself_is_followed_by_the_next_person_and_no_more():
    failed = call("not_acknowledged", Delivery.FAILED, mono=975.0)
    assert word(fact(failed, call("call_failed")), moved=False, called=True) == "calling"
    assert word(fact(call("not_acknowledged")), moved=False, called=True) == "raised_again"
    assert word(fact(move=Move.LAPSE, before=State.ACKNOWLEDGED), moved=True, called=False) == "raised_again"
