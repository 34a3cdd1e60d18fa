"""Xiaomi wireless button (XMWXKG01LM): MiBeacon product 2387, see mibeacon.py.

    5859 | 8723 | ff | 0d692a3cc218 | 76d7a7 | 080000 | 6024e757
        opened: 0c4e 00, pressed once; 0d4e twice, 0e4e long

Documents: Xiaomi's MiBeacon object definitions; xiaomi-ble's recordings.
It speaks when pressed and at no other time that a document knows of: it cannot be supervised.
"""

from __future__ import annotations

from drivers.mibeacon import product
from gateway.words.reading import Kind

MODEL = product(
    "xiaomi-xmwxkg01lm",
    ("小米无线开关", "Xiaomi wireless button"),
    0x2387,
    {Kind.BUTTON, Kind.BATTERY_LOW},
    (
        "按下才发信号,无法判断是否在线:每月须人工试按一次。",
        "It sends only when pressed and cannot be supervised: press it by hand once a month.",
    ),
    missing_after=None,
)
