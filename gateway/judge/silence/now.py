"""What a rule is given: the home at this look. Pure; a rule changes nothing of it."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from gateway.judge.silence.line import Line
from gateway.judge.silence.question import Budget
from gateway.judge.silence.scene import Scene
from gateway.judge.silence.wishes import Preset, Wishes

ASKS = range(7, 22)  # hours in which the home may be asked
DAWN = 4  # hour at which a day begins


class Now(Struct, frozen=True, kw_only=True):
    """One look. `local` is None where nobody confirms the clock: then no hour is known."""

    mono: float
    local: datetime | None
    scene: Scene
    line: Line
    budget: Budget
    wishes: Wishes
    limits: Preset

    @property
    def silent(self) -> float:
        """Minutes of silence that count."""
        return (self.mono - self.scene.since) / 60

    @property
    def by_day(self) -> bool:
        """Whether the home may be asked at this hour; with an unsure clock it may not."""
        return self.local is not None and self.local.hour in ASKS

    @property
    def cell(self) -> int:
        """The cell of this hour: see `line`."""
        return 0 if self.local is None else 2 * self.local.hour + self.scene.rests

    @property
    def free(self) -> bool:
        """Whether it is Saturday or Sunday."""
        return self.local is not None and self.local.weekday() >= 5

    @property
    def minute(self) -> int:
        """Minute of the day; 0 where no hour is known."""
        return 0 if self.local is None else self.local.hour * 60 + self.local.minute
