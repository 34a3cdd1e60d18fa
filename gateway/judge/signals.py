"""How well each device is heard, hour by hour, kept for weeks. Pure.

    heard(device, dBm) ... heard(device, dBm)    a count per strength, in memory
    ─────────── the hour is over ───────────▶    one row per device: packets, worst, median, battery

A home of ten devices makes ten rows of some forty bytes an hour, written with the next batch of
readings.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from gateway.words.clock import Moment
from gateway.words.reading import DeviceId

HOUR = 3600.0
WAITING = 2000  # rows that wait for a batch, the oldest forgotten first
KEPT_DAYS = 70  # for which rows are kept: ten weeks


class Row(NamedTuple):
    """One hour of one device.

    `hour` counts from 1970; strengths are dBm, 0 where there are none (a wire); battery is a
    percentage.

    `minutes` has a bit for each minute in which it was heard, the lowest for the first.
    """

    hour: int
    device: DeviceId
    packets: int
    worst: int
    median: int
    battery: float | None
    minutes: int = 0


class _Hour(Struct):
    packets: int = 0
    minutes: int = 0
    # dBm -> packets; a radio knows some hundred strengths
    strengths: dict[int, int] = {}


class Signals:
    """The hour that runs, and the rows that wait to be written."""

    def __init__(self) -> None:
        self._hours: dict[DeviceId, _Hour] = {}
        self._batteries: dict[DeviceId, float] = {}
        self._hour = 0
        self._ends = 0.0  # monotonic second
        self._began = 0.0  # of the wall clock's hour, by the monotonic clock
        self._waiting: list[Row] = []

    def heard(self, device: DeviceId, strength: int, now: Moment) -> None:
        """Count one packet; `strength` in dBm, 0 where there is none."""
        if now.mono >= self._ends:
            self._over(now)
        hour = self._hours.get(device)
        if hour is None:
            hour = self._hours[device] = _Hour()
        hour.packets += 1
        hour.minutes |= 1 << max(0, min(59, int((now.mono - self._began) // 60)))
        if strength:
            hour.strengths[strength] = hour.strengths.get(strength, 0) + 1

    def battery(self, device: DeviceId, percent: float) -> None:
        """Remember what a device says of its battery."""
        self._batteries[device] = percent

    def charge(self, device: DeviceId) -> float | None:
        """Return the battery percentage that a device said last since the start, or None."""
        return self._batteries.get(device)

    def unwritten(self, device: DeviceId) -> dict[int, int]:
        """Return the minutes in which a device was heard, by hour, that are not written yet.

        There are at most as many as a batch is apart from the next.
        """
        out = {row.hour: row.minutes for row in self._waiting if row.device == device}
        if (running := self._hours.get(device)) is not None:
            out[self._hour] = out.get(self._hour, 0) | running.minutes
        return out

    def take(self, now: Moment, *, unfinished: bool = False) -> list[Row]:
        """Return the rows that wait, with `unfinished` also those of the hour that runs."""
        if unfinished or now.mono >= self._ends:
            self._over(now)
        rows, self._waiting = self._waiting, []
        return rows

    def _over(self, now: Moment) -> None:
        for device, hour in self._hours.items():
            worst, middle = min(hour.strengths, default=0), _median(hour.strengths)
            self._waiting.append(
                Row(
                    self._hour,
                    device,
                    hour.packets,
                    worst,
                    middle,
                    self._batteries.get(device),
                    hour.minutes,
                )
            )
        del self._waiting[:-WAITING]
        self._hours = {}
        wall = now.wall.timestamp()
        self._hour = int(wall // HOUR)
        self._began = now.mono - wall % HOUR
        self._ends = self._began + HOUR


def _median(counts: dict[int, int]) -> int:
    left = (sum(counts.values()) + 1) // 2
    for strength in sorted(counts):
        left -= counts[strength]
        if left <= 0:
            return strength
    return 0
