"""Blood pressure monitors with the standard service 1810.

    de f6f4 16f3 ff07 e4070114082b00 b2f2 01 8000
        2A35: 127 / 79 mmHg, no mean, 2020-01-20 08:43, pulse 69, user 1

The values are those of _gatt_health; the gateway connects when it hears the device and takes what
it has to say.
"""

from __future__ import annotations

from drivers import _gatt_health as health

MODEL = health.vital(
    "gatt-blood-pressure",
    ("血压计(标准蓝牙)", "Blood pressure monitor, standard Bluetooth"),
    health.BLOOD_PRESSURE,
    (health.BLOOD_PRESSURE_MEASUREMENT, health.BATTERY_LEVEL),
    (
        (
            "删除手机上的配对,否则数据只发给手机;按说明书校准时间并设为自动发送。"
            "第一次连接时在设备上进入配对状态。"
        ),
        (
            "Remove its pairing with any phone, or the phone gets the values; "
            "set its clock and automatic sending. At the first visit put it into pairing mode."
        ),
    ),
)
