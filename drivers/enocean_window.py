"""EnOcean window contact or handle with tilt, A5-14-09 and A5-14-0A; see _enocean.py.

    a5 | 82 00 00 0e | 00   open (db0 bits 2-1: 3; 1 = tilted, 0 = closed), supply 130 x 0.02 V
    a5 | 82 00 00 09 | 00   closed, and shaken (bit 0, of A5-14-0A only)

Document: EEP 2.6.8, A5-14-09 and A5-14-0A. A window that is tilted is open.
"""

from __future__ import annotations

from collections.abc import Iterable

from drivers._enocean import FOUR_BYTES, NOTES, enocean, supply
from gateway.words.driver import Heard, Report, not_understood
from gateway.words.reading import Kind

_OPEN = {0: False, 1: True, 3: True}


def read(_rorg: int, payload: bytes) -> Iterable[Heard]:
    """Say what one telegram means."""
    opened = _OPEN.get(payload[3] >> 1 & 3)
    if opened is None:
        return (not_understood(f"A5: {payload.hex()}"),)
    return (
        Report(Kind.CONTACT_OPEN, opened),
        Report(Kind.VIBRATION, bool(payload[3] & 1)),
        *supply(payload[0]),
    )


MODEL = enocean(
    "enocean-window",
    (
        "EnOcean 窗磁 / 窗把手(A5-14-09, A5-14-0A)",
        "EnOcean window contact or handle (A5-14-09, A5-14-0A)",
    ),
    FOUR_BYTES,
    ("A5-14-09", "A5-14-0A"),
    {Kind.CONTACT_OPEN, Kind.VIBRATION},
    read,
    (
        NOTES[0] + "装好后开、倾、关各试一次。",
        NOTES[1] + " Open, tilt and close it once as a test.",
    ),
)
