"""Other waiting times than the gateway's own, for a test or a proof."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from pathlib import Path

import gateway


def rooms() -> list[str]:
    """Return the rooms that have a table of waiting times."""
    return sorted(path.parent.name for path in Path(gateway.__file__).parent.glob("*/waits.py"))


def change(room: str, **waits: float) -> dict[str, float]:
    """Set waiting times of a room and return what they were. Raises AttributeError for one that there is not."""
    table = importlib.import_module(f"gateway.{room}.waits").WAITS
    before = {name: float(getattr(table, name)) for name in waits}
    for name, seconds in waits.items():
        setattr(table, name, seconds)
    return before


@contextlib.contextmanager
def changed(room: str, **waits: float) -> Iterator[None]:
    """Run with other waiting times of a room."""
    before = change(room, **waits)
    try:
        yield
    finally:
        change(room, **before)
