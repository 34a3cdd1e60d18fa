"""Backup and box swap: a sealed file of this home, and a new box that takes over from it.

The daemon seals and takes over; the page hands it the passphrase and the file, and opens an
uploaded file only to show what is in it. What is confirmed is what was shown: the file that was
looked at waits for the confirmation where only page and daemon can read it.
"""

from __future__ import annotations

import base64
import re
import sqlite3
import threading
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from gateway.contract import encoding, orders, wire
from gateway.home import backup, handed, inbox, strength
from gateway.home.handed import Handed, Rejected
from gateway.home.parts import DevicePart
from gateway.page import again
from gateway.page.acts import once, once_of
from gateway.page.change import Answer, Form, current, drawn, is_new, left, models
from gateway.page.guard import LARGER
from gateway.page.news import until
from gateway.page.upload import Upload, said_in
from gateway.page.visitor import Fields, Stop, Technician, Visitor, checked
from gateway.page.waits import WAITS

router = APIRouter()
_opening = threading.Lock()  # one at a time: each takes 32 MiB for a moment


@router.post("/box/backup")
async def sealed(v: Technician, said: Fields) -> Response:
    """Give away a sealed file with everything that makes this box the home's gateway."""
    checked(v, said)
    words = said.get("passphrase", "")
    wrong = {}
    if words != said.get("again", ""):
        wrong["again"] = v.words("password_differs")
    if not backup.SHORTEST <= len(words) <= 200:
        wrong["passphrase"] = v.words("moving.short", least=backup.SHORTEST)
    elif await run_in_threadpool(
        strength.weak, words, strength.SEALED, [v.by.partition(" (")[0], v.page.known.gateway()]
    ):
        wrong["passphrase"] = v.words("moving.weak")
    wrong |= await run_in_threadpool(again.wrong, v, said)
    answer = (
        Answer(fields=wrong)
        if wrong
        else await left(v, orders.Backup(secrets=""), said, given=Handed(passphrase=words))
    )
    if not answer.accepted:
        return await run_in_threadpool(_start, v, 422, Form("backup", {}, answer))
    if (
        v.asks_page
    ):  # a browser that is given a file at once stays on a page that knows of no backup
        return RedirectResponse(f"/moving?{urlencode({'sealed': answer.told})}#backup", 303)
    return await _file(v, answer.told)


@router.get("/box/backup/{order}")
async def fetched(v: Technician, order: str) -> Response:
    """Give the sealed file, for as long as it is there."""
    if not re.fullmatch("page-[0-9a-f]{24}", order):
        raise Stop(404)
    return await _file(v, order)


async def _file(v: Visitor, order: str) -> Response:
    try:
        data = await run_in_threadpool(backup.fetched, v.page.config.state, order)
    except OSError:  # it has been there for ten minutes
        return await run_in_threadpool(
            _start, v, 409, Form("backup", {}, Answer(sentence=v.words("moving.gone")))
        )
    assert v.session is not None  # a technician has one
    v.page.accounts.note(v.session.name, v.source, "backup")
    at = v.words.local(v.page.known.now(v.page.known.status()), "%Y%m%d-%H%M")
    name = f"backup-{re.sub('[^A-Za-z0-9._-]', '', v.page.known.gateway())}-{at}.eldercare"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Response(data, media_type="application/octet-stream", headers=headers)


@router.get("/moving")
def moving(v: Technician) -> Response:
    """Show the last backup, and on a new box the way to take over from an old one."""
    return _start(v)


