"""The life of one alarm: its states, the moves each state permits, and what a move changes.

Four axes, never one flag: condition (active / cleared), response (`State`), delivery (in `calls`),
masking. Clearing a condition closes nothing, an acknowledgement clears nothing, silence stops no
escalation. The table `MOVES` is the whole truth; a move outside it is refused whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gateway.words.bounds import Count, Id, Name, Text
from gateway.words.clock import Moment, When, stamp
from gateway.words.kind import Priority
from gateway.words.reading import DeviceId, Reading, Value
from gateway.words.say import Failed, Say


class State(StrEnum):
    """Where the response to an alarm stands."""

    PRE_ALARM = "pre_alarm"
    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"
    DISPATCHED = "dispatched"
    ON_SITE = "on_site"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class Move(StrEnum):
    """What changes the response.

    EXPIRE: the grace is over (or the gateway restarted in it); LAPSE: nobody acted in time.
    """

    EXPIRE = "expire"
    CONFIRM = "confirm"
    CANCEL = "cancel"
    ACKNOWLEDGE = "acknowledge"
    DISPATCH = "dispatch"
    DECLINE = "decline"
    RECALL = "recall"
    ARRIVE = "arrive"
    LAPSE = "lapse"
    CLOSE = "close"


MOVES: Mapping[State, Mapping[Move, State]] = {
    State.PRE_ALARM: {
        Move.EXPIRE: State.RAISED,
        Move.CONFIRM: State.RAISED,
        Move.CANCEL: State.CANCELLED,
    },
    State.RAISED: {
        Move.ACKNOWLEDGE: State.ACKNOWLEDGED,
        Move.DISPATCH: State.DISPATCHED,
        Move.ARRIVE: State.ON_SITE,
        Move.CLOSE: State.CLOSED,
    },
    State.ACKNOWLEDGED: {
        Move.DISPATCH: State.DISPATCHED,
        Move.ARRIVE: State.ON_SITE,
        Move.CLOSE: State.CLOSED,
        Move.LAPSE: State.RAISED,
    },
    State.DISPATCHED: {
        Move.ARRIVE: State.ON_SITE,
        Move.DECLINE: State.ACKNOWLEDGED,
        Move.RECALL: State.ACKNOWLEDGED,
        Move.LAPSE: State.RAISED,
    },
    # only of who said so by SMS, and takes it back
    State.ON_SITE: {Move.CLOSE: State.CLOSED, Move.LAPSE: State.RAISED},
    State.CLOSED: {},
    State.CANCELLED: {},
}
ENDED = frozenset({State.CLOSED, State.CANCELLED})
ANSWERED = frozenset({State.ACKNOWLEDGED, State.DISPATCHED, State.ON_SITE})  # somebody has it


class Outcome(StrEnum):
    """How an alarm ended. No alarm closes without one."""

    RESCUED = "rescued"
    HELPED = "helped"
    NO_HELP_NEEDED = "no_help_needed"
    FALSE_ALARM = "false_alarm"
    TEST = "test"
    DEVICE_FAULT = "device_fault"
    AWAY = "away"
    UNKNOWN = "unknown"


class Masking(StrEnum):
    """What keeps an alarm quiet. It never stops the journal, and silence never stops the ladder."""

    NONE = "none"
    SILENCED = "silenced"
    SHELVED = "shelved"


class Delivery(StrEnum):
    """How far a call got on its channel."""

    WAITING = "waiting"  # committed, not yet told
    SENT = "sent"  # the broker or the program has it
    # not told on purpose: a test stays off the ladder, and whoever is still to be called once
    # somebody has it
    HELD = "held"
    ACCEPTED = "accepted"  # the platform's receipt, or the program said it succeeded
    FAILED = "failed"  # the channel said no; the next rung follows at once


class NotAllowed(Failed):
    """A move that the table does not permit in this state. Nothing happened."""

    def __init__(self, state: State, move: Move) -> None:
        allowed = ", ".join(MOVES[state]) or Say("order.nothing_allowed")
        super().__init__(Say("order.not_allowed", state=state, move=move, allowed=allowed))


class Proof(Struct, frozen=True, forbid_unknown_fields=True):
    """A reading that the judgement rests on. `flagged`: its freshness could not be proved."""

    device: DeviceId
    kind: str
    value: Value
    at: When
    flagged: bool = False


def proof(r: Reading, boot: str) -> Proof:
    """Return a reading as the entry of an alarm or fault keeps it."""
    return Proof(r.device, r.kind.value, r.value, stamp(boot, r.at), r.flagged)


class Called(Struct, frozen=True, forbid_unknown_fields=True):
    """One call of the ladder: who, by which channel, why, when, and how far it got."""

    rung: Count
    responder: Text
    channel: Id
    reason: str
    at: When
    delivery: Delivery
    entry: Name = ""  # the ladder's entry that was called, whatever its place is by now
    round: Count = 0  # how often the ladder had begun again
    # when, on this power-up's clock, also where the call was made in an earlier one
    mono: float = 0.0


# Stages: the first time each was reached, so that one incident shows danger, alarm, push, dispatch
# and arrival to the second.
STAGE_OF: Mapping[State, str] = {
    State.PRE_ALARM: "danger",
    State.RAISED: "alarm",
    State.ACKNOWLEDGED: "answered",
    State.DISPATCHED: "dispatch",
    State.ON_SITE: "arrival",
    State.CLOSED: "closed",
    State.CANCELLED: "cancelled",
}
WITHDRAWN = "withdrawn"  # the stage of whoever was sent and does not come: declined, or called back


class Alarm(Struct, frozen=True, kw_only=True):
    """One alarm. `id` is for the world, `number` for people in this home.

    `since` is when the state was entered.
    """

    number: int
    id: str
    kind: str
    priority: Priority
    device: DeviceId
    room: str
    state: State
    since: Moment
    stages: Mapping[str, When]
    test: bool = False
    condition_active: bool = True
    masking: Masking = Masking.NONE
    grace: float = 0.0
    calls: tuple[Called, ...] = ()  # of a long list the first ones and the newest
    made: int = 0  # calls so far, also those that stand in `calls` no more
    rung: int = 0
    called: float = 0.0  # mono of the last call that the ladder waits for
    answered: float = 0.0  # mono since when somebody has it, in one of ANSWERED
    # an answer came to nothing, or help was withdrawn twice: from then on no answer of the platform
    # stops a call
    lapsed: bool = False
    vouched: bool = False  # the newest move was made by somebody in the home
    silenced: float = 0.0  # mono of the silence that holds
    by: str = ""
    reason: str = ""
    responder: str = ""
    # seconds from `since` until the responder should be there, 0 = the table's time
    expected: float = 0.0
    outcome: Outcome | None = None
    count: int = 1
    evidence: tuple[Proof, ...] = ()
    linked: str = ""
    listed: bool = False  # it can wait for today's list

    @property
    def open(self) -> bool:
        """True until the alarm is closed or cancelled."""
        return self.state not in ENDED

    @property
    def accepted(self) -> bool:
        """True once the platform's receipt covered the alarm."""
        return "push" in self.stages

    @property
    def calls_on(self) -> bool:
        """True while people are called one after another: nobody has it, or an answer lapsed.

        A platform that answers and sends by itself is believed once. After that an arrival counts,
        or who says so in the home.
        """
        said = self.state in {State.ACKNOWLEDGED, State.DISPATCHED}
        return self.state is State.RAISED or (said and self.lapsed and not self.vouched)


