"""Xiaomi door sensor 2 (MCCGQ02HL): MiBeacon product 098B, see mibeacon.py.

    5858 | 8b09 | a3 | ae2181ecaae4 | 0e2c553c | 040000 | d28a500c
        opened: 1910 01 02, left open

Documents: Xiaomi's MiBeacon object definitions; xiaomi-ble's recordings. It says itself alive every
50 minutes or so, without any state: a "closed" that was not heard stays unheard until the next
change or until it says that it was left open.
"""

from __future__ import annotations

from drivers._mibeacon import MCCGQ02HL
from drivers.mibeacon import product
from gateway.words.reading import Kind

MODEL = product(
    "xiaomi-mccgq02hl",
    ("小米门窗传感器 2", "Xiaomi door sensor 2"),
    MCCGQ02HL,
    {Kind.CONTACT_OPEN, Kind.LIGHT, Kind.BATTERY, Kind.BATTERY_LOW},
    (
        "磁铁须贴近标记一侧,装好后开关门各试一次。",
        "Mount the magnet at the marked side; open and close once as a test.",
    ),
    missing_after=3 * 3600.0,  # s; it says itself alive every 50 minutes
)
