"""One turn of the story: a reading, an instruction, a receipt or the passing of time goes in, numbered entries come out.

Pure and synchronous: a function of readings, instructions and monotonic time, so that the same recorded day gives the same
alarms. It tells nobody anything; what it returns is committed first, then told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from gateway import kind as kinds
from gateway.alarm import MOVES, Alarm, Call, Delivery, Evidence, Masking, Move, NotAllowed, Outcome, State, moved
from gateway.clock import Moment, Stamp, stamp
from gateway.danger import Cancelled, Cleared, Danger, Judge, Judgement
from gateway.dispatch import PLATFORM, Reason, Rung, again_at, due_at, step
from gateway.fault import FaultFact, Faults, Turn
from gateway.instruction import LOCAL_ONLY, Do, Door, Instruction, Refused, ResultFact
from gateway.kind import Priority
from gateway.reading import FORMS, DeviceId, Form, Reading, Value
from gateway.times import Times
from gateway.walk import LONGEST as LONGEST_WALK
from gateway.walk import STEP_LONGEST, Goal, Plug, Step, Walk

REMEMBERED = 5000  # instruction ids kept against repeats, the oldest forgotten first
CALLS = 40  # calls that stand in one alarm; from then on the newest takes the place of the one before (the journal has them all)
LONGEST = 400  # characters of a text that comes from outside, as the contract bounds it
OFTEN = 3  # cancelled alarms within Times.cancelled_often that are told as a P3 of their own

# What an instruction does to the response, where it is one plain move.
_MOVE_OF = {
    Do.ACKNOWLEDGE: Move.ACKNOWLEDGE,
    Do.DISPATCH: Move.DISPATCH,
    Do.DECLINE: Move.DECLINE,
    Do.ARRIVE: Move.ARRIVE,
    Do.CLOSE: Move.CLOSE,
}
_CONFIRMS = frozenset({kinds.SOS, kinds.HELP, kinds.FALL, kinds.STAY_TOO_LONG})  # second evidence for a fall in its grace
_FAULT_OF = {Plug.MAINS: kinds.MAINS_LOST, Plug.UPLINK: kinds.UPLINK_LOST}
_MOMENTARY = frozenset({kinds.SOS, kinds.HELP, kinds.TEST})  # a press is over when it is heard: there is no condition to clear


@dataclass(frozen=True, slots=True)
class AlarmFact:
    """An alarm as it stands after `move`, from which state it came, who or what moved it and why."""

    alarm: Alarm
    move: str
    before: State | None
    by: str
    reason: str


Fact = AlarmFact | FaultFact | ResultFact


@dataclass(frozen=True, slots=True)
class Entry:
    """One numbered line of the journal. `id` is unique in the world; the same entry sent twice has the same id."""

    number: int
    id: str
    at: Stamp
    fact: Fact

    @property
    def priority(self) -> Priority:
        """How urgently the entry is pushed. What happens to an alarm is as urgent as the alarm; a result is a P2."""
        fact = self.fact
        if isinstance(fact, AlarmFact):
            return fact.alarm.priority
        return fact.priority if isinstance(fact, FaultFact) else Priority.P2


@dataclass(frozen=True, slots=True)
class Shelf:
    """A device that is not judged until `until` (monotonic seconds of this boot)."""

    until: float
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the store remembers across a restart. Alarms come with `since` of this boot, or None where the boot is another."""

    journal: str
    last: int = 0
    last_alarm: int = 0
    # (alarm, its monotonic times are of this boot): every open one, and ended ones whose condition was still on
    alarms: Sequence[tuple[Alarm, bool]] = ()
    carried: Mapping[int, bool] = field(default_factory=dict)  # alarm number -> it was written in this boot and journal
    raised_in: Mapping[int, int] = field(default_factory=dict)  # alarm number -> its last entry, where that has no receipt yet
    closed: Mapping[tuple[str, DeviceId], str] = field(default_factory=dict)  # (kind, device) -> id of its last ended alarm
    faults: Mapping[tuple[str, str], FaultFact] = field(default_factory=dict)
    said_for: Mapping[tuple[str, str], float] = field(default_factory=dict)  # seconds since each of them was said last
    silent_for: Mapping[DeviceId, float] = field(default_factory=dict)
    done: Iterable[str] = ()
    shelves: Mapping[DeviceId, Shelf] = field(default_factory=dict)
    away_until: float = -inf


