"""What nothing is judged by: a number or a state under a label, which has the unit in its name.

gateway/words/consent.py lists the labels.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.words.driver import Report
from gateway.words.reading import Kind, Value


def measure(label: str, value: float, extra: Mapping[str, Value] | None = None) -> Report:
    """Return the report of a number."""
    return Report(Kind.OTHER_MEASURE, value, 1, label, extra=extra)


def state(label: str, value: Value, extra: Mapping[str, Value] | None = None) -> Report:
    """Return the report of a state."""
    return Report(Kind.OTHER_STATE, value, 1, label, extra=extra)


def unproven(name: str, on: bool) -> Report:
    """Return the report of a state that no capture of a real device has proved."""
    return state(f"{name}_unproven", on, {"name": name})


def named(what: Kind | str, other: Kind) -> tuple[Kind, str]:
    """Return kind and label of what a table calls by its kind, or by a label of kind `other`."""
    return (what, "") if isinstance(what, Kind) else (other, what)
