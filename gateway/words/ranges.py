"""Inclusive ranges of numbers, as receipts name them.

They are merged first, so that each number is looked at once however often it is named.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence

Range = tuple[int, int]


def merged(ranges: Iterable[Range]) -> list[Range]:
    """Return the same numbers in the fewest ranges, in order.

    A range that ends before it begins holds none.
    """
    out: list[Range] = []
    for first, last in sorted(ranges):
        if first > last:
            continue
        if out and first <= out[-1][1] + 1:
            out[-1] = out[-1][0], max(out[-1][1], last)
        else:
            out.append((first, last))
    return out


class Numbers:
    """Numbers in order, each once; what ranges cover of them is found by bisection."""

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self._in = sorted(set(numbers))

    def add(self, number: int) -> None:
        """Take one; it is at hand at once where it is the highest."""
        if not self._in or number > self._in[-1]:
            self._in.append(number)
        elif number not in self:
            insort(self._in, number)

    def discard(self, number: int) -> None:
        """Let one go, if it is there."""
        place = bisect_left(self._in, number)
        if place < len(self._in) and self._in[place] == number:
            del self._in[place]

    def covered(self, ranges: Iterable[Range]) -> list[int]:
        """Return those that ranges cover; of `merged` ranges each once and in order."""
        return [
            n
            for first, last in ranges
            for n in self._in[bisect_left(self._in, first) : bisect_right(self._in, last)]
        ]

    def __contains__(self, number: int) -> bool:
        place = bisect_left(self._in, number)
        return place < len(self._in) and self._in[place] == number

    def __iter__(self) -> Iterator[int]:
        return iter(self._in)

    def __len__(self) -> int:
        return len(self._in)


def within(number: int, ranges: Sequence[Range]) -> bool:
    """Say whether a number is in ranges that are `merged`."""
    place = bisect_right(ranges, number, key=lambda one: one[0])
    return place > 0 and number <= ranges[place - 1][1]
