"""The phones that this gateway's alarms go to, in `page.db`, and the key that it signs with.

An endpoint is an address at the push service of a browser's maker, and whoever knows it can send to
the phone: it is a secret, stands in no page, log or bundle, and leaves with no backup. What a
browser says of itself comes from outside: its form, its length and its number are bounded here.
The database itself ends what belongs to an account that is deleted or changes its password.
"""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from gateway.page import sealed
from gateway.page.database import reading, writing

MOST: Final = 8  # phones of one gateway
OF_ONE: Final = 3  # of them of one account
LONGEST: Final = 1000  # characters of an endpoint
KEY: Final = "push_key"
_LETTERS: Final = re.compile(r"https://[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]+", re.ASCII)
_CODED: Final = re.compile(r"[A-Za-z0-9_-]{1,120}={0,2}", re.ASCII)
# Without AUTOINCREMENT a phone could get the number of one that ended a moment ago.
_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS subscriptions ("
    "number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, device TEXT NOT NULL, "
    "endpoint TEXT NOT NULL UNIQUE, key BLOB NOT NULL, secret BLOB NOT NULL, "
    "made REAL NOT NULL, said TEXT NOT NULL, at REAL NOT NULL) STRICT"
)
_DELETED: Final = (
    "CREATE TRIGGER IF NOT EXISTS subscriptions_deleted AFTER DELETE ON accounts BEGIN "
    "DELETE FROM subscriptions WHERE name = OLD.name; END"
)
_HASH: Final = (
    "CREATE TRIGGER IF NOT EXISTS subscriptions_password AFTER UPDATE OF hash ON accounts BEGIN "
    "DELETE FROM subscriptions WHERE name = NEW.name; END"
)
_ASKED: Final = (
    "SELECT s.number, s.name, s.device, s.endpoint, s.key, s.secret, s.made, s.said, s.at "
    "FROM subscriptions s JOIN accounts a ON a.name = s.name "
    "WHERE a.role = 'technician' AND (? = '' OR s.name = ?) ORDER BY s.number"
)


class Phone(NamedTuple):
    """One browser that gets alarms. `said`: what came of the last message, "" before the first."""

    number: int
    name: str
    device: str
    endpoint: str
    key: bytes
    secret: bytes
    made: float
    said: str
    at: float

    def __repr__(self) -> str:
        return f"Phone({self.number})"

    @property
    def service(self) -> str:
        """Return the host of the push service: which one it is, no more."""
        return urlsplit(self.endpoint).hostname or ""


class Full(Exception):
    """As many phones get alarms as may, of this account or of all."""


def parts_of(endpoint: str) -> SplitResult | None:
    """Return the parts of an endpoint, None where it is none that may be used."""
    if len(endpoint) > LONGEST or not _LETTERS.fullmatch(endpoint):
        return None
    try:
        parts = urlsplit(endpoint)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if usable and "@" not in parts.netloc else None


def understood(said: Mapping[str, str]) -> tuple[str, bytes, bytes] | None:
    """Return (endpoint, key, secret) as a browser's form says them, None where it does not."""
    endpoint = said.get("endpoint", "")
    key, secret = (_decoded(said.get(name, "")) for name in ("p256dh", "auth"))
    if parts_of(endpoint) is None or len(secret) != sealed.SECRET or not sealed.is_point(key):
        return None
    return endpoint, key, secret


def _decoded(said: str) -> bytes:
    if not _CODED.fullmatch(said):
        return b""
    try:
        return base64.urlsafe_b64decode(said.rstrip("=") + "=" * (-len(said.rstrip("=")) % 4))
    except (binascii.Error, ValueError):
        return b""


class Subscriptions:
    """The phones, and the gateway's own key. For any thread of the page."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with writing(folder) as db:
            for statement in (_TABLE, _DELETED, _HASH):
                db.execute(statement)

    def key(self) -> str:
        """Return the private key that requests are signed with; made when it is first asked for."""
        with writing(self._folder) as db:
            db.execute(
                "INSERT OR IGNORE INTO marks VALUES (?, ?)", (KEY, sealed.kept(sealed.made()))
            )
            row = db.execute("SELECT value FROM marks WHERE name = ?", (KEY,)).fetchone()
        return str(row[0])

    def add(self, name: str, device: str, endpoint: str, key: bytes, secret: bytes) -> int:
        """Note a phone of an account; one that it was before is replaced. Raises Full."""
        with writing(self._folder) as db:
            db.execute(
                "DELETE FROM subscriptions "
                "WHERE endpoint = ? OR (name = ? AND device = ? AND device != '')",
                (endpoint, name, device),
            )
            counts = "SELECT count(*), count(*) FILTER (WHERE name = ?) FROM subscriptions"
            every, own = db.execute(counts, (name,)).fetchone()
            if every >= MOST or own >= OF_ONE:
                raise Full
            made = db.execute(
                "INSERT INTO subscriptions (name, device, endpoint, key, secret, made, said, at) "
                "VALUES (?, ?, ?, ?, ?, ?, '', 0.0)",
                (name, device, endpoint, key, secret, time.time()),
            )
            return made.lastrowid or 0

    def all(self) -> list[Phone]:
        """Return the phones that may get alarms now: those of technicians."""
        return self._asked("")

    def of(self, name: str) -> list[Phone]:
        """Return the phones of one account, the newest first."""
        return self._asked(name)[::-1]

    def _asked(self, name: str) -> list[Phone]:
        with reading(self._folder) as db:
            return [Phone(*row) for row in db.execute(_ASKED, (name, name)).fetchall()]

    def end(self, number: int, name: str) -> bool:
        """End a phone of an account; say whether there was one."""
        with writing(self._folder) as db:
            return bool(
                db.execute(
                    "DELETE FROM subscriptions WHERE number = ? AND name = ?", (number, name)
                ).rowcount
            )

    def end_device(self, name: str, device: str) -> None:
        """End the phone on which an account signs out."""
        if device:
            with writing(self._folder) as db:
                db.execute(
                    "DELETE FROM subscriptions WHERE name = ? AND device = ?", (name, device)
                )

    def gone(self, number: int) -> None:
        """Forget a phone that its push service does not know any more."""
        with writing(self._folder) as db:
            db.execute("DELETE FROM subscriptions WHERE number = ?", (number,))

    def note(self, number: int, said: str) -> None:
        """Keep what came of the last message to a phone."""
        with writing(self._folder) as db:
            db.execute(
                "UPDATE subscriptions SET said = ?, at = ? WHERE number = ?",
                (said, time.time(), number),
            )
