"""EnOcean pull cord, pendant or rocker (PTM module), without a battery; see _enocean.py.

    f6 | 50 | 30      pressed (bit 4), rocker BI (bits 7-5 = 2)
    f6 | 00 | 20      let go

Document: EEP F6-02-xx, F6-01-01. Which side of a rocker a cord moves depends on how it was mounted:
anything with bit 4 is a call.
"""

from __future__ import annotations

from collections.abc import Iterable

from drivers._enocean import RPS, enocean
from gateway.words.driver import Heard, Report
from gateway.words.reading import Kind

_PRESSED = 0x10
ROCKERS = ("AI", "AO", "BI", "BO")


def _read(_rorg: int, payload: bytes) -> Iterable[Heard]:
    if not payload[0] & _PRESSED:
        return (Report(Kind.BUTTON, "release"),)
    side = payload[0] >> 5
    return (
        Report(
            Kind.BUTTON, "press", extra={"rocker": ROCKERS[side]} if side < len(ROCKERS) else None
        ),
    )


MODEL = enocean(
    "enocean-ptm-cord",
    ("EnOcean 拉绳 / 按钮(无电池)", "EnOcean pull cord or button (no battery)"),
    RPS,
    ("F6-02-01", "F6-02-02", "F6-01-01"),
    {Kind.BUTTON},
    _read,
    (
        "拉一下:收到的 8 位编号就是地址;拉绳垂到离地 10 厘米,倒地也够得着;每月实测。",
        (
            "Pull once: the 8 digits then heard are its address; "
            "the cord ends 10 cm above the floor; try it every month."
        ),
    ),
    missing_after=None,  # it has power only while it is pulled
)
