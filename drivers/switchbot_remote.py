"""SwitchBot Remote ('b'): its battery only. See _switchbot.py.

    62 | 20 | 56 | 00          [2] low seven bits: battery, 86 %

Its presses go to the device it is paired with and are not in the broadcast: it cannot call for help
here.
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers._refusals import TOO_SHORT
from drivers._switchbot import Halves, battery, switchbot
from gateway.words.driver import Heard
from gateway.words.reading import Kind

_NEVER_ALONE = -1  # without its letter nothing of it is known


def read(frame: Halves, _address: bytes) -> Sequence[Heard]:
    """Say what one frame means."""
    return battery(frame[0]) or (TOO_SHORT,)


MODEL = switchbot(
    "switchbot-remote",
    ("SwitchBot 遥控按钮", "SwitchBot Remote"),
    "b",
    _NEVER_ALONE,
    {Kind.BATTERY},
    read,
    (
        "广播中只有电量,没有按键:不能用于呼救。",
        "Its broadcast carries the battery and no presses: it cannot be used to call for help.",
    ),
    missing_after=None,
)
