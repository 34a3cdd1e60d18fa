"""DFRobot C1001 (SEN0623) fall radar: 53 59 frames, see radar_5359.py.

    53 59 | 02 08 | 0001 | 01 | b8 | 54 43      work mode: 1 fall, 2 sleep; asked with 02 a8
    53 59 | 01 02 | 0001 | 0f | bf | 54 43      start anew: what was set takes effect

Document: DFRobot_HumanDetection library (field tables) and its examples. After a change of mode and
after 01 02 it says nothing for about ten seconds. Several settings in a row hang it: one at a time,
each after the echo of the one before.
"""

from __future__ import annotations

from drivers.radar_5359 import SETTINGS, RadarApplying, radar
from gateway.words.driver import Setting

WORK_MODE = Setting(
    name="work_mode",
    unit="",
    low=1,
    high=2,
    title=("工作模式", "work mode"),
    words=(("fall", 1.0), ("sleep", 2.0)),
    quiet=10.0,
)

MODEL = radar(
    "dfrobot-c1001",
    ("DFRobot C1001 跌倒雷达", "DFRobot C1001 fall radar"),
    (
        (
            "必须设为跌倒模式(work_mode=fall),出厂可能是睡眠模式;"
            "吸顶正装,高 2 至 3 米并设置真实高度;5V 供电;设置时会停 10 秒。"
        ),
        (
            "Must be in fall mode (work_mode=fall); it may be sold in sleep mode. "
            "Overhead, 2 to 3 m high, true height set; 5 V supply. "
            "It falls silent for 10 s while being set."
        ),
    ),
    new=RadarApplying,
    settings=(WORK_MODE, *SETTINGS),
)
