"""Today: what the home looks like now, what can be done about it, and the test alarm."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from msgspec.structs import replace
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from gateway.contract import encoding, wire
from gateway.home import audible, inbox
from gateway.home.status import DeviceStatus, Status
from gateway.page import acts, weeks
from gateway.page.change import current, is_new, models
from gateway.page.known import Filter, between, seconds
from gateway.page.live import Full, Watch
from gateway.page.strip import Strip, strips
from gateway.page.visitor import Fields, Reader, Stop, Technician, Visitor, checked
from gateway.page.waits import WAITS
from gateway.page.zh import ZH
from gateway.words import kind
from gateway.words.driver import Behind, BleAdvert, GattService, MqttTopics
from gateway.words.instruction import Do
from gateway.words.reading import Kind

router = APIRouter()
DISK_LOW = 200_000_000  # bytes free below which the card is nearly full
# Faults that end when a technician has looked.
LATCHED = frozenset(
    {kind.DEVICE_FAULT, kind.TAMPER, kind.REPLAYED, kind.NOT_UNDERSTOOD, kind.TEST_DUE}
)
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
)  # that have words of their own; all others came damaged
# devices up to which Today shows the weeks of each; with more they are on the device's own page
FEW = 24
FEW_DAYS = 3  # fewer say nothing of weeks
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
# What a device's picture shows, by the first of these that it senses.
LOOKS = (
    ("radar", Kind.FALL),
    ("flame", Kind.SMOKE),
    ("flame", Kind.GAS),
    ("flame", Kind.CO),
    ("drop", Kind.MOISTURE),
    ("door", Kind.CONTACT_OPEN),
    ("motion", Kind.MOTION),
    ("motion", Kind.PRESENCE),
    ("thermo", Kind.TEMPERATURE),
    ("button", Kind.BUTTON),
)
STAGES = ("danger", "alarm", "push", "answered", "dispatch", "arrival", "closed")


@router.get("/")
def today(v: Reader) -> Response:
    """Show what the home looks like now."""
    return _today(v)


@router.post("/do/{do}")
async def act(v: Technician, do: str, said: Fields) -> Response:
    """Leave an instruction and wait a moment for the daemon's answer."""
    checked(v, said)
    known = v.page.known
    if do not in acts.DOES:
        raise Stop(404)
    back = (
        "/test"
        if said.get("back") == "test"
        else f"/alarms/{said['back']}"
        if acts.whole(said.get("back", "")) >= 0
        else "/"
    )
    made = await run_in_threadpool(
        acts.instruction, {**said, "do": do}, v.by, known, v.page.config.times
    )
    if isinstance(made, acts.Wrong):
        return await run_in_threadpool(_today, v, 422, made)
    try:
        await run_in_threadpool(_leave, v, made)
    except (OSError, sqlite3.Error, ValueError):
        return await run_in_threadpool(
            _today, v, 503, acts.Wrong("", {"form": ("told.failed", {})})
        )
    end = time.monotonic() + WAITS.answer
    while await run_in_threadpool(known.result, made.id) is None and time.monotonic() < end:  # noqa: ASYNC110  it is another process that answers
        await asyncio.sleep(WAITS.answer_look)
    return RedirectResponse(f"{back}?{urlencode({'told': made.id, 'did': do})}", 303)


