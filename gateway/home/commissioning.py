"""What a certificate of commissioning says: what guards this home, and how each part was tried.

The page makes these facts beforehand and shows them; the daemon makes them again when they are
signed (`certificates`) and compares, so that what is signed is what was seen. No resident's name
and no street stand in them: what the paper needs of those is typed for the print and stays on the
phone.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Container, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from msgspec import Struct, field
from msgspec.structs import asdict

from gateway.contract import wire
from gateway.home import audible, household
from gateway.home.cancels import nobody_cancels
from gateway.home.certificates import canonical, fingerprint
from gateway.home.config import Config
from gateway.home.devices import Device
from gateway.home.waits import WAITS
from gateway.judge.walk_record import Goal, Need, Plug, goal, step_needs
from gateway.words import kind
from gateway.words.clock import When
from gateway.words.consent import ASKED
from gateway.words.kind import Priority

# Of the document; the sheet is drawn by it. 1: the ladder's last rung was called again, and not the
# first. 2: faults, the clock and rooms without a sensor do not stand on it.
FORM: Final = 4
# a broker on the box itself: what is said to it leaves no machine in clear
HERE: Final = frozenset({"127.0.0.1", "::1", "localhost"})
LOOK_BACK: Final = 600  # faults of the journal in which tests are looked for
TESTS: Final = 20  # test alarms that are looked at
# What of a walk test stands on paper.
_COUNTS: Final = (
    "presses",
    "openings",
    "closings",
    "falls",
    "stays",
    "motions",
    "presences",
    "occupied",
    "left",
    "smokes",
    "gases",
    "leaks",
    "readings",
    "packets",
    "worst_dbm",
    "signals_dbm",
    "receipt_s",
    "not_proved_fresh",
)
_OF_STEPS: Final = ("noticed_s", "away_s", "held_s", "receipt_s")
# Parts of a device whose change makes no other device of it: all else has to be tried again.
_HARMLESS: Final = frozenset({"missing_after", "left_open", "label"})


class Seen(Struct):
    """The newest tests of the journal that still count."""

    walks: dict[str, wire.FaultMessage] = field(default_factory=dict)
    steps: dict[str, wire.FaultMessage] = field(default_factory=dict)
    attempt: wire.FaultMessage | None = None
    alarm: wire.AlarmMessage | None = None


def seen(faults: Iterable[wire.Outward], tests: Iterable[wire.Outward], at: When) -> Seen:
    """Return the tests of this visit that count, of faults and test alarms, both newest first.

    A test does not count where what it tried was changed after it.
    """
    out = Seen()
    changed: set[str] = set()
    platform_since = -1
    for m in faults:
        if not isinstance(m, wire.FaultMessage):
            continue
        if m.kind == kind.CONFIG_CHANGED:
            for key in str(m.detail.get("keys", "")).split(", "):
                section, _, rest = key.partition(".")
                if section == "device" and rest.rpartition(".")[2] not in _HARMLESS:
                    changed |= {rest, rest.rpartition(".")[0]}
                elif section == "platform":
                    platform_since = max(platform_since, m.number)
        elif m.kind == kind.VISIT and age(m.at, at) <= WAITS.visit:
            _visited(out, m, changed, platform_since)
    # one that was held back on purpose says nothing about the way
    pulled = {m.detail.get("alarm") for m in out.steps.values()}
    for a in tests:
        if (
            not isinstance(a, wire.AlarmMessage)
            or a.number <= platform_since
            or age(a.at, at) > WAITS.visit
            or a.alarm_number in pulled
        ):
            continue
        if out.alarm is None or ("push" in a.stages and "push" not in out.alarm.stages):
            out.alarm = a
    return out


def _visited(out: Seen, m: wire.FaultMessage, changed: Container[str], platform_since: int) -> None:
    """Take one entry of this visit, unless what it tried was changed after it."""
    what = m.detail.get("what")
    if what == "walk" and (step := str(m.detail.get("step", ""))):
        if step != Plug.UPLINK or m.number > platform_since:
            out.steps.setdefault(step, m)
    elif what == "walk" and m.device not in changed:
        out.walks.setdefault(m.device, m)
    elif what == "platform_test" and m.number > platform_since and m.detail.get("in_force", True):
        out.attempt = out.attempt or m


def age(then: When, now: When) -> float:
    """Return the age in seconds: monotonic within one power-up, by the wall clock across.

    It is infinite where the wall clock has gone back by `WAITS.visit` or more.
    """
    passed = _between(then, now)
    return passed if then.boot == now.boot or passed > -WAITS.visit else math.inf


def proved(found: Seen) -> bool:
    """Say whether the platform's receipt was seen, for a test alarm or a try of what holds."""
    alarm, tried = found.alarm, found.attempt
    return (alarm is not None and "push" in alarm.stages) or (
        tried is not None and not tried.detail.get("failed", "")
    )


def goals(config: Config) -> dict[str, Goal]:
    """Return what each device has to show in a walk test."""
    return {d.id: goal_of(config, d) for d in config.devices}


def goal_of(config: Config, d: Device) -> Goal:
    """Return what one device has to show."""
    if d.badge is not None:
        return Goal({"packets": 1})
    receipts = config.platform is not None and config.platform.receipts == "platform"
    return goal(
        d.model,
        roles=d.watch.roles,
        codes=d.codes,
        bed=d.watch.bed,
        receipts=receipts,
        within=config.times.receipt,
    )


class OpenFault(NamedTuple):
    """A fault that is on.

    `priority` is its number: 2 and less must be mended before anything passes.
    """

    priority: int
    kind: str
    device: str


