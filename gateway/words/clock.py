"""Two times that are never mixed: `mono` to measure with, `wall` to tell people.

All waiting is measured on the monotonic clock, so a wall clock that is wrong by years, jumps or is
missing moves no alarm. How good the wall clock is travels with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import math
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple, Protocol

from msgspec import Meta, Struct
from msgspec.structs import replace

from gateway.words.bounds import Id
from gateway.words.waits import WAITS


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
        return Moment(
            mono,
            datetime.fromtimestamp(self.wall.timestamp() + mono - self.mono, UTC),
            self.quality,
        )


class Clock(Protocol):
    """What tells the time. `boot` names the power-up: monotonic times compare only within one."""

    boot: str

    @property
    def floor(self) -> datetime:
        """The newest time that is proved."""
        ...

    @property
    def why(self) -> Mapping[str, str | int]:
        """Why a time server is not believed; empty where it is."""
        ...

    def now(self) -> Moment:
        """Return this instant."""
        ...

    def proved(self, now: Moment) -> Moment:
        """Return `now` by the time that is certainly over."""
        ...

    def shown(self, begins: float | None, ends: float | None) -> None:
        """Take the dates of a certificate that is signed by whom we trust."""
        ...

    def marks(self) -> dict[str, str]:
        """Return what of the time has to outlive this process."""
        ...

    def restored(self, floor: str, agreeing: str) -> None:
        """Take over such marks."""
        ...

    def real(self, seconds: float) -> float:
        """Return how many real seconds `seconds` of this clock take; a replay runs faster."""
        ...


# struct timex is 208 bytes on 64-bit and 128 on 32-bit Linux; zeroed = modes 0 = only read
_ADJTIMEX_BYTES = 512
_TIME_ERROR = 5  # adjtimex(2): clock not synchronised
LATEST = datetime(2200, 1, 1, tzinfo=UTC).timestamp()  # no mark of the time is later than this
SPEED = 24.0  # times as fast as time passes: so `floor` follows a time server at most


def kernel_synchronised() -> bool:
    """Say whether the kernel's clock is disciplined by a time server (adjtimex(2), read only)."""
    state: int = ctypes.CDLL(None, use_errno=True).adjtimex(
        ctypes.create_string_buffer(_ADJTIMEX_BYTES)
    )
    return state not in (-1, _TIME_ERROR)


def boot_name() -> str:
    """Return a short name of this power-up (first 12 digits of the kernel's random boot id)."""
    return (
        Path("/proc/sys/kernel/random/boot_id")
        .read_text(encoding="ascii")
        .strip()
        .replace("-", "")[:12]
    )


class Agreement:
    """What is proved of the time. Monotonic and wall seconds go in, how good the wall is comes out.

    `floor` is the newest time that is proved. A time server is believed at once as long as it is at
    most `clock_leap` away from that; what is further away needs a day of it saying so, over
    restarts where need be. So one that lies by years deletes nothing, lets nothing expire, and
    nothing is late for ever once the lie is mended. `floor` itself follows at most SPEED times as
    fast as time passes, or after the day, and goes back only after a day. The first word of all is
    believed: there is nothing yet that it could spoil.
    """

    def __init__(self, made: float) -> None:
        self.made = self.floor = (
            made  # nothing before `made` can be right: the software is not older
        )
        self.why: dict[str, str | int] = {}  # why a time server is not believed, for people
        self._first = True
        self._at: float | None = None  # monotonic second at which it was `floor`
        # what is being agreed to: wall - mono, since when, seconds before that
        self._said: tuple[float, float, float] | None = None
        # what an earlier boot heard last: wall second, and for how long it had agreed to that
        self._earlier = (0.0, 0.0)
        self._certificate_ends: float | None = None

    def restored(self, floor: float, earlier: tuple[float, float] = (0.0, 0.0)) -> None:
        """Take over what an earlier life has proved, and what it was about to believe."""
        if floor >= self.made:
            self.floor, self._first = floor, False
        self._earlier = earlier

    def kept(self, mono: float) -> tuple[float, float]:
        """Return what is being agreed to, for a later life: (wall second, for how many seconds)."""
        return self._earlier if self._said is None else (self._said[0] + mono, self._gathered(mono))

    def shown(self, begins: float | None, ends: float | None, mono: float, wall: float) -> None:
        """Take the dates of a certificate that an authority we trust has signed.

        The time cannot be before it was signed.
        """
        self._certificate_ends = ends
        if begins is not None and self.proved(mono) < begins <= wall and self._said is not None:
            self.floor, self._at = begins, mono

    def proved(self, mono: float) -> float:
        """Return the wall second that is certainly over."""
        return self.floor + max(0.0, mono - self._at) if self._at is not None else self.floor

    def judged(self, mono: float, wall: float, agreed: bool) -> Quality:
        """Say how good `wall` is. `agreed`: a time server says so."""
        self._at = mono if self._at is None else self._at
        if wall < self.made or not agreed:
            self._earlier, self._said, self.why = self.kept(mono), None, {}
            return Quality.WRONG if wall < self.floor else Quality.UNSURE
        ahead, back = wall - self.proved(mono), self.floor - wall
        if (
            self._first
            or (back <= 0 and ahead <= WAITS.clock_step)
            or self._is_agreed(
                mono,
                wall,
                WAITS.clock_agreed if back > 0 else min(WAITS.clock_agreed, ahead / SPEED),
            )
        ):
            self.floor, self._at, self._first = wall, mono, False
            self._said, self._earlier, self.why = None, (0.0, 0.0), {}
            return Quality.SYNCHRONISED
        away = max(ahead, back)
        if away <= WAITS.clock_leap:
            self.why = {}
            return Quality.SYNCHRONISED
        self.why = {
            "why": "leap",
            "days": round((ahead if back <= 0 else -back) / 86400),
            "proved": _utc(self.floor),
        }
        return Quality.UNSURE if back <= 0 else Quality.WRONG

    def _is_agreed(self, mono: float, wall: float, needed: float) -> bool:
        """Say whether time servers have said so for long enough.

        A certificate of ours that would have ended speaks against it.
        """
        if self._said is None or abs(wall - mono - self._said[0]) > WAITS.clock_step:
            heard, seconds = self._earlier
            goes_on = heard <= wall <= heard + 2 * WAITS.clock_agreed  # the box was off for a while
            self._said = (wall - mono, mono, seconds if goes_on and self._said is None else 0.0)
            self._earlier = (0.0, 0.0)
        ends = self._certificate_ends
        ended = (
            ends is not None and self.floor < ends < wall and wall - self.floor > WAITS.clock_leap
        )
        return self._gathered(mono) >= needed and not ended

    def _gathered(self, mono: float) -> float:
        return mono - self._said[1] + self._said[2] if self._said is not None else 0.0


