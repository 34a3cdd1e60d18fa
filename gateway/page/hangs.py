"""Where a device hangs, photographed by the technician: kept, shown, deleted. See `photos`."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from gateway.home.status import Status
from gateway.page import jpeg, photos
from gateway.page.change import current, models, present
from gateway.page.device import shown
from gateway.page.offer import offered
from gateway.page.upload import Upload, said_in
from gateway.page.visitor import Fields, Page, Stop, Technician, Visitor, checked
from gateway.words.clock import Quality

router = APIRouter()
SHOWN = {"cache-control": "private, no-store", "content-disposition": "inline"}


@router.get("/devices/{device}/photo.jpg")
def photo(v: Technician, device: str) -> Response:
    """Give the photograph of where a device hangs."""
    try:
        data = photos.picture(v.page.config.page_folder, device)
    except OSError as error:
        raise Stop(404) from error
    return Response(data, media_type="image/jpeg", headers=SHOWN)


@router.post("/sensors/photo")
async def taken(v: Technician, parts: Upload) -> Response:
    """Keep a photograph in the place of an earlier one."""
    name = v.request.query_params.get("device", "")[:40]
    if parts is None:  # nothing of it was read, not even the form's key, and nothing is done
        await run_in_threadpool(_enrolled, v, name)
        return await run_in_threadpool(_again, v, name, 413, "photo.large")
    said, data = said_in(parts), parts.get("file", b"")
    checked(v, said)
    await run_in_threadpool(_enrolled, v, name)
    return await run_in_threadpool(v.page.twice.once, v.bound, said, partial(_kept, v, name, data))


@router.post("/sensors/photo/remove")
def remove(v: Technician, said: Fields) -> Response:
    """Delete the photograph of a device."""
    checked(v, said)
    name = said.get("device", "")[:40]
    _enrolled(v, name)
    return v.page.twice.once(v.bound, said, partial(_removed, v, name))


def _removed(v: Visitor, name: str) -> Response:
    photos.forget(v.page.config.page_folder, name)
    _noted(v, "photo_removed", name)
    return RedirectResponse(f"/devices/{quote(name, safe='')}?photo=removed", 303)


def _kept(v: Visitor, name: str, data: bytes) -> Response:
    facts = v.page.known.status()
    if not data:
        return _again(v, name, 422, "wrong.missing")
    try:
        photos.keep(v.page.config.page_folder, name, data, _dated(v.page, facts))
    except jpeg.Unfit as no:
        return _again(v, name, 413 if no.word == "photo.large" else 422, no.word)
    except photos.Full:
        return _again(v, name, 409, "photo.full")
    except OSError:
        return _again(v, name, 503, "told.failed")
    _noted(v, "photo_kept", name)
    return RedirectResponse(f"/devices/{quote(name, safe='')}?photo=kept", 303)


def _enrolled(v: Visitor, name: str) -> None:
    """Refuse what is no device of this home."""
    if name not in {d.id for d in current(v).devices}:
        raise Stop(404)


def _again(v: Visitor, name: str, status: int, word: str) -> Response:
    trouble = v.words(word, most=photos.MOST, size=jpeg.LARGEST // 1024, side=jpeg.SIDE)
    return shown(v, name, status, trouble=trouble)


def _noted(v: Visitor, what: str, name: str) -> None:
    assert v.session is not None  # a technician has one
    v.page.accounts.note(v.session.name, v.source, what, name)


def _dated(page: Page, facts: Status) -> float:
    """Return the wall second of the home, UNDATED while the box does not know the time."""
    sure = facts.well and facts.clock == Quality.SYNCHRONISED
    return page.known.now(facts) if sure else photos.UNDATED


def tidied(page: Page) -> None:
    """Delete photographs of devices that can come back no more, and those whose days are over."""
    config, facts = present(page), page.known.status()
    offer = offered(config, models(), page.known.now(facts))
    photos.tidied(
        page.config.page_folder,
        [d.id for d in config.devices],
        _dated(page, facts),
        config.parts.gateway.journal_days,
        gone=not config.trouble and (offer is None or offer.what != "retired"),
    )
