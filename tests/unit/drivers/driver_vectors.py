"""The recorded and documented frames beside this file: one JSON object a line, with its source and what it means."""

import json
from pathlib import Path
from typing import NamedTuple

from drivers import all_models
from gateway.hear.decode import decode_line
from gateway.words.driver import (
    Advertisement,
    Attribute,
    Behind,
    Chunk,
    GattService,
    Inputs,
    MqttTopics,
    Published,
    SerialLine,
    Telegram,
    uuid16,
)

MODELS = all_models()
VECTORS = {
    vector["id"]: vector
    for file in sorted(Path(__file__).parent.glob("vectors_*.jsonl"))
    for vector in map(json.loads, file.read_text("utf-8").splitlines())
}


def same(expected, got):
    """Numbers agree to a hundredth, and a bool is no number."""
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(expected, int | float) and isinstance(got, int | float):
        return abs(expected - got) <= 0.01
    if isinstance(expected, dict) and isinstance(got, dict):
        return expected.keys() == got.keys() and all(same(expected[key], got[key]) for key in expected)
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(map(same, expected, got))
    return expected == got


class Signal(NamedTuple):
    """Where a telegram comes from, and what its device was taught."""

    source: str = "1"
    codes: tuple = ()


def _golden(vector):
    """Yield what a fresh device is made of and the bytes of each step: (address, key, service, Signal, topic or None, bytes)."""
    if "telegram" in vector:
        told = vector["telegram"]
        data = told["text"].encode() if "text" in told else bytes.fromhex(told.get("data", ""))
        yield "", None, Signal(told["source"], tuple(vector.get("codes", {}).items())), data
        return
    if "topic" in vector:
        payload = vector["payload"] if isinstance(vector["payload"], str) else json.dumps(vector["payload"])
        yield "", None, vector["topic"], payload.encode()
        return
    key = bytes.fromhex(vector["bindkey"]) if "bindkey" in vector else None
    for step in vector.get("sequence", [vector]):
        for uuid, data in step.get("service_data", {}).items():
            yield vector.get("mac", ""), key, uuid, bytes.fromhex(data)
        for company, data in step.get("manufacturer_data", {}).items():
            yield vector.get("mac", ""), key, int(company), bytes.fromhex(data)
        for wire in ("frame", "stream"):
            if wire in step:
                yield "", key, uuid16(int(step["characteristic"], 16)) if "characteristic" in step else None, bytes.fromhex(step[wire])
        if "line" in step:
            yield "", key, None, step["line"].encode() + b"\r\n"


# model name: its golden frames
GOLDEN = {name: [] for name in MODELS}
for _vector in VECTORS.values():
    _name = decode_line(json.dumps(_vector))["model"]
    # a frame that an EnOcean device was found for came through its receiver; what is only read in recordings is no driver's
    if "cluster" in _vector or (_name == "modbus-inputs" and "frame" in _vector):
        continue
    GOLDEN["enocean-esp3" if _name.startswith("enocean") and "frame" in _vector else _name] += _golden(_vector)


def packet(model, service, data, address=""):
    if isinstance(model.listens, SerialLine):
        return Chunk(port="test", data=data)
    if isinstance(model.listens, Behind | Inputs):
        return Telegram(source=(service or Signal()).source, data=data)
    if isinstance(model.listens, MqttTopics):
        return Published(topic=service or "door", payload=data)
    if isinstance(model.listens, GattService):
        return Attribute(characteristic=service, data=data)
    if isinstance(service, int):
        return Advertisement(address=address, manufacturer_data={service: data})
    return Advertisement(address=address, service_data={service: data})


def fed(model, address, key, service, data):
    """Return all that a device which has heard nothing before makes of these bytes."""
    codes = dict(service.codes) if isinstance(service, Signal) else {}
    driver = model.learned(codes, {}) if codes else model.new(address, key, {})
    return list(driver.feed(packet(model, service, data, address)))


def flips(data):
    """Yield the bytes with each single bit turned over."""
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bytes(flipped)
