"""The radio: one bleak scanner per adapter, whose silence is noticed and cured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.driver import Advertisement


class RadioError(Exception):
    """Why nothing can be heard: what, where, and what to do about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """The radio's waiting times in seconds."""

    silence: float = 90.0
    answer: float = 10.0
    first_wait: float = 1.0
    longest_wait: float = 60.0


class Radio:
    """The ear at one adapter ("hci0"). `sink` is called at once, on the event loop, for each advertisement of a wanted address.

    `said(name, works, why)` is called once when the radio is lost and once when it is back. `wanted` (None = everybody) is asked
    before anything is built.
    """

    def __init__(
        self,
        adapter: str,
        sink: Callable[[Advertisement], None],
        said: Callable[[str, bool, str], None],
        *,
        wanted: Callable[[str], bool] | None = None,
        times: Times | None = None,
    ) -> None:
        self.adapter = adapter
        self.heard_at: float | None = None  # loop time (= monotonic) of the last advertisement that carried data
        self.adverts = 0  # advertisements with data
        self.restarts = 0  # scanners started after the first
        self.trouble = "not started"  # why it does not scan, "" while it scans

    @property
    def hearing(self) -> bool:
        """Whether a scan runs and something with data was heard within the silence limit."""
        raise NotImplementedError

    async def run(self) -> None:
        """Hear until cancelled. Handles every loss of adapter, bluetoothd and D-Bus itself; what it raises is a bug."""
        raise NotImplementedError


async def adapters(answer: float = 10.0) -> list[tuple[str, str, bool]]:
    """Return (name, address, powered) of each Bluetooth adapter; RadioError says why none can be asked for."""
    raise NotImplementedError
