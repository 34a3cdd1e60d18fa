"""`decode` for all that does not come as an advertisement: lines, receivers and what is behind them, other programs' messages.

Beside `frame`, `stream` and `sequence` a line may hold

    line        one text line of RFLink, or a bare radio code in hex
    cluster     of a Zigbee frame in `frame`, as in "0x0500"; "znp" for a TI coordinator's frame
    telegram    {"source": ..., "data": hex, or "text": ..., "retained": ...}: what a receiver would pass on to `model`
    topic       with `payload` (text or JSON) and `retained`: a message of another program's broker
    codes       the taught signals of `model`, {function: signal}

The bytes take the drivers the gateway uses. What stands here are names for people.
"""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from drivers import (
    _enocean,
    _frames,
    _modbus_rtu,
    _tinyframe,
    _zigbee_ias,
    enocean_esp3,
    hilink_ld2410,
    hilink_ld2450,
    rflink,
    sonoff_rfbridge,
)
from gateway.words.driver import Behind, Chunk, Heard, Model, MqttTopics, Published, Refusal, Report, Telegram

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.words.driver import Driver

_CODE = re.compile(r"[0-9A-Fa-f]{6}")
_EEP = re.compile(r"\b(A5|D5|F6|D2)-([0-9A-F]{2})-([0-9A-F]{2})\b")
_HEX = re.compile(r"([0-9A-Fa-f]{2})*")
# What owners of a make have published about its four data bits; a device that is enrolled is taught, whatever stands here.
_NIBBLES = {"GS-WDS07": {"a": "open", "e": "closed", "4": "tamper"}}
_BY_EEP = {
    ("A5", "02", "05"): "enocean-temperature",
    ("A5", "07", "01"): "enocean-pir",
    ("A5", "14", "01"): "enocean-contact-a5",
    ("A5", "14", "09"): "enocean-window",
    ("A5", "14", "0A"): "enocean-window",
    ("D5", "00", "01"): "enocean-contact",
    ("F6", "02", "01"): "enocean-ptm-cord",
    ("F6", "02", "02"): "enocean-ptm-cord",
    ("F6", "05", "01"): "enocean-leak",
}


@dataclass(slots=True)
class Meant:
    """What one line means: the model that read it, names for people, what its driver said, or one word why it is refused."""

    model: str | None
    said: dict[str, Any] = field(default_factory=dict)
    heard: list[Heard] = field(default_factory=list)
    reject: str = ""


@dataclass(frozen=True, slots=True)
class _Family:
    cutter: Callable[[], Any]  # has `feed` and `rest`
    said: Callable[[bytes], dict[str, Any]]


def _tiny(frame: bytes) -> dict[str, Any]:
    kind, data = _tinyframe.kind_of(frame), _tinyframe.data_of(frame)
    size = len(data)
    host: dict[str, Any] = {"direction": "host"}
    match kind, size:
        case ((_tinyframe.FALL | _tinyframe.PRESENCE), 1):
            return {"kind": "fall" if kind == _tinyframe.FALL else "presence", "value": data[0] == 1}
        case _tinyframe.SETTINGS, 0:
            return {"kind": "query_parameters"} | host
        case _tinyframe.SETTINGS, 28:
            return {"kind": "parameters", "value": _tinyframe.settings_of(data)}
        case _tinyframe.TARGET_HEIGHT, 0:
            return {"kind": "enable_height_upload"} | host
        case _tinyframe.TARGET_HEIGHT, 4:
            metres = _tinyframe.target_height(data)
            return {"kind": "target_height_m"} | ({"raw": data.hex()} if metres is None else {"value": metres})
        case _tinyframe.TARGET_HEIGHT, 1:
            return {"kind": "height_upload_ack", "value": data[0] == 1}
        case _tinyframe.HEIGHT, 4:
            return {"kind": "set_install_height_m", "value": _floats(data)[0]} | host
        case _tinyframe.THRESHOLD, 4:
            return {"kind": "set_fall_threshold_m", "value": _floats(data)[0]} | host
        case _tinyframe.SENSITIVITY, 4:
            return {"kind": "set_sensitivity", "value": int.from_bytes(data, "little")} | host
        case _tinyframe.AREA, 16:
            return {"kind": "set_alarm_area_m", "value": _floats(data)} | host
        case _tinyframe.FACTORY, 0:
            return {"kind": "set_factory_values"} | host
    acks = {
        _tinyframe.HEIGHT: "install_height_ack",
        _tinyframe.THRESHOLD: "fall_threshold_ack",
        _tinyframe.SENSITIVITY: "sensitivity_ack",
        _tinyframe.AREA: "alarm_area_ack",
        _tinyframe.FACTORY: "factory_values_ack",
    }
    if size == 1 and kind in acks:
        return {"kind": acks[kind], "value": data[0] == 1}
    if kind == 0x0E01:
        return {"kind": "user_log", "value": data.decode("ascii", "replace").rstrip("\0\r\n")}
    return {"kind": "unknown_type", "type": f"{kind:04x}", "data": data.hex()}


