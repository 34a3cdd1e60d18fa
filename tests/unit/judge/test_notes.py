"""What a part says about the gateway itself waits for the pump's next turn, and is judged at that moment."""

from datetime import UTC, datetime

from gateway.judge.faults.fact import Turn
from gateway.judge.faults.fault import Faults
from gateway.judge.notes import Notes
from gateway.words import kind
from gateway.words.clock import Moment, Quality
from gateway.words.times import Times

AT = Moment(7.0, datetime(2026, 11, 29, tzinfo=UTC), Quality.SYNCHRONISED)


def test_what_is_said_is_judged_in_the_next_turn_and_in_its_order():
    faults, woken = Faults({}, Times()), []
    notes = Notes(faults, lambda facts, at: [(fact.kind, fact.turn, fact.device, at) for fact in facts], lambda: woken.append(1))
    assert not notes
    notes.say(kind.FORGOTTEN, readings=3)
    notes.begin(kind.CALL_FAILED, "/people/sms", why="broken")
    notes.begin(kind.CALL_FAILED, "/people/sms", why="again")
    notes.end(kind.CALL_FAILED, "/people/sms")
    notes.end(kind.CALL_FAILED, "/people/sms")
    notes.later(lambda at: [at.mono])
    assert (bool(notes), len(woken), faults.on) == (True, 6, {}), "nothing is judged before its turn"
    told = [one for note in notes.take() for one in note(AT)]
    assert told == [
        (kind.FORGOTTEN, Turn.NOTED, "", AT),
        (kind.CALL_FAILED, Turn.RAISED, "/people/sms", AT),
        (kind.CALL_FAILED, Turn.CLEARED, "/people/sms", AT),
        7.0,
    ]
    assert not notes


def test_what_is_said_while_notes_are_taken_waits_for_the_turn_after():
    notes = Notes(Faults({}, Times()), lambda facts, at: list(facts), lambda: None)
    notes.later(lambda _: notes.say(kind.FORGOTTEN) or [])
    (first,) = notes.take()
    assert first(AT) == []
    assert len(notes.take()) == 1
