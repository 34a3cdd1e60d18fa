"""The way to the platform: the link of now, put here by `Uplink` for all who send.

A link is MQTT (`mqtt`) or HTTP (`https`): who sends knows neither.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gateway.tell.outbox import Lost


class Link(Protocol):
    """One connection after another to the platform, each of them one call of `run`."""

    @property
    def where(self) -> str:
        """Host and port, as a technician writes them."""

    @property
    def version(self) -> str:
        """What is spoken, or was last: "5" or "3.1.1" of MQTT, or "HTTP"."""

    @property
    def certificate_begins(self) -> float | None:
        """Wall second from which on the certificate is good that the platform showed last."""

    @property
    def certificate_ends(self) -> float | None:
        """Wall second at which it ends."""

    @property
    def connected(self) -> bool:
        """Whether `publish` works."""

    @property
    def taken_over(self) -> bool:
        """Whether another gateway seems to use our id."""

    @property
    def turned_away(self) -> bool:
        """Whether somebody answered at the last attempt to connect and did not let us in."""

    @property
    def pause(self) -> float:
        """Return for how many seconds the platform asks us to stay away, 0 for none."""

    def hurry(self) -> None:
        """Wait for no farewell when `run` is cancelled."""

    async def run(self, ready: Callable[[], None] | None = None) -> None:
        """Connect, serve until the connection ends, and raise LinkLost."""

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Return when the other side has the message. Raises Lost or NotTaken."""

    async def say_now(self, topic: str, payload: bytes, seconds: float) -> None:
        """Say what is worth nothing after `seconds`. Raises Lost or NotTaken."""


class Way:
    """The link of now, in `link`. On the loop's thread.

    It is None where no platform is configured, or while somebody tries another.
    """

    def __init__(self) -> None:
        self._link: Link | None = None

    @property
    def link(self) -> Link | None:
        """The link of now."""
        return self._link

    def use(self, link: Link | None) -> None:
        """Go by another link from here on."""
        self._link = link

    @property
    def connected(self) -> bool:
        """Whether the platform can be told something."""
        return self._link is not None and self._link.connected

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send by the link of now. Raises Lost, also where there is none, and NotTaken."""
        if self._link is None:
            raise Lost
        await self._link.publish(topic, payload, retain=retain)
