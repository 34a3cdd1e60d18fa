"""What Zigbee sensors say through zigbee2mqtt: JSON keys and their meaning.

    {"contact": true, "smoke": false, "fall_status": "normal"}    what matters: _zigbee_words.py
    {"action": "emergency"}   a press: "emergency", "single", "1_double", "hold", "release" ...
    {"battery": 91, "battery_low": false, "tamper": false}

Document: zigbee2mqtt, exposes and the converters of the devices named in the drivers. A message
holds the whole last known state, so that states come again and again; an action comes once, and an
empty one follows it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from drivers._refusals import BAD_JSON, TOO_SHORT, UNREACHED
from drivers._zigbee_words import Row, levels, rings, table
from gateway.words.driver import (
    NOT_MINE,
    Behind,
    Heard,
    Model,
    Packet,
    Report,
    Standing,
    Telegram,
    not_understood,
)
from gateway.words.reading import FORMS, Form, Kind

BEHIND = Behind(receivers=("zigbee2mqtt",))
# most check in every 30 to 60 minutes; the household gives more to one that does so less often
MISSING_AFTER = 3 * 3600.0
NOTES = (
    "先在 zigbee2mqtt 里配对并起名,名字就是地址;",
    "Pair it in zigbee2mqtt and name it there: that name is its address.",
)

_BITS = {
    "motion": Kind.MOTION,
    "vibration": Kind.VIBRATION,
    "tamper": Kind.TAMPER,
    "battery_low": Kind.BATTERY_LOW,
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
# of a whole number; beyond it is a float, infinite where it must be: Python takes no whole one of
# 5000 digits
_DIGITS = 18
_ALIVE = Report(Kind.HEARTBEAT, True)


def parsed(text: str | bytes) -> Any:
    """Return a JSON value; numbers may be of any length. Raises ValueError, RecursionError."""
    return json.loads(text, parse_int=_whole)


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS else float(digits)


def action(text: str) -> Report | None:
    """Return what an action is: a button's event, a key pad's command, None where it is no word."""
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


def reports_of(value: Mapping[str, Any]) -> list[Report]:
    """Return what one message says besides the states of _zigbee_words.py."""
    out = [
        Report(kind, value[key]) for key, kind in _BITS.items() if isinstance(value.get(key), bool)
    ]
    for key, (kind, low, high) in _MEASURES.items():
        number = value.get(key)
        if (
            isinstance(number, int | float)
            and not isinstance(number, bool)
            and low <= number <= high
        ):
            out.append(Report(kind, number))
    for key in ("action", "click"):
        text = value.get(key)
        if isinstance(text, str) and text and (report := action(text.lower())):
            out.append(report)
    return out


class Sensor:
    """One device behind zigbee2mqtt.

    In some makes "sos" is a state: it is a press when it begins, and when its end got lost. Such a
    state stands in every message until it ends. One that tells another measure than the last was
    sent for that measure.
    """

    def __init__(
        self,
        rows: Mapping[str, tuple[Row, ...]],
        senses: frozenset[Kind],
        memory: Mapping[str, int | str],
    ) -> None:
        self.memory: dict[str, int | str] = dict(memory)
        self._rows = rows
        self._senses = senses
        self._measured: list[Report] = []  # by the last message
        # what was not understood in the last message: told when it changes
        self._strange: list[Report] = []

    def feed(self, packet: Packet) -> Iterable[Heard]:
        """Decode one message."""
        if not isinstance(packet, Telegram):
            return (NOT_MINE,)
        if not packet.data:
            return (TOO_SHORT,)
        try:
            value = parsed(packet.data)
        except (ValueError, RecursionError):
            return (BAD_JSON,)
        if not isinstance(value, dict):
            return (BAD_JSON,)
        if value.get("availability") == "offline":
            return (UNREACHED,)
        said: list[Heard] = [*levels(value, self._rows, self._senses)]
        measured, self._measured = (
            self._measured,
            [one for one in reports_of(value) if FORMS[one.kind] is Form.MEASURE],
        )
        for key, calls in rings(value):
            if calls is None:
                said += (
                    [not_understood(f"{key}: {value[key]}")] if Kind.BUTTON in self._senses else []
                )
            elif calls != bool(self.memory.get(key, 0)):
                self.memory = {**self.memory, key: int(calls)}
                if calls and not packet.retained:
                    said.append(Report(Kind.BUTTON, "press"))
            elif calls and not packet.retained and measured == self._measured:
                said.append(Standing("repeated", Report(Kind.BUTTON, "press")))
        before, self._strange = (
            self._strange,
            [one for one in said if isinstance(one, Report) and one.kind is Kind.NOT_UNDERSTOOD],
        )
        out = [one for one in said if one not in before]
        return [*out, *reports_of(value)] or (_ALIVE,)


def zigbee(
    name: str,
    title: tuple[str, str],
    senses: frozenset[Kind],
    notes: tuple[str, str],
    *,
    occupancy: Kind = Kind.MOTION,
    buttons: int = 1,
) -> Model:
    """Return the model of one sort of Zigbee sensor."""
    # what every sensor of the standard may say
    senses |= {Kind.BATTERY, Kind.BATTERY_LOW, Kind.TAMPER, Kind.PROBLEM}
    rows = table(name.split("-")[1], occupancy)
    return Model(
        name=name,
        title=title,
        listens=BEHIND,
        senses=senses,
        missing_after=MISSING_AFTER,
        rarely=True,
        new=lambda _address, _key, memory: Sensor(rows, senses, memory),
        buttons=buttons,
        device_notes=(NOTES[0] + notes[0], f"{NOTES[1]} {notes[1]}"),
    )
