"""ELA Blue PUCK MAG, also sold by Teltonika ("P MAG"), a magnet contact. Service data 2A06.

    24 00          u16 LE: bit 0 = the magnet is there, the rest counts its changes: open

Document: Theengs, from ELA's data sheet. Service 2A06 is a standard one (alert level) which others
use as well: only two bytes under an address that was enrolled as this make are taken. Nothing is
sealed.
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers._broadcast import broadcast
from gateway.words.driver import BleAdvert, Heard, Report, uuid16
from gateway.words.reading import Kind

UUID = uuid16(0x2A06)


def read(frame: bytes, _address: bytes) -> Sequence[Heard]:
    """Say what one frame means."""
    return (Report(Kind.CONTACT_OPEN, not frame[0] & 1),)


MODEL = broadcast(
    "ela-pmag",
    ("ELA Blue PUCK MAG 门磁", "ELA Blue PUCK MAG contact"),
    BleAdvert(services=(UUID,)),
    {Kind.CONTACT_OPEN},
    read,
    (
        "装好后开关门各试一次,确认磁铁靠近时显示关闭;信号不加密。",
        (
            "Open and close once as a test and see that the magnet near it means closed. "
            "Its signals are not encrypted."
        ),
    ),
    size=2,
    missing_after=900.0,  # s; it speaks every few seconds
)
