"""Fall radars with 53 59 frames: Seeed MR60FDA1, MicRadar R60AFD1, DFRobot C1001; 115200 8N1.

    53 59 | control | command | length, u16 BE | data | sum | 54 43
    53 59     83        01         00 01          01    32    54 43    fallen
    sum = low byte of the sum of all bytes before it

    report   command below 80, unasked, mostly on change only: hence the questions at start and once
             a minute
    query    host to radar: command + 80, data 0F
    reply    radar to host: command + 80, data = the value
    setting  command below 80; the radar repeats what it has taken

Documents: Seeed MR60FDA1 wiki page; MicRadar R60AFD1 protocol; DFRobot_HumanDetection library
(field tables). The fall and stay-still bytes follow these documents: no public recording of a real
fall frame is known, so prove them on the bench. The sources disagree on 83 0E, 83 10 and 83 12:
these are passed on unread. A reply whose value is 0F cannot be told from the question; it is taken
as the question, and says nothing.

A fall that goes back to "none" is reported as such. It means that the person rose, left, or was
carried away: ending the alarm is not for a radar.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from drivers._frames import WAIT, Cutter, Line
from drivers._refusals import BAD_CHECKSUM, BAD_FOOTER, NOISE, UNKNOWN_VALUE
from drivers._reports import measure, state
from drivers._settings import amount, switch
from gateway.words.driver import (
    Enrol,
    Heard,
    Model,
    Refusal,
    Reply,
    Report,
    SerialLine,
    Setting,
    changed,
    not_understood,
)
from gateway.words.reading import Kind

HEAD, _TAIL = b"\x53\x59", b"\x54\x43"
_AROUND = 9  # bytes of a frame that are not data
_LONGEST = 64  # data bytes; a longer claim is a false header
_BEFORE = 6  # bytes of a frame before its data


@dataclass(frozen=True, slots=True)
class Meaning:
    """One command: name, data length (None = any), how to read it (None = unknown value)."""

    name: str
    size: int | None
    read: Callable[[bytes], tuple[Report, ...] | None]


def _flag(name: str, kind: Kind = Kind.OTHER_STATE) -> Meaning:
    label = name if kind is Kind.OTHER_STATE else ""
    said = {bytes([on]): (Report(kind, bool(on), 1, label),) for on in (0, 1)}
    return Meaning(name, 1, said.get)


def _choice(name: str, choices: Mapping[int, str], kind: Kind = Kind.OTHER_STATE) -> Meaning:
    label = name if kind is Kind.OTHER_STATE else ""
    said = {bytes([code]): (Report(kind, word, 1, label),) for code, word in choices.items()}
    return Meaning(name, 1, said.get)


def _number(name: str, size: int, most: int | None = None) -> Meaning:
    def read(data: bytes) -> tuple[Report, ...] | None:
        value = int.from_bytes(data, "big")
        return None if most is not None and value > most else (measure(name, value),)

    return Meaning(name, size, read)


def _text(name: str) -> Meaning:
    def read(data: bytes) -> tuple[Report, ...] | None:
        text = data.rstrip(b"\0 ").decode("ascii", "replace")
        return (state(name, text),) if text.isprintable() else None

    return Meaning(name, None, read)


def _raw(name: str) -> Meaning:
    return Meaning(
        name,
        None,
        lambda data: (state(name, data.hex(), extra={"raw": True}),),
    )


def _said(name: str, report: Report) -> Meaning:
    """Return the meaning of a command whose data says nothing more."""
    return Meaning(name, 1, lambda _: (report,))


def _angles(data: bytes) -> tuple[Report, ...]:
    numbers = struct.unpack(">hhh", data)
    return tuple(
        measure(f"install_angle_{axis}_deg", n) for axis, n in zip("xyz", numbers, strict=True)
    )


# In sleep mode: 0 out of bed, 1 in bed, 2 neither is judged now. It is shown; a bed that is to be
# judged has a sensor of its own.
_IN_BED: dict[bytes, tuple[Report, ...]] = {
    b"\0": (state("in_bed", False),),
    b"\1": (state("in_bed", True),),
    b"\2": (),
}
_MODES = {1: "fall", 2: "sleep"}

# (control, command without its high bit): what it means
_MEANINGS: dict[tuple[int, int], Meaning] = {
    (0x01, 0x01): _said("heartbeat", Report(Kind.HEARTBEAT, True)),
    (0x01, 0x02): _said("reset", state("reset", True)),
    (0x01, 0x03): _flag("presence_led_on"),
    (0x01, 0x04): _flag("fall_led_on"),
    (0x02, 0x21): _text("product_model"),
    (0x02, 0x22): _text("product_id"),
    (0x02, 0x23): _text("hardware_model"),
    (0x02, 0x24): _text("firmware_version"),
    (0x02, 0x08): _choice("work_mode", _MODES),
    (0x02, 0x28): _choice("work_mode", _MODES),  # the C1001 asks for 02 08 with A8, not 88
    (0x05, 0x01): _said("start_up_complete", state("start_up_complete", True)),
    (0x06, 0x01): Meaning("install_angle_deg", 6, _angles),
    (0x06, 0x02): _number("install_height_cm", 2),
    (0x80, 0x00): _flag("presence_function_on"),
    (0x80, 0x01): _flag("presence", Kind.PRESENCE),
    (0x80, 0x02): _choice("motion", {0: "none", 1: "still", 2: "active"}, Kind.ACTIVITY),
    (0x80, 0x03): _number("body_movement", 1, 100),
    (0x80, 0x04): _number("distance_cm", 2),
    (0x80, 0x0D): _number("seated_distance_limit_cm", 2),
    (0x80, 0x0E): _number("moving_distance_limit_cm", 2),
    (0x80, 0x12): _number("nobody_after_s", 4),
    (0x81, 0x01): _raw("breath_state"),
    (0x81, 0x02): _number("breath_rate_bpm", 1),
    (0x81, 0x05): _raw("breath_waveform"),
    (0x83, 0x00): _flag("fall_function_on"),
    (0x83, 0x01): _flag("fall", Kind.FALL),
    (0x83, 0x05): _flag("stay_still", Kind.STAY_STILL),
    (0x83, 0x0A): _number("stay_still_after_s", 4),
    (0x83, 0x0B): _flag("stay_still_function_on"),
    (0x83, 0x0C): _number("fall_duration_s", 4),
    (0x83, 0x0D): _number("fall_sensitivity", 1, 3),
    (0x83, 0x0E): _raw("height_proportion"),
    (0x83, 0x0F): _number("height_accumulation_s", 4),
    (0x83, 0x10): _raw("automatic_height"),
    (0x83, 0x11): _number("fall_break_height_cm", 2),
    (0x83, 0x12): _raw("track_point"),
    (0x83, 0x13): _number("track_interval_s", 4),
    (0x83, 0x14): _flag("track_function_on"),
    (0x83, 0x15): _flag("height_proportion_function_on"),
    (0x84, 0x01): Meaning("in_bed", 1, _IN_BED.get),
    (0x85, 0x02): _number("heart_rate_bpm", 1),
    (0x85, 0x05): _raw("heart_waveform"),
}
# a value of these that no document knows is never taken for silence
_GUARDS = frozenset({"fall", "stay_still"})
_WORKING_STATE = _number("working_state", 1)  # 05 81 is a question of its own, not one for 05 01
_QUESTION, _ASKED = b"\x0f", 0x80
_START_UP = b"\x05\x01"


def meaning(control: int, command: int) -> Meaning | None:
    """Return what this control and command are about, whoever says it; None = not documented."""
    if (control, command) == (0x05, 0x81):
        return _WORKING_STATE
    return _MEANINGS.get((control, command & ~_ASKED))


def is_question(frame: bytes) -> bool:
    """Say whether a whole frame is a host asking, where two listen on one wire: no report."""
    return bool(frame[3] & _ASKED) and frame[6:-3] == _QUESTION


def question(control: int, command: int) -> bytes:
    """Return the frame that asks for one value."""
    return framed(control, command | _ASKED, _QUESTION)


def framed(control: int, command: int, data: bytes) -> bytes:
    """Return a whole frame around the data."""
    body = HEAD + bytes([control, command]) + len(data).to_bytes(2, "big") + data
    return body + bytes([sum(body) & 0xFF]) + _TAIL


def _possible(control: int, command: int, size: int) -> bool:
    """Say whether a frame may be this long.

    Known commands are held to their length: a header whose length was damaged must not swallow the
    fall frame behind it while it waits for bytes that come a minute later.
    """
    about = meaning(control, command)
    if about is None or about.size is None:
        return size <= _LONGEST
    return size == about.size or (bool(command & _ASKED) and size == len(_QUESTION))


def _judged(buffer: bytearray, at: int) -> int | Refusal:
    """Say what begins at `at`: see drivers/_frames.py."""
    if not HEAD.startswith(buffer[at : at + 2]):
        return NOISE
    if len(buffer) < at + _BEFORE:
        return WAIT
    size = int.from_bytes(buffer[at + 4 : at + 6], "big")
    if not _possible(buffer[at + 2], buffer[at + 3], size):
        return NOISE
    end = at + size + _AROUND
    if len(buffer) < end:
        return WAIT
    if buffer[end - 2 : end] != _TAIL:
        return BAD_FOOTER
    return end - at if sum(buffer[at : end - 3]) & 0xFF == buffer[end - 3] else BAD_CHECKSUM


class Frames(Cutter):
    """Cuts a byte stream into these frames."""

    def __init__(self) -> None:
        super().__init__(HEAD[:1], _judged)


def reports_of(frame: bytes) -> tuple[Report | Refusal, ...]:
    """Return what one whole good frame says; a question and an undocumented command say nothing."""
    about = meaning(frame[2], frame[3])
    if about is None or is_question(frame):
        return ()
    reports = about.read(frame[6:-3])
    if reports is None:
        return (
            (UNKNOWN_VALUE, not_understood(f"{about.name}: {frame[6:-3].hex()}"))
            if about.name in _GUARDS
            else (UNKNOWN_VALUE,)
        )
    if frame[3] & _ASKED:
        return tuple(changed(r, extra={**(r.extra or {}), "reply_to": "query"}) for r in reports)
    return reports


_POLL = b"".join(
    question(control, command)
    for control, command in ((0x80, 0x01), (0x80, 0x02), (0x83, 0x01), (0x83, 0x05))
)
_ASK = Reply(_POLL)

# setting: (control, command to set, command to ask without its high bit, bytes of the value)
_SETTABLE = {
    "work_mode": (0x02, 0x08, 0x28, 1),
    "height": (0x06, 0x02, 0x02, 2),
    # one source writes it to 83 01, which is the address of the report
    "fall_on": (0x83, 0x00, 0x00, 1),
    "sensitivity": (0x83, 0x0D, 0x0D, 1),
    "fall_duration": (0x83, 0x0C, 0x0C, 4),
    "break_height": (0x83, 0x11, 0x11, 2),
    "still_on": (0x83, 0x0B, 0x0B, 1),
    "still_after": (0x83, 0x0A, 0x0A, 4),
    "presence_on": (0x80, 0x00, 0x00, 1),
    "seated_limit": (0x80, 0x0D, 0x0D, 2),
    "moving_limit": (0x80, 0x0E, 0x0E, 2),
    "nobody_after": (0x80, 0x12, 0x12, 4),
}

# In the order in which they are set.
SETTINGS = (
    amount("height", "install_height_cm", (150, 400, "cm"), ("安装高度", "mounting height")),
    switch("presence_on", "presence_function_on", ("有人检测", "presence detection")),
    switch("fall_on", "fall_function_on", ("跌倒检测", "fall detection")),
    amount("sensitivity", "fall_sensitivity", (0, 3, ""), ("跌倒灵敏度", "fall sensitivity")),
    amount(
        "fall_duration",
        "fall_duration_s",
        (5, 180, "s"),
        ("跌倒确认时间", "time on the floor before a report"),
    ),
    amount(
        "break_height",
        "fall_break_height_cm",
        (0, 150, "cm"),
        ("跌倒判定高度", "height below which it is a fall"),
    ),
    switch("still_on", "stay_still_function_on", ("静止检测", "stay-still detection")),
    amount(
        "still_after",
        "stay_still_after_s",
        (60, 3600, "s"),
        ("静止报警时间", "time without movement"),
    ),
    amount(
        "seated_limit",
        "seated_distance_limit_cm",
        (0, 300, "cm"),
        ("坐姿水平距离", "seated distance limit"),
    ),
    amount(
        "moving_limit",
        "moving_distance_limit_cm",
        (0, 300, "cm"),
        ("活动水平距离", "moving distance limit"),
    ),
    amount("nobody_after", "nobody_after_s", (0, 3600, "s"), ("无人判定时间", "time until nobody")),
)
_RESET = framed(0x01, 0x02, _QUESTION)


def _read(frame: bytes) -> tuple[Heard, ...]:
    """Return what one whole good frame says; a radar that has just started is asked its state."""
    return (*reports_of(frame), _ASK) if frame[2:4] == _START_UP else reports_of(frame)


def _draw(frame: bytes) -> dict[str, object]:
    """Return what one whole frame is: a question, something told, or an undocumented command."""
    about = meaning(frame[2], frame[3])
    name = f"{frame[2]:02x}_{frame[3]:02x}" if about is None else about.name
    if is_question(frame):
        return {"kind": "query", "what": name, "direction": "host"}
    if about is None:
        return {"kind": "unknown", "what": name, "raw": frame[6:-3].hex()}
    reports = about.read(frame[6:-3])
    if reports is None:
        return {"kind": name, "raw": frame[6:-3].hex()}
    said: dict[str, object] = {"kind": name}
    values = [report.value for report in reports]
    if values:
        raw = "raw" if (reports[0].extra or {}).get("raw") else "value"
        said[raw] = values[0] if len(values) == 1 else values
    return said | ({"reply_to": "query"} if frame[3] & _ASKED else {})


class Radar5359(Line):
    """One radar on one line. It keeps nothing beyond a restart: after one it is asked."""

    def __init__(self, address: str, key: bytes | None, memory: Mapping[str, int | str]) -> None:
        super().__init__(Frames, _read, _draw, _POLL, address, key, memory)

    def set(self, name: str, value: float) -> bytes:
        """Return the frame that sets one setting; the radar repeats it with what it has taken."""
        control, command, _, size = _settable(name)
        return framed(control, command, round(value).to_bytes(size, "big"))

    def ask(self, name: str) -> bytes:
        """Return the question for one setting."""
        control, _, command, _ = _settable(name)
        return question(control, command)

    def apply(self) -> bytes:
        """Return nothing: settings count at once."""
        return b""


class RadarApplying(Radar5359):
    """One of those that take over settings when they restart, and are silent for 10 s then."""

    def apply(self) -> bytes:
        """Return the frame that starts it anew."""
        return _RESET


def _settable(name: str) -> tuple[int, int, int, int]:
    if name not in _SETTABLE:
        raise ValueError(f"no setting {name!r}; there are {', '.join(_SETTABLE)}")
    return _SETTABLE[name]


def radar(
    name: str,
    title: tuple[str, str],
    notes: tuple[str, str],
    *,
    new: type[Radar5359] = Radar5359,
    settings: tuple[Setting, ...] = SETTINGS,
    general: bool = False,
) -> Model:
    """Return the model of one radar of this family."""
    return Model(
        name=name,
        title=title,
        listens=SerialLine(baud=115200, ask=_POLL, ask_every=60.0, hello=question(0x02, 0x21)),
        senses=frozenset({Kind.FALL, Kind.STAY_STILL, Kind.PRESENCE, Kind.ACTIVITY}),
        missing_after=180.0,  # seconds: three heartbeats
        new=new,
        enrol=Enrol.PORT,
        settings=settings,
        general=general,
        device_notes=notes,
    )


MODEL = radar(
    "radar-5359",
    (
        "53 59 跌倒雷达(R60AFD1 / MR60FDA1 / C1001)",
        "53 59 fall radar (R60AFD1 / MR60FDA1 / C1001)",
    ),
    (
        (
            "吸顶安装,高 2 至 3 米;须在雷达中设置真实高度,否则误判;避开风扇、窗帘、扫地机;"
            "C1001 须设为跌倒模式。"
        ),
        (
            "Mount it overhead, 2 to 3 m high, and set its true height. "
            "Keep fans, curtains, robot vacuums away; set a C1001 to fall mode."
        ),
    ),
    general=True,
)
