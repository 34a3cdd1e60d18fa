"""The recorded and documented frames beside this file: one JSON object a line, with its source and what it means."""

import json
from pathlib import Path

from drivers import all_models
from gateway.decode import decode_line
from gateway.driver import Advertisement, Attribute, Chunk, GattService, SerialLine, uuid16

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


def _golden(vector):
    """Yield what a fresh device is made of and the bytes of each step: (address, key, service or None, bytes)."""
    key = bytes.fromhex(vector["bindkey"]) if "bindkey" in vector else None
    for step in vector.get("sequence", [vector]):
        for uuid, data in step.get("service_data", {}).items():
            yield vector.get("mac", ""), key, uuid, bytes.fromhex(data)
        for wire in ("frame", "stream"):
            if wire in step:
                yield "", key, uuid16(int(step["characteristic"], 16)) if "characteristic" in step else None, bytes.fromhex(step[wire])


# model name: its golden frames
GOLDEN = {name: [] for name in MODELS}
for _vector in VECTORS.values():
    GOLDEN[decode_line(json.dumps(_vector))["model"]] += _golden(_vector)


def packet(model, service, data, address=""):
    if isinstance(model.listens, SerialLine):
        return Chunk(port="test", data=data)
    if isinstance(model.listens, GattService):
        return Attribute(characteristic=service, data=data)
    return Advertisement(address=address, service_data={service: data})


def fed(model, address, key, service, data):
    """Return all that a device which has heard nothing before makes of these bytes."""
    return list(model.new(address, key, {}).feed(packet(model, service, data, address)))


def flips(data):
    """Yield the bytes with each single bit turned over."""
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bytes(flipped)
