"""iBeacon pendants of any maker, taught by their signal. Manufacturer data of Apple, 004C.

    02 15 | e2c56db5dffb48d2b060d0f5a71096e0 | 0064  | 0000  | c5
            uuid                               major   minor   power at 1 m, s8         numbers BE

A signal is `uuid/major/minor`, hexadecimal and decimal: e2c56db5dffb48d2b060d0f5a71096e0/100/0.
Document: Apple's Proximity Beacon specification. How pendants call by it, and what cannot be known,
stands in _pendant.py.
"""

from __future__ import annotations

from drivers._broadcast import picks
from drivers._pendant import Signed, beacon, pendant
from gateway.words.driver import BleAdvert

LISTENS = BleAdvert(companies=(0x004C,))
_HEAD = b"\x02\x15"


def signed(frame: bytes) -> Signed | None:
    """Return the signal of one frame."""
    return beacon(frame, "ibeacon") if len(frame) == 23 else None


MODEL = pendant(
    "ibeacon",
    ("iBeacon 呼叫挂件(学习)", "iBeacon pendant, taught"),
    LISTENS,
    picks(LISTENS, _HEAD),
    signed,
)
