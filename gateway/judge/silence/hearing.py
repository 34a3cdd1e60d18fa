"""Whether the sensors that show life are proved alive: a dead one is a fault, never stillness.

Pure. A sensor that speaks by itself is alive while it is heard as often as it is used to: after
twice its longest usual pause, and `life_heard`, it is proved alive no more. One that speaks only
when somebody moves has no usual pause; of it what supervision knows counts, and its battery: one
that was low may be empty by now. While a radio is deaf, or one of the sensors is not alive, nothing
is judged, and the silence begins anew after it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct

from gateway.judge.faults.ledger import Ledger
from gateway.judge.waits import WAITS
from gateway.words import kind as kinds
from gateway.words.reading import DeviceId

LONGER = 2.0  # times its longest usual pause that a sensor may be silent
KNOWN = 50  # words from which on it is known how a sensor speaks
SELDOM = 50  # of so many words one may come after a long pause
MANY = 2000  # words after which older ones count half


class Heard(Struct):
    """When a sensor was heard last, its longest usual pause, its words and those after a longer."""

    at: float
    pause: float = 0.0
    words: int = 0
    late: int = 0

    def word(self, at: float) -> None:
        """Take that it was heard."""
        pause, self.at, self.words = at - self.at, at, self.words + 1
        if pause > WAITS.life_speaks:
            self.late += 1
        else:
            self.pause = max(self.pause, pause)
        if self.words > MANY:
            self.words, self.late, self.pause = MANY // 2, self.late // 2, self.pause * 0.9

    @property
    def limit(self) -> float:
        """Seconds after which it is proved alive no more; 0 where nobody knows."""
        if self.words < KNOWN or self.late * SELDOM > self.words:
            return 0.0
        return max(WAITS.life_heard, LONGER * self.pause)


class Hearing:
    """The sensors of one home. Bound: one row for each."""

    def __init__(self) -> None:
        self._heard: dict[DeviceId, Heard] = {}

    def look(self, watching: Collection[DeviceId], heard_at: Mapping[DeviceId, float]) -> None:
        """Take when each sensor was heard last."""
        for device in watching:
            at = heard_at.get(device)
            if at is None:
                continue
            one = self._heard.get(device)
            if one is None:
                self._heard[device] = Heard(at)
            elif at > one.at:
                one.word(at)

    def keep(self, watching: Collection[DeviceId]) -> None:
        """Forget all other devices."""
        self._heard = {d: one for d, one in self._heard.items() if d in watching}

    def why(
        self, watching: Mapping[DeviceId, DeviceId], faults: Ledger, now: float
    ) -> tuple[str, DeviceId]:
        """Return why nothing can be judged, and of which device; ("", "") where all is well.

        `watching` maps each sensor to its receiver.
        """
        if not watching:
            return "no_sensor", ""
        over = {*watching, *watching.values()} - {""}
        for kind, of in faults.on:
            if kind == kinds.RADIO_DEAF:
                return "deaf", of
            if kind == kinds.MISSING and of in over:
                return "missing", of
        for device in watching:
            one = self._heard.get(device)
            if one is None:
                continue
            limit = one.limit
            if not limit and (kinds.LOW_BATTERY, device) in faults.on:
                limit = WAITS.life_low
            if limit and now - one.at >= limit:
                return "silent", device
        return "", ""
