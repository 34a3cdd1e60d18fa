"""What devices are called on the page, who did something, and what a sensor said, in words."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from gateway.home.devices import Device
from gateway.page.words import Words

_LONGEST = 60  # characters of a value that nobody has words for
_TAIL = 5  # at least so many characters tell one device from another: 53:01


class Names(Struct, frozen=True):
    """The names of a home's devices, in one language."""

    devices: Sequence[Device]
    words: Words

    def called(self, device: str) -> str:
        """Return what people call a device, else its model; its id where it is enrolled no more."""
        d = self._enrolled(device)
        if d is None:
            return device
        title = d.label or self.words.pair(*d.model.title)
        return ", ".join(filter(None, (title, self._tail(d))))

    def where(self, room: str, device: str) -> str:
        """Return where a device is and what people call it; its model where neither was said."""
        d = self._enrolled(device)
        if d is None or not room:
            return room or self.called(device)
        return " · ".join(filter(None, (room, d.label, self._tail(d))))

    def who(self, name: str, device: str = "", room: str = "") -> str:
        """Return in words who or what did something: a person, the platform, a device.

        `device` and its `room`: of what it is about; that device may be retired by now.
        """
        known = self._enrolled(name)
        if known is None:
            return room if room and name == device else self.words.named("who", name)
        return " ".join(filter(None, (known.room, self.called(name))))

    def sensed(self, kind: str, value: object) -> str:
        """Return what a sensor said in words; as it stands where nobody has words for it."""
        key = f"{kind}.{str(value).lower()}"
        said = self.words.named("sensed", key)
        return said if said != key else f"{kind} = {str(value)[:_LONGEST]}"

    def _enrolled(self, device: str) -> Device | None:
        return next((d for d in self.devices if d.id == device), None)

    def _tail(self, d: Device) -> str:
        """Return what tells a device from those like it: the end of the address that it carries.

        "" where no other of its model and name is in its room.
        """
        alike = [o for o in self.devices if o != d and _alike(o, d)]
        if not alike:
            return ""
        at, others = _heard_as(d), [_heard_as(o) for o in alike]
        least = (n for n in range(_TAIL, len(at)) if not any(o.endswith(at[-n:]) for o in others))
        return self.words("device.tail", tail=at[-next(least, len(at)) :])


def _alike(one: Device, other: Device) -> bool:
    return (one.room, one.label, one.model.name) == (other.room, other.label, other.model.name)


def _heard_as(d: Device) -> str:
    return d.at or " ".join(d.codes.values())
