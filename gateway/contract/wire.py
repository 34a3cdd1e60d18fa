"""The platform's contract: topics and JSON messages in both directions, version stamped.

The types below are the contract. `config/contract/*.schema.json` is generated from them (`python -m
gateway contract`) and a test keeps the files equal. Every entry of the journal is stored as the
very bytes that are pushed.

Topics: `eldercare/v1/{gateway}/...`; nothing personal stands in a topic.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from math import inf
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.judge.alarm import ANSWERED, Alarm, Call, Delivery, Evidence, Masking, Outcome, State
from gateway.judge.book import AlarmFact, Entry
from gateway.judge.faults.fault import FaultFact, Turn
from gateway.judge.lateness import late
from gateway.words import kind as kinds
from gateway.words.clock import Moment, Quality, Stamp
from gateway.words.instruction import (
    Change,
    Do,
    Door,
    Instruction,
    Problem,
    Refused,
    ResultFact,
    What,
)
from gateway.words.kind import FaultClass, Priority
from gateway.words.reading import Reading

VERSION: Final = 1
ROOT: Final = "eldercare/v1"
LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)  # no time was ever confirmed
GENERATIONS: Final = (
    1 << 53
) - 1  # the highest generation that is said and read: every JSON reader has it exactly
TOLD: Final = 400  # characters of what is wrong with a field
LARGEST: Final = 64 * 1024  # bytes of one message that we take; larger ones are refused unread

Id = Annotated[str, Meta(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9._:-]+\Z")]
Text = Annotated[str, Meta(max_length=400)]
Name = Annotated[str, Meta(max_length=80)]
# nothing that breaks a line or turns its direction
PRINTED = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]*\Z"
Count = Annotated[int, Meta(ge=0)]
Hash = Annotated[str, Meta(pattern=r"^([0-9a-f]{32})?\Z")]  # see gateway.chain; empty: none
Number = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(ge=0)]


class When(Struct, frozen=True, forbid_unknown_fields=True):
    """A moment: power-up, monotonic seconds in it, wall time (RFC 3339, UTC), and how good the wall time is."""

    boot: Id
    mono: float
    wall: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z\Z")]
    clock: Quality


class Codes(Struct, frozen=True, forbid_unknown_fields=True):
    """The kind in other vocabularies; an empty text where there is none."""

    ieee_11073_10471: str
    scaip_device: str
    scaip_status: str


class Proof(Struct, frozen=True, forbid_unknown_fields=True):
    """A reading that the judgement rests on. `flagged`: its freshness could not be proved."""

    device: str
    kind: str
    value: bool | int | float | str
    at: When
    flagged: bool = False


class Called(Struct, frozen=True, forbid_unknown_fields=True):
    """One call of the ladder: who, by which channel, why, when, and how far it got."""

    rung: Count
    responder: Text
    channel: Id
    reason: str
    at: When
    delivery: Delivery
    entry: Name = ""
    round: Count = 0
    mono: float = 0.0


class AlarmMessage(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="alarm"):
    """An alarm after one move. The highest (generation, number) of an alarm id says how it stands; `stages` has the first time of each."""

    v: Literal[1]
    gateway: Id
    journal: Id
    number: Number
    id: Id
    at: When
    alarm: Id
    alarm_number: Number
    kind: Id
    priority: Priority
    codes: Codes
    device: str
    room: Text
    state: State
    move: str
    by: Text
    reason: Text
    test: bool
    condition: Literal["active", "cleared"]
    masking: Masking
    stages: dict[str, When]
    rung: Count
    calls: list[Called]
    responder: Text
    expected_s: Seconds
    count: Number
    evidence: list[Proof]
    grace_s: Seconds = 0.0
    since_mono: float = 0.0
    called_mono: float = 0.0
    answered_mono: float = 0.0
    silenced_mono: float = 0.0
    lapsed: bool = False
    vouched: bool = False
    calls_made: Count = 0
    before: State | None = None
    outcome: Outcome | None = None
    linked: str = ""
    # who made the last move of `state`, and why; `by` and `reason` are about this entry
    state_by: Text = ""
    state_reason: Text = ""
    generation: Count = 0
    previous: Hash = ""
    listed: bool = False


class FaultMessage(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="fault"):
    """Technical trouble: begun, said again, ended, or told once. A kind that is not in the table is shown as P3."""

    v: Literal[1]
    gateway: Id
    journal: Id
    number: Number
    id: Id
    at: When
    kind: Id
    priority: Priority
    codes: Codes
    turn: Turn
    device: str
    room: Text
    detail: dict[str, bool | int | float | str]
    evidence: list[Proof]
    test: bool = False
    generation: Count = 0
    previous: Hash = ""
    fault_class: Name = ""


class Trouble(Struct, frozen=True, forbid_unknown_fields=True):
    """What is wrong with one field of a change that was refused."""

    section: str
    item: str
    field: str
    zh: str
    en: str


class ResultMessage(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="result"
):
    """What came of an instruction: `accepted`, or the reason as a fixed word and a sentence in both languages."""

    v: Literal[1]
    gateway: Id
    journal: Id
    number: Number
    id: Id
    at: When
    instruction: Id
    do: Do
    by: Text
    accepted: bool
    refused: Refused
    zh: str
    en: str
    alarm: str
    state: str
    device: str = ""
    # as the instruction gave it: a shelf is written down with a name, a reason and a time
    reason: Text = ""
    seconds: Seconds = 0.0
    problems: list[Trouble] = []
    revision: Count = 0
    sent: Count = 0
    generation: Count = 0
    previous: Hash = ""


class OneReading(Struct, frozen=True, forbid_unknown_fields=True):
    """One routine reading; `label` names a measure that has no kind of its own."""

    device: str
    kind: str
    value: bool | int | float | str
    at: When
    index: int = 1
    label: str = ""


class ReadingBatch(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="readings"
):
    """Routine readings in a numbered batch. A gap in the numbers is a loss, and `forgotten` of a fault entry says which."""

    v: Literal[1]
    gateway: Id
    history: Id
    batch: Number
    readings: list[OneReading]


class Status(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="status"):
    """Retained. `online` false comes from the broker as last will, or from the gateway when it stops."""

    v: Literal[1]
    gateway: Id
    online: bool
    reason: str
    software: str
    boot: str = ""
    journal: str = ""
    at: When | None = None
    generation: Count = 0


class Heartbeat(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="heartbeat"):
    """Sent every `every_s`; the platform calls the home offline after three that did not come."""

    v: Literal[1]
    gateway: Id
    journal: Id
    at: When
    every_s: Seconds
    last_number: Count
    waiting: Count
    waiting_batches: Count
    open_alarms: Count
    faults: list[str]
    receipts: Literal["platform", "broker"]
    generation: Count = 0
    head: Hash = ""


class HomeDevice(Struct, frozen=True, forbid_unknown_fields=True):
    """One enrolled device: what it is there for, whether its silence is noticed, and how it is."""

    device: Id
    model: Id
    room: Text
    means: list[str]
    supervised: Literal["supervised", "slow", "unsupervised"]
    battery_pct: float | None
    battery_low: bool
    missing: bool
    heard: Name


class HomeRung(Struct, frozen=True, forbid_unknown_fields=True):
    """One rung of the household's ladder, without the name of who is called."""

    role: Literal["platform", "person", "sounds"]
    wait_s: Seconds


