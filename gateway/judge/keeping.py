"""When the marks are written that let waits and judgements outlast a power cut, where no entry is.

A power cut costs each wait what has passed since the last mark. Power that comes for seconds at a
time would cost all of it, again and again, and nobody would ever be called. So the marks come close
together after a start and after each step of an alarm, then each after a quarter more time than the
one before: what is lost stays a part of what has passed. Only what has certainly passed counts: to
guess more could call one person twice in a row.

A judgement that begins (a bed left, a door opened) is on the card with that very turn; its end may
wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from gateway.judge.book import AlarmFact, Entry
from gateway.judge.pipeline import Pipeline
from gateway.judge.waits import WAITS
from gateway.words.kind import Priority

# later ones come after a quarter of the time since the start, or since the last step of an alarm
SHARE = 4.0


class Keeping:
    """What was written when, in monotonic seconds of this boot."""

    def __init__(self, mono: float) -> None:
        self._alive = mono  # the last mark
        self._step = mono  # when something last began whose wait is to outlast a power cut
        self._saved = -inf
        self._begun: dict[str, float] = {}

    def marks_at(self, pipeline: Pipeline) -> float:
        """Return when the next mark is wanted for the waits that run; inf for never."""
        somebody_is_called = pipeline.waits
        if not somebody_is_called and not pipeline.waits_quietly:
            return inf
        latest = WAITS.mark_latest if somebody_is_called else WAITS.mark_latest_quiet
        return self._alive + min(
            max((self._alive - self._step) / SHARE, WAITS.mark_soonest), latest
        )

    def saves_at(self, pipeline: Pipeline) -> float:
        """Return when a change in what is judged is to be written; inf for never."""
        changed = self._saved + WAITS.save_every if pipeline.unsaved else inf
        return min(
            changed,
            *(self._begun.get(device, -inf) + WAITS.begun_every for device in pipeline.begun),
            inf,
        )

    def due(self, pipeline: Pipeline) -> float:
        """Return the earlier of both."""
        return min(self.marks_at(pipeline), self.saves_at(pipeline))

    def written(self, mono: float, entries: Sequence[Entry], pipeline: Pipeline) -> None:
        """Take that the marks are written, with these entries.

        To be called before `Pipeline.saved`.
        """
        self._begun = {
            device: at for device, at in self._begun.items() if mono - at < WAITS.mark_latest_quiet
        }
        # one that flaps is no new step
        if pipeline.begun - self._begun.keys() or any(_is_step(entry) for entry in entries):
            self._step = mono
        self._begun |= dict.fromkeys(pipeline.begun, mono)
        self._alive = self._saved = mono


def _is_step(entry: Entry) -> bool:
    return isinstance(entry.fact, AlarmFact) and entry.priority <= Priority.P2
