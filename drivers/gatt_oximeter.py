"""Pulse oximeters with the standard service 1822.

    00 6200 4800     2A5F: 98 %, pulse 72

The values are those of _gatt_health; the gateway connects when it hears the device and takes what
it has to say.
"""

from __future__ import annotations

from drivers import _gatt_health as health

MODEL = health.vital(
    "gatt-oximeter",
    ("血氧仪(标准蓝牙)", "Pulse oximeter, standard Bluetooth"),
    health.OXIMETER,
    (health.SPO2_SPOT, health.SPO2_RUNNING, health.BATTERY_LEVEL),
    (
        "先断开手机上的厂家应用;手指夹好不动,直到数值稳定。传感器报告脱落或信号差的数值不算。",
        (
            "Disconnect the maker's app; keep the finger in and still until the value settles. "
            "Values the sensor itself doubts do not count."
        ),
    ),
)
