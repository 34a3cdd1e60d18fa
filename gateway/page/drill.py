"""A drill with the resident and the first responder: begun here, and what came of the last one."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from gateway.contract import orders, wire
from gateway.home import commissioning
from gateway.home.config import Config
from gateway.judge.alarm import Delivery
from gateway.judge.dispatch import Reason
from gateway.judge.waits import WAITS as JUDGING
from gateway.judge.walk_record import DRILL
from gateway.page.acts import once
from gateway.page.change import current, left
from gateway.page.known import seconds
from gateway.page.visitor import Fields, Technician, Visitor, checked
from gateway.words import kind

router = APIRouter()
LOOK_BACK: Final = 600  # notes among which the last drill is looked for


@router.get("/drill")
def drill(v: Technician) -> Response:
    """Show how a drill goes, how one that runs is going, and what came of the last one."""
    return _drill(v)


@router.post("/drill")
async def act(v: Technician, said: Fields) -> Response:
    """Begin or end a drill."""
    checked(v, said)
    lasts = 0.0 if said.get("go") == "end" else JUDGING.walk_longest
    order = orders.Walk(device=said.get("device", "")[:40], step=DRILL, seconds=lasts)
    answer = await left(v, order, said, dated=True)
    if answer.accepted:
        return RedirectResponse("/drill", 303)
    return await run_in_threadpool(_drill, v, 422, answer.sentence)


def _drill(v: Visitor, status: int = 200, trouble: str = "") -> Response:
    config, known = current(v), v.page.known
    facts = known.status()
    notes = known.journal(name="fault", limit=LOOK_BACK)
    last = next(filter(None, map(_of_drill, notes)), None)
    running = facts.walk if facts.well and facts.walk is not None and facts.walk.drill else None
    if last is not None and last.at.boot == facts.boot and last.at.mono >= facts.mono:
        running = None  # the journal is ahead of the status file: it has ended
    alarm = next(
        (a for a in known.open_alarms() if running and a.test and a.device == running.device), None
    )
    return v.render(
        "_drill.html" if "part" in v.request.query_params else "drill.html",
        status,
        running=running,
        steps=_steps(config, alarm),
        first=next((r.responder for r in config.ladder if r.program and not r.sounds), ""),
        buttons=[d for d in config.devices if "presses" in commissioning.goal_of(config, d).counts],
        last=last,
        last_at=seconds(last.at.wall) if last is not None else 0.0,
        lacks=str(last.detail.get("lacks", "")).split() if last is not None else [],
        minutes=f"{JUDGING.walk_longest / 60:g}",
        trouble=trouble,
        dead=not facts.well,
        once=once,
        now=known.now(facts),
    )


def _of_drill(m: wire.Outward) -> wire.FaultMessage | None:
    """Return an entry where it says how a drill went."""
    if isinstance(m, wire.FaultMessage) and m.kind == kind.VISIT and m.detail.get("what") == DRILL:
        return m
    return None


def _steps(config: Config, alarm: wire.AlarmMessage | None) -> list[tuple[str, bool]]:
    """Return (word, whether it was seen) of what a drill has to show, in its order."""
    calls = [c for c in alarm.calls if c.reason == Reason.DRILL] if alarm is not None else []
    stages = alarm.stages if alarm is not None else {}
    answered = "answered" in stages or "dispatch" in stages
    reached = answered or any(c.delivery is Delivery.ACCEPTED for c in calls)
    steps = [("presses", alarm is not None), ("reached", reached), ("answered", answered)]
    if config.platform is not None:
        steps.insert(1, ("receipt", "push" in stages))
    return steps
