"""Fall radars with TinyFrame: Seeed MR60FDA2, Hi-Link HLK-LD6002C; the wire is 115200 8N1.

    01 | id, u16 BE | length, u16 BE | type, u16 BE | head sum | data, LE | data sum
    01     0000           0001           0e 02         f3          01          fe     fallen
    01     0000           0000           0e 06         f6                             asks for all
    sums = complement of the xor before

    0e02 fall  0f09 presence  0e04 height  0e06 all settings  0e08 threshold  0e0a sensitivity
    0e0c area  0e0e target height

Documents: HLK-LD6002C TinyFrame protocol V1.2 (2025-06-06); Seeed's MR60FDA2 wiki page. Several
printed examples there carry wrong sums. A frame without data has no data sum in most examples, FF
in one: both are taken. A setting is answered with the same type and one byte, 1 = taken. The
documents disagree whether target height is a float or an integer; only a float that can be a height
is believed. The id counts up and means nothing. An MR60FDA2 may answer 0e06 with 12 bytes, height,
threshold and sensitivity alone (ESPHome's component for it reads these): what its area is cannot be
read then.

The fall is a level: 1 comes again and again while it lasts, and 0 ends no alarm.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from math import isfinite
from operator import xor

from drivers._frames import WAIT, Cutter, Line
from drivers._refusals import BAD_CHECKSUM, NOISE, UNKNOWN_VALUE
from drivers._reports import measure, state
from drivers._settings import amount
from gateway.words.driver import Enrol, Heard, Model, Refusal, Report, SerialLine, not_understood
from gateway.words.reading import Kind

HEAD = 0x01
_HEAD_SIZE = 8
# data bytes: target lists, point clouds and log texts are that long, and are passed over
LONGEST = 1024
_USER_LOG = 0x0E01
_LONG = frozenset({0x0A04, 0x0A08, _USER_LOG})
# All other undocumented types are short. The sum over a header is an xor, which a header shifted by
# one byte may pass as well: its length then is type's, 270 say, and a fall behind it would wait for
# so many bytes.
_LONGEST_UNKNOWN = 64

FALL, PRESENCE, SETTINGS, TARGET_HEIGHT = 0x0E02, 0x0F09, 0x0E06, 0x0E0E
HEIGHT, THRESHOLD, SENSITIVITY, AREA, FACTORY = 0x0E04, 0x0E08, 0x0E0A, 0x0E0C, 0x2110
_ACKS = {
    HEIGHT: "install_height",
    THRESHOLD: "fall_threshold",
    SENSITIVITY: "fall_sensitivity",
    AREA: "alarm_area",
}
_SIDES = ("area_left", "area_right", "area_front", "area_back")
_TAKEN: dict[int, tuple[str, ...]] = {
    HEIGHT: ("install_height_cm",),
    THRESHOLD: ("fall_threshold_cm",),
    SENSITIVITY: ("fall_sensitivity",),
    AREA: tuple(f"{side}_cm" for side in _SIDES),
}
_WITHOUT_AREA = 12  # bytes of a reply with height, threshold and sensitivity alone
_CM = 100.0  # the radar counts in metres, technicians in centimetres


def check(data: bytes | bytearray) -> int:
    """Return the sum over some bytes."""
    return reduce(xor, data, 0xFF)


def framed(kind: int, data: bytes = b"", number: int = 0) -> bytes:
    """Return a whole frame around the data; without data there is no data sum."""
    head = struct.pack(">BHHH", HEAD, number, len(data), kind)
    return head + bytes([check(head)]) + (data + bytes([check(data)]) if data else b"")


def kind_of(frame: bytes) -> int:
    """Return a whole frame's type."""
    return int.from_bytes(frame[5:7], "big")


def data_of(frame: bytes) -> bytes:
    """Return a whole frame's data."""
    return frame[_HEAD_SIZE:-1]


def settings_of(data: bytes) -> dict[str, float] | None:
    """Return the settings of a reply by label: 28 bytes with the area, 12 without; else None."""
    height, threshold, sensitivity, *area = struct.unpack(
        "<ffI" if len(data) == _WITHOUT_AREA else "<ffIffff", data
    )
    if not all(0 <= metres < 100 for metres in (height, threshold, *area)):
        return None
    values = {
        "install_height_cm": height * _CM,
        "fall_threshold_cm": threshold * _CM,
        "fall_sensitivity": float(sensitivity),
    }
    values |= {
        f"{side}_cm": metres * _CM
        for side, metres in zip(_SIDES if area else (), area, strict=True)
    }
    return {label: round(value, 1) for label, value in values.items()}


def target_height(data: bytes) -> float | None:
    """Return metres, None when the bytes are no float that can be one."""
    metres: float = struct.unpack("<f", data)[0]
    return round(metres, 3) if metres == 0 or 0.01 <= metres <= 10 else None


