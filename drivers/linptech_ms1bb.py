"""Linptech door sensor (MS1BB): MiBeacon product 1889, see mibeacon.py.

    5859 | 8918 | 9a | 67e56638c1a4 | 9dd97af3 | 260000 | c8a60bd5      opened: 0448 01 01, open

Documents: Xiaomi's MiBeacon object definitions; xiaomi-ble's recordings. Opening is told as 4804 or
4A12 (1 open, 2 closed), left open as 4A1A, taken off its place as 4A0F. Its button (4A13) is no
call.
"""

from __future__ import annotations

from drivers._mibeacon import MS1BB
from drivers.mibeacon import product
from gateway.words.reading import Kind

MODEL = product(
    "linptech-ms1bb",
    ("领普门窗传感器 MS1", "Linptech door sensor MS1"),
    MS1BB,
    {Kind.CONTACT_OPEN, Kind.TAMPER, Kind.BATTERY, Kind.COMMAND, Kind.BATTERY_LOW},
    (
        "磁铁须贴近标记一侧,装好后开关门各试一次。",
        "Mount the magnet at the marked side; open and close once as a test.",
    ),
)
