"""What a make is to the page: its name, its picture, where it is heard, and what its form asks."""

from __future__ import annotations

from typing import Any, Final

from gateway.home.devices import Device, can_be_badge
from gateway.page.change import models
from gateway.page.visitor import Visitor
from gateway.words.driver import Behind, Inputs, Model, MqttTopics, SerialLine
from gateway.words.reading import Kind

PINS: Final = frozenset({"modbus", "gpio"})  # places whose signals are inputs
BEDS: Final = frozenset({"occupancy", "bed_empty"})  # a dry contact's functions that may be a bed's
OPENS: Final = "_opens"  # a dry contact's function that alarms when the contact opens ends with it
# presses of the first button that may mean something else; any other is the button's own
WAYS: Final = ("double", "long")
# What a device's picture shows, by the first of these that it senses.
LOOKS: Final = (
    ("radar", Kind.FALL),
    ("flame", Kind.SMOKE),
    ("flame", Kind.GAS),
    ("flame", Kind.CO),
    ("drop", Kind.MOISTURE),
    ("door", Kind.CONTACT_OPEN),
    ("motion", Kind.MOTION),
    ("motion", Kind.PRESENCE),
    ("thermo", Kind.TEMPERATURE),
    ("button", Kind.BUTTON),
)


def title(v: Visitor, model: Model) -> str:
    """Return the name of a make in the visitor's language."""
    return v.words.pair(*model.title)


def look(make: str) -> str:
    """Return the name of the picture of a make, by its name."""
    model = models().get(make)
    return next(
        (name for name, senses in LOOKS if model is not None and senses in model.senses), "sensors"
    )


def looks(model: Model) -> str:
    """Return the name of the picture of a make where devices are set up: receivers have one."""
    return "sensors" if model.receiver else look(model.name)


def place(model: Model) -> str:
    """Return where such a device is heard: air, line, modbus, gpio, broker, behind."""
    match model.listens:
        case SerialLine():
            return "line"
        case Inputs(bus=bus):
            return bus
        case MqttTopics():
            return "broker"
        case Behind():
            return "behind"
    return "air"


def behind(host: Device) -> list[Model]:
    """Return the makes that are heard through a receiver."""
    return [
        m
        for m in models().values()
        if isinstance(m.listens, Behind) and host.model.name in m.listens.receivers
    ]


def is_contact(model: Model) -> bool:
    """Say whether it is a dry contact, which may be anything."""
    return any(f.endswith(OPENS) for f in model.functions)


def asks(model: Model | None, function: str = "") -> dict[str, Any]:
    """Return what is asked of a make's device; a dry contact is what its `function` says."""
    senses = model.senses if model else frozenset()
    if function:
        senses &= {"sos": {Kind.BUTTON}, "contact_open": {Kind.CONTACT_OPEN}}.get(
            function, {Kind.OCCUPANCY} if function in BEDS else set()
        )
    pressed = Kind.BUTTON in senses and model is not None and model.presses != "nothing"
    return {
        "button": pressed,
        "buttons": model.buttons if pressed and model is not None else 0,
        "door": Kind.CONTACT_OPEN in senses,
        "bed": Kind.OCCUPANCY in senses,
        "presses": model.presses if model else "sos",
        "badge": model is not None and can_be_badge(model),
    }


def asks_of(device: Device) -> dict[str, Any]:
    """Return the same of an enrolled device: of a badge nothing is asked."""
    return asks(device.model if device.badge is None else None)
