"""Zigbee smoke detector through zigbee2mqtt; see _zigbee.py.

    {"smoke":true,"battery_low":false}      smoke

Document: zigbee2mqtt, converters of Heiman HS1SA, Tuya TS0205.
"""

from __future__ import annotations

from drivers._zigbee import zigbee
from gateway.words.reading import Kind

MODEL = zigbee(
    "zigbee-smoke",
    ("Zigbee 烟感", "Zigbee smoke detector"),
    frozenset({Kind.SMOKE, Kind.CO}),
    ("装在天花板中央,按测试键试一次。", "In the middle of the ceiling; press its test key once."),
)
