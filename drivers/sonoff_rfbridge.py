"""Sonoff RF Bridge (EFM8BB1 radio chip), a receiver of 433 MHz codes; the wire is 19200 8N1.

    aa | a4 | sync, u16 BE us | low | high | code, 3 bytes | 55    a code; a3 = while learning
    aa   a4      26c0           0136  03ca     511451        55
    aa | a6 | length | protocol | data | 55    Portisch, sniffing for more protocols
    aa | b1 | buckets | u16 BE us each | pairs of bucket numbers | 55
                      Portisch, raw timings: a pair long-short is 1, short-long 0
    aa | a0 | 55      acknowledgement
    aa ff 55 -> aa 03 55    Portisch: asks for the version, which proves that it lives

Document: Portisch/RF-Bridge-EFM8BB1, README and wiki. The chip sends a code again until the host
has acknowledged it. Codes may hold aa and 55: lengths decide, not the tail. There is no sum. The
original firmware does not answer ff: it looks missing when nobody presses anything, so flash
Portisch.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import partial

from drivers._frames import WAIT, Cutter, Line
from drivers._receiver import receiver
from drivers._refusals import NOISE
from drivers._taught import pictures
from gateway.words.driver import (
    Heard,
    Packet,
    Picture,
    Refusal,
    Reply,
    Report,
    SerialLine,
    Telegram,
)
from gateway.words.reading import Kind

START, END = 0xAA, 0x55
ACK, LEARN_TIMED_OUT, LEARNED, CODE, SEND, SNIFFED, BUCKETS = (
    0xA0,
    0xA2,
    0xA3,
    0xA4,
    0xA5,
    0xA6,
    0xB1,
)
_CODE_SIZE = 12
_SHORT = 3
_MOST_BUCKETS = 8
_LONGEST_BUCKETS = 2 * _MOST_BUCKETS + 112  # bytes after the number of buckets
_SYNC = 3  # a pair this many times as long as the shortest is no bit: bits are equally long
_CODES: dict[int, tuple[str, dict[str, object]]] = {
    LEARNED: ("learned", {}),
    SEND: ("transmit", {"direction": "host"}),
}
_NAMES = {
    ACK: "ack",
    0xA1: "learn",
    LEARN_TIMED_OUT: "learn_timeout",
    SNIFFED: "sniffing_on",
    0xA7: "sniffing_off",
    BUCKETS: "bucket_sniffing_on",
    0xFF: "query_version",
}
_ACK = Reply(bytes((START, ACK, END)))
_POLL = bytes((START, 0xFF, END))


def judged(buffer: bytearray, at: int) -> int | Refusal:
    """Say what begins here; see Cutter."""
    if len(buffer) < at + _SHORT:
        return WAIT
    command = buffer[at + 1]
    if command in (CODE, LEARNED, SEND):
        size = _CODE_SIZE
    elif command == SNIFFED:
        # length 55 is "sniff on" or its echo, three bytes in all
        size = _SHORT if buffer[at + 2] == END else buffer[at + 2] + 4
        if buffer[at + 2] > 64 and size != _SHORT:
            return NOISE
    elif command == BUCKETS and buffer[at + 2] != END:
        return _buckets_end(buffer, at)
    else:
        size = _SHORT
    if len(buffer) < at + size:
        return WAIT
    return size if buffer[at + size - 1] == END else NOISE


def _buckets_end(buffer: bytearray, at: int) -> int | Refusal:
    """Return where raw timings end: at the first 55 that is no pair of bucket numbers.

    With six buckets and more it is the first.
    """
    count = buffer[at + 2]
    if not 1 <= count <= _MOST_BUCKETS:
        return NOISE
    start = at + 3 + 2 * count
    for place in range(start, min(len(buffer), at + _LONGEST_BUCKETS)):
        if buffer[place] == END:
            return place + 1 - at
        if max(buffer[place] >> 4 & 7, buffer[place] & 7) >= count:
            return NOISE
    return NOISE if len(buffer) >= at + _LONGEST_BUCKETS else WAIT


def raw(frame: bytes) -> tuple[list[int], str]:
    """Return the buckets in microseconds and the bits that the timings mean."""
    count = frame[2]
    buckets = list(struct.unpack_from(f">{count}H", frame, 3))
    pairs = [(buckets[pair >> 4 & 7], buckets[pair & 7]) for pair in frame[3 + 2 * count : -1]]
    shortest = min((high + low for high, low in pairs), default=0)
    bits = "".join(
        "1" if high > low else "0" for high, low in pairs if high + low < _SYNC * shortest
    )
    return buckets, bits


def code_of(frame: bytes) -> str:
    """Return the code a frame holds in upper-case hex, "" when it holds none."""
    command = frame[1]
    if command in (CODE, LEARNED):
        return frame[8:11].hex().upper()
    if len(frame) == _SHORT:
        return ""
    if command == SNIFFED:
        return frame[4:-1].hex().upper()
    if command == BUCKETS:
        bits = raw(frame)[1]
        return f"{int(bits, 2):0{len(bits) // 4}X}" if bits and len(bits) % 4 == 0 else ""
    return ""


def read(frame: bytes) -> Iterable[Heard]:
    """Return the code of one frame, and acknowledge it; any other answer is a sign of life."""
    if code := code_of(frame):
        return _ACK, Telegram(source=code)
    return () if frame[1] == SEND else (Report(Kind.HEARTBEAT, True),)


def _draw(frame: bytes) -> dict[str, object]:
    command = frame[1]
    if len(frame) == _CODE_SIZE:
        sync, low, high = struct.unpack_from(">HHH", frame, 2)
        kind, host = _CODES.get(command, ("code", {}))
        timed = {"tsyn_us": sync, "tlow_us": low, "thigh_us": high}
        return {"kind": kind} | timed | {"code": frame[8:11].hex()} | host
    if command == SNIFFED and len(frame) > 4:
        return {"kind": "sniffed", "protocol": frame[3], "data": frame[4:-1].hex()}
    if command == BUCKETS and len(frame) > _SHORT:
        buckets, bits = raw(frame)
        return {"kind": "buckets", "buckets_us": buckets, "bits": bits}
    return {"kind": _NAMES[command]} if command in _NAMES else {"kind": "version", "value": command}


class RfBridge(Line):
    """One receiver on one line."""

    def pictures(self, packet: Packet) -> Iterable[Picture | Refusal]:
        """Draw each frame; a telegram is a bare code, as other programs print it."""
        return pictures(packet) if isinstance(packet, Telegram) else super().pictures(packet)


MODEL = receiver(
    "sonoff-rfbridge",
    ("Sonoff RF Bridge 433 接收器", "Sonoff RF Bridge 433 MHz receiver"),
    SerialLine(baud=19200, ask=_POLL, ask_every=60.0),
    partial(RfBridge, partial(Cutter, bytes([START]), judged), read, _draw, _POLL),
    (
        (
            "须刷 Portisch 固件(原厂固件不回答查询,会显示失联);"
            "把无线芯片的 RX/TX 从 ESP8266 断开,接 3.3V 串口适配器;放在屋子中央。"
        ),
        (
            "Flash the Portisch firmware (the original answers nothing: looks missing); "
            "cut the radio chip's RX/TX from the ESP8266 and wire them to a 3.3 V serial adapter; "
            "put it in the middle of the home."
        ),
    ),
)
