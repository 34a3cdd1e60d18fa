"""A running zigbee2mqtt, heard on its own broker: one JSON message for each Zigbee sensor.

    <base>/front door             {"contact":false,"battery":91,"tamper":false,"linkquality":120}
    <base>/cord/availability      {"state":"offline"}, or the bare word
    <base>/bridge/state           {"state":"online"}, or the bare word

Document: zigbee2mqtt, MQTT topics and messages. A telegram's source is the friendly name, which may
hold slashes; its data is the JSON.

An action is what happens now. In a message that the broker kept (retained) it is what happened
once: it is taken out here, so that a press of last week is no call. States in such a message are
the last known ones, and are passed on; who said them may be dead since. What other programs ask of
zigbee2mqtt (.../set, .../get) is no device's word.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from drivers._receiver import receiver
from drivers._refusals import BAD_JSON, TOO_LONG
from drivers._zigbee import Sensor, parsed
from drivers._zigbee_ias import pictures
from drivers._zigbee_words import table
from gateway.words.driver import (
    NOT_MINE,
    OFFLINE,
    Heard,
    MqttTopics,
    Packet,
    Picture,
    Published,
    Refusal,
    Report,
    Telegram,
)
from gateway.words.reading import Kind

_LONGEST = 16_384  # bytes; a sensor's message has some hundred
_NAME = 200  # characters of a friendly name
_OTHERS = ("/set", "/get", "/action")
_ALIVE = Report(Kind.HEARTBEAT, True)
ACTIONS = ("action", "click")  # the second from before 2020


def decoded(payload: bytes) -> Any:
    """Return the JSON value, a bare word as text, None for neither."""
    try:
        return parsed(payload)
    except (ValueError, RecursionError):
        return payload.decode("ascii", "replace") if payload.isalpha() else None


def _state(value: Any) -> str:
    state = value.get("state") if isinstance(value, dict) else value
    return state if isinstance(state, str) else ""


class Zigbee2Mqtt:
    """All messages of one zigbee2mqtt."""

    def __init__(self, _address: str, _key: bytes | None, memory: Mapping[str, int | str]) -> None:
        self.memory: dict[str, int | str] = dict(memory)

    def feed(self, packet: Packet) -> Iterable[Heard]:
        """Decode one message."""
        if not isinstance(packet, Published):
            return (NOT_MINE,)
        topic = packet.topic
        if len(packet.payload) > _LONGEST and not topic.startswith("bridge/"):
            return (TOO_LONG,)
        if topic == "bridge/state":
            state = _state(decoded(packet.payload))
            if state == "offline":
                return (OFFLINE,)
            return (_ALIVE,) if state == "online" and not packet.retained else ()
        if topic.startswith("bridge/"):
            return () if packet.retained else (_ALIVE,)
        if topic.endswith(_OTHERS) or not 0 < len(topic) <= _NAME:
            return ()
        value = decoded(packet.payload)
        if topic.endswith("/availability"):
            state = _state(value)
            known = state in ("online", "offline") and not packet.retained
            return (
                (_telegram(topic.removesuffix("/availability"), {"availability": state}),)
                if known
                else ()
            )
        if not isinstance(value, dict):
            return (BAD_JSON,)
        if packet.retained:
            value = {key: what for key, what in value.items() if key not in ACTIONS}
        return (_telegram(topic, value, retained=packet.retained),)

    def pictures(self, packet: Packet) -> Iterable[Picture | Report | Refusal]:
        """Draw a message, with what any sensor would mean by it; or a frame of the bridge's log.

        Such a frame comes as a telegram whose source is its cluster, as in "0x0500", or "znp" for a
        TI coordinator's frame.
        """
        if isinstance(packet, Telegram):
            return pictures(packet.source, packet.data)
        out: list[Picture | Report | Refusal] = []
        for one in self.feed(packet):
            if isinstance(one, Telegram):
                any_sensor = Sensor(table("sos", Kind.MOTION), frozenset(Kind), {})
                said = (x for x in any_sensor.feed(one) if isinstance(x, Report | Refusal))
                out += [Picture({"friendly_name": one.source}), *said]
        return out or (NOT_MINE,)


def _telegram(name: str, value: dict[str, Any], *, retained: bool = False) -> Telegram:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Telegram(source=name, data=text.encode("utf-8", "replace"), retained=retained)


MODEL = receiver(
    "zigbee2mqtt",
    ("Zigbee(经 zigbee2mqtt)", "Zigbee, through zigbee2mqtt"),
    MqttTopics(),
    Zigbee2Mqtt,
    (
        (
            "在网关上或局域网内运行 zigbee2mqtt(输出格式 json,配对后关闭 permit_join);"
            "协调器用 USB 延长线。"
        ),
        (
            "Run zigbee2mqtt on the gateway or in its network (output json, "
            "permit_join off after pairing), its stick on a USB extension (port = mqtt://host:"
            "port/zigbee2mqtt)."
        ),
    ),
    missing_after=3600.0,  # a home's sensors speak every few minutes, bridge/health every ten
)
