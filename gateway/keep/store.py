"""What the gateway remembers: SQLite on one writer thread. Entry and outbox row are one transaction, on disk before anybody is told.

`gateway.db`: journal, outbox, alarms, faults, devices, instructions, marks (WAL, synchronous FULL). Bulk readings lie in another
database with a thread of its own: see gateway.history. A database that is broken, newer, read-only or full does not stop the gateway:
see `opened`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from msgspec.structs import replace

from gateway.box.generations import sync
from gateway.contract import chain, wire
from gateway.judge import pending
from gateway.judge.alarm import ENDED, Alarm
from gateway.judge.book import AlarmFact, Entry, renamed
from gateway.judge.faults import silence
from gateway.judge.faults.fault import FaultFact, Turn
from gateway.judge.masks import unmasked
from gateway.judge.pipeline import Known
from gateway.keep import schema, shed, wal
from gateway.keep.database import (
    BROKEN,
    LOG_PAGES_PRECIOUS,
    StoreProblem,
    database,
    is_gone,
    is_read_only,
    is_sound,
    mark,
    marked,
    new_name,
    parts,
    problem_of,
    set_aside,
    single,
    suspect,
)
from gateway.keep.history import History, Outgoing
from gateway.keep.schema import atomic
from gateway.words import finite
from gateway.words.clock import Moment, Quality, Stamp, bridged, on_boot
from gateway.words.instruction import FORGOTTEN, Done, ResultFact
from gateway.words.kind import TEST, Priority
from gateway.words.reading import DeviceId

LOG = logging.getLogger("eldercare")
T = TypeVar("T")
Ended = tuple[str, DeviceId]  # kind and device of an ended alarm

ENTRIES_AT_ONCE = 100  # rows of the journal that one step of retention looks at: a press waits for no more than one step
INSTRUCTIONS = 20_000  # entries back to which instructions are remembered against repeats
RECENT = 256  # entries whose hashes are at hand, for what the platform says that it has of them
EARLIER = 1 << 40  # so far below 0 stand entries carried over from an earlier journal, each further one as far again; bodies keep theirs
AGAIN_AT_MOST = 1000  # entries that a new journal tells again because nobody knows whether the platform has them: the newest
WAITING_AT_MOST = 10_000  # entries that go along into another database for the platform; calls for help first, then the newest
OF_JOURNAL = frozenset({"journal", "generation", "begun", "head", "anchor", "earlier", "confirmed", "opened", "doubt"})  # marks that stay
BACK = "back"  # mark of a stand-in: the real disk was seen to take a write again
DOUBT = "doubt"  # mark of a stand-in: its journal, and from which number on the real one's entries are told under the stand-in's
Memories = dict[DeviceId, dict[str, int | str]]


class Beyond(NamedTuple):
    """What another journal has to know of the one before: see `Store.beyond`."""

    again: list[tuple[int, str, wire.Outward]]  # (priority, name, message), oldest first
    waiting: list[tuple[int, str, bytes]]
    shared: int  # alarms numbered above it began beyond what both sides know


@dataclass(slots=True, kw_only=True)
class Writing:
    """All that one turn of the pump writes, in one transaction."""

    entries: Sequence[Entry] = ()
    memory: Mapping[DeviceId, str] = field(default_factory=dict)
    heard: Mapping[DeviceId, float] = field(default_factory=dict)
    accepted: Sequence[tuple[int, int]] = ()
    marks: Mapping[str, str] = field(default_factory=dict)
    done: Mapping[str, Done] = field(default_factory=dict)  # instructions carried over from another database
    resent: Sequence[int] = ()  # results that are to be sent once more, whether or not they had their receipt
    # (priority, name, body) of entries of another journal; priority 0: it has its receipt, and is kept only
    waiting: Sequence[tuple[int, str, bytes]] = ()
    shared: int = 0  # of `again` and of what has ended: alarms above it are named anew
    again: Sequence[tuple[int, str, wire.Outward]] = ()  # entries of another journal that are told under numbers of this one, the first


class Gone(NamedTuple):
    """What one step of retention took: rows of the journal in all, and those that the platform never had."""

    rows: int = 0
    unsent: int = 0


_OWN: Final = (  # ranges of the numbers of alarms that have an id of this journal
    "SELECT min(number), max(number) FROM (SELECT number, number - row_number() OVER (ORDER BY number) AS run FROM alarms"
    " WHERE id = ? || number) GROUP BY run ORDER BY 1"
)


class Store:
    """The journal's database and the one thread that writes it, and beside it `readings`. Make it with `opened`."""

    def __init__(self, folder: Path, gateway: str, *, degraded: str = "", generation: int = 1, why: str = "new") -> None:
        """Name the folder. `generation`, `why`: of the journal that is begun where there is none yet (gateway.lineage, gateway.chain)."""
        self.folder = folder
        self.gateway = gateway
        self.degraded = degraded  # why the store is not the real one, "" when it is
        self.journal = ""
        self.generation = _within(generation)
        self.head = chain.Head()  # the newest entry on the disk
        self.recent: dict[int, str] = {}  # number -> hash of the newest entries, RECENT at most
        self._why = why
        self.lost = 0  # entries that were written down, and are not there any more: their numbers must not be given again
        self.anew = ""  # what made this start begin another journal, for the pump to tell
        self.readings = History(folder, gateway)
        self._earlier: dict[str, int] = {}  # journals of which entries still wait -> how far below 0 these stand
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._counted = 0  # entries that waited when they could last be counted
        self._db: sqlite3.Connection
        self._files: dict[Path, int] = {}  # the files of gateway.db as we opened them, and their inodes
        self.mended = ""  # what was put right in files that were damaged or deleted, for the pump to tell

    # -- opening -----------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the databases, migrate them, and prove by a write that `gateway.db` can be written. Raises StoreProblem."""
        path = self.folder / "gateway.db"
        with contextlib.suppress(OSError):  # what cannot be read or written is told by SQLite in its own words
            self.mended = wal.mend(path)
        if self.mended:
            LOG.error("store %s", self.mended)
        self._db = database(path, schema.gateway, "FULL", LOG_PAGES_PRECIOUS)
        try:
            self._db.execute("BEGIN IMMEDIATE")
            mark(self._db, "opened", str(time.time_ns()))
            self._begin_journal()
            self._earlier = dict(json.loads(marked(self._db, "earlier") or "{}"))
            self._db.execute("COMMIT")
        except BROKEN as error:
            self._db.close()
            raise problem_of(path, error) from error
        self._files = {part: part.stat().st_ino for part in parts(path)}
        self.readings.open()

    def _begin_journal(self) -> None:
        """Go on with the journal, or begin one where there is none: its name, its generation, its chain."""
        self.journal = marked(self._db, "journal")
        begun, last = chain.begun_of(marked(self._db, "begun")), self._look_at_newest()
        written = chain.head_of(marked(self._db, "head")).number
        if not self.journal:
            self.journal = new_name()
            mark(self._db, "journal", self.journal)
            begun = [chain.Begun(1, self._why)]
        elif last > written:  # by earlier software, which knows no chain
            begun.append(chain.Begun(last + 1, chain.EARLIER))
        self.generation = _within(int(marked(self._db, "generation") or self.generation))
        mark(self._db, "generation", str(self.generation))
        mark(self._db, "begun", json.dumps(begun))
        self.lost = max(0, written - last)
        if not self.lost:
            mark(self._db, "head", chain.text_of(self.head))

    def _look_at_newest(self) -> int:
        """Take the newest entries' hashes from the disk; return the number of the last one."""
        newest = "SELECT number, body FROM journal WHERE number > 0 ORDER BY number DESC LIMIT ?"
        self.recent = {int(n): chain.hashed(bytes(body)) for n, body in self._db.execute(newest, (RECENT,)).fetchall()[::-1]}
        self.head = chain.Head(*[*self.recent.items()][-1]) if self.recent else chain.Head()
        return self.head.number

    def load(self, now: Moment, boot: str) -> Known:
        """Return what was known. Raises one of BROKEN on damage."""
        db = self._db
        alarms, shift = [], {}
        alive = lived(marked(db, "alive"))
        closed, closed_for = self._closed(alive, now, boot)
        rows = db.execute("SELECT a.number, j.body FROM alarms a JOIN journal j ON j.number = a.entry WHERE a.open OR a.active ORDER BY 1")
        for _, body in rows:
            message = wire.decode_entry(body)
            if isinstance(message, wire.AlarmMessage):
                alarms.append((wire.alarm_of(message, now), message.at.boot == boot))
                shift[message.alarm_number] = bridged(wire.stamp_of(message.at), alive, now)
        faults: dict[tuple[str, str], FaultFact] = {}
        said_for = {}
        for body, said in db.execute("SELECT j.body, f.said FROM faults f JOIN journal j ON j.number = f.entry"):
            message = wire.decode_entry(body)
            if isinstance(message, wire.FaultMessage):
                faults[message.kind, message.device] = fault = wire.fault_of(message, now, boot)
                since = now.mono - fault.since.mono
                said_for[message.kind, message.device] = since if said is None else min(since, wire.passed(said, now))
        # By key, never through the outbox: that may be 200 MB, and the alarm that is pressed now must not wait until it is read.
        waiting = db.execute(
            "SELECT a.number, a.entry FROM alarms a JOIN outbox o ON o.priority IN (1, 2, 3, 4) AND o.number = a.entry"
            " WHERE a.open OR a.active"
        )
        heard_ago = {}
        if now.quality is Quality.SYNCHRONISED:
            ago = now.wall.timestamp()
            heard_ago = {
                str(d): max(0.0, ago - heard) for d, heard in db.execute("SELECT device, heard FROM devices WHERE heard IS NOT NULL")
            }
        shelves, away = unmasked(marked(db, "masks"), now, boot)
        return Known(
            journal=self.journal,
            last=max(0, single(db, "SELECT coalesce(max(number), 0) FROM journal")),
            last_alarm=single(db, "SELECT coalesce(max(number), 0) FROM alarms"),
            own=[(int(first), int(last)) for first, last in db.execute(_OWN, (f"{self.journal}-a",))],
            alarms=alarms,
            carried={alarm.number: same for alarm, same in alarms},
            shift=shift,
            raised_in={int(a): int(n) for a, n in waiting},
            closed=closed,
            closed_for=closed_for,
            cancels=[on_boot(one, alive, now, boot) for one in stamps(marked(db, "cancels"))],
            faults=faults,
            said_for=said_for,
            silent_for=silence.read(marked(db, "silent")),
            heard_ago=heard_ago,
            done={
                str(i): Done("?" if digest is None else str(digest), int(entry or 0))
                for i, digest, entry in db.execute("SELECT id, digest, result FROM instructions ORDER BY number")
            },
            endings=[str(i) for i in json.loads(marked(db, "endings") or "[]")],
            shelves=shelves,
            away=away,
            pending=pending.read(marked(db, pending.MARK), now, boot),
        )

    def _closed(self, alive: Stamp | None, now: Moment, boot: str) -> tuple[dict[Ended, str], dict[Ended, float]]:
        """Return the id of the last ended alarm of each kind and device, and the seconds since its end as far as they are known."""
        rows = self._db.execute(
            "SELECT a.kind, a.device, a.id, j.body FROM alarms a LEFT JOIN journal j ON j.number = a.entry"
            " WHERE a.number IN (SELECT max(number) FROM alarms WHERE NOT open GROUP BY kind, device)"
        )
        closed, ago = {}, {}
        for kind, device, name, body in rows:
            key = str(kind), str(device)
            closed[key] = str(name)
            message = wire.decode_entry(body) if body is not None else None
            if isinstance(message, wire.AlarmMessage):
                at = wire.stamp_of(message.stages.get("closed") or message.stages.get("cancelled") or message.at)
                ago[key] = max(0.0, now.mono - at.mono - (0.0 if at.boot == boot else bridged(at, alive, now)))
        return closed, ago

    def memories(self) -> Memories:
        """Return the drivers' memories (last packet ids, counters)."""
        return {str(d): json.loads(m) for d, m in self._db.execute("SELECT device, memory FROM devices")}

    def all_entries(self) -> list[tuple[int, str, bytes]]:
        """Return the whole journal as `Writing.waiting` takes it over into another database."""
        rows = self._db.execute("SELECT number, name, body FROM journal ORDER BY number").fetchall()
        waits = {int(number): int(priority) for priority, number in self._db.execute("SELECT priority, number FROM outbox")}
        return [(waits.get(number, 0), str(name), bytes(body)) for number, name, body in rows]

    def marked(self, name: str) -> str:
        """Return a mark of gateway.db, "" where there is none."""
        return marked(self._db, name)

    # -- the pump's side ---------------------------------------------------------------------------------------------

    async def run(self, job: Callable[..., T], *args: object) -> T:
        """Run one job on the store's thread."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, job, *args)
        except sqlite3.DatabaseError as error:
            self._suspected(error)
            raise

    def _suspected(self, error: sqlite3.Error) -> None:
        """Let the next start look at all of a database that is damaged: what a short look does not find would end it each time anew."""
        if "malformed" in str(error):
            with contextlib.suppress(OSError):
                suspect(self.folder / "gateway.db").touch()

    async def commit(self, turn: Writing) -> list[Outgoing]:
        """Put one turn on disk; return its entries as they are to be pushed. Raises sqlite3.Error when nothing was written."""
        return await self.run(self._commit, turn)

    def _commit(self, turn: Writing) -> list[Outgoing]:
        self._see_to_files()
        execute = self._db.execute
        out = []
        head, hashes = self.head, {}
        with atomic(self._db):
            for number, (priority, name, message) in enumerate(turn.again, 1):
                body = wire.told_again(message, self.journal, self.generation, number, head.hash)
                head = chain.Head(number, chain.hashed(body))
                hashes[number] = head.hash
                out.append(Outgoing(priority, number, name, body))
                about = message.alarm_number if isinstance(message, wire.AlarmMessage) else None
                execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", (number, name, about, _seconds(message.at.wall), body))
                execute("INSERT INTO outbox VALUES (?, ?)", (priority, number))
            for entry in turn.entries:
                name, body = wire.encode_entry(self.gateway, self.journal, entry, self.generation, head.hash)
                head = chain.Head(entry.number, chain.hashed(body))
                hashes[head.number] = head.hash
                out.append(Outgoing(int(entry.priority), entry.number, name, body, raises=entry.raises))
                fact = entry.fact
                alarm = fact.alarm if isinstance(fact, AlarmFact) else None
                wall = _seconds(entry.at.wall)
                execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", (entry.number, name, alarm.number if alarm else None, wall, body))
                execute("INSERT INTO outbox VALUES (?, ?)", (int(entry.priority), entry.number))
                if alarm is not None:
                    self._keep_alarm(alarm, entry.number)
                elif isinstance(fact, FaultFact):
                    self._keep_fault(fact, entry.number, wall)
                elif isinstance(fact, ResultFact) and fact.refused not in FORGOTTEN:
                    done = (entry.number, fact.instruction.id, fact.instruction.digest, entry.number)
                    execute("INSERT OR IGNORE INTO instructions VALUES (?, ?, ?, ?)", done)
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
                mark(self._db, name, value)
            if turn.done:
                before = single(self._db, "SELECT coalesce(min(number), 1) FROM instructions") - len(turn.done)
                rows = [(before + n, i, one.digest, None) for n, (i, one) in enumerate(turn.done.items())]
                self._db.executemany("INSERT OR IGNORE INTO instructions VALUES (?, ?, ?, ?)", rows)
            for priority, name, body in turn.waiting:
                message = wire.decode_entry(body)
                number = message.number - self._earlier.setdefault(message.journal, EARLIER * (len(self._earlier) + 1))
                row = (number, name, _seconds(message.at.wall), body)
                new = execute("INSERT OR IGNORE INTO journal VALUES (?, ?, NULL, ?, ?)", row).rowcount
                if new and priority:
                    execute("INSERT OR IGNORE INTO outbox VALUES (?, ?)", (priority, number))
                if isinstance(message, wire.ResultMessage):
                    execute("UPDATE instructions SET result = ? WHERE id = ? AND result IS NULL", (number, message.instruction))
            if turn.waiting:
                mark(self._db, "earlier", json.dumps(self._earlier))
            out += self._resent(turn.resent)
            if hashes:
                mark(self._db, "head", chain.text_of(head))
        self._keep_head(head, hashes)
        return out

    def _resent(self, numbers: Sequence[int]) -> list[Outgoing]:
        """Put results into the outbox once more, whatever receipts they had; one that still waits there is sent by itself."""
        out = []
        for number in numbers:
            found = self._db.execute("SELECT name, body FROM journal WHERE number = ?", (number,)).fetchone()
            if found and self._db.execute("INSERT OR IGNORE INTO outbox VALUES (?, ?)", (int(Priority.P4), number)).rowcount:
                out.append(Outgoing(int(Priority.P4), number, *found))
        return out

    def _keep_head(self, head: chain.Head, hashes: Mapping[int, str]) -> None:
        """Take the newest entries as written."""
        self.head = head
        self.recent |= hashes
        for number in [*self.recent][: len(self.recent) - RECENT]:
            del self.recent[number]

    def disk_is_back(self) -> None:
        """Note in a stand-in that the disk takes writes again: the next start goes back to it. Raises sqlite3.Error."""
        mark(self._db, BACK, "1")

    def shed(self, step: int) -> int:
        """Let go of what can be missed, where this is a stand-in and memory is full: see `gateway.shed`. Raises sqlite3.Error."""
        self.readings.give_up()
        return shed.shed(self._db, self.folder, step)

    # -- another journal (see gateway.lineage) -----------------------------------------------------------------------

    def lift(self, generation: int) -> None:
        """Go on in a higher generation. The mark is written with the next turn."""
        self.generation = max(self.generation, _within(generation))

    def bind(self, place: str) -> None:
        """Write down in which box and on which card this journal lies. Raises sqlite3.Error."""
        mark(self._db, "bound", place)

    def beyond(self, floor: int, journal: str) -> Beyond:
        """Return what a new journal has to begin with, where both sides agree up to entry `floor` and not beyond.

        What is open is not in it: how that stands is written down anew. Of an alarm that has ended its newest entry says all.
        """
        rows = self._db.execute(
            "SELECT number, name, body FROM journal WHERE number > ? ORDER BY number DESC LIMIT ?", (floor, AGAIN_AT_MOST)
        )
        on = {int(n) for (n,) in self._db.execute("SELECT entry FROM faults")}
        shared, again, seen = single(self._db, "SELECT coalesce(max(number), 0) FROM alarms"), [], set()
        for number, name, body in rows.fetchall():
            if number in on or not is_sound(body):
                continue
            message = wire.decode_entry(body)
            if isinstance(message, wire.AlarmMessage):
                shared = shared if message.before is not None else min(shared, message.alarm_number - 1)
                if message.alarm_number in seen or message.state not in ENDED:
                    seen.add(message.alarm_number)
                    continue
                seen.add(message.alarm_number)
            again.append((int(getattr(message, "priority", Priority.P4)), str(name), message))
        waiting = self._db.execute(
            "SELECT o.priority, j.name, j.body FROM outbox o JOIN journal j ON j.number = o.number WHERE o.number <= ? "
            "ORDER BY o.priority > 2, o.number DESC LIMIT ?",
            (floor, WAITING_AT_MOST),
        ).fetchall()
        named = [(priority, name, _named(message, self.journal, journal, shared)) for priority, name, message in again[::-1]]
        return Beyond(named, [(p, n, b) for p, n, b in waiting if is_sound(b)], shared)

    def begin_anew(self, journal: str, why: str, turn: Writing) -> list[Outgoing]:
        """Set the database aside and begin another one under `journal`, in the next generation, with this turn as its first.

        Killed in between, the next start finds the old one set aside and a new one without entries, and reads what is open from there
        (see `opened`). What is not of a journal goes along: drivers' memories, instructions done, marks. Raises sqlite3.Error.
        """
        path, old = self.folder / "gateway.db", self._db
        self._see_to_files()
        ended = "SELECT max(number), id, kind, device, 0, 0, 0 FROM alarms WHERE NOT open GROUP BY kind, device"
        kept = {
            "INSERT OR REPLACE INTO devices VALUES (?, ?, ?)": old.execute("SELECT device, memory, heard FROM devices").fetchall(),
            "INSERT OR REPLACE INTO marks VALUES (?, ?)": [row for row in old.execute("SELECT * FROM marks") if row[0] not in OF_JOURNAL],
            "INSERT INTO alarms VALUES (?, ?, ?, ?, ?, ?, ?)": [
                (number, renamed(alarm, self.journal, journal, turn.shared), *more) for number, alarm, *more in old.execute(ended)
            ],
        }
        known = old.execute("SELECT id, digest FROM instructions ORDER BY number")
        turn.done = {str(i): Done("?" if digest is None else str(digest), 0) for i, digest in known}
        old.close()
        try:
            set_aside(path, keep=True)
            sync(self.folder)
            self._db = database(path, schema.gateway, "FULL", LOG_PAGES_PRECIOUS)
            self._files = {part: part.stat().st_ino for part in parts(path)}
        except (StoreProblem, OSError) as error:
            raise sqlite3.OperationalError(f"another journal cannot be begun: {error}") from error
        self.journal, self.generation, self.head, self.recent, self._earlier = journal, _within(self.generation + 1), chain.Head(), {}, {}
        turn.marks = {
            **{name: value for name, value in turn.marks.items() if name not in OF_JOURNAL},
            "journal": journal, "generation": str(self.generation), "begun": json.dumps([(1, why)]),
            "opened": str(time.time_ns()),
        }  # fmt: skip
        with atomic(self._db):
            for statement, rows in kept.items():
                self._db.executemany(statement, rows)
            return self._commit(turn)

    def take_back(self, doubt: str) -> None:
        """Take the entries out that a stand-in has told under its own name, because their commit failed: once, see DOUBT.

        The disk may have kept what it said that it had not. Nobody was told of it; its numbers are given again. Raises sqlite3.Error.
        """
        if not doubt or doubt == marked(self._db, DOUBT):
            return
        journal, first = doubt.split()[1:]
        if journal != self.journal:
            return
        execute, since = self._db.execute, (int(first),)
        with atomic(self._db):
            for (number,) in execute("SELECT number FROM alarms WHERE entry >= ?", since).fetchall():
                earlier = "SELECT body FROM journal WHERE number < ? AND alarm = ? ORDER BY number DESC LIMIT 1"
                body = execute(earlier, (*since, number)).fetchone()
                message = wire.decode_entry(body[0]) if body else None
                if isinstance(message, wire.AlarmMessage):
                    stands = (message.number, message.state not in ENDED, message.condition == "active")
                    execute("UPDATE alarms SET entry = ?, open = ?, active = ? WHERE number = ?", (*stands, number))
                else:
                    execute("DELETE FROM alarms WHERE number = ?", (number,))
            for table, column in (("journal", "number"), ("outbox", "number"), ("instructions", "number"), ("faults", "entry")):
                execute(f"DELETE FROM {table} WHERE {column} >= ?", since)  # noqa: S608  names of ours
            self._look_at_newest()
            mark(self._db, "head", chain.text_of(self.head))
            mark(self._db, DOUBT, doubt)

    def _see_to_files(self) -> None:
        """Write gateway.db again where somebody deleted it, or its log, under us: what we have open still has everything.

        Otherwise SQLite would go on writing into files that vanish with this process. Raises sqlite3.Error, also where the file system has
        become read-only under us: Linux lets open files of such a one be written and flushed, says that it is done, and writes nothing.
        """
        if is_read_only(self.folder):
            raise sqlite3.OperationalError("the file system is read-only: remount it read-write, or change the card")
        if not any(is_gone(part, inode) for part, inode in self._files.items()):
            return
        path = self.folder / "gateway.db"
        new = path.with_name("gateway.db.new")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            new.unlink(missing_ok=True)
            with contextlib.closing(sqlite3.connect(new)) as copy:
                self._db.backup(copy)
            new.replace(path)
            # To close the old one removes by name what it takes for its log: only then may the new one get its own.
            self._db.close()
            for part in parts(path)[1:]:
                part.unlink(missing_ok=True)
            sync(self.folder)
            self._db = database(path, schema.gateway, "FULL", LOG_PAGES_PRECIOUS)
            mark(self._db, "opened", str(time.time_ns()))
            self._files = {part: part.stat().st_ino for part in parts(path)}
        except (StoreProblem, OSError) as error:
            raise sqlite3.OperationalError(f"its files were deleted, and cannot be written again: {error}") from error
        self.mended = f"files of {path} were deleted or replaced by another program: written again, nothing is lost"
        LOG.error("store %s", self.mended)

    def _keep_alarm(self, alarm: Alarm, entry: int) -> None:
        # Most entries change neither flag: then the index of what is open stays as it is, and a page less is written.
        same = "UPDATE alarms SET entry = ? WHERE number = ? AND open = ? AND active = ?"
        if self._db.execute(same, (entry, alarm.number, alarm.open, alarm.condition_active)).rowcount:
            return
        self._db.execute(
            "INSERT INTO alarms VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET entry = excluded.entry, open = excluded.open, active = excluded.active",
            (alarm.number, alarm.id, alarm.kind, alarm.device, entry, alarm.open, alarm.condition_active),
        )

    def _keep_fault(self, fact: FaultFact, entry: int, wall: float) -> None:
        if fact.turn is Turn.RAISED:
            self._db.execute(
                "INSERT OR REPLACE INTO faults (kind, device, entry, said) VALUES (?, ?, ?, ?)", (fact.kind, fact.device, entry, wall)
            )
        elif fact.turn is Turn.REPEATED:
            self._db.execute("UPDATE faults SET said = ? WHERE kind = ? AND device = ?", (wall, fact.kind, fact.device))
        elif fact.turn is Turn.CLEARED:
            self._db.execute("DELETE FROM faults WHERE kind = ? AND device = ?", (fact.kind, fact.device))

    def retention(self, now: Moment, kept: int) -> Iterator[Gone]:
        """Carry out retention a little at a time: what is pressed between two steps is written between them.

        `kept`: the number from which on entries are young enough, see `gateway.database.kept_from`: finding it is long, and not
        for this thread. Age decides, whether the platform has it or not: in a home without one, or with it away for years, nothing
        would ever go. What is open stays. Each step is made on the store's thread, and yields what it took.
        """
        try:
            if now.quality is Quality.SYNCHRONISED:  # only by a clock that is confirmed
                yield from self._retain_journal(self._db, kept)
        except sqlite3.Error as error:
            LOG.warning("store retention not carried out: %s", error)

    def _retain_journal(self, db: sqlite3.Connection, kept: int) -> Iterator[Gone]:
        # The newest row stays whatever its age: numbers go on from it. So does what is open.
        kept = min(kept, single(db, "SELECT coalesce(max(number), 0) FROM journal"))
        done = -1 << 62
        some = "SELECT number FROM journal WHERE number > ? AND number < ? ORDER BY number LIMIT ?"
        while (last := db.execute(f"SELECT max(number) FROM ({some})", (done, kept, ENTRIES_AT_ONCE)).fetchone()[0]) is not None:  # noqa: S608
            yield self._forget_entries(db, done, last)
            done = last
        # What nothing is left of: numbers go on from the newest alarm, and repeats are known by the newest instructions.
        with atomic(db):
            db.execute(
                "DELETE FROM alarms WHERE NOT open AND NOT active AND number < (SELECT max(number) FROM alarms) "
                "AND entry NOT IN (SELECT number FROM journal)"
            )
            db.execute("DELETE FROM instructions WHERE number <= (SELECT max(number) FROM instructions) - ?", (INSTRUCTIONS,))

    def _forget_entries(self, db: sqlite3.Connection, done: int, last: int) -> Gone:
        """Delete what is over of the entries behind `done`, up to `last`.

        Number and hash of the newest one stay: from there the chain goes on.
        """
        over = db.execute(
            "SELECT number FROM journal WHERE number > ? AND number <= ? AND number NOT IN (SELECT entry FROM faults) "
            "AND (alarm IS NULL OR EXISTS (SELECT 1 FROM alarms a WHERE a.number = journal.alarm AND NOT a.open AND NOT a.active))",
            (done, last),
        ).fetchall()
        newest = max((number for (number,) in over), default=0)
        with atomic(db):
            if newest > chain.head_of(marked(db, "anchor")).number:
                (body,) = db.execute("SELECT body FROM journal WHERE number = ?", (newest,)).fetchone()
                mark(db, "anchor", chain.text_of(chain.Head(newest, chain.hashed(body))))
            db.executemany("DELETE FROM journal WHERE number = ?", over)
            unsent = db.executemany("DELETE FROM outbox WHERE priority IN (1, 2, 3, 4) AND number = ?", over).rowcount
        return Gone(rows=len(over), unsent=max(0, unsent))

    # -- push's side -------------------------------------------------------------------------------------------------

    def stands(self, journal: str, number: int) -> int:
        """Return under which number an entry of an earlier journal stands here, 0 where it does not."""
        below = self._earlier.get(journal)
        return number - below if below and number else 0

    def receipted(self, journal: str, entries: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return under which numbers entries of a journal stand here: its own, or one of which entries were carried over."""
        if journal == self.journal:
            return list(entries)
        below = self._earlier.get(journal)
        return [(first - below, min(last, EARLIER - 1) - below) for first, last in entries if first < EARLIER] if below else []

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

    async def standing(self, limit: int) -> list[Outgoing]:
        """Return the newest entry of each open alarm of P1 and P2, where that has no receipt: P1 first, the newest alarm first."""
        return await self.run(self._standing, limit)

    def _standing(self, limit: int) -> list[Outgoing]:
        rows = self._db.execute(
            "SELECT o.priority, o.number, j.name, j.body FROM alarms a JOIN outbox o ON o.priority IN (?, ?) AND o.number = a.entry "
            "JOIN journal j ON j.number = a.entry WHERE a.open AND (a.open OR a.active) ORDER BY o.priority, a.number DESC LIMIT ?",
            (int(Priority.P1), int(Priority.P2), limit),
        )
        page = [Outgoing(*row) for row in rows]
        return page if self._all_sound(page) else self._standing(limit)

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
        return await self.readings.waiting(after, limit)

    async def kept(self, journal: str, first: int, last: int, limit: int) -> list[tuple[int, str, bytes]]:
        """Return (number there, name, bytes) of the first entries of a journal from `first` to `last` that are still kept."""
        return await self.run(self._kept, journal, first, last, limit)

    def _kept(self, journal: str, first: int, last: int, limit: int) -> list[tuple[int, str, bytes]]:
        below = 0 if journal == self.journal else self._earlier.get(journal, 0)
        if not below and journal != self.journal:
            return []
        wanted = "SELECT number, name, body FROM journal WHERE number BETWEEN ? AND ? ORDER BY number LIMIT ?"
        rows = self._db.execute(wanted, (first - below, last - below, limit))
        return [(int(number) + below, str(name), bytes(body)) for number, name, body in rows]

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
        torn = [m.number for m in messages if not is_sound(m.payload)]
        for number in torn:
            self._db.execute("DELETE FROM outbox WHERE priority IN (1, 2, 3, 4) AND number = ?", (number,))
        if torn:
            self.mended = f"entries {torn} are damaged on the disk and cannot be sent"
            LOG.error("store %s", self.mended)
        return not torn

    async def counts(self) -> tuple[int, int]:
        """Return (entries, batches) that wait for a receipt; what cannot be read just now, as it was read last."""
        return await self.run(self._counts)

    def _counts(self) -> tuple[int, int]:
        with contextlib.suppress(sqlite3.Error):  # the next commit finds it out and goes on in memory
            self._see_to_files()
        try:
            self._counted = single(self._db, "SELECT count(*) FROM outbox")
        except sqlite3.Error as error:  # a question ends nothing: whoever writes next finds it out
            self._suspected(error)
        return self._counted, self.readings.waits

    async def ping(self) -> None:
        """Return when the thread has answered: the watchdog's proof that the store lives."""
        await self.run(_nothing)

    async def close(self) -> None:
        """Finish what is queued, close the files, join the threads; that of the readings as far as it answers."""
        await self.run(self._close)
        self._thread.shutdown()
        await self.readings.close()

    def drop(self) -> None:
        """Close what is open, as it is: its log stays readable for whoever holds it. For a store that could not be opened in full."""
        self.readings.close_now(checkpoint=False)
        with contextlib.suppress(AttributeError, sqlite3.Error):
            self._db.close()
        self._thread.shutdown()

    def close_now(self) -> None:
        """Close the files from the thread that opened them, where no job was ever queued."""
        self._close()
        self._thread.shutdown()
        self.readings.close_now()

    def _close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()


