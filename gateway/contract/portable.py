"""Schemas fit for other people's generators and for words that come later. Pure.

What the gateway says may use new words within version 1, so a reader is given the known ones as
`examples` and takes any. What it is told is closed, and has one form for each order, so that
everybody sees what that order needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from gateway.contract import orders
from gateway.judge.alarm import Outcome
from gateway.judge.walk_record import DRILL, Plug
from gateway.words.instruction import LOCAL_ONLY, Do

Schema = dict[str, Any]
COMMON: Final = ("v", "gateway", "id", "do", "by")  # in every order
ALWAYS: Final = ("reason", "issued", "expires", "boot")  # may be in every order


class Order(NamedTuple):
    """What an order needs beside `COMMON`, and what may be with it beside `ALWAYS`."""

    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()


def _held(order: type[Struct]) -> Order:
    fields = msgspec.structs.fields(order)
    return Order(
        tuple(f.encode_name for f in fields if f.required),
        tuple(f.encode_name for f in fields if not f.required),
    )


ORDERS: Final[Mapping[Do, Order]] = {do: _held(order) for do, order in orders.ORDERS.items()}
CHOICES: Final[Mapping[tuple[Do, str], Iterable[str]]] = {
    (Do.CLOSE, "outcome"): Outcome,
    (Do.WALK, "step"): (*Plug, DRILL),
}


def changed(part: Any, change: Callable[[Schema], Schema]) -> Any:
    """Return a part of a schema with every object in it changed, the inner ones first."""
    if isinstance(part, list | tuple):
        return [changed(one, change) for one in part]
    if not isinstance(part, dict):
        return part
    return change({key: changed(value, change) for key, value in part.items()})


def plain(part: Schema) -> Schema:
    """Return an object of a schema in words that every generator knows.

    It has no defaults of lists and objects, no tuples, and `const` for one value.
    """
    out = dict(part)
    if isinstance(out.get("default"), list | dict):
        del out["default"]
    if "prefixItems" in out:
        first, *others = out.pop("prefixItems")
        if any(one != first for one in others):
            raise ValueError(f"a tuple of different things has no plain form: {part}")
        out["items"] = first
    # in older drafts a reference is alone, and generators make a class anew where it is not
    if "$ref" in out and len(out) > 1:
        out["allOf"] = [{"$ref": out.pop("$ref")}]
    if isinstance(out.get("enum"), list) and len(out["enum"]) == 1:
        (out["const"],) = out.pop("enum")
        out["type"] = "integer" if isinstance(out["const"], int) else "string"
    return out


def opened(schema: Schema) -> Schema:
    """Return a schema of what the gateway says, whose open enumerations take any word."""
    parts = schema.get("$defs", {})
    closed = {f"#/$defs/{name}": part for name, part in parts.items() if "enum" in part}

    def open_(part: Schema) -> Schema:
        known: Schema = closed.get(part.get("$ref", ""), part)
        # one value is a mark, not a word
        if known is part and len(part.get("enum", ())) < 2:
            return part
        words = dict.fromkeys(one["description"] for one in (part, known) if "description" in one)
        kept = {k: v for k, v in part.items() if k not in {"$ref", "enum", "description"}}
        return kept | _any(known["enum"], " ".join(words))

    out: Schema = changed({key: value for key, value in schema.items() if key != "$defs"}, open_)
    kept = {
        name: changed(part, open_)
        for name, part in parts.items()
        if f"#/$defs/{name}" not in closed
    }
    return out | {"$defs": kept} if kept else out


def _any(known: list[Any], words: str) -> Schema:
    numbers = all(isinstance(one, int) for one in known)
    form: Schema = {"type": "integer", "minimum": min(known)} if numbers else {"type": "string"}
    return {"description": f"{words} More may come. 可能增加"} | form | {"examples": known}


def ordered(schema: Schema, said: Mapping[Do, str]) -> Schema:
    """Return the schema of an instruction, one form for each order; `said` has their words."""
    fields, parts = schema["properties"], dict(schema["$defs"])
    del parts["Do"]
    head = {
        key: value
        for key, value in schema.items()
        if key not in {"properties", "required", "$defs", "type", "additionalProperties"}
    }
    forms = {f"{do.title().replace('_', '')}Instruction": _form(do, fields, said[do]) for do in Do}
    forms = {name: {"title": name} | form for name, form in forms.items()}
    return head | {"oneOf": [{"$ref": f"#/$defs/{name}"} for name in forms], "$defs": forms | parts}


def _form(do: Do, fields: Mapping[str, Schema], said: str) -> Schema:
    order = ORDERS[do]
    needs = COMMON + order.needs
    properties: Schema = {}
    for name in fields:
        if name in needs or name in order.may + ALWAYS:
            properties[name] = _field(do, name, fields[name], needed=name in needs)
    where = (
        " Only in the home: from the platform it is refused as `local_only`. 仅限家中"
        if do in LOCAL_ONLY
        else ""
    )
    return {
        "description": said + where,
        "type": "object",
        "properties": properties,
        "required": list(needs),
        "additionalProperties": False,
    }


def _field(do: Do, name: str, field: Schema, *, needed: bool) -> Schema:
    if name == "do":
        return {"description": field["description"], "type": "string", "const": str(do)}
    out = {key: value for key, value in field.items() if not (key == "default" and needed)}
    if needed and "anyOf" in out:
        (one,) = [part for part in out.pop("anyOf") if part != {"type": "null"}]
        out |= one
    if needed and out.get("type") == "string":
        out["minLength"] = 1
    if (do, name) in CHOICES:
        out = {
            "description": field["description"],
            "type": "string",
            "enum": sorted(map(str, CHOICES[do, name])),
        }
    return out
