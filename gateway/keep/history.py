"""Routine readings on disk: `history.db`, written and read on a thread of its own.

No call for help ever waits for it.

    readings ─▶ keep ─▶ a numbered batch, waiting for the platform's receipt ─▶ retention

It is bulk and may be thrown away: synchronous NORMAL, begun anew where it is damaged or newer, left
alone where the disk refuses. The thread also does what is long and may wait for the other database:
see `checkpoint` in gateway.keep.database.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

from gateway.contract import encoding
from gateway.judge.signals import HOUR, KEPT_DAYS, Row
from gateway.keep import schema
from gateway.keep.database import (
    BROKEN,
    DiskRefuses,
    StoreProblem,
    database,
    kept_from,
    mark,
    marked,
    new_name,
    problem_of,
    set_aside,
    single,
)
from gateway.keep.schema import atomic
from gateway.keep.waits import WAITS
from gateway.words.clock import Moment, Quality
from gateway.words.consent import withholds
from gateway.words.reading import Kind, Reading

LOG = logging.getLogger("eldercare")
T = TypeVar("T")
# waiting batches of readings (two weeks of minutes); the oldest are forgotten first and said
BATCHES_AT_MOST = 20_000
BATCHES_AT_ONCE = 5  # of one step of retention; one may have hundreds of readings
# An hour that a restart has cut in two is one row again: of both halves the longer one has the
# median.
_SIGNAL = """
    INSERT INTO signals VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
        median = CASE WHEN excluded.packets > packets AND excluded.median
                 THEN excluded.median ELSE median END,
        worst = min(worst, excluded.worst), packets = packets + excluded.packets,
        battery = coalesce(excluded.battery, battery),
        minutes = coalesce(minutes, 0) | excluded.minutes
