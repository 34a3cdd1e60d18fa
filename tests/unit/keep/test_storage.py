"""Storage alone: a store that refuses, one that hangs, one that comes back. The stores are small; the stand-in is what it is asked for."""

import asyncio
import sqlite3
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from gateway.keep import shed
from gateway.keep.database import Damaged
from gateway.keep.journal import DOUBT, Writing
from gateway.keep.stand_in import BACK
from gateway.keep.storage import MovedToMemory, Storage
from gateway.keep.waits import WAITS

from tests.kit.wait import until

FULL = sqlite3.OperationalError("database or disk is full")


class Readings:
    """Knows what may not be sent."""

    def __init__(self):
        self.withheld = frozenset()

    def withhold(self, classes):
        self.withheld = classes


class Small:
    """A store with three switches: `refuses` so many times, `hangs` until it is set free, `room` that each step of shedding makes."""

    def __init__(self, journal, generation=1):
        self.folder, self.journal, self.generation = Path(journal), journal, generation
        self.readings = Readings()
        self.refuses, self.hangs, self.room = 0, None, 3
        self.written, self.steps, self.closed, self.back = [], [], False, False

    async def commit(self, writing):
        if self.hangs is not None:
            await self.hangs.wait()
        if self.refuses:
            self.refuses -= 1
            raise FULL
        self.written.append(writing)
        return [len(self.written)]

    async def run(self, job, *args):
        return job(*args)

    def shed(self, step):
        self.steps.append(step)
        if not self.room:
            raise FULL
        return self.room

    def mark(self, name, value):
        assert (name, value) == (BACK, "1")
        self.back = True

    async def close(self):
        if self.hangs is not None:
            await self.hangs.wait()
        self.closed = True


class Disk:
    """What Storage asks of the outside: stand-ins that it made, the answer of a probe, what it was told."""

    def __init__(self):
        self.made, self.forgotten, self.answer, self.probes = [], [], True, 0

    def stand_in(self, why, generation):
        self.made.append((why, generation))
        return Small(f"memory-{len(self.made)}", generation)

    def probe(self):
        self.probes += 1
        if isinstance(self.answer, threading.Event):
            assert self.answer.wait(60)
            return True
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def storage(self, store, *, in_memory=False):
        return Storage(store, in_memory=in_memory, stand_in=self.stand_in, probe=self.probe, forgotten=self.forgotten.append)


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def card():
    return Small("card")


def entries(*numbers):
    return [SimpleNamespace(number=number) for number in numbers]


async def moved(storage):
    with pytest.raises(MovedToMemory) as failed:
        await storage.commit(Writing(entries=entries(7, 8)))
    return failed.value


async def test_what_the_disk_takes_is_returned_as_written(disk, card):
    storage = disk.storage(card)
    writing = Writing()
    assert await storage.commit(writing) == [1]
    assert (card.written, storage.in_memory, disk.made) == ([writing], False, [])


async def test_a_disk_that_refuses_is_left_once_and_the_caller_commits_again(disk, card):
    storage = disk.storage(card)
    card.refuses = 1
    card.readings.withhold(frozenset({"bed"}))
    failed = await moved(storage)
    assert disk.made == [(failed.why, 2)]
    assert failed.why == "card/gateway.db: database or disk is full; working from memory until the disk can be written"
    assert (storage.store.journal, storage.in_memory) == ("memory-1", True)
    assert storage.store.written == [], "numbers of the other journal are never written into this one"
    assert storage.store.readings.withheld == {"bed"}, "what was not agreed to is not sent from memory either"
    assert await storage.commit(Writing()) == [1]
    await storage.leaving
    assert card.closed
    await storage.close()
    assert storage.store.closed


async def test_what_failed_is_remembered_from_its_first_entry_on(disk, card):
    storage = disk.storage(card)
    card.refuses = 1
    failed = await moved(storage)
    assert failed.doubt(entries(7, 8)) == {DOUBT: "memory-1 card 7"}
    assert failed.doubt([]) == {}


