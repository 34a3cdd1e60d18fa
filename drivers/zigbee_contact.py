"""Zigbee door/window contact through zigbee2mqtt; see _zigbee.py.

    {"contact":false,"battery":100}      open: contact true = closed

Document: zigbee2mqtt, converters of Sonoff SNZB-04, Aqara MCCGQ11LM.
"""

from __future__ import annotations

from drivers._zigbee import zigbee
from gateway.words.reading import Kind

MODEL = zigbee(
    "zigbee-contact",
    ("Zigbee 门窗磁", "Zigbee door/window contact"),
    frozenset({Kind.CONTACT_OPEN}),
    (
        "磁铁与主体间隙小于 1.5 厘米;开关门各试一次。",
        "Magnet and body less than 1.5 cm apart; open and close once as a test.",
    ),
)
