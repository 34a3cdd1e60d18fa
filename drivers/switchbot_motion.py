"""SwitchBot Motion Sensor ('s'). See _switchbot.py.

73 | 40 | e2 | 0038 | 01
    [1] bit 6 motion; [2] battery; [5] bits 0-1 light level, 2 = bright
c0219ae8bc49 | 69 | 5c | 0038
    [7] bit 6 motion, 5 light
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers._refusals import TOO_SHORT
from drivers._switchbot import Halves, battery, switchbot
from gateway.words.driver import Heard, Report
from gateway.words.reading import Kind


def read(frame: Halves, _address: bytes) -> Sequence[Heard]:
    """Say what one frame means."""
    service, maker = frame
    if len(maker) >= 8:
        motion, light = maker[7] & 0x40, maker[7] & 0x20
    elif len(service) >= 6:
        motion, light = service[1] & 0x40, service[5] & 0x02
    else:
        return (TOO_SHORT,)
    return [Report(Kind.MOTION, bool(motion)), Report(Kind.LIGHT, bool(light)), *battery(service)]


MODEL = switchbot(
    "switchbot-motion",
    ("SwitchBot 人体传感器", "SwitchBot Motion Sensor"),
    "s",
    10,
    {Kind.MOTION, Kind.LIGHT, Kind.BATTERY},
    read,
    (
        "面向房间,避开暖气与窗帘。",
        "Face it to the room, away from heaters and curtains.",
    ),
)
