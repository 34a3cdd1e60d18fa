"""EnOcean motion sensor, A5-07-01; see _enocean.py.

    a5 | fa 00 ff 08 | 00      db3 supply (0 to 250 = 0 to 5 V), db1 80 and above = motion

Document: EEP 2.6, A5-07-01.
"""

from __future__ import annotations

from collections.abc import Iterable

from drivers._enocean import FOUR_BYTES, NOTES, enocean, supply
from gateway.words.driver import Heard, Report
from gateway.words.reading import Kind


def _read(_rorg: int, payload: bytes) -> Iterable[Heard]:
    return Report(Kind.MOTION, payload[2] >= 0x80), *supply(payload[0])


MODEL = enocean(
    "enocean-pir",
    ("EnOcean 红外(A5-07-01)", "EnOcean motion sensor (A5-07-01)"),
    FOUR_BYTES,
    ("A5-07-01",),
    {Kind.MOTION},
    _read,
    (
        NOTES[0] + "型号须为 A5-07-01;太阳能型须见光。",
        NOTES[1] + " Its profile must be A5-07-01; a solar one needs daylight.",
    ),
)
