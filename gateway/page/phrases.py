"""Phrases of the voice in a relative's own words: recorded with the phone, heard, kept, taken back.

The phone makes a WAV of what it hears, or of a file that is chosen; here it is made as loud as the
phrase that it replaces. It goes to the daemon as a key does, and nothing of it stays with the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from gateway.contract.orders import SoundTest
from gateway.home import phrases as home
from gateway.home.handed import Handed
from gateway.page import guard
from gateway.page.change import Answer, Form, configure, current, drawn, left
from gateway.page.saved import sent
from gateway.page.upload import Upload, said_in
from gateway.page.visitor import Fields, Stop, Technician, Visitor, checked
from gateway.words.instruction import What
from gateway.words.wide import printed

router = APIRouter()
HERE: Final = "/rules/phrases"
DID: Final = frozenset({"kept", "shipped", "heard"})


@router.get(HERE)
def phrases(v: Technician) -> Response:
    """Show every phrase that can be recorded, and one of them to be recorded."""
    return _phrases(v, _asked(v))


@router.post(HERE)
async def keep(v: Technician, parts: Upload) -> Response:
    """Keep a recording in the place of the shipped phrase, or of an earlier recording."""
    phrase = _asked(v)
    if not phrase:
        raise Stop(404)
    if parts is None:  # nothing of it was read, not even the form's key, and nothing is done
        return await run_in_threadpool(_wrong, v, phrase, {}, v.words.told(home.large()), 413)
    said = said_in(parts)
    checked(v, said)
    data = parts.get("file", b"")
    if not data:
        return await run_in_threadpool(_wrong, v, phrase, said, v.words("wrong.missing"))
    try:
        given = Handed(sound=await run_in_threadpool(home.fitted, v.page.config, phrase, data))
    except home.Unfit as no:
        return await run_in_threadpool(_wrong, v, phrase, said, v.words.told(no.say))
    answer = await configure(v, said, What.SET_PHRASE, {"phrase": phrase}, given)
    return await _answered(v, phrase, said, answer, "kept")


@router.post(f"{HERE}/shipped")
async def shipped(v: Technician, said: Fields) -> Response:
    """Delete a recording: the shipped phrase is heard again."""
    checked(v, said)
    phrase = _of(said.get("phrase", ""))
    answer = await configure(v, said, What.SET_PHRASE, {"phrase": phrase, "shipped": True})
    return await _answered(v, phrase, said, answer, "shipped")


@router.post(f"{HERE}/hear")
async def hear(v: Technician, said: Fields) -> Response:
    """Let a phrase be heard in the home, as loud as in an alarm."""
    checked(v, said)
    phrase = _of(said.get("phrase", ""))
    answer = await left(v, SoundTest(step=phrase), said)
    sent(v.request, "")  # what is heard is not saved
    return await _answered(v, phrase, said, answer, "heard")


async def _answered(
    v: Visitor, phrase: str, said: Mapping[str, str], answer: Answer, did: str
) -> Response:
    if answer.accepted:
        return RedirectResponse(f"{HERE}?phrase={phrase}&did={did}#record", 303)
    status = 409 if answer.moved else 422
    return await run_in_threadpool(_phrases, v, phrase, Form("phrase", dict(said), answer), status)


def _wrong(
    v: Visitor, phrase: str, said: Mapping[str, str], told: str, status: int = 422
) -> Response:
    form = Form("phrase", dict(said), Answer(fields={"sound": told}))
    return _phrases(v, phrase, form, status)


def _asked(v: Visitor) -> str:
    """Return the phrase that the address names, "" without one."""
    name = v.request.query_params.get("phrase", "")
    return _of(name) if name else ""


def _of(name: str) -> str:
    if name not in home.RECORDABLE:
        raise Stop(404)
    return name


def _phrases(v: Visitor, phrase: str = "", form: Form | None = None, status: int = 200) -> Response:
    config, form = current(v), form or Form()
    did = v.request.query_params.get("did", "")
    response = drawn(
        v,
        "phrases.html",
        status,
        form,
        phrase=phrase,
        groups=home.GROUPS,
        texts={name: printed(text) for name, text in home.texts(config).items()},
        own=config.household.recordings,
        revision=config.household.revision,
        speaks=bool(config.sound_words),
        did=did if did in DID and not form.name else "",
        longest=home.LONGEST,
        most=home.LARGEST,
    )
    response.headers.update(guard.RECORDS)
    return response
