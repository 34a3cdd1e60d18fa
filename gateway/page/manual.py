"""Help on the box: how sensors are hung, what lights and phrases mean, what to do when one is lost.

Nothing of the home stands in it, so that it helps who cannot sign in as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Response

from gateway.page.makes import is_contact
from gateway.page.visitor import Anyone
from gateway.words.driver import Model
from gateway.words.reading import Kind

router = APIRouter()
KINDS: Final = (
    "pendant",
    "button",
    "cord",
    "door",
    "motion",
    "radar",
    "bed",
    "smoke",
    "water",
)
LOST: Final = ("label", "password", "colleague", "box")
LIGHTS: Final = ("red", "green", "one", "dark", "live", "off")
# What is asked most, and where it is done.
HOW: Final[Mapping[str, str]] = {
    "add": "/sensors/add",
    "battery": "/sensors",
    "replace": "/sensors",
    "test": "/test",
    "people": "/rules?step=people#ladder",
    "move": "/moving",
}
# What the home says, in the order of an alarm.
SAYS: Final = (
    "ask",
    "raised",
    "receipt",
    "calling",
    "acknowledged",
    "again",
    "closed",
    "cancelled",
    "test",
)
# How a device is hung: by a word of its make's name, else by the first of these that it senses.
_CALLED: Final = (("cord", "cord"), ("pendant", "pendant"), ("tag", "pendant"), ("bed", "bed"))
_HUNG: Final = (
    ("radar", Kind.FALL),
    ("smoke", Kind.SMOKE),
    ("smoke", Kind.GAS),
    ("smoke", Kind.CO),
    ("water", Kind.MOISTURE),
    ("door", Kind.CONTACT_OPEN),
    ("motion", Kind.MOTION),
    ("motion", Kind.PRESENCE),
    ("motion", Kind.OCCUPANCY),
)


@router.get("/help")
def manual(v: Anyone) -> Response:
    """Show it, to whoever asks."""
    return v.render(
        "help.html",
        kinds=KINDS,
        lost=LOST,
        lights=LIGHTS,
        how=HOW,
        says=SAYS,
        open=v.request.query_params.get("hang", "")[:20],
    )


def hung(model: Model) -> str:
    """Return which drawing shows how a device of this make is hung, "" for none.

    A dry contact may be anything, and a receiver stands where it has mains.
    """
    english = model.title[1].lower()
    if model.receiver or is_contact(model):
        return ""
    if called := next((kind for word, kind in _CALLED if word in english), ""):
        return called
    if Kind.BUTTON in model.senses and "button" in english:
        return "button"
    return "" if model.general else next((k for k, s in _HUNG if s in model.senses), "")
