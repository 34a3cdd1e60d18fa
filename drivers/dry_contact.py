"""A dry contact on an input module or on the board's pins: detectors' relays, cords, pads, doors.

    telegram: source = the input's number, data 01 = contact closed, 00 = open

What the contact reports is chosen when it is enrolled, {function: input}. `smoke` alarms when it
closes, `smoke_opens` when it opens: take the latter for detectors whose relay falls off in alarm,
since a cut wire then alarms as well. Polarity is decided here only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from drivers._refusals import TOO_SHORT, UNKNOWN_VALUE
from gateway.words.driver import (
    NOT_MINE,
    Behind,
    Enrol,
    Heard,
    Model,
    Packet,
    Report,
    Standing,
    Telegram,
)
from gateway.words.reading import Kind

_STATES = {
    "smoke": Kind.SMOKE,
    "gas": Kind.GAS,
    "co": Kind.CO,
    "moisture": Kind.MOISTURE,
    "fall": Kind.FALL,
    "occupancy": Kind.OCCUPANCY,
    "motion": Kind.MOTION,
    "contact_open": Kind.CONTACT_OPEN,
    "tamper": Kind.TAMPER,
    "problem": Kind.PROBLEM,
}
_OPENS = "_opens"
FUNCTIONS = tuple(f"{name}{how}" for name in ("sos", "bed_empty", *_STATES) for how in ("", _OPENS))


class DryContact:
    """One contact, or several of one device. `memory` knows each call: a restart is no new one."""

    def __init__(self, codes: Mapping[str, str], memory: Mapping[str, int | str]) -> None:
        self.memory: dict[str, int | str] = dict(memory)
        self._functions = {source: name for name, source in codes.items() if name in FUNCTIONS}

    def feed(self, packet: Packet) -> Iterable[Heard]:
        """Say what the contact means."""
        if not isinstance(packet, Telegram) or packet.source not in self._functions:
            return (NOT_MINE,)
        if packet.data not in (b"\x00", b"\x01"):
            return (UNKNOWN_VALUE if packet.data else TOO_SHORT,)
        function = self._functions[packet.source]
        on = (packet.data == b"\x01") is not function.endswith(_OPENS)
        name = function.removesuffix(_OPENS)
        if name == "bed_empty":
            return (Report(Kind.OCCUPANCY, not on),)
        if name in _STATES:
            return (Report(_STATES[name], on),)
        if on == bool(self.memory.get(function, 0)):
            alive = Report(Kind.HEARTBEAT, True)
            return (alive, Standing("repeated", Report(Kind.BUTTON, "press"))) if on else (alive,)
        self.memory = {**self.memory, function: int(on)}
        return (Report(Kind.BUTTON, "press" if on else "release"),)


MODEL = Model(
    name="dry-contact",
    title=("干接点(烟感、燃气、拉绳、床垫等)", "dry contact (smoke, gas, cord, bed pad, ...)"),
    listens=Behind(receivers=("modbus-inputs", "gpio-inputs")),
    senses=frozenset({*_STATES.values(), Kind.BUTTON}),
    # each input is told once a minute: a dead module is noticed, a cut wire is not (but by
    # `..._opens`)
    missing_after=180.0,
    new=lambda _address, _key, memory: DryContact({}, memory),
    learned=DryContact,
    enrol=Enrol.LEARN,
    functions=FUNCTIONS,
    wired=True,
    device_notes=(
        "只接无源触点,不接市电。烟感、燃气最好用报警时断开的触点 (smoke_opens):线断了也会报警。",
        (
            "Potential-free contacts only, never mains. "
            "For smoke and gas better take a contact that opens in alarm (smoke_opens): "
            "then a cut wire alarms as well."
        ),
    ),
)
