"""Plays a recorded day instead of radios and lines, through the same entrances, faster than life.

A day is a text file, one thing a line (`#` begins a comment):

    date 2026-03-02T00:00:00+08:00      midnight of the day
    begins 05:30:00                     where in the day the recording begins; else at midnight
    06:12:30.5 ble B4:35:22:F5:3D:A4 -61 fcd2=40005201643a01 name=SBBT-002C
    06:13:00 serial /dev/serial/by-id/radar 53598301000101325443    as the line delivered them
    06:14:00 open /dev/serial/by-id/radar                           the line was opened
    06:00:00 every 60 until 22:00:00 serial ...                     the same again and again
    07:00:00 pace 600                   seconds of the day per real second from here on
    07:10:00 say anything               written to the log as it stands, for who watches

The day's clock waits for the day: it never passes a packet that was not played yet. A machine that
is busy for a moment makes the day longer, and no device falls silent by it.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gateway.hear.waits import WAITS
from gateway.words.clock import Moment, Quality
from gateway.words.driver import Advertisement, Chunk, uuid16

LOG = logging.getLogger("eldercare")
LARGEST = 4 * 1024 * 1024  # bytes of a day's file
SHORTEST = 0.001  # seconds of `every`
FASTEST = 1e6  # seconds of the day per real second


class BadDay(Exception):
    """A line of a recorded day cannot be read; the text says which and what was expected."""


class Happening(Struct, frozen=True, order=True):
    """One thing of the day: at `at` seconds after its beginning."""

    at: float
    line: int
    what: str
    rest: tuple[str, ...] = ()
    every: float = 0.0
    until: float = 0.0


class ReplayClock:
    """A clock that runs at the day's pace. On the event loop.

    Its monotonic time goes on from the machine's, so that a restart never goes back.
    """

    def __init__(self, begins: datetime, boot: str) -> None:
        self.boot = boot
        self.floor = begins
        self.why: Mapping[str, str | int] = {}
        self.pace = 1.0
        self._begins = begins
        self._started = self._since = self._mono = time.monotonic()
        self._most = inf  # mono of what is played next

    def now(self) -> Moment:
        """Return the day's instant."""
        mono = min(self._mono + (time.monotonic() - self._since) * self.pace, self._most)
        return Moment(
            mono, self._begins + timedelta(seconds=mono - self._started), Quality.SYNCHRONISED
        )

    def real(self, seconds: float) -> float:
        """Return the real seconds that `seconds` of the day take, at most `replay_look`.

        The pace may change meanwhile.
        """
        return min(seconds / self.pace, WAITS.replay_look)

    def proved(self, now: Moment) -> Moment:
        """Return `now`: a recorded day has the right time."""
        return now

    def shown(self, begins: float | None, ends: float | None) -> None:
        """Take a certificate's dates, which say nothing of a recorded day."""

    def marks(self) -> dict[str, str]:
        """Return nothing: a recorded day proves no time."""
        return {}

    def restored(self, floor: str, agreeing: str) -> None:
        """Take over nothing."""

    def run_at(self, pace: float) -> None:
        """Go on at another pace from this instant."""
        self._mono = self.now().mono
        self._since = time.monotonic()
        self.pace = pace

    def wait_for(self, into: float) -> None:
        """Stop `into` seconds after the beginning until this is called again; inf = run on."""
        self.run_at(self.pace)
        self._most = max(self._started + into, self._mono)

    def ahead(self) -> float:
        """Return the seconds until the clock is where it has to wait; 0 when it is there."""
        return self._most - self.now().mono


