"""Feasycom beacons (BP101 to BP120, BP201): their battery only. Service data FFF0.

    27 | 02 1992 | aabbccddeeff | 64          model 27 = BP108; battery 100 %, hex 65 = on mains
                   address

Document: Theengs and its captures. No byte for a button is known: it cannot call for help by this
frame. Where it also sends an iBeacon or Eddystone signal, enrol it as that.
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers._broadcast import broadcast
from drivers._refusals import WRONG_ADDRESS
from drivers._reports import state
from gateway.words.driver import NOT_MINE, BleAdvert, Heard, Report, uuid16
from gateway.words.reading import Kind

UUID = uuid16(0xFFF0)  # free for every maker: length and model decide
_MODELS = frozenset({0x15, 0x19, 0x1A, 0x1B, 0x1C, 0x1D, 0x1E, 0x24, 0x27, 0x28, 0x29})
_ON_MAINS = 0x65


def read(frame: bytes, address: bytes) -> Sequence[Heard]:
    """Say what one frame means."""
    if frame[0] not in _MODELS:
        return (NOT_MINE,)
    if address and address not in {frame[4:10], frame[9:3:-1]}:  # in which order is not known
        return (WRONG_ADDRESS,)
    if frame[10] == _ON_MAINS:
        return (state("mains", True),)
    return (Report(Kind.BATTERY, frame[10] & 0x7F),)


MODEL = broadcast(
    "feasycom",
    ("Feasycom 信标(仅电量)", "Feasycom beacon, battery only"),
    BleAdvert(services=(UUID,)),
    {Kind.BATTERY},
    read,
    (
        "此帧只有电量;若作呼救挂件,请按 ibeacon 或 eddystone 学习登记。",
        "This frame carries the battery only; as a pendant teach it as ibeacon or eddystone.",
    ),
    size=11,
    missing_after=None,  # how often it speaks is in no document
)
