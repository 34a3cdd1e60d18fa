"""Which times belong together on the page of rules, and the presets for sorts of homes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.words import kind


@dataclass(frozen=True, slots=True)
class Group:
    """What belongs together: kinds always judged, kinds that may be switched off, their times."""

    name: str
    always: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    times: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Preset:
    """Rules for one sort of home: what is not judged, and the other times, in seconds."""

    off: tuple[str, ...] = ()
    times: Mapping[str, float] = field(default_factory=dict)


GROUPS: Final = (
    Group("call", always=(kind.SOS, kind.HELP)),
    Group(
        "fall",
        always=(kind.FALL,),
        optional=(kind.STAY_TOO_LONG,),
        times=("grace_fall", "grace_stay"),
    ),
    Group("night", optional=(kind.BED_EXIT,), times=("bed_left", "grace_bed")),
    Group("door", optional=(kind.DOOR_LEFT_OPEN,), times=("door_left_open", "door_left_open_day")),
    Group("fire", always=(kind.SMOKE, kind.GAS, kind.CO)),
    Group("water", optional=(kind.WATER,), times=("grace_water",)),
    Group(
        "answer",
        times=(
            "receipt",
            "acknowledge_p1",
            "acknowledge_p2",
            "dispatch_p1",
            "dispatch_p2",
            "on_site_p1",
            "on_site_p2",
            "rung",
            "repeat",
        ),
    ),
)
SHOWN: Final = tuple(name for group in GROUPS for name in group.times)
PRESETS: Final[Mapping[str, Preset]] = {
    "alone": Preset(),
    "unsteady": Preset(
        times={
            "grace_fall": 20,
            "grace_stay": 120,
            "grace_bed": 60,
            "bed_left": 900,
            "grace_water": 30,
            "acknowledge_p1": 45,
            "dispatch_p1": 120,
        }
    ),
    "wanders": Preset(
        times={
            "door_left_open": 180,
            "bed_left": 600,
            "grace_bed": 60,
            "acknowledge_p2": 180,
            "dispatch_p2": 600,
        }
    ),
    "together": Preset(
        off=(kind.STAY_TOO_LONG, kind.BED_EXIT, kind.DOOR_LEFT_OPEN),
        times={"grace_fall": 45, "grace_water": 120},
    ),
    "active": Preset(
        times={
            "grace_fall": 45,
            "grace_stay": 300,
            "grace_bed": 300,
            "grace_water": 120,
            "door_left_open": 1200,
            "bed_left": 2400,
            "acknowledge_p2": 600,
            "dispatch_p2": 1800,
        }
    ),
}
