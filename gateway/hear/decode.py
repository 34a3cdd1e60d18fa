"""What a technician sends us when a sensor is not understood: lines of recorded bytes in, one line of meaning each out.

A line is a JSON object: `id`, and either `service_data` {uuid: hex} / `manufacturer_data` {company: hex} with `mac`, `local_name`,
or `frame` / `stream` (hex, as a serial line delivered it), or `characteristic` with the `frame` it was notified with, or `sequence`,
a list of such in order. `bindkey` is the key in hex, `model` chooses the driver; without it the driver is guessed. Every line meets
a driver that has heard nothing before.

What comes back: `id`, `model`, and what was reported, or `reject` with one word and `error` saying what to do about it.
The bytes take the drivers the gateway uses; nothing is decoded here.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from drivers import _gatt_health, all_models, radar_5359
from gateway.hear import decode_lines
from gateway.words.driver import (
    REPEATED,
    UNPROVED,
    Advertisement,
    Attribute,
    BleAdvert,
    Chunk,
    Driver,
    GattService,
    Model,
    Packet,
    Refusal,
    Report,
    SerialLine,
    uuid16,
)
from gateway.words.reading import FORMS, Form, Kind, is_plausible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_LONGEST_LINE = 1_000_000  # characters; a recording that long is not one sensor's
_SHORT_UUID = re.compile(r"[0-9a-f]{4}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MAC = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){5}")
_BY_RADIO = ("service_data", "manufacturer_data")
_BY_WIRE = ("frame", "stream")

_ANOTHERS = frozenset({"not_mine", "wrong_product", "wrong_version"})  # refusals by which a driver says that it is not its frame

_ADVICE = {
    "bindkey_required": "the device encrypts: give its key as 32 hex digits in bindkey",
    "decrypt_failed": "bindkey or mac do not belong to this device, or the bytes are damaged",
    "downgrade": "a key is given, but this frame is in clear: leave bindkey out only if the device really does not encrypt",
    "wrong_address": "the address inside the frame is not the one in mac",
    "wrong_version": "a version of the protocol that this model does not speak: not BTHome v2, or MiBeacon sealed in another way",
    "wrong_product": "the frame is another product's: choose its own model, or the general one",
    "mesh": "a node of a mesh, which says nothing by broadcast",
    "wrong_length": "not as long as the frames of this make: was the recording cut?",
    "too_short": "the bytes end before one whole frame: was the recording cut?",
    "too_long": "longer than any frame of this make",
    "not_mine": "the bytes are not of this make: try another model",
    "bad_checksum": "a frame with a wrong sum: damaged on the wire, or a wrong baud rate",
    "noise": "bytes that belong to no frame: another make, or a wrong baud rate",
    "crc": "a frame with a wrong sum: damaged on the wire, or a wrong baud rate",
    "bad_header": "the frame does not begin as this make's frames do",
    "bad_footer": "the frame does not end as this make's frames do: damaged, or bytes were lost",
    "teach_in": "the sensor introduces itself: its learn button was pressed; no state is in it",
    "offline": "the bridge says that this device cannot be reached",
    "bridge_offline": "the bridge program says that it ends",
    "no_contact": "the device says that it does not touch the body: this is no reading",
    "no_value": "the device says that it has no number: measure again",
    "unreliable": "the device itself doubts its value: measure again, sitting still",
    "out_of_range": "no living adult has such a value: a fault of the measurement",
    "implausible": "no thing of a home can have such a value: a fault of the measurement, and no reading",
    "unknown_value": "a whole frame with a value that no document knows: send it to the maintainer",
}


class Unfit(Exception):
    """A line that cannot be given to a driver: one word, and what to do about it."""

    def __init__(self, word: str, error: str) -> None:
        super().__init__(error)
        self.word = word


_models = cache(all_models)  # a recording has many lines, and no driver appears between two of them


def decode_line(line: str, number: int = 1) -> dict[str, Any]:
    """Return what one line means; `number` stands for the id where the line has none."""
    out: dict[str, Any] = {"id": number, "model": None}
    try:
        vector = _parsed(line)
        if isinstance(vector.get("id"), str | int):
            out["id"] = vector["id"]
        meant = None if "characteristic" in vector else decode_lines.meant(vector, _models())
        if meant is not None:
            said = _meant(meant)
            # RFLink's lines have an id of their own: the asker's comes first
            return out | said | ({"id": out["id"]} if "id" in vector else {})
        model = _model(vector, _models())
        out["model"] = model.name
        out |= _decoded(vector, model)
    except Unfit as unfit:
        out |= {"reject": unfit.word, "error": f"line {number}: {unfit}"}
    return out


def _meant(meant: decode_lines.Meant) -> dict[str, Any]:
    if meant.reject:
        return {"model": meant.model} | _rejected(meant.reject)
    told = _Told()
    for heard in meant.heard:
        if isinstance(heard, Report):
            told.add(heard)
    return {"model": meant.model} | told.as_dict() | meant.said


def decode(lines: Iterable[str]) -> Iterator[str]:
    """Yield one JSON line for each line; a whole file of vectors (one JSON object with a list `vectors`) is taken as well."""
    numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    first = next(numbered, None)
    if first is None:
        return
    held = [first]
    if not _is_json(first[1]):  # either a broken line or the beginning of a document over many lines
        held += numbered
        try:
            whole = json.loads("".join(line for _, line in held))
        except (ValueError, RecursionError):
            whole = None
        if isinstance(whole, dict):
            held = [(1, json.dumps(whole))]
    for number, line in held:
        yield from _answers(number, line)
    for number, line in numbered:
        yield from _answers(number, line)


def _answers(number: int, line: str) -> Iterator[str]:
    whole = json.loads(line) if '"vectors"' in line and _is_json(line) else None
    if isinstance(whole, dict) and isinstance(whole.get("vectors"), list):
        for place, vector in enumerate(whole["vectors"], 1):
            yield json.dumps(decode_line(json.dumps(vector), place))
    else:
        yield json.dumps(decode_line(line, number))


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _parsed(line: str) -> dict[str, Any]:
    if len(line) > _LONGEST_LINE:
        raise Unfit("bad_line", f"longer than {_LONGEST_LINE} characters; give one sensor's bytes a line")
    try:
        vector = json.loads(line)
    except ValueError as error:
        raise Unfit("bad_json", f"not JSON: {error}; give one JSON object a line") from None
    except RecursionError:
        raise Unfit("bad_json", "nested too deep; give one flat JSON object a line") from None
    if not isinstance(vector, dict):
        raise Unfit("bad_line", f"expected a JSON object, found {type(vector).__name__}")
    return vector


def _steps(vector: dict[str, Any]) -> list[dict[str, Any]]:
    if "sequence" not in vector:
        return [vector]
    steps = vector["sequence"]
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise Unfit("bad_line", "sequence: expected a list of objects")
    return steps


def _model(vector: dict[str, Any], models: Mapping[str, Model]) -> Model:
    asked = vector.get("model")
    if asked is not None:
        if not isinstance(asked, str) or asked not in models:
            raise Unfit("unknown_model", f"model: no driver is called {asked!r}; there are {', '.join(sorted(models))}")
        return models[asked]
    protocol = str(vector.get("protocol", "")).replace("_", "-")
    if protocol in models:
        return models[protocol]
    for step in _steps(vector):
        if step.get("characteristic") is not None:
            return _guess_visited(_attribute(step).characteristic, models)
        guess = _guess_radio(step, str(vector.get("local_name") or step.get("local_name") or ""), models) or _guess_wire(step, models)
        if guess is not None:
            return guess
    raise Unfit(
        "unknown_sensor",
        f"no driver knows these bytes; give service_data, manufacturer_data, frame, stream or sequence, "
        f"or name one of {', '.join(sorted(models))} in model",
    )


def _guess_visited(characteristic: str, models: Mapping[str, Model]) -> Model:
    for model in models.values():
        if isinstance(model.listens, GattService) and characteristic in model.listens.characteristics:
            return model
    raise Unfit("unknown_sensor", f"characteristic: no driver takes {characteristic}")


def _guess_radio(step: dict[str, Any], name: str, models: Mapping[str, Model]) -> Model | None:
    """Return the model whose name was advertised, else the first that takes the frame: makes before protocols of many makes."""
    packet = _advertisement(step, "", name or None)
    heard = [model for model in models.values() if isinstance(model.listens, BleAdvert) and _carries(model.listens, packet)]
    heard.sort(key=lambda model: model.general)  # protocols that many makes speak are asked after all makes of their own
    unnamed = []
    for model in heard:
        names = model.listens.names if isinstance(model.listens, BleAdvert) else ()
        if any(name.startswith(prefix) for prefix in names):
            return model
        if not names:
            unnamed.append(model)
    for model in unnamed:
        refusals = {one.reason for one in model.new("", None, {}).feed(packet) if isinstance(one, Refusal)}
        if refusals.isdisjoint(_ANOTHERS):
            return model
    # Of a make that is known by its service or company something may be wrong; who speaks under any company id is not guessed at.
    known = [model for model in unnamed if isinstance(model.listens, BleAdvert) and (model.listens.services or model.listens.companies)]
    return next((model for model in known if model.general), known[0] if known else None)


def _carries(listens: BleAdvert, packet: Advertisement) -> bool:
    if not listens.services and not listens.companies:
        return bool(packet.manufacturer_data)  # spoken under any company id
    return not packet.service_data.keys().isdisjoint(listens.services) or not packet.manufacturer_data.keys().isdisjoint(listens.companies)


def _guess_wire(step: dict[str, Any], models: Mapping[str, Model]) -> Model | None:
    for key in _BY_WIRE:
        if key in step and radar_5359.HEAD in _bytes(step[key], key):
            return models[radar_5359.MODEL.name]
        name = decode_lines.guess(_bytes(step[key], key)) if key in step else None
        if name is not None:
            return models[name]
    return None


def _uuid(text: str, where: str = "service_data") -> str:
    low = text.lower()
    if _SHORT_UUID.fullmatch(low):
        return uuid16(int(low, 16))
    if _UUID.fullmatch(low):
        return low
    raise Unfit("bad_line", f"{where}: {text!r} is no UUID of 4 or 32 hex digits")


def _bytes(text: object, where: str) -> bytes:
    if not isinstance(text, str):
        raise Unfit("bad_hex", f"{where}: expected hex digits in quotes, found {type(text).__name__}")
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Unfit("bad_hex", f"{where}: {text[:40]!r} is not an even number of hex digits") from None


def _table(step: dict[str, Any], key: str) -> dict[str, Any]:
    table = step.get(key)
    if table is None:
        return {}
    if not isinstance(table, dict):
        raise Unfit("bad_line", f"{key}: expected an object, found {type(table).__name__}")
    return table


def _advertisement(step: dict[str, Any], address: str, name: object) -> Advertisement:
    companies = _table(step, "manufacturer_data")
    for company in companies:
        if not (company.isascii() and company.isdigit() and len(company) <= 5):
            raise Unfit("bad_line", f"manufacturer_data: {company!r} is no company id (a decimal number)")
    return Advertisement(
        address=address,
        name=name if isinstance(name, str) else None,
        service_data={_uuid(uuid): _bytes(data, f"service_data {uuid}") for uuid, data in _table(step, "service_data").items()},
        manufacturer_data={int(company): _bytes(data, f"manufacturer_data {company}") for company, data in companies.items()},
    )


def _attribute(step: dict[str, Any]) -> Attribute:
    """Return the value of a characteristic that a line gives as `characteristic` and `frame`."""
    characteristic = step.get("characteristic")
    if not isinstance(characteristic, str) or step.get("frame") is None:
        raise Unfit("bad_line", 'a value that was notified or read needs characteristic, for instance "2a37", and frame in hex')
    return Attribute(characteristic=_uuid(characteristic, "characteristic"), data=_bytes(step["frame"], "frame"))


def _driver(vector: dict[str, Any], model: Model) -> tuple[Driver, str]:
    address = vector.get("mac") or ""
    if not isinstance(address, str) or (address and not _MAC.fullmatch(address.upper())):
        raise Unfit("bad_line", f"mac: {address!r} is no address like A4:C1:38:8D:18:B2; leave it out if it is not known")
    key = None
    if vector.get("bindkey") is not None and model.key_bytes:
        key = _bytes(vector["bindkey"], "bindkey")
        if len(key) != model.key_bytes:
            raise Unfit("bad_key", f"bindkey: expected {2 * model.key_bytes} hex digits, found {2 * len(key)}")
    return model.new(address.upper(), key, {}), address.upper()


class _Told:
    """What a driver has said so far, in the form the vectors use."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.states: dict[str, Any] = {}
        self.measures: dict[str, Any] = {}
        self.implausible: dict[str, Any] = {}  # numbers that no thing of a home can have: no readings
        self.about: dict[str, Any] = {}  # who a beacon says it is: what a technician teaches from

    def add(self, report: Report) -> None:
        form = FORMS[report.kind]
        if report.kind is Kind.REPLAYED:
            return
        if form is Form.EVENT:
            extra = dict(report.extra or {})
            event: dict[str, Any] = {"type": report.kind.value, "action": report.value}
            if extra.pop("of", 1) != 1:  # the source has several of these: which one
                event["index"] = report.index
            self.events.append(event | extra | ({"flagged": True} if report.flagged else {}))
        elif form in (Form.STATE, Form.MEASURE):
            name = report.label or report.kind.value
            told_as = (report.extra or {}).get("name")
            table = self.states if form is Form.STATE else self.measures
            if not is_plausible(report.kind, report.value, report.label):
                table = self.implausible
            table[str(told_as) if told_as else name if report.index == 1 else f"{name}_{report.index}"] = report.value
        elif report.extra and "protocol" in report.extra:
            self.about |= {str(report.extra["protocol"]): {key: v for key, v in report.extra.items() if key != "protocol"}}

    def as_dict(self) -> dict[str, Any]:
        return (
            {"events": self.events, "states": self.states, "measures": self.measures}
            | self.about
            | ({"implausible": self.implausible, "error": _ADVICE["implausible"]} if self.implausible else {})
        )


