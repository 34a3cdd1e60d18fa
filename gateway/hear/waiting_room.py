"""Readings that wait for the pump: bounded, and a call for help is forgotten last."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from gateway.hear.waits import WAITS
from gateway.words.reading import ROUTINE, DeviceId, Kind, Reading

# readings of one device and kind that wait in order; further ones replace the newest
LINE_AT_MOST = 100


class WaitingRoom:
    """Readings between the radio and the pump. On the event loop only.

    Bound: of routine kinds only the latest of each device and kind is kept; of all others
    LINE_AT_MOST per device and kind, in order. So a temperature is forgotten first, and of a call
    for help at most how often it was repeated.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self.forgotten = 0
        self._wake = wake
        # since when one has waited, and the newest
        self._routine: dict[tuple[DeviceId, Kind, int, str], tuple[float, Reading]] = {}
        self._ordered: deque[Reading] = deque()
        self._lines: dict[tuple[DeviceId, Kind], int] = {}

    def put(self, reading: Reading) -> None:
        """Let one reading wait. A routine one replaces the last of its device and kind.

        What is replaced counts as forgotten only where one has waited for `routine_waits`.
        """
        if reading.kind in ROUTINE:
            key = (reading.device, reading.kind, reading.index, reading.label)
            first, _ = self._routine.get(key, (reading.at.mono, reading))
            if reading.at.mono - first >= WAITS.routine_waits:
                self.forgotten += 1
            self._routine[key] = first, reading
        else:
            line = (reading.device, reading.kind)
            waiting = self._lines.get(line, 0)
            if waiting >= LINE_AT_MOST:
                self.forgotten += 1
                newest = next(
                    n
                    for n in range(len(self._ordered) - 1, -1, -1)
                    if (self._ordered[n].device, self._ordered[n].kind) == line
                )
                del self._ordered[newest]
            else:
                self._lines[line] = waiting + 1
            self._ordered.append(reading)
        self._wake()

    def take(self) -> list[Reading]:
        """Return all that waits: first what is kept in order, then the routine."""
        out = [*self._ordered, *(reading for _, reading in self._routine.values())]
        self._ordered.clear()
        self._lines.clear()
        self._routine.clear()
        return out

    def __len__(self) -> int:
        return len(self._ordered) + len(self._routine)
