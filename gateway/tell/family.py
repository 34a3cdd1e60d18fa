"""Relatives are informed, not asked: of an alarm, that somebody has it, that it is over, weekly.

Nobody waits for them, and what they are told is no alarm: it is the last thing that a program does,
and makes room for a call. Nothing is told until the resident has agreed (`consent.family`), and
nothing of a call for help that must stay secret: who threatens may be a relative.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.home.config import Config
from gateway.judge.alarm import ANSWERED, Alarm, State
from gateway.judge.book import AlarmFact
from gateway.judge.faults.fact import FaultFact
from gateway.sms import family
from gateway.tell.spoken import silent, where_and_when
from gateway.words import kind as kinds
from gateway.words.clock import Moment
from gateway.words.kind import Priority


def agreed(config: Config) -> bool:
    """Say whether anybody is to be informed."""
    return bool(config.informed) and config.parts.consent.family


def news(fact: AlarmFact, config: Config) -> str:
    """Return which news of an alarm relatives get, "" for none: each of the three once."""
    alarm, before = fact.alarm, fact.before
    if alarm.test or alarm.priority > Priority.P2 or silent(alarm, config):
        return ""
    if before is alarm.state:
        return ""
    if alarm.state is State.RAISED and before in {None, State.PRE_ALARM}:
        return family.ALARM
    if alarm.state in ANSWERED and before is State.RAISED and not alarm.lapsed:
        return family.TAKEN
    closed = alarm.state is State.CLOSED and before is not State.PRE_ALARM
    return family.OVER if closed else ""


def of_alarm(alarm: Alarm, config: Config) -> Mapping[str, str]:
    """Return what the program is told of an alarm: in which home, since when, and no more."""
    return {**where_and_when(alarm, config), "ELDERCARE_ARRIVED": ""}


def of_week(fact: FaultFact, config: Config) -> Mapping[str, str]:
    """Return what the program is told of a week."""
    home = config.household.household
    place = " ".join(part for part in (home.number if home else "", config.place.area) if part)
    days, is_open = str(fact.detail.get("days", "")), fact.detail.get("open") is True
    return {
        "ELDERCARE_HOME": place,
        "ELDERCARE_DAYS": days,
        "ELDERCARE_OPEN": "1" if is_open else "0",
    }


def stand_in(number: int, at: Moment) -> Alarm:
    """Return what stands in for an alarm while relatives are told of entry `number`.

    It is of a kind of its own, and last in every row: no call waits for it, and none is saved by
    it.
    """
    return Alarm(
        number=-number - 1,
        id=f"family-{number}",
        kind=kinds.FAMILY_WORD,
        priority=Priority.P4,
        device="",
        room="",
        state=State.RAISED,
        since=at,
        stages={},
    )
