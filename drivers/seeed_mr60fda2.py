"""Seeed MR60FDA2 fall radar: TinyFrame, see _tinyframe.py.

    01 | 0000 | 0001 | 0e02 | f3 | 01 | fe      fallen

Document: Seeed Studio wiki, MR60FDA2. It is sold on a board with an ESP32-C6 that runs other
firmware and speaks for itself: flash it as a pass-through, or wire the module's own TX and RX to a
3.3 V serial adapter.
"""

from __future__ import annotations

from drivers._tinyframe import radar

MODEL = radar(
    "seeed-mr60fda2",
    ("Seeed MR60FDA2 跌倒雷达", "Seeed MR60FDA2 fall radar"),
    (
        (
            "套件上的 ESP32 固件不转发雷达数据:刷成串口透传,"
            "或把模块的 TX/RX 直接接到 3.3V 串口适配器。"
        ),
        (
            " The kit's ESP32 does not pass the radar's bytes on: "
            "flash a pass-through, or wire the module's TX/RX to a 3.3 V adapter."
        ),
    ),
)
