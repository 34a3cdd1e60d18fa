"""Writes the schemas of what daemon and page hand each other: `.venv/bin/python -m tests.write.local`.

What one encodes and the other decodes are msgspec Structs; orders and their answers are the platform's contract, in config/contract.
"""

import json
from pathlib import Path

import msgspec
from gateway.contract.schemas import ended
from gateway.home import inbox, values
from gateway.home.handed import Handed
from gateway.home.nearby import Nearby
from gateway.home.status import Status

FOLDER = Path(__file__).parents[2] / "config" / "local"
MESSAGES = {
    "status": Status,
    "nearby": Nearby,
    "datagram": inbox.Datagram,
    "handed": Handed,
} | {what.value: form.struct for what, form in values.FORMS.items()}


def schema(name):
    """Return the JSON Schema of one message."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | ended(msgspec.json.schema(MESSAGES[name]))


def texts():
    """Return {file name: its text}."""
    return {f"{name}.schema.json": json.dumps(schema(name), ensure_ascii=False, indent=2) + "\n" for name in MESSAGES}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, text in texts().items():
        (FOLDER / file).write_text(text, encoding="utf-8")
