"""Xiaomi door sensor 2 (MCCGQ02HL): MiBeacon product 098B, see mibeacon.py.

    5858 | 8b09 | a3 | ae2181ecaae4 | 0e2c553c | 040000 | d28a500c      opened: 1910 01 02, left open

Documents: Xiaomi's MiBeacon object definitions; xiaomi-ble's recordings.
It says itself alive every 50 minutes or so, without any state: a "closed" that was not heard stays unheard until the next change or
until it says that it was left open.
"""

from __future__ import annotations

from functools import partial

from drivers.mibeacon import KEY_BYTES, KEY_NOTES, LISTENS, MCCGQ02HL, MiBeacon
from gateway.words.driver import Model
from gateway.words.reading import Kind

MODEL = Model(
    name="xiaomi-mccgq02hl",
    title=("小米门窗传感器 2", "Xiaomi door sensor 2"),
    listens=LISTENS,
    senses=frozenset({Kind.CONTACT_OPEN, Kind.LIGHT, Kind.BATTERY, Kind.BATTERY_LOW}),
    missing_after=3 * 3600.0,  # s; it says itself alive every 50 minutes
    new=partial(MiBeacon, products=frozenset({MCCGQ02HL})),
    key_bytes=KEY_BYTES,
    device_notes=(
        KEY_NOTES[0] + "磁铁须贴近标记一侧,装好后开关门各试一次。",
        KEY_NOTES[1] + "Mount the magnet at the marked side; open and close once as a test.",
    ),
)
