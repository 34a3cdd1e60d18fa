"""BeeWi / Otio BSDOO door sensor. Manufacturer data 000D.

    08 0c | 01 | 06 | 64          bit 0: open; battery 100 %

Document: Theengs and its captures. Company 000D is Texas Instruments', so the head and the length
decide. Nothing is sealed.
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers._broadcast import broadcast
from gateway.words.driver import BleAdvert, Heard, Report
from gateway.words.reading import Kind

COMPANY = 0x000D


def read(frame: bytes, _address: bytes) -> Sequence[Heard]:
    """Say what one frame means."""
    return (Report(Kind.CONTACT_OPEN, bool(frame[2] & 1)), Report(Kind.BATTERY, frame[4]))


MODEL = broadcast(
    "beewi-bsdoo",
    ("BeeWi / Otio BSDOO 门磁", "BeeWi / Otio BSDOO door sensor"),
    BleAdvert(companies=(COMPANY,)),
    {Kind.CONTACT_OPEN, Kind.BATTERY},
    read,
    (
        "装好后开关门各试一次;信号不加密。",
        "Open and close once as a test. Its signals are not encrypted.",
    ),
    begins=b"\x08\x0c",
    size=5,
    missing_after=None,  # how often it speaks is in no document
)
