"""Nobody is at home: for how long, said again every week, and over as soon as somebody plainly is.

While the resident is away no danger by absence is judged. So it is bounded, the platform and the
page are told as of a fault, and it ends by itself: the door opens, and then there is somebody in
two rooms for twenty minutes. A carer's visit ends it too, which is the safe direction. Where no
door was heard to open (there is no such sensor, its packet got lost, the power was cut since,
nobody ever left), whoever is heard for hours lives there.
"""

from __future__ import annotations

from collections.abc import Collection
from math import inf

from msgspec.structs import replace

from gateway.judge.faults.fact import FaultFact, Turn
from gateway.judge.faults.fault import Faults
from gateway.judge.masks import End
from gateway.judge.waits import WAITS
from gateway.words import kind as kinds
from gateway.words.clock import Moment
from gateway.words.reading import DeviceId, Kind, Reading
from gateway.words.times import Times

ROOMS = 2  # in which there must be somebody
# signs that do for `lived_in` where all are of one room: a radar that a curtain moves, or a pad
# that errs once, says fewer
OFTEN = 12
# says so once, until it is taken back; a movement is over at once
_STAYS = frozenset({Kind.PRESENCE, Kind.OCCUPANCY})
_SOMEBODY = _STAYS | {Kind.MOTION}


class Signs:
    """What speaks for somebody at home: the rooms with signs of life.

    `door`: only what came after a door opened counts. Without a door only what is heard counts, and
    not that a device goes on saying nothing else.
    """

    def __init__(self, lasting: float, *, door: bool) -> None:
        self._lasting = lasting  # s over which the signs must spread
        self._door = door
        self.evidence: dict[str, Reading] = {}  # room -> its newest sign; "" is the door
        self._first = self._last = -inf
        self._count = 0
        # devices that say that somebody is there, until they take it back
        self._on: set[str] = set()

    def heard(self, reading: Reading, room: str, *, opened: bool) -> None:
        """Take one reading of the device in `room`. `opened`: a door is open that was not."""
        at = reading.at.mono
        newest = max(self._last, *(r.at.mono for r in self.evidence.values()), -inf)
        if self.evidence and not self._on and at - newest > WAITS.left_again:
            self.evidence, self._first, self._last, self._count = {}, -inf, -inf, 0
        if opened and self._door:
            self.evidence.setdefault("", reading)
        if reading.kind not in _SOMEBODY:
            return
        left = not reading.value and reading.device in self._on
        if reading.kind in _STAYS:
            (self._on.add if reading.value else self._on.discard)(reading.device)
        if reading.value and (self.evidence or not self._door):
            self.evidence[room] = reading
            self._first = at if self._first == -inf else self._first
        if (reading.value or left) and self._first > -inf:  # who was there until now was there
            self._last, self._count = at, self._count + 1

    def due(self) -> float:
        """Return the monotonic second at which what stays on has lasted long enough, or inf."""
        return self._first + self._lasting if self._door and self._on and self._enough() else inf

    def somebody(self, now: float) -> bool:
        """Say whether somebody plainly is at home."""
        last = now if self._door and self._on else self._last
        return self._enough() and last - self._first >= self._lasting

    def _enough(self) -> bool:
        return len(self.evidence) >= ROOMS + self._door or (not self._door and self._count >= OFTEN)


class Away:
    """Until when nobody is at home, and what is to be said of it."""

    def __init__(self, faults: Faults, times: Times) -> None:
        self.end = End()
        self._faults = faults
        self._times = times
        self._signs = self._no_signs()
        self._counts_from = -inf  # signs before this are of somebody who is leaving
        self._said = -inf
        # doors that are open by their last word; bound: the devices of the home
        self._open: set[DeviceId] = set()

    def arrange(self, times: Times, devices: Collection[DeviceId]) -> None:
        """Go on by other times and devices.

        An absence that lasts still ends by the signs that it began with.
        """
        self._times = times
        self._open &= set(devices)

    def lasts(self, now: Moment) -> bool:
        """Say whether nobody is at home."""
        return now.mono < self.end.until

    def restored(self, end: End, now: Moment, said_for: float) -> list[FaultFact]:
        """Take over what a restart has found. What went on is not said anew; what is over is."""
        self.end, self._said = end, now.mono - said_for
        self._signs, self._counts_from = self._no_signs(), -inf
        if not self.lasts(now):
            return self._over(now, "time")
        return self._begin(now, "restart")

    def begun(self, end: End, now: Moment, by: str) -> list[FaultFact]:
        """Take it that the resident is away until `end`, or is back where that is over."""
        self.end = end
        if not self.lasts(now):
            return self._over(now, "order")
        self._signs, self._counts_from, self._said = (
            self._no_signs(),
            now.mono + self._times.away_leaving,
            now.mono,
        )
        return self._begin(now, by) or self._again(now)

    def heard(self, reading: Reading, room: str) -> list[FaultFact]:
        """Take a sign of life.

        Who repeats that a door is open says nothing new; heard so for the first time it may be an
        opening.
        """
        opened = False
        if reading.kind is Kind.CONTACT_OPEN:
            opened = bool(reading.value) and reading.device not in self._open
            (self._open.add if reading.value else self._open.discard)(reading.device)
        if not self.lasts(reading.at) or reading.at.mono < self._counts_from:
            return []
        for signs in self._signs:
            signs.heard(reading, room, opened=opened)
        return self._ended_by_signs(reading.at)

    def tick(self, now: Moment) -> list[FaultFact]:
        """Do what has become due."""
        if self.end.until == -inf:
            return []
        self.end = self.end.settled(now)
        if not self.lasts(now):
            return self._over(now, "time")
        out = self._ended_by_signs(now)
        if not out and now.mono >= self._said + self._times.away_again:
            self._said = now.mono
            out = self._again(now)
        return out

    def due(self) -> float:
        """Return the monotonic second at which `tick` is wanted."""
        return (
            inf
            if self.end.until == -inf
            else min(
                self.end.until, self._said + self._times.away_again, *(s.due() for s in self._signs)
            )
        )

    def _ended_by_signs(self, now: Moment) -> list[FaultFact]:
        found = next((signs.evidence for signs in self._signs if signs.somebody(now.mono)), None)
        if found is None:
            return []
        rooms = len(found.keys() - {""})
        # All of it is activity: without consent it stays in the home.
        seen = tuple(found.values()) if self._faults.tells_out else ()
        out = [replace(fact, evidence=seen) for fact in self._over(now, "home")]
        return [*out, replace(self._faults.note(kinds.BACK_HOME, now, rooms=rooms), evidence=seen)]

    def _no_signs(self) -> tuple[Signs, Signs]:
        return Signs(self._times.away_home, door=True), Signs(WAITS.lived_in, door=False)

    def _over(self, now: Moment, why: str) -> list[FaultFact]:
        self.end = End()
        return [
            replace(fact, detail={**fact.detail, "why": why})
            for fact in self._faults.end(kinds.AWAY, now)
        ]

    def _begin(self, now: Moment, by: str) -> list[FaultFact]:
        left = round(self.end.until - now.mono)
        return self._faults.begin(kinds.AWAY, now, left_s=left, by=by)

    def _again(self, now: Moment) -> list[FaultFact]:
        fact = self._faults.on.get((kinds.AWAY, ""))
        left = round(self.end.until - now.mono)
        return (
            [replace(fact, turn=Turn.REPEATED, detail={**fact.detail, "left_s": left})]
            if fact
            else []
        )
