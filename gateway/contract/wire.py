"""The messages of the platform's contract, in both directions, and their topics. Pure.

The types below are the contract. `config/contract/*.schema.json` is generated from them and from
the words in `fields` (`python -m gateway contract`), and a test keeps the files equal.

Topics: `eldercare/v1/{gateway}/...`; nothing personal stands in a topic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.judge.alarm import Delivery, Masking, Outcome, State
from gateway.judge.faults.fact import Turn
from gateway.words.clock import Moment, Quality
from gateway.words.instruction import Do, Refused, What
from gateway.words.kind import Priority

VERSION: Final = 1
ROOT: Final = "eldercare/v1"
# the highest generation that is said and read: every JSON reader has it exactly
GENERATIONS: Final = (1 << 53) - 1
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
    """A moment: power-up, monotonic seconds in it, wall time (RFC 3339, UTC), quality of that."""

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
    """An alarm after one move; the highest (generation, number) of an alarm id says how it stands.

    `stages` has the first moment of each stage.
    """

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
    """Technical trouble: begun, said again, ended, or told once.

    A kind that a reader does not know is shown as P3.
    """

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
    """What came of an instruction: `accepted`, or the reason.

    The reason is a fixed word, and a sentence in both languages.
    """

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
    """Routine readings in a numbered batch.

    A gap in the numbers is a loss; `forgotten` of a fault entry says which.
    """

    v: Literal[1]
    gateway: Id
    history: Id
    batch: Number
    readings: list[OneReading]


class Status(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="status"):
    """Whether the gateway is connected. Retained.

    `online` false comes from the broker as last will, or from the gateway when it stops.
    """

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
    """What is in the home, without names of people. Retained.

    It is told after connecting, after a change, and every six hours.
    """

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
    """The platform has recorded these entries and batches.

    Both are inclusive ranges: of the numbers of `journal`, and of those of `history`.
    """

    v: Literal[1]
    gateway: Id
    journal: Id
    entries: Annotated[list[tuple[Number, Number]], Meta(max_length=500)] = []
    history: str = ""
    batches: Annotated[list[tuple[Number, Number]], Meta(max_length=500)] = []
    head: Head | None = None


class PlatformMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the platform's process that gives receipts is there. Retained.

    There is one for all gateways; that process leaves `online` false as its last will.
    """

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
    """What the platform tells the gateway; acted on once.

    It is sent again with the same `id` until the result with that id comes.
    """

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

_encoder = msgspec.json.Encoder()


class BadMessage(Exception):
    """A message that is not of the contract; the text says what, where and what was expected."""


def topic(gateway: str, name: str) -> str:
    """Return the topic of messages called `name`."""
    return f"{ROOT}/{name}" if name == TO_ALL else f"{ROOT}/{gateway}/{name}"


def encode(message: Struct) -> bytes:
    """Return the bytes of any message of the contract."""
    return _encoder.encode(message)


def when(at: Moment, boot: str) -> When:
    """Return a moment as the contract writes it."""
    return When(
        boot,
        round(at.mono, 3),
        at.wall.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        at.quality,
    )
