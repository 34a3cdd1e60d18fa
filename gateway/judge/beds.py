"""The beds of a home: who lies in them, which were left at night, and who is up since then.

A bed left at night is a danger once it was left for Times.bed_left, if it still is night then. A
sign of life of the home (somebody moves, comes into a room, opens or shuts a door) begins the wait
anew, for at most PUT_OFF times as long: whoever lies on the floor moves too. Whoever moves between
EARLY and the morning has got up, also while the alarm is in its grace; within `rising` that is only
the leaving of the bed. Nobody confirms an unsure clock: with it every hour is night.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import time, timedelta, tzinfo
from math import inf

from gateway.judge.waits import WAITS
from gateway.words.clock import Moment, Quality
from gateway.words.reading import DeviceId, Kind, Reading
from gateway.words.times import Times

SIGNS = frozenset({Kind.MOTION, Kind.PRESENCE, Kind.OCCUPANCY, Kind.CONTACT_OPEN})
PUT_OFF = 3
EARLY, LATE = time(4), time(12)  # who moves about at night between them has got up
_DAY = timedelta(days=1)


class Beds:
    """What was heard of the beds. Bound: what the enrolled devices can say, one value of each."""

    def __init__(self, times: Times, zone: tzinfo, night: tuple[time, time]) -> None:
        self.arrange(times, zone, night)
        self.lies: dict[DeviceId, bool] = {}
        self.left: dict[DeviceId, Reading] = {}  # at night, and not yet returned to
        self.moved = -inf  # monotonic second of the newest sign of life
        self._shown: dict[tuple[DeviceId, Kind], bool] = {}
        self._graces: dict[DeviceId, tuple[float, float]] = {}  # of beds left: from and until when

    def arrange(self, times: Times, zone: tzinfo, night: tuple[time, time]) -> None:
        """Go on by other times."""
        self._times, self._zone, self._night = times, zone, night

    def take(
        self, lies: Mapping[DeviceId, bool], left: Mapping[DeviceId, Reading], moved: float
    ) -> None:
        """Go on with what was known before a restart."""
        self.lies, self.left, self.moved = dict(lies), dict(left), moved

    def occupied(self, reading: Reading) -> bool | None:
        """Take whether somebody lies in the bed.

        Return whether somebody did before; None where nobody knows.
        """
        was, self.lies[reading.device] = self.lies.get(reading.device), bool(reading.value)
        return was

    def leave(self, reading: Reading) -> None:
        """Take that somebody left the bed at night."""
        self.left[reading.device] = reading

    def back(self, device: DeviceId) -> bool:
        """Take that somebody is in the bed again; say whether it counted as left."""
        self._graces.pop(device, None)
        return self.left.pop(device, None) is not None

    def keep(
        self,
        devices: Collection[DeviceId],
        beds: Collection[DeviceId],
        judged: Collection[DeviceId],
    ) -> None:
        """Forget all other devices, what is no bed any more, and beds that are not judged."""
        self.lies = {d: was for d, was in self.lies.items() if d in beds}
        self.left = {d: left for d, left in self.left.items() if d in judged}
        self._graces = {d: asked for d, asked in self._graces.items() if d in judged}
        self._shown = {key: was for key, was in self._shown.items() if key[0] in devices}

    def sign(self, reading: Reading) -> None:
        """Take what a device that is no bed says. It may show that somebody moves about.

        Who is said to be there all the time may lie there: only coming in counts, and of a door
        only that it is another than before.
        """
        if reading.kind not in SIGNS:
            return
        key, now = (reading.device, reading.kind), bool(reading.value)
        before, self._shown[key] = self._shown.get(key), now
        came, turned = now and before is False, before is not None and before is not now
        if (
            now
            if reading.kind is Kind.MOTION
            else turned
            if reading.kind is Kind.CONTACT_OPEN
            else came
        ):
            self.moved = reading.at.mono

    def risen(self, reading: Reading) -> list[DeviceId]:
        """Take a `sign` of life; return the beds, in their grace, whose sleeper has got up."""
        at = reading.at
        sure = at.quality is Quality.SYNCHRONISED
        if self.moved != at.mono or not sure or not self._is_morning(at):
            return []
        up = [d for d, (since, until) in self._graces.items() if since <= at.mono < until]
        for device in up:
            del self._graces[device]
        return up

    def home(self) -> None:
        """Take that nobody is away any more.

        A bed left before somebody was heard is forgotten: nobody fell beside it.
        """
        self.left = {d: left for d, left in self.left.items() if not self._moved_since(left)}

    def due(self, away: float) -> float:
        """Return when `fallen` is to be asked; inf for never.

        `away`: until when nobody is at home.
        """
        return max(min((self._due(left) for left in self.left.values()), default=inf), away)

    def fallen(self, now: Moment, away: float) -> Iterator[tuple[DeviceId, Reading]]:
        """Yield the beds of which it is a danger now that they were left.

        Whoever got up in the morning is forgotten.
        """
        for device, left in list(self.left.items()):
            if now.mono < max(self._due(left), away):
                continue
            del self.left[device]
            if (
                self.is_night(now)
                and now.mono - left.at.mono < self._length()
                and not self._is_up(left, now)
            ):
                self._graces[device] = now.mono, now.mono + self._times.grace_bed
                yield device, left

    def is_night(self, at: Moment) -> bool:
        """Say whether it is night in the home.

        By a clock that nobody confirms it is: better asked once too often.
        """
        if at.quality is not Quality.SYNCHRONISED:
            return True
        start, end = self._night
        clock = at.wall.astimezone(self._zone).time()
        return start <= clock < end if start <= end else clock >= start or clock < end

    def _due(self, left: Reading) -> float:
        wait = self._times.bed_left
        asked = left.at.mono + wait
        return (
            max(asked, min(self.moved + wait, left.at.mono + PUT_OFF * wait))
            if self.moved > left.at.mono
            else asked
        )

    def _moved_since(self, left: Reading) -> bool:
        return self.moved > left.at.mono + WAITS.rising

    def _is_up(self, left: Reading, now: Moment) -> bool:
        """Say whether somebody moved about in the morning since then.

        It was morning by the clock of that movement, not of now.
        """
        if now.quality is not Quality.SYNCHRONISED or not self._moved_since(left):
            return False
        return self._is_morning(now.later(self.moved))

    def _is_morning(self, at: Moment) -> bool:
        return EARLY <= at.wall.astimezone(self._zone).time() < LATE

    def _length(self) -> float:
        """Return how long a night is, in seconds: after that a morning has been."""
        start, end = (
            timedelta(hours=t.hour, minutes=t.minute, seconds=t.second) for t in self._night
        )
        return ((end - start) % _DAY or _DAY).total_seconds()
