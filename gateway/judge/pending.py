"""What has been heard and is not yet told, and how it outlives a restart.

It is a danger of a shelved device, an open door, a bed left. The mark `judging` holds it with the
boot and the monotonic second at which it was written. Within one boot it goes on as if nothing had
happened. After a power cut a wait goes on by what had passed of it; the time without power counts
where both clocks are confirmed. A mark that cannot be read says nothing: then all is unknown until
it is heard, as at a first start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import inf

import msgspec
from msgspec import Struct

from gateway.judge.danger import Danger
from gateway.judge.levels import Key
from gateway.judge.waits import WAITS
from gateway.words.clock import Moment, Quality
from gateway.words.reading import DeviceId, Kind, Reading, Value

MARK = "judging"
Here = Callable[[float], float]  # monotonic seconds of the mark -> those of this boot


class Pending(Struct, frozen=True, kw_only=True):
    """What has been heard and is not yet told. Times are monotonic seconds of this boot.

    `same_boot`: no power cut lies between, so that what was on is on.
    """

    same_boot: bool = True
    # seconds between the mark and the start after a power cut, 0 where nobody knows
    away: float = 0.0
    # levels that are on: the reading that said so last
    heard: Mapping[Key, Reading] = {}
    # open since, heard as open last
    doors: Mapping[DeviceId, tuple[Reading, float]] = {}
    in_bed: Mapping[DeviceId, bool] = {}
    left_bed: Mapping[DeviceId, Reading] = {}
    moved: float = -inf  # the newest sign of somebody who moves about
    withheld: Mapping[Key, Danger] = {}  # dangers of shelved devices


# -- the mark: earlier versions wrote the same ----------------------------------------------------


class _At(Struct, array_like=True):
    mono: float
    wall: float
    quality: Quality

    def moment(self, here: Here) -> Moment:
        return Moment(here(self.mono), datetime.fromtimestamp(self.wall, UTC), self.quality)


class _Said(Struct, array_like=True):
    device: str
    kind: Kind
    value: Value
    index: int
    label: str
    flagged: bool
    at: _At

    def reading(self, here: Here) -> Reading:
        return Reading(
            device=self.device,
            kind=self.kind,
            value=self.value,
            at=self.at.moment(here),
            index=self.index,
            label=self.label,
            flagged=self.flagged,
        )


class _Withheld(Struct):
    kind: str
    device: str
    room: str
    grace: float
    returned: bool
    at: _At
    evidence: list[_Said]


class _Mark(Struct):
    boot: str
    mono: float
    wall: float
    sure: bool
    heard: list[tuple[str, _Said]]
    doors: list[tuple[_Said, float]]
    in_bed: dict[str, bool]
    left_bed: list[_Said]
    withheld: list[_Withheld]
    moved: float | None = None


def text_of(pending: Pending, now: Moment, boot: str) -> str:
    """Return it as the mark has it."""
    mark = _Mark(
        boot,
        now.mono,
        now.wall.timestamp(),
        now.quality is Quality.SYNCHRONISED,
        [(kind, _said(reading)) for (kind, _), reading in pending.heard.items()],
        [(_said(since), heard) for since, heard in pending.doors.values()],
        dict(pending.in_bed),
        [_said(reading) for reading in pending.left_bed.values()],
        [
            _Withheld(
                d.kind, d.device, d.room, d.grace, d.returned, _at(d.at), [*map(_said, d.evidence)]
            )
            for d in pending.withheld.values()
        ],
        pending.moved if pending.left_bed and pending.moved > -inf else None,
    )
    return msgspec.json.encode(mark).decode()


def read(text: str, now: Moment, boot: str) -> Pending:
    """Return what a mark says, by this boot's clock; nothing of one that cannot be read."""
    try:
        return _read(msgspec.json.decode(text, type=_Mark), now, boot)
    except (ValueError, OSError, OverflowError, RecursionError):  # OSError: no such year
        return Pending(same_boot=False)


def _read(mark: _Mark, now: Moment, boot: str) -> Pending:
    same_boot, away, shift = mark.boot == boot, 0.0, 0.0
    if not same_boot:
        if mark.sure and now.quality is Quality.SYNCHRONISED:
            away = max(0.0, now.wall.timestamp() - mark.wall)
        shift = now.mono - away - mark.mono

    def here(mono: float) -> float:
        # what was heard has been: nothing waits for a moment that a damaged mark names
        return min(mono + shift, now.mono)

    levels = [(kind, said.reading(here)) for kind, said in mark.heard]
    doors = [(said.reading(here), here(heard)) for said, heard in mark.doors]
    left = [said.reading(here) for said in mark.left_bed]
    dangers = [
        Danger(
            d.kind,
            d.device,
            d.room,
            d.at.moment(here),
            min(max(d.grace, 0.0), WAITS.grace_most),
            tuple(said.reading(here) for said in d.evidence),
            d.returned,
        )
        for d in mark.withheld
    ]
    return Pending(
        same_boot=same_boot,
        away=away,
        heard={(kind, reading.device): reading for kind, reading in levels},
        doors={since.device: (since, heard) for since, heard in doors},
        in_bed=mark.in_bed,
        left_bed={reading.device: reading for reading in left},
        moved=-inf if mark.moved is None else here(mark.moved),
        withheld={(danger.kind, danger.device): danger for danger in dangers},
    )


def _at(at: Moment) -> _At:
    return _At(at.mono, at.wall.timestamp(), at.quality)


def _said(r: Reading) -> _Said:
    return _Said(r.device, r.kind, r.value, r.index, r.label, r.flagged, _at(r.at))
