"""Zigbee fall radar through zigbee2mqtt; see _zigbee.py.

    {"presence":true,"fall_down_status":"fall","static_dwell_alarm":"none"}      fallen

Document: zigbee2mqtt, converter of Tuya TS0601 (MIR-TY-FALL), whose settings call it "tumble".
"""

from __future__ import annotations

from drivers._zigbee import zigbee
from gateway.words.reading import Kind

MODEL = zigbee(
    "zigbee-fall-radar",
    ("Zigbee 跌倒雷达", "Zigbee fall radar"),
    frozenset({Kind.FALL, Kind.STAY_STILL, Kind.PRESENCE, Kind.OCCUPANCY}),
    (
        "吸顶安装;在 zigbee2mqtt 里打开 tumble_switch 并设 fall_sensitivity 和 tumble_alarm_time。",
        (
            "Mount it overhead; in zigbee2mqtt switch tumble_switch on and set fall_sensitivity "
            "and tumble_alarm_time."
        ),
    ),
    occupancy=Kind.OCCUPANCY,
)
