"""How the home stands, a tile for each thing, and which dangers no device here finds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gateway.home.status import DeviceStatus, LinkStatus, Status
from gateway.page.change import models
from gateway.page.device import holds
from gateway.page.makes import look
from gateway.page.strip import Strip
from gateway.page.visitor import Visitor
from gateway.words.reading import Kind

DISK_LOW = 200_000_000  # bytes free below which the card is nearly full
BATTERY_LOW = 20.0  # percent
DOORS = 4  # with more of them only those are shown that are not shut
# What a home may lack a sensor for: the danger's word, and what one of its devices would have to
# sense.
FINDS = (
    ("sos", {Kind.BUTTON}),
    ("fall", {Kind.FALL}),
    ("smoke", {Kind.SMOKE}),
    ("gas", {Kind.GAS}),
    ("co", {Kind.CO}),
    ("water", {Kind.MOISTURE}),
    ("door", {Kind.CONTACT_OPEN}),
    ("moving", {Kind.MOTION, Kind.PRESENCE, Kind.OCCUPANCY, Kind.ACTIVITY}),
)

Shown = tuple[DeviceStatus, Strip, str, str]  # a device, its day, whether it is heard, its signal


class Tile(NamedTuple):
    """What something is called, its value, and how old that is; tone is "", "watch" or "bad"."""

    look: str
    what: str
    says: str
    more: str = ""
    tone: str = ""
    to: str = ""


def tiles(v: Visitor, facts: Status, devices: list[Shown], now: float) -> list[Tile]:
    """Return how the home stands: the resident, current values by their names, the way out."""
    made = [*_resident(v, devices, now), *_doors(v, devices, now)]
    made += [*_climate(v, devices, now), *_battery(v, devices, now)]
    return [*made, _platform(v, facts.uplink, facts.waiting), _gateway(v, facts)]


def _named(v: Visitor, d: DeviceStatus) -> str:
    return v.names.where(d.room, d.device)


def _resident(v: Visitor, devices: list[Shown], now: float) -> Iterator[Tile]:
    there = [
        d
        for d, _, state, _ in devices
        if holds(d, state, Kind.PRESENCE) or holds(d, state, Kind.OCCUPANCY)
    ]
    acted = max(((s.acted, _named(v, d)) for d, s, _, _ in devices if s.acted), default=None)
    moved = v.words.ago("glance.moved", now - acted[0], room=acted[1]) if acted else ""
    names = v.words.pair("\u3001", ", ").join(dict.fromkeys(_named(v, d) for d in there))
    if names or moved:
        says = v.words("glance.is_there", names=names) if names else moved
        yield Tile("person", v.words("glance.there"), says, moved if names else "")


def _doors(v: Visitor, devices: list[Shown], now: float) -> Iterator[Tile]:
    t = v.words
    doors = [
        (d, s, holds(d, state, Kind.CONTACT_OPEN))
        for d, s, state, _ in devices
        if Kind.CONTACT_OPEN in s.last or look(d.model) == "door"
    ]
    for d, s, opened in doors:
        if opened is False and len(doors) > DOORS:
            continue
        word = "unheard" if opened is None else "opened" if opened else "shut"
        more = (
            t("glance.open", span=t.coarse(now - s.open_since))
            if opened and s.open_since is not None
            else ""
            if opened is None
            else t.ago("device.heard", d.heard_s)
        )
        yield Tile(
            "door", _named(v, d), t(f"glance.{word}"), more, "" if opened is False else "watch"
        )


def _climate(v: Visitor, devices: list[Shown], now: float) -> Iterator[Tile]:
    for d, s, state, _ in devices:
        warm, damp = s.measured(Kind.TEMPERATURE), s.measured(Kind.HUMIDITY)
        values = [] if warm is None else [f"{warm:.1f} \u00b0C"]
        values += [] if damp is None else [f"{damp:.0f} %"]
        if values:
            said = s.last[Kind.HUMIDITY if warm is None else Kind.TEMPERATURE]
            more = v.words.ago("box.last", now - said.wall)
            tone = "watch" if state == "missing" else ""
            yield Tile("thermo", _named(v, d), " \u00b7 ".join(values), more, tone)


def _battery(v: Visitor, devices: list[Shown], now: float) -> Iterator[Tile]:
    """Give the weakest battery of all."""
    weakest = min(
        (
            (s.battery, d, s.last[Kind.BATTERY].wall)
            for d, s, _, _ in devices
            if s.battery is not None
        ),
        key=lambda row: row[0],
        default=None,
    )
    if weakest is not None:
        percent, d, wall = weakest
        says = f"{_named(v, d)} {percent:.0f} %"
        tone = "watch" if percent <= BATTERY_LOW else ""
        more = v.words.ago("box.last", now - wall)
        yield Tile("battery", v.words("glance.battery"), says, more, tone)


def _platform(v: Visitor, up: LinkStatus, waiting: int) -> Tile:
    t = v.words
    away = up.platform_away_s if up.connected else None
    word, tone = (
        ("platform_away", "watch")
        if away is not None
        else ("connected", "")
        if up.connected
        else ("disconnected", "bad")
        if up.configured
        else ("unconfigured", "watch")
    )
    span = {} if away is None else {"span": t.span(away // 60 * 60 or away)}
    more = t("glance.waiting", count=waiting) if waiting else ""
    return Tile("platform", t("glance.platform"), t(f"box.{word}", **span), more, tone, "/box")


def _gateway(v: Visitor, facts: Status) -> Tile:
    t = v.words
    free, total = v.page.known.disk()
    if any(not r.hearing for r in facts.radio):
        says, tone = t("box.deaf"), "bad"
    elif total and (free < DISK_LOW or facts.degraded):
        says, tone = t("glance.free", free=t.size(free)), "bad"
    else:
        says, tone = t("glance.works"), ""
    return Tile("box", t("glance.gateway"), says, "", tone, "/box")


def lacks(devices: list[DeviceStatus]) -> list[str]:
    """Return which dangers no device of this home finds; nothing where there are no devices yet."""
    made = [models()[d.model].senses for d in devices if d.model in models()]
    return [name for name, senses in FINDS if not any(senses & has for has in made)] if made else []
