"""The journal in its open database: what a turn writes.

A `Journal` has a name, a generation, and a head: number and hash of its newest entry. Entries of
earlier journals lie in the same table under negative numbers, -(n * EARLIER) + number for the n-th
of them; their bodies keep what they were told under.

All methods run on the store's thread, or before anybody else has the store. They raise
sqlite3.Error where nothing was written.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice

from msgspec import Struct

from gateway.contract import chain, encoding, wire
from gateway.judge.alarm import ENDED, Alarm
from gateway.judge.book import AlarmFact, Entry
from gateway.judge.faults.fact import FaultFact, Turn
from gateway.keep.database import mark, marked, new_name, single
from gateway.keep.history import Outgoing
from gateway.keep.schema import atomic
from gateway.words.instruction import FORGOTTEN, Done, ResultFact
from gateway.words.kind import Priority
from gateway.words.reading import DeviceId

RECENT = 256  # entries whose hashes are at hand, for what the platform says that it has of them
EARLIER = 1 << 40  # numbers that each earlier journal has below 0
# mark of a stand-in: its journal, and from which number on the real one's entries are told under
# the stand-in's
DOUBT = "doubt"
# Marks that stay with their journal.
OF_JOURNAL = frozenset(
    {"journal", "generation", "begun", "head", "anchor", "earlier", "confirmed", "opened", DOUBT},
)


class Writing(Struct, kw_only=True):
    """All that one turn of the pump writes, in one transaction.

    Made in the pump's task, read on the store's thread.
    """

    entries: Sequence[Entry] = ()
    memory: Mapping[DeviceId, str] = {}
    heard: Mapping[DeviceId, float] = {}
    accepted: Sequence[tuple[int, int]] = ()
    marks: Mapping[str, str] = {}
    # instructions carried over from another database
    done: Mapping[str, Done] = {}
    # results that are to be sent once more, whether or not they had their receipt
    resent: Sequence[int] = ()
    # (priority, name, body) of entries of another journal; priority 0: it has its receipt, and is
    # kept only
    waiting: Sequence[tuple[int, str, bytes]] = ()
    shared: int = 0  # of `again` and of what has ended: alarms above it are named anew
    # entries of another journal, told under the first numbers of this one
    again: Sequence[tuple[int, str, wire.Outward]] = ()


Heritage = Mapping[str, list[tuple[object, ...]]]  # rows by the statement that inserts them


class Journal:
    """One journal, on the store's thread. Names and numbers may be read on any thread."""

    def __init__(self, db: sqlite3.Connection, gateway: str) -> None:
        """Take an open database. Call `begin`, or `succeed` another journal."""
        self.name = ""
        self.generation = 1
        self.head = chain.Head()  # the newest entry on the disk
        self.recent: dict[int, str] = {}  # number -> hash of the newest entries, RECENT at most
        # entries that were written down and are gone: their numbers must not be given again
        self.lost = 0
        self.db = db
        self._gateway = gateway
        # as turns have written them: what is the same is not written again
        self._marks: dict[str, str] = {}
        # journals of which entries are here -> how far below 0 these stand
        self._earlier: dict[str, int] = {}

    def begin(self, generation: int, why: str) -> None:
        """Go on with the journal of this database; where there is none, begin one in `generation`.

        What is written of it is one transaction.
        """
        with atomic(self.db):
            mark(self.db, "opened", str(time.time_ns()))
            self.name = marked(self.db, "journal")
            begun, last = chain.begun_of(marked(self.db, "begun")), self._look_at_newest()
            written = chain.head_of(marked(self.db, "head")).number
            if not self.name:
                self.name = new_name()
                mark(self.db, "journal", self.name)
                begun = [chain.Begun(1, why)]
            elif last > written:  # by earlier software, which knows no chain
                begun.append(chain.Begun(last + 1, chain.EARLIER))
            self.generation = within(int(marked(self.db, "generation") or generation))
            mark(self.db, "generation", str(self.generation))
            mark(self.db, "begun", json.dumps(begun))
            self.lost = max(0, written - last)
            if not self.lost:
                mark(self.db, "head", chain.text_of(self.head))
            self._earlier = dict(json.loads(marked(self.db, "earlier") or "{}"))

    def reopened(self, db: sqlite3.Connection) -> None:
        """Go on by another connection: the file was written again."""
        self.db = db
        mark(db, "opened", str(time.time_ns()))

    def _look_at_newest(self) -> int:
        """Take the newest entries' hashes from the disk; return the number of the last one."""
        newest = "SELECT number, body FROM journal WHERE number > 0 ORDER BY number DESC LIMIT ?"
        rows = self.db.execute(newest, (RECENT,)).fetchall()[::-1]
        self.recent = {int(n): chain.hashed(bytes(body)) for n, body in rows}
        self.head = chain.Head(*[*self.recent.items()][-1]) if self.recent else chain.Head()
        return self.head.number

    # -- a turn ------------------------------------------------------------------------------------

    def write(self, turn: Writing) -> list[Outgoing]:
        """Write one turn in one transaction; return its entries as they are to be pushed."""
        hashes: dict[int, str] = {}
        with atomic(self.db):
            out = self._told_again(turn, hashes)
            for entry in turn.entries:
                before = next(reversed(hashes.values()), self.head.hash)
                name, body = encoding.encode_entry(
                    self._gateway, self.name, entry, self.generation, before
                )
                hashes[entry.number] = chain.hashed(body)
                message = Outgoing(
                    int(entry.priority), entry.number, name, body, raises=entry.raises
                )
                fact = entry.fact
                alarm = fact.alarm.number if isinstance(fact, AlarmFact) else None
                self._insert(message, alarm, entry.at.wall)
                self._keep(entry)
                out.append(message)
            self._write_marks(turn)
            self._take_over(turn)
            out += self._resent(turn.resent)
            head = chain.Head(*next(reversed(hashes.items()), self.head))
            if hashes:
                mark(self.db, "head", chain.text_of(head))
        self.head = head
        self._marks.update(turn.marks)
        self.recent |= hashes
        for number in [*islice(self.recent, max(0, len(self.recent) - RECENT))]:
            del self.recent[number]
        return out

    def _insert(self, message: Outgoing, alarm: int | None, wall: str) -> None:
        row = (message.number, message.name, alarm, seconds(wall), message.payload)
        self.db.execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", row)
        self.db.execute("INSERT INTO outbox VALUES (?, ?)", (message.priority, message.number))

    def _told_again(self, turn: Writing, hashes: dict[int, str]) -> list[Outgoing]:
        """Tell entries of another journal under the first numbers of this one."""
        out = []
        for number, (priority, name, message) in enumerate(turn.again, 1):
            before = next(reversed(hashes.values()), self.head.hash)
            body = encoding.told_again(message, self.name, self.generation, number, before)
            hashes[number] = chain.hashed(body)
            out.append(Outgoing(priority, number, name, body))
            self._insert(
                out[-1],
                message.alarm_number if isinstance(message, wire.AlarmMessage) else None,
                message.at.wall,
            )
        return out

    def _keep(self, entry: Entry) -> None:
        """Keep how an alarm or a fault stands by now, and that an instruction is done."""
        fact = entry.fact
        if isinstance(fact, AlarmFact):
            self._keep_alarm(fact.alarm, entry.number)
        elif isinstance(fact, FaultFact):
            self._keep_fault(fact, entry.number, seconds(entry.at.wall))
        elif isinstance(fact, ResultFact) and fact.refused not in FORGOTTEN:
            done = (entry.number, fact.instruction.id, fact.instruction.digest, entry.number)
            self.db.execute("INSERT OR IGNORE INTO instructions VALUES (?, ?, ?, ?)", done)

    def _keep_alarm(self, alarm: Alarm, entry: int) -> None:
        # Most entries change neither flag: then the index of what is open stays as it is, and a
        # page less is written.
        same = "UPDATE alarms SET entry = ? WHERE number = ? AND open = ? AND active = ?"
        if self.db.execute(
            same, (entry, alarm.number, alarm.open, alarm.condition_active)
        ).rowcount:
            return
        self.db.execute(
            "INSERT INTO alarms VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE "
            "SET entry = excluded.entry, open = excluded.open, active = excluded.active",
            (
                alarm.number,
                alarm.id,
                alarm.kind,
                alarm.device,
                entry,
                alarm.open,
                alarm.condition_active,
            ),
        )

    def _keep_fault(self, fact: FaultFact, entry: int, wall: float) -> None:
        key = (fact.kind, fact.device)
        if fact.turn is Turn.RAISED:
            self.db.execute(
                "INSERT OR REPLACE INTO faults (kind, device, entry, said) VALUES (?, ?, ?, ?)",
                (*key, entry, wall),
            )
        elif fact.turn is Turn.REPEATED:
            self.db.execute(
                "UPDATE faults SET said = ? WHERE kind = ? AND device = ?", (wall, *key)
            )
        elif fact.turn is Turn.CLEARED:
            self.db.execute("DELETE FROM faults WHERE kind = ? AND device = ?", key)

    def _write_marks(self, turn: Writing) -> None:
        """Write what is not an entry: drivers' memories, last heard, receipts, marks."""
        keep_memory = (
            "INSERT INTO devices (device, memory) VALUES (?, ?) "
            "ON CONFLICT DO UPDATE SET memory = excluded.memory"
        )
        for row in turn.memory.items():
            self.db.execute(keep_memory, row)
        for device, heard in turn.heard.items():
            self.db.execute(
                "INSERT INTO devices VALUES (?, '{}', ?) "
                "ON CONFLICT DO UPDATE SET heard = excluded.heard",
                (device, heard),
            )
        for first, last in turn.accepted:
            self.db.execute(
                "DELETE FROM outbox WHERE priority IN (1, 2, 3, 4) AND number BETWEEN ? AND ?",
                (first, last),
            )
        for name, value in turn.marks.items() - self._marks.items():
            mark(self.db, name, value)

    def _take_over(self, turn: Writing) -> None:
        """Write what comes from another database: answered instructions, entries below 0.

        The instructions count as done before those of this database.
        """
        if turn.done:
            before = single(self.db, "SELECT coalesce(min(number), 1) FROM instructions") - len(
                turn.done
            )
            rows = [
                (before + n, i, one.digest, None) for n, (i, one) in enumerate(turn.done.items())
            ]
            self.db.executemany("INSERT OR IGNORE INTO instructions VALUES (?, ?, ?, ?)", rows)
        for priority, name, body in turn.waiting:
            message = encoding.decode_entry(body)
            number = message.number - self._earlier.setdefault(
                message.journal, EARLIER * (len(self._earlier) + 1)
            )
            row = (number, name, seconds(message.at.wall), body)
            new = self.db.execute(
                "INSERT OR IGNORE INTO journal VALUES (?, ?, NULL, ?, ?)", row
            ).rowcount
            if new and priority:
                self.db.execute("INSERT OR IGNORE INTO outbox VALUES (?, ?)", (priority, number))
            if isinstance(message, wire.ResultMessage):
                self.db.execute(
                    "UPDATE instructions SET result = ? WHERE id = ? AND result IS NULL",
                    (number, message.instruction),
                )
        if turn.waiting:
            mark(self.db, "earlier", json.dumps(self._earlier))

    def _resent(self, numbers: Sequence[int]) -> list[Outgoing]:
        """Put results into the outbox once more, whatever receipts they had.

        One that still waits there is sent by itself.
        """
        out = []
        for number in numbers:
            found = self.db.execute(
                "SELECT name, body FROM journal WHERE number = ?", (number,)
            ).fetchone()
            row = (int(Priority.P4), number)
            if (
                found
                and self.db.execute("INSERT OR IGNORE INTO outbox VALUES (?, ?)", row).rowcount
            ):
                out.append(Outgoing(*row, *found))
        return out

    # -- entries of earlier journals ---------------------------------------------------------------

    def stands(self, journal: str, number: int) -> int:
        """Return the number of an earlier journal's entry here, 0 where it is not here."""
        below = self._earlier.get(journal)
        return number - below if below and number else 0

    def receipted(self, journal: str, entries: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return under which numbers of this database entries of `journal` stand.

        `entries`: inclusive ranges of numbers there. The journal is this one, or an earlier one
        whose entries were carried over.
        """
        if journal == self.name:
            return list(entries)
        below = self._earlier.get(journal)
        return (
            [
                (first - below, min(last, EARLIER - 1) - below)
                for first, last in entries
                if first < EARLIER
            ]
            if below
            else []
        )

    def kept(self, journal: str, first: int, last: int, limit: int) -> list[tuple[int, str, bytes]]:
        """Return the first `limit` entries from `first` to `last` of a journal that are still kept.

        Each is (number in that journal, name, bytes).
        """
        below = 0 if journal == self.name else self._earlier.get(journal)
        if below is None:
            return []
        wanted = (
            "SELECT number, name, body FROM journal WHERE number BETWEEN ? AND ? "
            "ORDER BY number LIMIT ?"
        )
        rows = self.db.execute(wanted, (first - below, last - below, limit))
        return [(int(number) + below, str(name), bytes(body)) for number, name, body in rows]

    def all_entries(self) -> list[tuple[int, str, bytes]]:
        """Return the whole journal as `Writing.waiting` takes it over into another database."""
        rows = self.db.execute("SELECT number, name, body FROM journal ORDER BY number").fetchall()
        waits = {
            int(number): int(priority)
            for priority, number in self.db.execute("SELECT priority, number FROM outbox")
        }
        return [(waits.get(number, 0), str(name), bytes(body)) for number, name, body in rows]

    # -- another journal (see gateway.tend.lineage) ------------------------------------------------

    def lift(self, generation: int) -> None:
        """Go on in a higher generation. The mark is written with the next turn."""
        self.generation = max(self.generation, within(generation))

    def succeed(
        self, name: str, generation: int, why: str, heritage: Heritage, turn: Writing
    ) -> list[Outgoing]:
        """Begin in an empty database what another journal leaves, with this turn as the first."""
        self.name, self.generation = name, within(generation)
        turn.marks = {
            **{one: value for one, value in turn.marks.items() if one not in OF_JOURNAL},
            "journal": name,
            "generation": str(self.generation),
            "begun": json.dumps([(1, why)]),
            "opened": str(time.time_ns()),
        }
        with atomic(self.db):
            for statement, rows in heritage.items():
                self.db.executemany(statement, rows)
            return self.write(turn)

    def take_back(self, doubt: str) -> None:
        """Take out, once, what a stand-in has told under its own name: see DOUBT.

        The disk may have kept what it said that it had not. Nobody was told of it; its numbers are
        given again.
        """
        if not doubt or doubt == marked(self.db, DOUBT):
            return
        journal, first = doubt.split()[1:]
        if journal != self.name:
            return
        execute, since = self.db.execute, (int(first),)
        with atomic(self.db):
            for (number,) in execute(
                "SELECT number FROM alarms WHERE entry >= ?", since
            ).fetchall():
                earlier = (
                    "SELECT body FROM journal WHERE number < ? AND alarm = ? "
                    "ORDER BY number DESC LIMIT 1"
                )
                body = execute(earlier, (*since, number)).fetchone()
                message = encoding.decode_entry(body[0]) if body else None
                if isinstance(message, wire.AlarmMessage):
                    stands = (
                        message.number,
                        message.state not in ENDED,
                        message.condition == "active",
                    )
                    execute(
                        "UPDATE alarms SET entry = ?, open = ?, active = ? WHERE number = ?",
                        (*stands, number),
                    )
                else:
                    execute("DELETE FROM alarms WHERE number = ?", (number,))
            for table, column in (
                ("journal", "number"),
                ("outbox", "number"),
                ("instructions", "number"),
                ("faults", "entry"),
            ):
                execute(f"DELETE FROM {table} WHERE {column} >= ?", since)  # noqa: S608  names of ours
            self._look_at_newest()
            mark(self.db, "head", chain.text_of(self.head))
            mark(self.db, DOUBT, doubt)


def within(generation: int) -> int:
    """Return a generation as it can be said.

    A mark that somebody wrote by hand may hold any number.
    """
    return min(max(0, generation), wire.GENERATIONS)


def seconds(wall: str) -> float:
    """Return a stamp's wall time as seconds."""
    return datetime.fromisoformat(wall).timestamp()
