"""The pump with a real middle and small fakes around it: the order of a turn, commit then tell, and a disk that moves to memory."""

import asyncio
from types import SimpleNamespace

import pytest
from gateway.judge.faults.fact import Turn
from gateway.judge.known import Known
from gateway.judge.notes import Notes
from gateway.keep.storage import MovedToMemory
from gateway.tend.pump import Parts, Pump
from gateway.tend.waits import WAITS
from gateway.words import kind
from gateway.words.reading import Kind, Reading

from tests.kit.hand import HandClock, Home
from tests.kit.wait import until


class Inlet:
    """What comes in: functions that are asked in their turn."""

    def __init__(self, name, log):
        self.name, self.log, self.waits, self.event = name, log, [], False

    @property
    def waiting(self):
        return bool(self.waits)

    def entries(self, now):
        self.log.append(self.name)
        waits, self.waits = self.waits, []
        return [entry for one in waits for entry in one(now)]

    def last(self, now):
        self.log.append(f"last of {self.name}")
        return self.entries(now)


class Storage:
    """Takes each turn, or moves to memory once."""

    def __init__(self, log):
        self.log, self.written, self.fails = log, [], False
        self.store = SimpleNamespace(journal="j1")
        self.free = asyncio.Event()
        self.free.set()

    async def commit(self, writing):
        await self.free.wait()
        if self.fails:
            self.fails, self.store = False, SimpleNamespace(journal="j2")
            raise MovedToMemory("the disk is full", "j1", "j2")
        self.log.append("commit")
        self.written.append(writing)
        return [entry.number for entry in writing.entries]

    async def carry_out(self, job):
        return await job() if not self.fails else await self.commit(None)


class Receipts(list):
    full = False

    def take(self):
        taken, self[:] = [*self], []
        return taken


@pytest.fixture
def made():
    log = []
    clock = HandClock()
    pipeline = Home().pipeline("boot-1")
    pipeline.restart(clock.now(), Known(journal="j1"), why="start")
    wake = asyncio.Event()
    out = SimpleNamespace(log=log, clock=clock, pipeline=pipeline, wake=wake, heard=Inlet("heard", log), door=Inlet("door", log))
    out.storage, out.receipts, out.notes = Storage(log), Receipts(), Notes(pipeline.faults, pipeline.noticed, wake.set)
    out.succession = SimpleNamespace(conflict=None, anew=lambda: log.append("anew"))
    out.asked = []

    async def another(why):
        log.append(f"another {why}")

    async def chore(_now, pump):
        log.append("chore")

    def marker(_now, anew):
        out.asked.append(anew)
        return {"all": "1"} if anew else {"changed": "1"}

    out.parts = Parts(
        heard=out.heard,
        inlets=(out.door,),
        looks=(lambda _now: log.append("look") or [],),
        markers=(marker, lambda _now, _anew: {"other": "2"}),
        witnesses=(lambda entry: log.append(f"witness {entry.number}"),),
        chores=(chore,),
        memory=SimpleNamespace(memory=lambda: {"radar": "m"}, memories=lambda: {"radar": "all"}),
        receipts=out.receipts,
        succession=out.succession,
        unsaved=lambda: False,
        last_heard=lambda _now: {"radar": 5.0},
        judged=lambda: log.append("judged"),
        offer=lambda messages: log.append(f"push {messages}"),
        another=another,
    )
    out.pump = Pump(clock, pipeline, out.storage, out.notes, wake, out.parts)
    return out


def press(made):
    return lambda now: made.pipeline.heard(Reading(device="button", kind=Kind.BUTTON, value="press", at=now, index=1))


async def once(made):
    """Let the pump turn until it rests."""
    task = asyncio.create_task(made.pump.run())
    await until(lambda: made.log[-1:] == ["chore"] and not made.pump.waiting)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_turn_hears_the_home_first_commits_then_pushes_then_acts(made):
    made.clock.mono = made.pipeline.faults.due()
    made.heard.waits.append(press(made))
    made.door.waits.append(lambda _: [])
    made.notes.later(lambda _: made.log.append("note") or [])
    await once(made)
    first = made.log[: made.log.index("chore") + 1]
    numbers = [entry.number for entry in made.storage.written[0].entries]
    assert numbers
    witnessed = [f"witness {n}" for n in numbers]
    assert first == ["heard", "door", "note", "look", "judged", "commit", f"push {numbers}", *witnessed, "chore"]
    assert made.storage.written[0].marks == {"changed": "1", "other": "2"}
    assert made.storage.written[0].memory == {"radar": "m"}


async def test_a_turn_with_nothing_to_say_writes_nothing_but_what_is_due(made):
    await made.pump.write([], made.clock.now())
    assert made.storage.written == []
    made.clock.mono += WAITS.flush
    await made.pump.write([], made.clock.now())
    assert made.storage.written[-1].heard == {"radar": made.clock.now().wall.timestamp() - 5.0}
    made.receipts.append((1, 3))
    await made.pump.write([], made.clock.now())
    assert len(made.storage.written) == 1, "receipts are gathered for a moment"
    made.clock.mono += 1
    await made.pump.write([], made.clock.now())
    assert made.storage.written[-1].accepted == [(1, 3)]


async def test_a_disk_that_fails_makes_the_turn_another_journals_first_with_all_marks(made):
    made.storage.fails = True
    entries = press(made)(made.clock.now())
    await made.pump.write(entries, made.clock.now())
    (writing,) = made.storage.written
    assert made.log.index("another storage") < made.log.index("commit"), "the platform knows the journal before its first entry"
    assert made.asked == [False, True]
    assert writing.marks.items() >= {"all": "1", "changed": "1", "other": "2"}.items()
    assert writing.memory == {"radar": "all"}
    faults = [(e.fact.kind, e.fact.turn) for e in writing.entries if hasattr(e.fact, "turn")]
    assert (kind.STORAGE_DEGRADED, Turn.RAISED) in faults
    assert [e.number for e in writing.entries] == [*range(1, len(writing.entries) + 1)], "numbered anew"


async def test_a_job_between_two_turns_that_finds_the_disk_failed_says_so(made):
    made.storage.fails = True

    async def job():
        return 7

    assert await made.pump.kept(job) is None
    assert any(e.fact.kind == kind.STORAGE_DEGRADED for e in made.storage.written[0].entries)
    assert await made.pump.kept(job) == 7


async def test_what_was_judged_before_a_mistake_is_written_and_the_mistake_ends_it(made):
    made.heard.waits.append(press(made))

    def mistaken(_now):
        raise ZeroDivisionError

    made.door.waits.append(mistaken)
    with pytest.raises(ZeroDivisionError):
        await made.pump.run()
    assert made.storage.written[0].entries


async def test_a_stop_waits_for_the_commit_and_judges_what_was_heard_last(made):
    made.heard.waits.append(press(made))
    made.storage.free.clear()
    task = asyncio.create_task(made.pump.run())
    await until(lambda: "judged" in made.log)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    made.heard.waits.append(press(made))
    ending = asyncio.create_task(made.pump.finish())
    await asyncio.sleep(0)
    assert "last of heard" not in made.log
    made.storage.free.set()
    await ending
    assert made.log.index("last of heard") < made.log.index("last of door")
    assert len(made.storage.written) == 2
    assert all(writing.entries for writing in made.storage.written)
