"""Badges of those who come: who carries one is there once it was heard for long enough. Pure.

    intake ── heard(device, dBm, mono) ──▶ Badges ── there(now) ──▶ arrivals, judged in `real`
                                                └── tick(now) ───▶ visits: who came, who left

A badge is near when it was heard FRAMES times over `badge_stay`, each time at FLOOR or more: a car
below the window and a neighbour behind two walls are weaker as a rule. It is gone when it was not
heard for `badge_gone`. A weaker frame keeps who is there, and brings nobody.

What was near when the gateway began to listen has not come: a badge that was left in a drawer must
not end a ladder. It counts once it was away for `badge_gone`, in seconds that the gateway heard.

The intake tells of a badge with a key only what came under a new counter: `proved`. Anybody can
copy a plain one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import inf

from msgspec import Struct

from gateway.judge.waits import WAITS
from gateway.words.clock import Moment
from gateway.words.reading import DeviceId

BADGE = "badge"  # how somebody came, and what proves a visit
FRAMES = 3  # as strong as FLOOR
FLOOR = -80  # dBm


class Badge(Struct, frozen=True):
    """Whose badge a device is, as that person is called in the ladder. `proved`: it has a key."""

    who: str
    proved: bool = False


class There(Struct, frozen=True):
    """Somebody is here by a badge, since this monotonic second."""

    device: DeviceId
    badge: Badge
    since: float


class Visit(Struct, frozen=True):
    """Somebody has been here long enough to count as a visit, or has left after one.

    `until` is the monotonic second at which the badge was heard last, None while it is here.
    """

    device: DeviceId
    badge: Badge
    since: float
    until: float | None = None


class _Near(Struct):
    """A badge that is heard. `before`: it may have been here before the gateway listened."""

    badge: Badge
    since: float
    last: float
    before: bool
    frames: int = 0
    visits: bool = False  # it was told as a visit

    @property
    def here(self) -> bool:
        return self.frames >= FRAMES and self.last - self.since >= WAITS.badge_stay

    def gone(self, mono: float) -> bool:
        return mono - self.last >= WAITS.badge_gone

    def strong(self, mono: float) -> None:
        if not self.here and mono - self.last >= WAITS.badge_pause:
            self.since, self.frames = mono, 0
        self.last = mono
        self.frames += 1


class Badges:
    """The badges of one home. Bound: as many as there are devices."""

    def __init__(self) -> None:
        self._badges: Mapping[DeviceId, Badge] = {}
        self._near: dict[DeviceId, _Near] = {}
        # until this monotonic second a badge that is heard may have been here all the time
        self._doubt: dict[DeviceId, float] = {}
        self._left: list[Visit] = []

    def know(self, badges: Mapping[DeviceId, Badge], other: Collection[DeviceId] = ()) -> None:
        """Take whose badges there are. Of a new one, or `other` hardware, nothing is known yet."""
        kept = {d for d, badge in badges.items() if self._badges.get(d) == badge and d not in other}
        self._near = {d: near for d, near in self._near.items() if d in kept}
        known = {d: until for d, until in self._doubt.items() if d in kept}
        self._doubt = {d: inf for d in badges if d not in kept} | known
        self._badges = badges

    def start(self, now: Moment, silent_for: Mapping[DeviceId, float]) -> None:
        """Take for how long each badge had been silent before a restart, where that is known."""
        for device in self._badges:
            self._doubt[device] = now.mono + WAITS.badge_gone - silent_for.get(device, 0.0)

    def heard(self, device: DeviceId, dbm: int, mono: float) -> None:
        """Take one frame of a badge; of one with a key only under a new counter."""
        badge = self._badges.get(device)
        if badge is None:
            return
        near = self._near.get(device)
        if near is not None and near.gone(mono):
            self._end(device)
            near = None
        if FLOOR <= dbm < 0:
            if near is None:
                before = mono < self._doubt.get(device, -inf)
                near = self._near[device] = _Near(badge, mono, mono, before)
            near.strong(mono)
        elif near is not None and near.here:
            near.last = mono

    def there(self) -> list[There]:
        """Return who has come and is here."""
        return [
            There(device, near.badge, near.since)
            for device, near in self._near.items()
            if near.here and not near.before
        ]

    def tick(self, now: Moment) -> list[Visit]:
        """Return the visits that count by now, and those that are over."""
        for device in [d for d, near in self._near.items() if near.gone(now.mono)]:
            self._end(device)
        for device, until in self._doubt.items():
            if until == inf and device not in self._near:
                self._doubt[device] = now.mono + WAITS.badge_gone
        out, self._left = self._left, []
        for device, near in self._near.items():
            lasts = near.last - near.since >= WAITS.visit_least
            if near.here and lasts and not near.before and not near.visits:
                near.visits = True
                out.append(Visit(device, near.badge, near.since))
        return out

    def _end(self, device: DeviceId) -> None:
        """Take that a badge is gone."""
        near = self._near.pop(device)
        self._doubt.pop(device, None)
        if near.visits:
            self._left.append(Visit(device, near.badge, near.since, near.last))
