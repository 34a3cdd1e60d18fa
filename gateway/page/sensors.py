"""Sensors: the list with what may be done, the hearing window in which a new one is found, its form, and its first word.

A device is found in the air, behind a receiver, or at a port (see `fitted`); its form asks what its
make needs, and no more. What is taught, a radio code or a beacon's signal, is chosen among those
that the window has heard.
"""

from __future__ import annotations

import json
import re
import time
import zlib
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from gateway.contract import wire
from gateway.home import household, nearby
from gateway.home.config import Config
from gateway.home.devices import Device, longest_silence
from gateway.home.handed import Handed
from gateway.home.status import DeviceStatus, Status
from gateway.home.waits import WAITS as HOME
from gateway.judge.danger import ROLES
from gateway.judge.waits import WAITS as JUDGING
from gateway.page import address, live
from gateway.page.acts import whole
from gateway.page.change import Answer, Form, configure, current, drawn, left, models
from gateway.page.home import suggested
from gateway.page.known import Filter
from gateway.page.today import heard, look, signal, stream
from gateway.page.visitor import Fields, Reader, Stop, Technician, Visitor, checked
from gateway.page.waits import WAITS
from gateway.words.driver import (
    Behind,
    BleAdvert,
    Enrol,
    GattService,
    Inputs,
    Model,
    MqttTopics,
    SerialLine,
)
from gateway.words.instruction import Do, What
from gateway.words.reading import Kind

router = APIRouter()
STRONG, FAIR = -75, -88  # dBm, as on the page of today
LEFT_OPEN: Final = (0, 5, 10, 20, 30)  # min
BY_RULE: Final = "rule"  # a door is watched for as long as the rules of the home say
SILENT: Final = (
    1,
    2,
    4,
    12,
    25,
)  # h after which a device may count as missing, as far as its make and use allow
TOPIC: Final = "zigbee2mqtt"
INPUTS: Final = (4, 8, 16)
PINS: Final = frozenset({"modbus", "gpio"})  # places whose signals are inputs
BEDS: Final = frozenset({"occupancy", "bed_empty"})  # a dry contact's functions that may be a bed's
OPENS: Final = "_opens"  # a dry contact's function that alarms when the contact opens ends with it
FEW: Final = 8  # test alarms among which that of a first press is looked for
WAYS: Final = (
    "double",
    "long",
)  # presses of the first button that may mean something else; any other is the button's own
_WORDS: Final = (
    ("dry contact", "contact"),
    ("fall", "radar"),
    ("button", "button"),
    ("contact", "door"),
    ("door", "door"),
    ("smoke", "smoke"),
    ("gas", "gas"),
    ("leak", "leak"),
    ("water", "leak"),
    ("flood", "leak"),
    ("motion", "motion"),
    ("radar", "radar"),
    ("remote", "remote"),
    ("pressure", "bed"),
    ("presence", "presence"),
    ("cord", "cord"),
    ("zigbee", "zigbee"),
    ("433", "receiver"),
    ("receiver", "receiver"),
)


# -- what is there -----------------------------------------------------------------------------------------------------


@router.get("/sensors")
def sensors(v: Reader) -> Response:
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
                "title": _title(v, d.model),
                "now": now,
                "state": heard(now, facts) if now else "unknown",
                "signal": signal(now),
                "battery": batteries.get(d.id),
                "look": looks(d.model),
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
    )


def _did(v: Visitor) -> str:
    word = v.request.query_params.get("done", "")
    return (
        v.words(f"sensor.done_{word}")
        if word in {"retired", "replaced", "added", "changed"}
        else ""
    )


def _title(v: Visitor, model: Model) -> str:
    return v.words.pair(*model.title)


def looks(model: Model) -> str:
    """Return the name of the picture of a make."""
    return "sensors" if model.receiver else look(model.name)


def _roles_of(v: Visitor, d: Device) -> str:
    """Return what its buttons mean, where it has some."""
    asks = _asks(d.model)
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


# -- news for the pages that wait ----------------------------------------------------------------------------------------


@router.get("/sensors/live")
async def told(v: Reader) -> Response:
    """Tell pages of this file when something was heard."""
    state, runtime, known = v.request.app.state, v.page.config.runtime, v.page.known
    if not hasattr(state, "sensed"):

        def news() -> int:
            marks = []
            for name in (nearby.FILE, "status.json"):
                try:
                    marks.append((runtime / name).stat().st_mtime_ns)
                except OSError:
                    marks.append(0)
            return zlib.crc32(json.dumps([*marks, known.newest()]).encode())

        state.sensed = live.Watch(news, look=lambda: WAITS.air_look, quiet=lambda: WAITS.air_quiet)
    return stream(v, state.sensed)


