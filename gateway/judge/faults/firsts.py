"""Which kinds each device has ever told.

A detector that has never told its own kind may be one whose words nobody understands. Bound: the
kinds that a detector is bought for, of devices that are enrolled.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection

import msgspec

from gateway.words.driver import Model
from gateway.words.reading import DeviceId, Kind
from gateway.words.rows import good, named

_DETECTORS = frozenset({Kind.FALL, Kind.SMOKE, Kind.GAS, Kind.CO})
_OTHERS = (Kind.MOISTURE, Kind.BUTTON)  # what a make is for that detects none of these
OWN = _DETECTORS | {*_OTHERS}
SOS = "sos"  # the role of a button that calls for help


def own(model: Model, roles: Collection[str]) -> frozenset[Kind]:
    """Return the kinds of which a make is expected to tell one sooner or later.

    `roles` are what the household's buttons of it mean. A protocol that many makes speak promises
    nothing, but for a button that the household counts on.
    """
    if model.general:
        return frozenset({Kind.BUTTON}) if SOS in roles else frozenset()
    calls = SOS in (roles or {model.presses})
    if found := model.senses & _DETECTORS:
        return found
    return frozenset(
        kind for kind in _OTHERS if kind in model.senses and (kind is not Kind.BUTTON or calls)
    )


class Firsts:
    """What each device has told of OWN; `text` is what `mark` returned before a restart."""

    def __init__(self, text: str = "") -> None:
        self._told = read(text)
        self._changed = False

    def told(self, device: DeviceId) -> frozenset[Kind]:
        """Return the kinds of OWN that a device has told."""
        return frozenset(self._told.get(device, ()))

    def heard(self, device: DeviceId, kind: Kind) -> None:
        """Take that a device has told a kind, whatever it said."""
        if kind in OWN and kind not in self._told.get(device, ()):
            self._told.setdefault(device, set()).add(kind)
            self._changed = True

    def forget(self, device: DeviceId) -> None:
        """Forget a device that is gone, or another by now."""
        self._changed |= self._told.pop(device, None) is not None

    def mark(self, *, anew: bool = False) -> str:
        """Return what has to be remembered, "" where nothing is new.

        `anew`: for a database that has none of it.
        """
        if not (self._changed or anew):
            return ""
        self._changed = False
        return msgspec.json.encode(self._told, order="deterministic").decode()


def read(text: str) -> dict[DeviceId, set[Kind]]:
    """Return what such a mark holds; nothing of one that is damaged."""
    with contextlib.suppress(ValueError, RecursionError):
        rows = msgspec.json.decode(text, type=dict[DeviceId, msgspec.Raw])
        kinds = named(rows, list[msgspec.Raw])
        return {device: set(good(of, Kind)) for device, of in kinds.items()}
    return {}
