"""Xiaomi motion sensor 2 (RTCGQ02LM): MiBeacon product 0A8D, see mibeacon.py.

    5859 | 8d0a | 8c | 778e203cc218 | 5a273628ec32 | 060000 | c4264015      opened: 0f00 03 000100, motion in light

Documents: Xiaomi's MiBeacon object definitions; xiaomi-ble's recordings.
After motion it tells at 2, 5, 10, 20 and 30 minutes how long nobody has moved (1017), and then falls silent. Its pairing button is
no call for help.
"""

from __future__ import annotations

from functools import partial

from drivers.mibeacon import KEY_BYTES, KEY_NOTES, LISTENS, ON_CHANGE, RTCGQ02LM, MiBeacon
from gateway.words.driver import Model
from gateway.words.reading import Kind

MODEL = Model(
    name="xiaomi-rtcgq02lm",
    title=("小米人体传感器 2", "Xiaomi motion sensor 2"),
    listens=LISTENS,
    senses=frozenset({Kind.MOTION, Kind.LIGHT, Kind.BATTERY, Kind.COMMAND, Kind.BATTERY_LOW}),
    missing_after=ON_CHANGE,
    new=partial(MiBeacon, products=frozenset({RTCGQ02LM})),
    key_bytes=KEY_BYTES,
    device_notes=(
        KEY_NOTES[0] + "面向房间,避开暖气与窗帘。",
        KEY_NOTES[1] + "Face it to the room, away from heaters and curtains.",
    ),
)
