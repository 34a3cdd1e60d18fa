"""BeeWi / Otio BSDOO door sensor. Manufacturer data 000D.

    08 0c | 01 | 06 | 64          bit 0: open; battery 100 %

Document: Theengs and its captures. Company 000D is Texas Instruments', so the head and the length
decide. Nothing is sealed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from drivers._broadcast import Broadcast
from drivers._refusals import WRONG_LENGTH
from gateway.words.driver import Advertisement, BleAdvert, Heard, Model, Report
from gateway.words.reading import Kind

COMPANY = 0x000D


def _pick(packet: Advertisement) -> bytes | None:
    data = packet.manufacturer_data.get(COMPANY)
    return data if data is not None and data.startswith(b"\x08\x0c") else None


def read(frame: bytes, _address: bytes) -> Sequence[Heard]:
    """Say what one frame means."""
    if len(frame) != 5:
        return (WRONG_LENGTH,)
    return (Report(Kind.CONTACT_OPEN, bool(frame[2] & 1)), Report(Kind.BATTERY, frame[4]))


MODEL = Model(
    name="beewi-bsdoo",
    title=("BeeWi / Otio BSDOO 门磁", "BeeWi / Otio BSDOO door sensor"),
    listens=BleAdvert(companies=(COMPANY,)),
    senses=frozenset({Kind.CONTACT_OPEN, Kind.BATTERY}),
    missing_after=None,  # how often it speaks is in no document
    new=partial(Broadcast, _pick, read),
    device_notes=(
        "装好后开关门各试一次;信号不加密。",
        "Open and close once as a test. Its signals are not encrypted.",
    ),
)
