"""The walk test carried out: one device, or a plug of the whole home, is a test for a while.

Its alarms open, count and end here. What is real stays real: a test's alarm confirms nothing, and
nothing real is counted on it.

What is on when the test ends depends on the make. One that says when it is over has not said so: it
is given back to be judged as real, for many say it once only, and a fire that began in the test
would stay hidden. One that never says so was tried by its test key, as every one of them is: it is
forgotten, and real when it is heard again. Of a device that is retired, or is other hardware now,
nothing of its test is ever real. What is counted and wanted stands in walk_record.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from msgspec.structs import replace

from gateway.judge.alarm import ANSWERED, MOVES, Alarm, Move, Outcome, State
from gateway.judge.book import AlarmFact, Book, is_walk
from gateway.judge.conditions import MOMENTARY, counted
from gateway.judge.danger import LEVELS, Cancelled, Cleared, Danger, Judge, Judgement
from gateway.judge.dispatch import PROGRAM, Reason
from gateway.judge.faults.fault import Faults
from gateway.judge.open_alarms import OpenAlarms
from gateway.judge.waits import WAITS
from gateway.judge.walk_record import DRILL, Goal, Plug, Step, Walk
from gateway.judge.wishes import Wish
from gateway.words import kind as kinds
from gateway.words.clock import Moment
from gateway.words.instruction import Instruction, Refused, ResultFact, no
from gateway.words.part import Part
from gateway.words.reading import FORMS, DeviceId, Form, Reading, Value

_FAULT_OF = {Plug.MAINS: kinds.MAINS_LOST, Plug.UPLINK: kinds.UPLINK_LOST}


class WalkTest(Part):
    """At most one walk test or one step at a time.

    `wants` says what each device has to show; without that it ends by its time only.

    What began in a test and is still on when it ends is to be judged as real: see `left`.
    """

    book: Book
    alarms: OpenAlarms
    faults: Faults
    judge: Judge

    def __post_init__(self) -> None:
        self.walk: Walk | None = None
        self.step: Step | None = None
        self._platform = True  # there is one to tell
        self._goals: Mapping[DeviceId, Goal] = {}
        self._left: list[Danger] = []

    @property
    def runs(self) -> bool:
        """True while a test or a step runs."""
        return self.walk is not None or self.step is not None

    def wants(self, goals: Mapping[DeviceId, Goal], *, platform: bool) -> None:
        """Take what each device has to show in tests to come, and whether there is a platform."""
        self._goals, self._platform = goals, platform

    def of(self, device: DeviceId) -> Walk | None:
        """Return the walk test that runs, if it is of this device."""
        return self.walk if self.walk is not None and self.walk.device == device else None

    def unreceipted(self) -> list[int]:
        """Return the numbers of the test's entries without receipt."""
        return self.walk.waits_for if self.walk is not None else []

    def due(self) -> float:
        """Return the monotonic second at which `tick` is wanted."""
        return min(
            self.walk.due() if self.walk is not None else inf,
            self.step.until if self.step is not None else inf,
        )

    def left(self, now: Moment) -> list[Danger]:
        """Return, once, what began in an ended test and is still on: it is a danger from now on."""
        out, self._left = self._left, []
        return [replace(danger, at=now) for danger in out]

    def count(self) -> None:
        """Wait for the receipts of what this turn has written about the test's alarms."""
        if self.walk is not None:
            for entry in self.book.written:
                if isinstance(entry.fact, AlarmFact) and entry.fact.move != "receipt":
                    self.walk.told(entry.fact.alarm.number, entry.number, entry.at.mono)
                    self._answers(entry.fact, entry.at.mono)

    def _answers(self, fact: AlarmFact, mono: float) -> None:
        """See whether a drill is answered by what this turn has written."""
        walk = self.walk
        if walk is None or not walk.called[0] or walk.answered is not None:
            return
        if fact.alarm.number in walk.alarms.values() and fact.alarm.state in ANSWERED:
            walk.answered = mono
            walk.reached = mono if walk.reached is None else walk.reached
            walk.look(mono)

    def called_back(self, number: int, now: Moment, *, ok: bool) -> None:
        """Take how the call of a drill ended."""
        walk = self.walk
        if walk is not None and ok and walk.called[0] and number in walk.alarms.values():
            walk.reached = now.mono if walk.reached is None else walk.reached
            walk.look(now.mono)

    # -- what a device says -----------------------------------------------------------------------

    def packet(self, device: DeviceId, rssi: int, mono: float) -> None:
        """Count a packet of the device under test, a repeated one too.

        `rssi` is in dBm; 0 means that nobody measured it.
        """
        if (walk := self.of(device)) is not None:
            walk.signal(rssi, mono)

    def heard(self, reading: Reading) -> None:
        """Count what the device under test said, before it is judged."""
        if (walk := self.of(reading.device)) is not None:
            walk.heard(reading)
            if reading.value and (kind := LEVELS.get(reading.kind, "")) in walk.sounding:
                walk.sounding[kind] = reading.at.mono

    def judged(self, reading: Reading) -> None:
        """See whether anything is still wanted, after it was judged."""
        if (walk := self.of(reading.device)) is not None:
            self.count()
            walk.look(reading.at.mono)
            if FORMS[reading.kind] is Form.EVENT:
                walk.again(reading.at.mono)

    def takes(self, judgement: Judgement) -> bool:
        """Say whether a judgement is the test's: it is of its device.

        What is over is the test's only where it began in the test.
        """
        walk = self.of(judgement.device)
        return walk is not None and (
            not isinstance(judgement, Cleared)
            or judgement.kind in walk.on
            or judgement.kind in walk.sounding
        )

    def danger(self, danger: Danger) -> None:
        """Open the test's own alarm, or count on it."""
        walk = self._running()
        if self.judge.endless(danger.kind, danger.device):
            walk.sounding[danger.kind] = danger.at.mono
        elif danger.kind not in MOMENTARY:
            walk.on[danger.kind] = danger
        evidence = self.book.evidence(danger.evidence)
        alarm = self._alarm(walk, danger.kind)
        if alarm is None:
            alarm = self.alarms.opened(
                danger.kind,
                danger.device,
                danger.room,
                danger.at,
                evidence,
                grace=danger.grace,
                test=True,
                by=danger.device,
            )
            walk.alarms[danger.kind] = alarm.number
            self._call_first(walk, alarm, danger.at)
            return
        alarm = self.alarms.keep(counted(alarm, evidence, listed=danger.listed))
        self.alarms.say(alarm, "count", danger.at, by=danger.device)

    def _call_first(self, walk: Walk, alarm: Alarm, now: Moment) -> None:
        """Call the first responder in a drill, once, and marked as one."""
        first = self.first_person
        if walk.goal is None or not walk.goal.drill or walk.called[0] or not first:
            return
        walk.called = self.alarms.ladder[first].responder, now.mono
        self.alarms.call(alarm, first, Reason.DRILL, now, before=alarm.state)

    @property
    def first_person(self) -> int:
        """The first rung by which the gateway itself calls a person; 0 where there is none."""
        return next(
            (n for n, r in enumerate(self.alarms.ladder) if r.channel == PROGRAM and not r.sounds),
            0,
        )

    def cleared(self, cleared: Cleared) -> None:
        """End in the test what began in it."""
        walk = self._running()
        walk.on.pop(cleared.kind, None)
        walk.sounding.pop(cleared.kind, None)
        alarm = self._alarm(walk, cleared.kind)
        if alarm is None:
            return
        alarm = self.alarms.keep(replace(alarm, condition_active=False))
        if cleared.by_resident and alarm.state is State.PRE_ALARM:
            self.alarms.move(alarm, Move.CANCEL, cleared.at, by=f"resident, {cleared.device}")
        else:
            self.alarms.say(alarm, "clear", cleared.at, by=cleared.device)

    def cancelled(self, said: Cancelled) -> None:
        """End every test's grace that asks about the resident.

        A button that is tried must not end somebody's real one.
        """
        self.alarms.cancel_graces(said.at, said.device, test=True)

    def wished(self, wish: Wish) -> None:
        """Tell that a service is asked for, as a test."""
        said = replace(self.faults.note(kinds.REQUEST, wish.at, wish.device), test=True)
        self.book.tell([replace(said, evidence=wish.evidence)], wish.at)

    def _running(self) -> Walk:
        if self.walk is None:
            raise RuntimeError("no walk test runs that could answer")
        return self.walk

    def _alarm(self, walk: Walk, kind: str) -> Alarm | None:
        return self.alarms.open.get(walk.alarms.get(kind, 0))

    # -- what the platform and the plugs say ------------------------------------------------------

    def receipted(self, number: int, alarm: Alarm | None, now: Moment) -> None:
        """Take the receipt of an entry; `alarm` where it was the first about that alarm."""
        if self.walk is not None:
            self.walk.receipted(number, now.mono)
            self.walk.look(now.mono)
        if self.step is not None and alarm is not None and alarm.number == self.step.alarm:
            self.step.delivered = now.mono
            self._look_at_step(now)

    def plugged(self, plug: Plug, on: bool, now: Moment) -> None:
        """See what a step of the walk test waits for.

        What it begins is marked as test; what is real has its own time.
        """
        step = self.step
        if step is None or step.plug is not plug:
            return
        if not on and step.lost is None:
            step.lost = now.mono
            self.book.tell(self.faults.begin(_FAULT_OF[plug], now, test=True), now)
            if plug is Plug.UPLINK:
                step.alarm = self.alarms.opened(
                    kinds.TEST, "", "", now, (), test=True, by=step.by
                ).number
        elif on and step.lost is not None and step.back is None:
            step.back = now.mono
        self._look_at_step(now)

    # -- beginning and end ------------------------------------------------------------------------

    def tick(self, now: Moment) -> None:
        """End what is over."""
        if self.walk is not None and now.mono >= self.walk.due():
            self.end(now, reason="time_over" if now.mono >= self.walk.until else "passed")
        if self.step is not None and now.mono >= self.step.until:
            self._end_step(now, reason="time_over")

    def end(self, now: Moment, *, by: str = "rule", reason: str, gone: bool = False) -> None:
        """End the walk test: its alarms close and what it counted is told.

        What is still on is real, now or when it is heard again. `gone`: the device is retired, or
        other hardware now.
        """
        walk = self.walk
        if walk is None:
            return
        self.count()
        self.walk = None
        for alarm in [a for a in self.alarms.open.values() if is_walk(a)]:
            self.end_alarm(alarm, now, by=by, reason=reason)
        facts = walk.facts()
        detail: dict[str, Value] = {
            "what": DRILL if walk.goal is not None and walk.goal.drill else "walk",
            "by": walk.by,
            "lasted_s": round(now.mono - walk.began, 1),
            "end": reason,
            **facts,
        }
        if walk.goal is not None:
            lacks = [need.name for need in walk.goal.needs(facts) if not need.done]
            detail |= {"passed": not lacks, "lacks": " ".join(lacks)}
        self.book.entry(
            replace(self.faults.note(kinds.VISIT, now, walk.device, **detail), test=True), now
        )
        if gone:
            return
        for kind, heard in walk.sounding.items():
            self.judge.tried(
                kind, walk.device, heard, now.mono + WAITS.walk_sounds, WAITS.walk_settles
            )
        self._left += walk.on.values()

    def restored(self, alarm: Alarm, now: Moment) -> None:
        """End an alarm of a test that a restart has ended.

        The test key may sound still: when it was last heard is not known.
        """
        if alarm.condition_active and self.judge.endless(alarm.kind, alarm.device):
            self.judge.tried(
                alarm.kind, alarm.device, now.mono, now.mono + WAITS.walk_sounds, WAITS.walk_settles
            )
        self.end_alarm(alarm, now, reason="restart")

    def end_alarm(self, alarm: Alarm, now: Moment, *, by: str = "rule", reason: str) -> None:
        """Close a walk test's alarm, as far as the table of moves lets it.

        One that somebody is on the way to ends by its time.
        """
        alarm = replace(alarm, condition_active=False)
        if alarm.state is State.PRE_ALARM:
            alarm = self.alarms.move(alarm, Move.EXPIRE, now, by=by, reason=reason)
        if alarm.state is State.DISPATCHED and any(c.reason == Reason.DRILL for c in alarm.calls):
            # who said to come was in a drill and need not
            alarm = self.alarms.move(alarm, Move.RECALL, now, by=by, reason=DRILL)
        if Move.CLOSE in MOVES[alarm.state]:
            self.alarms.close(alarm, Outcome.TEST, now, by=by, reason=reason)

    def _look_at_step(self, now: Moment) -> None:
        if self.step is not None and self.step.done:
            self._end_step(now, reason="passed")

    def _end_step(self, now: Moment, *, reason: str) -> None:
        """End the step: its alarm closes and what it has seen is told.

        A plug that is still out is a real fault in its time.
        """
        step = self.step
        if step is None:
            return
        self.step = None
        if (alarm := self.alarms.open.get(step.alarm)) is not None:
            self.end_alarm(alarm, now, reason=reason)
        self.book.tell(self.faults.end_tests(now), now)
        detail: dict[str, Value] = {
            "what": "walk",
            "step": step.plug.value,
            "by": step.by,
            "passed": step.done,
            "end": reason,
            **step.facts(),
        }
        self.book.entry(replace(self.faults.note(kinds.VISIT, now, "", **detail), test=True), now)

    # -- instructions -----------------------------------------------------------------------------

    def instructed(self, i: Instruction, now: Moment) -> ResultFact:
        """Begin or end the walk test of a known device."""
        if i.seconds > WAITS.walk_longest:
            most = f"{WAITS.walk_longest / 60:g}"
            return no(i, Refused.TOO_LONG, "walk_order.long", most=most)
        other = self.walk.device if self.walk is not None and self.walk.device != i.device else ""
        if other:
            return no(i, Refused.NOT_ALLOWED, "walk_order.under_test", other=other)
        if i.seconds > 0 and any(
            a.device == i.device and not a.test for a in self.alarms.open.values()
        ):
            return no(i, Refused.NOT_ALLOWED, "walk_order.real_alarm")
        if i.seconds > 0 and self.step is not None:
            return _step_runs(i)
        if i.seconds > 0 and i.step == DRILL and (why := self._no_drill(i)) is not None:
            return why
        self.end(now, by=i.by, reason="ended" if i.seconds <= 0 else "begun_again")
        if i.seconds > 0:
            goal = self._goals.get(i.device)
            if i.step == DRILL:
                receipted, within = (goal.receipted, goal.within) if goal else (False, inf)
                goal = Goal({"presses": 1}, receipted=receipted, within=within, drill=True)
            self.walk = Walk(i.device, i.by, now.mono, now.mono + i.seconds, goal=goal)
        return ResultFact(i, Refused.NONE)

    def _no_drill(self, i: Instruction) -> ResultFact | None:
        """Return why there can be no drill with a device now."""
        if any(not a.test for a in self.alarms.open.values()):
            return no(i, Refused.NOT_ALLOWED, "walk_order.drill_alarm")
        goal = self._goals.get(i.device)
        if goal is None or "presses" not in goal.counts:
            return no(i, Refused.NOT_ALLOWED, "walk_order.drill_button")
        if not self.first_person:
            return no(i, Refused.NOT_ALLOWED, "walk_order.drill_nobody")
        return None

    def stepped(self, i: Instruction, now: Moment) -> ResultFact:
        """Begin or end a step for the whole home."""
        if i.step not in set(Plug):
            return no(i, Refused.MISSING, "walk_order.no_step", step=i.step, known=", ".join(Plug))
        plug = Plug(i.step)
        if i.seconds <= 0:
            if self.step is not None and self.step.plug is plug:
                self._end_step(now, reason="ended")
            return ResultFact(i, Refused.NONE)
        if i.seconds > WAITS.walk_step:
            most = f"{WAITS.walk_step / 60:g}"
            return no(i, Refused.TOO_LONG, "walk_order.step_long", most=most)
        if self.walk is not None:
            return no(i, Refused.NOT_ALLOWED, "walk_order.under_test", other=self.walk.device)
        if self.step is not None:
            return _step_runs(i)
        if plug is Plug.MAINS and self.faults.mains is None:
            return no(i, Refused.NOT_ALLOWED, "walk_order.no_mains_known")
        if plug is Plug.MAINS and not self.faults.mains:
            return no(i, Refused.NOT_ALLOWED, "walk_order.no_mains")
        if plug is Plug.UPLINK and not self._platform:
            return no(i, Refused.MISSING, "order.no_platform")
        if plug is Plug.UPLINK and self.faults.link_down:
            return no(i, Refused.NOT_ALLOWED, "walk_order.not_connected")
        self.step = Step(plug, i.by, now.mono, now.mono + i.seconds)
        return ResultFact(i, Refused.NONE)


def _step_runs(i: Instruction) -> ResultFact:
    return no(i, Refused.NOT_ALLOWED, "walk_order.step_runs")
