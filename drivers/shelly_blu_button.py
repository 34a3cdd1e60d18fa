"""Shelly BLU Button1, Button Tough 1 and wall switches with four buttons (SBBT-...): BTHome v2.

    44 | 00 52 | 01 64 | 3a 01
        packet 82, battery 100 %, pressed once; four-button kinds repeat 3a, one for each button

Document: Shelly's page on BLU Button1 and RC Button 4 (shelly-api-docs.shelly.cloud). Every action
but a release is a call; a hold of more than ten seconds puts the button into pairing, and has
called before that. Firmware before 1.0.23 presses by itself after a battery change.
"""

from __future__ import annotations

from drivers._shelly import shelly
from gateway.words.reading import Kind

MODEL = shelly(
    "shelly-blu-button",
    "SBBT-",
    ("Shelly BLU 按钮", "Shelly BLU button"),
    {Kind.BUTTON, Kind.BATTERY},
    notes=(
        "固件请升级到 1.0.23 以上;请加密并把密钥登记到网关。",
        "Update the firmware to 1.0.23 or later; encrypt it and enrol its key.",
    ),
)
