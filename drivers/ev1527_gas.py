"""433 MHz gas detector with EV1527 or PT2262: taught codes, see _taught.py.

    d00359: whole code of an alarm; the test key sends the same with most makers

Document: EV1527 and PT2262 data sheets for the code; what its data means is taught, never assumed.
"""

from __future__ import annotations

from drivers._taught import taught
from gateway.words.driver import Report
from gateway.words.reading import Kind

MODEL = taught(
    "ev1527-gas",
    ("433 燃气报警器(EV1527 / PT2262)", "433 MHz gas detector (EV1527 / PT2262)"),
    {"alarm": Report(Kind.GAS, True), "clear": Report(Kind.GAS, False)},
    (
        "用测试键学习报警码;天然气装高处,液化气装低处。",
        "Teach the alarm with its test key; mount it high for natural gas, low for LPG.",
    ),
    endless=frozenset({Kind.GAS}),
)
