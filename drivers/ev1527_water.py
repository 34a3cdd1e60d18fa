"""433 MHz water sensor with EV1527 or PT2262: taught codes, see _taught.py.

    0b7710: whole code of wet probes

Document: EV1527 and PT2262 data sheets for the code; what its data means is taught, never assumed.
"""

from __future__ import annotations

from drivers._taught import taught
from gateway.words.driver import Report
from gateway.words.reading import Kind

MODEL = taught(
    "ev1527-water",
    ("433 水浸(EV1527 / PT2262)", "433 MHz water sensor (EV1527 / PT2262)"),
    {"alarm": Report(Kind.MOISTURE, True), "clear": Report(Kind.MOISTURE, False)},
    ("用湿布碰探头学习报警码。", "Teach the alarm with a wet cloth on the probes."),
    endless=frozenset({Kind.MOISTURE}),
)
