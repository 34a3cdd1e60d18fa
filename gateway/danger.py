"""Readings -> dangers: a judgement that somebody may need help. Pure; time comes in with the readings and with `tick`.

Nothing is inferred from silence: a door or bed is unknown until it is heard. A level (fall, smoke) is a danger when it begins; a
button press is a danger each time. A fall level that ends only clears the condition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time, tzinfo
from math import inf

from gateway import kind as kinds
from gateway.clock import Moment, Quality
from gateway.reading import NOT_A_CALL, DeviceId, Kind, Reading
from gateway.times import Times

SOS, HELP, CANCEL, NOTHING = "sos", "help", "cancel", "nothing"
ROLES = (SOS, HELP, CANCEL, NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What the household wants of one device. `buttons` maps a button's index to its role; one not named has the make's."""

    device: DeviceId
    room: str = ""
    buttons: Mapping[int, str] = field(default_factory=dict)
    unnamed: str = SOS
    bed: bool = False  # its occupancy is that of the bed
    left_open: float = 0.0  # seconds after which its door counts as left open; 0 = not watched
    off: frozenset[str] = frozenset()  # of OPTIONAL: what is not judged in this home


@dataclass(frozen=True, slots=True)
class Danger:
    """Somebody may need help. `grace` is the time in which the resident may cancel; `evidence` is what it rests on."""

    kind: str
    device: DeviceId
    room: str
    at: Moment
    grace: float
    evidence: tuple[Reading, ...]


