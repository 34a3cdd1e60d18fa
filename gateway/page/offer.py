"""What was just retired, deleted or set otherwise, and can be taken back for a while.

The gateway keeps what held before (`home/undo`). Where it cannot any more, it says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from gateway.box import generations
from gateway.home import undo
from gateway.home.config import Config
from gateway.home.parts import DevicePart, Household
from gateway.home.waits import WAITS
from gateway.words.driver import Model

# First word of what was changed -> its sentence. Everything else is not kept by the gateway.
_OF: Final = {
    "ladder": "ladder",
    "times": "rules",
    "dangers": "rules",
    "rooms": "rooms",
    "household": "household",
    "sound": "voice",
    "silence": "asking",
}
PAGES: Final = {
    "retired": "/sensors",
    "ladder": "/rules",
    "rules": "/rules",
    "voice": "/rules",
    "asking": "/rules",
    "rooms": "/home",
    "household": "/home",
}  # where it is offered, and shown again
SHOWN: Final = frozenset({"sensors.html", "rules.html", "home.html"})


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be taken back, by whom it was done, and until when (wall seconds)."""

    what: str
    device: str  # its id, its room, what people called it, its model
    room: str
    label: str
    title: tuple[str, str]
    by: str
    at: float
    until: float
    revision: int


def offered(config: Config, models: Mapping[str, Model], now: float) -> Offer | None:
    """Return what can be taken back now, None where there is nothing."""
    home = config.household
    words = {name.partition(".")[0] for name in home.changed}
    try:
        at = datetime.fromisoformat(home.at).timestamp()
    except ValueError:
        return None
    if not at - WAITS.stale <= now <= at + WAITS.undo or home.changed == undo.ONLY_KEYS:
        return None
    here = {d.id for d in config.devices}
    gone = {name.partition(".")[2] for name in home.changed}
    if words == {"device"} and len(gone) == 1 and not gone & here:
        what, device = "retired", gone.pop()
    elif words and words <= _OF.keys() and len({_OF[word] for word in words}) == 1:
        what, device = _OF[words.pop()], ""
    else:
        return None
    was = _last_seen(config, device) if device else None
    return Offer(
        what,
        device,
        was.room if was else "",
        was.label if was else "",
        models[was.model].title if was and was.model in models else (device, device),
        home.by,
        at,
        at + WAITS.undo,
        home.revision,
    )


def _last_seen(config: Config, device: str) -> DevicePart | None:
    """Return what was said of a device that is not enrolled any more, None where nobody knows."""
    for found in generations.newest_first(config.state / "household.json"):
        try:
            home = msgspec.convert(found.body(), Household)
        except (generations.Torn, msgspec.ValidationError):
            continue
        if was := next((d for d in home.device or () if d.id == device), None):
            return was
    return next((d for d in config.source.part.device if d.id == device), None)
