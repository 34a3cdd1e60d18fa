"""Presence radars that report ten times a second: what is told of it.

Ten equal reports a second say nothing new: what is told is each change of state, a distance that
moved STEP or more, and all of it again every AGAIN reports (5 s); the others say only that the
radar lives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from drivers._frames import Cutter, Line
from drivers._reports import measure
from gateway.words.driver import Chunk, Heard, Packet, Refusal, Report
from gateway.words.reading import Kind

STEP = 250  # mm
AGAIN = 50  # reports
_ALIVE = Report(Kind.HEARTBEAT, True)


class Seen(NamedTuple):
    """What one report says: a state with what is told of it, and distances in mm by label."""

    state: int
    told: Sequence[Report]
    far: Mapping[str, float]


class Presence(Line):
    """One radar. It keeps what it said last, to say only what is new.

    `look` says what a whole frame reports: a refusal where it is none, None where it is a host's.
    """

    def __init__(
        self,
        cut: Callable[[], Cutter],
        look: Callable[[bytes], Seen | Refusal | None],
        draw: Callable[[bytes], Mapping[str, object]],
        address: str,
        key: bytes | None,
        memory: Mapping[str, int | str],
    ) -> None:
        super().__init__(cut, self._said, draw, b"", address, key, memory)
        self._look = look
        self._state: int | None = None
        self._far: dict[str, float] = {}
        self._since = 0

    def feed(self, packet: Packet) -> Iterable[Heard]:
        """Decode what the line delivered; after it was opened all is told."""
        if isinstance(packet, Chunk) and packet.opened:
            self._state = None
        return super().feed(packet)

    def _said(self, frame: bytes) -> Iterable[Heard]:
        seen = self._look(frame)
        if not isinstance(seen, Seen):
            return () if seen is None else (seen,)
        self._since += 1
        whole = seen.state != self._state or self._since >= AGAIN
        out: list[Heard] = []
        if whole:
            self._state, self._since = seen.state, 0
            out += seen.told
        for label, far in seen.far.items():
            if whole or abs(far - self._far.get(label, -STEP)) >= STEP:
                self._far[label] = far
                out.append(measure(label, round(far / 10)))
        return out or (_ALIVE,)
