"""The whole contract as one AsyncAPI document: prose, every schema, every example. Pure.

The prose is asyncapi.yaml. Generators want one file without references to others. Each type is once
in `components/schemas`, under the name that its class gets.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gateway.contract.portable import changed

Json = dict[str, Any]
HERE = "#/components/schemas/"


class Twice(Exception):
    """Two types of one name that are not the same: one of them needs another name."""


def bundled(api: Json, schemas: Mapping[str, Json], examples: Mapping[str, Json]) -> Json:
    """Return the document; `schemas` are by message name, `examples` by file name.

    Raises Twice, and KeyError where a message has no schema or example.
    """
    types: dict[str, Json] = {}
    for schema in schemas.values():
        whole = {
            key: value for key, value in schema.items() if key not in {"$schema", "$id", "$defs"}
        }
        for name, part in {schema["title"]: whole, **schema.get("$defs", {})}.items():
            moved = changed(part, _moved)
            if types.setdefault(name, moved) != moved:
                raise Twice(name)
    out: Json = json.loads(json.dumps(api))
    for name, message in out["components"]["messages"].items():
        message["payload"] = {"$ref": HERE + schemas[name]["title"]}
        for example in message["examples"]:
            example["payload"] = examples[example["payload"]["$ref"].rpartition("/")[2]]
    out["components"]["schemas"] = dict(sorted(types.items()))
    return out


def _moved(part: Json) -> Json:
    """Return an object of a schema whose reference leads into the document."""
    return part | {"$ref": part["$ref"].replace("#/$defs/", HERE)} if "$ref" in part else part
