"""What is fuzzed: for each target its seeds, and a function of bytes that raises where a promise is broken.

A driver's input is a little program: one byte for the kind of device (address, key, what it was taught), then steps of
op | length u16 | bytes. Most steps feed the bytes as they are; others feed two payloads at once, seal the bytes with the device's own
key (no mutation would ever guess a tag), or make the driver anew from its memory, as a restart does.

Time is bounded by what is counted, never by the clock: lines of Python that ran for so many bytes.
"""

import gc
import json
import os
import shutil
import sqlite3
import sys
import tempfile
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, pairwise, product
from math import isfinite
from pathlib import Path
from unittest import mock
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM
from drivers import all_models
from drivers.bthome_v2 import UUID as BTHOME
from drivers.mibeacon import UUID as MIBEACON
from gateway.box import generations
from gateway.contract import inward, wire
from gateway.hear.decode import decode_line
from gateway.hear.enrolled import GUARDED
from gateway.hear.intake import Intake
from gateway.hear.replay import BadDay, Replay, packet
from gateway.home import backup, changes, config, handed, household, inbox, takeover
from gateway.home.recordings.formats import FORMATS
from gateway.home.recordings.recording import BadRecording
from gateway.home.source import ConfigError
from gateway.page import papers as web_papers
from gateway.words.clock import Moment, Quality
from gateway.words.driver import Advertisement, BleAdvert, Picture, Pictured, Published, Refusal, Reply, Report, Telegram
from gateway.words.instruction import Door as Way
from gateway.words.reading import FORMS, Form, Kind

from tests.unit.drivers import driver_vectors
from tests.unit.home.test_recordings import GOOD

ROOT = Path(__file__).resolve().parents[2]
MODELS = all_models()

STEPS = 24  # of one input; more are not looked at
MEMORY = 4096  # characters of a driver's memory as JSON
KEPT = 48 * 1024  # bytes and entries that a driver holds beside it
LINES, LINES_A_BYTE = 20_000, 200  # of Python, for one packet; the worst known is 56 a byte
COUNTED_EVERY = 40  # inputs, because counting is slow
THROUGH_INTAKE_EVERY = 5  # inputs
FEED, BOTH, SEAL, RESTART, CONFIRM = 0, 4, 5, 6, 7  # 1, 2 and 3 feed as well
SECOND_ADAPTER, RETAINED = 0x08, 0x10


class Broken(AssertionError):
    """A promise was broken; the text says which."""


def promise(held, why, *about):
    if not held:
        raise Broken(f"{why}: {about!r}")


@dataclass(frozen=True)
class Sort:
    """One sort of device that a model's golden frames speak of. `head`: product id of a MiBeacon."""

    address: str
    key: bytes | None
    service: object
    head: bytes


