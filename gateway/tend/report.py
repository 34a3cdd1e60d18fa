"""What the daemon says of itself every few seconds: one `Status` of the parts' pieces."""

from __future__ import annotations

import os
import time

import msgspec
from msgspec import UNSET, Struct

from gateway import __version__
from gateway.box.card import Card
from gateway.hear.hearing import Ears
from gateway.hear.intake import Intake
from gateway.home import audible
from gateway.home.cancels import mute_cancels
from gateway.home.devices import Device
from gateway.home.home import Home
from gateway.home.status import (
    AlarmStatus,
    CardStatus,
    DeviceStatus,
    FaultStatus,
    HouseholdStatus,
    PlugStatus,
    Status,
    WalkStatus,
)
from gateway.judge.faults.fault import Faults
from gateway.judge.faults.firsts import own
from gateway.judge.pipeline import Pipeline
from gateway.keep.storage import Storage
from gateway.tell.channels import Channels
from gateway.tell.uplink import Uplink
from gateway.tend import silences
from gateway.tend.technician import Technician
from gateway.words.clock import Clock, Moment


class Report(Struct, frozen=True, eq=False):
    """Asked for how things stand, on the loop's thread."""

    home: Home
    clock: Clock
    boot: str
    storage: Storage
    pipeline: Pipeline
    faults: Faults
    intake: Intake
    ears: Ears
    channels: Channels
    uplink: Uplink
    technician: Technician

    def status(self, counts: tuple[int, int], card: Card) -> Status:
        """Return how things stand.

        `counts`: entries and batches that wait; `card`: what was written to it.
        """
        now, config, store = self.clock.now(), self.home.config, self.storage.store
        fitting, attempt, written = (
            self.technician.fitting,
            self.technician.attempt,
            card.facts(now.mono),
        )
        walk, step = self.pipeline.walk_test.walk, self.pipeline.walk_test.step
        mute, channels = mute_cancels(config.devices), self.channels.status()
        return Status(
            gateway=self.home.gateway,
            software=__version__,
            pid=os.getpid(),
            boot=self.boot,
            written=time.time(),
            wall=now.wall.isoformat(),
            mono=now.mono,
            clock=now.quality.value,
            store=str(store.folder),
            degraded=store.degraded,
            journal=store.journal,
            generation=store.generation,
            head=f"{store.head.number} {store.head.hash}",
            last=self.pipeline.last,
            waiting=counts[0],
            waiting_batches=counts[1],
            receipts=config.platform.receipts if config.platform else "none",
            uplink=self.uplink.status(now.mono),
            radio=self.ears.radio_status(now.mono),
            ports=self.ears.ports(),
            lines=self.ears.line_status(),
            strangers=self.intake.strangers,
            repeats=self.intake.repeats,
            devices=[self._device(d, now, mute=d in mute) for d in config.devices],
            alarms=self._alarms(now),
            faults=self._faults(now),
            away=self.pipeline.away.lasts(now),
            household=HouseholdStatus(revision=config.household.revision, at=config.household.at),
            lacks=list(audible.lacks(config, {c.program for c in channels if c.why})),
            mains=self.faults.mains,
            card=CardStatus(**written) if written else None,
            channels=channels,
            walk=msgspec.convert(
                {
                    "device": walk.device,
                    "left_s": round(walk.until - now.mono, 1),
                    "on": list(walk.on),
                }
                | ({"drill": True} if walk.goal is not None and walk.goal.drill else {})
                | walk.facts(),
                WalkStatus,
            )
            if walk
            else None,
            step=msgspec.convert(
                {"step": step.plug.value, "left_s": round(step.until - now.mono, 1)} | step.facts(),
                PlugStatus,
            )
            if step
            else None,
            fitting=fitting.status() if fitting else None,
            first_presses={
                d: round(s, 1) for d, s in self.pipeline.first_presses.left(now).items()
            },
            platform_test=attempt.status() if attempt else None,
            silence=silences.told(self.pipeline.silence, now),
        )

    def _device(self, d: Device, now: Moment, *, mute: bool) -> DeviceStatus:
        enrolled = self.intake.devices[d.id]
        wanted = own(d.model, d.watch.roles) if d.badge is None else frozenset()
        return DeviceStatus(
            device=d.id,
            model=d.model.name,
            room=d.room,
            heard_s=round(now.mono - self.faults.heard_at[d.id], 1),
            silent_s=round(self.faults.silences.of(d.id, now), 1),
            untold=[] if wanted & self.intake.firsts.told(d.id) else sorted(wanted),
            missing_after=d.supervised.missing_after,
            slow=d.supervised.slow,
            minutes={str(hour): bits for hour, bits in self.intake.signals.unwritten(d.id).items()},
            rssi=enrolled.rssi,
            heard=enrolled.lived is not None,
            states=self.intake.states(d.id),
            unread_s=round(now.mono - enrolled.unread, 1) if enrolled.unread is not None else None,
            alive=enrolled.alive,
            refused=enrolled.refused,
            shelved=d.id in self.pipeline.shelves,
            mute_cancel=mute or UNSET,
            badge=d.badge.who if d.badge is not None else UNSET,
        )

    def _alarms(self, now: Moment) -> list[AlarmStatus]:
        return [
            AlarmStatus(
                number=a.number,
                alarm=a.id,
                kind=a.kind,
                priority=int(a.priority),
                state=a.state.value,
                room=a.room,
                device=a.device,
                rung=a.rung,
                since_s=round(now.mono - a.since.mono, 1),
                test=a.test,
                installing=self.pipeline.orders.installing(a),
            )
            for a in self.pipeline.alarms.values()
        ]

    def _faults(self, now: Moment) -> list[FaultStatus]:
        return [
            FaultStatus(
                kind=what, device=device, since_s=round(now.mono - f.since.mono, 1), test=f.test
            )
            for (what, device), f in self.faults.on.items()
        ]