@router.get("/devices/{device}")
def one(v: Reader, device: str) -> Response:
    """Show one device: its day, its weeks, and what of it was not believed."""
    known = v.page.known
    facts = known.status()
    found = next((d for d in facts.devices if d.device == device), None)
    if found is None:
        raise Stop(404)
    found = replace(found, shelved=device in known.masks()["shelves"])
    now = known.now(facts)
    strip = strips(
        known.day(now),
        [(device, found.missing_after)],
        now,
        restarts=known.restarts(now - 86400),
        packets=known.packets(facts, now),
        before=known.heard_before(now - 86400),
    )[device]
    days = known.weeks(now, weeks.DAYS, device).get(device, [])
    model = models().get(found.model)
    return v.render(
        "device.html",
        d=found,
        s=strip,
        state=heard(found, facts),
        signal=signal(found),
        days=days,
        count=weeks.DAYS,
        now=now,
        look=look(found.model),
        title=model.title[v.words.language != "zh"] if model else found.model,
        told=told(v, strip, now),
        signals=weeks.drawn(days, weeks.DAYS),
        batteries=weeks.batteries(days, weeks.DAYS),
        silent=weeks.silent(days, weeks.DAYS),
        refused=_refused(found),
        limits=[
            (weeks.height(at), word) for at, word in ((weeks.GOOD, "good"), (weeks.FAIR, "fair"))
        ],
        mondays=[
            (n, v.words.local(now - (weeks.DAYS - 1 - n) * 86400, "%m-%d"))
            for n in range(6, weeks.DAYS, 14)
        ],
        worst=min((d.worst for d in days if d.worst is not None), default=None),
        hour_marks=_marks(v, now),
    )


@router.get("/live")
async def live(v: Reader) -> Response:
    """Tell this page when something has changed."""
    return stream(v, v.page.watch)


def stream(v: Visitor, watch: Watch) -> Response:
    """Return the events of a watch for as long as the visitor is signed in."""
    assert v.session is not None  # a reader has one
    key, name, accounts = v.session.key, v.session.name, v.page.accounts
    try:
        watch.enter(name)
    except Full as full:
        raise Stop(503) from full
    return _Stream(
        watch, name, watch.events(lambda: accounts.session(key, touch=False) is not None)
    )


class _Stream(StreamingResponse):
    """Events of a watch. The place is given back however it ends, also where the visitor is gone before the first event."""

    def __init__(self, watch: Watch, name: str, events: AsyncIterator[str]) -> None:
        super().__init__(
            events,
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )
        self._watch, self._name = watch, name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._watch.leave(self._name)


@router.get("/test")
def test(v: Reader) -> Response:
    """Show the test alarm, with each stage's time."""
    known = v.page.known
    facts = known.status()
    told = v.request.query_params.get("told", "")[:80]
    result = known.result(told) if told else None
    running = next((a for a in known.open_alarms() if a.kind == kind.TEST), None)
    alarm = known.by_id(result.alarm) if result and result.alarm else running
    earlier = [
        a
        for a in known.past(Filter(kind=kind.TEST), limit=6)
        if alarm is None or a.alarm != alarm.alarm
    ]
    now = known.now(facts)
    # Whoever has ended the test was told by another instruction, which is none of its stages.
    began = (
        inbox.left_at(v.page.config.page_folder, told)
        if told and v.request.query_params.get("did") == Do.TEST
        else None
    )
    way = _way(began, alarm)
    return v.render(
        "_test.html" if "part" in v.request.query_params else "test.html",
        alarm=alarm,
        earlier=earlier,
        told=told,
        result=result,
        way=way,
        trouble=_trouble(way, facts, now),
        once=acts.once(),
        facts=facts,
        now=now,
        between=between,
        notice=notice(v),
        possible_close=acts.possible,
    )


def _way(
    left: float | None, alarm: wire.AlarmMessage | None
) -> list[tuple[str, float | None, float | None]]:
    """Return the stages of a test alarm: (word, wall second or None while it has not come, seconds after the one before)."""
    stages = alarm.stages if alarm else {}
    began = seconds(stages["alarm"].wall) if "alarm" in stages else None
    out: list[tuple[str, float | None, float | None]] = (
        [("told", left or began, None)] if left or began else []
    )
    out.append(("alarm", began, max(0.0, began - left) if began and left else None))
    before = stages.get("alarm")
    for name in ("push", "answered"):
        at = stages.get(name)
        out.append(
            (name, seconds(at.wall) if at else None, between(before, at) if at and before else None)
        )
        before = at or before
    return out


