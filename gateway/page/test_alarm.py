"""The test alarm, with each stage's time."""

from __future__ import annotations

from fastapi import APIRouter, Response

from gateway.contract import wire
from gateway.home import inbox
from gateway.home.status import Status
from gateway.page import acts
from gateway.page.acts import notice
from gateway.page.known import Filter, between, seconds
from gateway.page.visitor import Technician
from gateway.page.waits import WAITS
from gateway.words import kind
from gateway.words.instruction import Do

router = APIRouter()


@router.get("/test")
def test(v: Technician) -> Response:
    """Show the test alarm, with each stage's time."""
    known = v.page.known
    newest = known.newest()  # before all else: what comes meanwhile is new to this page
    facts = known.status()
    told = v.request.query_params.get("told", "")[:80]
    result = known.result(told) if told else None
    running = next((a for a in known.open_alarms() if a.kind == kind.TEST), None)
    alarm = known.by_id(result.alarm) if result and result.alarm else running
    earlier = [
        a
        for a in known.past(Filter(kind=kind.TEST), limit=6)
        if alarm is None or a.alarm != alarm.alarm
    ]
    now = known.now(facts)
    # Whoever has ended the test was told by another instruction, which is none of its stages.
    began = (
        inbox.left_at(v.page.config.page_folder, told)
        if told and v.request.query_params.get("did") == Do.TEST
        else None
    )
    way = _way(began, alarm)
    return v.render(
        "_test.html" if "part" in v.request.query_params else "test.html",
        newest=newest,
        alarm=alarm,
        earlier=earlier,
        told=told,
        result=result,
        way=way,
        trouble=_trouble(way, facts, now),
        once=acts.once(),
        facts=facts,
        now=now,
        between=between,
        notice=notice(v),
        possible_close=acts.possible,
    )


def _way(
    left: float | None, alarm: wire.AlarmMessage | None
) -> list[tuple[str, float | None, float | None]]:
    """Return the stages of a test alarm: (word, wall second or None, s after the one before)."""
    stages = alarm.stages if alarm else {}
    began = seconds(stages["alarm"].wall) if "alarm" in stages else None
    out: list[tuple[str, float | None, float | None]] = (
        [("told", left or began, None)] if left or began else []
    )
    out.append(("alarm", began, max(0.0, began - left) if began and left else None))
    before = stages.get("alarm")
    for name in ("push", "answered"):
        at = stages.get(name)
        out.append(
            (name, seconds(at.wall) if at else None, between(before, at) if at and before else None)
        )
        before = at or before
    return out


def _trouble(
    way: list[tuple[str, float | None, float | None]], facts: Status, now: float
) -> tuple[str, str]:
    """Return (the stage that does not come, its word), both "" where it is well or too early."""
    at = {name: wall for name, wall, _ in way}
    uplink = facts.uplink
    if at["alarm"] is None:
        return (
            ("alarm", "test.no_gateway")
            if at.get("told") and now - (at["told"] or now) > WAITS.late
            else ("", "")
        )
    waited = now - at["alarm"]
    if at["push"] is None:
        if not uplink.configured:
            return "push", "test.no_platform"
        if not uplink.connected:
            return ("push", "test.no_link") if waited > 1 else ("", "")
        return ("push", "test.no_receipt") if waited > WAITS.late else ("", "")
    return (
        ("answered", "test.no_desk")
        if at["answered"] is None and now - at["push"] > WAITS.desk_late
        else ("", "")
    )
