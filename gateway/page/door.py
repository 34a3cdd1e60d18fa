"""First visit, signing in and out."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from gateway.page import guard
from gateway.page.accounts import Refusal
from gateway.page.visitor import Anyone, Fields, SignedIn, Visitor, checked

router = APIRouter()
UNSEEN = frozenset({"wait", "locked", "crowded"})  # refused without a look


@router.get("/first")
def first(v: Anyone) -> Response:
    """Ask for the code of the box and a password."""
    if v.page.accounts.claimed():
        return RedirectResponse("/sign-in", 303)
    return _first(v)


@router.post("/first")
async def begin(v: Anyone, said: Fields) -> Response:
    """Make the first account, when it is this visitor's turn to try a code."""
    checked(v, said)
    try:
        v.page.accounts.tries.waits(v.source)
        async with v.page.turns.turn(guard.group(v.source)):
            return await run_in_threadpool(_begun, v, said)
    except Refusal as no:
        return await run_in_threadpool(_first_refused, v, said, no)


def _begun(v: Visitor, said: dict[str, str]) -> Response:
    if v.page.accounts.claimed():
        return _sign_in(v, 409, "claimed_already")
    if said.get("password", "") != said.get("again", said.get("password", "")):
        return _first(v, 422, said, {"again": v.words("password_differs")})
    try:
        key = v.page.accounts.claim(
            said.get("code", "")[:80],
            said.get("name", "").strip(),
            said.get("password", ""),
            v.source,
        )
    except Refusal as no:
        if no.word == "claimed_already":
            return _sign_in(v, 409, no.word)
        return _first_refused(v, said, no)
    return v.signed_in(key)


@router.get("/sign-in")
def door(v: Anyone) -> Response:
    """Ask for name and password."""
    if not v.page.accounts.claimed():
        return RedirectResponse("/first", 303)
    if v.session is not None:
        return RedirectResponse("/", 303)
    return _sign_in(v, 200, "in.idle" if "idle" in v.request.query_params else "")


@router.post("/sign-in")
async def sign_in(v: Anyone, said: Fields) -> Response:
    """Begin a session: at once for a device that signed in before, else at this visitor's turn."""
    checked(v, said)
    accounts, name = v.page.accounts, said.get("name", "").strip()[:40]
    if not await run_in_threadpool(accounts.claimed):
        return RedirectResponse("/first", 303)
    try:
        if await run_in_threadpool(accounts.knows_device, name, v.device):
            return await run_in_threadpool(_signed_in, v, name, said)
        accounts.tries.waits(v.source)
        async with v.page.turns.turn(guard.group(v.source)):
            return await run_in_threadpool(_signed_in, v, name, said)
    except Refusal as no:
        return await run_in_threadpool(_sign_in_refused, v, name, no)


def _first_refused(v: Visitor, said: dict[str, str], no: Refusal) -> Response:
    wrong = {no.field or "form": refused(v, no)}
    return waiting(v, _first(v, 429 if no.wait else 422, said, wrong), no)


def _sign_in_refused(v: Visitor, name: str, no: Refusal) -> Response:
    return waiting(v, _sign_in(v, 429 if no.wait else 422, refused(v, no), name), no)


def _signed_in(v: Visitor, name: str, said: dict[str, str]) -> Response:
    return v.signed_in(v.page.accounts.sign_in(name, said.get("password", ""), v.source, v.device))


@router.post("/sign-out")
def sign_out(v: SignedIn, said: Fields) -> Response:
    """End the session, and that alarms come to this phone. One that is left alone goes on."""
    checked(v, said)
    assert v.session is not None  # who is signed in has one
    v.page.phones.end_device(v.session.name, v.phone)
    v.page.accounts.sign_out(v.session, v.source)
    return v.signed_out()


def refused(v: Visitor, no: Refusal) -> str:
    """Return why, in words."""
    return v.words(no.word, seconds=round(no.wait + 0.5), minutes=round(no.wait / 60 + 0.5))


def _first(
    v: Visitor,
    status: int = 200,
    said: dict[str, str] | None = None,
    wrong: dict[str, str] | None = None,
) -> Response:
    typed = {
        k: w for k, w in (said or {}).items() if k in {"code", "name"}
    }  # a password is never sent back
    return v.render("first.html", status, typed=typed, wrong=wrong or {})


def _sign_in(v: Visitor, status: int, notice: str = "", name: str = "") -> Response:
    return v.render("signin.html", status, notice=v.words(notice) if notice else "", name=name)


def waiting(v: Visitor, response: Response, no: Refusal) -> Response:
    """Return an answer that says when to try again; a try that nobody looked at is counted."""
    if no.word in UNSEEN:
        v.page.accounts.unseen()
    if no.wait:
        response.headers["retry-after"] = str(round(no.wait + 0.5))
    return response
