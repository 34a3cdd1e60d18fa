"""The event streams of open pages, each for as long as its visitor is signed in."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from gateway.page.live import Full, Watch
from gateway.page.visitor import Technician, Visitor

router = APIRouter()
EVENTS: Final = "text/event-stream"
_NUMBER: Final = re.compile("[0-9]{1,18}")
FRESH: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}


@router.get("/live")
async def live(v: Technician) -> Response:
    """Tell this page when something has changed."""
    return stream(v, v.page.watch)


def stream(v: Visitor, watch: Watch) -> Response:
    """Return the events of a watch for as long as the visitor is signed in."""
    assert v.session is not None  # a technician has one
    key, name, accounts = v.session.key, v.session.name, v.page.accounts
    told = _told(v)
    try:
        watch.enter(name)
    except Full:
        return StreamingResponse(watch.once(told), media_type=EVENTS, headers=FRESH)
    return _Stream(
        watch, name, watch.events(lambda: accounts.session(key, touch=False) is not None, told)
    )


def _told(v: Visitor) -> int:
    """Return what the page knows: what the stream told it last, or else what it was drawn with."""
    said = (v.request.headers.get("last-event-id"), v.request.query_params.get("at"))
    return max(int(text) if text and _NUMBER.fullmatch(text) else -1 for text in said)


class _Stream(StreamingResponse):
    """Events of a watch. The place is given back however it ends, even before the first event."""

    def __init__(self, watch: Watch, name: str, events: AsyncIterator[str]) -> None:
        super().__init__(events, media_type=EVENTS, headers=FRESH)
        self._watch, self._name = watch, name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._watch.leave(self._name)