def _rejected(word: str) -> dict[str, Any]:
    return {"reject": word, "error": _ADVICE.get(word, "the driver refuses these bytes")} | _Told().as_dict()


def _decoded(vector: dict[str, Any], model: Model) -> dict[str, Any]:
    driver, address = _driver(vector, model)
    if isinstance(model.listens, SerialLine) and "sequence" not in vector:
        return _wired(vector, driver, model)
    packets = [_packet(step, address, vector, model) for step in _steps(vector)]
    if "sequence" in vector:
        return _in_order(driver, packets)
    told = _Told()
    said: dict[str, Any] = {}
    if isinstance(packets[0], Attribute):  # everything it says is shown, also what is no reading; measures has what counts
        fields = _gatt_health.fields(packets[0].characteristic, packets[0].data)
        said = {} if isinstance(fields, Refusal) else fields
    for heard in driver.feed(packets[0]):
        if isinstance(heard, Refusal) and heard is not UNPROVED:
            return said | _rejected(heard.reason)
        if isinstance(heard, Report):
            told.add(heard)
    counter = driver.memory.get("counter")
    return said | told.as_dict() | ({} if counter is None else {"encryption_counter": counter})


def _packet(step: dict[str, Any], address: str, vector: dict[str, Any], model: Model) -> Packet:
    if isinstance(model.listens, GattService):
        return _attribute(step)
    wanted = _BY_WIRE if isinstance(model.listens, SerialLine) else _BY_RADIO
    key = next((key for key in wanted if step.get(key) is not None), None)
    if key is None:
        raise Unfit("bad_line", f"{model.name} needs {' or '.join(wanted)}, and this line has neither")
    if wanted is _BY_WIRE:
        return Chunk(port="", data=_bytes(step[key], key))
    return _advertisement(step, address, step.get("local_name") or vector.get("local_name"))


