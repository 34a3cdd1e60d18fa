"""The link to the platform's broker: one connection at a time over aiomqtt, MQTT 5, or 3.1.1 where the broker speaks no 5.

`Link.run` is one connection and ends with `LinkLost`, whose text says what, where and what to do;
`supervise.keep` calls it again. `Link.publish` returns when the broker has the message (PUBACK).
Neither broker nor client is a store: what has no receipt is sent again from the outbox. For TLS,
and what a wrong clock may and may not do, see `dial`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import aiomqtt
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY, MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.box.dial import NotReached, Tls, TlsSocket, dial, explain_tls, peer_dates
from gateway.box.packets import PacketRefused, guard, shut
from gateway.contract import wire
from gateway.tell.push import GONE, Lost, NotTaken
from gateway.words.en import EN
from gateway.words.say import Say

Version = Literal["auto", "5", "3.1.1"]

ANSWER_WAIT: Final = 10.0  # s for CONNACK and for SUBACK
# s for CONNACK while it is not known whether the broker speaks MQTT 5; a broker may ignore what it
# does not know
TRIAL_WAIT: Final = 3.0
# s for PUBACK; then the connection is taken for dead, so that a half-open one costs no more
PUBLISH_WAIT: Final = 10.0
STOP_WAIT: Final = 2.0  # s for the farewell
# s for which a v5 broker keeps our last will back: a mobile line that flaps is back before
WILL_DELAY: Final = 60
SESSION_KEPT: Final = (
    7 * 86400
)  # s for which a v5 broker keeps instructions for us; a help, never relied on
# publishes in flight, fewer if the broker says so; further callers wait in line, their number is
# their own bound
WINDOW: Final = 20
# QoS 1 messages that a v5 broker may have in flight to us; there is no queue here, each is
# delivered at once
HEARD_AT_ONCE: Final = 20
# bytes that topic and properties may add to a message of wire.LARGEST; what is longer is not held
ENVELOPE: Final = 1024
FORGOTTEN: Final = (
    1024 * 1024
)  # bytes of a message that are read to get past it; a longer one ends the connection
# connections that may end when we ask whether the platform is there: a broker whose list does not
# know it may do that
UNHEARD: Final = 2
SHORT_LIFE: Final = 120.0  # s; a broker that closes on us without a word this soon ...
# ... this many times in a row has very likely given our client id to another connection
SHORT_LIVES: Final = 3

_UNSUPPORTED_VERSION: Final = 0x84
_PROTOCOL_ERROR: Final = 0x82
_TAKEN_OVER: Final = 0x8E
_REFUSAL: Final = 0x80  # reason codes from here on are refusals; of SUBACK in 3.1.1 the only one
_NOT_AUTHORISED: Final = 0x87

_log = logging.getLogger("eldercare")
_quiet = logging.getLogger(
    "eldercare.mqtt"
)  # aiomqtt and paho write here; what matters of it is in LinkLost
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False
_quiet.setLevel(logging.CRITICAL)  # saves putting together a line per packet


class LinkLost(Lost):
    """The broker cannot be reached, refused us, or is gone. `taken_over`: another connection has our client id.

    `anew`: it sent what we do not take, and would send it again if it kept anything for us.
    """

    def __init__(self, say: Say, *, taken_over: bool = False, anew: bool = False) -> None:
        super().__init__(say)
        self.taken_over = taken_over
        self.anew = anew


class _NoAnswer(LinkLost):
    """No CONNACK, or one that says "not this version": worth a try with 3.1.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """Where the broker is and how to speak to it. `gateway` is the client id too; `ca` None means the system's store."""

    host: str
    port: int
    gateway: str
    tls: bool = True
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    version: Version = "auto"
    will_delay: int = WILL_DELAY
    # s without traffic until a ping; a silent line is given up after two of them
    keepalive: int = 30

    @property
    def where(self) -> str:
        """Host and port, as a technician writes them."""
        return f"{self.host}:{self.port}"


