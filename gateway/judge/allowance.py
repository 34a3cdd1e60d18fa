"""How many orders a door takes: a whole evening's work at once, then one now and then.

Whoever sends more is refused, and counted.

Pure. A desk's people give some ten orders for an alarm, a technician a few hundred in a day; a
program that has gone wrong, or somebody hostile with a right to the topic, gives thousands a
second, and each one that is answered is written to the card and pushed.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from gateway.judge.waits import WAITS
from gateway.words.instruction import Door

ALARMS = 200  # alarms whose answers are counted apart, the oldest forgotten first


class Lot(NamedTuple):
    """`at_once` are free; then one more every `every` s. `why` is the ground."""

    at_once: int
    every: float
    why: str


class Of(Enum):
    """What is counted apart, so that a flood of one does not use up what another needs."""

    ANSWER = Lot(
        100, 60.0, "answers to one open alarm: a long night's acknowledgements and dispatches"
    )
    ORDER = Lot(60, 10.0, "anything else from the platform: a desk's tests, shelves and absences")
    LOCAL = Lot(300, 5.0, "the technician's page: thirty devices in a home, some instructions each")
    REFUSAL = Lot(
        100, 60.0, "results that say no: a platform set up anew learns why, a flood fills no card"
    )
    RESEND = Lot(
        100,
        3600.0,
        "entries asked for again, 1000 at a time: all of a home, then what a metered line bears",
    )
    WORD = Lot(
        6,
        60.0,
        "the platform's word that it is away, or there again: each is taken, so many are logged",
    )
    REPEAT = Lot(60, 30.0, "results that are sent once more")


class Allowance:
    """One lot, as far as it is used up."""

    __slots__ = ("at", "left", "lot")

    def __init__(self, lot: Lot) -> None:
        self.lot = lot
        self.left = float(lot.at_once)
        self.at = 0.0

    def spare(self, mono: float) -> bool:
        """Use one up, if one is left."""
        self.left = min(self.lot.at_once, self.left + (mono - self.at) / self.lot.every)
        self.at = mono
        if self.left < 1:
            return False
        self.left -= 1
        return True


class Allowances:
    """All lots of both doors, and how many were refused for want of one since the flood began."""

    def __init__(self, mono: float) -> None:
        self.refused = 0
        self._last = mono
        self._lots: dict[tuple[Door, Of], Allowance] = {}
        self._answers: dict[str, Allowance] = {}

    def spare(self, door: Door, of: Of, mono: float, alarm: str = "") -> bool:
        """Use one of a lot up if one is left; `alarm` is the open alarm that an answer is about."""
        if of is not Of.ANSWER:
            return self._lots.setdefault((door, of), Allowance(of.value)).spare(mono)
        found = self._answers.setdefault(alarm, Allowance(of.value))
        while len(self._answers) > ALARMS:
            del self._answers[next(iter(self._answers))]
        return found.spare(mono)

    def refuse(self, mono: float) -> None:
        """Count one that was refused."""
        self.refused += 1
        self._last = mono

    def quiet(self, mono: float) -> bool:
        """Say whether nothing has been refused for `refusals_over`."""
        return mono - self._last >= WAITS.refusals_over
