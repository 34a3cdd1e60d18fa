"""Today's list and the month's figures: what can wait is told daily, what counts monthly.

Pure: told of each fault as it begins, asked by supervision. Each home has a minute of its own after
READ_AT, so that a county's homes do not speak at once. It goes by the home's own clock; one that is
not confirmed also by how long the box has run since the last list, over all starts, and one that is
known to be wrong by that alone.

Bound: DEVICES names of each kind, and as many kinds as there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, tzinfo
from math import inf

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gateway.judge.waits import WAITS
from gateway.words import kind as kinds
from gateway.words.clock import Moment, Quality
from gateway.words.kind import FaultClass
from gateway.words.reading import DeviceId, Value

READ_AT = 8 * 3600.0  # the list is told from eight o'clock of the home's day on
DEVICES = 20  # named of one kind
NIGHTS = 3  # days in a row with a start that are one line: switched off each night

Key = tuple[str, DeviceId]


class Kept(Struct):
    """What outlives a restart; the mark has it by these names."""

    day: str = ""
    month: str = ""
    items: dict[str, dict[DeviceId, int]] = {}
    figures: dict[str, float] = {}
    starts: list[str] = []  # the last days on which the box was started
    ran: float = 0.0  # running time since the last list; an earlier version did not count


class Daily:
    """What has happened since the last list, and in this month."""

    def __init__(self) -> None:
        self.changed = False
        self._zone: tzinfo | None = None
        self._after = READ_AT
        self._kept = Kept()
        self._told = self._looked = -inf
        self._written = 0.0  # how much of the running time is

    def keep(self, zone: tzinfo, share: float) -> None:
        """Keep a list by this zone's day. `share`, from 0 to 1: this home's place in the hour."""
        self._zone, self._after = zone, READ_AT + 3600.0 * share

    def took(
        self, kind: str, device: DeviceId, fault_class: FaultClass, at: Moment, why: Value = ""
    ) -> None:
        """Take that a fault has begun, or was told once."""
        if self._zone is None or fault_class is FaultClass.NOW:
            return
        self.changed = True
        if fault_class is FaultClass.FIGURE:
            self._count(kind, 1)
            return
        starts = self._kept.starts
        if kind == kinds.RESTARTED and why == "start" and (today := self._date(at)) not in starts:
            self._kept.starts = [*starts, today][-NIGHTS:]
        self.listed(kind, device)

    def listed(self, kind: str, device: DeviceId) -> None:
        """Take that something stands on today's list."""
        if self._zone is None:
            return
        self.changed = True
        named = self._kept.items.setdefault(kind, {})
        if device in named or len(named) < DEVICES:
            named[device] = named.get(device, 0) + 1

    def touch(self) -> None:
        """Take that something beside it has changed that its mark holds too."""
        self.changed = True

    def lasted(self, kind: str, seconds: float) -> None:
        """Count for the month what was over before anybody was told, with its seconds."""
        if self._zone is not None:
            self.changed = True
            self._count(kind, 1)
            self._count(f"{kind}_s", seconds)

    def _count(self, name: str, more: float) -> None:
        self._kept.figures[name] = round(self._kept.figures.get(name, 0) + more)

    def tick(self, now: Moment, on: Iterable[Key]) -> list[tuple[str, dict[str, Value]]]:
        """Return (kind, detail) of what is due: today's list, the month's figures.

        `on`: what is for the list and still lasts.
        """
        if self._zone is None:
            return []
        kept, local = self._kept, now.wall.astimezone(self._zone)
        today, month = self._date(now), f"{local:%Y-%m}"
        if not kept.day:
            kept.day, kept.month, self.changed = today, month, True
        kept.ran += max(0.0, now.mono - self._looked) if self._looked > -inf else 0.0
        self._looked = now.mono
        sure = now.quality is Quality.SYNCHRONISED
        self.changed = self.changed or (not sure and kept.ran - self._written >= WAITS.list_kept)
        due = not sure and kept.ran >= WAITS.list_without_clock
        if now.quality is not Quality.WRONG and not due:
            began = local.replace(hour=0, minute=0, second=0, microsecond=0)
            due = (
                today != kept.day
                and local - began >= timedelta(seconds=self._after)
                and now.mono - self._told >= WAITS.lists_apart
            )
        if not due:
            return []
        out: list[tuple[str, dict[str, Value]]] = []
        if detail := self._list(local, on):
            out.append((kinds.TODAY, detail))
        if month != kept.month and kept.figures:
            out.append((kinds.MONTH, {"month": kept.month, **dict(sorted(kept.figures.items()))}))
        figures = {} if month != kept.month else kept.figures
        self._kept = Kept(today, month, figures=figures, starts=kept.starts)
        self._told, self._written, self.changed = now.mono, 0.0, True
        return out

    def mark(self) -> Kept:
        """Return what has to be remembered over a restart; see `restored`."""
        self.changed, self._written = False, self._kept.ran
        return replace(self._kept, ran=round(self._kept.ran))

    def restored(self, mark: str) -> None:
        """Take up what was remembered. Raises ValueError, RecursionError: it is damaged."""
        kept = msgspec.json.decode(mark, type=Kept)
        kept.starts = kept.starts[-NIGHTS:]
        kept.ran = self._written = min(max(0.0, kept.ran), WAITS.list_without_clock)
        self._kept = kept

    def _date(self, at: Moment) -> str:
        return at.wall.astimezone(self._zone).date().isoformat()

    def _list(self, local: datetime, on: Iterable[Key]) -> dict[str, Value]:
        items = {kind: dict(named) for kind, named in self._kept.items.items()}
        for kind, device in on:
            items.setdefault(kind, {}).setdefault(device, 1)
        starts = sum(items.get(kinds.RESTARTED, {}).values())
        each_night = all(
            (local - timedelta(days=n)).date().isoformat() in self._kept.starts
            for n in range(NIGHTS)
        )
        if starts == 1 and not each_night:
            del items[kinds.RESTARTED]  # once is no trouble
        if not items:
            return {}
        detail: dict[str, Value] = {kind: _words(named) for kind, named in sorted(items.items())}
        return {
            "lines": len(items),
            **detail,
            **({"each_night": True} if each_night and starts else {}),
        }


def _words(named: Mapping[DeviceId, int]) -> Value:
    """Return the devices of one line, or how often it happened where it is of none."""
    devices = sorted(device for device in named if device)
    if not devices:
        return sum(named.values())
    return ", ".join(f"{d} x{named[d]}" if named[d] > 1 else d for d in devices[:DEVICES])
