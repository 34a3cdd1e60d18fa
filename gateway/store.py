"""What the gateway remembers: SQLite on one writer thread. Entry and outbox row are one transaction, on disk before anybody is told.

`gateway.db`: journal, outbox, alarms, faults, devices, instructions, marks (WAL, synchronous FULL). `history.db`: bulk readings
(synchronous NORMAL; may be thrown away). A database that is broken, newer, read-only or full does not stop the gateway: see `opened`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from gateway import schema, wal, wire
from gateway.alarm import Alarm
from gateway.clock import Moment, Quality
from gateway.fault import FaultFact, Turn
from gateway.generations import sync
from gateway.instruction import Refused, ResultFact
from gateway.kind import STORAGE_DEGRADED, TEST
from gateway.pipeline import AlarmFact, Entry, Known, Shelf
from gateway.reading import DeviceId, Kind, Reading
from gateway.signals import HOUR, KEPT_DAYS, Row

LOG = logging.getLogger("eldercare")
T = TypeVar("T")

# What reading a damaged file can raise: bytes that are changed at random make wrong pages, rows, types, texts, JSON and numbers.
BROKEN = (sqlite3.Error, wire.BadMessage, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, OSError, RecursionError)
CHECK_AT_MOST = 3.0  # s spent at start on looking for damage; what is not looked at by then is trusted
BATCHES_AT_MOST = 20_000  # waiting batches of readings (two weeks of minutes); the oldest are forgotten first and said
INSTRUCTIONS = 20_000  # entries back to which instructions are remembered against repeats
PAGE = 1024  # bytes; small pages write fewer bytes to the card per commit
# An hour that a restart has cut in two is one row again: of both halves the longer one has the median.
_SIGNAL = """
    INSERT INTO signals VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
        median = CASE WHEN excluded.packets > packets AND excluded.median THEN excluded.median ELSE median END,
        worst = min(worst, excluded.worst), packets = packets + excluded.packets, battery = coalesce(excluded.battery, battery)
