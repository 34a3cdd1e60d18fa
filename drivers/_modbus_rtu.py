"""Modbus RTU frames as a line monitor shows them: for reading a recording.

    01 | 03 | 0000 000a | c5cd    unit, function, address and count, crc16 low byte first
                                  (polynomial A001, start FFFF)
    01 | 02 | 01 | 01 | 6048      the answer: one byte follows, input 0 is on
    01 | 82 | 02 | c161           function with bit 7: refused, and why

Modules are polled by gateway/hear/contacts.py. Document: Modbus application protocol V1.1b3; Modbus
over serial line V1.02. A frame does not say who speaks: eight bytes that can be a question are
taken as one, unless their length says an answer.
"""

from __future__ import annotations

import struct
from typing import Any

from drivers._refusals import BAD_CHECKSUM, TOO_SHORT
from gateway.words.driver import Refusal

_BITS, _REGISTERS, _WRITES_ONE, _WRITES_MANY = (1, 2), (3, 4), (5, 6), (15, 16)


def crc16(data: bytes) -> int:
    """Return the sum over some bytes."""
    out = 0xFFFF
    for byte in data:
        out ^= byte
        for _ in range(8):
            out = out >> 1 ^ (0xA001 if out & 1 else 0)
    return out


def whole(frame: bytes) -> bool:
    """Say whether the sum at the end is right."""
    return 4 <= len(frame) <= 256 and crc16(frame[:-2]) == int.from_bytes(frame[-2:], "little")


def meaning(frame: bytes) -> dict[str, Any] | Refusal:
    """Return what one frame says."""
    if len(frame) < 4:
        return TOO_SHORT
    if not whole(frame):
        return BAD_CHECKSUM
    unit, function, data = frame[0], frame[1], frame[2:-2]
    said: dict[str, Any] = {"unit": unit, "function": function & 0x7F}
    if function & 0x80:
        return said | {"exception": data[0] if data else 0, "reply": True}
    if function in _BITS + _REGISTERS and data and len(data) == data[0] + 1:
        if function in _BITS:
            bits = [bool(byte >> bit & 1) for byte in data[1:] for bit in range(8)]
            return said | {"bits": bits, "reply": True}
        registers = struct.unpack_from(f">{data[0] // 2}H", data, 1)
        return said | {"registers": list(registers), "reply": True}
    if len(data) < 4:
        return said | {"data": data.hex()}
    said["address"], second = struct.unpack_from(">HH", data)
    if function in _WRITES_ONE:
        return said | {"value": second == 0xFF00 if function == 5 else second}
    if function in _BITS + _REGISTERS + _WRITES_MANY:
        return said | {"count": second} | ({"data": data[5:].hex()} if len(data) > 5 else {})
    return said | {"data": data.hex()}
