"""Shelly BLU Motion (SBMO-003Z): BTHome v2, see bthome_v2.py.

    44 | 00 02 | 01 64 | 05 903300 | 21 01      packet 2, battery 100 %, 132 lx, motion

Document: Shelly's page on BLU Motion (shelly-api-docs.shelly.cloud). "No motion" comes after the
blind time set in the device, which every movement starts again; the device has a button too (3a).
"""

from __future__ import annotations

from drivers._shelly import shelly
from gateway.words.reading import Kind

MODEL = shelly(
    "shelly-blu-motion",
    "SBMO-",
    ("Shelly BLU 人体移动传感器", "Shelly BLU Motion"),
    {Kind.MOTION, Kind.ILLUMINANCE, Kind.BATTERY, Kind.BUTTON},
    presses="nothing",  # the button on its body is for pairing
    notes=("感应器不要正对窗户和暖气。", "Do not point it at a window or a heater."),
)
