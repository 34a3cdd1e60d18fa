"""Wired devices: which one answers at a port; a radar's settings, written and read back.

The page leaves `ask_port` and `adjust`; the daemon's status file tells how far it is. What was read
last stands in the journal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from gateway.contract import wire
from gateway.contract.orders import Adjust, AskPort
from gateway.home.devices import Device
from gateway.home.status import SettingStatus, SetUpStatus
from gateway.page.change import Answer, Form, current, drawn, left, models
from gateway.page.known import NOTES
from gateway.page.makes import looks, place
from gateway.page.visitor import Fields, Stop, Technician, Visitor, checked
from gateway.words import kind
from gateway.words.driver import Setting

router = APIRouter()
# What a technician sets in each home; all other settings stand folded, for they are right as they
# are in most.
FIRST: Final = (
    "work_mode",
    "height",
    "fall_on",
    "sensitivity",
    "area_left",
    "area_right",
    "area_front",
    "area_back",
    "threshold",
)
# What a radar that nobody has set yet is offered with: without it no fall is noticed.
OFFERED: Final = {"work_mode": "fall", "fall_on": "on"}
TROUBLES: Final = frozenset({"gone", "busy", "denied", "silent", "failed"})


def _fitting(v: Visitor) -> SetUpStatus | None:
    facts = v.page.known.status()
    return facts.fitting if facts.well else None


# -- a port ----------------------------------------------------------------------------------------


@router.get("/sensors/port")
def port(v: Technician) -> Response:
    """Show which device answers at a port."""
    return _port(v, v.request.query_params.get("port", "")[:200])


@router.post("/sensors/port")
async def ask(v: Technician, said: Fields) -> Response:
    """Let the daemon ask what is plugged in."""
    checked(v, said)
    name = said.get("port", "")[:200]
    answer = await left(v, AskPort(port=name), said)
    if answer.accepted:
        query = {"port": name, "told": answer.told} | (
            {"replace": said["replace"]} if said.get("replace") else {}
        )
        return RedirectResponse(f"/sensors/port?{urlencode(query)}", 303)
    return await run_in_threadpool(_port, v, name, 422, answer)


def _port(v: Visitor, name: str, status: int = 200, answer: Answer | None = None) -> Response:
    config = current(v)
    owner = next((d.id for d in config.devices if d.at.partition("?")[0] == name), "")
    old = next(
        (d for d in config.devices if d.id == v.request.query_params.get("replace", "")), None
    )
    if not name or name not in [*v.page.known.status().ports, *([name] if owner else [])]:
        raise Stop(404)
    now = _fitting(v)
    now = now if now is not None and now.port == name and not now.device else None
    found = [models()[n] for n in now.found if n in models()] if now else []
    values = {
        "port": name,
        "owner": owner,
        "old": old,
        "now": now,
        "answer": answer or Answer(),
        "radar": any(m.settings for m in found),
        "found": [(m.name, v.words.pair(*m.title), looks(m), place(m)) for m in found],
        "trouble": now.trouble if now and now.trouble in TROUBLES else "",
    }
    return drawn(
        v,
        "_port.html" if "part" in v.request.query_params else "port.html",
        status,
        Form(),
        **values,
    )


# -- a radar's settings ----------------------------------------------------------------------------


@router.get("/sensors/radar")
def radar(v: Technician) -> Response:
    """Show a radar's settings as they were read last, with what was wanted."""
    return _radar(v, v.request.query_params.get("device", ""))


@router.post("/sensors/radar")
async def adjust(v: Technician, said: Fields) -> Response:
    """Let the daemon set the radar, or only read it."""
    checked(v, said)
    name = said.get("device", "")[:40]
    d = _device(v, name)
    wanted: dict[str, str] = {}
    wrong: dict[str, str] = {}
    if said.get("go") != "read":
        for s in d.model.settings:
            text = said.get(f"set-{s.name}", "").strip()[:80]
            if text and not _fits(s, text):
                wrong[s.name] = v.words(
                    "wrong.setting", low=f"{s.low:g}", high=f"{s.high:g}", unit=s.unit
                ).replace(" .", ".")
            elif text:
                wanted[s.name] = text
        if not said.get("set-height", "-").strip() and "height" not in _read_before(v, name):
            wrong["height"] = v.words("radar.height")
        if not wanted and not wrong:
            wrong["none"] = v.words("radar.nothing")
    answer = (
        Answer(fields=wrong) if wrong else await left(v, Adjust(device=name, settings=wanted), said)
    )
    if answer.accepted:
        return RedirectResponse(
            f"/sensors/radar?{urlencode({'device': name, 'told': answer.told})}", 303
        )
    return await run_in_threadpool(_radar, v, name, 422, Form("radar", said, answer))


def _fits(s: Setting, text: str) -> bool:
    if s.words:
        return text in dict(s.words)
    try:
        return s.low <= float(text) <= s.high
    except ValueError:
        return False


