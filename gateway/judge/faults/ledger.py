"""The ledger of the faults that are on: what begins, ends, is counted and said again.

Each fault is said once when it begins and once when it ends; a low battery is said again every
week.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from gateway.judge.faults.batteries import Batteries
from gateway.judge.faults.daily import Daily
from gateway.judge.faults.fact import FaultFact, Turn
from gateway.judge.faults.flapping import UNSTABLE, Flapping
from gateway.judge.faults.silence import Supervised, behind_of
from gateway.words import kind as kinds
from gateway.words.clock import Moment
from gateway.words.kind import FaultClass, Priority
from gateway.words.reading import DeviceId, Reading, Value
from gateway.words.times import Times

_SEVERE = frozenset({kinds.MISSING, kinds.NOT_UNDERSTOOD})  # P2 of a device that a life may hang on


class Ledger:
    """All faults that are on: `on` has the last fact of each by its kind and device.

    `daily` counts what is told once a day, `flapping` what comes and goes. Bound: one fault for
    each kind and device of the home.
    """

    def __init__(self, devices: Mapping[DeviceId, Supervised], times: Times) -> None:
        self._devices = devices
        self._times = times
        self.on: dict[tuple[str, str], FaultFact] = {}
        self.daily = Daily()
        self.flapping = Flapping()
        self._batteries = Batteries()

    def is_vital(self, device: DeviceId) -> bool:
        """Say whether a device senses a P1 kind."""
        supervised = self._devices.get(device)
        return supervised is not None and supervised.vital

    def note(self, kind: str, now: Moment, device: str = "", **detail: Value) -> FaultFact:
        """Return something told once, such as a restart."""
        fact = self._fact(kind, device, now, Turn.NOTED, detail)
        self.daily.took(kind, device, fact.fault_class, now, detail.get("why", ""))
        return fact

    def begin(
        self, kind: str, now: Moment, of: str = "", *, test: bool = False, **detail: Value
    ) -> list[FaultFact]:
        """Begin a fault of the gateway itself or `of` a device, unless it is on already.

        `test`: a step of the walk test begins it, and its end is a test's too.
        """
        return self._begin(kind, of, now, detail, test=test)

    def end_tests(self, now: Moment) -> list[FaultFact]:
        """End the faults that a step of the walk test began."""
        return [
            fact
            for (kind, device), on in list(self.on.items())
            if on.test
            for fact in self.end(kind, now, device)
        ]

    def again(self, kind: str, of: str, detail: Mapping[str, Value]) -> list[FaultFact]:
        """Say a fault that is on once more, with what has become of it."""
        if (fact := self.on.get((kind, of))) is None:
            return []
        self.on[kind, of] = replace(fact, detail=detail)
        return [replace(fact, turn=Turn.REPEATED, detail=detail)]

    def end(self, kind: str, now: Moment, of: str = "") -> list[FaultFact]:
        """End such a fault, if it is on."""
        fact = self.on.pop((kind, of), None)
        if kind == kinds.LOW_BATTERY:
            self._batteries.over(of)
        self.flapping.ended((kind, of))
        if fact is None:
            return []
        lasted = {"lasted_s": round(now.mono - fact.since.mono)}
        return [replace(fact, turn=Turn.CLEARED, detail=lasted, evidence=())]

    def _begin(
        self,
        kind: str,
        device: str,
        now: Moment,
        detail: Mapping[str, Value],
        evidence: tuple[Reading, ...] = (),
        *,
        listed: bool = False,
        test: bool = False,
    ) -> list[FaultFact]:
        key = (kind, device)
        if key in self.on:
            return []
        fact = self._fact(kind, device, now, Turn.RAISED, detail, evidence)
        if listed:
            fact = replace(fact, priority=Priority.P3, fault_class=FaultClass.LIST)
        if test:
            fact = replace(fact, test=True)
        else:
            fact = self._counted(fact, now)
            self.daily.took(kind, device, fact.fault_class, now)
        self.on[key] = fact
        if kind == kinds.LOW_BATTERY:
            self._batteries.begins(device, now.mono)
        return [fact]

    def _counted(self, fact: FaultFact, now: Moment) -> FaultFact:
        """Count a fault's beginnings in a day: the fourth is unstable, later ones are figures."""
        if fact.fault_class is FaultClass.FIGURE:
            return fact
        times = self.flapping.began((fact.kind, fact.device), now.mono)
        if times == UNSTABLE:
            return replace(fact, detail={**fact.detail, "unstable": times})
        if times < UNSTABLE:
            return fact
        self.daily.listed(fact.kind, fact.device)
        return replace(fact, priority=Priority.P4, fault_class=FaultClass.FIGURE)

    def _fact(
        self,
        kind: str,
        device: str,
        now: Moment,
        turn: Turn,
        detail: Mapping[str, Value],
        evidence: tuple[Reading, ...] = (),
    ) -> FaultFact:
        supervised = self._devices.get(device)
        behind = behind_of(device, self._devices) if kind == kinds.MISSING else []
        vital = kind in _SEVERE and any(
            one.vital for one in (supervised, *behind) if one is not None
        )
        row = kinds.of(kind)
        listed = kind == kinds.MISSING and not vital and not behind
        return FaultFact(
            kind=kind,
            turn=turn,
            priority=Priority.P2 if vital else row.priority,
            fault_class=FaultClass.LIST if listed else row.fault_class,
            since=now,
            device=device,
            room=supervised.room if supervised else "",
            detail=detail,
            evidence=evidence,
        )

    def _take_over(
        self,
        now: Moment,
        known: Mapping[tuple[str, str], FaultFact],
        said_for: Mapping[tuple[str, str], float],
    ) -> None:
        """Take over what was on before a restart; `said_for`: how long ago each was said (s)."""
        self.on = dict(known)
        low = {
            device: (now.mono - fact.since.mono, said_for.get((kind, device), 0.0))
            for (kind, device), fact in known.items()
            if kind == kinds.LOW_BATTERY
        }
        self._batteries.start(now.mono, low)
        for (kind, device), fact in known.items():
            if (
                fact.fault_class is FaultClass.FIGURE
                and kinds.of(kind).fault_class is not FaultClass.FIGURE
                and not fact.test
            ):
                self.flapping.restored((kind, device))

    def _low_again(self, now: Moment) -> list[FaultFact]:
        """Say low batteries again every week, and from two weeks on as a work order."""
        out = []
        for device, sends in self._batteries.due(now.mono, self._times):
            fact = self.on[kinds.LOW_BATTERY, device]
            self.daily.touch()
            detail = {**fact.detail, "work_order": True} if sends else fact.detail
            out.append(replace(fact, turn=Turn.REPEATED, detail=detail))
        return out

    def _lasting(self, now: Moment) -> list[FaultFact]:
        """Tell the faults that were only counted and stay on."""
        lasting = (self.on.get(key) for key in self.flapping.lasting(now.mono))
        return [said for fact in lasting if fact for said in self._as_it_is(fact, fact.detail)]

    def _end_retired(self, now: Moment) -> list[FaultFact]:
        """End what is on of devices that are no longer enrolled."""
        retired = [
            (kind, d)
            for kind, d in self.on
            if (kind.startswith("device.") or kind == kinds.OUT) and d not in self._devices
        ]
        return [fact for key in retired for fact in self.end(key[0], now, key[1])]

    def _as_it_is(self, fact: FaultFact, detail: Mapping[str, Value]) -> list[FaultFact]:
        """Tell a fault that is on once more, with the priority that its kind has."""
        self.on[fact.kind, fact.device] = told = self._fact(
            fact.kind, fact.device, fact.since, Turn.REPEATED, detail
        )
        return [told]

    def _daily(self, now: Moment) -> list[FaultFact]:
        """Return today's list and the month's figures where they are due."""
        on = (
            key
            for key, fact in self.on.items()
            if fact.fault_class is FaultClass.LIST and not fact.test
        )
        return [
            self._fact(kind, "", now, Turn.NOTED, detail)
            for kind, detail in self.daily.tick(now, on)
        ]
