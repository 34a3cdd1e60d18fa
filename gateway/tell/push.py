"""Empties the outbox over a link, most urgent first, one message in flight, and sends again until the platform's receipt.

    1  calls for help that have just come, or found no link: P1 before P2, of these the newest first
    2  after a connection: how each open alarm stands, by its newest entry without receipt, the newest alarm first
    3  all else that has no receipt, by priority, the oldest first; what is due again before what was never sent
    4  readings

Neither broker nor client library is our store: a message leaves the outbox when its receipt comes,
not at PUBACK. What is fresh is pushed from memory; what waits longer is read from the store page by
page, so that a backlog of any size delays a new alarm by no more than the one message in flight.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple, Protocol

from gateway.words.clock import Clock
from gateway.words.kind import Priority
from gateway.words.ranges import Numbers, merged, within
from gateway.words.say import Failed, Say

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
# s until P1 or P2 without receipt is sent again, the last one repeats (SCAIP 5-20 s). All else
# begins so, and then waits double.
AGAIN = (5.0, 10.0, 20.0)
PATIENCE = 1800.0  # s after which P1 and P2 are sent again only every AGAIN_LATER (SCAIP 3-30 min)
AGAIN_LATER = {
    True: 60.0,
    False: 600.0,
}  # s at most; P1 and P2, and all others; for ever. A batch of readings is never sent again sooner
RAISES, STANDS, URGENT = 0, 1, 2  # ranks of what is P1 or P2; that of all else is its priority
NOTHING = 99, 99  # a rank and priority below all others: there is no message
GONE = Say("link.gone")
# share by which each wait is stretched or shortened, so that homes do not send in step
JITTER = 0.2


class Message(Protocol):
    """What is pushed: an entry of the journal or a batch of readings."""

    @property
    def priority(self) -> int: ...  # noqa: D102
    @property
    def number(self) -> int: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def payload(self) -> bytes: ...  # noqa: D102
    @property
    def batch(self) -> bool: ...  # noqa: D102
    @property
    def raises(self) -> bool: ...  # noqa: D102  it says that somebody calls for help, at P1 or P2, and not how that went on


class Link(Protocol):
    """The way to the broker. `publish` returns when the broker has the message and raises `Lost` when it has not."""

    async def publish(self, topic: str, payload: bytes) -> None: ...  # noqa: D102


class Lost(Failed):
    """The link is not there, or ended during a publish. What was being sent stays in the outbox."""

    def __init__(self, say: Say = GONE) -> None:
        super().__init__(say)


class NotTaken(Failed):
    """The broker refuses this one message; the link is well. It is tried again as if it had no receipt."""

    def __init__(self, say: Say = GONE) -> None:
        super().__init__(say)


class Outbox(Protocol):
    """The store's side of pushing."""

    async def standing(self, limit: int) -> Sequence[Message]: ...  # noqa: D102
    async def waiting(self, after: tuple[int, int], limit: int) -> Sequence[Message]: ...  # noqa: D102
    async def waiting_batches(self, after: int, limit: int) -> Sequence[Message]: ...  # noqa: D102
    async def again(self, numbers: Iterable[int], *, batch: bool) -> Sequence[Message]: ...  # noqa: D102


class Place(NamedTuple):
    """Where a message stands among others: the lowest goes first."""

    rank: int
    priority: int
    turn: int


class Key(NamedTuple):
    """Names a message: entries and batches are numbered apart."""

    batch: bool
    number: int


@dataclass(slots=True)
class Flight:
    """A message that the broker has and the platform has not yet confirmed."""

    place: Place
    first: float
    due: float
    # from when on its lack is held against the platform; of a batch, which is not sent again soon,
    # the second time
    since: float
    times: int = 0


