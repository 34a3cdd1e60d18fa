"""What devices are called on the page, who did something, and what a sensor said, in words."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from gateway.home.devices import Device
from gateway.page.words import Words

_LONGEST = 60  # characters of a value that nobody has words for


class Names(Struct, frozen=True):
    """The names of a home's devices, in one language."""

    devices: Sequence[Device]
    words: Words

    def called(self, device: str) -> str:
        """Return what people call a device; its id where nobody has given it a name."""
        return next((d.label for d in self.devices if d.id == device and d.label), device)

    def where(self, room: str, device: str) -> str:
        """Return where a device is and what people call it; its id where nobody has said either."""
        called = self.called(device)
        return " · ".join(filter(None, (room, called if called != device else ""))) or device

    def who(self, name: str, device: str = "", room: str = "") -> str:
        """Return in words who or what did something: a person, the platform, a device.

        `device` and its `room`: of what it is about; that device may be retired by now.
        """
        known = next((d for d in self.devices if d.id == name), None)
        if known is None:
            return room if room and name == device else self.words.named("who", name)
        title = known.label or self.words.pair(*known.model.title)
        return " ".join(filter(None, (known.room, title)))

    def sensed(self, kind: str, value: object) -> str:
        """Return what a sensor said in words; as it stands where nobody has words for it."""
        key = f"{kind}.{str(value).lower()}"
        said = self.words.named("sensed", key)
        return said if said != key else f"{kind} = {str(value)[:_LONGEST]}"
