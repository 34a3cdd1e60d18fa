"""`person.not_up`: no movement by the hour at which this home is up, and a margin.

The line is MARGIN after the second latest rising of the days that are known, and never sooner than
`up_margin` after the usual one, the median. Whoever was asked and only turned round in bed is asked
again once it was silent for `up_broken`.
"""

from __future__ import annotations

from gateway.judge.silence.line import LEAST
from gateway.judge.silence.now import Now
from gateway.judge.silence.question import Ask
from gateway.judge.waits import WAITS
from gateway.words import kind as kinds
from gateway.words.reading import Value

MARGIN = 15  # minutes


def line(now: Now) -> tuple[int, dict[str, Value]]:
    """Return the minute of the day by which somebody is up, and what it rests on."""
    rises, preset = now.line.rises(), now.limits.up
    if len(rises) < LEAST:
        return preset, {"basis": "preset", "line_at": _clock(preset)}
    usual = rises[len(rises) // 2]
    latest = max(rises[-2] + MARGIN, usual + int(WAITS.up_margin / 60))
    minutes = min(latest, preset + 120)
    rests: dict[str, Value] = {"basis": "learnt", "line_at": _clock(minutes), "days": len(rises)}
    return minutes, rests | {"usual_at": _clock(usual), "latest_at": _clock(rises[-1])}


def judged(now: Now) -> Ask | None:
    """Say whether the home asks now."""
    scene = now.scene
    if scene.up or scene.door or not now.by_day:
        return None
    minutes, rests = line(now)
    quiet = (WAITS.up_broken if scene.whole else WAITS.up_margin) / 60
    if now.minute < minutes or now.silent < quiet:
        return None
    last = scene.last
    return Ask(
        kind=kinds.NOT_UP,
        device="" if last is None else last.device,
        since=scene.since,
        rests={"silent_min": int(now.silent), **rests},
    )


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
