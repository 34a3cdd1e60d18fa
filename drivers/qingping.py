"""Qingping doors, motion sensors and climate meters in the maker's own format. Service data FDCD.

    48 | 04 | 751060342d58 | 04 01 00 | 0f 01 cb               door: open
    48 | 12 | ffeeddccbbaa | 08 04 01 030000 | 0f 01 50        motion at 3 lx
    kind model address, reversed; then type, length, value

    01 temperature s16 x 0.1, humidity u16 x 0.1    02 battery    04 door: 0 open, 1 closed
    08 motion u8, lux u24    09 lux u32    0f packet count    numbers LE
    11 is light to one reader and motion to another: not told

Documents: what Theengs and ble_monitor agree on. In the periodic frame of the door (kind without
bit 6) one reader takes the second 0f for its state, 0 = open. Nobody else does, so it is told as a
state that nothing is judged by: a door that was heard wrongly would hide or invent an open one.
Nothing is sealed: whoever is near can say these things under another's address.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from drivers._broadcast import broadcast
from drivers._refusals import WRONG_ADDRESS
from drivers._reports import unproven
from gateway.words.driver import BleAdvert, Heard, Report, uuid16
from gateway.words.reading import Kind

UUID = uuid16(0xFDCD)
_HEAD = 8
_DOOR, _EVENT = 0x04, 0x40  # model; bit of kind
_COUNT = 0x0F
_OPEN = {0: True, 1: False}


def read(frame: bytes, address: bytes) -> Sequence[Heard]:
    """Say what one frame means, up to an object that is cut; an unknown one is stepped over."""
    if address and frame[7:1:-1] != address:
        return (WRONG_ADDRESS,)
    said: list[Report] = []
    counts: list[int] = []
    at = _HEAD
    while at + 2 <= len(frame) and at + 2 + frame[at + 1] <= len(frame):
        what, value = frame[at], frame[at + 2 : at + 2 + frame[at + 1]]
        said += _object(what, value)
        if what == _COUNT and len(value) == 1:
            counts.append(value[0])
        at += 2 + len(value)
    if frame[1] == _DOOR and not frame[0] & _EVENT and len(counts) == 2 and counts[1] in _OPEN:
        said.append(unproven("contact_open", _OPEN[counts[1]]))
    return said


# by type: its form, and what its values say
_OBJECTS: dict[int, tuple[str, Callable[..., Sequence[Report]]]] = {
    0x01: (
        "<hH",
        lambda warmth, damp: (
            Report(Kind.TEMPERATURE, warmth / 10),
            Report(Kind.HUMIDITY, damp / 10),
        ),
    ),
    0x02: ("<B", lambda percent: (Report(Kind.BATTERY, percent),)),
    0x04: (
        "<B",
        lambda door: (Report(Kind.CONTACT_OPEN, _OPEN[door]),) if door in _OPEN else (),
    ),
    0x08: (
        "<I",
        lambda both: (Report(Kind.MOTION, both & 0xFF > 0), Report(Kind.ILLUMINANCE, both >> 8)),
    ),
    0x09: ("<I", lambda lux: (Report(Kind.ILLUMINANCE, lux),)),
}


def _object(what: int, value: bytes) -> Sequence[Report]:
    form, read = _OBJECTS.get(what, ("", None))
    return read(*struct.unpack(form, value)) if read and struct.calcsize(form) == len(value) else ()


MODEL = broadcast(
    "qingping",
    ("青萍门窗、人体、温湿度传感器", "Qingping door, motion and climate sensors"),
    BleAdvert(services=(UUID,)),
    {
        Kind.CONTACT_OPEN,
        Kind.MOTION,
        Kind.ILLUMINANCE,
        Kind.TEMPERATURE,
        Kind.HUMIDITY,
        Kind.BATTERY,
    },
    read,
    (
        "门窗型装好后开关门各试一次;信号不加密。若该设备以米家格式广播,请选用 qingping-cgh1。",
        (
            "Open and close a door sensor once as a test; signals are not encrypted. "
            "Where it sends MiBeacon, enrol it as qingping-cgh1."
        ),
    ),
    least=_HEAD + 3,
    missing_after=900.0,  # s; they speak every few seconds
)