def _device(v: Visitor, name: str) -> Device:
    d = next((d for d in current(v).devices if d.id == name), None)
    if d is None or not d.model.settings:
        raise Stop(404)
    return d


def _radar(v: Visitor, name: str, status: int = 200, form: Form | None = None) -> Response:
    d = _device(v, name)
    now = _fitting(v)
    now = now if now is not None and now.device == name else None
    note = _last(v, name)
    rows = {row.name: row for row in now.rows} if now and now.rows else _noted(note)
    read = _read_before(v, name) | {n: row.read for n, row in rows.items() if row.read is not None}
    set_before = {n for note in _notes(v, name) for n in note.detail if n.startswith("wanted_")}
    offered = {n: w for n, w in OFFERED.items() if f"wanted_{n}" not in set_before}
    settings = sorted(
        d.model.settings, key=lambda s: FIRST.index(s.name) if s.name in FIRST else len(FIRST)
    )
    shown = [_row(v, s, rows[s.name]) for s in settings if s.name in rows]
    done = sum(bool(row.verdict) for row in rows.values())
    trouble = (now.trouble if now else "") or (
        note.detail.get("trouble") if note is not None and not now else ""
    )
    values = {
        "d": d,
        "title": v.words.pair(*d.model.title),
        "look": looks(d.model),
        "now": now,
        "rows": shown,
        "note": note,
        "done": done,
        "first": [_field(v, s, read.get(s.name), offered) for s in settings if s.name in FIRST],
        "more": [_field(v, s, read.get(s.name), {}) for s in settings if s.name not in FIRST],
        "trouble": trouble if trouble in TROUBLES else "",
        "bad": sum(row.verdict in {"differs", "no_answer"} for row in rows.values()),
        "running": now is not None and not now.over,
        "at": v.page.known.now(v.page.known.status()),
        "told": v.request.query_params.get("told", ""),
        "wants": any(row.wanted is not None for row in rows.values()),
    }
    return drawn(
        v,
        "_radar.html" if "part" in v.request.query_params else "radar.html",
        status,
        form or Form(),
        **values,
    )


def _notes(v: Visitor, name: str) -> list[wire.FaultMessage]:
    found = v.page.known.journal(name="fault", limit=NOTES)
    return [
        m
        for m in found
        if isinstance(m, wire.FaultMessage)
        and (m.kind, m.device, m.detail.get("what")) == (kind.VISIT, name, "adjust")
    ]


def _last(v: Visitor, name: str) -> wire.FaultMessage | None:
    return next(iter(_notes(v, name)), None)


def _read_before(v: Visitor, name: str) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for note in reversed(_notes(v, name)):
        out |= {
            key.removeprefix("read_"): value
            for key, value in note.detail.items()
            if key.startswith("read_")
        }
    return out


def _noted(note: wire.FaultMessage | None) -> dict[str, SettingStatus]:
    """Return the rows of the last time, as the journal has them."""
    detail: Mapping[str, Any] = note.detail if note is not None else {}
    names = dict.fromkeys(
        key.partition("_")[2] for key in detail if key.startswith(("wanted_", "read_"))
    )
    out = {}
    for name in names:
        wanted, read = detail.get(f"wanted_{name}"), detail.get(f"read_{name}")
        same = wanted is None or (read is not None and abs(read - wanted) <= SAME)
        verdict = (
            "no_answer"
            if read is None
            else "read"
            if wanted is None
            else "ok"
            if same
            else "differs"
        )
        out[name] = SettingStatus(name=name, wanted=wanted, read=read, verdict=verdict)
    return out


# values are equal within this, as when they are set: a radar counts in metres as 32-bit floats
SAME: Final = 0.06


def _row(v: Visitor, s: Setting, row: SettingStatus) -> dict[str, Any]:
    return {
        "name": s.name,
        "title": v.words.pair(*s.title),
        "wanted": _said(v, s, row.wanted),
        "read": _said(v, s, row.read),
        "verdict": row.verdict,
    }


def _said(v: Visitor, s: Setting, value: float | None) -> str:
    if value is None:
        return "\u2013"
    word = next((word for word, number in s.words if number == value), None)
    return v.words.named("value", word) if word else f"{value:g} {s.unit}".rstrip()


def _field(
    v: Visitor, s: Setting, read: float | None, offered: Mapping[str, str]
) -> dict[str, Any]:
    value = offered.get(s.name) or (
        ""
        if read is None
        else next((word for word, number in s.words if number == read), f"{read:g}")
    )
    return {
        "name": s.name,
        "title": v.words.pair(*s.title),
        "unit": s.unit,
        "value": value,
        "words": [(word, v.words.named("value", word)) for word, _ in s.words],
        "why": v.words.named("radar_why", s.name),
        "range": f"{s.low:g}\u2013{s.high:g} {s.unit}".rstrip(),
        "step": (s.low, s.high),
    }
