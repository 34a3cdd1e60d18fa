"""Recorded lines -> packets: the first half of `decode`, which knows no make.

A line is a JSON object. What was heard stands in one of

    service_data       {uuid: hex}, with `mac` and `local_name`
    manufacturer_data  {company id: hex}, with the same
    characteristic     as in "2a37", with the `frame` that was notified or read
    frame, stream      hex of a serial line: one whole frame, or whatever was captured
    line               one text line of RFLink, or a bare radio code in hex
    cluster            of a Zigbee frame in `frame`, as in "0x0500"; "znp": a TI coordinator's frame
    telegram           {"source": ..., "data": hex or "text": ..., "retained": ...}: a receiver's
    topic              with `payload` (text or JSON) and `retained`: a message of another broker
    sequence           a list of such objects, in order

Beside it may stand `id`, `model`, `bindkey` in hex, and `codes`, the taught signals {function:
signal}.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from gateway.words.driver import (
    Advertisement,
    Attribute,
    Behind,
    BleAdvert,
    Chunk,
    GattService,
    Inputs,
    Model,
    MqttTopics,
    Packet,
    Published,
    SerialLine,
    Telegram,
    uuid16,
)

Line = dict[str, Any]
T = TypeVar("T")

_LONGEST = 1_000_000  # characters; a recording that long is not one sensor's
_SHORT_UUID = re.compile(r"[0-9a-f]{4}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MAC = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){5}")
_CODE = re.compile(r"[0-9A-Fa-f]{6}")


class Unfit(Exception):
    """A line that cannot be given to a driver: one word, and what to do about it."""

    def __init__(self, word: str, error: str) -> None:
        super().__init__(error)
        self.word = word


def parsed(text: str) -> Line:
    """Return the JSON object of one line. Raises Unfit."""
    if len(text) > _LONGEST:
        raise Unfit(
            "bad_line", f"longer than {_LONGEST} characters; give one sensor's bytes a line"
        )
    try:
        line = json.loads(text)
    except ValueError as error:
        raise Unfit("bad_json", f"not JSON: {error}; give one JSON object a line") from None
    except RecursionError:
        raise Unfit("bad_json", "nested too deep; give one flat JSON object a line") from None
    return _typed(line, dict, "expected a JSON object")


def packets(line: Line, model: Model | None) -> list[Packet]:
    """Return what was heard, in order; of a named model only what it hears by. Raises Unfit."""
    steps = line.get("sequence", [line])
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise Unfit("bad_line", "sequence: expected a list of objects")
    kinds, says = _WANTED[type(model.listens)] if model else (None, "")
    found = [_packet(step, line, kinds) for step in steps]
    if model is not None and None in found:
        raise Unfit("bad_line", f"{model.name} needs {says}, and this line has neither")
    return [packet for packet in found if packet is not None]


def address(line: Line) -> str:
    """Return the address in `mac`, "" where it is not known. Raises Unfit."""
    given = line.get("mac") or ""
    if not isinstance(given, str) or (given and not _MAC.fullmatch(given.upper())):
        raise Unfit(
            "bad_line",
            f"mac: {given!r} is no address like A4:C1:38:8D:18:B2; leave it out if it is not known",
        )
    return given.upper()


def key(line: Line, size: int) -> bytes | None:
    """Return the key of so many bytes, None without one. Raises Unfit.

    There is none where the line gives none, or the model knows none.
    """
    if line.get("bindkey") is None or not size:
        return None
    given = _bytes(line["bindkey"], "bindkey")
    if len(given) != size:
        raise Unfit("bad_key", f"bindkey: expected {2 * size} hex digits, found {2 * len(given)}")
    return given


def codes(line: Line) -> dict[str, str]:
    """Return the taught signals, {function: signal}."""
    given = line.get("codes")
    return (
        {str(name): str(signal) for name, signal in given.items()}
        if isinstance(given, dict)
        else {}
    )


def _typed(value: Any, kind: type[T], wanted: str, word: str = "bad_line") -> T:
    if not isinstance(value, kind):
        raise Unfit(word, f"{wanted}, found {type(value).__name__}")
    return value


def _bytes(given: object, where: str) -> bytes:
    text = _typed(given, str, f"{where}: expected hex digits in quotes", "bad_hex")
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Unfit(
            "bad_hex", f"{where}: {text[:40]!r} is not an even number of hex digits"
        ) from None


def _uuid(text: str, where: str) -> str:
    low = text.lower()
    if _SHORT_UUID.fullmatch(low):
        return uuid16(int(low, 16))
    if _UUID.fullmatch(low):
        return low
    raise Unfit("bad_line", f"{where}: {text!r} is no UUID of 4 or 32 hex digits")


def _table(step: Line, name: str) -> Line:
    table = step.get(name)
    return {} if table is None else _typed(table, dict, f"{name}: expected an object")


def _advertisement(step: Line, line: Line) -> Advertisement:
    companies = _table(step, "manufacturer_data")
    for company in companies:
        if not (company.isascii() and company.isdigit() and len(company) <= 5):
            raise Unfit(
                "bad_line", f"manufacturer_data: {company!r} is no company id (a decimal number)"
            )
    services = _table(step, "service_data")
    name = step.get("local_name") or line.get("local_name")
    return Advertisement(
        address=address(line),
        name=name if isinstance(name, str) else None,
        service_data={
            _uuid(uuid, "service_data"): _bytes(data, f"service_data {uuid}")
            for uuid, data in services.items()
        },
        manufacturer_data={
            int(n): _bytes(data, f"manufacturer_data {n}") for n, data in companies.items()
        },
    )


def _attribute(step: Line, _line: Line) -> Attribute:
    characteristic = step["characteristic"]
    if not isinstance(characteristic, str) or step.get("frame") is None:
        raise Unfit(
            "bad_line",
            "a value that was notified or read needs characteristic,"
            ' for instance "2a37", and frame in hex',
        )
    return Attribute(
        characteristic=_uuid(characteristic, "characteristic"), data=_bytes(step["frame"], "frame")
    )


def _telegram(step: Line, _line: Line) -> Telegram:
    heard = _table(step, "telegram")
    if not isinstance(heard.get("source"), str):
        raise Unfit(
            "bad_line", 'telegram: expected {"source": text, "data": hex}, or "text" for data'
        )
    text = heard.get("text")
    data = (
        text.encode("utf-8", "replace")
        if isinstance(text, str)
        else _bytes(heard.get("data", ""), "telegram data")
    )
    return Telegram(source=heard["source"], data=data, retained=heard.get("retained") is True)


def _published(step: Line, _line: Line) -> Published:
    topic, payload = _typed(step["topic"], str, "topic: expected text"), step.get("payload", "")
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return Published(
        topic=topic.removeprefix("zigbee2mqtt/"),
        payload=text.encode("utf-8", "replace"),
        retained=step.get("retained") is True,
    )


def _text(step: Line, _line: Line) -> Telegram | Chunk:
    text = _typed(step["line"], str, "line: expected text").strip()
    if _CODE.fullmatch(text):
        return Telegram(source=text.upper())
    return Chunk(port="", data=text.encode("utf-8", "replace") + b"\r\n")


def _wired(step: Line, _line: Line) -> Telegram | Chunk:
    name = "frame" if step.get("frame") is not None else "stream"
    data, cluster = _bytes(step[name], name), step.get("cluster")
    return (
        Telegram(source=cluster, data=data)
        if isinstance(cluster, str)
        else Chunk(port="", data=data)
    )


# The keys of a line, which packets they make, and how.
_MAKERS: tuple[tuple[tuple[str, ...], frozenset[type], Callable[[Line, Line], Packet]], ...] = (
    (("service_data", "manufacturer_data"), frozenset({Advertisement}), _advertisement),
    (("characteristic",), frozenset({Attribute}), _attribute),
    (("telegram",), frozenset({Telegram}), _telegram),
    (("topic",), frozenset({Published}), _published),
    (("line",), frozenset({Telegram, Chunk}), _text),
    (("frame", "stream"), frozenset({Telegram, Chunk}), _wired),
)


# by what a model hears by: the packets that it takes, and what a line must have for them
_WANTED: Mapping[type, tuple[frozenset[type], str]] = {
    BleAdvert: (frozenset({Advertisement}), "service_data or manufacturer_data"),
    GattService: (frozenset({Attribute}), "characteristic with frame"),
    SerialLine: (frozenset({Chunk, Telegram}), "frame or stream (line, where it speaks text)"),
    MqttTopics: (frozenset({Published, Telegram}), "topic with payload, or cluster with frame"),
    Inputs: (frozenset({Telegram, Chunk}), "telegram or frame"),
    Behind: (
        frozenset({Telegram, Chunk, Published}),
        "telegram, or the frame, line or topic of its receiver",
    ),
}


def _packet(step: Line, line: Line, wanted: frozenset[type] | None) -> Packet | None:
    for keys, kinds, make in _MAKERS:
        there = any(step.get(name) is not None for name in keys)
        if there and (wanted is None or kinds & wanted):
            return make(step, line)
    return None
