"""EnOcean receiver (USB 300, TCM 310) with ESP3 frames; the wire is 57600 8N1.

    55 | data length, u16 BE | optional length | type | crc8 | data | optional | crc8
    55        0007                  07            01    7a   ...
    crc8: polynomial 07, start 0; first of the four bytes before, second of data and optional

    type 1  radio: data = RORG | payload | sender, 4 | status
            optional = subtelegrams | destination, 4 | -dBm | security
    type 2  answer; 4 event; 5 host's command: 5500010005700838 asks for the base id, and the answer
            proves that it lives

Document: EnOcean Serial Protocol 3, V1.51; frames as in kipe/enocean's tests. A telegram's source
is the sender, its data is RORG | payload | status: what it means is the enrolled device's matter.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from drivers._enocean import drawn
from drivers._frames import WAIT, Cutter, Line
from drivers._receiver import receiver
from drivers._refusals import CRC, NOISE, TOO_SHORT
from gateway.words.driver import Heard, Refusal, Report, SerialLine, Telegram
from gateway.words.reading import Kind

SYNC = 0x55
_HEAD = 6
_LONGEST = 512  # data and optional bytes together; a longer claim is a false header
RADIO, HOST = 1, 5
_ALIVE = Report(Kind.HEARTBEAT, True)


def _table() -> bytes:
    out = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc << 1 ^ (0x107 if crc & 0x80 else 0)
        out.append(crc & 0xFF)
    return bytes(out)


_CRC8 = _table()


def crc8(data: bytes | bytearray) -> int:
    """Return the sum over some bytes."""
    out = 0
    for byte in data:
        out = _CRC8[out ^ byte]
    return out


def judged(buffer: bytearray, at: int) -> int | Refusal:
    """Say what begins here; see Cutter."""
    if len(buffer) < at + _HEAD:
        return WAIT
    if crc8(buffer[at + 1 : at + 5]) != buffer[at + 5]:
        return NOISE
    size = int.from_bytes(buffer[at + 1 : at + 3], "big") + buffer[at + 3]
    if not 1 <= size <= _LONGEST:
        return NOISE
    end = at + _HEAD + size
    if len(buffer) <= end:
        return WAIT
    return _HEAD + size + 1 if crc8(buffer[at + _HEAD : end]) == buffer[end] else CRC


def split(frame: bytes) -> tuple[int, bytes, bytes]:
    """Return a whole frame's type, data and optional data."""
    size = int.from_bytes(frame[1:3], "big")
    return frame[4], frame[_HEAD : _HEAD + size], frame[_HEAD + size : -1]


def telegram(data: bytes, optional: bytes) -> Telegram | None:
    """Return a radio frame's telegram; None when it is too short to have a sender."""
    if len(data) < 7:
        return None
    rssi = -optional[5] if len(optional) >= 6 else 0
    return Telegram(source=data[-5:-1].hex().upper(), data=data[:-5] + data[-1:], rssi=rssi)


def _read(frame: bytes) -> Iterable[Heard]:
    kind, data, optional = split(frame)
    if kind == RADIO:
        return (telegram(data, optional) or TOO_SHORT,)
    return () if kind == HOST else (_ALIVE,)


def _draw(frame: bytes) -> dict[str, object]:
    kind, data, optional = split(frame)
    heard = telegram(data, optional) if kind == RADIO else None
    if heard is None:
        return {"packet_type": kind, "data": data.hex()}
    return {"packet_type": kind, "sender": heard.source, "dbm": heard.rssi} | drawn(heard.data)


def framed(kind: int, data: bytes, optional: bytes = b"") -> bytes:
    """Return a whole frame."""
    head = len(data).to_bytes(2, "big") + bytes([len(optional), kind])
    return (
        bytes([SYNC])
        + head
        + bytes([crc8(head)])
        + data
        + optional
        + bytes([crc8(data + optional)])
    )


_ASK = framed(HOST, b"\x08")

MODEL = receiver(
    "enocean-esp3",
    ("EnOcean USB 接收器(USB 300 / TCM 310)", "EnOcean USB receiver (USB 300 / TCM 310)"),
    SerialLine(baud=57600, ask=_ASK, ask_every=60.0),
    partial(Line, partial(Cutter, bytes([SYNC]), judged), _read, _draw, _ASK),
    (
        (
            "用 1 米 USB 延长线把接收器移离网关;频段须与传感器一致(欧洲 868.3 MHz,"
            "中国及北美型号不同,买前核对)。"
        ),
        (
            "Move it away from the gateway with 1 m of USB cable; "
            "its band must be that of the sensors (868.3 MHz in Europe; others differ)."
        ),
    ),
)
