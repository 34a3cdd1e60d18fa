"""What is on disk: one transaction a turn, numbers without gaps, what a restart finds, and what happens when the disk fails.

Real SQLite, a real full disk (a small tmpfs in a mount namespace of its own, where we are root; else a limit on the file's size) and a
folder that really cannot be written (as user nobody, where we are root).
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gateway.contract import encoding
from gateway.judge.alarm import State
from gateway.judge.faults.fact import Turn
from gateway.keep import database, history, retention, schema, shed, store, wal
from gateway.keep import stand_in as stand_ins
from gateway.keep.database import StoreProblem
from gateway.keep.history import Outgoing
from gateway.keep.journal import Writing
from gateway.keep.recovery import opened, unfit
from gateway.keep.retention import Gone, entries_kept_from
from gateway.keep.stand_in import BACK, settled, stand_in
from gateway.keep.store import Store
from gateway.keep.waits import WAITS
from gateway.words import kind
from gateway.words.clock import Moment, Quality
from gateway.words.instruction import Do, Instruction
from gateway.words.reading import FORMS, Form, Kind, Reading
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.kit.dated import dated
from tests.kit.hand import GATEWAY, HandClock, Home
from tests.kit.wait import PATIENCE


class Box:
    """One gateway's folders, its store and its pipeline, on a clock moved by hand."""

    def __init__(self, folder: Path, *, clock: HandClock | None = None) -> None:
        self.folder, self.runtime = folder / "state", folder / "run"
        self.clock = clock or HandClock()
        self.told: list[Outgoing] = []
        self.start()

    def start(self) -> None:
        self.store, self.known, self.memories = opened(self.folder, self.runtime, GATEWAY, self.clock.now(), self.clock.boot)
        self.pipeline = Home().pipeline(self.clock.boot)
        self.write(self.pipeline.restart(self.clock.now(), self.known, why="start"))
        if self.store.folder == self.folder:
            settled(self.folder, self.runtime)

    def write(self, entries=(), **more) -> list[Outgoing]:
        out = self.store.write(Writing(entries=entries, **more))
        self.told += out
        return out

    def hear(self, device: str, what: Kind, value: object) -> list[Outgoing]:
        return self.write(self.pipeline.heard(Reading(device=device, kind=what, value=value, at=self.clock.now())))

    def sos(self) -> list[Outgoing]:
        return self.hear("pendant", Kind.BUTTON, "press")

    def fall(self) -> list[Outgoing]:
        return self.hear("radar", Kind.FALL, True)

    def tell(self, do: Do, name: str, **more) -> list[Outgoing]:
        return self.write(
            self.pipeline.told(Instruction(id=name, do=do, by="desk", **dated(do, more, self.clock.now().wall)), self.clock.now())
        )

    def note(self) -> list[Outgoing]:
        return self.write(self.pipeline.noticed([self.pipeline.faults.note(kind.BAD_MESSAGE, self.clock.now())], self.clock.now()))

    def stop(self) -> None:
        self.store.close_now()

    def restart(self, **more) -> None:
        self.stop()
        self.start(**more)

    def rows(self, query: str, *values: object) -> list[tuple]:
        return self.store._db.execute(query, values).fetchall()

    def outbox(self) -> list[int]:
        return [n for (n,) in self.rows("SELECT number FROM outbox ORDER BY number")]

    def journal(self) -> list[int]:
        return [n for (n,) in self.rows("SELECT number FROM journal ORDER BY number")]


@pytest.fixture
def box(tmp_path):
    box = Box(tmp_path)
    yield box
    box.stop()


def reading(n: float, value: object = 20.5, what: Kind = Kind.TEMPERATURE, *, at: Moment | None = None, label: str = "") -> Reading:
    moment = at or Moment(1000.0 + n, datetime(2026, 5, 4, 4, tzinfo=UTC) + timedelta(seconds=n))
    return Reading(device="door", kind=what, value=value, at=moment, label=label)


# -- migrations ---------------------------------------------------------------------------------------------------------


def test_a_fresh_store_has_every_table_full_sync_and_a_journal_of_its_own(box, tmp_path):
    assert schema.gateway.applied(box.store._db) == ["0001_journal", "0002_said", "0003_content"]
    assert box.rows("PRAGMA synchronous") == [(2,)]
    assert box.rows("PRAGMA journal_mode") == [("wal",)]
    other = Box(tmp_path / "other")
    assert other.store.journal != box.store.journal
    other.stop()
    before = (box.store.journal, box.store.readings.name)
    box.restart()
    assert (box.store.journal, box.store.readings.name) == before


def test_the_newest_golden_databases_have_every_migration(tmp_path):
    """Whoever adds a migration adds a row to tests/golden/make.py, from the commit before the next one."""
    from tests.golden import make

    make.state([*make.GENERATIONS][-1], tmp_path)
    for name, migrations in (("gateway", schema.gateway), ("history", schema.history)):
        with contextlib.closing(sqlite3.connect(tmp_path / f"{name}.db")) as conn:
            assert migrations.applied(conn) == [*migrations.statements], name


def test_a_fault_is_as_old_after_a_restart_as_it_is(box):
    """Since when it is on, and when it was said last: by the wall clock over a power cut, unless that is known to be wrong."""
    box.write(box.pipeline.noticed(box.pipeline.faults.begin(kind.CALL_FAILED, box.clock.now(), "door"), box.clock.now()))
    box.clock.move(8 * 86400)
    fact = replace(box.pipeline.faults.on[kind.CALL_FAILED, "door"], turn=Turn.REPEATED)
    box.write(box.pipeline.noticed([fact], box.clock.now()))
    box.clock.move(3600)

    def ages() -> tuple[float, float]:
        key = (kind.CALL_FAILED, "door")
        return box.clock.mono - box.known.faults[key].since.mono, box.known.said_for[key]

    box.restart()
    assert ages() == (8 * 86400 + 3600, 3600)
    box.clock.reboot("boot-2", after=86400)
    box.restart()
    assert ages() == (9 * 86400 + 3600, 86400 + 3600)
    box.clock.reboot("boot-3")
    box.clock.quality = Quality.WRONG
    box.clock.wall -= timedelta(days=3650)
    box.restart()
    assert ages() == (0.0, 0.0)


