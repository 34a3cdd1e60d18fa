"""Modbus RTU module with inputs for dry contacts, polled by gateway/hear/contacts.py.

    01 02 00 00 00 08 79 cc      unit 1: read 8 inputs from input 0 on; crc16, low byte first
    01 02 01 01 60 48            input 0 is on

Document: Modbus application protocol V1.1b3, function 02; Modbus over serial line V1.02. Inputs are
numbered from 1, as printed beside the terminals; a telegram is one input.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from drivers._modbus_rtu import meaning
from drivers._receiver import receiver
from gateway.words.driver import (
    NOT_MINE,
    Chunk,
    Heard,
    Inputs,
    Packet,
    Picture,
    Refusal,
    Telegram,
)


class InputModule:
    """Passes on what was polled."""

    def __init__(self, _address: str, _key: bytes | None, memory: Mapping[str, int | str]) -> None:
        self.memory: dict[str, int | str] = dict(memory)

    def feed(self, packet: Packet) -> Iterable[Heard]:
        """Pass a telegram on to the contact behind it."""
        return (packet,) if isinstance(packet, Telegram) else (NOT_MINE,)


class ModbusModule(InputModule):
    """Its frames can be read from a recording too; on the line it is polled."""

    def pictures(self, packet: Packet) -> Iterable[Picture | Refusal]:
        """Draw the frame that a recording holds."""
        if not isinstance(packet, Chunk):
            return (NOT_MINE,)
        said = meaning(packet.data)
        return (said if isinstance(said, Refusal) else Picture(said, packet.data),)


MODEL = receiver(
    "modbus-inputs",
    ("Modbus RTU 输入模块", "Modbus RTU input module"),
    Inputs(bus="modbus"),
    ModbusModule,
    (
        (
            "拨码设站号(默认 1)、9600 8N1;RS-485 的 A/B 接 USB-485,两端各接 120 欧;"
            "站号和路数写在串口名后(?unit=1&inputs=8&baud=9600)。"
        ),
        (
            "DIP switches: unit (1 unless stated) and 9600 8N1; "
            "RS-485 A/B to a USB adapter, 120 ohm at both ends; "
            "port = /dev/serial/by-id/...?unit=1&inputs=8&baud=9600."
        ),
    ),
)