async def test_a_disk_that_hangs_is_left_and_not_probed_until_it_has_answered(disk, card, monkeypatch):
    monkeypatch.setattr(WAITS, "stalled", 0.01)
    storage = disk.storage(card)
    card.hangs = asyncio.Event()
    failed = await moved(storage)
    assert "the disk has not answered for 0.01 s" in failed.why
    assert await storage.commit(Writing()) == [1]
    assert not await storage.is_back(open_alarms=False)
    assert disk.probes == 0
    card.hangs.set()
    await storage.leaving
    assert card.closed
    assert await storage.is_back(open_alarms=False)


async def test_memory_is_given_the_time_it_needs(disk, card, monkeypatch):
    """There is nothing behind it to go on with."""
    monkeypatch.setattr(WAITS, "stalled", 0.0)
    storage = disk.storage(card, in_memory=True)
    card.hangs = asyncio.Event()
    writing = asyncio.create_task(storage.commit(Writing()))
    await asyncio.wait({writing}, timeout=0.05)
    assert not writing.done()
    card.hangs.set()
    assert await writing == [1]


async def test_a_full_stand_in_sheds_step_by_step_and_says_what_went(disk, card):
    storage = disk.storage(card, in_memory=True)
    card.refuses = 2
    assert await storage.commit(Writing()) == [1]
    assert card.steps == [0, 1]
    assert disk.forgotten == [3, 3]
    assert disk.made == [], "there is no other memory"


@pytest.mark.parametrize("room", [0, 1])
async def test_where_nothing_helps_it_fails(disk, card, room):
    storage = disk.storage(card, in_memory=True)
    card.refuses, card.room = 99, room
    with pytest.raises(sqlite3.OperationalError, match="full"):
        await storage.commit(Writing())
    assert card.steps == [*range(len(shed.STEPS))]


async def test_another_job_stands_under_the_same_limits_and_is_made_again_in_memory(disk, card):
    storage = disk.storage(card)
    asked = []

    async def job():
        asked.append(storage.store.journal)
        if len(asked) in {1, 2}:
            raise FULL
        return "done"

    with pytest.raises(MovedToMemory):
        await storage.carry_out(job)
    assert await storage.carry_out(job) == "done"
    assert asked == ["card", "memory-1", "memory-1"]


async def test_a_stand_in_that_cannot_be_made_leaves_the_disk_the_present_store(disk, card):
    """What fails ends the process, which systemd starts again."""

    def nowhere(*_):
        raise OSError("no memory")

    storage = Storage(card, in_memory=False, stand_in=nowhere, probe=disk.probe, forgotten=disk.forgotten.append)
    card.refuses = 1
    with pytest.raises(OSError, match="no memory"):
        await storage.commit(Writing())
    assert (storage.store, storage.in_memory, storage.leaving) == (card, False, None)


async def test_a_disk_that_is_well_is_never_probed(disk, card):
    assert not await disk.storage(card).is_back(open_alarms=False)
    assert disk.probes == 0


@pytest.mark.parametrize(
    ("answer", "open_alarms", "back"),
    [(True, True, True), (False, False, False), (Damaged("broken"), False, True), (Damaged("broken"), True, False)],
    ids=["takes a write", "refuses", "damaged, nothing is open", "damaged, and its open alarms would be set aside"],
)
async def test_the_way_back_is_marked_only_when_the_disk_is_trusted(disk, card, answer, open_alarms, back):
    storage = disk.storage(card, in_memory=True)
    disk.answer = answer
    assert await storage.is_back(open_alarms=open_alarms) is back
    assert card.back is back
    await storage.is_back(open_alarms=open_alarms)
    assert disk.probes == 2, "each look is a new one"


async def test_a_probe_that_hangs_is_asked_again_and_not_begun_again(disk, card):
    storage = disk.storage(card, in_memory=True)
    disk.answer = threading.Event()
    assert not await storage.is_back(open_alarms=False)
    assert not await storage.is_back(open_alarms=False)
    assert (disk.probes, card.back) == (1, False)
    disk.answer.set()
    await until(storage._probing.done)
    assert await storage.is_back(open_alarms=False)
    assert (disk.probes, card.back) == (1, True)
