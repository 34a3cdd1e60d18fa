"""The door in the home: what page and command line have left, one instruction after the other.

A task of its own reads them, so that the pump waits for no file. What is done at once is done in
the pump's turn, as a note. What takes longer the task lets the technician's part carry out, and
hands its answer to the pump together with the number in the inbox: both are written in one
transaction. Killed before that, the instruction still lies there and is read again.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import socket
import sqlite3
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from gateway.box import aside
from gateway.box.supervise import say
from gateway.home import inbox
from gateway.home.home import Home
from gateway.judge.book import Entry
from gateway.judge.notes import Later, Notes
from gateway.tend.orders import Orders
from gateway.tend.turn import in_turn
from gateway.tend.waits import WAITS
from gateway.words.clock import Moment
from gateway.words.instruction import Door, Instruction

LOG = logging.getLogger("eldercare")
# taken between two looks at what was heard: a press waits for no more than these
ORDERS_A_TURN = 20

# does it, and returns what the pump is to write of it
CarryOut = Callable[[Instruction], Coroutine[Any, Any, Later]]


class Inbound:
    """What is left in the home. `run` is the task "inbox" on the loop.

    `after` is the newest number that was answered.
    """

    def __init__(
        self, home: Home, orders: Orders, notes: Notes, carry_out: CarryOut, after: int
    ) -> None:
        self.after = after
        self._home = home
        self._orders = orders
        self._notes = notes
        self._carry_out = carry_out
        self._well = True  # the file can be read
        self._asked = asyncio.Event()
        self._asked.set()

    def ask(self) -> None:
        """Wake the task: there may be something in the inbox."""
        self._asked.set()

    def marks(self, _now: Moment, _anew: bool = False) -> Mapping[str, str]:
        """Return how far the inbox is answered."""
        return {"inbox": str(self.after)}

    async def run(self) -> None:
        """Take what is left there, in its order. Only cancellation ends it."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            left = deque(await self._read())
            while left:
                longer: list[Instruction] = []
                await in_turn(self._notes, functools.partial(self._take, left, longer))
                if longer:
                    number, _ = left.popleft()
                    answer = await self._carry_out(longer[0])
                    await in_turn(self._notes, functools.partial(self._answered, number, answer))

    def _take(
        self, left: deque[tuple[int, bytes]], longer: list[Instruction], now: Moment
    ) -> list[Entry]:
        """Carry out what is done in this turn.

        The first that takes longer stays at the head, and what is behind it too.
        """
        entries: list[Entry] = []
        for _ in range(min(len(left), ORDERS_A_TURN)):
            number, payload = left[0]
            taken = self._orders.taken("inbox", payload, Door.LOCAL, now)
            if taken.longer is not None:
                longer.append(taken.longer)
                break
            left.popleft()
            self.after = number
            entries += taken.entries
        return entries

    def _answered(self, number: int, answer: Later, now: Moment) -> list[Entry]:
        self.after = number
        return answer(now)

    async def _read(self) -> list[tuple[int, bytes]]:
        """Read the file. One that is broken, locked or hangs is said once, and tried again."""
        path = self._home.config.page_folder
        looking = asyncio.wrap_future(aside.run(inbox.read, path, self.after))
        await asyncio.wait({looking}, timeout=WAITS.inbox_hangs)
        if not looking.done():
            self._works(f"it does not answer within {WAITS.inbox_hangs:g} s")
            await asyncio.wait({looking})
        try:
            found = looking.result()
        except sqlite3.Error as error:
            self._works(str(error))
            return []
        self._works("")
        return found

    def _works(self, trouble: str) -> None:
        if trouble and self._well:
            say(
                "inbox",
                False,
                f"{self._home.config.page_folder / inbox.FILE}: {trouble}; "
                "if it stays so, delete the file",
            )
        elif not trouble and not self._well:
            say("inbox", True, "can be read again")
        self._well = not trouble


def begin_of(mark: str, page_folder: Path) -> int:
    """Return after which local instruction to begin.

    Without a mark, what lies there was for an earlier life of the store.
    """
    if mark:
        return int(mark)
    with contextlib.suppress(sqlite3.Error, TimeoutError):
        return aside.run(inbox.newest, page_folder).result(2 * WAITS.inbox_hangs)
    return 0


@contextlib.contextmanager
def woken_by(path: Path, heard: Callable[[bytes], None]) -> Any:
    """Hear the datagrams of page and command line at `path`.

    Without the socket the file is looked at every few seconds.
    """
    loop, waker = asyncio.get_running_loop(), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    waker.setblocking(False)
    try:
        path.unlink(missing_ok=True)
        waker.bind(str(path))
        path.chmod(0o660)  # the page is of our group
    except OSError as error:
        waker.close()
        LOG.warning(
            "wake-up socket %s: %s; local instructions are looked for every few seconds",
            path,
            error,
        )
        yield
        return

    def woken() -> None:
        with contextlib.suppress(BlockingIOError):
            heard(waker.recv(64))

    loop.add_reader(waker, woken)
    try:
        yield
    finally:
        loop.remove_reader(waker)
        waker.close()
