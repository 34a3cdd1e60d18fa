"""The way to the platform: the link kept up, the heartbeats on it, and what the platform has taken.

Nothing waits for it: what has no receipt lies in the outbox, and a home without a platform alarms as any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway import __version__
from gateway.box.supervise import keep, say, wait_before
from gateway.contract import wire
from gateway.home.config import Config
from gateway.judge.book import Entry
from gateway.tell import mqtt
from gateway.tell.changeover import Changeover
from gateway.tell.push import Lost, Message, NotTaken
from gateway.words.clock import Moment, Quality
from gateway.words.ranges import Range, merged

if TYPE_CHECKING:
    from gateway.tend.daemon import Daemon

LOG = logging.getLogger("eldercare")
SOON = 3.0  # s between two attempts to reach the broker while something urgent waits, give or take a fifth ...
HURRIED = 30.0  # s ... for so long after it was written: a broker that is away for days does not cost a metered line more
ACCEPTED_A_COMMIT = 200  # ranges of receipts that go into one commit: a press is in the same one, and waits for no more
BATCHES = 500  # ranges of batches that wait to be marked; what falls out is sent again
OFFLINE = 3  # heartbeats that did not come, after which the platform calls the home offline: one that comes later tells nobody anything
LOOK_EVERY = 0.5  # s between two looks whether something urgent has come


class Uplink:
    """The platform as this gateway reaches it. `link` is None where none is configured, or while somebody tries another."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self.link: mqtt.Link | None = None
        self.accepted: list[Range] = []  # ranges of entries with a receipt, until the outbox rows go
        self.accepted_batches: list[Range] = []
        self._group: asyncio.TaskGroup | None = None
        self._links: list[asyncio.Task[None]] = []
        self._trial: Changeover | None = None
        self._trying: asyncio.Task[None] | None = None
        self.platform_away: float | None = None  # monotonic second since which the platform says that it is away
        self._wants_readings = True  # what the platform said last on this line

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self.link is not None and self.link.connected

    @property
    def confirms(self) -> Callable[[Message], None] | None:
        """What counts a PUBACK as the receipt, for a platform that sends none; None for one that does."""
        platform = self._daemon.home.config.platform
        return self.taken if platform is not None and platform.receipts == "broker" else None

    async def publish(self, topic: str, payload: bytes) -> None:
        """Push's way to the broker, which may not be configured. Raises Lost, NotTaken."""
        if self.link is None:
            raise Lost
        await self.link.publish(topic, payload)

    def connect(self, group: asyncio.TaskGroup | None = None) -> None:
        """Keep a link to the configured platform up, in this group of tasks; without one say that alarms stay here."""
        self._group = group or self._group
        assert self._group is not None  # the daemon runs
        link = self.made()
        if link is None:
            LOG.warning("no [platform] in the configuration: alarms stay in this home")
            return
        self.link = link
        run = self._group.create_task(keep("platform", link.run, expected=(mqtt.LinkLost,), sleep=self.rest), name="link")
        self._links = [run, *self._told_by(link)]

    async def rest(self, seconds: float) -> None:
        """Wait before a new attempt. A call for help does not wait for the minute that a long outage has earned."""
        soon, rested = wait_before(1) * SOON, 0.0
        while rested < seconds and not (rested >= soon and self._daemon.push.urgent(HURRIED)):
            step = min(LOOK_EVERY, seconds - rested)
            await asyncio.sleep(step)
            rested += step

    async def disconnect(self) -> None:
        """Say good-bye to the platform. What waits stays in the outbox."""
        links, self._links, self.link = self._links, [], None
        for task in links:
            task.cancel()
        await asyncio.gather(*links, return_exceptions=True)

    def reconnect(self) -> None:
        """Begin the link anew with the settings that are in force now. The hearing goes on meanwhile."""
        assert self._group is not None  # the daemon runs

        async def again() -> None:
            await self.disconnect()
            if self._links:
                return  # somebody was quicker
            self._daemon.push.trust(self.confirms)
            self.connect()

        self._group.create_task(again(), name="reconnect")

    @property
    def on_trial(self) -> bool:
        """Whether new settings have not connected yet."""
        return self._trial is not None and self._trial.link is not None

    def begin(self, group: asyncio.TaskGroup) -> None:
        """Keep a link up from the start; where the process ended before new settings had connected, they are still on trial."""
        self._group = group
        held = self._daemon.technician.on_trial()
        if held is None or held.platform is None:
            self.connect()
            return
        self._trial = Changeover(self._daemon, held, resumed=True)
        self._trying = group.create_task(self._trial.run(), name="changeover")

    def change(self, before: Config) -> None:
        """Go over to the settings that are in force now; until they have connected, those before hold: see `changeover`."""
        assert self._group is not None  # the daemon runs
        back = None
        if self._trying is not None and not self._trying.done() and self._trying is not asyncio.current_task():
            self._trying.cancel()
            back = self._trial
        if before.platform is None or self._daemon.home.config.platform is None:
            self.reconnect()
            return
        self._trial = Changeover(self._daemon, back.before if back is not None else before)
        self._trying = self._group.create_task(self._trial.run(), name="changeover")

    def restored(self) -> None:
        """Go on by the settings before, which are in force again: by the link that still runs, or a new one."""
        self._trial = None
        if self.link is None:
            self.reconnect()

    def called(self) -> None:
        """Take it that somebody calls for help."""
        if self._trial is not None:
            self._trial.called()

    def takes(self, task: asyncio.Task[None], link: mqtt.Link) -> None:
        """Keep a link that has proved itself."""
        assert self._group is not None  # the daemon runs
        self._links = [task, *self._told_by(link)]

    def _told_by(self, link: mqtt.Link) -> list[asyncio.Task[None]]:
        """Begin what is told beside the entries, for as long as this link is the one."""
        assert self._group is not None  # the daemon runs
        heartbeats = self._group.create_task(self._heartbeats(link), name="heartbeat")
        return [heartbeats, self._group.create_task(self._daemon.inventory.run(link), name="home")]

    def broker(self, config: Config) -> mqtt.Broker:
        """Return how a configuration's broker is spoken to as this gateway."""
        return broker_of(config, self._daemon.home.gateway)

    def made(self) -> mqtt.Link | None:
        """Return a link by the settings that are in force, None where there are none."""
        if self._daemon.home.config.platform is None:
            return None
        link = mqtt.Link(
            broker_of(self._daemon.home.config, self._daemon.home.gateway),
            status=self.status,
            heard=self._daemon.mailbox.from_platform,
            refused=self._daemon.admission.bad_message,
            up=lambda: self._up(link),
            down=lambda _why: self._down(link),
            proved=self.proved,
        )
        return link

    def proved(self) -> float | None:
        """Return the wall second that is certainly over while our clock is unsure; None while it is good."""
        clock = self._daemon.clock
        now = clock.now()
        return None if now.quality is Quality.SYNCHRONISED else clock.proved(now).wall.timestamp()

    def status(self, online: bool, reason: str) -> bytes:
        """Return the retained word that the gateway is there, or not."""
        at = wire.when(self._daemon.clock.now(), self._daemon.boot)
        return wire.encode(
            wire.Status(
                1, self._daemon.home.gateway, online, reason, __version__, self._daemon.boot, self._daemon.store.journal, at,
                self._daemon.store.generation,
            )
        )  # fmt: skip

    async def _heartbeats(self, link: mqtt.Link) -> None:
        """Tell the platform that the home is well; its silence is how the platform notices ours."""
        due = self._daemon.clock.now().mono
        while True:
            now, every = self._daemon.clock.now(), self._daemon.home.config.times.heartbeat
            due = min(due, now.mono + every)  # `every` may have been changed
            if link.connected and now.mono >= due:
                due += every * ((now.mono - due) // every + 1)  # by the clock, not by how late we were: a day has its 1440
                waiting, batches = await self._daemon.store.counts()
                head = self._daemon.store.head
                message = wire.Heartbeat(
                    v=1,
                    gateway=self._daemon.home.gateway,
                    journal=self._daemon.store.journal,
                    at=wire.when(now, self._daemon.boot),
                    every_s=every,
                    last_number=head.number,
                    waiting=waiting,
                    waiting_batches=batches,
                    open_alarms=len(self._daemon.pipeline.alarms),
                    faults=sorted({f"{k}:{d}" if d else k for (k, d), fact in self._daemon.faults.on.items() if not fact.test}),
                    receipts=self._daemon.home.config.platform.receipts if self._daemon.home.config.platform is not None else "platform",
                    generation=self._daemon.store.generation,
                    head=head.hash,
                )
                with contextlib.suppress(Lost, NotTaken):
                    await link.say_now(wire.topic(self._daemon.home.gateway, "heartbeat"), wire.encode(message), OFFLINE * every)
            left = due - self._daemon.clock.now().mono if link.connected else 1.0
            await asyncio.sleep(max(0.05, self._daemon.clock.real(left)))

    def platform_says(self, message: wire.PlatformMessage | None, now: Moment) -> list[Entry]:
        """Take what the platform says of itself; None: nothing. One that never says anything is waited for as ever, and gets readings.

        While it is away, readings would only fill its broker's queue, where alarms must have their place.
        """
        self._wants_readings = message is None or message.readings
        self._daemon.push.readings(wanted=message is None or (message.online and message.readings))
        if message is None or message.online:
            return self.platform_is_there(now)
        if self.platform_away is None:
            self.platform_away = now.mono
            self._say_platform(False, now, message.reason or "it says that it is away: alarms go to the next rung sooner")
        return self._daemon.pipeline.platform(away=True)

    def _say_platform(self, there: bool, now: Moment, why: str) -> None:
        """Log it, if not too often: one that comes and goes all day is a number of the fault of too many orders."""
        if self._daemon.admission.spare_word(now):
            say("platform's application", there, why)

    def platform_is_there(self, now: Moment) -> list[Entry]:
        """Take it that the platform is there: it says so, or a receipt proves it."""
        if self.platform_away is None:
            return []
        self.platform_away = None
        self._daemon.push.readings(wanted=self._wants_readings)
        self._say_platform(True, now, "it is there again")
        return self._daemon.pipeline.platform(away=False)

    def accept(self, ranges: list[Range]) -> None:
        """Keep which entries have a receipt until the next commit, each number once."""
        self.accepted = merged([*self.accepted, *ranges])

    def accept_batches(self, ranges: list[Range]) -> None:
        """Keep which batches have a receipt."""
        self.accepted_batches = merged([*self.accepted_batches, *ranges])[-BATCHES:]

    def accepted_now(self) -> list[Range]:
        """Take what goes into this commit; the rest goes into the next."""
        now, self.accepted = self.accepted[:ACCEPTED_A_COMMIT], self.accepted[ACCEPTED_A_COMMIT:]
        return now

    def taken(self, message: Message) -> None:
        """Count a PUBACK as the receipt, for a platform that sends none."""
        if message.batch:
            self.accept_batches([(message.number, message.number)])
            return
        self.accept([(message.number, message.number)])
        self._daemon.notes.later(lambda at: self._daemon.pipeline.receipted([message.number], at))

    def _up(self, link: mqtt.Link) -> None:
        if self._trial is not None and link is self._trial.link:  # from here on it is the link
            old, self._links, self.link = self._links, [], link
            for task in old:
                task.cancel()
            self._daemon.push.down()
            self._daemon.push.trust(self.confirms)
            self._trial.up()
        if self.link is not None:
            self._daemon.clock.shown(self.link.certificate_begins, self.link.certificate_ends)
        self._daemon.push.up()
        self._daemon.inventory.linked()
        self._daemon.notes.later(lambda at: self._daemon.pipeline.linked(True, at))

    def _down(self, link: mqtt.Link) -> None:
        if self.link is not None and link is not self.link:
            return  # one that another has taken the place of
        self._daemon.push.down()
        self._wants_readings = True
        self._daemon.push.readings(wanted=True)
        self._daemon.notes.later(self.platform_is_there)  # nobody knows: it is retained, and comes again with the link
        self._daemon.notes.later(lambda at: self._daemon.pipeline.linked(False, at))


def broker_of(config: Config, gateway: str) -> mqtt.Broker:
    """Return where the configured broker is and how to speak to it."""
    platform = config.platform
    assert platform is not None  # asked only where one is configured
    return mqtt.Broker(
        host=platform.host,
        port=platform.port,
        gateway=gateway,
        tls=platform.tls,
        ca=config.file(platform.ca),
        cert=config.file(platform.certificate),
        key=config.file(platform.certificate_key),
        username=platform.username or None,
        password=config.password or None,
        version=platform.version,
    )
