"""Heart rate belts and wristbands with the standard service 180D.

    00 50        2A37: 80 a minute
    06 50        the same, and the skin is touched; 04 50: it is not, so this is no reading

The values are those of _gatt_health; the gateway connects when it hears the device and takes what
it has to say.
"""

from __future__ import annotations

from drivers import _gatt_health as health

MODEL = health.vital(
    "gatt-heart-rate",
    ("心率带、心率手环(标准蓝牙)", "Heart rate belt or wristband, standard Bluetooth"),
    health.HEART_RATE,
    (health.HEART_RATE_MEASUREMENT, health.BATTERY_LEVEL),
    (
        (
            "打开设备的心率广播,先断开手机上的厂家应用;佩戴后网关每 5 分钟取一次。"
            "无皮肤接触的数值不算。"
        ),
        (
            "Switch heart rate broadcast on and disconnect the maker's app; "
            "while worn it is visited every 5 min. Values without skin contact do not count."
        ),
    ),
)
