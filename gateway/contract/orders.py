"""What each order holds beside its head and its time: one Struct for each. Pure.

A field without a default is needed. The page makes an order of these; on the wire all have one
form, `wire.InstructionMessage`, whose schema for each order is made of them (see `portable`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from gateway.contract.wire import (
    ChangeMessage,
    InstructionMessage,
    Lasts,
    Responder,
    Secrets,
    SerialPort,
    Settings,
)
from gateway.words.bounds import Count, Id, Name, Number
from gateway.words.instruction import Do


class Order(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do"):
    """What is to be done."""


class _OnAlarm(Order, frozen=True):
    alarm: Name


class Acknowledge(_OnAlarm, frozen=True, tag="acknowledge"):
    """Somebody deals with it."""


class Dispatch(_OnAlarm, frozen=True, tag="dispatch"):
    """Somebody is sent, expected there in so many seconds."""

    responder: Responder
    seconds: Lasts = 0.0


class Decline(_OnAlarm, frozen=True, tag="decline"):
    """Who was asked cannot come."""

    responder: Responder = ""


class Recall(_OnAlarm, frozen=True, tag="recall"):
    """Whoever is on the way need not come."""


class Arrive(_OnAlarm, frozen=True, tag="arrive"):
    """Somebody is there."""

    responder: Responder = ""


class Close(_OnAlarm, frozen=True, tag="close"):
    """It is over, with this outcome."""

    outcome: Name


class Silence(_OnAlarm, frozen=True, tag="silence"):
    """The noise ends, nothing else."""


class Shelve(Order, frozen=True, tag="shelve"):
    """A device is not judged for so long."""

    device: Name
    seconds: Lasts


class Test(Order, frozen=True, tag="test"):
    """A test alarm, of one device or of none."""

    device: Name = ""


class Away(Order, frozen=True, tag="away"):
    """The resident is out for so long."""

    seconds: Lasts


class Resend(Order, frozen=True, tag="resend"):
    """Entries of a journal once more."""

    journal: Id
    first: Number = msgspec.field(name="from")
    last: Number = msgspec.field(name="to")


class Confirm(Order, frozen=True, tag="confirm"):
    """A technician has looked at a device."""

    device: Name


class Configure(Order, frozen=True, tag="configure"):
    """One change; `seconds`: how long a first press of a new device is a test."""

    change: ChangeMessage
    seconds: Lasts = 0.0
    revision: Count = 0
    secrets: Secrets = ""


class Walk(Order, frozen=True, tag="walk"):
    """A test of one device, or of a step for the whole home."""

    seconds: Lasts
    device: Name = ""
    step: Name = ""


class Window(Order, frozen=True, tag="window"):
    """The radio tells of strangers for so long."""

    seconds: Lasts


class Commissioned(Order, frozen=True, tag="commissioned"):
    """A technician signs."""

    revision: Count
    secrets: Secrets


class Backup(Order, frozen=True, tag="backup"):
    """The home is sealed into one file."""

    secrets: Secrets


class TakeOver(Order, frozen=True, tag="take_over"):
    """The box becomes another home's gateway."""

    secrets: Secrets


class AskPort(Order, frozen=True, tag="ask_port"):
    """Which wired device is plugged in."""

    port: SerialPort


class Adjust(Order, frozen=True, tag="adjust"):
    """A radar is set and read back; without settings all are read."""

    device: Name
    settings: Settings = {}


class PlatformTest(Order, frozen=True, tag="platform_test"):
    """The whole way to the platform, with the settings in `change` or those in force."""

    change: ChangeMessage | None = None
    secrets: Secrets = ""


class SoundTest(Order, frozen=True, tag="sound_test"):
    """The home is heard as loud as an alarm; `step`: one phrase of its voice, by its name."""

    step: Name = ""


class CallTest(Order, frozen=True, tag="call_test"):
    """A rung's program is asked whether it could reach anybody; `step` is its number, from 1."""

    step: Name
    revision: Count = 0


def do_of(order: type[Order] | Order) -> Do:
    """Return which instruction an order is."""
    return Do(str(order.__struct_config__.tag))


ORDERS: Final[Mapping[Do, type[Order]]] = {
    do_of(order): order
    for order in (
        Acknowledge,
        Dispatch,
        Decline,
        Recall,
        Arrive,
        Close,
        Silence,
        Shelve,
        Test,
        Away,
        Resend,
        Confirm,
        Configure,
        Walk,
        Window,
        Commissioned,
        Backup,
        TakeOver,
        AskPort,
        Adjust,
        PlatformTest,
        SoundTest,
        CallTest,
    )
}


def message(order: Order, *, gateway: str, by: str, **head: Any) -> InstructionMessage:
    """Return an order as it is sent. `head` has its `id`, and what any order may have."""
    fields = {name: getattr(order, name) for name in order.__struct_fields__}
    return InstructionMessage(v=1, gateway=gateway, do=do_of(order), by=by, **fields, **head)