def _floats(data: bytes) -> list[float]:
    return [round(number, 4) for number in struct.unpack(f"<{len(data) // 4}f", data)]


def _ld2410(frame: bytes) -> dict[str, Any]:
    body = frame[6:-4]
    if frame[:4] == hilink_ld2410.COMMAND:
        command = int.from_bytes(body[:2], "little")
        if not command & 0x0100 or len(body) < 4:
            return {"kind": "ld2410_command", "command": f"0x{command:02X}", "direction": "host", "data": body[2:].hex()}
        said: dict[str, Any] = {"kind": "ld2410_reply", "command": f"0x{command & 0xFF:02X}", "status": int.from_bytes(body[2:4], "little")}
        if command & 0xFF == 0xFF and len(body) >= 8:
            said |= {"protocol_version": int.from_bytes(body[4:6], "little"), "buffer_size": int.from_bytes(body[6:8], "little")}
        elif len(body) > 4:
            said["data"] = body[4:].hex()
        return said
    numbers = hilink_ld2410.seen(frame)
    if numbers is None:
        return {"kind": "unknown", "data": body.hex()}
    kind = "ld2410_basic" if body[0] == 2 else "ld2410_engineering"
    return {"kind": kind, "target": hilink_ld2410.TARGETS[numbers.pop("state")]} | numbers


def _ld2450(frame: bytes) -> dict[str, Any]:
    return {"kind": "ld2450_targets", "targets": hilink_ld2450.targets(frame)}


def _rf_bridge(frame: bytes) -> dict[str, Any]:
    command = frame[1]
    if len(frame) == 12:
        sync, low, high = sonoff_rfbridge.timings(frame)
        kind = {sonoff_rfbridge.LEARNED: "learned", sonoff_rfbridge.SEND: "transmit"}.get(command, "code")
        host = {"direction": "host"} if kind == "transmit" else {}
        return {"kind": kind, "tsyn_us": sync, "tlow_us": low, "thigh_us": high, "code": frame[8:11].hex()} | host
    if command == sonoff_rfbridge.SNIFFED and len(frame) > 4:
        return {"kind": "sniffed", "protocol": frame[3], "data": frame[4:-1].hex()}
    if command == sonoff_rfbridge.BUCKETS and len(frame) > 3:
        buckets, bits = sonoff_rfbridge.raw(frame)
        return {"kind": "buckets", "buckets_us": buckets, "bits": bits}
    names = {
        0xA0: "ack",
        0xA1: "learn",
        0xA2: "learn_timeout",
        0xA6: "sniffing_on",
        0xA7: "sniffing_off",
        0xB1: "bucket_sniffing_on",
        0xFF: "query_version",
    }
    return {"kind": names[command]} if command in names else {"kind": "version", "value": command}


