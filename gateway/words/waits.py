"""The form of every waiting time that no household changes: name, default, bounds and its ground.

Each room has its own table in a file `waits.py`, one instance called `WAITS`; that of the words is
below. What a household may change stands in `times.py`. All are seconds of monotonic time. A module
reads `WAITS.name` where it waits, never at import: tests and proofs change the table.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import NamedTuple


class Wait(NamedTuple):
    """One line of a table. `why` names the ground: a document, a measurement, or "ours" and why."""

    name: str
    default: float
    low: float
    high: float
    why: str


def wait(default: float, low: float, high: float, why: str) -> float:
    """Return the field of one waiting time; `low` and `high` bound what makes sense in a home."""
    value: float = field(default=default, metadata={"low": low, "high": high, "why": why})
    return value


@dataclass(slots=True, kw_only=True)
class Waits:
    """The table of one room. Constants at run time; only tests and proofs assign."""

    def lines(self) -> list[Wait]:
        """Return the table with its defaults, in the order of the file."""
        fresh = type(self)()
        return [Wait(f.name, getattr(fresh, f.name), **f.metadata) for f in fields(self)]


@dataclass(slots=True, kw_only=True)
class _Words(Waits):
    """How far a time server is believed."""

    clock_step: float = wait(
        1.0, 0.1, 10.0, "ours: a wall clock this far ahead of what is proved is the same time"
    )
    clock_leap: float = wait(
        31 * 86400.0, 86400.0, 366 * 86400.0, "ours: a box may stand in a cupboard for a month"
    )
    clock_agreed: float = wait(
        86400.0, 3600.0, 7 * 86400.0, "ours: a leap is believed after a day of agreement"
    )
    clock_look: float = wait(1.0, 0.1, 10.0, "ours: between two looks at the kernel's state")


WAITS = _Words()