def facts(
    config: Config,
    found: Seen,
    *,
    gateway: str,
    journal: str,
    software: str,
    mains: bool,
    clock: str,
    faults: Iterable[OpenFault],
) -> dict[str, Any]:
    """Return all that a certificate says but who signs it and when: the body of its JSON.

    `mains`: this box can know whether it has mains. `clock`: how good the clock is. `faults`: what
    is on but for those of a test.
    """
    home = config.household
    shown = {k: v for k, v in household.shown(config).items() if k not in {"revision", "by", "at"}}
    fitted = [d for d in config.devices if d.badge is None]  # those who come are no part of it
    devices = [_device(config, d, found.walks.get(d.id)) for d in fitted]
    steps = [
        _step(
            plug,
            found.steps.get(plug),
            applies=mains if plug is Plug.MAINS else config.platform is not None,
        )
        for plug in Plug
    ]
    platform = _platform(config, found)
    on = sorted(faults)
    lacking = [
        *(("device", d["id"], d["lacks"]) for d in devices),
        *(("step", s["step"], s["lacks"]) for s in steps),
        ("platform", "", platform["lacks"]),
        *(("fault", f.kind, [f.device]) for f in on if f.priority <= Priority.P2),
        ("home", "", [] if devices else ["devices"]),
    ]
    missing = [{"of": of, "id": name, "needs": needs} for of, name, needs in lacking if needs]
    return {
        "form": FORM,
        "gateway": gateway,
        "journal": journal,
        "software": software,
        "household": shown["household"]["number"],
        "timezone": config.gateway.timezone,
        "revision": home.revision,
        "configuration": hashlib.sha256(canonical(shown)).hexdigest(),
        "devices": devices,
        "steps": steps,
        "platform": platform,
        "times": asdict(config.times),
        "ladder": [
            {"responder": r.responder, "channel": r.channel, "wait": r.wait} for r in config.ladder
        ],
        "lacks": [
            lack.value
            for lack in audible.lacks(config, {f.device for f in on if f.kind == kind.CALL_FAILED})
        ],
        "silence": asdict(config.parts.silence),
        "no_cancel": nobody_cancels(config.devices),
        "consent": _consent(config),
        "clock": clock,
        "faults": [f._asdict() for f in on],
        "rooms_without": [room for room in home.rooms or () if all(d.room != room for d in fitted)],
        "passed": not missing,
        "missing": missing,
    }


def _consent(config: Config) -> dict[str, Any]:
    """Return what may be kept and sent, and who agreed when; no name, and no handwriting."""
    part, agreed = config.parts.consent, config.household.agreed
    by = (
        {
            "who": agreed.who,
            "at": agreed.at,
            "strokes_sha256": fingerprint(agreed.strokes) if agreed.strokes else "",
        }
        if agreed
        else None
    )
    return {**{name: getattr(part, name) for name in ASKED}, "agreed": by}


def _device(config: Config, d: Device, m: wire.FaultMessage | None) -> dict[str, Any]:
    needs = goal_of(config, d).needs(m.detail if m else {})
    return {
        "id": d.id,
        "room": d.room,
        "label": d.label,
        "model": d.model.name,
        "title": list(d.model.title),
        "address": _tail(d),
        **_tried(m, needs, _COUNTS, "walk"),
    }


def _tried(
    m: wire.FaultMessage | None, needs: Sequence[Need], names: Sequence[str], what: str
) -> dict[str, Any]:
    """Return what a test lacks, `what` where there was none, and what of it stands on paper."""
    if m is None:
        return {"lacks": [what], "walk": None}
    shown = {name: m.detail[name] for name in names if name in m.detail}
    return {
        "lacks": [n.name for n in needs if not n.done],
        "walk": {"at": m.at.wall, "by": m.detail.get("by", ""), **shown},
    }


def _tail(d: Device) -> str:
    """Return the end of an address: enough to tell two apart, too little to forge one."""
    at = d.at or next(iter(sorted(d.codes.values())), "")
    return at[-5:] if ":" in at[-6:] else at[-6:]


def _step(plug: Plug, m: wire.FaultMessage | None, *, applies: bool) -> dict[str, Any]:
    needs = step_needs(plug, m.detail if m else {})
    tried = _tried(m, needs, _OF_STEPS, "step") if applies else {"lacks": [], "walk": None}
    return {"step": plug.value, "applies": applies, **tried}


def _platform(config: Config, found: Seen) -> dict[str, Any]:
    p, tried, alarm = config.platform, found.attempt, found.alarm
    if p is None:
        return {
            "where": "",
            "tls": False,
            "receipts": "",
            "attempt": None,
            "alarm": None,
            "lacks": ["platform"],
        }
    attempt = None
    if tried is not None:
        steps = {n: v for n, v in tried.detail.items() if n.endswith("_s")}
        attempt = {"at": tried.at.wall, "failed": tried.detail.get("failed", ""), **steps}
    test = None
    if alarm is not None:
        pushed = alarm.stages.get("push")
        test = {
            "at": alarm.stages["danger"].wall,
            "receipt_s": round(_between(alarm.stages["danger"], pushed), 2) if pushed else None,
        }
    return {
        "where": f"{p.host}:{p.port}",
        "tls": p.tls,
        "receipts": p.receipts,
        "attempt": attempt,
        "alarm": test,
        "lacks": ([] if proved(found) else ["test"]) + ([] if p.tls or p.host in HERE else ["tls"]),
    }


def _between(first: When, then: When) -> float:
    return (
        then.mono - first.mono
        if first.boot == then.boot
        else _seconds(then.wall) - _seconds(first.wall)
    )


def _seconds(wall: str) -> float:
    try:
        return datetime.fromisoformat(wall).timestamp()
    except ValueError:
        return 0.0
