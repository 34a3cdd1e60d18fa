"""Walk test: one device after the other from where it will be used, counted live; it ends with pass or with what is missing."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from gateway import inbox, kind, wire
from gateway.config import Config, Device
from gateway.instruction import Do
from gateway.reading import Kind
from gateway.web.acts import once, once_of
from gateway.web.change import ANSWER_LOOK, ANSWER_WAIT, current
from gateway.web.known import seconds
from gateway.web.visitor import Fields, Stop, Technician, Visitor, checked

router = APIRouter()
LASTS = 300.0  # s, as long as the gateway lets it
PRESSES = 3
WEAKEST = -88  # dBm: what is weaker gets lost when a door is shut
LOOK_BACK = 400  # faults of the journal in which earlier tests are looked for
# What a make can say, the count it shows in, and whether it is a danger: only those are receipted.
SHOWN: Final = (
    (Kind.BUTTON, "presses", True), (Kind.CONTACT_OPEN, "openings", False), (Kind.FALL, "falls", True), (Kind.SMOKE, "smokes", True),
    (Kind.GAS, "gases", True), (Kind.CO, "gases", True), (Kind.MOISTURE, "leaks", True), (Kind.MOTION, "motions", False),
    (Kind.PRESENCE, "presences", False), (Kind.OCCUPANCY, "occupied", False),
)  # fmt: skip
MANY = 3  # a protocol that could say more than this says nothing about the device: anything will do
MEANS = {"sos", "help"}  # meanings of a button that raise an alarm


@dataclass(frozen=True, slots=True)
class Need:
    """One thing a device has to show: the word of it, whether it has, and how far it is."""

    name: str
    done: bool
    said: str = ""
    hint: str = ""


@router.get("/walk")
def walk(v: Technician) -> Response:
    """Show every device and how its test went."""
    return _walk(v)


@router.post("/walk")
async def act(v: Technician, said: Fields) -> Response:
    """Begin or end the test of one device."""
    checked(v, said)
    device = said.get("device", "")
    if device not in {d.id for d in (await run_in_threadpool(current, v)).devices}:
        raise Stop(404)
    lasts = 0.0 if said.get("go") == "end" else LASTS
    told = f"page-{once_of(said)}"
    message = wire.InstructionMessage(v=1, gateway=v.page.known.gateway(), id=told, do=Do.WALK, by=v.by, device=device, seconds=lasts)
    try:
        await run_in_threadpool(_leave, v, message)
    except (OSError, sqlite3.Error, ValueError):
        return await run_in_threadpool(_walk, v, 503, v.words("told.failed"))
    end = time.monotonic() + ANSWER_WAIT
    while (result := await run_in_threadpool(v.page.known.result, told)) is None and time.monotonic() < end:  # noqa: ASYNC110  another process answers
        await asyncio.sleep(ANSWER_LOOK)
    if result is None:
        return await run_in_threadpool(_walk, v, 503, v.words("told.waiting", do=v.words("do.walk")))
    if not result.accepted:
        return await run_in_threadpool(_walk, v, 422, v.words.pair(result.zh, result.en))
    return RedirectResponse("/walk" if lasts else f"/walk#device-{device}", 303)


def _leave(v: Visitor, message: wire.InstructionMessage) -> None:
    config = v.page.config
    inbox.leave(config.state, config.runtime, wire.encode(message))
    assert v.session is not None  # noqa: S101  a technician has one
    v.page.accounts.note(v.session.name, v.source, "instruction", f"{message.do} {message.device}")


def needs(v: Visitor, config: Config, device: Device, facts: Mapping[str, Any]) -> list[Need]:
    """Return what a device has to show, and how far it is by what a test has counted."""
    words, out = v.words, []
    calls = bool(MEANS & {device.model.presses}) or device.id in {d.id for d in config.parts.device if MEANS & set(d.buttons.values())}
    shows = {count: danger for what, count, danger in SHOWN if what in device.model.senses and (what is not Kind.BUTTON or calls)}
    plain = [d for d in config.parts.device if d.id == device.id and MEANS & set(d.buttons.values())]
    if plain and device.model.general:
        shows = {"presses": True}  # the household says what it is
    elif "presses" in shows and len(shows) <= MANY and not {"falls", "smokes", "gases", "leaks", "openings"} & set(shows):
        shows = {"presses": True}
    receipted = any(shows.values()) and len(shows) <= MANY
    if len(shows) > MANY:
        count = sum(int(facts.get(name, 0)) for name in {name for _, name, _ in SHOWN})
        out.append(Need("any", count > 0, words("walk.times", count=count, wanted=1)))
        receipted = any(facts.get(name) for _, name, danger in SHOWN if danger)
    elif not shows:
        count = int(facts.get("readings", 0))
        out.append(Need("readings", count > 0, words("walk.times", count=count, wanted=1)))
    for name in shows if len(shows) <= MANY else ():
        wanted, count = PRESSES if name == "presses" else 1, int(facts.get(name, 0))
        out.append(Need(name, count >= wanted, words("walk.times", count=count, wanted=wanted)))
    worst = facts.get("worst_dbm")
    said = words("walk.signal", dbm=worst) if worst is not None else words("walk.signal_wired")
    weak = worst is not None and worst < WEAKEST
    out.append(Need("signal", not weak, said, words("walk.signal_hint") if weak else ""))
    if receipted and config.platform is not None and config.platform.receipts == "platform":
        slowest, waiting = facts.get("receipt_s"), int(facts.get("without_receipt", 0))
        if slowest is None:
            out.append(Need("receipt", False, words("walk.receipt_none")))
        elif slowest > config.times.receipt:
            out.append(Need("receipt", False, words("walk.receipt_slow", seconds=slowest, most=f"{config.times.receipt:g}")))
        else:
            said = words("walk.receipt", seconds=f"{slowest:.2f}")
            more = words("walk.receipt_wait", count=waiting) if waiting else ""
            out.append(Need("receipt", not waiting, said, more))
    return out


def _walk(v: Visitor, status: int = 200, trouble: str = "") -> Response:
    config, known = current(v), v.page.known
    facts = known.status()
    running = facts.get("walk") if facts.get("well") else None
    if not isinstance(running, dict):
        running = None
    last: dict[str, wire.FaultMessage] = {}
    for m in known.journal(name="fault", limit=LOOK_BACK):
        if isinstance(m, wire.FaultMessage) and m.kind == kind.VISIT and m.detail.get("what") == "walk":
            last.setdefault(m.device, m)
    rows = []
    for d in config.devices:
        now = running is not None and running["device"] == d.id
        counted = running if now else last[d.id].detail if d.id in last else None
        found = needs(v, config, d, counted or {})
        state = "running" if now else "never" if counted is None else "passed" if all(n.done for n in found) else "missing"
        rows.append((d, state, found, None if now else last.get(d.id), counted or {}))
    rows.sort(key=lambda row: row[1] != "running")
    real = [a for a in known.open_alarms() if not a.test and a.priority <= 3]
    return v.render(
        "_walk.html" if "part" in v.request.query_params else "walk.html", status, rows=rows, running=running, trouble=trouble, once=once,
        real=real, now=known.now(facts), seconds=seconds, dead=not facts.get("well"),
    )  # fmt: skip
