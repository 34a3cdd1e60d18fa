"""What supervision judges silence by: radios, lines, the link, the store, refused tries."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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


class Supervision:
    """Gathers what silence is judged by. In the task "pump", asked every few seconds.

    `asks` have a look of their own each time.
    """

    def __init__(
        self,
        *,
        home: Home,
        clock: Clock,
        pipeline: Pipeline,
        storage: Storage,
        ears: Ears,
        intake: Intake,
        attacks: Attacks,
        untold: Untold,
        callers: Callers,
        push: Push,
        way: Way,
        asks: Sequence[Callable[[], None]],
    ) -> None:
        self._home = home
        self._clock = clock
        self._pipeline = pipeline
        self._storage = storage
        self._ears = ears
        self._intake = intake
        self._attacks = attacks
        self._untold = untold
        self._callers = callers
        self._push = push
        self._way = way
        self._asks = asks

    def hearing(self, now: Moment) -> list[Entry]:
        """Take since when each way of hearing is silent; tell the home what waits for that."""
        faults = self._pipeline.faults
        for radio in self._ears.radios:
            if radio.heard_at is not None:
                faults.radio_heard(radio.adapter, radio.heard_at)
        faults.silences.cut(self._ears.cut(), now)
        for number, fact in self._untold.due(now):
            self._callers.tell_fault(fact, number, self._home.config)
        for ask in self._asks:
            ask()
        faults.clock_doubted(self._clock.why)
        return []

    def store(self, now: Moment) -> list[Entry]:
        """Tell what the store has mended."""
        why = self._storage.store.take_mended()
        return (
            self._pipeline.noticed(
                [self._pipeline.faults.note(kind.STORAGE_DEGRADED, now, why=why[:300])], now
            )
            if why
            else []
        )

    def refused(self, now: Moment) -> list[Entry]:
        """Tell of refused tries that look like an attack."""
        refused = ((d, enrolled.refused) for d, enrolled in self._intake.devices.items())
        return self._pipeline.noticed(self._attacks.look(now, refused), now)

    def link(self, now: Moment) -> list[Entry]:
        """Tell whether the platform is there: connected, and its receipts come."""
        if self._home.config.platform is None:
            return []
        faults, since = self._pipeline.faults, self._push.unanswered_since()
        answered = since is None or now.mono - since < self._home.config.times.receipts_lost
        taken_over = self._way.link is not None and self._way.link.taken_over
        twice = (
            faults.begin(kind.IDENTITY_CONFLICT, now)
            if taken_over
            else faults.end(kind.IDENTITY_CONFLICT, now)
        )
        return self._pipeline.linked(
            self._way.connected and answered, now
        ) + self._pipeline.noticed(twice, now)
