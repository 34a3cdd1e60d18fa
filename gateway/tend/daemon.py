"""The composition root: builds the parts and lets them run.

One task decides (`_pump`), one thread writes the journal (`Store`) and one the readings (`History`), one task pushes (`Push`).
What is heard comes by `Ears`, what is told by `Doors`; `Uplink` keeps the way to the platform, `Upkeep` the house. Those run under
supervision; the pump is bare: if it fails, the process fails and systemd starts it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import json
import logging
import signal
import sqlite3
import zlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from drivers import all_models
from gateway import __version__
from gateway.box import folders, systemd
from gateway.contract import wire
from gateway.hear.hearing import Ears
from gateway.hear.intake import Intake
from gateway.hear.replay import Replay
from gateway.hear.waiting_room import WaitingRoom
from gateway.hear.wired_setup import Fitting, why_not
from gateway.home import inbox, nearby, status
from gateway.home.config import Config, Device
from gateway.home.home import Home
from gateway.home.identity import identity
from gateway.judge.alarm import State
from gateway.judge.book import AlarmFact, Entry
from gateway.judge.danger import Judge
from gateway.judge.faults import untold
from gateway.judge.faults.fault import LOOK_EVERY, FaultFact, Faults
from gateway.judge.faults.firsts import Firsts
from gateway.judge.faults.untold import Untold
from gateway.judge.keeping import Keeping
from gateway.judge.notes import Notes
from gateway.judge.pipeline import Pipeline
from gateway.keep.historian import Historian
from gateway.keep.history import Outgoing
from gateway.keep.journal import Writing
from gateway.keep.recovery import opened, time_kept
from gateway.keep.stand_in import settled, stand_in
from gateway.keep.storage import MovedToMemory, Storage, proved
from gateway.keep.store import Store
from gateway.tell.callers import Callers
from gateway.tell.channels import Channels
from gateway.tell.heartbeat import Heartbeats
from gateway.tell.inventory import Inventory
from gateway.tell.platform_test import Attempt, is_call
from gateway.tell.presence import Presence
from gateway.tell.push import Push
from gateway.tell.receipts import Receipts
from gateway.tell.resend import Resend
from gateway.tell.uplink import Uplink
from gateway.tell.way import Way
from gateway.tend import inbound, rearrange
from gateway.tend.admission import Admission
from gateway.tend.attacks import Attacks
from gateway.tend.inbound import Inbound
from gateway.tend.lineage import Lineage
from gateway.tend.mailbox import Mailbox
from gateway.tend.orders import Orders
from gateway.tend.rearrange import Rearrange
from gateway.tend.rounds import MARK, Rounds
from gateway.tend.slip_box import SlipBox
from gateway.tend.technician import TakenOver, Technician
from gateway.tend.upkeep import DiskIsBack, Upkeep
from gateway.words import kind
from gateway.words.clock import Clock, Moment, Quality, SystemClock, boot_name, stamp
from gateway.words.instruction import Do, Door, Instruction, Refused, ResultFact
from gateway.words.kind import Priority
from gateway.words.reading import FORMS, Form
from gateway.words.say import Say

LOG = logging.getLogger("eldercare")
T = TypeVar("T")
MADE = datetime(2026, 11, 22, tzinfo=UTC)  # the software is not older than this: no earlier clock can be right
FLUSH_EVERY = 600.0  # s between two writings of what is not urgent: memories of drivers, last heard, the clock's floor
MAINS_JITTER = 600.0  # s at most that a box waits longer than another before it says that its mains are lost
ACCEPT_EVERY = 1.0  # s for which receipts are gathered before the outbox rows go


class Daemon:
    """One gateway at work."""

    def __init__(self, config: Config) -> None:
        self.again = False  # another home has moved in: to be started anew in the same process
        self.boot = boot_name()
        self.replay = Replay(config.replay) if config.replay else None
        self.clock: Clock = self.replay.clock(self.boot) if self.replay else SystemClock(MADE)
        self.models = all_models()
        config.runtime.mkdir(mode=0o750, parents=True, exist_ok=True)
        self.home = Home(config, identity(config))
        folders.opened_to_page(config.state)
        self.clock.restored(*time_kept(config.state))
        now = self.clock.now()
        store, self._known, memories = opened(config.state, config.runtime, self.home.gateway, now, self.boot)
        self.storage = Storage(
            store,
            in_memory=store.folder != config.state,
            stand_in=functools.partial(stand_in, config.runtime, self.home.gateway),
            probe=functools.partial(proved, config.state, self.home.gateway),
            forgotten=self._say_shed,
        )
        self.faults = Faults({d.id: d.supervised for d in config.devices}, config.times, tells_out=rearrange.tells_out(config))
        self.judge = Judge({d.id: d.watch for d in config.devices}, config.times, config.zone, config.night)
        self.pipeline = Pipeline(
            boot=self.boot,
            devices={d.id: d.room for d in config.devices},
            judge=self.judge,
            faults=self.faults,
            ladder=config.ladder,
            times=config.times,
        )
        rearrange.walk_by(self.pipeline, config)
        share = zlib.crc32(self.home.gateway.encode()) / 2**32  # what this home does a little later than another
        self.faults.mains_jitter = MAINS_JITTER * share
        self.faults.daily.keep(config.zone, share)
        self.faults.restored(self.store.marked("daily"))
        self.wake = asyncio.Event()
        self.notes = Notes(self.faults, self.pipeline.noticed, self.wake.set)
        self.room = WaitingRoom(self.wake.set)
        now_, heard_at, put, firsts = self.clock.now, self.faults.heard_at, self.room.put, Firsts(self.store.marked("told"))
        self.intake = Intake(now_, heard_at, put, firsts, walked=self._walked, proved=self._proved)
        for d in config.devices:
            self.intake.enrol(d.id, d.model, d.at, d.key, memories.get(d.id, {}), via=d.via, codes=d.codes)
        self.historian = Historian(config.times.same_again, rearrange.withheld(config))
        self.store.readings.withhold(self.historian.withheld)
        self.callers = Callers(self._called)
        self.channels = Channels(self.home, self.clock, self.notes, self.pipeline, self.callers, self.alarm_is_fresh)
        self.ears = Ears(
            self.home,
            self.intake,
            self.models,
            self.clock,
            self.replay,
            alarm_is_fresh=self.alarm_is_fresh,
            radio_begins=self._radio_begins,
        )
        self.lineage = Lineage(self)
        self.upkeep = Upkeep(self)
        self.rounds = Rounds(self)
        self.untold = Untold(config.zone)
        self.attacks = Attacks(self.faults)
        self._way_out()
        self.rearrange = Rearrange(
            home=self.home,
            intake=self.intake,
            ears=self.ears,
            judge=self.judge,
            faults=self.faults,
            untold=self.untold,
            pipeline=self.pipeline,
            historian=self.historian,
            storage=self.storage,
            uplink=self.uplink,
            withdraw=self.upkeep.withdraw,
        )
        self.technician = Technician(
            home=self.home,
            models=self.models,
            clock=self.clock,
            boot=self.boot,
            replays=self.replay is not None,
            pipeline=self.pipeline,
            faults=self.faults,
            notes=self.notes,
            storage=self.storage,
            intake=self.intake,
            ears=self.ears,
            uplink=self.uplink,
            rearrange=self.rearrange,
            attempt=self._attempt,
            fitting=self._fitting,
            why_not=lambda device: why_not(self.pipeline.alarms.values(), device),
        )
        after = inbound.begin_of(self.store.marked("inbox"), config.page_folder)
        self.inbound = Inbound(self.home, self.orders, self.notes, self.technician.carry_out, after)
        self.slips = SlipBox(self.home, self.orders, self.faults, self.notes, self.clock.now)
        self.turned = now.mono  # when the pump began its last turn
        self._due = now.mono  # when the pipeline wants its next tick
        self._flushed = self._kept = now.mono
        self.keeping = Keeping(now.mono)
        self._event = False  # something that happens once was heard in this turn
        self._turn: asyncio.Task[tuple[Writing, list[Outgoing]]] | None = None  # what is being committed

    def _way_out(self) -> None:
        """Make what goes to the platform, and what takes in what it sends."""
        home, clock, notes, pipeline, storage = self.home, self.clock, self.notes, self.pipeline, self.storage
        self.admission = Admission(self.faults, notes, clock.now)
        self.way = Way()
        self.push = Push(self.way, self.store, clock, self._topic, None)
        self.receipts = Receipts()
        self.presence = Presence(self.push, pipeline, self.admission.spare_word)
        self.inventory = Inventory(home, clock, storage, pipeline, self.intake.signals.charge)
        self.heartbeats = Heartbeats(home, clock, storage, pipeline)
        self.resend = Resend(home, notes, storage, pipeline, self.push, self.way)
        self.orders = Orders(home=home, clock=clock, boot=self.boot, pipeline=pipeline, resend=self.resend, admission=self.admission)
        self.mailbox = Mailbox(
            home=home,
            orders=self.orders,
            admission=self.admission,
            pipeline=pipeline,
            storage=storage,
            lineage=self.lineage,
            presence=self.presence,
            receipts=self.receipts,
            push=self.push,
            untold=self.untold,
            receipted=self._receipted,
            wake=self.wake.set,
        )
        self.uplink = Uplink(
            home,
            clock,
            notes,
            pipeline,
            way=self.way,
            push=self.push,
            receipts=self.receipts,
            presence=self.presence,
            heartbeats=self.heartbeats,
            inventory=self.inventory,
            heard=self.mailbox.from_platform,
            refused=self.admission.bad_message,
            take_back=self._take_back,
        )

    def _receipted(self, receipt: wire.Receipt) -> None:
        self.technician.receipted(receipt)

    async def _take_back(self, before: Config, why: Say) -> bool:
        return await self.technician.take_back(before, why)

    def _radio_begins(self, adapter: str) -> None:
        self.faults.radios.setdefault(adapter, self.clock.now().mono)

    def _fitting(self, i: Instruction, device: Device | None) -> Fitting:
        return Fitting(i, self.models, device, notes=self.notes, lent=self.ears.lent, changed=self.upkeep.somebody_looks.set)

    def _attempt(self, config: Config, i: Instruction) -> Attempt:
        return Attempt(
            config,
            i,
            home=self.home,
            notes=self.notes,
            storage=self.storage,
            pipeline=self.pipeline,
            uplink=self.uplink,
            heard=self.mailbox.from_platform,
        )

    # -- life --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until cancelled or told to stop. Raises what the pump or the store raises."""
        loop = asyncio.get_running_loop()
        me = asyncio.current_task()
        assert me is not None  # a coroutine runs in a task
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, me.cancel)
        home, devices, where = self.home, len(self.home.config.devices), self.store.degraded or self.store.folder
        LOG.info("gateway %s, software %s, boot %s, %d devices, store %s", home.gateway, __version__, self.boot, devices, where)
        end = contextlib.ExitStack()
        try:
            end.enter_context(inbound.woken_by(self.home.config.runtime / "wake", self._woken))
            await self._begin()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(), name="pump")
                group.create_task(self.inbound.run(), name="inbox")
                group.create_task(self.slips.run(), name="slips")
                group.create_task(self.push.run(), name="push")
                group.create_task(self.resend.run(), name="resend")
                group.create_task(self.upkeep.beat(), name="beat")
                group.create_task(self.upkeep.mains(), name="mains")
                group.create_task(self.ears.overhear(), name="overhear")
                self.ears.listen(group)
                self.uplink.begin(group, self.technician.on_trial())
        except* asyncio.CancelledError:
            LOG.info("stopping")
        except* TakenOver:
            self.again = True
            LOG.info("another home's files lie ready: starting anew as its gateway")
        except* DiskIsBack:
            LOG.info("the disk can be written again: starting anew on it")
        finally:
            if not self.again:
                systemd.notify("STOPPING=1")
            end.close()
            if self._turn is not None:
                await asyncio.wait({self._turn})
            with contextlib.suppress(sqlite3.Error):
                # What was heard in the last moment is judged too: its driver will not report it again.
                # So is an order that the broker has handed over: it believes that we have it.
                last, now = self._judge_waiting(), self.clock.now()
                last += self.mailbox.last(now) + self.pipeline.last_counts(now)
                await self._write(last, now, flush=True)
                await self.upkeep.last_readings(now)
            await self.technician.close()
            await self.channels.close()
            await self.callers.close()
            await self.storage.close()

    async def _begin(self) -> None:
        """Take over what was known: from here on the first alarm can be raised."""
        now = self.clock.now()
        entries = self.pipeline.restart(now, self._known, why="storage" if self.store.degraded else self.store.anew or "start")
        entries += self.lineage.begin(now)
        if self.store.degraded:
            entries += self.pipeline.noticed(self.faults.begin(kind.STORAGE_DEGRADED, now, why=self.store.degraded[:300]), now)
        else:
            entries += self.pipeline.noticed(self.faults.end(kind.STORAGE_DEGRADED, now), now)
        self.untold.start(self.faults.on, now, self.store.marked(untold.MARK), self.boot)
        entries += self.technician.begin(now)
        entries += self._told_by_store(now)
        for adapter in self.home.config.adapters if self.replay is None and self.ears.wants_radio() else ():
            self.faults.radios[adapter] = now.mono
        if self.home.config.platform is None:
            self.faults.link_down_since = None  # what nobody asked for is not lost
        await self._write(entries, now, flush=True)
        self.callers.resume(self.pipeline.alarms.values(), self.home.config)
        self.technician.tidy()
        if not self.storage.in_memory:
            settled(self.home.config.state, self.home.config.runtime)
        self.upkeep.write_status(await self.store.counts())  # whoever is told READY may ask at once
        gc.freeze()  # what stands now stands for ever: the collector need not walk it in the middle of an alarm
        systemd.notify("READY=1", f"STATUS=guarding with {len(self.home.config.devices)} devices")

    def alarm_is_fresh(self) -> bool:
        """Say whether somebody may need help whom nobody has answered yet: then the radio is for hearing only."""
        return any(a.state in {State.PRE_ALARM, State.RAISED} and a.priority <= Priority.P2 for a in self.pipeline.alarms.values())

    # -- the pump ----------------------------------------------------------------------------------------------------

    async def _pump(self) -> None:
        """Take what was heard and told, judge it, write it down, tell it. The only task that decides."""
        while True:
            now = self.clock.now()
            self.turned = now.mono
            entries: list[Entry] = []
            # From here to the commit nothing is awaited: a driver's memory is written with the readings it stands for, or not at all.
            try:
                self._decide(entries, now)
            except Exception:  # it ends the process; what was judged before is written and told first
                await self._write(entries + self.pipeline.noticed((), now), now, flush=True)
                raise
            if entries and self.ears.visits is not None and self.alarm_is_fresh():
                self.ears.visits.drop()
            unsaved = now.mono >= self.keeping.saves_at(self.pipeline)
            await self._write(
                entries, now, flush=(self._event or unsaved) and not entries
            )  # no press may count twice, also one without entry
            self._event = False
            self.upkeep.keep_readings(now)
            await self.upkeep.sometimes(now)
            if self.pipeline.walk_test.runs:
                self.upkeep.somebody_looks.set()
            self._due = self.pipeline.due()
            if len(self.room) or self.notes or self.mailbox.waiting:
                await asyncio.sleep(0)
                continue
            due = min(self._due, self.keeping.due(self.pipeline))
            wait = self.clock.real(max(0.0, min(due - self.clock.now().mono, LOOK_EVERY)))
            with contextlib.suppress(TimeoutError):
                # receipts of entries are written soon; those of readings with the next batch, and nobody need wake for them
                async with asyncio.timeout(min(wait, ACCEPT_EVERY) if self.receipts else wait):
                    await self.wake.wait()
            self.wake.clear()

    def _decide(self, entries: list[Entry], now: Moment) -> None:
        """Add to `entries` what this turn has to say: first of what was heard in the home."""
        entries += self._judge_waiting()
        entries += self.mailbox.entries(now)
        for note in self.notes.take():
            entries += note(now)
        if now.mono >= self.faults.due():
            entries += self._look(now)
        if now.mono >= self._due:
            entries += self.pipeline.tick(now)

    def _judge_waiting(self) -> list[Entry]:
        entries: list[Entry] = []
        for reading in self.room.take():
            self.historian.heard(reading)
            entries += self.pipeline.heard(reading)
            self._event = self._event or FORMS[reading.kind] is Form.EVENT
        return entries

    async def _write(self, entries: list[Entry], now: Moment, *, flush: bool = False, moved: MovedToMemory | None = None) -> None:
        """Commit, then tell. `moved`: the disk is known to have failed, and nothing is in the stand-in yet."""
        flush = flush or now.mono - self._flushed >= FLUSH_EVERY
        accept = bool(self.receipts) and (flush or self.receipts.full or now.mono - self._kept >= ACCEPT_EVERY)
        alive = now.mono >= self.keeping.marks_at(self.pipeline) or self.untold.unsaved
        resent = self.pipeline.take_resent()
        wanted = entries or resent or flush or accept or alive
        if not wanted and moved is None and self.lineage.conflict is None:
            return
        writing = Writing(entries=entries, resent=resent, memory=self.intake.memory() if entries or flush else {}, marks={})
        if entries or accept or flush:
            writing.accepted = self.receipts.take()
            self._kept = now.mono
        writing.marks = self._marks(now, entries) if entries or flush or alive else {}
        if flush:
            self._flushed = now.mono
            writing.marks = {**writing.marks, **self.clock.marks()}
            if now.quality is Quality.SYNCHRONISED:
                heard = self.faults.silences.since_start(now)
                writing.heard = {d: now.wall.timestamp() - ago for d, ago in heard.items() if d in self.intake.devices}
        # A stop does not end it: what was judged is on disk, or in memory where the disk refuses, before the store is closed.
        self._turn = asyncio.create_task(self._put(writing, now, moved), name="turn")
        writing, out = await asyncio.shield(self._turn)
        entries = list(writing.entries)
        self.push.offer(out)
        self._act(entries)
        if entries:
            asyncio.get_running_loop().call_soon(_log, entries)  # behind the push, which now has its turn

    async def _put(self, writing: Writing, now: Moment, moved: MovedToMemory | None) -> tuple[Writing, list[Outgoing]]:
        """Commit one turn, to memory where the disk refuses it; return what was written. Raises sqlite3.Error."""
        try:
            if moved is not None:
                raise moved
            if self.lineage.conflict is not None:
                return await self.storage.carry_out(lambda: self.lineage.begun_anew(writing, now))
            return writing, await self.storage.commit(writing)
        except MovedToMemory as failed:
            in_memory = await self._of_stand_in(writing, now, failed)
            return in_memory, await self.storage.commit(in_memory)

    async def kept(self, job: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
        """Let the store do something that nobody waits for, between two turns. A disk that does not answer is left: then None."""
        try:
            return await self.storage.carry_out(job)
        except MovedToMemory as moved:
            await self._write([], self.clock.now(), moved=moved)
            return None

    def _marks(self, now: Moment, entries: Sequence[Entry]) -> dict[str, str]:
        """Return the marks that are written with the next turn; what has changed is taken as written."""
        marks: dict[str, str] = {
            "silent": self.faults.silences.mark(now),
            "alive": json.dumps(stamp(self.boot, now)),
            **self.pipeline.marks(now),
        }
        marks |= self.lineage.marks() | dict(self.inbound.marks(now)) | dict(self.technician.marks(now))
        if mark := self.rounds.mark(now):
            marks[MARK] = mark
        if told := self.intake.firsts.mark():
            marks["told"] = told
        if daily := self.faults.mark():
            marks["daily"] = daily
        marks[untold.MARK] = self.untold.mark(now, self.boot)
        self.keeping.written(now.mono, entries, self.pipeline)
        self.pipeline.saved()
        return marks

    async def _of_stand_in(self, writing: Writing, now: Moment, moved: MovedToMemory) -> Writing:
        """Return this turn as the first one of a stand-in's journal, once the platform knows of that journal."""
        self.lineage.anew()
        self.push.use(self.store)
        await self.uplink.tell_status("storage")
        self.receipts.forget()
        # What this turn does not change must outlast a kill too: counters against recordings, instructions done, what is masked.
        marks = {
            **self.pipeline.marks(now, anew=True),
            "told": self.intake.firsts.mark(anew=True),
            "daily": self.faults.mark(anew=True),
            untold.MARK: self.untold.mark(now, self.boot),
        }
        entries = self.pipeline.renumber(self.store.journal, writing.entries, now)
        entries += self.pipeline.noticed(self.faults.begin(kind.STORAGE_DEGRADED, now, why=moved.why[:300]), now)
        return replace(
            writing,
            entries=entries,
            memory=self.intake.memories(),
            done=self.pipeline.done,
            marks={**writing.marks, **marks, **self.lineage.marks(), **moved.doubt(writing.entries)},
            accepted=(),
            resent=(),  # of another journal
        )

    def _say_shed(self, gone: int) -> None:
        if gone:
            self.notes.say(kind.FORGOTTEN, entries=gone)

    def _act(self, entries: list[Entry]) -> None:
        """Let local programs sound and call, now that the entry is on disk."""
        if entries:
            self.inventory.changed()
        for entry in entries:
            fact = entry.fact
            if isinstance(fact, ResultFact) and _confirmed_here(fact):
                self.intake.arm(fact.instruction.device, self.home.config.times.confirm_window)
            self.technician.committed(entry)
            if is_call(entry):
                self.uplink.called()
            self.rounds.committed(entry)
            if isinstance(fact, FaultFact):
                self.untold.written(fact, entry.number, self.clock.now())
            if isinstance(fact, AlarmFact):
                self.callers.follow(entry, fact, self.home.config)

    def _look(self, now: Moment) -> list[Entry]:
        """Give supervision what it judges silence by."""
        for radio in self.ears.radios:
            if radio.heard_at is not None:
                self.faults.radios[radio.adapter] = radio.heard_at
        self.faults.silences.cut(self.ears.cut(), now)
        for number, fact in self.untold.due(now):
            self.callers.tell_fault(fact, number, self.home.config)
        self.inbound.ask()
        self.slips.ask()
        self.faults.clock_why = self.clock.why
        entries = self.rounds.look(now) + self.channels.look(now) + self._told_by_store(now) + self._attacked(now)
        if self.home.config.platform is None:
            return entries
        since = self.push.unanswered_since()
        answered = since is None or now.mono - since < self.home.config.times.receipts_lost
        up = self.uplink.connected and answered
        taken_over = self.uplink.link is not None and self.uplink.link.taken_over
        twice = self.faults.begin(kind.IDENTITY_CONFLICT, now) if taken_over else self.faults.end(kind.IDENTITY_CONFLICT, now)
        return entries + self.pipeline.linked(up, now) + self.pipeline.noticed(twice, now)

    def _attacked(self, now: Moment) -> list[Entry]:
        refused = ((d, enrolled.refused) for d, enrolled in self.intake.devices.items())
        return self.pipeline.noticed(self.attacks.look(now, refused), now)

    def _told_by_store(self, now: Moment) -> list[Entry]:
        why, self.store.mended = self.store.mended, ""
        return self.pipeline.noticed([self.faults.note(kind.STORAGE_DEGRADED, now, why=why[:300])], now) if why else []

    def _walked(self, device: str, rssi: int, mono: float) -> None:
        self.pipeline.walk_test.packet(device, rssi, mono)

    def _woken(self, said: bytes) -> None:
        """Take a datagram of the page or the command line."""
        if (seconds := nearby.asked(said)) is not None:
            self.ears.open_window(seconds)
        elif (word := inbox.page_word(said)) is not None:
            self.attacks.page = word
        else:
            self.inbound.ask()
            self.slips.ask()

    def _proved(self, device: str) -> None:
        self.notes.end(kind.REPLAYED, device)

    def _called(self, number: int, index: int, ok: bool, detail: str) -> None:
        if number < 0:  # it told of a fault
            self.untold.called(-number - 1, ok=ok)
            return
        self.notes.later(lambda at: self.pipeline.called_back(number, index, at, ok=ok, detail=detail))

    # -- small things ------------------------------------------------------------------------------------------------

    @property
    def store(self) -> Store:
        """The present store."""
        return self.storage.store

    def _topic(self, name: str) -> str:
        return wire.topic(self.home.gateway, name)


def _confirmed_here(fact: ResultFact) -> bool:
    return fact.instruction.do is Do.CONFIRM and fact.instruction.door is Door.LOCAL and fact.refused is Refused.NONE


def _log(entries: Sequence[Entry]) -> None:
    for entry in entries:
        LOG.log(logging.WARNING if entry.priority <= Priority.P2 else logging.INFO, "%s", status.line(entry))
