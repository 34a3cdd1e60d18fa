"""Looks at ModemManager again and again: at its news, and from time to time without any.

What comes in, an SMS or a telephone call, is found by looking: a signal that was missed costs no
more than a wait. The paths of ModemManager's messages and calls begin anew when it does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from gateway.sms.modem import ModemManager
from gateway.sms.replies import Replies


class Turn(NamedTuple):
    """One look: whether it is the first of a connection, and whether all paths are others now."""

    first: bool
    anew: bool


# deals with all there is; returns how many seconds may pass until it looks again. Raises Trouble
Look = Callable[[ModemManager, Turn], Awaitable[float]]


class Looks:
    """`replies` are sent beside it. `run` is a task on the loop."""

    def __init__(self, news: tuple[str, str, str], look: Look) -> None:
        """`news` is the signal that something came: interface, member, signature."""
        self.replies = Replies()
        self._of = news
        self._look = look
        self._news = asyncio.Event()
        self._anew = False

    async def run(self, ready: Callable[[], None]) -> None:
        """Look until the connection is lost. Raises Trouble."""
        manager = ModemManager()
        self._restarted()
        try:
            await manager.connect()
            await manager.on_restart(self._restarted)
            await manager.hear(*self._of, lambda *_: self._news.set())
            sending = asyncio.create_task(self.replies.run(manager), name="replies")
            try:
                first = True
                while True:
                    self._news.clear()
                    turn, self._anew = Turn(first, self._anew), False
                    pause = await self._look(manager, turn)
                    first = False
                    ready()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(pause):
                            await self._news.wait()
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        finally:
            manager.close()

    def _restarted(self) -> None:
        self._anew = True
        self._news.set()