def _trouble(
    way: list[tuple[str, float | None, float | None]], facts: Status, now: float
) -> tuple[str, str]:
    """Return (the stage that does not come, its word), both "" where all is well or it is too early to say."""
    at = {name: wall for name, wall, _ in way}
    uplink = facts.uplink
    if at["alarm"] is None:
        return (
            ("alarm", "test.no_gateway")
            if at.get("told") and now - (at["told"] or now) > WAITS.late
            else ("", "")
        )
    waited = now - at["alarm"]
    if at["push"] is None:
        if not uplink.configured:
            return "push", "test.no_platform"
        if not uplink.connected:
            return ("push", "test.no_link") if waited > 1 else ("", "")
        return ("push", "test.no_receipt") if waited > WAITS.late else ("", "")
    return (
        ("answered", "test.no_desk")
        if at["answered"] is None and now - at["push"] > WAITS.desk_late
        else ("", "")
    )


def _leave(v: Visitor, message: wire.InstructionMessage) -> None:
    config = v.page.config
    inbox.leave(config.page_folder, config.runtime, wire.encode(message))
    assert v.session is not None  # a technician has one
    about = message.alarm or message.device
    v.page.accounts.note(v.session.name, v.source, "instruction", f"{message.do} {about}".strip())


def _today(v: Visitor, status: int = 200, wrong: acts.Wrong | None = None) -> Response:
    values = home(v)
    values |= {"wrong": wrong or acts.Wrong(""), "notice": notice(v), "once": acts.once}
    if wrong is not None and "form" in wrong.fields:
        word, more = wrong.fields["form"]
        more = {k: v.words.named("state", str(w)) for k, w in more.items()}
        values["notice"] = (False, v.words(word, **more))
    return v.render(
        "_today.html" if "part" in v.request.query_params else "today.html", status, **values
    )


def notice(v: Visitor) -> tuple[bool, str] | None:
    """Return (well, sentence) of the instruction that was just left."""
    told, did = v.request.query_params.get("told", ""), v.request.query_params.get("did", "")
    if not told or did not in acts.DOES:
        return None
    do = v.words.named("do", did)
    result = v.page.known.result(told[:80])
    if result is None:
        return False, v.words("told.waiting", do=do)
    if result.accepted:
        return True, v.words("told.done", do=do)
    return False, v.words("told.refused", do=do, why=v.words.pair(result.zh, result.en))


def home(v: Visitor) -> dict[str, Any]:
    """Return what the page of today is made of."""
    known = v.page.known
    config = current(v)  # what people call the devices may be new
    facts = known.status()
    now = known.now(facts)
    masks = known.masks()
    # The journal's word on shelves: the status file is up to two seconds behind who has just
    # tapped.
    devices = [replace(d, shelved=d.device in masks["shelves"]) for d in facts.devices]
    drawn = strips(
        known.day(now),
        [(d.device, d.missing_after) for d in devices],
        now,
        restarts=known.restarts(now - 86400),
        packets=known.packets(facts, now),
        before=known.heard_before(now - 86400),
    )
    alarms = known.open_alarms()
    faults = known.faults()
    shown = [(d, drawn[d.device], heard(d, facts), signal(d)) for d in devices]
    days = known.weeks(now, weeks.SHORT) if len(devices) <= FEW else {}
    return {
        "new": v.technician and facts.written > 0 and is_new(v),
        "glance": glance(v, facts, shown, now),
        "lacks": lacks(devices),
        "unheard": [audible.WORDS[lack] for lack in audible.lacks(config)],
        "look": look,
        "spark": {
            d: weeks.drawn(found, weeks.SHORT)
            for d, found in days.items()
            if len(found) >= FEW_DAYS
        },
        "told_of": lambda s: told(v, s, now),
        "facts": facts,
        "now": now,
        "alarms": alarms,
        "real": [a for a in alarms if not a.test and a.priority <= 3],
        "class_of": encoding.class_of,
        "faults": [(f, _advice(v, f.kind), f.kind in LATCHED) for f in faults],
        "notes": [(f, count, _advice(v, f.kind)) for f, count in known.notes(now)],
        "devices": shown,
        "heard": sum(1 for _, _, state, _ in shown if state not in {"missing", "unknown"}),
        "unknown": sum(1 for _, _, state, _ in shown if state == "unknown"),
        "masks": masks,
        "away": masks["away"] if masks["away"] > now else 0.0,
        "disk": known.disk(),
        "stages": STAGES,
        "between": between,
        "ago": lambda wall: max(0.0, now - seconds(wall)),
        "possible": acts.possible,
        "tried": lambda a: acts.tried(a, now - seconds(a.stages["danger"].wall)),
        "outcomes": lambda a: acts.outcomes(a, facts),
        "most": lambda a: acts.minutes_most(a, v.page.config.times),
        "ladder": [r.responder for r in v.page.config.ladder],
        "hours": acts.HOURS,
        "next_do": acts.NEXT,
        "hour_marks": _marks(v, now),
    }


