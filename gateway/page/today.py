"""Today: what the home looks like now, what can be done about it, and the test alarm."""

from __future__ import annotations

import sqlite3
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from msgspec.structs import replace
from starlette.concurrency import run_in_threadpool

from gateway.contract import encoding, wire
from gateway.home import audible, inbox
from gateway.page import acts, day, device, glance, questions, roles
from gateway.page.acts import notice
from gateway.page.calls import unproved
from gateway.page.change import current, is_new
from gateway.page.device import heard, signal, told
from gateway.page.known import DAY, EVIDENCE, NOTES, Filter, between, seconds
from gateway.page.makes import look
from gateway.page.news import until
from gateway.page.saved import sent
from gateway.page.strip import strips
from gateway.page.visitor import Fields, SignedIn, Stop, Technician, Visitor, checked
from gateway.page.waits import WAITS
from gateway.page.zh import ZH
from gateway.words import kind
from gateway.words.instruction import Do

router = APIRouter()
# Faults that end when a technician has looked.
LATCHED = frozenset(
    {kind.DEVICE_FAULT, kind.TAMPER, kind.REPLAYED, kind.NOT_UNDERSTOOD, kind.TEST_DUE}
)
STAGES = ("danger", "alarm", "push", "answered", "dispatch", "arrival", "closed")


@router.get("/")
def today(v: SignedIn) -> Response:
    """Show what the home looks like now; others than technicians have a page of their own."""
    if not v.technician:
        return RedirectResponse(roles.first(v.role), 303)
    return _today(v)


@router.post("/do/{do}")
async def act(v: Technician, do: str, said: Fields) -> Response:
    """Leave an instruction and wait a moment for the daemon's answer."""
    checked(v, said)
    known = v.page.known
    if do not in acts.DOES:
        raise Stop(404)
    at = said.get("device", "")[:80] if said.get("back") == "device" else ""
    back = (
        f"/devices/{quote(at, safe='')}"
        if at
        else "/test"
        if said.get("back") == "test"
        else f"/alarms/{said['back']}"
        if acts.whole(said.get("back", "")) >= 0
        else "/"
    )
    made = await run_in_threadpool(
        acts.instruction, {**said, "do": do}, v.by, known, v.page.config.times
    )
    if isinstance(made, acts.Wrong) and (done := await run_in_threadpool(acts.done, said, known)):
        return RedirectResponse(f"{back}?{urlencode({'told': done, 'did': do})}", 303)
    if isinstance(made, acts.Wrong):
        return await run_in_threadpool(_again, v, at, 422, made)
    try:
        await run_in_threadpool(_leave, v, made)
    except (OSError, sqlite3.Error, ValueError):
        failed = acts.Wrong("", {"form": ("told.failed", {})})
        return await run_in_threadpool(_again, v, at, 503, failed)
    result = await until(v.page.config.runtime, partial(known.result, made.id), WAITS.answer)
    if result is not None and not result.accepted:
        sent(v.request, "")
    query = {"told": made.id, "did": do}
    if do in {Do.AWAY, Do.SHELVE} and said.get("was"):
        query["was"] = said["was"][:16]
    return RedirectResponse(f"{back}?{urlencode(query)}", 303)


def _leave(v: Visitor, message: wire.InstructionMessage) -> None:
    config = v.page.config
    inbox.leave(config.page_folder, config.runtime, wire.encode(message))
    assert v.session is not None  # a technician has one
    about = message.alarm or message.device
    v.page.accounts.note(v.session.name, v.source, "instruction", f"{message.do} {about}".strip())


def _again(v: Visitor, at: str, status: int, wrong: acts.Wrong) -> Response:
    """Show the page whose form was wrong, a device's or Today."""
    return device.shown(v, at, status, wrong) if at else _today(v, status, wrong)


