"""Old Yeelight dimmers and remotes: MiBeacon version 2 or 3 with a key of 12 bytes (YLKG07YL).

    5830 | b603 | d2 | 8b98c54124f8 | c3491476757e | 000000 | 99       the dimmer was pressed once

Document: what public readers agree on (xiaomi-ble, ble_monitor); see mibeacon.py. Nobody knows how
to check such a frame: a wrong key opens it to nonsense, and whoever flips its bits changes what it
says. So only whole, known objects are believed, nothing of it should guard a life, and the keys of
these remotes are told as commands that nothing is judged by.
"""

from __future__ import annotations

from functools import partial

from drivers.mibeacon import LISTENS, MiBeacon
from gateway.words.driver import Model
from gateway.words.reading import Kind

MODEL = Model(
    name="mibeacon-legacy",
    title=("旧版易来旋钮与遥控器", "Old Yeelight dimmers and remotes"),
    listens=LISTENS,
    senses=frozenset({Kind.DIMMER, Kind.COMMAND}),
    general=True,
    missing_after=None,
    new=partial(MiBeacon, old=True),
    key_bytes=12,
    device_notes=(
        "绑定密钥为 24 位;信号无法校验,且平时不发信号,不得用于呼救。",
        (
            "Its bind key has 24 digits. Its signals cannot be verified and it is silent until "
            "used: never use it to call for help."
        ),
    ),
)
