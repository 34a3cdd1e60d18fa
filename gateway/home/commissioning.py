"""The certificate of commissioning: what guards this home, how each part was tried, and who signed that it stood so.

Its document is one JSON text of which nothing changes any more: its SHA-256 stands on paper and in
the journal, and a reprint is made from the very same bytes. The daemon makes it and keeps it as a
file of its own, by a rename that is its moment; the page makes the same facts beforehand, so that
what is signed is what was seen. No resident's name and no street stand in it: what the paper needs
of them is typed for the print and stays on the phone.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from gateway.box import generations
from gateway.contract import wire
from gateway.home import audible, household
from gateway.home.config import Config
from gateway.home.devices import Device
from gateway.home.parts import Signature, Signing
from gateway.home.waits import WAITS
from gateway.judge.walk_record import Goal, Plug, goal, step_needs
from gateway.words import kind
from gateway.words.instruction import Problem
from gateway.words.kind import Priority
from gateway.words.say import Say

# Of the document; the sheet is drawn by it. 1: the ladder's last rung was called again, and not the
# first. 2: faults, the clock and rooms without a sensor do not stand on it.
FORM: Final = 3
HERE: Final = frozenset(
    {"127.0.0.1", "::1", "localhost"}
)  # a broker on the box itself: what is said to it leaves no machine in clear
CARRIED: Final = 20  # of them, the newest, that go to a new box
LAST: Final = 1_000_000  # number that a certificate can have
KEPT: Final = 200  # certificates of one home; beyond it the oldest is forgotten
LOOK_BACK: Final = 600  # faults of the journal in which tests are looked for
TESTS: Final = 20  # test alarms that are looked at
LONGEST: Final = 24 * 1024  # bytes of a document that is pushed whole; of a larger one its hash is
WIDE, HIGH = 600, 200  # units of the field that is signed on
SHORTEST = 80  # units of a drawn signature, all strokes together: a touch by mistake is none
POINTS = 5000  # numbers in a drawn signature
STROKES = 8 * 1024  # bytes of it
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
# What stands in every document, also of the first form.
_STANDS: Final = frozenset(
    {
        "form",
        "number",
        "gateway",
        "software",
        "household",
        "timezone",
        "revision",
        "devices",
        "steps",
        "platform",
        "times",
        "ladder",
        "passed",
        "missing",
        "signed",
    }
)
# Parts of a device whose change makes no other device of it: all else has to be tried again.
_HARMLESS: Final = frozenset({"missing_after", "left_open", "label"})


@dataclass(slots=True)
class Seen:
    """The newest tests of the journal that still count."""

    walks: dict[str, wire.FaultMessage] = field(default_factory=dict)
    steps: dict[str, wire.FaultMessage] = field(default_factory=dict)
    attempt: wire.FaultMessage | None = None
    alarm: wire.AlarmMessage | None = None


def seen(faults: Iterable[wire.Outward], tests: Iterable[wire.Outward], at: wire.When) -> Seen:
    """Return the tests that count, of faults and test alarms, both newest first. One before a change of what it tried does not."""
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
            what = m.detail.get("what")
            if what == "walk" and (step := str(m.detail.get("step", ""))):
                if step != Plug.UPLINK or m.number > platform_since:
                    out.steps.setdefault(step, m)
            elif what == "walk" and m.device not in changed:
                out.walks.setdefault(m.device, m)
            elif (
                what == "platform_test"
                and m.number > platform_since
                and m.detail.get("in_force", True)
            ):
                out.attempt = out.attempt or m
    pulled = {
        m.detail.get("alarm") for m in out.steps.values()
    }  # one that was held back on purpose says nothing about the way
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


def age(then: wire.When, now: wire.When) -> float:
    """Return how many seconds ago it was: monotonic within one power-up, by the wall clock across; infinite where that is absurd."""
    if then.boot == now.boot:
        return now.mono - then.mono
    passed = _seconds(now.wall) - _seconds(then.wall)
    return passed if passed > -WAITS.visit else math.inf


def goals(config: Config) -> dict[str, Goal]:
    """Return what each device has to show in a walk test."""
    return {d.id: goal_of(config, d) for d in config.devices}


def goal_of(config: Config, d: Device) -> Goal:
    """Return what one device has to show."""
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
    """A fault that is on. `priority` as a number: 2 and less must be mended before anything passes."""

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
    """Return all that a certificate says but who signs it and when. `mains`: this box can know whether it has mains.

    `clock` is how good the clock is, `faults` what is on but for those of a test.
    """
    home = config.household
    shown = {k: v for k, v in household.shown(config).items() if k not in {"revision", "by", "at"}}
    devices = [_device(config, d, found.walks.get(d.id)) for d in config.devices]
    steps = [
        _step(
            plug,
            found.steps.get(plug),
            applies=mains if plug is Plug.MAINS else config.platform is not None,
        )
        for plug in Plug
    ]
    platform = _platform(config, found)
    missing = [{"of": "device", "id": d["id"], "needs": d["lacks"]} for d in devices if d["lacks"]]
    missing += [{"of": "step", "id": s["step"], "needs": s["lacks"]} for s in steps if s["lacks"]]
    missing += (
        [{"of": "platform", "id": "", "needs": platform["lacks"]}] if platform["lacks"] else []
    )
    on = sorted(faults)
    missing += [
        {"of": "fault", "id": f.kind, "needs": [f.device]} for f in on if f.priority <= Priority.P2
    ]
    if not devices:
        missing.append({"of": "home", "id": "", "needs": ["devices"]})
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
        "lacks": [lack.value for lack in audible.lacks(config)],
        "clock": clock,
        "faults": [f._asdict() for f in on],
        "rooms_without": [
            room for room in home.rooms or () if all(d.room != room for d in config.devices)
        ],
        "passed": not missing,
        "missing": missing,
    }


def _device(config: Config, d: Device, m: wire.FaultMessage | None) -> dict[str, Any]:
    needs = goal_of(config, d).needs(m.detail if m else {})
    return {
        "id": d.id,
        "room": d.room,
        "label": d.label,
        "model": d.model.name,
        "title": list(d.model.title),
        "address": _tail(d),
        "lacks": [n.name for n in needs if not n.done] if m else ["walk"],
        "walk": {"at": m.at.wall, "by": m.detail.get("by", ""), **_picked(m, _COUNTS)}
        if m
        else None,
    }


def _tail(d: Device) -> str:
    """Return the end of an address: enough to tell two apart, too little to forge one."""
    at = d.at or next(iter(sorted(d.codes.values())), "")
    return at[-5:] if ":" in at[-6:] else at[-6:]


def _step(plug: Plug, m: wire.FaultMessage | None, *, applies: bool) -> dict[str, Any]:
    needs = step_needs(plug, m.detail if m else {})
    lacks = [n.name for n in needs if not n.done] if m else ["step"]
    return {
        "step": plug.value,
        "applies": applies,
        "lacks": lacks if applies else [],
        "walk": {"at": m.at.wall, "by": m.detail.get("by", ""), **_picked(m, _OF_STEPS)}
        if m and applies
        else None,
    }


def _picked(m: wire.FaultMessage, names: Sequence[str]) -> dict[str, Any]:
    return {name: m.detail[name] for name in names if name in m.detail}


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
    well = (test is not None and test["receipt_s"] is not None) or (
        attempt is not None and not attempt["failed"]
    )
    return {
        "where": f"{p.host}:{p.port}",
        "tls": p.tls,
        "receipts": p.receipts,
        "attempt": attempt,
        "alarm": test,
        "lacks": ([] if well else ["test"]) + ([] if p.tls or p.host in HERE else ["tls"]),
    }


def canonical(body: object) -> bytes:
    """Return the one text that a body has."""
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def fingerprint(what: Mapping[str, Any]) -> str:
    """Return by what two sets of facts are told apart."""
    return hashlib.sha256(canonical(what)).hexdigest()


# -- signatures --------------------------------------------------------------------------------------------------------


def unsigned(signature: Signature, by: str) -> Problem | None:
    """Say what is wrong with a signature; None where nothing is. A typed one is the name under which one has signed in."""
    if signature.how == "typed":
        same = signature.name and signature.name == by.partition(" (")[0]
        return None if same else Problem("certificate", "", "typed", Say("sign.name"))
    numbers = sum(len(s) for s in signature.strokes)
    whole = all(len(s) >= 2 and len(s) % 2 == 0 for s in signature.strokes)
    if (
        not whole
        or numbers > POINTS
        or len(canonical(signature.strokes)) > STROKES
        or not _inside(signature.strokes)
    ):
        return Problem("certificate", "", "strokes", Say("sign.unread"))
    if _length(signature.strokes) < SHORTEST:
        return Problem("certificate", "", "strokes", Say("sign.none"))
    return None


def _points(stroke: Sequence[int]) -> list[tuple[int, int]]:
    """Return the places of a stroke: the first two numbers are a place, all others steps from there."""
    x = y = 0
    out = []
    for dx, dy in zip(stroke[::2], stroke[1::2], strict=True):
        x, y = x + dx, y + dy
        out.append((x, y))
    return out


def _inside(strokes: Iterable[Sequence[int]]) -> bool:
    return all(0 <= x <= WIDE and 0 <= y <= HIGH for s in strokes for x, y in _points(s))


def _length(strokes: Iterable[Sequence[int]]) -> float:
    return sum(
        math.dist(a, b) for s in strokes for p in [_points(s)] for a, b in itertools.pairwise(p)
    )


def drawn(strokes: Iterable[Sequence[int]]) -> str:
    """Return a signature as the path of an SVG; a single place is a dot."""
    return "".join(
        f"M{s[0]} {s[1]}l"
        + (" ".join(f"{dx} {dy}" for dx, dy in zip(s[2::2], s[3::2], strict=True)) or "0 0")
        for s in strokes
    )


# -- the certificate ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Certificate:
    """One that is kept. `text` is the document, byte by byte as it was signed."""

    number: int
    text: str
    instruction: str
    signature: Signature
    push: bool = False  # who signed agrees that what was drawn goes to the platform too

    @property
    def sha256(self) -> str:
        """Fingerprint of the document."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def document(self) -> dict[str, Any]:
        """What stands in it."""
        found: dict[str, Any] = json.loads(self.text)
        return found


