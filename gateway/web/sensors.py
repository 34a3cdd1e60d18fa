"""Sensors: the list with what may be done, the hearing window in which a new one is found, its form, and its first word."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from gateway import household, nearby, wire
from gateway.config import Config, speed
from gateway.danger import ROLES
from gateway.driver import BleAdvert, Enrol, GattService, Model
from gateway.household import Handed
from gateway.instruction import Do, What
from gateway.reading import Kind
from gateway.web.acts import whole
from gateway.web.change import Answer, Form, configure, current, drawn, left, models
from gateway.web.home import suggested
from gateway.web.today import heard, signal
from gateway.web.visitor import Fields, Reader, Stop, Technician, Visitor, checked

router = APIRouter()
JUST: Final = 12.0  # s for which what somebody has just pressed or opened stands first
STRONG, FAIR = -75, -88  # dBm, as on the page of today
LEFT_OPEN: Final = (0, 5, 10, 20, 30)  # min
WRONG_KEY: Final = frozenset({"decrypt_failed", "bindkey_required", "bad_key"})
WAIT_ALL: Final = 600.0  # s after which the page does not wait for a first word any more
_WORDS: Final = (
    ("fall", "radar"), ("button", "button"), ("contact", "door"), ("door", "door"), ("smoke", "smoke"), ("gas", "gas"), ("leak", "leak"),
    ("flood", "leak"), ("motion", "motion"), ("radar", "radar"), ("remote", "remote"), ("pressure", "bed"), ("presence", "presence"),
)  # fmt: skip


# -- what is there -----------------------------------------------------------------------------------------------------


@router.get("/sensors")
def sensors(v: Reader) -> Response:
    """Show every enrolled device with its state and what may be done with it."""
    return _sensors(v)


def _sensors(v: Visitor, status: int = 200, form: Form | None = None) -> Response:
    config = current(v)
    facts = v.page.known.status()
    known = {d["device"]: d for d in facts.get("devices", [])}
    rows = [(d, _title(v, d.model), known.get(d.id), _state(known.get(d.id), facts), signal(known.get(d.id, {}))) for d in config.devices]
    return drawn(v, "sensors.html", status, form or Form(), rows=rows, revision=config.household.revision, did=_did(v))


def _did(v: Visitor) -> str:
    word = v.request.query_params.get("done", "")
    return v.words(f"sensor.done_{word}") if word in {"retired", "replaced", "added"} else ""


def _state(device: dict[str, Any] | None, facts: dict[str, Any]) -> str:
    return heard(device, facts) if device else "unknown"


def _title(v: Visitor, model: Model) -> str:
    return v.words.pair(*model.title)


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
    return await run_in_threadpool(_sensors, v, 409 if answer.moved else 422, Form(f"retire-{said.get('device', '')}", said, answer))


# -- the hearing window ------------------------------------------------------------------------------------------------


@router.get("/sensors/add")
def add(v: Technician) -> Response:
    """Show what the radio hears, and what is plugged in."""
    return _add(v)


@router.post("/sensors/window")
async def window(v: Technician, said: Fields) -> Response:
    """Open the hearing window, or close it."""
    checked(v, said)
    over = bool(said.get("over"))
    answer = await left(v, Do.WINDOW, said, seconds=0.0 if over else nearby.LONGEST)
    if not answer.accepted:
        return await run_in_threadpool(_add, v, 422, Form("window", said, answer))
    old = said.get("replace", "")
    end = time.monotonic() + 2.5
    while not over and not (await run_in_threadpool(_nearby, v)).get("open") and time.monotonic() < end:
        await _soon()
    return RedirectResponse(f"/sensors/add?{urlencode({'replace': old})}" if old else "/sensors/add", 303)


async def _soon() -> None:
    await run_in_threadpool(time.sleep, 0.1)


def _nearby(v: Visitor) -> dict[str, Any]:
    """Return what the window has heard, with the seconds it stays open."""
    try:
        found = json.loads((v.page.config.runtime / nearby.FILE).read_text(encoding="utf-8"))
        left_s = min(nearby.LONGEST, float(found["until"]) - time.monotonic())
        found["left"] = max(0, round(left_s))
        found["open"] = bool(found["open"]) and left_s > 0
        found["late"] = max(0.0, time.monotonic() - float(found["written"]))
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return dict(found)


def _add(v: Visitor, status: int = 200, form: Form | None = None) -> Response:
    config = current(v)
    found = _nearby(v)
    heard_now = [_neighbour(v, one, found.get("late", 0.0)) for one in found.get("heard", [])]
    able = [n for n in heard_now if n["model"] and n["enrollable"]]
    able.sort(key=lambda n: (not n["just"], n["acted_s"] if n["just"] else 0, bool(n["enrolled"]), n["order"]))
    old = v.request.query_params.get("replace", "") or (form.typed.get("replace", "") if form else "")
    just = next((n for n in able if n["just"]), None)
    values = {
        "found": found, "able": able, "others": len(heard_now) - len(able), "ports": _ports(v, config), "say": _said(v, just),
        "old": next((d for d in config.devices if d.id == old), None), "minutes": f"{nearby.LONGEST / 60:g}",
        "deaf": [w for w in found.get("radios", []) if w],
    }  # fmt: skip
    return drawn(v, "_near.html" if "part" in v.request.query_params else "add.html", status, form or Form(), **values)


def _neighbour(v: Visitor, one: dict[str, Any], late: float) -> dict[str, Any]:
    acted = one.get("acted_s")
    acted = acted + late if isinstance(acted, int | float) else None
    best = int(one["best"])
    model = models().get(str(one["model"]))
    return {
        **one,
        "title": _title(v, model) if model else "",
        "model": model.name if model else "",
        "acted_s": acted,
        "just": acted is not None and acted <= JUST,
        "signal": "good" if best >= STRONG else "fair" if best >= FAIR else "weak",
        "order": (-best // 10, one["address"]),
        "told": ", ".join(f"{v.words.named('says', k)}" for k in list(one["told"])[:3]),
    }


def _said(v: Visitor, just: dict[str, Any] | None) -> str:
    return v.words("near.say", title=just["title"], tail=just["address"][-5:]) if just else ""


def _ports(v: Visitor, config: Config) -> list[tuple[str, str]]:
    """Return (port, id of the device that has it) of the serial ports that are plugged in."""
    taken = {d.at: d.id for d in config.devices}
    ports = v.page.known.status().get("ports", [])
    return [(str(p), taken.get(str(p), "")) for p in ports if isinstance(p, str)]


# -- one device's form -------------------------------------------------------------------------------------------------


@router.get("/sensors/new")
def new(v: Technician) -> Response:
    """Show the form of a device that was found, or whose address is typed."""
    return _new(v, dict(v.request.query_params))


def _new(v: Visitor, said: dict[str, str], status: int = 200, form: Form | None = None) -> Response:
    config = current(v)
    old = next((d for d in config.devices if d.id == said.get("replace", "")), None)
    by_port = bool(said.get("port")) or (old is not None and speed(old.model) is not None)
    offered = [m for m in models().values() if _offered(m, by_port)]
    offered.sort(key=lambda m: _title(v, m))
    name = said.get("model", "") or (old.model.name if old else "")
    model = next((m for m in offered if m.name == name), None)
    if old is None and model is None and name:
        raise Stop(404)
    rooms = suggested(v, household.shown(config)["rooms"]) if config.household.rooms is None else list(config.household.rooms)
    one: dict[str, Any] = next((n for n in _nearby(v).get("heard", []) if n["address"] == said.get("address")), {})
    values = {
        "old": old, "model": model, "title": _title(v, model) if model else "", "offered": [(m.name, _title(v, m)) for m in offered],
        "address": said.get("address", "")[:40], "port": said.get("port", "")[:200], "by_port": by_port, "rooms": rooms, "roles": ROLES,
        "key": "must" if one.get("needs_key") else "may" if model is not None and model.key_bytes else "", "left_open": LEFT_OPEN,
        "asks": _asks(model), "notes": v.words.pair(*model.device_notes) if model else "", "revision": config.household.revision,
        "suggested": _name(config, model, said.get("address", "")), "ids": [d.id for d in config.devices],
    }  # fmt: skip
    return drawn(v, "new.html", status, form or Form(), **values)


def _offered(model: Model, by_port: bool) -> bool:
    """Say whether the page can take such a device in. What is taught, or heard through a receiver, stands in gateway.toml."""
    if model.enrol is Enrol.LEARN or model.receiver:
        return False
    return speed(model) is not None if by_port else isinstance(model.listens, BleAdvert | GattService)


def _asks(model: Model | None) -> dict[str, Any]:
    senses = model.senses if model else frozenset()
    return {
        "button": Kind.BUTTON in senses and model is not None and model.presses != "nothing",
        "door": Kind.CONTACT_OPEN in senses,
        "bed": Kind.OCCUPANCY in senses,
        "presses": model.presses if model else "sos",
    }


def _name(config: Config, model: Model | None, address: str) -> str:
    """Return a name nobody has yet, after what the device is."""
    if model is None:
        return ""
    english = model.title[1].lower()
    word = next((w for part, w in _WORDS if part in english or part in model.name), model.name)
    tail = re.sub("[^0-9a-f]", "", address.lower())[-4:]
    made = f"{word}-{tail}" if tail else word
    taken = {d.id for d in config.devices}
    return next(n for n in (made, *(f"{made}-{k}" for k in range(2, 300))) if n not in taken)


@router.post("/sensors/put")
async def put(v: Technician, said: Fields) -> Response:
    """Enrol a device."""
    checked(v, said)
    config = await run_in_threadpool(current, v)
    model = models().get(said.get("model", ""))
    wrong: dict[str, str] = {}
    name = said.get("id", "").strip().lower()
    value: dict[str, Any] = {"id": name, "model": said.get("model", "")[:60]} | _where(said)
    if not re.fullmatch("[a-z0-9][a-z0-9._-]{0,39}", name):
        wrong["id"] = v.words("wrong.id")
    elif any(d.id == name for d in config.devices):
        wrong["id"] = v.words("wrong.id_taken")
    value["room"] = said.get("room_other", "").strip() or said.get("room", "").strip()
    if not value["room"]:
        wrong["room"] = v.words("wrong.room")
    asks = _asks(model)
    if asks["button"] and said.get("role") in ROLES:
        value["buttons"] = {"1": said["role"]}
    minutes = whole(said.get("left_open", ""))
    if asks["door"] and minutes in LEFT_OPEN and minutes:
        value["left_open"] = minutes * 60.0
    if asks["bed"] and said.get("bed"):
        value["bed"] = True
    rooms = config.household.rooms
    if not wrong and rooms is not None and value["room"] not in rooms:
        wrong["room"] = v.words("wrong.room_new")
    _check_place(v, said, wrong)
    answer = Answer(fields=wrong) if wrong else await configure(v, said, What.PUT_DEVICE, value, _given(said))
    return await _saved(v, said, name, answer)


@router.post("/sensors/replace")
async def replace(v: Technician, said: Fields) -> Response:
    """Put other hardware under the same name; its history stays."""
    checked(v, said)
    name = said.get("replace", "")[:40]
    value: dict[str, Any] = {"id": name, "model": said.get("model", "")[:60]} | _where(said)
    wrong: dict[str, str] = {}
    _check_place(v, said, wrong)
    answer = Answer(fields=wrong) if wrong else await configure(v, said, What.REPLACE_DEVICE, value, _given(said))
    return await _saved(v, said, name, answer)


def _where(said: Mapping[str, str]) -> dict[str, str]:
    if said.get("port"):
        return {"port": said["port"].strip()[:200]}
    return {"address": said.get("address", "").strip().upper().replace("-", ":")[:40]}


def _check_place(v: Visitor, said: Mapping[str, str], wrong: dict[str, str]) -> None:
    if not said.get("port") and not re.fullmatch("([0-9A-F]{2}:){5}[0-9A-F]{2}", _where(said).get("address", "")):
        wrong["address"] = v.words("wrong.address")
    if said.get("must") and not said.get("secret", "").strip():
        wrong["key"] = v.words("wrong.key")


def _given(said: Mapping[str, str]) -> Handed | None:
    digits = re.sub(r"[\s:-]", "", said.get("secret", ""))
    return Handed(key=digits[:200]) if digits else None


async def _saved(v: Visitor, said: dict[str, str], name: str, answer: Answer) -> Response:
    if answer.accepted:
        return RedirectResponse(f"/sensors/confirm?{urlencode({'device': name, 'told': answer.told})}", 303)
    typed = {k: w for k, w in said.items() if k != "secret"}  # a key is never sent back
    if said.get("secret") and "key" not in answer.fields:
        answer.fields["key"] = v.words("wrong.key_again")
    return await run_in_threadpool(_new, v, typed, 409 if answer.moved else 422, Form("device", typed, answer))


# -- its first word ----------------------------------------------------------------------------------------------------


@router.get("/sensors/confirm")
def confirm(v: Technician) -> Response:
    """Wait for the first word of a device since it was enrolled."""
    config = current(v)
    name, told = v.request.query_params.get("device", ""), v.request.query_params.get("told", "")
    device = next((d for d in config.devices if d.id == name), None)
    if device is None:
        raise Stop(404)
    known = v.page.known
    facts = known.status()
    now = next((d for d in facts.get("devices", []) if d["device"] == name), None)
    result = known.result(told[:80])
    since = result.at.mono if isinstance(result, wire.ResultMessage) else None
    alarm = next((a for a in known.open_alarms() if a.device == name), None)
    state = _first(now, facts, since)
    if since is not None and alarm is not None and alarm.at.mono >= since:
        state = "heard"
    values = {
        "device": device, "title": _title(v, device.model), "state": state, "alarm": alarm if state == "heard" else None,
        "signal": signal(now or {}), "asks": _asks(device.model), "told": told,
        "notes": v.words.pair(*device.model.device_notes),
        "say": v.words(f"confirm.{state}") if state != "waiting" else "",
    }  # fmt: skip
    return drawn(v, "_confirm.html" if "part" in v.request.query_params else "confirm.html", 200, Form(), **values)


def _first(now: dict[str, Any] | None, facts: dict[str, Any], since: float | None) -> str:
    """Return "heard" once it has spoken since then, "key" where it speaks but cannot be read."""
    if now is None or not facts.get("well"):
        return "waiting"
    at = float(facts.get("mono", 0.0)) - float(now.get("heard_s", 0.0))
    if since is not None and at > since + 0.1:  # the file rounds to a tenth
        return "heard"
    return "key" if WRONG_KEY & set(now.get("refused") or {}) else "waiting"
