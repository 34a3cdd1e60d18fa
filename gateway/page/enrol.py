"""The form of a device: a new one, a replacement, or another wish for one that is enrolled.

It asks what its make needs, and no more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from gateway.contract.orders import Window
from gateway.home import household
from gateway.home.config import Config
from gateway.home.devices import Device, longest_silence
from gateway.home.parts import DevicePart
from gateway.home.waits import WAITS as HOME
from gateway.judge.waits import WAITS as JUDGING
from gateway.judge.watch import ROLES
from gateway.page import device_form, found, makes
from gateway.page.acts import whole
from gateway.page.change import Answer, Form, configure, current, drawn, left, models
from gateway.page.device_form import BY_RULE, INPUTS, LEFT_OPEN
from gateway.page.home import suggested
from gateway.page.manual import hung
from gateway.page.visitor import Fields, Stop, Technician, Visitor, checked
from gateway.words.driver import BleAdvert, Enrol, GattService, Model
from gateway.words.instruction import What

router = APIRouter()
# h after which a device may count as missing, as far as its make and use allow
SILENT: Final = (1, 2, 4, 12, 25)
TOPIC: Final = "zigbee2mqtt"
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


# -- a new one, or other hardware ------------------------------------------------------------------


@router.get("/sensors/new")
def new(v: Technician) -> Response:
    """Show the form of a device that was found, or whose address is typed."""
    return _new(v, dict(v.request.query_params))


def _offered(config: Config, said: Mapping[str, str], old: Device | None) -> list[Model]:
    """Return the makes that what was found may be."""
    host = next(
        (d for d in config.devices if d.id == (said.get("via") or (old.via if old else ""))), None
    )
    if host is not None:
        return makes.behind(host)
    if said.get("port") or (old is not None and makes.place(old.model) in {"line", "modbus"}):
        return [m for m in models().values() if makes.place(m) in {"line", "modbus"}]
    if old is not None and makes.place(old.model) in {"gpio", "broker"}:
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
        if makes.place(model) not in {"gpio", "broker"} or old is not None:
            raise Stop(404) if old is None else Stop(409)
        offered = [model]
    offered.sort(key=lambda m: (m.general, makes.title(v, m)))
    rooms = (
        suggested(v, household.shown(config)["rooms"])
        if config.household.rooms is None
        else list(config.household.rooms)
    )
    heard = found.air(v)
    one = next((n for n in heard.heard if n.address == said.get("address")), None)
    values = {
        "old": old,
        "model": model,
        "title": makes.title(v, model) if model else "",
        "look": makes.looks(model) if model else "",
        "hung": hung(model) if model else "",
        "offered": [(m.name, makes.title(v, m), makes.looks(m)) for m in offered],
        "place": makes.place(model) if model else "",
        "at": {n: said.get(n, "")[:200] for n in ("address", "port", "via", "signal")},
        "by_hand": not said.get("address"),
        "rooms": rooms,
        "roles": ROLES,
        "ways": makes.WAYS,
        "key": "must"
        if one is not None and one.needs_key
        else "may"
        if model is not None and model.key_bytes
        else "",
        "left_open": LEFT_OPEN,
        "by_rule": _by_rule(config),
        "asks": makes.asks(model),
        "ladder": _people(config),
        "notes": v.words.pair(*model.device_notes) if model else "",
        "revision": config.household.revision,
        "inputs": INPUTS,
        "topic": TOPIC,
        "suggested": _name(config, model, said.get("address", "") or said.get("signal", "")),
        "ids": [d.id for d in config.devices],
        "teach": _teach(v, model, said, heard)
        if model is not None and model.enrol is Enrol.LEARN
        else None,
    }
    return drawn(v, "new.html", status, form, **values)


def _teach(v: Visitor, model: Model, said: Mapping[str, str], heard: found.Air) -> dict[str, Any]:
    """Return what a form that teaches needs: functions with their signals, and what was heard."""
    place = {
        "via": said.get("via", ""),
        "address": "" if said.get("via") else said.get("address", ""),
        "replace": said.get("replace", ""),
    }
    options = [(s.signal, found.label(v, s, heard)) for s in heard.teachable(**place)]
    tapped = said.get("signal", "") or (options[0][0] if options else "")
    contact = model.functions if makes.is_contact(model) else ()
    functions = () if contact else model.functions
    chosen = {f: said.get(f"code-{f}", tapped if n == 0 else "") for n, f in enumerate(functions)}
    known = dict.fromkeys([tapped, *(w for n, w in said.items() if n.startswith("code-"))])
    options += [(w, found.short(w)) for w in known if w and w not in {o for o, _ in options}]
    return {
        "contact": [f for f in contact if not f.endswith(makes.OPENS)],
        "functions": chosen,
        "options": options,
        "tapped": tapped,
        "open": heard.open,
        "from": urlencode(place),
    }


def _by_rule(config: Config) -> str:
    return f"{config.times.door_left_open / 60:g}"


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
        return await run_in_threadpool(
            _new, v, device_form.typed(said), 200, Form("device", device_form.typed(said))
        )
    config = await run_in_threadpool(current, v)
    model = models().get(said.get("model", ""))
    wrong: dict[str, str] = {}
    name = said.get("id", "").strip().lower()
    value: dict[str, Any] = {"id": name, "model": said.get("model", "")[:60]}
    if not re.fullmatch("[a-z0-9][a-z0-9._-]{0,39}", name):
        wrong["id"] = v.words("wrong.id")
    elif any(d.id == name for d in config.devices):
        wrong["id"] = v.words("wrong.id_taken")
    value |= device_form.wanted(v, config, model, said, wrong) | device_form.where(
        v, model, said, wrong
    )
    given = device_form.given(v, model, said, wrong)
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
        return await run_in_threadpool(
            _new, v, device_form.typed(said), 200, Form("device", device_form.typed(said))
        )
    name = said.get("replace", "")[:40]
    model = models().get(said.get("model", ""))
    wrong: dict[str, str] = {}
    value: dict[str, Any] = {"id": name, "model": said.get("model", "")[:60]} | device_form.where(
        v, model, said, wrong
    )
    given = device_form.given(v, model, said, wrong)
    answer = (
        Answer(fields=wrong)
        if wrong
        else await configure(
            v, said, What.REPLACE_DEVICE, value, given, first_press=JUDGING.first_press
        )
    )
    return await _saved(v, said, name, answer)


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
    typed = device_form.typed(said)
    return await run_in_threadpool(
        _new, v, typed, 409 if answer.moved else 422, Form("device", typed, answer)
    )


# -- another wish for a device that is enrolled ----------------------------------------------------


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
    if d.model.enrol is Enrol.LEARN and not makes.is_contact(d.model) and d.badge is None:
        typed = form.typed if form else {}
        codes = {f"code-{f}": typed.get(f"code-{f}", d.codes.get(f, "")) for f in d.model.functions}
        teach = _teach(
            v, d.model, {"via": d.via, "address": d.at, "replace": d.id} | codes, found.air(v)
        )
    values = {
        "d": d,
        "title": makes.title(v, d.model),
        "look": makes.looks(d.model),
        "rooms": list(dict.fromkeys([*([d.room] if d.room else []), *rooms])),
        "roles": ROLES,
        "ways": makes.WAYS,
        "asks": makes.asks(d.model),
        "ladder": _people(config),
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
        "place": makes.place(d.model),
        "codes": [
            (v.words.named("fn", f.removesuffix(makes.OPENS)), found.short(s))
            for f, s in d.codes.items()
        ],
    }
    return drawn(v, "change.html", status, form or Form(), **values)


@router.post("/sensors/change")
async def changed(v: Technician, said: Fields) -> Response:
    """Change the wishes for an enrolled device. Make, place and counters stay."""
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
        if k not in {"label", "buttons", "left_open", "bed", "missing_after", "badge"}
    }
    value |= device_form.wanted(v, config, d.model, said, wrong)
    if value.get("badge"):
        value |= {"room": "", "codes": {}}
    else:
        value |= _sensor(v, d, part, said, wrong, value.get("buttons", {}))
    given = device_form.given(v, d.model, said, wrong)
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
    typed = device_form.typed(said)
    return await run_in_threadpool(
        _change, v, name, 409 if answer.moved else 422, Form("change", typed, answer)
    )


def _sensor(
    v: Visitor,
    d: Device,
    part: DevicePart,
    said: Mapping[str, str],
    wrong: dict[str, str],
    roles: Mapping[str, str],
) -> dict[str, Any]:
    """Return what else is wanted of a device that is no badge; `roles` of its buttons as typed."""
    value: dict[str, Any] = {}
    asked = {f"1-{way}" for way in makes.WAYS if f"press-{way}" in said}
    by_press = {n: role for n, role in part.buttons.items() if "-" in n and n not in asked}
    if by_press:
        value["buttons"] = {**by_press, **roles}
    if any(n.startswith("code-") for n in said):
        value["codes"] = device_form.codes(v, d.model, said, wrong)
    hours = whole(said.get("missing", "0"))
    if hours in SILENT:
        value["missing_after"] = hours * 3600.0
    return value


def _people(config: Config) -> list[str]:
    """Return who may carry a badge: whom the ladder names, each once."""
    return list(dict.fromkeys(r.responder for r in config.ladder if not r.sounds))


async def _listen(v: Visitor, said: dict[str, str], name: str) -> Response:
    """Open the hearing window, or look again what was heard; what was typed stays."""
    answer = Answer()
    if not (await run_in_threadpool(found.air, v)).open:
        answer = await left(v, Window(seconds=HOME.window), said)
        if answer.accepted:
            await found.opened(v)
    typed = {k: w for k, w in device_form.typed(said).items() if k != "listen"}
    return await run_in_threadpool(
        _change, v, name, 422 if answer.sentence else 200, Form("change", typed, answer)
    )