def _named(message: wire.Outward, old: str, new: str, shared: int) -> wire.Outward:
    """Return an entry with the ids that alarms above `shared` have in another journal."""
    if isinstance(message, wire.FaultMessage):
        return message
    about = replace(message, alarm=renamed(message.alarm, old, new, shared))
    return replace(about, linked=renamed(about.linked, old, new, shared)) if isinstance(about, wire.AlarmMessage) else about


def _within(generation: int) -> int:
    """Return a generation as it can be said: a mark that somebody wrote by hand may hold any number."""
    return min(max(0, generation), wire.GENERATIONS)


def lived(text: str) -> Stamp | None:
    """Return when the gateway was last known to run, as the mark `alive` has it. Raises one of BROKEN."""
    if not text:
        return None
    return _stamp(*finite.loads(text))


def stamps(text: str) -> list[Stamp]:
    """Return the moments of a mark. Raises one of BROKEN."""
    return [_stamp(*one) for one in finite.loads(text or "[]")]


def _stamp(boot: str, mono: float, wall: str, clock: str) -> Stamp:
    datetime.fromisoformat(wall)
    return Stamp(str(boot), finite.number(mono), wall, str(Quality(clock)))


def _seconds(wall: str) -> float:
    return datetime.fromisoformat(wall).timestamp()


def _nothing() -> None:
    """Prove that the thread turns."""