def _flag(data: bytes) -> bool | None:
    return {b"\0": False, b"\1": True}.get(data)


def _metres(data: bytes) -> float | list[float] | None:
    numbers = [round(number, 4) for (number,) in struct.iter_unpack("<f", data)]
    if not all(map(isfinite, numbers)):
        return None
    return numbers[0] if len(numbers) == 1 else numbers


def _whole(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _nothing(_data: bytes) -> None:
    return None


# (type, bytes of data): what it is, and its value; None where the data is no such value.
_MEANINGS: dict[tuple[int, int], tuple[str, Callable[[bytes], object]]] = {
    (FALL, 1): ("fall", _flag),
    (PRESENCE, 1): ("presence", _flag),
    (SETTINGS, 0): ("query_parameters", _nothing),
    (SETTINGS, 1): ("parameters_ack", _flag),
    (SETTINGS, _WITHOUT_AREA): ("parameters", settings_of),
    (SETTINGS, 28): ("parameters", settings_of),
    (HEIGHT, 1): ("install_height_ack", _flag),
    (HEIGHT, 4): ("set_install_height_m", _metres),
    (THRESHOLD, 1): ("fall_threshold_ack", _flag),
    (THRESHOLD, 4): ("set_fall_threshold_m", _metres),
    (SENSITIVITY, 1): ("sensitivity_ack", _flag),
    (SENSITIVITY, 4): ("set_sensitivity", _whole),
    (AREA, 1): ("alarm_area_ack", _flag),
    (AREA, 16): ("set_alarm_area_m", _metres),
    (TARGET_HEIGHT, 0): ("enable_height_upload", _nothing),
    (TARGET_HEIGHT, 1): ("height_upload_ack", _flag),
    (TARGET_HEIGHT, 4): ("target_height_m", target_height),
    (FACTORY, 0): ("set_factory_values", _nothing),
    (FACTORY, 1): ("factory_values_ack", _flag),
}
# Known types are held to their lengths: a damaged length must not swallow the fall behind it.
_SIZES = {
    kind: frozenset(size for known, size in _MEANINGS if known == kind) for kind, _ in _MEANINGS
}


class Frames:
    """The cutter, and one bit beside it: after a frame without data its sum, FF, may follow."""

    def __init__(self) -> None:
        self._empty = False
        self._cutter = Cutter(b"\x01\xff", self._judge)

    @property
    def rest(self) -> bytearray:
        """What waits for its end: at most one frame and one piece."""
        return self._cutter.rest

    def feed(self, data: bytes) -> list[bytes | Refusal]:
        """Take bytes; return whole good frames and refusals."""
        return [one for one in self._cutter.feed(data) if one != b"\xff"]

    def _judge(self, buffer: bytearray, at: int) -> int | Refusal:
        empty, self._empty = self._empty, False
        if buffer[at] == 0xFF:
            return 1 if empty else NOISE
        if len(buffer) < at + _HEAD_SIZE:
            return WAIT
        if check(buffer[at : at + _HEAD_SIZE - 1]) != buffer[at + _HEAD_SIZE - 1]:
            return NOISE
        size, kind = struct.unpack_from(">HH", buffer, at + 3)
        if size > (LONGEST if kind in _LONG else _LONGEST_UNKNOWN) or size not in _SIZES.get(
            kind, (size,)
        ):
            return NOISE
        if size == 0:
            self._empty = True
            return _HEAD_SIZE
        end = at + _HEAD_SIZE + size
        if len(buffer) <= end:
            return WAIT
        return (
            _HEAD_SIZE + size + 1
            if check(buffer[at + _HEAD_SIZE : end]) == buffer[end]
            else BAD_CHECKSUM
        )


def reports_of(frame: bytes) -> tuple[Report | Refusal, ...]:
    """Return what one whole good frame says; where it says nothing more, that the radar lives."""
    kind, data = kind_of(frame), data_of(frame)
    if kind in (FALL, PRESENCE):
        if data[0] > 1:
            return (
                (UNKNOWN_VALUE, not_understood(f"fall: {data.hex()}"))
                if kind == FALL
                else (UNKNOWN_VALUE,)
            )
        return (Report(Kind.FALL if kind == FALL else Kind.PRESENCE, data[0] == 1),)
    if kind == SETTINGS and len(data) in (_WITHOUT_AREA, 28):
        values = settings_of(data)
        if values is None:
            return (UNKNOWN_VALUE,)
        return tuple(
            measure(label, value, extra={"reply_to": "query"}) for label, value in values.items()
        )
    if kind in _ACKS and len(data) == 1:
        label = f"{_ACKS[kind]}_ack"
        return tuple(state(label, data[0] == 1, extra={"taken": taken}) for taken in _TAKEN[kind])
    if kind == TARGET_HEIGHT and len(data) == 4:
        metres = target_height(data)
        return (UNKNOWN_VALUE,) if metres is None else (measure("target_height_m", metres),)
    if is_question(frame):
        return ()
    return (Report(Kind.HEARTBEAT, True),)


def is_question(frame: bytes) -> bool:
    """Say whether a whole frame is a host's, where two listen on one wire: no sign of life."""
    size = len(data_of(frame))
    return kind_of(frame) in _SIZES and (size == 0 or (kind_of(frame) in _ACKS and size > 1))


def _draw(frame: bytes) -> dict[str, object]:
    kind, data = kind_of(frame), data_of(frame)
    if kind == _USER_LOG:
        return {"kind": "user_log", "value": data.decode("ascii", "replace").rstrip("\0\r\n")}
    if (kind, len(data)) not in _MEANINGS:
        return {"kind": "unknown_type", "type": f"{kind:04x}", "data": data.hex()}
    name, read = _MEANINGS[kind, len(data)]
    value = read(data)
    said: dict[str, object] = {"kind": name}
    if data:
        said |= {"raw": data.hex()} if value is None else {"value": value}
    return said | ({"direction": "host"} if is_question(frame) else {})


_POLL = framed(SETTINGS)


class TinyFrameRadar(Line):
    """One radar on one line. It keeps nothing beyond a restart: after one it is asked."""

    def __init__(self, address: str, key: bytes | None, memory: Mapping[str, int | str]) -> None:
        # One question asks for all settings, and an answer proves that the radar lives.
        super().__init__(Frames, self._says, _draw, _POLL, address, key, memory)
        self._area: dict[str, float] = {}  # the four sides as last read, in cm

    def _says(self, frame: bytes) -> Iterable[Heard]:
        reports = reports_of(frame)
        if kind_of(frame) == SETTINGS:
            said = {one.label: float(one.value) for one in reports if isinstance(one, Report)}
            self._area = {side: said[f"{side}_cm"] for side in _SIDES if f"{side}_cm" in said}
        return reports

    def ask(self, name: str) -> bytes:  # noqa: ARG002  one question for all
        """Return the question whose answer holds the setting."""
        return _POLL

    def set(self, name: str, value: float) -> bytes:
        """Return the frame that sets one setting; b"" for a side of the area not yet read."""
        if name == "sensitivity":
            return framed(SENSITIVITY, struct.pack("<I", round(value)))
        if name in ("height", "threshold"):
            return framed(HEIGHT if name == "height" else THRESHOLD, struct.pack("<f", value / _CM))
        if name not in _SIDES:
            raise ValueError(f"no setting {name!r}")
        if len(self._area) < len(_SIDES):
            return b""
        sides = self._area | {name: value}
        return framed(AREA, struct.pack("<ffff", *(sides[side] / _CM for side in _SIDES)))

    def apply(self) -> bytes:
        """Return nothing: settings count at once."""
        return b""


_SETTABLE = (
    amount("height", "install_height_cm", (100, 500, "cm"), ("安装高度", "mounting height")),
    amount(
        "threshold",
        "fall_threshold_cm",
        (30, 150, "cm"),
        ("跌倒判定高度", "height below which it is a fall"),
    ),
    amount("sensitivity", "fall_sensitivity", (3, 30, ""), ("灵敏度", "sensitivity")),
    amount("area_left", "area_left_cm", (30, 150, "cm"), ("区域:左", "watched to the left")),
    amount("area_right", "area_right_cm", (30, 150, "cm"), ("区域:右", "watched to the right")),
    amount("area_front", "area_front_cm", (30, 150, "cm"), ("区域:前", "watched to the front")),
    amount("area_back", "area_back_cm", (30, 150, "cm"), ("区域:后", "watched to the back")),
)
_NOTES = (
    "吸顶安装;须设置真实高度;出厂只看 1 米见方,须把四边区域设到 150 厘米;避开风扇、窗帘、扫地机。",
    (
        "Mount it overhead and set its true height. As sold it watches 1 m by 1 m only: "
        "set all four sides to 150 cm. Keep fans, curtains, robot vacuums away."
    ),
)


def radar(name: str, title: tuple[str, str], notes: tuple[str, str]) -> Model:
    """Return the model of one radar of this family; its `notes` follow those for all of them."""
    return Model(
        name=name,
        title=title,
        listens=SerialLine(baud=115200, ask=_POLL, ask_every=20.0),
        senses=frozenset({Kind.FALL, Kind.PRESENCE}),
        # seconds: the state repeats, and two questions stay without an answer in this time
        missing_after=60.0,
        new=TinyFrameRadar,
        enrol=Enrol.PORT,
        settings=_SETTABLE,
        device_notes=(_NOTES[0] + notes[0], _NOTES[1] + notes[1]),
    )
