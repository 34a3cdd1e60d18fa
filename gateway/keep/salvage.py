"""What can be read of a database that cannot be used: its rows, page by page, without its tables.

Rows of all tables are told apart by their form alone. They may contradict each other, for older
images of a page are read too; in doubt an alarm is open. How an alarm stands says its newest entry
that can be read. Where that is not its newest one, its row in the table of alarms says at least
that there is one, and whether it is over.

What was found is put into a database in memory, which is then read as any is
(`gateway.keep.known`). So it matters neither what is damaged, nor which version wrote it, nor
whether its folder can be written. Runs on the thread that starts.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from gateway.contract import encoding, wire
from gateway.judge.alarm import ENDED, Alarm, State
from gateway.judge.book import AlarmFact, Entry
from gateway.judge.known import Known
from gateway.keep import known, schema
from gateway.keep.database import BROKEN
from gateway.keep.journal import Writing
from gateway.keep.known import CARRIED, Memories
from gateway.keep.pages import INDEX, INNER_INDEX, TABLE, Held, Pages
from gateway.keep.succession import WAITING_AT_MOST
from gateway.keep.waits import WAITS
from gateway.words import kind as kinds
from gateway.words.clock import Moment, Quality, stamp
from gateway.words.kind import TEST, Priority

LOG = logging.getLogger("eldercare")
# calls for help, the newest, that are told again where it cannot be read which of them wait
AGAIN_AT_MOST = 200
Waiting = dict[int, tuple[int, str, bytes]]  # entry -> (priority, name, body)


class Salvaged(NamedTuple):
    """What was read."""

    known: Known
    memories: Memories
    carried: Writing  # what a fresh database begins with
    left_out: int  # entries that wait for the platform and cannot be read, or are too many


def salvaged(path: Path, log: Held, gateway: str, now: Moment, boot: str) -> Salvaged:
    """Return what can be read of a database that cannot be used. Never raises for damage."""
    with log, Pages(path, log) as pages:
        found = _Found(pages, now)
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as conn:
        schema.gateway.apply(conn)
        found.put(conn, gateway, now, boot)
        read, memories = known.load(conn, "", now, boot), known.memories(conn)
    said = (
        f"{len(read.alarms)} open alarms, {len(memories)} devices' memories, "
        f"{len(found.waiting)} entries that wait for the platform"
    )
    LOG.warning(
        "store %s: %s carried over%s",
        path,
        said,
        f", {found.left} that wait are not" if found.left else "",
    )
    # their answers stay where they are
    done = {i: one._replace(entry=0) for i, one in read.done.items()}
    carried = Writing(
        memory=known.texts(memories), done=done, marks=found.marks, waiting=found.waiting
    )
    return Salvaged(read, memories, carried, found.left)


class _Alarm(NamedTuple):
    """A row of the table of alarms."""

    id: str
    kind: str
    device: str
    entry: int
    open: bool
    active: bool


class _Found:
    """What the pages of a database tell. On the thread that starts."""

    def __init__(self, pages: Pages, now: Moment) -> None:
        self.devices: dict[str, tuple[str, float | None]] = {}
        # number -> (id, digest); the answers stay where they are
        self.done: dict[int, tuple[str, str | None]] = {}
        self.marks: dict[str, str] = {}
        self.alarms: dict[int, _Alarm] = {}
        self.newest: dict[int, wire.AlarmMessage] = {}
        self.unanswered: dict[int, int] = {}  # entry -> priority
        self._small(pages)
        # Calls for help first, of these the newest: what a start may take in time and memory is
        # bounded.
        chosen = set(
            sorted(self.unanswered, key=lambda n: (self.unanswered[n] > Priority.P2, -n))[
                :WAITING_AT_MOST
            ]
        )
        waiting, again = self._large(pages, chosen, now)
        self.left = len(self.unanswered) - len(waiting)
        waiting = dict(sorted(again.items())[-AGAIN_AT_MOST:]) | waiting
        self.waiting = [waiting[number] for number in sorted(waiting)]

    def _large(self, pages: Pages, chosen: set[int], now: Moment) -> tuple[Waiting, Waiting]:
        """Read journal, alarms and instructions.

        Return (the `chosen` entries that wait, calls for help that may wait).
        """
        waiting: Waiting = {}
        again: Waiting = {}
        # from here on calls for help are told again: that they need not be cannot be seen
        since = 1 if pages.torn else 1 << 62
        for number, values, _ in pages.rows(TABLE):
            match values:
                case (None, str(name), alarm, _, bytes(body), *_) if (
                    name == "alarm" or number in chosen or number >= since
                ):
                    if number not in chosen and number < since and self._is_older(alarm, number):
                        continue
                    message = _message(body, number, now)
                    priority = (
                        None
                        if message is None
                        else getattr(message, "priority", self._of_result(number))
                    )
                    if number in chosen and priority is not None:
                        if self.unanswered.get(number) == priority:
                            waiting[number] = priority, name, body
                        # of the index of what is open, whose rows look like those of the outbox
                        else:
                            self.unanswered.pop(number, None)
                    elif number >= since and priority is not None and priority <= Priority.P2:
                        again[number] = priority, name, body
                        if len(again) > 2 * AGAIN_AT_MOST:
                            again = dict(sorted(again.items())[-AGAIN_AT_MOST:])
                            since = min(again)
                    if isinstance(message, wire.AlarmMessage) and number > 0:
                        before = self.newest.setdefault(message.alarm_number, message)
                        self.newest[message.alarm_number] = max(
                            before, message, key=lambda m: m.number
                        )
                case _:
                    self._row_of_table(number, values)
        return waiting, again

    def _is_older(self, alarm: object, number: int) -> bool:
        """Say whether a newer entry of an alarm was read."""
        read = self.newest.get(alarm) if isinstance(alarm, int) else None
        return read is not None and read.number >= number

    def _row_of_table(self, number: int, values: Sequence[object]) -> None:
        """Read a row of alarms or instructions."""
        match values:
            case (
                None,
                str(name),
                str(kind),
                str(device),
                int(entry),
                0 | 1 as open_,
                0 | 1 as active,
                *_,
            ) if number > 0:
                row = _Alarm(name, kind, device, entry, bool(open_), bool(active))
                self.alarms[number] = max(self.alarms.get(number, row), row, key=lambda r: r.entry)
            case (None, str(instruction)):
                self.done.setdefault(number, (instruction, None))
            case (None, str(instruction), None | str() as digest, None | int()):
                self.done.setdefault(number, (instruction, digest))

    def _of_result(self, number: int) -> int:
        """Return the priority of a result as it waits in the outbox, else P4.

        Its own row does not say it; earlier versions pushed it as P2.
        """
        return (
            found
            if (found := self.unanswered.get(number, Priority.P4)) in {Priority.P2, Priority.P4}
            else Priority.P4
        )

    def _small(self, pages: Pages) -> None:
        """Read the tables that are an index: outbox, devices, marks."""
        for _, values, stands in pages.rows(INDEX, INNER_INDEX):
            with contextlib.suppress(*BROKEN):
                match values:
                    case (int(priority), int(number)) if stands and 1 <= priority <= max(Priority):
                        self.unanswered[number] = priority
                    case (str(device), str(text), None | int() | float() as heard, *_) if (
                        text.startswith("{")
                    ):
                        memory = {
                            str(k): v
                            for k, v in json.loads(text).items()
                            if isinstance(v, int | str)
                        }
                        self.devices.setdefault(device, (json.dumps(memory), heard))
                    case (str(name), str(value)) if name in CARRIED:
                        CARRIED[name](value)
                        self.marks.setdefault(name, value)

    def put(self, conn: sqlite3.Connection, gateway: str, now: Moment, boot: str) -> None:
        """Write it into a database as if that had never held anything else."""
        conn.executemany(
            "INSERT INTO devices VALUES (?, ?, ?)",
            [(name, *row) for name, row in self.devices.items()],
        )
        rows = [(number, *done) for number, done in sorted(self.done.items())]
        conn.executemany("INSERT OR IGNORE INTO instructions VALUES (?, ?, ?, NULL)", rows)
        conn.executemany("INSERT INTO marks VALUES (?, ?)", self.marks.items())
        newest = max(self.newest.values(), key=lambda m: m.number, default=None)
        for number in sorted(self.newest.keys() | self.alarms.keys()):
            message, row = self.newest.get(number), self.alarms.get(number)
            if row is None or (message is not None and row.entry <= message.number):
                assert message is not None  # one of the two there is
                if row is None and newest is not None and _long_gone(message, newest):
                    continue
                over, active = message.state in ENDED, message.condition == "active"
                row = _Alarm(
                    message.alarm, message.kind, message.device, message.number, not over, active
                )
            elif message is not None and message.state in ENDED:
                message, row = None, row._replace(open=False)
            # where it ended, how is lost and nobody was told: it goes on
            elif row.open or row.entry in self.unanswered:
                message, row = (
                    message or _unread(number, row, gateway, now, boot),
                    row._replace(open=True),
                )
            else:
                message = None
            conn.execute("INSERT INTO alarms VALUES (?, ?, ?, ?, ?, ?, ?)", (number, *row))
            if message is not None:
                conn.execute(
                    "INSERT OR IGNORE INTO journal VALUES (?, 'alarm', ?, 0, ?)",
                    (row.entry, number, wire.encode(message)),
                )


def _message(body: bytes, number: int, now: Moment) -> wire.Outward | None:
    """Return the entry in a row of the journal, None where it is not whole.

    In rows of an earlier journal, below 0, the number in the body is another than the row's.
    """
    with contextlib.suppress(*BROKEN):
        message = encoding.decode_entry(body)
        if isinstance(message, wire.AlarmMessage):
            encoding.alarm_of(message, now)
        return message if number in {message.number, -abs(number)} else None
    return None


def _unread(
    number: int, row: _Alarm, gateway: str, now: Moment, boot: str
) -> wire.AlarmMessage | None:
    """Return an alarm of which no entry can be read.

    Its name, its kind and that it is open are known; how far it had got is not.
    """
    at, test = stamp(boot, now), row.kind == TEST
    alarm = Alarm(
        number=number,
        id=row.id,
        kind=row.kind,
        priority=kinds.of(row.kind).priority,
        device=row.device,
        room="",
        state=State.RAISED,
        since=now,
        stages={"danger": at, "alarm": at},
        called=now.mono,
        by="rule",
        reason="storage",
        condition_active=row.active,
        test=test,
    )
    fact = AlarmFact(alarm, "restored", State.RAISED, "rule", "storage")
    with contextlib.suppress(*BROKEN):
        message = encoding.decode_entry(
            encoding.encode_entry(
                gateway, "unread", Entry(row.entry, f"unread-{row.entry}", at, fact)
            )[1]
        )
        return message if isinstance(message, wire.AlarmMessage) else None
    return None


def _long_gone(message: wire.AlarmMessage, newest: wire.AlarmMessage) -> bool:
    """Say whether an entry is what retention has left on a page that is free.

    Its alarm has no row, and all that is told came long after. An alarm that is open has been told
    of lately, at each restart if nothing else.
    """
    if not message.at.clock == newest.at.clock == Quality.SYNCHRONISED:
        return False
    return datetime.fromisoformat(newest.at.wall) - datetime.fromisoformat(
        message.at.wall
    ) > timedelta(seconds=WAITS.long_gone)
