"""A second ear on MQTT: messages of another program's broker, such as zigbee2mqtt's.

It only listens. Retained messages are marked as such: they are what was last said, not something
that happens now. A message that is no sensor's (a device list, a map, a backup) is read past and
not held, however long it is: see `packets`.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Any

import aiomqtt
from paho.mqtt.client import MQTTMessage
from paho.mqtt.reasoncodes import ReasonCode

from gateway.box.dial import NotReached, dial
from gateway.box.packets import LONGEST, PacketRefused, guard, shut
from gateway.hear.waits import WAITS
from gateway.home.devices import BrokerAt, broker_at
from gateway.words.driver import Published
from gateway.words.say import Say

LARGEST = 256 * 1024  # bytes of one message; larger ones (device lists, maps) are not a sensor's
ENVELOPE = 1024  # bytes that its topic may add
_REFUSAL = 0x80  # reason codes of a SUBACK from here on are refusals

LOG = logging.getLogger("eldercare")
# aiomqtt and paho write here; what matters of it is in BridgeLost
_quiet = logging.getLogger("eldercare.bridge")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False
_quiet.setLevel(logging.CRITICAL)


class BridgeLost(Exception):
    """The other broker cannot be reached or is gone; the text says where and what to do."""


class Bridge:
    """The topics below `url` (mqtt://user@host:port/base), to `sink` without the base.

    On the event loop; `run` is its task.
    """

    def __init__(
        self,
        url: str,
        password: str | None,
        filters: tuple[str, ...],
        sink: Callable[[Published], None],
    ) -> None:
        at = broker_at(url)
        if at is None:
            raise ValueError(f"{url!r} is not mqtt://user@host:port/base")
        self._at = at
        self._password = password
        self._filters = filters
        self._sink = sink
        self.connected = False

    async def run(self, ready: Callable[[], None] | None = None) -> None:
        """Listen until cancelled; raises BridgeLost when the connection cannot be made or ends."""
        at = self._at
        where = f"{at.host}:{at.port}"
        try:
            sock = await dial(at.host, at.port, None)
        except NotReached as error:
            raise BridgeLost(str(error)) from error
        ear = _Ear(sock, at, self._password, self._told)
        try:
            await ear.open()
            for each in self._filters:
                self._allowed(
                    where,
                    each,
                    await ear.subscribe(f"{at.base}/{each}", qos=1, timeout=WAITS.broker_answer),
                )
            self.connected = True
            if ready is not None:
                ready()
            await ear.ended()
        except PacketRefused as error:
            raise BridgeLost(f"{where} {error}") from error
        except BridgeLost:
            raise
        except (aiomqtt.MqttError, TimeoutError) as error:
            raise BridgeLost(
                f"{where}: {error}: is its broker running, and does it let us in?"
            ) from error
        except Exception as mistake:  # one connection to another program must not end the guarding
            LOG.exception("bridge %s failed", where)
            raise BridgeLost(
                f"{where}: a mistake of ours ({type(mistake).__name__}), see the gateway's log"
            ) from mistake
        finally:
            self.connected = False
            ear.close()

    def _allowed(self, where: str, each: str, answer: Sequence[object]) -> None:
        """Raise BridgeLost unless the broker says that it lets us hear what we asked for."""
        codes = [code.value if isinstance(code, ReasonCode) else code for code in answer]
        if len(codes) == 1 and isinstance(codes[0], int) and codes[0] < _REFUSAL:
            return
        said = f"0x{codes[0]:02X}" if codes and isinstance(codes[0], int) else "nothing"
        raise BridgeLost(
            f"{where} does not let us read {self._at.base}/{each} (it answers {said}):"
            " allow it in that broker's access list"
        )

    def _told(self, topic: str, payload: bytes, retained: bool) -> None:
        if len(payload) <= LARGEST:
            below = topic.removeprefix(self._at.base + "/")
            self._sink(Published(topic=below, payload=payload, retained=retained))


class _Ear(aiomqtt.Client):
    """aiomqtt's client for one connection, on a socket of ours, on the event loop.

    Nothing that is heard waits in a queue, nothing too long is held.
    """

    def __init__(
        self,
        sock: socket.socket,
        at: BrokerAt,
        password: str | None,
        told: Callable[[str, bytes, bool], None],
    ) -> None:
        super().__init__(
            at.host,
            at.port,
            username=at.user or None,
            password=password,
            keepalive=round(WAITS.broker_keepalive),
            logger=_quiet,
        )
        self._told = told
        self._sock = sock
        self._mistaken = False
        self._client.on_message = self._heard
        guard(self._client, sock, held=LARGEST + ENVELOPE, forgotten=LONGEST)

    async def open(self) -> None:
        """Say CONNECT and wait for the answer. Raises MqttError, PacketRefused, TimeoutError."""
        self._client_connect()  # the socket is connected already: nothing blocks
        async with asyncio.timeout(WAITS.broker_answer):
            await asyncio.wait(
                (self._connected, self._disconnected), return_when=asyncio.FIRST_COMPLETED
            )
        if not self._connected.done():
            await self.ended()
        await self._connected

    async def ended(self) -> None:
        """Wait for the end of the connection and raise what ended it."""
        await asyncio.wait((self._disconnected,))
        error = self._disconnected.exception()
        if error is None or isinstance(error, aiomqtt.MqttError | PacketRefused):
            raise error or aiomqtt.MqttError("the connection was ended")
        raise PacketRefused(Say("packet.unreadable", name=type(error).__name__)) from error

    def close(self) -> None:
        """Say good-bye as far as that goes at once, and close the socket."""
        self._client.disconnect()
        shut(self._client)
        self._sock.close()
        for future in (self._connected, self._disconnected):
            if future.done() and not future.cancelled():
                future.exception()  # looked at: asyncio need not complain that nobody did

    def _on_socket_register_write(self, _client: Any, _userdata: Any, sock: Any) -> None:
        # At once: a turn later this socket may be closed, and its number another one's.
        self._loop.add_writer(sock.fileno(), self._client.loop_write)

    def _heard(self, _client: object, _userdata: object, message: MQTTMessage) -> None:
        topic = message.topic  # a broker that sends one which is no text is left: see `ended`
        try:
            self._told(topic, bytes(message.payload), bool(message.retain))
        except Exception:  # a message that trips over a mistake of ours must not end the others
            if not self._mistaken:  # a kept one comes each time
                LOG.exception(
                    "bridge: a message could not be taken;"
                    " of further ones on this connection nothing is said"
                )
            self._mistaken = True
