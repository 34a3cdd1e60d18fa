"""AltBeacon pendants, taught by their signal. Manufacturer data under any company id.

    be ac | d3162f5af3ee494799db09756062d0fc | 005a  | 0005  | c4                    | 00
            organisation, 16 bytes             16 bit  16 bit  power at 1 m, s8        maker's own byte        numbers BE

A signal is `uuid/major/minor` as for iBeacon. Document: AltBeacon specification 1.0. How pendants call: see _pendant.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers._pendant import FUNCTIONS, NOTES, Pendant, Signed
from gateway.driver import Advertisement, BleAdvert, Enrol, Model, Report
from gateway.reading import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEAD = b"\xbe\xac"


def _pick(packet: Advertisement) -> bytes | None:
    return next((data for data in packet.manufacturer_data.values() if data.startswith(_HEAD)), None)


def signed(frame: bytes) -> Signed | None:
    """Return the signal of one frame."""
    if len(frame) != 24:
        return None
    uuid, major, minor = frame[2:18].hex(), int.from_bytes(frame[18:20], "big"), int.from_bytes(frame[20:22], "big")
    power = int.from_bytes(frame[22:23], "big", signed=True)
    about: dict[str, int | str] = {"protocol": "altbeacon", "uuid": uuid, "major": major, "minor": minor, "tx_power": power}
    return f"{uuid}/{major}/{minor}", (Report(Kind.HEARTBEAT, True, extra=about),)


def new(_address: str, _key: bytes | None, memory: Mapping[str, int | str]) -> Pendant:
    """Return a driver that has been taught nothing: it says which signals it hears."""
    return Pendant(_pick, signed, {}, memory)


def learned(codes: Mapping[str, str], memory: Mapping[str, int | str]) -> Pendant:
    """Return the driver of a taught pendant."""
    return Pendant(_pick, signed, codes, memory)


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
