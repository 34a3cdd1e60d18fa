"""One connection to the platform's broker: aiomqtt's client on a socket of ours.

Each connection ends with `LinkLost`, whose text says what, where and what to do. `Link` in `mqtt`
makes one after another.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

import aiomqtt
from msgspec import Struct, field
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY, MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.box.dial import TlsSocket, explain_tls
from gateway.box.packets import PacketRefused, guard, shut
from gateway.contract import wire
from gateway.tell.outbox import GONE, Lost, NotTaken
from gateway.tell.waits import WAITS
from gateway.words.en import EN
from gateway.words.say import Say

Version = Literal["auto", "5", "3.1.1"]

# publishes in flight, fewer if the broker says so; further callers wait in line, their number is
# their own bound
WINDOW: Final = 20
# QoS 1 messages that a v5 broker may have in flight to us; each is delivered at once, without queue
HEARD_AT_ONCE: Final = 20
# bytes that topic and properties may add to a message of wire.LARGEST; what is longer is not held
ENVELOPE: Final = 1024
# bytes of a message that are read to get past it; a longer one ends the connection
FORGOTTEN: Final = 1024 * 1024

_UNSUPPORTED_VERSION: Final = 0x84
_PROTOCOL_ERROR: Final = 0x82
_TAKEN_OVER: Final = 0x8E
_REFUSAL: Final = 0x80  # reason codes from here on are refusals; of SUBACK in 3.1.1 the only one
_NOT_AUTHORISED: Final = 0x87

# aiomqtt and paho write here; what matters of it is in LinkLost, and a line per packet costs
_quiet = logging.getLogger("eldercare.mqtt")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False
_quiet.setLevel(logging.CRITICAL)


class LinkLost(Lost):
    """The broker cannot be reached, refused us, or is gone.

    `taken_over`: another connection has our client id. `anew`: it sent what we do not take, and
    would send it again if it kept anything for us.
    """

    def __init__(self, say: Say, *, taken_over: bool = False, anew: bool = False) -> None:
        super().__init__(say)
        self.taken_over = taken_over
        self.anew = anew


class NoAnswer(LinkLost):
    """No CONNACK, or one that says "not this version": worth a try with 3.1.1."""


class Broker(Struct, frozen=True, kw_only=True):
    """Where the broker is and how to speak to it.

    `gateway` is the client id too; `ca` None means the system's store.
    """

    host: str
    port: int
    gateway: str
    tls: bool = True
    ca: Path | None = None  # None: the system's store
    cert: Path | None = None
    key: Path | None = None
    username: str | None = None
    password: str | None = None
    version: Version = "auto"
    will_delay: int = field(default_factory=lambda: round(WAITS.will_delay))
    keepalive: int = field(default_factory=lambda: round(WAITS.keepalive))

    def __repr__(self) -> str:
        return f"Broker({self.where}, {self.gateway})"

    @property
    def where(self) -> str:
        """Host and port, as a technician writes them."""
        return f"{self.host}:{self.port}"


def properties_of(packet: int, **values: float) -> Properties:
    """Return the MQTT 5 properties of a packet, by paho's names of them."""
    made: Properties = Properties(packet)  # type: ignore[no-untyped-call]  # paho's has no types
    for name, value in values.items():
        setattr(made, name, value)
    return made


