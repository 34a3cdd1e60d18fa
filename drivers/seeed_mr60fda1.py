"""Seeed MR60FDA1 fall radar: 53 59 frames, see radar_5359.py.

    53 59 | 83 05 | 0001 | 01 | 36 | 54 43      has not moved for long

Document: Seeed Studio wiki, Radar_MR60FDA1. Not the MR60FDA2, whose frames are others: see
seeed_mr60fda2.py.
"""

from __future__ import annotations

from drivers.radar_5359 import radar

MODEL = radar(
    "seeed-mr60fda1",
    ("Seeed MR60FDA1 跌倒雷达", "Seeed MR60FDA1 fall radar"),
    (
        (
            "吸顶正装,高 2 至 3 米;设置真实高度,否则误判;5V 供电、3.3V 电平;"
            "有的套件带 ESP32 且固件不同,USB 上没有雷达数据。"
        ),
        (
            "Overhead, facing straight down, 2 to 3 m high; set its true height. "
            "5 V supply, 3.3 V signals. Some kits carry an ESP32 with other firmware: "
            "then the radar's bytes are not on USB."
        ),
    ),
)
