"""The life of one question, and how many may be asked. Pure. Times are monotonic seconds.

    asked ──▶ asked again, louder ──▶ nobody answered: a danger
      └──── any sign of life ───▶ answered

A home may be asked as often as its preset says in the mean. What it does not use it may use later,
MOST at once. Where little is left the line is stretched: fewer questions, not more alarms. A
silence as long as the preset's longest is asked about all the same.
"""

from __future__ import annotations

from msgspec import Struct

from gateway.judge.waits import WAITS
from gateway.words.reading import Value

MOST = 3.0  # questions that may be saved up
_DAY = 86400.0


class Ask(Struct, frozen=True, kw_only=True):
    """Why the home asks now. `rests`: the numbers, for whoever reads it.

    `device` gave the newest sign. `at_once`: nobody is asked, it is a danger.
    """

    kind: str
    device: str = ""
    since: float
    at_once: bool = False
    rests: dict[str, Value] = {}


class Question(Struct):
    """What was asked, at `asked`, so many `times`; its next step is `due`."""

    kind: str
    device: str
    since: float
    asked: float
    due: float
    rests: dict[str, Value]
    times: int = 1

    def again(self, now: float) -> None:
        """Ask once more."""
        self.times, self.due = self.times + 1, now + WAITS.ask_ends

    @property
    def over(self) -> bool:
        """Whether nobody has answered when it is due next."""
        return self.times >= 2


def asked(ask: Ask, now: float) -> Question:
    """Return a question that is asked now."""
    return Question(ask.kind, ask.device, ask.since, now, now + WAITS.ask_again, dict(ask.rests))


class Budget(Struct):
    """How many questions are left, as of `at`."""

    left: float = 1.0
    at: float = 0.0

    def pass_(self, now: float, a_day: float) -> None:
        """Take that time has passed."""
        self.left = min(MOST, self.left + max(0.0, now - self.at) * a_day / _DAY)
        self.at = now

    @property
    def stretch(self) -> float:
        """How many times as long as its line a silence has to be."""
        return 1.0 if self.left >= 1.0 else 1.5 if self.left >= 0.0 else 2.0