def glance(
    v: Visitor, facts: Status, devices: list[tuple[DeviceStatus, Strip, str, str]], now: float
) -> list[dict[str, str]]:
    """Return how the home stands in a few words each: {look, what, says, more, tone}; tone is "", "watch" or "bad"."""
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
        (d, s, _holds(d, state, Kind.CONTACT_OPEN))
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
        if _holds(d, state, Kind.PRESENCE) or _holds(d, state, Kind.OCCUPANCY)
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


def _refused(device: DeviceStatus) -> list[tuple[str, int]]:
    """Return (word of the catalogue, how often) of what was heard in a device's name and not believed, most often first."""
    out: dict[str, int] = {}
    for why, count in device.refused.items():
        word = f"refused.{why if why in REFUSALS else 'damaged'}"
        out[word] = out.get(word, 0) + count
    return sorted(out.items(), key=lambda row: -row[1])


def lacks(devices: list[DeviceStatus]) -> list[str]:
    """Return which dangers no device of this home can find, as words of the catalogue; nothing where there are no devices yet."""
    made = [models()[d.model].senses for d in devices if d.model in models()]
    return [name for name, senses in FINDS if not any(senses & has for has in made)] if made else []


def look(make: str) -> str:
    """Return the name of the picture of a make."""
    model = models().get(make)
    return next(
        (name for name, senses in LOOKS if model is not None and senses in model.senses), "sensors"
    )


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
        begin = now - 86400
        spans = [
            f"{t.local(begin + a * 60, '%H:%M')}-{t.local(begin + b * 60, '%H:%M')}"
            for a, b in s.gaps[:3]
        ]
        parts.append(t("strip.gaps", spans=t.pair("\u3001", ", ").join(spans)))
    return t.pair("\uff1b", "; ").join(parts) or (
        t("strip.nothing") if s.empty else t("strip.quiet")
    )


def _marks(v: Visitor, now: float) -> list[tuple[int, str]]:
    return [(int(m), v.words.local(now - 86400 + m * 60, "%H")) for m in _hour_marks(now)]


def _advice(v: Visitor, name: str) -> str:
    if name == kind.IDENTITY_CONFLICT and (at := v.page.known.took_over()):
        return v.words(
            "conflict.stays",
            time=v.words.clock(at, v.page.known.now(v.page.known.status()), exact=False),
        )
    return v.words(f"advice.{name}" if f"advice.{name}" in ZH else "advice.unknown")


def _hour_marks(now: float) -> list[float]:
    """Return the minutes at which every sixth full hour stands; whole hours are the same in every zone that has whole hours."""
    begin = now - 86400
    first = (3600 - begin % 3600) / 60
    return [first + 60 * n for n in range(1, 24, 4)]


def heard(device: DeviceStatus, facts: Status) -> str:
    """Return whether a device is heard: heard, missing, unknown until it was heard since the gateway began, or unsupervised."""
    if (kind.MISSING, device.device) in {(f.kind, f.device) for f in facts.faults}:
        return "missing"
    if device.missing:
        return "missing"
    if not device.heard:
        return "unknown"
    return "unsupervised" if device.missing_after is None else "heard"


def _holds(device: DeviceStatus, state: str, kind_: Kind) -> bool | None:
    """Return whether something holds at a device now, by its own word since the gateway began; None where nobody knows."""
    return device.states.get(kind_.value) if state in {"heard", "unsupervised"} else None


def signal(device: DeviceStatus | None) -> str:
    """Return how strong its signal is, in words of the catalogue; of a wire there is none, and not every receiver measures it."""
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
