"""What a home's configuration says to the rules of silence, and what these say of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time

from msgspec import Struct

from gateway.home.config import Config
from gateway.judge.silence.life import LIVES, Place
from gateway.judge.silence.wishes import Wishes
from gateway.voice import en, zh
from gateway.words.reading import DeviceId, Kind

BEDS = frozenset({*zh.ROOMS["room.bedroom"], *en.ROOMS["room.bedroom"]})
BATHS = frozenset({*zh.ROOMS["room.bath"], *en.ROOMS["room.bath"]})
HALLS = frozenset({*zh.ROOMS["room.hall"], *en.ROOMS["room.hall"]})


class QuestionStatus(Struct, frozen=True, kw_only=True):
    """What the home asks just now: about which danger, so many times, for so long."""

    about: str
    device: str = ""
    times: int = 1
    since_s: float = 0.0


class SilenceStatus(Struct, frozen=True, kw_only=True):
    """How silent the home is, and what of it is borne; `preset` is "off" where that is not judged.

    `why`, `device`: why it cannot judge, "" where it can. Of `shadow` days `days` have taught, and
    `shadowed` questions would have been asked. `silent_s`: since the newest sign of life; `sure`:
    that was heard. `rule`: the kind whose line holds, "" where none does. `rests`: its numbers.
    `lines`: minutes that are borne, by the hour; -1 where the preset holds.
    """

    preset: str = "off"
    why: str = ""
    device: str = ""
    days: int = 0
    shadow: int = 0
    shadowed: int = 0
    silent_s: float | None = None
    sure: bool = False
    rule: str = ""
    rests: dict[str, bool | int | float | str] = {}
    lines: list[int] = []
    question: QuestionStatus | None = None


def wishes(config: Config) -> Wishes:
    """Return what is wanted."""
    part = config.parts.silence
    return Wishes(
        preset=part.preset,
        shadow=part.shadow_days,
        at_home=part.at_home,
        wandering=part.wandering,
        back_by=time.fromisoformat(part.back_by) if part.back_by else None,
        asks=bool(config.sound_pre_alarm),
    )


def places(config: Config) -> Mapping[DeviceId, Place]:
    """Return what can show life, and where it is."""
    part = config.parts.silence
    baths = {name.lower() for name in part.bath or BATHS}
    devices = [d for d in config.devices if d.badge is None and d.model.senses & LIVES]
    doors = [d for d in devices if Kind.CONTACT_OPEN in d.model.senses]
    at_door = set(part.entrance) or {d.id for d in doors if d.room.strip().lower() in HALLS}
    beds = {d.room for d in devices if d.watch.bed}
    return {
        d.id: Place(
            room=d.room,
            bed=d.watch.bed,
            entrance=d.id in at_door,
            bath=d.room.strip().lower() in baths and not d.watch.bed,
            sleeps=d.room in beds or d.room.strip().lower() in BEDS,
            via=d.via,
        )
        for d in devices
    }
