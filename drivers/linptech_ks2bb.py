"""Linptech wireless button (KS2BB): MiBeacon product 520B, see mibeacon.py.

    5859 | 0b52 | b4 | e6fea138c1a4 | 308fa8 | 090000 | 0de1ebdb      opened: 0c56 00, pressed once; 0d56 twice, 0e56 long

Documents: Xiaomi's MiBeacon object definitions; xiaomi-ble's recordings.
The kind with a thermometer; what it measures comes between the presses and keeps its supervision alive.
"""

from __future__ import annotations

from functools import partial

from drivers.mibeacon import KEY_BYTES, KEY_NOTES, KS2BB, LISTENS, ON_CHANGE, MiBeacon
from gateway.words.driver import Model
from gateway.words.reading import Kind

MODEL = Model(
    name="linptech-ks2bb",
    title=("领普无线开关 KS2", "Linptech wireless button KS2"),
    listens=LISTENS,
    senses=frozenset({Kind.BUTTON, Kind.TEMPERATURE, Kind.HUMIDITY, Kind.BATTERY, Kind.BATTERY_LOW}),
    missing_after=ON_CHANGE,
    new=partial(MiBeacon, products=frozenset({KS2BB})),
    key_bytes=KEY_BYTES,
    device_notes=(
        KEY_NOTES[0] + "登记后单击、双击、长按各试一次。",
        KEY_NOTES[1] + "After enrolling press it once, twice and long as a test.",
    ),
)
