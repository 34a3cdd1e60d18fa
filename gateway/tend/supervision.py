"""What supervision judges silence by: radios, lines, the link, the store, refused tries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

from gateway.hear.hearing import Ears
from gateway.hear.intake import Intake
from gateway.home.home import Home
from gateway.judge.book import Entry
from gateway.judge.faults.untold import Untold
from gateway.judge.pipeline import Pipeline
from gateway.keep.storage import Storage
from gateway.tell.callers import Callers
from gateway.tell.push import Push
from gateway.tell.way import Way
from gateway.tend.attacks import Attacks
from gateway.words import kind
from gateway.words.clock import Clock, Moment
from gateway.words.part import Part


class Supervision(Part, kw_only=True):
    """Gathers what silence is judged by. In the task "pump", asked every few seconds.

    `asks` have a look of their own each time.
    """

    home: Home
    clock: Clock
    pipeline: Pipeline
    storage: Storage
    ears: Ears
    intake: Intake
    attacks: Attacks
    untold: Untold
    callers: Callers
    push: Push
    way: Way
    asks: Sequence[Callable[[], None]]

    def hearing(self, now: Moment) -> list[Entry]:
        """Take since when each way of hearing is silent; tell the home what waits for that."""
        faults = self.pipeline.faults
        for radio in self.ears.radios:
            if radio.heard_at is not None:
                faults.radio_heard(radio.adapter, radio.heard_at)
        # a badge may be heard by each of them; a recorded day has none
        aired = (radio.heard_at or -inf for radio in self.ears.radios)
        self.pipeline.badges.hears(min(aired, default=self.intake.aired))
        faults.silences.cut(self.ears.cut(), now)
        for number, fact in self.untold.due(now):
            self.callers.tell_fault(fact, number, self.home.config)
        for ask in self.asks:
            ask()
        faults.clock_doubted(self.clock.why)
        return []

    def store(self, now: Moment) -> list[Entry]:
        """Tell what the store has mended."""
        why = self.storage.store.take_mended()
        return (
            self.pipeline.noticed(
                [self.pipeline.faults.note(kind.STORAGE_DEGRADED, now, why=why[:300])], now
            )
            if why
            else []
        )

    def refused(self, now: Moment) -> list[Entry]:
        """Tell of refused tries that look like an attack."""
        refused = ((d, enrolled.refused) for d, enrolled in self.intake.devices.items())
        return self.pipeline.noticed(self.attacks.look(now, refused), now)

    def link(self, now: Moment) -> list[Entry]:
        """Tell whether the platform is there: connected, and its receipts come."""
        if self.home.config.platform is None:
            return []
        faults, since = self.pipeline.faults, self.push.unanswered_since()
        answered = since is None or now.mono - since < self.home.config.times.receipts_lost
        taken_over = self.way.link is not None and self.way.link.taken_over
        twice = (
            faults.begin(kind.IDENTITY_CONFLICT, now)
            if taken_over
            else faults.end(kind.IDENTITY_CONFLICT, now)
        )
        return self.pipeline.linked(self.way.connected and answered, now) + self.pipeline.noticed(
            twice, now
        )
