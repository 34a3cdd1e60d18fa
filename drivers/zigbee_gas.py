"""Zigbee gas or CO detector through zigbee2mqtt; see _zigbee.py.

    {"gas":true}  {"carbon_monoxide":true}      gas, carbon monoxide

Document: zigbee2mqtt, converters of Heiman HS1CG, HS1CA.
"""

from __future__ import annotations

from drivers._zigbee import zigbee
from gateway.words.reading import Kind

MODEL = zigbee(
    "zigbee-gas",
    ("Zigbee 燃气 / 一氧化碳报警器", "Zigbee gas or CO detector"),
    frozenset({Kind.GAS, Kind.CO}),
    (
        "市电型断电即失联;天然气装高处,液化气装低处。",
        "A mains one is missing when its power is; high for natural gas, low for LPG.",
    ),
)
