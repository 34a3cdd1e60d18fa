"""What the objects of MiBeacon frames mean: one row of `_ROWS` for each id.

    1910 | 01 | 02          id u16 | length u8 | value: contact, left open
    0d10 | 04 | c800 4801   temperature 20.0, humidity 32.8

The envelope is in mibeacon.py, thermometers, scales and beds are in _mibeacon_body.py.

Documents: Xiaomi's MiBeacon object definitions; what public readers agree on (xiaomi-ble,
ble_monitor), compared in the tests. Several objects may follow one another. An id nobody knows is
stepped over, its length is known. Contact polarity differs between objects: `_OPEN` is the one
place.

The buttons of detectors (test, pairing) are no calls for help: they are told as commands that
nothing is judged by.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from drivers._mibeacon_body import bed, bed_state, body_temperature, composition
from drivers._reports import named, state
from gateway.words.driver import Report, not_understood
from gateway.words.reading import Kind

SHORTEST = 3  # bytes of an object without value

# Products whose objects mean something of their own.
MCCGQ02HL, RTCGQ02LM, JTYJGD03MI, SJWS01LM, MS1BB = 0x098B, 0x0A8D, 0x0997, 0x0863, 0x1889
_MJYD02YL, _CGPR1, _XMOSB01XS, _SJWS02LM, _ES5BB = 0x07F6, 0x0A83, 0x4683, 0x6375, 0x6A0F
_XMWXKG01YL, _XMWS01XS, _K9BB, _CUBE, _DIMMER = 0x1949, 0x5968, 0x1C10, 0x04E1, 0x03B6
_QUADS = frozenset({0x3A61, 0x3E17})  # Linptech KS1
# number is a choice of keys, see _CHOICES
_K9B = {0x1568: ("",), 0x1569: ("left", "right"), 0x0DFD: ("left", "middle", "right")}
_CHOICES = (0b001, 0b010, 0b100, 0b011, 0b110, 0b101, 0b111)
_TWO_KEY_CHOICES = (0b01, 0b10, 0b11)
_REMOTES = {  # remotes of lamps, fans and heaters: key names by number
    0x0153: ("on", "off", "brightness", "plus", "M", "min"),
    0x068E: ("fan", "light", "wind_speed", "color_temperature", "wind_mode", "brightness"),
    0x04E6: (
        "swing",
        "power",
        "timer_60_minutes",
        "increase_wind_speed",
        "timer_30_minutes",
        "decrease_wind_speed",
    ),
    0x03BF: (
        "stop",
        "air_exchange",
        "fan",
        "increase_speed",
        "decrease_speed",
        "dry",
        "light",
        "swing",
        "heat",
    ),
}
_DETECTORS = frozenset({RTCGQ02LM, JTYJGD03MI, SJWS01LM, MS1BB})  # their button tests or pairs

_PRESSES = {
    0: "press",
    1: "double_press",
    2: "long_press",
    3: "triple_press",
    5: "press",
    6: "long_press",
}
# the only make that has these two the other way round
_K9B_PRESSES = {0: "press", 1: "long_press", 2: "double_press"}
_K9BB_PRESSES = {1: "press", 8: "long_press", 15: "double_press"}
_QUAD_KEYS = {1: "left", 2: "mid_left", 3: "mid_right", 4: "right"}
_STILL_MOTION = 30  # s; "nobody moved for" up to this long counts as motion

# Contact polarity, all of it. object: {value: open?}; 1019 value 3 is a reset of the device and
# says nothing about the door.
_OPEN = {
    0x1019: {0: True, 1: False, 2: True},
    0x4804: {1: True, 2: False},
    0x4A12: {1: True, 2: False},
    0x4A1A: {1: True},
}
_LEFT_OPEN = frozenset({(0x1019, 2), (0x4A1A, 1)})

_ANY = -1  # a length of its own, or none


def _number(
    what: Kind | str, signed: bool = False, over: int = 1
) -> Callable[[bytes, int], Sequence[Report]]:
    kind, label = named(what, Kind.OTHER_MEASURE)

    def read(value: bytes, _product: int) -> Sequence[Report]:
        whole = int.from_bytes(value, "little", signed=signed)
        return (Report(kind, whole if over == 1 else whole / over, 1, label),)

    return read


def _float(what: Kind | str) -> Callable[[bytes, int], Sequence[Report]]:
    kind, label = named(what, Kind.OTHER_MEASURE)

    def read(value: bytes, _product: int) -> Sequence[Report]:
        number = struct.unpack("<f", value)[0]
        # a broken float is no reading
        return (Report(kind, round(number, 2), 1, label),) if abs(number) < 1e6 else ()

    return read


def _state(
    what: Kind | str, on: Callable[[int], bool] = bool
) -> Callable[[bytes, int], Sequence[Report]]:
    kind, label = named(what, Kind.OTHER_STATE)
    no, yes = (Report(kind, False, 1, label),), (Report(kind, True, 1, label),)

    def read(value: bytes, _product: int) -> Sequence[Report]:
        return yes if on(value[0]) else no

    return read


def _contact(number: int) -> Callable[[bytes, int], Sequence[Report]]:
    def read(value: bytes, _product: int) -> Sequence[Report]:
        opened = _OPEN[number].get(value[0])
        if opened is None:
            return ()
        left = (number, value[0]) in _LEFT_OPEN
        said = [Report(Kind.CONTACT_OPEN, opened)]
        # a closed door is no longer left open; a door that opens may yet be left so
        if left or not opened:
            said.append(state("door_left_open", left))
        return said

    return read


def _quiet_for(value: bytes, _product: int) -> Sequence[Report]:
    return (Report(Kind.MOTION, int.from_bytes(value, "little") <= _STILL_MOTION),)


def _no_movement(_value: bytes, _product: int) -> Sequence[Report]:
    return (Report(Kind.MOTION, False),)


def _moved(value: bytes, _product: int) -> Sequence[Report]:
    # readers disagree on 0: one takes every such object for motion, another takes 0 for none
    return (Report(Kind.MOTION, True),) if value[0] else ()


def _moved_in_light(value: bytes, product: int) -> Sequence[Report]:
    number, moved = int.from_bytes(value, "little"), Report(Kind.MOTION, True)
    if product in {RTCGQ02LM, _MJYD02YL}:  # 0 or 1 in the dark, 256 or 100 in light
        return moved, Report(Kind.LIGHT, number >= 100)
    return (moved, Report(Kind.ILLUMINANCE, number)) if product == _CGPR1 else (moved,)


def _brightness(value: bytes, product: int) -> Sequence[Report]:
    number = int.from_bytes(value, "little")
    return (
        Report(Kind.LIGHT, number >= 100)
        if product in {MCCGQ02HL, _MJYD02YL}
        else Report(Kind.ILLUMINANCE, number),
    )


def _moved_at_lux(value: bytes, product: int) -> Sequence[Report]:
    return (Report(Kind.MOTION, True), *_lux(value, product))


def _smoke(value: bytes, _product: int) -> Sequence[Report]:
    if value[0] == 2:
        # the detector is ill: not a fire, and not "no fire" either
        return (Report(Kind.PROBLEM, True),)
    return (
        Report(Kind.SMOKE, value[0] == 1) if value[0] < 2 else not_understood(f"smoke: {value[0]}"),
    )


def _water(label: str, index: int) -> Callable[[bytes, int], Sequence[Report]]:
    """Two places of one detector: only the bottom's "dry" is a judged state.

    A dry top must not end the alarm of a wet bottom.
    """

    def read(value: bytes, product: int) -> Sequence[Report]:
        if product != _SJWS02LM:
            return (Report(Kind.MOISTURE, value[0] > 0),) if index == 1 else ()
        if index == 1 or value[0]:
            return (Report(Kind.MOISTURE, value[0] > 0, index, extra={"name": label}),)
        return (state(label, False),)

    return read


def _water_event(value: bytes, product: int) -> Sequence[Report]:
    if product != _SJWS02LM:
        return ()
    if value[0] > 3:
        return (not_understood(f"water: {value[0]}"),)
    read = _bottom if value[0] < 2 else _top
    return read(bytes([value[0] in {0, 2}]), product)


def _occupied(value: bytes, product: int) -> Sequence[Report]:
    return (Report(Kind.OCCUPANCY, value[0] == 1 if product == _XMOSB01XS else value[0] > 0),)


def _removed(value: bytes, _product: int) -> Sequence[Report]:
    # Where the sensor is, nobody knows now: nothing is said about the door, as other readers do.
    return (Report(Kind.TAMPER, True),) if value[0] == 1 else ()


def _warmth_and_damp(value: bytes, _product: int) -> Sequence[Report]:
    warmth, damp = struct.unpack("<hH", value)
    return Report(Kind.TEMPERATURE, warmth / 10), Report(Kind.HUMIDITY, damp / 10)


def _pressed(action: str, key: str = "", index: int = 1) -> Report:
    return Report(Kind.BUTTON, action, index, extra={"index": key} if key else None)


def _own_button(action: str, key: str = "", index: int = 1) -> Report:
    return Report(
        Kind.COMMAND, action, index, extra={"type": "button"} | ({"index": key} if key else {})
    )


def _button(value: bytes, product: int) -> Sequence[Report]:
    number, amount, how = value  # the number has 16 bits, the dimmer and the cube use them apart
    if product == _DIMMER:
        return _turned(number, amount, how)
    if product == _CUBE:
        turn = {0: "rotate_right", 1: "rotate_left"}.get(number)
        return (Report(Kind.COMMAND, turn, extra={"type": "cube"}),) if turn else ()
    if product in _K9B:
        keys, action = _K9B[product], _K9B_PRESSES.get(how)
        choices = _TWO_KEY_CHOICES if len(keys) == 2 else _CHOICES
        chosen = choices[number] if number < len(choices) else 0
        return [
            _pressed(action, key, at + 1)
            for at, key in enumerate(keys)
            if action and chosen >> at & 1
        ]
    action = _PRESSES.get(how) or f"unknown_{how:02x}"
    if product in _REMOTES:
        names = _REMOTES[product]
        return (_own_button(action, names[number], number + 1),) if number < len(names) else ()
    if product in _DETECTORS:
        return (_own_button(action),)
    return (_pressed(action, index=(number | amount << 8) + 1),)


def _turned(number: int, amount: int, how: int) -> Sequence[Report]:
    """Read the dimmer YLKG07YL: type 3 is press or hold, type 4 is a turn.

    In the first byte type 3 says which of the two, type 4 how far it was turned while held down.
    """
    if how == 3 and number < 2:
        extra = {"duration": amount} if number else {"number_of_presses": amount}
        return (Report(Kind.DIMMER, "long_press" if number else "press", extra=extra),)
    if how != 4:
        return ()
    steps, held = (number, "_pressed") if number else (amount, "")
    side, steps = ("right", steps) if steps < 128 else ("left", 256 - steps)
    return (Report(Kind.DIMMER, f"rotate_{side}{held}", extra={"steps": steps}),)


def _keys(action: str) -> Callable[[bytes, int], Sequence[Report]]:
    """Read 4A, 4E and 56, 0C to 0E: one object for each kind of press.

    Makes with several keys say which key in the value. So does whatever make nobody knows yet, it
    is taken to count from 1: what calls for help is not what cancels.
    """

    def read(value: bytes, product: int) -> Sequence[Report]:
        key = value[0] if value else 0
        if product == _XMWXKG01YL:  # 1 left, 2 right, 3 both at once
            return [
                _pressed(action, side, at + 1)
                for at, side in enumerate(("left", "right"))
                if key < 4 and key >> at & 1
            ]
        if product == _XMWS01XS:
            return (
                (_pressed(action, "right" if key else "left", key + 1),)
                if value and key < 2
                else ()
            )
        if product in _QUADS:
            return (_pressed(action, _QUAD_KEYS.get(key, ""), max(key, 1)),)
        return (_pressed(action, index=max(key, 1)),)

    return read


def _all_in_one(value: bytes, product: int) -> Sequence[Report]:
    """Read 4E0C: one product puts all its kinds of press into the value of this object."""
    if product != _K9BB:
        return _press(value, product)
    told = _K9BB_PRESSES.get(value[0]) if value else None
    return (_pressed(told),) if told else ()


def _own_press(value: bytes, _product: int) -> Sequence[Report]:
    return (_own_button("press"),) if value[0] == 1 else ()


def _near(value: bytes, product: int) -> Sequence[Report]:
    return (state("occupancy_close_range", value[0] > 0),) if product == _ES5BB else ()


_press, _double, _long = _keys("press"), _keys("double_press"), _keys("long_press")
_lux, _bottom, _top = (
    _float(Kind.ILLUMINANCE),
    _water("water_submersion", 1),
    _water("water_splash", 2),
)

# id: length, reader
_ROWS: dict[int, tuple[int, Callable[[bytes, int], Sequence[Report]]]] = {
    0x0003: (1, _moved),
    0x000F: (3, _moved_in_light),
    0x1001: (3, _button),
    0x1004: (2, _number(Kind.TEMPERATURE, signed=True, over=10)),
    0x1006: (2, _number(Kind.HUMIDITY, over=10)),
    0x1007: (3, _brightness),
    0x1008: (1, _number("soil_moisture_pct")),
    0x1009: (2, _number("conductivity_us_cm")),
    0x100A: (1, _number(Kind.BATTERY)),
    0x100D: (4, _warmth_and_damp),
    0x1010: (2, _number("formaldehyde_mg_m3", over=100)),
    0x1012: (1, _state("power")),
    0x1013: (1, _number("consumable_pct")),
    0x1014: (1, _state(Kind.MOISTURE)),
    0x1015: (1, _smoke),
    0x1017: (4, _quiet_for),
    0x1018: (1, _state(Kind.LIGHT)),
    0x1019: (1, _contact(0x1019)),
    0x101B: (4, _no_movement),
    0x2000: (5, body_temperature),
    0x4801: (4, _float(Kind.TEMPERATURE)),
    0x4802: (1, _number(Kind.HUMIDITY)),
    0x4803: (1, _number(Kind.BATTERY)),
    0x4804: (1, _contact(0x4804)),
    0x4805: (4, _lux),
    0x4806: (1, _bottom),
    0x4808: (4, _float(Kind.HUMIDITY)),
    0x4818: (2, _quiet_for),
    0x483C: (1, _state(Kind.OCCUPANCY)),
    0x483D: (4, _number("pressure_present_duration_s")),
    0x483E: (4, _number("pressure_not_present_duration_s")),
    0x484E: (1, _occupied),
    0x4851: (1, _number("duration_detected_min")),
    0x4852: (1, _number("duration_cleared_min")),
    0x487B: (1, _top),
    0x4A01: (1, _state(Kind.BATTERY_LOW)),
    0x4A08: (4, _moved_at_lux),
    0x4A0C: (_ANY, _press),
    0x4A0D: (_ANY, _double),
    0x4A0E: (_ANY, _long),
    0x4A0F: (1, _removed),
    0x4A12: (1, _contact(0x4A12)),
    0x4A13: (1, _own_press),
    0x4A1A: (1, _contact(0x4A1A)),
    0x4A68: (1, _water_event),
    0x4C01: (4, _float(Kind.TEMPERATURE)),
    0x4C02: (1, _number(Kind.HUMIDITY)),
    0x4C03: (1, _number(Kind.BATTERY)),
    0x4C08: (4, _float(Kind.HUMIDITY)),
    0x4E01: (1, _state(Kind.BATTERY_LOW)),
    0x4E0C: (_ANY, _all_in_one),
    0x4E0D: (_ANY, _double),
    0x4E0E: (_ANY, _long),
    0x4E16: (_ANY, bed(occupied=True)),
    0x4E17: (_ANY, bed(occupied=False)),
    0x5003: (1, _number(Kind.BATTERY)),
    0x5403: (1, _number(Kind.BATTERY)),
    0x5413: (1, _near),
    0x560C: (_ANY, _press),
    0x560D: (_ANY, _double),
    0x560E: (_ANY, _long),
    0x5810: (1, _state("asleep", lambda value: not value)),
    0x5A16: (1, bed_state),
    0x6461: (1, _state("wearing", lambda value: not value)),
    0x6E16: (9, composition),
}


def reports_of(objects: bytes, product: int) -> tuple[list[Report], bool]:
    """Read the objects of one frame, and say whether known objects fill it exactly.

    An unknown id or an unexpected length is stepped over; an object that is cut ends the frame.
    """
    reports: list[Report] = []
    whole, at, end = bool(objects), 0, len(objects)
    while at + SHORTEST <= end:
        size, start = objects[at + 2], at + SHORTEST
        if start + size > end:
            break
        row = _ROWS.get(objects[at] | objects[at + 1] << 8)
        if row is not None and row[0] in {size, _ANY}:
            reports += row[1](objects[start : start + size], product)
        else:
            whole = False
        at = start + size
    return reports, whole and at == end
