"""Linptech presence radar (ES3): MiBeacon product 50FB, see mibeacon.py.

    5859 | fb50 | da | 76c3c738c1a4 | aabc4c16 | 000000 | c60c1646      opened: 4e48 01 1f, somebody is there

Documents: Xiaomi's MiBeacon object definitions; xiaomi-ble's recordings.
Any value but 0 means occupied.
"""

from __future__ import annotations

from functools import partial

from drivers.mibeacon import ES3, KEY_BYTES, KEY_NOTES, LISTENS, ON_CHANGE, MiBeacon
from gateway.words.driver import Model
from gateway.words.reading import Kind

MODEL = Model(
    name="linptech-es3",
    title=("领普人体存在传感器 ES3", "Linptech presence radar ES3"),
    listens=LISTENS,
    senses=frozenset({Kind.OCCUPANCY, Kind.ILLUMINANCE, Kind.BATTERY, Kind.BATTERY_LOW}),
    missing_after=ON_CHANGE,
    new=partial(MiBeacon, products=frozenset({ES3})),
    key_bytes=KEY_BYTES,
    device_notes=(
        KEY_NOTES[0] + "在应用中设定灵敏度与无人判定时间。",
        KEY_NOTES[1] + 'Set sensitivity and the time to "nobody" in the maker\'s app.',
    ),
)
