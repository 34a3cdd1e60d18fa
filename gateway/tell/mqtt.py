"""The link to the platform's broker: one connection after another, MQTT 5 or 3.1.1.

`Link.run` is one connection and ends with `LinkLost`; `supervise.keep` calls it again.
`Link.publish` returns when the broker has the message (PUBACK). Neither broker nor client is a
store: what has no receipt is sent again from the outbox. For TLS, and what a wrong clock may and
may not do, see `dial`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Final

import aiomqtt
from paho.mqtt.packettypes import PacketTypes

from gateway.box.dial import NotReached, Tls, dial, peer_dates
from gateway.contract import wire
from gateway.tell.connection import Broker, Connection, LinkLost, NoAnswer, properties_of
from gateway.tell.outbox import NotTaken
from gateway.tell.waits import WAITS
from gateway.words.say import Say

# connections that may end when we ask whether the platform is there: a broker whose list does not
# know it may do that
UNHEARD: Final = 2
# connections in a row that a broker closed soon and without a word: then another very likely has
# our client id
SHORT_LIVES: Final = 3

_log = logging.getLogger("eldercare")


class Link:
    """The one way to the platform. On the loop's thread.

    `status(online, reason)` returns the bytes of the retained status. It is asked before connecting
    for the last will (False, "lost"), when connected (True, "connected"), and at the farewell
    (False, "stopped"). `heard(name, payload)` gets each receipt and instruction at once, before its
    PUBACK: it must not block, and an exception in it is a bug that ends `run`. `refused(name, why)`
    is told of messages that are too large or that nobody asked for. `up()` and `down(why)` frame
    the time in which `publish` works. `proved` is as in `dial`.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        status: Callable[[bool, str], bytes],
        heard: Callable[[str, bytes], None],
        refused: Callable[[str, str], None] | None = None,
        up: Callable[[], None] | None = None,
        down: Callable[[str], None] | None = None,
        proved: Callable[[], float | None] = lambda: None,
    ) -> None:
        self.broker = broker
        self.version = ""  # "5" or "3.1.1": of the connection that is up, or was last
        # wall second at which the broker's certificate ends, as it showed it last
        self.certificate_ends: float | None = None
        self.certificate_begins: float | None = None
        self._status = status
        self._heard = heard
        self._refused = refused or _log_refused
        self._up = up
        self._down = down
        self._proved = proved
        self._versions = {"auto": ("5", "3.1.1"), "5": ("5",), "3.1.1": ("3.1.1",)}[broker.version]
        self._connection: Connection | None = None
        self._up_since = 0.0  # monotonic s
        self._short_lives = 0
        self._taken_over = False
        self._hurried = False
        self._turned_away = False
        # connections that ended when we asked whether the platform is there
        self._platform_unheard = 0
        self._anew = False  # the next connection asks the broker to forget what it kept for us

    @property
    def where(self) -> str:
        """Host and port, as a technician writes them."""
        return self.broker.where

    @property
    def pause(self) -> float:
        """Return 0: a broker does not ask us to stay away for a while."""
        return 0.0

    @property
    def connected(self) -> bool:
        """True while `publish` works."""
        return self._connection is not None

    @property
    def taken_over(self) -> bool:
        """True from a take-over until a connection has lasted `short_life`.

        Two boxes with one id come and go all the time.
        """
        lasted = self.connected and time.monotonic() - self._up_since > WAITS.short_life
        return self._taken_over and not lasted

    @property
    def turned_away(self) -> bool:
        """Whether somebody answered at the last attempt to connect and did not let us in."""
        return self._turned_away

    def hurry(self) -> None:
        """Wait for no farewell when `run` is cancelled: somebody else wants the line."""
        self._hurried = True

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Return when the broker has the message (QoS 1: PUBACK).

        Raises LinkLost, or NotTaken where the broker refuses this message.
        """
        if self._connection is None:
            raise LinkLost(Say("link.not_connected", where=self.broker.where))
        await self._connection.push(topic, payload, retain=retain)

    async def say_now(self, topic: str, payload: bytes, seconds: float) -> None:
        """Say at QoS 0 what is worth nothing after `seconds`; over MQTT 5 it expires then.

        Brokers may queue QoS 0 for an absent subscriber; what has expired is given to nobody. The
        topic alias of a connection holds one topic.
        """
        if self._connection is None:
            raise LinkLost(Say("link.not_connected", where=self.broker.where))
        await self._connection.push(topic, payload, seconds=seconds)

    async def run(self, ready: Callable[[], None] | None = None) -> None:
        """Connect, serve until the connection ends, and raise LinkLost.

        Cancelled, it says good-bye first, within `farewell`.
        """
        try:
            connection = await self._open()
        except LinkLost:
            self._short_lives = 0  # a broker that is away has given nothing to anybody
            raise
        except Exception as mistake:  # one connection must not end the guarding
            _log.exception("platform: the link to %s failed", self.broker.where)
            raise self._mistaken(mistake) from mistake
        began = self._up_since = time.monotonic()
        why = "stopped"
        try:
            await self._serve(connection, ready)
        except LinkLost as lost:
            why = str(lost)
            self._anew = lost.anew
            if lost.anew:
                self._refused("link", why)
            self._suspect(connection, lost, time.monotonic() - began)
            raise
        except Exception as mistake:  # as above; a bug of `heard` is its owner's and passes through
            why = str(mistake)
            if mistake is connection.bug:
                raise
            _log.exception("platform: the link to %s failed", self.broker.where)
            raise self._mistaken(mistake) from mistake
        finally:
            was_up, self._connection = self.connected, None
            connection.close()
            if was_up and self._down is not None:
                self._down(why)

    def _mistaken(self, mistake: Exception) -> LinkLost:
        """Return the loss of a connection by a mistake of ours.

        What the broker keeps for us may have led to it: it is to forget that.
        """
        self._anew = True
        say = Say("link.our_mistake", where=self.broker.where, name=type(mistake).__name__)
        return LinkLost(say, anew=True)

    async def _serve(self, connection: Connection, ready: Callable[[], None] | None) -> None:
        topics = {
            name: wire.topic(self.broker.gateway, name) for name in (*wire.TO_GATEWAY, "status")
        }
        await connection.ask([topics[name] for name in wire.TO_GATEWAY if name != wire.TO_ALL])
        try:
            here = self._status(True, "connected")
            await connection.push(topics["status"], here, retain=True)
        except NotTaken as no:  # a gateway that may not say that it is there may not say more
            raise LinkLost(no.say) from no
        self._connection, self.version = connection, connection.version
        self._turned_away = False
        try:
            for tell in (self._up, ready):
                if tell is not None:
                    tell()
            await self._ask_for_platform(connection, topics[wire.TO_ALL])
            await connection.ended()
        except asyncio.CancelledError:
            if self._hurried:
                connection.leave()
                raise
            # where this fails the last will says that we are away
            with contextlib.suppress(LinkLost, NotTaken, TimeoutError):
                async with asyncio.timeout(WAITS.farewell):
                    away = self._status(False, "stopped")
                    await connection.push(topics["status"], away, retain=True)
                connection.leave()
            raise

    async def _ask_for_platform(self, connection: Connection, topic: str) -> None:
        """Ask for what the platform says of itself.

        A broker whose access list does not know it, or that ends us for it, is asked no more.
        """
        if self._platform_unheard >= UNHEARD:
            return
        try:
            await connection.ask([topic])
        except LinkLost as no:
            if connection.ended_already:
                self._platform_unheard += 1
                raise
            _log.info("platform: %s; nothing is lost by it", no)
        else:
            self._platform_unheard = 0

    def _suspect(self, connection: Connection, lost: LinkLost, lived: float) -> None:
        """Call it a take-over when the broker closed on us soon, wordless, several times in a row.

        MQTT 5 has a word for it (0x8E), which Mosquitto 2.0 does not say; 3.1.1 has none.
        """
        if lost.taken_over or lived > WAITS.short_life:
            self._taken_over = lost.taken_over
        if not connection.closed_on_us or lived > WAITS.short_life:
            self._short_lives = 0
            return
        self._short_lives += 1
        if self._short_lives >= SHORT_LIVES:
            self._taken_over = True
            times, gateway = self._short_lives, self.broker.gateway
            say = Say("link.taken_over", lost=lost.say, times=times, gateway=gateway)
            raise LinkLost(say, taken_over=True) from lost

    async def _open(self) -> Connection:
        """Connect with MQTT 5, and with 3.1.1 where that is not understood.

        Once 3.1.1 was answered, only that is tried until the process ends.
        """
        doubt: NoAnswer | None = None
        for version in self._versions:
            trial = len(self._versions) > 1 and doubt is None
            try:
                connection = await self._connect(
                    version, WAITS.version_trial if trial else WAITS.answer
                )
            except NoAnswer as no:
                doubt = no
                continue
            self._versions = (version,) if version != "5" else self._versions
            return connection
        raise doubt or LinkLost(Say("link.no_version", where=self.broker.where))

    async def _connect(self, version: str, wait: float) -> Connection:
        b = self.broker
        try:
            tls = Tls(ca=b.ca, cert=b.cert, key=b.key) if b.tls else None
            sock = await dial(b.host, b.port, tls, proved=self._proved)
        except NotReached as error:
            self._turned_away = not error.say.code.startswith("net.")
            raise LinkLost(error.say) from error
        self._turned_away = True
        self.certificate_begins, self.certificate_ends = peer_dates(sock)
        late = properties_of(PacketTypes.WILLMESSAGE, WillDelayInterval=b.will_delay)
        will = aiomqtt.Will(
            wire.topic(b.gateway, "status"),
            self._status(False, "lost"),
            qos=1,
            retain=True,
            properties=late if version == "5" else None,
        )
        connection = Connection(sock, b, version, will, self._heard, self._refused, anew=self._anew)
        try:
            await connection.open(wait)
        except BaseException:
            connection.close()
            raise
        return connection


def _log_refused(name: str, why: str) -> None:
    _log.warning("platform: %s refused: %s", name, why)
