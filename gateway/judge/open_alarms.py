"""The open alarms of one household: how they are opened, moved, called for and receipted.

Pure. It knows moves, calls and receipts, not why: that is judged elsewhere (`real`, `walk_test`,
`orders`, `dispatch`). Each change is an entry of the `Book`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf

from msgspec.structs import replace

from gateway.judge.alarm import (
    ANSWERED,
    MOVES,
    Alarm,
    Delivery,
    Masking,
    Move,
    Outcome,
    Proof,
    State,
    loud,
    moved,
)
from gateway.judge.alarm_ids import AlarmIds, Renaming
from gateway.judge.awaited import Awaited
from gateway.judge.book import AlarmFact, Book, Entry, is_walk
from gateway.judge.calls import called, delivered, next_call, place, taken_back
from gateway.judge.chatter import Counting
from gateway.judge.conditions import MOMENTARY, Conditions, Key, end_of
from gateway.judge.danger import Judge
from gateway.judge.dispatch import (
    PLATFORM,
    SILENCE_OVER,
    Reason,
    Rung,
    Step,
    asked,
    due_at,
    step,
)
from gateway.words import kind as kinds
from gateway.words.clock import Moment, When
from gateway.words.instruction import ResultFact
from gateway.words.kind import Priority
from gateway.words.ranges import Range
from gateway.words.reading import DeviceId
from gateway.words.times import Times

LONGEST = 400  # characters of a text that comes from outside, as the contract bounds it


class OpenAlarms:
    """All open alarms by number. When each is due next is known at any time, see `due`."""

    def __init__(self, book: Book, judge: Judge, *, ladder: Sequence[Rung], times: Times) -> None:
        self.platform_away = False
        # program files, and commands of one person, that are known not to work, and can be asked
        self.down: frozenset[str | tuple[str, ...]] = frozenset()
        self.counting: Counting[int] = Counting()  # of entries that only count
        self._book = book
        self._judge = judge
        self._open: dict[int, Alarm] = {}
        # alarm number -> when `step` has something to do for it, once a turn: see `_due_now`
        self._dues: dict[int, float] = {}
        self._moved: set[int] = set()
        self._ids = AlarmIds()
        self._conditions = Conditions({})
        self._awaited = Awaited()
        # test alarms that the platform's receipt closes, and the reason given then
        self._until_receipt: dict[int, str] = {}
        self.arrange(ladder, times)

    def arrange(self, ladder: Sequence[Rung], times: Times) -> None:
        """Go by this ladder and these times from now on. The platform is the first rung."""
        self.ladder, self._times = (Rung(PLATFORM), *ladder), times
        self.take_platform(away=self.platform_away)

    def take_platform(self, *, away: bool) -> None:
        """Take whether the platform says that it is away: its receipt is waited for less long."""
        times, self.platform_away = self._times, away
        receipt = min(times.receipt, times.receipt_away) if away else times.receipt
        self.times = replace(times, receipt=receipt)
        self._moved.update(self._open)

    def know_down(self, programs: Iterable[str | tuple[str, ...]]) -> None:
        """Take which programs are known not to work: whom they would call is passed over."""
        self.down = frozenset(programs)

    # -- what was known before --------------------------------------------------------------------

    def begin(
        self, *, last_alarm: int, own: Sequence[Range], closed: Mapping[Key, tuple[str, float]]
    ) -> None:
        """Go on after alarm `last_alarm` of a journal.

        `own`: numbers of alarms with an id of this journal, `merged`. `closed`: when each ended.
        """
        self._ids, self._conditions = AlarmIds(last_alarm, last_alarm + 1, own), Conditions(closed)

    def resume(self, alarm: Alarm, entry: int | None) -> None:
        """Take over an open alarm; `entry`: number of its last entry if that has no receipt yet."""
        self._put(alarm)
        self._conditions.opened(alarm)
        if entry is not None:
            self._awaited.add(entry, alarm.number, alarm.made - 1)

    def linger(self, alarm: Alarm) -> None:
        """Take over an ended alarm whose condition was still on."""
        self._conditions.linger(alarm)

    def renumber(
        self,
        journal: str,
        entries: Sequence[Entry],
        now: Moment,
        *,
        last: int = 0,
        shared: int | None = None,
        why: str = "storage",
    ) -> None:
        """Begin another journal, whose numbers follow `last`, for what is open and for `entries`.

        The old journal does not have those entries. Alarms numbered above `shared` get new ids: the
        platform knows, or will know, others under theirs. By default these are the alarms that
        began in this very turn, whose numbers the old journal will give again.
        """
        about = [e.fact for e in entries if isinstance(e.fact, AlarmFact)]
        if shared is None:
            begun = [fact.alarm.number for fact in about if fact.before is None]
            shared = min(begun, default=self._ids.last + 1) - 1
        to = Renaming(self._book.journal, journal, shared)
        self._book.begin(journal, last)
        self._awaited = Awaited()
        self._ids = AlarmIds(self._ids.last, shared + 1)
        self._open = {number: to.alarm(alarm) for number, alarm in self._open.items()}
        self._conditions.rename(to)
        for entry in entries:
            fact = entry.fact
            if isinstance(fact, AlarmFact):
                calls = fact.alarm.calls
                call = fact.alarm.made - 1 if calls and calls[-1].at == entry.at else -1
                self.write(replace(fact, alarm=to.alarm(fact.alarm)), now, call=call, at=entry.at)
            elif isinstance(fact, ResultFact):
                self._book.entry(replace(fact, alarm=to.id(fact.alarm)), now, at=entry.at)
            else:
                self._book.entry(fact, now, at=entry.at)
        told = {fact.alarm.number for fact in about}
        self.restored([a for n, a in self._open.items() if n not in told], now, why=why)

    def restored(self, alarms: Iterable[Alarm], now: Moment, *, why: str) -> None:
        """Write down once more how these open alarms stand."""
        for alarm in alarms:
            self.say(alarm, "restored", now, reason=why)

    # -- what is open -----------------------------------------------------------------------------

    @property
    def open(self) -> Mapping[int, Alarm]:
        """Every open alarm by its number."""
        return self._open

    def due(self) -> float:
        """Return the monotonic second at which `steps` or a count has something to say, or inf."""
        return min(self.counting.due(), min(self._due_now().values(), default=inf))

    def steps(self, now: Moment) -> Iterator[tuple[Alarm, Step]]:
        """Yield each alarm on which something is due, and what."""
        for number in sorted(n for n, due in self._due_now().items() if due <= now.mono):
            alarm = self._open[number]
            if (due := step(alarm, self.ladder, self.times, now.mono)) is not None:
                yield alarm, due

    def of(self, kind: str, device: DeviceId) -> Alarm | None:
        """Return the newest open alarm of a kind and device, those of a walk test left out."""
        return self._open.get(self._conditions.newest(kind, device))

    def ended(self, alarm: str) -> bool:
        """Say whether an alarm was of this journal, or the last ended one of a kind and device.

        Others of earlier journals are not known, nor those whose entries are not kept any more.
        """
        return self._ids.has(alarm, self._book.journal) or self._conditions.has_ended(alarm)

    def pre_alarms(self, *, test: bool) -> list[Alarm]:
        """Return the alarms in their grace, real ones or tests."""
        return [a for a in self._open.values() if a.state is State.PRE_ALARM and a.test is test]

    def cancel_graces(self, at: Moment, device: DeviceId, *, test: bool) -> list[Alarm]:
        """End and return the graces that ask about the resident: `device` said cancel."""
        asks = [alarm for alarm in self.pre_alarms(test=test) if alarm.kind in kinds.ANSWERED]
        for alarm in asks:
            self.move(alarm, Move.CANCEL, at, by=f"resident, {device}")
        return asks

    def covered(self, ranges: Sequence[Range]) -> list[int]:
        """Return the entries without receipt that these ranges, which are `merged`, cover."""
        return self._awaited.covered(ranges)

    def opened(
        self,
        kind: str,
        device: str,
        room: str,
        at: Moment,
        evidence: tuple[Proof, ...],
        *,
        grace: float = 0.0,
        shelved: bool = False,
        test: bool = False,
        by: str = "",
        why: str = "",
        linked: str = "",
        listed: bool = False,
    ) -> Alarm:
        """Open an alarm: in its `grace` (seconds), or raised and the platform called.

        `linked` is the alarm that it is the next of.
        """
        walk = test and kind != kinds.TEST
        if not walk:
            self.faded(kind, device, at, reason="returned")
        self._ids.last += 1
        alarm = Alarm(
            number=self._ids.last,
            id=f"{self._book.journal}-a{self._ids.last}",
            kind=kind,
            priority=Priority.P4 if walk else kinds.of(kind).priority,
            device=device,
            room=room,
            state=State.PRE_ALARM,
            since=at,
            stages={"danger": self._book.stamp(at)},
            grace=grace,
            masking=Masking.SHELVED if shelved else Masking.NONE,
            evidence=evidence,
            linked="" if walk else linked or self._conditions.ended_lately(kind, device, at),
            condition_active=kind not in MOMENTARY,
            test=test,
            listed=listed,
        )
        # a real danger of the same kind must find its own place, whatever the test has left behind
        if not walk:
            self._conditions.opened(alarm)
        if grace > 0:
            self.keep(alarm)
            self.write(AlarmFact(alarm, "danger", None, by or device, why), at)
            return alarm
        stages = {**alarm.stages, "alarm": self._book.stamp(at)}
        alarm, by = replace(alarm, state=State.RAISED, stages=stages), by or device
        return self.call(alarm, 0, Reason.RAISED, at, before=None, move="raise", by=by, why=why)

    def closes_by_receipt(self, alarm: Alarm, reason: str) -> None:
        """Let the platform's receipt close a test alarm, for this reason."""
        self._until_receipt[alarm.number] = reason

    def keep(self, alarm: Alarm) -> Alarm:
        """Take an alarm as it stands now; one that has ended is open no more."""
        if alarm.open:
            self._put(alarm)
            return alarm
        self._open.pop(alarm.number, None)
        self._dues.pop(alarm.number, None)
        self._moved.discard(alarm.number)
        self.counting.over(alarm.number)
        self._until_receipt.pop(alarm.number, None)
        self._conditions.ended(alarm, self._open.values())
        newer = self._conditions.newest(alarm.kind, alarm.device) > alarm.number
        if not newer and not is_walk(alarm):  # a newer one of the same level goes on
            self._judge.ended(alarm.kind, alarm.device, end_of(alarm))
        self._awaited.forget(alarm.number)
        return alarm

    def told_now_and_then(self, alarm: Alarm, move: str, by: str, at: Moment) -> None:
        """Write how often a level was heard, or that it is over; one that chatters is counted."""
        if self.counting.at_once(alarm.number, at.mono):
            self.say(alarm, move, at, by=by)

    def tell_counts(self, numbers: Iterable[int], now: Moment) -> None:
        """Write down how these alarms stand whose levels were only counted."""
        for alarm in (self._open[number] for number in numbers if number in self._open):
            move = "count" if alarm.condition_active else "clear"
            self.say(alarm, move, now, by=alarm.device)

    def faded(
        self, kind: str, device: DeviceId, at: Moment, *, by: str = "rule", reason: str
    ) -> None:
        """Write that an ended alarm's condition is gone: after a restart too its return is new."""
        alarm = self._conditions.faded(kind, device)
        if alarm is not None:
            self.say(replace(alarm, condition_active=False), "clear", at, by=by, reason=reason)

    def past(self, alarm: Alarm, now: Moment) -> bool:
        """Say whether it was answered so long ago that whoever came may be gone again."""
        return alarm.state in ANSWERED and now.mono - alarm.answered > self.times.new_again

    def succeeded(self, alarm: Alarm, now: Moment) -> None:
        """Hand what lasts of an alarm to its successor: the end of it ends nothing any more."""
        if alarm.condition_active:
            alarm = self.keep(replace(alarm, condition_active=False))
            self.say(alarm, "clear", now, reason="new_alarm")

    # -- moves and calls --------------------------------------------------------------------------

    def move(
        self,
        alarm: Alarm,
        move: Move,
        now: Moment,
        *,
        by: str = "rule",
        reason: str = "",
        vouched: bool = False,
    ) -> Alarm:
        """Carry out one move of the table; `vouched`: by somebody at home. Raises NotAllowed."""
        stamp = self._book.stamp(now)
        after = moved(alarm, move, now, stamp, by=by, reason=reason, vouched=vouched)
        # help is taken away: whoever is being called for a renewed SOS is still wanted
        if move not in {Move.DECLINE, Move.RECALL}:
            after = taken_back(after)
        if not after.open and self._judge.endless(alarm.kind, alarm.device):
            # nobody will ever say that it is over: with its alarm it counts as that
            after = replace(after, condition_active=False)
        self.keep(after)
        self.write(AlarmFact(after, move.value, alarm.state, by, reason), now)
        return after

    def raise_now(self, alarm: Alarm, move: Move, now: Moment, *, reason: str) -> None:
        """End a grace by a move that raises the alarm, and call the platform."""
        after = moved(alarm, move, now, self._book.stamp(now), by="rule", reason=reason)
        before = alarm.state
        self.call(after, 0, Reason.RAISED, now, before=before, move=move.value, why=reason)

    def lapse(self, alarm: Alarm, rung: int | None, reason: str, now: Moment) -> None:
        """Take back an answer that nothing has come of, and call the next `rung`.

        None: people are being called already. A responder who was on the way and has not arrived is
        asked once, where a program can do that.
        """
        after = moved(alarm, Move.LAPSE, now, self._book.stamp(now), by="rule", reason=reason)
        before, move = alarm.state, Move.LAPSE.value
        if rung is None:
            self.write(AlarmFact(self.keep(after), move, before, "rule", reason), now)
            return
        sent = before is State.DISPATCHED and not alarm.test
        who = asked(alarm, self.ladder, rung) if sent else None
        if who is not None:
            after = self.call(after, who, Reason.ASKED, now, before=before, move=move, why=reason)
            before, move = after.state, "call"
        self.call(after, rung, reason, now, before=before, move=move)

    def call(
        self,
        alarm: Alarm,
        rung: int,
        reason: str,
        now: Moment,
        *,
        before: State | None,
        move: str = "call",
        by: str = "rule",
        why: str = "",
    ) -> Alarm:
        """Call `rung` for an alarm. The call stands in the alarm; its entry tells the platform.

        What is beside the ladder does not begin its wait anew.
        """
        stamp = self._book.stamp(now)
        call, passed = next_call(alarm, rung, reason, self.ladder, self.down, stamp, now)
        alarm = self.keep(called(alarm, call, now.mono))
        said = passed if passed and move == "call" else why or reason
        self.write(AlarmFact(alarm, move, before, by, said), now, call=alarm.made - 1)
        return alarm

    def called_back(self, number: int, index: int, now: Moment, *, ok: bool, detail: str) -> None:
        """Take how a local program's call ended. One that failed sends the ladder on at once."""
        alarm = self._open.get(number)
        at = -1 if alarm is None else place(alarm, index)
        if alarm is not None and at >= 0:
            delivery = Delivery.ACCEPTED if ok else Delivery.FAILED
            alarm = self._put(replace(alarm, calls=delivered(alarm, at, delivery)))
            who = alarm.calls[at].responder
            self.say(alarm, f"call_{delivery}", now, by=who, reason=detail[:LONGEST])

    def loud(self, alarm: Alarm, now: Moment) -> None:
        """End the silence of an alarm: its time is over."""
        self.say(self.keep(loud(alarm)), SILENCE_OVER, now, reason="time_over")

    def receipted(self, number: int, now: Moment) -> Alarm | None:
        """Take a receipt; return the alarm if it is the first about it: that is its push stage."""
        found = self._awaited.take(number)
        alarm = self._open.get(found[0]) if found else None
        if found is None or alarm is None or (alarm.accepted and found[1] < 0):
            return None
        # A program's call is accepted by the program alone; the receipt says only that the platform
        # knows of it.
        at = place(alarm, found[1])
        by_platform = at >= 0 and alarm.calls[at].channel == PLATFORM
        calls = delivered(alarm, at, Delivery.ACCEPTED) if by_platform else alarm.calls
        first = not alarm.accepted and alarm.state is not State.PRE_ALARM
        stages = {**alarm.stages, "push": self._book.stamp(now)} if first else alarm.stages
        alarm = self._put(replace(alarm, calls=calls, stages=stages))
        if not first:
            return None
        self.say(alarm, "receipt", now, by=PLATFORM)
        if (why := self._until_receipt.get(alarm.number)) and Move.CLOSE in MOVES[alarm.state]:
            self.close(alarm, Outcome.TEST, now, reason=why)
        return alarm

    def close(
        self, alarm: Alarm, outcome: Outcome, now: Moment, *, by: str = "rule", reason: str
    ) -> None:
        """Close an alarm with its outcome. Raises NotAllowed."""
        self.move(replace(alarm, outcome=outcome), Move.CLOSE, now, by=by, reason=reason)

    # -- entries ----------------------------------------------------------------------------------

    def say(
        self, alarm: Alarm, move: str, now: Moment, *, by: str = "rule", reason: str = ""
    ) -> None:
        """Write down what has happened to an alarm that stays in its state."""
        self.write(AlarmFact(alarm, move, alarm.state, by, reason), now)

    def write(
        self, fact: AlarmFact, now: Moment, *, call: int = -1, at: When | None = None
    ) -> None:
        """Write a fact's entry. `call`: index of the call it makes; `at`: see `Book.entry`."""
        number = self._book.entry(fact, now, at=at)
        self.counting.written(fact.alarm.number)
        if fact.move != "receipt" and fact.alarm.open and fact.alarm.state is not State.PRE_ALARM:
            self._awaited.add(number, fact.alarm.number, call)

    def _due_now(self) -> Mapping[int, float]:
        for number in self._moved:
            self._dues[number] = due_at(self._open[number], self.ladder, self.times)
        self._moved.clear()
        return self._dues

    def _put(self, alarm: Alarm) -> Alarm:
        """Take an open alarm as it stands now, and when it is due next."""
        self._open[alarm.number] = alarm
        self._moved.add(alarm.number)
        if not alarm.test:
            answered = alarm.answered if alarm.state in ANSWERED else None
            self._judge.answered(alarm.kind, alarm.device, answered)
        return alarm
