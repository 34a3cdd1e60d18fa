"""The page's own database, `page.db`: only the page writes it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gateway.page.waits import WAITS

FILE: Final = "page.db"


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection in one transaction that begins by taking the right to write."""
    with contextlib.closing(
        sqlite3.connect(folder / FILE, timeout=WAITS.database, isolation_level=None)
    ) as db:
        db.execute("PRAGMA synchronous = FULL")
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
        except BaseException:  # a cancellation too: nothing half done is kept
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection that only reads."""
    with contextlib.closing(
        sqlite3.connect(f"file:{folder / FILE}?mode=ro", uri=True, timeout=WAITS.database)
    ) as db:
        yield db
