"""What a relative sees: whether all is well, and the hour of the last sign of life. Nothing else.

To the hour: what happened in the present one is not shown before it is over, or whoever looks again
and again would see the minute at which it changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from math import inf
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from gateway.contract import wire
from gateway.home.config import Config
from gateway.home.status import AlarmStatus, DeviceStatus, Status
from gateway.judge.alarm import ANSWERED, State
from gateway.page import guard
from gateway.page.accounts import Refusal, Role
from gateway.page.change import current, present
from gateway.page.device import heard
from gateway.page.door import refused, waiting
from gateway.page.known import DAY, Heard
from gateway.page.strip import strips
from gateway.page.visitor import (
    Anyone,
    Fields,
    NotSignedIn,
    Page,
    SignedIn,
    Stop,
    Visitor,
    checked,
)
from gateway.words.kind import Priority

router = APIRouter()
HOUR: Final = 3600.0
CALLS_WITHIN: Final = 4 * HOUR  # what calls for help is missed by then


def since(config: Config) -> str | None:
    """Return since when relatives may look, None where the resident does not let them."""
    return config.household.family_since if config.parts.consent.family else None


def ended(page: Page) -> None:
    """End the accounts of relatives whose consent was taken back, and their sessions."""
    for name in page.accounts.relatives.rest_on(since(present(page))):
        page.accounts.note(name, "", "consent_over")


def relative(v: SignedIn) -> Visitor:
    """Let in a relative, for as long as the resident lets them look."""
    if v.role is not Role.FAMILY:
        raise Stop(403)
    ended(v.page)
    assert v.session is not None  # who is signed in has one
    if v.page.accounts.session(v.session.key, touch=False) is None:
        raise NotSignedIn(first=False)
    return v


Relative = Annotated[Visitor, Depends(relative)]


@router.get("/family")
def family(v: Relative) -> Response:
    """Show a relative how things are, and nothing else."""
    return _family(v)


@router.post("/family/password")
def password(v: Relative, said: Fields) -> Response:
    """Change one's own password."""
    checked(v, said)
    assert v.session is not None  # a relative has one
    if said.get("password", "") != said.get("again", ""):
        return _family(v, 422, {"again": v.words("password_differs")})
    try:
        key = v.page.accounts.change_password(
            v.session, said.get("old", ""), said.get("password", ""), v.source
        )
    except Refusal as no:
        return _family(v, 429 if no.wait else 422, {no.field or "form": refused(v, no)})
    return v.signed_in(key, "/family?saved=1")


@router.get("/join")
def invited(v: Anyone) -> Response:
    """Ask a relative for the code of the invitation, and a password."""
    if not v.page.accounts.claimed():
        return RedirectResponse("/first", 303)
    if v.session is not None:
        return RedirectResponse("/", 303)
    return _join(v)


@router.post("/join")
async def join(v: Anyone, said: Fields) -> Response:
    """Make a relative's account, when it is this visitor's turn to try a code."""
    checked(v, said)
    try:
        v.page.accounts.tries.waits(v.source)
        async with v.page.turns.turn(guard.group(v.source)):
            return await run_in_threadpool(_joined, v, said)
    except Refusal as no:
        return await run_in_threadpool(_join_refused, v, said, no)


def _joined(v: Visitor, said: dict[str, str]) -> Response:
    if said.get("password", "") != said.get("again", said.get("password", "")):
        return _join(v, 422, said, {"again": v.words("password_differs")})
    ended(v.page)
    key = v.page.accounts.join(said.get("code", "")[:80], said.get("password", ""), v.source)
    return v.signed_in(key, "/family")


def _join_refused(v: Visitor, said: dict[str, str], no: Refusal) -> Response:
    wrong = {no.field or "form": refused(v, no)}
    return waiting(v, _join(v, 429 if no.wait else 422, said, wrong), no)


def _join(
    v: Visitor,
    status: int = 200,
    said: dict[str, str] | None = None,
    wrong: dict[str, str] | None = None,
) -> Response:
    return v.render("join.html", status, code=(said or {}).get("code", "")[:80], wrong=wrong or {})


def _family(v: Visitor, status: int = 200, wrong: dict[str, str] | None = None) -> Response:
    known, config = v.page.known, current(v)
    facts = known.status()
    now, alarms = known.now(facts), known.open_alarms()
    kept = config.parts.consent.activity
    return v.render(
        "_family.html" if "part" in v.request.query_params else "family.html",
        status,
        state=state(
            [*alarms, *known.unread(facts, alarms)],
            facts,
            known.faults(),
            reads=known.reads(),
        ),
        sign=_said(v, last_sign(known.day(now), facts, now, known.zone) if kept else None, now),
        kept=kept,
        now=now,
        saved="saved" in v.request.query_params,
        wrong=wrong or {},
    )


def state(
    alarms: Iterable[wire.AlarmMessage | AlarmStatus],
    facts: Status,
    faults: Iterable[wire.FaultMessage] = (),
    *,
    reads: bool = True,
) -> str:
    """Return well, looked_after, called, or unknown where the gateway cannot say.

    What the resident may still take back is no alarm yet; a test is none, nor what can wait (P3).
    `reads`: the journal can be read. A fault that somebody must see soon (P2), a receiver that
    hears nothing, and a device for calls that was not heard since the start leave it unknown.
    """
    if not facts.well:
        return "unknown"
    real = [
        a for a in alarms if not a.test and a.priority <= Priority.P2 and a.state != State.PRE_ALARM
    ]
    if real:
        return "looked_after" if all(a.state in ANSWERED for a in real) else "called"
    deaf = any(not r.hearing for r in facts.radio) or any(not x.open for x in facts.lines)
    soon = any(f.priority <= Priority.P2 and not f.test for f in faults)
    nobody = all(heard(d, facts) in {"missing", "unknown"} for d in facts.devices)
    awaited = any(heard(d, facts) == "unknown" and _calls(d) for d in facts.devices)
    return "unknown" if deaf or soon or nobody or awaited or not reads else "well"


def _calls(device: DeviceStatus) -> bool:
    """Say whether a device may be one that calls for help: those must say so within hours."""
    return device.slow or (device.missing_after or inf) <= CALLS_WITHIN


def last_sign(
    readings: Sequence[Heard], facts: Status, now: float, zone: ZoneInfo
) -> datetime | None:
    """Return the hour, by the home's clock, of the last sign of somebody in the last day.

    The present hour is left out.
    """
    over = _hour(now, zone).timestamp()
    devices = [(d.device, d.missing_after) for d in facts.guards]
    days = strips([r for r in readings if r.wall < over], devices, over).values()
    signs = [d.acted for d in days if d.acted is not None]
    signs += [over - DAY + until * 60 - 1 for d in days for _, until in d.there]
    last = max(signs, default=0.0)
    return _hour(min(last, over - 1), zone) if last >= over - DAY else None


def _hour(wall: float, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(wall, zone).replace(minute=0, second=0, microsecond=0)


def _said(v: Visitor, at: datetime | None, now: float) -> str:
    """Return that in words."""
    if at is None:
        return v.words("family.no_sign")
    t, begin = v.words, at.timestamp()
    same = t.local(begin, "%Y-%m-%d") == t.local(now, "%Y-%m-%d")
    day = t("family.today" if same else "family.yesterday")
    until = t.local(begin + HOUR, "%H:%M")
    return t("family.sign", day=day, since=t.local(begin, "%H:%M"), until=until)
