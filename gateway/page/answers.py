"""The answers to forms, kept for a while: a browser is sent on, so "back" and "reload" find a page.

What is kept is a page as it was drawn: with what was typed, never with a secret. Only the browser
that sent the form gets it.
"""

from __future__ import annotations

import hmac
import re
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field

EACH, MOST = 4, 24  # answers of one browser, and of all; the oldest are forgotten first
LARGEST = 400_000  # bytes of one; a larger one is given at once
NAME = "said"  # in the query
_TOKEN = re.compile("[A-Za-z0-9_-]{22}")
_WRONG = re.compile(r'class="[^"]*\bis-wrong\b')
_CONTROL = re.compile(r"<(?:input(?![^>]*type=\"(?:hidden|file)\")|select|textarea)\b")
_INVALID = re.compile(r'<(?:input|select|textarea)\b(?=[^>]*aria-invalid="true")')
_ALERT = re.compile(r'<(?:p|div|section)\b(?=[^>]*role="alert")(?![^>]*\bhidden\b)')


@dataclass(slots=True)
class _Kept:
    of: str
    body: str = field(repr=False)
    until: float


class Answers:
    """The answers of one page process. Used by several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, of: str, body: str, lasts: float) -> str:
        """Keep a drawn page for the browser `of` for `lasts` seconds.

        Return its name, "" where it is too large.
        """
        if len(body) > LARGEST:
            return ""
        with self._lock:
            now = time.monotonic()
            for name in [n for n, kept in self._kept.items() if now > kept.until]:
                del self._kept[name]
            mine = [n for n, kept in self._kept.items() if kept.of == of]
            for name in mine[: max(0, len(mine) - EACH + 1)]:
                del self._kept[name]
            name = secrets.token_urlsafe(16)
            self._kept[name] = _Kept(of, body, now + lasts)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return name

    def kept(self, of: str, name: str) -> str | None:
        """Return what was kept for this browser under a name, None where nothing is."""
        with self._lock:
            found = self._kept.get(name) if _TOKEN.fullmatch(name) else None
            mine = (
                found is not None
                and hmac.compare_digest(found.of.encode(), of.encode())
                and time.monotonic() <= found.until
            )
            return found.body if found is not None and mine else None


def pointed(body: str) -> str:
    """Return a page with the focus on its first wrong field.

    Without one it is on the first sentence of what is wrong. No script is needed for it.
    """
    if (found := _INVALID.search(body)) is None and (wrong := _WRONG.search(body)) is not None:
        found = _CONTROL.search(body, wrong.end())
    if found is not None:
        return f"{body[: found.end()]} autofocus{body[found.end() :]}"
    if (alert := _ALERT.search(body)) is not None:
        return f'{body[: alert.end()]} tabindex="-1" autofocus{body[alert.end() :]}'
    return body
