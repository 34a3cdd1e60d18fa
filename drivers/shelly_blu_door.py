"""Shelly BLU Door/Window (SBDW-...): BTHome v2, see bthome_v2.py.

    44 | 00 5d | 01 64 | 05 fc2100 | 2d 01 | 3f 9601
        packet 93, battery 100 %, 87 lx, open, 40.6 degrees

Document: Shelly's page on BLU Door/Window (shelly-api-docs.shelly.cloud). Opening is told at once,
the angle some two seconds later in a packet of its own; the device has a button too (3a).
"""

from __future__ import annotations

from drivers._shelly import shelly
from gateway.words.reading import Kind

MODEL = shelly(
    "shelly-blu-door",
    "SBDW-",
    ("Shelly BLU 门窗传感器", "Shelly BLU Door/Window"),
    {Kind.CONTACT_OPEN, Kind.ILLUMINANCE, Kind.BATTERY, Kind.BUTTON},
    presses="nothing",  # the button on its body is for pairing
    notes=(
        "磁铁须贴近标记一侧,装好后开关门各试一次。",
        "Mount the magnet at the marked side; open and close once as a test.",
    ),
)
