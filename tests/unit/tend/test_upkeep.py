"""Upkeep alone: readings in batches, what was lost is told, a disk that is back begins anew when nobody waits."""

import asyncio
from types import SimpleNamespace

import pytest
from gateway.judge.alarm import State
from gateway.tell.receipts import Receipts
from gateway.tend import upkeep as module
from gateway.tend.upkeep import DiskIsBack, Upkeep
from gateway.tend.waits import WAITS
from gateway.words import kind
from gateway.words.times import Times

from tests.kit.hand import HandClock
from tests.unit.tell.fakes import Pipeline, home, notes, turn


class Historian:
    """Has what the test put there."""

    withheld = frozenset()

    def __init__(self):
        self.pending, self.forgotten = [], 0

    def take(self):
        out, self.pending = self.pending, []
        return out

    def lost(self, count):
        self.forgotten += count


class Readings:
    """A history that keeps, refuses (`full`), or waits for the test (`slow`)."""

    def __init__(self):
        self.kept, self.accepted, self.full, self.withdrawn, self.slow = [], [], False, 0, None

    async def keep(self, readings, _boot, _signals):
        if self.slow is not None:
            await self.slow.wait()
        if self.full:
            return None
        self.kept.append(readings)
        return f"batch {len(self.kept)}"

    async def accept(self, ranges):
        self.accepted += ranges

    async def run(self, job, *args):
        return job(*args)

    async def withdraw(self):
        self.withdrawn += 5

    def retention(self, _now, _days):
        return iter(())


@pytest.fixture
def made(tmp_path):
    out = SimpleNamespace(clock=HandClock(), pipeline=Pipeline(), readings=Readings(), historian=Historian(), receipts=Receipts())
    out.pipeline.walk_test = SimpleNamespace(runs=False)
    out.offered, out.back, out.asked = [], False, []
    out.store = SimpleNamespace(folder=tmp_path, readings=out.readings, degraded="")

    async def is_back(*, open_alarms):
        out.asked.append(open_alarms)
        return out.back

    out.notes = notes(out.pipeline)
    out.upkeep = Upkeep(
        home=home(state=tmp_path, runtime=tmp_path, gateway=SimpleNamespace(history_days=30.0, journal_days=365.0)),
        clock=out.clock,
        boot="boot-1",
        pipeline=out.pipeline,
        storage=SimpleNamespace(store=out.store, is_back=is_back),
        notes=out.notes,
        room=SimpleNamespace(forgotten=0),
        historian=out.historian,
        signals=SimpleNamespace(take=lambda _now, *, unfinished: []),
        receipts=out.receipts,
        push=SimpleNamespace(offer=out.offered.extend, leave_batches=lambda: out.offered.append("left")),
        report=lambda _counts: 1 / 0,
        fresh=lambda: False,
        wake=lambda: None,
        told=lambda: out.asked.append("told"),
        replays=False,
    )
    return out


async def after(made, seconds=0.0):
    await made.upkeep.after(made.clock.move(seconds), None)
    if made.upkeep._batch is not None and made.readings.slow is None:
        await made.upkeep._batch


async def test_readings_are_kept_in_batches_by_time_and_by_number(made):
    made.historian.pending = ["r"]
    await after(made, 1)
    assert made.offered == []
    await after(made, Times().readings_every)
    assert made.offered == ["batch 1"]
    made.historian.pending = ["r"] * module.READINGS_AT
    await after(made, 1)
    assert made.offered == ["batch 1", "batch 2"]


async def test_one_batch_at_a_time_while_a_card_is_slow_and_a_stop_writes_the_rest(made):
    made.readings.slow = asyncio.Event()
    made.historian.pending = ["first"]
    await after(made, Times().readings_every)
    await asyncio.sleep(0)
    made.historian.pending = ["second"]
    await after(made, Times().readings_every)
    assert made.historian.pending == ["second"], "it waits in the historian"
    made.readings.slow.set()
    await made.upkeep.last_readings(made.clock.now())
    assert made.readings.kept == [["first"], ["second"]]


async def test_what_a_full_card_takes_no_more_is_told(made):
    made.readings.full = True
    made.historian.pending = ["a", "b"]
    await after(made, Times().readings_every)
    await after(made, WAITS.try_disk)
    assert [(f.kind, f.detail["readings"]) for f in turn(made.notes, made.clock)] == [(kind.FORGOTTEN, 2)]
    await after(made, WAITS.try_disk)
    assert turn(made.notes, made.clock) == [], "once"


async def test_what_was_agreed_to_no_longer_is_deleted_and_told(made):
    made.upkeep.withdraw()
    assert made.offered == ["left"], "nothing of it goes out"
    await made.upkeep._withdrawing
    await after(made, WAITS.try_disk)
    assert [(f.detail["readings"], f.detail["why"]) for f in turn(made.notes, made.clock)] == [(5, "consent")]


async def test_receipts_of_batches_are_written_with_the_next_one(made):
    made.receipts.add(batches=[(1, 3)])
    await after(made, Times().readings_every)
    assert [*map(tuple, made.readings.accepted)] == [(1, 3)]


async def test_a_disk_that_is_back_begins_anew_but_cuts_no_grace_short(made):
    made.back = True
    made.pipeline.alarms = {1: SimpleNamespace(state=State.PRE_ALARM)}
    await after(made, WAITS.try_disk)
    assert made.asked == []
    made.pipeline.alarms = {1: SimpleNamespace(state=State.RAISED)}
    await after(made, 1)
    assert made.asked == [], "not in every turn"
    with pytest.raises(DiskIsBack):
        await after(made, WAITS.try_disk)
    assert made.asked == [True]


def test_a_status_that_cannot_be_made_ends_nothing(made, tmp_path):
    made.upkeep.write_status((0, 0))
    assert not (tmp_path / "status.json").exists()
