"""Who is called, by which channel, how long to wait, and who is next.

Rung 0 is the platform. The household's ladder follows; after its last rung it begins again with its
first person, until somebody comes; for a P2 that nobody answered in three rounds it begins less
often. A rung is a person: it is known by its entry in the ladder (who, by which channel, with which
program), not by its place, so that a ladder that is changed while people are called leaves nobody
out. A test stays on rung 0, and so does whatever is less than P2: nobody is woken for a door.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from math import inf
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from gateway.judge import unclosed
from gateway.judge.alarm import ANSWERED, Alarm, Called, Delivery, Masking, Move, State
from gateway.judge.duty import Duty
from gateway.judge.unclosed import reminder
from gateway.words import kind as kinds
from gateway.words.clock import Moment
from gateway.words.kind import Priority
from gateway.words.times import Times

PLATFORM = "platform"  # the channel of rung 0: an entry pushed to the platform
# of the whole ladder that an unanswered P2 is called as a P1 is; then it begins again less often
ROUNDS = 3
PROGRAM = "program"  # a local program: siren, light, modem


class Rung(Struct, frozen=True):
    """One step of the ladder.

    `wait` seconds until the next; `program` is the argument list of channel "program".
    """

    responder: str
    channel: str = PLATFORM
    wait: float = 0.0  # 0 = Times.rung
    program: tuple[str, ...] = ()
    # it makes a noise and reaches nobody: never who ends a round of the ladder, or begins one
    sounds: bool = False
    test: bool = False  # its program can be asked whether it could
    # its own line says that it only sounds, and it is the home's siren: one program, one noise
    siren: bool = False
    faults: bool = False  # told of faults that the platform does not receipt
    duty: Duty | None = None  # when this person can be called; None: always
    least: Priority = Priority.P2  # called for what is as urgent, or more
    together: bool = False  # called at once with the one before
    person: str = ""  # who it is in the file of telephone numbers
    online: bool = False  # its program needs the network of the home

    def may(self, alarm: Alarm) -> bool:
        """Say whether this person can be called for an alarm at all, whatever the hour."""
        return alarm.priority <= self.least

    def wants(self, alarm: Alarm, now: Moment) -> bool:
        """Say whether this person can be called for an alarm at this time."""
        return self.may(alarm) and (self.duty is None or self.duty.on(now))


class Reason(StrEnum):
    """Why somebody is called now."""

    RAISED = "raised"
    NO_RECEIPT = "no_receipt"
    PLATFORM_AWAY = "platform_away"  # the same, and it has said itself that it is away
    NOT_ACKNOWLEDGED = "not_acknowledged"
    TOGETHER = "together"  # two go: called at once with the one before
    CALL_FAILED = "call_failed"
    NOBODY_DISPATCHED = "nobody_dispatched"
    NOT_ARRIVED = "not_arrived"
    REPEAT = "repeat"
    AGAIN = "pressed_again"  # a renewed SOS: each press calls the next at once
    INTERRUPTED = "interrupted"  # the power went, or the gateway ended, while this call was made
    CHANGED = "ladder_changed"  # who was called stands in the ladder no more, or as another
    ASKED = "asked"  # was on the way and has not arrived: asked once, beside the ladder
    RECALLED = "recalled"  # was on the way and need not come: told so, beside the ladder
    DRILL = "drill"  # the first person, beside the ladder: the one call that a test may make
    NOT_CLOSED = unclosed.NOT_CLOSED  # somebody is there, and nobody has closed the alarm


# such a call is beside the ladder: its wait does not begin anew
BESIDE = frozenset({Reason.INTERRUPTED, Reason.ASKED, Reason.RECALLED, Reason.DRILL})
_NO_TURN = (Reason.ASKED, Reason.RECALLED)  # nor is it the turn of who is called so


class Step(NamedTuple):
    """What is due on one alarm: a move or none, a call of `rung` (None: of nobody), and why."""

    move: Move | None
    rung: int | None
    reason: str


SILENCE_OVER = "silence_over"
# -- who is who ----------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def entries(ladder: tuple[Rung, ...]) -> tuple[str, ...]:
    """Return the name of each rung's entry.

    Too short to guess a number from, long enough that a corrected one is another.
    """
    seen: dict[tuple[str, ...], int] = {}
    out = []
    for rung in ladder:
        what = rung.responder.strip(), rung.channel, *rung.program
        seen[what] = nth = seen.get(what, 0) + 1
        out.append(hashlib.sha256("\0".join((*what, str(nth))).encode()).hexdigest()[:5])
    return tuple(out)


def rung_of(call: Called, ladder: Sequence[Rung]) -> Rung | None:
    """Return the rung of a ladder that a call was made to; None where the ladder has it no more."""
    return next(
        (r for r, entry in zip(ladder, entries(tuple(ladder)), strict=True) if _is(call, r, entry)),
        None,
    )


def _is(call: Called, rung: Rung, entry: str) -> bool:
    # A call of an earlier version has no entry: then it is the person by that name, by the same
    # channel.
    return call.rung > 0 and (
        call.entry == entry
        if call.entry
        else (call.responder, call.channel) == (rung.responder, rung.channel)
    )


def _last(alarm: Alarm) -> Called | None:
    """Return the newest call of whom the ladder waits for."""
    last = next((call for call in reversed(alarm.calls) if call.reason not in BESIDE), None)
    return _to_the_same(last, alarm)[0] if last is not None else None


def _to_the_same(call: Called, alarm: Alarm) -> list[Called]:
    """Return the calls to whom a call was made, the newest first."""
    who = call.entry, call.responder, call.channel
    return [c for c in reversed(alarm.calls) if (c.entry, c.responder, c.channel) == who]


def _meant(call: Called, alarm: Alarm) -> str:
    """Return why somebody was called; of a call made again after a restart, the first reason."""
    reasons = (c.reason for c in _to_the_same(call, alarm))
    return next((reason for reason in reasons if reason not in BESIDE), call.reason)


def _last_turn(alarm: Alarm) -> list[Called]:
    """Return the newest call, and those that it goes together with, the newest of each."""
    out = []
    for call in (c for c in reversed(alarm.calls) if c.reason not in BESIDE):
        out.append(_to_the_same(call, alarm)[0])
        if _meant(call, alarm) != Reason.TOGETHER:
            break
    return out


def round_of(alarm: Alarm) -> int:
    """Return how often the ladder had begun again when it was called last."""
    return alarm.calls[-1].round if alarm.calls else 0


def counts(call: Called, alarm: Alarm) -> bool:
    """Say whether a call was the person's turn: no question, nor cut off by another's answer."""
    cut_off = call.delivery is Delivery.HELD and call.responder.strip() not in {
        alarm.responder.strip(),
        alarm.by.strip(),
    }
    return call.reason not in _NO_TURN and not cut_off


def left(alarm: Alarm, ladder: tuple[Rung, ...]) -> list[int]:
    """Return the rungs that were not called in this round of the ladder, in their order."""
    now = round_of(alarm)
    called = [c for c in alarm.calls if c.round == now and c.rung > 0 and counts(c, alarm)]
    seen = {c.entry or (c.responder, c.channel) for c in called}  # as `_is` knows a rung
    return [
        n
        for n, (entry, r) in enumerate(zip(entries(ladder), ladder, strict=True))
        if n > 0 and entry not in seen and (r.responder, r.channel) not in seen
    ]


def candidates(alarm: Alarm, ladder: tuple[Rung, ...]) -> list[int]:
    """Return the rungs left in this round, or those of the next; 0 alone for nobody."""
    rungs = left(alarm, ladder) or [n for n, rung in enumerate(ladder) if n > 0 and not rung.sounds]
    return rungs or [min(1, len(ladder) - 1)]


def _free(alarm: Alarm, ladder: tuple[Rung, ...], times: Times) -> list[tuple[float, int]]:
    """Return (from when on, rung) of who may be called next, in the order of the ladder.

    Who was called anew after a restart is free `Times.apart` later.
    """
    anew = any(call.reason == Reason.INTERRUPTED for call in alarm.calls)
    newest = _newest(alarm, ladder) if anew else {}
    made = {n: call.mono for n, call in newest.items() if call.reason == Reason.INTERRUPTED}
    return [(made[n] + times.apart if n in made else -inf, n) for n in candidates(alarm, ladder)]


def _mate(alarm: Alarm, ladder: tuple[Rung, ...]) -> int | None:
    """Return the rung that goes together with whom the ladder waits for, while it is not called."""
    last = _last(alarm)
    rung = rung_of(last, ladder) if last is not None else None
    after = ladder.index(rung) + 1 if rung is not None else len(ladder)
    return after if after in left(alarm, ladder) and ladder[after].together else None


def _next(alarm: Alarm, ladder: tuple[Rung, ...], times: Times, now: float) -> int:
    free = _free(alarm, ladder, times)
    return next((n for since, n in free if since <= now), free[0][1])


def _newest(alarm: Alarm, ladder: tuple[Rung, ...]) -> dict[int, Called]:
    """Return the newest call of each rung."""
    names = entries(ladder)
    return {
        n: call
        for call in alarm.calls
        for n, entry in enumerate(names)
        if n > 0 and _is(call, ladder[n], entry)
    }


def asked(alarm: Alarm, ladder: tuple[Rung, ...], following_: int = 0) -> int | None:
    """Return the rung by which a program reaches who was sent, unless they are called next."""
    names = [
        n
        for n, r in enumerate(ladder)
        if n > 0 and r.responder.strip() == alarm.responder.strip() and r.channel == PROGRAM
    ]
    return names[0] if names and following_ not in names else None


def interrupted(alarm: Alarm, ladder: tuple[Rung, ...], times: Times, now: float) -> list[int]:
    """Return who is to be called again after a restart: whose call has no known end.

    A call that was itself made again is not made again within `Times.apart`: power that comes and
    goes is not to ring at one person again and again. The ladder's waits go on meanwhile, and call
    the next.
    """
    newest = _newest(
        replace(alarm, calls=tuple(call for call in alarm.calls if call.reason != Reason.RECALLED)),
        ladder,
    )
    open_ = [
        n for n, c in newest.items() if c.channel == PROGRAM and c.delivery is Delivery.WAITING
    ]
    if not alarm.calls_on:  # somebody has it: a press after that, or who goes along, is still told
        last = _last_turn(alarm)
        open_ = [
            n
            for n in open_
            if alarm.state in ANSWERED
            and any(newest[n] is call for call in last)
            and _meant(newest[n], alarm) in {Reason.AGAIN, Reason.TOGETHER}
        ]
    return [
        n
        for n in open_
        if newest[n].reason != Reason.INTERRUPTED or now - newest[n].mono >= times.apart
    ]


# -- when ----------------------------------------------------------------------------------------


def _wait(alarm: Alarm, ladder: tuple[Rung, ...], times: Times) -> tuple[float, Reason]:
    """Return how long is waited after the last call, and why it goes on then."""
    last = _last(alarm)
    if last is not None and len(ladder) < 2 and len(alarm.calls) > 1:
        return _pause(alarm, alarm.made, times), Reason.REPEAT
    if last is None or last.rung == 0 or len(ladder) < 2:
        if not alarm.accepted:
            return times.receipt, Reason.NO_RECEIPT
        return (
            times.acknowledge_p1 if alarm.priority is Priority.P1 else times.acknowledge_p2
        ), Reason.NOT_ACKNOWLEDGED
    rung = rung_of(last, ladder)
    if rung is None:
        return 0.0, Reason.CHANGED
    rest, noises = left(alarm, ladder), _noises(ladder)
    pause = _pause(alarm, round_of(alarm) + 1, times)
    if not rest and not noises:
        return pause, Reason.REPEAT
    failed = last.delivery is Delivery.FAILED
    if rest and failed and not _other_is_called(alarm, last, ladder.index(rung), ladder):
        return 0.0, Reason.CALL_FAILED
    if _mate(alarm, ladder) is not None:
        return 0.0, Reason.TOGETHER
    own = rung.wait or times.rung
    if all(ladder[n].sounds for n in rest):
        # The last person was called: whatever only sounds has its place before the first is called
        # again, and delays that by nothing.
        own = min(own, times.repeat / (noises + 1))
    if not rest:
        return own if pause <= times.repeat else pause, Reason.REPEAT
    if last.channel == PLATFORM and last.delivery is Delivery.WAITING:
        # A rung that the platform should call is no rung while the platform does not answer: on to
        # the next channel.
        return min(times.receipt, own), Reason.NO_RECEIPT
    return own, Reason.NOT_ACKNOWLEDGED


def _other_is_called(alarm: Alarm, last: Called, rung: int, ladder: tuple[Rung, ...]) -> bool:
    """Say whether the first of two who go together is called, though the second cannot be."""
    other = _newest(alarm, ladder).get(rung - 1) if last.reason == Reason.TOGETHER else None
    return other is not None and other.delivery is not Delivery.FAILED


def _pause(alarm: Alarm, rounds: int, times: Times) -> float:
    """Return how long is waited before the ladder begins again, after so many `rounds` of it.

    A P2 that ROUNDS rounds have not answered is called more seldom, but less so where the resident
    was asked and did not answer.
    """
    if alarm.priority <= Priority.P1 or rounds < ROUNDS:
        return times.repeat
    asked = alarm.kind in kinds.ASKED_FIRST or (alarm.grace > 0 and alarm.kind in kinds.ANSWERED)
    return times.repeat_asked if asked else times.repeat_p2


def heard_again_after(alarm: Alarm, ladder: Sequence[Rung], times: Times) -> float:
    """Return after how many seconds at most an alarm nobody has sounds; `ladder`: the home's."""
    return _pause(alarm, round_of(alarm) if ladder else alarm.made, times)


