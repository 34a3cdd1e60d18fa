"""What the household wants of a device: its buttons' roles, what is watched and what is not."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from gateway.words import kind as kinds
from gateway.words.reading import DeviceId, Kind, Value

SOS, HELP, CANCEL, REQUEST, NOTHING = "sos", "help", "cancel", "request", "nothing"
ROLES = (SOS, HELP, CANCEL, REQUEST, NOTHING)
# Kinds of press that may have a role of their own, by what drivers call the action. Any other, say
# a triple one, is the button's own.
PRESSES: Mapping[str, str] = {
    "press": "single",
    "double_press": "double",
    "long_press": "long",
    "hold_press": "long",
}
# What a home may do without, by a technician's word. A call, a fall, fire and gas are always
# judged.
OPTIONAL = (kinds.STAY_TOO_LONG, kinds.BED_EXIT, kinds.DOOR_LEFT_OPEN, kinds.WATER)


class Watch(Struct, frozen=True, kw_only=True):
    """What the household wants of one device.

    `buttons` maps a button's index to its role; one not named has the make's. `presses` maps
    (index, "single", "double" or "long") to the role of that kind of press; one not named has the
    button's.
    """

    device: DeviceId
    room: str = ""
    buttons: Mapping[int, str] = {}
    presses: Mapping[tuple[int, str], str] = {}
    unnamed: str = SOS
    bed: bool = False  # its occupancy is that of the bed
    left_open: float = 0.0  # seconds after which its door counts as left open; 0 = not watched
    left_open_day: float = 0.0  # the same by day, where that is longer: then it is for today's list
    endless: frozenset[Kind] = frozenset()  # levels of which its make never says that they are over
    # its make cannot prove that a press is fresh: such a press raises, and cancels nothing
    unproved: bool = False
    off: frozenset[str] = frozenset()  # of OPTIONAL: what is not judged in this home

    def role(self, index: int, action: Value = "") -> str:
        """Return what a button means when it is pressed so."""
        own = (
            self.presses.get((index, PRESSES.get(action, "")))
            if self.presses and isinstance(action, str)
            else None
        )
        return own or self.buttons.get(index, self.unnamed)

    @property
    def roles(self) -> frozenset[str]:
        """What the buttons mean that the household names, each kind of press; empty for none."""
        return frozenset(
            {
                *self.buttons.values(),
                *self.presses.values(),
                *(self.role(index) for index, _ in self.presses),
            }
        )
