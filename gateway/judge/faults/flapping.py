"""Faults that come and go: the fourth in a day is unstable, what follows is a figure. Pure.

They are counted by kind and device. One that goes on so is said to be unstable again each day. One
that then lasts is said again as it is, and so is one that is still on after a restart: what flaps
may end as what stays.
"""

from __future__ import annotations

from collections import deque
from math import inf

from gateway.judge.waits import WAITS

UNSTABLE = 4  # times in a day
REMEMBERED = 500  # kinds and devices, the oldest forgotten first: nothing is said too seldom for it

Key = tuple[str, str]


class Flapping:
    """When each fault began lately, in monotonic seconds of this boot."""

    def __init__(self) -> None:
        self._began: dict[Key, deque[float]] = {}
        self._unstable: dict[Key, float] = {}  # when it was said last
        self._quiet: dict[Key, float] = {}  # only counted; since when it is on

    def began(self, key: Key, now: float) -> int:
        """Count that a fault begins; return how often it has in the last day, this time included.

        UNSTABLE is also returned where it has begun more often, and that was last returned a day
        ago.
        """
        began = self._began.pop(key, None) or deque(maxlen=UNSTABLE + 1)
        self._began[key] = began
        while len(self._began) > REMEMBERED:
            oldest = next(iter(self._began))
            del self._began[oldest]
            self._unstable.pop(oldest, None)
        began.append(now)
        times = self.times(key, now)
        if times > UNSTABLE and now - self._unstable.get(key, -inf) >= WAITS.flapping_window:
            times = UNSTABLE
        if times == UNSTABLE:
            self._unstable[key] = now
        if times > UNSTABLE:
            self._quiet[key] = now
        return times

    def times(self, key: Key, now: float) -> int:
        """Return how often a fault has begun in the last day, at most UNSTABLE + 1."""
        return sum(now - at < WAITS.flapping_window for at in self._began.get(key, ()))

    def restored(self, key: Key) -> None:
        """Take over a fault that was only counted before a restart, and is on.

        It is told at once: nobody knows how long it has lasted.
        """
        self._quiet[key] = -inf

    def ended(self, key: Key) -> None:
        """Take that a fault is over."""
        self._quiet.pop(key, None)

    def lasting(self, now: float) -> list[Key]:
        """Return the faults that were only counted and go on: to be told now, once."""
        due = [key for key, since in self._quiet.items() if now - since >= WAITS.flapping_lasts]
        for key in due:
            del self._quiet[key]
        return due
