"""The ids of alarms: journal and number, and what becomes of them in another journal. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from gateway.judge.alarm import Alarm
from gateway.words.ranges import Range, within


class AlarmIds(Struct):
    """Which numbers are alarms of the present journal."""

    last: int = 0
    first: int = 1  # of those below it only the `own` have an id of this journal
    own: Sequence[Range] = ()

    def has(self, alarm: str, journal: str) -> bool:
        """Say whether this is an alarm's id in this journal."""
        head, _, text = alarm.rpartition("-a")
        number = int(text) if text.isascii() and text.isdecimal() and len(text) < 13 else 0
        there = self.first <= number <= self.last or within(number, self.own)
        return there and (head, text) == (journal, str(number))


class Renaming(Struct, frozen=True):
    """Alarms numbered above `shared` that the old journal named get an id of the new one."""

    old: str
    new: str
    shared: int

    def id(self, alarm: str) -> str:
        """Return an alarm's id in the new journal."""
        head, number = f"{self.old}-a", alarm[len(self.old) + 2 :]
        ours = alarm.startswith(head) and number.isdecimal() and int(number) > self.shared
        return f"{self.new}-a{number}" if ours else alarm

    def alarm(self, alarm: Alarm) -> Alarm:
        """Return an alarm with its id, and that of the one before it, in the new journal."""
        return replace(alarm, id=self.id(alarm.id), linked=self.id(alarm.linked))
