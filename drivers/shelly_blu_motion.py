"""Shelly BLU Motion (SBMO-003Z): BTHome v2, see bthome_v2.py.

    44 | 00 02 | 01 64 | 05 903300 | 21 01      packet 2, battery 100 %, 132 lx, motion

Document: Shelly's page on BLU Motion (shelly-api-docs.shelly.cloud). "No motion" comes after the blind time set in the device, which
every movement starts again; the device has a button too (3a).
"""

from __future__ import annotations

from drivers.bthome_v2 import SHELLY, SHELLY_MISSING_AFTER, SHELLY_NOTES, UUID, Bthome
from gateway.words.driver import BleAdvert, Model
from gateway.words.reading import Kind

MODEL = Model(
    name="shelly-blu-motion",
    title=("Shelly BLU 人体移动传感器", "Shelly BLU Motion"),
    listens=BleAdvert(services=(UUID,), companies=(SHELLY,), names=("SBMO-",)),
    senses=frozenset({Kind.MOTION, Kind.ILLUMINANCE, Kind.BATTERY, Kind.BUTTON}),
    missing_after=SHELLY_MISSING_AFTER,
    new=Bthome,
    key_bytes=16,
    presses="nothing",  # the button on its body is for pairing
    device_notes=(
        SHELLY_NOTES[0] + "感应器不要正对窗户和暖气。",
        SHELLY_NOTES[1] + "Do not point it at a window or a heater.",
    ),
)
