"""BTHome v2: buttons, doors, motion and much else, broadcast as BLE service data FCD2.

    plain      flags | id value | id value | ...    values LE, no lengths: the id says how long
               40     00 52      01 64      3a 01   packet 82, battery 100 %, button pressed once
    encrypted  flags | ciphertext of the same | counter | tag
               45     4c57abea0d4c             bc010000  7a371f37

    flags  bit 0 encrypted; bit 1 six bytes of address follow, reversed; bit 2 speaks on events
           only; bits 5-7 version, 2
    AES-128-CCM, tag 4 bytes, no associated data;
    nonce = address (6) | D2 FC | flags | counter as sent (4)

Documents: BTHome version 2, format and encryption (bthome.io); Shelly BLU device pages for the hold
codes FE and 80. Every object id is compared with bthome-ble 3 in the tests. A repeated quantity is
instance 1, 2, 3. An id nobody knows ends the frame, since its length is unknown; what came before
is kept.

What is fresh, and what is refused
----------------------------------
`memory` holds, as the gateway stores it:

    frame    the last plain frame with a packet id, hex: the same again is `REPEATED`, however late
    counter  the newest encryption counter ever accepted; it never goes back by itself
    calls    tags of the last calls for help, 8 hex digits each: proof that a frame had its alarm

A valid tag under an older counter is a recorded frame played again, or a device whose battery was
changed and which counts from the start. Nothing in the frame tells the two apart, and a real call
lost is worse than a false one. So:

- `Kind.REPLAYED` is reported (a fault until the technician has looked) and no state or measure is
  believed;
- a call is reported once, flagged. Its tag is remembered, and a call whose tag is remembered is
  never reported again. Playing back what this gateway has heard raises nothing, in any order and
  however often. A frame it has never heard raises one flagged call, once. After a battery change
  every new press still comes through, flagged, for as long as nobody confirms;
- `counter` stays where it was: were it to follow the older frame, all recorded frames between the
  two would look fresh.

The technician confirms a changed battery, in the home: for two minutes the gateway's memory has
`confirmed = 1`, and presses the device twice. The first older counter is kept as `rising`. The
second, if it is newer than that, is believed and becomes the good one. The remembered calls stay: a
receiver's cached press stays silent. So a recording from before is not believed afterwards; two
that are played in these two minutes are, and their sender stands beside the technician. What was
more than `CALLS` calls ago is forgotten: with that many recordings of one button a replay could
come round again, flagged each time. An emptied memory is accepted as well, and forgets the calls.
The rules themselves stand in _fresh.py, for MiBeacon too.

A frame with neither counter nor packet id proves nothing: it is reported each time, and merging is
the intake's work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from drivers._ccm import ccm
from drivers._fresh import LastHeard, judged
from drivers._refusals import (
    BINDKEY_REQUIRED,
    DECRYPT_FAILED,
    DOWNGRADE,
    TOO_LONG,
    TOO_SHORT,
    WRONG_ADDRESS,
    WRONG_VERSION,
)
from drivers._reports import named
from gateway.words.driver import (
    NOT_MINE,
    REPEATED,
    Advertisement,
    BleAdvert,
    Heard,
    Model,
    Packet,
    Report,
    changed,
    uuid16,
)
from gateway.words.reading import Kind

UUID = uuid16(0xFCD2)

_ENCRYPTED, _WITH_ADDRESS = 0x01, 0x02
_VERSION = 2
# bytes; an AD structure cannot carry more, so a longer frame did not come from a radio
_LONGEST = 255
_SEAL = 8  # counter and tag
_SHORTEST_OBJECT = 2

_NOT_MINE = (NOT_MINE,)
_REPEATED = (REPEATED,)

# 00 is "nothing pressed": a beacon says it of every button. FE is what Shelly firmware before
# 1.0.23 sends for a hold, 80 after.
_ACTIONS = {
    0x01: "press",
    0x02: "double_press",
    0x03: "triple_press",
    0x04: "long_press",
    0x05: "long_double_press",
    0x06: "long_triple_press",
    0x80: "hold_press",
    0x81: "hold_release",
    0xFE: "hold_press",
}
_TURNS = {0x01: "rotate_left", 0x02: "rotate_right"}
_COMMANDS = {0x00: "off", 0x01: "on", 0x02: "toggle", 0x03: "step_up", 0x04: "step_down"}

# id: what, bytes (negative = signed), numerator / denominator of the factor (kept apart: 5055 / 100
# is exact, 5055 * 0.01 is not)
_NUMBERS: dict[int, tuple[Kind | str, int, int, int]] = {
    0x00: ("packet_id", 1, 1, 1),
    0x01: (Kind.BATTERY, 1, 1, 1),
    0x02: (Kind.TEMPERATURE, -2, 1, 100),
    0x03: (Kind.HUMIDITY, 2, 1, 100),
    0x04: ("pressure_hpa", 3, 1, 100),
    0x05: (Kind.ILLUMINANCE, 3, 1, 100),
    0x06: ("mass_kg", 2, 1, 100),
    0x07: ("mass_lb", 2, 1, 100),
    0x08: ("dew_point_c", -2, 1, 100),
    0x09: ("count", 1, 1, 1),
    0x0A: ("energy_kwh", 3, 1, 1000),
    0x0B: ("power_w", 3, 1, 100),
    0x0C: ("voltage_v", 2, 1, 1000),
    0x0D: ("pm2_5_ug_m3", 2, 1, 1),
    0x0E: ("pm10_ug_m3", 2, 1, 1),
    0x12: ("co2_ppm", 2, 1, 1),
    0x13: ("tvoc_ug_m3", 2, 1, 1),
    0x14: ("moisture_pct", 2, 1, 100),
    0x2E: (Kind.HUMIDITY, 1, 1, 1),
    0x2F: ("moisture_pct", 1, 1, 1),
    0x3D: ("count", 2, 1, 1),
    0x3E: ("count", 4, 1, 1),
    0x3F: ("rotation_deg", -2, 1, 10),
    0x40: ("distance_mm", 2, 1, 1),
    0x41: ("distance_m", 2, 1, 10),
    0x42: ("duration_s", 3, 1, 1000),
    0x43: ("current_a", 2, 1, 1000),
    0x44: ("speed_m_s", 2, 1, 100),
    0x45: (Kind.TEMPERATURE, -2, 1, 10),
    0x46: ("uv_index", 1, 1, 10),
    0x47: ("volume_l", 2, 1, 10),
    0x48: ("volume_ml", 2, 1, 1),
    0x49: ("volume_flow_m3_h", 2, 1, 1000),
    0x4A: ("voltage_v", 2, 1, 10),
    0x4B: ("gas_m3", 3, 1, 1000),
    0x4C: ("gas_m3", 4, 1, 1000),
    0x4D: ("energy_kwh", 4, 1, 1000),
    0x4E: ("volume_l", 4, 1, 1000),
    0x4F: ("water_l", 4, 1, 1000),
    0x50: ("timestamp", 4, 1, 1),  # seconds since 1970, the device's own opinion
    0x51: ("acceleration_m_s2", 2, 1, 1000),
    0x52: ("gyroscope_deg_s", 2, 1, 1000),
    0x55: ("volume_storage_l", 4, 1, 1000),
    0x56: ("conductivity_us_cm", 2, 1, 1),
    0x57: (Kind.TEMPERATURE, -1, 1, 1),
    0x58: (Kind.TEMPERATURE, -1, 35, 100),
    0x59: ("count", -1, 1, 1),
    0x5A: ("count", -2, 1, 1),
    0x5B: ("count", -4, 1, 1),
    0x5C: ("power_w", -4, 1, 100),
    0x5D: ("current_a", -2, 1, 1000),
    0x5E: ("direction_deg", 2, 1, 100),
    0x5F: ("precipitation_mm", 2, 1, 10),
    0x60: ("channel", 1, 1, 1),
    0x61: ("rotational_speed_rpm", 2, 1, 1),
    0x62: ("speed_m_s", -4, 1, 1_000_000),
    0x63: ("acceleration_m_s2", -4, 1, 1_000_000),
    0x64: ("light_level", 1, 1, 1),
    0x65: ("settings_revision", 1, 1, 1),
    0xF0: ("device_type_id", 2, 1, 1),
}

# id: what is true when the byte is not 0. Door, window, garage door and opening are one kind: open
# or not.
_STATES: dict[int, Kind | str] = {
    0x0F: "generic",
    0x10: "power",
    0x11: Kind.CONTACT_OPEN,
    0x15: Kind.BATTERY_LOW,
    0x16: "battery_charging",
    0x17: Kind.CO,
    0x18: "cold",
    0x19: "connectivity",
    0x1A: Kind.CONTACT_OPEN,
    0x1B: Kind.CONTACT_OPEN,
    0x1C: Kind.GAS,
    0x1D: "heat",
    0x1E: Kind.LIGHT,
    0x1F: "unlocked",  # the document calls it lock, and 1 means unlocked
    0x20: Kind.MOISTURE,
    0x21: Kind.MOTION,
    0x22: "moving",
    0x23: Kind.OCCUPANCY,
    0x24: "plug",
    0x25: Kind.PRESENCE,
    0x26: Kind.PROBLEM,
    0x27: "running",
    0x28: Kind.SAFETY,  # 1 = safe
    0x29: Kind.SMOKE,
    0x2A: Kind.SOUND,
    0x2B: Kind.TAMPER,
    0x2C: Kind.VIBRATION,
    0x2D: Kind.CONTACT_OPEN,
}

_BY_LENGTH = -1  # the byte after the id is the length
_COMMAND = -2  # its low five bits are the length of the arguments; the opcode comes on top
# bytes, what is counted as one quantity, reader
_Row = tuple[int, str, "Callable[[bytes, int], Report | None]"]


def _number(what: Kind | str, size: int, times: int, over: int) -> _Row:
    kind, label = named(what, Kind.OTHER_MEASURE)
    signed, size = size < 0, abs(size)
    # first instances of one-byte values: at most 256, and battery and packet id come all day
    made: dict[bytes, Report] = {}

    def read(raw: bytes, index: int) -> Report:
        ready = made.get(raw)
        if ready is not None and index == 1:
            return ready
        whole = int.from_bytes(raw, "little", signed=signed) * times
        report = Report(kind, whole if over == 1 else whole / over, index, label)
        if size == 1 and index == 1:
            made[raw] = report
        return report

    return size, what, read


def _state(what: Kind | str) -> _Row:
    kind, label = named(what, Kind.OTHER_STATE)
    off, on = Report(kind, False, 1, label), Report(kind, True, 1, label)

    def read(raw: bytes, index: int) -> Report:
        report = on if raw[0] else off
        return report if index == 1 else changed(report, index=index)

    return 1, what, read


def _button(raw: bytes, index: int) -> Report | None:
    return (
        Report(Kind.BUTTON, _ACTIONS.get(raw[0]) or f"unknown_{raw[0]:02x}", index)
        if raw[0]
        else None
    )


def _dimmer(raw: bytes, index: int) -> Report | None:
    if not raw[0]:
        return None
    return Report(
        Kind.DIMMER, _TURNS.get(raw[0]) or f"unknown_{raw[0]:02x}", index, extra={"steps": raw[1]}
    )


def _command(raw: bytes, index: int) -> Report:
    return Report(
        Kind.COMMAND,
        _COMMANDS.get(raw[0]) or f"unknown_{raw[0]:02x}",
        index,
        extra={"args": raw[1:].hex()},
    )


def _text(raw: bytes, index: int) -> Report | None:
    try:
        return Report(Kind.OTHER_STATE, raw.decode(), index, "text") if raw else None
    except UnicodeDecodeError:
        return None  # its length is known: what follows is still good


def _raw(raw: bytes, index: int) -> Report | None:
    return Report(Kind.OTHER_STATE, raw.hex(), index, "raw") if raw else None


def _firmware(raw: bytes, index: int) -> Report:
    return Report(Kind.OTHER_STATE, ".".join(map(str, reversed(raw))), index, "firmware")


_ROWS: dict[int, _Row] = (
    {number: _number(*row) for number, row in _NUMBERS.items()}
    | {number: _state(what) for number, what in _STATES.items()}
    | {
        0x3A: (1, Kind.BUTTON, _button),
        0x3B: (_COMMAND, Kind.COMMAND, _command),
        0x3C: (2, Kind.DIMMER, _dimmer),
        0x53: (_BY_LENGTH, "text", _text),
        0x54: (_BY_LENGTH, "raw", _raw),
        0xF1: (4, "firmware", _firmware),
        0xF2: (3, "firmware", _firmware),
    }
)


def reports_of(plain: bytes) -> list[Report]:
    """Read the objects of one frame up to the first unknown or cut one.

    Instances of one event are told apart by `extra["of"]`: with three buttons a press of the first
    is index 1 of 3.
    """
    reports: list[Report] = []
    seen: dict[str, int] = {}
    at, end = 0, len(plain)
    while at < end:
        row = _ROWS.get(plain[at])
        at += 1
        if row is None:
            break
        size, what, read = row
        if size < 0:
            if at == end:
                break
            size = plain[at] if size == _BY_LENGTH else 1 + (plain[at] & 0x1F)
            at += 1
        if at + size > end:
            break
        seen[what] = index = seen.get(what, 0) + 1
        report = read(plain[at : at + size], index)
        if report is not None:
            reports.append(report)
        at += size
    for what in (Kind.BUTTON, Kind.DIMMER, Kind.COMMAND):
        if seen.get(what, 0) > 1:
            of = {"of": seen[what]}
            reports = [
                changed(r, extra={**(r.extra or {}), **of}) if r.kind is what else r
                for r in reports
            ]
    return reports


class Bthome:
    """One BTHome device. `address` "" takes any; `key` None means that it speaks plain."""

    def __init__(self, address: str, key: bytes | None, memory: Mapping[str, int | str]) -> None:
        self.memory: dict[str, int | str] = dict(memory)
        self._address = bytes.fromhex(address.replace(":", ""))
        self._unseal = None if key is None else ccm(key)
        self._last = LastHeard()  # only frames that can prove they are the same

    def feed(self, packet: Packet) -> Iterable[Heard]:
        """Decode one advertisement. Nothing comes of a good frame such as a button not pressed."""
        if not isinstance(packet, Advertisement) or (data := packet.service_data.get(UUID)) is None:
            return _NOT_MINE
        if self._last.again(packet.adapter, data):
            return _REPEATED
        if not _SHORTEST_OBJECT < len(data) <= _LONGEST:
            return (TOO_LONG if len(data) > _LONGEST else TOO_SHORT,)
        flags = data[0]
        if flags >> 5 != _VERSION:
            return (WRONG_VERSION,)
        start = 7 if flags & _WITH_ADDRESS else 1
        if len(data) < start + _SHORTEST_OBJECT:
            return (TOO_SHORT,)
        address = data[6:0:-1] if flags & _WITH_ADDRESS else self._address
        if self._address and address != self._address:
            return (WRONG_ADDRESS,)
        if flags & _ENCRYPTED:
            return self._sealed(data, start, address, packet.adapter)
        if self._unseal is not None:
            return (DOWNGRADE,)  # somebody else may be speaking in clear under this address
        return self._plain(data, start, packet.adapter)

    def _plain(self, data: bytes, start: int, adapter: str) -> Iterable[Heard]:
        reports = reports_of(data[start:])
        if any(report.label == "packet_id" for report in reports):
            self._last.remember(adapter, data)
            told = data.hex()
            if self.memory.get("frame") == told:
                return _REPEATED
            self.memory = {**self.memory, "frame": told}
        return reports

    def _sealed(self, data: bytes, start: int, address: bytes, adapter: str) -> Iterable[Heard]:
        if len(data) < start + _SHORTEST_OBJECT + _SEAL:
            return (TOO_SHORT,)
        if self._unseal is None:
            return (BINDKEY_REQUIRED,)
        sealed, counted, tag = data[start:-_SEAL], data[-_SEAL:-4], data[-4:]
        nonce = (address or bytes(6)) + b"\xd2\xfc" + data[:1] + counted
        plain = self._unseal(nonce, sealed + tag, None)
        if plain is None:
            return (DECRYPT_FAILED,)
        self._last.remember(adapter, data)
        self.memory, heard = judged(
            self.memory, int.from_bytes(counted, "little"), tag, reports_of(plain)
        )
        return heard


MODEL = Model(
    name="bthome-v2",
    title=("BTHome v2 通用传感器", "Any BTHome v2 sensor"),
    listens=BleAdvert(services=(UUID,)),
    senses=frozenset({what for what, *_ in _NUMBERS.values() if isinstance(what, Kind)})
    | frozenset({what for what in _STATES.values() if isinstance(what, Kind)})
    | {Kind.BUTTON, Kind.DIMMER, Kind.COMMAND},
    general=True,
    missing_after=25 * 3600.0,  # makes differ; some check in once a day, a little late at times
    new=Bthome,
    key_bytes=16,
    buttons=4,
    device_notes=(
        "请打开设备的定时广播,否则无法判断设备是否在线;用于呼救时必须打开加密或带数据包编号。",
        (
            "Switch on regular broadcasts, or the device cannot be supervised; "
            "for calls for help use encryption or at least packet ids."
        ),
    ),
)
