"""Linptech motion sensor (HS1BB): MiBeacon product 2AEB, see mibeacon.py.

    4859 | eb2a | c2 | fce02ca0b43af2 | 380000 | a2d9f05f      opened: 084a 04 00006443, motion at 228 lx

Documents: Xiaomi's MiBeacon object definitions; xiaomi-ble's recordings.
Without an address in the frame. After motion it tells how many seconds nobody has moved (4818), and then falls silent.
"""

from __future__ import annotations

from functools import partial

from drivers.mibeacon import HS1BB, KEY_BYTES, KEY_NOTES, LISTENS, ON_CHANGE, MiBeacon
from gateway.words.driver import Model
from gateway.words.reading import Kind

MODEL = Model(
    name="linptech-hs1bb",
    title=("领普人体传感器 HS1", "Linptech motion sensor HS1"),
    listens=LISTENS,
    senses=frozenset({Kind.MOTION, Kind.ILLUMINANCE, Kind.BATTERY, Kind.BATTERY_LOW}),
    missing_after=ON_CHANGE,
    new=partial(MiBeacon, products=frozenset({HS1BB})),
    key_bytes=KEY_BYTES,
    device_notes=(
        KEY_NOTES[0] + "面向房间,避开暖气与窗帘。",
        KEY_NOTES[1] + "Face it to the room, away from heaters and curtains.",
    ),
)
