"""What has been heard and is not yet told, and how it outlives a restart.

It is a danger of a shelved device, an open door, a bed left. The mark `judging` holds it with the
boot and the monotonic second at which it was written. Within one boot it goes on as if nothing had
happened. After a power cut a wait goes on by what had passed of it; the time without power counts
where both clocks are confirmed. A mark that cannot be read says nothing: then all is unknown until
it is heard, as at a first start.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from math import inf
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gateway.judge.danger import Danger
from gateway.judge.levels import Key
from gateway.judge.waits import WAITS
from gateway.words.clock import Moment, Quality
from gateway.words.finite import loads, number
from gateway.words.reading import DeviceId, Kind, Reading

MARK = "judging"
_UNREADABLE = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    OverflowError,
    RecursionError,
)


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


def text_of(pending: Pending, now: Moment, boot: str) -> str:
    """Return it as the mark has it."""
    return json.dumps(
        {
            "boot": boot,
            "mono": now.mono,
            "wall": now.wall.timestamp(),
            "sure": now.quality is Quality.SYNCHRONISED,
            "heard": [[kind, _plain(reading)] for (kind, _), reading in pending.heard.items()],
            "doors": [[_plain(since), heard] for since, heard in pending.doors.values()],
            "in_bed": dict(pending.in_bed),
            "left_bed": [_plain(reading) for reading in pending.left_bed.values()],
            "moved": pending.moved if pending.left_bed and pending.moved > -inf else None,
            "withheld": [
                {
                    "kind": d.kind,
                    "device": d.device,
                    "room": d.room,
                    "grace": d.grace,
                    "returned": d.returned,
                    "at": _when(d.at),
                }
                | {"evidence": [_plain(reading) for reading in d.evidence]}
                for d in pending.withheld.values()
            ],
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def read(text: str, now: Moment, boot: str) -> Pending:
    """Return what a mark says, by this boot's clock; nothing of one that cannot be read."""
    try:
        return _read(loads(text or "{}"), now, boot)
    except _UNREADABLE:
        return Pending(same_boot=False)


def _read(marked: dict[str, Any], now: Moment, boot: str) -> Pending:
    if not marked:
        return Pending(same_boot=False)
    same_boot, away, shift = marked["boot"] == boot, 0.0, 0.0
    if not same_boot:
        if marked["sure"] and now.quality is Quality.SYNCHRONISED:
            away = max(0.0, now.wall.timestamp() - number(marked["wall"]))
        shift = now.mono - away - number(marked["mono"])

    def here(
        mono: object,
    ) -> float:  # what was heard has been: nothing waits for a moment that a damaged mark names
        return min(number(mono) + shift, now.mono)

    levels = [(kind, _reading(plain, here)) for kind, plain in marked["heard"]]
    doors = [(_reading(plain, here), here(heard)) for plain, heard in marked["doors"]]
    left = [_reading(plain, here) for plain in marked["left_bed"]]
    dangers = [
        Danger(
            str(d["kind"]),
            str(d["device"]),
            str(d["room"]),
            _moment(d["at"], here),
            number(d["grace"], 0.0, WAITS.grace_most),
            tuple(_reading(plain, here) for plain in d["evidence"]),
            bool(d["returned"]),
        )
        for d in marked["withheld"]
    ]
    return Pending(
        same_boot=same_boot,
        away=away,
        heard={(str(kind), reading.device): reading for kind, reading in levels},
        doors={since.device: (since, heard) for since, heard in doors},
        in_bed={str(device): bool(there) for device, there in marked["in_bed"].items()},
        left_bed={reading.device: reading for reading in left},
        moved=-inf if marked.get("moved") is None else here(marked["moved"]),
        withheld={(danger.kind, danger.device): danger for danger in dangers},
    )


def _when(at: Moment) -> list[Any]:
    return [at.mono, at.wall.timestamp(), at.quality.value]


def _moment(when: Sequence[Any], here: Callable[[object], float]) -> Moment:
    return Moment(here(when[0]), datetime.fromtimestamp(number(when[1]), UTC), Quality(when[2]))


def _plain(reading: Reading) -> list[Any]:
    return [
        reading.device,
        reading.kind.value,
        reading.value,
        reading.index,
        reading.label,
        reading.flagged,
        _when(reading.at),
    ]


def _reading(plain: Sequence[Any], here: Callable[[object], float]) -> Reading:
    device, kind, value, index, label, flagged, when = plain
    if not isinstance(value, bool | int | float | str):
        raise TypeError(value)
    read = Reading(
        device=str(device),
        kind=Kind(kind),
        value=value,
        at=_moment(when, here),
        index=int(index),
        label=str(label),
    )
    return replace(read, flagged=True) if flagged else read
