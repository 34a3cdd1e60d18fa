"""Zigbee motion sensor through zigbee2mqtt; see _zigbee.py.

    {"occupancy":true,"battery":100}      motion

Document: zigbee2mqtt, converters of Sonoff SNZB-03, Aqara RTCGQ11LM.
"""

from __future__ import annotations

from drivers._zigbee import zigbee
from gateway.words.reading import Kind

MODEL = zigbee(
    "zigbee-motion",
    ("Zigbee 红外", "Zigbee motion sensor"),
    frozenset({Kind.MOTION}),
    ("多数触发后 1 分钟内不再报。", "Most do not react for a minute after a movement."),
)
