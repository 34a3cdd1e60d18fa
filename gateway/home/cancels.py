"""How the resident ends a pre-alarm in its grace, and where nobody can."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.home.devices import Device
from gateway.judge.graces import cancellable
from gateway.judge.watch import CANCEL
from gateway.words.reading import Kind


def cancel_by(devices: Sequence[Device]) -> str:
    """Return how the resident cancels, "" where nothing does: a button of its own comes first."""
    proved = [d.watch for d in devices if not d.watch.unproved]
    if any(CANCEL in watch.buttons.values() for watch in proved):
        return "button"
    ways = [way for watch in proved for (_, way), role in watch.presses.items() if role == CANCEL]
    return {"single": "press"}.get(ways[0], ways[0]) if ways else ""


def nobody_cancels(devices: Sequence[Device]) -> bool:
    """Say whether a fall is heard here and the resident has nothing to take it back with."""
    falls = any(Kind.FALL in d.model.senses for d in devices)
    return falls and not cancellable(d.watch for d in devices)


def mute_cancels(devices: Sequence[Device]) -> list[Device]:
    """Return the devices whose cancel button cancels nothing.

    Nobody could tell a press of it from a recording: its packets do not prove that they are fresh.
    """
    return [d for d in devices if d.watch.unproved and CANCEL in d.watch.roles]
