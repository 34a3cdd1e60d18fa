"""What platform or technician tells the gateway, and what came of it. Both doors (broker, local file) deliver this same thing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Do(StrEnum):
    """The instructions there are."""

    ACKNOWLEDGE = "acknowledge"
    DISPATCH = "dispatch"
    DECLINE = "decline"
    ARRIVE = "arrive"
    CLOSE = "close"
    SILENCE = "silence"
    SHELVE = "shelve"
    TEST = "test"
    AWAY = "away"
    CONFIRM = "confirm"  # a technician has looked at a device: its latched faults end, its counters start anew


class Door(StrEnum):
    """Where an instruction came in."""

    PLATFORM = "platform"
    LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction. `id` is given by the sender and makes it take effect once; `by` is the name of a person (or of the desk)."""

    id: str
    do: Do
    by: str
    door: Door = Door.PLATFORM
    alarm: str = ""
    device: str = ""
    reason: str = ""
    outcome: str = ""
    responder: str = ""
    seconds: float = 0.0  # dispatch: until expected there; shelve, away: for how long (0 ends it)
    expires: str = ""  # RFC 3339; later than this it is refused


class Refused(StrEnum):
    """Why an instruction was refused."""

    NONE = ""
    UNKNOWN_ALARM = "unknown_alarm"
    UNKNOWN_DEVICE = "unknown_device"
    NOT_ALLOWED = "not_allowed"
    MISSING = "missing_field"
    TOO_LONG = "too_long"
    PLATFORM_ONLY = "platform_only"
    EXPIRED = "expired"
    BAD_MESSAGE = "bad_message"


@dataclass(frozen=True, slots=True)
class ResultFact:
    """What came of an instruction: accepted, or refused with the reason as a fixed word and in both languages."""

    instruction: Instruction
    refused: Refused
    zh: str = ""
    en: str = ""
    alarm: str = ""
    state: str = ""


Json = dict[str, Any]
