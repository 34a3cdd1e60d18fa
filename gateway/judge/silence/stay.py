"""`person.stay_too_long` of a bath: the newest sign of life is in it, and it is silent since.

A preset, not a guess: nobody is in the bath silently for long. Where a home is often silent after
its bath, because the room behind it has no sensor, the rule cannot judge: the other lines hold.
"""

from __future__ import annotations

from math import inf

from gateway.judge.silence.now import Now
from gateway.judge.silence.question import Ask
from gateway.words import kind as kinds

OFTEN = 3  # days of those known whose silence in the bath was longer: the rule cannot judge


def cannot(now: Now) -> bool:
    """Say whether this home is silent after its bath too often."""
    baths = now.line.baths()
    return len(baths) >= OFTEN and baths[OFTEN - 1] > now.limits.bath


def judged(now: Now) -> Ask | None:
    """Say whether the home asks now."""
    scene = now.scene
    if scene.bath == -inf or scene.door or not scene.up or not now.by_day or not scene.whole:
        return None
    if now.silent < now.limits.bath * now.budget.stretch or cannot(now):
        return None
    last = scene.last
    return Ask(
        kind=kinds.STAY_TOO_LONG,
        device="" if last is None else last.device,
        since=scene.since,
        rests={"silent_min": int(now.silent), "basis": "preset", "line_min": now.limits.bath},
    )
