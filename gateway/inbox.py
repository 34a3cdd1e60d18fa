"""Instructions left in the home: the page and the command line write this file, the daemon only reads it.

One writer per file: here the page and the command line (SQLite serialises them). A datagram to the daemon's socket wakes it; without
it the daemon looks every few seconds.
"""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import time
from pathlib import Path
from typing import Any

KEPT = 7 * 86400  # s after which instructions that were left are deleted by the next writer
LARGEST = 64 * 1024  # bytes of one instruction


def leave(folder: Path, runtime: Path, payload: bytes) -> int:
    """Leave one instruction (JSON of the contract) for the daemon; return its number. Raises sqlite3.Error, ValueError."""
    if len(payload) > LARGEST:
        raise ValueError(f"the instruction has {len(payload)} bytes, at most {LARGEST} are taken")
    with contextlib.closing(sqlite3.connect(folder / "inbox.db", timeout=5, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(
            "CREATE TABLE IF NOT EXISTS inbox (number INTEGER PRIMARY KEY AUTOINCREMENT, left REAL NOT NULL, body BLOB NOT NULL) STRICT"
        )
        db.execute("BEGIN IMMEDIATE")
        number = db.execute("INSERT INTO inbox (left, body) VALUES (?, ?)", (time.time(), payload)).lastrowid
        db.execute("DELETE FROM inbox WHERE left < ?", (time.time() - KEPT,))
        db.execute("COMMIT")
    wake(runtime)
    return number or 0


def wake(runtime: Path) -> None:
    """Tell the daemon that something lies in the inbox. Where nobody listens it finds it by itself."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.setblocking(False)
        line.connect(str(runtime / "wake"))
        line.send(b"inbox")


def read(folder: Path, after: int, limit: int = 50) -> list[tuple[int, bytes]]:
    """Return (number, body) of what was left after `after`, oldest first; nothing where there is no file. Raises sqlite3.Error.

    A file that was deleted and begun anew counts from 1 again: where its numbers have not reached `after` it is read from its start.
    """
    rows = _asked(
        folder,
        "SELECT number, body FROM inbox WHERE number > iif(? > (SELECT coalesce(max(seq), 0) FROM sqlite_sequence), 0, ?) "
        "ORDER BY number LIMIT ?",
        (after, after, limit),
    )
    return [(int(number), bytes(body)) for number, body in rows]


def left_at(folder: Path, instruction: str) -> float | None:
    """Return the wall second at which an instruction was left, None where it does not lie there any more."""
    with contextlib.suppress(sqlite3.Error):
        for (left,) in _asked(
            folder, "SELECT left FROM inbox WHERE instr(body, ?) ORDER BY number DESC LIMIT 1", (f'"{instruction}"'.encode(),)
        ):
            return float(left)
    return None


def newest(folder: Path) -> int:
    """Return the number of the newest instruction ever left, 0 where there is none. Raises sqlite3.Error."""
    rows = _asked(folder, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence", ())
    return int(rows[0][0]) if rows else 0


def _asked(folder: Path, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
    path = folder / "inbox.db"
    if not path.exists():
        return []
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2)) as db:
        try:
            return db.execute(query, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise
