"""What a stand-in in memory lets go of when memory itself is full: never an alarm.

Readings go first, then counts and calls. It runs on the store's thread. Rows are deleted and their
pages used again; a file kept in reserve gives the room that deleting needs.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

from gateway.words.kind import Priority

RESERVE = 256 * 1024  # bytes kept free for deleting
FILE = "reserve.db"  # named as what is forgotten with the stand-in itself


def reserve(folder: Path) -> None:
    """Take room in `folder`, as a file of RESERVE bytes, to delete with once memory is full.

    Where there is no such room, none is kept.
    """
    with contextlib.suppress(OSError):
        (folder / FILE).write_bytes(bytes(RESERVE))


def release(folder: Path) -> None:
    """Give that room free, and what readings take."""
    for path in (folder / FILE, *folder.glob("history.db*")):
        with contextlib.suppress(OSError):
            path.unlink()


_NEEDED = "number NOT IN (SELECT entry FROM alarms) AND number NOT IN (SELECT entry FROM faults)"


def _receipted(db: sqlite3.Connection) -> int:
    """Forget what the platform has."""
    there = "SELECT number FROM outbox WHERE priority IN (1, 2, 3, 4)"
    return db.execute(f"DELETE FROM journal WHERE {_NEEDED} AND number NOT IN ({there})").rowcount  # noqa: S608  ours


def _unimportant(db: sqlite3.Connection) -> int:
    """Forget what is less than P2, sent or not."""
    numbers = [
        n
        for (n,) in db.execute(
            "SELECT number FROM outbox WHERE priority IN (?, ?)", (Priority.P3, Priority.P4)
        )
    ]
    return _gone(db, numbers)


def _superseded(db: sqlite3.Connection) -> int:
    """Forget counts and calls of an alarm but its newest entry.

    What stays says that it was raised, and how it stands.
    """
    rows = db.execute(
        f"SELECT number FROM journal WHERE alarm IS NOT NULL AND {_NEEDED}"  # noqa: S608  ours
        " AND json_extract(CAST(body AS TEXT), '$.move')"
        " IN ('count', 'call', 'call_accepted', 'call_failed')"
    )
    return _gone(db, [n for (n,) in rows])


def _gone(db: sqlite3.Connection, numbers: list[int]) -> int:
    done = 0
    for number in numbers:
        done += db.execute(
            f"DELETE FROM journal WHERE number = ? AND {_NEEDED}",  # noqa: S608  ours
            (number,),
        ).rowcount
        db.execute("DELETE FROM outbox WHERE priority IN (1, 2, 3, 4) AND number = ?", (number,))
    return done


STEPS: tuple[Callable[[sqlite3.Connection], int], ...] = (_receipted, _unimportant, _superseded)


def shed(db: sqlite3.Connection, folder: Path, step: int) -> int:
    """Carry out one of `STEPS`; return how many entries went.

    Raises sqlite3.Error where even that finds no room.
    """
    release(folder)
    with db:
        gone = STEPS[step](db)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return gone
