"""What is a sign of life, and what only repeats one. Pure.

Movement, somebody who comes into a room, a bed that is left or lain in, a door that opens or shuts,
any press. Who is said to be there all the time may lie there: only coming in counts. A sensor that
says the same for an hour is stuck, or somebody lies in front of it. A press whose freshness is not
proved may be a recording.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from msgspec import Struct

from gateway.judge.waits import WAITS
from gateway.words.reading import NOT_A_CALL, DeviceId, Kind, Reading

PRESSED = frozenset({Kind.BUTTON, Kind.DIMMER, Kind.COMMAND})
MOVED = frozenset({Kind.MOTION, Kind.VIBRATION, Kind.ACTIVITY})
LIVES = frozenset({*PRESSED, *MOVED, Kind.PRESENCE, Kind.OCCUPANCY, Kind.CONTACT_OPEN})
# what says by itself that somebody moves in a room; a press may lie in a drawer for years
WATCHES = LIVES - PRESSED


class Place(Struct, frozen=True, kw_only=True):
    """Where a sensor that can show life is: room, door, bed, bath, bedroom, its receiver."""

    room: str = ""
    bed: bool = False
    entrance: bool = False
    bath: bool = False
    sleeps: bool = False
    via: DeviceId = ""


class Sign(IntEnum):
    """What a reading shows: nothing, the same again, something new."""

    NONE = 0
    AGAIN = 1
    NEW = 2


class Life:
    """What was shown last. Bound: one value of each kind of each enrolled device."""

    def __init__(self) -> None:
        self.places: Mapping[DeviceId, Place] = {}
        # sensors that have shown movement by themselves, so that their silence says something, and
        # whether it is a door; bound: the enrolled devices
        self.watching: dict[DeviceId, bool] = {}
        # sensors that say when a movement is over; of others each word is a movement
        self._ends: set[DeviceId] = set()
        # what each says, and since when
        self._shown: dict[tuple[DeviceId, Kind, int], tuple[bool, float]] = {}

    def arrange(self, places: Mapping[DeviceId, Place]) -> None:
        """Go on with these sensors."""
        self.places = places
        self._shown = {key: was for key, was in self._shown.items() if key[0] in places}
        self.watching = {d: door for d, door in self.watching.items() if d in places}
        self._ends &= places.keys()

    @property
    def has_entrance(self) -> bool:
        """Whether a door by which people leave was ever heard."""
        return any(door and self.places[d].entrance for d, door in self.watching.items())

    @property
    def over(self) -> Mapping[DeviceId, DeviceId]:
        """The sensors whose silence says something, and their receivers, "" for none."""
        return {d: self.places[d].via for d in self.watching if d in self.places}

    def sign(self, reading: Reading) -> Sign:
        """Take one reading; say what it shows."""
        kind = reading.kind
        if kind not in LIVES or (place := self.places.get(reading.device)) is None:
            return Sign.NONE
        if kind in PRESSED:
            pressed = not reading.flagged and reading.value not in NOT_A_CALL
            return Sign.NEW if pressed else Sign.NONE
        is_on = reading.value == "active" if kind is Kind.ACTIVITY else bool(reading.value)
        key, at = (reading.device, kind, reading.index), reading.at.mono
        was, since = self._shown.get(key, (None, at))
        if was is not is_on:
            self._shown[key] = is_on, at
            self.watching.setdefault(reading.device, kind is Kind.CONTACT_OPEN)
        if kind in MOVED:
            if not is_on:
                self._ends.add(reading.device)
                return Sign.NONE
            if was is not True or reading.device not in self._ends:
                return Sign.NEW
            return Sign.AGAIN if at - since < WAITS.life_stuck else Sign.NONE
        if kind is Kind.CONTACT_OPEN or place.bed:
            return Sign.NEW if was is not None and was is not is_on else Sign.NONE
        return Sign.NEW if was is False and is_on else Sign.NONE
