"""`person.no_return`, `person.night_exit`: left by the door, and nothing moves inside since.

Out by day is no danger before the preset's hours, the longest outing and half of it where that is
more, or the hour at which somebody is to be back; who stays out over night is missed in the
morning. A door that opens at night with nobody inside after it is asked about after `night_exit`;
who goes out early is not asked; who wanders is looked for at once.
"""

from __future__ import annotations

from gateway.judge.silence.line import LEAST
from gateway.judge.silence.now import ASKS, DAWN, Now
from gateway.judge.silence.question import Ask
from gateway.judge.waits import WAITS
from gateway.words import kind as kinds
from gateway.words.reading import Value

LONGER = 1.5  # times its longest outing that a home may be left
KNOWN = 1.2  # times the preset's hours, at least, where outings are known
MORNING = 10 * 60  # minute of the day before which who stayed out over night is not missed

NIGHT = frozenset({23, 0, 1, 2, 3, 4})  # hours in which nobody goes out for the day


def line(now: Now) -> tuple[int, dict[str, Value]]:
    """Return how many minutes somebody may be out, and what that rests on."""
    trips, limits = sorted(now.line.kept.trips, reverse=True), now.limits
    if len(trips) < LEAST:
        return limits.out, {"basis": "preset", "line_min": limits.out}
    minutes = min(max(int(trips[0] * LONGER), int(limits.out * KNOWN)), limits.out_most)
    rests: dict[str, Value] = {"basis": "learnt", "line_min": minutes, "longest_min": trips[0]}
    return minutes, rests


def judged(now: Now) -> Ask | None:
    """Say whether the home asks now."""
    scene = now.scene
    if not scene.door or now.local is None:
        return None
    night = now.local.hour not in ASKS
    # who is up by now goes out early, as others do by day
    early = now.local.hour >= DAWN and scene.up and now.local.hour < ASKS.start
    if night and scene.by_night and scene.whole and not early:
        return _night(now)
    if night or not scene.away:
        return None
    minutes, rests = line(now)
    late = now.wishes.back_by is not None and now.local.time() >= now.wishes.back_by
    out = int((now.mono - scene.left) / 60)
    overnight = out > now.minute and now.minute < MORNING
    if (out < minutes and not late) or overnight:
        return None
    return _ask(now, kinds.NO_RETURN, {"silent_min": out, **rests})


def _night(now: Now) -> Ask | None:
    if now.wishes.wandering:
        return _ask(now, kinds.NIGHT_EXIT, {"basis": "wandering"}, at_once=True)
    if now.silent * 60 < WAITS.night_exit:
        return None
    return _ask(now, kinds.NIGHT_EXIT, {"silent_min": int(now.silent), "basis": "preset"})


def _ask(now: Now, kind: str, rests: dict[str, Value], *, at_once: bool = False) -> Ask:
    last = now.scene.last
    device = "" if last is None else last.device
    # of one leaving once, however long it lasts
    return Ask(kind=kind, device=device, since=now.scene.left, at_once=at_once, rests=rests)