class Replay:
    """A recorded day, played by `run` on the event loop.

    Raises BadDay when it is made from a file that is not one.
    """

    def __init__(self, path: Path) -> None:
        self.midnight = datetime.now(UTC)
        self.first = 0.0  # seconds after midnight at which the recording begins
        self.happenings: list[Happening] = []
        for number, line in enumerate(_read(path).splitlines(), 1):
            words = line.split("#")[0].split() if " say " not in line else line.split()
            if not words:
                continue
            try:
                self._take(number, words)
            except (ValueError, IndexError) as error:
                why = "something is missing at its end" if isinstance(error, IndexError) else error
                raise BadDay(
                    f"{path}, line {number}: {line.strip()!r}: {why};"
                    " see the head of gateway/hear/replay.py for the form"
                ) from error
        self.happenings.sort()

    def _take(self, number: int, words: list[str]) -> None:
        if words[0] == "date":
            midnight = datetime.fromisoformat(words[1])
            # near its ends the calendar has no room for a time zone
            if not 2000 <= midnight.year < 2100:
                raise ValueError(f"a year from 2000 to 2099 was expected, not {midnight.year}")
            self.midnight = midnight.astimezone(UTC)
            return
        if words[0] == "begins":
            self.first = _seconds(words[1])
            return
        at, rest = _seconds(words[0]), words[1:]
        every = until = 0.0
        if rest[0] == "every":
            if rest[2] != "until":
                raise ValueError(
                    f"`every 60 until 22:00:00` was expected, not {' '.join(rest[:4])!r}"
                )
            every, until, rest = float(rest[1]), _seconds(rest[3]), rest[4:]
            if not SHORTEST <= every < inf:
                raise ValueError(
                    f"`every` needs seconds above 0: at least {SHORTEST:g},"
                    " or the day would never end"
                )
        happening = Happening(at, number, rest[0], tuple(rest[1:]), every, until)
        if happening.what in {"ble", "serial", "open"}:
            packet(happening)  # refuse it now rather than in the middle of the day
        elif happening.what == "pace":
            if not 0 < float(rest[1]) <= FASTEST:
                raise ValueError(f"a pace is above 0, and at most {FASTEST:g}")
        elif happening.what != "say":
            raise ValueError(
                f"nothing is called {happening.what!r}: ble, serial, open, pace and say are known"
            )
        self.happenings.append(happening)

    def clock(self, boot: str) -> ReplayClock:
        """Return a clock that begins with the recording."""
        return ReplayClock(self.midnight + timedelta(seconds=self.first), boot)

    def in_order(self) -> Iterator[Happening]:
        """Yield the day in order, repeated things at each of their times."""
        queue = list(self.happenings)
        heapq.heapify(queue)
        while queue:
            happening = heapq.heappop(queue)
            yield happening
            again = happening.at + happening.every
            if happening.every and again <= happening.until:
                heapq.heappush(queue, replace(happening, at=again))

    async def run(
        self,
        clock: ReplayClock,
        advert: Callable[[Advertisement], None],
        chunk: Callable[[Chunk], object],
    ) -> None:
        """Play the day once, then let the clock run as life does."""
        for happening in self.in_order():
            clock.wait_for(happening.at - self.first)
            ahead = clock.ahead()
            while ahead > 0:
                await asyncio.sleep(clock.real(ahead))
                ahead = clock.ahead()
            if happening.what == "pace":
                clock.run_at(float(happening.rest[0]))
            elif happening.what == "say":
                LOG.info("day %s %s", _clock_text(happening.at), " ".join(happening.rest))
            else:
                found = packet(happening)
                if isinstance(found, Advertisement):
                    advert(found)
                else:
                    chunk(found)
        clock.run_at(1.0)
        clock.wait_for(inf)
        LOG.info("day over")
        await asyncio.Event().wait()


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise BadDay(f"{path}: larger than {LARGEST} bytes")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadDay(
            f"{path}: {error.strerror}:"
            " a recorded day was expected here ([replay] file in the configuration)"
        ) from error
    except UnicodeDecodeError as error:
        raise BadDay(f"{path}: not UTF-8 text at byte {error.start}: save it as UTF-8") from error


def packet(happening: Happening) -> Advertisement | Chunk:
    """Return what the radio or the line delivered. ValueError: the line's form is wrong."""
    rest = happening.rest
    if happening.what == "open":
        return Chunk(port=rest[0], data=b"", opened=True)
    if happening.what == "serial":
        return Chunk(port=rest[0], data=bytes.fromhex(rest[1]))
    services: dict[str, bytes] = {}
    makers: dict[int, bytes] = {}
    name = None
    for word in rest[2:]:
        key, _, value = word.partition("=")
        if key == "name":
            name = value
        elif re.fullmatch("[0-9a-f]{4}", key):
            services[uuid16(int(key, 16))] = bytes.fromhex(value)
        elif re.fullmatch("company:[0-9a-f]{4}", key):
            makers[int(key[8:], 16)] = bytes.fromhex(value)
        else:
            raise ValueError(f"{word!r} is not name=..., fcd2=hex or company:0ba9=hex")
    return Advertisement(
        address=rest[0].upper(),
        rssi=int(rest[1]),
        name=name,
        service_data=services,
        manufacturer_data=makers,
        adapter="replay",
    )


def _seconds(text: str) -> float:
    if not re.fullmatch(r"\d{1,2}:[0-5]\d:[0-5]\d(\.\d+)?", text):
        raise ValueError(f"{text!r} is not a time such as 06:12:30")
    hours, minutes, seconds = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _clock_text(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"
