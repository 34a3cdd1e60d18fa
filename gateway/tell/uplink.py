"""The link to the platform kept up, and what is told on it beside the entries.

Nothing waits for it: what has no receipt lies in the outbox, and a home without a platform alarms
as any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable

from gateway.box.dial import Tls
from gateway.box.supervise import keep, spread
from gateway.contract import wire
from gateway.home.config import Config
from gateway.home.home import Home
from gateway.home.status import LinkStatus
from gateway.judge.alarm import Alarm
from gateway.judge.notes import Notes
from gateway.judge.pipeline import Pipeline
from gateway.tell import mqtt
from gateway.tell.changeover import Changeover, TakeBack
from gateway.tell.connection import Broker, LinkLost
from gateway.tell.heartbeat import Heartbeats
from gateway.tell.inventory import Inventory
from gateway.tell.outbox import Lost, Message, NotTaken
from gateway.tell.presence import Presence
from gateway.tell.push import Push
from gateway.tell.receipts import Receipts
from gateway.tell.waits import WAITS
from gateway.tell.way import Link, Way
from gateway.words.clock import Clock, Quality

LOG = logging.getLogger("eldercare")


class Uplink:
    """The platform as this gateway reaches it.

    On the loop's thread; its tasks run in the group that `begin` is given.
    """

    def __init__(
        self,
        home: Home,
        clock: Clock,
        notes: Notes,
        pipeline: Pipeline,
        *,
        way: Way,
        push: Push,
        receipts: Receipts,
        presence: Presence,
        heartbeats: Heartbeats,
        inventory: Inventory,
        heard: Callable[[str, bytes], None],
        refused: Callable[[str, str], None],
        take_back: TakeBack,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`heard` and `refused` take what the platform sends, see `mqtt.Link`.

        `take_back` puts the settings back that held.
        """
        self._home = home
        self._clock = clock
        self._notes = notes
        self._pipeline = pipeline
        self._way = way
        self._push = push
        self._receipts = receipts
        self._presence = presence
        self._heartbeats = heartbeats
        self._inventory = inventory
        self._heard = heard
        self._refused = refused
        self._take_back = take_back
        self._sleep = sleep
        self._group: asyncio.TaskGroup | None = None
        self._links: list[asyncio.Task[None]] = []
        self._trial: Changeover | None = None
        self._trying: asyncio.Task[None] | None = None
        push.trust(self.confirms)

    @property
    def link(self) -> Link | None:
        """The link of now; None without a platform, or while somebody tries another."""
        return self._way.link

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._way.connected

    @property
    def confirms(self) -> Callable[[Message], None] | None:
        """What counts a PUBACK as the receipt; None for a platform that sends receipts."""
        platform = self._home.config.platform
        return self._taken if platform is not None and platform.receipts == "broker" else None

    def status(self, mono: float) -> LinkStatus:
        """Return how it stands, for the status file."""
        link, platform, away = self._way.link, self._home.config.platform, self._presence.away_since
        return LinkStatus(
            configured=link is not None,
            connected=link is not None and link.connected,
            version=link.version if link else "",
            where=f"{platform.host}:{platform.port}" if platform else "",
            platform_away_s=round(mono - away, 1) if away is not None else None,
        )

    def connect(self, group: asyncio.TaskGroup | None = None) -> None:
        """Keep a link to the configured platform up; without one say that alarms stay here."""
        self._group = group or self._group
        assert self._group is not None  # the daemon runs
        link = self.made()
        if link is None:
            LOG.warning("no [platform] in the configuration: alarms stay in this home")
            return
        self._way.use(link)

        async def rest(seconds: float) -> None:
            await self.rest(max(seconds, link.pause), turned_away=link.turned_away)

        kept = keep("platform", link.run, expected=(LinkLost,), sleep=rest)
        self._links = [self._group.create_task(kept, name="link"), *self._told_by(link)]

    async def rest(self, seconds: float, *, turned_away: bool) -> None:
        """Wait before a new attempt; with a call for help only for `soon`, however long the outage.

        An attempt that nobody answers costs a metered line a few bytes and is made again sooner
        than one that was `turned_away`, which cost a handshake.
        """
        soon = spread(WAITS.soon_turned_away if turned_away else WAITS.soon)
        rested = 0.0
        while rested < seconds and not (rested >= soon and self._push.urgent(WAITS.hurried)):
            until = soon if rested < soon else seconds
            step = min(WAITS.look, seconds - rested, until - rested)
            await self._sleep(step)
            rested += step

    async def disconnect(self) -> None:
        """Say good-bye to the platform. What waits stays in the outbox."""
        links, self._links = self._links, []
        self._way.use(None)
        for task in links:
            task.cancel()
        await asyncio.gather(*links, return_exceptions=True)

    def reconnect(self) -> None:
        """Begin the link anew with the settings in force now. The hearing goes on meanwhile."""
        assert self._group is not None  # the daemon runs

        async def again() -> None:
            await self.disconnect()
            if self._links:
                return  # somebody was quicker
            self._push.trust(self.confirms)
            self.connect()

        self._group.create_task(again(), name="reconnect")

    @property
    def on_trial(self) -> bool:
        """Whether new settings have not connected yet."""
        return self._trial is not None and self._trial.link is not None

    def begin(self, group: asyncio.TaskGroup, held: Config | None) -> None:
        """Keep a link up from the start.

        `held` has the settings that held where those of now are still on trial, else None.
        """
        self._group = group
        if held is None or held.platform is None:
            self.connect()
            return
        self._trial = self._changeover(held, resumed=True)
        self._trying = group.create_task(self._trial.run(), name="changeover")

    def change(self, before: Config) -> None:
        """Go over to the settings in force now, on trial until they connect: see `changeover`."""
        assert self._group is not None  # the daemon runs
        back, trying = None, self._trying
        if trying is not None and trying is not asyncio.current_task() and not trying.done():
            trying.cancel()
            back = self._trial
        if before.platform is None or self._home.config.platform is None:
            self.reconnect()
            return
        self._trial = self._changeover(back.before if back is not None else before)
        self._trying = self._group.create_task(self._trial.run(), name="changeover")

    def restored(self) -> None:
        """Go on by the settings before: by the link that still runs, or by a new one."""
        self._trial = None
        if self.link is None:
            self.reconnect()

    def called(self) -> None:
        """Take it that somebody calls for help."""
        if self._trial is not None:
            self._trial.called()

    def takes(self, task: asyncio.Task[None], link: Link) -> None:
        """Keep a link that has proved itself."""
        assert self._group is not None  # the daemon runs
        self._links = [task, *self._told_by(link)]

    def _told_by(self, link: Link) -> list[asyncio.Task[None]]:
        """Begin what is told beside the entries, for as long as this link is the one."""
        assert self._group is not None  # the daemon runs
        heartbeats = self._group.create_task(self._heartbeats.run(link), name="heartbeat")
        return [heartbeats, self._group.create_task(self._inventory.run(link), name="home")]

    def _open(self) -> Iterable[Alarm]:
        return self._pipeline.alarms.values()

    def _changeover(self, before: Config, *, resumed: bool = False) -> Changeover:
        return Changeover(
            self._home, self._clock, self, self._take_back, self._open, before, resumed=resumed
        )

    def broker(self, config: Config) -> Broker:
        """Return how a configuration's broker is spoken to as this gateway."""
        return broker_of(config, self._home.gateway)

    def made(self) -> Link | None:
        """Return a link by the settings that are in force, None where there are none."""
        if self._home.config.platform is None:
            return None
        link = self.made_by(
            self._home.config,
            heard=self._heard,
            refused=self._refused,
            up=lambda: self._up(link),
            down=lambda _why: self._down(link),
        )
        return link

    def made_by(
        self,
        config: Config,
        *,
        heard: Callable[[str, bytes], None],
        refused: Callable[[str, str], None],
        up: Callable[[], None],
        down: Callable[[str], None] | None = None,
    ) -> Link:
        """Return a link to a configuration's platform, as this gateway: see `mqtt.Link`."""
        return link_of(
            config,
            self._home.gateway,
            status=self._heartbeats.status,
            heard=heard,
            refused=refused,
            up=up,
            down=down,
            proved=self.proved,
        )

    def proved(self) -> float | None:
        """Return the wall second that is certainly over while our clock is unsure, else None."""
        now = self._clock.now()
        good = now.quality is Quality.SYNCHRONISED
        return None if good else self._clock.proved(now).wall.timestamp()

    async def tell_status(self, reason: str) -> None:
        """Tell the platform of another journal before its first entry, if it can be reached."""
        if self._way.connected:
            topic = wire.topic(self._home.gateway, "status")
            with contextlib.suppress(Lost, NotTaken):
                await self._way.publish(topic, self._heartbeats.status(True, reason), retain=True)

    def _taken(self, message: Message) -> None:
        """Count a PUBACK as the receipt, for a platform that sends none."""
        if message.batch:
            self._receipts.add(batches=[(message.number, message.number)])
            return
        self._receipts.add(entries=[(message.number, message.number)])
        self._notes.later(lambda at: self._pipeline.receipted([message.number], at))

    def _up(self, link: Link) -> None:
        if self._trial is not None and link is self._trial.link:  # from here on it is the link
            old, self._links = self._links, []
            self._way.use(link)
            for task in old:
                task.cancel()
            self._push.down()
            self._push.trust(self.confirms)
            self._trial.up()
        if self.link is not None:
            self._clock.shown(self.link.certificate_begins, self.link.certificate_ends)
        self._push.up()
        self._inventory.linked()
        self._notes.later(lambda at: self._pipeline.linked(True, at))

    def _down(self, link: Link) -> None:
        if self.link is not None and link is not self.link:
            return  # one that another has taken the place of
        self._push.down()
        self._presence.unheard()
        # nobody knows: it is retained, and comes again with the link
        self._notes.later(self._presence.proved)
        self._notes.later(lambda at: self._pipeline.linked(False, at))


