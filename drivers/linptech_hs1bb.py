"""Linptech motion sensor (HS1BB): MiBeacon product 2AEB, see mibeacon.py.

    4859 | eb2a | c2 | fce02ca0b43af2 | 380000 | a2d9f05f
        opened: 084a 04 00006443, motion at 228 lx

Documents: Xiaomi's MiBeacon object definitions; xiaomi-ble's recordings. Without an address in the
frame. After motion it tells how many seconds nobody has moved (4818), and then falls silent.
"""

from __future__ import annotations

from drivers.mibeacon import product
from gateway.words.reading import Kind

MODEL = product(
    "linptech-hs1bb",
    ("领普人体传感器 HS1", "Linptech motion sensor HS1"),
    0x2AEB,
    {Kind.MOTION, Kind.ILLUMINANCE, Kind.BATTERY, Kind.BATTERY_LOW},
    ("面向房间,避开暖气与窗帘。", "Face it to the room, away from heaters and curtains."),
)
