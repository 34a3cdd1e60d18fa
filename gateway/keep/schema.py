"""The two databases' migrations, in order.

`gateway.db` is small and precious; `history.db` is bulk and may be thrown away. A migration that
has landed is never edited; a new one is added below it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

# As sqlite-utils makes it, by which earlier versions migrated: they must be able to read what this
# one writes.
_TABLE = """
    CREATE TABLE IF NOT EXISTS "_sqlite_migrations" (
       "id" INTEGER PRIMARY KEY,
       "migration_set" TEXT,
       "name" TEXT,
       "applied_at" TEXT
    );
    CREATE UNIQUE INDEX IF NOT EXISTS "idx__sqlite_migrations_migration_set_name"
        ON "_sqlite_migrations" ("migration_set", "name")
"""


@contextlib.contextmanager
def atomic(db: sqlite3.Connection) -> Iterator[None]:
    """Make what is written inside one transaction; inside another one it belongs to that.

    Raises sqlite3.Error, and then nothing was written.
    """
    if db.in_transaction:
        yield
        return
    db.execute("BEGIN")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


class Migrations:
    """The migrations of one database, applied on the thread that opens it.

    Those that a file has stand in it by their names.
    """

    def __init__(self, database: str, statements: Mapping[str, str]) -> None:
        """Take the database's name, and each migration's statements by its name, oldest first."""
        self.database = database
        self.statements = statements

    def applied(self, db: sqlite3.Connection) -> list[str]:
        """Return the names of what a file has, oldest first. Raises sqlite3.Error."""
        if not db.execute(
            "SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'"
        ).fetchone():
            return []
        rows = db.execute(
            "SELECT name FROM _sqlite_migrations WHERE migration_set = ? ORDER BY rowid",
            (self.database,),
        )
        return [str(name) for (name,) in rows]

    def apply(self, db: sqlite3.Connection) -> None:
        """Bring a file up to date, each migration in a transaction. Raises sqlite3.Error.

        A fresh file is made by the statements alone: a stand-in is wanted when the disk fails, and
        nothing may be loaded from that then. A file of an earlier version is migrated by
        sqlite-utils, which is loaded only here.
        """
        done = self.applied(db)
        if not done:
            for name in self.statements:
                self._make(db, name)
        elif self.statements.keys() - set(done):
            self._migrate(db)

    def _make(self, db: sqlite3.Connection, name: str) -> None:
        with atomic(db):
            _each(db, _TABLE + ";" + self.statements[name])
            row = (self.database, name, str(datetime.now(UTC)))
            db.execute(
                "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES (?, ?, ?)",
                row,
            )

    def _migrate(self, db: sqlite3.Connection) -> None:
        # Loaded here: 80 ms and 4 MiB at each start, to find that there is nothing to do.
        from sqlite_utils import Database
        from sqlite_utils.migrations import Migrations as OfTheLibrary

        theirs = OfTheLibrary(self.database)
        for name, statements in self.statements.items():
            theirs(name=name)(lambda _, statements=statements: _each(db, statements))
        theirs.apply(Database(db, execute_plugins=False))


def _each(db: sqlite3.Connection, statements: str) -> None:
    """Run statements one by one: executescript would end the transaction."""
    for statement in statements.split(";"):
        if statement.strip():
            db.execute(statement)


gateway = Migrations(
    "gateway",
    {
        # `body` is the message as pushed, so that journal and platform can be compared byte by
        # byte. `outbox` holds what has no receipt yet; its key is its order: most urgent first,
        # then oldest first.
        "0001_journal": """
        CREATE TABLE journal (
            number INTEGER PRIMARY KEY, name TEXT NOT NULL, alarm INTEGER, wall REAL NOT NULL,
            body BLOB NOT NULL
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
            kind TEXT NOT NULL, device TEXT NOT NULL, entry INTEGER NOT NULL,
            PRIMARY KEY (kind, device)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE devices (
            device TEXT PRIMARY KEY, memory TEXT NOT NULL, heard REAL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE instructions (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT;
        CREATE TABLE marks (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID
        """,
        # A fault that is said again every week is said again after a restart too: the wall second
        # at which it was said last.
        "0002_said": "ALTER TABLE faults ADD COLUMN said REAL",
        # An id that comes again: with the same content the stored result is sent again, with
        # another it is refused as another order.
        "0003_content": """
        ALTER TABLE instructions ADD COLUMN digest TEXT;
        ALTER TABLE instructions ADD COLUMN result INTEGER
        """,
    },
)

history = Migrations(
    "history",
    {
        # A batch is the rows first..last; it waits until the platform's receipt covers its number.
        "0001_readings": """
        CREATE TABLE readings (
            row INTEGER PRIMARY KEY, device TEXT NOT NULL, kind TEXT NOT NULL, value ANY NOT NULL,
            nth INTEGER NOT NULL, label TEXT NOT NULL, boot TEXT NOT NULL, mono REAL NOT NULL,
            wall REAL NOT NULL, clock TEXT NOT NULL
        ) STRICT;
        CREATE TABLE batches (
            number INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL,
            wall REAL NOT NULL, waiting INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX batches_waiting ON batches (number) WHERE waiting;
        CREATE TABLE marks (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID
        """,
        # A day that is tried again under other rules has to know which calls were not proved to be
        # fresh.
        "0002_flagged": "ALTER TABLE readings ADD COLUMN flagged INTEGER NOT NULL DEFAULT 0",
        # How well each device was heard, an hour a row: weeks fit where the readings of weeks would
        # not. Keyed by hour, so that what is written together lies together.
        "0003_signals": """
        CREATE TABLE signals (
            hour INTEGER NOT NULL, device TEXT NOT NULL, packets INTEGER NOT NULL,
            worst INTEGER NOT NULL, median INTEGER NOT NULL, battery REAL,
            PRIMARY KEY (hour, device)
        ) STRICT, WITHOUT ROWID
        """,
        # In which minutes of its hour a device was heard, a bit each: an hour with one packet is no
        # hour in which it was heard. Of the hours before this nobody knows.
        "0004_minutes": "ALTER TABLE signals ADD COLUMN minutes INTEGER",
    },
)
