"""Zigbee bed or chair pad through zigbee2mqtt; see _zigbee.py, and _zigbee_words.py for its words.

    {"occupancy":true,"work_state":"presence_5min"}      somebody

Document: zigbee2mqtt, exposes of Tuya TS0601_bed_presence_sensor.
"""

from __future__ import annotations

from drivers._zigbee import zigbee
from gateway.words.reading import Kind

MODEL = zigbee(
    "zigbee-pad",
    ("Zigbee 床垫 / 坐垫传感器", "Zigbee bed or chair pad"),
    frozenset({Kind.OCCUPANCY}),
    (
        "放在床垫下腰部位置;躺下、起身各试一次。",
        "Under the mattress at the height of the waist; lie down and get up once as a test.",
    ),
    occupancy=Kind.OCCUPANCY,
)
