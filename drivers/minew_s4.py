"""Minew S4 door sensor. Manufacturer data 0639.

    a4 | 01 | 63 | 01 | 00 | 01 | ff | 674523 3123ac | 1234
            battery door moved now     address, reversed        door: not 0 = its magnet alarm, open

Document: one library, with frames made up for its tests; no capture of a real device is known. So
the door is shown and not judged: nothing of it raises or ends an alarm. Enrol another make where
that is needed.
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers._broadcast import broadcast
from drivers._reports import unproven
from gateway.words.driver import BleAdvert, Heard, Report
from gateway.words.reading import Kind

COMPANY = 0x0639


def read(frame: bytes, _address: bytes) -> Sequence[Heard]:
    """Say what one frame means."""
    door = unproven("contact_open", frame[3] > 0)
    return (door, Report(Kind.BATTERY, frame[2]))


MODEL = broadcast(
    "minew-s4",
    ("Minew S4 门磁", "Minew S4 door sensor"),
    BleAdvert(companies=(COMPANY,)),
    {Kind.BATTERY, Kind.OTHER_STATE},
    read,
    (
        "格式未经实机证实:门磁只显示,不报警。",
        "Its format is not proved on a real device: the contact is shown and raises nothing.",
    ),
    begins=b"\xa4\x01",
    size=15,
    missing_after=900.0,  # s; Minew's tags speak every few seconds
)