class Driver:
    """One model."""

    words = ()

    def __init__(self, name):
        self.name, self.model = name, MODELS[name]
        self.ran = 0
        golden = driver_vectors.GOLDEN[name]
        sorts = dict.fromkeys(Sort(address, key, service, data[2:4]) for address, key, service, data in golden)
        self.sorts = list(sorts)[:200]
        listens = self.model.listens
        shared = isinstance(listens, BleAdvert) and not {BTHOME, MIBEACON}.isdisjoint(listens.services)
        self.spoken_by_others = shared and not self.model.general
        self.golden = [(self.sorts.index(sort), g[3]) for g in golden if (sort := Sort(*g[:3], g[3][2:4])) in self.sorts]

    def seeds(self):
        """Yield every golden frame alone, twice around a restart, and cut; pairs where the make speaks in two places; sealed ones."""
        for sort, data in self.golden:
            whole = step(FEED, data)
            yield bytes([sort]) + whole
            yield bytes([sort]) + whole + step(RESTART | SECOND_ADAPTER, b"") + whole
            yield bytes([sort]) + step(FEED, data[: len(data) // 2]) + step(FEED, data[len(data) // 2 :]) + whole
            if self.sorts[sort].key is not None:
                for body in (bytes.fromhex("3a01"), bytes.fromhex("191001000c4e00")):
                    counted = step(SEAL, b"\x05\0\0\0" + body)
                    yield bytes([sort]) + counted + step(SEAL, b"\x03\0\0\0" + body) + step(CONFIRM, b"") + counted
        listens = self.model.listens
        if isinstance(listens, BleAdvert) and listens.services and listens.companies:
            services = [(n, data) for n, data in self.golden if isinstance(self.sorts[n].service, str)]
            makers = [data for n, data in self.golden if isinstance(self.sorts[n].service, int)]
            for (sort, first), second in islice(product(services, makers), 40):
                yield bytes([sort]) + step(BOTH, bytes([len(first) & 0xFF]) + first + second)
        if len(self.golden) > 1:
            yield bytes([self.golden[0][0]]) + b"".join(step(FEED, data) for _, data in self.golden[:STEPS])

    def run(self, data):
        self.ran += 1
        if not data:
            return
        sort = self.sorts[data[0] % len(self.sorts)]
        if self.spoken_by_others and self.ran % THROUGH_INTAKE_EVERY == 0:
            self.through_intake(sort, data[1:])
            return
        driver = self.new(sort, {})
        for op, body in islice(steps(data[1:]), STEPS):
            what = op & 7
            if what in (RESTART, CONFIRM):
                memory = json.loads(json.dumps(driver.memory))
                promise(memory == driver.memory, "a memory is plain JSON", driver.memory)
                driver = self.new(sort, memory | ({"confirmed": 1} if what == CONFIRM else {}))
            else:
                packet = self.packet(sort, op, body)
                if isinstance(driver, Pictured):
                    memory = dict(driver.memory)
                    fields = [one.fields for one in driver.pictures(packet) if isinstance(one, Picture)]
                    promise(json.loads(json.dumps(fields)) == fields, "a picture is JSON", fields)
                    promise(driver.memory == memory, "a picture changes nothing", fields)
                self.feed(driver, packet, len(body))
        self.judge_kept(driver)

    def through_intake(self, sort, data):
        told = []
        intake = Intake(lambda: NOW, {}, told.append)
        intake.enrol("it", self.model, sort.address, sort.key, {})
        for n, (op, body) in enumerate(islice(steps(data), STEPS)):
            intake.devices["it"].payload = n  # no two of them are a burst
            intake.advert(self.packet(sort, op, body))
        refused = intake.devices["it"].refused
        promise("driver_failed" not in refused, "a driver never raises")
        for one in told:
            promise(one.kind not in GUARDED or one.kind in self.model.senses, "a judged kind is one the model senses", one)

    def new(self, sort, memory):
        codes = dict(sort.service.codes) if isinstance(sort.service, driver_vectors.Signal) else {}
        return self.model.learned(codes, memory) if codes else self.model.new(sort.address, sort.key, memory)

    def packet(self, sort, op, body):
        what, adapter = op & 7, "hci1" if op & SECOND_ADAPTER else "hci0"
        listens = self.model.listens
        if what == SEAL and sort.key is not None and len(sort.key) == 16 and isinstance(sort.service, str):
            body = sealed(sort, body)
        elif what == BOTH and isinstance(listens, BleAdvert) and body:
            first, second = body[1 : 1 + body[0]], body[1 + body[0] :]
            return Advertisement(
                address=sort.address,
                service_data=dict.fromkeys(listens.services[:1], first),
                manufacturer_data=dict.fromkeys(listens.companies[:1] or (sort.service if isinstance(sort.service, int) else 76,), second),
                adapter=adapter,
            )
        if isinstance(listens, BleAdvert):
            place = {"manufacturer_data": {sort.service: body}} if isinstance(sort.service, int) else {"service_data": {sort.service: body}}
            return Advertisement(address=sort.address, adapter=adapter, **place)
        made = driver_vectors.packet(self.model, sort.service, body, sort.address)
        if isinstance(made, Telegram):
            return Telegram(source=made.source, data=body, retained=bool(op & RETAINED))
        if isinstance(made, Published):
            return Published(topic=made.topic, payload=body, retained=bool(op & RETAINED))
        return made

    def feed(self, driver, packed, size):
        before, was = driver.memory, dict(driver.memory)
        if self.ran % COUNTED_EVERY == 1:
            heard, lines = counted(lambda: list(driver.feed(packed)))
            promise(lines <= LINES + LINES_A_BYTE * size, "time is bounded by the bytes", lines, size)
        else:
            heard = list(driver.feed(packed))
        promise(driver.memory is not before or driver.memory == was, "what is remembered is a new dict", was, driver.memory)
        promise(len(heard) <= 16 + size, "an answer is bounded by the bytes", len(heard), size)
        for one in heard:
            self.judge(one)

    def judge(self, one):
        if isinstance(one, Report):
            well_formed(one)
            # Who shares a protocol's decoder may be made to say all that the protocol knows: there the intake keeps the promise.
            if not self.spoken_by_others:
                promise(one.kind not in GUARDED or one.kind in self.model.senses, "a judged kind is one the model senses", one)
        elif isinstance(one, Telegram):
            promise(self.model.receiver and isinstance(one.source, str) and isinstance(one.data, bytes), "only receivers pass on", one)
            promise(len(one.source) + len(one.data) <= 64 * 1024, "a telegram is bounded", len(one.data))
        elif isinstance(one, Reply):
            promise(isinstance(one.data, bytes) and 0 < len(one.data) <= 256, "a reply is a few bytes", one)
        else:
            promise(isinstance(one, Refusal) and one.reason.isidentifier() and len(one.reason) < 32, "a refusal is one word", one)

    def judge_kept(self, driver):
        memory = driver.memory
        promise(all(isinstance(k, str) and isinstance(v, int | str) for k, v in memory.items()), "a memory is ints and strings", memory)
        promise(len(json.dumps(memory)) <= MEMORY, "a memory is bounded", len(json.dumps(memory)))
        size = held(driver)
        promise(size <= KEPT, "what a driver keeps is bounded", size)


def well_formed(one):
    form, value = FORMS[one.kind], one.value
    if one.kind in (Kind.OTHER_STATE, Kind.OTHER_MEASURE):
        promise(one.label, "what nothing is judged by has a label", one)
    else:
        promise(not one.label, "a kind of its own has no label", one)
    if one.kind is Kind.REPLAYED:
        promise(isinstance(value, int), "a replay is told by its counter", one)
    elif form is Form.EVENT:
        promise(isinstance(value, str) and 0 < len(value) <= 80, "an event is a word", one)
    elif form is Form.MEASURE:
        promise(isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value), "a measure is a finite number", one)
    elif one.kind is Kind.ACTIVITY:
        promise(value in ("none", "still", "active"), "activity is one of three", one)
    elif one.kind is Kind.OTHER_STATE:
        promise(isinstance(value, bool | int | str) or isfinite(value), "a state is plain", one)
    elif one.kind is Kind.NOT_UNDERSTOOD:
        promise(isinstance(value, str) and 0 < len(value) <= 160, "what is not understood is told by its words", one)
    elif form is Form.STATE:
        promise(isinstance(value, bool), "a state is true or false", one)
    promise(isinstance(one.index, int) and one.index >= 1, "instances count from 1", one)
    promise(isinstance(one.flagged, bool), "flagged is a bool", one)
    json.dumps(dict(one.extra or {}), allow_nan=False)


def step(op, body):
    return bytes([op]) + len(body).to_bytes(2, "big") + body


def steps(data):
    at = 0
    while at + 3 <= len(data):
        size = int.from_bytes(data[at + 1 : at + 3], "big")
        yield data[at], data[at + 3 : at + 3 + size]
        at += 3 + size


def sealed(sort, body):
    """Return a frame with a valid tag around what the fuzzer made up: counter (4 bytes), then objects."""
    count, plain = body[:4].ljust(4, b"\0"), body[4:200]
    mac = bytes.fromhex(sort.address.replace(":", "")) or bytes(6)
    cipher = AESCCM(sort.key, tag_length=4)
    if sort.service == BTHOME:
        box = cipher.encrypt(mac + b"\xd2\xfc\x45" + count, plain, None)
        return b"\x45" + box[:-4] + count + box[-4:]
    if sort.service == MIBEACON:
        box = cipher.encrypt(mac[::-1] + sort.head + count, plain, b"\x11")
        return b"\x58\x58" + sort.head + count[:1] + mac[::-1] + box[:-4] + count[1:] + box[-4:]
    return body


def held(root):
    """Return how many bytes and entries can be reached from an object's attributes, code and shared tables aside."""
    total, seen, waiting = 0, set(), [root]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or callable(one) or isinstance(one, type | Report | Refusal | Reply):
            continue
        seen.add(id(one))
        if isinstance(one, str | bytes | bytearray):
            total += len(one)
        elif isinstance(one, Mapping):
            total += len(one)
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set | frozenset | deque):
            total += len(one)
            waiting += one
        else:
            waiting += vars(one).values() if hasattr(one, "__dict__") else ()
            waiting += [getattr(one, name) for kind in type(one).__mro__ for name in getattr(kind, "__slots__", ()) if hasattr(one, name)]
    return total


