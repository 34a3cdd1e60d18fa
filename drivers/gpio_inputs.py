"""The board's own pins as inputs for dry contacts, polled by gateway/hear/contacts.py.

    pin to ground through the contact, pulled up inside: low = closed
    telegram: source = BCM number, data 01 closed, 00 open; one pin each

Document: Raspberry Pi GPIO numbering (BCM).
"""

from __future__ import annotations

from drivers.modbus_inputs import InputModule
from gateway.words.driver import Enrol, Inputs, Model
from gateway.words.reading import Kind

MODEL = Model(
    name="gpio-inputs",
    title=("树莓派 GPIO 输入", "Raspberry Pi GPIO inputs"),
    listens=Inputs(bus="gpio"),
    senses=frozenset({Kind.HEARTBEAT}),
    missing_after=150.0,  # s; each input is told once a minute
    new=InputModule,
    enrol=Enrol.PORT,
    receiver=True,
    device_notes=(
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
