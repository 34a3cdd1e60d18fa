"""Teltonika EYE Sensor and EYE Beacon. Manufacturer data 089A.

    01 | b7 | 08b4 | 12 | 0ccb | 0bffc7 | 67    flags, then what they announce, in this order (BE):

    bit 0 temperature s16 x 0.01; 1 humidity u8; 2 has a magnet sensor; 3 its state;
    4 movements u16, top bit = moving now; 5 pitch s8, roll s16; 6 battery low;
    7 battery u8, 2000 + 10 x value mV

Document: Teltonika's EYE protocol page; ble_monitor's capture. The magnet's state is told and not
judged by: an EYE that is no door sensor says "no magnet" for ever and would be a door left open.
The voltage is not turned into a percentage.
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers._announced import Field, announced
from drivers._broadcast import broadcast
from drivers._refusals import TOO_SHORT, WRONG_VERSION
from drivers._reports import measure, state
from gateway.words.driver import BleAdvert, Heard, Report
from gateway.words.reading import Kind

COMPANY = 0x089A


_FIELDS: tuple[Field, ...] = (
    (0x01, ">h", lambda hundredths: (Report(Kind.TEMPERATURE, hundredths / 100),)),
    (0x02, ">B", lambda percent: (Report(Kind.HUMIDITY, percent),)),
    (0x10, ">H", lambda moved: (_moving(moved), measure("movement_counter", moved & 0x7FFF))),
    (0x20, ">bh", lambda pitch, roll: (measure("pitch_deg", pitch), measure("roll_deg", roll))),
    (0x80, ">B", lambda value: (measure("voltage_v", (2000 + 10 * value) / 1000),)),
)


def _moving(moved: int) -> Report:
    return state("moving", bool(moved & 0x8000))


def read(frame: bytes, _address: bytes) -> Sequence[Heard]:
    """Say what one frame means; a frame that ends before all that its flags announce is damaged."""
    if frame[0] != 1:
        return (WRONG_VERSION,)
    flags = frame[1]
    said, whole = announced(flags, frame[2:], _FIELDS)
    if not whole:
        return (TOO_SHORT,)
    if flags & 0x04:
        said.append(state("magnet", bool(flags & 0x08)))
    if flags & 0x40:
        said.append(Report(Kind.BATTERY_LOW, True))
    return said


MODEL = broadcast(
    "teltonika-eye",
    ("Teltonika EYE 传感器", "Teltonika EYE sensor"),
    BleAdvert(companies=(COMPANY,)),
    {Kind.TEMPERATURE, Kind.HUMIDITY, Kind.BATTERY_LOW},
    read,
    (
        "在厂家应用中选择广播内容含温湿度与电量;磁铁状态只显示,不作门磁报警。",
        (
            "Let the maker's app broadcast temperature, humidity and battery; "
            "its magnet is shown and not judged as a door."
        ),
    ),
    least=2,
    missing_after=900.0,  # s; it speaks every few seconds
)
