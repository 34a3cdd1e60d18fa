"""SwitchBot Contact Sensor ('d'): a door, and motion before it. See _switchbot.py.

    64 | 40 | da | 02 | 00170051 | 44
        [1] bit 6 motion; [2] battery; [3] bit 0 light, 1 open, 2 left open; [8] presses
    cb39cdc43d46 | 84 | 9c | 00170051 | 44
        [7] bit 7 motion, 6 light, 5 left open, 4 open; [12] low four bits: presses

Left open counts as open. The number of presses of its own button goes round at 15; the button is no
call for help, so only the number is told.
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers._refusals import TOO_SHORT
from drivers._reports import measure, state
from drivers._switchbot import Halves, battery, switchbot
from gateway.words.driver import Heard, Report
from gateway.words.reading import Kind


def read(frame: Halves, _address: bytes) -> Sequence[Heard]:
    """Say what one frame means."""
    service, maker = frame
    if len(maker) >= 13:
        bits, presses = maker[7], maker[12] & 0x0F
        motion, light, left, opened = bits & 0x80, bits & 0x40, bits & 0x20, bits & 0x10
    elif len(service) >= 9:
        bits, presses = service[3], service[8] & 0x0F
        motion, light, left, opened = service[1] & 0x40, bits & 0x01, bits & 0x04, bits & 0x02
    else:
        return (TOO_SHORT,)
    return [
        Report(Kind.CONTACT_OPEN, bool(opened or left)),
        state("contact_timeout", bool(left)),
        Report(Kind.MOTION, bool(motion)),
        Report(Kind.LIGHT, bool(light)),
        measure("button_count", presses),
        *battery(service),
    ]


MODEL = switchbot(
    "switchbot-contact",
    ("SwitchBot 门窗传感器", "SwitchBot Contact Sensor"),
    "d",
    13,
    {Kind.CONTACT_OPEN, Kind.MOTION, Kind.LIGHT, Kind.BATTERY},
    read,
    (
        "磁铁须贴近标记一侧,装好后开关门各试一次;信号不加密。",
        (
            "Mount the magnet at the marked side; open and close once as a test. "
            "Its signals are not encrypted."
        ),
    ),
)
