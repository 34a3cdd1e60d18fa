"""Which line holds just now, and the numbers it rests on: for whoever looks. Pure."""

from __future__ import annotations

from math import inf

from gateway.judge.silence import going_out, inactive, not_up, stay
from gateway.judge.silence.now import Now
from gateway.words import kind as kinds
from gateway.words.reading import Value


def holds(now: Now) -> tuple[str, dict[str, Value]]:
    """Return (the kind of danger, its numbers); ("", {}) where none is judged at this hour."""
    scene = now.scene
    if now.local is None or not (now.by_day or scene.door):
        return "", {}
    if scene.door:
        out, rests = going_out.line(now)
        return kinds.NO_RETURN, {**rests, "line_min": out}
    if not scene.up:
        return kinds.NOT_UP, not_up.line(now)[1]
    if scene.bath > -inf and scene.whole and not stay.cannot(now):
        return kinds.STAY_TOO_LONG, {"basis": "preset", "line_min": now.limits.bath}
    minutes, rests = inactive.line(now)
    borne = min(minutes * now.budget.stretch, max(minutes, now.limits.most))
    return kinds.INACTIVE, {**rests, "line_min": round(borne)}
