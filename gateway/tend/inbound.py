"""The door in the home: what page, command line and programs of ours have left, one by one.

A task for each place reads it, so that the pump waits for no file. What is done at once is done in
the pump's turn, as a note. What takes longer the task lets the technician's part carry out, and
hands its answer to the pump together with its place: both are written in one transaction. Killed
before that, the instruction still lies there and is read again.
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
from typing import Any, Generic, Protocol, TypeVar

from msgspec import field

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
from gateway.words.part import Part

LOG = logging.getLogger("eldercare")
# taken between two looks at what was heard: a press waits for no more than these
ORDERS_A_TURN = 20
Name = TypeVar("Name")

# does it, and returns what the pump is to write of it
CarryOut = Callable[[Instruction], Coroutine[Any, Any, Later]]


class Place(Protocol[Name]):
    """Where instructions lie, each under a name, until they have their answer."""

    async def found(self) -> list[tuple[Name, bytes]]:
        """Return the oldest that have no answer yet."""
        ...

    def answered(self, name: Name) -> None:
        """Take it that one has its answer, which is written at the end of this turn."""
        ...


class Inbound(Part, Generic[Name]):
    """Takes what lies in one place, in its order. `run` is a task on the loop.

    `program`: it is of programs that the daemon runs.
    """

    place: Place[Name]
    orders: Orders
    notes: Notes
    carry_out: CarryOut
    program: bool = False
    _asked: asyncio.Event = field(default_factory=asyncio.Event)

    def ask(self) -> None:
        """Wake the task: there may be something."""
        self._asked.set()

    async def run(self) -> None:
        """Take what lies there as it comes. Only cancellation ends it."""
        while True:
            left = deque(await self.place.found())
            if not left:
                await self._asked.wait()
                self._asked.clear()
            while left:
                longer: list[Instruction] = []
                await in_turn(self.notes, functools.partial(self._take, left, longer))
                if longer:
                    name, _ = left.popleft()
                    answer = await self.carry_out(longer[0])
                    await in_turn(self.notes, functools.partial(self._answered, name, answer))

    def _take(
        self, left: deque[tuple[Name, bytes]], longer: list[Instruction], now: Moment
    ) -> list[Entry]:
        """Carry out what is done in this turn.

        The first that takes longer stays at the head, and what is behind it too.
        """
        entries: list[Entry] = []
        for _ in range(min(len(left), ORDERS_A_TURN)):
            name, payload = left[0]
            source = "slip" if self.program else "inbox"
            taken = self.orders.taken(source, payload, Door.LOCAL, now, program=self.program)
            if taken.longer is not None:
                longer.append(taken.longer)
                break
            left.popleft()
            self.place.answered(name)
            entries += taken.entries
        return entries

    def _answered(self, name: Name, answer: Later, now: Moment) -> list[Entry]:
        self.place.answered(name)
        return answer(now)


class Inbox(Part):
    """The inbox of page and command line. `after` is the newest number that was answered."""

    home: Home
    after: int
    _well: bool = True  # the file can be read

    def answered(self, number: int) -> None:
        """Take it that the instruction of this number has its answer."""
        self.after = number

    def marks(self, _now: Moment, _anew: bool = False) -> Mapping[str, str]:
        """Return how far the inbox is answered."""
        return {"inbox": str(self.after)}

    async def found(self) -> list[tuple[int, bytes]]:
        """Read the file. One that is broken, locked or hangs is said once, and tried again."""
        path = self.home.config.page_folder
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
            path = self.home.config.page_folder / inbox.FILE
            say("inbox", False, f"{path}: {trouble}; if it stays so, delete the file")
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
def woken_by(path: Path, heard: Callable[[inbox.Datagram], None]) -> Any:
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
            heard(inbox.said(waker.recv(inbox.DATAGRAM)))

    loop.add_reader(waker, woken)
    try:
        yield
    finally:
        loop.remove_reader(waker)
        waker.close()
