"""The Shelly BLU family: BTHome v2 under names and a company id of its own.

    44 | 00 52 | 01 64 | 3a 01    as in bthome_v2.py, which decodes them

Documents: Shelly's pages on its BLU devices (shelly-api-docs.shelly.cloud).
"""

from __future__ import annotations

from collections.abc import Iterable

from drivers.bthome_v2 import UUID, Bthome
from gateway.words.driver import BleAdvert, Model
from gateway.words.reading import Kind

_COMPANY = 0x0BA9  # company id
_NOTES = (
    "请用厂家应用打开“信标模式”(Beacon mode),否则空闲时整天不发信号,网关无法判断它是否在线。",
    (
        "Switch beacon mode on in the maker's app: "
        "without it an idle device is silent for days and cannot be supervised. "
    ),
)


def shelly(
    name: str,
    prefix: str,
    title: tuple[str, str],
    senses: Iterable[Kind],
    notes: tuple[str, str],
    *,
    buttons: int = 1,
    presses: str = "sos",
) -> Model:
    """Return the model of one of the Shelly BLU family, whose name begins with `prefix`."""
    return Model(
        name=name,
        title=title,
        listens=BleAdvert(services=(UUID,), companies=(_COMPANY,), names=(prefix,)),
        senses=frozenset(senses),
        missing_after=1800.0,  # s; with beacon mode on they speak every few seconds to minutes
        new=Bthome,
        key_bytes=16,
        buttons=buttons,
        presses=presses,
        device_notes=(_NOTES[0] + notes[0], _NOTES[1] + notes[1]),
    )
