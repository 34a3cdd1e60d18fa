"""What another journal has to know of the one before: see `gateway.tend.lineage`.

All functions read an open database, on the store's thread. They raise sqlite3.Error.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from msgspec.structs import replace

from gateway.contract import encoding, wire
from gateway.judge.alarm import ENDED
from gateway.judge.alarm_ids import Renaming
from gateway.keep.database import is_sound, single
from gateway.keep.journal import OF_JOURNAL, Heritage, Journal
from gateway.words.instruction import Done
from gateway.words.kind import Priority

# entries that a new journal tells again, the newest: who knows what the platform has
AGAIN_AT_MOST = 1000
WAITING_AT_MOST = 10_000  # entries that go along; calls for help first, then the newest


class Beyond(NamedTuple):
    """What a new journal has to tell."""

    again: list[tuple[int, str, wire.Outward]]  # (priority, name, message), oldest first
    waiting: list[tuple[int, str, bytes]]  # as `Writing.waiting`
    shared: int  # alarms numbered above it began beyond what both sides know


def beyond(old: Journal, floor: int, name: str) -> Beyond:
    """Return what journal `name` has to tell, where both sides agree up to entry `floor` only.

    What is open is not in it: how that stands is written down anew. Of an alarm that has ended its
    newest entry says all.
    """
    newest = "SELECT number, name, body FROM journal WHERE number > ? ORDER BY number DESC LIMIT ?"
    rows = old.db.execute(newest, (floor, AGAIN_AT_MOST)).fetchall()
    on = {int(n) for (n,) in old.db.execute("SELECT entry FROM faults")}
    shared = single(old.db, "SELECT coalesce(max(number), 0) FROM alarms")
    again: list[tuple[int, str, wire.Outward]] = []
    seen: set[int] = set()
    for number, kind, body in rows:
        if number in on or not is_sound(body):
            continue
        message = encoding.decode_entry(body)
        if isinstance(message, wire.AlarmMessage):
            if message.before is None:
                shared = min(shared, message.alarm_number - 1)
            told = message.alarm_number in seen or message.state not in ENDED
            seen.add(message.alarm_number)
            if told:
                continue
        again.append((int(getattr(message, "priority", Priority.P4)), str(kind), message))
    to = Renaming(old.name, name, shared)
    named = [(p, kind, _named(message, to)) for p, kind, message in again[::-1]]
    return Beyond(named, _waiting(old.db, floor), shared)


def _waiting(db: sqlite3.Connection, floor: int) -> list[tuple[int, str, bytes]]:
    """Return what waits for the platform up to an entry."""
    rows = db.execute(
        "SELECT o.priority, j.name, j.body FROM outbox o JOIN journal j ON j.number = o.number"
        " WHERE o.number <= ? ORDER BY o.priority > 2, o.number DESC LIMIT ?",
        (floor, WAITING_AT_MOST),
    ).fetchall()
    return [(int(p), str(name), bytes(body)) for p, name, body in rows if is_sound(body)]


def heritage(old: Journal, name: str, shared: int) -> Heritage:
    """Return the rows that journal `name` begins with: what is not of a journal, and what ended."""
    execute = old.db.execute
    devices = execute("SELECT device, memory, heard FROM devices").fetchall()
    marks = execute("SELECT * FROM marks").fetchall()
    ended = execute(
        "SELECT max(number), id, kind, device, 0, 0, 0 FROM alarms WHERE NOT open "
        "GROUP BY kind, device",
    )
    to = Renaming(old.name, name, shared)
    return {
        "INSERT OR REPLACE INTO devices VALUES (?, ?, ?)": devices,
        "INSERT OR REPLACE INTO marks VALUES (?, ?)": [m for m in marks if m[0] not in OF_JOURNAL],
        "INSERT INTO alarms VALUES (?, ?, ?, ?, ?, ?, ?)": [
            (number, to.id(alarm), *more) for number, alarm, *more in ended
        ],
    }


def done(old: Journal) -> dict[str, Done]:
    """Return the instructions that are done; their answers stay where they are."""
    known = old.db.execute("SELECT id, digest FROM instructions ORDER BY number")
    return {str(i): Done("?" if digest is None else str(digest), 0) for i, digest in known}


def _named(message: wire.Outward, to: Renaming) -> wire.Outward:
    """Return an entry with the ids that its alarms above `shared` have in another journal."""
    if isinstance(message, wire.FaultMessage):
        return message
    about = replace(message, alarm=to.id(message.alarm))
    if isinstance(about, wire.AlarmMessage):
        return replace(about, linked=to.id(about.linked))
    return about
