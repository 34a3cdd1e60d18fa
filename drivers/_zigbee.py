"""What Zigbee sensors say through zigbee2mqtt: JSON keys and their meaning.

    {"contact": true}         closed! true = the magnet is there
    {"occupancy": true}       motion or somebody there      {"water_leak": true}  {"smoke": true}  {"gas": true}  {"carbon_monoxide": true}
    {"action": "emergency"}   a press: "emergency", "single", "1_double", "hold", "release" ...
    {"battery": 91, "battery_low": false, "tamper": false}
    {"fall_down_status": "none" | "maybe_fall" | "fall", "static_dwell_alarm": "..."}      radars with "tumble" detection

Document: zigbee2mqtt, exposes and the converters of the devices named in the drivers. A message holds the whole last known state, so
that states come again and again; an action comes once, and an empty one follows it.
"""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import TYPE_CHECKING, Any

from gateway.driver import NOT_MINE, Behind, Heard, Model, Packet, Refusal, Report, Telegram
from gateway.reading import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BEHIND = Behind(receivers=("zigbee2mqtt",))
MISSING_AFTER = 3 * 3600.0  # seconds: most check in every 30 to 60 minutes; who checks in less often is given more by the household
NOTES = (
    "先在 zigbee2mqtt 里配对并起名,名字就是地址;",
    "Pair it in zigbee2mqtt and name it there: that name is its address.",
)

_STATES = {
    "presence": Kind.PRESENCE,
    "motion": Kind.MOTION,
    "water_leak": Kind.MOISTURE,
    "smoke": Kind.SMOKE,
    "gas": Kind.GAS,
    "carbon_monoxide": Kind.CO,
    "vibration": Kind.VIBRATION,
    "tamper": Kind.TAMPER,
    "battery_low": Kind.BATTERY_LOW,
    "fall": Kind.FALL,
    "tumble": Kind.FALL,
    "fall_alarm": Kind.FALL,
}
_MEASURES = {
    "battery": (Kind.BATTERY, 0, 100),
    "temperature": (Kind.TEMPERATURE, -60, 100),
    "humidity": (Kind.HUMIDITY, 0, 100),
    "illuminance": (Kind.ILLUMINANCE, 0, 200_000),
}
_PRESSES = {
    "emergency": "press",
    "panic": "press",
    "sos": "press",
    "single": "press",
    "press": "press",
    "click": "press",
    "on": "press",
    "double": "double_press",
    "triple": "triple_press",
    "long": "long_press",
    "hold": "hold_press",
    "long_release": "hold_release",
    "hold_release": "hold_release",
    "release": "release",
}
# Key pads and fobs arm and disarm alarm systems: no call for help.
_ARMS = re.compile(r"(dis)?arm(_.*)?|exit_delay|entry_delay|invalid_code")
_WHICH = re.compile(r"(?:button_)?([1-9])_(\w+)|(\w+)_([1-9])")
_WORD = re.compile(r"[\w .-]{1,40}")
_TOO_SHORT = Refusal("too_short")
_NOT_JSON = Refusal("bad_json")
_OFFLINE = Refusal("offline")
_ALIVE = Report(Kind.HEARTBEAT, True)


def action(text: str) -> Report | None:
    """Return what an action is: a button's event, a command of a key pad, None where it is no word."""
    if not _WORD.fullmatch(text):
        return None
    if _ARMS.fullmatch(text):
        return Report(Kind.COMMAND, text)
    if text in _PRESSES:
        return Report(Kind.BUTTON, _PRESSES[text])
    found = _WHICH.fullmatch(text)
    if found is None:
        return Report(Kind.BUTTON, text)
    index, word = (found[1], found[2]) if found[1] else (found[4], found[3])
    return Report(Kind.BUTTON, _PRESSES.get(word, word), int(index), extra={"of": 2})


def reports_of(value: Mapping[str, Any], occupancy: Kind) -> list[Report]:
    """Return what one message says; `occupancy` is what this make means by that word."""
    out: list[Report] = []
    if isinstance(value.get("contact"), bool):
        out.append(Report(Kind.CONTACT_OPEN, not value["contact"]))
    if isinstance(value.get("occupancy"), bool):
        out.append(Report(occupancy, value["occupancy"]))
    out += [Report(kind, value[key]) for key, kind in _STATES.items() if isinstance(value.get(key), bool)]
    fallen = value.get("fall_down_status")
    if fallen in ("fall", "none"):
        out.append(Report(Kind.FALL, fallen == "fall"))
    elif fallen == "maybe_fall":  # the radar looks for some minutes more; it says "fall" when nobody has risen
        out.append(Report(Kind.OTHER_STATE, fallen, 1, "fall_down_status"))
    still = value.get("static_dwell_alarm")
    if isinstance(still, bool) or still in ("ON", "OFF", "alarm", "none"):
        out.append(Report(Kind.STAY_STILL, still is True or still in ("ON", "alarm")))
    for key, (kind, low, high) in _MEASURES.items():
        number = value.get(key)
        if isinstance(number, int | float) and not isinstance(number, bool) and isfinite(number) and low <= number <= high:
            out.append(Report(kind, number))
    for key in ("action", "click"):
        text = value.get(key)
        if isinstance(text, str) and text and (report := action(text.lower())):
            out.append(report)
    return out


class Sensor:
    """One device behind zigbee2mqtt. In some makes "sos" is a state: it is a press when it begins."""

    def __init__(self, occupancy: Kind, memory: Mapping[str, int | str]) -> None:
        self.memory: dict[str, int | str] = dict(memory)
        self._occupancy = occupancy

    def poll(self) -> bytes:
        """Return nothing: it cannot be asked."""
        return b""

    def feed(self, packet: Packet) -> Iterable[Heard]:
        """Decode one message."""
        if not isinstance(packet, Telegram):
            return (NOT_MINE,)
        if not packet.data:
            return (_TOO_SHORT,)
        try:
            value = json.loads(packet.data)
        except (ValueError, RecursionError):
            return (_NOT_JSON,)
        if not isinstance(value, dict):
            return (_NOT_JSON,)
        if value.get("availability") == "offline":
            return (_OFFLINE,)
        out = reports_of(value, self._occupancy)
        for key in ("sos", "emergency"):
            rings = value.get(key)
            if isinstance(rings, bool) and rings != bool(self.memory.get(key, 0)):
                self.memory = {**self.memory, key: int(rings)}
                if rings and not packet.retained:
                    out.append(Report(Kind.BUTTON, "press"))
        return out or (_ALIVE,)


def zigbee(
    name: str,
    title: tuple[str, str],
    senses: frozenset[Kind],
    notes: tuple[str, str],
    *,
    missing_after: float | None = MISSING_AFTER,
    occupancy: Kind = Kind.MOTION,
    buttons: int = 1,
) -> Model:
    """Return the model of one sort of Zigbee sensor."""
    return Model(
        name=name,
        title=title,
        listens=BEHIND,
        senses=senses | {Kind.BATTERY, Kind.BATTERY_LOW, Kind.TAMPER},  # bits that every sensor of the standard may set
        missing_after=missing_after,
        rarely=True,
        new=lambda _address, _key, memory: Sensor(occupancy, memory),
        buttons=buttons,
        device_notes=(NOTES[0] + notes[0], f"{NOTES[1]} {notes[1]}"),
    )
