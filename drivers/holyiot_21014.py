"""Holyiot 21014, a tag with a button and a vibration sensor. Service data 5242.

    41 | 64 | c6b545f6f18e | 0606 | 06 | 01 | 00        battery 100 %, button (06) pressed
    41 | 64 | c6b545f6f18e | 0606 | 04 | 01 | 00        vibration (04)
            address                 type value

Document: ble_monitor's parser and captures. No counter and no seal: the same press told again
later, by a receiver's cache or by a copy, cannot be told from a new one. It is reported each time;
bursts are merged by the intake.
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers._broadcast import broadcast
from drivers._refusals import WRONG_ADDRESS
from gateway.words.driver import NOT_MINE, BleAdvert, Heard, Report, uuid16
from gateway.words.reading import Kind

UUID = uuid16(0x5242)
_VIBRATION, _BUTTON = 0x04, 0x06


def read(frame: bytes, address: bytes) -> Sequence[Heard]:
    """Say what one frame means."""
    if frame[0] != 0x41:
        return (NOT_MINE,)
    if address and frame[2:8] != address:
        return (WRONG_ADDRESS,)
    said = [Report(Kind.BATTERY, frame[1])]
    if frame[10] == _BUTTON and frame[11]:
        said.append(Report(Kind.BUTTON, "press"))
    elif frame[10] == _VIBRATION:
        said.append(Report(Kind.VIBRATION, frame[11] > 0))
    return said


MODEL = broadcast(
    "holyiot-21014",
    ("Holyiot 21014 按钮标签", "Holyiot 21014 button tag"),
    BleAdvert(services=(UUID,)),
    {Kind.BUTTON, Kind.VIBRATION, Kind.BATTERY},
    read,
    (
        "信号不加密也无计数,重要的呼救请用加密按钮;每月人工试按。",
        (
            "Its signals are neither encrypted nor counted: "
            "use a sealed button where lives depend on it. Press it by hand once a month."
        ),
    ),
    size=13,
    missing_after=None,  # how often it speaks while idle is in no document
)