class HomeShelf(Struct, frozen=True, forbid_unknown_fields=True):
    """A device that is not judged for a while."""

    device: Id
    left_s: Seconds


class HomeAlarm(Struct, frozen=True, forbid_unknown_fields=True):
    """An open alarm, as it stands."""

    alarm: Id
    kind: Id
    priority: Priority
    state: State
    test: bool
    silenced: bool


class HomeMessage(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="home"):
    """Retained: what is in the home. Told after connecting, after a change, and every six hours; no names of people."""

    v: Literal[1]
    gateway: Id
    journal: Id
    generation: Count
    at: When
    household: Name
    area: Name
    cell: Name
    software: Name
    revision: Count
    last_number: Count
    timezone: Name
    devices: list[HomeDevice]
    ladder: list[HomeRung]
    away_left_s: Seconds
    shelved: list[HomeShelf]
    alarms: list[HomeAlarm]
    left_out: Count


class Head(Struct, frozen=True, forbid_unknown_fields=True):
    """An entry as the platform has it: which one, and the hash of its bytes."""

    journal: Id
    generation: Annotated[int, Meta(ge=0, le=GENERATIONS)]
    number: Number
    hash: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]


class Receipt(Struct, frozen=True, forbid_unknown_fields=True):
    """The platform has recorded these entries (inclusive ranges of numbers of `journal`) and batches (of `history`)."""

    v: Literal[1]
    gateway: Id
    journal: Id
    entries: Annotated[list[tuple[Number, Number]], Meta(max_length=500)] = []
    history: str = ""
    batches: Annotated[list[tuple[Number, Number]], Meta(max_length=500)] = []
    head: Head | None = None


class PlatformMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """Retained, one for all gateways, and the last will of the platform's process that gives receipts: whether it is there."""

    v: Literal[1]
    online: bool
    reason: Text = ""
    at: Name = ""
    readings: bool = True


class ChangeMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """One change of the configuration; what its value holds stands in docs/integrator.md."""

    what: What
    value: dict[str, Any] = {}


class InstructionMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """What the platform tells the gateway. Sent again with the same `id` until the result with that id comes; acted on once."""

    v: Literal[1]
    gateway: Id
    id: Id
    do: Do
    by: Annotated[str, Meta(min_length=1, max_length=80, pattern=PRINTED)]
    alarm: Name = ""
    device: Name = ""
    step: Name = ""
    reason: Text = ""
    outcome: Name = ""
    responder: Annotated[str, Meta(max_length=80, pattern=PRINTED)] = ""
    seconds: Annotated[float, Meta(ge=0, le=31536000)] = 0.0
    issued: Name = ""
    expires: Name = ""
    boot: Name = ""
    port: Annotated[str, Meta(max_length=200)] = ""
    settings: Annotated[dict[Name, Name], Meta(max_length=40)] = {}
    revision: Count = 0
    change: ChangeMessage | None = None
    secrets: Annotated[str, Meta(max_length=80, pattern=r"^[A-Za-z0-9_-]*\Z")] = ""
    # Of later versions, and left out where they are not given: an order's digest is over what
    # earlier ones wrote.
    journal: Id | UnsetType = UNSET
    first: Number | UnsetType = msgspec.field(name="from", default=UNSET)
    last: Number | UnsetType = msgspec.field(name="to", default=UNSET)


Outward = AlarmMessage | FaultMessage | ResultMessage
EVERY_MESSAGE: Mapping[str, type[Struct]] = {
    "alarm": AlarmMessage,
    "fault": FaultMessage,
    "result": ResultMessage,
    "readings": ReadingBatch,
    "status": Status,
    "heartbeat": Heartbeat,
    "home": HomeMessage,
    "receipt": Receipt,
    "instruction": InstructionMessage,
    "platform": PlatformMessage,
}
TO_GATEWAY: Final = ("receipt", "instruction", "platform")
# the one message that is not for one gateway: nothing of its topic names one
TO_ALL: Final = "platform"

T = TypeVar("T")
_encoder = msgspec.json.Encoder()
_outward = msgspec.json.Decoder(Outward)
_receipt = msgspec.json.Decoder(Receipt)
_platform = msgspec.json.Decoder(PlatformMessage)
_parts = msgspec.json.Decoder(dict[str, msgspec.Raw])
_instruction = msgspec.json.Decoder(InstructionMessage)


class _Named(Struct):
    id: Id


_named = msgspec.json.Decoder(_Named)


class BadMessage(Exception):
    """A message that is not of the contract; the text says what, where and what was expected."""


def topic(gateway: str, name: str) -> str:
    """Return the topic of messages called `name`."""
    return f"{ROOT}/{name}" if name == TO_ALL else f"{ROOT}/{gateway}/{name}"


# -- outward ---------------------------------------------------------------------------------------------------------


