"""AltBeacon pendants, taught by their signal. Manufacturer data under any company id.

    be ac | d3162f5af3ee494799db09756062d0fc | 005a  | 0005  | c4               | 00
            organisation, 16 bytes             u16 BE  u16 BE  power at 1 m, s8   maker's own byte

A signal is `uuid/major/minor` as for iBeacon. Document: AltBeacon specification 1.0. How pendants
call: see _pendant.py.
"""

from __future__ import annotations

from drivers._pendant import Signed, beacon, pendant
from gateway.words.driver import Advertisement, BleAdvert

_HEAD = b"\xbe\xac"


def _pick(packet: Advertisement) -> bytes | None:
    return next(
        (data for data in packet.manufacturer_data.values() if data.startswith(_HEAD)), None
    )


def signed(frame: bytes) -> Signed | None:
    """Return the signal of one frame."""
    return beacon(frame, "altbeacon") if len(frame) == 24 else None


MODEL = pendant(
    "altbeacon",
    ("AltBeacon 呼叫挂件(学习)", "AltBeacon pendant, taught"),
    BleAdvert(),  # any company id
    _pick,
    signed,
)
