"""The hearing window, in which a new device is found: in the air, behind a receiver, or at a port.

What is taught, a radio code or a beacon's signal, is chosen among those that the window has heard.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from gateway.contract.orders import Window
from gateway.home import nearby
from gateway.home.config import Config
from gateway.home.nearby import NearDevice, NearSignal
from gateway.home.waits import WAITS as HOME
from gateway.page import makes
from gateway.page.change import Form, current, drawn, left, models
from gateway.page.news import until
from gateway.page.visitor import Fields, Technician, Visitor, checked
from gateway.page.waits import WAITS
from gateway.page.weeks import FAIR, GOOD
from gateway.words.driver import Enrol

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Air:
    """What a window has heard. `late`: s since it was written; `known`: there is one."""

    known: bool = False
    open: bool = False
    left: int = 0
    late: float = 0.0
    radios: Sequence[str] = ()
    heard: Sequence[NearDevice] = ()
    signals: Sequence[NearSignal] = ()

    def since(self, acted: float | None) -> float | None:
        """Return how many seconds ago somebody did something."""
        return None if acted is None else acted + self.late

    def teachable(self, via: str, address: str, replace: str = "") -> list[NearSignal]:
        """Return the signals that may be taught: nobody's, or those of the device taught anew."""
        if via:
            return [s for s in self.signals if s.receiver == via and s.enrolled in ("", replace)]
        return next((list(n.signals) for n in self.heard if n.address == address), [])


