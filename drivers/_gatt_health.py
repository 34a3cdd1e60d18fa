"""Vital signs by the standard Bluetooth services: what the values mean, and which of them count.

    2A37 heart rate      flags | u8 or u16 | energy u16 | RR u16 ...
                         flags: 1 wide, 2+4 contact, 8 energy, 10 RR
    2A35 blood pressure  flags | sys dia mean (SFLOAT) | time | pulse | user | status u16
                         flags: 1 kPa, 2 time, 4 pulse, 8 user, 10 status
    2A1C temperature     flags | FLOAT | time | site u8
                         flags: 1 Fahrenheit, 2 time, 4 site
    2A5E SpO2, one spot  flags | SpO2 pulse (SFLOAT) | time | status u16 | sensor u24 | amplitude
    2A5F SpO2, running   flags | SpO2 pulse (SFLOAT) | fast 2x | slow 2x | status | sensor | ampl.
    2A9D weight          flags | u16 | time | user | BMI u16 height u16
                         flags: 1 pounds and inches, 2 time, 4 user, 8 BMI
    2A19 battery         u8, percent

    SFLOAT  16 bits LE: exponent (4, signed) | mantissa (12, signed); m x 10^e
    FLOAT   32 bits LE: exponent (8) | mantissa (24)
            Five words are no numbers: NaN, not at this resolution, + and - infinity, reserved.
    time    year u16 | month | day | hour | minute | second; year 0 = the device does not know

Documents: Bluetooth SIG heart rate 1.0, blood pressure 1.1.1, health thermometer 1.0, pulse
oximeter 1.0.1, weight scale 1.0.1 and battery service 1.1; the numbers are those of IEEE
11073-20601.

What counts: a value is a reading only if the device says that it touches the body and does not
doubt it itself, and if a living adult can have it (`RANGES`). If one value of a measurement is
refused, the whole is: half a blood pressure misleads. Nothing here raises an alarm. The device's
clock is nobody's: its time stamps put a stored batch in order (`in_order`), no more. The models
beside share this decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from drivers._refusals import NO_CONTACT, NO_VALUE, OUT_OF_RANGE, TOO_LONG, TOO_SHORT, UNRELIABLE
from drivers._reports import measure
from gateway.words.driver import (
    NOT_MINE,
    Attribute,
    GattService,
    Heard,
    Model,
    Packet,
    Picture,
    Refusal,
    Report,
    uuid16,
)
from gateway.words.reading import Kind

HEART_RATE, BLOOD_PRESSURE, THERMOMETER, OXIMETER, SCALE = (
    uuid16(short) for short in (0x180D, 0x1810, 0x1809, 0x1822, 0x181D)
)
(
    HEART_RATE_MEASUREMENT,
    BLOOD_PRESSURE_MEASUREMENT,
    TEMPERATURE_MEASUREMENT,
    WEIGHT_MEASUREMENT,
    BATTERY_LEVEL,
) = (uuid16(short) for short in (0x2A37, 0x2A35, 0x2A1C, 0x2A9D, 0x2A19))
SPO2_SPOT, SPO2_RUNNING = uuid16(0x2A5E), uuid16(0x2A5F)

# What a living adult can have and such a device can measure; both ends count. Outside it is a fault
# of the measurement.
RANGES: Mapping[str, tuple[float, float]] = {
    "heart_rate_bpm": (20, 250),
    "systolic_mmhg": (40, 280),
    "diastolic_mmhg": (20, 200),
    "map_mmhg": (25, 240),
    "pulse_bpm": (20, 250),
    "body_temperature_c": (25, 45),  # 25: skin of a finger in a cold room, or deep hypothermia
    "spo2_pct": (50, 100),  # below 50 no oximeter is calibrated
    "weight_kg": (10, 300),  # less is a bag on the scale
    "battery_pct": (0, 100),
}
LONGEST = 512  # bytes; no attribute is longer


_MMHG_IN_KPA = 7.500617
_KG_IN_LB = 0.45359237
_WEIGHT_UNSUCCESSFUL = 0xFFFF
_CONTACT_SUPPORTED, _CONTACT = 0x04, 0x02
_CUFF_LOOSE = 0x0002
_MOVED, _WRONG_POSITION = 0x0001, 0x0020
# oximeter: for demonstration, for testing, calibrating, unavailable, questionable, invalid
_SPO2_DOUBTED = 0x0400 | 0x0800 | 0x1000 | 0x2000 | 0x4000 | 0x8000
_SENSOR_OFF = 0x000800 | 0x002000 | 0x008000  # not on the finger, displaced, unplugged
# malfunction, inadequate signal, no pulse in it, sensor broken
_SENSOR_DOUBTED = 0x000002 | 0x000008 | 0x000080 | 0x004000


class _ShortError(Exception):
    """The bytes end before what their flags promise."""


class _Bytes:
    """Reads one value from its beginning; _ShortError where it ends too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, size: int) -> int:
        end = self._at + size
        if end > len(self._data):
            raise _ShortError
        taken = int.from_bytes(self._data[self._at : end], "little")
        self._at = end
        return taken

    def time(self) -> str | None:
        """Return the device's time as text that sorts by itself; None where it does not know."""
        year, month, day, hour, minute, second = (self.number(size) for size in (2, 1, 1, 1, 1, 1))
        if not (
            year
            and 1 <= month <= 12
            and 1 <= day <= 31
            and hour < 24
            and minute < 60
            and second < 60
        ):
            return None
        return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"

    @property
    def left(self) -> int:
        return len(self._data) - self._at


