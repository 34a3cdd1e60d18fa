"""Time per decoded advertisement beside bthome-ble, xiaomi-ble and TheengsDecoder: `python -m tests.bench.decode`, and part of `make bench`.

Each decoder gets the same frames of one device, ready in the form it takes; making that form is not measured, nor the way through
Bluetooth. New: each frame has a counter or packet id of its own. Repeated: the last one again and again, as receivers deliver it.
What is asked of them differs: ours refuses replays and remembers calls, the libraries build entities with names and units.
"""

import json
import statistics
import time
import warnings
from datetime import UTC, datetime

from bthome_ble.parser import BTHomeBluetoothDeviceData
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from drivers import all_models
from drivers.bthome_v2 import UUID as BTHOME
from drivers.mibeacon import UUID as MIBEACON
from gateway.hear.intake import Intake
from gateway.words.clock import Moment
from gateway.words.driver import Advertisement, Report
from xiaomi_ble.parser import XiaomiBluetoothDeviceData

from tests.kit.oracle import advertised

try:
    from TheengsDecoder import decodeBLE as theengs_decodes  # noqa: N813
except ImportError:
    theengs_decodes = None

MODELS = all_models()
KEY = bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")
FRAMES, ROUNDS = 200, 25  # packet ids come round after 256
MAC = "A4:C1:38:8D:18:B2"
RAW = bytes.fromhex(MAC.replace(":", ""))


def bthome_press(n):
    return bytes.fromhex(f"4000{n & 255:02x}01643a01")


def bthome_sealed(n):
    count = (n + 1).to_bytes(4, "little")
    box = AESCCM(KEY, tag_length=4).encrypt(RAW + b"\xd2\xfc\x45" + count, bytes.fromhex("0164022b0903bf13"), None)
    return b"\x45" + box[:-4] + count + box[-4:]


def mibeacon_plain(n):
    return bytes.fromhex(f"5020aa01{n & 255:02x}") + RAW[::-1] + bytes.fromhex("0d1004") + (200 + n).to_bytes(2, "little") + b"\x48\x01"


def mibeacon_sealed(n):
    head, count, ext = b"\x58\x58\x8b\x09", (n & 255).to_bytes(1, "little"), (n >> 8).to_bytes(3, "little")
    box = AESCCM(KEY, tag_length=4).encrypt(RAW[::-1] + head[2:] + count + ext, b"\x19\x10\x01" + bytes([n & 1]), b"\x11")
    return head + count + RAW[::-1] + box[:-4] + ext + box[-4:]


# what, model of ours, service, frames, key, the library that reads it, advertised name
CASES = (
    ("BTHome, press", "shelly-blu-button", BTHOME, bthome_press, None, BTHomeBluetoothDeviceData, "SBBT-002C"),
    ("BTHome sealed, climate", "bthome-v2", BTHOME, bthome_sealed, KEY, BTHomeBluetoothDeviceData, "x"),
    ("MiBeacon, climate", "mibeacon", MIBEACON, mibeacon_plain, None, XiaomiBluetoothDeviceData, "x"),
    ("MiBeacon sealed, door", "xiaomi-mccgq02hl", MIBEACON, mibeacon_sealed, KEY, XiaomiBluetoothDeviceData, "x"),
)


def micros(make, packets):
    """Return the median over rounds of µs per packet, each round with a decoder that has heard nothing."""
    out = []
    for _ in range(ROUNDS):
        take = make()
        begin = time.perf_counter()
        for packet in packets:
            take(packet)
        out.append((time.perf_counter() - begin) / len(packets) * 1e6)
    return statistics.median(out)


def pair(make, packets):
    """Return (new, repeated)."""
    return micros(make, packets), micros(make, packets[-1:] * FRAMES)


def ours(model, key, packets):
    def driver():
        return MODELS[model].new(MAC, key, {}).feed

    def intake():
        hears = Intake(lambda: Moment(1000.0, datetime(2026, 12, 1, tzinfo=UTC)), {}, lambda _reading: None)
        hears.enrol("it", MODELS[model], MAC, key, {})
        return hears.advert

    take = driver()
    if not all(any(isinstance(one, Report) for one in take(packet)) for packet in packets):
        raise AssertionError(f"{model} did not read its frames")
    return pair(driver, packets), pair(intake, packets)


def library(kind, key, packets):
    def make():
        return kind(bindkey=key).update

    update = make()(packets[0])
    if not (update.binary_entity_values or update.events or len(update.entity_values) > 1):
        raise AssertionError(f"{kind.__name__} did not read the frame")
    return pair(make, packets)


def theengs(service, frames, name):
    lines = [json.dumps({"servicedatauuid": service[4:8], "servicedata": data.hex(), "name": name, "id": MAC}) for data in frames]
    told = theengs_decodes(lines[0]) or ""
    return pair(lambda: theengs_decodes, lines) if "tempc" in told or "button" in told else None


def rows():
    """Yield (what, {decoder: (new, repeated) or None})."""
    for what, model, service, frame, key, kind, name in CASES:
        frames = [frame(n) for n in range(FRAMES)]
        adverts = [Advertisement(address=MAC, service_data={service: data}) for data in frames]
        driver, intake = ours(model, key, adverts)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = library(kind, key, [advertised(MAC, service, data, name) for data in frames])
        parts = kind.__module__.split(".")[0].replace("_", "-")
        other = theengs(service, frames, name) if theengs_decodes is not None and key is None else None
        yield what, {"driver": driver, "through intake": intake, parts: theirs, "TheengsDecoder": other}


def report():
    """Print µs per new and per repeated frame."""
    print("µs per decoded advertisement, new / repeated:")
    for what, times in rows():
        said = [f"{who} {'-' if two is None else f'{two[0]:.1f} / {two[1]:.2f}'}" for who, two in times.items()]
        print("- " + what.ljust(23) + " | " + " | ".join(said), flush=True)
    if theengs_decodes is None:
        print(
            "- TheengsDecoder is not measured: it is not installed (no wheels; `.venv/bin/pip install TheengsDecoder` compiles it in half a minute)"
        )
    else:
        print("- TheengsDecoder keeps no memory and opens nothing that is sealed; it takes and gives JSON text")


if __name__ == "__main__":
    report()