# -- the hearing window ------------------------------------------------------------------------------------------------


@router.get("/sensors/add")
def add(v: Technician) -> Response:
    """Show what the radio hears, what receivers hear, and what is plugged in."""
    return _add(v)


@router.post("/sensors/window")
async def window(v: Technician, said: Fields) -> Response:
    """Open the hearing window, or close it."""
    checked(v, said)
    over = bool(said.get("over"))
    answer = await left(v, Do.WINDOW, said, seconds=0.0 if over else HOME.window)
    if not answer.accepted:
        return await run_in_threadpool(_add, v, 422, Form("window", said, answer))
    old = said.get("replace", "")
    if not over:
        await _opened(v)
    return RedirectResponse(
        f"/sensors/add?{urlencode({'replace': old})}" if old else "/sensors/add", 303
    )


async def _opened(v: Visitor) -> None:
    """Wait a moment until the window stands in the file."""
    end = time.monotonic() + WAITS.window
    while not (await run_in_threadpool(_nearby, v)).get("open") and time.monotonic() < end:
        await _soon()


async def _soon() -> None:
    await run_in_threadpool(time.sleep, WAITS.answer_look)


def _nearby(v: Visitor) -> dict[str, Any]:
    """Return what the window has heard, with the seconds it stays open."""
    try:
        found = json.loads((v.page.config.runtime / nearby.FILE).read_text(encoding="utf-8"))
        left_s = min(HOME.window, float(found["until"]) - time.monotonic())
        found["left"] = max(0, round(left_s))
        found["open"] = bool(found["open"]) and left_s > 0
        found["late"] = max(0.0, time.monotonic() - float(found["written"]))
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return dict(found)


def _add(v: Visitor, status: int = 200, form: Form | None = None) -> Response:
    config = current(v)
    found = _nearby(v)
    late = found.get("late", 0.0)
    heard_now = [_neighbour(v, one, late) for one in found.get("heard", [])]
    able = [n for n in heard_now if n["model"] and n["enrollable"]]
    others = len(heard_now) - len(able)
    able += [
        n for one in found.get("signals", []) if (n := _signal(v, config, one, late)) is not None
    ]
    able.sort(
        key=lambda n: (
            not n["just"],
            n["acted_s"] if n["just"] else 0,
            bool(n["enrolled"]),
            n["order"],
        )
    )
    old = v.request.query_params.get("replace", "") or (
        form.typed.get("replace", "") if form else ""
    )
    replaced = next((d for d in config.devices if d.id == old), None)
    just = next((n for n in able if n["just"]), None)
    values = {
        "found": found,
        "able": able,
        "others": others,
        "ports": _ports(v, config),
        "say": _said(v, just),
        "old": replaced,
        "minutes": f"{HOME.window / 60:g}",
        "deaf": [w for w in found.get("radios", []) if w],
        "query": {"replace": old} if replaced else {},
        "mono": v.page.known.status().mono,
        "receivers": [(d, _title(v, d.model)) for d in config.devices if d.model.receiver],
    }
    return drawn(
        v,
        "_near.html" if "part" in v.request.query_params else "add.html",
        status,
        form or Form(),
        **values,
    )


def _late(acted: Any, late: float) -> tuple[float | None, bool]:
    acted = acted + late if isinstance(acted, int | float) else None
    return acted, acted is not None and acted <= WAITS.just


