"""Shelly BLU Button1, Button Tough 1 and the wall switches with four buttons (SBBT-...): BTHome v2, see bthome_v2.py.

    44 | 00 52 | 01 64 | 3a 01      packet 82, battery 100 %, pressed once; four-button kinds repeat 3a, one for each button

Document: Shelly's page on BLU Button1 and RC Button 4 (shelly-api-docs.shelly.cloud). Every action but a release is a call; a hold
of more than ten seconds puts the button into pairing, and has called before that. Firmware before 1.0.23 presses by itself after a
battery change.
"""

from __future__ import annotations

from drivers.bthome_v2 import SHELLY, SHELLY_MISSING_AFTER, SHELLY_NOTES, UUID, Bthome
from gateway.words.driver import BleAdvert, Model
from gateway.words.reading import Kind

MODEL = Model(
    name="shelly-blu-button",
    title=("Shelly BLU 按钮", "Shelly BLU button"),
    listens=BleAdvert(services=(UUID,), companies=(SHELLY,), names=("SBBT-",)),
    senses=frozenset({Kind.BUTTON, Kind.BATTERY}),
    missing_after=SHELLY_MISSING_AFTER,
    new=Bthome,
    key_bytes=16,
    device_notes=(
        SHELLY_NOTES[0] + "固件请升级到 1.0.23 以上;请加密并把密钥登记到网关。",
        SHELLY_NOTES[1] + "Update the firmware to 1.0.23 or later; encrypt it and enrol its key.",
    ),
)
