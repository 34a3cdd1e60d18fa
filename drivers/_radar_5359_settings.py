"""What can be set in a 53 59 radar: the addresses, and what a technician is shown.

    53 59 | 83 0d | 00 01 | 02 | 3f | 54 43    fall sensitivity 2; the radar repeats it

Documents: as in radar_5359.py.
"""

from __future__ import annotations

from gateway.words.driver import Setting

# setting: (control, command to set, command to ask without its high bit, bytes of the value)
SETTABLE = {
    "work_mode": (0x02, 0x08, 0x28, 1),
    "height": (0x06, 0x02, 0x02, 2),
    # one source writes it to 83 01, which is the address of the report
    "fall_on": (0x83, 0x00, 0x00, 1),
    "sensitivity": (0x83, 0x0D, 0x0D, 1),
    "fall_duration": (0x83, 0x0C, 0x0C, 4),
    "break_height": (0x83, 0x11, 0x11, 2),
    "still_on": (0x83, 0x0B, 0x0B, 1),
    "still_after": (0x83, 0x0A, 0x0A, 4),
    "presence_on": (0x80, 0x00, 0x00, 1),
    "seated_limit": (0x80, 0x0D, 0x0D, 2),
    "moving_limit": (0x80, 0x0E, 0x0E, 2),
    "nobody_after": (0x80, 0x12, 0x12, 4),
}
_ON_OFF = (("off", 0.0), ("on", 1.0))

# In the order in which they are set.
SETTINGS = (
    Setting(
        name="height",
        unit="cm",
        low=150,
        high=400,
        title=("安装高度", "mounting height"),
        label="install_height_cm",
    ),
    Setting(
        name="presence_on",
        unit="",
        low=0,
        high=1,
        title=("有人检测", "presence detection"),
        label="presence_function_on",
        words=_ON_OFF,
    ),
    Setting(
        name="fall_on",
        unit="",
        low=0,
        high=1,
        title=("跌倒检测", "fall detection"),
        label="fall_function_on",
        words=_ON_OFF,
    ),
    Setting(
        name="sensitivity",
        unit="",
        low=0,
        high=3,
        title=("跌倒灵敏度", "fall sensitivity"),
        label="fall_sensitivity",
    ),
    Setting(
        name="fall_duration",
        unit="s",
        low=5,
        high=180,
        title=("跌倒确认时间", "time on the floor before a report"),
        label="fall_duration_s",
    ),
    Setting(
        name="break_height",
        unit="cm",
        low=0,
        high=150,
        title=("跌倒判定高度", "height below which it is a fall"),
        label="fall_break_height_cm",
    ),
    Setting(
        name="still_on",
        unit="",
        low=0,
        high=1,
        title=("静止检测", "stay-still detection"),
        label="stay_still_function_on",
        words=_ON_OFF,
    ),
    Setting(
        name="still_after",
        unit="s",
        low=60,
        high=3600,
        title=("静止报警时间", "time without movement"),
        label="stay_still_after_s",
    ),
    Setting(
        name="seated_limit",
        unit="cm",
        low=0,
        high=300,
        title=("坐姿水平距离", "seated distance limit"),
        label="seated_distance_limit_cm",
    ),
    Setting(
        name="moving_limit",
        unit="cm",
        low=0,
        high=300,
        title=("活动水平距离", "moving distance limit"),
        label="moving_distance_limit_cm",
    ),
    Setting(
        name="nobody_after",
        unit="s",
        low=0,
        high=3600,
        title=("无人判定时间", "time until nobody"),
        label="nobody_after_s",
    ),
)
