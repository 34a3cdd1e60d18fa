"""One HTTP/1.1 connection to the platform, opened when it is needed: a request, its answer.

h11 reads and writes HTTP and opens nothing; the connection is one of `dial`, with its TLS, its
checks and its words. Time and size of each answer have a bound, and no redirect is followed.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import h11
from msgspec import Struct

from gateway.box.dial import NotReached, Tls, dial, explain_tls, peer_dates, receive, send
from gateway.contract import wire
from gateway.tell.connection import LinkLost
from gateway.tell.outbox import GONE
from gateway.words.say import Say

HEAD_MOST: Final = 16 * 1024  # bytes of an answer's head
BODY_MOST: Final = wire.LARGEST  # bytes of an answer that are read; the rest is not waited for
CHUNK: Final = 16 * 1024

Header = tuple[str, str]


class Place(Struct, frozen=True, kw_only=True):
    """Where the platform is and how it is spoken to; its text form has no secret."""

    url: str
    host: str
    port: int
    gateway: str
    secret: bytes
    tls: Tls | None

    def __repr__(self) -> str:
        return f"Place({self.where}, {self.gateway})"

    @property
    def where(self) -> str:
        """Host and port, as a technician writes them."""
        return f"{self.host}:{self.port}"

    @property
    def path(self) -> str:
        """What is asked for there."""
        return urlsplit(self.url).path or "/"

    @property
    def name(self) -> str:
        """Host and port as the address has them."""
        return urlsplit(self.url).netloc


class Answer(NamedTuple):
    """What came back. `large`: there was more than is read."""

    status: int
    body: bytes
    date: str
    retry_after: str
    large: bool


class _Dropped(Exception):
    """The connection ended before one byte of the answer came: it may have been idle too long."""


class Line:
    """One request at a time on one connection after another. On the loop's thread."""

    def __init__(self, place: Place, proved: Callable[[], float | None]) -> None:
        """Take where to go; `proved` is as in `dial`."""
        # wall seconds between which the certificate is good that was shown last
        self.dates: tuple[float | None, float | None] = (None, None)
        self._place = place
        self._proved = proved
        self._sock: socket.socket | None = None
        self._http = h11.Connection(h11.CLIENT)
        self._work: asyncio.Task[Answer] | None = None

    async def ask(self, headers: Sequence[Header], body: bytes, seconds: float) -> Answer:
        """Post a message; return the answer that came within `seconds`. Raises LinkLost.

        The time begins once there is a connection: `dial` has its own times for that.
        """
        work = self._work = asyncio.create_task(self._ask(headers, body, seconds))
        try:
            await asyncio.wait({work})
        finally:
            if not work.done():
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
        if work.cancelled():  # by `close`
            raise LinkLost(GONE)
        return work.result()

    def close(self) -> None:
        """End the connection, and with it whatever is being asked."""
        if self._work is not None and not self._work.done():
            self._work.cancel()  # it closes its connection itself, which somebody waits for
        else:
            self._drop()

    def _drop(self) -> None:
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()

    async def _ask(self, headers: Sequence[Header], body: bytes, seconds: float) -> Answer:
        where = self._place.where
        try:
            used = self._sock is not None
            if not used:
                await self._open()
            try:
                return await self._exchange(headers, body, seconds)
            except _Dropped:
                if not used:
                    raise
            self._drop()  # the platform ends connections that nobody uses: the same once more
            await self._open()
            return await self._exchange(headers, body, seconds)
        except BaseException as error:
            self._drop()
            if (lost := _lost(error, where, seconds)) is not None:
                raise lost from error
            raise

    async def _open(self) -> None:
        place = self._place
        sock = await dial(place.host, place.port, place.tls, proved=self._proved)
        self._sock, self.dates = sock, peer_dates(sock)
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_MOST)

    async def _exchange(self, headers: Sequence[Header], body: bytes, seconds: float) -> Answer:
        assert self._sock is not None  # it was opened
        place, http = self._place, self._http
        said = [("host", place.name), ("content-length", str(len(body))), *headers]
        request = h11.Request(method="POST", target=place.path, headers=said)
        parts: tuple[h11.Event, ...] = (request, h11.Data(data=body), h11.EndOfMessage())
        written = b"".join(http.send(part) or b"" for part in parts)
        async with asyncio.timeout(seconds):
            with contextlib.suppress(ConnectionError, ssl.SSLEOFError):  # it may have said why
                await send(self._sock, written)
            answer = await self._answer(self._sock)
        done = http.our_state is h11.DONE and http.their_state is h11.DONE
        if done and not answer.large and not http.trailing_data[0]:
            http.start_next_cycle()
        else:
            self._drop()
        return answer

    async def _answer(self, sock: socket.socket) -> Answer:
        http, head, body, begun = self._http, None, bytearray(), False
        while len(body) <= BODY_MOST:
            event = http.next_event()
            if event is h11.NEED_DATA:
                try:
                    data = await receive(sock, CHUNK)
                except (ConnectionError, ssl.SSLEOFError):
                    if begun:
                        raise
                    raise _Dropped from None
                if not data and not begun:
                    raise _Dropped
                begun = True
                http.receive_data(data)
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif not isinstance(event, h11.InformationalResponse):
                break
        assert head is not None  # h11 has no end without a beginning
        fields = {name: value for name, value in head.headers if name in {b"date", b"retry-after"}}
        date, after = (fields.get(n, b"").decode("latin-1") for n in (b"date", b"retry-after"))
        large = len(body) > BODY_MOST
        return Answer(head.status_code, bytes(body[: BODY_MOST + 1]), date, after, large)


def _lost(error: BaseException, where: str, seconds: float) -> LinkLost | None:
    """Return what went wrong, in words; None for what is no matter of the line."""
    match error:
        case NotReached():
            return LinkLost(error.say)
        case TimeoutError():
            return LinkLost(Say("post.silent", where=where, seconds=seconds))
        case _Dropped() | ConnectionError() | ssl.SSLEOFError():
            return LinkLost(Say("post.broke_off", where=where))
        case ssl.SSLError():
            return LinkLost(explain_tls(error, where))
        case h11.RemoteProtocolError():
            # h11 says the same of an end in the middle of an answer as of what is no HTTP
            code = "post.broke_off" if "closed" in str(error).lower() else "post.no_http"
            return LinkLost(Say(code, where=where))
        case h11.LocalProtocolError():
            return LinkLost(Say("link.our_mistake", where=where, name=type(error).__name__))
        case OSError():
            return LinkLost(Say("net.failed", where=where, why=error.strerror or "OSError"))
    return None
