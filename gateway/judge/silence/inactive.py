"""`person.inactive`: no sign of life anywhere for longer than this home's own line for this hour.

It is judged of who is up and at home. Where too little is known of the hour the preset's line
holds. With a clock that nobody confirms a silence has to be longer than any night.
"""

from __future__ import annotations

from gateway.judge.silence.line import LEAST
from gateway.judge.silence.now import ASKS, Now
from gateway.judge.silence.question import Ask
from gateway.judge.waits import WAITS
from gateway.words import kind as kinds
from gateway.words.reading import Value

LAST = 21 * 60 + 50  # minute of the day from which the evening ends
LATE = 25  # minutes of silence that are asked about then at least


def line(now: Now) -> tuple[float, dict[str, Value]]:
    """Return the line of this hour in minutes, and the numbers it rests on."""
    limits = now.limits
    learnt = now.line.of(
        now.cell, ASKS, free=now.free, questions=limits.questions, least=limits.least
    )
    if now.local is None or learnt < 0:
        return float(limits.still), {"basis": "preset", "line_min": limits.still}
    longest, days = now.line.longest(now.cell, free=now.free)
    minutes = min(max(learnt, limits.least), limits.most)
    rests: dict[str, Value] = {"basis": "learnt", "line_min": minutes}
    return float(minutes), rests | {"longest_min": longest, "days": days}


def judged(now: Now) -> Ask | None:
    """Say whether the home asks now."""
    scene, silent = now.scene, now.silent
    if now.local is None:
        return _without_a_clock(now)
    if not scene.up or scene.door or not now.by_day:
        return None
    minutes, rests = line(now)
    late = _late(now, rests)
    if late is None and silent < min(minutes * now.budget.stretch, max(minutes, now.limits.most)):
        return None
    rests = late or rests
    return _ask(now, rests)


def _late(now: Now, rests: dict[str, Value]) -> dict[str, Value] | None:
    """Return what it rests on that the home asks once more before the night; None: it does not.

    Nobody is asked at night. Who is silent elsewhere than where they sleep, for longer than nearly
    all evenings ended, is asked before it.
    """
    lates = now.line.lates()
    if now.minute < LAST or now.scene.rests or len(lates) < LEAST:
        return None
    line = max(lates[1], LATE)
    if now.silent < line:
        return None
    return rests | {"basis": "evening", "line_min": line, "longest_min": lates[0]}


def _without_a_clock(now: Now) -> Ask | None:
    if now.scene.door or now.silent * 60 < WAITS.longest_night:
        return None
    return _ask(now, {"basis": "no_clock", "line_min": round(WAITS.longest_night / 60)})


def _ask(now: Now, rests: dict[str, Value]) -> Ask:
    last = now.scene.last
    return Ask(
        kind=kinds.INACTIVE,
        device="" if last is None else last.device,
        since=now.scene.since,
        rests={"silent_min": int(now.silent), **rests},
    )
