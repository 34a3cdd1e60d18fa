"""How long a danger waits for the resident before it is an alarm. Pure.

Who lies still may move again and water may be wiped up: such a grace ends by itself, a button or
none. A fall latches: nothing but a cancel button ends its grace, and where none does it would only
cost time.
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway.judge.watch import CANCEL, Watch
from gateway.words import kind as kinds
from gateway.words.times import Times


def cancellable(watches: Iterable[Watch]) -> bool:
    """Say whether a button here cancels: one whose press is no recording."""
    return any(CANCEL in watch.roles and not watch.unproved for watch in watches)


def grace(kind: str, times: Times, watches: Iterable[Watch]) -> float:
    """Return the seconds of grace of a level that has begun."""
    if kind == kinds.FALL:
        return times.grace_fall if cancellable(watches) else 0.0
    return {kinds.STAY_TOO_LONG: times.grace_stay, kinds.WATER: times.grace_water}.get(kind, 0.0)