def signed(
    what: Mapping[str, Any],
    number: int,
    *,
    by: str,
    at: wire.When,
    signing: Signing,
    instruction: str,
) -> Certificate:
    """Return the certificate over these facts."""
    signature = signing.signature
    strokes = (
        hashlib.sha256(canonical(signature.strokes)).hexdigest() if signature.how == "drawn" else ""
    )
    more = {
        "number": number,
        "signed": {
            "by": by,
            "at": msgspec.to_builtins(at),
            "how": signature.how,
            "strokes_sha256": strokes,
        },
    }
    return Certificate(
        number, canonical({**what, **more}).decode(), instruction, signature, signing.push
    )


def keep(state: Path, made: Certificate) -> None:
    """Put a certificate on the disk. Raises OSError; then there is none. The rename is the moment."""
    body = {
        "number": made.number,
        "document": made.text,
        "instruction": made.instruction,
        "push": made.push,
        "signature": msgspec.to_builtins(made.signature),
    }
    generations.write(_path(state, made.number), body, 0o640)
    with contextlib.suppress(OSError):
        for old in _files(state)[KEPT:]:
            old.unlink()


def numbers(state: Path) -> list[int]:
    """Return the numbers of the certificates there are, newest first."""
    return [_number(path) for path in _files(state)]


