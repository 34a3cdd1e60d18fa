"""The press that confirms an enrolment: asked for on the page, it is a test by itself, once.

It counts within ten minutes of the enrolment. Whoever puts a button up presses it to see that it is
heard, and that must not send anybody out. Every other word of the device is real from the first
second, as is every word of all others: a second press, a fall, and the first press too where
somebody may need help: while any alarm of this device is open, or one of a person or of a P1 in the
home that nobody has, its grace included. What is asked for is forgotten with the process, with a
walk test of the device, and when its hardware is another: then the press is real. A press whose
freshness is not proved proves no enrolment either, and is as real as any other.

Bound: one for each device. Pure; the pump asks and takes.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from msgspec import Struct

from gateway.judge.waits import WAITS
from gateway.words.clock import Moment
from gateway.words.reading import DeviceId

REASON: Final = "enrolment"  # why the alarm of such a press is a test


class Asked(Struct, frozen=True):
    """One press that somebody waits for. Times are monotonic seconds."""

    by: str
    since: float
    until: float


class FirstPresses:
    """The presses that are asked for."""

    def __init__(self) -> None:
        self._asked: dict[DeviceId, Asked] = {}

    def ask(self, device: DeviceId, by: str, now: Moment, seconds: float) -> None:
        """Let the next press of a newly enrolled device be a test, for so many seconds."""
        if seconds > 0:
            self._asked[device] = Asked(by, now.mono, now.mono + min(seconds, WAITS.first_press))

    def forget(self, devices: Collection[DeviceId]) -> None:
        """Let what these devices say be real."""
        for device in devices:
            self._asked.pop(device, None)

    def left(self, now: Moment) -> dict[DeviceId, float]:
        """Return the devices whose press is asked for, and for how many seconds still."""
        return {
            device: asked.until - now.mono
            for device, asked in self._asked.items()
            if now.mono < asked.until
        }

    def taken(self, device: DeviceId, at: Moment, *, proved: bool) -> Asked | None:
        """Take a press; return what had asked for it where it is a test."""
        asked = self._asked.get(device)
        # what waited since before the enrolment came from elsewhere
        if asked is None or not proved or at.mono < asked.since:
            return None
        del self._asked[device]
        return asked if at.mono < asked.until else None
