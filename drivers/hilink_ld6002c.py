"""Hi-Link HLK-LD6002C fall radar: TinyFrame, see _tinyframe.py.

    01 | 0001 | 0001 | 0f09 | f8 | 01 | fe      somebody is there

Document: HLK-LD6002C TinyFrame protocol V1.2 (2025-06-06). The bare module: 3.3 V supply and
signals.
"""

from __future__ import annotations

from drivers._tinyframe import radar

MODEL = radar(
    "hilink-ld6002c",
    ("海凌科 LD6002C 跌倒雷达", "Hi-Link LD6002C fall radar"),
    (
        "模块为 3.3V 供电和电平,电源须能给出 1A,接 5V 会损坏。",
        " Supply and signals are 3.3 V; the supply must give 1 A, and 5 V destroys it.",
    ),
)
