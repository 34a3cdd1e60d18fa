"""The signing keys that were just made for webhooks: shown once, and kept nowhere on the page."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import Response
from fastapi.responses import HTMLResponse

from gateway.home.handed import Handed
from gateway.page.rungs import Rung
from gateway.page.visitor import Visitor


def keys_shown(v: Visitor, rungs: Sequence[Rung], given: Handed, on: str) -> Response:
    """Return a page with each key beside whom it is for. `on`: where it goes on to.

    It is the answer itself: an answer that a browser is sent on to would have to be kept.
    """
    made = [
        (rung.responder, given.hooks[str(n)].secret)
        for n, rung in enumerate(rungs, 1)
        if given.hooks and str(n) in given.hooks
    ]
    body = v.draw("keys.html", keys=made, on=on)
    return HTMLResponse(body, headers={"content-language": v.words.tag, "vary": "Cookie"})
