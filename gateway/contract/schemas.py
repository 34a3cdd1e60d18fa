"""The platform's contract as files: one JSON Schema per message, with words for integrators.

They are made from the types in `wire` and the words in `fields`. What the gateway sends may get
more fields within version 1, so its schemas let a reader pass over fields he does not know. What it
is sent is held to exactly what is written here: a mistyped key in an instruction is refused, not
passed over.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.contract import asyncapi, portable, wire
from gateway.contract.fields import DO, FIELDS, TYPES, VALUES

_INWARD: Final = frozenset(wire.TO_GATEWAY)


def closed() -> dict[str, dict[str, Any]]:
    """Return {message name: JSON Schema 2020-12}, in which no field may stand that is not named."""
    out = {}
    for name, struct in wire.EVERY_MESSAGE.items():
        _, components = msgspec.json.schema_components([struct], ref_template="#/$defs/{name}")
        for kind, words in TYPES.items():
            if kind in components:
                components[kind]["description"] = words
        own = components.pop(struct.__name__)
        head = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"urn:eldercare:v{wire.VERSION}:{name}",
        }
        out[name] = head | ended(own | {"$defs": components})
    return out


def ended(schema: Any) -> Any:
    r"""Return a schema whose patterns end with `$`, where Python writes `\Z`."""
    return portable.changed(
        schema,
        lambda part: (
            part | {"pattern": part["pattern"].removesuffix(r"\Z") + "$"}
            if "pattern" in part
            else part
        ),
    )


def described() -> dict[str, dict[str, Any]]:
    """Return {message name: JSON Schema} with every field in words."""
    out = {}
    for name, schema in closed().items():
        kind = wire.EVERY_MESSAGE[name].__name__
        parts = {"properties": schema["properties"]}
        out[name] = (
            schema
            | {"$defs": {d: _part(d, part, name) for d, part in schema["$defs"].items()}}
            | _part(kind, parts, name)
        )
        if name not in _INWARD:
            out[name].pop("additionalProperties", None)
        if name == "instruction":
            out[name] = portable.ordered(out[name], DO)
        elif name not in _INWARD:
            out[name] = portable.opened(out[name])
        out[name] = portable.changed(out[name], portable.plain)
        out[name]["$id"] = out[name]["title"]  # what generators name a class by
        if not out[name].get("$defs"):
            out[name].pop("$defs", None)
    return out


def _part(kind: str, part: dict[str, Any], name: str) -> dict[str, Any]:
    """Return one type of the schema with its words."""
    out = dict(part)
    if kind in VALUES:
        out["description"] = f"{part.get('description', '')} {VALUES[kind]}".strip()
    if "properties" in part:
        out["properties"] = {
            field: {"description": words_of(kind, field), **what}
            for field, what in part["properties"].items()
        }
        if name not in _INWARD:
            out.pop("additionalProperties", None)
    return out


def words_of(kind: str, field: str) -> str:
    """Return what a field says. Raises KeyError where nobody has written it down."""
    return FIELDS.get(f"{kind}.{field}") or FIELDS[f".{field}"]


def over_http() -> dict[str, dict[str, Any]]:
    """Return {name: JSON Schema} of what HTTP has beside the messages: a poll, and each answer."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    out = {}
    for name, struct in wire.OVER_HTTP.items():
        _, components = msgspec.json.schema_components([struct], ref_template="#/$defs/{name}")
        kind = struct.__name__
        own = _part(kind, components[kind] | {"description": TYPES[kind]}, "")
        out[name] = head | {"$id": kind} | portable.changed(ended(own), portable.plain)
    answer, known = out["answer"], described()
    types: dict[str, Any] = {}
    for field, name in (("receipt",) * 2, ("platform",) * 2, ("instructions", "instruction")):
        whole = {key: part for key, part in known[name].items() if key not in {"$schema", "$id"}}
        types |= whole.pop("$defs", {}) | {whole["title"]: whole}
        there = {"$ref": f"#/$defs/{whole['title']}"}
        words = {"description": words_of("AnswerMessage", field)}
        many = {"type": "array", "maxItems": wire.ORDERS, "items": there}
        answer["properties"][field] = words | (many if field == "instructions" else there)
    out["answer"] = answer | {"additionalProperties": False, "$defs": dict(sorted(types.items()))}
    return out


def files() -> dict[str, str]:
    """Return {file name: its text} of all schemas."""
    whole = described() | over_http()
    return {f"{name}.schema.json": _text(schema) for name, schema in sorted(whole.items())}


def bundle(folder: Path) -> str:
    """Return the text of asyncapi.json, from asyncapi.yaml and examples/ in `folder`.

    Raises OSError, and ImportError without PyYAML.
    """
    import yaml  # noqa: PLC0415  of the development extra: a home has no use for it

    api = yaml.safe_load((folder / "asyncapi.yaml").read_text(encoding="utf-8"))
    examples = {
        path.name: json.loads(path.read_text(encoding="utf-8"))
        for path in (folder / "examples").glob("*.json")
    }
    return _text(asyncapi.bundled(api, described(), examples))


def others(folder: Path) -> list[str]:
    """Return what lies in a folder and is not of a contract. Raises OSError."""
    known = {"asyncapi.json", "asyncapi.yaml", "examples"}
    found = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    return [name for name in found if name not in known and not name.endswith(".schema.json")]


def write(folder: Path) -> list[Path]:
    """Write the schemas into `folder`, which is made if need be; return their paths.

    Where asyncapi.yaml lies in it, asyncapi.json is written, too. Raises OSError where that cannot
    be done, and ImportError where the document is wanted and PyYAML is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts = files()
    if (folder / "asyncapi.yaml").exists():
        texts["asyncapi.json"] = bundle(folder)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def _text(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, indent=2) + "\n"
