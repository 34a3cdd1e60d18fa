"""One file of SQLite: opened, looked over, brought to today's form, set aside when damaged.

What fails says which file and what to do.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import sqlite3
import threading
from pathlib import Path

from gateway.contract import encoding, wire
from gateway.keep.schema import Migrations
from gateway.keep.waits import WAITS
from gateway.words.clock import Moment, Quality

LOG = logging.getLogger("eldercare")
# What reading a damaged file can raise: bytes that are changed at random make wrong pages, rows,
# types, texts, JSON and numbers.
BROKEN = (
    sqlite3.Error,
    wire.BadMessage,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    OSError,
    RecursionError,
)
PAGE = 1024  # bytes; small pages write fewer bytes to the card per commit
LOG_PAGES = 2000  # of a log, after which a commit writes it into its database
# the same of the journal: that is done when nothing urgent is about, and in a commit only where it
# never was
LOG_PAGES_PRECIOUS = 8000
# databases that are kept beside the one in use: no conflict that a platform claims deletes what a
# home has lived
SET_ASIDE = 3
# of them together, beyond which no further one is added for a conflict
ASIDE_BYTES = 512 * 1024 * 1024


class StoreProblem(Exception):
    """A database that cannot be used as it is: what, where, and what to do."""


class DiskRefuses(StoreProblem):
    """The disk does not take or give: it is full, read-only, or fails. The file may be well."""


class Damaged(StoreProblem):
    """The file's content is broken."""


def database(
    path: Path, migrations: Migrations, synchronous: str, log: int = LOG_PAGES
) -> sqlite3.Connection:
    """Open one file for writing; return its connection.

    `synchronous` is SQLite's pragma; `log`: pages after which a commit itself writes the log into
    the file. Raises StoreProblem where it is damaged, newer, or cannot be written.
    """
    try:
        conn = sqlite3.connect(
            path,
            timeout=WAITS.lock,
            check_same_thread=False,
            isolation_level=None,
            cached_statements=64,
        )
    except sqlite3.Error as error:
        raise problem_of(path, error) from error
    try:
        conn.execute(f"PRAGMA page_size = {PAGE}")
        conn.execute("PRAGMA journal_mode = WAL")
        conn.execute(f"PRAGMA synchronous = {synchronous}")
        conn.execute(f"PRAGMA wal_autocheckpoint = {log}")
        conn.execute("PRAGMA journal_size_limit = 4194304")
        refuse_newer(conn, path, migrations)
        migrations.apply(conn)
        look_for_damage(conn, path, WAITS.check_suspect if suspect(path).exists() else WAITS.check)
        suspect(path).unlink(missing_ok=True)
    except StoreProblem:
        conn.close()
        raise
    except BROKEN as error:
        conn.close()
        raise problem_of(path, error) from error
    return conn


def checkpoint(path: Path) -> None:
    """Write what stands in a log into its database, beside whoever writes on: nobody waits for it.

    It may take long: call it on a thread that nothing urgent waits for (the history's). By a
    connection of its own; a database that is not there is not made. Raises sqlite3.Error.
    """
    with contextlib.closing(
        sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=0, isolation_level=None)
    ) as conn:
        conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


def kept_from(conn: sqlite3.Connection, table: str, now: Moment, days: float) -> int:
    """Return the number from which on rows are kept: that of the first one that is not too old.

    It may look at all of the table. Rows lie in their order, whatever clock wrote them: one that
    was stamped in another century while nobody confirmed the clock is as young as its neighbours.
    """
    young = (now.wall.timestamp() - days * 86400, now.wall.timestamp() + 86400)
    row = conn.execute(
        f"SELECT number FROM {table} "  # noqa: S608  a name of ours
        "WHERE wall BETWEEN ? AND ? ORDER BY number LIMIT 1",
        young,
    ).fetchone()
    return int(row[0]) if row else 1 << 62


def mark(db: sqlite3.Connection, name: str, value: str) -> None:
    """Write a mark. Raises sqlite3.Error."""
    db.execute(
        "INSERT INTO marks VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        (name, value),
    )


def marked(db: sqlite3.Connection, name: str) -> str:
    """Return a mark, "" where there is none."""
    row = db.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()
    return str(row[0]) if row else ""


def single(db: sqlite3.Connection, query: str) -> int:
    """Return the one number that a query gives."""
    return int(db.execute(query).fetchone()[0])


def new_name() -> str:
    """Return a name for a journal or a history.

    64 random bits, so that the homes of a county never share one.
    """
    return secrets.token_hex(8)


def problem_of(path: Path, error: Exception) -> StoreProblem:
    """Return what an error means: a disk that does not take or give, else a damaged file."""
    text = str(error)
    if "locked" in text or "I/O" in text:
        return DiskRefuses(
            f"{path}: {text}: check the disk, and end other programs that use the file"
        )
    if "full" in text:
        return DiskRefuses(f"{path} cannot grow ({text}): free space on its disk")
    # A damaged header too can make SQLite call a file read-only or refuse to open it.
    if not os.access(path.parent, os.W_OK) or (path.is_file() and not os.access(path, os.W_OK)):
        return DiskRefuses(
            f"{path} cannot be written ({text}): "
            "remount the disk read-write, or give its folder to the service's user"
        )
    return Damaged(f"{path} is damaged ({text})")


