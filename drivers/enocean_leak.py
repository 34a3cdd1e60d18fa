"""EnOcean water sensor, F6-05-01; see _enocean.py.

    f6 | 11 | 20      wet
    f6 | 00 | 20      dry

Document: EEP 2.6, F6-05-01. It is often without a battery: swelling discs press a rocker once, when
they get wet.
"""

from __future__ import annotations

from collections.abc import Iterable

from drivers._enocean import RPS, enocean
from drivers._refusals import UNKNOWN_VALUE
from gateway.words.driver import Heard, Report, not_understood
from gateway.words.reading import Kind

_SAYS = {0x11: Report(Kind.MOISTURE, True), 0x00: Report(Kind.MOISTURE, False)}


def _read(_rorg: int, payload: bytes) -> Iterable[Heard]:
    report = _SAYS.get(payload[0])
    return (
        (UNKNOWN_VALUE, not_understood(f"water: {payload.hex()}")) if report is None else (report,)
    )


MODEL = enocean(
    "enocean-leak",
    ("EnOcean 水浸(F6-05-01)", "EnOcean water sensor (F6-05-01)"),
    RPS,
    ("F6-05-01",),
    {Kind.MOISTURE},
    _read,
    (
        "按一下:收到的 8 位编号就是地址;放在最低处;遇水膨胀片用过一次须更换。",
        (
            "Press it once: the 8 digits then heard are its address; lay it at the lowest place; "
            "replace the discs after each use."
        ),
    ),
    missing_after=None,  # it has power only when it gets wet
    endless={Kind.MOISTURE},  # the discs stay swollen: "dry" is said by a few makes only
)
