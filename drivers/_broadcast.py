"""The makes that say their whole state in every advertisement, without a counter.

`broadcast` makes a model of one function, `read`, which says what a frame means. The same frame
again is `REPEATED`, for each radio by itself: a second radio's cache must not bring an old state
back. Frames with presses in them carry no proof of being new: they are told each time, and merging
bursts is the intake's work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Generic, TypeVar

from drivers._fresh import LastHeard
from drivers._refusals import TOO_SHORT, WRONG_LENGTH
from gateway.words.driver import (
    NOT_MINE,
    REPEATED,
    Advertisement,
    BleAdvert,
    Heard,
    Model,
    Packet,
    Report,
)
from gateway.words.reading import FORMS, Form, Kind

Frame = TypeVar("Frame")
LONGEST = 255  # bytes; an AD structure cannot carry more

_NOT_MINE = (NOT_MINE,)
_REPEATED = (REPEATED,)


class Broadcast(Generic[Frame]):
    """One device. Nothing has to survive a restart: a state heard again is still the state."""

    def __init__(
        self,
        pick: Callable[[Advertisement], Frame | None],
        read: Callable[[Frame, bytes], Sequence[Heard]],
        address: str,
        _key: bytes | None,
        memory: Mapping[str, int | str],
    ) -> None:
        self.memory: dict[str, int | str] = dict(memory)
        self._pick = pick
        self._read = read
        self._address = bytes.fromhex(address.replace(":", ""))
        self._last = LastHeard()

    def feed(self, packet: Packet) -> Iterable[Heard]:
        """Decode one advertisement."""
        frame = self._pick(packet) if isinstance(packet, Advertisement) else None
        if not isinstance(packet, Advertisement) or frame is None:
            return _NOT_MINE
        if self._last.again(packet.adapter, frame):
            return _REPEATED
        heard = self._read(frame, self._address)
        if all(isinstance(one, Report) and FORMS[one.kind] is not Form.EVENT for one in heard):
            self._last.remember(packet.adapter, frame)
        return heard


def picks(listens: BleAdvert, begins: bytes = b"") -> Callable[[Advertisement], bytes | None]:
    """Return what takes the data of one service or one company that begin so; None: no such."""
    service, company = (*listens.services, "")[0], (*listens.companies, 0)[0]

    def pick(packet: Advertisement) -> bytes | None:
        data = (
            packet.service_data.get(service) if service else packet.manufacturer_data.get(company)
        )
        return data if data is not None and data.startswith(begins) else None

    return pick


def broadcast(
    name: str,
    title: tuple[str, str],
    listens: BleAdvert,
    senses: Iterable[Kind],
    read: Callable[[bytes, bytes], Sequence[Heard]],
    notes: tuple[str, str],
    *,
    missing_after: float | None,
    begins: bytes = b"",
    size: int = 0,
    least: int = 0,
) -> Model:
    """Return the model of a make that is heard by one service or one company.

    `read` gets frames that begin so and have `size` bytes, or from `least` to LONGEST where it
    differs.
    """

    def checked(frame: bytes, address: bytes) -> Sequence[Heard]:
        if len(frame) > LONGEST or (size and len(frame) != size):
            return (WRONG_LENGTH,)
        return (TOO_SHORT,) if len(frame) < least else read(frame, address)

    return Model(
        name=name,
        title=title,
        listens=listens,
        senses=frozenset(senses),
        missing_after=missing_after,
        new=partial(Broadcast, picks(listens, begins), checked),
        device_notes=notes,
    )
