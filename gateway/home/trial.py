"""A change tried on recorded days: what the readings would have raised under other rules and times.

The recorded readings go through the same judge and pipeline twice, once by the rules in force and
once by the changed ones, and the two are compared: so the figures differ by the change alone.
Beside them stands what the journal says was. How people are played: see `rerun`.

Bounds: DAYS days, READINGS readings, `trial_work` seconds. Where one is reached, `complete` is
false and `until` says how far it went.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from gateway.home.config import Config
from gateway.home.recorded import Was, readings, recorded_alarms
from gateway.home.rerun import Count, Ran, beyond, key_of, rules_of, run
from gateway.home.waits import WAITS
from gateway.judge.alarm import State
from gateway.words.clock import Moment
from gateway.words.say import Say

DAYS = 7.0
READINGS = 200_000
LISTED = 50  # alarms that are listed as more or fewer


def tried(config: Config, changed: Config, now: Moment) -> dict[str, Any]:
    """Return what `changed` would have meant, as plain values with a sentence in both languages.

    It may take `WAITS.trial_work` seconds. Raises sqlite3.Error.
    """
    began = now.wall.timestamp() - DAYS * 86400
    was = recorded_alarms(config.state / "gateway.db", began)
    limit = time.monotonic() + WAITS.trial_work
    history, half = config.state / "history.db", WAITS.trial_work / 2

    def judged(by: Config, until: float) -> Ran:
        heard = readings(history, began, READINGS + 1)
        rules = rules_of(by)
        # a fortnight of learning would hide what is asked after it
        rules = replace(rules, wishes=replace(rules.wishes, shadow=0))
        return run(rules, heard, was, most=READINGS, limit=until)

    before, after = judged(config, limit - half), judged(changed, limit)
    more, fewer = _beyond(after, before), _beyond(before, after)
    complete = before.complete and after.complete
    return {
        "days": DAYS,
        "since": _iso(began),
        "until": _iso(min(before.until, after.until)) if before.readings else "",
        "readings": before.readings,
        "complete": complete,
        "was": asdict(_counted(was)),
        "before": asdict(before.count),
        "after": asdict(after.count),
        "more": more,
        "fewer": fewer,
        **_said(before, after),
    }


# -- the comparison --------------------------------------------------------------------------------


def _beyond(one: Ran, other: Ran) -> list[dict[str, str]]:
    """Return what was raised in `one` and not in `other`, as plain values."""
    out = []
    for alarm in beyond(one, other)[:LISTED]:
        kind, device, at = key_of(alarm)
        out.append({"kind": kind, "device": device, "room": alarm.room, "at": _iso(at)})
    return out


def _counted(was: Sequence[Was]) -> Count:
    raised = sum(w.state not in {State.PRE_ALARM, State.CANCELLED} for w in was)
    return Count(raised, sum(w.state is State.CANCELLED for w in was), sum(w.calls for w in was))


def _said(before: Ran, after: Ran) -> dict[str, str]:
    """Return the difference as a person says it."""
    steps = {
        n: getattr(after.count, n) - getattr(before.count, n)
        for n in ("asked", "answered", "raised", "cancelled", "called")
    }
    said = [
        Say(f"replay.{name}_{'more' if step > 0 else 'fewer'}", count=abs(step))
        for name, step in steps.items()
        if step
    ]
    what = ", ".join(say.zh for say in said), ", ".join(say.en for say in said)
    say = (
        Say("replay.none")
        if not before.readings
        else Say("replay.would", what=what)
        if said
        else Say("replay.same")
    )
    return {"zh": say.zh, "en": say.en}


def _iso(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
