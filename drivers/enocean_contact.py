"""EnOcean door and window contact: D5-00-01, or A5-14-01 with its supply voltage; see _enocean.py.

    d5 | 08 | 00            open (bit 0: 0); 09 = closed; bit 3 0 = the learn button
    a5 | c8 00 00 09 | 00   open (db0 bit 0: 1, the other way round), supply 200 x 0.02 V

Document: EEP 2.6, D5-00-01 and A5-14-01.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers._enocean import BEHIND, FOUR_BYTES, NOTES, ONE_BYTE, sensor
from gateway.driver import Heard, Model, Report
from gateway.reading import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable


def _read(rorg: int, payload: bytes) -> Iterable[Heard]:
    if rorg == ONE_BYTE:
        return (Report(Kind.CONTACT_OPEN, not payload[0] & 1),)
    report = Report(Kind.CONTACT_OPEN, bool(payload[3] & 1))
    # 251 to 255 are no voltage
    return (report, Report(Kind.OTHER_MEASURE, round(payload[0] * 0.02, 2), 1, "supply_v")) if payload[0] <= 250 else (report,)


MODEL = Model(
    name="enocean-contact",
    title=("EnOcean 门窗磁", "EnOcean door/window contact"),
    listens=BEHIND,
    senses=frozenset({Kind.CONTACT_OPEN}),
    missing_after=3 * 3600.0,  # it checks in every 15 to 50 minutes; the sun is gone longer than a broken one may be
    new=sensor(_read, ONE_BYTE, FOUR_BYTES),
    device_notes=(
        NOTES[0] + "太阳能型须每天见光 3 小时以上,暗处加装电池。",
        NOTES[1] + " A solar one needs three hours of daylight a day, or a battery in dark places.",
    ),
)
