"""What is done now and then: batches, retention, the disk tried again, status file, watchdog."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator

from gateway.box import aside, mains, systemd
from gateway.box.card import Card
from gateway.box.folders import moved_out
from gateway.hear.waiting_room import WaitingRoom
from gateway.home import backup, status
from gateway.home.home import Home
from gateway.home.status import Status
from gateway.judge.alarm import State
from gateway.judge.notes import Notes
from gateway.judge.pipeline import Pipeline
from gateway.judge.signals import Signals
from gateway.keep import wal
from gateway.keep.database import checkpoint
from gateway.keep.historian import Historian
from gateway.keep.retention import Gone, entries_kept_from
from gateway.keep.storage import Storage
from gateway.keep.store import Store
from gateway.tell.push import Push
from gateway.tell.receipts import Receipts
from gateway.tend.pump import Pump
from gateway.tend.waits import WAITS
from gateway.words import kind
from gateway.words.clock import Clock, Moment
from gateway.words.part import Part

LOG = logging.getLogger("eldercare")
# pages in the journal's log from which it is written into the database when nothing urgent is about
CHECKPOINT_AT = 1500
READINGS_AT = 200  # readings that make a batch before its time


class DiskIsBack(Exception):
    """The real database can be written again: start anew on it."""


class Upkeep(Part, kw_only=True):
    """The housekeeping of one gateway.

    The pump asks it at the end of a turn. `beat` and `mains` are tasks of these names. Batches,
    retention and checkpoint are a task each while they run, and their work is done on the store's
    threads.

    `report(counts)` is what the status file says. `fresh` says whether somebody may need help whom
    nobody has answered yet. `replays`: a recorded day is played.
    """

    home: Home
    clock: Clock
    boot: str
    pipeline: Pipeline
    storage: Storage
    notes: Notes
    room: WaitingRoom
    historian: Historian
    signals: Signals
    receipts: Receipts
    push: Push
    report: Callable[[tuple[int, int]], Status]
    fresh: Callable[[], bool]
    wake: Callable[[], None]
    told: Callable[[], None]
    replays: bool

    def __post_init__(self) -> None:
        now = self.clock.now().mono
        self._batched = self._tried = now
        self._tidied = now - WAITS.tidy + WAITS.tidy_first
        self._round: Iterator[Gone] | None = None  # the day's retention while it is going on
        self._gone = Gone()  # what it has taken so far
        self._batches = 0  # of readings, that the platform never had
        # its beginning, on the thread of the readings
        self._tidying: asyncio.Task[None] | None = None
        # the batch of readings that is being written ...
        self._batch: asyncio.Task[None] | None = None
        self._batch_of: Store | None = None  # ... by this store
        self._checkpointing: asyncio.Task[None] | None = None
        self._forgotten = 0
        # what waits and was agreed to no longer, being deleted
        self._withdrawing: asyncio.Task[None] | None = None
        self._withdrawn = 0
        self._mistaken = False  # the status file could not be made, and this was said
        self.card = Card(now)
        # a walk test is watched: the status file is written sooner
        self.somebody_looks = asyncio.Event()

    async def beat(self, turned_at: Callable[[], float]) -> None:
        """Beat systemd's watchdog if pump and store answered lately; write the status file."""
        interval = min(systemd.watchdog_interval() or WAITS.status, WAITS.status)
        while True:
            turned = turned_at()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WAITS.hung):
                    counts = await self.storage.store.counts()
                    if self.clock.now().mono - turned < WAITS.hung or self.replays:
                        systemd.notify("WATCHDOG=1")
                    self.write_status(counts)
            await asyncio.sleep(min(WAITS.status_watched, interval))
            self.somebody_looks.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, interval - WAITS.status_watched)):
                    await self.somebody_looks.wait()

    async def mains(self) -> None:
        """Watch whether the mains are there, where this box can know."""
        known: bool | None = None
        while not self.replays:
            found = mains.read(self.home.config.gateway.mains)
            if found is not None and found is not known:
                self.notes.later(functools.partial(self.pipeline.powered, found))
            elif found is None:
                self.pipeline.faults.mains_unknown()
            known = found
            await asyncio.sleep(WAITS.try_mains)

    def write_status(self, counts: tuple[int, int]) -> None:
        """Write the status file for `status` and the page. `counts`: what waits to be pushed."""
        path = self.home.config.runtime / "status.json"
        new = path.with_suffix(".new")
        try:
            new.write_bytes(status.encoded(self.report(counts)))
            new.replace(path)
            self.told()
        except OSError as error:
            LOG.warning("status file %s: %s", path, error.strerror)
        except Exception:  # it is a question: a mistake in its answer must not end the guarding
            if not self._mistaken:
                LOG.exception("status file %s cannot be made", path)
            self._mistaken = True
        else:
            self._mistaken = False

    def keep_readings(self, now: Moment) -> None:
        """Have routine readings written in batches, beside: no alarm waits for them.

        They are pushed last; what cannot be kept is said.

        One batch at a time: while a slow card writes, further readings wait in the historian, which
        is bounded.
        """
        if self._batch is not None:
            if not self._batch.done() and self._batch_of is self.storage.store:
                return
            batch, self._batch = self._batch, None
            if batch.done():
                batch.result()  # a mistake of ours ends the process, as any other of the pump
        every = self.home.config.times.readings_every
        if now.mono - self._batched >= every or len(self.historian.pending) >= READINGS_AT:
            self._batched = now.mono
            self._batch_of = self.storage.store
            self._batch = asyncio.create_task(self._keep(now), name="batch")

    async def last_readings(self, now: Moment) -> None:
        """Write what is left, at a stop. A disk that does not answer is not waited for long."""
        for beside_ in (self._tidying, self._checkpointing):
            if beside_ is not None:
                beside_.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WAITS.last_readings):
                if self._batch is not None:
                    await self._batch
                await self._keep(now, unfinished=True)

    async def _keep(self, now: Moment, *, unfinished: bool = False) -> None:
        """Write down which batches have their receipt, and the next batch.

        `unfinished`: also of the hour that runs.
        """
        store = self.storage.store
        readings, done, refused = (
            self.historian.take(),
            self.receipts.take_batches(),
            self.historian.withheld,
        )
        signals = self.signals.take(now, unfinished=unfinished) if readings else []
        if done:
            await store.readings.accept(done)
        if not readings:
            return
        message = await store.readings.keep(readings, self.boot, signals)
        if message is None:
            self.historian.lost(len(readings))
        elif refused != self.historian.withheld:
            self.withdraw()
        elif store is self.storage.store:  # a stand-in's batches are of another history
            self.push.offer([message])

    def withdraw(self) -> None:
        """Delete what waits and may no longer be sent, beside the pump.

        Nothing of it that is held for sending goes out.
        """
        self.push.leave_batches()
        self._withdrawing = asyncio.create_task(
            self.storage.store.readings.withdraw(), name="withdraw"
        )

    async def after(self, now: Moment, pump: Pump) -> None:
        """Do what is done behind a turn."""
        self.keep_readings(now)
        await self._sometimes(now, pump)
        if self.pipeline.walk_test.runs:
            self.somebody_looks.set()

    async def _sometimes(self, now: Moment, pump: Pump) -> None:
        """Do what is due once a day or a minute.

        That is retention, saying what was forgotten, and trying the disk again.
        """
        if (
            now.mono - self._tidied >= WAITS.tidy
            and self._round is None
            and (self._tidying is None or self._tidying.done())
        ):
            self._tidied = now.mono
            self._tidying = asyncio.create_task(self._tidy(self.clock.proved(now)), name="tidy")
        if self._round is not None:
            await self._retain(self._round, pump)
        if now.mono - self._tried < WAITS.try_disk:
            return
        self._tried = now.mono
        aside.run(self._sweep)  # no turn waits for it, whatever the disk does
        self._checkpoint()
        lost = self.historian.forgotten + self.room.forgotten
        if lost > self._forgotten:
            self._say_forgotten(lost - self._forgotten)
            self._forgotten = lost
        gone, before = self.storage.store.readings.withdrawn, self._withdrawn
        self._withdrawn = gone
        if gone > before:
            self._say_forgotten(gone - before, withdrawn=True)
        alarms = self.pipeline.alarms.values()
        # which a restart would cut short
        in_grace = any(alarm.state is State.PRE_ALARM for alarm in alarms)
        if not in_grace and await self.storage.is_back(open_alarms=bool(alarms)):
            raise DiskIsBack

    def _say_forgotten(self, count: int, *, withdrawn: bool = False) -> None:
        """Tell that readings are gone unsent, under pressure or because consent was withdrawn."""
        self.notes.say(kind.FORGOTTEN, readings=count, **({"why": "consent"} if withdrawn else {}))

    def _sweep(self) -> None:
        moved_out(self.home.config.state)
        backup.forget_old(self.home.config.state, time.time())

    def _checkpoint(self) -> None:
        """Have the journal's log written into its database while nothing urgent is about.

        In a commit somebody would wait for it.
        """
        store = self.storage.store
        if self.fresh() or (self._checkpointing is not None and not self._checkpointing.done()):
            return

        def job() -> None:
            path = store.folder / "gateway.db"
            # it is tried again; what is wrong with the disk a commit finds out
            with contextlib.suppress(OSError, sqlite3.Error):
                if wal.pages(path) >= CHECKPOINT_AT:
                    checkpoint(path)

        self._checkpointing = asyncio.create_task(store.readings.run(job), name="checkpoint")

    async def _tidy(self, now: Moment) -> None:
        """Begin a day's retention: readings first, on their own thread.

        It also looks how much of the journal is too old.
        """
        store, kept, batches = self.storage.store, self.home.config.gateway, 0
        steps = store.readings.retention(now, kept.history_days)
        while (taken := await store.readings.run(next, steps, None)) is not None:
            batches += taken
        try:
            number = await store.readings.run(
                entries_kept_from, store.folder / "gateway.db", now, kept.journal_days
            )
        except sqlite3.Error as error:
            LOG.warning("store retention not carried out: %s", error)
            return
        if store is self.storage.store:
            self._round, self._gone, self._batches = store.retention(now, number), Gone(), batches
            self.wake()

    async def _retain(self, steps: Iterator[Gone], pump: Pump) -> None:
        """Make one step of the day's retention; the next one comes with the pump's next turn."""
        done = await pump.kept(lambda: self.storage.store.run(next, steps, None))
        if done is not None:
            self._gone = Gone(*(before + now for before, now in zip(self._gone, done, strict=True)))
            self.wake()
            return
        self._round = None
        gone, batches = self._gone, self._batches
        if any(gone) or batches:
            unsent = f"{gone.unsent} entries and {batches} batches of readings were never sent"
            LOG.info("retention: %d journal rows deleted; %s", gone.rows, unsent)
        if (batches or gone.unsent) and self.home.config.platform is not None:
            self.notes.say(kind.FORGOTTEN, batches=batches, entries=gone.unsent)