class SystemClock:
    """The machine's clocks, judged by `Agreement`. `made` is when the software was made."""

    def __init__(self, made: datetime) -> None:
        self.boot = boot_name()
        self.agreement = Agreement(made.timestamp())
        self._looked = -math.inf
        self._synchronised = False

    @property
    def floor(self) -> datetime:
        """The newest time that is proved."""
        return datetime.fromtimestamp(self.agreement.floor, UTC)

    @property
    def why(self) -> Mapping[str, str | int]:
        """Why a time server is not believed; empty where it is."""
        return self.agreement.why

    def now(self) -> Moment:
        """Return this instant.

        The kernel is asked at most once a second whether its clock is synchronised.
        """
        mono, wall, agreed = self._read()
        return Moment(mono, wall, self.agreement.judged(mono, wall.timestamp(), agreed))

    def _read(self) -> tuple[float, datetime, bool]:
        mono = time.monotonic()
        wall = datetime.now(UTC)
        if mono - self._looked >= WAITS.clock_look:
            self._looked = mono
            self._synchronised = kernel_synchronised()
        return mono, wall, self._synchronised

    def proved(self, now: Moment) -> Moment:
        """Return `now` by the time that is certainly over."""
        wall = min(now.wall.timestamp(), self.agreement.proved(now.mono))
        return now._replace(wall=datetime.fromtimestamp(wall, UTC))

    def shown(self, begins: float | None, ends: float | None) -> None:
        """Take the dates of the broker's certificate, whose chain was checked."""
        now = self.now()
        self.agreement.shown(begins, ends, now.mono, now.wall.timestamp())

    def marks(self) -> dict[str, str]:
        """Return what has to outlive this process."""
        heard, seconds = self.agreement.kept(self.now().mono)
        return {"floor": self.floor.isoformat(), "agreeing": f"{heard:.0f} {seconds:.0f}"}

    def restored(self, floor: str, agreeing: str) -> None:
        """Take over such marks. What is not one is passed over."""
        with contextlib.suppress(ValueError, OverflowError):
            heard, _, seconds = agreeing.partition(" ")
            earlier = (
                (float(heard), min(float(seconds), WAITS.clock_agreed)) if seconds else (0.0, 0.0)
            )
            proved = datetime.fromisoformat(floor).timestamp()
            if all(math.isfinite(n) and n < LATEST for n in (proved, *earlier)):
                self.agreement.restored(proved, earlier)

    def real(self, seconds: float) -> float:
        """Return `seconds`: this clock runs as life does."""
        return seconds


def _utc(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class When(Struct, frozen=True, forbid_unknown_fields=True):
    """A moment as it is written: boot, monotonic seconds, UTC (RFC 3339), and how good that is."""

    boot: Id
    mono: float
    wall: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z\Z")]
    clock: Quality


def bridged(at: When, alive: When | None, now: Moment) -> float:
    """Return the seconds that put monotonic times of the boot of `at` on this boot's clock.

    They are to be added. `alive` is when the gateway was last known to run. The time without power
    counts as far as it is known: where a time server had confirmed the clock before and has after
    it.
    """
    seen = alive if alive is not None and alive.boot == at.boot and alive.mono >= at.mono else at
    dark = 0.0
    if now.quality is Quality.SYNCHRONISED and seen.clock == Quality.SYNCHRONISED:
        dark = max(0.0, (now.wall - datetime.fromisoformat(seen.wall)).total_seconds())
    return now.mono - dark - seen.mono


def on_boot(at: When, alive: When | None, now: Moment, boot: str) -> When:
    """Return a moment with its monotonic seconds on this boot's clock; its wall time stays."""
    return (
        at
        if at.boot == boot
        else replace(at, boot=boot, mono=round(at.mono + bridged(at, alive, now), 3))
    )


@functools.lru_cache(16)  # of a reading: in its proof, its alarm, its call, its entry
def stamp(boot: str, at: Moment) -> When:
    """Return `at` as it is written down."""
    return When(
        boot,
        round(at.mono, 3),
        at.wall.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        at.quality,
    )
