"""Walk test: one device after the other where it is used, then mains and network pulled.

It ends with pass or with what is missing and what to do. What has been tried stands in the journal:
a phone that is reloaded, or goes flat, loses nothing.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from msgspec.structs import replace
from starlette.concurrency import run_in_threadpool

from gateway.contract import orders, wire
from gateway.home import commissioning, inbox
from gateway.home.config import Config
from gateway.home.devices import Device
from gateway.home.status import PlugStatus, WalkStatus
from gateway.judge.waits import WAITS as JUDGING
from gateway.judge.walk_record import PRESSES, Need, Plug, step_needs
from gateway.page.acts import once, once_of
from gateway.page.change import current
from gateway.page.known import Known
from gateway.page.live import Watch
from gateway.page.news import until
from gateway.page.steps import seen
from gateway.page.stream import stream
from gateway.page.visitor import Fields, Stop, Technician, Visitor, checked
from gateway.page.waits import WAITS
from gateway.page.words import Words
from gateway.words.clock import boot_name

router = APIRouter()
HELPS: Final = frozenset(
    {
        "presses",
        "openings",
        "closings",
        "falls",
        "motions",
        "presences",
        "occupied",
        "left",
        "smokes",
        "gases",
        "leaks",
        "any",
        "readings",
        "packets",
        "signal",
        "receipt",
        "walk",
    }
)
COUNTS: Final = (
    "presses",
    "openings",
    "closings",
    "presences",
    "falls",
    "stays",
    "motions",
    "occupied",
    "left",
    "smokes",
    "gases",
    "leaks",
)
SAYS: Final = HELPS - {"signal", "receipt", "walk", "closings"}  # that are shown by doing something


@dataclass(slots=True)
class Row:
    """One thing that is walked: a device, or a step for the whole home."""

    name: str
    state: str  # never, running, passed, missing, not (does not apply)
    needs: list[tuple[Need, str]]  # each with how far it is, in words
    facts: Mapping[str, Any]
    note: wire.FaultMessage | None = None
    device: Device | None = None
    presses: list[int | None] = field(
        default_factory=list
    )  # the signal of each press so far, where presses are wanted

    @property
    def lacks(self) -> list[str]:
        """What is missing."""
        return [need.name for need, _ in self.needs if not need.done]

    @property
    def says(self) -> list[str]:
        """Return what is done to show it."""
        return [need.name for need, _ in self.needs if need.name in SAYS]


@router.get("/walk")
def walk(v: Technician) -> Response:
    """Show every device and how its test went."""
    return _walk(v)


@router.get("/walk/live")
async def told(v: Technician) -> Response:
    """Tell this page when something was counted."""
    return stream(v, v.page.walked)


def watch(known: Known, runtime: Path) -> Watch:
    """Return what sees that a test has counted something."""

    def counted() -> int:
        facts = known.status()
        shown = [f and replace(f, left_s=0.0) for f in (facts.walk, facts.step)]
        return zlib.crc32(msgspec.json.encode([*shown, known.newest()]))

    return Watch(counted, runtime, lambda: WAITS.walk_quiet)


@router.post("/walk")
async def act(v: Technician, said: Fields) -> Response:
    """Begin or end the test of one device, or a step for the whole home."""
    checked(v, said)
    device, step = said.get("device", ""), said.get("step", "")
    if (
        step not in set(Plug)
        if step
        else device not in {d.id for d in (await run_in_threadpool(current, v)).devices}
    ):
        raise Stop(404)
    lasts = 0.0 if said.get("go") == "end" else JUDGING.walk_step if step else JUDGING.walk_longest
    order = f"page-{once_of(said)}"
    message = orders.message(
        orders.Walk(device="" if step else device, step=step, seconds=lasts),
        gateway=v.page.known.gateway(),
        id=order,
        by=v.by,
        boot=boot_name(),
    )
    try:
        await run_in_threadpool(_leave, v, message)
    except (OSError, sqlite3.Error, ValueError):
        return await run_in_threadpool(_walk, v, 503, v.words("told.failed"))
    result = await until(v.page.config.runtime, partial(v.page.known.result, order), WAITS.change)
    if result is None:
        return await run_in_threadpool(
            _walk, v, 503, v.words("told.waiting", do=v.words("do.walk"))
        )
    if not result.accepted:
        return await run_in_threadpool(_walk, v, 422, v.words.pair(result.zh, result.en))
    return RedirectResponse(
        "/walk" if lasts else f"/walk#{'step' if step else 'device'}-{step or device}", 303
    )


def _leave(v: Visitor, message: wire.InstructionMessage) -> None:
    config = v.page.config
    inbox.leave(config.page_folder, config.runtime, wire.encode(message))
    assert v.session is not None  # a technician has one
    v.page.accounts.note(
        v.session.name, v.source, "instruction", f"{message.do} {message.device or message.step}"
    )


def said_of(v: Visitor, config: Config, need: Need, facts: Mapping[str, Any]) -> str:
    """Return how far one need is, in words."""
    t = v.words
    if need.wanted:
        return t(
            "walk.times",
            count=min(need.times, need.wanted) if need.done else need.times,
            wanted=need.wanted,
        )
    if need.name == "signal":
        worst = facts.get("worst_dbm")
        return t("walk.signal", dbm=_minus(worst)) if worst is not None else t("walk.signal_wired")
    slowest, waiting = facts.get("receipt_s"), int(facts.get("without_receipt", 0))
    if waiting:
        return t("walk.receipt_wait", count=waiting)
    if slowest is None:
        return t("walk.receipt_none")
    if need.done:
        return t("walk.receipt", seconds=f"{slowest:.2f}")
    return t("walk.receipt_slow", seconds=slowest, most=f"{config.times.receipt:g}")


def tested(t: Words, facts: Mapping[str, Any]) -> list[str]:
    """Return what a test has counted, in a few words each."""
    did = [t(f"sheet.did.{name}", n=facts[name]) for name in COUNTS if facts.get(name)]
    if not did:
        did = [
            t(f"sheet.did.{name}", n=facts[name])
            for name in ("readings", "packets")
            if facts.get(name)
        ][:1]
    if signals := str(facts.get("signals_dbm", "") or facts.get("worst_dbm", "")):
        did.append(f"{_minus(signals)} dBm")
    if "receipt_s" in facts:
        did.append(t("sheet.receipt", seconds=f"{facts['receipt_s']:.2f}"))
    if facts.get("not_proved_fresh"):
        did.append(t("sheet.fresh", n=facts["not_proved_fresh"]))
    return did


def _minus(dbm: object) -> str:
    return str(dbm).replace("-", "\u2212")


def _seen(
    running: WalkStatus | PlugStatus | None, note: wire.FaultMessage | None
) -> Mapping[str, Any]:
    """Return what a test has seen: the one that runs, else the last one that ended."""
    if running is not None:
        seen: dict[str, Any] = msgspec.to_builtins(running)
        return seen
    return note.detail if note else {}


def _devices(
    v: Visitor, config: Config, found: commissioning.Seen, running: WalkStatus | None
) -> list[Row]:
    rows = []
    for d in (d for d in config.devices if d.badge is None):
        now = running is not None and running.device == d.id
        note = found.walks.get(d.id)
        facts = _seen(running if now else None, note)
        needs = commissioning.goal_of(config, d).needs(facts)
        state = (
            "running"
            if now
            else "never"
            if note is None
            else "passed"
            if all(n.done for n in needs)
            else "missing"
        )
        pressed = next((n for n in needs if n.name == "presses"), None)
        presses: list[int | None] = []
        if pressed is not None and now:
            each: list[int | None] = [int(x) for x in str(facts.get("signals_dbm", "")).split()]
            presses = [*each, *[None] * pressed.times][: pressed.times]
        rows.append(
            Row(
                d.id,
                state,
                [(n, said_of(v, config, n, facts)) for n in needs],
                facts,
                None if now else note,
                d,
                presses,
            )
        )
    return rows


def _steps(
    v: Visitor,
    config: Config,
    found: commissioning.Seen,
    running: PlugStatus | None,
    *,
    mains: bool,
) -> list[Row]:
    t = v.words
    rows = []
    for plug in Plug:
        applies = mains if plug is Plug.MAINS else config.platform is not None
        now = running is not None and running.step == plug
        note = found.steps.get(plug)
        facts = _seen(running if now else None, note)
        needs = step_needs(plug, facts)
        state = (
            "running" if now else "not" if not applies else "never" if note is None else "passed"
        )
        state = "missing" if state == "passed" and not all(n.done for n in needs) else state
        said = {
            "lost": t("pull.lost_s", seconds=facts["noticed_s"]) if "noticed_s" in facts else "",
            "back": t("pull.back_s", seconds=facts["away_s"]) if "away_s" in facts else "",
            "delivered": t("pull.delivered_s", seconds=facts["receipt_s"])
            if "receipt_s" in facts
            else "",
        }
        rows.append(
            Row(
                plug.value,
                state,
                [(n, said.get(n.name, "")) for n in needs],
                facts,
                None if now else note,
            )
        )
    return rows


def _walk(v: Visitor, status: int = 200, trouble: str = "") -> Response:
    config, known = current(v), v.page.known
    facts = known.status()
    well = facts.well
    running, step = (facts.walk, facts.step) if well else (None, None)
    found = seen(known)
    devices = _devices(v, config, found, running)
    steps = _steps(v, config, found, step, mains=facts.mains is not None)
    rows = [row for row in (*devices, *steps) if row.state != "not"]
    first = next((row for row in rows if row.state == "running"), None)
    goal = (
        commissioning.goal_of(config, first.device)
        if first is not None and first.device is not None
        else None
    )
    real = [a for a in known.open_alarms() if not a.test and a.priority <= 3]
    return v.render(
        "_walk.html" if "part" in v.request.query_params else "walk.html",
        status,
        devices=devices,
        steps=steps,
        running=first,
        left=0.0 if (runs := running or step) is None else runs.left_s,
        alarmed=config.platform is None or commissioning.proved(found),
        passed=sum(row.state == "passed" for row in rows),
        all=len(rows),
        trouble=trouble,
        once=once,
        real=real,
        now=known.now(facts),
        dead=not well,
        wanted=PRESSES,
        helps=HELPS,
        minus=_minus,
        tested=tested,
        settles=goal is not None
        and first is not None
        and not first.lacks
        and not first.facts.get("on"),
    )
