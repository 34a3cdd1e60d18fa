"""A pump by hand: what parts left as notes is taken when the test says so."""

from gateway.judge.faults.fault import Faults
from gateway.judge.notes import Notes
from gateway.words.times import Times

from tests.kit.hand import HandClock


class Turns:
    """Notes with a hand-moved clock. `told` are the facts that were said, as (kind, device, detail)."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.faults = Faults({}, Times())
        self.told = []
        self.notes = Notes(self.faults, self._noticed, lambda: None)

    def _noticed(self, facts, _at):
        facts = list(facts)
        self.told += [(fact.kind, fact.turn, fact.device, dict(fact.detail)) for fact in facts]
        return facts

    def turn(self):
        """Take what waits; return what it wrote."""
        return [entry for note in self.notes.take() for entry in note(self.clock.now())]
