"""The present store: the disk, or a stand-in in memory while the disk fails.

Theory of operation. Every turn of the pump is one transaction. A disk can fail in two ways: it
refuses (full, read-only, I/O error) or it does not answer, for a dying card may take minutes for
one fsync. Both end the same way, because no call for help may wait for a card:

    disk     commit ── takes it ─────────────────────▶ what was written
                └───── refuses, or silent too long ─────▶ stand-in ──▶ MovedToMemory, once
    memory   commit ── takes it ─────────────────────▶ what was written
                └───── full ──▶ shed, step by step ──▶ commit again; at last sqlite3.Error

A stand-in has a journal of its own, because the disk may still keep what it said it had not: one
number must never mean two entries. `Storage` cannot move a turn into another journal. Entries have
numbers, alarms have names, and the platform is told of the new journal first. So `commit` makes the
stand-in the present store and raises `MovedToMemory`; the caller renumbers the entries, adds
`MovedToMemory.doubt` to the marks and commits again.

The failed store is closed by its own thread, as soon as that answers. Until then the disk is not
probed: it still owes the answer for which it was left.

The way back is a restart. `is_back` opens the database on the disk in a thread of its own and
writes to it, so that a disk that hangs again delays no alarm. If that was quick, the stand-in gets
the mark BACK, and the next start carries it over (`gateway.keep.recovery`).

Every method runs on the event loop, in the pump's task. Only `proved` and `stand_in` run on threads
of asyncio's pool.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import sqlite3
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from gateway.judge.book import Entry
from gateway.keep import shed
from gateway.keep.database import Damaged, StoreProblem, is_read_only
from gateway.keep.history import Outgoing
from gateway.keep.journal import DOUBT, Writing
from gateway.keep.stand_in import BACK
from gateway.keep.store import Store
from gateway.keep.waits import WAITS

LOG = logging.getLogger("eldercare")
T = TypeVar("T")
DISK_WANTED = 4 * 1024 * 1024  # bytes free from which a disk that was full is tried again


class MovedToMemory(Exception):
    """The disk failed: the present store is a fresh stand-in.

    Nothing of this turn is in it yet.
    """

    def __init__(self, why: str, broken: str, instead: str) -> None:
        """Take the reason, and the names of the journal that failed and of the stand-in's."""
        super().__init__(why)
        self.why = why
        self._journals = f"{instead} {broken}"

    def doubt(self, entries: Sequence[Entry]) -> dict[str, str]:
        """Return the mark that names the entries which failed.

        The disk may have kept them. At the way back `Journal.take_back` takes them out by this
        mark.
        """
        return {DOUBT: f"{self._journals} {entries[0].number}"} if entries else {}


