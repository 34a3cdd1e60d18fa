"""Sensors: every enrolled device with its state, and what may be done with it.

A new one is found (`found`, `fitted`), filled in (`enrol`), and has its first word (`confirm`).
"""

from __future__ import annotations

import zlib
from pathlib import Path

import msgspec
from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from gateway.home import nearby
from gateway.home.devices import Device
from gateway.home.waits import WAITS as HOME
from gateway.page import makes
from gateway.page.change import Answer, Form, configure, current, drawn
from gateway.page.device import heard, signal
from gateway.page.known import Known
from gateway.page.live import Watch
from gateway.page.stream import stream
from gateway.page.visitor import Fields, Technician, Visitor, checked
from gateway.page.waits import WAITS
from gateway.words.instruction import What
from gateway.words.reading import Kind

router = APIRouter()


@router.get("/sensors")
def sensors(v: Technician) -> Response:
    """Show every enrolled device with its state and what may be done with it."""
    return _sensors(v)


def _sensors(v: Visitor, status: int = 200, form: Form | None = None) -> Response:
    config = current(v)
    known = v.page.known
    facts = known.status()
    states = {d.device: d for d in facts.devices}
    batteries = {r.device: r.value for r in known.day(known.now(facts)) if r.kind == Kind.BATTERY}
    rows = []
    for d in config.devices:
        now = states.get(d.id)
        rows.append(
            {
                "d": d,
                "title": makes.title(v, d.model),
                "now": now,
                "state": heard(now, facts) if now else "unknown",
                "signal": signal(now),
                "battery": batteries.get(d.id),
                "look": makes.looks(d.model) if d.badge is None else "person",
                "roles": _roles_of(v, d),
                "radar": bool(d.model.settings),
                "behind": sum(other.via == d.id for other in config.devices),
            }
        )
    return drawn(
        v,
        "sensors.html",
        status,
        form or Form(),
        rows=rows,
        revision=config.household.revision,
        did=_did(v),
        undoable=f"{HOME.undo / 60:g}",
    )


def _did(v: Visitor) -> str:
    word = v.request.query_params.get("done", "")
    return (
        v.words(f"sensor.done_{word}")
        if word in {"retired", "replaced", "added", "changed"}
        else ""
    )


def _roles_of(v: Visitor, d: Device) -> str:
    """Return what its buttons mean, where it has some; of a badge whose it is."""
    if d.badge is not None:
        return v.words("new.badge_of", who=d.badge.who)
    asks = makes.asks(d.model)
    roles = [d.watch.role(n) for n in range(1, asks["buttons"] + 1)] if asks["buttons"] else []
    roles += [role for role in d.watch.presses.values() if role not in roles]
    if len(set(roles)) == 1:
        roles = roles[:1]
    return " / ".join(v.words(f"role_of.{role}") for role in roles)


@router.post("/sensors/retire")
async def retire(v: Technician, said: Fields) -> Response:
    """Take a device out of service."""
    checked(v, said)
    if not said.get("sure"):
        answer = Answer(fields={"id": v.words("wrong.sure")})
    else:
        answer = await configure(v, said, What.RETIRE_DEVICE, {"id": said.get("device", "")[:40]})
    if answer.accepted:
        return RedirectResponse("/sensors?done=retired", 303)
    return await run_in_threadpool(
        _sensors,
        v,
        409 if answer.moved else 422,
        Form(f"retire-{said.get('device', '')}", said, answer),
    )


@router.get("/sensors/live")
async def told(v: Technician) -> Response:
    """Tell pages of set-up when something was heard."""
    return stream(v, v.page.sensed)


def watch(known: Known, runtime: Path) -> Watch:
    """Return what sees that something was heard."""

    def news() -> int:
        marks = []
        for name in (nearby.FILE, "status.json"):
            try:
                marks.append((runtime / name).stat().st_mtime_ns)
            except OSError:
                marks.append(0)
        return zlib.crc32(msgspec.json.encode([*marks, known.newest()]))

    return Watch(news, runtime, lambda: WAITS.air_quiet)
