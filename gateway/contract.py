"""Writes the platform's contract as files: one JSON Schema per message, from the types in `wire`."""

from __future__ import annotations

import json
from pathlib import Path

from gateway import wire


def files() -> dict[str, str]:
    """Return {file name: its text} of all schemas."""
    return {
        f"{name}.schema.json": json.dumps(schema, ensure_ascii=False, indent=2) + "\n" for name, schema in sorted(wire.schemas().items())
    }


def write(folder: Path) -> list[Path]:
    """Write the schemas into `folder`, which is made if need be, and return their paths. Raises OSError where that cannot be done."""
    folder.mkdir(parents=True, exist_ok=True)
    out = []
    for name, text in files().items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        out.append(path)
    return out