def encode_entry(
    gateway: str, journal: str, entry: Entry, generation: int = 0, previous: str = ""
) -> tuple[str, bytes]:
    """Return (name of the message, its bytes) of one journal entry; `previous` is the hash of the one before (gateway.chain)."""
    head: dict[str, Any] = {
        "v": VERSION,
        "gateway": gateway,
        "journal": journal,
        "number": entry.number,
        "id": entry.id,
        "at": _when(entry.at),
        "generation": generation,
        "previous": previous,
    }
    match entry.fact:
        case AlarmFact():
            return "alarm", _encoder.encode(_alarm(head, entry.fact))
        case FaultFact() as fact:
            boot = entry.at.boot
            message = FaultMessage(
                **head,
                kind=fact.kind,
                priority=fact.priority,
                codes=_codes(fact.kind),
                turn=fact.turn,
                device=fact.device,
                room=fact.room,
                detail=dict(fact.detail),
                evidence=[_proof(r, boot) for r in fact.evidence],
                test=fact.test,
                fault_class=fact.fault_class,
            )
            return "fault", _encoder.encode(message)
        case ResultFact() as fact:
            i = fact.instruction
            result = ResultMessage(
                **head,
                instruction=i.id,
                do=i.do,
                by=i.by,
                accepted=fact.refused is Refused.NONE,
                refused=fact.refused,
                zh=fact.zh,
                en=fact.en,
                alarm=fact.alarm,
                state=fact.state,
                device=i.device,
                reason=i.reason,
                seconds=i.seconds,
                problems=[_trouble(problem) for problem in fact.problems],
                revision=fact.revision,
                sent=fact.sent,
            )
            return "result", _encoder.encode(result)


def told_again(
    message: Outward, journal: str, generation: int, number: int, previous: str
) -> bytes:
    """Return the bytes of an entry of another journal as it is told once more, as `number` of this one. When it happened it keeps."""
    head = {
        "journal": journal,
        "generation": generation,
        "number": number,
        "id": f"{journal}-{number}",
        "previous": previous,
    }
    return _encoder.encode(msgspec.structs.replace(message, **head))


def encode_batch(
    gateway: str, history: str, batch: int, boot: str, readings: list[Reading]
) -> bytes:
    """Return the bytes of one batch of routine readings."""
    ones = [
        OneReading(r.device, r.kind.value, r.value, _moment(r.at, boot), r.index, r.label)
        for r in readings
    ]
    return _encoder.encode(ReadingBatch(VERSION, gateway, history, batch, ones))


def encode(message: Struct) -> bytes:
    """Return the bytes of any message of the contract."""
    return _encoder.encode(message)


def when(at: Moment, boot: str) -> When:
    """Return a moment as the contract writes it."""
    return _moment(at, boot)


def _alarm(head: Mapping[str, Any], fact: AlarmFact) -> AlarmMessage:
    a = fact.alarm
    return AlarmMessage(
        **head,
        alarm=a.id,
        alarm_number=a.number,
        kind=a.kind,
        priority=a.priority,
        codes=_codes(a.kind),
        device=a.device,
        room=a.room,
        state=a.state,
        move=fact.move,
        by=fact.by,
        reason=fact.reason,
        test=a.test,
        condition="active" if a.condition_active else "cleared",
        masking=a.masking,
        stages={name: _when(at) for name, at in a.stages.items()},
        rung=a.rung,
        calls=[
            Called(
                c.rung,
                c.responder,
                c.channel,
                c.reason,
                _when(c.at),
                c.delivery,
                c.entry,
                c.round,
                c.mono,
            )
            for c in a.calls
        ],
        responder=a.responder,
        expected_s=a.expected,
        count=a.count,
        evidence=[Proof(e.device, e.kind, e.value, _when(e.at), e.flagged) for e in a.evidence],
        grace_s=a.grace,
        since_mono=round(a.since.mono, 3),
        called_mono=round(a.called, 3),
        answered_mono=a.answered,
        silenced_mono=a.silenced,
        lapsed=a.lapsed,
        vouched=a.vouched,
        calls_made=a.made,
        before=fact.before,
        outcome=a.outcome,
        linked=a.linked,
        state_by=a.by,
        state_reason=a.reason,
        listed=a.listed,
    )


def _codes(kind: str) -> Codes:
    row = kinds.of(kind)
    return Codes(row.ieee, row.scaip_device, row.scaip_status)


