"""EnOcean room thermometer, A5-02-05; see _enocean.py.

    a5 | 00 00 55 08 | 00      db1: 40 - 85 x 40 / 255 = 26.7 degrees

Document: EEP 2.6, A5-02-05.
"""

from __future__ import annotations

from collections.abc import Iterable

from drivers._enocean import FOUR_BYTES, NOTES, enocean
from gateway.words.driver import Heard, Report
from gateway.words.reading import Kind


def _read(_rorg: int, payload: bytes) -> Iterable[Heard]:
    return (Report(Kind.TEMPERATURE, round(40 - payload[2] * 40 / 255, 1)),)


MODEL = enocean(
    "enocean-temperature",
    ("EnOcean 温度计(A5-02-05)", "EnOcean room thermometer (A5-02-05)"),
    FOUR_BYTES,
    ("A5-02-05",),
    {Kind.TEMPERATURE},
    _read,
    NOTES,
)
