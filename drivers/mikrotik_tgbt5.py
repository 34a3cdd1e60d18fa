"""MikroTik TG-BT5, an asset tag. Manufacturer data 094F.

    01 | 00 | 10a9 | 0000 fdff 0100 | a119 | 6be86600 | 00 | 62
    version  salt    acceleration     25.63  uptime, s  flags battery
    numbers LE; acceleration and temperature s8.8

    flags: 01 reed, 02 tilt, 04 drop, 08 10 20 impact on an axis
    second byte bit 0: sealed, then not ours

Document: MikroTik's tag manual; ble_monitor's captures. It has the only drop and impact bits that
can be bought in a broadcast tag. They are no fall of a person: the tag falls off a table as it
falls with somebody, and a person who sinks down falls softly. They are shown as states that nothing
is judged by, as are reed and tilt.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from drivers._broadcast import broadcast
from drivers._refusals import WRONG_VERSION
from drivers._reports import measure, state
from gateway.words.driver import BleAdvert, Heard, Report
from gateway.words.reading import Kind

COMPANY = 0x094F
_SEALED = 0x01
_NO_THERMOMETER = -128 * 256  # the indoor kind has none
_FLAGS = {"reed": 0x01, "tilt": 0x02, "dropping": 0x04, "impact": 0x38}


def read(frame: bytes, _address: bytes) -> Sequence[Heard]:
    """Say what one frame means."""
    if frame[0] not in {0, 1} or frame[1] & _SEALED:
        return (WRONG_VERSION,)
    said = [state(name, bool(frame[16] & bits)) for name, bits in _FLAGS.items()]
    warmth, uptime = struct.unpack_from("<hI", frame, 10)
    if warmth != _NO_THERMOMETER:
        said.append(Report(Kind.TEMPERATURE, round(warmth / 256, 2)))
    said.append(measure("uptime_s", uptime))
    return [*said, Report(Kind.BATTERY, frame[17])]


MODEL = broadcast(
    "mikrotik-tgbt5",
    ("MikroTik TG-BT5 资产标签", "MikroTik TG-BT5 asset tag"),
    BleAdvert(companies=(COMPANY,)),
    {Kind.TEMPERATURE, Kind.BATTERY, Kind.OTHER_STATE},
    read,
    (
        "这是资产标签,不是跌倒探测器:跌落与撞击只显示,不报警;须关闭加密。",
        (
            "An asset tag and no fall detector: drop and impact are shown and raise nothing. "
            "Switch its encryption off."
        ),
    ),
    size=18,
    missing_after=900.0,  # s; it speaks every few seconds
)