def _when(at: Stamp) -> When:
    return When(at.boot, at.mono, at.wall, Quality(at.clock))


def _moment(at: Moment, boot: str) -> When:
    return When(
        boot,
        round(at.mono, 3),
        at.wall.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        at.quality,
    )


def _proof(reading: Reading, boot: str) -> Proof:
    return Proof(
        reading.device,
        reading.kind.value,
        reading.value,
        _moment(reading.at, boot),
        reading.flagged,
    )


# -- back from the journal -------------------------------------------------------------------------------------------


def decode_entry(body: bytes) -> Outward:
    """Return the message in a journal row. Raises BadMessage where the row is not one."""
    try:
        message: Outward = _outward.decode(body)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise BadMessage(f"journal row is not an entry of contract v{VERSION}: {error}") from error
    return message


def alarm_of(message: AlarmMessage, now: Moment) -> Alarm:
    """Return the alarm as the message left it; monotonic times are those of the boot it was written in."""
    stages = {name: stamp_of(at) for name, at in message.stages.items()}
    earlier = message.calls_made == 0  # of a version that wrote none of this
    return Alarm(
        number=message.alarm_number,
        id=message.alarm,
        kind=message.kind,
        priority=message.priority,
        device=message.device,
        room=message.room,
        state=message.state,
        since=now.later(message.since_mono),
        stages=stages,
        test=message.test,
        condition_active=message.condition == "active",
        masking=message.masking,
        grace=message.grace_s,
        calls=tuple(
            Call(
                c.rung,
                c.responder,
                c.channel,
                c.reason,
                stamp_of(c.at),
                c.delivery,
                c.entry,
                c.round,
                c.mono,
            )
            for c in message.calls
        ),
        made=max(message.calls_made, len(message.calls)),
        rung=message.rung,
        called=message.called_mono,
        answered=message.since_mono
        if earlier and message.state in ANSWERED
        else message.answered_mono,
        lapsed=message.lapsed,
        vouched=message.vouched,
        silenced=message.silenced_mono,
        by=message.state_by,
        reason=message.state_reason,
        responder=message.responder,
        expected=message.expected_s,
        outcome=message.outcome,
        count=message.count,
        evidence=tuple(
            Evidence(e.device, e.kind, e.value, stamp_of(e.at), e.flagged) for e in message.evidence
        ),
        linked=message.linked,
        listed=message.listed,
    )


def fault_of(message: FaultMessage, now: Moment, boot: str = "") -> FaultFact:
    """Return the fault as the message left it. It began at the message's monotonic time, or as long ago as the wall clock says."""
    at = message.at
    same = at.boot == boot and at.mono <= now.mono
    known = at.clock is not Quality.WRONG
    ago = (
        now.mono - at.mono
        if same
        else passed(datetime.fromisoformat(at.wall).timestamp(), now)
        if known
        else 0.0
    )
    return FaultFact(
        kind=message.kind,
        turn=message.turn,
        priority=message.priority,
        since=now.later(now.mono - ago),
        device=message.device,
        room=message.room,
        detail=message.detail,
        test=message.test,
        fault_class=class_of(message),
    )


def class_of(message: FaultMessage) -> FaultClass:
    """Return the class of a fault; one that an earlier version has written has that of its kind."""
    try:
        return FaultClass(message.fault_class)
    except ValueError:
        return kinds.of(message.kind).fault_class


def passed(wall: float, now: Moment) -> float:
    """Return the seconds since wall second `wall`, as far as our clock knows: at least that long, 0 where it is known to be wrong."""
    return 0.0 if now.quality is Quality.WRONG else max(0.0, now.wall.timestamp() - wall)


def stamp_of(at: When) -> Stamp:
    """Return a moment of a message as it is kept."""
    return Stamp(at.boot, at.mono, at.wall, at.clock.value)


# -- inward ----------------------------------------------------------------------------------------------------------


def decode_receipt(payload: bytes, gateway: str) -> Receipt:
    """Return a receipt for this gateway. Raises BadMessage with what is wrong."""
    receipt = _decode(_receipt, payload, "receipt")
    if receipt.gateway != gateway:
        raise BadMessage(
            f"receipt is for gateway {receipt.gateway!r}, this one is {gateway!r}: send it on that gateway's topic"
        )
    return receipt


