"""The board's own pins as inputs for dry contacts, polled by gateway/hear/contacts.py.

    pin to ground through the contact, pulled up inside: low = closed
    telegram: source = BCM number, data 01 closed, 00 open; one pin each

Document: Raspberry Pi GPIO numbering (BCM).
"""

from __future__ import annotations

from drivers._receiver import receiver
from drivers.modbus_inputs import InputModule
from gateway.words.driver import Inputs

MODEL = receiver(
    "gpio-inputs",
    ("树莓派 GPIO 输入", "Raspberry Pi GPIO inputs"),
    Inputs(bus="gpio"),
    InputModule,
    (
        (
            "按 BCM 编号(如 gpio:17,27);触点一端接该脚,另一端接地;"
            "线长超过 2 米须加光耦隔离,只接无源触点。"
        ),
        (
            "port = gpio:17,27 (BCM numbers); the contact goes from pin to ground; "
            "with more than 2 m of wire through an optocoupler; potential-free contacts only."
        ),
    ),
)
