"""How the home stands, in a few words for each thing, and which dangers no device here finds."""

from __future__ import annotations

from gateway.home.status import DeviceStatus, Status
from gateway.page.change import models
from gateway.page.device import holds
from gateway.page.makes import look
from gateway.page.strip import Strip
from gateway.page.visitor import Visitor
from gateway.words.reading import Kind

DISK_LOW = 200_000_000  # bytes free below which the card is nearly full
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


def glance(
    v: Visitor, facts: Status, devices: list[tuple[DeviceStatus, Strip, str, str]], now: float
) -> list[dict[str, str]]:
    """Return how the home stands: {look, what, says, more, tone}; tone is "", "watch" or "bad"."""
    t = v.words
    out = []
    comma = t.pair("\u3001", ", ")

    def put(look: str, what: str, says: str, more: str = "", tone: str = "") -> None:
        out.append(
            {"look": look, "what": t(f"glance.{what}"), "says": says, "more": more, "tone": tone}
        )

    def named(d: DeviceStatus) -> str:
        return v.where(d.room, d.device)

    doors = [
        (d, s, holds(d, state, Kind.CONTACT_OPEN))
        for d, s, state, _ in devices
        if Kind.CONTACT_OPEN in s.last or look(d.model) == "door"
    ]
    if doors:
        opened = [(d, s) for d, s, is_open in doors if is_open]
        unsure = [d for d, _, is_open in doors if is_open is None]
        since = max(
            (now - s.open_since for _, s in opened if s.open_since is not None), default=None
        )
        names = comma.join(named(d) for d, _ in opened[:3])
        says = names if opened else t("glance.unheard") if unsure else t("glance.closed")
        more = t("glance.open", span=t.coarse(since)) if opened and since is not None else ""
        more = comma.join(
            filter(
                None,
                (
                    more,
                    t("glance.unheard_of", names=comma.join(named(d) for d in unsure[:3]))
                    if unsure
                    else "",
                ),
            )
        )
        put("door", "doors", says, more, "watch" if opened or unsure else "")
    there = [
        d
        for d, _, state, _ in devices
        if holds(d, state, Kind.PRESENCE) or holds(d, state, Kind.OCCUPANCY)
    ]
    acted = max(
        ((s.acted, named(d)) for d, s, _, _ in devices if s.acted is not None), default=None
    )
    if there or acted:
        moved = t.ago("glance.moved", now - (acted[0] or now), room=acted[1]) if acted else ""
        says = comma.join(dict.fromkeys(named(d) for d in there)) if there else t("glance.nobody")
        put("person", "there", says if there else moved, moved if there else "")
    missing = sum(1 for _, _, state, _ in devices if state == "missing")
    unknown = sum(1 for _, _, state, _ in devices if state == "unknown")
    if devices:
        parts = [t("glance.missing", count=missing)] if missing else []
        parts += [t("glance.unknown", count=unknown)] if unknown else []
        put(
            "sensors",
            "devices",
            comma.join(parts) or t("glance.all_heard", count=len(devices)),
            "",
            "watch" if parts else "",
        )
    up = facts.uplink
    word, tone = (
        ("platform_away", "watch")
        if up.connected and up.platform_away_s is not None
        else ("connected", "")
        if up.connected
        else ("disconnected", "bad")
        if up.configured
        else ("unconfigured", "watch")
    )
    waiting = facts.waiting
    says = (
        t(f"box.{word}", span=t.span(up.platform_away_s // 60 * 60 or up.platform_away_s))
        if word == "platform_away" and up.platform_away_s is not None
        else t(f"box.{word}")
    )
    put("platform", "platform", says, t("glance.waiting", count=waiting) if waiting else "", tone)
    radios = facts.radio
    if radios:
        deaf = [r for r in radios if not r.hearing]
        put("radar", "radio", t("box.deaf") if deaf else t("box.hears"), "", "bad" if deaf else "")
    free, total = v.page.known.disk()
    if total:
        low = free < DISK_LOW or bool(facts.degraded)
        put("disk", "disk", t("glance.free", free=t.size(free)), "", "bad" if low else "")
    return out


def lacks(devices: list[DeviceStatus]) -> list[str]:
    """Return which dangers no device of this home finds; nothing where there are no devices yet."""
    made = [models()[d.model].senses for d in devices if d.model in models()]
    return [name for name, senses in FINDS if not any(senses & has for has in made)] if made else []
