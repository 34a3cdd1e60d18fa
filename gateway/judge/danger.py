"""Readings -> dangers: a judgement that somebody may need help. Pure.

Time comes in with the readings and with `tick`. Nothing is inferred from silence: a door or bed is
unknown until it is heard. A level (fall, smoke) is a danger when it begins, and when it begins
again (see `levels`); a button press is a danger each time. A fall level that ends only clears the
condition.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import time, tzinfo
from math import inf

from msgspec import Struct
from msgspec.structs import replace

from gateway.judge.beds import Beds
from gateway.judge.graces import grace
from gateway.judge.levels import Key, Levels, On
from gateway.judge.waits import WAITS
from gateway.judge.watch import CANCEL, NOTHING, REQUEST, SOS, Watch
from gateway.judge.wishes import Wish
from gateway.words import kind as kinds
from gateway.words.clock import Moment
from gateway.words.reading import NOT_A_CALL, DeviceId, Kind, Reading
from gateway.words.times import Times


class Danger(Struct, frozen=True):
    """Somebody may need help. `grace`: seconds to cancel; `evidence`: what it rests on.

    `returned`: its alarm was cancelled or closed as false, and it is still on. `listed`: it can
    wait for today's list.
    """

    kind: str
    device: DeviceId
    room: str
    at: Moment
    grace: float
    evidence: tuple[Reading, ...]
    returned: bool = False
    listed: bool = False


class Cleared(Struct, frozen=True):
    """A danger's condition has ended. `by_resident`: by their own act (came back to bed)."""

    kind: str
    device: DeviceId
    at: Moment
    by_resident: bool = False


class Forgotten(Struct, frozen=True):
    """An ended alarm's level was not heard for a while: heard again it is a new danger."""

    kind: str
    device: DeviceId
    at: Moment


class Cancelled(Struct, frozen=True):
    """The resident pressed: I am well. `proved`: fresh, no recording or neighbour's."""

    device: DeviceId
    at: Moment
    proved: bool = True


class Ended(Struct, frozen=True):
    """An alarm has ended. `again`: by a cancel or as false, so a level still on is a danger."""

    at: Moment
    again: bool


class Fading(Struct, frozen=True):
    """A level that was tried in a walk test and may still be on the air.

    Heard again before `until`, and within `gap` seconds of when it was `heard` last, it belongs to
    that test.
    """

    heard: float
    until: float
    gap: float


class _Door(Struct):
    """A door that stands open: since when, and when it was heard as open last.

    `look`: when it is looked at again, by then it may be night. `sure`: it was heard of since the
    last power cut.
    """

    since: Reading
    heard: float
    look: float = -inf
    sure: bool = True


Judgement = Danger | Cleared | Forgotten | Cancelled | Wish

LEVELS: Mapping[Kind, str] = {
    Kind.FALL: kinds.FALL,
    Kind.STAY_STILL: kinds.STAY_TOO_LONG,
    Kind.SMOKE: kinds.SMOKE,
    Kind.GAS: kinds.GAS,
    Kind.CO: kinds.CO,
    Kind.MOISTURE: kinds.WATER,
}
_SENSED = {danger: kind for kind, danger in LEVELS.items()}
JUDGED = frozenset({Kind.BUTTON, Kind.CONTACT_OPEN, Kind.OCCUPANCY, Kind.PRESENCE, *LEVELS})