def kept(state: Path, number: int) -> Certificate | None:
    """Return one certificate; None where there is none or it is not whole."""
    try:
        body = generations.Generation(_path(state, number)).body()
        return Certificate(
            number,
            body["document"],
            body["instruction"],
            msgspec.convert(body["signature"], Signature),
            body["push"],
        )
    except (generations.Torn, LookupError, msgspec.ValidationError):
        return None


def _files(state: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return sorted(
            (p for p in state.glob("certificate-*.json") if _number(p)), key=lambda p: -_number(p)
        )
    return []


def _path(state: Path, number: int) -> Path:
    return state / f"certificate-{number:04d}.json"


def _number(path: Path) -> int:
    digits = path.stem.removeprefix("certificate-")
    return int(digits) if digits.isascii() and digits.isdigit() else 0


def carried(state: Path) -> tuple[dict[str, Any], ...]:
    """Return the newest certificates as they are kept, for a backup."""
    out = []
    for path in _files(state)[:CARRIED]:
        with contextlib.suppress(generations.Torn):
            out.append(generations.Generation(path).body())
    return tuple(out)


def brought(folder: Path, bodies: Iterable[Mapping[str, Any]]) -> None:
    """Put those of a backup into a folder. Raises OSError; ValueError where one is none."""
    for body in bodies:
        try:
            made = Certificate(
                int(body["number"]),
                str(body["document"]),
                str(body["instruction"]),
                msgspec.convert(body["signature"], Signature),
                bool(body["push"]),
            )
            wrong = not 0 < made.number <= LAST or not set(made.document) >= _STANDS
        except (LookupError, TypeError, ValueError) as error:
            raise ValueError(f"a certificate of the backup is none ({error})") from error
        if wrong:
            raise ValueError(
                "a certificate of the backup is none: its number or its document is not what it should be"
            )
        keep(folder, made)


def told(made: Certificate) -> dict[str, bool | int | float | str]:
    """Return what the journal and the platform get: its facts and its hash; what was drawn by hand only where that is wanted."""
    document = made.document
    detail: dict[str, bool | int | float | str] = {
        "what": "commissioned",
        "by": document["signed"]["by"],
        "certificate": made.number,
        "passed": document["passed"],
        "missing": len(document["missing"]),
        "revision": document["revision"],
        "sha256": made.sha256,
    }
    if len(made.text.encode()) <= LONGEST:
        detail["document"] = made.text
    if made.push and made.signature.how == "drawn":
        detail["signature"] = canonical(made.signature.strokes).decode()
    return detail


def _between(first: wire.When, then: wire.When) -> float:
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
