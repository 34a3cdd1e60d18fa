"""A P2 fault that the platform does not receipt is told in the home, at a decent hour.

It is told to whom the household marks for it: a rung with `faults = true` is such a person. What
only sounds never is: no siren for a flat battery. Pure: what a fact's entry was, what has a
receipt, and what is due; the daemon begins the programs, and says which of them reached somebody:
what reached nobody is tried again.

The mark `untold` holds since when each waits and when it was told, so that power that comes and
goes neither starts the waits anew nor tells the same again at each start. The time without power
counts where both clocks are confirmed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import time, tzinfo
from math import inf

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from gateway.judge.faults.fact import FaultFact, Turn
from gateway.judge.waits import WAITS
from gateway.words.clock import Moment, Quality, When, bridged, stamp
from gateway.words.kind import FaultClass, Priority
from gateway.words.ranges import merged, within

FROM, UNTIL = time(8), time(21)  # of the home's day
MARK = "untold"
Key = tuple[str, str]


class _Waits(Struct):
    """A fault whose entry has no receipt yet.

    `early`: it is of before the start. Then any receipt says that the platform is there.
    """

    fact: FaultFact
    number: int
    since: float
    told: float = -inf  # somebody was reached
    tried: float = -inf
    tried_as: int = -1  # its number at that moment
    early: bool = False


class _Mark(Struct):
    at: tuple[str, float, str, Quality]
    # kind, device, number of its entry, since when it waits, was told, was tried
    waits: list[tuple[str, str, int, float, float | None, float | None]]


class Untold:
    """The P2 faults that are on and that the platform is not known to have."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._waits: dict[Key, _Waits] = {}
        self.unsaved = False  # the mark is to be written soon
        self._saved = -inf

    def use(self, zone: tzinfo) -> None:
        """Go by another zone of the home from here on."""
        self._zone = zone

    def start(
        self, on: Mapping[Key, FaultFact], now: Moment, mark: str = "", boot: str = ""
    ) -> None:
        """Take over what was on before the start, and what `mark` knows of it unless damaged."""
        try:
            known = _read(mark, on, now, boot)
        except (ValueError, TypeError, OverflowError, RecursionError):
            known = {}
        for key, fact in on.items():
            self._take(fact, 0, now)
            if key in self._waits and key in known:
                self._waits[key] = known[key]

    def mark(self, now: Moment, boot: str) -> str:
        """Return what is to be remembered over a restart. What has changed is taken as written."""
        self.unsaved, self._saved = False, now.mono
        if not self._waits:
            return ""
        waits = [
            (*key, one.number, one.since, _or_none(one.told), _or_none(one.tried))
            for key, one in self._waits.items()
        ]
        return msgspec.json.encode(_Mark(astuple(stamp(boot, now)), waits)).decode()

    def written(self, fact: FaultFact, number: int, now: Moment) -> None:
        """Take that a fault stands in entry `number`."""
        if fact.turn is Turn.CLEARED:
            self._waits.pop((fact.kind, fact.device), None)
        elif fact.turn is not Turn.NOTED:
            self._take(fact, number, now)

    def receipted(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Take the platform's receipt."""
        covered = merged(ranges)
        self._waits = {
            key: one
            for key, one in self._waits.items()
            if not one.early and not within(one.number, covered)
        }

    def due(self, now: Moment) -> list[tuple[int, FaultFact]]:
        """Return (number of its entry, fault) of what is to be told in the home now.

        Whether that reached somebody comes back by `called`.
        """
        out = []
        for one in self._waits.values():
            self.unsaved |= (
                now.mono - one.since < WAITS.untold_after
                and now.mono - self._saved >= WAITS.untold_save
            )
            waited = (
                now.mono - one.since >= WAITS.untold_after
                and now.mono - one.told >= WAITS.untold_again
                and now.mono - one.tried >= WAITS.untold_retry
            )
            if waited and self._decent(one, now):
                one.tried, one.tried_as, self.unsaved = now.mono, one.number, True
                out.append((one.number, one.fact))
        return out

    def called(self, number: int, *, ok: bool) -> None:
        """Take how a call ended that told of the fault with this number.

        If it reached somebody the fault is not told again before tomorrow.
        """
        for one in self._waits.values() if ok else ():
            if one.tried_as == number:
                one.told, self.unsaved = one.tried, True

    def _take(self, fact: FaultFact, number: int, now: Moment) -> None:
        if fact.priority > Priority.P2 or fact.fault_class is not FaultClass.NOW or fact.test:
            return
        key = fact.kind, fact.device
        before = self._waits.get(key)
        if before is not None:
            before.fact, before.number, before.early = fact, number, False
            return
        self._waits[key], self.unsaved = _Waits(fact, number, now.mono, early=number == 0), True

    def _decent(self, one: _Waits, now: Moment) -> bool:
        if now.quality is Quality.WRONG:
            return now.mono - one.since >= WAITS.untold_no_hour
        return FROM <= now.wall.astimezone(self._zone).time() < UNTIL


def _or_none(mono: float) -> float | None:
    return mono if mono > -inf else None


def _read(mark: str, on: Mapping[Key, FaultFact], now: Moment, boot: str) -> dict[Key, _Waits]:
    """Return what a mark knows of the faults that are on, by this boot's clock.

    Raises ValueError, OverflowError, RecursionError: it is damaged.
    """
    found = msgspec.json.decode(mark, type=_Mark)
    at = When(*found.at)
    shift = 0.0 if at.boot == boot else bridged(at, None, now)

    def here(mono: float | None) -> float:
        # what has been, has been: nothing waits for a moment that a damaged mark names
        return -inf if mono is None else min(mono + shift, now.mono)

    return {
        key: _Waits(on[key], max(0, entry), here(since), here(told), here(tried), early=True)
        for kind, device, entry, since, told, tried in found.waits
        if (key := (kind, device)) in on
    }