def sfloat(word: int) -> float | None:
    """Return the number of a 16-bit SFLOAT, None for each of the five words that are no numbers."""
    return None if 0x07FE <= word <= 0x0802 else _decimal(word & 0xFFF, 12, word >> 12, 4)


def float32(word: int) -> float | None:
    """Return the number of a 32-bit FLOAT, None for each of the five words that are no numbers."""
    return (
        None if 0x007FFFFE <= word <= 0x00800002 else _decimal(word & 0xFFFFFF, 24, word >> 24, 8)
    )


def _decimal(mantissa: int, bits: int, exponent: int, exponent_bits: int) -> float:
    if mantissa >= 1 << bits - 1:
        mantissa -= 1 << bits
    if exponent >= 1 << exponent_bits - 1:
        exponent -= 1 << exponent_bits
    # dividing by a whole power of ten keeps 36.8 what it is; times 0.1 would not
    return float(mantissa * 10**exponent) if exponent >= 0 else mantissa / 10**-exponent


def fields(characteristic: str, data: bytes) -> dict[str, Any] | Refusal:
    """Return everything one value says, believed or not; None = the device has no such number."""
    meaning = _MEANINGS.get(characteristic)
    if meaning is None:
        return NOT_MINE
    if len(data) > LONGEST:
        return TOO_LONG
    try:
        return meaning(_Bytes(data))
    except _ShortError:
        return TOO_SHORT


def reports_of(characteristic: str, data: bytes) -> tuple[Heard, ...]:
    """Return the readings of one value, or the one reason why it is none."""
    said = fields(characteristic, data)
    if isinstance(said, Refusal):
        return (said,)
    if (doubt := _doubt(characteristic, said)) is not None:
        return (doubt,)
    values = {label: said[name] for name, label in _MEASURES.items() if said.get(name) is not None}
    if characteristic == BLOOD_PRESSURE_MEASUREMENT:
        # a monitor that has none may say 0 instead of "no number"
        for label in ("map_mmhg", "pulse_bpm"):
            if values.get(label) == 0:
                del values[label]
    if "mass_lb" in said:
        values["weight_kg"] = round(said["mass_lb"] * _KG_IN_LB, 2)
    for label, value in values.items():
        low, high = RANGES[label]
        if not low <= value <= high:
            return (OUT_OF_RANGE,)
    if (
        characteristic == BLOOD_PRESSURE_MEASUREMENT
        and values["systolic_mmhg"] <= values["diastolic_mmhg"]
    ):
        return (OUT_OF_RANGE,)
    if characteristic == BATTERY_LEVEL:
        return (Report(Kind.BATTERY, values["battery_pct"]),)
    return tuple(measure(label, value) for label, value in values.items())