def test_migrations_that_have_landed_are_not_edited():
    """Change this only together with a new migration: files in homes were made by the statements as they were."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    schema.gateway.apply(db)
    columns = {t: [c[1] for c in db.execute(f"PRAGMA table_info({t})")] for t in ("journal", "outbox", "alarms", "faults", "devices")}
    assert columns == {
        "journal": ["number", "name", "alarm", "wall", "body"],
        "outbox": ["priority", "number"],
        "alarms": ["number", "id", "kind", "device", "entry", "open", "active"],
        "faults": ["kind", "device", "entry", "said"],
        "devices": ["device", "memory", "heard"],
    }
    db.close()


# -- one turn -----------------------------------------------------------------------------------------------------------


def test_an_entry_and_its_outbox_row_are_one_transaction(box):
    (told,) = box.sos()
    assert (told.priority, told.name) == (1, "alarm")
    assert box.rows("SELECT body FROM journal WHERE number = ?", told.number) == [(told.payload,)]
    assert told.number in box.outbox()
    before = box.journal(), box.outbox()
    entries = box.pipeline.heard(Reading(device="button", kind=Kind.BUTTON, value="press", at=box.clock.now()))
    twice = [*entries, replace(entries[0], number=1)]  # number 1 is given already
    with pytest.raises(sqlite3.IntegrityError):
        box.write(twice, memory={"button": '{"frame":"x"}'}, marks={"inbox": "7"})
    assert (box.journal(), box.outbox()) == before
    assert box.store.memories() == {}
    assert box.store.marked("inbox") == ""


def test_numbers_have_no_gaps_over_restarts_and_bytes_stay_the_same(box):
    for n in range(5):
        box.sos()
        box.note()
        box.tell(Do.TEST, f"i{n}")
        box.restart()
    assert box.journal() == list(range(1, len(box.told) + 1))
    stored = dict(box.rows("SELECT number, body FROM journal"))
    assert {t.number: t.payload for t in box.told} == stored
    assert len({json.loads(t.payload)["id"] for t in box.told}) == len(box.told)


# -- what a restart finds -----------------------------------------------------------------------------------------------


def test_a_restart_finds_what_is_open(box):
    box.fall()
    box.sos()
    box.write(
        memory={"pendant": '{"frame":"4000"}'},
        heard={"pendant": box.clock.wall.timestamp()},
        marks={"inbox": "12", "silent": '{"pendant":99}'},
    )
    box.write(box.pipeline.noticed(box.pipeline.faults.begin(kind.UPLINK_LOST, box.clock.now()), box.clock.now()))
    box.tell(Do.SHELVE, "shelf", device="door", seconds=600, reason="paint")
    until = box.clock.wall.timestamp() + 600
    box.write(marks={"masks": json.dumps({"shelves": {"door": {"until": until, "by": "desk", "reason": "paint"}}, "away": until})})
    before = dict(box.pipeline.alarms)
    box.clock.move(60)
    box.restart()
    known = box.known
    assert {a.number: a.state for a, _ in known.alarms} == {n: a.state for n, a in before.items()}
    assert {a.kind for a, _ in known.alarms} == {kind.FALL, kind.SOS}
    assert (kind.UPLINK_LOST, "") in known.faults
    assert box.memories == {"pendant": {"frame": "4000"}}
    assert (known.silent_for, known.heard_ago) == ({"pendant": 99.0}, {"pendant": 60.0})
    assert [*known.done] == ["shelf"]
    assert known.shelves["door"].reason == "paint"
    assert known.shelves["door"].until == pytest.approx(box.clock.mono + 540)
    assert known.away.until == pytest.approx(box.clock.mono + 540)
    assert box.store.marked("inbox") == "12"
    fall = next(a for a in box.pipeline.alarms.values() if a.kind == kind.FALL)
    assert fall.state is State.RAISED, "a pre-alarm becomes an alarm at any restart"


def test_after_a_boot_without_a_trusted_clock_nothing_stays_masked(box):
    until = box.clock.wall.timestamp() + 6000
    box.write(marks={"masks": json.dumps({"shelves": {"door": {"until": until, "by": "d", "reason": "r"}}, "away": until})})
    box.clock.quality = Quality.UNSURE
    box.restart()
    box.clock.move(1)
    assert box.known.away.until < box.clock.mono
    assert all(s.until < box.clock.mono for s in box.known.shelves.values())


def test_a_closed_alarm_and_an_ended_fault_are_not_found_again(box):
    (alarm,) = box.sos()
    name = json.loads(alarm.payload)["alarm"]
    box.write(box.pipeline.noticed(box.pipeline.faults.begin(kind.UPLINK_LOST, box.clock.now()), box.clock.now()))
    box.write(box.pipeline.noticed(box.pipeline.faults.end(kind.UPLINK_LOST, box.clock.now()), box.clock.now()))
    box.tell(Do.CLOSE, "c", alarm=name, outcome="helped")
    box.restart()
    assert box.known.alarms == []
    assert box.known.closed == {(kind.SOS, "pendant"): name}
    assert box.known.faults == {}
    box.sos()
    assert next(iter(box.pipeline.alarms.values())).linked == name


def test_an_instruction_is_remembered_as_done_in_the_transaction_of_its_effect(box):
    box.tell(Do.TEST, "once")
    box.restart()
    assert box.pipeline.told(Instruction(id="once", do=Do.TEST, by="desk"), box.clock.now()) == []


def test_an_order_that_took_protection_away_is_remembered_though_20_000_others_came(box):
    box.tell(Do.SHELVE, "shelf", device="door", seconds=60.0, reason="paint")
    box.tell(Do.SHELVE, "refused", device="door", seconds=60.0)
    box.tell(Do.TEST, "test")
    box.write(marks={"endings": box.pipeline.marks(box.clock.now())["endings"]})
    box.store._db.execute("DELETE FROM instructions")
    box.restart()
    assert list(box.known.endings) == ["shelf"]
    assert "shelf" in box.pipeline.orders.endings
    assert not {"test"} & {*box.pipeline.orders.endings, *box.pipeline.orders.done}


# -- the outbox ---------------------------------------------------------------------------------------------------------


def test_receipts_delete_ranges_and_nothing_else(box):
    for _ in range(9):
        box.note()
    assert box.outbox() == list(range(1, 11))
    box.write(accepted=[(2, 4), (7, 7), (900, 999)])
    assert box.outbox() == [1, 5, 6, 8, 9, 10]
    assert box.journal() == list(range(1, 11))


async def test_the_outbox_is_read_most_urgent_first_then_oldest_page_by_page(box):
    for _ in range(3):
        box.note()
        box.sos()
    found, after = [], (0, 0)
    while page := await box.store.waiting(after, 2):
        found += page
        after = (page[-1].priority, page[-1].number)
    assert [(m.priority, m.number) for m in found] == sorted((m.priority, m.number) for m in found)
    assert sorted(m.number for m in found) == box.outbox()
    assert sorted(m.number for m in await box.store.again([1, 2, 99], batch=False)) == [1, 2]
    assert await box.store.counts() == (len(found), 0)


# -- readings -----------------------------------------------------------------------------------------------------------


VALUES = {
    Form.STATE: st.booleans() | st.text(max_size=8),
    Form.EVENT: st.booleans() | st.sampled_from(["press", "hold_press"]),
    Form.MEASURE: st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False),
    Form.ALIVE: st.just(True),
}
KINDS_AND_VALUES = st.sampled_from(list(Kind)).flatmap(lambda k: st.tuples(st.just(k), VALUES[FORMS[k]]))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(KINDS_AND_VALUES, st.floats(0, 1e7), st.integers(0, 5 * 10**14), st.sampled_from(Quality)),
        min_size=1,
        max_size=5,
    )
)
def test_a_batch_read_back_from_disk_has_the_very_bytes_that_were_first_sent(rows):
    """Otherwise one number would stand for two different messages."""
    box = MEMORY.box()
    readings = [
        Reading(device="d", kind=k, value=v, at=Moment(mono, datetime(2020, 1, 1, tzinfo=UTC) + timedelta(microseconds=us), quality))
        for (k, v), mono, us, quality in rows
    ]
    first = box.store.readings._keep(readings, "boot-1")
    again = box.store.readings._waiting(first.number - 1, 1)
    assert again == [first]


class _Memory:
    """One store for many examples."""

    def box(self):
        if not hasattr(self, "kept"):
            self.folder = Path("/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp") / f"store-test-{os.getpid()}"
            shutil.rmtree(self.folder, ignore_errors=True)
            self.kept = Box(self.folder)
        return self.kept


MEMORY = _Memory()


@pytest.fixture(scope="module", autouse=True)
def _forget_memory():
    yield
    if hasattr(MEMORY, "kept"):
        MEMORY.kept.stop()
        shutil.rmtree(MEMORY.folder)


async def test_batches_are_numbered_wait_and_are_accepted(box):
    for n in range(3):
        message = await box.store.readings.keep([reading(n), reading(n + 0.5)], "boot-1")
        assert (message.number, message.batch, message.priority) == (n + 1, True, 5)
    assert box.store.readings.newest == 3
    assert [m.number for m in await box.store.waiting_batches(0, 2)] == [1, 2]
    await box.store.readings.accept([(1, 1), (3, 9)])
    assert [m.number for m in await box.store.waiting_batches(0, 9)] == [2]
    assert [m.number for m in await box.store.again([1, 2, 3], batch=True)] == [2]
    box.restart()
    message = await box.store.readings.keep([reading(9)], "boot-1")
    assert message.number == 4


def tidied(what, now, history_days, journal_days):
    """Carry out the whole of retention; return what it took: batches of readings, and of the journal."""
    batches = sum(what.readings.retention(now, history_days))
    return batches, Gone(*(sum(counts) for counts in zip(Gone(), *journal_steps(what, now, journal_days), strict=True)))


def journal_steps(what, now, days):
    return what.retention(now, entries_kept_from(what.folder / "gateway.db", now, days))


NOTHING = 0, Gone()


async def test_beyond_the_bound_the_oldest_batches_are_forgotten_and_counted(box, monkeypatch):
    monkeypatch.setattr(history, "BATCHES_AT_MOST", 3)
    for n in range(5):
        await box.store.readings.keep([reading(n)], "boot-1")
    assert tidied(box.store, box.clock.now(), 30, 730) == (2, Gone())
    assert [m.number for m in await box.store.waiting_batches(0, 9)] == [3, 4, 5]
    assert tidied(box.store, box.clock.now(), 30, 730) == NOTHING


async def test_retention_deletes_what_is_old_accepted_or_not(box):
    now = box.clock.now().later(box.clock.mono + 40 * 86400)
    for n in range(4):
        await box.store.readings.keep([reading(n), reading(n)], "boot-1")
    await box.store.readings.accept([(1, 1), (3, 4)])
    assert tidied(box.store, now, 30, 730)[0] == 1, "what the platform never had is counted"
    assert await box.store.waiting_batches(0, 9) == [], "a home without a platform keeps nothing for ever"
    left = box.store.readings._db.execute("SELECT number FROM batches ORDER BY 1").fetchall()
    assert left == [(4,)], "the newest stays, so that numbers go on"
    box.restart()
    assert (await box.store.readings.keep([reading(0)], "boot-1")).number == 5


def test_retention_goes_in_small_steps_and_a_press_between_two_is_written(box, monkeypatch):
    """Ten months of journal go at once where somebody shortens the time: nobody who presses may wait for all of it."""
    monkeypatch.setattr(retention, "ENTRIES_AT_ONCE", 2)
    for _ in range(6):
        box.note()
    box.write(accepted=[(1, 3), (5, 99)])
    steps = journal_steps(box.store, Moment(box.clock.mono, box.clock.wall + timedelta(days=800)), 730)
    before = box.journal()
    assert next(steps) == Gone(rows=2)
    (pressed,) = box.sos()
    assert box.journal() == [*before[2:], pressed.number]
    assert [*steps] == [Gone(rows=2, unsent=1), Gone(rows=2)], "the fourth had no receipt"
    assert box.journal() == [before[-1], pressed.number]
    assert box.outbox() == [pressed.number]


async def test_retention_of_readings_goes_in_small_steps(box, monkeypatch):
    monkeypatch.setattr(history, "BATCHES_AT_ONCE", 2)
    for n in range(6):
        await box.store.readings.keep([reading(n)], "boot-1")
    await box.store.readings.accept([(1, 6)])
    steps = box.store.readings.retention(box.clock.now().later(box.clock.mono + 40 * 86400), 30)
    left = [box.store.readings._db.execute("SELECT count(*) FROM readings").fetchone()[0] for _ in steps]
    assert left == [4, 2, 1], "the newest stays"


def test_retention_of_the_journal_keeps_what_is_open_or_newest(box):
    (closed,) = box.sos()
    name = json.loads(closed.payload)["alarm"]
    box.tell(Do.CLOSE, "c", alarm=name, outcome="helped")  # entries 3 and 4
    box.fall()  # 5, stays open
    box.write(box.pipeline.noticed(box.pipeline.faults.begin(kind.UPLINK_LOST, box.clock.now()), box.clock.now()))  # 6, stays on
    box.note()  # 7, unaccepted
    box.note()  # 8
    box.note()  # 9, the newest
    box.write(accepted=[(1, 6), (8, 9)])
    later = Moment(box.clock.mono, box.clock.wall + timedelta(days=800))
    assert tidied(box.store, later._replace(quality=Quality.UNSURE), 30, 730) == NOTHING, "never by a clock that nobody confirmed"
    assert tidied(box.store, later, 30, 730) == (0, Gone(rows=6, unsent=1))
    assert box.journal() == [5, 6, 9]
    assert tidied(box.store, later, 30, 730) == NOTHING
    box.restart()
    assert [a.kind for a, _ in box.known.alarms] == [kind.FALL]
    assert (kind.UPLINK_LOST, "") in box.known.faults
    assert box.journal()[:4] == [5, 6, 9, 10]


@pytest.mark.parametrize("wrong", [-20 * 365, 20 * 365])
async def test_what_was_written_while_the_clock_was_wrong_by_years_is_as_old_as_its_neighbours(box, wrong):
    """Not gone the moment a time server answers, and not kept for twenty years either."""

    async def heard() -> None:
        box.sos()
        (alarm,) = box.pipeline.alarms.values()
        box.tell(Do.CLOSE, f"c{box.pipeline.last}", alarm=alarm.id, outcome="helped")
        box.store.readings._keep([replace(reading(0), at=box.clock.now())], "boot-1")

    await heard()
    box.clock.move(60)
    box.clock.wall += timedelta(days=wrong)
    await heard()
    box.clock.wall -= timedelta(days=wrong)
    box.clock.move(60)
    await heard()
    box.write(accepted=[(1, 99)])
    await box.store.readings.accept([(1, 9)])
    before = box.journal()
    assert tidied(box.store, box.clock.now(), 30, 730) == NOTHING
    assert box.journal() == before
    assert box.rows("SELECT count(*) FROM alarms") == [(3,)]
    assert box.store.readings._db.execute("SELECT count(*) FROM readings").fetchone() == (3,)
    box.clock.move(731 * 86400)
    box.note()
    tidied(box.store, box.clock.now(), 30, 730)
    assert box.journal() == [before[-1] + 1]
    assert box.rows("SELECT number FROM alarms") == [(3,)], "the newest number stays"
    assert box.store.readings._db.execute("SELECT number FROM batches").fetchall() == [(3,)]


async def test_how_each_open_alarm_stands_is_its_newest_entry_and_a_call_for_help_says_that_it_is_one(box):
    (fallen,) = box.fall()  # in its grace: nobody is called yet
    box.clock.move(31)
    raised = box.write(box.pipeline.tick(box.clock.now()))
    (pressed,) = box.sos()
    box.clock.move(31)
    called = box.write(box.pipeline.tick(box.clock.now()))
    (again,) = box.sos()
    told = box.tell(Do.ACKNOWLEDGE, "a", alarm=json.loads(fallen.payload)["alarm"])
    water = box.hear("water", Kind.MOISTURE, True)
    assert [m.number for m in box.told if m.raises] == [raised[0].number, pressed.number, again.number]
    assert called
    stands = await box.store.standing(9)
    assert [m.number for m in stands] == [again.number, told[0].number, water[0].number], "P1 first, of these the newest alarm"
    assert [m.number for m in await box.store.standing(1)] == [again.number]
    box.write(accepted=[(again.number, again.number)])
    assert [m.number for m in await box.store.standing(9)] == [told[0].number, water[0].number], "of an SOS that is known nothing older"


def test_no_commit_writes_the_log_into_the_database_and_who_does_holds_up_no_commit(box):
    path = box.folder / "gateway.db"
    assert wal.pages(box.folder / "none.db") == 0
    while wal.pages(path) < 2200:
        before = wal.pages(path)
        box.write(marks={"much": f"{before}" * 20_000})
        assert wal.pages(path) > before, "each commit has only been added"
    box.store._db.execute("BEGIN IMMEDIATE")
    database.checkpoint(path)  # beside a write that is under way
    box.store._db.execute("COMMIT")
    assert box.sos()
    assert wal.pages(path) < 100, "begun anew"
    with pytest.raises(sqlite3.Error):
        database.checkpoint(box.folder / "none.db")
    assert not (box.folder / "none.db").exists()
    box.restart()
    assert [a.kind for a, _ in box.known.alarms] == [kind.SOS]


# -- history.db may be thrown away ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["garbage", "deleted", "newer", "empty", "folder"])
def test_a_broken_history_is_thrown_away_and_begun_anew(box, damage):
    box.sos()
    box.store.readings._keep([reading(0)], "boot-1")
    before = box.store.readings.name
    box.stop()
    path = box.folder / "history.db"
    match damage:
        case "garbage":
            path.write_bytes(b"this is no database" * 100)
        case "deleted":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "newer":
            with contextlib.closing(sqlite3.connect(path)) as db:
                db.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('history', '0099_future', 'x')")
                db.commit()
        case "folder":
            path.unlink()
            path.mkdir()
    box.start()
    assert box.store.degraded == "", "bulk readings are no reason for alarm"
    assert [a.kind for a, _ in box.known.alarms] == [kind.SOS]
    if damage == "folder":
        assert box.store.readings._keep([reading(1)], "boot-1") is None
        assert box.store.count()[1] == 0
    else:
        assert box.store.readings.name != before, "batch numbers begin anew, so the history has a new name"
        assert box.store.readings._keep([reading(1)], "boot-1").number == 1


def test_a_disk_that_refuses_the_history_costs_no_reading_that_is_on_it(box, monkeypatch):
    """A full or read-only disk is no damage: the file stays, and is gone on with once the disk takes it."""
    box.store.readings._keep([reading(0)], "boot-1")
    before = box.store.readings.name
    real = history.database

    def full(path: Path, *rest: object) -> sqlite3.Connection:
        if path.name == "history.db":
            raise database.problem_of(path, sqlite3.OperationalError("database or disk is full"))
        return real(path, *rest)

    monkeypatch.setattr(history, "database", full)
    box.restart()
    assert box.store.readings._keep([reading(1)], "boot-1") is None
    box.sos()
    monkeypatch.setattr(history, "database", real)
    assert box.store.readings._keep([reading(2)], "boot-1").number == 2
    assert box.store.readings.name == before
    assert box.store.readings._db.execute("SELECT count(*) FROM readings").fetchone() == (2,)


def test_a_database_of_an_older_version_on_a_disk_that_refuses_is_read_whole(tmp_path, monkeypatch):
    """It cannot be migrated where it lies; what is open, shelved and on is carried over all the same."""
    from tests.golden import make

    expected = make.state("1-first", tmp_path / "state")
    now = Moment(40.0, datetime.fromisoformat(expected["wall"]) + timedelta(minutes=10))
    real = store.database

    def full(path: Path, *rest: object) -> sqlite3.Connection:
        if path.parent == tmp_path / "state":
            raise store.problem_of(path, sqlite3.OperationalError("database or disk is full"))
        return real(path, *rest)

    monkeypatch.setattr(store, "database", full)
    opened_, known, memories = opened(tmp_path / "state", tmp_path / "run", GATEWAY, now, "boot-2")
    assert "free space" in opened_.degraded
    assert [a.id for a, _ in known.alarms] == [a["id"] for a in expected["alarms"]]
    assert set(known.shelves) == set(expected["shelves"])
    assert memories == expected["memories"]
    opened_.close_now()


async def test_a_history_that_breaks_while_we_run_stops_nothing(box):
    await box.store.readings.keep([reading(0)], "boot-1")
    box.store.readings._db.execute("UPDATE readings SET kind = 'of the future'")
    assert await box.store.waiting_batches(0, 9) == []
    assert (await box.store.readings.keep([reading(1)], "boot-1")).number == 1
    box.store.readings._db.execute("DROP TABLE batches")
    assert await box.store.readings.keep([reading(2)], "boot-1") is None
    await box.store.readings.accept([(1, 2)])
    assert await box.store.waiting_batches(0, 9) == []
    assert (await box.store.readings.keep([reading(3)], "boot-1")).number == 1


# -- a gateway.db that cannot be used -------------------------------------------------------------------------------------


def test_a_newer_database_is_left_untouched_and_alarms_go_on_in_memory(box):
    box.fall()
    box.write(memory={"pendant": '{"frame":"aa"}'})
    before = next(iter(box.pipeline.alarms.values())).id
    box.store._db.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('gateway', '0099_future', 'x')")
    box.store._db.commit()
    box.stop()
    path = box.folder / "gateway.db"
    content = path.read_bytes()
    assert "newer software" in unfit(box.folder)
    assert path.read_bytes() == content
    box.start()
    assert path.read_bytes() == content
    assert "0099_future" in box.store.degraded
    assert "install that version" in box.store.degraded
    assert box.store.folder != box.folder
    assert box.memories == {"pendant": {"frame": "aa"}}
    (alarm,) = box.pipeline.alarms.values()
    assert (alarm.id, alarm.state) == (before, State.RAISED)
    told = box.sos()
    assert told, "a new danger is told all the same"
    assert box.journal() == list(range(1, len(box.journal()) + 1))


def damage(path: Path, dice: random.Random) -> None:
    """Overwrite bytes at random places, the header among them in one of four cases."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        for _ in range(dice.choice((1, 4, 40))):
            file.seek(dice.randrange(100) if dice.random() < 0.25 else dice.randrange(size))
            file.write(dice.randbytes(dice.choice((1, 16, 400))))
        if dice.random() < 0.1:
            file.truncate(dice.randrange(size))


