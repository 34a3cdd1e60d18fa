"""What stands before every page: how fast a source may ask, which names the box answers to, how large a request may be, and headers.

Plain ASGI, so that nothing gets past it: files, errors and streams go through here as well.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST = 40 * 1024  # bytes of a request's body: two certificates in PEM, nothing here is larger
LARGER: Final = {"/moving/look": 256 * 1024}  # ... but a backup that a new box is to take over
RATE, BURST = 25.0, 150.0  # requests a second and at once of one source: a page is about eight
SOURCES = 500  # sources that are remembered, the one longest quiet forgotten first
METHODS = frozenset({"GET", "HEAD", "POST"})

# Nothing from elsewhere, no script or style inside a page, no page of ours inside another one. No HSTS: with a certificate made on
# the box a browser would then refuse even a technician who has compared the fingerprint.
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)


class Guard:
    """Wraps the page."""

    def __init__(self, app: App, names: frozenset[str], refuse: Callable[[Scope, int], tuple[bytes, bytes]]) -> None:
        self._app = app
        self._names = names
        self._refuse = refuse  # (scope, status) -> (content type, body) of what a refused visitor sees
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through or answer it here."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        refused = self._looked(scope)
        if refused:
            await self._answer(scope, send, refused)
            return
        await self._app(scope, _Bounded(receive, LARGER.get(scope["path"], LARGEST)), _headed(send))

    def _looked(self, scope: Scope) -> int:
        headers = {bytes(k): bytes(v) for k, v in scope["headers"]}
        hosts = [v for k, v in scope["headers"] if k == b"host"]
        if not self._takes(source(scope)):
            return 429
        if len(hosts) != 1 or not self._ours(hosts[0].decode("latin-1")):
            return 421
        if scope["method"] not in METHODS:
            return 405
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or len(length) > 9 or int(length) > LARGER.get(scope["path"], LARGEST):
            return 413
        if scope["method"] == "POST" and not _same_origin(headers, hosts[0]):
            return 403
        return 0

    def _takes(self, who: str) -> bool:
        now = time.monotonic()
        left, at = self._buckets.pop(who, (BURST, now))
        left = min(BURST, left + (now - at) * RATE)
        self._buckets[who] = (max(0.0, left - 1.0), now)
        while len(self._buckets) > SOURCES:
            self._buckets.popitem(last=False)
        return left >= 1.0

    def _ours(self, host: str) -> bool:
        """Say whether a Host header names this box. An address does always: rebinding needs a name that somebody else owns."""
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        name = name.strip("[]").rstrip(".").lower()
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name in self._names
        return True

    async def _answer(self, scope: Scope, send: Send, status: int) -> None:
        kind, body = self._refuse(scope, status)
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store"), *HEADERS]
        if status == 429:
            headers.append((b"retry-after", b"5"))
        if status in {413, 429}:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


class TooLarge(Exception):
    """A body that did not say its length and is too large."""


class _Bounded:
    """A body that comes in pieces is counted."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._most = receive, most
        self._got = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._got += len(message.get("body", b""))
            if self._got > self._most:
                raise TooLarge
        return message


def _headed(send: Send) -> Send:
    async def headed(message: Message) -> None:
        if message["type"] == "http.response.start":
            names = {bytes(k).lower() for k, _ in message["headers"]}
            more = [(k, v) for k, v in HEADERS if k not in names]
            if b"cache-control" not in names:
                more.append((b"cache-control", b"no-store"))
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    return headed


def _same_origin(headers: dict[bytes, bytes], host: bytes) -> bool:
    """Say whether a form comes from a page of ours, as far as the browser tells."""
    if headers.get(b"sec-fetch-site", b"same-origin") not in {b"same-origin", b"none"}:
        return False
    origin = headers.get(b"origin")
    return origin is None or origin.partition(b"://")[2].lower() == host.lower()


def source(scope: Scope) -> str:
    """Return who asks: the address, of IPv6 the network, for there one machine has as many addresses as it likes."""
    client = scope.get("client")
    if not client:
        return "?"
    try:
        address = ipaddress.ip_address(str(client[0]).partition("%")[0])
    except ValueError:
        return "?"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return "::1" if address.is_loopback else str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def local(scope: Scope) -> bool:
    """Say whether the request comes from this very box (or through a tunnel that ends here)."""
    return source(scope) in {"127.0.0.1", "::1"}
