"""The form of every waiting time that no household changes: name, default, bounds and its ground.

Each room has its own table in a file `waits.py`, one instance called `WAITS`; that of the words is
below. What a household may change stands in `times.py`. All are seconds of monotonic time. A module
reads `WAITS.name` where it waits, never at import: tests and proofs change the table.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple, cast


class Wait(NamedTuple):
    """One line of a table. `why` names the ground: a document, a measurement, or "ours" and why."""

    name: str
    default: float
    low: float
    high: float
    why: str


def wait(default: float, low: float, high: float, why: str) -> float:
    """Return the line of one waiting time; `low` and `high` bound what makes sense in a home."""
    line: object = Wait("", default, low, high, why)
    return cast(float, line)  # `Waits` names it and puts its number there


class Waits:
    """The table of one room. Constants at run time; only tests and proofs assign.

    No dataclass: all tables would take eight times as long at each start of the gateway.
    """

    _lines: ClassVar[tuple[Wait, ...]] = ()

    def __init_subclass__(cls) -> None:
        lines = [(name, line) for name, line in vars(cls).items() if isinstance(line, Wait)]
        cls._lines = tuple(line._replace(name=name) for name, line in lines)
        for line in cls._lines:
            setattr(cls, line.name, line.default)

    def __setattr__(self, name: str, seconds: float) -> None:
        if all(line.name != name for line in self._lines):
            raise AttributeError(f"there is no waiting time {name!r} in this table")
        super().__setattr__(name, seconds)

    def lines(self) -> list[Wait]:
        """Return the table with its defaults, in the order of the file."""
        return list(self._lines)


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