@dataclass(frozen=True, slots=True)
class Cleared:
    """The condition of a danger has ended. `by_resident`: the resident's own act ended it (came back to bed)."""

    kind: str
    device: DeviceId
    at: Moment
    by_resident: bool = False


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The resident pressed the button that says: I am well."""

    device: DeviceId
    at: Moment


Judgement = Danger | Cleared | Cancelled

_LEVELS: Mapping[Kind, str] = {
    Kind.FALL: kinds.FALL,
    Kind.STAY_STILL: kinds.STAY_TOO_LONG,
    Kind.SMOKE: kinds.SMOKE,
    Kind.GAS: kinds.GAS,
    Kind.CO: kinds.CO,
    Kind.MOISTURE: kinds.WATER,
}
# What a home may do without, by a technician's word. A call, a fall, fire and gas are always judged.
OPTIONAL = (kinds.STAY_TOO_LONG, kinds.BED_EXIT, kinds.DOOR_LEFT_OPEN, kinds.WATER)
JUDGED = frozenset({Kind.BUTTON, Kind.CONTACT_OPEN, Kind.OCCUPANCY, Kind.PRESENCE, *_LEVELS})


class Judge:
    """Remembers, per device, which conditions are on and since when a door is open or a bed empty."""

    def __init__(self, watches: Mapping[DeviceId, Watch], times: Times, zone: tzinfo, night: tuple[time, time]) -> None:
        self._watches = watches
        self._times = times
        self._zone = zone
        self._night = night
        self._active: set[tuple[str, DeviceId]] = set()
        self._open_since: dict[DeviceId, Reading] = {}
        self._in_bed: dict[DeviceId, bool] = {}
        self._left_bed: dict[DeviceId, Reading] = {}

    def restore(self, active: set[tuple[str, DeviceId]]) -> None:
        """Take over conditions that were on before a restart, so that the same level heard again is not a new danger."""
        self._active = set(active)

    def rewatch(
        self, watches: Mapping[DeviceId, Watch], times: Times, zone: tzinfo, night: tuple[time, time], other: set[DeviceId]
    ) -> None:
        """Go on by changed wishes. What is known of devices stays, but for those that are gone or are `other` hardware now."""
        self._watches, self._times, self._zone, self._night = watches, times, zone, night
        here = {d for d in watches if d not in other}
        self._active = {(kind, d) for kind, d in self._active if d in here}
        doors, beds = {d for d in here if watches[d].left_open}, {d for d in here if watches[d].bed}
        nights = {d for d in beds if kinds.BED_EXIT not in watches[d].off}
        self._open_since = {d: r for d, r in self._open_since.items() if d in doors}
        self._in_bed = {d: was for d, was in self._in_bed.items() if d in beds}
        self._left_bed = {d: r for d, r in self._left_bed.items() if d in nights}

    def heard(self, reading: Reading) -> list[Judgement]:
        """Judge one reading."""
        watch = self._watches.get(reading.device)
        if watch is None or reading.kind not in JUDGED:
            return []
        if reading.kind is Kind.BUTTON:
            return self._pressed(watch, reading)
        if reading.kind is Kind.CONTACT_OPEN:
            return self._door(watch, reading)
        if reading.kind in _LEVELS:
            return self._level(watch, reading, _LEVELS[reading.kind])
        return self._bed(watch, reading) if watch.bed else []

    def due(self) -> float:
        """Return the monotonic second at which `tick` will have something to say; inf for never."""
        doors = (
            r.at.mono + self._watches[d].left_open
            for d, r in self._open_since.items()
            if (kinds.DOOR_LEFT_OPEN, d) not in self._active and kinds.DOOR_LEFT_OPEN not in self._watches[d].off
        )
        beds = (r.at.mono + self._times.bed_left for r in self._left_bed.values())
        return min((*doors, *beds), default=inf)

    def tick(self, now: Moment) -> list[Judgement]:
        """Judge what time alone has made dangerous: a door left open, a bed left and not returned to."""
        out: list[Judgement] = []
        for device, opened in self._open_since.items():
            watch, key = self._watches[device], (kinds.DOOR_LEFT_OPEN, device)
            if kinds.DOOR_LEFT_OPEN in watch.off:
                continue
            if key not in self._active and now.mono >= opened.at.mono + watch.left_open:
                self._active.add(key)
                out.append(Danger(kinds.DOOR_LEFT_OPEN, device, watch.room, now, 0.0, (opened,)))
        for device, left in list(self._left_bed.items()):
            if now.mono >= left.at.mono + self._times.bed_left:
                del self._left_bed[device]
                self._active.add((kinds.BED_EXIT, device))
                out.append(Danger(kinds.BED_EXIT, device, self._watches[device].room, now, self._times.grace_bed, (left,)))
        return out

    def _pressed(self, watch: Watch, reading: Reading) -> list[Judgement]:
        role = watch.buttons.get(reading.index, watch.unnamed)
        if reading.value in NOT_A_CALL or role == NOTHING:
            return []
        if role == CANCEL:
            # A cancel whose freshness is not proved must not end a pre-alarm: it could be a recording.
            return [] if reading.flagged else [Cancelled(watch.device, reading.at)]
        kind = kinds.SOS if role == SOS else kinds.HELP
        return [Danger(kind, watch.device, watch.room, reading.at, 0.0, (reading,))]

    def _level(self, watch: Watch, reading: Reading, kind: str) -> list[Judgement]:
        key = (kind, watch.device)
        if not reading.value:
            if key not in self._active:
                return []
            self._active.discard(key)
            return [Cleared(kind, watch.device, reading.at)]
        if key in self._active or kind in watch.off:
            return []
        self._active.add(key)
        t = self._times
        grace = {kinds.FALL: t.grace_fall, kinds.STAY_TOO_LONG: t.grace_stay, kinds.WATER: t.grace_water}.get(kind, 0.0)
        return [Danger(kind, watch.device, watch.room, reading.at, grace, (reading,))]

    def _door(self, watch: Watch, reading: Reading) -> list[Judgement]:
        if not watch.left_open:
            return []
        if reading.value:
            self._open_since.setdefault(watch.device, reading)
            return []
        self._open_since.pop(watch.device, None)
        key = (kinds.DOOR_LEFT_OPEN, watch.device)
        if key not in self._active:
            return []
        self._active.discard(key)
        return [Cleared(kinds.DOOR_LEFT_OPEN, watch.device, reading.at)]

    def _bed(self, watch: Watch, reading: Reading) -> list[Judgement]:
        was, self._in_bed[watch.device] = self._in_bed.get(watch.device), bool(reading.value)
        if reading.value:
            self._left_bed.pop(watch.device, None)
            key = (kinds.BED_EXIT, watch.device)
            if key in self._active:
                self._active.discard(key)
                return [Cleared(kinds.BED_EXIT, watch.device, reading.at, by_resident=True)]
        elif was and kinds.BED_EXIT not in watch.off and self._is_night(reading.at):
            self._left_bed[watch.device] = reading
        return []

    def _is_night(self, at: Moment) -> bool:
        """Say whether it is night in the home. A clock known to be wrong counts as night: better asked once too often."""
        if at.quality is Quality.WRONG:
            return True
        start, end = self._night
        clock = at.wall.astimezone(self._zone).time()
        return start <= clock < end if start <= end else clock >= start or clock < end