class Push:
    """What is being sent. One task runs `run`; all other methods are called from the same event loop."""

    def __init__(
        self,
        link: Link,
        outbox: Outbox,
        clock: Clock,
        topic: Callable[[str], str],
        accepted: Callable[[Message], None] | None,
    ) -> None:
        """Prepare to send. `accepted` is called at PUBACK where the platform sends no receipts; None where it does."""
        self.sent = 0
        self._link = link
        self._outbox = outbox
        self._clock = clock
        self._topic = topic
        self._accepted = accepted
        self._wake = asyncio.Event()
        self._another = asyncio.Event()  # set when the present outbox is given up
        self._called = (
            asyncio.Event()
        )  # set when something of P1 or P2 is offered: reading batches then waits
        self._up = False
        self._fresh: list[tuple[Place, int, Message]] = []
        self._stands_read = False  # how each open alarm stands has been read since the connection
        self._page: deque[Message] = deque()
        # where to go on reading entries; None = all read
        self._cursor: tuple[int, int] | None = None
        self._batch_cursor: int | None = None
        self._flight: dict[Key, Flight] = {}
        self._flown = {
            False: Numbers(),
            True: Numbers(),
        }  # the numbers of these, entries and batches
        # Heaps: when which is due again, and what is due. To look through thousands for each
        # message would be felt.
        self._timers: list[tuple[float, Key]] = []
        self._due: list[tuple[Place, Key]] = []
        self._place = Place(*NOTHING, 0)  # of what `_next` has returned
        self._held: set[Key] = set()  # in _fresh or being sent
        self._rescan = {
            False: False,
            True: False,
        }  # of entries, of batches: some wait in the store that are not held here
        self._batches = 0  # in flight
        self._wanted = True  # whether the platform wants readings at all
        # counts how often batches were left to the store: what was asked of it before is another by
        # now
        self._left = 0
        self._order = 0
        # counts connections: what was begun in an earlier one says nothing about this one
        self._era = 0
        self._sending: Key | None = None
        self._late: deque[Message] = deque(maxlen=LATE)
        self._stopped_at = -inf  # when something of P1 or P2 last found no link

    def offer(self, messages: Iterable[Message]) -> None:
        """Take what has just been committed. Without a link only the newest calls for help are kept here: the store has all."""
        if not self._up:
            for message in messages:
                self._stop(message)
            return
        for message in messages:
            if len(self._fresh) >= FRESH and message.priority > Priority.P2:
                self._rescan[message.batch] = True
                continue
            self._take(_place(message), message)
        self._wake.set()

    def _take(self, place: Place, message: Message) -> None:
        if message.priority <= Priority.P2:
            self._called.set()
        self._order += 1
        heapq.heappush(self._fresh, (place, self._order, message))
        self._held.add(Key(message.batch, message.number))

    def trust(self, accepted: Callable[[Message], None] | None) -> None:
        """Go on with another platform, which sends receipts or does not: see `accepted` at the beginning."""
        self._accepted = accepted

    def readings(self, *, wanted: bool) -> None:
        """Send batches of readings, or keep them in the store for as long as the platform wants none."""
        if wanted == self._wanted:
            return
        self._wanted = wanted
        if not wanted:
            for key in [k for k in self._flight if k.batch]:
                self._land(key)
        self._wake.set()

    def leave_batches(self) -> None:
        """Leave the batches held here to the store and read them anew: what of them may be sent is less than before."""
        self._left += 1
        for held in [held for held in self._fresh if held[-1].batch]:
            self._held.discard(Key(True, held[-1].number))
        self._fresh = [held for held in self._fresh if not held[-1].batch]
        heapq.heapify(self._fresh)
        self._page = deque(message for message in self._page if not message.batch)
        for key in [k for k in self._flight if k.batch]:
            self._land(key)
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
        """Begin anew: after a connection all that has no receipt is sent, in the order that stands above."""
        self._up = True
        self._era += 1
        self._fresh.clear()
        self._page.clear()
        self._flight.clear()
        self._flown = {False: Numbers(), True: Numbers()}
        self._batches = 0
        self._timers.clear()
        self._due.clear()
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
        """Note a message that found no link: a call for help shall go before all that waits longer."""
        if message.priority <= Priority.P2:
            self._stopped_at = self._clock.now().mono
        if message.raises:
            self._late.append(message)

    def received(self, ranges: Iterable[tuple[int, int]], *, batch: bool) -> None:
        """Forget what the platform has recorded. Its receipt may be faster than the broker's PUBACK."""
        whole = merged(ranges)

        def taken(one: Key | Message) -> bool:
            return one.batch == batch and within(one.number, whole)

        if self._sending is not None and taken(self._sending):
            self._sending = None
        for number in self._flown[batch].covered(whole):
            self._land(Key(batch, number))
        for waiting in (self._page, self._late):
            kept = [m for m in waiting if not taken(m)]
            if len(kept) < len(waiting):
                waiting.clear()
                waiting.extend(kept)
        self._wake.set()

    @property
    def pressed(self) -> bool:
        """Whether something urgent waits for its turn: then what nobody waits for is not begun."""
        again = self._due_again(self._clock.now().mono)
        resend = self._flight[again].place[:2] if again is not None else NOTHING
        backlog = _place(self._page[0])[:2] if self._page else NOTHING
        return min(self._first(), resend, backlog)[0] <= URGENT

    def urgent(self, seconds: float) -> bool:
        """Say whether something urgent has wanted to go out in these last seconds, and there was no link."""
        return not self._up and self._clock.now().mono - self._stopped_at < seconds

    def unanswered_since(self) -> float | None:
        """Return the monotonic second since which the platform owes a receipt, or None. One batch that got lost is no such debt."""
        since = min((f.since for f in self._flight.values()), default=inf)
        return None if since == inf else since

    async def run(self) -> None:
        """Send for ever. Only cancellation ends it, and what the store raises."""
        while True:
            message = await self._next() if self._up else None
            if message is None:
                await self._rest()
                continue
            era, key = self._era, Key(message.batch, message.number)
            self._sending = key
            try:
                await self._link.publish(self._topic(message.name), message.payload)
                taken = True
            except NotTaken:
                taken = False
            except Lost:
                if self._era == era:
                    self.down()
                    if (
                        self._sending is not None
                    ):  # else its receipt was faster than the end of the link
                        self._stop(message)
                continue
            finally:
                self._held.discard(key)
            self.sent += taken
            if self._era != era:
                # another connection, maybe another outbox: there all without receipt is sent anyway
                continue
            if taken and self._accepted is not None:
                self._land(key)
                self._accepted(message)
                continue
            if self._sending is None:
                continue
            now = self._clock.now().mono
            if message.batch and not self._wanted:
                continue
            flight = self._flight.get(key)
            if flight is None:
                flight = self._flight[key] = Flight(
                    self._place, now, due=0.0, since=inf if key.batch else now
                )
                self._flown[key.batch].add(key.number)
                self._batches += key.batch
            flight.times += 1
            if flight.times > 1:
                flight.since = min(flight.since, now)
            flight.due = now + self._again_after(flight, now, batch=message.batch)
            heapq.heappush(self._timers, (flight.due, key))

    async def _rest(self) -> None:
        due = self._timers[0][0] if self._up and self._timers else inf
        try:
            async with asyncio.timeout(
                None if due == inf else max(0.01, self._clock.real(due - self._clock.now().mono))
            ):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _next(self) -> Message | None:
        """Return the most urgent message: fresh, due again, or from the backlog; at equal urgency in this order."""
        while True:
            again = self._due_again(self._clock.now().mono)
            resend = self._flight[again].place[:2] if again is not None else NOTHING
            self._pass_over_batches()
            if not self._stands_read and min(self._first(), resend)[0] > RAISES:
                await self._read_standing()
                continue
            while not self._page and self._more() and min(self._first(), resend)[0] > URGENT:
                await self._read()
            self._pass_over_batches()
            fresh = self._first()
            backlog = _place(self._page[0])[:2] if self._page else NOTHING
            if min(fresh, resend, backlog) == NOTHING:
                return None
            if self._full(batch=False):
                # Nothing new below P2 now; what has no receipt is sent again all the same, or the
                # window would never open.
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
                    return found[0]
                self._land(again)
                continue
            message = self._page.popleft()
            key = Key(message.batch, message.number)
            if key not in self._flight and key not in self._held:
                self._place = _place(message)
                return message

    def _first(self) -> tuple[int, int]:
        return self._fresh[0][0][:2] if self._fresh else NOTHING

    def _due_again(self, now: float) -> Key | None:
        """Return the most urgent of what is to be sent again by now."""
        while self._timers and self._timers[0][0] <= now:
            due, key = heapq.heappop(self._timers)
            if (flight := self._flight.get(key)) is not None and flight.due == due:
                heapq.heappush(self._due, (flight.place, key))
        while self._due:
            key = self._due[0][1]
            if (flight := self._flight.get(key)) is not None and flight.due <= now:
                return key
            heapq.heappop(self._due)  # it has its receipt, or was sent meanwhile
        return None

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
        """Say whether nothing new may be sent: so many are without receipt, or nobody wants it. Batches hold up no entry."""
        if batch and not self._wanted:
            return True
        return (
            self._accepted is None
            and (self._batches if batch else len(self._flight) - self._batches) >= WINDOW
        )

    def _pass_over_batches(self) -> None:
        """Leave batches that may not be sent now to the store, so that no entry waits behind them."""
        if not self._full(batch=True):
            return
        while self._fresh and self._fresh[0][2].batch:
            self._held.discard(Key(True, heapq.heappop(self._fresh)[2].number))
            self._rescan[True] = True
        if self._page and self._page[0].batch:  # a page is of one sort
            self._page.clear()
            self._rescan[True] = True

    def _land(self, key: Key) -> None:
        """Look for no receipt of it any more."""
        if self._flight.pop(key, None) is not None:
            self._flown[key.batch].discard(key.number)
            self._batches -= key.batch

    async def _read_standing(self) -> None:
        """Read how each open alarm stands: what became of it since goes before what it superseded."""
        era = self._era
        found = await self._asked(self._outbox.standing(LATE))
        if found is None or era != self._era:
            return
        self._stands_read = True
        for turn, message in enumerate(found):
            key = Key(message.batch, message.number)
            if key not in self._flight and key not in self._held:
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
        """Return the outbox's answer; nothing once it was given up, for its disk may not answer for minutes.

        What `may_wait` (readings) is left as soon as something of P1 or P2 is offered: then None,
        and it is asked again later.
        """
        answer, given_up = (
            asyncio.ensure_future(question),
            asyncio.ensure_future(self._another.wait()),
        )
        self._called.clear()
        called = asyncio.ensure_future(self._called.wait()) if may_wait else given_up
        try:
            await asyncio.wait({answer, given_up, called}, return_when=asyncio.FIRST_COMPLETED)
            return answer.result() if answer.done() else [] if given_up.done() else None
        finally:
            called.cancel()
            given_up.cancel()
            answer.cancel()

    def _again_after(self, flight: Flight, now: float, *, batch: bool) -> float:
        if batch:
            wait = AGAIN_LATER[False]
        elif (
            flight.place.priority > Priority.P2
        ):  # for as long as it has waited already: a line is metered
            wait = min(AGAIN[0] * 2 ** min(flight.times - 1, 20), AGAIN_LATER[False])
        elif now - flight.first >= PATIENCE:
            wait = AGAIN_LATER[True]
        else:
            wait = AGAIN[min(flight.times - 1, len(AGAIN) - 1)]
        return wait * (1 + JITTER * (2 * random.random() - 1))  # noqa: S311  spreading load, not a secret


def _place(message: Message) -> Place:
    """Return where a message stands that is not told as the standing of an alarm."""
    if message.raises:
        return Place(RAISES, message.priority, -message.number)
    return Place(max(URGENT, message.priority), message.priority, message.number)
