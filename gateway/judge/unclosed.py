"""Who is told that an alarm with somebody on site is still open. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Final

from gateway.judge.alarm import Alarm, Delivery, State
from gateway.words.instruction import BY_SMS
from gateway.words.times import Times

NOT_CLOSED: Final = "not_closed"  # the reason of such a call


def by_sms_alone(alarm: Alarm) -> bool:
    """Say whether only an SMS of whoever came says that somebody is there: it may be mistaken."""
    return alarm.state is State.ON_SITE and alarm.reason == BY_SMS and not alarm.test


def reminder(alarm: Alarm, persons: Sequence[tuple[int, str]], times: Times) -> tuple[float, int]:
    """Return when which rung is told, or inf; `persons`: rung and entry of who can be called.

    The desk is told, and again and again. Where only an SMS says that somebody is there, and the
    platform gives no receipt, each person is told too: the SMS may have been a mistake.
    """
    if alarm.state is not State.ON_SITE or alarm.test:
        return inf, 0
    told = [call for call in alarm.calls if call.reason == NOT_CLOSED]
    if not told:
        return alarm.since.mono + times.on_site_close, 0
    desk = max((n for n, call in enumerate(told) if call.rung == 0), default=0)
    known = {call.entry for call in told[desk + 1 :]}
    person = next((rung for rung, entry in persons if entry not in known), None)
    unheard = told[desk].rung == 0 and told[desk].delivery is not Delivery.ACCEPTED
    if person is not None and unheard and alarm.reason == BY_SMS:
        return told[desk].mono + times.receipt, person
    return alarm.called + times.close_again, 0