def decode_platform(payload: bytes) -> PlatformMessage | None:
    """Return what the platform says of itself, None where it takes back that it says anything. Raises BadMessage with what is wrong."""
    return _decode(_platform, payload, "platform") if payload else None


def receipt_of(payload: bytes, gateway: str) -> tuple[Receipt, str]:
    """Return a receipt and, where its head is none, what is wrong with that: then the rest holds without it. Raises BadMessage."""
    try:
        return decode_receipt(payload, gateway), ""
    except BadMessage as bad:
        try:
            parts = _decode(_parts, payload, "receipt")
            del parts["head"]
            return decode_receipt(_encoder.encode(parts), gateway), str(bad)
        except (BadMessage, KeyError):
            raise bad from None


def _trouble(p: Problem) -> Trouble:
    return Trouble(p.section, p.item, p.field, p.say.zh[:TOLD], p.say.en[:TOLD])


def decode_instruction(
    payload: bytes,
    gateway: str,
    now: Moment,
    door: Door = Door.PLATFORM,
    *,
    floor: datetime = LONG_AGO,
    lives: float = inf,
) -> tuple[Instruction, str]:
    """Return (instruction, why it is refused at once or ""). Raises BadMessage where it is no instruction for this gateway.

    `floor` and `lives` are as in `lateness.late`.
    """
    message = _decode(_instruction, payload, "instruction")
    if message.gateway != gateway:
        raise BadMessage(
            f"instruction is for gateway {message.gateway!r}, this one is {gateway!r}: send it on that gateway's topic"
        )
    given = {
        name: getattr(message, name)
        for name in message.__struct_fields__
        if name not in {"v", "gateway", "change"}
    }
    fields: dict[str, Any] = {name: value for name, value in given.items() if value is not UNSET}
    change = (
        Change(message.change.what, message.change.value) if message.change is not None else None
    )
    instruction = Instruction(**fields, change=change, door=door, digest=_content(message))
    return instruction, late(instruction, now, floor, lives)


def named(payload: bytes) -> str:
    """Return the id that a message names which is else not of the contract, "" where none can be read."""
    try:
        return _named.decode(payload).id if len(payload) <= LARGEST else ""
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""


def _content(message: InstructionMessage) -> str:
    """Return a digest of what is wanted. Whoever sends an order again may say anew when: it is the same order."""
    plain = msgspec.structs.replace(message, issued="", expires="", boot="")
    return hashlib.sha256(msgspec.json.encode(plain, order="deterministic")).hexdigest()[:24]


def _decode(decoder: msgspec.json.Decoder[T], payload: bytes, name: str) -> T:
    if len(payload) > LARGEST:
        raise BadMessage(f"{name} has {len(payload)} bytes, at most {LARGEST} are read: split it")
    try:
        return decoder.decode(payload)
    except msgspec.ValidationError as error:
        raise BadMessage(f"{name} breaks the contract: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(f"{name} is not JSON: {error}") from error


def schemas() -> dict[str, dict[str, Any]]:
    """Return {message name: JSON Schema 2020-12} of the whole contract."""
    out = {}
    for name, struct in EVERY_MESSAGE.items():
        (schema,), components = msgspec.json.schema_components(
            [struct], ref_template="#/$defs/{name}"
        )
        own = components.pop(struct.__name__)
        own, components = _portable(own), _portable(components)
        head = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"urn:eldercare:v{VERSION}:{name}",
        }
        out[name] = head | own | {"$defs": components}
        assert schema  # the reference itself; what it names was taken out above
    return out


def _portable(part: Any) -> Any:
    r"""Return a part of a schema whose patterns are those of JSON Schema: there `$` is the very end, which Python calls `\Z`."""
    if isinstance(part, dict):
        return {
            k: v.removesuffix(r"\Z") + "$"
            if k == "pattern" and isinstance(v, str)
            else _portable(v)
            for k, v in part.items()
        }
    return [_portable(one) for one in part] if isinstance(part, list | tuple) else part
