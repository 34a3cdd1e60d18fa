"""Zigbee water sensor through zigbee2mqtt; see _zigbee.py.

    {"water_leak":true,"battery":95}      wet

Document: zigbee2mqtt, converters of Aqara SJCGQ11LM, Tuya TS0207.
"""

from __future__ import annotations

from drivers._zigbee import zigbee
from gateway.words.reading import Kind

MODEL = zigbee(
    "zigbee-leak",
    ("Zigbee 水浸", "Zigbee water sensor"),
    frozenset({Kind.MOISTURE}),
    (
        "探头贴地,放在最低处,用湿布试一次。",
        "Probes on the floor at the lowest place; try it with a wet cloth.",
    ),
)
