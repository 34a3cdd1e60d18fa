"""What follows from the signs of life: since when it is silent, who is out, up, or in the bath.

Pure. Times are monotonic seconds. A home counts as left when its entrance is the newest sign and
nothing moves inside after it. Somebody is up once signs go on for `up_lasts` without a pause of
`up_broken`: who goes to the toilet at five and sleeps until eight got up at eight.
"""

from __future__ import annotations

from collections import deque
from math import inf

from msgspec import Struct, field

from gateway.judge.silence.life import Place, Sign
from gateway.judge.waits import WAITS
from gateway.words.reading import Kind, Reading

SIGNS = 64  # the newest that are remembered: what a carer did before the badge was heard is undone


class Scene(Struct):
    """What is known of the home.

    `whole`: the silence began with a sign that was heard, so that it can teach.
    """

    since: float = -inf  # it is silent since then
    whole: bool = False
    signs: deque[Reading] = field(default_factory=lambda: deque(maxlen=SIGNS))
    door: bool = False  # the newest sign is the entrance: somebody may have left
    away: bool = False  # somebody has left
    back: float = -inf  # when somebody came back last
    left: float = -inf  # when the entrance was heard last
    by_night: bool = False  # that was at night
    bath: float = -inf  # since when whoever is at home is in the bath; -inf: is elsewhere
    rests: bool = False  # the newest sign is where the resident sleeps
    rises: float = -inf  # since when signs go on, today
    up: bool = False

    @property
    def last(self) -> Reading | None:
        """The newest sign of life."""
        return self.signs[-1] if self.signs else None

    def take(self, reading: Reading, place: Place, sign: Sign) -> float | None:
        """Take a sign; return for how long somebody was out who has come back by it."""
        at = reading.at.mono
        if self.door and sign is Sign.AGAIN:
            return None  # the movement of leaving, said again
        # also where the door was not heard: its word may get lost
        out = at - self.left if self.away else None
        if place.entrance and reading.kind is Kind.CONTACT_OPEN:
            self.back = at if self.away else self.back
            # who comes home shuts the door behind them
            self.door, self.away = at - self.back > WAITS.out_shuts, False
            self.left = at
        else:
            self.door = self.away = False
            self.back = -inf  # is seen inside: the next door is leaving again
        if place.bath:
            self.bath = at if self.bath == -inf else self.bath
        else:
            self.bath = -inf
        self.rests = place.sleeps
        self._rise(at)
        self.since, self.whole = max(self.since, at), True
        self.signs.append(reading)
        return out

    def _rise(self, at: float) -> None:
        if self.rises == -inf or at - self.since > WAITS.up_broken:
            self.rises = self.rises if self.up else at
        self.up = self.up or at - self.rises >= WAITS.up_lasts

    def leaves(self, now: float) -> bool:
        """Take the time; say whether it shows just now that somebody has left."""
        if self.door and not self.away and now - self.since >= WAITS.out_after:
            self.away = True
            return True
        return False

    def new_day(self) -> None:
        """Take that a day begins: nobody is up yet."""
        self.rises, self.up = -inf, False

    def broken(self, now: float) -> None:
        """Take that nobody knows what was until now: the silence begins now."""
        self.since, self.whole = max(self.since, now), False

    def undo(self, since: float) -> None:
        """Take back the signs from a moment on: they were somebody else's."""
        while self.signs and self.signs[-1].at.mono >= since:
            self.signs.pop()
        if self.signs and self.since >= since:
            self.since = self.signs[-1].at.mono
