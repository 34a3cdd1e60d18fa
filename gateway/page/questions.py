"""What the home asked in the last day, by what it was answered, and how silent it is just now.

Readings stand in it only where the resident agreed that activity is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from gateway.contract import wire
from gateway.home.config import Config
from gateway.home.silence import SilenceStatus
from gateway.home.status import Status
from gateway.judge.silence.wishes import OFF
from gateway.judge.waits import WAITS as JUDGED
from gateway.page import asking
from gateway.page.known import DAY, between, seconds
from gateway.page.visitor import Visitor
from gateway.words import kind

KINDS: Final = frozenset({kind.ASKED, kind.ANSWER})
OPEN, ANSWERED, DROPPED, ALARM = "open", "answered", "dropped", "alarm"
SAYS: Final = {
    kind.INACTIVE: "silent.inactive",
    kind.NOT_UP: "silent.not_up",
    kind.NO_RETURN: "silent.no_return",
    kind.STAY_TOO_LONG: "silent.stay_too_long",
}
MOVED: Final = 120.0  # seconds of silence that are none yet
LATE: Final = 60.0  # seconds after the last wait in which its alarm is read


class Question(Struct, frozen=True, kw_only=True):
    """One question. `end` is how it ended, `after` s; `device` gave the answer."""

    at: float
    about: str
    entry: wire.FaultMessage
    times: int = 1
    end: str = OPEN
    after: float = 0.0
    room: str = ""
    device: str = ""
    alarm: int = 0


def questions(
    told: Iterable[wire.Outward], alarms: Sequence[wire.AlarmMessage], now: float
) -> list[Question]:
    """Return the questions of the last day, newest first, of entries and alarms, newest first."""
    out: list[Question] = []
    said = [m for m in told if isinstance(m, wire.FaultMessage) and m.kind in KINDS]
    for m in said[::-1]:
        at, about = seconds(m.at.wall), str(m.detail.get("about", ""))
        if m.kind == kind.ASKED and m.detail.get("times") == 1:
            out.append(Question(at=at, about=about, entry=m))
        elif not out or out[-1].end != OPEN or out[-1].about != about:
            continue
        elif m.kind == kind.ASKED:
            times = m.detail.get("times")
            out[-1] = replace(out[-1], times=times if isinstance(times, int) else 2)
        else:
            end = ANSWERED if "after_s" in m.detail else DROPPED
            after = max(0.0, between(out[-1].entry.at, m.at))
            out[-1] = replace(out[-1], end=end, after=after, room=m.room, device=m.device)
    return [_ended(q, alarms, now) for q in out[::-1] if q.at >= now - DAY]


def _ended(q: Question, alarms: Sequence[wire.AlarmMessage], now: float) -> Question:
    """Return a question that nobody answered with its alarm."""
    waits = JUDGED.ask_again + JUDGED.ask_ends + LATE
    if q.end != OPEN:
        return q
    for a in alarms:
        danger = a.stages.get("danger")
        if a.kind == q.about and danger and 0 <= between(q.entry.at, danger) <= waits:
            return replace(q, end=ALARM, alarm=a.alarm_number)
    return replace(q, end=ALARM) if now - q.at > waits else q


def shown(
    v: Visitor,
    config: Config,
    facts: Status,
    told: Iterable[wire.Outward],
    alarms: Sequence[wire.AlarmMessage],
    now: float,
) -> dict[str, Any] | None:
    """Return what Today says of questions and silence; None where there is nothing to say."""
    found = questions(told, alarms, now)
    if not found and config.parts.silence.preset == OFF:
        return None
    may = config.parts.consent.activity
    lines = [(q, _line(v, q, now, may=may)) for q in found]
    return {
        "open": [line for q, line in lines if q.end == OPEN],
        "past": [(q, line) for q, line in lines if q.end != OPEN],
        "stands": asking.stands(v, config, facts),
        "present": present(v, facts.silence, now) if may and facts.well else "",
        "all": found,
    }


def _line(v: Visitor, q: Question, now: float, *, may: bool) -> str:
    t = v.words
    by = v.names.where(q.room, q.device) if may and q.device else ""
    key = {OPEN: "asked.open", ALARM: "asked.alarm", DROPPED: "asked.dropped"}.get(
        q.end, "asked.by" if by else "asked.answered"
    )
    return t(
        key,
        time=t.clock(q.at, now, exact=False),
        about=t.kind(q.about),
        times=q.times,
        span=t.span(q.after),
        by=by,
    )


def present(v: Visitor, now: SilenceStatus, wall: float) -> str:
    """Return how silent it is, and what of it is borne, in one sentence; "" where none holds."""
    t, rests = v.words, now.rests
    if now.why or now.silent_s is None or now.question is not None:
        return ""
    if now.rule not in SAYS:
        return t("silent.night") if not now.rule else ""
    known = rests.get("line_min")
    minutes = known if isinstance(known, int | float) else 0
    said = t(
        SAYS[now.rule],
        since=t.clock(wall - now.silent_s, wall, exact=False),
        line=t.span(60 * minutes),
        at=rests.get("line_at", ""),
    )
    if now.silent_s < MOVED and now.rule == kind.INACTIVE:
        said = t("silent.moved", line=t.span(60 * minutes))
    basis = _basis(v, now)
    return said + (t.pair("\uff1b", "; ") + basis if basis else t.pair("\u3002", "."))


def _basis(v: Visitor, now: SilenceStatus) -> str:
    t, rests = v.words, now.rests
    longest, days = rests.get("longest_min"), rests.get("days")
    if rests.get("basis") == "preset":
        return t("silent.preset")
    if isinstance(longest, int) and longest > 0 and isinstance(days, int):
        return t("silent.longest", days=days, longest=t.span(60 * longest))
    if usual := rests.get("usual_at"):
        return t("silent.usual", at=usual)
    return ""