def _noises(ladder: tuple[Rung, ...]) -> int:
    """Return how many rungs only sound; 0 where all do, for then they are all there is."""
    noises = sum(rung.sounds for rung in ladder[1:])
    return noises if noises < len(ladder) - 1 else 0


def _urgent(alarm: Alarm) -> bool:
    return alarm.priority <= Priority.P2 and not alarm.test


def _again_at(alarm: Alarm, ladder: tuple[Rung, ...], times: Times) -> float:
    """Return when a renewed SOS that reached nobody yet goes on to the next rung, or inf."""
    turn = _last_turn(alarm)  # who goes along is called for it too
    if alarm.state not in ANSWERED or alarm.calls_on or not turn or not left(alarm, ladder):
        return inf
    if _meant(turn[-1], alarm) != Reason.AGAIN:
        return inf
    last = turn[0]
    if _mate(alarm, ladder) is not None:
        return alarm.called
    if last.delivery is Delivery.FAILED:
        rung = rung_of(last, ladder)
        other = rung is not None and _other_is_called(alarm, last, ladder.index(rung), ladder)
        return inf if other else alarm.called
    return (
        alarm.called + times.receipt
        if last.channel == PLATFORM and last.delivery is Delivery.WAITING
        else inf
    )


def _call_at(alarm: Alarm, ladder: tuple[Rung, ...], times: Times) -> float:
    if not _urgent(alarm):
        return inf
    if not alarm.calls_on:
        return _again_at(alarm, ladder, times)
    at, anew = alarm.called + _wait(alarm, ladder, times)[0], Reason.INTERRUPTED
    waits = any(call.reason == anew for call in alarm.calls)  # else everybody is free
    return max(at, min(since for since, _ in _free(alarm, ladder, times))) if waits else at


