"""The form of a device as typed: wishes of the household, place, what is taught, key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.home.config import Config
from gateway.home.devices import can_be_badge
from gateway.home.handed import Handed
from gateway.judge.watch import ROLES
from gateway.page import address, makes
from gateway.page.acts import whole
from gateway.page.visitor import Visitor
from gateway.words.driver import Enrol, Model
from gateway.words.wide import visible

LEFT_OPEN: Final = (0, 5, 10, 20, 30)  # min
BY_RULE: Final = "rule"  # a door is watched for as long as the rules of the home say
INPUTS: Final = (4, 8, 16)


def wanted(
    v: Visitor, config: Config, model: Model | None, said: Mapping[str, str], wrong: dict[str, str]
) -> dict[str, Any]:
    """Return what the household wants of a device: room, roles of its buttons, limits."""
    if who := badge(model, said):
        return {"badge": who, "label": " ".join(said.get("label", "").split()) or who}
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
    asks = makes.asks(model, said.get("function", ""))
    roles = {
        str(n): said.get(f"role-{n}", said.get("role", "") if n == 1 else "")
        for n in range(1, asks["buttons"] + 1)
    }
    roles |= {f"1-{way}": said.get(f"press-{way}", "") for way in makes.WAYS if asks["button"]}
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


def badge(model: Model | None, said: Mapping[str, str]) -> str:
    """Return whose badge it is to be, "" where it is a sensor of the home."""
    who = visible(said.get("badge", ""))[:200]
    return who if model is not None and can_be_badge(model) else ""


def where(
    v: Visitor, model: Model | None, said: Mapping[str, str], wrong: dict[str, str]
) -> dict[str, Any]:
    """Return where a device is heard, as the configuration has it."""
    kind = makes.place(model) if model is not None else "line" if said.get("port") else "air"
    port = said.get("port", "").strip()[:200]
    if kind == "line":
        return {"port": port}
    if kind == "modbus":
        unit, count = whole(said.get("unit", "1")), whole(said.get("inputs", "8"))
        if not 1 <= unit <= 247:
            wrong["unit"] = v.words("wrong.unit")
        return {
            "port": f"{port.partition('?')[0]}?unit={unit}"
            f"&inputs={count if count in INPUTS else 8}&baud=9600"
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
    if model is not None and model.enrol is Enrol.LEARN and not badge(model, said):
        value["codes"] = codes(v, model, said, wrong)
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


def codes(
    v: Visitor, model: Model, said: Mapping[str, str], wrong: dict[str, str]
) -> dict[str, str]:
    """Return what is taught, {function: signal}."""
    if said.get("function") in model.functions and said.get("signal"):
        name = said["function"] + (makes.OPENS if said.get("opens") else "")
        return {name: said["signal"][:200]}
    codes = {f: said[f"code-{f}"][:200] for f in model.functions if said.get(f"code-{f}")}
    if not codes:
        wrong["codes"] = v.words("wrong.function" if makes.is_contact(model) else "wrong.codes")
    elif len(set(codes.values())) < len(codes):
        wrong["codes"] = v.words("wrong.codes_twice")
    return codes


def key_of(text: str, digits: int) -> tuple[str, int]:
    """Return (key, its digits) in what was typed, scanned or read from a file; "" without one.

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


def given(
    v: Visitor, model: Model | None, said: Mapping[str, str], wrong: dict[str, str]
) -> Handed | None:
    """Return what no instruction may hold: a device's key, or the password of another broker."""
    if model is not None and makes.place(model) == "broker":
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


def typed(said: Mapping[str, str]) -> dict[str, str]:
    """Return what was typed, for the form drawn again: a key is never sent back."""
    return {k: w for k, w in said.items() if k not in {"secret", "again"}}
