"""Weight scales with the standard service 181D.

    00 b036     2A9D: 70.0 kg

The values are those of _gatt_health; the gateway connects when it hears the device and takes what
it has to say.
"""

from __future__ import annotations

from drivers import _gatt_health as health

MODEL = health.vital(
    "gatt-scale",
    ("体重秤(标准蓝牙)", "Weight scale, standard Bluetooth"),
    health.SCALE,
    (health.WEIGHT_MEASUREMENT, health.BATTERY_LEVEL),
    (
        "删除手机上的配对;放在硬地面上,站稳直到显示锁定。",
        (
            "Remove its pairing with any phone; put it on a hard floor and stand still until the "
            "display locks."
        ),
    ),
)
