"""What is sent to us, read strictly: receipts, instructions, the platform's own word. Pure."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from math import inf
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct

from gateway.contract.wire import (
    LARGEST,
    ORDERS,
    BadMessage,
    InstructionMessage,
    PlatformMessage,
    Receipt,
)
from gateway.judge.lateness import late
from gateway.words.bounds import Id
from gateway.words.clock import Moment
from gateway.words.instruction import Change, Door, Instruction

LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)  # no time was ever confirmed

T = TypeVar("T")
_receipt = msgspec.json.Decoder(Receipt)
_platform = msgspec.json.Decoder(PlatformMessage)
_parts = msgspec.json.Decoder(dict[str, msgspec.Raw])
_instruction = msgspec.json.Decoder(InstructionMessage)


class _Named(Struct):
    id: Id


_named = msgspec.json.Decoder(_Named)


class _Answer(Struct, frozen=True, forbid_unknown_fields=True):
    """`wire.AnswerMessage`, whose parts are read each for itself: a wrong one spoils no other."""

    v: Literal[1]
    receipt: Raw = Raw()
    instructions: Annotated[list[Raw], Meta(max_length=ORDERS)] = []
    platform: Raw = Raw()


_answer = msgspec.json.Decoder(_Answer)


class Told(NamedTuple):
    """A message in an answer: its name, as the topic's over MQTT, and its bytes."""

    name: str
    payload: bytes


def answer_of(payload: bytes) -> list[Told]:
    """Return the messages that an answer over HTTP holds; an empty one holds none.

    Raises BadMessage where it is no answer.
    """
    if not payload.strip():
        return []
    answer = _decode(_answer, payload, "answer")
    parts = [("receipt", answer.receipt), ("platform", answer.platform)]
    parts += [("instruction", one) for one in answer.instructions]
    found = [Told(name, bytes(raw)) for name, raw in parts]
    return [told for told in found if told.payload not in {b"", b"null"}]


def decode_receipt(payload: bytes, gateway: str) -> Receipt:
    """Return a receipt for this gateway.

    Raises BadMessage with what is wrong, also where only its head is.
    """
    receipt = _decode(_receipt, payload, "receipt")
    if receipt.gateway != gateway:
        raise BadMessage(
            f"receipt is for gateway {receipt.gateway!r}, this one is {gateway!r}: "
            "send it on that gateway's topic"
        )
    return receipt


def decode_platform(payload: bytes) -> PlatformMessage | None:
    """Return what the platform says of itself, None where it takes that back.

    Raises BadMessage with what is wrong.
    """
    return _decode(_platform, payload, "platform") if payload else None


def receipt_of(payload: bytes, gateway: str) -> tuple[Receipt, str]:
    """Return a receipt, and what is wrong with its head, "" where nothing is.

    Without a head that can be read the rest of the receipt holds. Raises BadMessage where nothing
    of it does.
    """
    try:
        return decode_receipt(payload, gateway), ""
    except BadMessage as bad:
        try:
            parts = _decode(_parts, payload, "receipt")
            del parts["head"]
            return decode_receipt(msgspec.json.encode(parts), gateway), str(bad)
        except (BadMessage, KeyError):
            raise bad from None


def decode_instruction(
    payload: bytes,
    gateway: str,
    now: Moment,
    door: Door = Door.PLATFORM,
    *,
    floor: datetime = LONG_AGO,
    lives: float = inf,
) -> tuple[Instruction, str]:
    """Return (instruction, why it is refused at once or "").

    `floor` and `lives` are as in `lateness.late`. Raises BadMessage where it is no instruction for
    this gateway.
    """
    message = read_instruction(payload)
    if message.gateway != gateway:
        raise BadMessage(
            f"instruction is for gateway {message.gateway!r}, this one is {gateway!r}: "
            "send it on that gateway's topic"
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


def read_instruction(payload: bytes) -> InstructionMessage:
    """Return an instruction as it was sent. Raises BadMessage where it breaks the contract."""
    return _decode(_instruction, payload, "instruction")


def named(payload: bytes) -> str:
    """Return the id that a message names which breaks the contract, "" where none can be read."""
    try:
        return _named.decode(payload).id if len(payload) <= LARGEST else ""
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""


def _content(message: InstructionMessage) -> str:
    """Return a digest of what is wanted, without the time at which it was ordered.

    The same order may be sent again with another time.
    """
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
