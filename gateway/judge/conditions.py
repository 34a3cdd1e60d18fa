"""What stands of a kind of danger and a device: its newest open and its last ended alarm. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from gateway.judge.alarm import Alarm, Outcome, Proof, State
from gateway.judge.alarm_ids import Renaming
from gateway.judge.book import is_walk
from gateway.judge.danger import Ended
from gateway.judge.waits import WAITS
from gateway.words import kind as kinds
from gateway.words.clock import Moment
from gateway.words.reading import DeviceId

# a press is over when it is heard: there is no condition to clear
MOMENTARY = frozenset({kinds.SOS, kinds.HELP, kinds.TEST})
Key = tuple[str, DeviceId]  # (kind, device): what is heard counts on the newest open alarm of each


class Conditions:
    """The newest open alarm, and the last ended one, of each kind and device.

    Alarms of a walk test have no place here: a real danger of the kind finds its own. Bound: the
    kinds that the home's devices can raise.
    """

    def __init__(self, closed: Mapping[Key, tuple[str, float]]) -> None:
        # id of its last ended alarm, and the monotonic second of its end
        self._closed = dict(closed)
        self._newest: dict[Key, int] = {}  # number of the newest open one
        self._lingering: dict[Key, Alarm] = {}  # ended, but the condition is still on

    def newest(self, kind: str, device: DeviceId) -> int:
        """Return the number of the newest open alarm, 0 where there is none."""
        return self._newest.get((kind, device), 0)

    def opened(self, alarm: Alarm) -> None:
        """Take an alarm that is open."""
        key = alarm.kind, alarm.device
        self._newest[key] = max(alarm.number, self._newest.get(key, 0))

    def ended(self, alarm: Alarm, still_open: Iterable[Alarm]) -> None:
        """Take that an alarm has ended."""
        key = alarm.kind, alarm.device
        if self._newest.get(key) == alarm.number:
            del self._newest[key]
            for other in still_open:
                if (other.kind, other.device) == key and not is_walk(other):
                    self.opened(other)
        if is_walk(alarm):
            return
        if alarm.condition_active:
            self.linger(alarm)
        self._closed[key] = alarm.id, alarm.since.mono

    def linger(self, alarm: Alarm) -> None:
        """Take an ended alarm whose condition is still on."""
        self._lingering[alarm.kind, alarm.device] = alarm

    def faded(self, kind: str, device: DeviceId) -> Alarm | None:
        """Return, once, the ended alarm whose condition is gone now."""
        return self._lingering.pop((kind, device), None)

    def ended_lately(self, kind: str, device: DeviceId, at: Moment) -> str:
        """Return the id of the alarm that a new one is the next of; a second fire always is."""
        ended, when = self._closed.get((kind, device), ("", 0.0))
        return ended if at.mono - when <= WAITS.linked or kind.startswith("env.") else ""

    def has_ended(self, alarm: str) -> bool:
        """Say whether this is the id of a last ended alarm."""
        return any(ended == alarm for ended, _ in self._closed.values())

    def rename(self, to: Renaming) -> None:
        """Go on in another journal."""
        self._closed = {key: (to.id(alarm), at) for key, (alarm, at) in self._closed.items()}
        self._lingering = {key: to.alarm(alarm) for key, alarm in self._lingering.items()}


def counted(alarm: Alarm, evidence: tuple[Proof, ...], *, listed: bool) -> Alarm:
    """Return an alarm whose danger was heard once more: the first evidence and the newest stay."""
    return replace(
        alarm,
        count=alarm.count + 1,
        evidence=(*alarm.evidence[:1], *evidence),
        condition_active=alarm.kind not in MOMENTARY,
        listed=alarm.listed and listed,
    )


def end_of(alarm: Alarm) -> Ended:
    """Return what the judge has to know of an alarm that has ended."""
    return Ended(
        alarm.since,
        again=alarm.state is State.CANCELLED
        or alarm.outcome in {Outcome.FALSE_ALARM, Outcome.TEST},
    )