@pytest.mark.parametrize("seed", range(60))
def test_any_damage_is_survived_and_what_is_readable_is_carried_over(tmp_path, seed):
    dice = random.Random(seed)
    box = Box(tmp_path)
    for n in range(30):
        box.note()
        if n == 10:
            box.sos()
        if n == 20:
            box.fall()
            box.tell(Do.TEST, "i1")
    box.stop()
    path = box.folder / "gateway.db"
    damage(path, dice)
    box.start()  # never raises
    assert box.sos(), "an alarm can be raised"
    box.stop()
    if "set aside" in box.store.degraded:
        assert (box.folder / "gateway.db.broken").exists()
    box.start()
    assert box.store.degraded == "", "the next start is on a good file"
    box.stop()


def test_a_damaged_row_costs_that_row_only(box):
    """The rest of a damaged file is carried over: open alarms, counters against replay, instructions done. That there was one is known too."""
    (sos,) = box.sos()
    box.fall()
    box.tell(Do.TEST, "i1")
    box.write(memory={"pendant": '{"counter":7}'})
    box.store._db.execute("UPDATE journal SET body = x'00' WHERE number = ?", (sos.number,))
    box.store._db.execute("UPDATE alarms SET open = 'x' WHERE 0")
    box.stop()
    box.start()
    assert "set aside" in box.store.degraded
    assert {a.kind: a.state for a in box.pipeline.alarms.values()} == dict.fromkeys((kind.SOS, kind.FALL, kind.TEST), State.RAISED)
    assert box.memories == {"pendant": {"counter": 7}}
    assert list(box.known.done) == ["i1"]
    assert box.store.journal != ""
    assert min(n for n in box.journal() if n > 0) == 1


