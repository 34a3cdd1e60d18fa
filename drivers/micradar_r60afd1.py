"""MicRadar R60AFD1 fall radar: 53 59 frames, see radar_5359.py.

    53 59 | 83 01 | 0001 | 01 | 32 | 54 43      fallen

Document: MicRadar R60AFD1 protocol. It has two outputs for presence and fall besides the line,
which a dry-contact input can hear.
"""

from __future__ import annotations

from drivers.radar_5359 import radar

MODEL = radar(
    "micradar-r60afd1",
    ("云帆瑞达 R60AFD1 跌倒雷达", "MicRadar R60AFD1 fall radar"),
    (
        (
            "吸顶正装,高 2.2 至 3 米(2.8 米高时约看半径 2 米);设置真实高度,否则误判;一间一人;"
            "5V 供电、3.3V 电平;避开风扇、窗帘、宠物、扫地机。"
        ),
        (
            "Overhead, facing straight down, 2.2 to 3 m high (at 2.8 m it watches a radius of "
            "about 2 m); set its true height. One person a room; 5 V supply, 3.3 V signals; "
            "away from fans, curtains, pets, robot vacuums."
        ),
    ),
)
