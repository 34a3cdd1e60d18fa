"""What a form on the page becomes: an instruction of the contract, or words beside wrong fields.

The daemon decides; here is only refused what a person can put right at once. Each form carries an
id made when it was drawn: sent twice, by a double tap or a page that was loaded again, it acts
once.
"""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from gateway.contract import orders, wire
from gateway.home.status import Status
from gateway.judge.alarm import MOVES, Move, Outcome, State
from gateway.page.en import EN
from gateway.page.known import Known
from gateway.page.visitor import Visitor
from gateway.page.waits import WAITS
from gateway.page.zh import ZH
from gateway.words import kind
from gateway.words.clock import boot_name
from gateway.words.instruction import Do
from gateway.words.kind import Priority
from gateway.words.times import Times
from gateway.words.wide import visible

ON_ALARM: Final = {
    Do.ACKNOWLEDGE: Move.ACKNOWLEDGE,
    Do.DISPATCH: Move.DISPATCH,
    Do.DECLINE: Move.DECLINE,
    Do.RECALL: Move.RECALL,
    Do.ARRIVE: Move.ARRIVE,
    Do.CLOSE: Move.CLOSE,
}
DOES: Final = frozenset(
    {*ON_ALARM, Do.SILENCE, Do.SHELVE, Do.CONFIRM, Do.AWAY, Do.TEST}
)  # what these forms may ask for, no more
HOURS = (1, 2, 4, 8, 12, 24)
SHELVED_MOST = HOURS[-1] * 3600.0
TEXT_MOST = 200
_ONCE = re.compile("[0-9a-f]{24}")
_LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d", re.ASCII)
# What is the natural next thing to do: drawn large.
NEXT: Final = {
    State.RAISED: Do.ACKNOWLEDGE,
    State.ACKNOWLEDGED: Do.DISPATCH,
    State.DISPATCHED: Do.ARRIVE,
    State.ON_SITE: Do.CLOSE,
}

TRIED = frozenset(
    {kind.SOS, kind.HELP, kind.SMOKE, kind.GAS, kind.CO}
)  # what a key of a device raises


@dataclass(slots=True)
class Wrong:
    """A form that was not sent on: which, what is wrong by field, and what was typed.

    What is wrong is a key of the catalogue with its values.
    """

    form: str
    fields: dict[str, tuple[str, dict[str, object]]] = field(default_factory=dict)
    typed: dict[str, str] = field(default_factory=dict)


def once() -> str:
    """Return the id of a form that is drawn now."""
    return secrets.token_hex(12)


def once_of(said: Mapping[str, str]) -> str:
    """Return the id that a form was drawn with, a new one where it has none."""
    number = said.get("once", "")
    return number if _ONCE.fullmatch(number) else once()


def done(said: Mapping[str, str], known: Known) -> str:
    """Return the instruction of a form that was carried out already, "" where it was not.

    Of a double tap the second meets what the first has done.
    """
    number = said.get("once", "")
    name = f"page-{number}"
    return name if _ONCE.fullmatch(number) and known.result(name) is not None else ""


def whole(text: str) -> int:
    """Return a whole number as it was typed, -1 where it is none; Python also calls ² a digit."""
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else -1


def possible(alarm: wire.AlarmMessage) -> list[Do]:
    """Return what may be done with an alarm as it stands, the natural next thing first."""
    found = [do for do, move in ON_ALARM.items() if move in MOVES[alarm.state]]
    if alarm.state in {State.PRE_ALARM, State.RAISED} and alarm.masking == "none":
        found.append(Do.SILENCE)
    return sorted(found, key=lambda do: do is not NEXT.get(alarm.state))


def outcomes(alarm: wire.AlarmMessage, facts: Status) -> list[str]:
    """Return the outcomes that fit. A test ends as a test, a real alarm only while installing."""
    if alarm.test:
        return [Outcome.TEST.value]
    came_of_it = any(a.installing for a in facts.alarms if a.alarm == alarm.alarm)
    return [o.value for o in Outcome if o is not Outcome.TEST or came_of_it]


def tried(alarm: wire.AlarmMessage, ago: float) -> bool:
    """Say whether a technician is asked if he tried a device. Without his answer it is real."""
    return (
        alarm.kind in TRIED
        and not alarm.test
        and alarm.state is State.RAISED
        and 0 <= ago <= WAITS.tried
    )