@router.post("/moving/look")
async def look(v: Technician, parts: Upload) -> Response:
    """Open an uploaded backup and show what would be taken over; nothing is changed."""
    if parts is None:  # nothing of it was read, not even the form's key, and nothing is done
        if not await run_in_threadpool(is_new, v):
            raise Stop(413)
        answer = Answer(
            fields={"file": v.words("moving.large", most=LARGER["/moving/look"] // 1024)}
        )
        return await run_in_threadpool(_start, v, 413, Form("look", {}, answer))
    said = said_in(parts)
    checked(v, said)
    data, words, order = parts.get("file", b""), said.get("passphrase", ""), f"page-{once_of(said)}"

    def opened() -> backup.Kept:
        with _opening:
            kept = backup.opened(data, words)
        handed.hand(
            v.page.config.page_folder,
            order,
            Handed(passphrase=words, backup=base64.b64encode(data).decode()),
        )
        return kept

    if not data:
        answer = Answer(fields={"file": v.words("wrong.missing")})
        return await run_in_threadpool(_start, v, 422, Form("look", {}, answer))
    try:
        kept = await run_in_threadpool(opened)
    except backup.BackupError as no:
        field = "passphrase" if no.say.code.endswith("passphrase") else "file"
        answer = Answer(fields={field: v.words.told(no.say)})
        return await run_in_threadpool(_start, v, 422, Form("look", {}, answer))
    except OSError:
        return await run_in_threadpool(
            _start, v, 503, Form("look", {}, Answer(sentence=v.words("told.failed")))
        )
    if not_here := [
        why
        for _, why in await run_in_threadpool(backup.programs, current(v), kept)
        if why is not None
    ]:
        await run_in_threadpool(handed.forget, v.page.config.page_folder, order)
        wrong = v.words(
            "moving.programs", why="; ".join(v.words.told(why) for why in not_here)[:600]
        )
        return await run_in_threadpool(
            _start, v, 422, Form("look", {}, Answer(fields={"file": wrong}))
        )
    return await run_in_threadpool(_shown, v, kept, order)


@router.post("/moving/take")
async def take(v: Technician, said: Fields) -> Response:
    """Let the daemon take over what was shown, and wait until it has begun anew."""
    checked(v, said)
    config, known, order, home = (
        v.page.config,
        v.page.known,
        f"page-{once_of(said)}",
        said.get("gateway", "")[:40],
    )
    before = (await run_in_threadpool(known.status)).journal
    if not said.get("sure"):
        try:
            given = await run_in_threadpool(handed.handed, config.page_folder, order)
            kept = await run_in_threadpool(
                backup.opened, base64.b64decode(given.backup or ""), given.passphrase or ""
            )
        except (Rejected, backup.BackupError):
            return await run_in_threadpool(
                _start, v, 409, Form("look", {}, Answer(sentence=v.words("moving.again")))
            )
        return await run_in_threadpool(_shown, v, kept, order, 422, v.words("wrong.sure"))
    wanted = orders.TakeOver(secrets=order)
    message = orders.message(wanted, gateway=known.gateway(), id=order, by=v.by)
    try:
        await run_in_threadpool(
            inbox.leave, config.page_folder, config.runtime, wire.encode(message)
        )
    except (OSError, sqlite3.Error, ValueError):
        return await run_in_threadpool(
            _start, v, 503, Form("look", {}, Answer(sentence=v.words("told.failed")))
        )
    assert v.session is not None  # a technician has one
    v.page.accounts.note(v.session.name, v.source, "take_over", home)

    def moved() -> wire.ResultMessage | bool | None:
        result = known.result(order)
        if result is not None and not result.accepted:
            return result
        facts = known.status()
        return (facts.well and facts.gateway == home and facts.journal != before) or None

    outcome = await until(config.runtime, moved, WAITS.takeover)
    if outcome is not None:
        await run_in_threadpool(handed.forget, config.page_folder, order)
    if isinstance(outcome, wire.ResultMessage):
        why = Answer(sentence=v.words.pair(outcome.zh, outcome.en))
        return await run_in_threadpool(_start, v, 422, Form("look", {}, why))
    if outcome:
        await run_in_threadpool(current, v)
        return RedirectResponse("/moving?taken=1", 303)
    return await run_in_threadpool(
        _start, v, 503, Form("look", {}, Answer(sentence=v.words("moving.slow")))
    )


def _start(v: Visitor, status: int = 200, form: Form | None = None) -> Response:
    config = current(v)
    facts = v.page.known.status()
    who, at = backup.last(config.state)
    sealed = v.request.query_params.get("sealed", "")
    return drawn(
        v,
        "moving.html",
        status,
        form or Form(),
        new=is_new(v),
        last=(who, at),
        offered=strength.offered(),
        now=v.page.known.now(facts),
        least=backup.SHORTEST,
        sealed=sealed if re.fullmatch("page-[0-9a-f]{24}", sealed) else "",
        taken="taken" in v.request.query_params,
        facts=facts,
        largest=LARGER["/moving/look"] // 1024,
    )


def _shown(
    v: Visitor, kept: backup.Kept, order: str, status: int = 200, wrong: str = ""
) -> Response:
    home, now = kept.household, v.page.known.now(v.page.known.status())
    named: dict[str, Any] = {
        "gateway": kept.gateway,
        "number": home.household.number if home.household else "",
        "made": kept.made,
        "rooms": list(home.rooms or dict.fromkeys(d.room for d in home.device or () if d.room)),
        "devices": [
            (_where(d), _title(v, d.model), d.id in kept.secrets.keys) for d in home.device or ()
        ],
        "platform": home.platform.host if home.platform else "",
        "ladder": [r.responder for r in home.ladder or ()],
        "programs": [command for command, _ in backup.programs(current(v), kept)],
        "alarms": [a for a in map(_alarm, kept.alarms) if a is not None],
    }
    old = _days(kept.made, now)
    return v.render(
        "taking.html",
        status,
        kept=named,
        order=order.removeprefix("page-"),
        now=now,
        old=old,
        wrong=wrong,
        once=once,
    )


def _title(v: Visitor, model: str) -> str:
    return v.words.pair(*models()[model].title) if model in models() else model


def _where(d: DevicePart) -> str:
    return " · ".join(filter(None, (d.room, d.label)))


def _alarm(body: str) -> wire.AlarmMessage | None:
    try:
        found = encoding.decode_entry(body.encode())
    except wire.BadMessage:
        return None
    return found if isinstance(found, wire.AlarmMessage) and "danger" in found.stages else None


def _days(made: str, now: float) -> float:
    """Return how many days old a backup is."""
    try:
        return max(0.0, (now - datetime.fromisoformat(made).timestamp()) / 86400)
    except (ValueError, OverflowError):
        return 0.0
