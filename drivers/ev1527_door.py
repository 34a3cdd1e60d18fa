"""433 MHz door contact with EV1527 or PT2262: taught codes, see _taught.py.

    12f70a opened, 12f70e closed: one captured contact (GS-WDS07); another's tamper is data 4

Document: EV1527 and PT2262 data sheets for the code; what its data means is taught, never assumed.
"""

from __future__ import annotations

from drivers._taught import taught
from gateway.words.driver import Report
from gateway.words.reading import Kind

MODEL = taught(
    "ev1527-door",
    ("433 门磁(EV1527 / PT2262)", "433 MHz door contact (EV1527 / PT2262)"),
    {"open": Report(Kind.CONTACT_OPEN, True), "closed": Report(Kind.CONTACT_OPEN, False)},
    (
        "须选开门和关门发不同码的型号(只发开门码的看不出门没关)。",
        (
            "Take one that sends different codes for opened and closed; "
            "with one that reports opening only, a door left open is not seen."
        ),
    ),
)
