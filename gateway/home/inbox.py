"""Instructions left in the home: page and command line write this file, the daemon only reads it.

One writer per file: here the page and the command line (SQLite serialises them). A datagram to the
daemon's socket wakes it; without it the daemon looks every few seconds. Whoever runs code in the
page can put anything in the place of this file: reading it asks for two tables and nothing else,
and the daemon does it on a thread of its own, which may hang without anything waiting for it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sqlite3
import stat
import time
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from gateway.home.waits import WAITS

LARGEST = 64 * 1024  # bytes of one instruction
DATAGRAM = 200  # bytes of one that is read
FILE = "inbox.db"
_TABLES: Final = frozenset({"inbox", "sqlite_sequence"})
_FUNCTIONS: Final = frozenset({"coalesce", "iif", "instr", "max"})


def leave(folder: Path, runtime: Path, payload: bytes) -> int:
    """Leave one instruction (JSON of the contract) for the daemon; return its number.

    Those left longer ago than `WAITS.inbox_kept` are deleted. Raises sqlite3.Error, and ValueError
    for more than LARGEST bytes.
    """
    if len(payload) > LARGEST:
        raise ValueError(f"the instruction has {len(payload)} bytes, at most {LARGEST} are taken")
    with contextlib.closing(_made(folder)) as db:
        db.execute("BEGIN IMMEDIATE")
        number = db.execute(
            "INSERT INTO inbox (left, body) VALUES (?, ?)", (time.time(), payload)
        ).lastrowid
        db.execute("DELETE FROM inbox WHERE left < ?", (time.time() - WAITS.inbox_kept,))
        db.execute("COMMIT")
    say(runtime, Left())
    return number or 0


def mended(folder: Path) -> None:
    """Roll back what a kill has cut off. Raises sqlite3.Error.

    Only a writer can: until then nobody could read the file.
    """
    if (folder / FILE).exists():
        _made(folder).close()


def _made(folder: Path) -> sqlite3.Connection:
    with contextlib.suppress(OSError):  # SQLite says in its own words what is wrong
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        os.close(os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640))
    db = sqlite3.connect(folder / FILE, timeout=WAITS.lock, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(
            "CREATE TABLE IF NOT EXISTS inbox (number INTEGER PRIMARY KEY AUTOINCREMENT, "
            "left REAL NOT NULL, body BLOB NOT NULL) STRICT"
        )
    except sqlite3.Error:
        db.close()
        raise
    return db


class Left(Struct, frozen=True, tag="left"):
    """Something was left for the daemon: in the inbox, or by a program of its own."""


class WantsNews(Struct, frozen=True, tag="news"):
    """An open page wants to be told of news at this address, which the kernel gave it."""

    address: Annotated[str, Meta(pattern=r"^[0-9a-f]{5}\Z")]


class PageWord(Struct, frozen=True, tag="page"):
    """What the page says of itself: wrong passwords since its start, and its certificate.

    `run` (8 hex digits) tells one start of the page from another.
    """

    run: Annotated[str, Meta(pattern=r"^[0-9a-f]{8}\Z")]
    wrong: Annotated[int, Meta(ge=0)]
    unusable: bool  # the certificate that was given to it: the box's own is served instead


Datagram = Left | WantsNews | PageWord
_datagram: Final[msgspec.json.Decoder[Datagram]] = msgspec.json.Decoder(Datagram)


def say(runtime: Path, word: Datagram) -> None:
    """Send the daemon a datagram; where nobody listens it is lost."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.setblocking(False)
        line.connect(str(runtime / "wake"))
        line.send(msgspec.json.encode(word))


def listens(runtime: Path) -> bool:
    """Say whether a daemon listens, also where it may not be told anything by this user."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        failed = line.connect_ex(str(runtime / "wake"))
    return failed not in {errno.ENOENT, errno.ECONNREFUSED}


def said(datagram: bytes) -> Datagram:
    """Return what a datagram says; one that is not understood asks for no more than a look."""
    try:
        return _datagram.decode(datagram)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Left()


def read(folder: Path, after: int, limit: int = 50) -> list[tuple[int, bytes]]:
    """Return (number, body) of what was left after number `after`, oldest first.

    It is [] where there is no file. A file that was deleted and begun anew counts from 1 again:
    where its numbers have not reached `after` it is read from its start. Raises sqlite3.Error.
    """
    rows = _asked(
        folder,
        "SELECT number, body FROM inbox WHERE number > "
        "iif(? > (SELECT coalesce(max(seq), 0) FROM sqlite_sequence), 0, ?) "
        "ORDER BY number LIMIT ?",
        (after, after, limit),
    )
    return [
        (number, body)
        for number, body in rows
        if isinstance(number, int) and isinstance(body, bytes)
    ]


def left_at(folder: Path, instruction: str) -> float | None:
    """Return the wall second at which an instruction was left, None where it is gone."""
    with contextlib.suppress(sqlite3.Error):
        for (left,) in _asked(
            folder,
            "SELECT left FROM inbox WHERE instr(body, ?) ORDER BY number DESC LIMIT 1",
            (f'"{instruction}"'.encode(),),
        ):
            return float(left)
    return None


def newest(folder: Path) -> int:
    """Return the number of the newest instruction ever left, 0 without one.

    Raises sqlite3.Error.
    """
    rows = _asked(folder, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence", ())
    return rows[0][0] if rows and isinstance(rows[0][0], int) else 0


def _asked(folder: Path, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
    path = folder / FILE
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise sqlite3.OperationalError("it is no ordinary file")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise sqlite3.OperationalError(f"it cannot be looked at ({error.strerror})") from error
    with contextlib.closing(
        sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=WAITS.inbox_lock)
    ) as db:
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 4 * LARGEST)
        db.execute("PRAGMA trusted_schema = OFF")
        db.set_authorizer(_may)
        try:
            return db.execute(query, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise


def _may(action: int, one: str | None, two: str | None, *_: str | None) -> int:
    """Say whether a query may do this: it may read two tables, and call four functions.

    So no view, trigger or further table in the file is ever looked at.
    """
    if action == sqlite3.SQLITE_SELECT:
        return sqlite3.SQLITE_OK
    if (action == sqlite3.SQLITE_READ and one in _TABLES) or (
        action == sqlite3.SQLITE_FUNCTION and two in _FUNCTIONS
    ):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY
