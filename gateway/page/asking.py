"""*Ask first*: what a household wants of the rules of silence, and how they stand today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import msgspec

from gateway.home.config import Config
from gateway.home.silence import SilenceStatus, places
from gateway.home.status import Status
from gateway.judge.silence.wishes import OFF, PRESETS
from gateway.judge.waits import WAITS
from gateway.page.acts import whole
from gateway.page.visitor import Visitor
from gateway.words.reading import Kind

CHOICES: Final = (OFF, *PRESETS)
HOURS: Final = ("", *(f"{hour:02}:00" for hour in range(16, 24)))  # by which somebody is back
DAYS: Final = (0, 7, 14, 28)  # of learning that are offered
# Why nothing is judged -> where that is mended; "%s" is the device.
MEND: Final = {
    "no_sensor": "/sensors/add",
    "no_entrance": "/sensors/add",
    "no_voice": "#voice",
    "deaf": "/box",
    "missing": "/devices/%s",
    "silent": "/devices/%s",
    "away": "/#h-away",
}
STARTING: Final = "off"  # the rules have not looked yet


class Door(NamedTuple):
    """A contact by which people may leave, and whether it is taken for the entrance."""

    device: str
    name: str
    on: bool


class Stands(NamedTuple):
    """How the rules stand: a tone of a notice, a sentence, what to do, and where."""

    tone: str
    says: str
    do: str = ""
    to: str = ""


def value(config: Config, said: Mapping[str, str]) -> dict[str, Any]:
    """Return what was typed as a change; what the form does not have stays."""
    part = config.parts.silence
    doors = doors_of(config)
    ticked = [device for device in doors if said.get(f"door-{device}")]
    held = [device for device, on in doors.items() if on]
    # the doors that are known by their rooms are not named: another one there counts too
    entrance = list(part.entrance) if ticked == held else ticked
    days = said.get("shadow_days", "")
    before: dict[str, Any] = msgspec.to_builtins(part)
    return before | {
        "preset": said.get("preset", ""),
        "shadow_days": whole(days) if whole(days) >= 0 else part.shadow_days,
        "entrance": entrance,
        "at_home": bool(said.get("at_home")),
        "wandering": bool(said.get("wandering")),
        "back_by": said.get("back_by", "").strip(),
    }


def doors_of(config: Config) -> dict[str, bool]:
    """Return each contact that shows life, and whether it is the entrance."""
    spots = places(config)
    return {
        d.id: spots[d.id].entrance
        for d in config.devices
        if d.id in spots and Kind.CONTACT_OPEN in d.model.senses
    }


def shown(v: Visitor, config: Config, facts: Status) -> dict[str, Any]:
    """Return what the card is made of."""
    part = config.parts.silence
    rooms = {d.id: d.room for d in config.devices}
    doors = doors_of(config).items()
    return {
        "answer": WAITS.ask_again + WAITS.ask_ends,
        "choices": [(name, meant(v, name)) for name in CHOICES],
        "doors": [Door(d, v.names.where(rooms[d], d), on) for d, on in doors],
        "hours": HOURS if part.back_by in HOURS else (*HOURS, part.back_by),
        "days": sorted({*DAYS, part.shadow_days}),
        "stands": stands(v, config, facts),
    }


def meant(v: Visitor, name: str) -> str:
    """Return what a preset means, with its numbers."""
    t = v.words
    if name == OFF:
        return t("asking.off_why")
    p = PRESETS[name]
    return t(
        "asking.why",
        questions=f"{p.questions:g}",
        still=t.span(p.still * 60),
        up=f"{p.up // 60:02}:{p.up % 60:02}",
        out=t.span(p.out * 60),
        bath=t.span(p.bath * 60),
        least=t.span(p.least * 60),
        most=t.span(p.most * 60),
    )


def stands(v: Visitor, config: Config, facts: Status) -> Stands | None:
    """Return how the rules stand today; None where they are off, or nobody knows."""
    preset, now = config.parts.silence.preset, facts.silence
    if preset == OFF or not facts.well:
        return None
    if now.preset != preset or now.why == STARTING:
        return Stands("wait", v.words("asking.starting"))
    if now.why:
        return cannot(v, now)
    return Stands(*_learns(v, now) or ("good", v.words("asking.judges", days=now.days)))


def _learns(v: Visitor, now: SilenceStatus) -> tuple[str, str] | None:
    if now.days >= now.shadow:
        return None
    say = v.words("asking.shadow_is", day=now.days + 1, days=now.shadow, count=now.shadowed)
    return "wait", say


def cannot(v: Visitor, now: SilenceStatus) -> Stands:
    """Return why nothing can be judged, and what to do."""
    t, why = v.words, now.why if now.why in MEND else "other"
    room = next((d.room for d in v.page.config.devices if d.id == now.device), "")
    name = v.names.where(room, now.device)
    to = MEND.get(why, "")
    return Stands(
        "bad" if why != "away" else "wait",
        t("asking.cannot", why=t(f"asking.cannot.{why}", device=name)),
        t(f"asking.do.{why}"),
        to % quote(now.device, safe="") if "%" in to else to,
    )
