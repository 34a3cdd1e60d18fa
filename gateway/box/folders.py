"""Whose file is whose: daemon and page are two users, kept apart by the kernel's permissions.

    /var/lib/eldercare-gateway/              eldercare, 0750: the page reads, changes nothing
        gateway.db*  history.db*             0640
        household.json*  certificate-*.json  0640
        backup.json  sealed/                 0640
        household-secrets.json*  papers/     0600, 0700: the daemon's alone
        slips/                               0700: what programs that it runs tell it
        page/                                eldercare-page in the group eldercare, 0750:
                                             the daemon reads, changes nothing
            inbox.db  handed/                0640: what the page tells the daemon
            page.db  page-code  page-papers/ 0600, 0700: the page's alone
            photos/                          0600, 0700: the page's alone

Each writes in its own folder, and deletes what it has left there. Where one user runs both, as on a
developer's machine, everything lies in the same places and nobody is kept apart.

Before the page had a user of its own its files lay beside the daemon's. The daemon opens them to
the page (`opened_to_page`), the page takes a copy when it starts (`moved_in`), the daemon deletes
the old ones (`moved_out`).
"""

from __future__ import annotations

import contextlib
import logging
import os
import pwd
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from gateway.box.generations import sync

LOG = logging.getLogger("eldercare")
PAGE = "page"
PAGE_USER = "eldercare-page"
SHARED, SHARED_FOLDER = 0o640, 0o750
PRIVATE, PRIVATE_FOLDER = 0o600, 0o700
_SHARED = (
    "gateway.db",
    "gateway.db-wal",
    "gateway.db-shm",
    "history.db",
    "history.db-wal",
    "history.db-shm",
    "household.json*",
    "certificate-*.json",
    "backup.json*",
    "sealed/*",
)
_PRIVATE = ("household-secrets.json*", "papers/*")
# what lay beside the daemon's files once
_PAGES = ("page.db*", "page-code", "page-papers", "inbox.db*", "handed")
_HAS_ITS_OWN = ("page.db", "page-code")
_MOVING = "moving-in"  # folder in the page's with everything on its way


def page_of(state: Path) -> Path:
    """Return the page's folder."""
    return state / PAGE


# -- permissions -----------------------------------------------------------------------------------


def opened_to_page(state: Path) -> None:
    """Let the page read what it shows, and nothing else, whoever wrote it.

    Called by the daemon before it opens its files. What cannot be changed is logged: alarms go on.
    """
    try:
        for patterns, mode, folder_mode in (
            (_PRIVATE, PRIVATE, PRIVATE_FOLDER),
            (_SHARED, SHARED, SHARED_FOLDER),
        ):
            for path in (p for pattern in patterns for p in state.glob(pattern)):
                _set(path, mode)
                if path.parent != state:
                    _set(path.parent, folder_mode)
        if not _has_its_own(page_of(state)):
            for old in _old(state):
                for path in [old, *(old.iterdir() if old.is_dir() else ())]:
                    _set(path, SHARED_FOLDER if path.is_dir() else SHARED)
    # a disk that takes or gives nothing: the alarms go on, and the page shows what it can
    except OSError as error:
        LOG.warning("permissions in %s: %s", state, error)


def _set(path: Path, mode: int) -> None:
    if stat.S_IMODE(path.lstat().st_mode) != mode and not path.is_symlink():
        path.chmod(mode)


# -- reading another's database --------------------------------------------------------------------


@contextlib.contextmanager
def reader(path: Path, timeout: float) -> Iterator[sqlite3.Connection]:
    """Open a database that somebody else may be writing, only to read. Raises sqlite3.Error.

    `timeout`: seconds to wait for a lock. Who may not write in its folder can read one in WAL mode
    while its log lies beside it, also after a kill. One that was closed has no log: nobody writes
    it, and it is read as it lies.
    """
    where = f"file:{quote(str(path))}?mode=ro"
    db = sqlite3.connect(where, uri=True, timeout=timeout)
    try:
        try:
            db.execute("PRAGMA schema_version")
        except sqlite3.OperationalError:
            if (
                not path.exists()
                or path.with_name(f"{path.name}-wal").exists()
                or os.access(path.parent, os.W_OK)
            ):
                raise
            db.close()
            db = sqlite3.connect(f"{where}&immutable=1", uri=True, timeout=timeout)
        yield db
    finally:
        db.close()


