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
from functools import partial

from drivers._broadcast import LONGEST, Broadcast, company
from drivers._refusals import TOO_SHORT, WRONG_LENGTH, WRONG_VERSION
from gateway.words.driver import BleAdvert, Heard, Model, Report
from gateway.words.reading import Kind

COMPANY = 0x089A


def read(frame: bytes, _address: bytes) -> Sequence[Heard]:
    """Say what one frame means; a frame that ends before all that its flags announce is damaged."""
    if not 2 <= len(frame) <= LONGEST:
        return (WRONG_LENGTH if len(frame) > LONGEST else TOO_SHORT,)
    if frame[0] != 1:
        return (WRONG_VERSION,)
    flags, at = frame[1], 2
    if len(frame) < 2 + sum(
        size for bit, size in ((0, 2), (1, 1), (4, 2), (5, 3), (7, 1)) if flags >> bit & 1
    ):
        return (TOO_SHORT,)
    said: list[Report] = []

    def number(size: int, *, signed: bool = False) -> int:
        nonlocal at
        at += size
        return int.from_bytes(frame[at - size : at], "big", signed=signed)

    if flags & 0x01:
        said.append(Report(Kind.TEMPERATURE, number(2, signed=True) / 100))
    if flags & 0x02:
        said.append(Report(Kind.HUMIDITY, number(1)))
    if flags & 0x04:
        said.append(Report(Kind.OTHER_STATE, bool(flags & 0x08), 1, "magnet"))
    if flags & 0x10:
        moved = number(2)
        said += [
            Report(Kind.OTHER_STATE, bool(moved & 0x8000), 1, "moving"),
            Report(Kind.OTHER_MEASURE, moved & 0x7FFF, 1, "movement_counter"),
        ]
    if flags & 0x20:
        said.append(Report(Kind.OTHER_MEASURE, number(1, signed=True), 1, "pitch_deg"))
        said.append(Report(Kind.OTHER_MEASURE, number(2, signed=True), 1, "roll_deg"))
    if flags & 0x40:
        said.append(Report(Kind.BATTERY_LOW, True))
    if flags & 0x80:
        said.append(Report(Kind.OTHER_MEASURE, (2000 + 10 * number(1)) / 1000, 1, "voltage_v"))
    return said


MODEL = Model(
    name="teltonika-eye",
    title=("Teltonika EYE 传感器", "Teltonika EYE sensor"),
    listens=BleAdvert(companies=(COMPANY,)),
    senses=frozenset({Kind.TEMPERATURE, Kind.HUMIDITY, Kind.BATTERY_LOW}),
    missing_after=900.0,  # s; it speaks every few seconds
    new=partial(Broadcast, company(COMPANY), read),
    device_notes=(
        "在厂家应用中选择广播内容含温湿度与电量;磁铁状态只显示,不作门磁报警。",
        (
            "Let the maker's app broadcast temperature, humidity and battery; "
            "its magnet is shown and not judged as a door."
        ),
    ),
)