def air(v: Visitor) -> Air:
    """Return what the window has heard, with the seconds it stays open."""
    try:
        found = nearby.read(v.page.config.runtime)
    except (OSError, ValueError):
        return Air()
    now = time.monotonic()
    left_s = min(HOME.window, found.until - now)
    return Air(
        True,
        found.open and left_s > 0,
        max(0, round(left_s)),
        max(0.0, now - found.written),
        found.radios,
        found.heard,
        found.signals,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the list: an address, or a receiver's signal. `to`: the query of its form."""

    id: str
    address: str
    title: str
    look: str
    tail: str
    acted_s: float | None
    just: bool
    order: tuple[int, str]
    to: dict[str, str]
    packets: int
    silent_s: float
    enrolled: str
    told: str
    name: str = ""
    maker: str = ""
    signal: str = ""
    needs_key: bool = False
    through: str = ""


def _device(v: Visitor, one: NearDevice, found: Air) -> Row | None:
    """Return the line of an address; None where it cannot be enrolled."""
    model = models().get(one.model)
    if model is None or not one.enrollable:
        return None
    acted = found.since(one.acted_s)
    return Row(
        id=one.address.replace(":", ""),
        address=one.address,
        name=one.name,
        maker=one.maker,
        title=makes.title(v, model),
        look=makes.looks(model),
        tail=one.address[-5:],
        acted_s=acted,
        just=_just(acted),
        signal="good" if one.best >= GOOD else "fair" if one.best >= FAIR else "weak",
        order=(-one.best // 10, one.address),
        to={"address": one.address, "model": model.name},
        packets=one.packets,
        silent_s=one.silent_s,
        needs_key=one.needs_key,
        enrolled=one.enrolled,
        told=_told(v, one),
    )


def _signal(v: Visitor, config: Config, one: NearSignal, found: Air) -> Row | None:
    """Return the line of what a receiver has heard; None where the receiver is gone."""
    host = next((d for d in config.devices if d.id == one.receiver), None)
    if host is None:
        return None
    acted = found.since(one.acted_s)
    model, behind = models().get(one.model), makes.behind(host)
    if model is None and len(behind) == 1:
        model = behind[0]
    taught = any(m.enrol is Enrol.LEARN for m in behind)
    to = {"via": host.id, ("signal" if taught else "address"): one.signal}
    title, look = (
        v.words("near.input" if makes.place(host.model) in makes.PINS else "near.code"),
        "sensors",
    )
    if model is not None:
        to["model"] = model.name
        if not taught:
            title, look = makes.title(v, model), makes.looks(model)
    return Row(
        id=re.sub("[^A-Za-z0-9]", "-", f"{host.id}-{one.signal}"),
        address=short(one.signal),
        title=title,
        look=look,
        tail=one.signal[-8:],
        acted_s=acted,
        just=_just(acted),
        order=(0 if acted is not None else 9, one.signal),
        to=to,
        packets=one.times,
        silent_s=one.silent_s,
        enrolled=one.enrolled,
        through=v.names.where(host.room, host.id),
        told=_told(v, one),
    )


def _just(acted: float | None) -> bool:
    return acted is not None and acted <= WAITS.just


def _told(v: Visitor, one: NearDevice | NearSignal) -> str:
    return ", ".join(v.words.named("says", kind) for kind in list(one.told)[:3])


@router.get("/sensors/add")
def add(v: Technician) -> Response:
    """Show what the radio hears, what receivers hear, and what is plugged in."""
    return _add(v)


def _add(v: Visitor, status: int = 200, form: Form | None = None) -> Response:
    config = current(v)
    found = air(v)
    able = [row for one in found.heard if (row := _device(v, one, found)) is not None]
    others = len(found.heard) - len(able)
    able += [row for one in found.signals if (row := _signal(v, config, one, found)) is not None]
    able.sort(
        key=lambda n: (not n.just, n.acted_s or 0 if n.just else 0, bool(n.enrolled), n.order)
    )
    old = v.request.query_params.get("replace", "") or (
        form.typed.get("replace", "") if form else ""
    )
    replaced = next((d for d in config.devices if d.id == old), None)
    just = next((n for n in able if n.just), None)
    values: dict[str, Any] = {
        "found": found,
        "able": able,
        "others": others,
        "ports": _ports(v, config),
        "say": v.words("near.say", title=just.title, tail=just.tail) if just else "",
        "old": replaced,
        "minutes": f"{HOME.window / 60:g}",
        "deaf": [w for w in found.radios if w],
        "query": {"replace": old} if replaced else {},
        "mono": v.page.known.status().mono,
        "receivers": [(d, makes.title(v, d.model)) for d in config.devices if d.model.receiver],
    }
    return drawn(
        v,
        "_near.html" if "part" in v.request.query_params else "add.html",
        status,
        form or Form(),
        **values,
    )


def _ports(v: Visitor, config: Config) -> list[tuple[str, str]]:
    """Return (port, id of the device that has it) of the serial ports that are plugged in."""
    taken = {d.at.partition("?")[0]: d.id for d in config.devices}
    return [(port, taken.get(port, "")) for port in v.page.known.status().ports]


@router.post("/sensors/window")
async def window(v: Technician, said: Fields) -> Response:
    """Open the hearing window, or close it."""
    checked(v, said)
    over = bool(said.get("over"))
    answer = await left(v, Window(seconds=0.0 if over else HOME.window), said)
    if not answer.accepted:
        return await run_in_threadpool(_add, v, 422, Form("window", said, answer))
    old = said.get("replace", "")
    if not over:
        await opened(v)
    return RedirectResponse(
        f"/sensors/add?{urlencode({'replace': old})}" if old else "/sensors/add", 303
    )


async def opened(v: Visitor) -> None:
    """Wait a moment until the window stands in the file."""
    await until(v.page.config.runtime, lambda: air(v).open or None, WAITS.window)


@router.get("/sensors/heard")
def signals(v: Technician) -> Response:
    """Return the signals that may be taught now, newest first, for the form that teaches them."""
    query = v.request.query_params
    found = air(v)
    place = (query.get(name, "") for name in ("via", "address", "replace"))
    rows = [
        {
            "signal": s.signal,
            "label": label(v, s, found),
            "acted_s": found.since(s.acted_s),
            "times": s.times,
        }
        for s in found.teachable(*place)
    ]
    return JSONResponse(
        {"open": found.open, "left": found.left, "signals": rows},
        headers={"cache-control": "no-store"},
    )


def label(v: Visitor, s: NearSignal, found: Air) -> str:
    """Return a signal as it is offered in a list."""
    return v.words(
        "teach.heard",
        signal=short(s.signal),
        count=s.times,
        span=v.words.span(s.silent_s + found.late),
    )


def short(source: str) -> str:
    """Return a long name of a sender by its end."""
    return source if len(source) <= 24 else f"\u2026{source[-20:]}"
