"""Low batteries: said again every week, and from two weeks on as a work order. Pure.

Both count seconds of running, over all starts, or the time that the clock proves where that is
more: a home with a wrong clock whose power goes each night hears of its batteries too.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from gateway.words.reading import DeviceId
from gateway.words.rows import good, named
from gateway.words.times import Times

# battery % that begins and ends a low battery; the gap keeps it from flapping
LOW_AT, WELL_AT = (15.0, 25.0)


Low = float | tuple[float, float]  # seconds since it was said, or since it began and was said


class Batteries:
    """When each low battery began and was said last, in monotonic seconds of this boot.

    Bound: the devices of the home.
    """

    def __init__(self) -> None:
        self._began: dict[DeviceId, float] = {}
        self._said: dict[DeviceId, float] = {}
        # s since it began, and was said, as they were kept before the start
        self._kept: dict[DeviceId, tuple[float, float]] = {}

    def start(self, now: float, known: Mapping[DeviceId, tuple[float, float]]) -> None:
        """Go on with what was low before a start.

        `known` has for how long, and how long ago it was said, in seconds, as far as the clock
        proves it.
        """
        for device, (lasts, said) in known.items():
            lasted, ago = self._kept.get(device, (0.0, 0.0))
            self._began[device], self._said[device] = now - max(lasts, lasted), now - max(said, ago)

    def begins(self, device: DeviceId, now: float) -> None:
        """Take that a low battery is told."""
        self._began[device] = self._said[device] = now

    def over(self, device: DeviceId) -> None:
        """Take that it is replaced, or that the device is gone."""
        self._began.pop(device, None)
        self._said.pop(device, None)

    def due(self, now: float, times: Times) -> list[tuple[DeviceId, bool]]:
        """Return the devices to be told of again, and take them as told.

        Each comes with whether somebody is to be sent.
        """
        out = [
            device for device, said in self._said.items() if now - said >= times.low_battery_again
        ]
        for device in out:
            # The week goes on from when it was due, not from when we looked; after a long time off
            # it is said once.
            self._said[device] += times.low_battery_again * (
                (now - self._said[device]) // times.low_battery_again
            )
        return [(device, now - self._began[device] >= times.work_order) for device in out]

    def mark(self, now: float) -> dict[DeviceId, tuple[int, int]]:
        """Return what has to be remembered over a restart."""
        return {
            d: (round(max(0.0, now - self._began[d])), round(max(0.0, now - said)))
            for d, said in self._said.items()
        }

    def restored(self, mark: msgspec.Raw) -> None:
        """Take up what was remembered. An earlier version kept only when each was said."""
        rows: dict[str, msgspec.Raw] = next(good((mark,), dict[DeviceId, msgspec.Raw]), {})
        for of, one in named(rows, Low).items():
            lasts, ago = one if isinstance(one, tuple) else (0.0, one)
            self._kept[of] = max(0.0, lasts), max(0.0, ago)
