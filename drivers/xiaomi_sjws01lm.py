"""Xiaomi flood detector (SJWS01LM): MiBeacon product 0863, see mibeacon.py.

    5859 | 6308 | 08 | bc27e044ef54 | f58fe704 | 000000 | fc69d15c      opened: 1410 01 01, wet

Documents: Xiaomi's MiBeacon object definitions; xiaomi-ble's recordings.
Its button pairs it and is no call for help.
"""

from __future__ import annotations

from drivers._mibeacon import SJWS01LM
from drivers.mibeacon import product
from gateway.words.reading import Kind

MODEL = product(
    "xiaomi-sjws01lm",
    ("小米水浸卫士", "Xiaomi flood detector"),
    SJWS01LM,
    {Kind.MOISTURE, Kind.BATTERY, Kind.COMMAND, Kind.BATTERY_LOW},
    (
        "放在地面最低处,用湿布触碰电极试一次。",
        "Lay it at the lowest place of the floor; touch its contacts with a wet cloth as a test.",
    ),
)
