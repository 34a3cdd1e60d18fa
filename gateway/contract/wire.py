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

from gateway.judge.alarm import Called, Masking, Outcome, Proof, State
from gateway.judge.faults.fact import Turn
from gateway.words.bounds import Count, Id, Name, Number, Seconds, Text
from gateway.words.clock import When
from gateway.words.instruction import Do, Refused, What
from gateway.words.kind import Priority

VERSION: Final = 1
ROOT: Final = "eldercare/v1"
# the highest generation that is said and read: every JSON reader has it exactly
GENERATIONS: Final = (1 << 53) - 1
ORDERS: Final = 20  # instructions in one answer over HTTP
LARGEST: Final = 64 * 1024  # bytes of one message that we take; larger ones are refused unread

# nothing that breaks a line or turns its direction
PRINTED = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]*\Z"
Hash = Annotated[str, Meta(pattern=r"^([0-9a-f]{32})?\Z")]  # see gateway.chain; empty: none


class _Part(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a message, or a message, in which nothing stands that is not named here."""


class _Message(_Part, frozen=True, tag_field="type"):
    """What the gateway says."""

    v: Literal[1]
    gateway: Id


class _Entry(_Message, frozen=True):
    """A line of the journal."""

    journal: Id
    number: Number
    id: Id
    at: When


class Codes(_Part, frozen=True):
    """The kind in other vocabularies; an empty text where there is none."""

    ieee_11073_10471: str
    scaip_device: str
    scaip_status: str


class AlarmMessage(_Entry, frozen=True, tag="alarm"):
    """An alarm after one move; the highest (generation, number) of an alarm id says how it stands.

    `stages` has the first moment of each stage.
    """

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
    stages: Mapping[str, When]
    rung: Count
    calls: tuple[Called, ...]
    responder: Text
    expected_s: Seconds
    count: Number
    evidence: tuple[Proof, ...]
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


class FaultMessage(_Entry, frozen=True, tag="fault"):
    """Technical trouble: begun, said again, ended, or told once.

    A kind that a reader does not know is shown as P3.
    """

    kind: Id
    priority: Priority
    codes: Codes
    turn: Turn
    device: str
    room: Text
    detail: dict[str, bool | int | float | str]
    evidence: tuple[Proof, ...]
    test: bool = False
    generation: Count = 0
    previous: Hash = ""
    fault_class: Name = ""


class Trouble(_Part, frozen=True):
    """What is wrong with one field of a change that was refused."""

    section: str
    item: str
    field: str
    zh: str
    en: str


class ResultMessage(_Entry, frozen=True, tag="result"):
    """What came of an instruction: `accepted`, or the reason.

    The reason is a fixed word, and a sentence in both languages.
    """

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


class OneReading(_Part, frozen=True):
    """One routine reading; `label` names a measure that has no kind of its own."""

    device: str
    kind: str
    value: bool | int | float | str
    at: When
    index: int = 1
    label: str = ""


class ReadingBatch(_Message, frozen=True, tag="readings"):
    """Routine readings in a numbered batch.

    A gap in the numbers is a loss; `forgotten` of a fault entry says which.
    """

    history: Id
    batch: Number
    readings: list[OneReading]


class Status(_Message, frozen=True, tag="status"):
    """Whether the gateway is connected. Retained.

    `online` false comes from the broker as last will, or from the gateway when it stops.
    """

    online: bool
    reason: str
    software: str
    boot: str = ""
    journal: str = ""
    at: When | None = None
    generation: Count = 0


class Heartbeat(_Message, frozen=True, tag="heartbeat"):
    """Sent every `every_s`; the platform calls the home offline after three that did not come."""

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


class HomeDevice(_Part, frozen=True):
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


class HomeRung(_Part, frozen=True):
    """One rung of the household's ladder, without the name of who is called."""

    role: Literal["platform", "person", "sounds"]
    wait_s: Seconds


class HomeShelf(_Part, frozen=True):
    """A device that is not judged for a while."""

    device: Id
    left_s: Seconds


class HomeAlarm(_Part, frozen=True):
    """An open alarm, as it stands."""

    alarm: Id
    kind: Id
    priority: Priority
    state: State
    test: bool
    silenced: bool


class HomeMessage(_Message, frozen=True, tag="home"):
    """What is in the home, without names of people. Retained.

    It is told after connecting, after a change, and every six hours.
    """

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


class Head(_Part, frozen=True):
    """An entry as the platform has it: which one, and the hash of its bytes."""

    journal: Id
    generation: Annotated[int, Meta(ge=0, le=GENERATIONS)]
    number: Number
    hash: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]


class Receipt(_Part, frozen=True):
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


class PlatformMessage(_Part, frozen=True):
    """Whether the platform's process that gives receipts is there. Retained.

    There is one for all gateways; that process leaves `online` false as its last will.
    """

    v: Literal[1]
    online: bool
    reason: Text = ""
    at: Name = ""
    readings: bool = True


class ChangeMessage(_Part, frozen=True):
    """One change of the configuration; what its value holds stands in docs/integrator.md."""

    what: What
    value: dict[str, Any] = {}


Responder = Annotated[str, Meta(max_length=80, pattern=PRINTED)]
Lasts = Annotated[float, Meta(ge=0, le=31536000)]
SerialPort = Annotated[str, Meta(max_length=200)]
Settings = Annotated[dict[Name, Name], Meta(max_length=40)]
Secrets = Annotated[str, Meta(max_length=80, pattern=r"^[A-Za-z0-9_-]*\Z")]


class InstructionMessage(_Part, frozen=True):
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
    responder: Responder = ""
    seconds: Lasts = 0.0
    issued: Name = ""
    expires: Name = ""
    boot: Name = ""
    port: SerialPort = ""
    settings: Settings = {}
    revision: Count = 0
    change: ChangeMessage | None = None
    secrets: Secrets = ""
    # Of later versions, and left out where they are not given: an order's digest is over what
    # earlier ones wrote.
    journal: Id | UnsetType = UNSET
    first: Number | UnsetType = msgspec.field(name="from", default=UNSET)
    last: Number | UnsetType = msgspec.field(name="to", default=UNSET)


class Poll(_Message, frozen=True, tag="poll"):
    """Over HTTP only: asks what the platform has to say, which may hold its answer back so long."""

    wait_s: Seconds


class AnswerMessage(_Part, frozen=True):
    """Over HTTP only: what the platform answers to each message that is posted to it."""

    v: Literal[1]
    receipt: Receipt | None = None
    instructions: Annotated[list[InstructionMessage], Meta(max_length=ORDERS)] = []
    platform: PlatformMessage | None = None


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
# what HTTP has beside them; none of it has a topic
OVER_HTTP: Mapping[str, type[Struct]] = {"poll": Poll, "answer": AnswerMessage}
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