class Storage:
    """Owns the present store, in the pump's task. See the theory of operation above."""

    def __init__(
        self,
        store: Store,
        *,
        in_memory: bool,
        stand_in: Callable[[str, int], Store],
        probe: Callable[[], bool],
        forgotten: Callable[[int], None],
    ) -> None:
        """Take the store that the start opened, and whether it is a stand-in.

        `stand_in(why, generation)` makes a stand-in. `probe()` says whether the disk takes a write,
        and raises Damaged; both may block. `forgotten(count)` is told how many entries a full
        stand-in let go of.
        """
        self.store = store
        self.in_memory = in_memory
        self.leaving: asyncio.Task[None] | None = None  # the failed store, while it is being closed
        self._stand_in = stand_in
        self._probe = probe
        self._forgotten = forgotten
        self._probing: asyncio.Task[bool] | None = None

    async def commit(self, writing: Writing) -> list[Outgoing]:
        """Write one turn; return its entries as they are to be pushed.

        Raises MovedToMemory when the disk failed. `writing` must not be changed after that: the
        disk may carry it out yet. Raises sqlite3.Error when a stand-in is full and nothing more can
        be shed.
        """
        return await self.carry_out(lambda: self.store.commit(writing))

    async def carry_out(self, job: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Let the present store do another job under the same limits.

        Raises as `commit` does; in a full stand-in `job` is made again.
        """
        try:
            return await self._answered(job())
        except sqlite3.Error as error:
            LOG.error("store %s", why := self._why(error))  # noqa: TRY400  the error is in `why`
            if self.in_memory:
                return await self._with_room(job, error)
            raise await self._moved(why) from error

    async def _answered(self, job: Coroutine[Any, Any, T]) -> T:
        """Return what the store answers; a stop does not end its work.

        Raises sqlite3.Error, also where the disk is silent.
        """
        asked = asyncio.ensure_future(job)
        # also one that nobody waits for any more
        asked.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.wait({asked}, timeout=None if self.in_memory else WAITS.stalled)
        if not asked.done():
            asked.cancel()  # if it has not begun
            raise sqlite3.OperationalError(f"the disk has not answered for {WAITS.stalled:g} s")
        return asked.result()

    def _why(self, error: sqlite3.Error) -> str:
        path = self.store.folder / "gateway.db"
        return f"{path}: {error}; working from memory until the disk can be written"

    async def _moved(self, why: str) -> MovedToMemory:
        """Make a stand-in the present store; begin to close the one that failed."""
        broken = self.store
        self.store = await asyncio.to_thread(self._stand_in, why, broken.generation + 1)
        self.in_memory = True
        self.store.readings.withhold(broken.readings.withheld)
        self.leaving = asyncio.create_task(_left(broken), name="leaving")
        return MovedToMemory(why, broken.journal, self.store.journal)

    async def _with_room(
        self, job: Callable[[], Coroutine[Any, Any, T]], error: sqlite3.Error
    ) -> T:
        """Make room in a stand-in that is full, readings first, and try again.

        Raises sqlite3.Error where nothing helps.
        """
        for step in range(len(shed.STEPS)):
            with contextlib.suppress(sqlite3.Error):
                gone = await self.store.run(self.store.shed, step)
                LOG.error(
                    "store memory is full: "
                    "readings and %d entries that can be missed are forgotten",
                    gone,
                )
                if gone:
                    self._forgotten(gone)
                return await job()
        raise error

    async def is_back(self, *, open_alarms: bool) -> bool:
        """Say whether the next start can go back to the disk, and mark the stand-in for that.

        False while the probe lasts: one that takes longer than `WAITS.probe` answers at a later
        call. With `open_alarms` a damaged database is not gone back to: the start would set it
        aside, and what it holds of them with it. Raises sqlite3.Error.
        """
        if not self.in_memory or (self.leaving is not None and not self.leaving.done()):
            return False
        if self._probing is None:
            self._probing = asyncio.create_task(asyncio.to_thread(self._probe), name="probe")
        await asyncio.wait({self._probing}, timeout=WAITS.probe)
        if not self._probing.done():
            return False
        probed, self._probing = self._probing, None
        try:
            back = probed.result()
        except Damaged:
            back = not open_alarms
        if back:
            await self.store.run(self.store.mark, BACK, "1")
        return back

    async def close(self) -> None:
        """Close the present store. Raises sqlite3.Error."""
        await self.store.close()


def proved(folder: Path, gateway: str) -> bool:
    """Say whether the database in `folder` takes a write, and soon. Raises Damaged.

    It may block for as long as the disk does: `Storage.is_back` calls it on a thread of the pool.
    """
    real = Store(folder, gateway)
    began = time.monotonic()
    try:
        if is_read_only(folder) or shutil.disk_usage(folder).free < DISK_WANTED:
            return False
        real.open()
    except Damaged:
        raise
    except (OSError, sqlite3.Error, StoreProblem, ValueError):
        return False
    real.close_now()
    return time.monotonic() - began < WAITS.check + WAITS.prompt


async def _left(broken: Store) -> None:
    """Close a store whose disk failed, as soon as it answers."""
    with contextlib.suppress(sqlite3.Error):
        await broken.close()
