"""Two times that are never mixed: `mono` to measure with, `wall` to tell people.

All waiting is measured on the monotonic clock, so a wall clock that is wrong by years, jumps or is missing
moves no alarm. How good the wall clock is travels with it.
"""

from __future__ import annotations

import ctypes
import time
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol


class Quality(StrEnum):
    """How good a wall-clock time is."""

    SYNCHRONISED = "synchronised"  # the kernel says a time server agrees
    UNSURE = "unsure"  # plausible, nobody confirmed it
    WRONG = "wrong"  # earlier than something that has already happened


class Moment(NamedTuple):
    """One instant: `mono` seconds since boot, `wall` UTC time, and how good `wall` is."""

    mono: float
    wall: datetime
    quality: Quality = Quality.SYNCHRONISED

    def later(self, mono: float) -> Moment:
        """Return the instant at `mono` on the same boot, by this moment's wall clock."""
        return Moment(mono, datetime.fromtimestamp(self.wall.timestamp() + mono - self.mono, UTC), self.quality)


class Clock(Protocol):
    """What tells the time. `boot` names the power-up: monotonic times compare only within one."""

    boot: str
    floor: datetime  # the newest time that was ever confirmed

    def now(self) -> Moment:
        """Return this instant."""
        ...

    def real(self, seconds: float) -> float:
        """Return how many real seconds to wait for `seconds` of this clock; a recorded day runs faster than life."""
        ...


_ADJTIMEX_BYTES = 512  # struct timex is 208 bytes on 64-bit and 128 on 32-bit Linux; zeroed = modes 0 = only read
_TIME_ERROR = 5  # adjtimex(2): clock not synchronised
_LOOK_AGAIN = 1.0  # s between two looks at the kernel's synchronisation state


def kernel_synchronised() -> bool:
    """Say whether the kernel's clock is disciplined by a time server (adjtimex(2), read only)."""
    state: int = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_ADJTIMEX_BYTES))
    return state not in (-1, _TIME_ERROR)


def boot_name() -> str:
    """Return a short name of this power-up (first 12 digits of the kernel's random boot id)."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip().replace("-", "")[:12]


class SystemClock:
    """The machine's clocks. `made` is when the software was made, `floor` the newest time that a time server has confirmed so far.

    Nothing before `made` can be right. What is before `floor` is wrong as long as nobody confirms it: a time server that
    says so takes back a step that was a mistake, or the home would have a wrong clock until that day comes.
    """

    def __init__(self, made: datetime) -> None:
        self.boot = boot_name()
        self.made = self.floor = made
        self._looked = -_LOOK_AGAIN
        self._synchronised = False

    def now(self) -> Moment:
        """Return this instant; the kernel is asked at most once a second whether it is synchronised."""
        mono = time.monotonic()
        wall = datetime.now(UTC)
        if mono - self._looked >= _LOOK_AGAIN:
            self._looked = mono
            self._synchronised = kernel_synchronised()
        if wall < self.made or (wall < self.floor and not self._synchronised):
            return Moment(mono, wall, Quality.WRONG)
        return Moment(mono, wall, Quality.SYNCHRONISED if self._synchronised else Quality.UNSURE)

    def real(self, seconds: float) -> float:
        """Return `seconds`: this clock runs as life does."""
        return seconds


class Stamp(NamedTuple):
    """A moment as it is written down: which boot, monotonic seconds, wall time in UTC (RFC 3339), and how good that is."""

    boot: str
    mono: float
    wall: str
    clock: str


def stamp(boot: str, at: Moment) -> Stamp:
    """Return `at` as it is written down."""
    return Stamp(boot, round(at.mono, 3), at.wall.isoformat(timespec="milliseconds").replace("+00:00", "Z"), at.quality.value)
