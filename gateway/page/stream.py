"""The event streams of open pages, each for as long as its visitor is signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from gateway.page.live import Full, Watch
from gateway.page.visitor import Reader, Stop, Visitor

router = APIRouter()


@router.get("/live")
async def live(v: Reader) -> Response:
    """Tell this page when something has changed."""
    return stream(v, v.page.watch)


def stream(v: Visitor, watch: Watch) -> Response:
    """Return the events of a watch for as long as the visitor is signed in."""
    assert v.session is not None  # a reader has one
    key, name, accounts = v.session.key, v.session.name, v.page.accounts
    try:
        watch.enter(name)
    except Full as full:
        raise Stop(503) from full
    return _Stream(
        watch, name, watch.events(lambda: accounts.session(key, touch=False) is not None)
    )


class _Stream(StreamingResponse):
    """Events of a watch. The place is given back however it ends, even before the first event."""

    def __init__(self, watch: Watch, name: str, events: AsyncIterator[str]) -> None:
        super().__init__(
            events,
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )
        self._watch, self._name = watch, name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._watch.leave(self._name)
