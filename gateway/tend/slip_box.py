"""Instructions of programs that the daemon itself runs: read, handed to the pump, then deleted.

They are deleted once they are written down. See home.slips for the files. A file that cannot be
deleted is remembered until the next start, and read no more.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections import deque
from collections.abc import Callable

from gateway.box import aside
from gateway.home import slips
from gateway.home.home import Home
from gateway.judge.book import Entry
from gateway.judge.faults.ledger import Ledger
from gateway.judge.notes import Notes
from gateway.tend.orders import Orders
from gateway.tend.turn import in_turn
from gateway.tend.waits import WAITS
from gateway.words import kind
from gateway.words.clock import Moment
from gateway.words.instruction import Door

LOG = logging.getLogger("eldercare")
SLIPS_A_TURN = 20  # taken between two looks at what was heard: a press waits for no more than these


class SlipBox:
    """What programs of our own have left. `run` is the task "slips" on the loop."""

    def __init__(
        self, home: Home, orders: Orders, faults: Ledger, notes: Notes, now: Callable[[], Moment]
    ) -> None:
        self._home = home
        self._orders = orders
        self._faults = faults
        self._notes = notes
        self._now = now
        self._asked = asyncio.Event()
        self._asked.set()
        # what has its answer and is still to be deleted: it is read no more
        self._answered: dict[str, None] = {}
        # monotonic second of the next try to delete what could not be; how long that waited
        self._delete_at = self._delete_wait = 0.0

    def ask(self) -> None:
        """Wake the task: there may be something in the folder."""
        self._asked.set()

    async def run(self) -> None:
        """Take what is left there, so many a turn. Only cancellation ends it."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            found = deque(await self._found())
            while found:
                await in_turn(self._notes, functools.partial(self._take, found))
                # in the turn behind it: the answers are written down
                await in_turn(self._notes, lambda _: [])
                self._asked.set()  # to delete them

    def _take(self, found: deque[tuple[str, bytes]], now: Moment) -> list[Entry]:
        entries: list[Entry] = []
        for _ in range(min(len(found), SLIPS_A_TURN)):
            name, payload = found.popleft()
            entries += self._orders.taken("slip", payload, Door.LOCAL, now, program=True).entries
            self._answered[name] = None
        return entries

    async def _found(self) -> list[tuple[str, bytes]]:
        """Read what was left, delete what has its answer. A hanging disk holds up nothing else."""
        now = self._now().mono
        look = functools.partial(slips.read, delete=now >= self._delete_at)
        looking = asyncio.wrap_future(
            aside.run(look, self._home.config.state, frozenset(self._answered))
        )
        await asyncio.wait({looking})
        try:
            looked = looking.result()
        except OSError as error:
            looked = slips.Looked([], frozenset(), str(error))
        for name in looked.gone:
            self._answered.pop(name, None)
        self._stay(looked.kept, now)
        return looked.found

    def _stay(self, why: str, now: float) -> None:
        """Tell once that files cannot be deleted or read, and once that they can again.

        It is tried less and less often.
        """
        on = (kind.STORAGE_DEGRADED, slips.FOLDER) in self._faults.on
        if why:
            self._delete_wait = min(WAITS.delete_slip, max(1.0, 2 * self._delete_wait))
            self._delete_at = now + self._delete_wait
            if not on:
                LOG.warning("instructions of our own programs: %s", why)
                self._notes.begin(kind.STORAGE_DEGRADED, slips.FOLDER, why=why[:300])
        elif not self._answered:
            self._delete_at = self._delete_wait = 0.0
            if on:
                self._notes.end(kind.STORAGE_DEGRADED, slips.FOLDER)
