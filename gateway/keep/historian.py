"""Which routine readings go into the history. It decides only; gateway/keep/history.py writes.

It runs in the pump's task.
"""

from __future__ import annotations

from gateway.judge.chatter import Chatter
from gateway.keep.waits import WAITS
from gateway.words.consent import withholds
from gateway.words.reading import FORMS, ROUTINE, DeviceId, Form, Kind, Reading


class Historian:
    """Which routine readings are worth keeping. In the pump's task.

    A reading is kept on change, or where the same value was kept more than `same_again` seconds
    ago. Of a state that chatters only the newest of each minute is kept: see judge/chatter.py.
    Readings of the classes in `withheld` are neither kept nor pushed: the resident has not agreed.
    They are judged all the same.

    Bound: AT_MOST routine readings between two batches, and as many of those that may be judged;
    beyond it they are forgotten and counted.
    """

    AT_MOST = 2000

    def __init__(self, same_again: float, withheld: frozenset[str] = frozenset()) -> None:
        self.forgotten = 0
        self.pending: list[Reading] = []
        self.withheld = withheld
        self._same_again = same_again
        self._last: dict[tuple[DeviceId, Kind, int, str], Reading] = {}
        self._chatter = Chatter()
        # the newest of what chatters
        self._held: dict[tuple[DeviceId, Kind, int, str], Reading] = {}

    def heard(self, reading: Reading) -> None:
        """Keep the reading if it says something new."""
        if reading.label == "packet_id" or withholds(self.withheld, reading):
            return
        key = (reading.device, reading.kind, reading.index, reading.label)
        last = self._last.get(key)
        event = FORMS[reading.kind] is Form.EVENT
        if (
            last is not None
            and not event
            and last.value == reading.value
            and reading.at.mono - last.at.mono < self._same_again
        ):
            return
        self._held.pop(key, None)
        chatters = FORMS[reading.kind] is Form.STATE and self._chatter.changed(key, reading.at.mono)
        if chatters and last is not None and reading.at.mono - last.at.mono < WAITS.chattering:
            self._held[key] = reading
            return
        self._last[key] = reading
        # A day can be tried again under other rules only if no event and no change of state is
        # missing from it.
        if len(self.pending) >= (self.AT_MOST if reading.kind in ROUTINE else 2 * self.AT_MOST):
            self.forgotten += 1
            return
        self.pending.append(reading)

    def lost(self, count: int) -> None:
        """Count readings that were taken and could not be kept."""
        self.forgotten += count

    def use(self, same_again: float, withheld: frozenset[str]) -> None:
        """Go on by changed wishes: what waits and may no longer be kept is forgotten."""
        self._same_again, self.withheld = same_again, withheld
        self.pending = [reading for reading in self.pending if not withholds(withheld, reading)]
        self._held = {k: one for k, one in self._held.items() if not withholds(withheld, one)}

    def take(self) -> list[Reading]:
        """Return what was kept since the last call, and how each state that chatters stands."""
        self._last |= self._held
        out, self.pending = (
            sorted([*self.pending, *self._held.values()], key=lambda reading: reading.at.mono),
            [],
        )
        self._held.clear()
        return out
