"""iBeacon pendants of any maker, taught by their signal. Manufacturer data of Apple, 004C.

    02 15 | e2c56db5dffb48d2b060d0f5a71096e0 | 0064  | 0000  | c5
            uuid                               major   minor   power at 1 m, s8         numbers BE

A signal is `uuid/major/minor`, hexadecimal and decimal: e2c56db5dffb48d2b060d0f5a71096e0/100/0.
Document: Apple's Proximity Beacon specification. How pendants call by it, and what cannot be known,
stands in _pendant.py.
"""

from __future__ import annotations

from drivers._broadcast import company
from drivers._pendant import FUNCTIONS, NOTES, Signed, beacon, made
from gateway.words.driver import BleAdvert, Enrol, Model
from gateway.words.reading import Kind

COMPANY = 0x004C
_HEAD = b"\x02\x15"
_pick = company(COMPANY)


def signed(frame: bytes) -> Signed | None:
    """Return the signal of one frame; Apple's other frames (phones, earphones) are not ours."""
    if len(frame) != 23 or not frame.startswith(_HEAD):
        return None
    return beacon(frame, "ibeacon")


new, learned = made(_pick, signed)

MODEL = Model(
    name="ibeacon",
    title=("iBeacon 呼叫挂件(学习)", "iBeacon pendant, taught"),
    listens=BleAdvert(companies=(COMPANY,)),
    senses=frozenset({Kind.BUTTON}),
    general=True,
    missing_after=None,
    new=new,
    enrol=Enrol.LEARN,
    learned=learned,
    functions=FUNCTIONS,
    device_notes=NOTES,
)
