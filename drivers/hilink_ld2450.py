"""Hi-Link LD2450 tracking radar; 256000 8N1, ten reports a second of up to three targets.

    aaff0300 | x, y, speed, resolution: 4 x u16 LE | the same | the same | 55cc
    aaff0300 | 0e03 b186 1000 4001 | 00 x 8 | 00 x 8 | 55cc
               x -782 mm, y 1713 mm, speed -16 cm/s, resolution 320 mm

x, y and speed are sign and magnitude: bit 15 set = positive, clear = negative. All eight bytes zero
= no target. Document: HLK-LD2450 serial protocol V1.03, section 2.3. There is no sum: header, tail
and length are all there is to believe a frame by. It sees no falls, and "nobody" ends nothing; what
is told and when: see _presence.py.
"""

from __future__ import annotations

import struct
from functools import partial
from math import hypot

from drivers._frames import WAIT, Cutter
from drivers._presence import Presence, Seen
from drivers._refusals import BAD_FOOTER, NOISE
from drivers._reports import measure
from gateway.words.driver import Enrol, Model, Refusal, Report, SerialLine
from gateway.words.reading import Kind

HEAD, TAIL = b"\xaa\xff\x03\x00", b"\x55\xcc"
_SIZE = 30


def judged(buffer: bytearray, at: int) -> int | Refusal:
    """Say what begins here; see Cutter."""
    if not HEAD.startswith(buffer[at : at + 4]):
        return NOISE
    if len(buffer) < at + _SIZE:
        return WAIT
    return _SIZE if buffer[at + _SIZE - 2 : at + _SIZE] == TAIL else BAD_FOOTER


def _signed(raw: int) -> int:
    return raw - 0x8000 if raw & 0x8000 else -raw


def targets(frame: bytes) -> list[dict[str, int]]:
    """Return the targets a whole frame holds."""
    out = []
    for x, y, speed, resolution in struct.iter_unpack("<HHHH", frame[4:28]):
        if x or y or speed or resolution:
            out.append(
                {
                    "x_mm": _signed(x),
                    "y_mm": _signed(y),
                    "speed_cm_s": _signed(speed),
                    "resolution_mm": resolution,
                }
            )
    return out


def _draw(frame: bytes) -> dict[str, object]:
    return {"kind": "ld2450_targets", "targets": targets(frame)}


def _look(frame: bytes) -> Seen:
    there = targets(frame)
    far = [round(hypot(one["x_mm"], one["y_mm"])) for one in there]
    return Seen(
        len(there),
        (Report(Kind.OCCUPANCY, bool(there)), measure("targets", len(there))),
        {"nearest_distance_cm": min(far)} if far else {},
    )


MODEL = Model(
    name="hilink-ld2450",
    title=("海凌科 LD2450 人员追踪雷达", "Hi-Link LD2450 tracking radar"),
    listens=SerialLine(baud=256000),
    senses=frozenset({Kind.OCCUPANCY}),
    missing_after=60.0,  # as for the LD2410
    new=partial(Presence, partial(Cutter, HEAD[:1], judged), _look, _draw),
    enrol=Enrol.PORT,
    device_notes=(
        "只测位置,不测跌倒;挂墙 1.5 至 2 米高,最远 6 米,最多三人;5V 供电,避开风扇和晃动的窗帘。",
        (
            "Senses positions, not falls. On the wall, 1.5 to 2 m high, up to 6 m and three people;"
            " 5 V supply; away from fans and curtains."
        ),
    ),
)
