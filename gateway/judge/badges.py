"""Badges of those who come: who carries one is there once it was heard for long enough. Pure.

    intake ── heard(device, dBm, mono) ──▶ Badges ── there(now) ──▶ arrivals, judged in `real`
    radios ── hears(mono) ───────────────▶       └── tick() ──────▶ visits: who came, who left

A badge has come once three quarters of its frames within `badge_stay`, and of the last FRAMES, are
as strong as FLOOR: a car below the window and a neighbour behind two walls are weaker as a rule. It
stays while half of them are as strong as KEPT. A wall that is thin cannot be told from a door.

Seconds in which no radio heard anything are no absence. What was near when the gateway began to
listen has not come: a badge that was left in a drawer must not end a ladder. It counts once it was
not here for `badge_gone`, in seconds that the gateway heard.

The intake tells of a badge with a key only what came under a new counter: `proved`. Anybody can
copy a plain one.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Collection, Mapping
from math import inf

import msgspec
from msgspec import Struct, field

from gateway.judge.waits import WAITS
from gateway.words.bounds import Seconds
from gateway.words.clock import Moment
from gateway.words.reading import DeviceId
from gateway.words.rows import named

BADGE = "badge"  # how somebody came, and what proves a visit
SHOWN = "shown"  # what it says of an arrival of which only an SMS told
MARK = "badges"
FRAMES = 12
FLOOR, COME = -78, 0.75  # dBm, and the share of frames that brings somebody
KEPT, STAYS = -84, 0.5  # the same for who is here
APART = 0.5  # seconds between two frames that are counted


class Badge(Struct, frozen=True):
    """Whose badge a device is, as that person is called in the ladder. `proved`: it has a key."""

    who: str
    proved: bool = False


class There(Struct, frozen=True):
    """Somebody is here by a badge, since this monotonic second of this boot."""

    device: DeviceId
    badge: Badge
    since: float
    boot: str


class Visit(Struct, frozen=True):
    """Somebody has been here long enough to count as a visit, or has left after one.

    `until` is the monotonic second at which the badge was here last, None while it is.
    """

    device: DeviceId
    badge: Badge
    since: float
    until: float | None = None


class _Stay(Struct):
    """Since when a badge is here. `before`: it may have been before the gateway listened.

    `came` is of `boot`, `since` and `last` are of this one.
    """

    came: float
    boot: str
    since: float
    last: float
    before: bool
    visits: bool = False  # it was told as a visit


class _Near(Struct):
    """What is known of one badge. `here`: when it was here last, in seconds that were heard."""

    badge: Badge
    here: float
    frames: deque[tuple[float, int]] = field(default_factory=deque)
    stay: _Stay | None = None

    def hear(self, dbm: int, mono: float) -> bool:
        """Take a frame; say whether it counts."""
        frames = self.frames
        if frames and mono - frames[-1][0] < APART:
            return False
        if frames and mono - frames[-1][0] >= WAITS.badge_pause:
            frames.clear()
        frames.append((mono, dbm))
        while len(frames) > FRAMES and frames[1][0] <= mono - WAITS.badge_stay:
            frames.popleft()
        return True

    @property
    def comes(self) -> bool:
        lasts = self.frames[-1][0] - self.frames[0][0] >= WAITS.badge_stay
        return lasts and len(self.frames) >= FRAMES and self._share(FLOOR) >= COME

    @property
    def stays(self) -> bool:
        return self._share(KEPT) >= STAYS

    def _share(self, least: int) -> float:
        return sum(dbm >= least for _, dbm in self.frames) / len(self.frames)


class _Kept(Struct):
    """What outlives a restart. `away`: it was not here for long enough to come."""

    away: bool = False
    came: Seconds | None = None
    boot: str = ""
    stayed: Seconds = 0.0
    before: bool = False
    visits: bool = False


class Badges:
    """The badges of one home. Bound: as many as there are devices."""

    def __init__(self, boot: str) -> None:
        self._boot = boot
        self._near: dict[DeviceId, _Near] = {}
        self._left: list[Visit] = []
        self._listened = 0.0  # seconds in which the gateway heard
        self._heard = -inf  # anything
        self._kept: Mapping[DeviceId, _Kept] = {}
        self._written: Mapping[DeviceId, _Kept] = {}

    def know(self, badges: Mapping[DeviceId, Badge], other: Collection[DeviceId] = ()) -> None:
        """Take whose badges there are. Of a new one, or `other` hardware, nothing is known yet."""
        old = {d: near for d, near in self._near.items() if d not in other}
        self._near = {
            d: old[d] if d in old and old[d].badge == badge else _Near(badge, self._listened)
            for d, badge in badges.items()
        }

    def restored(self, mark: str) -> None:
        """Take what was known before a restart; nothing of a mark that is damaged."""
        with contextlib.suppress(ValueError, RecursionError):
            self._kept = named(msgspec.json.decode(mark, type=dict[str, msgspec.Raw]), _Kept)

    def start(self, now: Moment) -> None:
        """Begin to listen, by what is `restored`."""
        for device, kept in self._kept.items():
            if (near := self._near.get(device)) is None:
                continue
            near.here = -inf if kept.away else self._listened
            if kept.came is not None and not kept.away:
                ours = kept.boot == self._boot and kept.came <= now.mono
                since = kept.came if ours else now.mono - min(kept.stayed, WAITS.silence_most)
                last = min(now.mono, since + kept.stayed)
                near.stay = _Stay(kept.came, kept.boot, since, last, kept.before, kept.visits)
        self._kept = {}

    def hears(self, mono: float) -> None:
        """Take when the radio heard anything last."""
        if mono > self._heard:
            gap = mono - self._heard
            self._listened += gap if gap < WAITS.badge_pause else 0.0
            self._heard = mono

    def heard(self, device: DeviceId, dbm: int, mono: float) -> None:
        """Take one frame of a badge; of one with a key only under a new counter."""
        near = self._near.get(device)
        if near is None:
            return
        self.hears(mono)
        if not -127 <= dbm < 0 or not near.hear(dbm, mono):
            return
        if self._gone(near):
            self._end(device, near)
        if near.stay is None and near.comes:
            since = next(at for at, dbm in near.frames if dbm >= FLOOR)
            before = self._listened - near.here - (mono - since) < WAITS.badge_gone
            near.stay = _Stay(since, self._boot, since, mono, before)
        if near.stay is not None and near.stays:
            near.stay.last, near.here = mono, self._listened

    def there(self, now: Moment) -> list[There]:
        """Return who has come and is here, as was heard a moment ago."""
        return [
            There(device, near.badge, stay.came, stay.boot)
            for device, near in self._near.items()
            if (stay := near.stay) is not None
            and not stay.before
            and now.mono - stay.last <= WAITS.badge_fresh
        ]

    def tick(self) -> list[Visit]:
        """Return the visits that count by now, and those that are over."""
        for device, near in self._near.items():
            if self._gone(near):
                self._end(device, near)
        out, self._left = self._left, []
        for device, near in self._near.items():
            stay = near.stay
            if stay is None or stay.before or stay.visits:
                continue
            if stay.last - stay.since >= WAITS.visit_least:
                stay.visits = True
                out.append(Visit(device, near.badge, stay.since))
        return out

    @property
    def unsaved(self) -> bool:
        """True when somebody has come or gone and no mark says so."""
        return any(
            (was := self._written.get(device)) is None
            or (was.away, was.came, was.visits) != (one.away, one.came, one.visits)
            for device, one in self._now().items()
        )

    def mark(self, *, anew: bool = False) -> str:
        """Return what is to be remembered over a restart, "" where nothing is new."""
        if not (anew or self.unsaved):
            return ""
        self._written = self._now()
        return msgspec.json.encode(self._written).decode()

    def _now(self) -> dict[DeviceId, _Kept]:
        out = {}
        for device, near in self._near.items():
            out[device] = kept = _Kept(self._away(near))
            if (stay := near.stay) is not None:
                kept.came, kept.boot, kept.before = stay.came, stay.boot, stay.before
                kept.stayed, kept.visits = round(stay.last - stay.since, 1), stay.visits
        return out

    def _away(self, near: _Near) -> bool:
        return self._listened - near.here >= WAITS.badge_gone

    def _gone(self, near: _Near) -> bool:
        return near.stay is not None and self._away(near)

    def _end(self, device: DeviceId, near: _Near) -> None:
        """Take that a badge is gone."""
        stay, near.stay = near.stay, None
        if stay is not None and stay.visits:
            self._left.append(Visit(device, near.badge, stay.since, stay.last))
