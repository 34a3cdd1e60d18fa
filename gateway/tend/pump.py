"""The one task that decides. Everything else hears, tells or keeps, and hands the pump what it has.

Theory of operation. The pump turns whenever somebody wakes it, and when something is due. One turn:

    heard in the home -> the platform's door -> notes of the parts -> supervision -> what is due
    commit (entries, marks, memories of drivers, receipts: one transaction)
    push -> witnesses (programs sound and call) -> log -> chores

From the first reading taken to the commit nothing is awaited: a driver's memory is written with the
readings it stands for, or not at all. What was heard comes first, so that no flood of orders delays
a press. Commit, then tell: nobody hears of an entry that a power cut could take back. A stop does
not end a commit under way, and what was heard in the last moment is judged and written too.

A mistake in a turn ends the process; what was judged before it is written and told first. A disk
that fails makes `Storage` move to memory: the turn is renumbered into the stand-in's journal, with
all marks anew, and committed again.

The pump names no part of hear, tell or tend. It knows inlets, witnesses, markers, looks and chores.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from gateway.judge.book import Entry
from gateway.judge.keeping import Keeping
from gateway.judge.notes import Notes
from gateway.judge.pipeline import Pipeline
from gateway.judge.waits import WAITS as JUDGING
from gateway.keep.history import Outgoing
from gateway.keep.journal import Writing
from gateway.keep.storage import MovedToMemory, Storage
from gateway.tend import logged
from gateway.tend.waits import WAITS
from gateway.words import kind
from gateway.words.clock import Clock, Moment, Quality
from gateway.words.kind import Priority
from gateway.words.part import Part
from gateway.words.ranges import Range

LOG = logging.getLogger("eldercare")
T = TypeVar("T")


class Inlet(Protocol):
    """Where something to be judged comes in. `last`: what must not be lost at the end."""

    @property
    def waiting(self) -> bool:
        """Whether something waits."""
        ...

    def entries(self, now: Moment) -> list[Entry]:
        """Judge what waits."""
        ...

    def last(self, now: Moment) -> list[Entry]:
        """Judge what must not be lost at the end."""
        ...


class Heard(Inlet, Protocol):
    """The home itself. `event`: something that happens once was heard, and is not written yet."""

    event: bool


class Memory(Protocol):
    """What drivers remember: what has changed, and all of it."""

    def memory(self) -> dict[str, str]:
        """Return what has changed."""
        ...

    def memories(self) -> dict[str, str]:
        """Return all of it."""
        ...


class Receipts(Protocol):
    """Ranges of entries that have a receipt until their outbox rows go."""

    @property
    def full(self) -> bool:
        """Whether there are as many as one commit takes."""
        ...

    def take(self) -> list[Range]:
        """Hand over what goes into this commit."""
        ...

    def __bool__(self) -> bool: ...


class Succession(Protocol):
    """Whether another journal is to be begun in this turn. `anew`: one was, in another store."""

    @property
    def conflict(self) -> object | None:
        """Why another journal is to be begun, if it is."""
        ...

    async def begun_anew(self, writing: Writing, now: Moment) -> tuple[Writing, list[Outgoing]]:
        """Begin another journal with what this turn writes."""
        ...

    def anew(self) -> None:
        """Take it that another journal was begun."""
        ...


Look = Callable[[Moment], list[Entry]]
Witness = Callable[[Entry], None]
Marker = Callable[[Moment, bool], Mapping[str, str]]  # True: all of it, for a store that has none
Chore = Callable[[Moment, "Pump"], Awaitable[None]]


class Parts(Struct, frozen=True, kw_only=True):
    """Who hands the pump what, and who is told.

    `looks` are asked every few seconds. `unsaved` says that marks are wanted soon. `last_heard` are
    seconds since each device was heard. `judged` is called before the commit, `another` when
    another journal has begun and before its first entry is pushed, with the reason.
    """

    heard: Heard
    inlets: Sequence[Inlet]
    looks: Sequence[Look]
    markers: Sequence[Marker]
    witnesses: Sequence[Witness]
    chores: Sequence[Chore]
    memory: Memory
    receipts: Receipts
    succession: Succession
    unsaved: Callable[[], bool]
    last_heard: Callable[[Moment], Mapping[str, float]]
    judged: Callable[[], None]
    offer: Callable[[Iterable[Outgoing]], None]
    another: Callable[[str], Awaitable[None]]


class Pump(Part):
    """Takes what was heard and told, judges it, writes it down, tells it. The task "pump"."""

    clock: Clock
    pipeline: Pipeline
    storage: Storage
    notes: Notes
    wake: asyncio.Event
    parts: Parts

    def __post_init__(self) -> None:
        now = self.clock.now().mono
        self.turned = now  # when it began its last turn
        self.due = now  # when the pipeline wants its next tick
        self.keeping = Keeping(now)
        self._flushed = self._kept = now
        # what is being committed
        self._turn: asyncio.Task[tuple[Writing, list[Outgoing]]] | None = None

    async def run(self) -> None:
        """Turn for ever. Raises what a part or the store raises."""
        while True:
            now = self.clock.now()
            self.turned = now.mono
            entries: list[Entry] = []
            try:
                self.decide(entries, now)
            except Exception:  # ends the process; what was judged before is written and told first
                await self.write(entries + self.pipeline.noticed((), now), now, flush=True)
                raise
            if entries:
                self.parts.judged()
            unsaved = now.mono >= self.keeping.saves_at(self.pipeline)
            # no press may count twice, also one without entry
            unsaved = (unsaved or self.parts.heard.event) and not entries
            await self.write(entries, now, flush=unsaved)
            self.parts.heard.event = False
            for chore in self.parts.chores:
                await chore(now, self)
            self.due = self.pipeline.due()
            if self.waiting or self.parts.unsaved():
                await asyncio.sleep(0)
            else:
                await self._wait()

    @property
    def waiting(self) -> bool:
        """Whether there is something for the next turn."""
        return bool(self.notes) or any(
            inlet.waiting for inlet in (self.parts.heard, *self.parts.inlets)
        )

    async def _wait(self) -> None:
        due = min(self.due, self.keeping.due(self.pipeline))
        wait = self.clock.real(max(0.0, min(due - self.clock.now().mono, JUDGING.look_every)))
        with contextlib.suppress(TimeoutError):
            # receipts of entries are written soon; those of readings with the next batch, and
            # nobody need wake for them
            async with asyncio.timeout(min(wait, WAITS.accept) if self.parts.receipts else wait):
                await self.wake.wait()
        self.wake.clear()

    def decide(self, entries: list[Entry], now: Moment) -> None:
        """Add to `entries` what this turn has to say: first of what was heard in the home."""
        entries += self.parts.heard.entries(now)
        for inlet in self.parts.inlets:
            entries += inlet.entries(now)
        for note in self.notes.take():
            entries += note(now)
        if now.mono >= self.pipeline.faults.due():
            entries += self.look(now)
        if now.mono >= self.due:
            entries += self.pipeline.tick(now)

    def look(self, now: Moment) -> list[Entry]:
        """Ask all looks what they have to say."""
        return [entry for look in self.parts.looks for entry in look(now)]

    async def finish(self) -> None:
        """Write what came in the last moment: nobody will report it again."""
        if self._turn is not None:
            await asyncio.wait({self._turn})
        parts, now = self.parts, self.clock.now()
        entries = parts.heard.last(now)
        for inlet in parts.inlets:
            entries += inlet.last(now)
        await self.write(entries + self.pipeline.last_counts(now), now, flush=True)

    async def write(
        self,
        entries: list[Entry],
        now: Moment,
        *,
        flush: bool = False,
        moved: MovedToMemory | None = None,
    ) -> None:
        """Commit, then tell. `moved`: the disk has failed, and nothing is in the stand-in yet."""
        parts, pipeline = self.parts, self.pipeline
        flush = flush or now.mono - self._flushed >= WAITS.flush
        accept = bool(parts.receipts) and (
            flush or parts.receipts.full or now.mono - self._kept >= WAITS.accept
        )
        alive = now.mono >= self.keeping.marks_at(pipeline) or parts.unsaved()
        resent = pipeline.orders.take_resent()
        wanted = entries or resent or flush or accept or alive
        if not wanted and moved is None and parts.succession.conflict is None:
            return
        writing = Writing(
            entries=entries,
            resent=resent,
            memory=parts.memory.memory() if entries or flush else {},
            marks={},
        )
        if entries or accept or flush:
            writing.accepted = parts.receipts.take()
            self._kept = now.mono
        if entries or flush or alive:
            writing.marks = self._marks(now)
            self.keeping.written(now.mono, entries, pipeline)
            pipeline.saved()
        if flush:
            self._flushed = now.mono
            writing.marks = {**writing.marks, **self.clock.marks()}
            if now.quality is Quality.SYNCHRONISED:
                writing.heard = {
                    d: now.wall.timestamp() - ago for d, ago in parts.last_heard(now).items()
                }
        # A stop does not end it: what was judged is on disk, or in memory where the disk refuses,
        # before the store is closed.
        self._turn = asyncio.create_task(self._put(writing, now, moved), name="turn")
        writing, out = await asyncio.shield(self._turn)
        parts.offer(out)
        for entry in writing.entries:
            for committed in parts.witnesses:
                committed(entry)
        if writing.entries:
            # behind the push, which now has its turn
            asyncio.get_running_loop().call_soon(_log, list(writing.entries))

    async def kept(self, job: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
        """Let the store do something between two turns, that nobody waits for.

        A disk that does not answer is left: then None.
        """
        try:
            return await self.storage.carry_out(job)
        except MovedToMemory as moved:
            await self.write([], self.clock.now(), moved=moved)
            return None

    def _marks(self, now: Moment, *, anew: bool = False) -> dict[str, str]:
        """Return the marks that go with this turn; what has changed is taken as written."""
        return {
            name: mark for marker in self.parts.markers for name, mark in marker(now, anew).items()
        }

    async def _put(
        self, writing: Writing, now: Moment, moved: MovedToMemory | None
    ) -> tuple[Writing, list[Outgoing]]:
        """Commit one turn, to memory where the disk refuses; return it. Raises sqlite3.Error."""
        succession = self.parts.succession
        try:
            if moved is not None:
                raise moved
            if succession.conflict is None:
                return writing, await self.storage.commit(writing)
            begun = await self.storage.carry_out(lambda: succession.begun_anew(writing, now))
        except MovedToMemory as failed:
            in_memory = await self._of_stand_in(writing, now, failed)
            return in_memory, await self.storage.commit(in_memory)
        await self.parts.another("conflict")
        return begun

    async def _of_stand_in(self, writing: Writing, now: Moment, moved: MovedToMemory) -> Writing:
        """Return this turn as the first of a stand-in's journal, of which the platform knows."""
        self.parts.succession.anew()
        await self.parts.another("storage")
        pipeline = self.pipeline
        entries = pipeline.renumber(self.storage.store.journal, writing.entries, now)
        entries += pipeline.noticed(
            pipeline.faults.begin(kind.STORAGE_DEGRADED, now, why=moved.why[:300]), now
        )
        # What this turn does not change must outlast a kill too: counters against recordings,
        # instructions done, what is masked.
        return replace(
            writing,
            entries=entries,
            memory=self.parts.memory.memories(),
            done=pipeline.orders.done,
            marks={**writing.marks, **self._marks(now, anew=True), **moved.doubt(writing.entries)},
            accepted=(),
            resent=(),  # of another journal
        )


def _log(entries: Sequence[Entry]) -> None:
    for entry in entries:
        LOG.log(
            logging.WARNING if entry.priority <= Priority.P2 else logging.INFO,
            "%s",
            logged.line(entry),
        )
