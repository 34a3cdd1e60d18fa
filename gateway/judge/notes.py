"""What any part has to say about the gateway itself waits here for the pump's next turn.

Runs on the loop's thread. `take` belongs to the pump.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gateway.judge.book import Entry
from gateway.judge.faults.fact import FaultFact
from gateway.judge.faults.ledger import Ledger
from gateway.words.clock import Moment
from gateway.words.part import Part
from gateway.words.reading import Value

Later = Callable[[Moment], list[Entry]]


class Notes(Part):
    """What waits for the next turn, in its order. `wake` is called when something comes."""

    faults: Ledger
    noticed: Callable[[Iterable[FaultFact], Moment], list[Entry]]
    wake: Callable[[], None]

    def __post_init__(self) -> None:
        self._waiting: list[Later] = []

    def say(self, kind: str, device: str = "", **detail: Value) -> None:
        """Tell something once, which has no end."""
        self.later(lambda at: self.said(at, kind, device, **detail))

    def begin(self, kind: str, device: str = "", **detail: Value) -> None:
        """Begin a fault, unless it is on already."""
        self.later(
            lambda at: self.noticed(self.faults.begin(kind, at, device, test=False, **detail), at)
        )

    def end(self, kind: str, device: str = "") -> None:
        """End a fault, if it is on."""
        self.later(lambda at: self.noticed(self.faults.end(kind, at, device), at))

    def said(self, now: Moment, kind: str, device: str = "", **detail: Value) -> list[Entry]:
        """Return the entry that tells something once, for who is in the pump's turn already."""
        return self.noticed([self.faults.note(kind, now, device, **detail)], now)

    def later(self, note: Later) -> None:
        """Let the pump write down in its next turn what `note` returns."""
        self._waiting.append(note)
        self.wake()

    def take(self) -> list[Later]:
        """Hand over what waits."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def __bool__(self) -> bool:
        return bool(self._waiting)
