"""Wrong passwords of one source: the next try waits longer, then the source is locked.

A source is an address, or a device that signed in before. They are counted in memory: who guesses
with ever new addresses wears no card. A lock is on the card, and outlasts a power cut.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager

from gateway.page.waits import WAITS

FREE = 2  # failures without delay, then 1, 2, 4 ... s
LOCK_AT = 8  # failures that lock a source
SOURCES = 2000  # sources whose failures are remembered, the one longest quiet forgotten first

TABLE = """
CREATE TABLE IF NOT EXISTS tries (
    source TEXT PRIMARY KEY, failures INTEGER NOT NULL, boot TEXT NOT NULL,
    since REAL NOT NULL, until REAL NOT NULL) STRICT"""


class Refusal(Exception):
    """Something was not done.

    `word` is a key of the catalogue, `field` the field it stands beside, `wait` the seconds until
    the next try.
    """

    def __init__(self, word: str, field: str = "", wait: float = 0.0) -> None:
        super().__init__(word)
        self.word, self.field, self.wait = word, field, wait


class Tries:
    """Wrong passwords by source.

    `open_` gives the database in one transaction; `now` is monotonic time of the power-up `boot`.
    """

    def __init__(
        self,
        open_: Callable[[], AbstractContextManager[sqlite3.Connection]],
        boot: str,
        now: Callable[[], float],
    ) -> None:
        self._open, self._boot, self._now = open_, boot, now
        self._guard = threading.Lock()
        with open_() as db:
            # Monotonic seconds of another power-up say nothing: its locks begin anew from here.
            db.execute(
                "UPDATE tries SET until = ? + until - since, since = ?, boot = ? WHERE boot != ?",
                (now(), now(), boot, boot),
            )
            rows = db.execute("SELECT source, failures, until FROM tries ORDER BY until").fetchall()
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict(
            (str(s), (int(f), float(u))) for s, f, u in rows
        )

    def waits(self, source: str) -> None:
        """Raise Refusal for a source that has to wait; nothing is counted."""
        failures, until = self._failures.get(source, (0, 0.0))
        if until > self._now():
            raise Refusal("locked" if failures >= LOCK_AT else "wait", wait=until - self._now())

    def count(self, source: str) -> bool:
        """Count a try as failed before it is looked at; return whether it locks the source.

        So many tries at once gain nothing. Raises Refusal while the source must wait.
        """
        with self._guard:
            self.waits(source)
            now = self._now()
            failures = self._failures.get(source, (0, 0.0))[0] + 1
            delay = (
                WAITS.lock
                if failures >= LOCK_AT
                else 0.0
                if failures <= FREE
                else 2.0 ** (failures - FREE - 1)
            )
            self._failures[source] = failures, now + delay
            self._failures.move_to_end(source)
            while len(self._failures) > SOURCES:
                self._failures.popitem(last=False)
        if failures < LOCK_AT:
            return False
        with self._open() as db:
            db.execute(
                "INSERT OR REPLACE INTO tries VALUES (?, ?, ?, ?, ?)",
                (source, failures, self._boot, now, now + delay),
            )
            db.execute(
                "DELETE FROM tries WHERE source NOT IN "
                "(SELECT source FROM tries ORDER BY until DESC LIMIT ?)",
                (SOURCES,),
            )
        return True

    def forget(self, source: str) -> None:
        """Forget the wrong passwords of a source, because it knew the right one."""
        with self._guard:
            failures, _ = self._failures.pop(source, (0, 0.0))
        if failures >= LOCK_AT:
            with self._open() as db:
                db.execute("DELETE FROM tries WHERE source = ?", (source,))
