"""Zigbee SOS button or cord through zigbee2mqtt; see _zigbee.py.

    {"action":"emergency","battery":87}      pressed

Document: zigbee2mqtt, converters of Tuya TS0215A, Develco PBTZB-110, Sonoff SNZB-01.
"""

from __future__ import annotations

from drivers._zigbee import zigbee
from gateway.words.reading import Kind

MODEL = zigbee(
    "zigbee-sos",
    ("Zigbee SOS 按钮 / 拉绳", "Zigbee SOS button or cord"),
    frozenset({Kind.BUTTON}),
    (
        "按住 3 秒的型号要教会老人;装好后实测。",
        "Some want to be held for 3 s: show the resident; try it when mounted.",
    ),
    buttons=4,
)
