"""Minew MSE01, a contact with two buttons. Manufacturer data 0639.

    51 | 01 | 23 | 45 | 22 | 01 00efb598c3b498c0b63cbed37ebd0398bd
            sent battery status: 20 button 1, 40 button 2, 01 contact open, 02 motion

Document: one library, with frames made up for its tests; no capture of a real device is known. So
everything it says but the battery is shown and not judged: nothing of it raises or ends an alarm.
Enrol another make where that is needed.
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers._broadcast import broadcast
from drivers._reports import measure, unproven
from gateway.words.driver import BleAdvert, Heard, Report
from gateway.words.reading import Kind

COMPANY = 0x0639
_STATUS = {"button1": 0x20, "button2": 0x40, "contact_open": 0x01, "motion": 0x02}


def read(frame: bytes, _address: bytes) -> Sequence[Heard]:
    """Say what one frame means."""
    states = [unproven(name, bool(frame[4] & bit)) for name, bit in _STATUS.items()]
    return [
        *states,
        Report(Kind.BATTERY, frame[3]),
        measure("tx_count", frame[2]),
    ]


MODEL = broadcast(
    "minew-mse01",
    ("Minew MSE01 门磁", "Minew MSE01 contact"),
    BleAdvert(companies=(COMPANY,)),
    {Kind.BATTERY, Kind.OTHER_STATE},
    read,
    (
        "格式未经实机证实:门磁与按键只显示,不报警。",
        (
            "Its format is not proved on a real device: "
            "contact and buttons are shown and raise nothing."
        ),
    ),
    begins=b"\x51",
    least=5,
    missing_after=900.0,  # s; Minew's tags speak every few seconds
)
