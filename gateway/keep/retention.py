"""Retention of the journal: what is over and old goes, a little at a time, between two turns.

`entries_kept_from` may look at all of the journal: it runs on another thread, by a connection of
its own. Each step of `steps` runs on the store's thread, between two turns of the pump.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gateway.box.folders import reader
from gateway.contract import chain
from gateway.keep.database import kept_from, mark, marked, single
from gateway.keep.schema import atomic
from gateway.keep.waits import WAITS
from gateway.words.clock import Moment

# rows of the journal that one step looks at: a press waits for no more than one step
ENTRIES_AT_ONCE = 100
INSTRUCTIONS = 20_000  # entries back to which instructions are remembered against repeats


class Gone(NamedTuple):
    """What one step took: rows of the journal in all, and those that the platform never had."""

    rows: int = 0
    unsent: int = 0


def entries_kept_from(path: Path, now: Moment, days: float) -> int:
    """Return the number from which on entries of a gateway.db are younger than `days`.

    It may take long; not for the store's thread. Raises sqlite3.Error.
    """
    with reader(path, WAITS.lock) as conn:
        return kept_from(conn, "journal", now, days)


def steps(db: sqlite3.Connection, kept: int) -> Iterator[Gone]:
    """Delete what is over and numbered below `kept`; each step yields what it took.

    The newest row stays whatever its age, for numbers go on from it. So does what is open. Raises
    sqlite3.Error.
    """
    kept = min(kept, single(db, "SELECT coalesce(max(number), 0) FROM journal"))
    done = -1 << 62
    some = "SELECT number FROM journal WHERE number > ? AND number < ? ORDER BY number LIMIT ?"
    last_of = f"SELECT max(number) FROM ({some})"  # noqa: S608  ours
    while (last := db.execute(last_of, (done, kept, ENTRIES_AT_ONCE)).fetchone()[0]) is not None:
        yield _forgotten(db, done, last)
        done = last
    # What nothing is left of: numbers go on from the newest alarm, and repeats are known by the
    # newest instructions.
    with atomic(db):
        db.execute(
            "DELETE FROM alarms WHERE NOT open AND NOT active "
            "AND number < (SELECT max(number) FROM alarms) "
            "AND entry NOT IN (SELECT number FROM journal)"
        )
        db.execute(
            "DELETE FROM instructions WHERE number <= (SELECT max(number) FROM instructions) - ?",
            (INSTRUCTIONS,),
        )


def _forgotten(db: sqlite3.Connection, done: int, last: int) -> Gone:
    """Delete what is over of the entries above `done`, up to `last`.

    Number and hash of the newest one are kept as the anchor: from there the chain goes on.
    """
    over = db.execute(
        "SELECT number FROM journal WHERE number > ? AND number <= ? "
        "AND number NOT IN (SELECT entry FROM faults) AND (alarm IS NULL OR EXISTS (SELECT 1 "
        "FROM alarms a WHERE a.number = journal.alarm AND NOT a.open AND NOT a.active))",
        (done, last),
    ).fetchall()
    newest = max((number for (number,) in over), default=0)
    with atomic(db):
        if newest > chain.head_of(marked(db, "anchor")).number:
            (body,) = db.execute("SELECT body FROM journal WHERE number = ?", (newest,)).fetchone()
            mark(db, "anchor", chain.text_of(chain.Head(newest, chain.hashed(body))))
        db.executemany("DELETE FROM journal WHERE number = ?", over)
        unsent = db.executemany(
            "DELETE FROM outbox WHERE priority IN (1, 2, 3, 4) AND number = ?", over
        ).rowcount
    return Gone(rows=len(over), unsent=max(0, unsent))