def _esp3(frame: bytes) -> dict[str, Any]:
    kind, data, optional = enocean_esp3.split(frame)
    telegram = enocean_esp3.telegram(data, optional) if kind == enocean_esp3.RADIO else None
    if telegram is None:
        return {"packet_type": kind, "data": data.hex()}
    heard = telegram.data
    said: dict[str, Any] = {
        "packet_type": kind,
        "rorg": f"{heard[0]:02X}",
        "sender": telegram.source,
        "status": f"0x{heard[-1]:02x}",
        "payload": heard[1:-1].hex(),
        "dbm": telegram.rssi,
    }
    if heard[0] in (_enocean.ONE_BYTE, _enocean.FOUR_BYTES, _enocean.UTE) and len(heard) >= (6 if heard[0] == _enocean.FOUR_BYTES else 3):
        said["learn"] = _enocean.is_teach_in(heard)
        if said["learn"] and heard[0] == _enocean.UTE and len(heard) >= 9:
            said["eep"] = f"{heard[7]:02X}-{heard[6]:02X}-{heard[5]:02X}"
        elif said["learn"] and heard[0] == _enocean.FOUR_BYTES and heard[4] & 0x80:
            function, sort = heard[1] >> 2, (heard[1] & 3) << 5 | heard[2] >> 3
            said["eep"] = f"A5-{function:02X}-{sort:02X}"
    if heard[0] == 0xD2 and len(heard) == 5 and heard[1] & 0x0F == 4:  # an actuator says how far it is on
        said["output_pct"] = heard[3] & 0x7F
    return said


_FAMILIES: dict[str, _Family] = {
    "seeed-mr60fda2": _Family(_tinyframe.Frames, _tiny),
    "hilink-ld6002c": _Family(_tinyframe.Frames, _tiny),
    "hilink-ld2410": _Family(lambda: _frames.Cutter(b"\xf4\xfd", hilink_ld2410.judged), _ld2410),
    "hilink-ld2450": _Family(lambda: _frames.Cutter(b"\xaa", hilink_ld2450.judged), _ld2450),
    "sonoff-rfbridge": _Family(lambda: _frames.Cutter(b"\xaa", sonoff_rfbridge.judged), _rf_bridge),
    "enocean-esp3": _Family(lambda: _frames.Cutter(b"\x55", enocean_esp3.judged), _esp3),
}


def guess(data: bytes) -> str | None:
    """Return the model of the wire that these bytes come from, None when they could be anything."""
    if data[:4] == hilink_ld2450.HEAD:
        return "hilink-ld2450"
    if data[:2] in (b"\xf4\xf3", b"\xfd\xfc") or data[-4:] in (hilink_ld2410.REPORT_END, hilink_ld2410.COMMAND_END):
        return "hilink-ld2410"
    if data[:1] == b"\xaa" and data[-1:] == b"\x55" and len(data) >= 3:
        return "sonoff-rfbridge"
    if data[:1] == b"\x55" and len(data) >= 6 and enocean_esp3.crc8(data[1:5]) == data[5]:
        return "enocean-esp3"
    if data[:2] != b"\x53\x59" and any(isinstance(one, bytes) for one in _tinyframe.Frames().feed(data)):
        return "hilink-ld6002c"
    # a header with a right sum, and its data cut off or damaged
    if data[:1] == b"\x01" and len(data) >= 8 and _tinyframe.check(data[:7]) == data[7]:
        return "hilink-ld6002c"
    return None


def meant(vector: Mapping[str, Any], models: Mapping[str, Model]) -> Meant | None:
    """Return what a line means, None when it is not for here."""
    if any(key in vector for key in ("sequence", "service_data", "manufacturer_data", "characteristic")):
        return None
    asked = vector.get("model")
    model = models.get(asked) if isinstance(asked, str) else None
    if asked is not None and model is None:
        return None
    if isinstance(vector.get("telegram"), dict):
        return _behind(vector, model)
    if isinstance(vector.get("topic"), str):
        return _published(vector, model, models)
    if isinstance(vector.get("line"), str):
        return _text(vector, vector["line"].strip(), model)
    wire = next((key for key in ("frame", "stream") if isinstance(vector.get(key), str)), None)
    digits = re.sub(r"\s", "", vector[wire]) if wire is not None else ""
    if wire is None or not _HEX.fullmatch(digits):
        return None
    data = bytes.fromhex(digits)
    if isinstance(vector.get("cluster"), str):
        return _zigbee(vector["cluster"], data)
    name = model.name if model is not None else guess(data)
    if model is None and (vector.get("protocol") == "modbus" or (name in (None, "hilink-ld6002c") and _modbus_rtu.whole(data))):
        said = _modbus_rtu.meaning(data)
        return Meant("modbus-inputs", reject=said.reason) if isinstance(said, Refusal) else Meant("modbus-inputs", said)
    if name == "modbus-inputs":
        said = _modbus_rtu.meaning(data)
        return Meant(name, reject=said.reason) if isinstance(said, Refusal) else Meant(name, said)
    if model is not None and isinstance(model.listens, Behind) and "enocean-esp3" in model.listens.receivers:
        return _wire(wire, data, "enocean-esp3", models, vector, model)
    return _wire(wire, data, name, models, vector, model) if name in _FAMILIES else None


