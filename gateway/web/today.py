"""Today: what the home looks like now, what can be done about it, and the test alarm."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from gateway import inbox, kind, wire
from gateway.web import acts, advice
from gateway.web.known import Filter, between, seconds
from gateway.web.live import Full
from gateway.web.strip import strips
from gateway.web.visitor import Fields, Reader, Stop, Technician, Visitor, checked

router = APIRouter()
ANSWER_WAIT = 3.0  # s in which the daemon usually has answered an instruction; after that the page says so and goes on
ANSWER_LOOK = 0.1
STAGES = ("danger", "alarm", "push", "answered", "dispatch", "arrival", "closed")


@router.get("/")
def today(v: Reader) -> Response:
    """Show what the home looks like now."""
    return _today(v)


@router.post("/do/{do}")
async def act(v: Technician, do: str, said: Fields) -> Response:
    """Leave an instruction and wait a moment for the daemon's answer."""
    checked(v, said)
    known = v.page.known
    if do not in acts.DOES:
        raise Stop(404)
    back = "/test" if said.get("back") == "test" else f"/alarms/{said['back']}" if said.get("back", "").isdigit() else "/"
    made = await run_in_threadpool(acts.instruction, {**said, "do": do}, v.by, known, v.page.config.times)
    if isinstance(made, acts.Wrong):
        return await run_in_threadpool(_today, v, 422, made)
    try:
        await run_in_threadpool(_leave, v, made)
    except (OSError, sqlite3.Error, ValueError):
        return await run_in_threadpool(_today, v, 503, acts.Wrong("", {"form": ("told.failed", {})}))
    end = time.monotonic() + ANSWER_WAIT
    while await run_in_threadpool(known.result, made.id) is None and time.monotonic() < end:  # noqa: ASYNC110  it is another process that answers
        await asyncio.sleep(ANSWER_LOOK)
    return RedirectResponse(f"{back}?{urlencode({'told': made.id, 'did': do})}", 303)


@router.get("/live")
async def live(v: Reader) -> Response:
    """Tell this page when something has changed."""
    assert v.session is not None  # noqa: S101  a reader has one
    watch, key, accounts = v.page.watch, v.session.key, v.page.accounts
    try:
        watch.enter(key)
    except Full as full:
        raise Stop(503) from full

    async def events() -> AsyncIterator[str]:
        try:
            async for event in watch.events(lambda: accounts.session(key, touch=False) is not None):
                yield event
        finally:
            watch.leave(key)

    return StreamingResponse(events(), media_type="text/event-stream", headers={"cache-control": "no-store", "x-accel-buffering": "no"})


@router.get("/test")
def test(v: Reader) -> Response:
    """Show the test alarm, with each stage's time."""
    known = v.page.known
    facts = known.status()
    told = v.request.query_params.get("told", "")[:80]
    result = known.result(told) if told else None
    running = next((a for a in known.open_alarms() if a.test), None)
    alarm = known.by_id(result.alarm) if result and result.alarm else running
    earlier = [a for a in known.past(Filter(test="only"), limit=6) if alarm is None or a.alarm != alarm.alarm]
    steps = _steps(result, alarm)
    return v.render(
        "_test.html" if "part" in v.request.query_params else "test.html", alarm=alarm, earlier=earlier, told=told, result=result,
        steps=steps, once=acts.once(), facts=facts, now=known.now(facts), between=between, notice=notice(v), possible_close=acts.possible,
    )  # fmt: skip


def _steps(result: wire.ResultMessage | None, alarm: wire.AlarmMessage | None) -> list[tuple[str, wire.When | None]]:
    stages = alarm.stages if alarm else {}
    return [
        ("test.raised", stages.get("alarm")),
        ("test.answered", result.at if result else stages.get("alarm")),
        ("test.pushed", stages.get("push")),
        ("test.acknowledged", stages.get("answered")),
    ]


def _leave(v: Visitor, message: wire.InstructionMessage) -> None:
    config = v.page.config
    inbox.leave(config.state, config.runtime, wire.encode(message))
    assert v.session is not None  # noqa: S101  a technician has one
    about = message.alarm or message.device
    v.page.accounts.note(v.session.name, v.source, "instruction", f"{message.do} {about}".strip())


