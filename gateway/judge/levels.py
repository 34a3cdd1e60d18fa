"""Which levels (fall, smoke, water) are on, and when one that is heard as on is a danger anew.

Pure: time comes in with the readings.

A level is a danger when it begins. While its alarm is open, the same level heard again is that
alarm's. Once the alarm has ended:

    not heard as on for level_gone         it is forgotten; heard as on later it is a new danger
    of a make that never says "over"       it is forgotten at once
    still heard as on level_gone after     a new danger, if the alarm was cancelled or closed as
    its alarm's end                        false: whoever ended it was mistaken; after any other
                                           outcome a person has seen to it, and it stays quiet

An "over" can get lost, so that a level seems to be on while its alarm is open: heard as on after
Times.level_lost of silence (of a make without "over": after Times.level_gone) it is a danger anew
too, and who keeps the alarms decides where it belongs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf

from msgspec import Struct
from msgspec.structs import replace

from gateway.words.clock import Moment
from gateway.words.reading import DeviceId, Reading
from gateway.words.times import Times

Key = tuple[str, DeviceId]  # (kind of danger, device)


class On(Struct, frozen=True, kw_only=True):
    """One level that is on: its last reading, and when its alarm ended (None: it has not).

    `again`: it ended by a cancel or as a false alarm, so that a level that is still on then is a
    danger again.
    """

    last: Reading
    ended: float | None = None
    again: bool = False


class Levels:
    """The levels that are on, by kind of danger and device."""

    def __init__(self, times: Times) -> None:
        self.times = times
        self.on: dict[Key, On] = {}
        self._answered: dict[Key, float] = {}  # since when somebody has the open alarm of a level

    def answered(self, key: Key, mono: float | None) -> None:
        """Take since when somebody has a level's open alarm; None: nobody has, or it has ended."""
        if mono is None:
            self._answered.pop(key, None)
        else:
            self._answered[key] = mono

    def begins(self, key: Key, reading: Reading, *, endless: bool) -> bool:
        """Take a level that is heard as on.

        Say whether that is a danger anew. `endless`: its make never says that it is over.
        """
        before = self.on.get(key)
        if (
            before is None
            or before.last.at.mono + self._kept(key, before, reading.at.mono, endless=endless)
            <= reading.at.mono
        ):
            self.on[key] = On(last=reading)
            return True
        self.on[key] = replace(before, last=reading)
        return False

    def over(self, key: Key) -> bool:
        """Take that a level is over. Say whether it was on."""
        return self.on.pop(key, None) is not None

    def ended(self, key: Key, at: Moment, *, again: bool, endless: bool) -> None:
        """Take that the alarm of a level has ended."""
        self._answered.pop(key, None)
        found = self.on.get(key)
        if found is not None and endless:
            del self.on[key]
        elif found is not None:
            self.on[key] = replace(found, ended=at.mono, again=again)

    def due(self) -> float:
        """Return when `returned` or `gone` will have something to say; inf for never."""
        return min(
            (min(self._returns(one), self._goes(one)) for one in self.on.values()), default=inf
        )

    def returned(self, now: Moment) -> list[tuple[Key, Reading]]:
        """Return the levels still on although their alarm was cancelled or closed as false.

        Each is open anew from now on.
        """
        out = [(key, one.last) for key, one in self.on.items() if now.mono >= self._returns(one)]
        self.on |= {key: On(last=last) for key, last in out}
        return out

    def gone(self, now: Moment) -> list[Key]:
        """Return and forget the levels of ended alarms that were not heard as on for a while."""
        out = [key for key, one in self.on.items() if now.mono >= self._goes(one)]
        for key in out:
            del self.on[key]
        return out

    def arrange(self, times: Times) -> None:
        """Go on by other times."""
        self.times = times

    def take(self, key: Key, one: On) -> None:
        """Go on with a level that was on before a restart."""
        self.on[key] = one

    def heard_last(self, heard: Mapping[Key, Reading]) -> None:
        """Take what said so last, before a restart, of the levels that go on."""
        self.on |= {
            key: replace(self.on[key], last=last) for key, last in heard.items() if key in self.on
        }

    def keep(self, devices: Iterable[DeviceId]) -> None:
        """Forget what is known of all other devices."""
        here = set(devices)
        self.on = {key: one for key, one in self.on.items() if key[1] in here}
        self._answered = {key: at for key, at in self._answered.items() if key[1] in here}

    def _kept(self, key: Key, one: On, mono: float, *, endless: bool) -> float:
        # Whoever came may have gone without closing: what comes then is another danger, see
        # OpenAlarms.past.
        left = mono - self._answered.get(key, inf) > self.times.new_again
        return (
            self.times.level_gone
            if endless or left or one.ended is not None
            else self.times.level_lost
        )

    def _goes(self, one: On) -> float:
        return one.last.at.mono + self.times.level_gone if one.ended is not None else inf

    def _returns(self, one: On) -> float:
        """Return when a level is a danger again.

        Only one that was heard as on since its alarm ended is still on.
        """
        heard = one.again and one.ended is not None and one.last.at.mono > one.ended
        return one.ended + self.times.level_gone if heard and one.ended is not None else inf
