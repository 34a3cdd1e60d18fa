"""A technician on duty has this gateway's alarms on a phone: set on that phone, tried, ended.

Off until a technician taps the button on the phone itself and its browser agrees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import quote

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from gateway.page import sealed
from gateway.page.acts import whole
from gateway.page.subscriptions import MOST, OF_ONE, Full, Phone, understood
from gateway.page.visitor import Fields, Technician, Visitor, checked
from gateway.page.zh import ZH

router = APIRouter()
_SAID: Final = "duty.said."
# What may stand behind /box?duty=: what was done, or what came of a message.
WORDS: Final = frozenset(key.removeprefix(_SAID) for key in ZH if key.startswith(_SAID))
WELL: Final = frozenset({"set", "ended", "sent"})


class Shown(NamedTuple):
    """What the page shows: the gateway's public key, one's own phones, and what was just done."""

    key: str
    phones: Sequence[tuple[Phone, bool]]  # whether it is this one
    here: bool
    said: str
    well: bool


def shown(v: Visitor) -> Shown:
    """Return what a technician sees of it."""
    assert v.session is not None  # a technician has one
    this = v.phone
    phones = [(p, bool(this) and p.device == this) for p in v.page.phones.of(v.session.name)]
    word = v.request.query_params.get("duty", "")
    return Shown(
        sealed.text(sealed.point(sealed.from_kept(v.page.phones.key()))),
        phones,
        any(mine for _, mine in phones),
        v.words(f"{_SAID}{word}", most=MOST, own=OF_ONE) if word in WORDS else "",
        word in WELL,
    )


@router.post("/box/phone")
def begin(v: Technician, said: Fields) -> Response:
    """Send alarms to this phone from now on."""
    checked(v, said)
    return v.page.twice.once(v.bound, said, lambda: _begin(v, said))


def _begin(v: Visitor, said: Mapping[str, str]) -> Response:
    assert v.session is not None  # a technician has one
    found = understood(said)
    if found is None:
        return _back("cannot")
    try:
        number = v.page.phones.add(v.session.name, v.phone, *found)
    except Full:
        return _back("full")
    phone = next((p for p in v.page.phones.of(v.session.name) if p.number == number), None)
    v.page.accounts.note(
        v.session.name, v.source, "phone_set", phone.service if phone is not None else ""
    )
    return _back("set")


@router.post("/box/phone/end")
def end(v: Technician, said: Fields) -> Response:
    """Send no more alarms to one of one's own phones."""
    checked(v, said)
    return v.page.twice.once(v.bound, said, lambda: _end(v, said))


def _end(v: Visitor, said: Mapping[str, str]) -> Response:
    assert v.session is not None  # a technician has one
    if v.page.phones.end(max(0, whole(said.get("phone", ""))), v.session.name):
        v.page.accounts.note(v.session.name, v.source, "phone_ended")
    return _back("ended")


@router.post("/box/phone/test")
async def test(v: Technician, said: Fields) -> Response:
    """Send a test to one of one's own phones, and show what its push service answers."""
    checked(v, said)
    assert v.session is not None  # a technician has one
    phones = await run_in_threadpool(v.page.phones.of, v.session.name)
    number = whole(said.get("phone", ""))
    phone = next((p for p in phones if p.number == number), None)
    if phone is None:
        return _back("gone")
    answer = await v.page.notifier.test(phone)
    return _back(answer.word)


def _back(word: str) -> Response:
    return RedirectResponse(f"/box?duty={quote(word)}#duty", 303)
