"""Shelly BLU Remote (SBRC-005B): BTHome v2, see bthome_v2.py.

    40 | 60 01            channel 1 chosen
    40 | 3c 01 03         wheel turned left by three steps

Document: Shelly's page on BLU Remote (shelly-api-docs.shelly.cloud).
"""

from __future__ import annotations

from drivers._shelly import shelly
from gateway.words.reading import Kind

MODEL = shelly(
    "shelly-blu-remote",
    "SBRC-",
    ("Shelly BLU 遥控器", "Shelly BLU Remote"),
    {Kind.BUTTON, Kind.DIMMER, Kind.BATTERY},
    buttons=2,
    notes=(
        "转动旋钮或选择频道不算呼救,只有按键算。",
        "Turning the wheel or choosing a channel is no call for help; only a button is.",
    ),
)
