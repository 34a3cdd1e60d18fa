"""What of an alarm's life is told aloud in the home, and the facts that programs get. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from gateway.home.config import Config
from gateway.judge.alarm import Alarm, Delivery, Masking, Move, State
from gateway.judge.book import AlarmFact
from gateway.judge.dispatch import Reason, Rung
from gateway.judge.faults.fact import FaultFact
from gateway.tell.waits import WAITS
from gateway.words import kind as kinds
from gateway.words.clock import Moment, Quality
from gateway.words.instruction import BY_SMS
from gateway.words.kind import Priority

_NOBODY_CAME = frozenset({Reason.NOT_ACKNOWLEDGED, Reason.NOBODY_DISPATCHED, Reason.NOT_ARRIVED})
_STATES = frozenset(
    {State.ACKNOWLEDGED, State.DISPATCHED, State.ON_SITE, State.CLOSED, State.CANCELLED}
)


def silent(alarm: Alarm, config: Config) -> bool:
    """Say whether nothing of an alarm may be heard: a call for help that must stay secret."""
    return config.quiet_sos and alarm.kind in {kinds.SOS, kinds.HELP}


def word(fact: AlarmFact, *, moved: bool, called: bool, passed: bool = False) -> str:
    """Return what happened as the voice knows it, "" for what is not told.

    `called`: this entry calls a further person; `passed`: somebody is passed over by it, and the
    next entry calls. A test is not told: the walk test is watched.
    """
    alarm = fact.alarm
    if alarm.test or alarm.priority > Priority.P2:
        return ""
    if moved and alarm.state in _STATES:
        never_loud = fact.before is State.PRE_ALARM and alarm.state is State.CLOSED
        return "" if never_loud else alarm.state.value
    if passed:
        return ""
    if moved and alarm.state is State.RAISED and fact.move is Move.LAPSE:
        return "raised_again"
    if fact.move == "receipt" and alarm.state is State.RAISED:
        return "receipt"
    if not called or len(alarm.calls) < 2:
        return ""
    return "raised_again" if _why(alarm) in _NOBODY_CAME else "calling"


def _why(alarm: Alarm) -> str:
    """Return why somebody is called now; where others were just passed over, why they were due."""
    newest = why = alarm.calls[-1]
    for call in reversed(alarm.calls[:-1]):
        if call.delivery is not Delivery.FAILED or newest.mono - call.mono >= WAITS.passed_over:
            break
        why = call
    return why.reason


def facts(alarm: Alarm, config: Config, *, night: bool) -> Mapping[str, str]:
    """Return what the program that sounds is told beside the alarm itself, as its environment."""
    quiet = alarm.masking is Masking.SILENCED or not alarm.calls_on
    return {
        "ELDERCARE_CANCEL": config.cancel_by,
        "ELDERCARE_MINUTES": f"{math.ceil(alarm.expected / 60)}" if alarm.expected > 0 else "",
        "ELDERCARE_QUIET": "1" if quiet else "0",
        "ELDERCARE_NIGHT_VOLUME": f"{config.night_volume:g}" if night else "",
    }


def of_rung(alarm: Alarm, rung: Rung, config: Config, entry: str) -> Mapping[str, str]:
    """Return what a rung is told by `entry`; one that makes a noise also whether it may."""
    silenced = "1" if alarm.masking is Masking.SILENCED else "0"
    quiet = {"ELDERCARE_QUIET": silenced} if rung.sounds else {}
    return {**where_and_when(alarm, config), **quiet, "ELDERCARE_ENTRY": entry}


def where_and_when(alarm: Alarm, config: Config) -> Mapping[str, str]:
    """Return what the program that calls a person is told beside the alarm: which home, since when.

    The time of day is that of the home; "" where its clock is known to be wrong. With somebody on
    site: whether only his own SMS says so.
    """
    home = config.household.household
    place = " ".join(part for part in (home.number if home else "", config.place.area) if part)
    began = alarm.stages.get("danger")
    since = ""
    if began is not None and began.clock != Quality.WRONG:
        since = f"{datetime.fromisoformat(began.wall).astimezone(config.zone):%H:%M}"
    arrived = BY_SMS if alarm.state is State.ON_SITE and alarm.reason == BY_SMS else ""
    return {"ELDERCARE_HOME": place, "ELDERCARE_SINCE": since, "ELDERCARE_ARRIVED": arrived}


def stand_in(fact: FaultFact, number: int) -> Alarm:
    """Return what stands in for an alarm where a program tells of the fault of entry `number`."""
    return Alarm(
        number=-number - 1,
        id=f"fault-{number}",
        kind=fact.kind,
        priority=fact.priority,
        device=fact.device,
        room=fact.room,
        state=State.RAISED,
        since=fact.since,
        stages={},
    )


def asks(fact: FaultFact, number: int) -> Alarm:
    """Return what stands in for an alarm while the home asks: the question of entry `number`."""
    about = str(fact.detail.get("about", ""))
    said = stand_in(fact, number)
    return replace(said, kind=about, priority=Priority.P2, state=State.PRE_ALARM)


def trial(at: Moment) -> Alarm:
    """Return what stands in for an alarm while the loudspeaker is tried."""
    return Alarm(
        number=0,
        id="try",
        kind=kinds.TEST,
        priority=Priority.P4,
        device="",
        room="",
        state=State.RAISED,
        since=at,
        stages={},
        test=True,
    )
