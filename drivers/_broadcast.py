"""The makes that say their whole state in every advertisement, without a counter.

Two plain functions make the driver: `pick` takes the frame out of an advertisement (None = not this
make), `read` says what it means. The same frame again is `REPEATED`, for each radio by itself: a
second radio's cache must not bring an old state back. Frames with presses in them carry no proof of
being new: they are told each time, and merging bursts is the intake's work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from drivers._fresh import LastHeard
from gateway.words.driver import NOT_MINE, REPEATED, Advertisement, Heard, Packet, Report
from gateway.words.reading import FORMS, Form

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

    def poll(self) -> bytes:
        """Return nothing: a broadcaster cannot be asked."""
        return b""

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


def service(uuid: str) -> Callable[[Advertisement], bytes | None]:
    """Pick one service's data."""

    def pick(packet: Advertisement) -> bytes | None:
        return packet.service_data.get(uuid)

    return pick


def company(number: int) -> Callable[[Advertisement], bytes | None]:
    """Pick one company's data."""

    def pick(packet: Advertisement) -> bytes | None:
        return packet.manufacturer_data.get(number)

    return pick
