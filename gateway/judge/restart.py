"""What a restart takes over: open alarms with their waits, what was judged, lost calls.

Pure. A pre-alarm becomes an alarm; nothing else that is restored raises anything.
"""

from __future__ import annotations

from gateway.judge.alarm import Alarm, Move, State, shifted
from gateway.judge.book import is_walk
from gateway.judge.conditions import end_of
from gateway.judge.danger import Ended, Judge
from gateway.judge.dispatch import Reason, interrupted
from gateway.judge.known import Known
from gateway.judge.levels import Key
from gateway.judge.open_alarms import OpenAlarms
from gateway.judge.pending import Pending
from gateway.words.clock import Moment
from gateway.words.times import Times


def take_alarms(alarms: OpenAlarms, judge: Judge, known: Known, now: Moment) -> list[Alarm]:
    """Take over the alarms that are no walk test's.

    Return the ended ones whose conditions nobody has watched since.
    """
    active: set[Key] = set()
    over: dict[Key, Ended] = {}
    unwatched = []
    for alarm, same_boot in known.alarms:
        if is_walk(alarm):
            continue
        key = alarm.kind, alarm.device
        watched = alarm.open or (same_boot and not judge.endless(*key))
        if watched and alarm.condition_active:
            active.add(key)
        if alarm.open:
            over.pop(key, None)
            # What has passed of each wait is known: it goes on, whatever the power did.
            shift = known.shift.get(alarm.number, now.mono - alarm.since.mono)
            alarms.resume(
                alarm if same_boot else shifted(alarm, shift, now),
                known.raised_in.get(alarm.number),
            )
            continue
        alarms.linger(alarm)
        over[key] = end_of(alarm)
        unwatched += [] if watched else [alarm]
    judge.restore(active, now, over)
    judge.listed_before(alarm.device for alarm, _ in known.alarms if alarm.listed)
    return unwatched


def take_pending(judge: Judge, pending: Pending, times: Times) -> None:
    """Let the judge go on with what was heard before a restart and is not told yet."""
    judge.resume(
        heard=pending.heard,
        doors=pending.doors,
        in_bed=pending.in_bed if pending.away < times.level_lost else {},
        left_bed=pending.left_bed,
        same_boot=pending.same_boot,
        moved=pending.moved,
    )


def tell_open(alarms: OpenAlarms, known: Known, now: Moment, why: str) -> None:
    """Write down how the open alarms go on, and call whom a cut has left without a call."""
    for alarm in [a for a in alarms.open.values() if not is_walk(a)]:
        if alarm.state is State.PRE_ALARM:
            alarms.raise_now(alarm, Move.EXPIRE, now, reason="restart")
        elif alarm.number not in known.carried:
            # Written down once in this boot (and this journal), so that its waits go on from
            # here over further restarts.
            alarms.say(alarm, "restored", now, reason=why)
    for alarm in [a for a in alarms.open.values() if not a.test]:
        for rung in interrupted(alarm, alarms.ladder, alarms.times, now.mono):
            alarms.call(
                alarms.open[alarm.number], rung, Reason.INTERRUPTED, now, before=alarm.state
            )
