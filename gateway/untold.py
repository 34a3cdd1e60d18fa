"""A P2 fault that the platform does not receipt is told in the home, at a decent hour, to whom the household marks for it.

A rung with `faults = true` is such a person; what only sounds never is: no siren for a flat battery. Pure: what a fact's entry was,
what has a receipt, and what is due; the daemon begins the programs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import time, tzinfo
from math import inf

from gateway.clock import Moment, Quality
from gateway.fault import FaultFact, Turn
from gateway.kind import FaultClass, Priority
from gateway.ranges import merged, within

AFTER = 1800.0  # s without a receipt: 97 % of outages are over by then
AGAIN = 86400.0  # s after which it is told again, while nobody has it
FROM, UNTIL = time(8), time(21)  # of the home's day
NO_HOUR = 43200.0  # s after which it is told where the clock is known to be wrong, and nobody knows the hour

Key = tuple[str, str]


@dataclass(slots=True)
class _Waits:
    """A fault whose entry has no receipt yet. `number` 0: of before the start, any receipt says that the platform is there."""

    fact: FaultFact
    number: int
    since: float
    told: float = -inf


class Untold:
    """The P2 faults that are on and of which the platform has not said that it knows."""

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self._waits: dict[Key, _Waits] = {}

    def start(self, on: Mapping[Key, FaultFact], now: Moment) -> None:
        """Take over what was on before the start."""
        for fact in on.values():
            self._take(fact, 0, now)

    def written(self, fact: FaultFact, number: int, now: Moment) -> None:
        """Take that a fault stands in entry `number`."""
        if fact.turn is Turn.CLEARED:
            self._waits.pop((fact.kind, fact.device), None)
        elif fact.turn is not Turn.NOTED:
            self._take(fact, number, now)

    def receipted(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Take the platform's receipt."""
        covered = merged(ranges)
        self._waits = {key: one for key, one in self._waits.items() if one.number and not within(one.number, covered)}

    def due(self, now: Moment) -> list[tuple[int, FaultFact]]:
        """Return (number of its entry, fault) of what is to be told in the home now; it counts as told."""
        out = []
        for one in self._waits.values():
            if now.mono - one.since >= AFTER and now.mono - one.told >= AGAIN and self._decent(one, now):
                one.told = now.mono
                out.append((one.number, one.fact))
        return out

    def _take(self, fact: FaultFact, number: int, now: Moment) -> None:
        if fact.priority > Priority.P2 or fact.fault_class is not FaultClass.NOW or fact.test:
            return
        key = fact.kind, fact.device
        before = self._waits.get(key)
        self._waits[key] = _Waits(fact, number, before.since if before else now.mono, before.told if before else -inf)

    def _decent(self, one: _Waits, now: Moment) -> bool:
        if now.quality is Quality.WRONG:
            return now.mono - one.since >= NO_HOUR
        return FROM <= now.wall.astimezone(self.zone).time() < UNTIL
