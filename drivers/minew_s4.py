"""Minew S4 door sensor. Manufacturer data 0639.

    a4 | 01 | 63 | 01 | 00 | 01 | ff | 674523 3123ac | 1234
            battery door moved now     address, reversed        door: not 0 = its magnet alarm, open

Document: one library, with frames made up for its tests; no capture of a real device is known. So
the door is shown and not judged: nothing of it raises or ends an alarm. Enrol another make where
that is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from drivers._broadcast import Broadcast
from drivers._refusals import WRONG_LENGTH
from gateway.words.driver import Advertisement, BleAdvert, Heard, Model, Report
from gateway.words.reading import Kind

COMPANY = 0x0639


def _pick(packet: Advertisement) -> bytes | None:
    data = packet.manufacturer_data.get(COMPANY)
    return data if data is not None and data.startswith(b"\xa4\x01") else None


def read(frame: bytes, _address: bytes) -> Sequence[Heard]:
    """Say what one frame means."""
    if len(frame) != 15:
        return (WRONG_LENGTH,)
    door = Report(
        Kind.OTHER_STATE, frame[3] > 0, 1, "contact_open_unproven", extra={"name": "contact_open"}
    )
    return (door, Report(Kind.BATTERY, frame[2]))


MODEL = Model(
    name="minew-s4",
    title=("Minew S4 门磁", "Minew S4 door sensor"),
    listens=BleAdvert(companies=(COMPANY,)),
    senses=frozenset({Kind.BATTERY, Kind.OTHER_STATE}),
    missing_after=900.0,  # s; Minew's tags speak every few seconds
    new=partial(Broadcast, _pick, read),
    device_notes=(
        "格式未经实机证实:门磁只显示,不报警。",
        "Its format is not proved on a real device: the contact is shown and raises nothing.",
    ),
)
