"""Shelly BLU H&T and H&T Display (SBHT-...): BTHome v2, see bthome_v2.py.

    40 | 00 2e | 01 64 | 1e 01 | 2e 34 | 45 1601      packet 46, battery 100 %, light, 52 %, 27.8 deg C

Document: Shelly's page on BLU H&T (shelly-api-docs.shelly.cloud).
"""

from __future__ import annotations

from drivers.bthome_v2 import SHELLY, SHELLY_MISSING_AFTER, SHELLY_NOTES, UUID, Bthome
from gateway.words.driver import BleAdvert, Model
from gateway.words.reading import Kind

MODEL = Model(
    name="shelly-blu-ht",
    title=("Shelly BLU 温湿度计", "Shelly BLU H&T"),
    listens=BleAdvert(services=(UUID,), companies=(SHELLY,), names=("SBHT-",)),
    senses=frozenset({Kind.TEMPERATURE, Kind.HUMIDITY, Kind.LIGHT, Kind.BATTERY, Kind.BUTTON}),
    missing_after=SHELLY_MISSING_AFTER,
    new=Bthome,
    key_bytes=16,
    presses="nothing",  # the button on its body is for pairing
    device_notes=(
        SHELLY_NOTES[0] + "不要放在阳光直射处或暖气旁。",
        SHELLY_NOTES[1] + "Keep it out of the sun and away from heaters.",
    ),
)
