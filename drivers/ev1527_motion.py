"""433 MHz motion sensor with EV1527 or PT2262: taught codes, see _taught.py.

    0a5c3e: whole code of a movement; hardly any sends an end

Document: EV1527 and PT2262 data sheets for the code; what its data means is taught, never assumed.
"""

from __future__ import annotations

from drivers._taught import taught
from gateway.words.driver import Report
from gateway.words.reading import Kind

MODEL = taught(
    "ev1527-motion",
    ("433 红外(EV1527 / PT2262)", "433 MHz motion sensor (EV1527 / PT2262)"),
    {"motion": Report(Kind.MOTION, True), "clear": Report(Kind.MOTION, False)},
    (
        "多数触发后休眠数分钟才再报;关掉宠物误报挡位。",
        "Most sleep for minutes after a movement before they report the next.",
    ),
)