"""


class Outgoing(NamedTuple):
    """One thing to push. `batch` numbers are of the history, all others of the journal.

    `raises`: it calls for help, see `Entry.raises`.
    """

    priority: int
    number: int
    name: str
    payload: bytes
    batch: bool = False
    raises: bool = False


class History:
    """`history.db` and the one thread that writes and reads it.

    Names and counts may be read on any thread.
    """

    def __init__(self, folder: Path, gateway: str) -> None:
        """Name the folder; nothing is opened."""
        self.path = folder / "history.db"
        self.name = ""  # of this history: batches are numbered within it
        self.newest = 0  # number of the newest batch
        self.waits = 0  # batches without receipt
        # classes that the resident has not agreed to: of these nothing is sent
        self.withheld: frozenset[str] = frozenset()
        self.withdrawn = 0  # readings that waited and were deleted for that
        self._gateway = gateway
        self._thread = concurrent.futures.ThreadPoolExecutor(
            max_workers=1, thread_name_prefix="history"
        )
        self._db: sqlite3.Connection | None = None
        self._row = 0

    async def run(self, job: Callable[..., T], *args: object) -> T:
        """Run one job on the history's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, job, *args)

    # -- opening and closing -----------------------------------------------------------------------

    def open(self) -> None:
        """Open it; a broken or newer one is thrown away and begun anew, for readings may be lost.

        One that the disk refuses is left alone.
        """
        for attempt in (1, 2):
            try:
                self._db = db = database(self.path, schema.history, "NORMAL")
                self.name = marked(db, "history") or new_name()
                mark(db, "history", self.name)
                self.newest = single(db, "SELECT coalesce(max(number), 0) FROM batches")
                self.waits = single(db, "SELECT count(*) FROM batches WHERE waiting")
                self._row = single(db, "SELECT coalesce(max(row), 0) FROM readings")
            except (StoreProblem, *BROKEN) as error:
                problem = error if isinstance(error, StoreProblem) else problem_of(self.path, error)
                if isinstance(problem, DiskRefuses):
                    LOG.warning(
                        "store history.db: %s; no readings are kept until it can be written",
                        problem,
                    )
                    self._close()
                    return
                LOG.warning("store history.db: %s; thrown away, attempt %d", problem, attempt)
                self._throw_away()
            else:
                return

    def _close(self, *, checkpoint: bool = False) -> None:
        db, self._db, self.waits = self._db, None, 0
        if db is not None:
            with contextlib.suppress(sqlite3.Error):
                if checkpoint:
                    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            with contextlib.suppress(sqlite3.Error):
                db.close()

    def _throw_away(self) -> None:
        self._close()
        with contextlib.suppress(OSError):
            set_aside(self.path, keep=False)

    async def close(self) -> None:
        """Finish what is queued and close the file, as far as the disk answers in time."""
        closing = asyncio.ensure_future(self.run(lambda: self._close(checkpoint=True)))
        await asyncio.wait({closing}, timeout=WAITS.close)
        self._thread.shutdown(wait=closing.done(), cancel_futures=True)

    def close_now(self, *, checkpoint: bool = True) -> None:
        """Close the file from the thread that opened it, where no job was ever queued.

        Without `checkpoint` its log stays as it is.
        """
        self._close(checkpoint=checkpoint)
        self._thread.shutdown()

    def give_up(self) -> None:
        """Close the file because its room is wanted. For any thread but its own."""
        with contextlib.suppress(concurrent.futures.TimeoutError):
            self._thread.submit(self._close).result(WAITS.give_up)

    # -- batches -----------------------------------------------------------------------------------

    async def keep(
        self, readings: Sequence[Reading], boot: str, signals: Sequence[Row] = ()
    ) -> Outgoing | None:
        """Write one batch of routine readings; return it as it is to be pushed.

        It is None where history cannot be written. `boot`: the power-up of the readings. `signals`:
        what the last hours were like, written in the same transaction.
        """
        return await self.run(self._keep, readings, boot, signals)

    def _keep(
        self, readings: Sequence[Reading], boot: str, signals: Sequence[Row] = ()
    ) -> Outgoing | None:
        if self._db is None:
            self.open()
        if self._db is None:
            return None
        first, number, wall = self._row + 1, self.newest + 1, readings[-1].at.wall.timestamp()
        rows = [
            (
                first + n,
                r.device,
                r.kind.value,
                (b"\0", b"\1")[r.value] if isinstance(r.value, bool) else r.value,
                r.index,
                r.label,
                boot,
                round(r.at.mono, 3),
                r.at.wall.timestamp(),
                r.at.quality.value,
                int(r.flagged),
            )
            for n, r in enumerate(readings)
        ]
        try:
            with atomic(self._db):
                self._db.executemany(
                    "INSERT INTO readings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
                )
                self._db.execute(
                    "INSERT INTO batches VALUES (?, ?, ?, ?, 1)",
                    (number, first, first + len(rows) - 1, wall),
                )
                self._db.executemany(_SIGNAL, signals)
        except sqlite3.Error as error:
            LOG.warning("store history.db: %d readings forgotten: %s", len(rows), error)
            return None
        self._row, self.newest = first + len(rows) - 1, number
        self.waits += 1
        return self._batch(number, boot, readings)

    def _batch(self, number: int, boot: str, readings: Sequence[Reading]) -> Outgoing:
        body = encoding.encode_batch(self._gateway, self.name, number, boot, [*readings])
        return Outgoing(5, number, "readings", body, batch=True)

    async def accept(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Mark batches as accepted by the platform; `ranges` of their numbers are inclusive."""
        await self.run(self._accept, ranges)

    def _accept(self, ranges: Sequence[tuple[int, int]]) -> None:
        if self._db is None:
            return
        try:
            with atomic(self._db):
                update = "UPDATE batches SET waiting = 0 WHERE waiting AND number BETWEEN ? AND ?"
                done = sum(self._db.execute(update, each).rowcount for each in ranges)
            self.waits -= done
        except sqlite3.Error as error:
            LOG.warning(
                "store history.db: receipts of readings not kept, they will be sent again: %s",
                error,
            )

    async def waiting(self, after: int, limit: int) -> list[Outgoing]:
        """Return batches without receipt above number `after`, oldest first, at most `limit`."""
        return await self.run(self._waiting, after, limit)

    def _waiting(self, after: int, limit: int) -> list[Outgoing]:
        if self._db is None:
            return []
        try:
            return self._read(self._db, after, limit)
        except BROKEN as error:
            LOG.warning("store history.db: %s; thrown away", error)
            self._throw_away()
            self.open()
            return []

    def withhold(self, classes: frozenset[str]) -> None:
        """Take which classes of readings the resident has not agreed to. For any thread."""
        self.withheld = classes

    async def withdraw(self) -> None:
        """Delete what waits and may no longer be sent, a few batches at a time.

        What is not deleted because the process ends is deleted when its batch would be sent.
        """
        after: int | None = 0
        while after is not None:
            after = await self.run(self._withdraw, after)

    def _withdraw(self, after: int) -> int | None:
        found = self._waiting(after, BATCHES_AT_ONCE) if self._db is not None else []
        return found[-1].number if found else None

    def _agreed(
        self, db: sqlite3.Connection, number: int, rows: list[tuple[int, Reading]]
    ) -> list[Reading]:
        """Return what of a waiting batch may be sent, and delete the rest.

        A batch of which nothing is left waits no more.
        """
        gone = [row for row, reading in rows if withholds(self.withheld, reading)]
        if gone:
            with atomic(db):
                db.executemany("DELETE FROM readings WHERE row = ?", [(row,) for row in gone])
                if len(gone) == len(rows):
                    self.waits -= db.execute(
                        "UPDATE batches SET waiting = 0 WHERE waiting AND number = ?", (number,)
                    ).rowcount
            self.withdrawn += len(gone)
        return [reading for _, reading in rows if not withholds(self.withheld, reading)]

    def _read(self, db: sqlite3.Connection, after: int, limit: int) -> list[Outgoing]:
        out: list[Outgoing] = []
        one = (
            "SELECT number, first, last FROM batches WHERE waiting AND number > ? "
            "ORDER BY number LIMIT 1"
        )
        while len(out) < limit and (found := db.execute(one, (after,)).fetchone()):
            number, first, last = found
            after = number
            rows = db.execute(
                "SELECT * FROM readings WHERE row BETWEEN ? AND ? ORDER BY row", (first, last)
            ).fetchall()
            boot = rows[0][6] if rows else ""
            kept = [
                (
                    int(r[0]),
                    Reading(
                        device=r[1],
                        kind=Kind(r[2]),
                        value=_value(r[3]),
                        index=r[4],
                        label=r[5],
                        at=Moment(r[7], datetime.fromtimestamp(r[8], UTC), Quality(r[9])),
                    ),
                )
                for r in rows
            ]
            readings = (
                self._agreed(db, number, kept)
                if self.withheld
                else [reading for _, reading in kept]
            )
            if rows and not readings:
                continue
            out.append(self._batch(number, boot, readings))
        return out

    # -- retention ---------------------------------------------------------------------------------

    def retention(self, now: Moment, days: float) -> Iterator[int]:
        """Carry out retention a little at a time: delete what is older than `days`.

        Each step is made on the history's thread, and yields how many waiting batches it took. Age
        decides, whether the platform has it or not; only by a clock that is confirmed.
        """
        try:
            if self._db is not None:
                yield from self._retain(self._db, now, days)
        except sqlite3.Error as error:
            LOG.warning("store history.db: retention not carried out: %s", error)

    def _retain(self, db: sqlite3.Connection, now: Moment, days: float) -> Iterator[int]:
        execute = db.execute
        too_many = single(db, "SELECT count(*) FROM batches WHERE waiting") - BATCHES_AT_MOST
        if too_many > 0:
            with atomic(db):
                oldest = "SELECT number FROM batches WHERE waiting ORDER BY number LIMIT ?"
                forgotten = execute(
                    f"UPDATE batches SET waiting = 0 WHERE number IN ({oldest})",  # noqa: S608  ours
                    (too_many,),
                ).rowcount
            self.waits -= forgotten
            yield forgotten
        if now.quality is not Quality.SYNCHRONISED:
            return
        # The newest batch stays whatever its age: numbers go on from it.
        kept = min(self.newest, kept_from(db, "batches", now, days))
        old = (
            "SELECT number, first, last, waiting FROM batches WHERE number < ? "
            "ORDER BY number LIMIT ?"
        )
        while rows := execute(old, (kept, BATCHES_AT_ONCE)).fetchall():
            with atomic(db):
                db.executemany(
                    "DELETE FROM readings WHERE row BETWEEN ? AND ?",
                    [(first, last) for _, first, last, _ in rows],
                )
                db.executemany(
                    "DELETE FROM batches WHERE number = ?", [(number,) for number, *_ in rows]
                )
            waited = sum(waiting for *_, waiting in rows)
            self.waits -= waited
            yield waited
        execute(
            "DELETE FROM signals WHERE hour < ?",
            ((now.wall.timestamp() - KEPT_DAYS * 86400) // HOUR,),
        )


def _value(value: object) -> bool | int | float | str:
    """Return a value of the column: one byte is a truth, which SQLite would give back as 1."""
    if isinstance(value, bytes):
        return value == b"\1"
    if not isinstance(value, int | float | str):
        raise TypeError(f"a reading of {type(value).__name__}")
    return value
