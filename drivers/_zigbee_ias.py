"""Zigbee frames as a coordinator's log shows them: for reading a log; zigbee2mqtt does the hearing.

    09 | 64 | 00 | 3000 | 00 | 17 | 2800    frame control, sequence, command 00 status change, zone
                                            status u16 LE, extended, zone id, delay u16 LE in
                                            quarter-seconds; frame control with bit 2 has a maker's
                                            id, u16, first
    08 | 57 | 0a | 0000 | 10 | 80           attribute report: attribute u16 LE, type, value
    fe | 1d | 44 81 | data | xor            TI coordinator; the xor goes from the length on;
                                            44 81 = AF_INCOMING_MSG

Zone status: bit 0 alarm 1 (a contact's: open), 1 alarm 2, 2 tamper, 3 battery low, 4 supervision
reports, 5 restore reports, 6 trouble, 7 mains fault, 8 test, 9 battery defect. 30 00 of a panic
button is a check-in, and no alarm. Document: Zigbee Cluster Library, 8.2 IAS Zone and 2.5 general
commands; TI Z-Stack Monitor and Test API.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from functools import reduce
from operator import xor
from typing import Any

from drivers._refusals import BAD_CHECKSUM, TOO_SHORT, UNKNOWN_VALUE
from gateway.words.driver import NOT_MINE, Picture, Refusal, Report
from gateway.words.reading import Kind

IAS_ZONE, IAS_ACE, ON_OFF = 0x0500, 0x0501, 0x0006
_STATUS = (
    "alarm1",
    "alarm2",
    "tamper",
    "battery_low",
    "supervision_reports",
    "restore_reports",
    "trouble",
    "mains_fault",
    "test",
    "battery_defect",
)
_CLUSTER = re.compile(r"0x[0-9A-Fa-f]{1,4}|[0-9A-Fa-f]{4}")
# Konke buttons report them as values of on/off
_PRESSES = {0x80: "press", 0x81: "double_press", 0x82: "long_press"}
_TYPES = {
    0x10: (1, False),
    0x18: (1, False),
    0x20: (1, False),
    0x21: (2, False),
    0x28: (1, True),
    0x29: (2, True),
    0x30: (1, False),
}


def pictures(cluster: str, frame: bytes) -> Sequence[Picture | Report | Refusal]:
    """Draw one frame of a bridge's log; `cluster` as in "0x0500", or "znp": a TI coordinator's."""
    if cluster == "znp":
        whole = coordinator(frame)
        return (whole if isinstance(whole, Refusal) else Picture(whole),)
    if not _CLUSTER.fullmatch(cluster):
        return (NOT_MINE,)
    said = meaning(int(cluster, 16), frame)
    return (said,) if isinstance(said, Refusal) else (Picture(said[0]), *said[1])


def meaning(cluster: int, frame: bytes) -> tuple[dict[str, Any], list[Report]] | Refusal:
    """Return what one ZCL frame says, and what of it may be reported.

    The sort of zone decides what its alarm 1 is.
    """
    if len(frame) < 3:
        return TOO_SHORT
    control, start = frame[0], 5 if frame[0] & 0x04 else 3
    if len(frame) < start:
        return TOO_SHORT
    command, data = frame[start - 1], frame[start:]
    if control & 0x03 == 0x00 and command == 0x0A:
        return _attribute(cluster, data)
    if control & 0x03 != 0x01:
        return {"cmd": f"general_{command:02x}", "data": data.hex()}, []
    if cluster == IAS_ACE and command == 0x02 and not control & 0x08:
        return {"cmd": "emergency"}, [Report(Kind.BUTTON, "press")]
    if cluster != IAS_ZONE or not control & 0x08:
        return {"cmd": f"cluster_{command:02x}", "data": data.hex()}, []
    if command == 0x01:
        if len(data) < 4:
            return TOO_SHORT
        return {"cmd": "enroll_request", "zone_type": int.from_bytes(data[:2], "little")}, []
    if command != 0x00:
        return UNKNOWN_VALUE
    if len(data) < 2:
        return TOO_SHORT
    status = int.from_bytes(data[:2], "little")
    said: dict[str, Any] = {"cmd": "status_change", "zone_status": status}
    said |= {name: bool(status >> bit & 1) for bit, name in enumerate(_STATUS)}
    if len(data) >= 6:  # the first devices sent status and extended status only
        said |= {"zone_id": data[3], "delay_qs": int.from_bytes(data[4:6], "little")}
    return said, [Report(Kind.TAMPER, bool(status & 4)), Report(Kind.BATTERY_LOW, bool(status & 8))]


def _attribute(cluster: int, data: bytes) -> tuple[dict[str, Any], list[Report]] | Refusal:
    if len(data) < 4:
        return TOO_SHORT
    said: dict[str, Any] = {"cmd": "attribute_report", "attr": int.from_bytes(data[:2], "little")}
    size, signed = _TYPES.get(data[2], (0, False))
    if not size or len(data) < 3 + size:
        return said | {"type": data[2], "data": data[3:].hex()}, []
    value = int.from_bytes(data[3 : 3 + size], "little", signed=signed)
    # Above 7F the "boolean" is a button's count; a real boolean is 0 or 1.
    said["value"] = bool(value) if data[2] == 0x10 and value < 2 else value
    press = _PRESSES.get(value) if cluster == ON_OFF and said["attr"] == 0 else None
    return said, [Report(Kind.BUTTON, press)] if press else []


def coordinator(frame: bytes) -> dict[str, Any] | Refusal:
    """Return what a TI coordinator's serial frame holds."""
    if len(frame) < 5 or frame[0] != 0xFE or len(frame) != frame[1] + 5:
        return TOO_SHORT
    fcs = reduce(xor, frame[1:-1])
    if fcs != frame[-1]:
        return BAD_CHECKSUM
    said: dict[str, Any] = {
        "unpi": {
            "length": frame[1],
            "cmd0": f"0x{frame[2]:02x}",
            "cmd1": f"0x{frame[3]:02x}",
            "fcs": f"0x{fcs:02x}",
        }
    }
    data = frame[4:-1]
    if frame[2:4] == b"\x44\x81" and len(data) >= 17 and len(data) >= 17 + data[16]:
        cluster, source, from_end, to_end, lqi, size = struct.unpack_from("<2xHHBBxB6xB", data)
        said["af"] = {
            "cluster": f"0x{cluster:04x}",
            "src": f"0x{source:04x}",
            "src_ep": from_end,
            "dst_ep": to_end,
            "lqi": lqi,
            "zcl": data[17 : 17 + size].hex(),
        }
    return said
