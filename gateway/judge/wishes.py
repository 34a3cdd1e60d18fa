"""A wish, not a rescue: the resident presses what asks for a service. Pure.

It goes to the platform's desk as one note and is confirmed aloud. Nobody is called for it.
"""

from __future__ import annotations

from collections.abc import Collection
from math import inf

from msgspec import Struct

from gateway.judge.waits import WAITS
from gateway.words.clock import Moment
from gateway.words.reading import DeviceId, Reading


class Wish(Struct, frozen=True):
    """Somebody wishes a service. `evidence`: the press."""

    device: DeviceId
    at: Moment
    evidence: tuple[Reading, ...]


class Wishes:
    """When each device asked last: who presses again at once means the same."""

    def __init__(self) -> None:
        self._last: dict[DeviceId, float] = {}

    def new(self, wish: Wish) -> bool:
        """Say whether a wish is another than the one that was told last."""
        if wish.at.mono - self._last.get(wish.device, -inf) < WAITS.wish_again:
            return False
        self._last[wish.device] = wish.at.mono
        return True

    def forget(self, devices: Collection[DeviceId]) -> None:
        """Forget devices that are gone."""
        for device in devices:
            self._last.pop(device, None)