class Judge:
    """Remembers, per device, which levels are on and since when a door is open or a bed empty."""

    def __init__(
        self,
        watches: Mapping[DeviceId, Watch],
        times: Times,
        zone: tzinfo,
        night: tuple[time, time],
    ) -> None:
        self.levels = Levels(times)
        self._watches = watches
        self._times = times
        self.beds = Beds(times, zone, night)
        self._told: set[Key] = set()  # doors left open and beds left of which a danger was made
        self._doors: dict[DeviceId, _Door] = {}
        self._listed: set[DeviceId] = set()  # doors that stand open and were told for the list only
        self._fading: dict[Key, Fading] = {}
        self.unsaved = False  # what has begun, or is over, stands in no entry
        self.begun: set[DeviceId] = set()  # of which a judgement has begun since it was written

    def restore(self, active: Iterable[Key], now: Moment, ended: Mapping[Key, Ended]) -> None:
        """Take over conditions that were on before a restart: heard again they are no new danger.

        `ended` says of some since when their alarm is over: whether they were heard after that
        nobody knows any more.
        """
        for kind, device in active:
            if not device:
                continue  # of the home itself: see `silence`
            if kind not in _SENSED:
                self._told.add((kind, device))
            elif (over := ended.get((kind, device))) is not None:
                last = Reading(device=device, kind=_SENSED[kind], value=True, at=over.at)
                self.levels.take(
                    (kind, device), On(last=last, ended=over.at.mono, again=over.again)
                )
            elif not self.endless(kind, device):
                last = Reading(device=device, kind=_SENSED[kind], value=True, at=now)
                self.levels.take((kind, device), On(last=last))

    def listed_before(self, devices: Iterable[DeviceId]) -> None:
        """Take over the doors that only today's list knows: by night they are told at once."""
        self._listed = {d for d in devices if (kinds.DOOR_LEFT_OPEN, d) in self._told}

    def resume(
        self,
        *,
        heard: Mapping[Key, Reading],
        doors: Mapping[DeviceId, tuple[Reading, float]],
        in_bed: Mapping[DeviceId, bool],
        left_bed: Mapping[DeviceId, Reading],
        same_boot: bool,
        moved: float = -inf,
    ) -> None:
        """Go on with what was heard before a restart and is not yet told.

        A level goes on only where its alarm does, see `restore`. A bed that was left is left until
        somebody is heard to be in it. A door may have been shut by anybody while there was no
        power: it counts as open when it is heard as open again, since when it was.
        """
        if same_boot:
            self.levels.heard_last(heard)
        self._doors = {
            d: _Door(since, last, sure=same_boot)
            for d, (since, last) in doors.items()
            if d in self._watches and self._watches[d].left_open
        }
        self.beds.take(in_bed, left_bed, moved)
        self._keep_beds()

    @property
    def open_doors(self) -> dict[DeviceId, tuple[Reading, float]]:
        """The doors that are open: since when, and when they were heard as open last."""
        return {d: (door.since, door.heard) for d, door in self._doors.items()}

    @property
    def waits(self) -> bool:
        """True while a door is open that is not told yet, or a bed left."""
        told = self._told
        doors = ((kinds.DOOR_LEFT_OPEN, d) not in told for d, _ in self._judged_doors())
        return bool(self.beds.left) or any(doors)

    def goes_on(self, key: Key, last: Reading) -> None:
        """Take over a level that is on and has no alarm: it began while its device was shelved."""
        if key not in self.levels.on:
            self.levels.take(key, On(last=last))

    def saved(self) -> None:
        """Take that it is written what has begun and what is over."""
        self.unsaved = False
        self.begun.clear()

    def home(self) -> None:
        """Take that nobody is away any more; see `Beds.home`."""
        self.beds.home()

    def rewatch(
        self,
        watches: Mapping[DeviceId, Watch],
        times: Times,
        zone: tzinfo,
        night: tuple[time, time],
        other: set[DeviceId],
    ) -> None:
        """Go on by changed wishes. Devices that are gone or `other` hardware are forgotten."""
        self._watches, self._times = watches, times
        self.beds.arrange(times, zone, night)
        self.levels.arrange(times)
        here = {d for d in watches if d not in other}
        self.levels.keep(here)
        self._told = {key for key in self._told if key[1] in here}
        self._fading = {key: fading for key, fading in self._fading.items() if key[1] in here}
        doors = {d for d in here if watches[d].left_open}
        self._doors = {d: door for d, door in self._doors.items() if d in doors}
        self._listed &= doors
        self._keep_beds(other)

    def _keep_beds(self, other: Collection[DeviceId] = ()) -> None:
        beds = {d for d, watch in self._watches.items() if watch.bed and d not in other}
        judged = {d for d in beds if kinds.BED_EXIT not in self._watches[d].off}
        self.beds.keep(self._watches.keys() - set(other), beds, judged)

    def endless(self, kind: str, device: DeviceId) -> bool:
        """Say whether the device's make never says that this danger is over."""
        watch = self._watches.get(device)
        return watch is not None and _SENSED.get(kind) in watch.endless

    def tried(self, kind: str, device: DeviceId, heard: float, until: float, gap: float) -> None:
        """Forget a level that was on in a walk test and whose end no device will say.

        Heard again it is a danger. `heard` was its last word in the test. What follows without a
        pause longer than `gap` is the same test key, `until` then.
        """
        self.levels.over((kind, device))
        self._fading[kind, device] = Fading(heard, until, gap)

    def answered(self, kind: str, device: DeviceId, mono: float | None) -> None:
        """Take since when somebody has the open alarm of a condition; None where nobody has."""
        self.levels.answered((kind, device), mono)

    def ended(self, kind: str, device: DeviceId, ended: Ended) -> None:
        """Take that an alarm has ended. A bed that is still empty was left just now."""
        self.levels.ended(
            (kind, device), ended.at, again=ended.again, endless=self.endless(kind, device)
        )
        if (
            kind == kinds.BED_EXIT
            and ended.again
            and (kind, device) in self._told
            and self.beds.lies.get(device) is False
        ):
            self._left_bed(Reading(device=device, kind=Kind.OCCUPANCY, value=False, at=ended.at))

    def heard(self, reading: Reading) -> list[Judgement]:
        """Judge one reading."""
        watch = self._watches.get(reading.device)
        if watch is None:
            return []
        up = [] if watch.bed else self._signs(reading)
        return up + self._judged(watch, reading) if reading.kind in JUDGED else up

    def _signs(self, reading: Reading) -> list[Judgement]:
        """Take what may show that somebody moves: who got up ends the grace of the bed left."""
        self.beds.sign(reading)
        up = self.beds.risen(reading)
        self._told -= {(kinds.BED_EXIT, bed) for bed in up}
        return [Cleared(kinds.BED_EXIT, bed, reading.at) for bed in up]

    def _judged(self, watch: Watch, reading: Reading) -> list[Judgement]:
        if reading.kind is Kind.BUTTON:
            return self._pressed(watch, reading)
        if reading.kind is Kind.CONTACT_OPEN:
            return self._door(watch, reading)
        if reading.kind in LEVELS:
            return self._level(watch, reading, LEVELS[reading.kind])
        return self._bed(watch, reading) if watch.bed else []

    def due(self, away: float = -inf) -> float:
        """Return when `tick` is wanted; inf for never. `away`: until when nobody is at home."""
        doors = (due for _, _, due in self._waiting_doors())
        return min((*doors, self.beds.due(away), self.levels.due()))

    def tick(self, now: Moment, away: float = -inf) -> list[Judgement]:
        """Judge what time alone makes dangerous: an open door, a bed left, a level that stays."""
        out: list[Judgement] = [
            replace(self._risen(self._watches[device], last, kind), at=now, returned=True)
            for (kind, device), last in self.levels.returned(now)
            if kind not in self._watches[device].off
        ]
        out += [Forgotten(kind, device, now) for kind, device in self.levels.gone(now)]
        for watch, door, due in self._waiting_doors():
            if now.mono >= due and (judged := self._stands_open(watch, door, now)) is not None:
                self._told.add((kinds.DOOR_LEFT_OPEN, watch.device))
                out.append(judged)
        for device, left in self.beds.fallen(now, away):
            self._told.add((kinds.BED_EXIT, device))
            out.append(
                Danger(
                    kinds.BED_EXIT,
                    device,
                    self._watches[device].room,
                    now,
                    self._times.grace_bed,
                    (left,),
                )
            )
        return out

    def _judged_doors(self) -> Iterator[tuple[DeviceId, _Door]]:
        """Yield the doors that stand open and are judged."""
        for device, door in self._doors.items():
            if door.sure and kinds.DOOR_LEFT_OPEN not in self._watches[device].off:
                yield device, door

    def _waiting_doors(self) -> Iterator[tuple[Watch, _Door, float]]:
        """Yield those of them that are not told yet, or for the list only, and when each is due."""
        for device, door in self._judged_doors():
            watch = self._watches[device]
            if (kinds.DOOR_LEFT_OPEN, device) not in self._told or device in self._listed:
                yield watch, door, max(door.since.at.mono + watch.left_open, door.look)

    def _stands_open(self, watch: Watch, door: _Door, now: Moment) -> Danger | None:
        """Judge a door that stands open: by day that is airing, for longer and for the list."""
        by_day = watch.left_open_day > watch.left_open and not self.beds.is_night(now)
        if by_day:
            due, dusk = door.since.at.mono + watch.left_open_day, now.mono + WAITS.dusk
            door.look = min(dusk, due) if now.mono < due else dusk
            if now.mono < due or watch.device in self._listed:
                return None
            self._listed.add(watch.device)
        else:
            self._listed.discard(watch.device)
        return Danger(
            kinds.DOOR_LEFT_OPEN, watch.device, watch.room, now, 0.0, (door.since,), listed=by_day
        )

    def _pressed(self, watch: Watch, reading: Reading) -> list[Judgement]:
        role = watch.role(reading.index, reading.value)
        if reading.value in NOT_A_CALL or role == NOTHING:
            return []
        if role == CANCEL:
            # A cancel whose freshness is not proved must not end a pre-alarm: it could be a
            # recording, or a neighbour's equal code.
            return [
                Cancelled(watch.device, reading.at, proved=not (reading.flagged or watch.unproved))
            ]
        if role == REQUEST:
            return [Wish(watch.device, reading.at, (reading,))]
        kind = kinds.SOS if role == SOS else kinds.HELP
        return [Danger(kind, watch.device, watch.room, reading.at, 0.0, (reading,))]

    def _level(self, watch: Watch, reading: Reading, kind: str) -> list[Judgement]:
        key = (kind, watch.device)
        if not reading.value:
            return [Cleared(kind, watch.device, reading.at)] if self.levels.over(key) else []
        if (key not in self.levels.on and kind in watch.off) or self._fades(key, reading.at.mono):
            return []
        begins = self.levels.begins(key, reading, endless=reading.kind in watch.endless)
        return [self._risen(watch, reading, kind)] if begins and kind not in watch.off else []

    def _fades(self, key: Key, mono: float) -> bool:
        """Say whether a level heard as on is what an ended walk test has left in the air."""
        fading = self._fading.pop(key, None)
        if fading is None or mono > fading.until or mono - fading.heard > fading.gap:
            return False
        self._fading[key] = replace(fading, heard=mono)
        return True

    def _risen(self, watch: Watch, reading: Reading, kind: str) -> Danger:
        seconds = grace(kind, self._times, self._watches.values())
        return Danger(kind, watch.device, watch.room, reading.at, seconds, (reading,))

    def _door(self, watch: Watch, reading: Reading) -> list[Judgement]:
        if not watch.left_open:
            return []
        key, at = (kinds.DOOR_LEFT_OPEN, watch.device), reading.at.mono
        if reading.value:
            door = self._doors.get(watch.device)
            self.unsaved = self.unsaved or door is None
            # that it was closed meanwhile got lost
            if door is not None and at - door.heard >= self._times.level_lost:
                self._told.discard(key)
                door = None
            if door is None:
                self._doors[watch.device] = _Door(reading, at)
                self.begun.add(watch.device)
            else:
                door.heard, door.sure = at, True
            return []
        self.begun.discard(watch.device)
        self.unsaved = self._doors.pop(watch.device, None) is not None or self.unsaved
        self._listed.discard(watch.device)
        if key not in self._told:
            return []
        self._told.discard(key)
        return [Cleared(kinds.DOOR_LEFT_OPEN, watch.device, reading.at)]

    def _bed(self, watch: Watch, reading: Reading) -> list[Judgement]:
        was = self.beds.occupied(reading)
        if reading.value:
            self.unsaved = self.beds.back(watch.device) or self.unsaved
            self.begun.discard(watch.device)
            key = (kinds.BED_EXIT, watch.device)
            if key in self._told:
                self._told.discard(key)
                return [Cleared(kinds.BED_EXIT, watch.device, reading.at, by_resident=True)]
        elif was:
            self._left_bed(reading)
        return []

    def _left_bed(self, reading: Reading) -> None:
        """Take that a bed is empty; by day, or where beds are not judged, that is nothing."""
        if kinds.BED_EXIT not in self._watches[reading.device].off and self.beds.is_night(
            reading.at
        ):
            self.beds.leave(reading)
            self.unsaved = True
            self.begun.add(reading.device)
