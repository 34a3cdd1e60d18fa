"""Xiaomi motion sensor 2 (RTCGQ02LM): MiBeacon product 0A8D, see mibeacon.py.

    5859 | 8d0a | 8c | 778e203cc218 | 5a273628ec32 | 060000 | c4264015
        opened: 0f00 03 000100, motion in light

Documents: Xiaomi's MiBeacon object definitions; xiaomi-ble's recordings. After motion it tells at
2, 5, 10, 20 and 30 minutes how long nobody has moved (1017), and then falls silent. Its pairing
button is no call for help.
"""

from __future__ import annotations

from drivers._mibeacon import RTCGQ02LM
from drivers.mibeacon import product
from gateway.words.reading import Kind

MODEL = product(
    "xiaomi-rtcgq02lm",
    ("小米人体传感器 2", "Xiaomi motion sensor 2"),
    RTCGQ02LM,
    {Kind.MOTION, Kind.LIGHT, Kind.BATTERY, Kind.COMMAND, Kind.BATTERY_LOW},
    ("面向房间,避开暖气与窗帘。", "Face it to the room, away from heaters and curtains."),
)
