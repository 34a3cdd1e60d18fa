"""Accounts of relatives: by an invitation, and for as long as the resident lets them look.

An invitation is a code that a technician hands over. It is worth one account of the name it was
made for, once, until `WAITS.invited` is over or the box loses power. It is kept as its SHA-256.
An account rests on one consent, by the moment (`since`) at which it was given: where that consent
was taken back the account ends, also where it was given anew meanwhile.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, NamedTuple

from gateway.page import label
from gateway.page.chosen import check_name
from gateway.page.tries import Refusal
from gateway.page.waits import WAITS

MOST: Final = 4  # relatives and invitations of one home
SESSIONS: Final = 2  # of one relative: all of them together leave places to those who work here
TABLES: Final = """
CREATE TABLE IF NOT EXISTS relatives (
    name TEXT PRIMARY KEY, since TEXT NOT NULL, invited_by TEXT NOT NULL, at REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS invitations (
    code TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, since TEXT NOT NULL,
    invited_by TEXT NOT NULL, boot TEXT NOT NULL, made REAL NOT NULL) STRICT;
"""
_FORGET: Final = (
    "DELETE FROM accounts WHERE name = ?",
    "DELETE FROM sessions WHERE name = ?",
    "DELETE FROM relatives WHERE name = ?",
    "DELETE FROM invitations WHERE name = ?",
)


class Relative(NamedTuple):
    """Who invited a relative, and when; `left`: seconds that an invitation is still good."""

    name: str
    invited_by: str
    at: float = 0.0
    left: float = 0.0


class Relatives:
    """Relatives and invitations.

    `open_` gives the database in one transaction; `now` is monotonic time of the power-up `boot`.
    """

    def __init__(
        self,
        open_: Callable[[], AbstractContextManager[sqlite3.Connection]],
        boot: str,
        now: Callable[[], float],
    ) -> None:
        self._open, self._boot, self._now = open_, boot, now

    def invite(self, name: str, since: str, by: str) -> str:
        """Return a new code for a name; one that it had before is void."""
        check_name(name)
        code = label.new()
        with self._open() as db:
            self._over(db)
            db.execute("DELETE FROM invitations WHERE name = ?", (name,))
            if db.execute("SELECT 1 FROM accounts WHERE name = ?", (name,)).fetchone():
                raise Refusal("name_taken", "name")
            count = "SELECT (SELECT count(*) FROM relatives) + (SELECT count(*) FROM invitations)"
            if db.execute(count).fetchone()[0] >= MOST:
                raise Refusal("relatives_full", "name")
            db.execute(
                "INSERT INTO invitations VALUES (?, ?, ?, ?, ?, ?)",
                (_digest(code), name, since, by, self._boot, self._now()),
            )
        return code

    def invited(self, code: str) -> str | None:
        """Return the name that a code is for, None where it is none, was used, or is over."""
        with self._open() as db:
            self._over(db)
            row = db.execute(
                "SELECT name FROM invitations WHERE code = ?", (_digest(code),)
            ).fetchone()
        return str(row[0]) if row else None

    def take(self, db: sqlite3.Connection, code: str) -> str:
        """Use an invitation up, and return its name. Raises Refusal: of two who come one gets it.

        `db` is in the transaction that makes the account.
        """
        self._over(db)
        row = db.execute(
            "DELETE FROM invitations WHERE code = ? RETURNING name, since, invited_by",
            (_digest(code),),
        ).fetchone()
        if row is None or db.execute("SELECT 1 FROM accounts WHERE name = ?", row[:1]).fetchone():
            raise Refusal("invitation_over", "code")
        db.execute("INSERT OR REPLACE INTO relatives VALUES (?, ?, ?, ?)", (*row, time.time()))
        return str(row[0])

    def all(self) -> dict[str, Relative]:
        """Return the relatives by their account."""
        with self._open() as db:
            rows = db.execute("SELECT name, invited_by, at FROM relatives").fetchall()
        return {name: Relative(name, by, at) for name, by, at in rows}

    def waiting(self) -> list[Relative]:
        """Return the invitations that are still good, the newest first."""
        with self._open() as db:
            self._over(db)
            rows = db.execute(
                "SELECT name, invited_by, made FROM invitations ORDER BY made DESC"
            ).fetchall()
        return [
            Relative(name, by, left=made + WAITS.invited - self._now()) for name, by, made in rows
        ]

    def rest_on(self, since: str | None) -> list[str]:
        """End what rests on another consent, all of it without one (None); return whose it was."""
        with self._open() as db:
            rows = db.execute(
                "SELECT name FROM accounts WHERE role = 'family' "
                "AND name NOT IN (SELECT name FROM relatives WHERE since = ?)",
                (since,),
            ).fetchall()
            db.execute("DELETE FROM invitations WHERE since IS NOT ?", (since,))
            for (name,) in rows:
                self.forget(db, str(name))
        return [str(name) for (name,) in rows]

    def forget(self, db: sqlite3.Connection, name: str) -> None:
        """End an account of any role, its sessions, and what stands here of it."""
        for statement in _FORGET:
            db.execute(statement, (name,))

    def _over(self, db: sqlite3.Connection) -> None:
        """Forget invitations whose time is over, or that are of another power-up."""
        db.execute(
            "DELETE FROM invitations WHERE boot != ? OR made < ?",
            (self._boot, self._now() - WAITS.invited),
        )


def _digest(code: str) -> str:
    return hashlib.sha256(label.plain(code).encode()).hexdigest()
