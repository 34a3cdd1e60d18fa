"""Who may see the page: accounts, sessions, refused tries and a book of visits, in `page.db`.

Only the page writes it. Passwords are kept as argon2 hashes, session keys as SHA-256. Time is
monotonic and belongs to one power-up: a clock that is wrong or jumps signs nobody in or out, and
whoever was signed in before a power cut signs in again.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.page import label, relatives
from gateway.page.chosen import LARGEST, check_name, check_password
from gateway.page.database import FILE, reading, writing
from gateway.page.relatives import Relatives
from gateway.page.tries import TABLE, Refusal, Tries
from gateway.page.waits import WAITS

# Refusal is what everything here refuses with.
__all__ = ["Accounts", "Refusal", "Role", "Session", "Visit"]

SESSIONS = 20  # at once; the one longest unseen goes first
OF_ONE = 5  # of them of one account: whoever signs in again and again signs out himself
ACCOUNTS = 12  # of who works here
VISITS = 5000  # lines of the book of visits that are kept
# an hour of refused tries in it; of more only the number is written: guessing must not push the
# rest out
REFUSED_LINES = 30
HOUR = 3600.0
_NUMBER = re.compile(r"[\w-]{16}", re.ASCII)

# 19 MiB and two rounds: the least that OWASP asks, on a board with 512 MB. One at a time, see
# `_hashing`.
_hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
_NOBODY = _hasher.hash(secrets.token_hex(16))  # an unknown name takes as long as a wrong password

_TABLES = """
CREATE TABLE IF NOT EXISTS accounts (
    name TEXT PRIMARY KEY, role TEXT NOT NULL, hash TEXT NOT NULL, made REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS sessions (
    key TEXT PRIMARY KEY, name TEXT NOT NULL, boot TEXT NOT NULL,
    made REAL NOT NULL, seen REAL NOT NULL, source TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS proved (key TEXT PRIMARY KEY, at REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS visits (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, who TEXT NOT NULL,
    source TEXT NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""


class Role(StrEnum):
    """What an account is for: to change things, to oversee, to see that all is well."""

    TECHNICIAN = "technician"
    SUPERVISOR = "supervisor"
    FAMILY = "family"


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in."""

    key: str
    name: str
    role: Role
    fresh: bool = False  # the password was typed lately


@dataclass(frozen=True, slots=True)
class Visit:
    """One line of the book of visits."""

    number: int
    at: float
    who: str
    source: str
    what: str
    detail: str


class Accounts:
    """The page's own memory. `now` is monotonic time of the power-up `boot`."""

    def __init__(self, folder: Path, boot: str, now: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._boot = boot
        self._now = now
        self._hashing, self._counting = threading.Lock(), threading.Lock()
        path = folder / FILE
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        with self._open() as db:
            for statement in (_TABLES + relatives.TABLES + TABLE).split(";"):
                db.execute(statement)
            # Monotonic seconds of another power-up say nothing: its sessions are over.
            db.execute("DELETE FROM sessions WHERE boot != ?", (boot,))
            db.execute("DELETE FROM proved WHERE key NOT IN (SELECT key FROM sessions)")
            row = db.execute("SELECT value FROM marks WHERE name = 'secret'").fetchone()
            secret = row[0] if row else secrets.token_hex(32)
            db.execute("INSERT OR IGNORE INTO marks VALUES ('secret', ?)", (secret,))
        self._secret = bytes.fromhex(secret)
        self.tries = Tries(self._open, boot, now)
        self.relatives = Relatives(self._open, boot, now)
        # passwords and codes since the start of the page, also those that were not looked at
        self.wrong = 0
        self._lines = self._unwritten = 0
        self._hour = now()

    def _open(self) -> AbstractContextManager[sqlite3.Connection]:
        return writing(self._folder)

    # -- first visit and accounts ------------------------------------------------------------------

    def claimed(self) -> bool:
        """Say whether the first technician has been here."""
        with self._open() as db:
            return bool(db.execute("SELECT 1 FROM accounts LIMIT 1").fetchone())

    def claim(self, code: str, name: str, password: str, source: str) -> str:
        """Make the first account with the box's code; return its session. Of two one is refused."""
        self._count(source)
        right = label.shown(self._folder)
        if not right or not hmac.compare_digest(label.plain(code), label.plain(right)):
            self._refused("", source, "wrong_code")
            raise Refusal("wrong_code", "code")
        self.tries.forget(source)  # what follows is no guessing
        check_name(name)
        check_password(password, name, right)
        hashed = self._hash(password)
        with self._open() as db:
            if db.execute("SELECT 1 FROM accounts LIMIT 1").fetchone():
                raise Refusal("claimed_already")
            db.execute(
                "INSERT INTO accounts VALUES (?, ?, ?, ?)",
                (name, Role.TECHNICIAN, hashed, time.time()),
            )
        self.note(name, source, "claimed")
        return self._begin(name, source)

    def sign_in(self, name: str, password: str, source: str, device: str = "") -> str:
        """Return the key of a new session. Raises Refusal, alike for a wrong name and password.

        Where `device` has signed in to this account before, its wrong passwords are counted by it
        and not by the address (`source`): nobody else's guesses shut it out.
        """
        who = self._counted_as(name, device) or source
        self._count(who)
        with self._open() as db:
            row = db.execute("SELECT hash FROM accounts WHERE name = ?", (name,)).fetchone()
        if not self._verified(row[0] if row else _NOBODY, password) or row is None:
            self._refused(name if row else "?", source, "refused")
            raise Refusal("wrong_password", "password")
        self.tries.forget(who)
        self.note(name, source, "signed_in")
        return self._begin(name, source)

    def join(self, code: str, password: str, source: str) -> str:
        """Make a relative's account with an invitation; return its session."""
        self._count(source)
        name = self.relatives.invited(code)
        if name is None:
            self._refused("?", source, "wrong_invitation")
            raise Refusal("invitation_over", "code")
        self.tries.forget(source)  # what follows is no guessing
        check_password(password, name, label.shown(self._folder))
        hashed = self._hash(password)
        with self._open() as db:
            name = self.relatives.take(db, code)
            db.execute(
                "INSERT INTO accounts VALUES (?, ?, ?, ?)", (name, Role.FAMILY, hashed, time.time())
            )
        self.note(name, source, "joined")
        return self._begin(name, source)

    def add(self, name: str, role: str, password: str, by: Session, source: str) -> None:
        """Make another account."""
        check_name(name)
        if role not in {Role.TECHNICIAN, Role.SUPERVISOR}:  # a relative is invited
            raise Refusal("role_unknown", "role")
        check_password(password, name, label.shown(self._folder))
        hashed = self._hash(password)
        with self._open() as db:
            others = "SELECT count(*) FROM accounts WHERE role != 'family'"
            if db.execute(others).fetchone()[0] >= ACCOUNTS:
                raise Refusal("accounts_full", "name")
            if db.execute("SELECT 1 FROM accounts WHERE name = ?", (name,)).fetchone():
                raise Refusal("name_taken", "name")
            db.execute(
                "INSERT INTO accounts VALUES (?, ?, ?, ?)", (name, role, hashed, time.time())
            )
        self.note(by.name, source, "account_made", f"{name}, {role}")

    def remove(self, name: str, by: Session, source: str) -> None:
        """Take an account away and sign it out. The last technician stays: somebody must get in."""
        with self._open() as db:
            others = "SELECT 1 FROM accounts WHERE role = ? AND name != ? LIMIT 1"
            if not db.execute(others, (Role.TECHNICIAN, name)).fetchone():
                raise Refusal("last_technician")
            self.relatives.forget(db, name)
        self.note(by.name, source, "account_removed", name)

    def change_password(self, session: Session, old: str, new: str, source: str) -> str:
        """Change one's own password; all sessions of the account end, a new one is returned."""
        self._count(who := _seat(session))
        with self._open() as db:
            row = db.execute("SELECT hash FROM accounts WHERE name = ?", (session.name,)).fetchone()
        if row is None or not self._verified(row[0], old):
            self._refused(session.name, source, "refused")
            raise Refusal("wrong_password", "old")
        self.tries.forget(who)
        check_password(new, session.name, label.shown(self._folder))
        hashed = self._hash(new)
        with self._open() as db:
            db.execute("UPDATE accounts SET hash = ? WHERE name = ?", (hashed, session.name))
            db.execute("DELETE FROM sessions WHERE name = ?", (session.name,))
        self.note(session.name, source, "password_changed")
        return self._begin(session.name, source)

    def all(self) -> list[tuple[str, str]]:
        """Return (name, role) of every account."""
        with self._open() as db:
            return [
                (str(n), str(r))
                for n, r in db.execute("SELECT name, role FROM accounts ORDER BY made")
            ]

    # -- sessions ----------------------------------------------------------------------------------

    def _begin(self, name: str, source: str) -> str:
        """Begin a session with a key of its own: what the browser sent before is worth nothing."""
        key = secrets.token_urlsafe(32)
        now = self._now()
        with self._open() as db:
            db.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?)",
                (_digest(key), name, self._boot, now, now, source),
            )
            row = db.execute("SELECT role FROM accounts WHERE name = ?", (name,)).fetchone()
            most = relatives.SESSIONS if row == (Role.FAMILY,) else OF_ONE
            db.execute(
                "DELETE FROM sessions WHERE name = ? AND key NOT IN "
                "(SELECT key FROM sessions WHERE name = ? ORDER BY seen DESC, rowid DESC LIMIT ?)",
                (name, name, most),
            )
            db.execute(
                "DELETE FROM sessions WHERE key NOT IN "
                "(SELECT key FROM sessions ORDER BY seen DESC LIMIT ?)",
                (SESSIONS,),
            )
        return key

    def session(self, key: str, *, touch: bool = True) -> Session | None:
        """Return who holds this key, None if unknown, idle or over. `touch`: a person acts."""
        if not key:
            return None
        now, digest = self._now(), _digest(key)
        with reading(self._folder) as db:
            row = db.execute(
                "SELECT s.name, a.role, s.made, s.seen, coalesce(p.at, s.made) "
                "FROM sessions s JOIN accounts a ON a.name = s.name "
                "LEFT JOIN proved p ON p.key = s.key WHERE s.key = ? AND s.boot = ?",
                (digest, self._boot),
            ).fetchone()
        if row is None:
            return None
        name, role, made, seen, proved = row
        if now - seen > WAITS.idle or now - made > WAITS.session:
            with self._open() as write:
                write.execute("DELETE FROM sessions WHERE key = ?", (digest,))
            return None
        if touch and now - seen >= WAITS.touch:
            with self._open() as write:
                write.execute("UPDATE sessions SET seen = ? WHERE key = ?", (now, digest))
        return Session(key, str(name), Role(role), fresh=now - proved <= WAITS.fresh)

    def prove(self, session: Session, password: str, source: str) -> None:
        """Check the password of a session. Raises Refusal; a wrong one counts as at the door."""
        self._count(who := _seat(session))
        with self._open() as db:
            row = db.execute("SELECT hash FROM accounts WHERE name = ?", (session.name,)).fetchone()
        if row is None or not self._verified(row[0], password):
            self._refused(session.name, source, "refused")
            raise Refusal("wrong_password", "mine")
        self.tries.forget(who)
        with self._open() as db:
            db.execute(
                "INSERT OR REPLACE INTO proved VALUES (?, ?)", (_digest(session.key), self._now())
            )
            db.execute("DELETE FROM proved WHERE key NOT IN (SELECT key FROM sessions)")

    def sign_out(self, session: Session, source: str) -> None:
        """End one session."""
        with self._open() as db:
            db.execute("DELETE FROM sessions WHERE key = ?", (_digest(session.key),))
        self.note(session.name, source, "signed_out")

    def form_key(self, bound_to: str) -> str:
        """Return what a form must carry to prove that this page made it for this browser."""
        return hmac.new(self._secret, f"form {bound_to}".encode(), hashlib.sha256).hexdigest()[:40]

    # -- devices that signed in before, and tries --------------------------------------------------
    # OWASP's "Slow Down Online Guessing Attacks with Device Cookies", without a table of devices.

    def device_key(self, name: str, before: str = "") -> str:
        """Return what a browser keeps that has signed in: `before` where that is still good."""
        if self.knows_device(name, before):
            return before
        number = secrets.token_urlsafe(12)
        return f"{number}.{self._signed(name, number)}"

    def knows_device(self, name: str, key: str) -> bool:
        """Say whether a browser has signed in to this account, since its password was set."""
        number, _, proof = key.partition(".")
        right = self._signed(name, number) if _NUMBER.fullmatch(number) else ""
        return bool(right) and hmac.compare_digest(right.encode(), proof.encode())

    def _signed(self, name: str, number: str) -> str:
        """Return what binds a device to an account and its present password, "" without one."""
        with reading(self._folder) as db:
            row = db.execute("SELECT hash, made FROM accounts WHERE name = ?", (name,)).fetchone()
        said = f"device {number} {row[0]} {row[1]}" if row else ""
        return hmac.new(self._secret, said.encode(), hashlib.sha256).hexdigest()[:40] if row else ""

    def _counted_as(self, name: str, device: str) -> str:
        return f"device {device.partition('.')[0]}" if self.knows_device(name, device) else ""

    def _count(self, who: str) -> None:
        if self.tries.count(who):
            self._refused("?", who, "locked_out", wrong=0)

    def unseen(self) -> None:
        """Count a try that was refused unlooked at: its source is locked, or has to wait."""
        with self._counting:
            self.wrong += 1

    def _refused(self, who: str, source: str, what: str, *, wrong: int = 1) -> None:
        """Write a refused try into the book of visits, as long as there are not too many."""
        with self._counting:
            self.wrong += wrong
            if self._now() - self._hour >= HOUR:
                more, self._hour, self._lines, self._unwritten = self._unwritten, self._now(), 0, 0
            else:
                more = 0
            self._lines += 1
            written = self._lines <= REFUSED_LINES
            self._unwritten += not written
        if more:
            self.note("?", "", "refused_more", str(more))
        if written:
            self.note(who, source, what)

    # -- the book of visits ------------------------------------------------------------------------

    def note(self, who: str, source: str, what: str, detail: str = "") -> None:
        """Write down who did what from where."""
        with self._open() as db:
            row = (time.time(), who[:80], source[:60], what, detail[:200])
            number = (
                db.execute(
                    "INSERT INTO visits (at, who, source, what, detail) VALUES (?, ?, ?, ?, ?)", row
                ).lastrowid
                or 0
            )
            db.execute("DELETE FROM visits WHERE number <= ?", (number - VISITS,))

    def visits(self, before: int = 0, limit: int = 50) -> list[Visit]:
        """Return the book, newest first."""
        with self._open() as db:
            rows = db.execute(
                "SELECT * FROM visits WHERE number < ? ORDER BY number DESC LIMIT ?",
                (before or 1 << 60, limit),
            ).fetchall()
        return [Visit(*row) for row in rows]

    # -- hashing -----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._hashing.acquire(timeout=WAITS.hashing):
            raise Refusal("busy", wait=5)
        try:
            yield
        finally:
            self._hashing.release()

    def _hash(self, password: str) -> str:
        with self._turn():
            return _hasher.hash(password)

    def _verified(self, hashed: str, password: str) -> bool:
        if len(password) > LARGEST:
            return False
        with self._turn():
            try:
                return _hasher.verify(hashed, password)
            except (VerificationError, InvalidHashError):
                return False


def forgotten(folder: Path) -> None:
    """Forget every account, where a password is lost; nothing of the home is touched.

    Called by the command line on the box.
    """
    with contextlib.closing(sqlite3.connect(folder / FILE, timeout=WAITS.database)) as db, db:
        for table in ("accounts", "sessions", "tries", "relatives", "invitations"):
            with contextlib.suppress(sqlite3.OperationalError):
                db.execute(f"DELETE FROM {table}")  # noqa: S608  the five names above


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _seat(session: Session) -> str:
    """Return by what the wrong passwords of somebody signed in are counted: not by the address."""
    return f"session {_digest(session.key)[:16]}"
