"""Whether a silent pendant has gone out with its wearer. Pure.

It went out where a door opened about when it was heard last and nobody moved at home since, or one
that had stood open was shut. A sensor that says again that its door stands open has not opened,
unless it is one that speaks only when it changes: what came between was lost on the air. Coming
home is generous: any movement says so, after a restart at once, and in a home without a motion
sensor the next time that a door opens. A pendant that speaks only now and then may be home again
before it is missed: an outing of `out_shortest` without movement was one too, and its silence at
home counts from its end on. It may be out again, too, before it is to speak. One that was late
before its wearer left has as long as its interval to be heard once somebody is home again.

What was learned of pendants and doors outlives a restart: a home that is dark each night would
learn it each morning anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from math import inf

import msgspec
from msgspec import Struct

from gateway.judge.waits import WAITS
from gateway.words.reading import DeviceId, Kind, Reading
from gateway.words.rows import good

# of its words a pendant's last gaps, of which the shortest is its interval: the last word may be as
# much older than the door
GAPS = 4
KNOWN = 2  # gaps from which an interval is known
WORDS = 60  # of a door's last words that are remembered
ENOUGH = 10  # words from which on it is known whether a door speaks only when it changes
SELDOM = 20  # of so many words one may say the same again: the word between was lost on the air
DOORS = 64  # openings that are remembered, the oldest forgotten first: a day has some dozens
_MOVES = frozenset({Kind.MOTION, Kind.PRESENCE, Kind.OCCUPANCY, Kind.ACTIVITY, Kind.BUTTON})


class _Opened(Struct):
    """An opening. `moved`: when somebody moved after it, inf while nobody has.

    `leaving`: somebody may have left by it.
    """

    at: float
    moved: float = inf
    leaving: bool = True


class _Door(Struct):
    """The last word of one contact, whether it ever said "shut", and which words were repeats."""

    at: float
    is_open: bool | None = None
    shuts: bool = False
    again: deque[bool] = msgspec.field(default_factory=lambda: deque(maxlen=WORDS))

    def missed(self, is_open: bool) -> bool:
        """Take a word; say whether the one before it was lost.

        It was where a sensor that speaks only when it changes says the same again.
        """
        same = self.is_open is is_open
        changes_only = len(self.again) >= ENOUGH and sum(self.again) * SELDOM <= len(self.again)
        if self.is_open is not None:
            self.again.append(same)
        return same and changes_only


class Learned(Struct):
    """What outlives a restart.

    The last gaps of each pendant; (device, index, label, words, of these repeats) of each contact.
    """

    gaps: dict[DeviceId, list[float]] = {}
    doors: list[tuple[DeviceId, int, str, int, int]] = []


class Outings:
    """When doors opened and somebody moved, by the monotonic second, and who went out."""

    def __init__(self) -> None:
        self._opened: deque[_Opened] = deque(maxlen=DOORS)
        self._doors: dict[tuple[DeviceId, int, str], _Door] = {}
        self._began = self._moved = -inf
        # pendant -> when it spoke last, and its last gaps
        self._words: dict[DeviceId, tuple[float, deque[float]]] = {}
        self._left: dict[DeviceId, float] = {}  # pendant -> when its wearer left
        # pendant -> when its wearer was back, and the pendant was not heard
        self._home: dict[DeviceId, float] = {}

    def restored(self, device: DeviceId, now: float) -> None:
        """Take it that the wearer was out before a restart.

        Who has come home meanwhile will be seen to move.
        """
        # who moves from now on has come home, and is not about to leave
        self._left[device] = now - WAITS.out_about
        self._opened.append(_Opened(now - WAITS.out_about))

    def start(self, now: float) -> None:
        """Take it that the box begins to hear: which door stands open is not known."""
        self._began = now
        for door in self._doors.values():
            door.at = now

    def word(self, device: DeviceId, at: float) -> None:
        """Take when a pendant was heard last: its interval is learned from it.

        A word before the start teaches nothing: how long ago it was is not known to the second.
        """
        last, gaps = self._words.setdefault(device, (-inf, deque(maxlen=GAPS)))
        if at > self._began and at - last >= WAITS.out_apart:
            if last > -inf:
                gaps.append(at - last)
            self._words[device] = at, gaps

    def mark(self) -> Learned:
        """Return what has been learned; see `learned`."""
        return Learned(
            {device: [round(gap) for gap in gaps] for device, (_, gaps) in self._words.items()},
            [(*at, len(door.again), sum(door.again)) for at, door in self._doors.items()],
        )

    def learned(self, raw: msgspec.Raw, devices: Collection[DeviceId]) -> None:
        """Take up what was learned of these devices before a start."""
        mark = next(good((raw,), Learned), Learned())
        for device, gaps in mark.gaps.items():
            if device in devices:
                apart = (max(gap, WAITS.out_apart) for gap in gaps)
                self._words[device] = -inf, deque(apart, maxlen=GAPS)
        for device, index, label, said, same in mark.doors:
            if device in devices:
                again = _words(said, same)
                self._doors[device, index, label] = _Door(self._began, again=again)

    def retire(self, device: DeviceId) -> None:
        """Forget what was learned of a device that is gone, or another by now."""
        self._words.pop(device, None)
        for place in [place for place in self._doors if place[0] == device]:
            del self._doors[place]

    def heard(self, reading: Reading) -> None:
        """Take one reading. A number or word of how much somebody moves counts unless it is 0."""
        if reading.kind is Kind.CONTACT_OPEN:
            self._contact(reading)
        elif reading.kind in _MOVES and reading.value:
            self._moved = reading.at.mono
            for opened in reversed(self._opened):
                if opened.moved < inf:
                    break
                if self._moved > opened.at + WAITS.out_about:
                    opened.moved = self._moved

    def _contact(self, reading: Reading) -> None:
        """Take what a door says.

        The first word after a start may be of one that has long stood open: nobody has left by it.
        """
        at, place = reading.at.mono, (reading.device, reading.index, reading.label)
        door = self._doors.setdefault(place, _Door(self._began))
        if door.missed(bool(reading.value)):
            self._opened.append(_Opened(at))
        elif reading.value and (door.is_open is not True or at - door.at >= WAITS.out_never_shut):
            left = door.is_open is False or (
                not door.shuts and at - door.at >= WAITS.out_never_shut
            )
            if left or door.is_open is None:
                self._opened.append(_Opened(at, leaving=left))
        elif door.is_open and not reading.value and not self._left_about(at):
            self._opened.append(_Opened(at))  # whoever leaves by a door that stands open shuts it
        door.at, door.is_open, door.shuts = at, bool(reading.value), door.shuts or not reading.value

    def _left_about(self, at: float) -> bool:
        return any(one.leaving and at - one.at <= WAITS.out_about for one in self._opened)

    def out(self, device: DeviceId, heard: float) -> bool:
        """Say whether a pendant, heard last at second `heard`, is out with its wearer."""
        left = self._left.get(device)
        if left is None or left < heard - WAITS.out_about:  # heard since: another outing
            self._left.pop(device, None)
            if self._home.get(device, -inf) <= heard:
                self._home.pop(device, None)
            left = self._again(device) if device in self._home else self._door_about(device, heard)
        while left is not None:
            came = self._came(left)
            if came == inf:
                self._left[device] = left
                return True
            if self._left.pop(device, None) is None and came - left < WAITS.out_shortest:
                return False
            self._home[device] = came
            left = self._again(device)
        return False

    def left(self, device: DeviceId, heard: float) -> bool:
        """Say whether somebody left about when a pendant was last heard, whoever moved since."""
        return self._home.get(device, -inf) > heard or self._door_about(device, heard) is not None

    def just_back(self, device: DeviceId, heard: float, now: float) -> bool:
        """Say whether somebody came home so lately that a pendant need not have spoken since."""
        since = now - WAITS.out_about - self._interval(device)
        return any(
            one.leaving
            and one.at > heard - WAITS.out_about
            and since <= one.moved < inf
            and one.moved - one.at >= WAITS.out_shortest
            for one in self._opened
        )

    def home_since(self, device: DeviceId) -> float:
        """Return since when a pendant that was out is home and silent; -inf: it was not out."""
        return self._home.get(device, -inf)

    def forget(self, device: DeviceId) -> None:
        """Take it that a pendant is heard again, or gone."""
        self._left.pop(device, None)
        self._home.pop(device, None)

    def _again(self, device: DeviceId) -> float | None:
        """Return when somebody may have left again before the pendant was to speak, or None.

        Whoever opens the door later leaves a silent pendant behind. A door about the time of coming
        home is that of coming home, and where nothing is seen to move nobody knows who is in.
        """
        if self._moved == -inf:
            return None
        home = self._home[device]
        latest = home + WAITS.out_about + self._interval(device)
        after = (
            one.at
            for one in self._opened
            if one.leaving and home + WAITS.out_about < one.at <= latest
        )
        return max(after, default=None)

    def _door_about(self, device: DeviceId, heard: float) -> float | None:
        """Return when somebody may have left, or None.

        Of several doors it is the last one after which nobody moved for long.
        """
        latest = heard + WAITS.out_about + self._interval(device)
        about = [
            one.at
            for one in self._opened
            if one.leaving and heard - WAITS.out_about <= one.at <= latest
        ]
        return max(
            about, key=lambda at: (self._came(at) - at >= WAITS.out_shortest, at), default=None
        )

    def _came(self, left: float) -> float:
        """Return when somebody was at home after a door opened at `left`; inf where nobody was."""
        if self._moved > -inf:
            return next(
                (one.moved for one in self._opened if one.at == left),
                self._moved if self._moved > left + WAITS.out_about else inf,
            )
        return min((one.at for one in self._opened if one.at > left + WAITS.out_about), default=inf)

    def _interval(self, device: DeviceId) -> float:
        """Return how far apart a pendant's words are, 0 where that is not known."""
        _, gaps = self._words.get(device, (0.0, ()))
        return min(WAITS.out_latest, *gaps) if len(gaps) >= KNOWN else 0.0


def _words(said: int, same: int) -> deque[bool]:
    """Return the last words of a door as they are remembered: True for each that was a repeat."""
    words = min(max(0, said), WORDS)
    again = min(max(0, same), words)
    return deque([True] * again + [False] * (words - again), maxlen=WORDS)
