"""The platform: its address and papers, tried on the spot, then saved.

What has been tried but not saved is kept here in memory for a quarter of an hour, so that nobody
types a password twice; no secret stands in a page or an address.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from gateway.contract.orders import PlatformTest
from gateway.home import household, reached
from gateway.home.handed import Handed, Rejected
from gateway.home.parts import PlatformPart
from gateway.page import address, again
from gateway.page.change import Answer, Form, change_of, configure, current, drawn, left, refused
from gateway.page.saved import sent
from gateway.page.steps import onward
from gateway.page.visitor import Fields, Technician, Visitor, checked
from gateway.page.waits import WAITS
from gateway.words.instruction import What

router = APIRouter()
STEPS: Final = ("resolve", "connect", "tls", "login", "publish", "receipt")
VERSIONS: Final = ("auto", "5", "3.1.1")
RECEIPTS: Final = ("platform", "broker")
SECRET: Final = ("password", "certificate_key")
PAPERS: Final = ("ca", "certificate")
_WEB: Final = re.compile("https?://", re.IGNORECASE)  # how the address of HTTPS begins
PEM_MOST = 30_000  # characters of one certificate or key
DRAFTS = 8  # technicians at once whose try is kept


@dataclass(slots=True)
class Draft:
    """What one technician has tried: the fields as typed, and the secrets."""

    told: str
    said: dict[str, str]
    given: Handed = field(repr=False)
    at: float


_drafts: OrderedDict[str, Draft] = OrderedDict()


@router.get("/platform")
def platform(v: Technician) -> Response:
    """Show the platform's settings, and the newest try."""
    told = v.request.query_params.get("try", "")
    draft = _draft(v)
    if draft is None or draft.told != told:
        return _platform(v)
    return _platform(v, form=Form("platform", draft.said), draft=draft)


@router.post("/platform")
async def act(v: Technician, said: Fields) -> Response:
    """Try the settings, or save them."""
    checked(v, said)
    said, misread = _read(v, said)
    typed = {name: text for name, text in said.items() if name not in {*SECRET, again.FIELD, "key"}}
    draft = _draft(v)
    if draft is not None and draft.told != said.get("tried"):
        draft = None
    value, given, wrong = _meant(v, said, draft)
    wrong |= misread | await run_in_threadpool(again.wrong, v, said)
    if wrong:
        return await run_in_threadpool(
            _platform, v, 422, Form("platform", typed, Answer(fields=wrong)), draft
        )
    if said.get("go") == "try":
        try:
            change = change_of(What.SET_PLATFORM, value)
            answer = await left(v, PlatformTest(change=change), said, given=given)
        except Rejected as no:
            answer = refused(v, no)
        if answer.accepted:
            _keep(v, Draft(answer.told, typed, given, time.monotonic()))
            sent(v.request, "")  # what is tried is not saved
            return RedirectResponse(f"/platform?try={answer.told}#way", 303)
    else:
        asked = {"although": True} if said.get("although") else {}
        answer = await configure(v, said, What.SET_PLATFORM, value | asked, given)
        if answer.accepted:
            _drafts.pop(_who(v), None)
            config, known, go = v.page.config, v.page.known, said.get("go", "")
            on = await run_in_threadpool(onward, config, known, "platform", go)
            return RedirectResponse(on or "/platform?saved=1", 303)
    return await run_in_threadpool(
        _platform, v, 409 if answer.moved else 422, Form("platform", typed, answer), draft
    )


