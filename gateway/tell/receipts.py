"""Ranges of entries and batches that have a receipt, until their outbox rows go."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.words.ranges import Range, merged

A_COMMIT = 200  # ranges that go into one commit: a press is in the same one, and waits for no more
BATCHES = 500  # ranges of batches that wait to be marked; what falls out is sent again


class Receipts:
    """What the platform has, each number once.

    On the loop's thread; the pump takes entries, the writer of readings batches.
    """

    def __init__(self) -> None:
        self._entries: list[Range] = []
        self._batches: list[Range] = []

    def add(self, *, entries: Iterable[Range] = (), batches: Iterable[Range] = ()) -> None:
        """Keep what has a receipt until it is taken."""
        self._entries = merged([*self._entries, *entries])
        self._batches = merged([*self._batches, *batches])[-BATCHES:]

    def take(self) -> list[Range]:
        """Hand over the entries that go into this commit; the rest goes into the next."""
        now, self._entries = self._entries[:A_COMMIT], self._entries[A_COMMIT:]
        return now

    def take_batches(self) -> list[Range]:
        """Hand over the batches."""
        now, self._batches = self._batches, []
        return now

    def forget(self) -> None:
        """Drop the entries: their journal is given up."""
        self._entries = []

    @property
    def full(self) -> bool:
        """Whether there are as many entries as one commit takes."""
        return len(self._entries) >= A_COMMIT

    def __bool__(self) -> bool:
        return bool(self._entries)
