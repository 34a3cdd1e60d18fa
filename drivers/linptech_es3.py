"""Linptech presence radar (ES3): MiBeacon product 50FB, see mibeacon.py.

    5859 | fb50 | da | 76c3c738c1a4 | aabc4c16 | 000000 | c60c1646
        opened: 4e48 01 1f, somebody is there

Documents: Xiaomi's MiBeacon object definitions; xiaomi-ble's recordings.
Any value but 0 means occupied.
"""

from __future__ import annotations

from drivers.mibeacon import product
from gateway.words.reading import Kind

MODEL = product(
    "linptech-es3",
    ("领普人体存在传感器 ES3", "Linptech presence radar ES3"),
    0x50FB,
    {Kind.OCCUPANCY, Kind.ILLUMINANCE, Kind.BATTERY, Kind.BATTERY_LOW},
    (
        "在应用中设定灵敏度与无人判定时间。",
        'Set sensitivity and the time to "nobody" in the maker\'s app.',
    ),
)
