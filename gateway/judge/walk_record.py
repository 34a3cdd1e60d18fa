"""A walk test: for a few minutes all that one device says is a test, to the platform's receipt.

All others are real. What is said meanwhile is counted, so that somebody can see whether the device
works from where it will be used. Beside the devices there are two steps for the whole home: its
mains are pulled, and its network; nothing but their own faults and alarm is a test then.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Collection, Mapping
from enum import StrEnum
from math import inf
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from gateway.judge.danger import Danger
from gateway.judge.waits import WAITS
from gateway.judge.watch import HELP, SOS
from gateway.words.driver import Model
from gateway.words.reading import FORMS, NOT_A_CALL, DeviceId, Form, Kind, Reading, Value

DRILL = "drill"  # a step of the walk test: a button, and the first responder with it
SENT = 200  # entries whose receipts are waited for; a press more is counted all the same
SIGNALS = 600  # packets whose strength is remembered; the oldest is forgotten first
EACH = 12  # counted acts whose signal is told one by one
PRESSES = 3
WEAKEST = -88  # dBm: what is weaker gets lost when a door is shut
MANY = 3  # a protocol that could say more than this says nothing about the device: anything will do

# What is counted, by the kind that says it: the name of the count; and the count of its end.
_COUNTED: Final = {
    Kind.BUTTON: "presses",
    Kind.CONTACT_OPEN: "openings",
    Kind.FALL: "falls",
    Kind.STAY_STILL: "stays",
    Kind.MOTION: "motions",
    Kind.PRESENCE: "presences",
    Kind.OCCUPANCY: "occupied",
    Kind.SMOKE: "smokes",
    Kind.GAS: "gases",
    Kind.CO: "gases",
    Kind.MOISTURE: "leaks",
}
_ENDED: Final = {Kind.CONTACT_OPEN: "closings", Kind.OCCUPANCY: "left"}
# What a make can say, in the order in which it is tried, and whether it is a danger: only those are
# receipted.
_SHOWN: Final = {
    Kind.BUTTON: True,
    Kind.CONTACT_OPEN: False,
    Kind.PRESENCE: False,
    Kind.FALL: True,
    Kind.SMOKE: True,
    Kind.GAS: True,
    Kind.CO: True,
    Kind.MOISTURE: True,
    Kind.MOTION: False,
    Kind.OCCUPANCY: False,
}
# a button beside these is there for pairing
_ITS_WORK: Final = frozenset({"falls", "smokes", "gases", "leaks", "openings"})


class Need(NamedTuple):
    """One thing that has to be shown, and how far it is: `times` of `wanted` (0: not counted)."""

    name: str
    done: bool
    times: int = 0
    wanted: int = 0


class Goal(Struct, frozen=True):
    """What one device has to show.

    `counts` is how often each; `any_of`: one act of whatever kind; `receipted`: its calls arrive.
    """

    counts: Mapping[str, int]
    any_of: bool = False
    receipted: bool = False
    within: float = inf  # seconds in which the platform's receipt is wanted
    drill: bool = False  # the first responder is called by it too, and has to answer

    def needs(self, facts: Mapping[str, Value]) -> list[Need]:
        """Return what has to be shown and how far it is, by what a test has counted."""

        def counted(name: str) -> int:
            return int(facts.get(name, 0))

        out = [
            Need(name, counted(name) >= wanted, counted(name), wanted)
            for name, wanted in self.counts.items()
        ]
        receipted = self.receipted
        if self.any_of:
            acts = sum(counted(name) for name in {*_COUNTED.values()})
            out = [Need("any", acts > 0, acts, 1)]
            receipted = receipted and any(
                counted(_COUNTED[kind]) for kind, danger in _SHOWN.items() if danger
            )
        worst = facts.get("worst_dbm")
        out.append(Need("signal", worst is None or float(worst) >= WEAKEST))
        if receipted:
            slowest = facts.get("receipt_s")
            out.append(
                Need(
                    "receipt",
                    slowest is not None
                    and float(slowest) <= self.within
                    and not counted("without_receipt"),
                )
            )
        if self.drill:
            out.append(Need("reached", "reached_s" in facts))
            out.append(Need("answered", "answered_s" in facts))
        return out


def goal(
    model: Model,
    *,
    roles: Collection[str] = (),
    codes: Collection[str] = (),
    bed: bool = False,
    receipts: bool = False,
    within: float,
) -> Goal:
    """Return what a device of a make has to show.

    `roles` are what the household's buttons of it mean; `receipts`: the platform sends them.
    """
    means = {SOS, HELP}
    named = bool(means & set(roles))
    called = named or not roles  # a press calls somebody: what cancels or asks has no receipt
    calls = named or model.presses in means
    shown = {
        k: danger and (k is not Kind.BUTTON or called)
        for k, danger in _SHOWN.items()
        if k in model.senses and (k is not Kind.BUTTON or calls)
    }
    names = {_COUNTED[k] for k in shown}
    if (named and model.general) or (
        "presses" in names and len(names) <= MANY and not names & _ITS_WORK
    ):
        # the household says what it is, or the make is a button
        shown, names = ({Kind.BUTTON: called}, {"presses"})
    receipted = receipts and any(shown.values())
    if "smokes" in names:
        # one test key for whatever it smells
        shown = {k: danger for k, danger in shown.items() if _COUNTED[k] != "gases"}
    # one driver for different devices of a maker
    several = {"openings", "motions"} <= names and Kind.TEMPERATURE in model.senses
    if len(names) > MANY or several:
        return Goal({}, any_of=True, receipted=receipted, within=within)
    if model.receiver:
        return Goal({"packets": 1}, within=within)
    if not names:
        return Goal({"readings": 1}, within=within)
    counts: dict[str, int] = {}
    for kind in shown:
        counts[_COUNTED[kind]] = PRESSES if kind is Kind.BUTTON else 1
        if kind is Kind.CONTACT_OPEN and (not codes or "closed" in codes):
            counts["closings"] = 1
        if kind is Kind.OCCUPANCY and bed:
            counts["left"] = 1
    return Goal(counts, receipted=receipted, within=within)


class Walk(Struct):
    """The one walk test of a device that runs. Times are monotonic seconds."""

    device: DeviceId
    by: str
    began: float
    until: float
    goal: Goal | None = None
    counts: dict[str, int] = {}
    readings: int = 0
    packets: int = 0
    flagged: int = 0  # of them, calls whose freshness was not proved
    # kind -> number of the alarm that this test has opened
    alarms: dict[str, int] = {}
    # kind -> what began in the test and has not ended
    on: dict[str, Danger] = {}
    # kind -> when it was heard last, of what nobody says that it is over
    sounding: dict[str, float] = {}
    worst: int | None = None  # weakest signal of a packet, dBm
    receipts: int = 0
    slowest: float | None = None  # s from an entry of the test to its receipt
    settled: float = inf  # when nothing more was wanted of it
    # a drill: who was called and when, and when that call had reached somebody, and was answered
    called: tuple[str, float] = ("", 0.0)
    reached: float | None = None
    answered: float | None = None
    _sent: dict[int, float] = {}
    _was: dict[tuple[Kind, int, str], bool] = {}
    _acts: list[float] = []
    _signals: deque[tuple[float, int]] = msgspec.field(
        default_factory=lambda: deque(maxlen=SIGNALS)
    )

    def heard(self, reading: Reading) -> None:
        """Count what the device said: events, beginnings of states, and some ends."""
        self.readings += 1
        self.flagged += reading.flagged
        name = _COUNTED.get(reading.kind)
        on = reading.value is not False and reading.value not in NOT_A_CALL
        if FORMS[reading.kind] is not Form.EVENT:
            place = (reading.kind, reading.index, reading.label)
            was, self._was[place] = self._was.get(place, False), on
            if was is on:
                return
            name = name if on else _ENDED.get(reading.kind)
        elif not on:
            return
        if name:
            self.counts[name] = self.counts.get(name, 0) + 1
            if len(self._acts) < EACH and name not in _ENDED.values():
                self._acts.append(reading.at.mono)

    def signal(self, rssi: int, mono: float) -> None:
        """Take a packet and its strength, a repeated one too; 0 means that nobody measured it."""
        self.packets += 1
        if rssi:
            self.worst = rssi if self.worst is None else min(rssi, self.worst)
            self._signals.append((mono, rssi))

    def told(self, alarm: int, entry: int, mono: float) -> None:
        """Wait for the receipt of an entry about an alarm, if that is one of ours."""
        if alarm in self.alarms.values() and len(self._sent) < SENT:
            self._sent[entry] = mono

    def receipted(self, number: int, mono: float) -> None:
        """Take the receipt of an entry, if it is one of ours."""
        if (since := self._sent.pop(number, None)) is not None:
            self.receipts += 1
            self.slowest = max(mono - since, self.slowest or 0.0)

    @property
    def waits_for(self) -> list[int]:
        """Numbers of the entries without receipt."""
        return list(self._sent)

    def due(self) -> float:
        """Return when it ends by itself."""
        return min(self.until, self.settled + WAITS.walk_settles)

    def look(self, mono: float) -> None:
        """See whether anything is still wanted.

        What it began must have ended too, or it would be real a moment later.
        """
        done = (
            self.goal is not None
            and not self.on
            and all(need.done for need in self.goal.needs(self.facts()))
        )
        if not done:
            self.settled = inf
        else:
            since = mono if self.settled == inf else self.settled
            self.settled = max(
                (
                    since,
                    *(at + WAITS.walk_sounds - WAITS.walk_settles for at in self.sounding.values()),
                )
            )

    def again(self, mono: float) -> None:
        """Begin the quiet anew: somebody still tries it."""
        if self.settled != inf:
            self.settled = mono

    def facts(self) -> dict[str, Value]:
        """Return how it stands, in plain values; a key that is missing has not been seen."""
        out: dict[str, Value] = {"readings": self.readings, "packets": self.packets, **self.counts}
        out |= {"receipts": self.receipts, "without_receipt": len(self._sent)}
        if self.flagged:
            out["not_proved_fresh"] = self.flagged
        if self.worst is not None:
            out["worst_dbm"] = self.worst
        who, since = self.called
        out |= {"called": who} if who else {}
        out |= {} if self.reached is None else {"reached_s": round(self.reached - since, 1)}
        out |= {} if self.answered is None else {"answered_s": round(self.answered - since, 1)}
        if each := self._each():
            out["signals_dbm"] = " ".join(map(str, each))
        if self.slowest is not None:
            out["receipt_s"] = round(self.slowest, 3)
        return out

    def _each(self) -> list[int]:
        """Return the worst signal of each counted act, with its repeats in the air."""
        out = []
        for at, then in itertools.pairwise([*self._acts, inf]):
            of_it = [
                rssi
                for mono, rssi in self._signals
                if at <= mono < min(then, at + WAITS.walk_repeat)
            ]
            out += [min(of_it)] if of_it else []
        return out


class Plug(StrEnum):
    """What is pulled in the steps for the whole home."""

    MAINS = "mains"
    UPLINK = "uplink"


class Step(Struct):
    """The one step for the whole home that runs. Times are monotonic seconds; None: not yet."""

    plug: Plug
    by: str
    began: float
    until: float
    lost: float | None = None
    back: float | None = None
    alarm: int = 0  # uplink: number of the test alarm that was raised while it was away
    delivered: float | None = None

    @property
    def done(self) -> bool:
        """True when everything has been seen."""
        return self.back is not None and (self.plug is Plug.MAINS or self.delivered is not None)

    def facts(self) -> dict[str, Value]:
        """Return how it stands, in plain values."""
        out: dict[str, Value] = {}
        if self.lost is not None:
            out["noticed_s"] = round(self.lost - self.began, 1)
            out |= {"alarm": self.alarm} if self.alarm else {}
        if self.lost is not None and self.back is not None:
            out["away_s"] = round(self.back - self.lost, 1)
        if self.lost is not None and self.back is not None and self.delivered is not None:
            out["receipt_s"] = round(max(0.0, self.delivered - self.back), 3)
            out["held_s"] = round(self.delivered - self.lost, 1)
        return out


def step_needs(plug: str, facts: Mapping[str, Value]) -> list[Need]:
    """Return what a step for the whole home has to show."""
    out = [Need("lost", "noticed_s" in facts)]
    if plug == Plug.UPLINK:
        out.append(Need("held", "alarm" in facts))
    out.append(Need("back", "away_s" in facts))
    if plug == Plug.UPLINK:
        out.append(Need("delivered", "receipt_s" in facts))
    return out
