"""NodOn NIU smart button. 16 bytes of service data, under the 16-bit UUID 0000.

    02 | 599c37d90287a521 | 52 | 0006 | 63 | 5ab8 | 01 ...
                                 colour battery     press

    last byte: 1 press, 2 double, 3 or 9 long, 4 or 10 release, 5 triple

Document: Theengs and its captures. UUID 0000 is nobody's: only 16 bytes that begin with 02 are
taken. What changes from press to press in the middle is not documented, so the same press cannot be
told from a copy. It is told each time; bursts are merged by the intake. The codes of hold and
release differ between the reader's own tables: their number is told beside the action.
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers._broadcast import broadcast
from gateway.words.driver import NOT_MINE, BleAdvert, Heard, Report, uuid16
from gateway.words.reading import Kind

UUID = uuid16(0x0000)
_ACTIONS = {
    1: "press",
    2: "double_press",
    3: "long_press",
    4: "release",
    5: "triple_press",
    9: "long_press",
    10: "release",
}
_SURE = frozenset({1, 2, 5})


def read(frame: bytes, _address: bytes) -> Sequence[Heard]:
    """Say what one frame means."""
    if frame[0] != 0x02:
        return (NOT_MINE,)
    said = [Report(Kind.BATTERY, frame[12] & 0x7F)]
    code = frame[15]
    if code:
        action = _ACTIONS.get(code, f"unknown_{code:02x}")
        said.append(Report(Kind.BUTTON, action, extra=None if code in _SURE else {"code": code}))
    return said


MODEL = broadcast(
    "nodon-niu",
    ("NodOn NIU 智能按钮", "NodOn NIU smart button"),
    BleAdvert(services=(UUID,)),
    {Kind.BUTTON, Kind.BATTERY},
    read,
    (
        "按下才发信号,无法判断是否在线;信号不加密,重要的呼救请用加密按钮;每月人工试按。",
        (
            "It sends only when pressed and cannot be supervised, and nothing is encrypted: "
            "use a sealed button where lives depend on it."
        ),
    ),
    size=16,
    missing_after=None,  # it speaks when pressed
)