def _wire(wire: str, data: bytes, name: str, models: Mapping[str, Model], vector: Mapping[str, Any], model: Model | None) -> Meant:
    family = _FAMILIES[name]
    cutter = family.cutter()
    cut = cutter.feed(data)
    frames = [one for one in cut if isinstance(one, bytes)]
    out = Meant(name, heard=list(_new(models[name], vector).feed(Chunk(port="", data=data))))
    if name == "enocean-esp3":
        _through_esp3(out, vector, models, model)
    said = [family.said(frame) for frame in frames]
    if wire == "stream":
        out.said = {
            "frames": [one.hex() for one in frames],
            "rejected_bytes": bool(cutter.rest) or len(data) != sum(map(len, frames)),
            "told": said,
        }
        return out
    refused = [one.reason for one in cut if isinstance(one, Refusal)]
    if refused or cutter.rest or not frames:
        found = next((reason for reason in refused if reason != "noise"), "noise" if refused else "too_short")
        headless = name == "hilink-ld2410" and found == "noise" and data[-4:] in (hilink_ld2410.REPORT_END, hilink_ld2410.COMMAND_END)
        # an empty frame's optional sum is no noise, and a good frame with rubbish behind it is still refused as a frame
        return Meant(out.model, reject="bad_header" if headless else found)
    out.said = said[0] if len(said) == 1 else {"told": said}
    return out


def _through_esp3(out: Meant, vector: Mapping[str, Any], models: Mapping[str, Model], model: Model | None) -> None:
    """Give the telegrams to the device they are for: the one named, or the one whose profile the line names. None is guessed."""
    for telegram in [one for one in out.heard if isinstance(one, Telegram)]:
        device = model if model is not None and model.name != out.model else models.get(_profile(vector, telegram.data))
        if device is None:
            continue
        told = [one for one in _new(device, vector).feed(telegram) if not isinstance(one, Refusal)]
        if told:
            out.model = device.name
            out.heard += told


def _profile(vector: Mapping[str, Any], data: bytes) -> str:
    for key in ("eep", "device"):
        found = _EEP.search(str(vector.get(key, "")).upper())
        if found and (found[1], found[2], found[3]) in _BY_EEP:
            return _BY_EEP[found[1], found[2], found[3]]
    # D5 has one profile; what a rocker or four bytes mean, a thermometer or a window handle, no byte of theirs says.
    return "enocean-contact" if data[0] == _enocean.ONE_BYTE else ""


def _zigbee(cluster: str, data: bytes) -> Meant:
    if cluster == "znp":
        whole = _zigbee_ias.coordinator(data)
        return Meant("zigbee2mqtt", reject=whole.reason) if isinstance(whole, Refusal) else Meant("zigbee2mqtt", whole)
    try:
        number = int(cluster, 16)
    except ValueError:
        return Meant("zigbee2mqtt", reject="not_mine")
    meaning = _zigbee_ias.meaning(number, data)
    if isinstance(meaning, Refusal):
        return Meant("zigbee2mqtt", reject=meaning.reason)
    return Meant("zigbee2mqtt", meaning[0], list(meaning[1]))