# -- the command line, run by root -----------------------------------------------------------------


@contextlib.contextmanager
def as_owner(folder: Path) -> Iterator[None]:
    """Let root act as the owner of a folder: what is made there meanwhile is the owner's.

    For any other user nothing is changed.
    """
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    facts = folder.stat()
    if os.geteuid() != 0 or facts.st_uid == 0:
        yield
        return
    group = os.getegid()
    os.setegid(facts.st_gid)
    os.seteuid(facts.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)


@contextlib.contextmanager
def as_root() -> Iterator[None]:
    """Let root, who acts as somebody else, be root for a while.

    For any other user nothing is changed.
    """
    user, group = os.geteuid(), os.getegid()
    if os.getuid() != 0 or user == 0:
        yield
        return
    os.seteuid(0)
    os.setegid(os.getgid())
    try:
        yield
    finally:
        os.setegid(group)
        os.seteuid(user)


@contextlib.contextmanager
def as_page(state: Path) -> Iterator[Path]:
    """Let root act as the page's user; yield the page's folder.

    What the page kept beside the daemon's files is moved in first (`moved_in`). Raises OSError.
    """
    folder = page_of(state)
    if os.geteuid() == 0 and not folder.exists() and state.exists() and state.stat().st_uid:
        folder.mkdir(mode=SHARED_FOLDER)
        owner = state.stat()
        with contextlib.suppress(KeyError):
            os.chown(folder, pwd.getpwnam(PAGE_USER).pw_uid, owner.st_gid)
        if folder.stat().st_uid == 0:  # there is no such user on this box: one user runs both
            os.chown(folder, owner.st_uid, owner.st_gid)
    with as_owner(folder):
        moved_in(state)
        yield folder


# -- moving ----------------------------------------------------------------------------------------


def moved_in(state: Path) -> None:
    """Make the page's folder, with what the page kept before it had one.

    Called by the page. Everything is copied beside and synced, and then one folder is renamed: cut
    off before that it begins anew, after that it is finished. Raises OSError, and then nothing has
    happened.
    """
    folder = page_of(state)
    folder.mkdir(mode=SHARED_FOLDER, parents=True, exist_ok=True)
    ready = folder / _MOVING
    if not ready.is_dir() and not _has_its_own(folder):
        old = [
            path
            for path in _old(state)
            if not (folder / path.name.partition("-journal")[0]).exists()
        ]
        if not old:
            return
        beside = folder / f"{_MOVING}.new"
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(mode=PRIVATE_FOLDER)
        for path in old:
            _copied(path, beside / path.name)
        _synced(beside)
        beside.replace(ready)
        sync(folder)
        LOG.info("page: accounts, code and certificate moved into %s", folder)
    if ready.is_dir():
        for path in ready.iterdir():
            path.replace(folder / path.name)
        sync(folder)
        ready.rmdir()
        sync(folder)


def moved_out(state: Path) -> None:
    """Delete what the page has a copy of by now. Called by the daemon."""
    folder = page_of(state)
    with contextlib.suppress(OSError):
        if _has_its_own(folder) and not (folder / _MOVING).exists():
            for path in _old(state):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _has_its_own(folder: Path) -> bool:
    return any((folder / name).exists() for name in _HAS_ITS_OWN)


def _old(state: Path) -> list[Path]:
    """Return what the page kept beside the daemon's files.

    Raises OSError where the folder cannot be looked at.
    """
    if not state.exists():
        return []
    os.listdir(state)  # noqa: PTH208  a glob says nothing of a folder that is closed to us
    return sorted(path for pattern in _PAGES for path in state.glob(pattern))


def _copied(old: Path, new: Path) -> None:
    tells = new.name in {"inbox.db", "handed"} or new.parent.name == "handed"
    if old.is_dir():
        new.mkdir()
        for path in old.iterdir():
            _copied(path, new / path.name)
        new.chmod(SHARED_FOLDER if tells else PRIVATE_FOLDER)
    else:
        shutil.copyfile(old, new)
        new.chmod(SHARED if tells else PRIVATE)


def _synced(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        sync(path)
