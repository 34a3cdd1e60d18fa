"""AltBeacon pendants, taught by their signal. Manufacturer data under any company id.

    be ac | d3162f5af3ee494799db09756062d0fc | 005a  | 0005  | c4               | 00
            organisation, 16 bytes             u16 BE  u16 BE  power at 1 m, s8   maker's own byte

A signal is `uuid/major/minor` as for iBeacon. Document: AltBeacon specification 1.0. How pendants
call: see _pendant.py.
"""

from __future__ import annotations

from drivers._pendant import FUNCTIONS, NOTES, Signed, beacon, made
from gateway.words.driver import Advertisement, BleAdvert, Enrol, Model
from gateway.words.reading import Kind

_HEAD = b"\xbe\xac"


def _pick(packet: Advertisement) -> bytes | None:
    return next(
        (data for data in packet.manufacturer_data.values() if data.startswith(_HEAD)), None
    )


def signed(frame: bytes) -> Signed | None:
    """Return the signal of one frame."""
    if len(frame) != 24:
        return None
    return beacon(frame, "altbeacon")


new, learned = made(_pick, signed)

MODEL = Model(
    name="altbeacon",
    title=("AltBeacon 呼叫挂件(学习)", "AltBeacon pendant, taught"),
    listens=BleAdvert(),  # any company id
    senses=frozenset({Kind.BUTTON}),
    general=True,
    missing_after=None,
    new=new,
    enrol=Enrol.LEARN,
    learned=learned,
    functions=FUNCTIONS,
    device_notes=NOTES,
)
