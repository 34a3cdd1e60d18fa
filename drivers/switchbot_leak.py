"""SwitchBot Water Leak Detector ('&'). See _switchbot.py.

    c43430374c7a | 47 | 64 | f9 | 6761c4083c0500000000
        [7] battery, top bit = low; [8] bit 0 wet, bit 1 moved from its place

All of it stands in the manufacturer data; the service data only say which kind it is (26 00 64).
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers._refusals import TOO_SHORT
from drivers._switchbot import Halves, switchbot
from gateway.words.driver import Heard, Report
from gateway.words.reading import Kind


def read(frame: Halves, _address: bytes) -> Sequence[Heard]:
    """Say what one frame means."""
    _, maker = frame
    if len(maker) < 9:
        return (TOO_SHORT,)
    return [
        Report(Kind.MOISTURE, bool(maker[8] & 0x01)),
        Report(Kind.TAMPER, bool(maker[8] & 0x02)),
        Report(Kind.BATTERY_LOW, bool(maker[7] & 0x80)),
        Report(Kind.BATTERY, maker[7] & 0x7F),
    ]


MODEL = switchbot(
    "switchbot-leak",
    ("SwitchBot 水浸传感器", "SwitchBot Water Leak Detector"),
    "&",
    19,
    {Kind.MOISTURE, Kind.TAMPER, Kind.BATTERY_LOW, Kind.BATTERY},
    read,
    (
        "放在地面最低处,用湿布触碰电极试一次。",
        "Lay it at the lowest place of the floor; touch its contacts with a wet cloth as a test.",
    ),
)
