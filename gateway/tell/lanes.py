"""The calls of one program: which runs, which wait, and whom they serve."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from msgspec import Struct, field

from gateway.judge.alarm import Alarm
from gateway.judge.dispatch import Reason
from gateway.tell.sounder import Ran, family

Served = tuple[int, int]  # (alarm number, index of the call)


class Job(Struct, eq=False):
    """One run of a program, and the calls it serves: one person may be told of several alarms."""

    program: tuple[str, ...]
    alarm: Alarm
    reason: str
    order: int
    serves: set[Served] = field(default_factory=set)
    task: asyncio.Task[Ran] | None = None
    again: bool = False  # ended by us for a more urgent one: to be made again
    siren: bool = False  # it is the home's siren, as a rung of the ladder
    sounds: bool = False  # it makes a noise and reaches nobody
    facts: Mapping[str, str] = field(default_factory=dict)  # told beside the alarm

    @property
    def rank(self) -> tuple[int, int]:
        """The more urgent goes first, then the older."""
        return int(self.alarm.priority), self.order

    def is_for(self, program: tuple[str, ...], alarm: Alarm, reason: str) -> bool:
        """Say whether this run tells the same person of this alarm; a recall is never a call."""
        own = self.program, self.alarm.test, self.reason == Reason.RECALLED
        same = own == (program, alarm.test, reason == Reason.RECALLED)
        return same and (
            any(n == alarm.number for n, _ in self.serves)
            or family(self.alarm.kind) == family(alarm.kind) != ""
        )


class Lane(Struct):
    """The calls of one program: at most one runs."""

    running: Job | None = None
    waiting: list[Job] = field(default_factory=list)

    @property
    def jobs(self) -> list[Job]:
        """The one that runs, unless it is being ended, and those that wait."""
        alive = self.running is not None and self.running.serves and not self.running.again
        return [*([self.running] if self.running is not None and alive else []), *self.waiting]
