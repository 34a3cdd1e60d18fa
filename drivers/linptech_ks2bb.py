"""Linptech wireless button (KS2BB): MiBeacon product 520B, see mibeacon.py.

    5859 | 0b52 | b4 | e6fea138c1a4 | 308fa8 | 090000 | 0de1ebdb
        opened: 0c56 00, pressed once; 0d56 twice, 0e56 long

Documents: Xiaomi's MiBeacon object definitions; xiaomi-ble's recordings. The kind with a
thermometer; what it measures comes between the presses and keeps its supervision alive.
"""

from __future__ import annotations

from drivers.mibeacon import product
from gateway.words.reading import Kind

MODEL = product(
    "linptech-ks2bb",
    ("领普无线开关 KS2", "Linptech wireless button KS2"),
    0x520B,
    {Kind.BUTTON, Kind.TEMPERATURE, Kind.HUMIDITY, Kind.BATTERY, Kind.BATTERY_LOW},
    (
        "登记后单击、双击、长按各试一次。",
        "After enrolling press it once, twice and long as a test.",
    ),
)