def _neighbour(v: Visitor, one: dict[str, Any], late: float) -> dict[str, Any]:
    acted, just = _late(one.get("acted_s"), late)
    best = int(one["best"])
    model = models().get(str(one["model"]))
    return {
        **one,
        "id": str(one["address"]).replace(":", ""),
        "title": _title(v, model) if model else "",
        "model": model.name if model else "",
        "look": looks(model) if model else "",
        "tail": str(one["address"])[-5:],
        "acted_s": acted,
        "just": just,
        "signal": "good" if best >= STRONG else "fair" if best >= FAIR else "weak",
        "order": (-best // 10, one["address"]),
        "to": {"address": one["address"], "model": model.name if model else ""},
        "through": "",
        "told": ", ".join(f"{v.words.named('says', k)}" for k in list(one["told"])[:3]),
    }


def _signal(v: Visitor, config: Config, one: dict[str, Any], late: float) -> dict[str, Any] | None:
    """Return a row of the list for what a receiver has heard; None where the receiver is gone."""
    host = next((d for d in config.devices if d.id == one["receiver"]), None)
    if host is None:
        return None
    acted, just = _late(one.get("acted_s"), late)
    model, source = models().get(str(one["model"])), str(one["signal"])
    makes = _behind(host)
    if model is None and len(makes) == 1:
        model = makes[0]
    taught = any(m.enrol is Enrol.LEARN for m in makes)
    to = {"via": host.id, ("signal" if taught else "address"): source} | (
        {"model": model.name} if model else {}
    )
    title = (
        _title(v, model)
        if model is not None and not taught
        else v.words("near.input" if place(host.model) in PINS else "near.code")
    )
    return {
        "address": _short(source),
        "id": re.sub("[^A-Za-z0-9]", "-", f"{host.id}-{source}"),
        "title": title,
        "name": "",
        "maker": "",
        "look": looks(model) if model is not None and not taught else "sensors",
        "tail": source[-8:],
        "acted_s": acted,
        "just": just,
        "signal": "",
        "best": "",
        "order": (0 if acted is not None else 9, source),
        "to": to,
        "packets": int(one["times"]),
        "silent_s": one["silent_s"],
        "needs_key": False,
        "enrolled": one["enrolled"],
        "through": v.where(host.room, host.id),
        "told": ", ".join(f"{v.words.named('says', k)}" for k in list(one["told"])[:3]),
    }


def _said(v: Visitor, just: dict[str, Any] | None) -> str:
    return v.words("near.say", title=just["title"], tail=just["tail"]) if just else ""


def _ports(v: Visitor, config: Config) -> list[tuple[str, str]]:
    """Return (port, id of the device that has it) of the serial ports that are plugged in."""
    taken = {d.at.partition("?")[0]: d.id for d in config.devices}
    ports = v.page.known.status().ports
    return [(str(p), taken.get(str(p), "")) for p in ports if isinstance(p, str)]


@router.get("/sensors/heard")
def signals(v: Technician) -> Response:
    """Return the signals that may be taught now, newest first, for the form that teaches them."""
    query = v.request.query_params
    found = _nearby(v)
    rows = [
        {
            "signal": s["signal"],
            "label": _label(v, s, found["late"]),
            "acted_s": _late(s["acted_s"], found["late"])[0],
            "times": s["times"],
        }
        for s in _teachable(
            found, query.get("via", ""), query.get("address", ""), query.get("replace", "")
        )
    ]
    return JSONResponse(
        {"open": bool(found.get("open")), "left": found.get("left", 0), "signals": rows},
        headers={"cache-control": "no-store"},
    )


def _teachable(
    found: Mapping[str, Any], via: str, address: str, replace: str = ""
) -> list[dict[str, Any]]:
    """Return the signals that may be taught: nobody's, or those of the device that is taught anew."""
    if via:
        return [
            s
            for s in found.get("signals", [])
            if s["receiver"] == via and s["enrolled"] in ("", replace)
        ]
    one: Mapping[str, Any] = next(
        (n for n in found.get("heard", []) if n["address"] == address), {}
    )
    return list(one.get("signals", []))


def _label(v: Visitor, s: Mapping[str, Any], late: float) -> str:
    return v.words(
        "teach.heard",
        signal=_short(str(s["signal"])),
        count=s["times"],
        span=v.words.span(float(s["silent_s"]) + late),
    )


def _short(source: str) -> str:
    return source if len(source) <= 24 else f"…{source[-20:]}"


# -- one device's form -------------------------------------------------------------------------------------------------


@router.get("/sensors/new")
def new(v: Technician) -> Response:
    """Show the form of a device that was found, or whose address is typed."""
    return _new(v, dict(v.request.query_params))


def place(model: Model) -> str:
    """Return where such a device is heard: air, line, modbus, gpio, broker, behind."""
    match model.listens:
        case SerialLine():
            return "line"
        case Inputs(bus=bus):
            return bus
        case MqttTopics():
            return "broker"
        case Behind():
            return "behind"
    return "air"


def _behind(host: Device) -> list[Model]:
    return [
        m
        for m in models().values()
        if isinstance(m.listens, Behind) and host.model.name in m.listens.receivers
    ]


def _offered(config: Config, said: Mapping[str, str], old: Device | None) -> list[Model]:
    """Return the makes that what was found may be."""
    host = next(
        (d for d in config.devices if d.id == (said.get("via") or (old.via if old else ""))), None
    )
    if host is not None:
        return _behind(host)
    if said.get("port") or (old is not None and place(old.model) in {"line", "modbus"}):
        return [m for m in models().values() if place(m) in {"line", "modbus"}]
    if old is not None and place(old.model) in {"gpio", "broker"}:
        return [old.model]
    return [m for m in models().values() if isinstance(m.listens, BleAdvert | GattService)]


def _new(v: Visitor, said: dict[str, str], status: int = 200, form: Form | None = None) -> Response:
    config = current(v)
    form = form or Form()
    old = next((d for d in config.devices if d.id == said.get("replace", "")), None)
    if said.get("via") and all(d.id != said["via"] for d in config.devices):
        raise Stop(404)
    name = said.get("model", "") or (old.model.name if old else "")
    model = models().get(name) if name else None
    if name and model is None:
        raise Stop(404)
    offered = _offered(config, said, old)
    if model is not None and model not in offered:
        if place(model) not in {"gpio", "broker"} or old is not None:
            raise Stop(404) if old is None else Stop(409)
        offered = [model]
    offered.sort(key=lambda m: (m.general, _title(v, m)))
    rooms = (
        suggested(v, household.shown(config)["rooms"])
        if config.household.rooms is None
        else list(config.household.rooms)
    )
    found = _nearby(v)
    one: dict[str, Any] = next(
        (n for n in found.get("heard", []) if n["address"] == said.get("address")), {}
    )
    values = {
        "old": old,
        "model": model,
        "title": _title(v, model) if model else "",
        "look": looks(model) if model else "",
        "offered": [(m.name, _title(v, m), looks(m)) for m in offered],
        "place": place(model) if model else "",
        "at": {n: said.get(n, "")[:200] for n in ("address", "port", "via", "signal")},
        "by_hand": not said.get("address"),
        "rooms": rooms,
        "roles": ROLES,
        "ways": WAYS,
        "key": "must"
        if one.get("needs_key")
        else "may"
        if model is not None and model.key_bytes
        else "",
        "left_open": LEFT_OPEN,
        "by_rule": _by_rule(config),
        "asks": _asks(model),
        "notes": v.words.pair(*model.device_notes) if model else "",
        "revision": config.household.revision,
        "inputs": INPUTS,
        "topic": TOPIC,
        "found": found,
        "suggested": _name(config, model, said.get("address", "") or said.get("signal", "")),
        "ids": [d.id for d in config.devices],
        "teach": _teach(v, model, said, found)
        if model is not None and model.enrol is Enrol.LEARN
        else None,
    }
    return drawn(v, "new.html", status, form, **values)


def _teach(
    v: Visitor, model: Model, said: Mapping[str, str], found: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a form that teaches needs: the functions, each with its signal, and the signals that were heard."""
    place = {
        "via": said.get("via", ""),
        "address": "" if said.get("via") else said.get("address", ""),
        "replace": said.get("replace", ""),
    }
    options = [
        (str(s["signal"]), _label(v, s, found.get("late", 0.0))) for s in _teachable(found, **place)
    ]
    tapped = said.get("signal", "") or (options[0][0] if options else "")
    contact = model.functions if _is_contact(model) else ()
    functions = () if contact else model.functions
    chosen = {f: said.get(f"code-{f}", tapped if n == 0 else "") for n, f in enumerate(functions)}
    known = dict.fromkeys([tapped, *(w for n, w in said.items() if n.startswith("code-"))])
    options += [(w, _short(w)) for w in known if w and w not in {o for o, _ in options}]
    return {
        "contact": [f for f in contact if not f.endswith(OPENS)],
        "functions": chosen,
        "options": options,
        "tapped": tapped,
        "open": bool(found.get("open")),
        "from": urlencode(place),
    }


def _is_contact(model: Model) -> bool:
    return any(f.endswith(OPENS) for f in model.functions)


def _by_rule(config: Config) -> str:
    return f"{config.times.door_left_open / 60:g}"


def _asks(model: Model | None, function: str = "") -> dict[str, Any]:
    """Return what is asked of a make's device; a contact that may be anything is what its `function` says."""
    senses = model.senses if model else frozenset()
    if function:
        senses &= {"sos": {Kind.BUTTON}, "contact_open": {Kind.CONTACT_OPEN}}.get(
            function, {Kind.OCCUPANCY} if function in BEDS else set()
        )
    pressed = Kind.BUTTON in senses and model is not None and model.presses != "nothing"
    return {
        "button": pressed,
        "buttons": model.buttons if pressed and model is not None else 0,
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
    tail = (
        re.sub("[^0-9a-f]", "", address.lower())[-4:]
        if ":" in address or re.fullmatch("[0-9A-F]{4,}", address)
        else ""
    )
    made = f"{word}-{tail}" if tail else word
    taken = {d.id for d in config.devices}
    return next(n for n in (made, *(f"{made}-{k}" for k in range(2, 300))) if n not in taken)


@router.post("/sensors/put")
async def put(v: Technician, said: Fields) -> Response:
    """Enrol a device."""
    checked(v, said)
    if said.get(
        "again"
    ):  # without script: look which signals were heard meanwhile, and keep what was typed
        return await run_in_threadpool(_new, v, _typed(said), 200, Form("device", _typed(said)))
    config = await run_in_threadpool(current, v)
    model = models().get(said.get("model", ""))
    wrong: dict[str, str] = {}
    name = said.get("id", "").strip().lower()
    value: dict[str, Any] = {"id": name, "model": said.get("model", "")[:60]}
    if not re.fullmatch("[a-z0-9][a-z0-9._-]{0,39}", name):
        wrong["id"] = v.words("wrong.id")
    elif any(d.id == name for d in config.devices):
        wrong["id"] = v.words("wrong.id_taken")
    value |= _wanted(v, config, model, said, wrong) | _where(v, model, said, wrong)
    given = _given(v, model, said, wrong)
    answer = (
        Answer(fields=wrong)
        if wrong
        else await configure(
            v, said, What.PUT_DEVICE, value, given, first_press=JUDGING.first_press
        )
    )
    return await _saved(v, said, name, answer)


@router.post("/sensors/replace")
async def replace(v: Technician, said: Fields) -> Response:
    """Put other hardware under the same name; its history stays."""
    checked(v, said)
    if said.get("again"):
        return await run_in_threadpool(_new, v, _typed(said), 200, Form("device", _typed(said)))
    name = said.get("replace", "")[:40]
    model = models().get(said.get("model", ""))
    wrong: dict[str, str] = {}
    value: dict[str, Any] = {"id": name, "model": said.get("model", "")[:60]} | _where(
        v, model, said, wrong
    )
    given = _given(v, model, said, wrong)
    answer = (
        Answer(fields=wrong)
        if wrong
        else await configure(
            v, said, What.REPLACE_DEVICE, value, given, first_press=JUDGING.first_press
        )
    )
    return await _saved(v, said, name, answer)


def _wanted(
    v: Visitor, config: Config, model: Model | None, said: Mapping[str, str], wrong: dict[str, str]
) -> dict[str, Any]:
    """Return what the household wants of a device: room, roles of its buttons, limits."""
    value: dict[str, Any] = {
        "room": said.get("room_other", "").strip() or said.get("room", "").strip()
    }
    if label := " ".join(said.get("label", "").split()):
        value["label"] = label
    if not value["room"]:
        wrong["room"] = v.words("wrong.room")
    rooms = config.household.rooms
    if value["room"] and rooms is not None and value["room"] not in rooms:
        wrong["room"] = v.words("wrong.room_new")
    asks = _asks(model, said.get("function", ""))
    roles = {
        str(n): said.get(f"role-{n}", said.get("role", "") if n == 1 else "")
        for n in range(1, asks["buttons"] + 1)
    }
    roles |= {f"1-{way}": said.get(f"press-{way}", "") for way in WAYS if asks["button"]}
    if roles := {n: role for n, role in roles.items() if role in ROLES}:
        value["buttons"] = roles
    minutes = whole(said.get("left_open", "0"))
    if asks["door"] and said.get("left_open") == BY_RULE:
        value["left_open"] = True
    elif asks["door"] and minutes in LEFT_OPEN and minutes:
        value["left_open"] = minutes * 60.0
    if asks["bed"] and said.get("bed"):
        value["bed"] = True
    return value


def _where(
    v: Visitor, model: Model | None, said: Mapping[str, str], wrong: dict[str, str]
) -> dict[str, Any]:
    """Return where a device is heard, as the configuration has it."""
    kind = place(model) if model is not None else "line" if said.get("port") else "air"
    port = said.get("port", "").strip()[:200]
    if kind == "line":
        return {"port": port}
    if kind == "modbus":
        unit, count = whole(said.get("unit", "1")), whole(said.get("inputs", "8"))
        if not 1 <= unit <= 247:
            wrong["unit"] = v.words("wrong.unit")
        return {
            "port": f"{port.partition('?')[0]}?unit={unit}&inputs={count if count in INPUTS else 8}&baud=9600"
        }
    if kind == "gpio":
        pins = [
            whole(p) for p in re.split(r"[\s,\uff0c\u3001]+", said.get("pins", "").strip()) if p
        ]
        if not pins or not all(0 <= p <= 27 for p in pins):
            wrong["pins"] = v.words("wrong.pins")
        return {"port": "gpio:" + ",".join(str(p) for p in dict.fromkeys(pins))}
    if kind == "broker":
        return {"port": _url(v, said, wrong)}
    value: dict[str, Any] = {}
    assert model is not None or kind == "air"  # a place of another sort has a make
    if model is not None and model.enrol is Enrol.LEARN:
        value["codes"] = _codes(v, model, said, wrong)
    if kind == "behind":
        value["via"] = said.get("via", "")[:40]
        return (
            value
            if "codes" in value
            else value | {"address": said.get("address", "").strip()[:200]}
        )
    value["address"] = said.get("address", "").strip().upper().replace("-", ":")[:40]
    if not re.fullmatch("([0-9A-F]{2}:){5}[0-9A-F]{2}", value["address"]):
        wrong["address"] = v.words("wrong.address")
    return value


def _url(v: Visitor, said: Mapping[str, str], wrong: dict[str, str]) -> str:
    host, number, topic, user = (
        said.get(n, "").strip() for n in ("host", "number", "topic", "user")
    )
    try:
        at = address.read(host[:2000])
    except address.Unreadable as no:
        wrong["host"] = v.words(no.word)
        return ""
    if (
        at.tls or at.password
    ):  # the bridge has neither: what is typed for it is not sent on in plain
        wrong["host"] = v.words("wrong.bridge")
    host, number, topic, user = at.host, str(at.port or number), at.path or topic, at.user or user
    for name, text, form in (
        ("host", host, r"[\w.-]+"),
        ("topic", topic, r"[\w/-]+"),
        ("user", user, r"[\w.-]*"),
    ):
        if not re.fullmatch(form, text):
            wrong.setdefault(name, v.words(f"wrong.{name}"))
    if not 1 <= whole(number or "1883") <= 65535:
        wrong["number"] = v.words("wrong.port")
    return f"mqtt://{f'{user}@' if user else ''}{host}:{number or 1883}/{topic}"


def _codes(
    v: Visitor, model: Model, said: Mapping[str, str], wrong: dict[str, str]
) -> dict[str, str]:
    """Return what is taught, {function: signal}."""
    if said.get("function") in model.functions and said.get("signal"):
        name = said["function"] + (OPENS if said.get("opens") else "")
        return {name: said["signal"][:200]}
    codes = {f: said[f"code-{f}"][:200] for f in model.functions if said.get(f"code-{f}")}
    if not codes:
        wrong["codes"] = v.words("wrong.function" if _is_contact(model) else "wrong.codes")
    elif len(set(codes.values())) < len(codes):
        wrong["codes"] = v.words("wrong.codes_twice")
    return codes


def key_of(text: str, digits: int) -> tuple[str, int]:
    """Return (the key, its digits) found in what was typed, pasted from a QR code, or read from a file; "" where there is none.

    A text that holds just one run of so many hexadecimal digits holds the key.
    """
    plain = re.sub(r"[\s:-]", "", text)
    if re.fullmatch("[0-9a-fA-F]+", plain):
        return (plain, len(plain)) if len(plain) == digits else ("", len(plain))
    found = {
        one.lower(): one
        for one in re.findall(f"(?<![0-9A-Za-z])[0-9a-fA-F]{{{digits}}}(?![0-9A-Za-z])", text)
    }
    return (
        (next(iter(found.values())), digits)
        if len(found) == 1
        else ("", len(found) and -len(found))
    )


def _given(
    v: Visitor, model: Model | None, said: Mapping[str, str], wrong: dict[str, str]
) -> Handed | None:
    """Return what must not stand in an instruction: the device's key, or the password of another program's broker."""
    if model is not None and place(model) == "broker":
        return Handed(password=said["secret"][:200]) if said.get("secret") else None
    text = said.get("secret", "").strip()[:4000]
    if not text:
        if said.get("must"):
            wrong["key"] = v.words("wrong.key")
        return None
    digits = 2 * model.key_bytes if model is not None else 0
    if not digits:
        return Handed(key=re.sub(r"[\s:-]", "", text)[:200])
    key, found = key_of(text, digits)
    if not key:
        word = "several" if found < 0 else "length" if found else "form"
        wrong["key"] = v.words(f"wrong.key_{word}", count=digits, found=abs(found))
    return Handed(key=key)


def _typed(said: Mapping[str, str]) -> dict[str, str]:
    return {
        k: w for k, w in said.items() if k not in {"secret", "again"}
    }  # a key is never sent back


async def _saved(v: Visitor, said: dict[str, str], name: str, answer: Answer) -> Response:
    if answer.accepted:
        return RedirectResponse(
            f"/sensors/confirm?{urlencode({'device': name, 'told': answer.told})}", 303
        )
    if said.get("secret") and "key" not in answer.fields:
        answer.fields["key"] = v.words("wrong.key_again")
    if "via" in answer.fields:
        answer.fields.setdefault("codes", answer.fields["via"])
    if "password" in answer.fields:
        answer.fields.setdefault("secret", answer.fields["password"])
    typed = _typed(said)
    return await run_in_threadpool(
        _new, v, typed, 409 if answer.moved else 422, Form("device", typed, answer)
    )


# -- another wish for a device that is enrolled --------------------------------------------------------------------------


@router.get("/sensors/change")
def change(v: Technician) -> Response:
    """Show what is wanted of an enrolled device."""
    return _change(v, v.request.query_params.get("device", ""))


def _change(v: Visitor, name: str, status: int = 200, form: Form | None = None) -> Response:
    config = current(v)
    d = next((d for d in config.devices if d.id == name), None)
    part = next((p for p in config.parts.device if p.id == name), None)
    if d is None or part is None:
        raise Stop(404)
    rooms = (
        suggested(v, household.shown(config)["rooms"])
        if config.household.rooms is None
        else list(config.household.rooms)
    )
    standard = d.model.missing_after
    teach = None
    if d.model.enrol is Enrol.LEARN and not _is_contact(d.model):
        typed = form.typed if form else {}
        codes = {f"code-{f}": typed.get(f"code-{f}", d.codes.get(f, "")) for f in d.model.functions}
        teach = _teach(
            v, d.model, {"via": d.via, "address": d.at, "replace": d.id} | codes, _nearby(v)
        )
    values = {
        "d": d,
        "title": _title(v, d.model),
        "look": looks(d.model),
        "rooms": list(dict.fromkeys([*([d.room] if d.room else []), *rooms])),
        "roles": ROLES,
        "ways": WAYS,
        "asks": _asks(d.model),
        "left_open": LEFT_OPEN,
        "part": part,
        "now_open": BY_RULE if part.left_open is True else round(d.watch.left_open / 60),
        "by_rule": _by_rule(config),
        "teach": teach,
        "minutes": f"{HOME.window / 60:g}",
        "silent": [
            n for n in SILENT if n * 3600 <= longest_silence(d.model, vital=d.supervised.vital)
        ],
        "hours": round(part.missing_after / 3600) if part.missing_after else 0,
        "standard": v.words.span(standard) if standard else "",
        "revision": config.household.revision,
        "notes": v.words.pair(*d.model.device_notes),
        "place": place(d.model),
        "codes": [
            (v.words.named("fn", f.removesuffix(OPENS)), _short(s)) for f, s in d.codes.items()
        ],
    }
    return drawn(v, "change.html", status, form or Form(), **values)


@router.post("/sensors/change")
async def changed(v: Technician, said: Fields) -> Response:
    """Want something else of an enrolled device. What it is and where it is heard stays, its counters go on."""
    checked(v, said)
    config = await run_in_threadpool(current, v)
    name = said.get("device", "")[:40]
    d = next((d for d in config.devices if d.id == name), None)
    part = next((p for p in config.parts.device if p.id == name), None)
    if d is None or part is None:
        raise Stop(404)
    if said.get("listen"):
        return await _listen(v, said, name)
    wrong: dict[str, str] = {}
    value = {
        k: w
        for k, w in msgspec.to_builtins(part).items()
        if k not in {"label", "buttons", "left_open", "bed", "missing_after"}
    }
    value |= _wanted(v, config, d.model, said, wrong)
    asked = {f"1-{way}" for way in WAYS if f"press-{way}" in said}
    if by_press := {
        name: role for name, role in part.buttons.items() if "-" in name and name not in asked
    }:
        value["buttons"] = by_press | value.get("buttons", {})
    if any(n.startswith("code-") for n in said):
        value["codes"] = _codes(v, d.model, said, wrong)
    hours = whole(said.get("missing", "0"))
    if hours in SILENT:
        value["missing_after"] = hours * 3600.0
    given = _given(v, d.model, said, wrong)
    answer = (
        Answer(fields=wrong) if wrong else await configure(v, said, What.PUT_DEVICE, value, given)
    )
    if answer.accepted:
        again = (given is not None and given.key) or value["codes"] != dict(d.codes)
        return RedirectResponse(
            f"/sensors/confirm?{urlencode({'device': name, 'told': answer.told})}"
            if again
            else "/sensors?done=changed",
            303,
        )
    typed = _typed(said)
    return await run_in_threadpool(
        _change, v, name, 409 if answer.moved else 422, Form("change", typed, answer)
    )


async def _listen(v: Visitor, said: dict[str, str], name: str) -> Response:
    """Open the hearing window, or look again what was heard; what was typed stays."""
    answer = Answer()
    if not (await run_in_threadpool(_nearby, v)).get("open"):
        answer = await left(v, Do.WINDOW, said, seconds=HOME.window)
        if answer.accepted:
            await _opened(v)
    typed = {k: w for k, w in _typed(said).items() if k != "listen"}
    return await run_in_threadpool(
        _change, v, name, 422 if answer.sentence else 200, Form("change", typed, answer)
    )


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
    now = next((d for d in facts.devices if d.device == name), None)
    result = known.result(told[:80])
    since = (
        result.at.mono
        if isinstance(result, wire.ResultMessage)
        else _number(v.request.query_params.get("since", ""))
    )
    tests = known.past(
        Filter(test="only"), limit=FEW
    )  # a press that was a test has ended with the platform's receipt
    alarm = next((a for a in (*known.open_alarms(), *tests) if a.device == name), None)
    state = _first(now, facts, since, new=isinstance(result, wire.ResultMessage))
    if since is not None and alarm is not None and alarm.at.mono >= since:
        state = "heard"
    batteries = (
        [
            r.value
            for r in known.day(known.now(facts))
            if r.device == name and r.kind == Kind.BATTERY
        ]
        if state == "heard"
        else []
    )
    values = {
        "device": device,
        "title": _title(v, device.model),
        "state": state,
        "alarm": alarm if state == "heard" else None,
        "signal": signal(now),
        "asks": _asks(device.model),
        "told": told,
        "look": looks(device.model),
        "place": place(device.model),
        "notes": v.words.pair(*device.model.device_notes),
        "battery": batteries[-1] if batteries else None,
        "dead": not facts.well,
        "radar": bool(device.model.settings),
        "asked": facts.first_presses.get(name),
        "minutes": f"{JUDGING.first_press / 60:g}",
        "say": v.words(f"confirm.{state}") if state != "waiting" else "",
    }
    return drawn(
        v,
        "_confirm.html" if "part" in v.request.query_params else "confirm.html",
        200,
        Form(),
        **values,
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _first(
    now: DeviceStatus | None, facts: Status, since: float | None, *, new: bool = False
) -> str:
    """Return "heard" once it has spoken since then, "key" where it speaks but cannot be read.

    Of a `new` one any word is one since then: a wired device has answered within the turn in which
    it was enrolled.
    """
    if now is None or not facts.well:
        return "waiting"
    at = facts.mono - now.heard_s
    later = since is not None and facts.mono > since
    if (new and later and now.alive) or (
        since is not None and at > since + 0.1
    ):  # the file rounds to a tenth
        return "heard"
    unread = now.unread_s
    # By a key that is another by now it could not be read before: that says nothing about the one
    # it has.
    return (
        "key"
        if unread is not None and (since is None or facts.mono - unread > since - 0.1)
        else "waiting"
    )
