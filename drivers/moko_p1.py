"""MOKO P1 beacon with a contact. Manufacturer data 096C.

    02 | 15 | 09 | 00f15427e030 4f16 031e0d3a190e | 0e0a | 0000 0000 b0
         length, as of the byte after it; status: 08 no contact, 01 motion      u16 BE mV

Document: one library, with a frame made up for its tests, and the company id is a guess: contact
and motion are shown and not judged, nothing of it raises or ends an alarm.
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers._broadcast import broadcast
from drivers._reports import measure, unproven
from gateway.words.driver import BleAdvert, Heard
from gateway.words.reading import Kind

COMPANY = 0x096C
_STATUS = {"contact_open": 0x08, "motion": 0x01}


def read(frame: bytes, _address: bytes) -> Sequence[Heard]:
    """Say what one frame means."""
    states = [unproven(name, bool(frame[2] & bit)) for name, bit in _STATUS.items()]
    return [
        *states,
        measure("voltage_v", int.from_bytes(frame[16:18], "big") / 1000),
    ]


MODEL = broadcast(
    "moko-p1",
    ("MOKO P1 信标", "MOKO P1 beacon"),
    BleAdvert(companies=(COMPANY,)),
    {Kind.OTHER_STATE, Kind.OTHER_MEASURE},
    read,
    (
        "格式未经实机证实:门磁与移动只显示,不报警。",
        (
            "Its format is not proved on a real device: "
            "contact and motion are shown and raise nothing."
        ),
    ),
    begins=b"\x02\x15",
    size=23,
    missing_after=None,  # how often it speaks is in no document
)
