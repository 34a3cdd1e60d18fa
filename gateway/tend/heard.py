"""What was heard in the home since the last turn: kept in the history, and judged."""

from __future__ import annotations

from gateway.hear.waiting_room import WaitingRoom
from gateway.judge.book import Entry
from gateway.judge.pipeline import Pipeline
from gateway.keep.historian import Historian
from gateway.tend.weekly import Weekly
from gateway.words.clock import Moment
from gateway.words.part import Part
from gateway.words.reading import FORMS, Form


class Heard(Part):
    """The pump's first inlet, in the task "pump".

    `event`: something that happens once was heard; the pump takes it back when that is written.
    """

    room: WaitingRoom
    historian: Historian
    pipeline: Pipeline
    weekly: Weekly

    def __post_init__(self) -> None:
        self.event = False

    @property
    def waiting(self) -> bool:
        """Whether a reading waits."""
        return len(self.room) > 0

    def entries(self, _now: Moment) -> list[Entry]:
        """Judge what waits, each reading at its own moment."""
        entries: list[Entry] = []
        for reading in self.room.take():
            self.historian.heard(reading)
            entries += self.pipeline.heard(reading)
            self.weekly.heard(reading)
            self.event = self.event or FORMS[reading.kind] is Form.EVENT
        return entries

    last = entries