def refuse_newer(db: sqlite3.Connection, path: Path, migrations: Migrations) -> None:
    """Raise StoreProblem where a later version has written the file."""
    newer = sorted(set(migrations.applied(db)) - migrations.statements.keys())
    if newer:
        raise StoreProblem(
            f"{path} was written by newer software (it has {', '.join(newer)}): "
            "install that version or a later one again"
        )


def look_for_damage(conn: sqlite3.Connection, path: Path, seconds: float | None = None) -> None:
    """Look the file over, for at most `seconds` (`WAITS.check` if None). Raises Damaged.

    A look that is not finished by then has found nothing.
    """
    # Not a progress handler: Debian 12's SQLite (3.40) asks it only when the whole file has been
    # read.
    watch = threading.Timer(WAITS.check if seconds is None else seconds, conn.interrupt)
    watch.daemon = True
    watch.start()
    try:
        found = conn.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        found = ("ok",)
    finally:
        watch.cancel()
        watch.join()
    if found[0] != "ok":
        raise Damaged(f"{path} is damaged ({found[0]})")


def aside(path: Path) -> list[Path]:
    """Return the databases that were set aside, in the order of their names.

    The newest has no number and comes first.
    """
    return [
        one
        for one in (broken(path), *(_numbered(path, n) for n in range(1, SET_ASIDE)))
        if one.exists()
    ]


def has_room(path: Path, now: Moment, days: float) -> bool:
    """Say whether a further database can be set aside without loss of one.

    Those last written more than `days` ago are deleted to make room, only by a confirmed clock.
    False also where the disk refuses.
    """
    oldest = now.wall.timestamp() - days * 86400
    try:
        for one in aside(path):
            if now.quality is Quality.SYNCHRONISED and one.stat().st_mtime < oldest:
                for part in parts(one):
                    part.unlink(missing_ok=True)
        found = aside(path)
        return len(found) < SET_ASIDE and sum(size(one) for one in found) < ASIDE_BYTES
    except OSError:
        return False


def size(path: Path) -> int:
    """Return the bytes of a database with all that belongs to it. Raises OSError."""
    return sum(part.stat().st_size for part in parts(path) if part.exists())


def _numbered(path: Path, n: int) -> Path:
    return path.with_name(f"{broken(path).name}-{n}")


def _make_way(path: Path) -> None:
    """Give what was set aside before a number of its own, if one is free.

    Without a free number it is written over next; those with numbers stay.
    """
    free = next(
        (one for n in range(1, SET_ASIDE) if not (one := _numbered(path, n)).exists()), None
    )
    if free is not None and broken(path).exists():
        for part, other in zip(parts(broken(path))[::-1], parts(free)[::-1], strict=True):
            with contextlib.suppress(FileNotFoundError):
                part.replace(other)


def set_aside(path: Path, *, keep: bool) -> None:
    """Move a database away (SET_ASIDE are kept), or delete it.

    Killed in the middle, `finish_setting_aside` finishes it.
    """
    if keep:
        _make_way(path)
        unsettled(path).touch()
        for old in (*parts(broken(path)), suspect(path)):
            old.unlink(missing_ok=True)
    for part, beside in zip(parts(path), parts(broken(path)), strict=True):
        with contextlib.suppress(FileNotFoundError):
            part.replace(beside) if keep else part.unlink()


def finish_setting_aside(path: Path) -> None:
    """Let a log follow the database that it belongs to: alone it would be deleted."""
    log = parts(path)[1]
    if log.exists() and not path.exists():
        unsettled(path).touch()
        log.replace(parts(broken(path))[1])


def suspect(path: Path) -> Path:
    """Return the file that stands where damage was met in a database that is in use."""
    return path.with_name(path.name + ".suspect")


def is_unsettled(path: Path) -> bool:
    """Say whether what was set aside of a database is still to be read."""
    return unsettled(path).exists()


def unsettled(path: Path) -> Path:
    """Return the file that stands as long as what was set aside is still to be read."""
    return path.with_name(path.name + ".broken-new")


def broken(path: Path) -> Path:
    """Return the name under which a database is set aside."""
    return path.with_name(path.name + ".broken")


def parts(path: Path) -> tuple[Path, Path, Path]:
    """Return the database and the two files that SQLite keeps beside it."""
    return path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")


def is_sound(body: bytes) -> bool:
    """Say whether an entry's body is of the contract."""
    try:
        encoding.decode_entry(body)
    except wire.BadMessage:
        return False
    return True


def is_gone(part: Path, inode: int) -> bool:
    """Say whether a file is no more, or is another one than `inode`.

    It is False where the disk does not answer.
    """
    try:
        return part.stat().st_ino != inode
    except FileNotFoundError:
        return True
    except OSError:
        return False


def is_read_only(folder: Path | str) -> bool:
    """Say whether a folder's file system takes no writes just now.

    It is False where the disk does not answer.
    """
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except OSError:
        return False
