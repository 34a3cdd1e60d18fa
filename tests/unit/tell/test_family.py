"""Who is informed is told three things of an alarm, each once, and nothing that must stay secret."""

from types import SimpleNamespace

from gateway.judge.alarm import State
from gateway.judge.dispatch import PROGRAM, Rung
from gateway.sms.family import ALARM, OVER, TAKEN
from gateway.tell import family
from gateway.words import kind
from gateway.words.instruction import Do
from gateway.words.kind import Priority

from tests.kit.hand import Day, Home

SON = Rung("son", PROGRAM, 60.0, ("/bin/eldercare-sms", "--to", "p2"))


def config(*, consent=True, quiet=False, informed=(SON,)):
    return SimpleNamespace(
        informed=informed,
        quiet_sos=quiet,
        parts=SimpleNamespace(consent=SimpleNamespace(family=consent, activity=True)),
    )


def told(day, **more):
    home = config(**more)
    facts = [e.fact for e in day.entries if hasattr(e.fact, "alarm") and hasattr(e.fact, "move")]
    return [news for fact in facts if family.agreed(home) and (news := family.news(fact, home))]


def lived(day):
    day.tell(Do.ACKNOWLEDGE, alarm=day.alarm.id)
    day.tell(Do.DISPATCH, alarm=day.alarm.id, responder="Li", seconds=300)
    day.tell(Do.ARRIVE, alarm=day.alarm.id, responder="Li")
    day.tell(Do.CLOSE, alarm=day.alarm.id, outcome="helped")
    return day


def test_an_alarm_that_somebody_has_and_that_it_is_over_are_told_once_each():
    day = Day()
    day.press()
    assert told(lived(day)) == [ALARM, TAKEN, OVER]
    assert told(day, consent=False) == [], "until the resident has agreed nothing is told"
    assert told(day, informed=()) == []
    assert told(day, quiet=True) == [], "who threatens may be a relative"


def test_what_the_resident_takes_back_is_told_nobody():
    day = Day()
    day.fall()
    day.wait(5)
    day.cancel()
    assert told(day) == []


def test_an_answer_that_comes_to_nothing_is_told_once():
    day = Day(Home(ladder=(Rung("Li", PROGRAM, 60.0, ("/bin/li",)),)))
    day.press()
    day.tell(Do.ACKNOWLEDGE, alarm=day.alarm.id)
    day.wait(600)
    day.tell(Do.ACKNOWLEDGE, alarm=day.alarm.id, by="Chen")
    assert told(day) == [ALARM, TAKEN]


def test_its_stand_in_is_last_in_every_row():
    day = Day()
    day.press()
    one = family.stand_in(7, day.alarm.since)
    assert (one.number, one.priority, one.state, one.kind) == (-8, Priority.P4, State.RAISED, kind.FAMILY_WORD)
