"""Rules and ladder: how long is waited and who is called, each number with its reason and range, tried on recorded days."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from gateway import household, kind, trial
from gateway.clock import Moment
from gateway.config import Config
from gateway.danger import OPTIONAL
from gateway.household import RUNGS, Handed, Rejected
from gateway.instruction import Change, What
from gateway.times import Times
from gateway.web.change import Answer, Form, configure, current, drawn, models
from gateway.web.visitor import Fields, Reader, Technician, Visitor, checked

router = APIRouter()
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "grace": ("grace_fall", "grace_stay", "grace_bed", "grace_water"),
    "danger": ("door_left_open", "bed_left"),
    "answer": (
        "receipt", "acknowledge_p1", "acknowledge_p2", "dispatch_p1", "dispatch_p2", "on_site_p1", "on_site_p2", "rung", "repeat",
    ),
}  # fmt: skip
SHOWN: Final = tuple(name for names in GROUPS.values() for name in names)
# What a preset has otherwise than the defaults, in seconds.
PRESETS: Final[Mapping[str, Mapping[str, float]]] = {
    "careful": {
        "grace_fall": 15, "grace_stay": 120, "grace_bed": 60, "grace_water": 30, "door_left_open": 300, "bed_left": 900, "receipt": 20,
        "acknowledge_p1": 45, "acknowledge_p2": 180, "dispatch_p1": 120, "dispatch_p2": 600, "rung": 60, "repeat": 180,
    },
    "standard": {},
    "calm": {
        "grace_fall": 45, "grace_stay": 300, "grace_bed": 300, "grace_water": 120, "door_left_open": 1200, "bed_left": 2400,
        "acknowledge_p2": 600, "dispatch_p2": 1800,
    },
}  # fmt: skip
ALWAYS: Final = (kind.SOS, kind.FALL, kind.HELP, kind.SMOKE, kind.GAS, kind.CO)  # shown as what cannot be switched off
_ABOUT: Final = {f.name: (float(str(f.default)), f.metadata) for f in fields(Times)}
_trying = threading.Lock()  # one at a time: it takes a core for up to twenty seconds


@dataclass(frozen=True, slots=True)
class Row:
    """One time as the form shows it: in its unit, with range and standard."""

    name: str
    unit: str
    value: str
    low: str
    high: str
    standard: str


@dataclass(slots=True)
class Rung:
    """One rung as it was typed."""

    responder: str = ""
    wait: str = "120"
    channel: str = "platform"
    program: str = "[]"

    def value(self) -> dict[str, Any]:
        """Return it as the configuration has it. Raises ValueError."""
        try:
            program = json.loads(self.program)
        except RecursionError as error:  # a thousand brackets: nobody's program
            raise ValueError("program") from error
        if not isinstance(program, list):
            raise ValueError("program")  # noqa: TRY004  the form was not made by us
        return {"responder": self.responder.strip(), "channel": self.channel, "wait": float(self.wait.strip()), "program": program}


@router.get("/rules")
def rules(v: Reader) -> Response:
    """Show dangers, times and ladder as they are in force."""
    return _rules(v)


@router.post("/rules/times")
async def times(v: Technician, said: Fields) -> Response:
    """Fill in a preset, try the times, or save them."""
    checked(v, said)
    config, go = await run_in_threadpool(current, v), said.get("go", "")
    if go in PRESETS:
        filled = said | {
            f"t-{name}": row.standard if name not in PRESETS[go] else _in(name, PRESETS[go][name]) for name, row in _rows(config)
        }
        return await run_in_threadpool(_rules, v, 200, Form("times", filled), unsaved=True)
    value, wrong = _times(v, config, said)
    return await _on(v, Form("times", said, Answer(fields=wrong)), What.SET_TIMES, value)


@router.post("/rules/dangers")
async def dangers(v: Technician, said: Fields) -> Response:
    """Try what is judged, or save it. What saves a life is not among the choices."""
    checked(v, said)
    await run_in_threadpool(current, v)
    value = {"off": [name for name in OPTIONAL if not said.get(f"on-{name}")]}
    return await _on(v, Form("dangers", said), What.SET_DANGERS, value)


@router.post("/rules/ladder")
async def ladder(v: Technician, said: Fields) -> Response:
    """Rearrange the rungs as typed, try them, or save them."""
    checked(v, said)
    await run_in_threadpool(current, v)
    rungs, (go, _, nth) = _typed(said), said.get("go", "").partition("-")
    n = int(nth) - 1 if nth.isascii() and nth.isdigit() and 0 < int(nth[:4]) <= len(rungs) else -1
    if go == "add" and len(rungs) < RUNGS:
        rungs.append(Rung())
    elif go == "remove" and n >= 0:
        rungs.pop(n)
    elif go in {"up", "down"} and n >= 0:
        to = min(max(n + (1 if go == "down" else -1), 0), len(rungs) - 1)
        rungs.insert(to, rungs.pop(n))
    elif go in {"save", "try"}:
        wrong: dict[str, str] = {}
        value = []
        for number, rung in enumerate(rungs, 1):
            try:
                value.append(rung.value())
                if not 30 <= value[-1]["wait"] <= 600:
                    wrong[f"wait-{number}"] = v.words("wrong.range", low=30, high=600, unit=v.words("unit.s"))
            except ValueError:
                wrong[f"wait-{number}"] = v.words("wrong.number")
            if not rung.responder.strip():
                wrong[f"responder-{number}"] = v.words("wrong.missing")
        return await _on(v, Form("ladder", said, Answer(fields=wrong)), What.SET_LADDER, {"ladder": value}, rungs)
    return await run_in_threadpool(_rules, v, 200, Form("ladder", said), rungs, unsaved=True)


async def _on(v: Visitor, form: Form, what: What, value: dict[str, Any], rungs: list[Rung] | None = None) -> Response:
    """Try or save what was typed, unless something is wrong with it."""
    config = v.page.config
    changed: Config | None = None
    if not form.answer.fields:
        try:
            changed = await run_in_threadpool(household.changed, config, Change(what, value), Handed(), models())
        except Rejected as no:
            form.answer.fields = {f"{p.field}-{p.item}" if rungs else f"t-{p.field}": v.words.pair(p.zh, p.en) for p in no.problems}
            form.answer.sentence = v.words.pair("; ".join(p.zh for p in no.problems), "; ".join(p.en for p in no.problems))[:400]
    if changed is None:
        return await run_in_threadpool(_rules, v, 422, form, rungs)
    if form.typed.get("go") == "try":
        told = await run_in_threadpool(_tried, v, config, changed)
        if isinstance(told, str):
            form.answer.sentence = v.words(told)
            return await run_in_threadpool(_rules, v, 503, form, rungs)
        return await run_in_threadpool(_rules, v, 200, form, rungs, told, unsaved=True)
    form.answer = await configure(v, form.typed, what, value)
    if form.answer.accepted:
        return RedirectResponse(f"/rules?saved=1#{form.name}", 303)
    return await run_in_threadpool(_rules, v, 409 if form.answer.moved else 422, form, rungs)


def _tried(v: Visitor, config: Config, changed: Config) -> dict[str, Any] | str:
    """Return what the change would have meant on the recorded days, or the word of why that is not known."""
    if not _trying.acquire(blocking=False):
        return "rules.tried_busy"
    try:
        wall = v.page.known.now(v.page.known.status())
        return trial.tried(config, changed, Moment(wall, datetime.fromtimestamp(wall, UTC)))
    except (sqlite3.Error, OSError):
        return "rules.tried_failed"
    finally:
        _trying.release()


def _factor(name: str) -> float:
    return 60.0 if _ABOUT[name][0] >= 300 else 1.0


def _in(name: str, value: float) -> str:
    return f"{value / _factor(name):g}"


def _rows(config: Config) -> list[tuple[str, Row]]:
    out = []
    for name in SHOWN:
        default, about = _ABOUT[name]
        unit = "min" if _factor(name) > 1 else "s"
        value = _in(name, getattr(config.times, name))
        out.append((name, Row(name, unit, value, _in(name, about["low"]), _in(name, about["high"]), _in(name, default))))
    return out


def _times(v: Visitor, config: Config, said: Mapping[str, str]) -> tuple[dict[str, float], dict[str, str]]:
    """Return all times that differ from the defaults, and what is wrong by field."""
    value, wrong = dict(config.parts.times), {}
    for name, row in _rows(config):
        try:
            number = float(said.get(f"t-{name}", "").strip().replace(",", "."))
        except ValueError:
            wrong[f"t-{name}"] = v.words("wrong.number")
            continue
        if not float(row.low) <= number <= float(row.high):
            wrong[f"t-{name}"] = v.words("wrong.range", low=row.low, high=row.high, unit=v.words(f"unit.{row.unit}"))
        value[name] = round(number * _factor(name), 3)
        if value[name] == _ABOUT[name][0]:
            del value[name]
    return value, wrong


def _typed(said: Mapping[str, str]) -> list[Rung]:
    out = []
    for n in range(1, RUNGS + 1):
        if f"responder-{n}" in said:
            rung = Rung(said[f"responder-{n}"][:200], said.get(f"wait-{n}", "")[:10])
            if said.get(f"channel-{n}") == "program":
                rung.channel, rung.program = "program", said.get(f"program-{n}", "[]")[:4000]
            out.append(rung)
    return out


def _rules(
    v: Visitor, status: int = 200, form: Form | None = None, rungs: list[Rung] | None = None, told: dict[str, Any] | None = None, *,
    unsaved: bool = False,
) -> Response:  # fmt: skip
    config = v.page.config if form else current(v)
    shown = household.shown(config)
    if rungs is None:
        rungs = [Rung(r.responder, f"{r.wait:g}", r.channel, json.dumps(r.program)) for r in config.parts.ladder]
    facts = v.page.known.status()
    return drawn(
        v, "rules.html", status, form or Form(), set=shown, rungs=rungs, groups=GROUPS, rows=dict(_rows(config)), presets=tuple(PRESETS),
        told=told, optional=OPTIONAL, always=ALWAYS, unsaved=unsaved, saved="saved" in v.request.query_params,
        now=v.page.known.now(facts), most=RUNGS,
    )  # fmt: skip
