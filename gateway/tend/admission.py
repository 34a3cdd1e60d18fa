"""How much each door lets in: orders within an allowance, and a few told refusals an hour.

What goes beyond is counted. A flood is one fault: an entry at its beginning, one with its number at
its end.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from gateway.judge.allowance import Allowances, Of
from gateway.judge.faults.fact import FaultFact
from gateway.judge.faults.ledger import Ledger
from gateway.judge.notes import Notes
from gateway.words import kind
from gateway.words.clock import Moment
from gateway.words.instruction import Door
from gateway.words.part import Part

BAD_MESSAGES = 10  # told per hour; more are only counted


def mistaken(mistake: Exception) -> str:
    """Return why a message was refused that a mistake of ours tripped over."""
    return (
        f"a mistake of ours ({type(mistake).__name__}): nothing of it was taken; "
        "see the gateway's log"
    )


class Admission(Part):
    """The allowances of both doors. In the task "pump"."""

    faults: Ledger
    notes: Notes
    now: Callable[[], Moment]

    def __post_init__(self) -> None:
        self._bad_since = self.now().mono
        self._bad = 0
        self._allowances = Allowances(self._bad_since)

    def spare(self, door: Door, of: Of, now: Moment, alarm: str = "") -> bool:
        """Use one of an allowance up, or count that none is left.

        `alarm` is the open alarm an answer is about.
        """
        spare = self._allowances.spare(door, of, now.mono, alarm)
        if not spare:
            self.refuse(of.name.lower())
        return spare

    def spare_word(self, now: Moment) -> bool:
        """Say whether one more change of the platform's word of itself is logged."""
        return self.spare(Door.PLATFORM, Of.WORD, now)

    def refuse(self, why: str) -> None:
        """Count an order that is refused unanswered.

        The platform sends it again until it has a result.
        """
        self._allowances.refuse(self.now().mono)
        if self._allowances.refused == 1:
            self.notes.begin(kind.TOO_MANY_ORDERS, first=why[:80])

    def bad_message(self, name: str, why: str, id_: str = "") -> None:
        """Tell of a message that was refused, by its `id_` where that can be read.

        At most BAD_MESSAGES times an hour: a babbling sender must not fill the journal.
        """
        now = self.now().mono
        if now - self._bad_since >= 3600:
            self._bad, self._bad_since = 0, now
        self._bad += 1
        if self._bad > BAD_MESSAGES:
            self.refuse(name)
        else:
            self.notes.say(
                kind.BAD_MESSAGE, message=name, why=why[:300], **({"id": id_} if id_ else {})
            )

    @property
    def tells(self) -> bool:
        """Whether one more refused message of this hour is told."""
        return self._bad < BAD_MESSAGES

    def flooded(self, now: Moment) -> list[FaultFact]:
        """End the fault of too many orders when it is over, with their number."""
        if (kind.TOO_MANY_ORDERS, "") not in self.faults.on or not self._allowances.quiet(now.mono):
            return []
        refused, self._allowances.refused = self._allowances.refused, 0
        ended = self.faults.end(kind.TOO_MANY_ORDERS, now)
        return [replace(fact, detail={**fact.detail, "refused": refused}) for fact in ended]
