"""What is known of each rung that is called from here, and what came back when one was tried."""

from __future__ import annotations

from typing import NamedTuple

from gateway.contract import wire
from gateway.home.config import Config
from gateway.home.ladder import RELAY
from gateway.home.status import Status
from gateway.page.acts import whole
from gateway.page.visitor import Visitor


class Call(NamedTuple):
    """One rung: its number, who it is and how, and how its program was when it was asked last.

    `why` is what is wrong with it, `tested` the seconds since, None where it was not asked since
    the start; `proved`: whether it ever succeeded.
    """

    n: int
    responder: str
    channel: str
    why: str
    tested: float | None
    proved: bool


class Back(NamedTuple):
    """What came back of a try: of which rung, under which order; None while nothing did."""

    n: int
    told: str
    result: wire.ResultMessage | None


def calls(config: Config, facts: Status) -> list[Call]:
    """Return the rungs whose program can be asked, as the daemon knows them."""
    known: dict[int, tuple[str, float | None, bool]] = {}
    for one in facts.channels:  # a line of one person stands behind its program's
        for n in one.rungs:
            before = known.get(n)
            why = one.why or (before[0] if before else "")
            known[n] = (why, one.tested_s, one.proved and (before is None or before[2]))
    return [
        Call(n, rung.responder, part.channel, *known.get(n, ("", None, True)))
        for n, (rung, part) in enumerate(zip(config.everybody, config.parts.ladder, strict=True), 1)
        if rung.program and rung.test and (not rung.sounds or part.channel == RELAY)
    ]


def unproved(config: Config, facts: Status) -> list[str]:
    """Return whom nobody has ever seen reached, in the order of the ladder."""
    never = {n for one in facts.channels if not one.proved and not one.why for n in one.rungs}
    return [rung.responder for n, rung in enumerate(config.everybody, 1) if n in never]


def came_back(v: Visitor) -> Back | None:
    """Return what the address of this page asks after; None where it asks nothing."""
    asked = v.request.query_params
    if not asked.get("tried"):
        return None
    told = asked["tried"][:80]
    result = v.page.known.result(told)
    return Back(max(0, whole(asked.get("rung", ""))), told, result)
