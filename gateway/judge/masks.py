"""What is masked for a while, and how it outlives a power cut: as seconds that remain.

The wall clock may be wrong by years when something is masked, and unsure when the box starts again.
So the mark holds what remained when it was written; the end by the wall clock is used only where a
confirmed clock has given it and a confirmed clock reads it, and only to end sooner. After a power
cut with an unsure clock it goes on from what remained at the last mark, less the longest time
between two marks: whatever the power does, nothing is masked longer than it was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import NamedTuple

import msgspec
from msgspec import Struct

from gateway.judge.waits import WAITS
from gateway.words.clock import Moment, Quality
from gateway.words.reading import DeviceId


class End(NamedTuple):
    """When something is over, in monotonic seconds of this boot.

    `wall`: the wall second of it, where it was taken over at a boot whose clock nobody has
    confirmed yet.
    """

    until: float = -inf
    wall: float | None = None

    def settled(self, now: Moment) -> End:
        """Return the end as a confirmed clock knows it, once: never a later one.

        From then on the monotonic clock alone counts.
        """
        if now.quality is not Quality.SYNCHRONISED or self.wall is None:
            return self
        return End(min(self.until, now.mono + self.wall - now.wall.timestamp()))


NOT_MASKED = End()


class Shelf(NamedTuple):
    """A device that is not judged until `until` (monotonic second of this boot).

    `wall` is as in `End`.
    """

    until: float
    by: str
    reason: str
    wall: float | None = None

    def settled(self, now: Moment) -> Shelf:
        """Return the shelf by what a confirmed clock says now."""
        until, wall = End(self.until, self.wall).settled(now)
        return self._replace(until=until, wall=wall)


class _Lasts(Struct):
    """An end as the mark has it: by the wall clock, in seconds, and whether that was confirmed.

    An earlier version had the wall clock alone.
    """

    until: float = 0.0
    left: float | None = None
    sure: bool = False


class _Shelved(_Lasts, kw_only=True):
    by: str
    reason: str


class _Mark(Struct):
    boot: str = ""
    mono: float = 0.0
    shelves: dict[DeviceId, _Shelved] = {}
    away: float = 0.0
    away_left: float | None = None
    away_sure: bool = False


def masked(shelves: Mapping[DeviceId, Shelf], away: End, now: Moment, boot: str) -> str:
    """Return what is shelved, and until when nobody is at home, as the mark `masks` keeps it.

    `until` and `away` are for the page.
    """

    def kept(end: End | Shelf) -> tuple[float, float, bool]:
        wall = now.wall.timestamp() + end.until - now.mono if end.wall is None else end.wall
        sure = end.wall is not None or now.quality is Quality.SYNCHRONISED
        return wall, end.until - now.mono, sure

    shelved = {d: _Shelved(*kept(s), by=s.by, reason=s.reason) for d, s in shelves.items()}
    mark = _Mark(boot, now.mono, shelved)
    if away.until > now.mono:
        mark.away, mark.away_left, mark.away_sure = kept(away)
    return msgspec.json.encode(mark).decode()


def unmasked(text: str, now: Moment, boot: str = "") -> tuple[dict[DeviceId, Shelf], End]:
    """Return (what is shelved, until when nobody is at home) as the mark `masks` has it.

    Raises one of BROKEN.
    """
    mark = msgspec.json.decode(text or "{}", type=_Mark)
    same_boot = boot and mark.boot == boot

    def end(one: _Lasts, most: float) -> End:
        confirmed = now.quality is Quality.SYNCHRONISED
        if one.left is None:  # by an earlier version: the wall clock alone
            left = one.until - now.wall.timestamp() if confirmed else -inf
            return End(now.mono + min(left, most))
        left = min(one.left, most)
        if same_boot:
            return End(now.mono + left - max(0.0, now.mono - mark.mono))
        left -= 0.0 if one.sure and confirmed else WAITS.masks_marked
        return End(now.mono + left, one.until if one.sure else None).settled(now)

    shelves = {}
    for device, one in mark.shelves.items():
        until, wall = end(one, WAITS.shelf_most)
        shelves[device] = Shelf(until, one.by, one.reason, wall)
    away = end(_Lasts(mark.away, mark.away_left, mark.away_sure), WAITS.away_most)
    return shelves, away if away.until > now.mono else End()
