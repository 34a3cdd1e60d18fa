"""Entries of the journal as bytes of the contract (`wire`), and back. Pure.

Every entry is stored as the very bytes that are pushed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

import msgspec

from gateway.contract.wire import (
    VERSION,
    AlarmMessage,
    BadMessage,
    Codes,
    FaultMessage,
    OneReading,
    Outward,
    ReadingBatch,
    ResultMessage,
    Trouble,
    encode,
)
from gateway.judge.alarm import ANSWERED, Alarm, proof
from gateway.judge.book import AlarmFact, Entry
from gateway.judge.faults.fact import FaultFact
from gateway.words import kind as kinds
from gateway.words.clock import Moment, Quality, stamp
from gateway.words.instruction import Problem, Refused, ResultFact
from gateway.words.kind import FaultClass
from gateway.words.reading import Reading

TOLD: Final = 400  # characters of what is wrong with a field
_outward = msgspec.json.Decoder(Outward)


def encode_entry(
    gateway: str, journal: str, entry: Entry, generation: int = 0, previous: str = ""
) -> tuple[str, bytes]:
    """Return (name of the message, its bytes) of one journal entry.

    `previous`: the hash of the entry before it, see gateway.contract.chain.
    """
    head: dict[str, Any] = {
        "v": VERSION,
        "gateway": gateway,
        "journal": journal,
        "number": entry.number,
        "id": entry.id,
        "at": entry.at,
        "generation": generation,
        "previous": previous,
    }
    match entry.fact:
        case AlarmFact():
            return "alarm", encode(_alarm(head, entry.fact))
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
                evidence=tuple(proof(r, boot) for r in fact.evidence),
                test=fact.test,
                fault_class=fact.fault_class,
            )
            return "fault", encode(message)
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
            return "result", encode(result)


def told_again(
    message: Outward, journal: str, generation: int, number: int, previous: str
) -> bytes:
    """Return the bytes of an entry of another journal, told once more as `number` of this one.

    The moment at which it happened stays. `previous`: the hash of the entry before it in this one.
    """
    head = {
        "journal": journal,
        "generation": generation,
        "number": number,
        "id": f"{journal}-{number}",
        "previous": previous,
    }
    return encode(msgspec.structs.replace(message, **head))


def encode_batch(
    gateway: str, history: str, batch: int, boot: str, readings: list[Reading]
) -> bytes:
    """Return the bytes of one batch of routine readings."""
    ones = [
        OneReading(r.device, r.kind.value, r.value, stamp(boot, r.at), r.index, r.label)
        for r in readings
    ]
    return encode(ReadingBatch(VERSION, gateway, history, batch, ones))


# a field of the message about an alarm -> what it holds of the alarm, both ways
_OF_ALARM: Final = {
    **{
        name: name
        for name in (
            *("kind", "priority", "device", "room", "state", "test", "masking", "stages", "rung"),
            *("calls", "responder", "count", "evidence", "lapsed", "vouched", "outcome"),
            *("linked", "listed"),
        )
    },
    "alarm": "id",
    "alarm_number": "number",
    "expected_s": "expected",
    "grace_s": "grace",
    "called_mono": "called",
    "answered_mono": "answered",
    "silenced_mono": "silenced",
    "calls_made": "made",
    "state_by": "by",
    "state_reason": "reason",
}


_held = attrgetter(*_OF_ALARM.values())


def _alarm(head: Mapping[str, Any], fact: AlarmFact) -> AlarmMessage:
    alarm = fact.alarm
    held = dict(zip(_OF_ALARM, _held(alarm), strict=True))
    return AlarmMessage(
        **head,
        **held,
        codes=_codes(alarm.kind),
        move=fact.move,
        by=fact.by,
        reason=fact.reason,
        condition="active" if alarm.condition_active else "cleared",
        since_mono=round(alarm.since.mono, 3),
        before=fact.before,
    )


def _codes(kind: str) -> Codes:
    row = kinds.of(kind)
    return Codes(row.ieee, row.scaip_device, row.scaip_status)


def _trouble(p: Problem) -> Trouble:
    return Trouble(p.section, p.item, p.field, p.say.zh[:TOLD], p.say.en[:TOLD])


# -- back from the journal -------------------------------------------------------------------------


def decode_entry(body: bytes) -> Outward:
    """Return the message in a journal row. Raises BadMessage where the row is not one."""
    try:
        message: Outward = _outward.decode(body)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise BadMessage(f"journal row is not an entry of contract v{VERSION}: {error}") from error
    return message


def alarm_of(message: AlarmMessage, now: Moment) -> Alarm:
    """Return the alarm as the message left it.

    Its monotonic times are those of the boot in which the message was written.
    """
    held = {of: getattr(message, name) for name, of in _OF_ALARM.items()}
    if message.calls_made == 0:  # of a version that wrote none of this
        held["made"] = len(message.calls)
        if message.state in ANSWERED:
            held["answered"] = message.since_mono
    return Alarm(
        **held, since=now.later(message.since_mono), condition_active=message.condition == "active"
    )


def fault_of(message: FaultMessage, now: Moment, boot: str = "") -> FaultFact:
    """Return the fault as the message left it.

    It began at the message's monotonic time where that is of this `boot`, else as long ago as the
    wall clock says.
    """
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
    """Return the seconds since wall second `wall`, 0 where our clock is known to be wrong.

    That is as far as our clock knows: where it is behind, it was longer ago.
    """
    return 0.0 if now.quality is Quality.WRONG else max(0.0, now.wall.timestamp() - wall)
