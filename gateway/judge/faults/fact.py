"""What is said of a fault: one frozen fact for each turn that it takes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from gateway.words.clock import Moment
from gateway.words.kind import FaultClass, Priority
from gateway.words.reading import Reading, Value


class Turn(StrEnum):
    """What happened to a fault."""

    RAISED = "raised"
    REPEATED = "repeated"
    CLEARED = "cleared"
    NOTED = "noted"  # told once, nothing to end


class FaultFact(Struct, frozen=True, kw_only=True):
    """One thing said about a fault.

    `detail` holds plain values; `since` is when the fault began.
    """

    kind: str
    turn: Turn
    priority: Priority
    since: Moment
    device: str = ""
    room: str = ""
    detail: Mapping[str, Value] = {}
    evidence: tuple[Reading, ...] = ()
    test: bool = False
    fault_class: FaultClass = FaultClass.NOW
