"""What is in the home: a retained message `home`, for a desk that has not listened for years.

It is told after connecting, after a change (an alarm, a fault or an order may be one), and every
`home_again`. No name of a person, no telephone number, no label and no reason that somebody wrote
stands in it; when a device was heard last is said to the hour, and no closer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from math import inf
from typing import Literal

from msgspec.structs import replace

from gateway import __version__
from gateway.contract import wire
from gateway.home.devices import Device
from gateway.home.home import Home
from gateway.judge.alarm import Masking
from gateway.judge.dispatch import PLATFORM, Rung
from gateway.judge.pipeline import Pipeline
from gateway.keep.storage import Storage
from gateway.tell.outbox import Lost, NotTaken
from gateway.tell.waits import WAITS
from gateway.tell.way import Link
from gateway.words import kind
from gateway.words.clock import Clock, Moment, Quality, When, stamp
from gateway.words.reading import Kind

LOG = logging.getLogger("eldercare")
# bytes; what does not fit is left out and counted: of the devices the last ones
LARGEST = 32 * 1024
ALARMS = 50  # open alarms that are named, the most urgent and newest first
# that tell no meaning
EVERYBODYS = frozenset({Kind.BATTERY, Kind.BATTERY_LOW, Kind.TAMPER, Kind.HEARTBEAT, Kind.BUTTON})


class Inventory:
    """The home's message on one link after another.

    `changed` is called by the pump, `run` is the task "home" of each link.
    """

    def __init__(
        self,
        home: Home,
        clock: Clock,
        storage: Storage,
        pipeline: Pipeline,
        charge: Callable[[str], float | None],
    ) -> None:
        """`charge` returns what a device's battery holds, in %, None where it has not said."""
        self._home = home
        self._clock = clock
        self._storage = storage
        self._pipeline = pipeline
        self._charge = charge
        self._wake = asyncio.Event()
        self._anew = True  # there is a new connection, whose broker may have lost what was retained

    def changed(self) -> None:
        """Take it that something may have changed."""
        self._wake.set()

    def linked(self) -> None:
        """Take it that there is a link again."""
        self._anew = True
        self._wake.set()

    async def run(self, link: Link) -> None:
        """Tell it on this link, for as long as that is kept up. Only cancellation ends it."""
        told, told_at = None, -inf
        clock, pipeline = self._clock, self._pipeline
        while True:
            now, on_disk = clock.now(), self._storage.store.head.number == pipeline.last
            up = link.connected and on_disk  # what is judged and not on disk yet is told to nobody
            if up:
                home, age = self.of(now), now.mono - told_at
                other = told is None or _lasting(home) != _lasting(told)
                if other or age >= self._again():
                    told, told_at, self._anew = home, now.mono, False
                    topic = wire.topic(self._home.gateway, "home")
                    try:
                        await link.publish(topic, fitted(home), retain=True)
                    except Lost:
                        told = None
                    except NotTaken as refused:
                        LOG.warning("home: %s", refused)
            await asyncio.sleep(clock.real(WAITS.home_least))
            wait = WAITS.home_least
            if on_disk:
                masked = pipeline.shelves or pipeline.away.lasts(now)
                due = told_at + self._again() if up else inf
                look = WAITS.home_masked if masked else WAITS.home_again
                wait = max(wait, min(due - now.mono, look))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(clock.real(wait)):
                    await self._wake.wait()
            self._wake.clear()

    def _again(self) -> float:
        return WAITS.home_same if self._anew else WAITS.home_again

    def of(self, now: Moment) -> wire.HomeMessage:
        """Return how the home stands."""
        config, pipeline, store = self._home.config, self._pipeline, self._storage.store
        part = config.household.household
        alarms = sorted(pipeline.alarms.values(), key=lambda a: (a.test, a.priority, -a.number))
        return wire.HomeMessage(
            v=1,
            gateway=self._home.gateway,
            journal=store.journal,
            generation=store.generation,
            at=stamp(self._clock.boot, now),
            household=part.number if part is not None else "",
            area=config.place.area,
            cell=config.place.cell,
            software=__version__,
            revision=config.household.revision,
            last_number=pipeline.last,
            timezone=str(config.zone),
            devices=[self._device(d, now) for d in config.devices],
            ladder=[wire.HomeRung(_reaches(r), r.wait) for r in config.ladder],
            away_left_s=round(max(0.0, pipeline.away.end.until - now.mono)),
            shelved=[
                wire.HomeShelf(d, round(max(0.0, shelf.until - now.mono)))
                for d, shelf in pipeline.shelves.items()
            ],
            alarms=[
                wire.HomeAlarm(
                    a.id, a.kind, a.priority, a.state, a.test, a.masking is Masking.SILENCED
                )
                for a in alarms[:ALARMS]
            ],
            left_out=max(0, len(alarms) - ALARMS),
        )

    def _device(self, d: Device, now: Moment) -> wire.HomeDevice:
        means = {k.value for k in d.model.senses - EVERYBODYS}
        if Kind.BUTTON in d.model.senses:
            means |= d.watch.roles or {d.watch.unnamed}
        means |= {"bed"} if d.watch.bed else set()
        means |= {"left_open"} if d.watch.left_open else set()
        means = {"badge"} if d.badge is not None else means
        supervised: Literal["unsupervised", "slow", "supervised"] = "supervised"
        if d.supervised.missing_after is None:
            supervised = "unsupervised"
        elif d.supervised.slow:
            supervised = "slow"
        return wire.HomeDevice(
            device=d.id,
            model=d.model.name,
            room=d.room,
            means=sorted(means),
            supervised=supervised,
            battery_pct=self._charge(d.id),
            battery_low=(kind.LOW_BATTERY, d.id) in self._pipeline.faults.on,
            missing=(kind.MISSING, d.id) in self._pipeline.faults.on,
            heard=self._hour(d, now),
        )

    def _hour(self, d: Device, now: Moment) -> str:
        """Return the hour in which a device was heard last, RFC 3339; "" where nobody can know."""
        ago = self._pipeline.faults.silences.since_start(now).get(d.id)
        if ago is None or now.quality is Quality.WRONG:
            return ""
        at = datetime.fromtimestamp((now.wall.timestamp() - ago) // 3600 * 3600, UTC)
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def fitted(home: wire.HomeMessage) -> bytes:
    """Return the bytes of the message; what does not fit into LARGEST is left out and counted."""
    body = wire.encode(home)
    while len(body) > LARGEST and home.devices:
        kept = home.devices[: min(len(home.devices) - 1, len(home.devices) * LARGEST // len(body))]
        home = replace(home, devices=kept, left_out=home.left_out + len(home.devices) - len(kept))
        body = wire.encode(home)
    return body


def _reaches(rung: Rung) -> Literal["sounds", "platform", "person"]:
    return "sounds" if rung.sounds else "platform" if rung.channel == PLATFORM else "person"


def _lasting(home: wire.HomeMessage) -> wire.HomeMessage:
    """Return the message without what changes by itself."""
    devices = [replace(d, heard="", battery_pct=None) for d in home.devices]
    shelved = [replace(one, left_s=0.0) for one in home.shelved]
    away = 1.0 if home.away_left_s else 0.0
    return replace(
        home,
        last_number=0,
        at=When("", 0.0, "", Quality.WRONG),
        devices=devices,
        shelved=shelved,
        away_left_s=away,
    )
