"""Who has been silent for how long: counted in seconds in which the gateway could have heard it.

A second in which this box was off, or in which the receiver of a device was gone, is no silence of
that device. What had been counted goes on after a restart, whatever the clock says: a home whose
power fails each night hears of a dead sensor too.

`heard_at` is when each device was heard, by the monotonic clock; the intake writes it. Of the
seconds since then `_lost` do not count. Devices behind a receiver that is missing are not told one
by one: the receiver's fault names them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from math import inf
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from gateway.judge.waits import WAITS
from gateway.words.bounds import Seconds
from gateway.words.reading import DeviceId
from gateway.words.rows import named

if TYPE_CHECKING:
    from gateway.words.clock import Moment

NAMED = 20  # devices that the fault of a receiver names


class Supervised(Struct, frozen=True, kw_only=True):
    """One device as supervision sees it.

    `missing_after` is in seconds of silence, None = it cannot be supervised. Its silence is shown
    from then on, and told from `told_after` on (None: as soon as it is shown). `via` is the
    receiver it is heard through, `radio` whether that is the box's own Bluetooth; `worn` a button
    without a wire that calls for help, which goes out with whoever wears it; `shared`: others live
    in this home, and who moves there need not be its wearer; `slow` a vital one whose silence is
    noticed the next day only.
    """

    device: DeviceId
    room: str = ""
    missing_after: float | None = None
    vital: bool = False  # an SOS button, fall or smoke detector: its silence is a P2
    slow: bool = False
    via: str = ""
    told_after: float | None = None
    radio: bool = False
    worn: bool = False
    shared: bool = False

    @property
    def tells_after(self) -> float:
        """Seconds of silence from which somebody is told; 0 where it cannot be supervised."""
        return self.told_after or self.missing_after or 0.0


class _Lost(Struct):
    """Seconds since a device was heard, at `since`, that do not count: until it is heard again."""

    since: float
    seconds: float = 0.0


class Silences(Struct):
    """The silences of all devices."""

    devices: Mapping[DeviceId, Supervised]
    heard_at: dict[DeviceId, float] = {}
    _lost: dict[DeviceId, _Lost] = {}
    _cut: dict[DeviceId, float] = {}
    # receivers that were missing at the last look
    _deaf: set[DeviceId] = set()
    _began: float = 0.0
    _looked: float = 0.0
    _marked: float = -inf

    def start(
        self,
        now: Moment,
        counted: Mapping[DeviceId, float],
        ago: Mapping[DeviceId, float],
        missing: Iterable[DeviceId],
    ) -> None:
        """Take up the silences counted before a restart.

        `ago`: how many seconds ago each device was heard, where that is known.
        """
        self._began = self._looked = now.mono
        for device, supervised in self.devices.items():
            limit = supervised.tells_after
            # An earlier version did not count: then it has `hear_first` to be heard in.
            silent = counted.get(
                device, min(ago.get(device, 0.0), max(0.0, limit - WAITS.hear_first))
            )
            if device in missing:
                silent = max(silent, limit)
            heard = now.mono - max(silent, ago.get(device, 0.0))
            self.heard_at[device] = heard
            self._lost[device] = _Lost(heard, now.mono - heard - silent)

    def change(
        self, devices: Mapping[DeviceId, Supervised], other: set[DeviceId], now: Moment
    ) -> None:
        """Go on with other devices; `other` are those whose hardware is another now."""
        for gone in [d for d in self.heard_at if d not in devices]:
            del self.heard_at[gone]
        for device in devices:
            if device in other or device not in self.heard_at:
                self.heard_at[device] = now.mono
        self._lost = {d: lost for d, lost in self._lost.items() if d in devices}
        self.devices = devices

    def of(self, device: DeviceId, now: Moment) -> float:
        """Return for how long a device has been silent, in seconds that count."""
        heard, lost = self.heard_at[device], self._lost.get(device)
        return (
            now.mono - heard - (lost.seconds if lost is not None and lost.since == heard else 0.0)
        )

    def mark(self, now: Moment, *, anew: bool = False) -> str:
        """Return what has to be remembered over a restart, "" where that was a moment ago."""
        if not anew and now.mono - self._marked < WAITS.mark_soonest:
            return ""
        self._marked = now.mono
        heard = (device for device in self.devices if device in self.heard_at)
        return msgspec.json.encode({d: round(self.of(d, now)) for d in heard}).decode()

    def since_start(self, now: Moment) -> dict[DeviceId, float]:
        """Return how many seconds ago each device was heard that was heard since the start."""
        return {device: now.mono - at for device, at in self.heard_at.items() if at > self._began}

    def cut(self, gone: Iterable[DeviceId], now: Moment) -> None:
        """Take which devices' lines or brokers are not there now."""
        self._cut = {device: self._cut.get(device, now.mono) for device in gone}

    def look(self, now: Moment, on: set[DeviceId]) -> tuple[list[DeviceId], list[DeviceId]]:
        """Return (devices that are missing, devices that are heard) at one look.

        `on` are those that somebody was told of before it. Who is missing is not yet to be told:
        see `is_due`.
        """
        missing: list[DeviceId] = []
        heard: list[DeviceId] = []
        for device, supervised in self.devices.items():
            if supervised.missing_after is None or supervised.via in on:
                continue
            (missing if self._missing(supervised, now) else heard).append(device)
        deaf, passed = {*missing, *on} - {*heard}, now.mono - self._looked
        for device, supervised in self.devices.items():
            if (via := supervised.via) in deaf:
                self._lose(
                    device,
                    passed if via in self._deaf | on else max(passed, self.of(via, now)),
                    now,
                )
        self._looked, self._deaf = now.mono, deaf
        # A receiver that is found missing in this very look takes those behind it out of it.
        told = [
            d
            for d in missing
            if d in on or (self.devices[d].via not in deaf and not self._excused(d, now))
        ]
        return told, heard

    def is_due(
        self, device: DeviceId, now: Moment, *, since: float = -inf, longer: float = 1.0
    ) -> bool:
        """Say whether somebody is to be told of a missing device.

        `since`: silence before that second does not count. `longer`: so many times its limit it may
        be silent. A receiver behind which a life hangs on a device is told as soon as it is
        missing: none of them can call.
        """
        one, gone = self.devices[device], self._cut.get(device)
        hangs = any(other.vital for other in self.behind(device))
        limit = self._tells_after(one)
        if gone is not None and now.mono - gone >= (
            WAITS.line_cut if hangs else min(limit, WAITS.line_silent)
        ):
            return True
        return min(self.of(device, now), now.mono - since) >= limit * longer

    def behind(self, receiver: DeviceId) -> list[Supervised]:
        """Return the devices that are heard through this one."""
        return behind_of(receiver, self.devices)

    def _missing(self, one: Supervised, now: Moment) -> bool:
        gone = self._cut.get(one.device)
        return self.of(one.device, now) >= (one.missing_after or 0.0) or (
            gone is not None and now.mono - gone >= WAITS.line_cut
        )

    def _tells_after(self, one: Supervised) -> float:
        hangs = any(other.vital for other in self.behind(one.device))
        return (one.missing_after or 0.0) if hangs else one.tells_after

    def _excused(self, device: DeviceId, now: Moment) -> bool:
        """Say whether a device may still show that it lives: the gateway has just started."""
        limit = self._tells_after(self.devices[device])
        first = min(WAITS.hear_first, limit)
        return (
            now.mono - self._began < first
            and self.of(device, now) < limit + first
            and device not in self._cut
        )

    def _lose(self, device: DeviceId, seconds: float, now: Moment) -> None:
        heard, lost = self.heard_at[device], self._lost.get(device)
        if lost is None or lost.since != heard:
            lost = self._lost[device] = _Lost(heard)
        lost.seconds += min(seconds, self.of(device, now))


def behind_of(receiver: DeviceId, devices: Mapping[DeviceId, Supervised]) -> list[Supervised]:
    """Return those of `devices` that are heard through this one."""
    return [one for one in devices.values() if one.via == receiver]


def read(text: str) -> dict[DeviceId, float]:
    """Return the seconds that such a mark holds; nothing of one that is damaged."""
    with contextlib.suppress(ValueError, RecursionError):
        found = named(msgspec.json.decode(text, type=dict[DeviceId, msgspec.Raw]), Seconds)
        return {device: min(seconds, WAITS.silence_most) for device, seconds in found.items()}
    return {}
