"""Minew MSE01, a contact with two buttons. Manufacturer data 0639.

    51 | 01 | 23 | 45 | 22 | 01 00efb598c3b498c0b63cbed37ebd0398bd
            sent battery status: 20 button 1, 40 button 2, 01 contact open, 02 motion

Document: one library, with frames made up for its tests; no capture of a real device is known. So
everything it says but the battery is shown and not judged: nothing of it raises or ends an alarm.
Enrol another make where that is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from drivers._broadcast import LONGEST, Broadcast
from drivers._refusals import TOO_SHORT, WRONG_LENGTH
from gateway.words.driver import Advertisement, BleAdvert, Heard, Model, Report
from gateway.words.reading import Kind

COMPANY = 0x0639
_STATUS = {"button1": 0x20, "button2": 0x40, "contact_open": 0x01, "motion": 0x02}


def _pick(packet: Advertisement) -> bytes | None:
    data = packet.manufacturer_data.get(COMPANY)
    return data if data is not None and data.startswith(b"\x51") else None


def read(frame: bytes, _address: bytes) -> Sequence[Heard]:
    """Say what one frame means."""
    if len(frame) > LONGEST:
        return (WRONG_LENGTH,)
    if len(frame) < 5:
        return (TOO_SHORT,)
    states = [
        Report(Kind.OTHER_STATE, bool(frame[4] & bit), 1, f"{name}_unproven", extra={"name": name})
        for name, bit in _STATUS.items()
    ]
    return [
        *states,
        Report(Kind.BATTERY, frame[3]),
        Report(Kind.OTHER_MEASURE, frame[2], 1, "tx_count"),
    ]


MODEL = Model(
    name="minew-mse01",
    title=("Minew MSE01 门磁", "Minew MSE01 contact"),
    listens=BleAdvert(companies=(COMPANY,)),
    senses=frozenset({Kind.BATTERY, Kind.OTHER_STATE}),
    missing_after=900.0,  # s; Minew's tags speak every few seconds
    new=partial(Broadcast, _pick, read),
    device_notes=(
        "格式未经实机证实:门磁与按键只显示,不报警。",
        (
            "Its format is not proved on a real device: "
            "contact and buttons are shown and raise nothing."
        ),
    ),
)
