"""Xiaomi wireless button (XMWXKG01LM): MiBeacon product 2387, see mibeacon.py.

    5859 | 8723 | ff | 0d692a3cc218 | 76d7a7 | 080000 | 6024e757      opened: 0c4e 00, pressed once; 0d4e twice, 0e4e long

Documents: Xiaomi's MiBeacon object definitions; xiaomi-ble's recordings.
It speaks when pressed and at no other time that a document knows of: it cannot be supervised.
"""

from __future__ import annotations

from functools import partial

from drivers.mibeacon import KEY_BYTES, KEY_NOTES, LISTENS, XMWXKG01LM, MiBeacon
from gateway.words.driver import Model
from gateway.words.reading import Kind

MODEL = Model(
    name="xiaomi-xmwxkg01lm",
    title=("小米无线开关", "Xiaomi wireless button"),
    listens=LISTENS,
    senses=frozenset({Kind.BUTTON, Kind.BATTERY_LOW}),
    missing_after=None,
    new=partial(MiBeacon, products=frozenset({XMWXKG01LM})),
    key_bytes=KEY_BYTES,
    device_notes=(
        KEY_NOTES[0] + "按下才发信号,无法判断是否在线:每月须人工试按一次。",
        KEY_NOTES[1] + "It speaks only when pressed and cannot be supervised: press it by hand once a month.",
    ),
)
