"""Recorded bytes in, one line of meaning each out: for a sensor that is not understood.

Every line meets a driver that has heard nothing before: the one of `model`, else the one that takes
the bytes. What it reports is printed, and the fields of each frame, where its driver names them.
Nothing is decoded here. `decode_lines.py` says what a line holds.

What comes back: `id`, `model`, and what was reported, or `reject` with one word and `error` saying
what to do about it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from drivers import all_models
from gateway.hear import decode_lines
from gateway.hear.decode_lines import Line, Unfit
from gateway.hear.decode_told import Told
from gateway.hear.enrolled import driver_of
from gateway.hear.makes import OTHERS, carries
from gateway.words.driver import (
    NOT_MINE,
    REPEATED,
    UNPROVED,
    Advertisement,
    Behind,
    BleAdvert,
    Chunk,
    Driver,
    Heard,
    Model,
    Packet,
    Picture,
    Pictured,
    Refusal,
    Report,
    SerialLine,
    Telegram,
    only,
)
from gateway.words.reading import Kind

# by which a driver says that it has found no frame
_NOTHING = frozenset({"noise", "not_mine", "too_short", "too_long"})
# bytes from which on the beginning of a frame is no chance: the longest header has so many
_A_HEADER = 8

_models = cache(all_models)  # a recording has many lines, and no driver appears between two of them


def decode(lines: Iterable[str]) -> Iterator[str]:
    """Yield one JSON line for each line.

    A whole file of vectors (one JSON object with a list `vectors`) is taken as well.
    """
    numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    first = next(numbered, None)
    if first is None:
        return
    held = [first]
    # either a broken line or the beginning of a document over many lines
    if not _is_json(first[1]):
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


def decode_line(
    text: str, number: int = 1, models: Mapping[str, Model] | None = None
) -> dict[str, Any]:
    """Return what one line means; `number` stands for the id where the line has none."""
    models = _models() if models is None else models
    out: dict[str, Any] = {"id": number, "model": None}
    try:
        line = decode_lines.parsed(text)
        if isinstance(line.get("id"), str | int):
            out["id"] = line["id"]
        named = _named(line, models)
        out["model"] = named.name if named else None
        packets = decode_lines.packets(line, named)
        model, others = (named, {}) if named else _guessed(packets, models)
        out["model"] = model.name
        said = (
            _in_order(line, model, packets)
            if "sequence" in line
            else _single(line, model, packets[0], models)
        )
        out |= said | ({"others": others} if others and "reject" in said else {})
    except Unfit as unfit:
        out |= {"reject": unfit.word, "error": f"line {number}: {unfit}"}
    return out


# -- which model -----------------------------------------------------------------------------------


def _named(line: Line, models: Mapping[str, Model]) -> Model | None:
    asked = line.get("model")
    if asked is not None:
        if not isinstance(asked, str) or asked not in models:
            raise Unfit(
                "unknown_model",
                f"model: no driver is called {asked!r}; there are {', '.join(sorted(models))}",
            )
        return models[asked]
    protocol = str(line.get("protocol", "")).replace("_", "-")
    return models.get(protocol)


def _guessed(
    packets: Sequence[Packet], models: Mapping[str, Model]
) -> tuple[Model, dict[str, list[str]]]:
    """Return the model that takes a packet, and by which word others refused it. Raises Unfit."""
    model: Model | None = None
    others: dict[str, list[str]] = {}
    for packet in packets:
        if isinstance(packet, Advertisement):
            model, others = _on_air(packet, models.values())
        elif isinstance(packet, Chunk | Telegram):
            model = _on_wire(packet, models.values())
        else:
            model = next((one for one in models.values() if _takes(one, packet)), None)
        if model is not None:
            return model, others
    refused = "; ".join(f"{reason}: {', '.join(names)}" for reason, names in others.items())
    raise Unfit(
        "unknown_sensor",
        f"no driver knows these bytes{f' ({refused})' if refused else ''}; give service_data,"
        " manufacturer_data, characteristic, frame, stream, line, topic or sequence, or name one of"
        f" {', '.join(sorted(models))} in model",
    )


def _takes(model: Model, packet: Packet) -> bool:
    """Say whether a fresh driver of this model takes a packet for its own."""
    return not isinstance(model.listens, Behind) and NOT_MINE not in list(
        model.new("", None, {}).feed(packet)
    )


def _on_air(
    packet: Advertisement, models: Iterable[Model]
) -> tuple[Model | None, dict[str, list[str]]]:
    """Return the model whose name was advertised, else the first that takes the frame.

    Makes come before protocols of many makes.
    """
    heard = [(model, model.listens) for model in models if isinstance(model.listens, BleAdvert)]
    heard = sorted(
        (pair for pair in heard if carries(pair[1], packet)), key=lambda pair: pair[0].general
    )
    for model, listens in heard:
        if any((packet.name or "").startswith(prefix) for prefix in listens.names):
            return model, {}
    others: dict[str, list[str]] = {}
    unnamed = [(model, listens) for model, listens in heard if not listens.names]
    for model, _ in unnamed:
        refused = [one.reason for one in only(Refusal, model.new("", None, {}).feed(packet))]
        if OTHERS.isdisjoint(refused):
            return model, others
        if refused[0] != NOT_MINE.reason:
            others.setdefault(refused[0], []).append(model.name)
    # Of a make that is known by its service or company something may be wrong; who speaks under any
    # company id is not guessed at.
    known = [model for model, listens in unnamed if listens.services or listens.companies]
    return next((model for model in known if model.general), known[0] if known else None), others


def _on_wire(packet: Chunk | Telegram, models: Iterable[Model]) -> Model | None:
    """Return the model that finds whole frames in most of the bytes.

    Where none does, it is one that finds a damaged frame or a cut one. Makes that share a
    decoder cannot be told apart: their general model comes first.
    """
    best, found = (0, 0), None
    for model in sorted(models, key=lambda one: not one.general):
        driver = None if isinstance(model.listens, Behind) else model.new("", None, {})
        if not isinstance(driver, Pictured):
            continue
        drawn = list(driver.pictures(packet))
        whole = sum(len(one.frame) or 1 for one in only(Picture, drawn))
        reasons = [one.reason for one in only(Refusal, drawn)]
        rank = whole, _damage(packet, model, reasons)
        if rank > best:
            best, found = rank, model
    return found


def _damage(packet: Chunk | Telegram, model: Model, reasons: list[str]) -> int:
    """Return 2 where a frame of this make was damaged, 1 where one was cut, 0 else."""
    damaged = 0 if _NOTHING.issuperset(reasons) else 2
    if isinstance(packet, Telegram):
        return damaged
    if not isinstance(model.listens, SerialLine):
        return 0  # its frames have no header of their own: any bytes are a damaged one
    if model.listens.text and packet.data.endswith(b"\n"):
        return int(packet.data.strip().decode("latin-1").isprintable())
    cut = reasons == ["too_short"] and len(packet.data) >= _A_HEADER
    return damaged or int(cut)


# -- what it says ----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Answer:
    """What one model says to one packet.

    `counter` is the newest encryption counter that it has accepted.
    """

    model: Model
    pictures: list[Picture] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    telegrams: list[Telegram] = field(default_factory=list)
    counter: object = None

    @property
    def says(self) -> bool:
        """Whether something was reported that its driver understands."""
        return any(report.kind is not Kind.NOT_UNDERSTOOD for report in self.reports)


def _driver(line: Line, model: Model) -> Driver:
    address, key = decode_lines.address(line), decode_lines.key(line, model.key_bytes)
    return driver_of(model, address, key, decode_lines.codes(line), {})


def _asked(line: Line, model: Model, packet: Packet) -> _Answer:
    driver = _driver(line, model)
    heard: list[Heard] = list(driver.feed(packet))
    drawn = list(driver.pictures(packet)) if isinstance(driver, Pictured) else []
    out = _Answer(
        model,
        pictures=only(Picture, drawn),
        reports=only(Report, [*heard, *drawn]),
        refusals=[r for r in only(Refusal, [*drawn, *heard]) if r not in (REPEATED, UNPROVED)],
        telegrams=only(Telegram, heard),
        counter=driver.memory.get("counter"),
    )
    # drawn from a log, which it does not hear by
    if model.receiver and (out.pictures or out.telegrams):
        out.refusals = [one for one in out.refusals if one != NOT_MINE]
    return out


def _single(
    line: Line, model: Model, packet: Packet, models: Mapping[str, Model]
) -> dict[str, Any]:
    receiver = model
    if isinstance(model.listens, Behind) and not isinstance(packet, Telegram):
        receiver = _receiver(packet, [models[name] for name in model.listens.receivers])
    answer = _asked(line, receiver, packet)
    passed_on = [
        (model if model is not receiver else _behind(one, receiver, line, models), one)
        for one in answer.telegrams
    ]
    further = [
        _asked(line, device, telegram) for device, telegram in passed_on if device is not None
    ]
    if further:
        answer.model = further[-1].model
        answer.reports = [report for one in further for report in one.reports]
        answer.refusals += [refusal for one in further if not one.says for refusal in one.refusals]
    stream = isinstance(packet, Chunk) and line.get("frame") is None and line.get("line") is None
    told = Told(answer.reports)
    out = {"model": answer.model.name} | (
        _streamed(answer) if stream else _fields(answer, line, packet)
    )
    # one whole frame was promised: all of it must be good
    frame = isinstance(packet, Chunk) and not stream
    if answer.refusals and not stream and (frame or not answer.says):
        return out | _rejected(answer.refusals) | told.strange
    return (
        out
        | told.as_dict()
        | ({} if answer.counter is None else {"encryption_counter": answer.counter})
    )


def _receiver(packet: Packet, receivers: Sequence[Model]) -> Model:
    found = _on_wire(packet, receivers) if isinstance(packet, Chunk) else None
    return found or receivers[0]


def _behind(
    telegram: Telegram, receiver: Model, line: Line, models: Mapping[str, Model]
) -> Model | None:
    """Return the model whose profile `eep` or `device` names, else the only one that takes it."""
    says = f"{line.get('eep', '')} {line.get('device', '')}".upper()
    takers = []
    for model in models.values():
        if isinstance(model.listens, Behind) and receiver.name in model.listens.receivers:
            if any(profile in says for profile in model.listens.profiles):
                return model
            if NOT_MINE not in list(model.new("", None, {}).feed(telegram)):
                takers.append(model)
    return takers[0] if len(takers) == 1 else None


def _in_order(line: Line, model: Model, packets: Sequence[Packet]) -> dict[str, Any]:
    """Feed a sequence; return whether each was accepted, and the last counter and packet id.

    The counter and the packet id are those of the last packet that was accepted.
    """
    driver, told = _driver(line, model), Told([])
    accepted: list[bool] = []
    rejects: list[str | None] = []
    counters: list[Any] = []
    packet_ids: list[Any] = []
    for packet in packets:
        heard = list(driver.feed(packet))
        reports = only(Report, heard)
        refused = next((r.reason for r in only(Refusal, heard) if r is not UNPROVED), None)
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


# -- how it is printed -----------------------------------------------------------------------------


def _rejected(refusals: Sequence[Refusal]) -> dict[str, Any]:
    why = next((one for one in refusals if one.reason not in _NOTHING), refusals[0])
    return {"reject": why.reason, "error": why.advice or "the driver refuses these bytes"} | Told(
        []
    ).as_dict()


def _streamed(answer: _Answer) -> dict[str, Any]:
    out: dict[str, Any] = {
        "frames": [one.frame.hex() for one in answer.pictures],
        "rejected_bytes": bool(answer.refusals),
        "told": [one.fields for one in answer.pictures],
    }
    if answer.refusals:
        out["refused"] = {one.reason: one.advice for one in answer.refusals}
    return out


def _fields(answer: _Answer, line: Line, packet: Packet) -> dict[str, Any]:
    drawn = [dict(one.fields) for one in answer.pictures]
    out: dict[str, Any] = drawn[0] if len(drawn) == 1 else {"told": drawn} if drawn else {}
    if isinstance(packet, Telegram):
        taught = {signal.upper(): function for function, signal in decode_lines.codes(line).items()}
        if packet.source.upper() in taught:
            out["meaning_when_taught"] = taught[packet.source.upper()]
    return out
