"""Xiaomi / Honeywell smoke detector (JTYJGD03MI): MiBeacon product 0997, see mibeacon.py.

    5859 | 9709 | 66 | bc9ce344ef54 | 01081205 | 000000 | 715ebe90      opened: 1510 01 01, smoke

Documents: Xiaomi's MiBeacon object definitions; xiaomi-ble's recordings. Value 2 is a fault of the
detector: told as a problem, neither smoke nor its end. Its test button is no call for help.
"""

from __future__ import annotations

from drivers._mibeacon import JTYJGD03MI
from drivers.mibeacon import product
from gateway.words.reading import Kind

MODEL = product(
    "xiaomi-jtyjgd03mi",
    ("小米/霍尼韦尔烟雾报警器", "Xiaomi / Honeywell smoke detector"),
    JTYJGD03MI,
    {Kind.SMOKE, Kind.PROBLEM, Kind.BATTERY, Kind.COMMAND, Kind.BATTERY_LOW},
    (
        "登记后按自检键,确认网关收到信号;每月自检一次。",
        "After enrolling press its test button and see that the gateway gets it; test it monthly.",
    ),
)
