"""The calls of one alarm: how one is made, found again, and ends. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec.structs import replace

from gateway.judge.alarm import Alarm, Called, Delivery, State
from gateway.judge.dispatch import (
    BESIDE,
    PROGRAM,
    ROUNDS,
    Reason,
    Rung,
    candidates,
    counts,
    entries,
    round_of,
)
from gateway.judge.unclosed import by_sms_alone
from gateway.words.clock import Moment, When
from gateway.words.kind import Priority

# calls that stand in one alarm; more than one round of the longest ladder. The journal has them all
CALLS = 40
# of these that stay when there are more: how it began. Then those of rounds long past make room
FIRST_CALLS = 4
# calls that are asked after for longer than a round
_LASTING = frozenset({Reason.INTERRUPTED, Reason.NOT_CLOSED})

CHANNEL_DOWN = "channel_down"  # why a call has failed that was not made
OFF_DUTY = "off_duty"  # likewise: not at this hour, or not for what is less urgent
# what is known not to work: a program file, or one person's whole command
Down = Collection[str | tuple[str, ...]]


def skipped(
    rung: Rung, ladder: Sequence[Rung], down: Down, alarm: Alarm, now: Moment
) -> str | None:
    """Return why a person is passed over: the channel is known not to work, or not at this hour.

    Only where another program calls a person; where there is nobody else each is tried: it costs
    nothing. No hours count once a whole round has not ended a danger to life, nor from the
    last of ROUNDS on for anything less: whoever is there has not answered.
    """
    callers = [r for r in ladder if r.program and not r.sounds]
    works = [r for r in callers if r.program[0] not in down and r.program not in down]
    rounds = 1 if alarm.priority <= Priority.P1 else ROUNDS - 1
    wanted = round_of(alarm) >= rounds
    there = [r for r in works if r.wants(alarm, now) or (wanted and r.may(alarm))]
    if rung in callers and rung not in works and works:
        return CHANNEL_DOWN
    return OFF_DUTY if rung in callers and rung not in there and there else None


def gave_up(alarm: Alarm) -> Reason | None:
    """Return why people are called again where who has an alarm gives it up; None: nobody can.

    Who has said by SMS alone that he is there may have said so by mistake.
    """
    if by_sms_alone(alarm):
        return Reason.NOT_ARRIVED
    answered = alarm.state is State.ACKNOWLEDGED and not alarm.test
    return Reason.NOBODY_DISPATCHED if answered else None


def pressed_again(alarm: Alarm, ladder: tuple[Rung, ...], down: Down, now: Moment) -> int:
    """Return the rung that a renewed press calls: the next, or the next person to be reached.

    Where everybody who is left is passed over the ladder begins anew.
    """
    rungs = candidates(alarm, ladder)
    persons = [n for n in (*rungs, *range(1, len(ladder))) if not ladder[n].sounds]
    return next(
        (n for n in (rungs[0], *persons) if skipped(ladder[n], ladder, down, alarm, now) is None),
        rungs[0],
    )


def instead(
    alarm: Alarm, ladder: tuple[Rung, ...], down: Down, now: Moment, names: Collection[str]
) -> int | None:
    """Return the rung of who is called in the place of a person; None where there is nobody else.

    `names`: all that the ladder calls this person.
    """
    return next(
        (
            n
            for n in (*candidates(alarm, ladder), *range(1, len(ladder)))
            if n > 0 and not ladder[n].sounds and ladder[n].responder.strip() not in names
            if skipped(ladder[n], ladder, down, alarm, now) is None
        ),
        None,
    )


def next_call(
    alarm: Alarm,
    rung: int,
    reason: str,
    ladder: tuple[Rung, ...],
    down: Down,
    at: When,
    now: Moment,
) -> tuple[Called, str | None]:
    """Return the call of a rung, and why it is not made, where it is not.

    It is held for a test, and has failed where its program is `down`, or at another's hours: who
    was sent is asked and called back at any hour.
    Whoever was called before in this round of the ladder begins the next one.
    """
    who, entry, now_round = ladder[rung], entries(ladder)[rung] if rung else "", round_of(alarm)
    before = (c for c in alarm.calls if c.entry == entry and c.round == now_round)
    again = rung and reason not in BESIDE and any(counts(c, alarm) for c in before)
    sent = reason in BESIDE or who.responder.strip() == alarm.responder.strip()
    why = skipped(who, ladder, down, alarm, now)
    why = None if (alarm.test and rung > 0) or (why == OFF_DUTY and sent) else why
    delivery = Delivery.WAITING if why is None else Delivery.FAILED
    if alarm.test and rung > 0 and reason != Reason.DRILL:
        delivery = Delivery.HELD  # a test never reaches the real ladder
    call = Called(
        rung,
        who.responder,
        who.channel,
        reason,
        at,
        delivery,
        entry=entry,
        round=now_round + 1 if again else now_round,
        mono=round(now.mono, 3),
    )
    return call, why


def called(alarm: Alarm, call: Called, mono: float) -> Alarm:
    """Return an alarm with one call more; the ladder waits from then on for who is on it.

    Nobody is waited for who is passed over: the wait is that of the last call that was made.
    """
    first, rest = alarm.calls[:FIRST_CALLS], (*alarm.calls[FIRST_CALLS:], call)
    gone = 0  # every entry of the alarm has all calls: a long ladder would make each longer
    while gone < len(rest) - 1 and (
        len(rest) - gone > CALLS - FIRST_CALLS or _is_past(rest[gone], call)
    ):
        gone += 1
    calls = (*first, *rest[gone:])
    rung, since = (alarm.rung, alarm.called) if call.reason in BESIDE else (call.rung, mono)
    since = alarm.called if call.delivery is Delivery.FAILED else since
    return replace(alarm, calls=calls, made=alarm.made + 1, rung=rung, called=since)


def _is_past(old: Called, new: Called) -> bool:
    """Say whether nothing asks after a call any more: this round and the one before it are read."""
    return old.round < new.round - 1 and old.reason not in _LASTING


def taken_back(alarm: Alarm) -> Alarm:
    """Return an alarm that somebody has, or that is over, without its programs still to call.

    Of two who go together the other is called all the same, while it is open.
    """
    if alarm.calls_on or alarm.test:
        return alarm
    calls = tuple(
        replace(c, delivery=Delivery.HELD)
        if c.channel == PROGRAM and c.delivery is Delivery.WAITING and not _goes_along(c, alarm)
        else c
        for c in alarm.calls
    )
    return replace(alarm, calls=calls)


def _goes_along(call: Called, alarm: Alarm) -> bool:
    has_it = {alarm.responder.strip(), alarm.by.strip()}
    return alarm.open and call.reason == Reason.TOGETHER and call.responder.strip() not in has_it


def place(alarm: Alarm, index: int) -> int:
    """Return where call number `index` (from 0) stands in the alarm's calls; -1: not there."""
    gone = alarm.made - len(alarm.calls)
    at = index if index < FIRST_CALLS or gone <= 0 else index - gone
    return at if (at == index or at >= FIRST_CALLS) and 0 <= at < len(alarm.calls) else -1


def delivered(alarm: Alarm, at: int, delivery: Delivery) -> tuple[Called, ...]:
    """Return the calls with the one that stands `at` as delivered. One of a test stays held."""
    calls = alarm.calls
    if calls[at].delivery is Delivery.HELD and alarm.test:
        return calls
    return (*calls[:at], replace(calls[at], delivery=delivery), *calls[at + 1 :])