def _today(v: Visitor, status: int = 200, wrong: acts.Wrong | None = None) -> Response:
    values = home(v)
    values |= {
        "wrong": wrong or acts.Wrong(""),
        "notice": notice(v, wrong),
        "once": acts.once,
        "was": acts.before(v, values["now"], WAITS.away_most),
    }
    return v.render(
        "_today.html" if "part" in v.request.query_params else "today.html", status, **values
    )


def home(v: Visitor) -> dict[str, Any]:
    """Return what the page of today is made of."""
    known = v.page.known
    newest = known.newest()  # before all else: what comes meanwhile is new to this page
    config = current(v)  # what people call the devices may be new
    facts = known.status()
    now = known.now(facts)
    past = known.past(Filter(), limit=EVIDENCE)
    asked = questions.shown(v, config, facts, known.journal(name="fault", limit=NOTES), past, now)
    masks = known.masks()
    # The journal's word on shelves: the status file is up to two seconds behind who has just
    # tapped.
    devices = [replace(d, shelved=d.device in masks["shelves"]) for d in facts.guards]
    drawn = strips(
        known.day(now),
        [(d.device, d.missing_after) for d in devices],
        now,
        restarts=known.restarts(now - DAY),
        packets=known.packets(facts, now),
        before=known.heard_before(now - DAY),
    )
    alarms = known.open_alarms()
    unread = known.unread(facts, alarms)
    faults = known.faults()
    shown = [(d, drawn[d.device], heard(d, facts), signal(d)) for d in devices]
    return {
        "newest": newest,
        "new": facts.written > 0 and is_new(v),
        "tiles": glance.tiles(v, facts, shown, now),
        "axis": day.axis(v, config.night, now, past, asked["all"] if asked else ()),
        "asked": asked,
        "lacks": glance.lacks(devices),
        "unheard": [
            audible.WORDS[lack]
            for lack in audible.lacks(config, {c.program for c in facts.channels if c.why})
        ],
        "unproved": unproved(config, facts),
        "look": look,
        "told_of": lambda s: told(v, s, now),
        "facts": facts,
        "now": now,
        "alarms": alarms,
        "unread": [a for a in unread if not a.test],
        "reads": known.reads(),
        "real": [a for a in alarms if not a.test and a.priority <= 3],
        "class_of": encoding.class_of,
        "faults": [(f, _advice(v, f.kind), f.kind in LATCHED) for f in faults],
        "notes": [
            (f, count, _advice(v, f.kind))
            for f, count in known.notes(now)
            if f.kind not in questions.KINDS
        ],
        "devices": shown,
        "heard": sum(1 for _, _, state, _ in shown if state not in {"missing", "unknown"}),
        "unknown": sum(1 for _, _, state, _ in shown if state == "unknown"),
        "masks": masks,
        "away": masks["away"] if masks["away"] > now else 0.0,
        "ways": _way,
        "between": between,
        "ago": lambda wall: max(0.0, now - seconds(wall)),
        "possible": acts.possible,
        "tried": lambda a: acts.tried(a, now - seconds(a.stages["danger"].wall)),
        "outcomes": lambda a: acts.outcomes(a, facts),
        "most": lambda a: acts.minutes_most(a, v.page.config.times),
        "ladder": [r.responder for r in v.page.config.ladder],
        "next_do": acts.NEXT,
    }


def _way(alarm: wire.AlarmMessage) -> list[str]:
    """Return the stages an alarm has reached, and those that it should."""
    spared = {"closed", *(("dispatch", "arrival") if alarm.test else ())}
    return [s for s in STAGES if s in alarm.stages or s not in spared]


def _advice(v: Visitor, name: str) -> str:
    if name == kind.IDENTITY_CONFLICT and (at := v.page.known.took_over()):
        return v.words(
            "conflict.stays",
            time=v.words.clock(at, v.page.known.now(v.page.known.status()), exact=False),
        )
    return v.words(f"advice.{name}" if f"advice.{name}" in ZH else "advice.unknown")
