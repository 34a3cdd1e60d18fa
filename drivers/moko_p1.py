"""MOKO P1 beacon with a contact. Manufacturer data 096C.

    02 | 15 | 09 | 00f15427e030 4f16 031e0d3a190e | 0e0a | 0000 0000 b0
         length, as of the byte after it; status: 08 no contact, 01 motion      u16 BE mV

Document: one library, with a frame made up for its tests, and the company id is a guess: contact
and motion are shown and not judged, nothing of it raises or ends an alarm.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from drivers._broadcast import Broadcast
from drivers._refusals import WRONG_LENGTH
from gateway.words.driver import Advertisement, BleAdvert, Heard, Model, Report
from gateway.words.reading import Kind

COMPANY = 0x096C
_STATUS = {"contact_open": 0x08, "motion": 0x01}


def _pick(packet: Advertisement) -> bytes | None:
    data = packet.manufacturer_data.get(COMPANY)
    return data if data is not None and data.startswith(b"\x02\x15") else None


def read(frame: bytes, _address: bytes) -> Sequence[Heard]:
    """Say what one frame means."""
    if len(frame) != 23:
        return (WRONG_LENGTH,)
    states = [
        Report(Kind.OTHER_STATE, bool(frame[2] & bit), 1, f"{name}_unproven", extra={"name": name})
        for name, bit in _STATUS.items()
    ]
    return [
        *states,
        Report(Kind.OTHER_MEASURE, int.from_bytes(frame[16:18], "big") / 1000, 1, "voltage_v"),
    ]


MODEL = Model(
    name="moko-p1",
    title=("MOKO P1 信标", "MOKO P1 beacon"),
    listens=BleAdvert(companies=(COMPANY,)),
    senses=frozenset({Kind.OTHER_STATE, Kind.OTHER_MEASURE}),
    missing_after=None,  # how often it speaks is in no document
    new=partial(Broadcast, _pick, read),
    device_notes=(
        "格式未经实机证实:门磁与移动只显示,不报警。",
        (
            "Its format is not proved on a real device: "
            "contact and motion are shown and raise nothing."
        ),
    ),
)