def moved(
    alarm: Alarm,
    move: Move,
    at: Moment,
    stamped: When,
    *,
    by: str,
    reason: str = "",
    vouched: bool = False,
) -> Alarm:
    """Return the alarm after `move`, or raise NotAllowed and change nothing.

    The first time of each stage is kept.

    Silence ends with the move. Whoever sends help and withdraws it may send other help, once: the
    second time counts as a lapse.
    """
    state = MOVES[alarm.state].get(move)
    if state is None:
        raise NotAllowed(alarm.state, move)
    withdraws = move in {Move.DECLINE, Move.RECALL}
    stages = {
        STAGE_OF[state]: stamped,
        **({WITHDRAWN: stamped} if withdraws else {}),
        **alarm.stages,
    }
    begins = state in ANSWERED and alarm.state not in ANSWERED
    return replace(
        loud(alarm),
        state=state,
        since=at,
        stages=stages,
        by=by,
        reason=reason,
        answered=round(at.mono, 3) if begins else alarm.answered,
        lapsed=alarm.lapsed or move is Move.LAPSE or (withdraws and WITHDRAWN in alarm.stages),
        vouched=vouched,
    )


def loud(alarm: Alarm) -> Alarm:
    """Return the alarm without its silence."""
    return (
        replace(alarm, masking=Masking.NONE, silenced=0.0)
        if alarm.masking is Masking.SILENCED
        else alarm
    )


def shifted(alarm: Alarm, seconds: float, now: Moment) -> Alarm:
    """Return an alarm of another power-up with `seconds` added to each monotonic time of it."""

    def on(mono: float) -> float:
        return round(mono + seconds, 3)

    return replace(
        alarm,
        since=now.later(on(alarm.since.mono)),
        called=on(alarm.called),
        answered=on(alarm.answered),
        silenced=on(alarm.silenced),
        calls=tuple(msgspec.structs.replace(call, mono=on(call.mono)) for call in alarm.calls),
    )
