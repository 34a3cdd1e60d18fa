"""The words of the sensors: a report, and a reading = a report with its device and moment."""

from __future__ import annotations

from enum import StrEnum
from math import inf
from sys import float_info
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from gateway.words.clock import Moment

DeviceId = str
Value = bool | int | float | str


class Form(StrEnum):
    """How a report behaves.

    An event happens once, a state holds until the opposite is said, a measure is a number.
    """

    EVENT = "event"
    STATE = "state"
    MEASURE = "measure"
    ALIVE = "alive"  # says only that the device is there


class Kind(StrEnum):
    """What a sensor can say. Units stand in the name.

    Polarity of a contact: `contact_open` is true when open.
    """

    # events; the value is the action, for instance "press" or "hold_press"
    BUTTON = "button"
    DIMMER = "dimmer"
    COMMAND = "command"
    # states
    FALL = "fall"
    STAY_STILL = "stay_still"
    PRESENCE = "presence"
    OCCUPANCY = "occupancy"
    MOTION = "motion"
    CONTACT_OPEN = "contact_open"
    SMOKE = "smoke"
    GAS = "gas"
    CO = "co"
    MOISTURE = "moisture"
    TAMPER = "tamper"
    BATTERY_LOW = "battery_low"
    PROBLEM = "problem"
    VIBRATION = "vibration"
    SAFETY = "safety"
    LIGHT = "light"
    SOUND = "sound"
    ACTIVITY = "activity"  # "none" | "still" | "active"
    OTHER_STATE = "state"  # a state that nothing is judged by; `label` says which
    # measures
    BATTERY = "battery_pct"
    TEMPERATURE = "temperature_c"
    HUMIDITY = "humidity_pct"
    ILLUMINANCE = "illuminance_lux"
    OTHER_MEASURE = "measure"  # `label` says which, unit in the name
    # alive
    HEARTBEAT = "heartbeat"
    # technical, from the driver itself
    # a word about what matters that the driver does not know; the value is key and word
    NOT_UNDERSTOOD = "not_understood"
    REPLAYED = "replayed"  # a frame whose counter went backwards: a replay, or a battery change


_EVENTS = (Kind.BUTTON, Kind.DIMMER, Kind.COMMAND, Kind.REPLAYED)
_MEASURES = (Kind.BATTERY, Kind.TEMPERATURE, Kind.HUMIDITY, Kind.ILLUMINANCE, Kind.OTHER_MEASURE)
FORMS: dict[Kind, Form] = (
    dict.fromkeys(Kind, Form.STATE)
    | dict.fromkeys(_EVENTS, Form.EVENT)
    | dict.fromkeys(_MEASURES, Form.MEASURE)
    | {Kind.HEARTBEAT: Form.ALIVE}
)
# Of these only the latest counts: no danger is judged by them.
ROUTINE = frozenset({*_MEASURES, Kind.MOTION, Kind.LIGHT, Kind.ACTIVITY, Kind.OTHER_STATE})

# What a thing of this home can measure; what is beyond is a fault of the measurement, and no
# reading. A wet bath may be at 104 %.
BOUNDS: dict[Kind, tuple[float, float]] = {
    Kind.BATTERY: (0, 100),
    Kind.TEMPERATURE: (-60, 125),
    Kind.HUMIDITY: (0, 105),
    Kind.ILLUMINANCE: (0, 200_000),
}


# The same by label; what has none here is shown as it came.
_ROOM_CM, _TURN, _HEAVY = (0, 2000), (-180, 180), (0, 500)
LABEL_BOUNDS: dict[str, tuple[float, float]] = {
    "distance_cm": _ROOM_CM,
    "nearest_distance_cm": _ROOM_CM,
    "moving_distance_cm": _ROOM_CM,
    "static_distance_cm": _ROOM_CM,
    "pitch_deg": _TURN,
    "roll_deg": _TURN,
    "mass_kg": _HEAVY,
    "weight_kg": _HEAVY,
    "pressure_hpa": (300, 1200),
    "co2_ppm": (0, 40_000),
    "heart_rate_bpm": (20, 300),
    "breath_rate_bpm": (0, 100),
    "fall_sensitivity": (0, 100),
}


def is_plausible(kind: Kind, value: Value, label: str = "") -> bool:
    """Say whether a measure can be true."""
    low, high = BOUNDS.get(kind) or LABEL_BOUNDS.get(label, (-inf, inf))
    return FORMS[kind] is not Form.MEASURE or (
        isinstance(value, int | float)
        and abs(value) <= float_info.max
        and low <= value <= high  # of any length: no float is made of it
    )


# Every button action but these two is a call for help on an SOS button (BTHome: 0x00 is no press,
# 0x81 lets go).
NOT_A_CALL = frozenset({"hold_release", "release"})


class Reading(Struct, frozen=True, kw_only=True):
    """What one device said at one moment.

    `flagged` marks a call whose freshness could not be proved (its counter went back).
    """

    device: DeviceId
    kind: Kind
    value: Value
    at: Moment
    index: int = 1
    label: str = ""
    flagged: bool = False
