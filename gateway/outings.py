"""Whether a pendant that is silent has gone out with its wearer: pure, told of all readings, asked by supervision.

It went out where a door opened about when it was heard last and nobody moved at home since. Coming home is generous: any movement
says so, and in a home without a motion sensor the next time that a door opens. A pendant that speaks only now and then may be home again
before it is missed: an outing of SHORTEST without movement was one too, and its silence at home counts from its end on.
"""

from __future__ import annotations

from collections import deque
from math import inf

from gateway.reading import DeviceId, Kind, Reading

ABOUT = 300.0  # s between a pendant's last word and the door, either way; and for which who leaves may still be seen to move
WORDS = 4.0  # a pendant's limit is as long as about so many of its check-ins: the last one may be as much older than the door
LATEST = 3600.0  # s at most that the last word may be older
SHORTEST = 1200.0  # s without movement after the door opened that were an outing, though it is over when the pendant is missed
DOORS = 64  # openings that are remembered, the oldest forgotten first: a day has some dozens
_MOVES = frozenset({Kind.MOTION, Kind.PRESENCE, Kind.OCCUPANCY, Kind.ACTIVITY, Kind.BUTTON})


class Outings:
    """When doors opened and somebody moved, by the monotonic second, and who went out."""

    def __init__(self) -> None:
        self._opened: deque[list[float]] = deque(maxlen=DOORS)  # [when, when somebody moved after that: inf while nobody has]
        self._moved = -inf
        self._left: dict[DeviceId, float] = {}  # pendant -> when its wearer left
        self._home: dict[DeviceId, float] = {}  # pendant -> when its wearer was back, and the pendant was not heard

    def restored(self, device: DeviceId, now: float) -> None:
        """Take it that the wearer was out before a restart. Who has come home meanwhile will be seen to move."""
        self._left[device] = now
        self._opened.append([now, inf])

    def heard(self, reading: Reading) -> None:
        """Take one reading. Numbers and words that say how much somebody moves count where they are not nought."""
        if reading.kind is Kind.CONTACT_OPEN and reading.value:
            self._opened.append([reading.at.mono, inf])
        elif reading.kind in _MOVES and reading.value:
            self._moved = reading.at.mono
            for opened in reversed(self._opened):
                if opened[1] < inf:
                    break
                if self._moved > opened[0] + ABOUT:
                    opened[1] = self._moved

    def out(self, device: DeviceId, heard: float, limit: float) -> bool:
        """Say whether a pendant, heard last at second `heard` and missing after `limit` s, is out with its wearer."""
        left = self._left.get(device)
        if left is None or left < heard - ABOUT:  # heard since: another outing
            self._left.pop(device, None)
            if self._home.get(device, -inf) > heard:
                return False  # was out, and is back: whoever opens the door now leaves a silent pendant behind
            self._home.pop(device, None)
            latest = heard + ABOUT + min(LATEST, limit / WORDS)
            left = max((at for at, _ in self._opened if heard - ABOUT <= at <= latest), default=None)
            if left is None:
                return False
        came = self._came(left)
        if came == inf:
            self._left[device] = left
            return True
        if self._left.pop(device, None) is not None or came - left >= SHORTEST:
            self._home[device] = came
        return False

    def home_since(self, device: DeviceId) -> float:
        """Return since when a pendant that was out is at home and silent; -inf where it was not out."""
        return self._home.get(device, -inf)

    def forget(self, device: DeviceId) -> None:
        """Take it that a pendant is heard again, or gone."""
        self._left.pop(device, None)
        self._home.pop(device, None)

    def _came(self, left: float) -> float:
        """Return when somebody was at home after a door opened at `left`; inf where nobody was."""
        if self._moved > -inf:
            return next((moved for at, moved in self._opened if at == left), self._moved if self._moved > left + ABOUT else inf)
        return min((at for at, _ in self._opened if at > left + ABOUT), default=inf)