def counted(work):
    """Return what `work` returns, and how many lines of Python ran for it."""
    lines = 0

    def tracer(_frame, event, _arg):
        nonlocal lines
        lines += event == "line"
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        return work(), lines
    finally:
        sys.settrace(before)


# -- the other doors: what comes from the platform, from files and from technicians ------------------------------------------


class Door:
    """Bytes that must be taken or refused with the one exception its caller knows."""

    def __init__(self, name, seeds, take, refuses, words=()):
        self.name, self.seeds, self._take, self._refuses, self.words = name, seeds, take, refuses, words

    def run(self, data):
        try:
            self._take(data)
        except self._refuses as refused:
            promise(str(refused), "a refusal says why")


GATEWAY = "gw-7c3e91"
NOW = Moment(5000.0, datetime(2026, 5, 4, 4, tzinfo=UTC), Quality.SYNCHRONISED)
EXAMPLES = ROOT / "config" / "contract" / "examples"
CONFIGURATION = """[gateway]
id = "gw-1"
state = "state"
runtime = "run"
night = ["21:00", "06:30"]

[platform]
host = "127.0.0.1"
port = 1883
tls = false

[times]
grace_fall = 20

[[device]]
id = "pendant"
model = "shelly-blu-button"
room = "hall"
address = "a4:c1:38:00:00:01"
buttons = { 2 = "cancel" }

[[device]]
id = "radar"
model = "radar-5359"
port = "/dev/serial/by-id/radar"

[[device]]
id = "stick"
model = "sonoff-rfbridge"
port = "/dev/serial/by-id/stick"

[[device]]
id = "cord"
model = "ev1527-sos"
via = "stick"
codes = { press = "511451" }

[[ladder]]
responder = "Zhang"
channel = "program"
program = ["/usr/bin/call", "138"]
"""
SECRETS = 'password = "correct-horse"\n\n[keys]\npendant = "231d39c1d7cc1ab1aee224cd096db932"\n'
DAY = """date 2026-03-02T00:00:00+08:00
begins 05:30:00
06:12:30.5 ble B4:35:22:F5:3D:A4 -61 fcd2=40005201643a01 company:0ba9=0102 name=SBBT-002C
06:13:00 serial /dev/serial/by-id/radar 53598301000101325443
06:14:00 open /dev/serial/by-id/radar
06:00:00 every 60 until 22:00:00 serial /dev/serial/by-id/radar 5359
07:00:00 pace 600
07:10:00 say anything  # at all
"""
ODD = ("nan", "inf", "-inf", "1e400", "1e-300", "-0", "99999999999999999999", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59Z", "\ud7ff")
DAY_WORDS = (*ODD, "date ", "begins ", " every ", " until ", " pace ", " say ", " ble ", " serial ", " open ", "\x1c", "\x85", "#")
_folder = tempfile.TemporaryDirectory(prefix="fuzz-")


def _file(name, data):
    path = Path(_folder.name, name)
    if not path.parent.is_dir():  # a child process does not own the folder of its parent
        path.parent.mkdir(parents=True)
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def take_instruction(data):
    told, why = inward.decode_instruction(data, GATEWAY, NOW)
    promise(isinstance(why, str), "why not is text")
    hash((told.id, told.do))


def take_configuration(data):
    main, _, secrets = data.partition(b"\0")
    path = _file("gateway.toml", main)
    if secrets:
        _file("secrets.toml", secrets)
    else:
        path.with_name("secrets.toml").unlink(missing_ok=True)
    loaded = config.load(path, MODELS)
    for device in loaded.devices:
        limit = device.supervised.missing_after
        promise(limit is None or isfinite(limit), "a limit is a number", device)
        if device.model.key_bytes and device.key is not None:
            promise(device.key.hex() not in repr(loaded), "no secret in any text")


def take_line(data):
    told = decode_line(data.decode("utf-8", "surrogateescape"))
    json.dumps(told, allow_nan=False)
    promise("reject" not in told or told["error"], "a refusal says what to do", told)


def take_day(data):
    day = Replay(_file("day.txt", data))
    day.clock("boot").now()
    before = -1.0
    for happening in islice(day.in_order(), 300):
        promise(isfinite(happening.at) and happening.at >= before, "a day goes on", happening)
        before = happening.at
        if happening.what in {"ble", "serial", "open"}:
            packet(happening)
        elif happening.what == "pace":
            promise(0 < float(happening.rest[0]) < 1e9, "a pace is a number", happening)
    # The same thing again and again stays countable, or a day would never come to its end.
    promise(all(not one.every or one.every >= 0.001 for one in day.happenings), "repeats take time")


HOME_FILE = (
    '[gateway]\nid = "gw-1"\nstate = "state"\nruntime = "run"\n[platform]\nhost = "broker.example"\nca = ""\n'
    '[[device]]\nid = "pendant"\nmodel = "shelly-blu-button"\nroom = "hall"\naddress = "A4:C1:38:00:00:01"\n'
)
HOUSEHOLD = {
    "v": 1,
    "revision": 3,
    "token": "a1",
    "instruction": "page-1",
    "by": "Li",
    "at": "2026-05-04T08:00:00Z",
    "changed": ["rooms"],
    "household": {"number": "H-1", "timezone": "Asia/Shanghai", "night": ["22:00", "06:00"]},
    "rooms": ["hall", "bath"],
    "consent": {"activity": True, "climate": False, "vital_signs": True, "history_days": 20, "journal_days": 400},
    "platform": {"host": "b.example", "port": 8883, "tls": True, "username": "gw", "receipts": "platform"},
    "device": [
        {"id": "pendant", "model": "shelly-blu-button", "room": "hall", "address": "A4:C1:38:00:00:01", "buttons": {"1": "sos"}},
        {"id": "radar", "model": "radar-5359", "room": "bath", "port": "/dev/serial/by-id/r"},
    ],
    "ladder": [{"responder": "Li", "channel": "program", "wait": 60, "program": ["/usr/bin/call", "1"]}],
    "times": {"grace_fall": 20},
    "sound": {"pre_alarm": ["/usr/bin/beep"], "alarm": []},
}
OWN_SECRETS = {
    "v": 1,
    "revision": 3,
    "token": "a1",
    "password": "pw",
    "keys": {"pendant": "231d39c1d7cc1ab1aee224cd096db932"},
    "passwords": {},
}
CHANGES = (
    {"what": "put_device", "value": HOUSEHOLD["device"][0] | {"id": "new", "address": "A4:C1:38:00:00:02"}},
    {"what": "retire_device", "value": {"id": "pendant"}},
    {"what": "replace_device", "value": {"id": "pendant", "address": "A4:C1:38:00:00:03"}},
    {"what": "set_rooms", "value": {"rooms": ["hall"]}},
    {"what": "set_household", "value": HOUSEHOLD["household"]},
    {"what": "set_platform", "value": HOUSEHOLD["platform"] | {"ca": "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"}},
    {"what": "set_ladder", "value": {"ladder": [{"responder": "Li", "wait": 60}]}},
    {"what": "set_times", "value": {"grace_fall": 20}},
    {"what": "set_rules", "value": {"off": ["env.water"], "times": {"grace_fall": 20}}},
    {"what": "set_sound", "value": HOUSEHOLD["sound"]},
    {"what": "set_silence", "value": {"preset": "usual", "entrance": ["pendant"], "back_by": "20:00"}},
    {"what": "set_consent", "value": HOUSEHOLD["consent"]},
)
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n"


def _home(name):
    """Return the configuration of a home in a folder of its own, which is empty but for it."""
    path = _file(f"{name}/gateway.toml", HOME_FILE.encode())
    path.with_name("state").mkdir(exist_ok=True)
    return path


def sane(loaded):
    """What holds of every configuration that was taken, wherever it came from."""
    for device in loaded.devices:
        limit = device.supervised.missing_after
        promise(limit is None or isfinite(limit), "a limit is a number", device)
    for part in (loaded.gateway, loaded.times):
        for name in getattr(part, "__struct_fields__", None) or part.__dataclass_fields__:
            value = getattr(part, name)
            promise(not isinstance(value, float) or isfinite(value), "a time is a number", name, value)
    json.dumps(household.shown(loaded), allow_nan=False)


def take_household(data):
    """Files of the state folder, whole in their sum but with any content: torn, or by newer software, or by somebody's hand."""
    path = _home("household")
    body, _, own = data.partition(b"\0")
    for name, text in (("household.json", body), ("household-secrets.json", own)):
        try:
            said = json.loads(text)
            whole = generations._text({"sum": generations._sum(said), "body": said}) if isinstance(said, dict) else text
        except (ValueError, RecursionError):
            whole = text
        _file(f"household/state/{name}", whole)
    sane(config.load(path, MODELS))


def take_change(data):
    """An order left by the page: the file of secrets beside it, the change itself, and the home it makes."""
    message, _, secrets = data.partition(b"\0")
    told, _ = inward.decode_instruction(message, GATEWAY, NOW, Way.LOCAL)
    if told.change is None:
        return
    loaded = config.load(_home("change"), MODELS)
    if secrets:
        _file("change/state/handed/it", secrets)
    given = handed.handed(loaded.page_folder, "it" if secrets else "")
    after = changes.changed(loaded, told.change, given, MODELS, instruction=told.id, by=told.by, at="2026-05-04T08:00:00Z")
    sane(after)


def take_recording(data):
    form = sorted(FORMATS)[data[0] % len(FORMATS)] if data else "casas"
    made = FORMATS[form](data[1:], ZoneInfo("Asia/Shanghai"), ("9",) if data[:1] > b"\x7f" else ())
    promise(all(a.at.mono <= b.at.mono for a, b in pairwise(made.readings)), "a recording is in order")
    promise({r.device for r in made.readings} <= made.sensors.keys(), "each reading is of a device")
    promise(len(made.named) <= made.wrong <= made.lines, "wrong lines are counted", made.wrong)
    for _, say in made.named:
        promise(say.zh != say.en and len(say.en) < 400, "what is wrong is said, and no longer than it may be", say.en)


def take_inbox(data):
    """The file in which the page leaves its orders, damaged or made by somebody else."""
    path = _file("inbox/inbox.db", data)
    found = inbox.read(path.parent, 0)
    promise(len(found) <= 50, "read a handful at a time", len(found))
    promise(all(isinstance(n, int) and isinstance(body, bytes) for n, body in found), "numbers and bytes", found)


def _sealed_backup(plain, head=None):
    head = head or backup.MAGIC + b'{"v":1,"salt":"' + b"ab" * 16 + b'","nonce":"' + b"cd" * 12 + b'"}\n'
    return head + AESGCM(bytes(32)).encrypt(bytes.fromhex("cd" * 12), plain, head)


def take_backup(data):
    """A file that a technician brings: as it is, and with its inside made up but sealed as its owner would."""
    with mock.patch.object(backup, "_sealed", lambda head, _: backup._head(head) and AESGCM(bytes(32))):  # without the slow half
        if data[:1] == b"s":
            data = _sealed_backup(data[1:])
        kept = backup.opened(data, "passphrase")
        shutil.rmtree(Path(_folder.name, "backup"), ignore_errors=True)
        with mock.patch.object(os, "fsync"):
            sane(takeover.restore(config.load(_home("backup"), MODELS), kept, MODELS))


def take_papers(data):
    """A certificate and its key, pasted on the page or in a household."""
    certificate, _, key = data.decode("utf-8", "replace").partition("\0")
    web_papers.install(Path(_folder.name, "papers"), certificate, key)


def _backup_seeds():
    kept = {
        "v": 1,
        "made": "2026-05-04T08:00:00Z",
        "software": "0.1",
        "gateway": "gw-1",
        "journal": "j1",
        "household": HOUSEHOLD,
        "secrets": OWN_SECRETS,
        "memories": {"pendant": {"counter": 7}},
        "marks": {"masks": "{}", "floor": "1.0"},
        "last_alarm": 3,
    }
    plain = json.dumps(kept).encode()
    deep = b"[" * 3000
    return [
        b"s" + plain,
        b"s" + deep,
        _sealed_backup(plain),
        _sealed_backup(plain)[:300],
        backup.MAGIC + deep + b"\n",
        backup.MAGIC,
        b"PK\3\4",
    ]


def _change_seeds():
    message = json.loads((EXAMPLES / "instruction-configure.json").read_text())
    for change in CHANGES:
        whole = json.dumps(message | {"gateway": GATEWAY, "do": "configure", "change": change}).encode()
        yield whole
        yield whole + b'\0{"key": "231d39c1d7cc1ab1aee224cd096db932", "password": "pw"}'


def _inbox_seed():
    with tempfile.TemporaryDirectory() as folder:
        for body in (b'{"v":1}', b"x" * 100):
            inbox.leave(Path(folder), Path(folder), body)
        return Path(folder, "inbox.db").read_bytes()


def _examples(word):
    return [path.read_bytes() for path in sorted(EXAMPLES.glob(f"{word}*.json"))]


def _answers():
    orders = _examples("instruction")[:3]
    return [b'{"v": 1, "receipt": %s, "instructions": [%s]}' % (_examples("receipt")[0], b",".join(orders)), b'{"v": 1, "platform": null}']


def _recorded_lines():
    return [
        json.dumps({k: v for k, v in vector.items() if k not in {"expect", "source"}}).encode()
        for vector in driver_vectors.VECTORS.values()
    ]


DOORS = {
    door.name: door
    for door in (
        Door("instruction", lambda: _examples("instruction"), take_instruction, wire.BadMessage, ODD),
        Door("receipt", lambda: _examples("receipt"), lambda data: inward.decode_receipt(data, GATEWAY), wire.BadMessage, ODD),
        Door("answer", _answers, inward.answer_of, wire.BadMessage, ODD),
        Door(
            "config",
            lambda: [CONFIGURATION.encode(), (CONFIGURATION + "\0" + SECRETS).encode()],
            take_configuration,
            ConfigError,
            ODD,
        ),
        Door("decode-line", _recorded_lines, take_line, (), ODD),
        Door(
            "household",
            lambda: [
                json.dumps(HOUSEHOLD).encode() + b"\0" + json.dumps(OWN_SECRETS).encode(),
                json.dumps(HOUSEHOLD | {"token": ""}).encode(),
            ],
            take_household,
            ConfigError,
            ODD,
        ),
        Door("change", lambda: list(_change_seeds()), take_change, (handed.Rejected, wire.BadMessage), ODD),
        Door(
            "recording",
            lambda: [bytes([n + high]) + GOOD[name].encode() for high in (0, 0x80) for n, name in enumerate(sorted(FORMATS))],
            take_recording,
            BadRecording,
            (*ODD, "ON", "OPEN", " begin", '="end"', "1/1/1", "23:59:60"),
        ),
        Door("inbox", lambda: [_inbox_seed(), b"", b"SQLite format 3\0"], take_inbox, sqlite3.Error),
        Door("backup", _backup_seeds, take_backup, backup.BackupError, ODD),
        Door("papers", lambda: ["\0".join(PEM).encode(), PEM[0].encode()], take_papers, web_papers.BadPapers, ("-----BEGIN ", "-----END ")),
        Door("day", lambda: [DAY.encode(), *(line.encode() for line in DAY.splitlines())], take_day, BadDay, DAY_WORDS),
    )
}
DRIVERS = {name: Driver(name) for name in MODELS}
TARGETS = {**DRIVERS, **DOORS}
gc.freeze()  # forks share these tables
