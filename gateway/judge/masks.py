"""What is masked for a while, and how it outlives a power cut: as seconds that remain.

The wall clock may be wrong by years when something is masked, and unsure when the box starts again.
So the mark holds what remained when it was written; the end by the wall clock is used only where a
confirmed clock has given it and a confirmed clock reads it, and only to end sooner. After a power
cut with an unsure clock it goes on from what remained at the last mark, less the longest time
between two marks: whatever the power does, nothing is masked longer than it was asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import inf
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from gateway.judge.waits import WAITS
from gateway.words.clock import Moment, Quality
from gateway.words.finite import loads, number
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


class Shelf(Struct, frozen=True):
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
        return (
            self
            if (until, wall) == (self.until, self.wall)
            else replace(self, until=until, wall=wall)
        )


def masked(shelves: Mapping[DeviceId, Shelf], away: End, now: Moment, boot: str) -> str:
    """Return what is shelved, and until when nobody is at home, as the mark `masks` keeps it.

    `until` and `away` are for the page.
    """

    def kept(end: End) -> dict[str, Any]:
        wall = now.wall.timestamp() + end.until - now.mono if end.wall is None else end.wall
        return {
            "until": wall,
            "left": end.until - now.mono,
            "sure": end.wall is not None or now.quality is Quality.SYNCHRONISED,
        }

    marked: dict[str, Any] = {
        "boot": boot,
        "mono": now.mono,
        "shelves": {
            d: {**kept(End(s.until, s.wall)), "by": s.by, "reason": s.reason}
            for d, s in shelves.items()
        },
        "away": 0.0,
    }
    if away.until > now.mono:
        lasts = kept(away)
        marked |= {"away": lasts["until"], "away_left": lasts["left"], "away_sure": lasts["sure"]}
    return json.dumps(marked, ensure_ascii=False)


def unmasked(text: str, now: Moment, boot: str = "") -> tuple[dict[DeviceId, Shelf], End]:
    """Return (what is shelved, until when nobody is at home) as the mark `masks` has it.

    Raises one of BROKEN.
    """
    marked = loads(text or "{}")
    since = now.mono - number(marked["mono"]) if boot and marked.get("boot") == boot else None

    def end(wall: float, left: float | None, sure: bool, most: float) -> End:
        wall = number(wall)
        if left is None:  # by an earlier version: the wall clock alone
            left = wall - now.wall.timestamp() if now.quality is Quality.SYNCHRONISED else -inf
            return End(now.mono + min(left, most))
        left = min(number(left), most)
        if since is not None:
            return End(now.mono + left - max(0.0, since))
        left -= 0.0 if sure and now.quality is Quality.SYNCHRONISED else WAITS.masks_marked
        return End(now.mono + left, wall if sure else None).settled(now)

    shelves = {}
    for device, s in marked.get("shelves", {}).items():
        lasts = end(s["until"], s.get("left"), s.get("sure", False), WAITS.shelf_most)
        shelves[device] = Shelf(lasts.until, s["by"], s["reason"], lasts.wall)
    away = end(
        marked.get("away", 0.0),
        marked.get("away_left"),
        marked.get("away_sure", False),
        WAITS.away_most,
    )
    return shelves, away if away.until > now.mono else End()
