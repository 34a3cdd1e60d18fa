"""The book of one household: numbered entries, as one turn writes them.

Pure and synchronous. What a turn has written is committed first, then told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from gateway.judge.alarm import Alarm, Move, Proof, State, proof
from gateway.judge.faults.fact import FaultFact
from gateway.words import kind as kinds
from gateway.words.clock import Moment, When, stamp
from gateway.words.instruction import ResultFact
from gateway.words.kind import Priority
from gateway.words.reading import Reading

_RAISES = frozenset({"raise", Move.EXPIRE.value, Move.CONFIRM.value})


class AlarmFact(Struct, frozen=True):
    """An alarm as it stands after `move`, its state before, who or what moved it and why."""

    alarm: Alarm
    move: str
    before: State | None
    by: str
    reason: str


Fact = AlarmFact | FaultFact | ResultFact


class Entry(Struct, frozen=True):
    """One numbered line of the journal.

    `id` is unique in the world; the same entry sent twice has the same id.
    """

    number: int
    id: str
    at: When
    fact: Fact

    @property
    def priority(self) -> Priority:
        """How urgently the entry is pushed.

        What happens to an alarm is as urgent as the alarm; a result is a P4.
        """
        fact = self.fact
        if isinstance(fact, AlarmFact):
            return fact.alarm.priority
        return fact.priority if isinstance(fact, FaultFact) else Priority.P4

    @property
    def raises(self) -> bool:
        """Whether it calls for help: a new alarm of P1 or P2, or an SOS pressed again.

        All other entries tell how that goes on.
        """
        fact = self.fact
        if not isinstance(fact, AlarmFact) or fact.alarm.priority > Priority.P2:
            return False
        return fact.move in _RAISES or (fact.move == "count" and fact.alarm.kind == kinds.SOS)


def is_walk(alarm: Alarm) -> bool:
    """Say whether a walk test opened it: a real kind of danger, marked as test."""
    return alarm.test and alarm.kind != kinds.TEST


class Book:
    """The numbers and ids of entries, and what this turn has written; `boot` names the power-up."""

    def __init__(self, boot: str) -> None:
        self.boot = boot
        self.journal = ""
        self.last = 0  # number of the newest entry
        self._written: list[Entry] = []

    def begin(self, journal: str, last: int) -> None:
        """Go on after entry `last` of a journal."""
        self.journal, self.last = journal, last

    def stamp(self, at: Moment) -> When:
        """Return a moment with this power-up's name, as it is written down."""
        return stamp(self.boot, at)

    def evidence(self, readings: Iterable[Reading]) -> tuple[Proof, ...]:
        """Return readings as an alarm keeps them."""
        return tuple(proof(reading, self.boot) for reading in readings)

    def entry(self, fact: Fact, now: Moment, *, at: When | None = None) -> int:
        """Write the next entry and return its number.

        `at`: when it was written first, in another journal.
        """
        self.last += 1
        self._written.append(
            Entry(self.last, f"{self.journal}-{self.last}", at or self.stamp(now), fact)
        )
        return self.last

    def tell(self, facts: Iterable[FaultFact], now: Moment) -> None:
        """Write an entry for each fault."""
        for fact in facts:
            self.entry(fact, now)

    @property
    def written(self) -> Sequence[Entry]:
        """What this turn has written so far."""
        return self._written

    def turn(self) -> list[Entry]:
        """Return what this turn has written, and begin the next."""
        out, self._written = self._written, []
        return out
