"""Hi-Link LD2410 presence radar; the wire is 256000 8N1, ten reports a second.

    f4f3f2f1 | length, u16 LE | 02 | aa | state | moving cm, u16 LE | energy
        | still cm, u16 LE | energy | cm, u16 LE | 55 00 | f8f7f6f5
    f4f3f2f1 0d00 02 aa 02 5100 00 0000 3b 0000 55 00 f8f7f6f5
    fdfcfbfa | length, u16 LE | command, u16 LE | data | 04030201    host's commands, and answers

State: 0 nobody, 1 moving, 2 still, 3 both. Type 01 instead of 02 (engineering mode) has the gates'
energies before the 55. Document: HLK-LD2410 serial protocol V1.02; frames as in aio-ld2410's tests.
It sees no falls, and a person who breathes quietly under a blanket poorly: "nobody" is a state like
any other, and ends nothing. What is told and when: see _presence.py.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import partial

from drivers._frames import WAIT, Cutter
from drivers._presence import Presence, Seen
from drivers._refusals import BAD_FOOTER, BAD_HEADER, NOISE, UNKNOWN_VALUE
from gateway.words.driver import (
    Chunk,
    Enrol,
    Model,
    Packet,
    Picture,
    Refusal,
    Report,
    SerialLine,
)
from gateway.words.reading import Kind

REPORT, COMMAND = b"\xf4\xf3\xf2\xf1", b"\xfd\xfc\xfb\xfa"
REPORT_END, COMMAND_END = b"\xf8\xf7\xf6\xf5", b"\x04\x03\x02\x01"
_AROUND = 10  # header, length, footer
_LONGEST = 80  # data bytes; an engineering report has 35 to 45
_HEADS = REPORT[:1] + COMMAND[:1]
_ANSWER = 0x0100  # bit of a command
TARGETS = ("none", "moving", "static", "both")


def judged(buffer: bytearray, at: int) -> int | Refusal:
    """Say what begins here; see Cutter."""
    head = buffer[at : at + 4]
    if not (REPORT.startswith(head) or COMMAND.startswith(head)):
        return NOISE
    if len(buffer) < at + 6:
        return WAIT
    size = int.from_bytes(buffer[at + 4 : at + 6], "little")
    if not 2 <= size <= _LONGEST:
        return NOISE
    end = at + _AROUND + size
    if len(buffer) < end:
        return WAIT
    return (
        _AROUND + size
        if buffer[end - 4 : end] == (REPORT_END if head == REPORT else COMMAND_END)
        else BAD_FOOTER
    )


def seen(frame: bytes) -> dict[str, int] | None:
    """Return a report's numbers, None when the frame is none that is documented."""
    body = frame[6:-4]
    if (
        frame[:4] != REPORT
        or len(body) < 13
        or body[0] not in (1, 2)
        or body[1] != 0xAA
        or body[-2:] != b"\x55\x00"
        or body[2] > 3
    ):
        return None
    state, moving, moving_energy, static, static_energy, detection = struct.unpack_from(
        "<BHBHBH", body, 2
    )
    return {
        "state": state,
        "moving_distance_cm": moving,
        "moving_energy": moving_energy,
        "static_distance_cm": static,
        "static_energy": static_energy,
        "detection_distance_cm": detection,
    }


def _draw(frame: bytes) -> dict[str, object]:
    """Name the fields of a report, a host's command or the answer to one."""
    body = frame[6:-4]
    if frame[:4] != COMMAND:
        numbers = seen(frame)
        if numbers is None:
            return {"kind": "unknown", "data": body.hex()}
        kind = "ld2410_basic" if body[0] == 2 else "ld2410_engineering"
        return {"kind": kind, "target": TARGETS[numbers.pop("state")], **numbers}
    command = int.from_bytes(body[:2], "little")
    said: dict[str, object] = {"command": f"0x{command & 0xFF:02X}"}
    if not command & _ANSWER or len(body) < 4:
        return {"kind": "ld2410_command"} | said | {"direction": "host", "data": body[2:].hex()}
    said |= {"kind": "ld2410_reply", "status": int.from_bytes(body[2:4], "little")}
    if command & 0xFF == 0xFF and len(body) >= 8:
        version, size = struct.unpack_from("<HH", body, 4)
        return said | {"protocol_version": version, "buffer_size": size}
    return said | ({"data": body[4:].hex()} if len(body) > 4 else {})


def _look(frame: bytes) -> Seen | Refusal | None:
    if frame[:4] == COMMAND:
        return None
    now = seen(frame)
    if now is None:
        return UNKNOWN_VALUE
    state = now["state"]
    moving, still = state in (1, 3), state in (2, 3)
    there = {"moving_distance_cm": moving, "static_distance_cm": still}
    return Seen(
        state,
        (Report(Kind.OCCUPANCY, state != 0), Report(Kind.MOTION, moving)),
        {label: now[label] * 10 for label, one in there.items() if one},
    )


class Ld2410(Presence):
    """One radar, whose recordings may begin in the middle of a frame."""

    def pictures(self, packet: Packet) -> Iterable[Picture | Refusal]:
        """Draw each frame of a recording; one that ends well has lost its beginning."""
        drawn = list(super().pictures(packet))
        ends = isinstance(packet, Chunk) and packet.data.endswith((REPORT_END, COMMAND_END))
        return [BAD_HEADER] if ends and drawn == [NOISE] else drawn


MODEL = Model(
    name="hilink-ld2410",
    title=("海凌科 LD2410 存在雷达", "Hi-Link LD2410 presence radar"),
    listens=SerialLine(baud=256000),
    senses=frozenset({Kind.OCCUPANCY, Kind.MOTION}),
    # It speaks ten times a second, so 5 s would show a loss. But a plug pulled and put back is
    # opened again within up to a minute, and what it senses raises no alarm: less than a minute
    # would make faults out of every touch of the cable.
    missing_after=60.0,
    new=partial(Ld2410, partial(Cutter, _HEADS, judged), _look, _draw),
    enrol=Enrol.PORT,
    device_notes=(
        (
            "只测有人无人,不测跌倒;对着床或座椅,0.75 至 4.5 米;5V 供电,避开风扇和晃动的窗帘。"
            "距离门和灵敏度用厂家手机软件设置。"
        ),
        (
            "Senses presence, not falls. Aim it at bed or chair, 0.75 to 4.5 m away; 5 V supply; "
            "away from fans and moving curtains. Gates and sensitivity are set with the maker's "
            "phone app."
        ),
    ),
)