def _reminder(alarm: Alarm, ladder: tuple[Rung, ...], times: Times) -> tuple[float, int]:
    """Return when which rung is told that an alarm with somebody on site is still open."""
    named = enumerate(zip(entries(ladder), ladder, strict=True))
    persons = [(n, e) for n, (e, r) in named if n > 0 and r.channel == PROGRAM and not r.sounds]
    return reminder(alarm, persons, times)


def _state_ends(alarm: Alarm, times: Times) -> float:
    p1 = alarm.priority is Priority.P1
    match alarm.state:
        case State.PRE_ALARM:
            return alarm.since.mono + alarm.grace
        case State.ACKNOWLEDGED if _urgent(alarm):
            return alarm.since.mono + (times.dispatch_p1 if p1 else times.dispatch_p2)
        case State.DISPATCHED if _urgent(alarm):
            return alarm.since.mono + (
                alarm.expected or (times.on_site_p1 if p1 else times.on_site_p2)
            )
        case State.RAISED | State.ACKNOWLEDGED | State.DISPATCHED | State.ON_SITE if alarm.test:
            return alarm.since.mono + times.test_ends
    return inf


def _loud_at(alarm: Alarm, times: Times) -> float:
    return (
        alarm.silenced + times.silence if alarm.masking is Masking.SILENCED and alarm.open else inf
    )


