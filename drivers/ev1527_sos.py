"""433 MHz SOS button with EV1527 or PT2262: taught codes, see _taught.py.

    511451: whole code of a button; many send one code for each key

Document: EV1527 and PT2262 data sheets for the code; what its data means is taught, never assumed.
"""

from __future__ import annotations

from drivers._taught import taught
from gateway.words.driver import Report
from gateway.words.reading import Kind

MODEL = taught(
    "ev1527-sos",
    ("433 SOS 按钮(EV1527 / PT2262)", "433 MHz SOS button (EV1527 / PT2262)"),
    {"press": Report(Kind.BUTTON, "press")},
    (
        "跳线(PT2262)须改成与邻居不同的地址;无法确认送达,建议另配一种求助方式。",
        (
            "Set the DIP switches (PT2262) to an address no neighbour has; "
            "it cannot know whether it was received: provide a second way to call."
        ),
    ),
)
