"""Who may hold a connection: counted when accepted, before TLS and before a byte is read.

asyncio's own server counts nothing until the TLS handshake is over and gives each handshake a
minute: three hundred silent sockets then hold every file descriptor the process may have. Here each
accepted socket takes a place at once. Where there is none left somebody else's makes room, never
the newcomer's: the oldest silent one of whoever holds most. So an attacker displaces himself, and
whoever comes to sign in is always let in. Sources that somebody is signed in from have places of
their own.

Runs in the event loop of the page; nothing here is shared with a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from gateway.page.guard import source
from gateway.page.papers import Context
from gateway.page.waits import WAITS

LOG = logging.getLogger("eldercare")
MOST = 64  # places for sources that nobody is signed in from, together
# beside them, for sources that somebody is signed in from; in all 96 of the unit's 256 file
# descriptors
KEPT = 32
EACH = 16  # of one source; a browser opens six
BROWSER = 6  # places up to which one source is no greedier than another


@dataclass(slots=True, eq=False)
class Place:
    """One accepted connection; `leave` ends it.

    `busy` says whether a whole request is being answered on it.
    """

    who: str
    number: int
    leave: Callable[[], object] = field(default=lambda: None)
    busy: Callable[[], bool] = field(default=lambda: False)


class Places:
    """Every connection there is. `regular` says whether somebody is signed in from a source."""

    def __init__(self, regular: Callable[[str], bool]) -> None:
        self._regular = regular
        self._held: dict[Place, None] = {}  # oldest first; at most MOST + KEPT
        self._number = 0

    def __len__(self) -> int:
        return len(self._held)

    def take(self, who: str) -> Place:
        """Give the newcomer a place.

        Where its source or its kind has none left, another connection ends for it.
        """
        lane = self._regular(who)
        held = [p for p in self._held if self._regular(p.who) is lane]
        mine = [p for p in held if p.who == who]
        if len(mine) >= EACH:
            self._made_room(mine)
        elif len(held) >= (KEPT if lane else MOST):
            self._made_room(held)
        self._number += 1
        place = Place(who, self._number)
        self._held[place] = None
        return place

    def back(self, place: Place) -> None:
        """Take a place back; one that had to leave is back already."""
        self._held.pop(place, None)

    def _made_room(self, held: list[Place]) -> None:
        """End the connection that is missed least.

        It is one of the source that holds most: one that asks nothing just now, and of these the
        oldest.
        """
        of = Counter(p.who for p in held)
        least = min(held, key=lambda p: (-max(of[p.who], BROWSER), p.busy(), p.number))
        self.back(least)
        least.leave()


class Connection(H11Protocol):
    """One connection with HTTP on it. Who does not finish a request in time is shown out."""

    def __init__(self, server: Server, places: Places, place: Place) -> None:
        super().__init__(
            config=server.config, server_state=server.server_state, app_state=server.lifespan.state
        )
        self._places, self._place = places, place
        self._patience: asyncio.TimerHandle | None = None
        self._patience_for: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._place.leave, self._place.busy = transport.abort, self._asked
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take what came, and look what there is to wait for now."""
        super().data_received(data)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        super().connection_lost(exc)
        self._be_patient(None)
        self._places.back(self._place)

    def _asked(self) -> bool:
        """Say whether a request is whole; between two requests none is."""
        return self.conn.their_state is h11.DONE

    def _wait(self) -> None:
        """Run the time limit of a request's head, then that of the whole request.

        The head's begins with its first byte, the first head's when the connection is accepted. Who
        goes on sending what was refused already is read a moment longer: cut off at once, a browser
        shows no answer.
        """
        if self.conn.their_state is h11.IDLE:
            self._be_patient(WAITS.head)
        elif self.conn.their_state is h11.SEND_BODY:
            self._be_patient(
                WAITS.question if self.conn.our_state is not h11.DONE else WAITS.parting
            )
        else:
            self._be_patient(None)

    def _be_patient(self, seconds: float | None) -> None:
        if seconds == self._patience_for:
            return
        if self._patience is not None:
            self._patience.cancel()
        self._patience_for = seconds
        self._patience = (
            None if seconds is None else self.loop.call_later(seconds, self.transport.abort)
        )


class Server(uvicorn.Server):
    """uvicorn's server with our own accept loop.

    Several are in one process: signals are left to it.
    """

    def __init__(
        self, options: uvicorn.Config, places: Places, context: Callable[[], Context] | None = None
    ) -> None:
        super().__init__(options)
        self._places, self._context = places, context
        self._greeting: set[asyncio.Task[None]] = set()
        self._accepting: list[asyncio.Task[None]] = []

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept on sockets that listen already."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            self.should_exit = True
            return
        self.servers = []
        loop = asyncio.get_running_loop()
        for line in sockets or []:
            line.setblocking(False)
            task = loop.create_task(self._accept(line), name="accept")
            task.add_done_callback(self._deaf)
            self._accepting.append(task)
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nobody any more, and let who is being answered have the answer."""
        for task in (*self._accepting, *self._greeting):
            task.cancel()
        await asyncio.gather(*self._accepting, *self._greeting, return_exceptions=True)
        await super().shutdown(sockets=sockets)

    def _deaf(self, _: asyncio.Task[None]) -> None:
        self.should_exit = True  # a page that accepts nobody is to be started anew

    async def _accept(self, line: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        well = True
        while True:
            try:
                sock, address = await loop.sock_accept(line)
            except ConnectionError:
                continue  # gone before it was taken
            except OSError as error:
                if well:
                    LOG.warning("page: no connection can be accepted: %s", error.strerror)
                well = False
                await asyncio.sleep(WAITS.listen_again)
                continue
            well = True
            place = self._places.take(source({"client": address}))
            task = loop.create_task(self._greet(sock, place), name="greet")
            self._greeting.add(task)
            task.add_done_callback(self._greeting.discard)
            place.leave = task.cancel
            # the greeting begins, and whoever had to leave leaves, before the next one comes
            await asyncio.sleep(0)

    async def _greet(self, sock: socket.socket, place: Place) -> None:
        """Do TLS, where it is spoken here, and hand over to HTTP."""
        made = Connection(self, self._places, place)
        loop = asyncio.get_running_loop()
        try:
            if self._context is None:
                await loop.connect_accepted_socket(lambda: made, sock)
            else:
                await loop.connect_accepted_socket(
                    lambda: made,
                    sock,
                    ssl=self._context(),
                    ssl_handshake_timeout=WAITS.handshake,
                    ssl_shutdown_timeout=WAITS.parting,
                )
        except OSError:
            LOG.debug(
                "page: no TLS with %s", place.who
            )  # ssl.SSLError is one: who speaks none, or too slowly, is gone
        finally:
            if made.transport is None:
                self._places.back(place)