def due_at(alarm: Alarm, ladder: tuple[Rung, ...], times: Times) -> float:
    """Return the monotonic second at which `step` has something to do for this alarm, or inf."""
    return min(
        _state_ends(alarm, times),
        _call_at(alarm, ladder, times),
        _reminder(alarm, ladder, times)[0],
        _loud_at(alarm, times),
    )


def step(alarm: Alarm, ladder: tuple[Rung, ...], times: Times, now: float) -> Step | None:
    """Return what is due on this alarm at monotonic second `now`, or None."""
    if now >= _state_ends(alarm, times):
        return _ended(alarm, ladder, times, now)
    if now >= _call_at(alarm, ladder, times):
        along, last = _mate(alarm, ladder), _last(alarm)
        failed = last is not None and last.delivery is Delivery.FAILED
        again = Reason.AGAIN if along is None or failed else Reason.TOGETHER
        why = _wait(alarm, ladder, times)[1] if alarm.calls_on else again
        rung = along if why == Reason.TOGETHER else None
        return Step(None, _next(alarm, ladder, times, now) if rung is None else rung, why)
    if now >= (reminded := _reminder(alarm, ladder, times))[0]:
        return Step(None, reminded[1], Reason.NOT_CLOSED)
    return Step(None, None, SILENCE_OVER) if now >= _loud_at(alarm, times) else None


def _ended(alarm: Alarm, ladder: tuple[Rung, ...], times: Times, now: float) -> Step:
    """Return what becomes of a state whose time is over."""
    match alarm.state:
        case State.PRE_ALARM:
            return Step(Move.EXPIRE, 0, "grace_over")
        case State.DISPATCHED if alarm.test:
            # it may not close from here, and stays on rung 0
            return Step(Move.LAPSE, 0, Reason.NOT_ARRIVED)
        case State.DISPATCHED | State.ACKNOWLEDGED if not alarm.test:
            # Where an answer has lapsed before, people are being called all the time, each in their
            # turn.
            rung = None if alarm.calls_on else _next(alarm, ladder, times, now)
            return Step(
                Move.LAPSE,
                rung,
                Reason.NOT_ARRIVED if alarm.state is State.DISPATCHED else Reason.NOBODY_DISPATCHED,
            )
    return Step(Move.CLOSE, 0, "test_over")
