"""What was just retired, deleted or set otherwise, and can be taken back for a while.

The gateway keeps what held before (`home/undo`). Where it cannot any more, it says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.home import undo
from gateway.home.config import Config
from gateway.home.waits import WAITS

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
    device: str
    by: str
    at: float
    until: float
    revision: int


def offered(config: Config, now: float) -> Offer | None:
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
    return Offer(what, device, home.by, at, at + WAITS.undo, home.revision)