class Connection(aiomqtt.Client):
    """One connection, on the loop's thread.

    What aiomqtt lacks: it says at once when the broker closes (aiomqtt waits for its timeout,
    before CONNACK and in each publish), reads the reason in a PUBACK, keeps to the broker's limits,
    delivers without a queue and a task per message, and writes in the same turn.
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
        wishes = {
            "SessionExpiryInterval": round(WAITS.session),
            "ReceiveMaximum": HEARD_AT_ONCE,
            "MaximumPacketSize": wire.LARGEST + ENVELOPE,
        }
        super().__init__(
            broker.host,
            broker.port,
            identifier=broker.gateway,
            username=broker.username,
            password=broker.password,
            protocol=aiomqtt.ProtocolVersion.V5 if five else aiomqtt.ProtocolVersion.V311,
            clean_session=None if five else anew,
            # 3.1.1 has no such flag: there paho's word means that nothing is said
            clean_start=anew if five else MQTT_CLEAN_START_FIRST_ONLY,
            properties=properties_of(PacketTypes.CONNECT, **wishes) if five else None,
            will=will,
            keepalive=broker.keepalive,
            timeout=WAITS.answer,
            max_inflight_messages=WINDOW,
            logger=_quiet,
        )
        self._writes_next = False  # what is queued now is written by `_write`, in this turn
        self._writable = False  # the loop tells us when the socket can be written to
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
        # packet id -> reason codes of its answer, [] = lost; at most WINDOW
        self._waiting: dict[int, asyncio.Future[list[int]]] = {}
        # whatever ended it, nobody waits out his time
        self._disconnected.add_done_callback(lambda _: self._drop_waiting())

    # -- one connection's life ---------------------------------------------------------------------

    async def open(self, wait: float) -> None:
        """Say CONNECT and wait for the answer. Raises LinkLost, NoAnswer where 3.1.1 may help."""
        self._client_connect()  # the socket is connected already: nothing blocks
        await asyncio.wait(
            (self._connected, self._disconnected), timeout=wait, return_when=asyncio.FIRST_COMPLETED
        )
        spoken = {"where": self._where, "version": self.version}
        if not self._connected.done():
            if self._disconnected.done():
                raise NoAnswer(Say("link.other_answer", **spoken))
            raise NoAnswer(Say("link.no_answer", **spoken, seconds=wait))
        error = self._connected.exception()
        if isinstance(error, aiomqtt.MqttCodeError):
            code = _code(error.rc)
            lost = NoAnswer if code == _UNSUPPORTED_VERSION else LinkLost
            raise lost(reason(self._where, code))
        if error is not None:
            trouble = self._sock.trouble if isinstance(self._sock, TlsSocket) else None
            if trouble is not None and not isinstance(trouble, ConnectionError):
                raise LinkLost(explain_tls(trouble, self._where)) from trouble
            secured = isinstance(self._sock, TlsSocket)
            early = "link.closed_early_tls" if secured else "link.closed_early"
            raise NoAnswer(Say(early, **spoken))

    async def ask(self, topics: list[str]) -> None:
        """Subscribe at QoS 1. Raises LinkLost where the broker says no, or nothing."""
        _, mid = self._client.subscribe([(topic, 1) for topic in topics])
        if mid is None:
            raise self._loss()
        codes = await self._answer(mid, WAITS.answer, "link.subscription")
        if (given := len(codes)) != (wanted := len(topics)):
            raise LinkLost(Say("link.half_answered", where=self._where, given=given, wanted=wanted))
        for topic, code in zip(topics, codes, strict=True):
            if code in {_REFUSAL, _NOT_AUTHORISED}:
                raise LinkLost(Say("link.may_not_read", where=self._where, topic=topic))
            if code > _REFUSAL:
                raise LinkLost(Say("link.of_topic", topic=topic, why=reason(self._where, code)))

    async def push(
        self, topic: str, payload: bytes, *, retain: bool = False, seconds: float = 0.0
    ) -> None:
        """Publish and wait for the PUBACK. Raises NotTaken, or LinkLost, also of a silent broker.

        With `seconds` it is sent at QoS 0, and not waited for; over MQTT 5 it expires then.
        """
        if self._most is not None and len(topic) + len(payload) + 16 > self._most:
            values = {"where": self._where, "most": self._most, "topic": topic}
            raise NotTaken(Say("link.limit", **values, size=len(payload)))
        async with self._window:
            if self._disconnected.done():
                raise self._loss()
            passes = seconds and self.version == "5"
            name, properties = self._passing(topic, seconds) if passes else (topic, None)
            self._writes_next = True
            try:
                info = self._client.publish(name, payload, 0 if seconds else 1, retain, properties)
            finally:
                self._writes_next = False
            if info.rc != 0:
                raise LinkLost(Say("link.not_connected", where=self._where))
            if seconds:
                self._write()
                return
            code = (await self._answer(info.mid, WAITS.puback, "link.message"))[0]
        if code >= _REFUSAL:
            raise NotTaken(Say("link.of_topic", topic=topic, why=reason(self._where, code)))

    def _passing(self, topic: str, seconds: float) -> tuple[str, Properties]:
        """Return topic and properties of a message that expires after `seconds`.

        Where the broker takes aliases, the topic is sent once, and then only its number.
        """
        values = {"MessageExpiryInterval": round(seconds)}
        if self._aliases:
            values["TopicAlias"] = 1
            topic, self._named = "" if topic == self._named else topic, topic
        return topic, properties_of(PacketTypes.PUBLISH, **values)

    async def _answer(self, mid: int, wait: float, what: str) -> list[int]:
        """Send what is queued; return the broker's reason codes for packet `mid`.

        A broker that is silent for `wait` is given up.
        """
        answer: asyncio.Future[list[int]] = self._loop.create_future()
        self._waiting[mid] = answer
        self._write()
        silent = self._loop.call_later(wait, self._silent, answer)
        try:
            codes = await answer
        except TimeoutError:
            say = Say("link.unconfirmed", where=self._where, what=Say(what), seconds=wait)
            lost = LinkLost(say)
            self._end(lost)
            raise lost from None
        finally:
            silent.cancel()
            self._waiting.pop(mid, None)
        if not codes:
            raise self._loss()
        return codes

    @staticmethod
    def _silent(answer: asyncio.Future[list[int]]) -> None:
        if not answer.done():
            answer.set_exception(TimeoutError())

    def _write(self) -> None:
        """Write what is queued in this turn of the loop, the rest when the socket takes it."""
        self._client.loop_write()
        if self._client.want_write() and self._sock.fileno() >= 0:
            self._when_writable()

    def _when_writable(self) -> None:
        if not self._writable:
            self._writable = True
            self._loop.add_writer(self._sock.fileno(), self._client.loop_write)

    @property
    def ended_already(self) -> bool:
        """Whether the connection is over."""
        return self._disconnected.done()

    async def ended(self) -> None:
        """Wait for the end of the connection; raise it as LinkLost, a bug in `heard` as it is."""
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

    # -- what happens ------------------------------------------------------------------------------

    def _loss(self) -> Exception:
        if not self._disconnected.done():  # there, but nobody can make anything of what it says
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
            self._connected.set_exception(NoAnswer(GONE))
            return
        if not self._disconnected.done():
            self.closed_on_us = not said and _code(reason_code) == _REFUSAL
            if not said and _code(reason_code) == _PROTOCOL_ERROR:  # paho could not read it
                self._disconnected.set_exception(ValueError())
        super()._on_disconnect(client, userdata, flags, reason_code, properties)
        self._drop_waiting()

    def _on_publish(
        self,
        _client: Any,
        _userdata: Any,
        mid: int,
        reason_code: ReasonCode,
        _properties: Properties,
    ) -> None:
        self._answered(mid, [_code(reason_code)])

    def _on_subscribe(
        self,
        _client: Any,
        _userdata: Any,
        mid: int,
        reason_codes: list[ReasonCode],
        _properties: Properties | None = None,
    ) -> None:
        self._answered(mid, [_code(code) for code in reason_codes])

    def _answered(self, mid: int, codes: list[int]) -> None:
        answer = self._waiting.get(mid)
        if answer is not None and not answer.done():
            answer.set_result(codes)

    def _on_message(self, _client: Any, _userdata: Any, message: MQTTMessage) -> None:
        to_all = message.topic == self._to_all
        name = wire.TO_ALL if to_all else message.topic.removeprefix(self._prefix)
        if name in wire.EVERY_MESSAGE and name not in wire.TO_GATEWAY:
            return  # our own words: some brokers send retained messages that nobody asked for
        if name not in wire.TO_GATEWAY:
            known = " and ".join(wire.TO_GATEWAY)
            why = f"this is no topic of ours: {wire.ROOT} has {known} for the gateway"
            self._refused(name[:80], why)
        elif (size := len(message.payload)) > wire.LARGEST:
            why = f"it has {size} bytes or more, at most {wire.LARGEST} are read: split it"
            self._refused(name, why)
        else:
            try:
                self._heard(name, bytes(message.payload))
            except Exception as bug:  # aiomqtt ends the connection with it, `ended` raises it
                self.bug = bug
                raise

    def _on_socket_register_write(self, _client: Any, _userdata: Any, _sock: Any) -> None:
        # we are on the loop's thread: no detour, and none by the selector where `_write` follows
        if not self._writes_next:
            self._when_writable()

    def _on_socket_unregister_write(self, _client: Any, _userdata: Any, sock: Any) -> None:
        if self._writable:
            self._writable = False
            self._loop.remove_writer(sock.fileno())


def _code(reason: object) -> int:
    value = reason.value if isinstance(reason, ReasonCode) else reason
    return value if isinstance(value, int) else _REFUSAL


def reason(where: str, code: int) -> Say:
    """Return what an MQTT reason code from 0x80 on means, and what to do.

    It is that of any packet, of MQTT 5 and 3.1.1.
    """
    own = f"mqtt.{code:02x}"
    return Say(own if own in EN else "mqtt.other", where=where, code=code)
