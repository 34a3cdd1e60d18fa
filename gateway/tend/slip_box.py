"""Where programs that the daemon itself runs leave instructions: read, answered, then deleted.

They are deleted once they are written down. See home.slips for the files. A file that cannot be
deleted is remembered until the next start, and read no more.
"""

from __future__ import annotations

import asyncio
import functools
import logging

from msgspec import field

from gateway.box import aside
from gateway.home import slips
from gateway.home.home import Home
from gateway.judge.faults.ledger import Ledger
from gateway.judge.notes import Notes
from gateway.tend.turn import in_turn
from gateway.tend.waits import WAITS
from gateway.words import kind
from gateway.words.clock import Clock
from gateway.words.part import Part

LOG = logging.getLogger("eldercare")


class SlipBox(Part):
    """What programs of our own have left. On the loop, in the task "slips"."""

    home: Home
    faults: Ledger
    notes: Notes
    clock: Clock
    # what has its answer and is still to be deleted: it is read no more
    _answered: dict[str, None] = field(default_factory=dict)
    _unwritten: bool = False  # an answer among them is of the turn that runs
    # monotonic second of the next try to delete what could not be; how long that waited
    _delete_at: float = 0.0
    _delete_wait: float = 0.0

    def answered(self, name: str) -> None:
        """Take it that a slip has its answer."""
        self._answered[name] = None
        self._unwritten = True

    async def found(self) -> list[tuple[str, bytes]]:
        """Read what was left, delete what has its answer. A hanging disk holds up nothing else."""
        if self._unwritten:
            self._unwritten = False
            await in_turn(self.notes, lambda _: [])  # the turn behind it: the answers are written
        now = self.clock.now().mono
        look = functools.partial(slips.read, delete=now >= self._delete_at)
        looking = asyncio.wrap_future(
            aside.run(look, self.home.config.state, frozenset(self._answered))
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
        on = (kind.STORAGE_DEGRADED, slips.FOLDER) in self.faults.on
        if why:
            self._delete_wait = min(WAITS.delete_slip, max(1.0, 2 * self._delete_wait))
            self._delete_at = now + self._delete_wait
            if not on:
                LOG.warning("instructions of our own programs: %s", why)
                self.notes.begin(kind.STORAGE_DEGRADED, slips.FOLDER, why=why[:300])
        elif not self._answered:
            self._delete_at = self._delete_wait = 0.0
            if on:
                self.notes.end(kind.STORAGE_DEGRADED, slips.FOLDER)
