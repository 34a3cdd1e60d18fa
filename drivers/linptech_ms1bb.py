"""Linptech door sensor (MS1BB): MiBeacon product 1889, see mibeacon.py.

    5859 | 8918 | 9a | 67e56638c1a4 | 9dd97af3 | 260000 | c8a60bd5      opened: 0448 01 01, open

Documents: Xiaomi's MiBeacon object definitions; xiaomi-ble's recordings.
Opening is told as 4804 or 4A12 (1 open, 2 closed), left open as 4A1A, taken off its place as 4A0F. Its button (4A13) is no call.
"""

from __future__ import annotations

from functools import partial

from drivers.mibeacon import KEY_BYTES, KEY_NOTES, LISTENS, MS1BB, ON_CHANGE, MiBeacon
from gateway.words.driver import Model
from gateway.words.reading import Kind

MODEL = Model(
    name="linptech-ms1bb",
    title=("领普门窗传感器 MS1", "Linptech door sensor MS1"),
    listens=LISTENS,
    senses=frozenset({Kind.CONTACT_OPEN, Kind.TAMPER, Kind.BATTERY, Kind.COMMAND, Kind.BATTERY_LOW}),
    missing_after=ON_CHANGE,
    new=partial(MiBeacon, products=frozenset({MS1BB})),
    key_bytes=KEY_BYTES,
    device_notes=(
        KEY_NOTES[0] + "磁铁须贴近标记一侧,装好后开关门各试一次。",
        KEY_NOTES[1] + "Mount the magnet at the marked side; open and close once as a test.",
    ),
)