def in_order(batch: Sequence[Attribute]) -> list[Attribute]:
    """Return a batch in the order of measuring: by the device's clock, as long as it is one.

    A value without time stays behind the one it came after.
    """
    latest = ""
    keys: list[str] = []
    for attribute in batch:
        said = fields(attribute.characteristic, attribute.data)
        latest = (None if isinstance(said, Refusal) else said.get("time")) or latest
        keys.append(latest)
    return [batch[n] for n in sorted(range(len(batch)), key=lambda n: keys[n])]


def _doubt(characteristic: str, said: Mapping[str, Any]) -> Refusal | None:
    """Return why the device itself does not stand behind a value, None where it does."""
    status = int(said.get("status") or "0", 16)
    sensor = int(said.get("sensor_status") or "0", 16)
    oximeter = characteristic in (SPO2_SPOT, SPO2_RUNNING)
    if said.get("contact") is False or (oximeter and sensor & _SENSOR_OFF):
        return NO_CONTACT
    if oximeter and (status & _SPO2_DOUBTED or sensor & _SENSOR_DOUBTED):
        return UNRELIABLE
    if characteristic == BLOOD_PRESSURE_MEASUREMENT:
        if status & _CUFF_LOOSE:
            return NO_CONTACT
        if status & (_MOVED | _WRONG_POSITION):
            return UNRELIABLE
    if any(name in said and said[name] is None for name in _NEEDED):
        return NO_VALUE
    return None


_Read = Callable[[_Bytes, int], Any]  # one field; it gets the flags too


def _fields(*rows: tuple[int, str, _Read]) -> Callable[[_Bytes], dict[str, Any]]:
    """Return what reads flags and these fields: each is there if its flag is set, 0 = always."""

    def meaning(data: _Bytes) -> dict[str, Any]:
        flags = data.number(1)
        return {name: read(data, flags) for bit, name, read in rows if not bit or flags & bit}

    return meaning


def _whole(size: int) -> _Read:
    return lambda data, _flags: data.number(size)


def _bits(size: int) -> _Read:
    return lambda data, _flags: f"0x{data.number(size):0{2 * size}x}"


def _sfloat(data: _Bytes, _flags: int) -> float | None:
    return sfloat(data.number(2))


def _time(data: _Bytes, _flags: int) -> str | None:
    return data.time()


def _beats(data: _Bytes, flags: int) -> int:
    return data.number(2 if flags & 0x01 else 1)


def _intervals(data: _Bytes, _flags: int) -> list[float]:
    out = []
    while data.left:
        out.append(round(data.number(2) / 1024, 3))
    return out


def _pressure(data: _Bytes, flags: int) -> float | None:
    value = sfloat(data.number(2))
    return round(value * _MMHG_IN_KPA, 1) if value is not None and flags & 0x01 else value


def _warmth(data: _Bytes, flags: int) -> float | None:
    value = float32(data.number(4))
    return round((value - 32) / 1.8, 2) if value is not None and flags & 0x01 else value


def _weight(data: _Bytes) -> dict[str, Any]:
    flags = data.number(1)
    pounds = bool(flags & 0x01)
    raw = data.number(2)
    value = None if raw == _WEIGHT_UNSUCCESSFUL else raw / 100 if pounds else raw / 200
    said: dict[str, Any] = {"mass_lb" if pounds else "mass_kg": value}
    if flags & 0x02:
        said["time"] = data.time()
    if flags & 0x04:
        said["user"] = data.number(1)
    if flags & 0x08:
        said["bmi"] = data.number(2) / 10
        height = data.number(2)
        said["height_m"] = round(height * 0.00254, 3) if pounds else height / 1000
    return said


