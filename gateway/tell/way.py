"""The way to the platform's broker: the link of now, put here by `Uplink` for all who send."""

from __future__ import annotations

from gateway.tell import mqtt
from gateway.tell.outbox import Lost


class Way:
    """The link of now, in `link`. On the loop's thread.

    It is None where no platform is configured, or while somebody tries another.
    """

    def __init__(self) -> None:
        self._link: mqtt.Link | None = None

    @property
    def link(self) -> mqtt.Link | None:
        """The link of now."""
        return self._link

    def use(self, link: mqtt.Link | None) -> None:
        """Go by another link from here on."""
        self._link = link

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._link is not None and self._link.connected

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send by the link of now. Raises Lost, also where there is none, and NotTaken."""
        if self._link is None:
            raise Lost
        await self._link.publish(topic, payload, retain=retain)
