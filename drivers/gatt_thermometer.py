"""Body thermometers with the standard service 1809.

    06 680100ff e207030a153400 02     2A1C: 36.0 degrees, 2018-03-10 21:52, measured at the body

The values are those of _gatt_health; the gateway connects when it hears the device and takes what
it has to say.
"""

from __future__ import annotations

from drivers import _gatt_health as health

MODEL = health.vital(
    "gatt-thermometer",
    ("体温计(标准蓝牙)", "Body thermometer, standard Bluetooth"),
    health.THERMOMETER,
    (health.TEMPERATURE_MEASUREMENT, health.BATTERY_LEVEL),
    (
        "删除手机上的配对;测量后保持开机几秒,网关会自动连接取数。",
        (
            "Remove its pairing with any phone; leave it on for some seconds after measuring, "
            "the gateway connects by itself."
        ),
    ),
)
