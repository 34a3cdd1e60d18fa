"""Linptech pressure sensor for bed and chair (PS1BB): MiBeacon product 3F4C, see mibeacon.py.

    5859 | 4c3f | 10 | 12efbe38c1a4 | 7f7b3e95 | 000000 | 35019b75
        opened: 3c48 01 01, somebody lies or sits on it

Documents: Xiaomi's MiBeacon object definitions; xiaomi-ble's recordings.
How long it has been so comes as 483D (occupied) and 483E (free) in seconds.
"""

from __future__ import annotations

from drivers.mibeacon import product
from gateway.words.reading import Kind

MODEL = product(
    "linptech-ps1bb",
    ("领普压力传感器 PS1(床、椅)", "Linptech pressure sensor PS1 (bed, chair)"),
    0x3F4C,
    {Kind.OCCUPANCY, Kind.BATTERY, Kind.BATTERY_LOW},
    (
        "压力条铺在床垫下腰部位置,须有人躺下与起身各试一次。",
        "Lay the strip below the mattress at hip height; lie down and get up once as a test.",
    ),
)