def link_of(
    config: Config,
    gateway: str,
    *,
    status: Callable[[bool, str], bytes],
    heard: Callable[[str, bytes], None],
    refused: Callable[[str, str], None] | None = None,
    up: Callable[[], None] | None = None,
    down: Callable[[str], None] | None = None,
    proved: Callable[[], float | None] = lambda: None,
) -> Link:
    """Return a link to the configured platform. HTTP is loaded where it is used."""
    broker, platform = broker_of(config, gateway), config.platform
    assert platform is not None  # asked only where one is configured
    if not platform.url:
        return mqtt.Link(
            broker,
            status=status,
            heard=heard,
            refused=refused,
            up=up,
            down=down,
            proved=proved,
        )
    from gateway.hook.targets import key_of
    from gateway.tell import https
    from gateway.tell.exchange import Place

    place = Place(
        url=platform.url,
        host=platform.host,
        port=platform.port,
        gateway=gateway,
        secret=key_of(config.password) or b"",
        tls=Tls(ca=broker.ca, cert=broker.cert, key=broker.key) if platform.tls else None,
    )
    return https.Link(
        place, status=status, heard=heard, refused=refused, up=up, down=down, proved=proved
    )


def broker_of(config: Config, gateway: str) -> Broker:
    """Return where the configured broker is and how to speak to it."""
    platform = config.platform
    assert platform is not None  # asked only where one is configured
    return Broker(
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