def _in_order(driver: Driver, packets: list[Packet]) -> dict[str, Any]:
    """Feed a sequence: was each accepted, and which counter and packet id was the last accepted one after it."""
    told = _Told()
    accepted: list[bool] = []
    rejects: list[str | None] = []
    counters: list[Any] = []
    packet_ids: list[Any] = []
    for packet in packets:
        heard = list(driver.feed(packet))
        reports = [report for report in heard if isinstance(report, Report)]
        refused = next((r.reason for r in heard if isinstance(r, Refusal) and r is not UNPROVED), None)
        withheld = any(report.kind is Kind.REPLAYED for report in reports)
        believed = [report for report in reports if report.kind is not Kind.REPLAYED]
        accepted.append(bool(believed) or not (refused or withheld))
        rejects.append(Kind.REPLAYED.value if withheld else refused)
        for report in believed:
            told.add(report)
        counters.append(driver.memory.get("counter"))
        packet_ids.append(told.measures.get("packet_id"))
    out: dict[str, Any] = {"accepted": accepted, "rejects": rejects} | told.as_dict()
    if any(counter is not None for counter in counters):
        out["counters"] = counters
    if any(packet_id is not None for packet_id in packet_ids):
        out["packet_ids"] = packet_ids
    return out


def _wired(vector: dict[str, Any], driver: Driver, model: Model) -> dict[str, Any]:
    packet = _packet(vector, "", vector, model)
    told = _Told()
    refusals: list[Refusal] = []
    reports: list[Report] = []
    for heard in driver.feed(packet):
        if isinstance(heard, Report) and heard.kind is not Kind.NOT_UNDERSTOOD:
            told.add(heard)
            reports.append(heard)
        elif isinstance(heard, Refusal) and heard is not REPEATED:
            refusals.append(heard)
    if not isinstance(driver, radar_5359.Radar5359) or not isinstance(packet, Chunk):
        return _rejected(refusals[0].reason) if refusals and not reports else told.as_dict()
    cut = radar_5359.Frames()
    frames = [frame for frame in cut.feed(packet.data) if isinstance(frame, bytes)]
    if vector.get("frame") is None:
        return {
            "frames": [frame.hex() for frame in frames],
            "rejected_bytes": bool(cut.rest) or len(packet.data) != sum(map(len, frames)),
            "told": [_said(frame) for frame in frames],
        } | told.as_dict()
    if refusals or cut.rest or not frames:
        return _rejected(next((r.reason for r in refusals if r.reason != "noise"), refusals[0].reason if refusals else "too_short"))
    said = [_said(frame) for frame in frames]
    return (said[0] if len(said) == 1 else {"told": said}) | told.as_dict()


def _said(frame: bytes) -> dict[str, Any]:
    """Return what one radar frame is: a question heard on the line, something told, or a command no document knows."""
    control, command = frame[2], frame[3]
    about = radar_5359.meaning(control, command)
    name = f"{control:02x}_{command:02x}" if about is None else about.name
    if radar_5359.is_question(frame):
        return {"kind": "query", "what": name, "direction": "host"}
    if about is None:
        return {"kind": "unknown", "what": name, "raw": frame[6:-3].hex()}
    said: dict[str, Any] = {"kind": name}
    reports = [heard for heard in radar_5359.reports_of(frame) if isinstance(heard, Report)]
    extra = dict(reports[0].extra or {}) if reports else {}
    if extra.pop("raw", False):
        said["raw"] = reports[0].value
    elif len(reports) == 1:
        said["value"] = reports[0].value
    elif reports:
        said["value"] = [report.value for report in reports]
    return said | extra