_SPO2 = (0, "spo2_pct", _sfloat), (0, "pulse_bpm", _sfloat)
_MEANINGS: dict[str, Callable[[_Bytes], dict[str, Any]]] = {
    HEART_RATE_MEASUREMENT: _fields(
        (0, "heart_rate_bpm", _beats),
        (_CONTACT_SUPPORTED, "contact", lambda _data, flags: bool(flags & _CONTACT)),
        (0x08, "energy_kj", _whole(2)),
        (0x10, "rr_s", _intervals),
    ),
    BLOOD_PRESSURE_MEASUREMENT: _fields(
        (0, "systolic_mmhg", _pressure),
        (0, "diastolic_mmhg", _pressure),
        (0, "map_mmhg", _pressure),
        (0x02, "time", _time),
        (0x04, "pulse_bpm", _sfloat),
        (0x08, "user", _whole(1)),
        (0x10, "status", _bits(2)),
    ),
    TEMPERATURE_MEASUREMENT: _fields(
        (0, "temperature_c", _warmth), (0x02, "time", _time), (0x04, "type", _whole(1))
    ),
    SPO2_SPOT: _fields(
        *_SPO2,
        (0x01, "time", _time),
        (0x02, "status", _bits(2)),
        (0x04, "sensor_status", _bits(3)),
        (0x08, "pulse_amplitude_pct", _sfloat),
    ),
    SPO2_RUNNING: _fields(
        *_SPO2,
        (0x01, "spo2_fast_pct", _sfloat),
        (0x01, "pulse_fast_bpm", _sfloat),
        (0x02, "spo2_slow_pct", _sfloat),
        (0x02, "pulse_slow_bpm", _sfloat),
        (0x04, "status", _bits(2)),
        (0x08, "sensor_status", _bits(3)),
        (0x10, "pulse_amplitude_pct", _sfloat),
    ),
    WEIGHT_MEASUREMENT: _weight,
    BATTERY_LEVEL: lambda data: {"battery_pct": data.number(1)},
}
# name among the fields: name of the reading
_MEASURES = {name: name for name in RANGES} | {
    "temperature_c": "body_temperature_c",
    "mass_kg": "weight_kg",
}
# without these there is no measurement; mean and pulse may be missing
_NEEDED = (
    "heart_rate_bpm",
    "systolic_mmhg",
    "diastolic_mmhg",
    "temperature_c",
    "spo2_pct",
    "mass_kg",
    "mass_lb",
    "battery_pct",
)


class Vital:
    """One device that speaks while it is visited. The same value twice is two measurements."""

    def __init__(self, characteristics: tuple[str, ...]) -> None:
        self.memory: dict[str, int | str] = {}
        self._characteristics = characteristics

    def pictures(self, packet: Packet) -> Iterable[Picture | Refusal]:
        """Draw all that one value says, also where it is no reading."""
        if not isinstance(packet, Attribute):
            return (NOT_MINE,)
        said = fields(packet.characteristic, packet.data)
        return (said if isinstance(said, Refusal) else Picture(said),)

    def feed(self, packet: Packet) -> Iterable[Heard]:
        """Decode one value."""
        if not isinstance(packet, Attribute) or packet.characteristic not in self._characteristics:
            return (NOT_MINE,)
        return reports_of(packet.characteristic, packet.data)


def vital(
    name: str,
    title: tuple[str, str],
    service: str,
    characteristics: tuple[str, ...],
    notes: tuple[str, str],
) -> Model:
    """Return the model of what speaks by these characteristics of one service."""
    return Model(
        name=name,
        title=title,
        listens=GattService(service=service, characteristics=characteristics, ordered=in_order),
        senses=frozenset({Kind.OTHER_MEASURE, Kind.BATTERY}),
        missing_after=None,  # it speaks only when somebody uses it
        new=lambda _address, _key, _memory: Vital(characteristics),
        device_notes=notes,
    )
