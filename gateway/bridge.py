"""A second ear on MQTT: messages of another program's broker, such as zigbee2mqtt's, to the driver that reads them.

It only listens. Retained messages are marked as such: they are what was last said, not something that happens now.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import aiomqtt

from gateway.driver import Published

LARGEST = 256 * 1024  # bytes of one message; larger ones (device lists, maps) are not a sensor's
KEEPALIVE = 30  # s


class BridgeLost(Exception):
    """The other broker cannot be reached or is gone; the text says where and what to do."""


class Bridge:
    """The topics below `url` (mqtt://user@host:port/base), given to `sink` with the base taken off."""

    def __init__(self, url: str, password: str | None, filters: tuple[str, ...], sink: Callable[[Published], None]) -> None:
        found = re.fullmatch(r"mqtt://(?:([\w.-]+)@)?([\w.-]+)(?::(\d+))?/([\w/-]+)", url)
        if found is None:
            raise ValueError(f"{url!r} is not mqtt://user@host:port/base")
        self._user, self._host, self._base = found[1], found[2], found[4].strip("/")
        self._port = int(found[3] or 1883)
        self._password = password
        self._filters = filters
        self._sink = sink
        self.connected = False

    async def run(self, ready: Callable[[], None] | None = None) -> None:
        """Listen until cancelled; raises BridgeLost when the connection cannot be made or ends."""
        where = f"{self._host}:{self._port}"
        try:
            async with aiomqtt.Client(self._host, self._port, username=self._user, password=self._password, keepalive=KEEPALIVE) as client:
                for each in self._filters:
                    await client.subscribe(f"{self._base}/{each}", qos=1)
                self.connected = True
                if ready is not None:
                    ready()
                async for message in client.messages:
                    payload = message.payload
                    if isinstance(payload, bytes) and len(payload) <= LARGEST:
                        topic = message.topic.value.removeprefix(self._base + "/")
                        self._sink(Published(topic=topic, payload=payload, retained=bool(message.retain)))
        except aiomqtt.MqttError as error:
            raise BridgeLost(f"{where}: {error}: is its broker running, and does it let us in?") from error
        finally:
            self.connected = False