def _text(vector: Mapping[str, Any], line: str, model: Model | None) -> Meant | None:
    if _CODE.fullmatch(line):
        low = line.lower()
        said: dict[str, Any] = {"kind": "code", "code": low, "address": low[:5], "data_nibble": low[5]}
        taught = {str(signal).lower(): function for function, signal in _codes(vector).items()}
        for make, nibbles in _NIBBLES.items():
            if make in str(vector.get("device", "")) and low[5] in nibbles:
                said["meaning_when_taught"] = nibbles[low[5]]
        if low in taught:
            said["meaning_when_taught"] = taught[low]
        out = Meant(model.name if model else "sonoff-rfbridge", said)
        if model is not None and model.learned is not None:
            out.heard = list(_new(model, vector).feed(Telegram(source=line.upper())))
        return out
    if model is not None and model.name != "rflink" and model.learned is None:
        return None
    found = rflink.parsed(line.encode("utf-8", "replace"))
    if found is None:
        return Meant("rflink", reject="noise")
    name, fields = found
    out = Meant("rflink", _rflink(name, fields))
    if model is not None and model.learned is not None:
        out.model = model.name
        out.heard = list(_new(model, vector).feed(rflink.telegram(name, fields)))
    return out


def _rflink(name: str, fields: dict[str, str]) -> dict[str, Any]:
    banner = re.search(r"RFLink Gateway V([\d.]+) - R(\w+)", name)
    if banner:
        return {"banner": True, "version": banner[1], "revision": banner[2]}
    if name == "PONG":
        return {"pong": True}
    if name == "CMD UNKNOWN":
        return {"error": "command_unknown"}
    if "ID" not in fields:
        return {"message": name} | {key.lower(): value for key, value in fields.items()}
    said: dict[str, Any] = {"protocol": name}
    names = {"CMD": "command", "SMOKEALERT": "smoke", "BAT": "battery"}
    for key, value in fields.items():
        if key == "TEMP" and re.fullmatch(r"[0-9A-Fa-f]{4}", value):
            tenths = int(value, 16)
            said["temperature_c"] = (-(tenths & 0x7FFF) if tenths & 0x8000 else tenths) / 10
        elif key == "HUM" and value.isdecimal():
            said["humidity_pct"] = int(value)
        else:
            said[names.get(key, key.lower())] = value
    said["sensor_id"] = fields["ID"]
    return said


def _behind(vector: Mapping[str, Any], model: Model | None) -> Meant | None:
    if model is None:
        return None
    telegram = vector["telegram"]
    text, data = telegram.get("text"), telegram.get("data", "")
    if not isinstance(telegram.get("source"), str) or not isinstance(data, str) or not _HEX.fullmatch(data):
        return None
    sent = text.encode("utf-8", "replace") if isinstance(text, str) else bytes.fromhex(data)
    heard = Telegram(source=telegram["source"], data=sent, retained=telegram.get("retained") is True)
    return _refused(Meant(model.name, heard=list(_new(model, vector).feed(heard))))


def _published(vector: Mapping[str, Any], model: Model | None, models: Mapping[str, Model]) -> Meant:
    payload = vector.get("payload", "")
    text = payload if isinstance(payload, str) else json.dumps(payload)
    topic = vector["topic"].removeprefix("zigbee2mqtt/")
    message = Published(topic=topic, payload=text.encode("utf-8", "replace"), retained=vector.get("retained") is True)
    receiver = next(one for one in models.values() if isinstance(one.listens, MqttTopics))
    heard = list(receiver.new("", None, {}).feed(message))
    out = Meant(receiver.name, heard=heard)
    for telegram in [one for one in heard if isinstance(one, Telegram)]:
        out.said = {"friendly_name": telegram.source}
        device = model if model is not None and model is not receiver else models["zigbee-sos"]
        out.heard += device.new("", None, {}).feed(telegram)
        out.model = device.name if device is model else receiver.name
    return _refused(out)


def _refused(out: Meant) -> Meant:
    reasons = [one.reason for one in out.heard if isinstance(one, Refusal)]
    if reasons and not any(isinstance(one, Report) for one in out.heard):
        out.reject = reasons[0]
    return out


def _codes(vector: Mapping[str, Any]) -> dict[str, str]:
    codes = vector.get("codes")
    return {str(name): str(signal) for name, signal in codes.items()} if isinstance(codes, dict) else {}


def _new(model: Model, vector: Mapping[str, Any]) -> Driver:
    codes = _codes(vector)
    return model.learned(codes, {}) if codes and model.learned is not None else model.new("", None, {})
