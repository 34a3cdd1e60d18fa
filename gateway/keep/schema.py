"""The two databases' migrations, in order. A migration that has landed is never edited; a new one is added below it.

`gateway.db` is small and precious; `history.db` is bulk and may be thrown away.
"""

from __future__ import annotations

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

gateway = Migrations("gateway")
history = Migrations("history")


def _each(db: Database, statements: str) -> None:
    """Run statements one by one: executescript would end the migration's transaction."""
    for statement in statements.split(";"):
        if statement.strip():
            db.conn.execute(statement)


@gateway(name="0001_journal")
def _journal(db: Database) -> None:
    # `body` is the message as pushed, so that journal and platform can be compared byte by byte.
    # `outbox` holds what has no receipt yet; its key is its order: most urgent first, then oldest first.
    _each(
        db,
        """
        CREATE TABLE journal (
            number INTEGER PRIMARY KEY, name TEXT NOT NULL, alarm INTEGER, wall REAL NOT NULL, body BLOB NOT NULL
        ) STRICT;
        CREATE TABLE outbox (
            priority INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (priority, number)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE alarms (
            number INTEGER PRIMARY KEY, id TEXT NOT NULL, kind TEXT NOT NULL, device TEXT NOT NULL,
            entry INTEGER NOT NULL, open INTEGER NOT NULL, active INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX alarms_open ON alarms (number) WHERE open OR active;
        CREATE TABLE faults (
            kind TEXT NOT NULL, device TEXT NOT NULL, entry INTEGER NOT NULL, PRIMARY KEY (kind, device)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE devices (device TEXT PRIMARY KEY, memory TEXT NOT NULL, heard REAL) STRICT, WITHOUT ROWID;
        CREATE TABLE instructions (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT;
        CREATE TABLE marks (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID
        """,
    )


@gateway(name="0002_said")
def _said(db: Database) -> None:
    # A fault that is said again every week is said again after a restart too: the wall second at which it was said last.
    db.conn.execute("ALTER TABLE faults ADD COLUMN said REAL")


@gateway(name="0003_content")
def _content(db: Database) -> None:
    # An id that comes again: with the same content the stored result is sent again, with another it is refused as another order.
    _each(db, "ALTER TABLE instructions ADD COLUMN digest TEXT; ALTER TABLE instructions ADD COLUMN result INTEGER")


@history(name="0001_readings")
def _readings(db: Database) -> None:
    # A batch is the rows first..last; it waits until the platform's receipt covers its number.
    _each(
        db,
        """
        CREATE TABLE readings (
            row INTEGER PRIMARY KEY, device TEXT NOT NULL, kind TEXT NOT NULL, value ANY NOT NULL, nth INTEGER NOT NULL,
            label TEXT NOT NULL, boot TEXT NOT NULL, mono REAL NOT NULL, wall REAL NOT NULL, clock TEXT NOT NULL
        ) STRICT;
        CREATE TABLE batches (
            number INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, wall REAL NOT NULL, waiting INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX batches_waiting ON batches (number) WHERE waiting;
        CREATE TABLE marks (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID
        """,
    )


@history(name="0002_flagged")
def _flagged(db: Database) -> None:
    # A day that is tried again under other rules has to know which calls were not proved to be fresh.
    db.conn.execute("ALTER TABLE readings ADD COLUMN flagged INTEGER NOT NULL DEFAULT 0")


@history(name="0003_signals")
def _signals(db: Database) -> None:
    # How well each device was heard, an hour a row: weeks fit where the readings of weeks would not. Keyed by hour, so that what is
    # written together lies together.
    db.conn.execute(
        """
        CREATE TABLE signals (
            hour INTEGER NOT NULL, device TEXT NOT NULL, packets INTEGER NOT NULL, worst INTEGER NOT NULL, median INTEGER NOT NULL,
            battery REAL, PRIMARY KEY (hour, device)
        ) STRICT, WITHOUT ROWID
        """
    )


@history(name="0004_minutes")
def _minutes(db: Database) -> None:
    # In which minutes of its hour a device was heard, a bit each: an hour with one packet is no hour in which it was heard. Of the
    # hours before this nobody knows.
    db.conn.execute("ALTER TABLE signals ADD COLUMN minutes INTEGER")
