"""What the broker has and the platform has not confirmed yet, and when each of it is sent again."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from math import inf

from msgspec import Struct

from gateway.box.supervise import spread
from gateway.tell.outbox import Key, Place
from gateway.tell.waits import WAITS
from gateway.words.kind import Priority
from gateway.words.ranges import Numbers, Range

_DOUBLINGS = 20  # of a wait: far beyond all bounds, and no overflow


class Flight(Struct):
    """One message that the broker has and the platform has not confirmed."""

    place: Place
    first: float
    # from when on its lack is held against the platform; of a batch, which is not sent again soon,
    # the second time
    since: float
    due: float = 0.0
    times: int = 0


class Flights:
    """All that has no receipt, by its key. On the loop's thread; part of `Push`.

    What is due again lies in heaps, and numbers in their order: to look through thousands for each
    message or receipt would be felt.
    """

    def __init__(self) -> None:
        self._flying: dict[Key, Flight] = {}
        self._numbers = {False: Numbers(), True: Numbers()}  # entries and batches
        self._timers: list[tuple[float, Key]] = []
        self._due: list[tuple[Place, Key]] = []

    def __contains__(self, key: Key) -> bool:
        return key in self._flying

    def __iter__(self) -> Iterator[Key]:
        return iter(self._flying)

    def count(self, *, batch: bool) -> int:
        """Return how many entries, or batches, have no receipt."""
        return len(self._numbers[batch])

    def place(self, key: Key) -> Place:
        """Return where one of these stands."""
        return self._flying[key].place

    def sent(self, key: Key, place: Place, now: float) -> None:
        """Note that a message was sent, for the first time or again."""
        flight = self._flying.get(key)
        if flight is None:
            flight = Flight(place, now, since=inf if key.batch else now)
            self._flying[key] = flight
            self._numbers[key.batch].add(key.number)
        flight.times += 1
        if flight.times > 1:
            flight.since = min(flight.since, now)
        flight.due = now + _again_after(flight, now, batch=key.batch)
        heapq.heappush(self._timers, (flight.due, key))

    def land(self, key: Key) -> None:
        """Look for no receipt of it any more."""
        if self._flying.pop(key, None) is not None:
            self._numbers[key.batch].discard(key.number)

    def land_batches(self) -> None:
        """Look for no receipt of batches any more: the store has them."""
        for number in list(self._numbers[True]):
            self.land(Key(True, number))

    def received(self, ranges: Iterable[Range], *, batch: bool) -> None:
        """Take receipts, in ranges that are `merged`."""
        for number in self._numbers[batch].covered(ranges):
            self.land(Key(batch, number))

    def due_again(self, now: float) -> Key | None:
        """Return the most urgent of what is to be sent again by now."""
        while self._timers and self._timers[0][0] <= now:
            due, key = heapq.heappop(self._timers)
            if (flight := self._flying.get(key)) is not None and flight.due == due:
                heapq.heappush(self._due, (flight.place, key))
        while self._due:
            key = self._due[0][1]
            if (flight := self._flying.get(key)) is not None and flight.due <= now:
                return key
            heapq.heappop(self._due)  # it has its receipt, or was sent meanwhile
        return None

    def next_due(self) -> float:
        """Return the monotonic second at which something may be due again, infinite for nothing."""
        return self._timers[0][0] if self._timers else inf

    def unanswered_since(self) -> float | None:
        """Return since when the platform owes a receipt; a single lost batch is no such debt."""
        since = min((f.since for f in self._flying.values()), default=inf)
        return None if since == inf else since


def _again_after(flight: Flight, now: float, *, batch: bool) -> float:
    """Return the wait until a message is sent again: doubling, up to a bound that it stays at."""
    doubled = WAITS.again * 2.0 ** min(flight.times - 1, _DOUBLINGS)
    if batch:
        wait = WAITS.again_other
    elif flight.place.priority > Priority.P2:
        wait = min(doubled, WAITS.again_other)
    elif now - flight.first < WAITS.patience:
        wait = min(doubled, WAITS.again_urgent)
    else:
        wait = WAITS.again_late
    return spread(wait)
