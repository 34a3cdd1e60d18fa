"""What a home's configuration says to the rules of silence: its sensors, what is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time

from gateway.home.config import Config
from gateway.judge.silence.life import LIVES, Place
from gateway.judge.silence.wishes import Wishes
from gateway.voice import en, zh
from gateway.words.reading import DeviceId, Kind

BEDS = frozenset({*zh.ROOMS["room.bedroom"], *en.ROOMS["room.bedroom"]})
BATHS = frozenset({*zh.ROOMS["room.bath"], *en.ROOMS["room.bath"]})
HALLS = frozenset({*zh.ROOMS["room.hall"], *en.ROOMS["room.hall"]})


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
