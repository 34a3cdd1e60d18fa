"""Eddystone beacons: pendants taught by their UID, and their own measures (TLM). Service FEAA.

    00 | c5 | 00112233445566778899 | aabbccddeeff | 0000
        UID: power at 0 m, name space (10), instance (6)
    20 | 00 | 0bb8 | 1580 | 000003e8 | 00002710
        TLM: 3000 mV, 21.5 deg C, 1000 adverts sent, 1000 s awake (BE)

A signal is `namespace/instance`, hexadecimal. Document: Google's Eddystone specification, UID and
TLM, from memory and one reader: so TLM's values are measures that nothing is judged by, its voltage
is not turned into a percentage, and URL and EID frames (10, 30) only show that the beacon lives.
How pendants call by UID: see _pendant.py.
"""

from __future__ import annotations

import struct

from drivers._broadcast import picks
from drivers._pendant import Signed, pendant
from drivers._reports import measure
from gateway.words.driver import BleAdvert, Report, uuid16
from gateway.words.reading import Kind

LISTENS = BleAdvert(services=(uuid16(0xFEAA),))
_UID, _URL, _TLM, _EID = 0x00, 0x10, 0x20, 0x30
_NO_TEMPERATURE = -0x8000


def signed(frame: bytes) -> Signed | None:
    """Return the signal and the measures of one frame."""
    kind = frame[0] if frame else -1
    if kind == _UID:
        if len(frame) not in {18, 20}:  # two reserved bytes at the end, which some leave out
            return None
        space, instance = frame[2:12].hex(), frame[12:18].hex()
        power = int.from_bytes(frame[1:2], "big", signed=True)
        about: dict[str, int | str] = {
            "protocol": "eddystone",
            "namespace": space,
            "instance": instance,
            "tx_power": power,
        }
        return f"{space}/{instance}", (Report(Kind.HEARTBEAT, True, extra=about),)
    if kind == _TLM:
        return "", _measured(frame)
    return ("", ()) if kind in {_URL, _EID} and len(frame) > 2 else None


def _measured(frame: bytes) -> tuple[Report, ...]:
    if len(frame) != 14 or frame[1]:  # version 1 is sealed
        return ()
    millivolts, warmth, adverts, tenths = struct.unpack_from(">HhII", frame, 2)
    said = [measure("advert_count", adverts), measure("uptime_s", tenths / 10)]
    if millivolts:  # 0: not powered by a battery
        said.append(measure("voltage_v", millivolts / 1000))
    if warmth != _NO_TEMPERATURE:
        said.append(Report(Kind.TEMPERATURE, warmth / 256))
    return tuple(said)


MODEL = pendant(
    "eddystone",
    ("Eddystone 呼叫挂件(学习)", "Eddystone pendant, taught"),
    LISTENS,
    picks(LISTENS),
    signed,
    Kind.TEMPERATURE,
)
