"""EnOcean door and window contact that speaks A5-14-01, with its supply voltage; see _enocean.py.

    a5 | c8 00 00 09 | 00   open (db0 bit 0: 1, the other way round than D5), supply 200 x 0.02 V

Document: EEP 2.6, A5-14-01.
"""

from __future__ import annotations

from collections.abc import Iterable

from drivers._enocean import FOUR_BYTES, NOTES, enocean, supply
from gateway.words.driver import Heard, Report
from gateway.words.reading import Kind


def read(_rorg: int, payload: bytes) -> Iterable[Heard]:
    """Say what one telegram means."""
    return Report(Kind.CONTACT_OPEN, bool(payload[3] & 1)), *supply(payload[0])


MODEL = enocean(
    "enocean-contact-a5",
    ("EnOcean 门窗磁(A5-14-01)", "EnOcean door/window contact (A5-14-01)"),
    FOUR_BYTES,
    ("A5-14-01",),
    {Kind.CONTACT_OPEN},
    read,
    (
        NOTES[0] + "说明书上的配置须为 A5-14-01;写着 D5-00-01 的请选 enocean-contact。",
        NOTES[1] + " Its manual must say A5-14-01; one that says D5-00-01 is an enocean-contact.",
    ),
)
