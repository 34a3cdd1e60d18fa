"""Inclusive ranges of numbers, as receipts name them: put together, so that each number is looked at once however often it is named."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

Range = tuple[int, int]


def merged(ranges: Iterable[Range]) -> list[Range]:
    """Return the same numbers in as few ranges as hold them, in order; none of a range that ends before it begins."""
    out: list[Range] = []
    for first, last in sorted(ranges):
        if first > last:
            continue
        if out and first <= out[-1][1] + 1:
            out[-1] = out[-1][0], max(out[-1][1], last)
        else:
            out.append((first, last))
    return out


def within(number: int, ranges: Sequence[Range]) -> bool:
    """Say whether a number is in ranges that are `merged`."""
    place = bisect_right(ranges, number, key=lambda one: one[0])
    return place > 0 and number <= ranges[place - 1][1]
