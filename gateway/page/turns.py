"""Whose password is looked at next, of those that come from a device that never signed in here.

Waits and locks of an address do not stop somebody who takes a new one for each try, and a lock of
the account would lock the technician out. So tries from unknown devices take turns, one at a time:
a hundred at once, then one a second, whatever account and address. Turns go round between kinds of
sources (IPv4, IPv6 of this network, beyond it), by lot within a kind: guesses over IPv6 delay
nobody on IPv4. A device that signed in before does not wait here.

Runs in the event loop of the page; its clock is the loop's.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.page.tries import Refusal
from gateway.page.waits import WAITS

AT_ONCE = 100  # tries that are looked at without waiting; they come back one by one
LINE = 8  # tries of one kind that wait; of more one is sent away by lot


class Turns:
    """The line of tries that wait for their turn.

    `kind`: what a try has in common with all that one machine could send, see `guard.group`.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, list[asyncio.Future[None]]] = (
            OrderedDict()
        )  # the kind whose turn is longest ago first
        self._left, self._at = float(AT_ONCE), 0.0
        self._busy = False
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def turn(self, kind: str) -> AsyncIterator[None]:
        """Wait for a turn and have it until the block ends.

        Raises Refusal where too many wait, or the turn does not come within `WAITS.patience`.
        """
        mine = asyncio.get_running_loop().create_future()
        line = self._waiting.setdefault(kind, [])
        line.append(mine)
        if len(line) > LINE:
            line.pop(secrets.randbelow(len(line))).cancel()
        self._next()
        try:
            await asyncio.wait({mine}, timeout=WAITS.patience)
            if mine.cancelled() or not mine.done():
                raise Refusal("crowded", wait=WAITS.later)
            yield
        finally:
            if mine in line:
                line.remove(mine)
            elif not mine.cancelled():
                self._busy = False
            self._next()

    def _next(self) -> None:
        """Give the turn to somebody, now or when it is time."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._left, self._at = min(float(AT_ONCE), self._left + (now - self._at) / WAITS.turn), now
        kind = next((k for k, line in self._waiting.items() if line), None)
        if self._busy or kind is None:
            return
        if self._left < 1.0:
            if self._timer is None:
                self._timer = loop.call_later((1.0 - self._left) * WAITS.turn, self._due)
            return
        line = self._waiting[kind]
        self._waiting.move_to_end(kind)
        self._left -= 1.0
        self._busy = True
        line.pop(secrets.randbelow(len(line))).set_result(None)

    def _due(self) -> None:
        self._timer = None
        self._next()
