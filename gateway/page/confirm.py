"""The first word of a device since it was enrolled."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Response

from gateway.contract import wire
from gateway.home.status import DeviceStatus, Status
from gateway.judge.waits import WAITS as JUDGING
from gateway.page import makes
from gateway.page.change import Form, current, drawn
from gateway.page.device import signal
from gateway.page.known import Filter
from gateway.page.manual import hung
from gateway.page.visitor import Stop, Technician
from gateway.words.reading import Kind

router = APIRouter()
FEW: Final = 8  # test alarms among which that of a first press is looked for


@router.get("/sensors/confirm")
def confirm(v: Technician) -> Response:
    """Wait for the first word of a device since it was enrolled."""
    config = current(v)
    name, told = v.request.query_params.get("device", ""), v.request.query_params.get("told", "")
    device = next((d for d in config.devices if d.id == name), None)
    if device is None:
        raise Stop(404)
    known = v.page.known
    facts = known.status()
    now = next((d for d in facts.devices if d.device == name), None)
    result = known.result(told[:80])
    since = (
        result.at.mono
        if isinstance(result, wire.ResultMessage)
        else _number(v.request.query_params.get("since", ""))
    )
    tests = known.past(
        Filter(test="only"), limit=FEW
    )  # a press that was a test has ended with the platform's receipt
    alarm = next((a for a in (*known.open_alarms(), *tests) if a.device == name), None)
    state = _first(now, facts, since, new=isinstance(result, wire.ResultMessage))
    if since is not None and alarm is not None and alarm.at.mono >= since:
        state = "heard"
    batteries = (
        [
            r.value
            for r in known.day(known.now(facts))
            if r.device == name and r.kind == Kind.BATTERY
        ]
        if state == "heard"
        else []
    )
    values = {
        "device": device,
        "title": makes.title(v, device.model),
        "state": state,
        "alarm": alarm if state == "heard" else None,
        "signal": signal(now),
        "asks": makes.asks_of(device),
        "told": told,
        "look": makes.looks(device.model),
        "hung": hung(device.model) if device.badge is None else "",
        "place": makes.place(device.model),
        "notes": v.words.pair(*device.model.device_notes) if device.badge is None else "",
        "battery": batteries[-1] if batteries else None,
        "dead": not facts.well,
        "radar": bool(device.model.settings),
        "asked": facts.first_presses.get(name),
        "minutes": f"{JUDGING.first_press / 60:g}",
        "say": v.words(f"confirm.{state}") if state != "waiting" else "",
    }
    return drawn(
        v,
        "_confirm.html" if "part" in v.request.query_params else "confirm.html",
        200,
        Form(),
        **values,
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _first(
    now: DeviceStatus | None, facts: Status, since: float | None, *, new: bool = False
) -> str:
    """Return "heard" once it has spoken since then, "key" where it speaks but cannot be read.

    Of a `new` one any word is one since then: a wired device has answered within the turn in which
    it was enrolled.
    """
    if now is None or not facts.well:
        return "waiting"
    at = facts.mono - now.heard_s
    later = since is not None and facts.mono > since
    if (new and later and now.alive) or (
        since is not None and at > since + 0.1
    ):  # the file rounds to a tenth
        return "heard"
    unread = now.unread_s
    # By a key that is another by now it could not be read before: that says nothing about the one
    # it has.
    return (
        "key"
        if unread is not None and (since is None or facts.mono - unread > since - 0.1)
        else "waiting"
    )