"""


Memories = dict[DeviceId, dict[str, int | str]]


class StoreProblem(Exception):  # noqa: N818  it is one
    """A database that cannot be used as it is: what, where, and what to do."""


class _Opened(NamedTuple):
    store: Store
    known: Known
    memories: Memories


class Outgoing(NamedTuple):
    """One thing to push. `batch` numbers are of the history, all others of the journal."""

    priority: int
    number: int
    name: str
    payload: bytes
    batch: bool = False


@dataclass(slots=True, kw_only=True)
class Writing:
    """All that one turn of the pump writes, in one transaction."""

    entries: Sequence[Entry] = ()
    memory: Mapping[DeviceId, str] = field(default_factory=dict)
    heard: Mapping[DeviceId, float] = field(default_factory=dict)
    accepted: Sequence[tuple[int, int]] = ()
    marks: Mapping[str, str] = field(default_factory=dict)
    done: Sequence[str] = ()  # instructions carried over from another database


class Store:
    """Both databases and the one thread that writes them. Make it with `opened`."""

    def __init__(self, folder: Path, gateway: str, *, degraded: str = "") -> None:
        self.folder = folder
        self.gateway = gateway
        self.degraded = degraded  # why the store is not the real one, "" when it is
        self.journal = ""
        self.history = ""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._db: Database
        self._history: Database | None = None
        self._batch = 0
        self._row = 0
        self._files: dict[Path, int] = {}  # the files of gateway.db as we opened them, and their inodes
        self.mended = ""  # what was put right in files that were damaged or deleted, for the pump to tell

    # -- opening -----------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open both databases, migrate them, and prove by a write that `gateway.db` can be written. Raises StoreProblem."""
        path = self.folder / "gateway.db"
        with contextlib.suppress(OSError):  # what cannot be read or written is told by SQLite in its own words
            self.mended = wal.mend(path)
        if self.mended:
            LOG.error("store %s", self.mended)
        self._db = _database(path, schema.gateway, "FULL")
        try:
            self._db.conn.execute("BEGIN IMMEDIATE")
            self._mark(self._db, "opened", str(time.time_ns()))
            self.journal = self._marked(self._db, "journal") or secrets.token_hex(4)
            self._mark(self._db, "journal", self.journal)
            self._db.conn.execute("COMMIT")
        except BROKEN as error:
            self._db.close()
            raise _problem(path, error) from error
        self._files = {part: part.stat().st_ino for part in _parts(path)}
        self._open_history()

    def _open_history(self) -> None:
        """Open `history.db`; a broken or newer one is thrown away, for that is what it is for. One that the disk refuses is left alone."""
        path = self.folder / "history.db"
        for attempt in (1, 2):
            try:
                self._history = _database(path, schema.history, "NORMAL")
                self.history = self._marked(self._history, "history") or secrets.token_hex(4)
                self._mark(self._history, "history", self.history)
                self._batch = _one(self._history, "SELECT coalesce(max(number), 0) FROM batches")
                self._row = _one(self._history, "SELECT coalesce(max(row), 0) FROM readings")
            except (StoreProblem, *BROKEN) as error:
                problem = error if isinstance(error, StoreProblem) else _problem(path, error)
                if isinstance(problem, DiskRefuses):
                    LOG.warning("store history.db: %s; no readings are kept until it can be written", problem)
                    self._close_history()
                    return
                LOG.warning("store history.db: %s; thrown away, attempt %d", problem, attempt)
                self._throw_away_history()
            else:
                return

    def _close_history(self) -> None:
        if self._history is not None:
            with contextlib.suppress(sqlite3.Error):
                self._history.close()
        self._history = None

    def _throw_away_history(self) -> None:
        self._close_history()
        with contextlib.suppress(OSError):
            _set_aside(self.folder / "history.db", keep=False)

    def load(self, now: Moment, boot: str) -> Known:
        """Return what was known. Raises one of BROKEN on damage."""
        db = self._db
        alarms = []
        closed = {(str(k), str(d)): str(i) for k, d, i in db.execute("SELECT kind, device, id FROM alarms WHERE NOT open ORDER BY number")}
        rows = db.execute("SELECT a.number, j.body FROM alarms a JOIN journal j ON j.number = a.entry WHERE a.open OR a.active ORDER BY 1")
        for _, body in rows:
            message = wire.decode_entry(body)
            if isinstance(message, wire.AlarmMessage):
                alarms.append((wire.alarm_of(message, now), message.at.boot == boot))
        faults: dict[tuple[str, str], FaultFact] = {}
        said_for = {}
        for body, said in db.execute("SELECT j.body, f.said FROM faults f JOIN journal j ON j.number = f.entry"):
            message = wire.decode_entry(body)
            if isinstance(message, wire.FaultMessage):
                faults[message.kind, message.device] = fault = wire.fault_of(message, now, boot)
                since = now.mono - fault.since.mono
                said_for[message.kind, message.device] = since if said is None else min(since, wire.passed(said, now))
        waiting = db.execute(
            "SELECT j.alarm, max(j.number) FROM outbox o JOIN journal j ON j.number = o.number WHERE j.alarm IS NOT NULL GROUP BY 1"
        )
        silent = {}
        if now.quality is Quality.SYNCHRONISED:
            ago = now.wall.timestamp()
            silent = {str(d): max(0.0, ago - heard) for d, heard in db.execute("SELECT device, heard FROM devices WHERE heard IS NOT NULL")}
        masks = json.loads(self._marked(db, "masks") or "{}")
        return Known(
            journal=self.journal,
            last=_one(db, "SELECT coalesce(max(number), 0) FROM journal"),
            last_alarm=_one(db, "SELECT coalesce(max(number), 0) FROM alarms"),
            alarms=alarms,
            carried={alarm.number: same for alarm, same in alarms},
            raised_in={int(a): int(n) for a, n in waiting},
            closed=closed,
            faults=faults,
            said_for=said_for,
            silent_for=silent,
            done=[str(i) for (i,) in db.execute("SELECT id FROM instructions ORDER BY number")],
            shelves={d: Shelf(_until(s["until"], now), s["by"], s["reason"]) for d, s in masks.get("shelves", {}).items()},
            away_until=_until(masks.get("away", 0.0), now),
        )

    def memories(self) -> Memories:
        """Return the drivers' memories (last packet ids, counters)."""
        return {str(d): json.loads(m) for d, m in self._db.execute("SELECT device, memory FROM devices")}

    @property
    def newest_batch(self) -> int:
        """Number of the newest batch of readings."""
        return self._batch

    def marked(self, name: str) -> str:
        """Return a mark of gateway.db, "" where there is none."""
        return self._marked(self._db, name)

    # -- the pump's side ---------------------------------------------------------------------------------------------

    async def run(self, job: Callable[..., T], *args: object) -> T:
        """Run one job on the store's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, job, *args)

    async def commit(self, turn: Writing) -> list[Outgoing]:
        """Put one turn on disk; return its entries as they are to be pushed. Raises sqlite3.Error when nothing was written."""
        return await self.run(self._commit, turn)

    def _commit(self, turn: Writing) -> list[Outgoing]:
        self._see_to_files()
        execute = self._db.conn.execute
        out = []
        with self._db.atomic():
            for entry in turn.entries:
                name, body = wire.encode_entry(self.gateway, self.journal, entry)
                out.append(Outgoing(int(entry.priority), entry.number, name, body))
                fact = entry.fact
                alarm = fact.alarm if isinstance(fact, AlarmFact) else None
                wall = _seconds(entry.at.wall)
                execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", (entry.number, name, alarm.number if alarm else None, wall, body))
                execute("INSERT INTO outbox VALUES (?, ?)", (int(entry.priority), entry.number))
                if alarm is not None:
                    self._keep_alarm(alarm, entry.number)
                elif isinstance(fact, FaultFact):
                    self._keep_fault(fact, entry.number, wall)
                elif isinstance(fact, ResultFact) and fact.refused is not Refused.BAD_MESSAGE:
                    execute("INSERT OR IGNORE INTO instructions VALUES (?, ?)", (entry.number, fact.instruction.id))
            for device, memory in turn.memory.items():
                execute(
                    "INSERT INTO devices (device, memory) VALUES (?, ?) ON CONFLICT DO UPDATE SET memory = excluded.memory",
                    (device, memory),
                )
            for device, heard in turn.heard.items():
                execute("INSERT INTO devices VALUES (?, '{}', ?) ON CONFLICT DO UPDATE SET heard = excluded.heard", (device, heard))
            for first, last in turn.accepted:
                execute("DELETE FROM outbox WHERE priority IN (1, 2, 3, 4) AND number BETWEEN ? AND ?", (first, last))
            for name, value in turn.marks.items():
                self._mark(self._db, name, value)
            if turn.done:
                before = _one(self._db, "SELECT coalesce(min(number), 1) FROM instructions") - len(turn.done)
                rows = [(before + n, done) for n, done in enumerate(turn.done)]
                self._db.conn.executemany("INSERT OR IGNORE INTO instructions VALUES (?, ?)", rows)
        return out

    def _see_to_files(self) -> None:
        """Write gateway.db again where somebody deleted it, or its log, under us: what we have open still has everything.

        Otherwise SQLite would go on writing into files that vanish with this process. Raises sqlite3.Error.
        """
        if not any(_is_gone(part, inode) for part, inode in self._files.items()):
            return
        path = self.folder / "gateway.db"
        new = path.with_name("gateway.db.new")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            new.unlink(missing_ok=True)
            with contextlib.closing(sqlite3.connect(new)) as copy:
                self._db.conn.backup(copy)
            new.replace(path)
            # To close the old one removes by name what it takes for its log: only then may the new one get its own.
            self._db.close()
            for part in _parts(path)[1:]:
                part.unlink(missing_ok=True)
            sync(self.folder)
            self._db = _database(path, schema.gateway, "FULL")
            self._mark(self._db, "opened", str(time.time_ns()))
            self._files = {part: part.stat().st_ino for part in _parts(path)}
        except (StoreProblem, OSError) as error:
            raise sqlite3.OperationalError(f"its files were deleted, and cannot be written again: {error}") from error
        self.mended = f"files of {path} were deleted or replaced by another program: written again, nothing is lost"
        LOG.error("store %s", self.mended)

    def _keep_alarm(self, alarm: Alarm, entry: int) -> None:
        # Most entries change neither flag: then the index of what is open stays as it is, and a page less is written.
        same = "UPDATE alarms SET entry = ? WHERE number = ? AND open = ? AND active = ?"
        if self._db.conn.execute(same, (entry, alarm.number, alarm.open, alarm.condition_active)).rowcount:
            return
        self._db.conn.execute(
            "INSERT INTO alarms VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET entry = excluded.entry, open = excluded.open, active = excluded.active",
            (alarm.number, alarm.id, alarm.kind, alarm.device, entry, alarm.open, alarm.condition_active),
        )

    def _keep_fault(self, fact: FaultFact, entry: int, wall: float) -> None:
        if fact.turn is Turn.RAISED:
            self._db.conn.execute(
                "INSERT OR REPLACE INTO faults (kind, device, entry, said) VALUES (?, ?, ?, ?)", (fact.kind, fact.device, entry, wall)
            )
        elif fact.turn is Turn.REPEATED:
            self._db.conn.execute("UPDATE faults SET said = ? WHERE kind = ? AND device = ?", (wall, fact.kind, fact.device))
        elif fact.turn is Turn.CLEARED:
            self._db.conn.execute("DELETE FROM faults WHERE kind = ? AND device = ?", (fact.kind, fact.device))

    async def keep_readings(self, readings: Sequence[Reading], boot: str, signals: Sequence[Row] = ()) -> Outgoing | None:
        """Write one batch of routine readings; return it as it is to be pushed, or None where history cannot be written.

        `signals`: what the last hours were like, written in the same transaction.
        """
        return await self.run(self._keep_readings, readings, boot, signals)

    def _keep_readings(self, readings: Sequence[Reading], boot: str, signals: Sequence[Row] = ()) -> Outgoing | None:
        if self._history is None:
            self._open_history()
        if self._history is None:
            return None
        first, number, wall = self._row + 1, self._batch + 1, readings[-1].at.wall.timestamp()
        rows = [
            (
                first + n,
                r.device,
                r.kind.value,
                (b"\0", b"\1")[r.value] if isinstance(r.value, bool) else r.value,
                r.index,
                r.label,
                boot,
                round(r.at.mono, 3),
                r.at.wall.timestamp(),
                r.at.quality.value,
                int(r.flagged),
            )
            for n, r in enumerate(readings)
        ]
        try:
            with self._history.atomic():
                self._history.conn.executemany("INSERT INTO readings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
                self._history.conn.execute("INSERT INTO batches VALUES (?, ?, ?, ?, 1)", (number, first, first + len(rows) - 1, wall))
                self._history.conn.executemany(_SIGNAL, signals)
        except sqlite3.Error as error:
            LOG.warning("store history.db: %d readings forgotten: %s", len(rows), error)
            return None
        self._row, self._batch = first + len(rows) - 1, number
        return Outgoing(5, number, "readings", wire.encode_batch(self.gateway, self.history, number, boot, list(readings)), batch=True)

    async def accept_batches(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Mark batches as accepted by the platform."""
        await self.run(self._accept_batches, ranges)

    def _accept_batches(self, ranges: Sequence[tuple[int, int]]) -> None:
        if self._history is None:
            return
        try:
            with self._history.atomic():
                for first, last in ranges:
                    self._history.conn.execute("UPDATE batches SET waiting = 0 WHERE waiting AND number BETWEEN ? AND ?", (first, last))
        except sqlite3.Error as error:
            LOG.warning("store history.db: receipts of readings not kept, they will be sent again: %s", error)

    async def tidy(self, now: Moment, history_days: float, journal_days: float) -> tuple[int, int]:
        """Carry out retention. Returns (batches forgotten before they were accepted, journal rows deleted)."""
        return await self.run(self._tidy, now, history_days, journal_days)

    def _tidy(self, now: Moment, history_days: float, journal_days: float) -> tuple[int, int]:
        try:
            return self._retain(now, history_days, journal_days)
        except sqlite3.Error as error:
            LOG.warning("store retention not carried out: %s", error)
            return 0, 0

    def _retain(self, now: Moment, history_days: float, journal_days: float) -> tuple[int, int]:
        forgotten = gone = 0
        if self._history is not None:
            conn = self._history.conn
            too_many = _one(self._history, "SELECT count(*) FROM batches WHERE waiting") - BATCHES_AT_MOST
            with self._history.atomic():
                if too_many > 0:
                    oldest = "SELECT number FROM batches WHERE waiting ORDER BY number LIMIT ?"
                    forgotten = conn.execute(f"UPDATE batches SET waiting = 0 WHERE number IN ({oldest})", (too_many,)).rowcount  # noqa: S608
                if now.quality is Quality.SYNCHRONISED:
                    # The newest batch stays whatever its age: numbers go on from it. So do rows that wait among older ones.
                    which, kept = "number < ? AND NOT waiting", min(self._batch, _kept_from(self._history, "batches", now, history_days))
                    rows = conn.execute(f"SELECT first, last FROM batches WHERE {which}", (kept,)).fetchall()  # noqa: S608
                    conn.executemany("DELETE FROM readings WHERE row BETWEEN ? AND ?", rows)
                    conn.execute(f"DELETE FROM batches WHERE {which}", (kept,))  # noqa: S608
                    conn.execute("DELETE FROM signals WHERE hour < ?", ((now.wall.timestamp() - KEPT_DAYS * 86400) // HOUR,))
        if now.quality is Quality.SYNCHRONISED:
            # The newest row stays whatever its age: numbers go on from it. So does what is open or not yet accepted.
            with self._db.atomic():
                execute = self._db.conn.execute
                gone = execute(
                    "DELETE FROM journal WHERE number < ? AND number < (SELECT max(number) FROM journal) "
                    "AND number NOT IN (SELECT number FROM outbox) AND number NOT IN (SELECT entry FROM faults) "
                    "AND (alarm IS NULL OR alarm IN (SELECT number FROM alarms WHERE NOT open AND NOT active))",
                    (_kept_from(self._db, "journal", now, journal_days),),
                ).rowcount
                # What nothing is left of: numbers go on from the newest alarm, and repeats are known by the newest instructions.
                execute(
                    "DELETE FROM alarms WHERE NOT open AND NOT active AND number < (SELECT max(number) FROM alarms) "
                    "AND entry NOT IN (SELECT number FROM journal)"
                )
                execute("DELETE FROM instructions WHERE number <= (SELECT max(number) FROM instructions) - ?", (INSTRUCTIONS,))
        return forgotten, gone

    # -- push's side -------------------------------------------------------------------------------------------------

    async def newest(self, faults: int, tests: int) -> tuple[list[wire.Outward], list[wire.Outward]]:
        """Return the newest faults and the newest test alarms as they stand, newest first. Raises sqlite3.Error, BadMessage."""
        return await self.run(self._newest, faults, tests)

    def _newest(self, faults: int, tests: int) -> tuple[list[wire.Outward], list[wire.Outward]]:
        of_faults = self._db.execute("SELECT body FROM journal WHERE name = 'fault' ORDER BY number DESC LIMIT ?", (faults,))
        of_tests = self._db.execute(
            "SELECT j.body FROM alarms a JOIN journal j ON j.number = a.entry WHERE a.kind = ? ORDER BY a.number DESC LIMIT ?",
            (TEST, tests),
        )
        return [wire.decode_entry(body) for (body,) in of_faults], [wire.decode_entry(body) for (body,) in of_tests]

    async def waiting(self, after: tuple[int, int], limit: int) -> list[Outgoing]:
        """Return entries without receipt, most urgent first then oldest, that come after (priority, number)."""
        return await self.run(self._waiting, after, limit)

    def _waiting(self, after: tuple[int, int], limit: int) -> list[Outgoing]:
        rows = self._db.execute(
            "SELECT o.priority, o.number, j.name, j.body FROM outbox o JOIN journal j ON j.number = o.number "
            "WHERE (o.priority, o.number) > (?, ?) ORDER BY o.priority, o.number LIMIT ?",
            (*after, limit),
        )
        page = [Outgoing(*row) for row in rows]
        return page if self._all_sound(page) else self._waiting(after, limit)

    async def waiting_batches(self, after: int, limit: int) -> list[Outgoing]:
        """Return batches of readings without receipt, oldest first, that come after number `after`."""
        return await self.run(self._waiting_batches, after, limit)

    def _waiting_batches(self, after: int, limit: int) -> list[Outgoing]:
        if self._history is None:
            return []
        try:
            return self._read_batches(self._history, after, limit)
        except BROKEN as error:
            LOG.warning("store history.db: %s; thrown away", error)
            self._throw_away_history()
            self._open_history()
            return []

    def _read_batches(self, history: Database, after: int, limit: int) -> list[Outgoing]:
        out = []
        found = history.execute(
            "SELECT number, first, last FROM batches WHERE waiting AND number > ? ORDER BY number LIMIT ?", (after, limit)
        ).fetchall()
        for number, first, last in found:
            rows = history.execute("SELECT * FROM readings WHERE row BETWEEN ? AND ? ORDER BY row", (first, last)).fetchall()
            boot = rows[0][6] if rows else ""
            readings = [
                Reading(
                    device=r[1], kind=Kind(r[2]), value=_value(r[3]), index=r[4], label=r[5],
                    at=Moment(r[7], datetime.fromtimestamp(r[8], UTC), Quality(r[9])),
                )
                for r in rows
            ]  # fmt: skip
            out.append(Outgoing(5, number, "readings", wire.encode_batch(self.gateway, self.history, number, boot, readings), batch=True))
        return out

    async def again(self, numbers: Iterable[int], *, batch: bool) -> list[Outgoing]:
        """Return these entries (or batches), as far as they still wait, to be sent again."""
        wanted = sorted(numbers)
        if batch:
            return [found for n in wanted for found in await self.waiting_batches(n - 1, 1) if found.number == n]
        return await self.run(self._again, wanted)

    def _again(self, numbers: Sequence[int]) -> list[Outgoing]:
        marks = ",".join("?" * len(numbers))
        rows = self._db.execute(
            f"SELECT o.priority, o.number, j.name, j.body FROM outbox o JOIN journal j ON j.number = o.number "  # noqa: S608  only question marks
            f"WHERE o.priority IN (1, 2, 3, 4) AND o.number IN ({marks})",
            list(numbers),
        )
        found = [Outgoing(*row) for row in rows]
        return found if self._all_sound(found) else self._again(numbers)

    def _all_sound(self, messages: Sequence[Outgoing]) -> bool:
        """Take out of the outbox what damage has made unreadable: no platform could take it, and it would wait for ever."""
        torn = [m.number for m in messages if not _is_sound(m.payload)]
        for number in torn:
            self._db.conn.execute("DELETE FROM outbox WHERE priority IN (1, 2, 3, 4) AND number = ?", (number,))
        if torn:
            self.mended = f"entries {torn} are damaged on the disk and cannot be sent"
            LOG.error("store %s", self.mended)
        return not torn

    async def counts(self) -> tuple[int, int]:
        """Return (entries, batches) that wait for a receipt."""
        return await self.run(self._counts)

    def _counts(self) -> tuple[int, int]:
        with contextlib.suppress(sqlite3.Error):  # the next commit finds it out and goes on in memory
            self._see_to_files()
        batches = _one(self._history, "SELECT count(*) FROM batches WHERE waiting") if self._history is not None else 0
        return _one(self._db, "SELECT count(*) FROM outbox"), batches

    async def ping(self) -> None:
        """Return when the thread has answered: the watchdog's proof that the store lives."""
        await self.run(_nothing)

    async def close(self) -> None:
        """Finish what is queued, close both files, join the thread."""
        await self.run(self._close)
        self._thread.shutdown()

    def close_now(self) -> None:
        """Close both files from the thread that opened them, where no job was ever queued."""
        self._close()
        self._thread.shutdown()

    def _close(self) -> None:
        for db in (self._db, self._history):
            if db is not None:
                with contextlib.suppress(sqlite3.Error):
                    db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                db.close()

    @staticmethod
    def _mark(db: Database, name: str, value: str) -> None:
        db.conn.execute("INSERT INTO marks VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (name, value))

    @staticmethod
    def _marked(db: Database, name: str) -> str:
        row = db.conn.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""


def opened(folder: Path, runtime: Path, gateway: str, now: Moment, boot: str) -> tuple[Store, Known, Memories]:
    """Open the store and return it with what was known and the drivers' memories; never raises for a bad database.

    A damaged `gateway.db` is set aside and a fresh one begun. One that is newer than this software, or that cannot be written
    (read-only, full), is left untouched and a stand-in in `runtime` (memory) is used, so that alarms go on. Either way what is
    open is carried over as far as it can be read, and `Store.degraded` says what happened. A stand-in that a killed process left
    is gone on with as long as anything in it is open or unaccepted.
    """
    path = folder / "gateway.db"
    left = _left(runtime, gateway, now, boot)
    if left is not None and (left.known.alarms or left.store._counts()[0]):  # noqa: SLF001  nobody else has it yet
        LOG.error("store %s", left.store.degraded)
        return left
    store = Store(folder, gateway)
    damaged = False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        store.open()
        return _merged(_Opened(store, store.load(now, boot), store.memories()), left, now)
    except Damaged as error:
        damaged, why = True, str(error)
    except (StoreProblem, OSError) as error:
        why = f"{error}; working from memory until then"
    except BROKEN as error:
        store._close()  # noqa: SLF001  half open, nobody else has it
        damaged, why = True, f"{path} is damaged ({error})"
    if not damaged and left is not None:
        LOG.error("store %s", why)
        return left
    known, memories = _salvaged(path, runtime, gateway, now, boot)
    carried = Writing(memory=_texts(memories), done=list(known.done), marks={"masks": masked(known.shelves, known.away_until, now)})
    try:
        if damaged:
            why = f"{why}; set aside as {_set_aside(path, keep=True)}, a fresh one begun"
            store = Store(folder, gateway, degraded=why)
            store.open()
            store._commit(carried)  # noqa: SLF001  nobody else has it yet
        else:
            store = stand_in(runtime, gateway, why, carried)
    except (StoreProblem, OSError, sqlite3.Error) as error:
        why = f"{why}; {error}; working from memory until then"
        store = stand_in(runtime, gateway, why, carried)
    LOG.error("store %s", why)
    # A fresh journal has numbers and a name of its own; what is open keeps its id.
    last_alarm = max((alarm.number for alarm, _ in known.alarms), default=0)
    fresh = Known(
        journal=store.journal, last_alarm=last_alarm, alarms=known.alarms, closed=known.closed, silent_for=known.silent_for,
        done=known.done, shelves=known.shelves, away_until=known.away_until,
    )  # fmt: skip
    return _merged(_Opened(store, fresh, memories), left if damaged else None, now)


def _left(runtime: Path, gateway: str, now: Moment, boot: str) -> _Opened | None:
    """Return the stand-in that an earlier process of this gateway left in memory, None where there is none that can be read."""
    for folder in _memory_folders(runtime):
        with contextlib.suppress(StoreProblem, *BROKEN):
            if not (folder / "gateway.db").exists() or not os.access(folder, os.W_OK):
                continue
            store = Store(folder, gateway)
            store.open()
            try:
                if store.marked("gateway") == gateway:
                    store.degraded = store.marked("degraded")
                    return _Opened(store, store.load(now, boot), store.memories())
            except BROKEN:
                store._close()  # noqa: SLF001  half open, nobody else has it
                raise
            store.close_now()
    return None


def _merged(real: _Opened, left: _Opened | None, now: Moment) -> _Opened:
    """Return the real store with what a stand-in, now empty, learned meanwhile: alarms that ended, instructions done, counters."""
    if left is None:
        return real
    rows = left.store._db.execute("SELECT j.body FROM alarms a JOIN journal j ON j.number = a.entry WHERE NOT a.open")  # noqa: SLF001
    messages = [wire.decode_entry(body) for (body,) in rows]
    ended = {m.alarm: m for m in messages if isinstance(m, wire.AlarmMessage)}
    masks_known = bool(left.store.marked("masks"))
    left.store.close_now()
    known = real.known
    # An alarm that ended in the stand-in is journalled as ended in the real one; `restart` writes that entry.
    alarms = [(wire.alarm_of(ended[a.id], now), False) if a.id in ended else (a, same) for a, same in known.alarms]
    said = {key: fault for key, fault in left.known.faults.items() if key[0] == STORAGE_DEGRADED}
    merged = replace(
        known,
        last_alarm=max(known.last_alarm, left.known.last_alarm),
        alarms=alarms,
        carried={number: same for number, same in known.carried.items() if number not in {a.number for a, _ in alarms if not a.open}},
        closed={**known.closed, **left.known.closed},
        faults={**known.faults, **said},
        done=list(dict.fromkeys((*known.done, *left.known.done))),
        shelves=left.known.shelves if masks_known else known.shelves,
        away_until=left.known.away_until if masks_known else known.away_until,
    )
    learned = Writing(memory=_texts(left.memories), done=list(left.known.done))
    if masks_known:
        learned.marks = {"masks": masked(merged.shelves, merged.away_until, now)}
    with contextlib.suppress(sqlite3.Error):  # the start's own commit comes next, and says so
        real.store._commit(learned)  # noqa: SLF001  nobody else has it yet
    return _Opened(real.store, merged, {**real.memories, **left.memories})


def forget_stand_in(runtime: Path) -> None:
    """Delete what a stand-in left: all of it is in the real database by now."""
    for folder in _memory_folders(runtime):
        with contextlib.suppress(OSError):
            for old in folder.glob("*.db*"):
                old.unlink()


def unfit(folder: Path) -> str:
    """Return what is wrong with `gateway.db` and what to do, "" when nothing is; the file is only read."""
    path = folder / "gateway.db"
    if not path.exists():
        return ""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2)) as conn:
            _refuse_newer(Database(conn, execute_plugins=False), path, schema.gateway)
            _look_for_damage(conn, path)
    except StoreProblem as problem:
        return str(problem)
    except sqlite3.Error as error:
        return str(_problem(path, error))
    return ""


def stand_in(runtime: Path, gateway: str, why: str, carried: Writing | None = None) -> Store:
    """Return a fresh store in memory, for a disk that takes nothing. `carried`: what must outlast this process in it too."""
    folder = _memory_folder(runtime)
    for old in folder.glob("*.db*"):
        old.unlink()
    store = Store(folder, gateway, degraded=why)
    store.open()
    store._mark(store._db, "gateway", gateway)  # noqa: SLF001  its own
    store._mark(store._db, "degraded", why)  # noqa: SLF001
    if carried is not None:
        store._commit(carried)  # noqa: SLF001
    return store


def _memory_folders(runtime: Path) -> tuple[Path, Path]:
    return runtime / "stand-in", Path("/dev/shm") / f"eldercare-gateway-{os.getuid()}"  # noqa: S108  tmpfs on purpose


def _memory_folder(runtime: Path) -> Path:
    """Return a folder in memory that can be written: one in the runtime folder, else in the shared memory."""
    for folder in _memory_folders(runtime):
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
    raise StoreProblem(f"neither {runtime} nor /dev/shm can be written: free some memory or start the service through systemd")


def _salvaged(path: Path, runtime: Path, gateway: str, now: Moment, boot: str) -> tuple[Known, Memories]:
    """Read what can be read of a database that cannot be used.

    A file of WAL mode in a folder that cannot be written cannot even be read where it lies, and one of an older version cannot be
    brought up to ours there: then a copy in memory is.
    """
    known, memories = Known(journal=""), Memories()
    copy = None
    for attempt in ("in place", "as a copy"):
        try:
            if attempt == "as a copy":
                copy = _memory_folder(runtime) / "salvage"
                for suffix in ("", "-wal"):
                    if (part := path.with_name(path.name + suffix)).exists():
                        shutil.copyfile(part, copy.with_name(copy.name + suffix))
            where = f"file:{path}?mode=ro" if copy is None else f"file:{copy}"
            with contextlib.closing(sqlite3.connect(where, uri=True, timeout=1)) as conn:
                store = Store(path.parent, gateway)
                store._db = db = Database(conn, execute_plugins=False)  # noqa: SLF001  only to read with
                store.marked("journal")
                if schema.gateway.pending(db):
                    if copy is None:
                        raise StoreProblem("it is of an older version")  # noqa: TRY301  said below, as any other reason
                    with contextlib.suppress(*BROKEN):
                        schema.gateway.apply(db)
                try:
                    known, memories = store.load(now, boot), store.memories()
                except BROKEN:
                    known, memories = _readable(store._db, now, boot)  # noqa: SLF001
            break
        except (StoreProblem, *BROKEN) as error:
            LOG.warning("store %s: cannot be read %s: %s", path, attempt, error)
    if copy is not None:
        for part in copy.parent.glob(copy.name + "*"):
            part.unlink()
    LOG.warning("store %s: %d open alarms and %d devices' memories carried over", path, len(known.alarms), len(memories))
    return known, memories


def _readable(db: Database, now: Moment, boot: str) -> tuple[Known, Memories]:
    """Return what can be read of a damaged file: open alarms, instructions done, drivers' memories. Never raises for damage.

    Each row is read by itself. Tables of a damaged file may contradict each other, so the journal says how an alarm stands: it
    is read from both ends up to the damage, and the newest entry of each alarm counts. In doubt an alarm is open.
    """
    newest: dict[int, wire.AlarmMessage] = {}
    memories = Memories()
    done: dict[str, None] = {}

    def alarm(body: bytes) -> None:
        message = wire.decode_entry(body)
        if not isinstance(message, wire.AlarmMessage):
            return
        wire.alarm_of(message, now)
        before = newest.get(message.alarm_number)
        if before is None or before.number < message.number:
            newest[message.alarm_number] = message

    def memory(device: str, text: str) -> None:
        memories[str(device)] = {str(k): v for k, v in json.loads(text).items() if isinstance(v, int | str)}

    def was_done(instruction: str) -> None:
        done[str(instruction)] = None

    reads: tuple[tuple[str, Callable[..., None]], ...] = (
        ("SELECT body FROM journal WHERE name = 'alarm' ORDER BY number DESC", alarm),
        ("SELECT body FROM journal WHERE name = 'alarm' ORDER BY number", alarm),
        ("SELECT j.body FROM alarms a JOIN journal j ON j.number = a.entry WHERE a.open OR a.active", alarm),
        ("SELECT device, memory FROM devices", memory),
        ("SELECT id FROM instructions ORDER BY number", was_done),
    )
    for query, take in reads:
        with contextlib.suppress(*BROKEN):
            for row in db.execute(query):
                with contextlib.suppress(*BROKEN):
                    take(*row)
    found = [(wire.alarm_of(m, now), m.at.boot == boot) for _, m in sorted(newest.items())]
    return Known(
        journal="",
        alarms=[(alarm, same) for alarm, same in found if alarm.open or alarm.condition_active],
        closed={(alarm.kind, alarm.device): alarm.id for alarm, _ in found if not alarm.open},
        done=list(done),
    ), memories


class DiskRefuses(StoreProblem):
    """The disk does not take or give: it is full, read-only, or fails. The file may be well."""


class Damaged(StoreProblem):
    """The file's content is broken."""


def _problem(path: Path, error: Exception) -> StoreProblem:
    """Return what an error means: a disk that does not take or give, or else a file that is damaged."""
    text = str(error)
    if "locked" in text or "I/O" in text:
        return DiskRefuses(f"{path}: {text}: check the disk, and end other programs that use the file")
    if "full" in text:
        return DiskRefuses(f"{path} cannot grow ({text}): free space on its disk")
    # A damaged header too can make SQLite call a file read-only or refuse to open it.
    if not os.access(path.parent, os.W_OK) or (path.is_file() and not os.access(path, os.W_OK)):
        return DiskRefuses(f"{path} cannot be written ({text}): remount the disk read-write, or give its folder to the service's user")
    return Damaged(f"{path} is damaged ({text})")


def _database(path: Path, migrations: Migrations, synchronous: str) -> Database:
    """Open one file for writing. Raises StoreProblem: damaged, newer, not writable."""
    try:
        conn = sqlite3.connect(path, timeout=5, check_same_thread=False, isolation_level=None, cached_statements=64)
    except sqlite3.Error as error:
        raise _problem(path, error) from error
    try:
        conn.execute(f"PRAGMA page_size = {PAGE}")
        conn.execute("PRAGMA journal_mode = WAL")
        conn.execute(f"PRAGMA synchronous = {synchronous}")
        conn.execute("PRAGMA wal_autocheckpoint = 2000")
        conn.execute("PRAGMA journal_size_limit = 4194304")
        db = Database(conn, execute_plugins=False)
        _refuse_newer(db, path, migrations)
        migrations.apply(db)
        _look_for_damage(conn, path)
    except StoreProblem:
        conn.close()
        raise
    except BROKEN as error:
        conn.close()
        raise _problem(path, error) from error
    return db


def _refuse_newer(db: Database, path: Path, migrations: Migrations) -> None:
    ours = {m.name for m in migrations._migrations}  # noqa: SLF001  the library offers no list of its own
    newer = sorted(m.name for m in migrations.applied(db) if m.name not in ours)
    if newer:
        raise StoreProblem(f"{path} was written by newer software (it has {', '.join(newer)}): install that version or a later one again")


def _look_for_damage(conn: sqlite3.Connection, path: Path) -> None:
    until = time.monotonic() + CHECK_AT_MOST
    conn.set_progress_handler(lambda: int(time.monotonic() > until), 10_000)
    try:
        found = conn.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        found = ("ok",)
    finally:
        conn.set_progress_handler(None, 0)
    if found[0] != "ok":
        raise Damaged(f"{path} is damaged ({found[0]})")


def _set_aside(path: Path, *, keep: bool) -> str:
    """Move a database away (one broken generation is kept), or delete it. Returns its new name."""
    for part in _parts(path):
        with contextlib.suppress(FileNotFoundError):
            if keep:
                part.replace(path.with_name(path.name + ".broken" + part.name.removeprefix(path.name)))
            else:
                part.unlink()
    return path.name + ".broken"


def _parts(path: Path) -> tuple[Path, Path, Path]:
    return path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")


def _is_sound(body: bytes) -> bool:
    try:
        wire.decode_entry(body)
    except wire.BadMessage:
        return False
    return True


def _is_gone(part: Path, inode: int) -> bool:
    """Say whether a file is no more, or is another one. A disk that does not answer says neither."""
    try:
        return part.stat().st_ino != inode
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _texts(memories: Memories) -> dict[DeviceId, str]:
    return {device: json.dumps(memory, separators=(",", ":")) for device, memory in memories.items()}


def masked(shelves: Mapping[DeviceId, Shelf], away_until: float, now: Moment) -> str:
    """Return what is shelved, and until when nobody is at home, as the mark `masks` keeps it: by the wall clock."""
    wall = now.wall.timestamp() - now.mono
    kept = {d: {"until": s.until + wall, "by": s.by, "reason": s.reason} for d, s in shelves.items()}
    return json.dumps({"shelves": kept, "away": away_until + wall if away_until > now.mono else 0.0}, ensure_ascii=False)


def _one(db: Database, query: str) -> int:
    return int(db.conn.execute(query).fetchone()[0])


def _kept_from(db: Database, table: str, now: Moment, days: float) -> int:
    """Return the number from which on rows are kept: that of the first one that is not too old.

    Rows lie in their order, whatever clock wrote them: one that was stamped in another century while nobody confirmed the clock is as
    young as its neighbours.
    """
    young = (now.wall.timestamp() - days * 86400, now.wall.timestamp() + 86400)
    row = db.conn.execute(f"SELECT number FROM {table} WHERE wall BETWEEN ? AND ? ORDER BY number LIMIT 1", young).fetchone()  # noqa: S608
    return int(row[0]) if row else 1 << 62


def _until(wall: float, now: Moment) -> float:
    """Return a stored wall-clock end as monotonic seconds. With a clock nobody confirmed it is over: judging goes on."""
    return now.mono + wall - now.wall.timestamp() if now.quality is Quality.SYNCHRONISED else float("-inf")


def _seconds(wall: str) -> float:
    return datetime.fromisoformat(wall).timestamp()


def _value(value: object) -> bool | int | float | str:
    """Return a value of the column: a truth is kept as one byte, so that it does not come back as the number 1."""
    if isinstance(value, bytes):
        return value == b"\1"
    if not isinstance(value, int | float | str):
        raise TypeError(f"a reading of {type(value).__name__}")
    return value


def _nothing() -> None:
    """Prove that the thread turns."""
