"""433 MHz smoke detector with EV1527 or PT2262: taught codes, see _taught.py.

    d00358: whole code of an alarm; the test key sends the same with most makers

Document: EV1527 and PT2262 data sheets for the code; what its data means is taught, never assumed.
"""

from __future__ import annotations

from drivers._taught import taught
from gateway.words.driver import Report
from gateway.words.reading import Kind

MODEL = taught(
    "ev1527-smoke",
    ("433 烟感(EV1527 / PT2262)", "433 MHz smoke detector (EV1527 / PT2262)"),
    {"alarm": Report(Kind.SMOKE, True), "clear": Report(Kind.SMOKE, False)},
    (
        "用测试键学习报警码;多数不发解除码,火警解除后由人关闭报警。",
        (
            "Teach the alarm with its test key; most send no code when it is over: "
            "a person closes the alarm."
        ),
    ),
    endless=frozenset({Kind.SMOKE}),
)
