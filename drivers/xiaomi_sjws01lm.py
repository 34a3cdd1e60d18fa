"""Xiaomi flood detector (SJWS01LM): MiBeacon product 0863, see mibeacon.py.

    5859 | 6308 | 08 | bc27e044ef54 | f58fe704 | 000000 | fc69d15c      opened: 1410 01 01, wet

Documents: Xiaomi's MiBeacon object definitions; xiaomi-ble's recordings.
Its button pairs it and is no call for help.
"""

from __future__ import annotations

from functools import partial

from drivers.mibeacon import KEY_BYTES, KEY_NOTES, LISTENS, ON_CHANGE, SJWS01LM, MiBeacon
from gateway.words.driver import Model
from gateway.words.reading import Kind

MODEL = Model(
    name="xiaomi-sjws01lm",
    title=("小米水浸卫士", "Xiaomi flood detector"),
    listens=LISTENS,
    senses=frozenset({Kind.MOISTURE, Kind.BATTERY, Kind.COMMAND, Kind.BATTERY_LOW}),
    missing_after=ON_CHANGE,
    new=partial(MiBeacon, products=frozenset({SJWS01LM})),
    key_bytes=KEY_BYTES,
    device_notes=(
        KEY_NOTES[0] + "放在地面最低处,用湿布触碰电极试一次。",
        KEY_NOTES[1] + "Lay it at the lowest place of the floor; touch its contacts with a wet cloth as a test.",
    ),
)
