"""Empties the outbox, most urgent first, one message in flight, again until its receipt comes.

    1  calls for help that have just come, or found no link: P1 before P2, of these the newest first
    2  after a connection: how each open alarm stands, by its newest entry without receipt
    3  all else without receipt, by priority, the oldest first; what is due again before new ones
    4  readings

Neither broker nor client library is our store: a message leaves the outbox when its receipt comes,
not at PUBACK. What is fresh is pushed from memory; what waits longer is read from the store page by
page, so that a backlog of any size delays a new alarm by no more than the one message in flight.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from math import inf
from typing import Any

from gateway.tell.flights import Flights
from gateway.tell.outbox import (
    RAISES,
    STANDS,
    URGENT,
    Key,
    Lost,
    Message,
    NotTaken,
    Outbox,
    Place,
    Sender,
    key_of,
    place_of,
)
from gateway.tell.waits import WAITS
from gateway.words.clock import Clock
from gateway.words.kind import Priority
from gateway.words.ranges import merged, within

# messages kept in memory for pushing; beyond it they are read from the store when their turn comes
FRESH = 1000
# calls for help that found no link and go first once there is one; also alarms that are told first
# as they stand
LATE = 100
PAGE = 100  # entries read from the store at a time
BATCH_PAGE = 4  # batches of readings read at a time; they are large
# entries below P2, and as many batches, that may be without receipt at a time; P1 and P2 know no
# window
WINDOW = 256
NOTHING = 99, 99  # a rank and priority below all others: there is no message


class Push:
    """What is being sent. The task "push" runs `run`; the rest is called on the same loop."""

    def __init__(
        self,
        link: Sender,
        outbox: Outbox,
        clock: Clock,
        topic: Callable[[str], str],
        accepted: Callable[[Message], None] | None,
    ) -> None:
        """Prepare to send. `accepted` takes each PUBACK of a platform that sends no receipts."""
        self.sent = 0
        self._link = link
        self._outbox = outbox
        self._clock = clock
        self._topic = topic
        self._accepted = accepted
        self._wake = asyncio.Event()
        self._another = asyncio.Event()  # set when the present outbox is given up
        # set when something of P1 or P2 is offered: reading batches then waits
        self._called = asyncio.Event()
        self._up = False
        self._fresh: list[tuple[Place, int, Message]] = []
        self._stands_read = False  # how each open alarm stands has been read since the connection
        self._page: deque[Message] = deque()
        # where to go on reading entries; None = all read
        self._cursor: tuple[int, int] | None = None
        self._batch_cursor: int | None = None
        self._flights = Flights()
        self._place = Place(*NOTHING, 0)  # of what `_next` has returned
        self._held: set[Key] = set()  # in _fresh or being sent
        # of entries, of batches: some wait in the store that are not held here
        self._rescan = {False: False, True: False}
        self._wanted = True  # whether the platform wants readings at all
        # counts how often batches were left to the store: an answer asked for before is stale
        self._left = 0
        self._order = 0
        # counts connections: what was begun in an earlier one says nothing about this one
        self._era = 0
        self._sending: Key | None = None
        self._late: deque[Message] = deque(maxlen=LATE)
        self._stopped_at = -inf  # when something of P1 or P2 last found no link

    def offer(self, messages: Iterable[Message]) -> None:
        """Take what has just been committed; without a link keep only the newest calls for help."""
        if not self._up:
            for message in messages:
                self._stop(message)
            return
        for message in messages:
            if len(self._fresh) >= FRESH and message.priority > Priority.P2:
                self._rescan[message.batch] = True
                continue
            self._take(place_of(message), message)
        self._wake.set()

    def _take(self, place: Place, message: Message) -> None:
        if message.priority <= Priority.P2:
            self._called.set()
        self._order += 1
        heapq.heappush(self._fresh, (place, self._order, message))
        self._held.add(key_of(message))

    def trust(self, accepted: Callable[[Message], None] | None) -> None:
        """Go on with another platform, which sends receipts or does not: see `__init__`."""
        self._accepted = accepted

    def readings(self, *, wanted: bool) -> None:
        """Send batches of readings, or keep them in the store while the platform wants none."""
        if wanted == self._wanted:
            return
        self._wanted = wanted
        if not wanted:
            self._flights.land_batches()
        self._wake.set()

    def leave_batches(self) -> None:
        """Read the batches held here anew: less of them may be sent than before."""
        self._left += 1
        for held in [held for held in self._fresh if held[-1].batch]:
            self._held.discard(Key(True, held[-1].number))
        self._fresh = [held for held in self._fresh if not held[-1].batch]
        heapq.heapify(self._fresh)
        self._page = deque(message for message in self._page if not message.batch)
        self._flights.land_batches()
        if self._sending is not None and self._sending.batch:
            self._sending = None
        self._batch_cursor, self._rescan[True] = None, True
        self._wake.set()

    def use(self, outbox: Outbox) -> None:
        """Go on with another outbox: the disk failed and a stand-in took over."""
        self._outbox = outbox
        self._another.set()
        self._another = asyncio.Event()
        self._late.clear()  # its entries have other numbers
        if self._up:
            self.up()

    def up(self) -> None:
        """Begin anew: after a connection all that has no receipt is sent, in the order above."""
        self._up = True
        self._era += 1
        self._fresh.clear()
        self._page.clear()
        self._flights = Flights()
        self._stands_read = False
        self._held.clear()
        self._rescan = {False: False, True: False}
        self._cursor, self._batch_cursor = (0, 0), 0
        late = [*self._late]
        self._late.clear()
        self.offer(late)
        self._wake.set()

    def down(self) -> None:
        """Stop sending; the store keeps what waits."""
        self._up = False
        for message in sorted((message for *_, message in self._fresh), key=lambda m: m.number):
            self._stop(message)
        self._fresh.clear()
        self._page.clear()

    def _stop(self, message: Message) -> None:
        """Note a message that found no link: a call for help goes before all that waits longer."""
        if message.priority <= Priority.P2:
            self._stopped_at = self._clock.now().mono
        if message.raises:
            self._late.append(message)

    def received(self, ranges: Iterable[tuple[int, int]], *, batch: bool) -> None:
        """Forget what the platform has recorded; a receipt may be faster than the PUBACK."""
        whole = merged(ranges)

        def taken(one: Key | Message) -> bool:
            return one.batch == batch and within(one.number, whole)

        if self._sending is not None and taken(self._sending):
            self._sending = None
        self._flights.received(whole, batch=batch)
        for waiting in (self._page, self._late):
            kept = [m for m in waiting if not taken(m)]
            if len(kept) < len(waiting):
                waiting.clear()
                waiting.extend(kept)
        self._wake.set()

    @property
    def pressed(self) -> bool:
        """Whether something urgent waits for its turn: then what nobody waits for is not begun."""
        resend = self._resend(self._flights.due_again(self._clock.now().mono))
        return min(self._first(), resend, self._backlog())[0] <= URGENT

    def urgent(self, seconds: float) -> bool:
        """Say whether something urgent found no link in these last seconds."""
        return not self._up and self._clock.now().mono - self._stopped_at < seconds

    def unanswered_since(self) -> float | None:
        """Return the monotonic second since which the platform owes a receipt, or None.

        One batch that got lost is no such debt.
        """
        return self._flights.unanswered_since()

    async def run(self) -> None:
        """Send for ever. Only cancellation ends it, and what the store raises."""
        while True:
            message = await self._next() if self._up else None
            if message is None:
                await self._rest()
                continue
            era, key = self._era, key_of(message)
            self._sending = key
            try:
                await self._link.publish(self._topic(message.name), message.payload)
                taken = True
            except NotTaken:
                taken = False
            except Lost:
                if self._era == era:
                    self.down()
                    if self._sending is not None:  # else its receipt was faster than the end
                        self._stop(message)
                continue
            finally:
                self._held.discard(key)
            self.sent += taken
            if self._era == era:  # after another connection all without receipt is sent anyway
                self._sent(message, taken=taken)

    def _sent(self, message: Message, *, taken: bool) -> None:
        """Note what became of a message: `taken` by the broker, or refused by it."""
        key = key_of(message)
        if taken and self._accepted is not None:
            self._flights.land(key)
            self._accepted(message)
        elif self._sending is not None and (self._wanted or not key.batch):
            self._flights.sent(key, self._place, self._clock.now().mono)

    async def _rest(self) -> None:
        due = self._flights.next_due() if self._up else inf
        left = None
        if due < inf:
            left = max(WAITS.least, self._clock.real(due - self._clock.now().mono))
        try:
            async with asyncio.timeout(left):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _next(self) -> Message | None:
        """Return the most urgent message; at equal urgency fresh, due again, then backlog."""
        while True:
            again = self._flights.due_again(self._clock.now().mono)
            resend = self._resend(again)
            self._pass_over_batches()
            if not self._stands_read and min(self._first(), resend)[0] > RAISES:
                await self._read_standing()
                continue
            while not self._page and self._more() and min(self._first(), resend)[0] > URGENT:
                await self._read()
            self._pass_over_batches()
            fresh, backlog = self._first(), self._backlog()
            if min(fresh, resend, backlog) == NOTHING:
                return None
            if self._full(batch=False):
                # Nothing new below P2; what has no receipt is sent again, or the window would
                # never open.
                fresh, backlog = (p if p[0] <= URGENT else NOTHING for p in (fresh, backlog))
                if min(fresh, resend, backlog) == NOTHING:
                    return None
            if fresh <= min(resend, backlog):
                self._place, _, message = heapq.heappop(self._fresh)
                return message
            if again is not None and resend <= backlog:
                found = await self._asked(
                    self._outbox.again([again.number], batch=again.batch), may_wait=again.batch
                )
                if found is None:
                    continue
                if found:
                    self._place = place_of(found[0])
                    return found[0]
                self._flights.land(again)
                continue
            message = self._page.popleft()
            if self._is_new(message):
                self._place = place_of(message)
                return message

    def _is_new(self, message: Message) -> bool:
        """Say whether a message of the store is neither in flight nor held here."""
        key = key_of(message)
        return key not in self._flights and key not in self._held

    def _first(self) -> tuple[int, int]:
        return self._fresh[0][0][:2] if self._fresh else NOTHING

    def _backlog(self) -> tuple[int, int]:
        return place_of(self._page[0])[:2] if self._page else NOTHING

    def _resend(self, again: Key | None) -> tuple[int, int]:
        return NOTHING if again is None else self._flights.place(again)[:2]

    def _more(self) -> bool:
        """Say whether there is more of the backlog to be read."""
        if self._cursor is None and self._rescan[False] and not self._full(batch=False):
            self._cursor, self._rescan[False] = (0, 0), False
        if self._batch_cursor is None and self._rescan[True]:
            self._batch_cursor, self._rescan[True] = 0, False
        return self._cursor is not None or (
            self._batch_cursor is not None and not self._full(batch=True)
        )

    def _full(self, *, batch: bool) -> bool:
        """Say whether nothing new may be sent: WINDOW have no receipt, or nobody wants it.

        Batches hold up no entry.
        """
        if batch and not self._wanted:
            return True
        return self._accepted is None and self._flights.count(batch=batch) >= WINDOW

    def _pass_over_batches(self) -> None:
        """Leave batches that may not be sent now to the store: no entry waits behind them."""
        if not self._full(batch=True):
            return
        while self._fresh and self._fresh[0][2].batch:
            self._held.discard(Key(True, heapq.heappop(self._fresh)[2].number))
            self._rescan[True] = True
        if self._page and self._page[0].batch:  # a page is of one sort
            self._page.clear()
            self._rescan[True] = True

    async def _read_standing(self) -> None:
        """Read how each open alarm stands: its newest entry goes before those it superseded."""
        era = self._era
        found = await self._asked(self._outbox.standing(LATE))
        if found is None or era != self._era:
            return
        self._stands_read = True
        for turn, message in enumerate(found):
            if self._is_new(message):
                self._take(Place(STANDS, message.priority, turn), message)

    async def _read(self) -> None:
        """Read the next page of the backlog: entries first, then batches."""
        era = self._era
        if self._cursor is not None:
            page = await self._asked(self._outbox.waiting(self._cursor, PAGE))
            if page is None or era != self._era:
                return
            self._cursor = (page[-1].priority, page[-1].number) if len(page) == PAGE else None
            self._page.extend(page)
        elif self._batch_cursor is not None:
            left = self._left
            page = await self._asked(
                self._outbox.waiting_batches(self._batch_cursor, BATCH_PAGE), may_wait=True
            )
            if page is None or era != self._era or left != self._left:
                return
            self._batch_cursor = page[-1].number if len(page) == BATCH_PAGE else None
            self._page.extend(page)

    async def _asked(
        self, question: Coroutine[Any, Any, Sequence[Message]], *, may_wait: bool = False
    ) -> Sequence[Message] | None:
        """Return the outbox's answer; nothing once it was given up.

        Its disk may not answer for minutes. What `may_wait` (readings) is left as soon as something
        of P1 or P2 is offered: then None, and it is asked again later.
        """
        answer = asyncio.ensure_future(question)
        given_up = asyncio.ensure_future(self._another.wait())
        self._called.clear()
        called = asyncio.ensure_future(self._called.wait()) if may_wait else given_up
        try:
            await asyncio.wait({answer, given_up, called}, return_when=asyncio.FIRST_COMPLETED)
            return answer.result() if answer.done() else [] if given_up.done() else None
        finally:
            called.cancel()
            given_up.cancel()
            answer.cancel()
