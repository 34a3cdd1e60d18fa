"""Tells the page's script which form the box has, so that the phone forgets what was typed there.

The number that a form was drawn with comes back as a cookie that the script reads. It is worth
nothing to anybody: the form has acted, and acts once.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.page import answers

COOKIE = "saved"
LASTS = 600  # seconds: until the page that comes next has been drawn
_ONCE = re.compile("[0-9a-f]{24}")


def sent(request: Request, once: str) -> None:
    """Note the form that is read now; "" where it does not count as saved."""
    request.state.once = once if _ONCE.fullmatch(once) else ""


class Saved:
    """Around the application: a form that led on was saved; one that is shown again was not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 303:
                headers = MutableHeaders(scope=message)
                query = parse_qs(urlsplit(headers.get("location", "")).query)
                if (once := state.get("once")) and answers.NAME not in query:
                    secure = "; Secure" if scope["scheme"] == "https" else ""
                    headers.append(
                        "set-cookie",
                        f"{COOKIE}={once}; Max-Age={LASTS}; Path=/; SameSite=strict{secure}",
                    )
            await send(message)

        await self._app(scope, receive, told)
