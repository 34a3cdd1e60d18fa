"""Whether the platform is there, as it says of itself.

While it is away, readings would only fill its broker's queue, where alarms must have their place.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.box.supervise import say
from gateway.contract import wire
from gateway.judge.book import Entry
from gateway.judge.pipeline import Pipeline
from gateway.tell.push import Push
from gateway.words.clock import Moment


class Presence:
    """What the platform says of itself. In the task "pump".

    `away_since` is the monotonic second since which it says that it is away, or None.
    """

    def __init__(self, push: Push, pipeline: Pipeline, may_log: Callable[[Moment], bool]) -> None:
        """`may_log` bounds the log: a platform may come and go all day."""
        self.away_since: float | None = None
        self._push = push
        self._pipeline = pipeline
        self._may_log = may_log
        self._wants_readings = True  # what it said last on this line

    def says(self, message: wire.PlatformMessage | None, now: Moment) -> list[Entry]:
        """Take what the platform says of itself; None where it says nothing.

        A platform that never says anything is waited for as ever, and gets readings.
        """
        self._wants_readings = message is None or message.readings
        self._push.readings(wanted=message is None or (message.online and message.readings))
        if message is None or message.online:
            return self.proved(now)
        if self.away_since is None:
            self.away_since = now.mono
            self._log(
                False,
                now,
                message.reason or "it says that it is away: alarms go to the next rung sooner",
            )
        return self._pipeline.platform(away=True)

    def proved(self, now: Moment) -> list[Entry]:
        """Take it that the platform is there: it says so, or a receipt proves it."""
        if self.away_since is None:
            return []
        self.away_since = None
        self._push.readings(wanted=self._wants_readings)
        self._log(True, now, "it is there again")
        return self._pipeline.platform(away=False)

    def unheard(self) -> None:
        """Take it that the line is lost. What was said is retained: the next line brings it."""
        self._wants_readings = True
        self._push.readings(wanted=True)

    def _log(self, there: bool, now: Moment, why: str) -> None:
        if self._may_log(now):
            say("platform's application", there, why)
