"""Shelly BLU H&T and H&T Display (SBHT-...): BTHome v2, see bthome_v2.py.

    40 | 00 2e | 01 64 | 1e 01 | 2e 34 | 45 1601
        packet 46, battery 100 %, light, 52 %, 27.8 deg C

Document: Shelly's page on BLU H&T (shelly-api-docs.shelly.cloud).
"""

from __future__ import annotations

from drivers._shelly import shelly
from gateway.words.reading import Kind

MODEL = shelly(
    "shelly-blu-ht",
    "SBHT-",
    ("Shelly BLU 温湿度计", "Shelly BLU H&T"),
    {Kind.TEMPERATURE, Kind.HUMIDITY, Kind.LIGHT, Kind.BATTERY, Kind.BUTTON},
    presses="nothing",  # the button on its body is for pairing
    notes=("不要放在阳光直射处或暖气旁。", "Keep it out of the sun and away from heaters."),
)
