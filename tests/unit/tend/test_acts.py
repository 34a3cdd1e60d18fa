"""What is done once an entry is on disk: programs follow alarms, faults wait for a receipt, a confirmed device is armed."""

from types import SimpleNamespace

from gateway.judge.faults.fault import Faults
from gateway.tend.acts import Acts
from gateway.words import kind
from gateway.words.instruction import Do, Door, Instruction, Refused, ResultFact
from gateway.words.times import Times

from tests.kit.hand import HandClock, Home
from tests.unit.tell.fakes import home


class Told(list):
    def __getattr__(self, name):
        return lambda *args: self.append((name, *args))


def test_each_fact_goes_to_whom_it_concerns():
    told, clock = Told(), HandClock()
    acts = Acts(home=home(), clock=clock, intake=told, uplink=told, untold=told, callers=told)

    def committed(fact, priority=3):
        told.clear()
        acts.committed(SimpleNamespace(fact=fact, number=7, priority=priority))
        return [name for name, *_ in told]

    confirm = Instruction(id="c", do=Do.CONFIRM, by="Li", door=Door.LOCAL, device="pendant")
    assert committed(ResultFact(confirm, Refused.NONE)) == ["arm"]
    assert told == [("arm", "pendant", Times().confirm_window)]
    assert committed(ResultFact(confirm, Refused.UNKNOWN_DEVICE)) == []
    from_desk = Instruction(id="c", do=Do.CONFIRM, by="Li", door=Door.PLATFORM, device="pendant")
    assert committed(ResultFact(from_desk, Refused.NONE)) == [], "the desk does not stand at the device"
    faults = Faults({}, Times())
    assert committed(faults.note(kind.FORGOTTEN, clock.now(), readings=3)) == ["written"]
    assert committed(faults.note(kind.MISSING, clock.now(), "door"), priority=2) == ["called", "written"]
    test = Instruction(id="t", do=Do.TEST, by="Li", door=Door.LOCAL)
    pipeline = Home().pipeline("boot-1")
    (raised, *_) = [e for e in pipeline.told(test, clock.now()) if not isinstance(e.fact, ResultFact)]
    assert committed(raised.fact, raised.priority) == ["follow"], "a test calls nobody's link back"
    word = faults.note(kind.FAMILY_WORD, clock.now(), days="1y", open=False, people=1)
    assert committed(word) == ["written"], "nobody is informed"
