"""The life of one gateway: its tasks, its start and its end. `composition.build` makes it.

One task decides (`Pump`), one thread writes the journal (`Store`) and one the readings (`History`),
one task pushes (`Push`). Radios, lines and links run under supervision; the pump is bare: if it
fails, the process fails and systemd starts it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import sqlite3

from gateway import __version__
from gateway.box import systemd
from gateway.hear.hearing import Ears
from gateway.hear.intake import Intake
from gateway.hear.replay import Replay
from gateway.home import inbox
from gateway.home.home import Home
from gateway.home.news import News
from gateway.judge.faults import untold
from gateway.judge.faults.fault import Faults
from gateway.judge.faults.untold import Untold
from gateway.judge.known import Known
from gateway.judge.notes import Notes
from gateway.judge.pipeline import Pipeline
from gateway.keep.historian import Historian
from gateway.keep.stand_in import settled
from gateway.keep.storage import Storage
from gateway.keep.store import Store
from gateway.tell.answering import Answering
from gateway.tell.callers import Callers
from gateway.tell.channels import Channels
from gateway.tell.heartbeat import Heartbeats
from gateway.tell.inventory import Inventory
from gateway.tell.presence import Presence
from gateway.tell.push import Push
from gateway.tell.receipts import Receipts
from gateway.tell.resend import Resend
from gateway.tell.uplink import Uplink
from gateway.tell.way import Way
from gateway.tend import inbound
from gateway.tend.attacks import Attacks
from gateway.tend.box_swap import TakenOver
from gateway.tend.inbound import Inbound
from gateway.tend.lineage import Lineage
from gateway.tend.mailbox import Mailbox
from gateway.tend.pump import Pump
from gateway.tend.rearrange import Rearrange
from gateway.tend.rounds import Rounds
from gateway.tend.supervision import Supervision
from gateway.tend.technician import Technician
from gateway.tend.upkeep import DiskIsBack, Upkeep
from gateway.words import kind
from gateway.words.clock import Clock
from gateway.words.part import Part

LOG = logging.getLogger("eldercare")


class Daemon(Part, kw_only=True):
    """One gateway at work: only its life is here, and each part answers for itself.

    On the loop's thread; `run` makes the tasks of the parts.
    """

    home: Home
    boot: str
    clock: Clock
    replay: Replay | None
    known: Known  # what the store remembers
    wake: asyncio.Event
    news: News  # to open pages
    storage: Storage
    faults: Faults
    pipeline: Pipeline
    notes: Notes
    intake: Intake
    historian: Historian
    callers: Callers
    channels: Channels
    answering: Answering
    ears: Ears
    lineage: Lineage
    upkeep: Upkeep
    rounds: Rounds
    untold: Untold
    attacks: Attacks
    supervision: Supervision
    way: Way
    push: Push
    receipts: Receipts
    presence: Presence
    inventory: Inventory
    heartbeats: Heartbeats
    resend: Resend
    mailbox: Mailbox
    uplink: Uplink
    rearrange: Rearrange
    technician: Technician
    inbound: Inbound[int]
    slips: Inbound[str]
    pump: Pump
    again: bool = False  # another home has moved in: to be started anew in the same process

    @property
    def store(self) -> Store:
        """The present store."""
        return self.storage.store

    async def run(self) -> None:
        """Serve until cancelled or told to stop. Raises what the pump or the store raises."""
        loop = asyncio.get_running_loop()
        me = asyncio.current_task()
        assert me is not None  # a coroutine runs in a task
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, me.cancel)
        home, devices, where = (
            self.home,
            len(self.home.config.devices),
            self.store.degraded or self.store.folder,
        )
        LOG.info(
            "gateway %s, software %s, boot %s, %d devices, store %s",
            home.gateway,
            __version__,
            self.boot,
            devices,
            where,
        )
        end = contextlib.ExitStack()
        try:
            end.enter_context(inbound.woken_by(self.home.config.runtime / "wake", self._woken))
            await self.begin()
            async with asyncio.TaskGroup() as group:
                group.create_task(self.pump.run(), name="pump")
                group.create_task(self.inbound.run(), name="inbox")
                group.create_task(self.slips.run(), name="slips")
                group.create_task(self.push.run(), name="push")
                group.create_task(self.answering.run(), name="answers")
                group.create_task(self.resend.run(), name="resend")
                group.create_task(self.upkeep.beat(lambda: self.pump.turned), name="beat")
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
            with contextlib.suppress(sqlite3.Error):
                await self.pump.finish()
                await self.upkeep.last_readings(self.clock.now())
            await self.close()

    async def close(self) -> None:
        """End what runs beside, and close the store."""
        await self.technician.close()
        await self.channels.close()
        await self.callers.close()
        await self.storage.close()

    async def begin(self) -> None:
        """Take over what was known: from here on the first alarm can be raised."""
        now, store, pipeline, config = self.clock.now(), self.store, self.pipeline, self.home.config
        entries = pipeline.restart(
            now, self.known, why="storage" if store.degraded else store.anew or "start"
        )
        entries += self.lineage.begin(now)
        if store.degraded:
            entries += pipeline.noticed(
                self.faults.begin(kind.STORAGE_DEGRADED, now, why=store.degraded[:300]), now
            )
        else:
            entries += pipeline.noticed(self.faults.end(kind.STORAGE_DEGRADED, now), now)
        self.untold.start(self.faults.on, now, store.marked(untold.MARK), self.boot)
        entries += self.technician.begin(now)
        entries += self.supervision.store(now)
        for adapter in config.adapters if self.replay is None and self.ears.wants_radio() else ():
            self.faults.radio_heard(adapter, now.mono)
        if config.platform is None:
            self.faults.link_wanted(None)
        await self.pump.write(entries, now, flush=True)
        self.callers.resume(pipeline.alarms.values(), config)
        self.technician.tidy()
        if not self.storage.in_memory:
            settled(config.state, config.runtime)
        self.upkeep.write_status(await self.store.counts())  # whoever is told READY may ask at once
        # what stands now stands for ever: the collector need not walk it in the middle of an alarm
        gc.freeze()
        gc.enable()
        systemd.notify("READY=1", f"STATUS=guarding with {len(config.devices)} devices")

    def _woken(self, said: inbox.Datagram) -> None:
        """Take a datagram of the page or the command line."""
        match said:
            case inbox.PageWord():
                self.attacks.page_says(said)
            case inbox.WantsNews():
                self.news.want(said.address)
            case inbox.Left():
                self.inbound.ask()
                self.slips.ask()