def test_the_journal_tells_how_an_alarm_stands_where_the_table_of_alarms_is_lost(box):
    box.sos()
    box.fall()
    name = next(a.id for a in box.pipeline.alarms.values() if a.kind == kind.SOS)
    box.tell(Do.CLOSE, "c", alarm=name, outcome="helped")
    box.store._db.execute("DROP TABLE alarms")
    box.restart()
    assert [a.kind for a in box.pipeline.alarms.values()] == [kind.FALL]


def test_a_file_that_was_cut_off_is_set_aside_and_alarms_go_on(box):
    box.sos()
    box.stop()
    path = box.folder / "gateway.db"
    path.write_bytes(path.read_bytes()[: database.PAGE * 3])
    assert "damaged" in unfit(box.folder)
    box.start()
    assert "set aside as gateway.db.broken" in box.store.degraded
    assert box.fall()


# -- a folder that cannot be written ---------------------------------------------------------------------------------------

CHILD = """
import json, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.parts.test_store import Box
{more}
box = Box(Path({folder!r}))
told = box.sos()
print(json.dumps({{"degraded": box.store.degraded, "folder": str(box.store.folder), "told": len(told),
                   "alarms": sorted(a.kind for a in box.pipeline.alarms.values())}}))
"""


def in_child(folder: Path, more: str = "", *, prefix: tuple[str, ...] = ()) -> dict:
    """Open the store in another process, as another user or on another disk."""
    root = str(Path(__file__).parents[2])
    code = CHILD.format(root=root, more=more, folder=str(folder))
    done = subprocess.run(
        [*prefix, sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=root,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((root, os.environ.get("PYTHONPATH", "")))},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("left_behind", [False, True])
def test_a_folder_that_cannot_be_written_is_survived_and_what_is_open_is_carried_over(tmp_path, left_behind):
    """As root we cannot be refused by a mode, so the folder is mounted read-only in a namespace of our own."""
    box = Box(tmp_path)
    box.fall()
    if left_behind:  # the process was killed: what it wrote last is in the log beside the file
        for name in ("gateway.db", "gateway.db-wal"):
            shutil.copy(box.folder / name, tmp_path / name)
    box.stop()
    if left_behind:
        for name in ("gateway.db", "gateway.db-wal"):
            (tmp_path / name).replace(box.folder / name)
    before = {p.name: p.read_bytes() for p in box.folder.iterdir()}
    if os.geteuid() == 0:
        said = in_child(tmp_path, prefix=namespace(f"mount --bind {box.folder} {box.folder} && mount -o remount,ro,bind {box.folder}"))
    else:
        box.folder.chmod(0o500)
        said = in_child(tmp_path)
        box.folder.chmod(0o700)
    assert "remount the disk read-write" in said["degraded"] or "check the disk" in said["degraded"], said
    assert said["folder"] != str(box.folder)
    assert said["alarms"] == [kind.FALL, kind.SOS]
    assert said["told"] == 1
    assert {p.name: p.read_bytes() for p in box.folder.iterdir()} == before


def namespace(*commands: str) -> tuple[str, ...]:
    """Run these commands as root in a mount namespace of our own, then the rest of the line."""
    return ("unshare", "-m", "sh", "-ec", " && ".join(commands) + ' && exec "$@"', "sh")


def test_a_damaged_file_in_a_folder_that_cannot_be_written_is_survived_too(tmp_path):
    box = Box(tmp_path)
    box.sos()
    box.stop()
    (box.folder / "gateway.db").write_bytes(b"no database at all" * 1000)
    if os.geteuid() == 0:
        said = in_child(tmp_path, prefix=namespace(f"mount --bind {box.folder} {box.folder} && mount -o remount,ro,bind {box.folder}"))
    else:
        box.folder.chmod(0o500)
        said = in_child(tmp_path)
        box.folder.chmod(0o700)
    assert said["told"] == 1
    assert said["degraded"]


# -- a full disk ----------------------------------------------------------------------------------------------------------

FILL = """
import errno, resource
def fill(folder):
    try:
        with open(folder + "/fill", "wb", buffering=0) as file:
            while True:
                file.write(b"x" * 512)
    except OSError as error:
        assert error.errno in (errno.ENOSPC, errno.EFBIG), error
"""


def test_a_disk_that_is_full_at_start_is_survived(tmp_path):
    """Root fills a small tmpfs of its own; an ordinary user limits the size of any file to nothing."""
    state = tmp_path / "state"
    state.mkdir()
    if os.geteuid() == 0:
        more, prefix = f"{FILL}\nfill({str(state)!r})", namespace(f"mount -t tmpfs -o size=64k none {state}")
        said = in_child(tmp_path, more, prefix=prefix)
    else:
        said = in_child(tmp_path, LIMIT + f"\nlimit({str(state)!r})")
    assert "free space on its disk" in said["degraded"] or "check the disk" in said["degraded"], said
    assert said["told"] == 1


LIMIT = """
import gateway.keep.store as store
def limit(state):
    real = store.database
    def small(path, *rest):
        if str(path).startswith(state):
            raise store.problem_of(path, store.sqlite3.OperationalError("database or disk is full"))
        return real(path, *rest)
    store.database = small
"""


def test_a_disk_that_fills_up_refuses_the_turn_whole(tmp_path):
    """What was written stays whole, and the turn that did not fit left nothing behind."""
    box = Box(tmp_path)
    pages = box.rows("PRAGMA page_count")[0][0]
    box.store._db.execute(f"PRAGMA max_page_count = {pages + 20}")

    def until_full() -> None:
        while True:
            box.sos()
            box.note()

    with pytest.raises(sqlite3.OperationalError, match="full"):
        until_full()
    numbers = box.journal()
    assert numbers == box.outbox()
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > 8
    box.stop()
    box.start()
    assert box.journal()[: len(numbers)] == numbers


# -- the stand-in ---------------------------------------------------------------------------------------------------------


def degraded(box: Box) -> None:
    """Let the disk fail in the middle, as the daemon handles it."""
    why = "the disk is full"
    box.store.close_now()
    box.store = stand_in(box.runtime, GATEWAY, why)
    box.write(box.pipeline.renumber(box.store.journal, [], box.clock.now()))
    box.write(box.pipeline.noticed(box.pipeline.faults.begin(kind.STORAGE_DEGRADED, box.clock.now()), box.clock.now()))


@pytest.fixture
def full(box, monkeypatch):
    """A function that fills the disk: nothing on it opens for writing; `False` makes room."""
    real, state = Store.open, {"full": False}

    def opening(self) -> None:
        if state["full"] and self.folder == box.folder:
            raise database.DiskRefuses("the disk is full")
        real(self)

    monkeypatch.setattr(Store, "open", opening)
    return lambda now=True: state.update(full=now)


def test_a_full_disk_and_a_kill_together_lose_no_open_alarm(box, full):
    """The stand-in is memory that outlives the process: the next one goes on with it, as long as the disk takes nothing."""
    box.fall()
    full()
    degraded(box)
    box.sos()
    before = {a.id for a in box.pipeline.alarms.values()}
    journal, last = box.store.journal, box.pipeline.last
    box.store._db.close()  # killed
    box.start()
    assert box.store.degraded == "the disk is full"
    assert {a.id for a in box.pipeline.alarms.values()} == before
    assert box.store.journal == journal
    assert box.journal() == list(range(1, last + len(box.journal()) - last + 1))


def test_an_alarm_that_ended_on_the_stand_in_does_not_come_back_with_the_disk(box):
    box.sos()
    name = next(iter(box.pipeline.alarms.values())).id
    degraded(box)
    box.tell(Do.CLOSE, "c", alarm=name, outcome="helped")
    box.write(memory={"pendant": '{"counter":9}'}, accepted=[(1, 999)])
    highest = int(name.rsplit("-a", 1)[1])
    box.restart()
    assert box.store.degraded == ""
    assert box.store.folder == box.folder
    assert box.pipeline.alarms == {}
    assert box.memories["pendant"] == {"counter": 9}
    assert "c" in box.known.done
    assert (kind.STORAGE_DEGRADED, "") in box.known.faults, "its end is told"
    assert box.known.last_alarm >= highest
    assert not list(box.runtime.glob("**/*.db*")), "the stand-in is over"
    box.restart()
    assert box.pipeline.alarms == {}


def carried(box: Box) -> Writing:
    """What the daemon gives a stand-in beside its entries."""
    marks = box.pipeline.marks(box.clock.now(), anew=True)
    kept = {name: marks[name] for name in ("masks", "endings")}
    return Writing(memory={"pendant": '{"counter":7}'}, done=box.pipeline.orders.done, marks=kept)


def test_a_stand_in_remembers_counters_orders_and_masks_over_a_kill_and_so_does_the_disk_after_it(box, full):
    full()
    box.write(memory={"pendant": '{"counter":7}'})
    box.tell(Do.SHELVE, "s1", device="door", seconds=7200.0, reason="repair")
    box.tell(Do.AWAY, "a1", seconds=7200.0)
    degraded(box)
    box.store.write(carried(box))
    for _ in range(2):  # killed on the stand-in, and once more
        box.store._db.close()
        box.start()
        assert box.store.folder != box.folder
        assert box.memories["pendant"] == {"counter": 7}
        assert {"s1", "a1"} <= set(box.known.done), "an order that comes again is not carried out again"
        assert {"s1", "a1"} <= set(box.known.endings)
        assert "door" in box.pipeline.shelves
        assert box.pipeline.away.end.until == pytest.approx(box.clock.mono + 7200)
    box.tell(Do.AWAY, "a2", seconds=0.0)
    box.tell(Do.SHELVE, "s2", device="door", seconds=0.0)
    box.write(marks=carried(box).marks, memory={"pendant": '{"counter":9}'}, accepted=[(1, 999)])
    full(False)
    for _ in range(2):  # the disk is back, and then killed before anything changed
        box.store._db.close()
        box.start()
        assert box.store.folder == box.folder
        assert not box.pipeline.away.lasts(box.clock.now()), "what ended on the stand-in does not begin again with the disk"
        assert box.pipeline.shelves == {}
        assert {"s1", "a1", "a2", "s2"} <= set(box.known.done)
        assert set(box.known.endings) == {"s1", "a1"}
        assert box.memories["pendant"] == {"counter": 9}


def test_a_fresh_database_after_damage_remembers_counters_and_orders_over_a_kill(box):
    box.write(memory={"pendant": '{"counter":7}'})
    box.tell(Do.AWAY, "a1", seconds=7200.0)
    (page,) = box.rows("SELECT rootpage FROM sqlite_master WHERE name = 'outbox'")[0]
    box.stop()
    with (box.folder / "gateway.db").open("r+b") as file:
        file.seek((page - 1) * database.PAGE)
        file.write(b"\xff" * 512)
    box.start()
    assert "damaged" in box.store.degraded
    box.store._db.close()
    box.start()
    assert box.memories["pendant"] == {"counter": 7}
    assert "a1" in box.known.done


@pytest.mark.parametrize(
    "gone", [("gateway.db",), ("gateway.db-wal",), ("gateway.db-shm",), ("gateway.db", "gateway.db-wal", "gateway.db-shm")]
)
def test_files_that_are_deleted_under_us_are_written_again_and_nothing_is_lost(box, gone):
    box.sos()
    box.fall()
    before, journal = dict(box.rows("SELECT number, body FROM journal")), box.store.journal
    for name in gone:
        (box.folder / name).unlink()
    box.note()
    assert "deleted" in box.store.mended
    copy = box.folder.with_name("copy")
    shutil.copytree(box.folder, copy)  # as a kill would leave it
    killed = Store(copy, GATEWAY)
    killed.open()
    assert killed.journal == journal
    after = dict(killed._db.execute("SELECT number, body FROM journal").fetchall())
    assert {n: after[n] for n in before} == before
    assert len(after) == len(before) + 1
    assert killed.load(box.clock.now(), box.clock.boot).alarms
    killed.close_now()
    assert "deleted" in box.store.take_mended()
    box.note()
    assert box.store.take_mended() == "", "once is enough"
    assert len(box.journal()) == len(before) + 2


async def test_an_entry_that_damage_made_unreadable_holds_up_nothing_and_is_told(box):
    for _ in range(4):
        box.note()
    box.rows("UPDATE journal SET body = substr(body, 1, 40) WHERE number = 3")
    assert [m.number for m in await box.store.waiting((0, 0), 3)] == [1, 2, 4], "a full page all the same"
    assert await box.store.again([3, 4], batch=False)
    assert 3 not in box.outbox()
    assert "[3]" in box.store.mended


def test_files_deleted_on_a_disk_that_takes_nothing_refuse_the_turn(box, monkeypatch):
    box.sos()
    (box.folder / "gateway.db").unlink()

    def full(*_args: object, **_more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(sqlite3.OperationalError, match="No space left"):
        box.note()
    assert box.store.count()[0] > 0, "and what is open can still be read"


def test_a_file_system_that_becomes_read_only_under_open_files_refuses_the_turn(box, monkeypatch):
    """As Linux does it in an emergency: writing and flushing what is open says that it is done, and nothing reaches the disk."""
    box.sos()
    there = os.statvfs(box.folder)
    shut = os.statvfs_result((*there[:8], there.f_flag | os.ST_RDONLY, there.f_namemax))
    monkeypatch.setattr(database.os, "statvfs", lambda path: shut if Path(path) == box.folder else there)
    with pytest.raises(sqlite3.OperationalError, match="read-only"):
        box.note()
    assert box.store.count()[0] > 0, "and what is open can still be read"
    monkeypatch.undo()
    box.note()


def test_what_waits_in_the_stand_in_and_what_is_open_goes_back_to_the_disk(box):
    """In a home without a platform nothing is ever receipted, and a disk that once refused must be gone back to all the same."""
    box.fall()
    degraded(box)
    box.sos()
    box.note()
    waits, journal = {n: n for n in box.outbox()}, box.store.journal
    before = {a.id: a.kind for a in box.pipeline.alarms.values()}
    box.restart()
    assert box.store.folder != box.folder, "nobody has seen the disk take a write yet"
    waits = {n: n for n in box.outbox()}
    box.store.mark(BACK, "1")
    for _ in range(2):  # killed before the stand-in was forgotten: the second time nothing comes twice
        keep = shutil.copytree(box.runtime, box.runtime.with_name("kept"), dirs_exist_ok=True)
        box.restart()
        assert (box.store.folder, box.store.degraded) == (box.folder, "")
        assert {a.id: a.kind for a in box.pipeline.alarms.values()} == before
        bodies = [encoding.decode_entry(body) for (body,) in box.rows("SELECT body FROM journal WHERE number < 0")]
        assert {m.number for m in bodies if m.journal == journal} == set(waits)
        again = {n for n in box.outbox() if n < 0}
        assert len(again) == len(waits), "the platform gets them as they were"
        shutil.copytree(keep, box.runtime, dirs_exist_ok=True)
    box.write(accepted=[(min(again), max(again))])
    box.restart()
    assert not {n for n in box.outbox() if n < 0}, "what has its receipt does not wait again"


def test_a_stand_in_that_is_full_lets_go_of_counts_and_never_of_an_alarm(box, full):
    """Memory is full too: 602 entries wait and an SOS is open. Room is made, and the next start has every alarm."""
    box.fall()
    full()
    degraded(box)
    pages = box.rows("PRAGMA page_count")[0][0]
    box.store._db.execute(f"PRAGMA max_page_count = {pages + 40}")

    def more() -> None:
        box.hear("smoke", Kind.SMOKE, True)
        while True:
            box.sos()
            box.note()

    with pytest.raises(sqlite3.OperationalError, match="full"):
        more()
    raised = {a.id for a in box.pipeline.alarms.values()}
    waited = len(box.outbox())
    for step in range(len(shed.STEPS)):
        box.store.shed(step)
    assert len(box.outbox()) < waited
    box.store._db.close()  # killed
    box.start()
    assert box.store.folder != box.folder
    assert {a.id for a in box.pipeline.alarms.values()} == raised
    assert {a.kind for a in box.pipeline.alarms.values()} == {kind.FALL, kind.SOS, kind.SMOKE}


def test_a_stand_in_of_another_gateway_is_not_ours(box):
    other = stand_in(box.runtime, "gw-other", "why")
    other.write(Writing(entries=box.pipeline.noticed([box.pipeline.faults.note(kind.BAD_MESSAGE, box.clock.now())], box.clock.now())))
    other.close_now()
    box.restart()
    assert box.store.degraded == ""


def test_unfit_says_what_and_what_to_do(tmp_path):
    assert unfit(tmp_path) == ""
    (tmp_path / "gateway.db").write_bytes(b"x" * 5000)
    assert "gateway.db" in unfit(tmp_path)
    assert "damaged" in unfit(tmp_path)


def test_a_store_that_cannot_begin_anywhere_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(stand_ins, "folders_of", lambda runtime: (Path("/proc/nowhere"),))
    with pytest.raises(StoreProblem, match="free some memory"):
        stand_in(tmp_path, GATEWAY, "why")


async def test_the_thread_ends_with_the_store(tmp_path):
    folder = tmp_path / "s"
    folder.mkdir()
    one = Store(folder, GATEWAY)
    one.open()
    await one.run(lambda: None)
    await one.close()
    with pytest.raises(RuntimeError):
        await one.counts()


def test_at_start_neither_outbox_nor_journal_is_read_through(box):
    """They may have 200 MB, and the button that is pressed now must not wait until they are read."""
    box.sos()
    asked, conn = [], box.store._db
    conn.set_trace_callback(asked.append)
    known = box.store.load(box.clock.now(), "another")
    conn.set_trace_callback(None)
    assert known.raised_in == {1: box.journal()[-1]}
    plans = {query: [row[3] for row in conn.execute(f"EXPLAIN QUERY PLAN {query}")] for query in asked if query.startswith("SELECT")}
    assert len(plans) > 5
    assert not [q for q, steps in plans.items() for step in steps if re.match(r"SCAN (o|outbox|j|journal)\b", step)], plans


def test_looking_for_damage_is_cut_off_from_outside(monkeypatch):
    """SQLite 3.40 asks a progress handler only after the whole file: 5 s for 200 MB here, half a minute on a slow card."""

    class Endless:
        def __init__(self) -> None:
            self.cut = threading.Event()

        def interrupt(self) -> None:
            self.cut.set()

        def execute(self, query: str) -> None:
            assert self.cut.wait(60), f"{query} was never cut off"
            raise sqlite3.OperationalError("interrupted")

    monkeypatch.setattr(WAITS, "check", 0.01)
    database.look_for_damage(Endless(), Path("gateway.db"))