class Link:
    """The one way to the platform.

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
        self._connection: _Connection | None = None
        self._up_since = 0.0  # monotonic s
        self._short_lives = 0
        self._taken_over = False
        self._hurried = False
        # connections that ended when we asked whether the platform is there
        self._platform_unheard = 0
        self._anew = False  # the next connection asks the broker to forget what it kept for us

    @property
    def connected(self) -> bool:
        """True while `publish` works."""
        return self._connection is not None

    @property
    def taken_over(self) -> bool:
        """True from a take-over on until a connection has lasted SHORT_LIFE: two boxes with one id come and go all the time."""
        return self._taken_over and not (
            self.connected and time.monotonic() - self._up_since > SHORT_LIFE
        )

    def hurry(self) -> None:
        """Take it that the line is wanted by somebody else: when `run` is cancelled, no farewell is waited for."""
        self._hurried = True

    async def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 1
    ) -> None:
        """Return when the broker has the message (QoS 1: PUBACK). Raises LinkLost, or NotTaken where the broker refuses this one."""
        if self._connection is None:
            raise LinkLost(Say("link.not_connected", where=self.broker.where))
        await self._connection.push(topic, payload, retain=retain, qos=qos)

    async def say_now(self, topic: str, payload: bytes, seconds: float) -> None:
        """Say at QoS 0 what nobody shall keep for those who are not there; over MQTT 5 it is worth nothing after `seconds`.

        Brokers queue QoS 0 for an absent subscriber or not, as they like; a message that has
        expired is given to nobody. One topic.
        """
        if self._connection is None:
            raise LinkLost(Say("link.not_connected", where=self.broker.where))
        await self._connection.push(topic, payload, retain=False, qos=0, seconds=seconds)

    async def run(self, ready: Callable[[], None] | None = None) -> None:
        """Connect, serve until the connection ends, and raise LinkLost. Cancelled, it says good-bye first (2 s at most)."""
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
        except Exception as mistake:
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
        """Return the loss of a connection by a mistake of ours. What the broker keeps for us may have led to it: it is to forget that."""
        self._anew = True
        say = Say("link.our_mistake", where=self.broker.where, name=type(mistake).__name__)
        return LinkLost(say, anew=True)

    async def _serve(self, connection: _Connection, ready: Callable[[], None] | None) -> None:
        topics = {
            name: wire.topic(self.broker.gateway, name) for name in (*wire.TO_GATEWAY, "status")
        }
        await connection.ask([topics[name] for name in wire.TO_GATEWAY if name != wire.TO_ALL])
        try:
            await connection.push(
                topics["status"], self._status(True, "connected"), retain=True, qos=1
            )
        except NotTaken as no:
            raise LinkLost(
                no.say
            ) from no  # a gateway that may not say that it is there may not say more
        self._connection, self.version = connection, connection.version
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
            with contextlib.suppress(
                LinkLost, NotTaken, TimeoutError
            ):  # then the last will says that we are away
                async with asyncio.timeout(STOP_WAIT):
                    await connection.push(
                        topics["status"], self._status(False, "stopped"), retain=True, qos=1
                    )
                connection.leave()
            raise

    async def _ask_for_platform(self, connection: _Connection, topic: str) -> None:
        """Ask for what the platform says of itself. A broker whose list does not know it yet, or ends us for it, is asked no more."""
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

    def _suspect(self, connection: _Connection, lost: LinkLost, lived: float) -> None:
        """Call it a take-over when the broker has closed on us soon, without a word, and several times in a row.

        MQTT 5 has a word for it (0x8E), which Mosquitto 2.0 does not say; 3.1.1 has none.
        """
        if lost.taken_over or lived > SHORT_LIFE:
            self._taken_over = lost.taken_over
        if not connection.closed_on_us or lived > SHORT_LIFE:
            self._short_lives = 0
            return
        self._short_lives += 1
        if self._short_lives >= SHORT_LIVES:
            self._taken_over = True
            times, gateway = self._short_lives, self.broker.gateway
            say = Say("link.taken_over", lost=lost.say, times=times, gateway=gateway)
            raise LinkLost(say, taken_over=True) from lost

    async def _open(self) -> _Connection:
        """Connect with MQTT 5, and with 3.1.1 where that is not understood; what answered is tried first until the process ends."""
        doubt: _NoAnswer | None = None
        for version in self._versions:
            try:
                connection = await self._connect(
                    version,
                    TRIAL_WAIT if len(self._versions) > 1 and doubt is None else ANSWER_WAIT,
                )
            except _NoAnswer as no:
                doubt = no
                continue
            self._versions = (version,) if version != "5" else self._versions
            return connection
        raise doubt or LinkLost(Say("link.no_version", where=self.broker.where))

    async def _connect(self, version: str, wait: float) -> _Connection:
        b = self.broker
        try:
            tls = Tls(ca=b.ca, cert=b.cert, key=b.key) if b.tls else None
            sock = await dial(b.host, b.port, tls, proved=self._proved)
        except NotReached as error:
            raise LinkLost(error.say) from error
        self.certificate_begins, self.certificate_ends = peer_dates(sock)
        late = None
        if version == "5":
            late = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]
            late.WillDelayInterval = b.will_delay
        will = aiomqtt.Will(
            wire.topic(b.gateway, "status"),
            self._status(False, "lost"),
            qos=1,
            retain=True,
            properties=late,
        )
        connection = _Connection(
            sock, b, version, will, self._heard, self._refused, anew=self._anew
        )
        try:
            await connection.open(wait)
        except BaseException:
            connection.close()
            raise
        return connection


class _Connection(aiomqtt.Client):
    """aiomqtt's client for one connection, on a socket of ours, with what it lacks.

    It says at once when the broker closes (aiomqtt waits for its timeout, before CONNACK and in
    each publish), reads the reason in a PUBACK, keeps to the broker's limits, delivers without a
    queue and a task per message, and writes in the same turn.
    """

    def __init__(
        self,
        sock: socket.socket,
        broker: Broker,
        version: str,
        will: aiomqtt.Will,
        heard: Callable[[str, bytes], None],
        refused: Callable[[str, str], None],
        *,
        anew: bool = False,
    ) -> None:
        five = version == "5"
        properties = None
        if five:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION_KEPT
            properties.ReceiveMaximum = HEARD_AT_ONCE
            properties.MaximumPacketSize = wire.LARGEST + ENVELOPE
        super().__init__(
            broker.host,
            broker.port,
            identifier=broker.gateway,
            username=broker.username,
            password=broker.password,
            protocol=aiomqtt.ProtocolVersion.V5 if five else aiomqtt.ProtocolVersion.V311,
            clean_session=None if five else anew,
            clean_start=anew
            if five
            # the latter means "says nothing"; 3.1.1 has no such flag
            else MQTT_CLEAN_START_FIRST_ONLY,
            properties=properties,
            will=will,
            keepalive=broker.keepalive,
            timeout=ANSWER_WAIT,
            max_inflight_messages=WINDOW,
            logger=_quiet,
        )
        guard(self._client, sock, held=wire.LARGEST + ENVELOPE, forgotten=FORGOTTEN)
        self.version = version
        self.closed_on_us = False  # the broker closed without a word
        self._sock = sock
        self._where = broker.where
        self._prefix = wire.topic(broker.gateway, "")
        self._to_all = wire.topic(broker.gateway, wire.TO_ALL)
        self._heard = heard
        self._refused = refused
        self.bug: Exception | None = None  # what `heard` raised
        self._most: int | None = None  # bytes of a packet that the broker takes
        self._aliases = 0  # topics that a v5 broker lets us name by a number
        self._named = ""  # the one that has number 1
        self._window = asyncio.Semaphore(WINDOW)
        self._waiting: dict[
            int, asyncio.Future[list[int]]
        ] = {}  # packet id -> reason codes of its answer, [] = lost; at most WINDOW
        self._disconnected.add_done_callback(
            lambda _: self._drop_waiting()
        )  # whatever ended it, nobody waits out his time

    # -- one connection's life -----------------------------------------------------------------------------------------

    async def open(self, wait: float) -> None:
        """Say CONNECT and wait for the answer. Raises LinkLost with the broker's refusal in words, _NoAnswer where 3.1.1 may help."""
        self._client_connect()  # the socket is connected already: nothing blocks
        await asyncio.wait(
            (self._connected, self._disconnected), timeout=wait, return_when=asyncio.FIRST_COMPLETED
        )
        spoken = {"where": self._where, "version": self.version}
        if not self._connected.done():
            if self._disconnected.done():
                raise _NoAnswer(Say("link.other_answer", **spoken))
            raise _NoAnswer(Say("link.no_answer", **spoken, seconds=wait))
        error = self._connected.exception()
        if isinstance(error, aiomqtt.MqttCodeError):
            code = _code(error.rc)
            lost = _NoAnswer if code == _UNSUPPORTED_VERSION else LinkLost
            raise lost(reason(self._where, code))
        if error is not None:
            trouble = self._sock.trouble if isinstance(self._sock, TlsSocket) else None
            if trouble is not None and not isinstance(trouble, ConnectionError):
                raise LinkLost(explain_tls(trouble, self._where)) from trouble
            secured = isinstance(self._sock, TlsSocket)
            raise _NoAnswer(
                Say("link.closed_early_tls" if secured else "link.closed_early", **spoken)
            )

    async def ask(self, topics: list[str]) -> None:
        """Subscribe at QoS 1. Raises LinkLost where the broker says no, or nothing."""
        _, mid = self._client.subscribe([(topic, 1) for topic in topics])
        if mid is None:
            raise self._loss()
        codes = await self._answer(mid, ANSWER_WAIT, "link.subscription")
        if (given := len(codes)) != (wanted := len(topics)):
            raise LinkLost(Say("link.half_answered", where=self._where, given=given, wanted=wanted))
        for topic, code in zip(topics, codes, strict=True):
            if code in {_REFUSAL, _NOT_AUTHORISED}:
                raise LinkLost(Say("link.may_not_read", where=self._where, topic=topic))
            if code > _REFUSAL:
                raise LinkLost(Say("link.of_topic", topic=topic, why=reason(self._where, code)))

    async def push(
        self, topic: str, payload: bytes, *, retain: bool, qos: int, seconds: float = 0.0
    ) -> None:
        """Publish and wait for the PUBACK. Raises NotTaken or LinkLost; a broker silent for PUBLISH_WAIT is given up."""
        if self._most is not None and len(topic) + len(payload) + 16 > self._most:
            values = {"where": self._where, "most": self._most, "topic": topic}
            raise NotTaken(Say("link.limit", **values, size=len(payload)))
        async with self._window:
            if self._disconnected.done():
                raise self._loss()
            name, properties = (
                (topic, None)
                if not seconds or self.version != "5"
                else self._passing(topic, seconds)
            )
            info = self._client.publish(name, payload, qos, retain, properties)
            if info.rc != 0:
                raise LinkLost(Say("link.not_connected", where=self._where))
            if qos == 0:
                self._client.loop_write()
                return
            code = (await self._answer(info.mid, PUBLISH_WAIT, "link.message"))[0]
        if code >= _REFUSAL:
            raise NotTaken(Say("link.of_topic", topic=topic, why=reason(self._where, code)))

    def _passing(self, topic: str, seconds: float) -> tuple[str, Properties]:
        """Return what to say in the place of a topic, the second time only its number, and how long the message is worth something."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.MessageExpiryInterval = round(seconds)
        if self._aliases:
            properties.TopicAlias = 1
            topic, self._named = "" if topic == self._named else topic, topic
        return topic, properties

    async def _answer(self, mid: int, wait: float, what: str) -> list[int]:
        """Send what is queued and return the broker's reason codes for packet `mid`. A broker that is silent for `wait` is given up."""
        answer: asyncio.Future[list[int]] = self._loop.create_future()
        self._waiting[mid] = answer
        try:
            self._client.loop_write()
            async with asyncio.timeout(wait):
                codes = await answer
        except TimeoutError:
            say = Say("link.unconfirmed", where=self._where, what=Say(what), seconds=wait)
            lost = LinkLost(say)
            self._end(lost)
            raise lost from None
        finally:
            self._waiting.pop(mid, None)
        if not codes:
            raise self._loss()
        return codes

    @property
    def ended_already(self) -> bool:
        """Whether the connection is over."""
        return self._disconnected.done()

    async def ended(self) -> None:
        """Wait for the end of the connection and raise it as LinkLost, or the bug in `heard` as it is."""
        await asyncio.wait((self._disconnected,))
        raise self._loss()

    def leave(self) -> None:
        """Say DISCONNECT, so that the last will is not published."""
        self._client.disconnect()
        self._client.loop_write()

    def close(self) -> None:
        """Close the socket and forget all that waits; may be called at any time and again."""
        shut(self._client)
        self._sock.close()
        self._drop_waiting()
        for future in (self._connected, self._disconnected):
            if future.done() and not future.cancelled():
                future.exception()  # looked at: asyncio need not complain that nobody did

    # -- what happens ---------------------------------------------------------------------------------------------------

    def _loss(self) -> Exception:
        if not self._disconnected.done():  # it is there, and says what nobody can make anything of
            return LinkLost(Say("link.wordless", where=self._where))
        error = self._disconnected.exception()
        if error is not None and error is self.bug:
            return self.bug
        if isinstance(error, LinkLost):
            return LinkLost(error.say, taken_over=error.taken_over)
        if isinstance(error, PacketRefused):
            return LinkLost(Say("link.at", where=self._where, what=error.say), anew=True)
        if self.closed_on_us:
            return LinkLost(Say("link.closed", where=self._where))
        if isinstance(error, aiomqtt.MqttCodeError):
            code = _code(error.rc)
            return LinkLost(reason(self._where, code), taken_over=code == _TAKEN_OVER)
        if error is None:
            return LinkLost(Say("link.ended", where=self._where))
        what = Say("packet.unreadable", name=type(error).__name__)
        return LinkLost(Say("link.at", where=self._where, what=what), anew=True)

    def _end(self, lost: LinkLost) -> None:
        if not self._disconnected.done():
            self._disconnected.set_exception(lost)
        self._drop_waiting()

    def _drop_waiting(self) -> None:
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result([])

    def _on_connect(
        self,
        client: Any,
        userdata: Any,
        flags: Any,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if properties is not None and not self._connected.done():
            limit = getattr(properties, "ReceiveMaximum", WINDOW)
            if limit < WINDOW:
                self._client.max_inflight_messages_set(limit)
                self._window = asyncio.Semaphore(limit)
            self._most = getattr(properties, "MaximumPacketSize", None)
            self._aliases = getattr(properties, "TopicAliasMaximum", 0)
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(
        self,
        client: Any,
        userdata: Any,
        flags: Any,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        said = flags.is_disconnect_packet_from_server
        if not self._connected.done():
            self._connected.set_exception(_NoAnswer(GONE))
            return
        if not self._disconnected.done():
            self.closed_on_us = not said and _code(reason_code) == _REFUSAL
            if (
                not said and _code(reason_code) == _PROTOCOL_ERROR
            ):  # paho's word for what it could not read
                self._disconnected.set_exception(ValueError())
        super()._on_disconnect(client, userdata, flags, reason_code, properties)
        self._drop_waiting()

    def _on_publish(
        self,
        client: Any,  # noqa: ARG002
        userdata: Any,  # noqa: ARG002
        mid: int,
        reason_code: ReasonCode,
        properties: Properties,  # noqa: ARG002
    ) -> None:
        self._answered(mid, [_code(reason_code)])

    def _on_subscribe(
        self,
        client: Any,  # noqa: ARG002
        userdata: Any,  # noqa: ARG002
        mid: int,
        reason_codes: list[ReasonCode],
        properties: Properties | None = None,  # noqa: ARG002
    ) -> None:
        self._answered(mid, [_code(code) for code in reason_codes])

    def _answered(self, mid: int, codes: list[int]) -> None:
        answer = self._waiting.get(mid)
        if answer is not None and not answer.done():
            answer.set_result(codes)

    def _on_message(self, client: Any, userdata: Any, message: MQTTMessage) -> None:  # noqa: ARG002
        name = (
            wire.TO_ALL
            if message.topic == self._to_all
            else message.topic.removeprefix(self._prefix)
        )
        if name in wire.EVERY_MESSAGE and name not in wire.TO_GATEWAY:
            return  # our own words: some brokers send retained messages that nobody asked for
        if name not in wire.TO_GATEWAY:
            known = " and ".join(wire.TO_GATEWAY)
            self._refused(
                name[:80], f"this is no topic of ours: {wire.ROOT} has {known} for the gateway"
            )
        elif len(message.payload) > wire.LARGEST:
            self._refused(
                name,
                f"it has {len(message.payload)} bytes or more, at most {wire.LARGEST} are read: split it",
            )
        else:
            try:
                self._heard(name, bytes(message.payload))
            except Exception as bug:
                self.bug = bug  # aiomqtt ends the connection with it, `ended` raises it
                raise

    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:  # noqa: ARG002
        self._loop.add_writer(
            sock.fileno(), self._client.loop_write
        )  # we are on the loop's thread: no detour


def _code(reason: object) -> int:
    value = reason.value if isinstance(reason, ReasonCode) else reason
    return value if isinstance(value, int) else _REFUSAL


def reason(where: str, code: int) -> Say:
    """Say what an MQTT reason code from 0x80 on means, and what to do; of any packet, in both versions."""
    own = f"mqtt.{code:02x}"
    return Say(own if own in EN else "mqtt.other", where=where, code=code)


def _log_refused(name: str, why: str) -> None:
    _log.warning("platform: %s refused: %s", name, why)
