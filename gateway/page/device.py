"""One device: whether it is heard, its day, its weeks, and what of it was not believed."""

from __future__ import annotations

from fastapi import APIRouter, Response
from msgspec.structs import replace

from gateway.home.status import DeviceStatus, Status
from gateway.page import acts, day, jpeg, photos, weeks
from gateway.page.change import current, models
from gateway.page.known import DAY
from gateway.page.makes import look
from gateway.page.strip import Strip, strips
from gateway.page.visitor import Stop, Technician, Visitor
from gateway.words import kind
from gateway.words.driver import Behind, BleAdvert, GattService, MqttTopics
from gateway.words.reading import Kind

router = APIRouter()
# that have words of their own; all others came damaged
REFUSALS = frozenset(
    {
        "not_sensed",
        "repeated",
        "not_reached",
        "driver_failed",
        "decrypt_failed",
        "bindkey_required",
        "downgrade",
        "offline",
        "replayed",
    }
)


@router.get("/devices/{device}")
def one(v: Technician, device: str) -> Response:
    """Show one device: its day, its weeks, and what of it was not believed."""
    return shown(v, device)


def shown(
    v: Visitor, device: str, status: int = 200, wrong: acts.Wrong | None = None, trouble: str = ""
) -> Response:
    """Return a device's page; `wrong`: its form as it came, `trouble`: with its photograph."""
    known = v.page.known
    facts = known.status()
    found = next((d for d in facts.devices if d.device == device), None)
    if found is None:
        raise Stop(404)
    shelves = known.masks()["shelves"]
    found = replace(found, shelved=device in shelves)
    now = known.now(facts)
    may_shelve = _may_be_shelved(v, found)
    strip = strips(
        known.day(now),
        [(device, found.missing_after)],
        now,
        restarts=known.restarts(now - DAY),
        packets=known.packets(facts, now),
        before=known.heard_before(now - DAY),
    )[device]
    days = known.weeks(now, weeks.DAYS, device).get(device, [])
    model = models().get(found.model)
    return v.render(
        "device.html",
        status,
        d=found,
        s=strip,
        state=heard(found, facts),
        signal=signal(found),
        count=weeks.DAYS,
        now=now,
        look=look(found.model),
        title=model.title[v.words.language != "zh"] if model else found.model,
        told=told(v, strip, now),
        axis=day.axis(v, v.page.config.night, now),
        signals=weeks.drawn(days, weeks.DAYS),
        batteries=weeks.batteries(days, weeks.DAYS),
        silent=weeks.silent(days, weeks.DAYS),
        refused=_refused(found),
        limits=[
            (weeks.height(at), at, word)
            for at, word in ((weeks.GOOD, "good"), (weeks.FAIR, "fair"))
        ],
        ends=(weeks.BEST, weeks.WORST),
        weeks=[
            (n, v.words.local(now - (weeks.DAYS - 1 - n) * DAY, "%m-%d"))
            for n in range(weeks.DAYS - 1, 0, -7)
        ],
        worst=min((d.worst for d in days if d.worst is not None), default=None),
        wrong=wrong or acts.Wrong(""),
        notice=acts.notice(v, wrong),
        once=acts.once,
        hours=acts.HOURS,
        until=shelves[device].get("until", 0.0) if device in shelves else 0.0,
        was=acts.before(v, now, acts.SHELVED_MOST) if may_shelve else None,
        may_shelve=may_shelve,
        enrolled=any(d.id == device for d in current(v).devices),
        taken=photos.taken(v.page.config.page_folder, device),
        photo_most=jpeg.LARGEST,
        trouble=trouble,
    )


def _may_be_shelved(v: Visitor, d: DeviceStatus) -> bool:
    """Say whether a technician may shelve a device: one that a life hangs on only the platform."""
    vital = {one.id for one in current(v).devices if one.supervised.vital}
    return not d.shelved and d.device not in vital


def heard(device: DeviceStatus, facts: Status) -> str:
    """Return heard, missing, unsupervised, or unknown: not heard since the gateway began."""
    if (kind.MISSING, device.device) in {(f.kind, f.device) for f in facts.faults}:
        return "missing"
    if device.missing:
        return "missing"
    if not device.heard:
        return "unknown"
    return "unsupervised" if device.missing_after is None else "heard"


def holds(device: DeviceStatus, state: str, kind_: Kind) -> bool | None:
    """Return whether a state holds at a device, by its word since the start; None: nobody knows."""
    return device.states.get(kind_.value) if state in {"heard", "unsupervised"} else None


def signal(device: DeviceStatus | None) -> str:
    """Return how strong its signal is, in words of the catalogue; a wire has none."""
    if device is None:
        return weeks.level(None)
    model = models().get(device.model)
    if (
        not device.rssi
        and model is not None
        and not isinstance(model.listens, BleAdvert | GattService)
    ):
        return "unmeasured" if isinstance(model.listens, Behind | MqttTopics) else "wired"
    return weeks.level(device.rssi)


def told(v: Visitor, s: Strip, now: float) -> str:
    """Return a device's day in words."""
    t = v.words

    parts = []
    if s.open:
        parts.append(t("strip.open", count=s.opened, span=t.span(s.open_s)))
    if s.there:
        parts.append(t("strip.there", span=t.coarse(s.there_s)))
    if s.active:
        parts.append(t("strip.moves", span=t.span(s.active * 60)))
    if s.presses:
        parts.append(t("strip.presses", count=s.pressed))
    if s.dangers:
        parts.append(t("strip.dangers", count=s.endangered))
    if s.gaps:
        begin = now - DAY
        spans = [
            f"{t.local(begin + a * 60, '%H:%M')}-{t.local(begin + b * 60, '%H:%M')}"
            for a, b in s.gaps[:3]
        ]
        parts.append(t("strip.gaps", spans=t.pair("\u3001", ", ").join(spans)))
    return t.pair("\uff1b", "; ").join(parts) or (
        t("strip.nothing") if s.empty else t("strip.quiet")
    )


def _refused(device: DeviceStatus) -> list[tuple[str, int]]:
    """Return (word of the catalogue, count) of packets of a device that were not believed."""
    out: dict[str, int] = {}
    for why, count in device.refused.items():
        word = f"refused.{why if why in REFUSALS else 'damaged'}"
        out[word] = out.get(word, 0) + count
    return sorted(out.items(), key=lambda row: -row[1])
