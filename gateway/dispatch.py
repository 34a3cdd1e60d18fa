"""Who is called, by which channel, how long to wait, and who is next. A rung is a number, not a state.

Rung 0 is the platform. The household's ladder follows; its last rung repeats until a person answers. A test stays on rung 0,
and so does whatever is less than P2: nobody is woken for a door.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import NamedTuple

from gateway.alarm import Alarm, Delivery, Move, State
from gateway.kind import Priority
from gateway.times import Times

_ANSWERED = frozenset({State.ACKNOWLEDGED, State.DISPATCHED, State.ON_SITE})
PLATFORM = "platform"  # the channel of rung 0: an entry pushed to the platform
PROGRAM = "program"  # a local program: siren, light, modem


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the ladder. `wait` seconds until the next; `program` is the argument list of channel "program"."""

    responder: str
    channel: str = PLATFORM
    wait: float = 0.0  # 0 = Times.rung
    program: tuple[str, ...] = ()


class Reason(StrEnum):
    """Why somebody is called now."""

    RAISED = "raised"
    NO_RECEIPT = "no_receipt"
    NOT_ACKNOWLEDGED = "not_acknowledged"
    CALL_FAILED = "call_failed"
    NOBODY_DISPATCHED = "nobody_dispatched"
    NOT_ARRIVED = "not_arrived"
    REPEAT = "repeat"
    AGAIN = "pressed_again"  # SOS on an alarm that somebody has already: this press too must reach a person


class Step(NamedTuple):
    """What is due on one alarm: a move (lapse, expire) or a call of `rung`, and why."""

    move: Move | None
    rung: int
    reason: str


def _wait(alarm: Alarm, ladder: tuple[Rung, ...], times: Times) -> tuple[float, Reason]:
    """Return how long a raised alarm waits on its rung after the last call, and why it goes on then."""
    if alarm.rung + 1 >= len(ladder) and len(alarm.calls) > 1:
        return times.repeat, Reason.REPEAT
    if alarm.calls and alarm.calls[-1].delivery is Delivery.FAILED:
        return 0.0, Reason.CALL_FAILED
    if alarm.rung == 0 and not alarm.accepted:
        return times.receipt, Reason.NO_RECEIPT
    if alarm.rung > 0 and alarm.calls and alarm.calls[-1].channel == PLATFORM and alarm.calls[-1].delivery is Delivery.WAITING:
        # A rung that the platform should call is no rung while the platform does not answer: on to the next channel.
        return min(times.receipt, _at(alarm, ladder).wait or times.rung), Reason.NO_RECEIPT
    if alarm.rung == 0:
        return (times.acknowledge_p1 if alarm.priority is Priority.P1 else times.acknowledge_p2), Reason.NOT_ACKNOWLEDGED
    return _at(alarm, ladder).wait or times.rung, Reason.NOT_ACKNOWLEDGED


def _at(alarm: Alarm, ladder: tuple[Rung, ...]) -> Rung:
    """Return the rung of an alarm; the last one where the ladder has become shorter since, or came from another box."""
    return ladder[min(alarm.rung, len(ladder) - 1)]


def again_at(alarm: Alarm, ladder: tuple[Rung, ...], times: Times) -> float:
    """Return when a renewed SOS on an answered alarm goes on to the next rung, since nobody took it so far; inf for never."""
    if alarm.state not in _ANSWERED or alarm.rung + 1 >= len(ladder) or not alarm.calls or alarm.calls[-1].reason != Reason.AGAIN:
        return inf
    last = alarm.calls[-1]
    if last.delivery is Delivery.FAILED:
        return alarm.called
    return alarm.called + times.receipt if last.channel == PLATFORM and last.delivery is Delivery.WAITING else inf


def due_at(alarm: Alarm, ladder: tuple[Rung, ...], times: Times) -> float:
    """Return the monotonic second at which `step` will have something to do for this alarm; inf for never."""
    return min(_state_ends(alarm, ladder, times), again_at(alarm, ladder, times))


def _state_ends(alarm: Alarm, ladder: tuple[Rung, ...], times: Times) -> float:
    urgent = alarm.priority <= Priority.P2 and not alarm.test
    p1 = alarm.priority is Priority.P1
    match alarm.state:
        case State.PRE_ALARM:
            return alarm.since.mono + alarm.grace
        case State.RAISED if urgent:
            return alarm.called + _wait(alarm, ladder, times)[0]
        case State.ACKNOWLEDGED if urgent:
            return alarm.since.mono + (times.dispatch_p1 if p1 else times.dispatch_p2)
        case State.DISPATCHED if urgent:
            return alarm.since.mono + (alarm.expected or (times.on_site_p1 if p1 else times.on_site_p2))
        case State.RAISED | State.ACKNOWLEDGED | State.DISPATCHED | State.ON_SITE if alarm.test:
            return alarm.since.mono + times.test_ends
    return inf


def step(alarm: Alarm, ladder: tuple[Rung, ...], times: Times, now: float) -> Step | None:
    """Return what is due on this alarm at monotonic second `now`, or None."""
    if now < _state_ends(alarm, ladder, times):
        return Step(None, _next(alarm, ladder), Reason.AGAIN) if now >= again_at(alarm, ladder, times) else None
    match alarm.state:
        case State.PRE_ALARM:
            return Step(Move.EXPIRE, 0, "grace_over")
        case State.ACKNOWLEDGED if not alarm.test:
            return Step(Move.LAPSE, _next(alarm, ladder), Reason.NOBODY_DISPATCHED)
        case State.DISPATCHED if alarm.test:
            return Step(Move.LAPSE, 0, Reason.NOT_ARRIVED)  # it may not close from here, and stays on rung 0
        case State.DISPATCHED:
            return Step(Move.LAPSE, _next(alarm, ladder), Reason.NOT_ARRIVED)
        case State.RAISED | State.ACKNOWLEDGED | State.ON_SITE if alarm.test:
            return Step(Move.CLOSE, 0, "test_over")
    return Step(None, _next(alarm, ladder), _wait(alarm, ladder, times)[1])


def _next(alarm: Alarm, ladder: tuple[Rung, ...]) -> int:
    return min(alarm.rung + 1, len(ladder) - 1)
