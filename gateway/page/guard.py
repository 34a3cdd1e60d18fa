"""What stands before every page: rate of a source, names of the box, size of a request, headers.

Plain ASGI on the page's event loop, so that nothing gets past it: files, errors and streams go
through here as well.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any, Final

from gateway.page.assets import STYLE_DIGEST
from gateway.page.waits import WAITS

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST = 40 * 1024  # bytes of a request's body: two certificates in PEM, nothing here is larger
# ... but a backup that a new box is to take over, a photograph, and a recording
LARGER: Final = {
    "/moving/look": 256 * 1024,
    "/sensors/photo": 96 * 1024,
    "/rules/phrases": 2 * 1024 * 1024 + 4096,  # a phrase as a phone's recorder may write it
}
RATE, BURST = 25.0, 150.0  # requests a second and at once of one source: a page is about eight
SOURCES = 500  # sources that are remembered, the one longest quiet forgotten first
REGULARS = 40  # such sources: two of each session there may be
HERE = frozenset({"127.0.0.1", "::1"})
_UP, _REJECT = 0x1, 0x200  # flags of a route
METHODS = frozenset({"GET", "HEAD", "POST"})

# Nothing from elsewhere, no script inside a page and no style but
# ours, no page of ours inside another one. No
# HSTS: with a certificate made on the box a browser would then refuse even a technician who has
# compared the fingerprint.
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self' 'sha256-%s'; img-src 'self'; "
    b"connect-src 'self'; manifest-src 'self'; worker-src 'self'; "
    b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
) % STYLE_DIGEST.encode()
HEADERS: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
)


# ... and of the one page on which a phrase is recorded, and listened to before it is sent
RECORDS: Final = {
    "content-security-policy": f"{_POLICY.decode()}; media-src blob:",
    "permissions-policy": "camera=(), microphone=(self), geolocation=()",
}


class Guard:
    """Wraps the page."""

    def __init__(
        self, app: App, names: frozenset[str], refuse: Callable[[Scope, int], tuple[bytes, bytes]]
    ) -> None:
        self._app = app
        self._names = names
        # (scope, status) -> (content type, body) of what a refused visitor sees
        self._refuse = refuse
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
        await self._app(scope, _Bounded(scope, receive), _headed(send))

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
        if (
            not length.isdigit()
            or len(length) > 12
            or (int(length) > LARGEST and scope["path"] not in LARGER)
        ):
            # a page that takes a file says beside the field that it is too large: see `TooLarge`
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
        """Say whether a Host header names this box.

        An address always does: DNS rebinding needs a name that somebody else owns.
        """
        name = named(host)
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name in self._names
        return True

    async def _answer(self, scope: Scope, send: Send, status: int) -> None:
        kind, body = self._refuse(scope, status)
        headers = [
            (b"content-type", kind),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            *HEADERS,
        ]
        if status == 429:
            headers.append((b"retry-after", b"5"))
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send(
            {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body}
        )


class TooLarge(Exception):
    """A body is larger than its page takes, by the length that it says or as it was counted.

    A page that takes a file says so beside its field; any other request is answered 413.
    """


class _Bounded:
    """A body is counted as it comes; of one that says that it is too large nothing is read."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive, self._most = receive, LARGER.get(scope["path"], LARGEST)
        self._says = next((int(v) for k, v in scope["headers"] if k == b"content-length"), 0)
        self._got = 0

    async def __call__(self) -> Message:
        if self._says > self._most:
            raise TooLarge
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


def named(host: str) -> str:
    """Return the name or address in a Host header, without its port and the brackets of IPv6."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return name.removeprefix("[").removesuffix("]").rstrip(".").lower()


def source(scope: Scope) -> str:
    """Return who asks: the address; the /64 for IPv6 from beyond the home's own network.

    There one machine has as many addresses as it likes. In the home's network an address of IPv6
    counts singly, as of IPv4: else a neighbour in it would be the same source as the technician.
    What one machine can do by taking many addresses is bounded elsewhere: by places
    (connections.py) and turns (turns.py).
    """
    client = scope.get("client")
    if not client:
        return "?"
    try:
        address = ipaddress.ip_address(str(client[0]).partition("%")[0])
    except ValueError:
        return "?"
    if isinstance(address, ipaddress.IPv4Address) or address.is_loopback or address.is_link_local:
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    if any(address in network for network in NETWORKS.now()):
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False))


def group(who: str) -> str:
    """Return what a source has in common with those that the same machine could take as well."""
    if who in HERE:
        return "here"
    return "far" if "/" in who else "near6" if ":" in who else "near4"


class Networks:
    """The networks of IPv6 that lie on this box's own lines, by the kernel's table of routes."""

    def __init__(self, path: Path = Path("/proc/net/ipv6_route")) -> None:
        self._path = path
        self._found: tuple[ipaddress.IPv6Network, ...] = ()
        self._looked = -math.inf

    def now(self) -> tuple[ipaddress.IPv6Network, ...]:
        """Return them as they were in the last minute; () where the table cannot be read."""
        if time.monotonic() - self._looked >= WAITS.networks:
            self._looked = time.monotonic()
            try:
                self._found = tuple(_on_link(self._path.read_text(encoding="ascii")))
            except (OSError, ValueError):
                self._found = ()
        return self._found


def _on_link(table: str) -> Iterator[ipaddress.IPv6Network]:
    """Yield the networks that are reached without a router, from rows of the kernel's table.

    A row: destination, length, source, length, next hop, ..., flags, device.
    """
    for row in table.splitlines():
        to, length, _, _, hop, _, _, _, flags, device = row.split()
        if (
            int(hop, 16) == 0
            and 48 <= int(length, 16) < 128
            and int(flags, 16) & (_UP | _REJECT) == _UP
            and device != "lo"
        ):
            network = ipaddress.IPv6Network((int(to, 16), int(length, 16)))
            if not network.is_multicast:
                yield network


NETWORKS = Networks()


class Regulars:
    """Sources that somebody is signed in from.

    Their places are their own, so that others who ask much do not shut them out.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._seen: OrderedDict[str, float] = (
            OrderedDict()
        )  # at most REGULARS, the one longest unseen forgotten first

    def saw(self, who: str) -> None:
        """Count a source as regular, because a session was used from there just now."""
        self._seen.pop(who, None)
        self._seen[who] = self._now()
        while len(self._seen) > REGULARS:
            self._seen.popitem(last=False)

    def knows(self, who: str) -> bool:
        """Say whether a session was used from there lately."""
        return self._now() - self._seen.get(who, -math.inf) < WAITS.regular


def local(scope: Scope) -> bool:
    """Say whether the request comes from this very box (or through a tunnel that ends here)."""
    return source(scope) in HERE