def _read(v: Visitor, said: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the form with its address (`mqtts://...`, `host:port`) read, and what is wrong."""
    if _WEB.match(typed := said.get("host", "").strip()[:2000]):
        wrong = next(reached.wrong(PlatformPart(url=typed), None), None)
        said |= {"host": re.sub("//[^/]*@", "//", typed)}  # a password in it is not sent back
        say = {"host": v.words.pair(*wrong[1].pair)} if wrong is not None else {}
        return said | {"url": typed}, say
    try:
        at = address.read(said.get("host", "")[:2000])
    except address.Unreadable as no:
        hidden = re.sub(
            "//[^/]*@", "//", said.get("host", "")[:2000]
        )  # a password that stood in it is not sent back
        return said | {"host": hidden}, {"host": v.words(no.word)}
    said = said | {"host": at.host} | ({"port": str(at.port)} if at.port else {})
    said |= {n: word for n, word in (("username", at.user), ("password", at.password)) if word}
    if at.path:
        return said, {"host": v.words("wrong.path", path=at.path[:60])}
    if at.tls:
        said["tls"] = "1"
    elif at.tls is False and said.get("tls"):  # to take encryption away takes a tick, not a prefix
        return said, {"host": v.words("wrong.plain")}
    return said, {}


def _meant(
    v: Visitor, said: dict[str, str], draft: Draft | None
) -> tuple[dict[str, Any], Handed, dict[str, str]]:
    """Return the value of `set_platform`, its secrets, and what is plainly wrong."""
    wrong: dict[str, str] = {}
    value: dict[str, Any] = {"url": said["url"]} if "url" in said else _broker(v, said, wrong)
    secret: dict[str, str | None] = dict.fromkeys(SECRET)
    for name in (*PAPERS, "certificate_key"):
        text = said.get(name, "").replace("\r\n", "\n").strip()
        if len(text) > PEM_MOST:
            wrong[name] = v.words("wrong.pem")
            continue
        dropped = name in PAPERS and bool(said.get(f"drop_{name}"))
        if text or dropped:
            (value if name in PAPERS else secret)[name] = "" if dropped else f"{text}\n"
    if said.get("no_password"):
        secret["password"] = ""
    elif said.get("password"):
        secret["password"] = said["password"]
    if draft is not None:
        for name in SECRET:
            if secret[name] is None and not (name == "password" and said.get("no_password")):
                secret[name] = getattr(draft.given, name)
    return (
        value,
        Handed(password=secret["password"], certificate_key=secret["certificate_key"]),
        wrong,
    )


def _broker(v: Visitor, said: dict[str, str], wrong: dict[str, str]) -> dict[str, Any]:
    """Return how a broker is reached, and put what is plainly wrong into `wrong`."""
    value: dict[str, Any] = {
        "host": said.get("host", "").strip(),
        "port": 0,
        "tls": bool(said.get("tls")),
        "username": said.get("username", "").strip(),
        "version": said.get("version", ""),
        "receipts": said.get("receipts", ""),
    }
    if not value["host"]:
        wrong["host"] = v.words("wrong.missing")
    port = said.get("port", "").strip()
    if port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65535:
        value["port"] = int(port)
    else:
        wrong["port"] = v.words("wrong.port")
    return value


def _who(v: Visitor) -> str:
    assert v.session is not None  # a technician has one
    return v.session.key


def _keep(v: Visitor, draft: Draft) -> None:
    _drafts[_who(v)] = draft
    _drafts.move_to_end(_who(v))
    while len(_drafts) > DRAFTS:
        _drafts.popitem(last=False)


def _draft(v: Visitor) -> Draft | None:
    for key in [k for k, d in _drafts.items() if time.monotonic() - d.at > WAITS.draft]:
        del _drafts[key]
    return _drafts.get(_who(v))


def _platform(
    v: Visitor, status: int = 200, form: Form | None = None, draft: Draft | None = None
) -> Response:
    config = current(v)
    facts = v.page.known.status()
    shown = household.shown(config)
    attempt = facts.platform_test if facts.well else None
    if draft is None or attempt is None or attempt.instruction != draft.told:
        attempt = None
    running = (
        draft is not None
        and time.monotonic() - draft.at < WAITS.platform_try
        and (attempt is None or not attempt.over)
    )
    rows = {row.step: row for row in attempt.steps} if attempt else {}
    failed = next((name for name, row in rows.items() if row.ok is False), "")
    return drawn(
        v,
        "_platform.html" if "part" in v.request.query_params else "platform.html",
        status,
        form or Form(),
        set=shown,
        now_set=shown["platform"] or {},
        draft=draft,
        attempt=attempt,
        running=running,
        rows=rows,
        failed=failed,
        steps=STEPS,
        versions=VERSIONS,
        receipts=RECEIPTS,
        saved="saved" in v.request.query_params,
        now=v.page.known.now(facts),
        most=PEM_MOST,
    )
