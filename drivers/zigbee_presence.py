"""Zigbee presence radar through zigbee2mqtt; see _zigbee.py, and _zigbee_words.py for its words.

    {"presence":true,"illuminance":120}  {"presence_state":"none"}  {"motion_state":"small"}
    somebody                             nobody                     somebody

Document: zigbee2mqtt, exposes of Tuya ZY-M100-24G, ZG-204ZM, ZG-205Z, Aqara FP1E, Merrytek MSA201Z.
"""

from __future__ import annotations

from drivers._zigbee import zigbee
from gateway.words.reading import Kind

MODEL = zigbee(
    "zigbee-presence",
    ("Zigbee 人体存在雷达", "Zigbee presence radar"),
    frozenset({Kind.PRESENCE, Kind.OCCUPANCY}),
    (
        "避开风扇、窗帘和水管;人离开后确认变为无人。",
        (
            "Keep it away from fans, curtains and pipes; "
            "see that it reports nobody when the room is empty."
        ),
    ),
    occupancy=Kind.OCCUPANCY,
)
