"""RFLink, a receiver of 433 MHz (and 868 MHz) sensors; the wire is 57600 8N1, lines of text.

    20;07;AB400D;ID=41;SWITCH=1;CMD=ON;
        20 = from the radio, counter in hex, maker's name, KEY=value ...
    20;36;Alecto V1;ID=0334;TEMP=800d;HUM=33;BAT=OK;
        temperature in tenths, hex, high bit = below zero: -1.3
    20;00;Nodo RadioFrequencyLink - RFLink Gateway V1.1 - R46;
        it has just started
    10;PING;   ->   20;01;PONG;

It runs on an Arduino Mega or ESP. Document: RFLink protocol reference; samples as in
python-rflink's tests. A telegram's source is the line without counter, battery and measures, for
instance "EV1527;ID=07A410;SWITCH=01;CMD=ON": what is taught is one function of one sensor.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from drivers._receiver import receiver
from drivers._refusals import NOISE, TOO_LONG
from gateway.words.driver import (
    NOT_MINE,
    Chunk,
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

_LONGEST = 256  # bytes of a line; what is longer is noise, and forgotten up to its end
_LINE = re.compile(rb"20;([0-9A-Fa-f]{2});([\x20-\x3a\x3c-\x7e]+);(?:([\x20-\x7e]*);)?")
# What makes a signal: everything else that comes with it is a measure or the battery, and changes
# from time to time.
_SIGNAL = frozenset(
    {"ID", "SWITCH", "CMD", "CHIME", "PIR", "SMOKEALERT", "TAMPER", "WATER", "GAS", "CO", "SOUND"}
)
_ALIVE = Report(Kind.HEARTBEAT, True)
_PING = b"10;PING;\r\n"


def parsed(line: bytes) -> tuple[str, dict[str, str]] | None:
    """Return the name and the keys of one line, None when it is none."""
    # A lost line end or the noise of a start stands before a line, not in it: the last beginning
    # that makes a line is the true one.
    at = len(line)
    found = None
    while found is None and (at := line.rfind(b"20;", 0, at + 2)) >= 0:
        found = _LINE.fullmatch(line, at)
    if found is None:
        return None
    fields = {}
    for part in (found[3] or b"").decode("ascii").split(";"):
        key, equals, value = part.partition("=")
        if key:
            fields[key.upper()] = value if equals else ""
    return found[2].decode("ascii"), fields


def telegram(name: str, fields: Mapping[str, str]) -> Telegram:
    """Return what the receiver heard, as the gateway enrols and teaches it."""
    parts = [name] + [f"{key}={value.upper()}" for key, value in fields.items() if key in _SIGNAL]
    more = [f"{key}={value}" for key, value in fields.items() if key not in _SIGNAL]
    return Telegram(source=";".join(parts), data=";".join(more).encode())


_BANNER = re.compile(r"RFLink Gateway V([\d.]+) - R(\w+)")
_PLAIN: dict[str, dict[str, object]] = {
    "PONG": {"pong": True},
    "CMD UNKNOWN": {"error": "command_unknown"},
}
_NAMES = {"ID": "sensor_id", "CMD": "command", "SMOKEALERT": "smoke", "BAT": "battery"}
_TENTHS = re.compile(r"[0-9A-Fa-f]{4}")


def _draw(name: str, fields: Mapping[str, str]) -> dict[str, object]:
    """Name what one line says: the receiver has started, it answers, or a sensor has sent."""
    if banner := _BANNER.search(name):
        return {"banner": True, "version": banner[1], "revision": banner[2]}
    if name in _PLAIN:
        return _PLAIN[name]
    said: dict[str, object] = {"protocol" if "ID" in fields else "message": name}
    for key, value in fields.items():
        if key == "TEMP" and _TENTHS.fullmatch(value):
            tenths = int(value, 16)
            said["temperature_c"] = (-(tenths & 0x7FFF) if tenths & 0x8000 else tenths) / 10
        elif key == "HUM" and value.isdecimal():
            said["humidity_pct"] = int(value)
        else:
            said[_NAMES.get(key, key.lower())] = value
    return said


class RfLink:
    """One receiver on one line."""

    def __init__(self, _address: str, _key: bytes | None, memory: Mapping[str, int | str]) -> None:
        self.memory: dict[str, int | str] = dict(memory)
        self._rest = bytearray()  # at most _LONGEST bytes
        self._skipping = False

    def feed(self, packet: Packet) -> Iterable[Heard]:
        """Decode what the line delivered."""
        if not isinstance(packet, Chunk):
            return (NOT_MINE,)
        out: list[Heard] = []
        if packet.opened:
            self._rest.clear()
            self._skipping = False
            out.append(Reply(_PING))
        start = 0
        while (end := packet.data.find(b"\n", start)) >= 0:
            self._take(packet.data[start:end], out)
            if not self._skipping:
                out += self._said(bytes(self._rest).rstrip(b"\r"))
            self._rest.clear()
            self._skipping = False
            start = end + 1
        self._take(packet.data[start:], out)
        return out

    def pictures(self, packet: Packet) -> Iterable[Picture | Refusal]:
        """Draw each line of text."""
        if not isinstance(packet, Chunk):
            return (NOT_MINE,)
        lines = [line for line in re.split(rb"\r?\n", packet.data) if line]
        found = [(line, parsed(line)) for line in lines]
        return [NOISE if one is None else Picture(_draw(*one), line) for line, one in found]

    def _take(self, part: bytes, out: list[Heard]) -> None:
        if self._skipping:
            return
        if len(self._rest) + len(part) > _LONGEST:
            self._rest.clear()
            self._skipping = True
            out.append(TOO_LONG)
        else:
            self._rest += part

    @staticmethod
    def _said(line: bytes) -> Iterable[Heard]:
        if not line:
            return ()
        found = parsed(line)
        if found is None:
            return (NOISE,)
        name, fields = found
        return (telegram(name, fields),) if "ID" in fields else (_ALIVE,)


MODEL = receiver(
    "rflink",
    ("RFLink 433 接收器", "RFLink 433 MHz receiver"),
    SerialLine(baud=57600, ask=_PING, ask_every=60.0, text=True),
    RfLink,
    (
        (
            "Arduino Mega 刷 RFLink R48 或更新固件,接 433 接收模块和 17.3 厘米天线;"
            "放在屋子中央,远离网关和 USB 3.0 设备。"
        ),
        (
            "Arduino Mega with RFLink R48 or newer, a 433 MHz receiver and an aerial of 17.3 cm; "
            "mid-home, far from the gateway and from USB 3.0 devices."
        ),
    ),
)
