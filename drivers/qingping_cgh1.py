"""Qingping door sensor (CGH1) where it speaks MiBeacon, in clear: product 03D6, see mibeacon.py.

    5040 | d603 | 01 | d6030a38c1a4 | 1910 01 00      open

Documents: Xiaomi's MiBeacon object definitions; xiaomi-ble's recordings. Nothing is sealed: whoever
is near can open and close this door for us. Fit for comfort, weak evidence for wandering.
"""

from __future__ import annotations

from drivers.mibeacon import product
from gateway.words.reading import Kind

MODEL = product(
    "qingping-cgh1",
    ("青萍门窗传感器", "Qingping door sensor"),
    0x03D6,
    {Kind.CONTACT_OPEN, Kind.BATTERY},
    (
        "磁铁须贴近标记一侧,装好后开关门各试一次;信号不加密。",
        (
            "Mount the magnet at the marked side; open and close once as a test. "
            "Its signals are not encrypted."
        ),
    ),
    sealed=False,
)
