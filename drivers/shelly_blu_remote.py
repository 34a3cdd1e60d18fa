"""Shelly BLU Remote (SBRC-005B): BTHome v2, see bthome_v2.py.

    40 | 60 01            channel 1 chosen
    40 | 3c 01 03         wheel turned left by three steps

Document: Shelly's page on BLU Remote (shelly-api-docs.shelly.cloud).
"""

from __future__ import annotations

from drivers.bthome_v2 import SHELLY, SHELLY_MISSING_AFTER, SHELLY_NOTES, UUID, Bthome
from gateway.words.driver import BleAdvert, Model
from gateway.words.reading import Kind

MODEL = Model(
    name="shelly-blu-remote",
    title=("Shelly BLU 遥控器", "Shelly BLU Remote"),
    listens=BleAdvert(services=(UUID,), companies=(SHELLY,), names=("SBRC-",)),
    senses=frozenset({Kind.BUTTON, Kind.DIMMER, Kind.BATTERY}),
    missing_after=SHELLY_MISSING_AFTER,
    new=Bthome,
    key_bytes=16,
    buttons=2,
    device_notes=(
        SHELLY_NOTES[0] + "转动旋钮或选择频道不算呼救,只有按键算。",
        SHELLY_NOTES[1] + "Turning the wheel or choosing a channel is no call for help; only a button is.",
    ),
)