def _today(v: Visitor, status: int = 200, wrong: acts.Wrong | None = None) -> Response:
    values = home(v)
    values |= {"wrong": wrong or acts.Wrong(""), "notice": notice(v), "once": acts.once}
    if wrong is not None and "form" in wrong.fields:
        word, more = wrong.fields["form"]
        more = {k: v.words.named("state", str(w)) for k, w in more.items()}
        values["notice"] = (False, v.words(word, **more))
    return v.render("_today.html" if "part" in v.request.query_params else "today.html", status, **values)


def notice(v: Visitor) -> tuple[bool, str] | None:
    """Return (well, sentence) of the instruction that was just left."""
    told, did = v.request.query_params.get("told", ""), v.request.query_params.get("did", "")
    if not told or did not in acts.DOES:
        return None
    do = v.words.named("do", did)
    result = v.page.known.result(told[:80])
    if result is None:
        return False, v.words("told.waiting", do=do)
    if result.accepted:
        return True, v.words("told.done", do=do)
    return False, v.words("told.refused", do=do, why=v.words.pair(result.zh, result.en))


def home(v: Visitor) -> dict[str, Any]:
    """Return what the page of today is made of."""
    known, words = v.page.known, v.words
    facts = known.status()
    now = known.now(facts)
    devices = facts.get("devices", [])
    masks = known.masks()
    drawn = strips(known.day(now), [(d["device"], d["missing_after"]) for d in devices], now, restarts=known.restarts(now - 86400))
    alarms = known.open_alarms()
    faults = known.faults()
    return {
        "facts": facts,
        "now": now,
        "alarms": alarms,
        "real": [a for a in alarms if not a.test and a.priority <= 3],
        "faults": [(f, _advice(v, f.kind), f.kind in advice.LATCHED) for f in faults],
        "notes": [(f, count, _advice(v, f.kind)) for f, count in known.notes(now)],
        "devices": [(d, drawn[d["device"]], heard(d, facts), signal(d)) for d in devices],
        "heard": sum(1 for d in devices if heard(d, facts) != "missing"),
        "masks": masks,
        "away": masks["away"] if masks["away"] > now else 0.0,
        "disk": known.disk(),
        "stages": STAGES,
        "between": between,
        "ago": lambda wall: max(0.0, now - seconds(wall)),
        "possible": acts.possible,
        "outcomes": acts.outcomes,
        "most": lambda a: acts.minutes_most(a, v.page.config.times),
        "ladder": [r.responder for r in v.page.config.ladder],
        "hours": acts.HOURS,
        "next_do": acts.NEXT,
        "spans": lambda row: sum(b - a for a, b in row) * 60.0,
        "gap_text": lambda row: words.pair("、", ", ").join(
            f"{words.local(now - 86400 + a * 60, '%H:%M')}-{words.local(now - 86400 + b * 60, '%H:%M')}" for a, b in row[:3]
        ),
        "hour_marks": [(int(m), words.local(now - 86400 + m * 60, "%H")) for m in _hour_marks(now)],
    }


def _advice(v: Visitor, name: str) -> str:
    return v.words.pair(*advice.ADVICE.get(name, advice.UNKNOWN))


def _hour_marks(now: float) -> list[float]:
    """Return the minutes at which every sixth full hour stands; whole hours are the same in every zone that has whole hours."""
    begin = now - 86400
    first = (3600 - begin % 3600) / 60
    return [first + 60 * n for n in range(1, 24, 4)]


def heard(device: dict[str, Any], facts: dict[str, Any]) -> str:
    """Return whether a device is heard: heard, missing, or unsupervised where nobody can tell."""
    limit, silent = device.get("missing_after"), device.get("heard_s", 0.0)
    if (kind.MISSING, device["device"]) in {(f["kind"], f["device"]) for f in facts.get("faults", [])}:
        return "missing"
    if limit is None:
        return "unsupervised"
    return "missing" if silent > limit else "heard"


def signal(device: dict[str, Any]) -> str:
    """Return how strong its signal is, in words of the catalogue."""
    strength = device.get("rssi")
    if not strength:
        return "none"
    return "good" if strength >= -75 else "fair" if strength >= -88 else "weak"
