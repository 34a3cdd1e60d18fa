"""Hi-Link HLK-LD6002C fall radar: TinyFrame, see _tinyframe.py.

    01 | 0001 | 0001 | 0f09 | f8 | 01 | fe      somebody is there

Document: HLK-LD6002C TinyFrame protocol V1.2 (2025-06-06). The bare module: 3.3 V supply and
signals.
"""

from __future__ import annotations

from drivers._tinyframe import LISTENS, MISSING_AFTER, NOTES, SENSES, SETTINGS_KNOWN, TinyFrameRadar
from gateway.words.driver import Enrol, Model

MODEL = Model(
    name="hilink-ld6002c",
    title=("海凌科 LD6002C 跌倒雷达", "Hi-Link LD6002C fall radar"),
    listens=LISTENS,
    senses=SENSES,
    missing_after=MISSING_AFTER,
    new=TinyFrameRadar,
    enrol=Enrol.PORT,
    settings=SETTINGS_KNOWN,
    device_notes=(
        NOTES[0] + "模块为 3.3V 供电和电平,电源须能给出 1A,接 5V 会损坏。",
        NOTES[1] + " Supply and signals are 3.3 V; the supply must give 1 A, and 5 V destroys it.",
    ),
)
