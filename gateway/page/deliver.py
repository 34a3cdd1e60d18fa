"""One message to a push service (RFC 8030), and what its answer means.

The address comes from a browser, so it leads nowhere but out of the home: https on its usual port,
no address of the home's own network, no redirect, and of an answer only its head is read.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ipaddress
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

import h11
from msgspec import Struct

from gateway.box import dial
from gateway.page import guard
from gateway.page.subscriptions import parts_of
from gateway.page.waits import WAITS

USUAL: Final = 443
HEAD: Final = 16 * 1024  # bytes of an answer's head
PIECE: Final = 4096  # bytes that are read at once
_WRONG: Final = frozenset({400, 401, 403})
_GONE: Final = frozenset({404, 410})
_LATER: Final = frozenset({408, 425, 429})
_AWAY: Final = frozenset({"net.name_server", "net.name_late", "net.no_network"})
_WORDS: Final = {"net.inside": "inside", "net.no_name": "no_name"}


def is_outside(address: str, port: int) -> bool:
    """Say whether a push service may be at an address: not in this home, nor in any other one's."""
    try:
        at = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    near = isinstance(at, ipaddress.IPv6Address) and any(at in n for n in guard.NETWORKS.now())
    return at.is_global and not at.is_multicast and not near and port == USUAL


class Reach(Struct, frozen=True):
    """Where messages may go, and who vouches for it; a test has a service of its own."""

    may: Callable[[str, int], bool] = is_outside
    ca: Path | None = None


class Answered(Struct, frozen=True):
    """What came of one message: a word of the page's catalogue (`duty.said.…`).

    `again`: whether trying again makes sense; `after`: seconds the service asks for.
    """

    word: str
    again: bool = False
    after: float = 0.0


async def deliver(
    endpoint: str, body: bytes, vouched: str, topic: str, reach: Reach, seconds: float
) -> Answered:
    """Send one message; return what came of it within `seconds`."""
    parts = parts_of(endpoint)
    if parts is None or parts.hostname is None:
        return Answered("odd")
    port = parts.port or USUAL
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    request = h11.Request(
        method="POST",
        target=path,
        headers=[
            ("host", parts.netloc),
            ("authorization", vouched),
            ("content-type", "application/octet-stream"),
            ("content-encoding", "aes128gcm"),
            ("content-length", str(len(body))),
            ("ttl", str(round(WAITS.duty_life))),
            ("urgency", "high"),
            ("topic", topic),
            ("connection", "close"),
        ],
    )
    try:
        async with asyncio.timeout(seconds):
            return await _sent(parts.hostname, port, request, body, reach)
    except TimeoutError:
        return Answered("silent", again=True)
    except dial.NotReached as error:
        code = error.say.code
        word = "no_network" if code in _AWAY else _WORDS.get(code, "no_way")
        return Answered(word, again=word not in _WORDS.values())
    except ssl.SSLCertVerificationError:
        return Answered("paper")
    except (OSError, ValueError, h11.ProtocolError):
        return Answered("no_way", again=True)


async def _sent(host: str, port: int, request: h11.Request, body: bytes, reach: Reach) -> Answered:
    context = await asyncio.to_thread(dial.context_of, dial.Tls(ca=reach.ca))
    line = await dial.connect(host, port, may=lambda address: reach.may(address, port))
    try:
        reader, writer = await asyncio.open_connection(
            sock=line, ssl=context, server_hostname=host, limit=HEAD
        )
    except BaseException:
        line.close()
        raise
    try:
        link = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD)
        for piece in (request, h11.Data(data=body), h11.EndOfMessage()):
            writer.write(link.send(piece) or b"")
        await writer.drain()
        while not isinstance(event := link.next_event(), h11.Response):
            if event is h11.NEED_DATA:
                link.receive_data(await reader.read(PIECE))
            elif isinstance(event, h11.ConnectionClosed):
                return Answered("no_way", again=True)
        asked = dict(event.headers).get(b"retry-after", b"")
        return meant(event.status_code, asked.decode("latin-1"))
    finally:
        writer.transport.abort()


def meant(status: int, retry_after: str = "") -> Answered:
    """Return what an answer means."""
    if 200 <= status < 300:
        return Answered("sent")
    if 300 <= status < 400:
        return Answered("redirect")
    if status in _GONE:
        return Answered("gone")
    if status in _WRONG:
        return Answered("refused")
    if status in _LATER or status >= 500:
        text = retry_after.strip()
        after = float(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0.0
        return Answered("later", again=True, after=after)
    return Answered("odd")


def topic(about: str) -> str:
    """Return under which name a newer message takes the place of one that still waits."""
    digest = hashlib.sha256(about.encode()).digest()[:24]
    return base64.urlsafe_b64encode(digest).decode()  # 32 letters, as many as there may be