class Pipeline:
    """All that is open in one household, and what turns what is heard into entries."""

    def __init__(
        self, *, boot: str, devices: Mapping[DeviceId, str], judge: Judge, faults: Faults, ladder: Sequence[Rung], times: Times
    ) -> None:
        self.boot = boot
        self.faults = faults
        self.alarms: dict[int, Alarm] = {}
        self.shelves: dict[DeviceId, Shelf] = {}
        self.away_until = -inf
        self.masks_changed = False
        self.walk: Walk | None = None
        self.step: Step | None = None
        self.platform = True  # there is one to tell
        self.goals: Mapping[DeviceId, Goal] = {}  # what each device has to show in a walk test; without one it ends by its time only
        self._rooms = devices
        self._judge = judge
        self._ladder = (Rung("platform"), *ladder)
        self._times = times
        self._journal = ""
        self._last = 0
        self._last_alarm = 0
        self._by_key: dict[tuple[str, DeviceId], int] = {}
        self._closed: dict[tuple[str, DeviceId], str] = {}
        self._lingering: dict[tuple[str, DeviceId], Alarm] = {}  # ended, but the condition is still on
        self._withheld: dict[tuple[str, DeviceId], Danger] = {}  # conditions that began while their device was shelved
        self._unreceipted: dict[int, tuple[int, int]] = {}  # entry number -> (alarm number, index of the call it made or -1)
        self._done: dict[str, None] = {}
        self._cancels: deque[float] = deque(maxlen=OFTEN)
        self._self_test = 0  # number of the alarm that we raised to test ourselves
        self._out: list[Entry] = []

    # -- what goes in ------------------------------------------------------------------------------------------------

    def restart(self, now: Moment, known: Known, *, why: str) -> list[Entry]:
        """Take over what was known. A pre-alarm becomes an alarm; nothing else that is restored raises anything."""
        self._journal, self._last, self._last_alarm = known.journal, known.last, known.last_alarm
        self._closed, self.shelves, self.away_until = dict(known.closed), dict(known.shelves), known.away_until
        self._done = dict.fromkeys(known.done)
        self.faults.start(now, known.faults, known.silent_for, known.said_for)
        active: set[tuple[str, DeviceId]] = set()
        ended = []
        walked = []
        for alarm, same_boot in known.alarms:
            if _is_walk(alarm):
                # A walk test ends with the process: from now on the device is real, and nothing of the test may stand in its way.
                walked += [alarm] if alarm.open else []
                continue
            if alarm.open or same_boot:
                active |= {(alarm.kind, alarm.device)} if alarm.condition_active else set()
            if not alarm.open:
                self._lingering[alarm.kind, alarm.device] = alarm
                ended += [] if same_boot else [alarm]
                continue
            # Another boot's monotonic seconds say nothing here: every wait starts anew.
            self.alarms[alarm.number] = alarm if same_boot else replace(alarm, since=now, called=now.mono)
            self._by_key[alarm.kind, alarm.device] = alarm.number
            if alarm.number in known.raised_in:
                self._unreceipted[known.raised_in[alarm.number]] = (alarm.number, len(alarm.calls) - 1)
        self._judge.restore(active)
        self._tell(self.faults.note(kinds.RESTARTED, now, why=why), now)
        for fact in self.faults.end_tests(now):  # what a step of the walk test began ended with the process
            self._tell(fact, now)
        for alarm in ended:
            # Nobody watched while the power was off: what an ended alarm left behind may have gone and come again.
            self._faded(alarm.kind, alarm.device, now, by="rule", reason="restart")
        for alarm in walked:
            self.alarms[alarm.number] = replace(alarm, since=now)
            self._end_test(self.alarms[alarm.number], now, by="rule", reason="restart")
        for alarm in list(self.alarms.values()):
            if _is_walk(alarm):
                continue
            if alarm.state is State.PRE_ALARM:
                self._raise_now(alarm, Move.EXPIRE, now, by="rule", reason="restart")
            elif not known.carried.get(alarm.number, False):
                # Written down once in this boot (and this journal), so that its waits go on from here over further restarts.
                self._entry(AlarmFact(alarm, "restored", alarm.state, "rule", why), now)
        return self._turn()

    def rearrange(
        self, *, devices: Mapping[DeviceId, str], ladder: Sequence[Rung], times: Times, ended: Iterable[FaultFact], now: Moment
    ) -> list[Entry]:
        """Go on by a changed configuration: all that is open stays as it is, a grace that runs goes on. `ended` faults are told."""
        gone = self._rooms.keys() - devices.keys()
        if self.walk is not None and self.walk.device in gone:
            self._end_walk(now, by="rule", reason="retired")
        self._rooms, self._ladder, self._times = devices, (Rung("platform"), *ladder), times
        for device in gone & self.shelves.keys():
            del self.shelves[device]
            self.masks_changed = True
        self._withheld = {key: danger for key, danger in self._withheld.items() if key[1] not in gone}
        for fact in ended:
            self._tell(fact, now)
        return self._turn()

    @property
    def last(self) -> int:
        """Number of the newest entry."""
        return self._last

    def self_test(self, now: Moment) -> list[Entry]:
        """Raise a test alarm by ourselves. It goes the whole way, and the platform's receipt closes it."""
        self._self_test = self._open(kinds.TEST, "", "", now, (), test=True, by="rule").number
        return self._turn()

    def unreceipted(self) -> list[int]:
        """Return the numbers of entries about open alarms, and of a walk test, that have no receipt."""
        return [*self._unreceipted, *(self.walk.waits_for if self.walk is not None else ())]

    def renumber(self, journal: str, entries: Sequence[Entry], now: Moment) -> list[Entry]:
        """Begin another journal: its own numbers for `entries`, which could not be written to the old one, and for what is open."""
        self._journal, self._last, self._unreceipted = journal, 0, {}
        # What began in this very turn is named after the journal that knows it: the old one will give its number, and so its name, again.
        begun = [e.fact.alarm for e in entries if isinstance(e.fact, AlarmFact) and e.fact.before is None]
        named = {alarm.id: f"{journal}-a{alarm.number}" for alarm in begun}
        for number in {alarm.number for alarm in begun} & self.alarms.keys():
            self.alarms[number] = replace(self.alarms[number], id=f"{journal}-a{number}")
        for entry in entries:
            fact = entry.fact
            if isinstance(fact, AlarmFact):
                fact = replace(fact, alarm=replace(fact.alarm, id=named.get(fact.alarm.id, fact.alarm.id)))
            elif isinstance(fact, ResultFact):
                fact = replace(fact, alarm=named.get(fact.alarm, fact.alarm))
            calls = fact.alarm.calls if isinstance(fact, AlarmFact) else ()
            self._entry(fact, now, call=len(calls) - 1 if calls and calls[-1].at == entry.at else -1)
            self._out[-1] = replace(self._out[-1], at=entry.at)
        told = {e.fact.alarm.number for e in entries if isinstance(e.fact, AlarmFact)}
        for alarm in self.alarms.values():
            if alarm.number not in told:
                self._entry(AlarmFact(alarm, "restored", alarm.state, "rule", "storage"), now)
        return self._turn()

    def heard(self, reading: Reading) -> list[Entry]:
        """Judge one reading."""
        for fact in self.faults.heard(reading):
            self._tell(fact, reading.at)
        walk = self.walk if self.walk is not None and reading.device == self.walk.device else None
        if walk is not None:
            walk.heard(reading)
        for judgement in self._judge.heard(reading):
            self._judged(judgement)
        if walk is not None:
            walk.look(reading.at.mono)
            if FORMS[reading.kind] is Form.EVENT:
                walk.again(reading.at.mono)
        return self._turn()

    def tick(self, now: Moment) -> list[Entry]:
        """Do what has become due."""
        for judgement in self._judge.tick(now):
            self._judged(judgement)
        for alarm in list(self.alarms.values()):
            due = step(alarm, self._ladder, self._times, now.mono)
            if due is None:
                continue
            if due.move is Move.CLOSE:
                self._move(replace(alarm, outcome=Outcome.TEST), Move.CLOSE, now, by="rule", reason=due.reason)
            elif due.move is Move.LAPSE:
                after = self._moved(alarm, Move.LAPSE, now, by="rule", reason=due.reason)
                self._call(after, due.rung, due.reason, now, before=alarm.state, move=due.move.value)
            elif due.move is Move.EXPIRE:
                self._raise_now(alarm, Move.EXPIRE, now, by="rule", reason=due.reason)
            else:
                self._call(alarm, due.rung, due.reason, now, before=alarm.state)
        for fact in self.faults.tick(now):
            self._tell(fact, now)
        for device in [d for d, shelf in self.shelves.items() if now.mono >= shelf.until]:
            self._unshelve(device, now)
        if self.walk is not None and now.mono >= self.walk.due():
            self._end_walk(now, by="rule", reason="time_over" if now.mono >= self.walk.until else "passed")
        if self.step is not None and now.mono >= self.step.until:
            self._end_step(now, reason="time_over")
        return self._turn()

    def due(self) -> float:
        """Return the monotonic second at which `tick` is wanted."""
        return min(self.due_of_alarms(), self.faults.due())

    def due_of_alarms(self) -> float:
        """Return the same without supervision, which looks at the silences every few seconds."""
        alarms = (due_at(alarm, self._ladder, self._times) for alarm in self.alarms.values())
        shelves = (shelf.until for shelf in self.shelves.values())
        walk = self.walk.due() if self.walk is not None else inf
        step = self.step.until if self.step is not None else inf
        return min((*alarms, *shelves, walk, step, self._judge.due()))

    def noticed(self, facts: Iterable[FaultFact], now: Moment) -> list[Entry]:
        """Take facts about the gateway itself, from where they were noticed."""
        for fact in facts:
            self._tell(fact, now)
        return self._turn()

    def linked(self, up: bool, now: Moment) -> list[Entry]:
        """Take the state of the platform link: up means connected and receipts coming."""
        for fact in self.faults.linked(up, now):
            self._tell(fact, now)
        self._plugged(Plug.UPLINK, up, now)
        return self._turn()

    def powered(self, on: bool, now: Moment) -> list[Entry]:
        """Take whether the mains are there."""
        for fact in self.faults.powered(on, now):
            self._tell(fact, now)
        self._plugged(Plug.MAINS, on, now)
        return self._turn()

    def receipted(self, numbers: Iterable[int], now: Moment) -> list[Entry]:
        """Take the platform's word that it has recorded these entries. The first one about an alarm is its push stage."""
        for number in numbers:
            if self.walk is not None:
                self.walk.receipted(number, now.mono)
            found = self._unreceipted.pop(number, None)
            alarm = self.alarms.get(found[0]) if found else None
            if found is None or alarm is None:
                continue
            # A program's call is accepted by the program alone; the receipt says only that the platform knows of it.
            by_platform = 0 <= found[1] < len(alarm.calls) and alarm.calls[found[1]].channel == PLATFORM
            calls = _delivered(alarm.calls, found[1], Delivery.ACCEPTED) if by_platform else alarm.calls
            first = not alarm.accepted and alarm.state is not State.PRE_ALARM
            alarm = replace(alarm, calls=calls, stages={**alarm.stages, "push": self._stamp(now)} if first else alarm.stages)
            self.alarms[alarm.number] = alarm
            if first:
                self._entry(AlarmFact(alarm, "receipt", alarm.state, PLATFORM, ""), now)
                if alarm.number == self._self_test and Move.CLOSE in MOVES[alarm.state]:
                    self._move(replace(alarm, outcome=Outcome.TEST), Move.CLOSE, now, by="rule", reason="self_test_passed")
            if self.step is not None and first and alarm.number == self.step.alarm:
                self.step.delivered = now.mono
                self._look_at_step(now)
        if self.walk is not None:
            self.walk.look(now.mono)
        return self._turn()

    def called_back(self, number: int, index: int, now: Moment, *, ok: bool, detail: str) -> list[Entry]:
        """Take how a call by a local program ended. A call that failed sends the ladder on at once."""
        alarm = self.alarms.get(number)
        if alarm is not None and index < len(alarm.calls):
            calls = _delivered(alarm.calls, index, Delivery.ACCEPTED if ok else Delivery.FAILED)
            alarm = self.alarms[number] = replace(alarm, calls=calls)
            name = "call_accepted" if ok else "call_failed"
            self._entry(AlarmFact(alarm, name, alarm.state, alarm.calls[index].responder, detail[:LONGEST]), now)
        return self._turn()

    def told(self, instruction: Instruction, now: Moment) -> list[Entry]:
        """Carry out one instruction, once. A refused one changes nothing and its result says why."""
        if self._first_time(instruction):
            result = self._carry_out(instruction, now)
            self._entry(result, now)
        return self._turn()

    def answered(self, result: ResultFact, facts: Iterable[FaultFact], now: Moment) -> list[Entry]:
        """Take what came of an instruction that was carried out elsewhere, and what is to be told of it."""
        for fact in facts:
            self._tell(fact, now)
        if self._first_time(result.instruction):
            self._entry(result, now)
        return self._turn()

    @property
    def done(self) -> list[str]:
        """The instructions that have their answer, oldest first."""
        return list(self._done)

    def is_done(self, instruction: str) -> bool:
        """Say whether an instruction has its answer."""
        return instruction in self._done

    def refuse(self, instruction: Instruction, why: str, now: Moment) -> list[Entry]:
        """Answer an instruction that came too late; nothing else happens."""
        if self._first_time(instruction):
            self._entry(_no(instruction, Refused.EXPIRED, f"指令已过期: {why}", why), now)
        return self._turn()

    def _first_time(self, instruction: Instruction) -> bool:
        if instruction.id in self._done:
            return False
        self._done[instruction.id] = None
        while len(self._done) > REMEMBERED:
            del self._done[next(iter(self._done))]
        return True

    # -- judgements --------------------------------------------------------------------------------------------------

    def _judged(self, judgement: Judgement) -> None:
        match judgement:
            case Danger():
                self._danger(judgement)
            case Cleared():
                self._cleared(judgement)
            case Cancelled(device, at) if self.walk is not None and self.walk.device == device:
                self._cancel_tests(at, device)  # a button that is tried must not end somebody's real pre-alarm
            case Cancelled(device, at) if device in self.shelves:
                self._tell(self.faults.note(kinds.SHELVED, at, device, danger="cancel"), at)
            case Cancelled(_, at):
                for alarm in [a for a in self.alarms.values() if a.state is State.PRE_ALARM and not a.test]:
                    self._cancel(alarm, at, f"resident, {judgement.device}")
                self._cancel_tests(at, judgement.device)

    def _danger(self, danger: Danger) -> None:
        evidence = tuple(Evidence(r.device, r.kind.value, r.value, self._stamp(r.at), r.flagged) for r in danger.evidence)
        shelved = danger.device in self.shelves
        if self.walk is not None and danger.device == self.walk.device:
            self._danger_in_walk(self.walk, danger, evidence)
            return
        if kinds.of(danger.kind).by_absence and danger.at.mono < self.away_until:
            return
        if shelved and danger.kind != kinds.SOS:
            self._tell(
                replace(self.faults.note(kinds.SHELVED, danger.at, danger.device, danger=danger.kind), evidence=danger.evidence), danger.at
            )
            if danger.kind != kinds.HELP:  # a press is over, a condition may outlast the shelf
                self._withheld[danger.kind, danger.device] = danger
            return
        if danger.kind in _CONFIRMS:
            for alarm in [
                a
                for a in self.alarms.values()
                if a.state is State.PRE_ALARM and not a.test and (a.kind, a.device) != (danger.kind, danger.device)
            ]:
                if alarm.kind == kinds.FALL or danger.kind == kinds.SOS:
                    self._raise_now(
                        replace(alarm, evidence=alarm.evidence + evidence), Move.CONFIRM, danger.at, by="rule", reason=danger.kind
                    )
        number = self._by_key.get((danger.kind, danger.device))
        if number is not None:
            alarm = self.alarms[number]
            alarm = self.alarms[number] = replace(
                alarm, count=alarm.count + 1, condition_active=danger.kind not in _MOMENTARY, evidence=(*alarm.evidence[:1], *evidence)
            )
            answered = alarm.state not in {State.PRE_ALARM, State.RAISED}
            if answered and danger.kind == kinds.SOS and again_at(alarm, self._ladder, self._times) == inf:
                self._call(alarm, 0, Reason.AGAIN, danger.at, before=alarm.state, move="count", by=danger.device)
            else:
                self._entry(AlarmFact(alarm, "count", alarm.state, danger.device, ""), danger.at)
            return
        self._open(danger.kind, danger.device, danger.room, danger.at, evidence, grace=danger.grace, shelved=shelved)

    def _open(
        self, kind: str, device: str, room: str, at: Moment, evidence: tuple[Evidence, ...],
        *, grace: float = 0.0, shelved: bool = False, test: bool = False, by: str = "",
    ) -> Alarm:  # fmt: skip
        walk = test and kind != kinds.TEST
        if not walk:
            self._faded(kind, device, at, by="rule", reason="returned")
        self._last_alarm += 1
        alarm = Alarm(
            number=self._last_alarm,
            id=f"{self._journal}-a{self._last_alarm}",
            kind=kind,
            priority=Priority.P4 if walk else kinds.of(kind).priority,
            device=device,
            room=room,
            state=State.PRE_ALARM,
            since=at,
            stages={"danger": self._stamp(at)},
            grace=grace,
            masking=Masking.SHELVED if shelved else Masking.NONE,
            evidence=evidence,
            linked="" if walk else self._closed.get((kind, device), ""),
            condition_active=kind not in _MOMENTARY,
            test=test,
        )
        if not walk:  # a real danger of the same kind must find its own place, whatever the test has left behind
            self._by_key[kind, device] = alarm.number
        if grace > 0:
            self._keep(alarm)
            self._entry(AlarmFact(alarm, "danger", None, by or device, ""), at)
            return alarm
        alarm = replace(alarm, state=State.RAISED, stages={**alarm.stages, "alarm": self._stamp(at)})
        return self._call(alarm, 0, Reason.RAISED, at, before=None, move="raise", by=by or device)

    def _danger_in_walk(self, walk: Walk, danger: Danger, evidence: tuple[Evidence, ...]) -> None:
        """Open the test's own alarm, or count on it. It confirms nothing, and nothing real is counted on it."""
        if danger.kind not in _MOMENTARY:
            walk.on[danger.kind] = danger
        alarm = self.alarms.get(walk.alarms.get(danger.kind, 0))
        if alarm is None:
            alarm = self._open(
                danger.kind, danger.device, danger.room, danger.at, evidence, grace=danger.grace, test=True, by=danger.device
            )
            walk.alarms[danger.kind] = alarm.number
            return
        active = danger.kind not in _MOMENTARY
        alarm = self._keep(replace(alarm, count=alarm.count + 1, condition_active=active, evidence=(*alarm.evidence[:1], *evidence)))
        self._entry(AlarmFact(alarm, "count", alarm.state, danger.device, ""), danger.at)

    def _cleared_in_walk(self, walk: Walk, cleared: Cleared) -> None:
        del walk.on[cleared.kind]
        alarm = self.alarms.get(walk.alarms.get(cleared.kind, 0))
        if alarm is None:
            return
        alarm = self._keep(replace(alarm, condition_active=False))
        if cleared.by_resident and alarm.state is State.PRE_ALARM:
            self._move(alarm, Move.CANCEL, cleared.at, by=f"resident, {cleared.device}")
        else:
            self._entry(AlarmFact(alarm, "clear", alarm.state, cleared.device, ""), cleared.at)

    def _cancel_tests(self, at: Moment, device: DeviceId) -> None:
        for alarm in [a for a in self.alarms.values() if a.state is State.PRE_ALARM and a.test]:
            self._move(alarm, Move.CANCEL, at, by=f"resident, {device}")

    def _end_test(self, alarm: Alarm, now: Moment, *, by: str, reason: str) -> None:
        """Close a walk test's alarm, as far as the table of moves lets it; one that somebody is on the way to ends by its time."""
        alarm = replace(alarm, condition_active=False)
        if alarm.state is State.PRE_ALARM:
            alarm = self._move(alarm, Move.EXPIRE, now, by=by, reason=reason)
        if Move.CLOSE in MOVES[alarm.state]:
            self._move(replace(alarm, outcome=Outcome.TEST), Move.CLOSE, now, by=by, reason=reason)

    def _end_walk(self, now: Moment, *, by: str, reason: str) -> None:
        """End the walk test: its alarms close, what it counted is told, and what is still on is real from now on."""
        walk = self.walk
        if walk is None:
            return
        self.walk = None
        for alarm in [a for a in self.alarms.values() if _is_walk(a)]:
            self._end_test(alarm, now, by=by, reason=reason)
        facts = walk.facts()
        detail: dict[str, Value] = {"what": "walk", "by": walk.by, "lasted_s": round(now.mono - walk.began, 1), "end": reason, **facts}
        if walk.goal is not None:
            lacks = [need.name for need in walk.goal.needs(facts) if not need.done]
            detail |= {"passed": not lacks, "lacks": " ".join(lacks)}
        self._tell(replace(self.faults.note(kinds.VISIT, now, walk.device, **detail), test=True), now)
        for danger in walk.on.values():
            self._danger(replace(danger, at=now))

    # -- steps for the whole home --------------------------------------------------------------------------------------

    def _plugged(self, plug: Plug, on: bool, now: Moment) -> None:
        """See what a step of the walk test waits for. What it begins is marked as test; what is real has its own time."""
        step = self.step
        if step is None or step.plug is not plug:
            return
        if not on and step.lost is None:
            step.lost = now.mono
            for fact in self.faults.begin(_FAULT_OF[plug], now, test=True):
                self._tell(fact, now)
            if plug is Plug.UPLINK:
                step.alarm = self._open(kinds.TEST, "", "", now, (), test=True, by=step.by).number
        elif on and step.lost is not None and step.back is None:
            step.back = now.mono
        self._look_at_step(now)

    def _look_at_step(self, now: Moment) -> None:
        if self.step is not None and self.step.done:
            self._end_step(now, reason="passed")

    def _end_step(self, now: Moment, *, reason: str) -> None:
        """End the step: its alarm closes, what it has seen is told, and a plug that is still out is a real fault in its time."""
        step = self.step
        if step is None:
            return
        self.step = None
        if (alarm := self.alarms.get(step.alarm)) is not None:
            self._end_test(alarm, now, by="rule", reason=reason)
        for fact in self.faults.end_tests(now):
            self._tell(fact, now)
        detail: dict[str, Value] = {
            "what": "walk",
            "step": step.plug.value,
            "by": step.by,
            "passed": step.done,
            "end": reason,
            **step.facts(),
        }
        self._tell(replace(self.faults.note(kinds.VISIT, now, "", **detail), test=True), now)

    def _cleared(self, cleared: Cleared) -> None:
        if self.walk is not None and cleared.device == self.walk.device and cleared.kind in self.walk.on:
            self._cleared_in_walk(self.walk, cleared)
            return
        self._withheld.pop((cleared.kind, cleared.device), None)
        alarm = self.alarms.get(self._by_key.get((cleared.kind, cleared.device), 0))
        if alarm is None:
            self._faded(cleared.kind, cleared.device, cleared.at, by=cleared.device, reason="")
            return
        alarm = self._keep(replace(alarm, condition_active=False))
        if cleared.by_resident and alarm.state is State.PRE_ALARM:
            self._cancel(alarm, cleared.at, f"resident, {cleared.device}")
        elif not kinds.of(alarm.kind).latches and alarm.state in {State.RAISED, State.ACKNOWLEDGED}:
            self._move(replace(alarm, outcome=Outcome.NO_HELP_NEEDED), Move.CLOSE, cleared.at, by="rule", reason="condition_cleared")
        else:
            self._entry(AlarmFact(alarm, "clear", alarm.state, cleared.device, ""), cleared.at)

    def _faded(self, kind: str, device: DeviceId, at: Moment, *, by: str, reason: str) -> None:
        """Journal that the condition of an ended alarm is gone, so that after a restart its return is a new danger."""
        alarm = self._lingering.pop((kind, device), None)
        if alarm is not None:
            self._entry(AlarmFact(replace(alarm, condition_active=False), "clear", alarm.state, by, reason), at)

    def _unshelve(self, device: DeviceId, now: Moment) -> None:
        """Judge the device again, from what is on right now."""
        del self.shelves[device]
        self.masks_changed = True
        for key in [k for k in self._withheld if k[1] == device]:
            self._danger(replace(self._withheld.pop(key), at=now))

    def _cancel(self, alarm: Alarm, at: Moment, by: str) -> None:
        self._move(alarm, Move.CANCEL, at, by=by)
        self._cancels.append(at.mono)
        if len(self._cancels) == OFTEN and at.mono - self._cancels[0] <= self._times.cancelled_often:
            self._cancels.clear()
            self._tell(self.faults.note(kinds.OFTEN_CANCELLED, at, alarm.device, cancelled=OFTEN), at)

    # -- moves and calls ---------------------------------------------------------------------------------------------

    def _moved(self, alarm: Alarm, move: Move, now: Moment, *, by: str, reason: str) -> Alarm:
        return moved(alarm, move, now, self._stamp(now), by=by, reason=reason)

    def _move(self, alarm: Alarm, move: Move, now: Moment, *, by: str, reason: str = "") -> Alarm:
        after = self._moved(alarm, move, now, by=by, reason=reason)
        self._keep(after)
        self._entry(AlarmFact(after, move.value, alarm.state, by, reason), now)
        return after

    def _raise_now(self, alarm: Alarm, move: Move, now: Moment, *, by: str, reason: str) -> None:
        after = self._moved(alarm, move, now, by=by, reason=reason)
        self._call(after, 0, Reason.RAISED, now, before=alarm.state, move=move.value, by=by, why=reason)

    def _call(
        self, alarm: Alarm, rung: int, reason: str, now: Moment,
        *, before: State | None, move: str = "call", by: str = "rule", why: str = "",
    ) -> Alarm:  # fmt: skip
        """Call `rung` for an alarm: the call stands in the alarm, its entry is what tells the platform."""
        who = self._ladder[rung]
        held = alarm.test and rung > 0  # a test never reaches the real ladder
        call = Call(rung, who.responder, who.channel, reason, self._stamp(now), Delivery.HELD if held else Delivery.WAITING)
        alarm = self._keep(replace(alarm, rung=rung, called=now.mono, calls=(*alarm.calls[: CALLS - 1], call)))
        self._entry(AlarmFact(alarm, move, before, by, why or reason), now, call=len(alarm.calls) - 1)
        return alarm

    def _keep(self, alarm: Alarm) -> Alarm:
        if alarm.open:
            self.alarms[alarm.number] = alarm
        else:
            self.alarms.pop(alarm.number, None)
            if self._by_key.get((alarm.kind, alarm.device)) == alarm.number:
                del self._by_key[alarm.kind, alarm.device]
            if not _is_walk(alarm):
                if alarm.condition_active:
                    self._lingering[alarm.kind, alarm.device] = alarm
                self._closed[alarm.kind, alarm.device] = alarm.id
            self._unreceipted = {entry: found for entry, found in self._unreceipted.items() if found[0] != alarm.number}
        return alarm

    # -- instructions ------------------------------------------------------------------------------------------------

    def _carry_out(self, i: Instruction, now: Moment) -> ResultFact:
        if not i.by.strip():
            return _no(i, Refused.MISSING, "缺少操作人 by", "`by` is missing: say who gives the instruction")
        if i.do in LOCAL_ONLY and i.door is not Door.LOCAL:
            return _no(i, Refused.LOCAL_ONLY, "只能在家中的技术员页面操作", "only the technician's page in the home may do this")
        if i.do is Do.TEST:
            if i.device and i.device not in self._rooms:
                return _no(i, Refused.UNKNOWN_DEVICE, f"没有设备 {i.device}", f"no device {i.device}")
            alarm = self._open(kinds.TEST, i.device, self._rooms.get(i.device, ""), now, (), test=True, by=i.by)
            return ResultFact(i, Refused.NONE, alarm=alarm.id, state=alarm.state.value)
        if i.do is Do.AWAY:
            self.away_until = now.mono + i.seconds if i.seconds > 0 else -inf
            self.masks_changed = True
            return ResultFact(i, Refused.NONE)
        if i.do is Do.WALK and i.step:
            return self._stepped(i, now)
        if i.do in {Do.SHELVE, Do.CONFIRM, Do.WALK}:
            return self._about_device(i, now)
        found = next((a for a in self.alarms.values() if a.id == i.alarm), None)
        if found is None:
            return _no(i, Refused.UNKNOWN_ALARM, f"没有未结束的警报 {i.alarm or '(空)'}", f"no open alarm {i.alarm or '(empty)'}")
        if i.do is Do.SILENCE:
            alarm = self._keep(replace(found, masking=Masking.SILENCED))
            self._entry(AlarmFact(alarm, "silence", alarm.state, i.by, i.reason), now)
            return ResultFact(i, Refused.NONE, alarm=alarm.id, state=alarm.state.value)
        return self._moved_by(i, found, now)

    def _moved_by(self, i: Instruction, alarm: Alarm, now: Moment) -> ResultFact:
        if i.do is Do.DISPATCH:
            if not i.responder.strip():
                return _no(i, Refused.MISSING, "派人指令缺少 responder", "`responder` is missing: say who is sent")
            longest = self._times.longest_on_site(alarm.priority)
            if i.seconds > longest:
                most = f"{longest / 60:g}"
                return _no(
                    i, Refused.TOO_LONG, f"到场时间最长 {most} 分钟", f"expect the responder within {most} min, or send a nearer one"
                )
            alarm = replace(alarm, responder=i.responder, expected=max(0.0, i.seconds))
        if i.do is Do.CLOSE:
            allowed = {o.value for o in Outcome}
            if i.outcome not in allowed or (alarm.test and i.outcome != Outcome.TEST) or (not alarm.test and i.outcome == Outcome.TEST):
                given = i.outcome or "(empty)"
                return _no(i, Refused.MISSING, f"结束警报须给出有效结果, 收到 {given}", f"a close needs an outcome that fits, got {given}")
            alarm = replace(alarm, outcome=Outcome(i.outcome))
        try:
            alarm = self._move(alarm, _MOVE_OF[i.do], now, by=i.by, reason=i.reason)
        except NotAllowed as no:
            return replace(
                _no(i, Refused.NOT_ALLOWED, f"当前状态 {no.state} 不允许 {no.move}", str(no)), alarm=alarm.id, state=alarm.state.value
            )
        return ResultFact(i, Refused.NONE, alarm=alarm.id, state=alarm.state.value)

    def _about_device(self, i: Instruction, now: Moment) -> ResultFact:
        if i.device not in self._rooms:
            return _no(i, Refused.UNKNOWN_DEVICE, f"没有设备 {i.device or '(空)'}", f"no device {i.device or '(empty)'}")
        if i.do is Do.CONFIRM:
            for fact in self.faults.confirmed(i.device, now):
                self._tell(fact, now)
            return ResultFact(i, Refused.NONE)
        if i.do is Do.WALK:
            return self._walked(i, now)
        if i.seconds <= 0:  # more protection needs nobody's leave
            if i.device in self.shelves:
                self._unshelve(i.device, now)
            return ResultFact(i, Refused.NONE)
        vital = self.faults.is_vital(i.device)
        most = self._times.shelve_p1_most if vital else self._times.shelve_most
        if vital and i.door is not Door.PLATFORM:
            return _no(i, Refused.PLATFORM_ONLY, "一级设备只能由平台搁置", "a device of a P1 kind is shelved by the platform only")
        if i.seconds > most:
            return _no(i, Refused.TOO_LONG, f"搁置最长 {most / 3600:g} 小时", f"shelve for at most {most / 3600:g} h")
        if not i.reason.strip():
            return _no(i, Refused.MISSING, "搁置须写明原因 reason", "`reason` is missing: say why the device is shelved")
        self.masks_changed = True
        self.shelves[i.device] = Shelf(now.mono + i.seconds, i.by, i.reason)
        return ResultFact(i, Refused.NONE)

    def _walked(self, i: Instruction, now: Moment) -> ResultFact:
        """Begin or end a walk test."""
        if i.seconds > LONGEST_WALK:
            most = f"{LONGEST_WALK / 60:g}"
            return _no(i, Refused.TOO_LONG, f"巡检测试最长 {most} 分钟", f"a walk test lasts {most} min at most")
        other = self.walk.device if self.walk is not None and self.walk.device != i.device else ""
        if other:
            return _no(i, Refused.NOT_ALLOWED, f"设备 {other} 正在测试, 请先结束", f"device {other} is under test: end that first")
        if i.seconds > 0 and any(a.device == i.device and not a.test for a in self.alarms.values()):
            zh, en = "该设备有未结束的真实警报, 请先结束警报", "the device has an open alarm that is no test: close it first"
            return _no(i, Refused.NOT_ALLOWED, zh, en)
        if i.seconds > 0 and self.step is not None:
            return _step_runs(i)
        self._end_walk(now, by=i.by, reason="ended" if i.seconds <= 0 else "begun_again")
        if i.seconds > 0:
            self.walk = Walk(i.device, i.by, now.mono, now.mono + i.seconds, goal=self.goals.get(i.device))
        return ResultFact(i, Refused.NONE)

    def _stepped(self, i: Instruction, now: Moment) -> ResultFact:
        """Begin or end a step of the walk test for the whole home."""
        if i.step not in set(Plug):
            return _no(i, Refused.MISSING, f"没有步骤 {i.step}", f"no step {i.step}; there are {', '.join(Plug)}")
        plug = Plug(i.step)
        if i.seconds <= 0:
            if self.step is not None and self.step.plug is plug:
                self._end_step(now, reason="ended")
            return ResultFact(i, Refused.NONE)
        if i.seconds > STEP_LONGEST:
            most = f"{STEP_LONGEST / 60:g}"
            return _no(i, Refused.TOO_LONG, f"该步骤最长 {most} 分钟", f"this step lasts {most} min at most")
        if self.walk is not None:
            zh, en = f"设备 {self.walk.device} 正在测试, 请先结束", f"device {self.walk.device} is under test: end that first"
            return _no(i, Refused.NOT_ALLOWED, zh, en)
        if self.step is not None:
            return _step_runs(i)
        if plug is Plug.MAINS and self.faults.mains is None:
            zh, en = "本机无法得知市电状态, 不适用", "this box cannot know its mains: the step does not apply"
            return _no(i, Refused.NOT_ALLOWED, zh, en)
        if plug is Plug.MAINS and not self.faults.mains:
            return _no(i, Refused.NOT_ALLOWED, "现在没有市电, 请先接通", "there are no mains now: plug in first")
        if plug is Plug.UPLINK and not self.platform:
            return _no(i, Refused.MISSING, "尚未填写平台", "no platform is configured: fill in its address first")
        if plug is Plug.UPLINK and self.faults.link_down_since is not None:
            return _no(i, Refused.NOT_ALLOWED, "现在没有连上平台, 请先接通", "the platform is not connected now: connect first")
        self.step = Step(plug, i.by, now.mono, now.mono + i.seconds)
        return ResultFact(i, Refused.NONE)

    # -- entries -----------------------------------------------------------------------------------------------------

    def _stamp(self, at: Moment) -> Stamp:
        return stamp(self.boot, at)

    def _tell(self, fact: FaultFact, now: Moment) -> None:
        self._entry(fact, now)

    def _entry(self, fact: Fact, now: Moment, *, call: int = -1) -> None:
        self._last += 1
        self._out.append(Entry(self._last, f"{self._journal}-{self._last}", self._stamp(now), fact))
        if isinstance(fact, AlarmFact) and fact.alarm.open and fact.alarm.state is not State.PRE_ALARM and fact.move != "receipt":
            self._unreceipted[self._last] = (fact.alarm.number, call)
        if self.walk is not None and isinstance(fact, AlarmFact) and _is_walk(fact.alarm) and fact.move != "receipt":
            self.walk.told(self._last, now.mono)

    def _turn(self) -> list[Entry]:
        out, self._out = self._out, []
        return out


def _step_runs(i: Instruction) -> ResultFact:
    return _no(i, Refused.NOT_ALLOWED, "断电或断网测试正在进行, 请先结束", "a step with a plug pulled is running: end that first")


def _is_walk(alarm: Alarm) -> bool:
    """Say whether a walk test opened it: a real kind of danger, marked as test."""
    return alarm.test and alarm.kind != kinds.TEST


def _delivered(calls: tuple[Call, ...], index: int, delivery: Delivery) -> tuple[Call, ...]:
    if index < 0 or calls[index].delivery is Delivery.HELD:
        return calls
    return (*calls[:index], replace(calls[index], delivery=delivery), *calls[index + 1 :])


def _no(i: Instruction, why: Refused, zh: str, en: str) -> ResultFact:
    return ResultFact(i, why, zh, en, alarm=i.alarm)


__all__ = ["AlarmFact", "Entry", "Fact", "Known", "Pipeline", "Shelf", "Turn", "Value"]