def minutes_most(alarm: wire.AlarmMessage, times: Times) -> int:
    """Return the longest a responder may be expected to take."""
    return int(times.longest_on_site(Priority(alarm.priority)) // 60)


def instruction(
    said: Mapping[str, str], by: str, known: Known, times: Times
) -> wire.InstructionMessage | Wrong:
    """Return what is to be left for the daemon, or what is wrong with the form."""
    do = Do(said["do"])
    wrong = Wrong(_form(said), typed={k: v for k, v in said.items() if k not in {"key", "once"}})
    fields: dict[str, str | float] = {}
    reason = said.get("reason", "").strip()
    if do is Do.CLOSE and said.get("tried"):
        reason = f"{ZH['acts.tried_reason']} {EN['acts.tried_reason']}"
    if len(reason) > TEXT_MOST:
        wrong.fields["reason"] = ("wrong.long", {"most": TEXT_MOST})
    if do in ON_ALARM or do is Do.SILENCE:
        _about_alarm(do, said, known, times, fields, wrong)
    elif do is Do.SHELVE:
        fields["device"] = said.get("device", "")[:80]
        if said.get("until"):  # what was just ended, taken back
            fields["seconds"] = _until(said, known, wrong, "hours", SHELVED_MOST)
            reason = f"{ZH['undo.reason']} {EN['undo.reason']}"
        else:
            fields["seconds"] = _hours(said, wrong)
        if fields["seconds"] and not reason:
            wrong.fields["reason"] = ("wrong.missing", {})
    elif do is Do.CONFIRM:
        fields["device"] = said.get("device", "")[:80]
    elif do is Do.AWAY:
        fields["seconds"] = _away(said, known, wrong)
    if wrong.fields:
        return wrong
    return orders.message(
        orders.ORDERS[do](**fields),
        gateway=known.gateway(),
        id=f"page-{once_of(said)}",
        by=by,
        reason=reason,
        boot=boot_name(),
    )


def _form(said: Mapping[str, str]) -> str:
    return "-".join(filter(None, (said["do"], said.get("alarm", ""), said.get("device", ""))))


def _about_alarm(
    do: Do,
    said: Mapping[str, str],
    known: Known,
    times: Times,
    fields: dict[str, str | float],
    wrong: Wrong,
) -> None:
    alarm = known.by_id(said.get("alarm", "")[:80])
    if alarm is None:
        wrong.fields["form"] = ("wrong.gone", {})
        return
    if (
        said.get("seen", alarm.state) != alarm.state
    ):  # a colleague, or the desk, was quicker: nothing is overwritten blindly
        wrong.fields["form"] = ("wrong.moved", {"state": alarm.state.value})
        return
    fields["alarm"] = alarm.alarm
    if do is Do.DISPATCH:
        responder, most = visible(said.get("responder", "")), minutes_most(alarm, times)
        fields["responder"] = responder
        if not responder:
            wrong.fields["responder"] = ("wrong.missing", {})
        elif len(responder) > 80:
            wrong.fields["responder"] = ("wrong.long", {"most": 80})
        minutes = said.get("minutes", "").strip()
        if not re.fullmatch("[0-9]{1,4}", minutes) or not 1 <= int(minutes) <= most:
            wrong.fields["minutes"] = ("wrong.minutes", {"most": most})
        else:
            fields["seconds"] = int(minutes) * 60.0
    elif do is Do.CLOSE and said.get("tried"):  # it was real and stays so: no test is made of it
        fields["outcome"] = Outcome.NO_HELP_NEEDED.value
        if not said.get("sure"):
            wrong.fields["sure"] = ("wrong.sure", {})
    elif do is Do.CLOSE:
        fields["outcome"] = said.get("outcome", "")
        if fields["outcome"] not in outcomes(alarm, known.status()):
            wrong.fields["outcome"] = ("wrong.outcome", {})


def _hours(said: Mapping[str, str], wrong: Wrong) -> float:
    text = said.get("hours", "")
    if text == "0":
        return 0.0  # ends it: more protection needs no reason
    if whole(text) not in HOURS:
        wrong.fields["hours"] = ("wrong.hours", {})
        return 0.0
    return whole(text) * 3600.0


def _away(said: Mapping[str, str], known: Known, wrong: Wrong) -> float:
    if said.get("until") == "0":
        return 0.0
    return _until(said, known, wrong, "until", WAITS.away_most)


def _until(said: Mapping[str, str], known: Known, wrong: Wrong, name: str, most: float) -> float:
    """Return the seconds until a time of the home; what is wrong with it stands at field `name`."""
    now = known.now(known.status())
    until = _wall(said.get("until", ""), known)
    if not 60 <= until - now <= most:
        wrong.fields[name] = (f"wrong.{name}", {})
    return math.ceil(until - now)  # never a second short: 18:00 is read as 18:00


def _wall(local: str, known: Known) -> float:
    """Return a time of the home, as a form has it, as wall seconds; 0.0 for what is none."""
    try:
        return datetime.fromisoformat(local).replace(tzinfo=known.zone).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def before(v: Visitor, now: float, most: float) -> tuple[str, float] | None:
    """Return until when an away or a shelf stood that was just ended, while it would still last.

    It is (as its form has it, wall seconds), at most `most` seconds from now.
    """
    was = v.request.query_params.get("was", "")
    wall = _wall(was, v.page.known) if _LOCAL.fullmatch(was) else 0.0
    return (was, wall) if v.technician and 60 <= wall - now <= most else None


def notice(v: Visitor, wrong: Wrong | None = None) -> tuple[bool, str] | None:
    """Return (well, sentence) of the instruction that was just left, or of why it was not."""
    if wrong is not None and "form" in wrong.fields:
        word, more = wrong.fields["form"]
        said = {k: v.words.named("state", str(w)) for k, w in more.items()}
        return False, v.words(word, **said)
    told, did = v.request.query_params.get("told", ""), v.request.query_params.get("did", "")
    if not told or did not in DOES:
        return None
    # an away or a shelf that was ended is not what was done
    over = {Do.AWAY: "home", Do.SHELVE: "unshelve"} if "was" in v.request.query_params else {}
    do = v.words.named("do", over.get(Do(did), did))
    result = v.page.known.result(told[:80])
    if result is None:
        return False, v.words("told.waiting", do=do)
    if result.accepted:
        return True, v.words("told.done", do=do)
    return False, v.words("told.refused", do=do, why=v.words.pair(result.zh, result.en))
