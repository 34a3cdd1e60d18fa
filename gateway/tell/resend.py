"""Entries that the platform asks for once more: it lost its database, or finds an unexplained gap.

One order at a time, MOST entries at most, paced, in their order, each as it was sent the first
time. Whatever is urgent goes before the next one; a link that is lost is waited for. The result
comes when the broker has the last one: a platform that has no result sends its order again, as any
other, and after a restart of ours that begins it anew. Nothing waits for a receipt: what did not
come all the same is asked for again, under a new id.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from functools import partial

from gateway.contract import wire
from gateway.home.home import Home
from gateway.judge.book import Entry
from gateway.judge.notes import Notes
from gateway.judge.pipeline import Pipeline
from gateway.keep.database import is_sound
from gateway.keep.storage import Storage
from gateway.tell.outbox import Lost, NotTaken
from gateway.tell.push import Push
from gateway.tell.waits import WAITS
from gateway.tell.way import Way
from gateway.words.clock import Moment
from gateway.words.instruction import Instruction, Refused, ResultFact, no

LOG = logging.getLogger("eldercare")
MOST = 1000  # entries in one order, some 1.5 MB: two minutes
PAGE = 50  # entries read from the store at a time


class Resend:
    """What is being sent once more. `run` is the task "resend"; `told` is called by the pump."""

    def __init__(
        self,
        home: Home,
        notes: Notes,
        storage: Storage,
        pipeline: Pipeline,
        push: Push,
        way: Way,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._home = home
        self._notes = notes
        self._storage = storage
        self._pipeline = pipeline
        self._push = push
        self._way = way
        self._sleep = sleep
        self._order: Instruction | None = None
        self._wake = asyncio.Event()

    def is_on(self, i: Instruction) -> bool:
        """Say whether this very order is being carried out: its result comes by itself."""
        return self._order is not None and (self._order.id, self._order.digest) == (i.id, i.digest)

    def other_than(self, i: Instruction) -> bool:
        """Say whether another order is being carried out under this one's id.

        Its result must find the place that is its own.
        """
        return self._order is not None and self._order.id == i.id and self._order.digest != i.digest

    def told(self, i: Instruction) -> ResultFact | None:
        """Take an order; return the answer that refuses it, None where it is carried out now."""
        newest, store = self._pipeline.last, self._storage.store
        if not i.by.strip():
            return no(i, Refused.MISSING, "order.no_by")
        if not i.journal or not i.first or not i.last:
            return no(i, Refused.MISSING, "resend.which")
        if not store.entries.receipted(i.journal, [(i.first, i.first)]):
            return no(i, Refused.UNKNOWN_JOURNAL, "resend.no_journal", journal=i.journal)
        if i.last < i.first or (i.journal == store.journal and i.last > newest):
            return no(i, Refused.INVALID, "resend.numbers", newest=newest)
        if i.last - i.first >= MOST:
            return no(i, Refused.TOO_LONG, "resend.many", most=MOST)
        if self._order is not None:
            return no(i, Refused.BUSY, "resend.busy")
        self._order = i
        self._wake.set()
        return None

    async def run(self) -> None:
        """Send what is asked for. Only cancellation ends it."""
        while True:
            while (order := self._order) is None:
                self._wake.clear()
                await self._wake.wait()
            try:
                sent = await self._send(order)
            except sqlite3.Error as error:
                LOG.warning("resend %s: the journal cannot be read: %s", order.id, error)
            else:
                self._notes.later(partial(self._over, ResultFact(order, Refused.NONE, sent=sent)))
            self._order = None

    def _over(self, result: ResultFact, now: Moment) -> list[Entry]:
        return self._pipeline.answered(result, (), now)

    async def _send(self, order: Instruction) -> int:
        """Return how many entries of an order the broker has taken. Raises sqlite3.Error."""
        sent, after = 0, order.first - 1
        while after < order.last:
            page = await self._storage.store.kept(order.journal, after + 1, order.last, PAGE)
            for number, name, body in page:
                after = number
                sent += is_sound(body) and await self._sent(name, body)
                await self._sleep(WAITS.pace)
            if len(page) < PAGE:
                break
        return sent

    async def _sent(self, name: str, body: bytes) -> bool:
        """Send one entry once nothing urgent waits and a link is up.

        Return False where the broker refuses it.
        """
        while True:
            if self._push.pressed or not self._way.connected:
                await self._sleep(WAITS.look)
                continue
            try:
                await self._way.publish(wire.topic(self._home.gateway, name), body)
            except NotTaken as refused:
                LOG.warning("resend: %s", refused)
                return False
            except Lost:
                await self._sleep(WAITS.look)
                continue
            return True
