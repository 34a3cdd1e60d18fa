"""The open alarms of one household: how they are opened, moved, called for and receipted.

Pure and synchronous. It knows moves, calls and receipts, and nothing of why: what it is told to
open, move or call has been judged elsewhere (`real`, `walk_test`, `orders`, `dispatch`). Each
change is an entry of the `Book`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf

from gateway.judge.alarm import (
    ANSWERED,
    MOVES,
    Alarm,
    Call,
    Delivery,
    Evidence,
    Masking,
    Move,
    Outcome,
    State,
    loud,
    moved,
)
from gateway.judge.book import AlarmFact, Book, Entry, is_walk
from gateway.judge.chatter import Counting
from gateway.judge.danger import Ended, Judge
from gateway.judge.dispatch import (
    BESIDE,
    CHANNEL_DOWN,
    PLATFORM,
    SILENCE_OVER,
    Reason,
    Rung,
    Step,
    asked,
    counts,
    due_at,
    entries,
    round_of,
    skipped,
    step,
    taken_back,
)
from gateway.judge.waits import WAITS
from gateway.words import kind as kinds
from gateway.words.clock import Moment, Stamp
from gateway.words.instruction import ResultFact
from gateway.words.kind import Priority
from gateway.words.ranges import Numbers, Range, within
from gateway.words.reading import DeviceId
from gateway.words.times import Times

# calls that stand in one alarm; more than one round of the longest ladder. The journal has them all
CALLS = 40
# of these that stay when there are more: how it began. Then the oldest of the others makes room
FIRST_CALLS = 8
LONGEST = 400  # characters of a text that comes from outside, as the contract bounds it
# a press is over when it is heard: there is no condition to clear
MOMENTARY = frozenset({kinds.SOS, kinds.HELP, kinds.TEST})

Key = tuple[str, DeviceId]  # (kind, device): what is heard counts on the newest open alarm of each


class OpenAlarms:
    """All open alarms by number. When each is due next is known at any time, see `due`."""

    def __init__(self, book: Book, judge: Judge, *, ladder: Sequence[Rung], times: Times) -> None:
        self.platform_away = False
        # program files that are known not to work, and can be asked when they do again
        self.down: frozenset[str] = frozenset()
        self.counting: Counting[int] = Counting()  # of entries that only count
        self._book = book
        self._judge = judge
        self._open: dict[int, Alarm] = {}
        # alarm number -> when `step` has something to do for it, in the order of `_open`
        self._dues: dict[int, float] = {}
        self._last_alarm = 0
        self._own: Sequence[Range] = ()
        self._first_alarm = 1  # of those below it only its `_own` have an id of this journal
        self._by_key: dict[Key, int] = {}  # the newest open one, those of a walk test left out
        # id of its last ended alarm, and the monotonic second of its end
        self._closed: dict[Key, tuple[str, float]] = {}
        self._lingering: dict[Key, Alarm] = {}  # ended, but the condition is still on
        # entry number -> (alarm number, number of the call it made or -1)
        self._unreceipted: dict[int, tuple[int, int]] = {}
        self._waiting = Numbers()  # these entry numbers
        # test alarms that the platform's receipt closes, and the reason given then
        self._until_receipt: dict[int, str] = {}
        self.arrange(ladder, times)

    def arrange(self, ladder: Sequence[Rung], times: Times) -> None:
        """Go by this ladder and these times from now on. The platform is the first rung, whoever else there is."""
        self.ladder, self._times = (Rung(PLATFORM), *ladder), times
        self.take_platform(away=self.platform_away)

    def take_platform(self, *, away: bool) -> None:
        """Take whether the platform says that it is away: then its receipt is not waited for as long."""
        times, self.platform_away = self._times, away
        self.times = (
            replace(times, receipt=min(times.receipt, times.receipt_away)) if away else times
        )
        self._dues = {
            number: due_at(alarm, self.ladder, self.times) for number, alarm in self._open.items()
        }

    def know_down(self, programs: Iterable[str]) -> None:
        """Take which program files are known not to work: whom they would call is passed over."""
        self.down = frozenset(programs)

    # -- what was known before --------------------------------------------------------------------

    def begin(
        self, *, last_alarm: int, own: Sequence[Range], closed: Mapping[Key, tuple[str, float]]
    ) -> None:
        """Go on after alarm `last_alarm` of a journal.

        `own`: numbers of alarms that have an id of this journal, `merged`. `closed`: the last ended
        alarm of each, and when it ended.
        """
        self._own, self._first_alarm = own, last_alarm + 1
        self._last_alarm, self._closed = last_alarm, dict(closed)

    def resume(self, alarm: Alarm, entry: int | None) -> None:
        """Take over an open alarm; `entry` is the number of its last one where that has no receipt yet."""
        self._put(alarm)
        key = (alarm.kind, alarm.device)
        self._by_key[key] = max(alarm.number, self._by_key.get(key, 0))
        if entry is not None:
            self._wait_for(entry, alarm.number, alarm.made - 1)

    def linger(self, alarm: Alarm) -> None:
        """Take over an ended alarm whose condition was still on."""
        self._lingering[alarm.kind, alarm.device] = alarm

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
        """Begin another journal: its own numbers, after `last`, for `entries` that the old one does not have, and for what is open.

        Alarms numbered above `shared` get new ids, for under theirs the platform knows, or will
        know, others: by default those that began in this very turn, whose numbers the old journal
        will give again.
        """
        begun = [
            e.fact.alarm.number
            for e in entries
            if isinstance(e.fact, AlarmFact) and e.fact.before is None
        ]
        old, above = (
            self._book.journal,
            shared if shared is not None else min(begun, default=self._last_alarm + 1) - 1,
        )
        self._book.begin(journal, last)
        self._unreceipted, self._waiting = {}, Numbers()
        self._own, self._first_alarm = (), above + 1
        self._closed = {
            key: (renamed(alarm, old, journal, above), at)
            for key, (alarm, at) in self._closed.items()
        }
        self._open = {
            number: _renamed(alarm, old, journal, above) for number, alarm in self._open.items()
        }
        self._lingering = {
            key: _renamed(alarm, old, journal, above) for key, alarm in self._lingering.items()
        }
        for entry in entries:
            fact = entry.fact
            if isinstance(fact, AlarmFact):
                calls = fact.alarm.calls
                call = fact.alarm.made - 1 if calls and calls[-1].at == entry.at else -1
                self.write(
                    replace(fact, alarm=_renamed(fact.alarm, old, journal, above)),
                    now,
                    call=call,
                    at=entry.at,
                )
            elif isinstance(fact, ResultFact):
                self._book.entry(
                    replace(fact, alarm=renamed(fact.alarm, old, journal, above)), now, at=entry.at
                )
            else:
                self._book.entry(fact, now, at=entry.at)
        told = {e.fact.alarm.number for e in entries if isinstance(e.fact, AlarmFact)}
        self.restored(
            [alarm for alarm in self._open.values() if alarm.number not in told], now, why=why
        )

    def restored(self, alarms: Iterable[Alarm], now: Moment, *, why: str) -> None:
        """Write down once more how these open alarms stand."""
        for alarm in alarms:
            self.write(AlarmFact(alarm, "restored", alarm.state, "rule", why), now)

    # -- what is open -----------------------------------------------------------------------------

    @property
    def open(self) -> Mapping[int, Alarm]:
        """Every open alarm by its number."""
        return self._open

    def due(self) -> float:
        """Return the monotonic second at which `steps` has something to say, or a count is to be written; inf for never."""
        return min(self.counting.due(), min(self._dues.values(), default=inf))

    def steps(self, now: Moment) -> Iterator[tuple[Alarm, Step]]:
        """Yield each alarm on which something is due, and what."""
        for number in [number for number, due in self._dues.items() if due <= now.mono]:
            alarm = self._open[number]
            if (due := step(alarm, self.ladder, self.times, now.mono)) is not None:
                yield alarm, due

    def of(self, kind: str, device: DeviceId) -> Alarm | None:
        """Return the newest open alarm of a kind and device, those of a walk test left out."""
        return self._open.get(self._by_key.get((kind, device), 0))

    def ended(self, alarm: str) -> bool:
        """Say whether this was an alarm of this home: one of this journal, or the last one of a kind and device that has ended.

        Of earlier journals no others are known, and of this one none whose entries are not kept any
        more.
        """
        head, _, number = alarm.rpartition("-a")
        told = int(number) if number.isascii() and number.isdecimal() and len(number) < 13 else 0
        there = self._first_alarm <= told <= self._last_alarm or within(told, self._own)
        ours = there and (head, number) == (self._book.journal, str(told))
        return ours or any(found[0] == alarm for found in self._closed.values())

    def pre_alarms(self, *, test: bool) -> list[Alarm]:
        """Return the alarms in their grace, real ones or tests."""
        return [
            alarm
            for alarm in self._open.values()
            if alarm.state is State.PRE_ALARM and alarm.test is test
        ]

    def cancel_graces(self, at: Moment, device: DeviceId, *, test: bool) -> list[Alarm]:
        """End and return the graces, real ones or tests, that ask about the resident: cancel was pressed on `device`."""
        asks = [alarm for alarm in self.pre_alarms(test=test) if alarm.kind in kinds.ANSWERED]
        for alarm in asks:
            self.move(alarm, Move.CANCEL, at, by=f"resident, {device}")
        return asks

    def covered(self, ranges: Sequence[Range]) -> list[int]:
        """Return which entries about open alarms, of those without receipt, these ranges cover; they are `merged`."""
        return self._waiting.covered(ranges)

    def opened(
        self,
        kind: str,
        device: str,
        room: str,
        at: Moment,
        evidence: tuple[Evidence, ...],
        *,
        grace: float = 0.0,
        shelved: bool = False,
        test: bool = False,
        by: str = "",
        why: str = "",
        linked: str = "",
        listed: bool = False,
    ) -> Alarm:
        """Open an alarm: in its grace where there is one (s), else raised and the platform called. `linked`: what it is the next of."""
        walk = test and kind != kinds.TEST
        if not walk:
            self.faded(kind, device, at, by="rule", reason="returned")
        self._last_alarm += 1
        alarm = Alarm(
            number=self._last_alarm,
            id=f"{self._book.journal}-a{self._last_alarm}",
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
            linked="" if walk else linked or self._ended_lately((kind, device), at),
            condition_active=kind not in MOMENTARY,
            test=test,
            listed=listed,
        )
        # a real danger of the same kind must find its own place, whatever the test has left behind
        if not walk:
            self._by_key[kind, device] = alarm.number
        if grace > 0:
            self.keep(alarm)
            self.write(AlarmFact(alarm, "danger", None, by or device, why), at)
            return alarm
        alarm = replace(
            alarm, state=State.RAISED, stages={**alarm.stages, "alarm": self._book.stamp(at)}
        )
        return self.call(
            alarm, 0, Reason.RAISED, at, before=None, move="raise", by=by or device, why=why
        )

    def closes_by_receipt(self, alarm: Alarm, reason: str) -> None:
        """Let the platform's receipt close a test alarm, for this reason."""
        self._until_receipt = {
            n: why for n, why in self._until_receipt.items() if n in self._open
        } | {alarm.number: reason}

    def counted(self, alarm: Alarm, evidence: tuple[Evidence, ...]) -> Alarm:
        """Count its danger once more, heard anew: the first evidence and the newest stand in the alarm."""
        active = alarm.kind not in MOMENTARY
        return self.keep(
            replace(
                alarm,
                count=alarm.count + 1,
                condition_active=active,
                evidence=(*alarm.evidence[:1], *evidence),
            )
        )

    def keep(self, alarm: Alarm) -> Alarm:
        """Take an alarm as it stands now; one that has ended is open no more."""
        if alarm.open:
            self._put(alarm)
            return alarm
        self._open.pop(alarm.number, None)
        self._dues.pop(alarm.number, None)
        self.counting.over(alarm.number)
        if self._by_key.get((alarm.kind, alarm.device)) == alarm.number:
            self._point_to_newest((alarm.kind, alarm.device))
        if not is_walk(alarm):
            if alarm.condition_active:
                self._lingering[alarm.kind, alarm.device] = alarm
            self._closed[alarm.kind, alarm.device] = alarm.id, alarm.since.mono
            newest = self.of(alarm.kind, alarm.device)
            # a newer one of the same level goes on
            if newest is None or newest.number < alarm.number:
                self._judge.ended(alarm.kind, alarm.device, end_of(alarm))
        self._unreceipted = {
            entry: found for entry, found in self._unreceipted.items() if found[0] != alarm.number
        }
        self._waiting = Numbers(self._unreceipted)
        return alarm

    def told_now_and_then(self, alarm: Alarm, move: str, by: str, at: Moment) -> None:
        """Write how often a level was heard, or that it is over: of one that chatters now and then, and in memory meanwhile."""
        if self.counting.at_once(alarm.number, at.mono):
            self.write(AlarmFact(alarm, move, alarm.state, by, ""), at)

    def tell_counts(self, numbers: Iterable[int], now: Moment) -> None:
        """Write down how these alarms stand whose levels were only counted."""
        for alarm in (self._open[number] for number in numbers if number in self._open):
            self.write(
                AlarmFact(
                    alarm,
                    "count" if alarm.condition_active else "clear",
                    alarm.state,
                    alarm.device,
                    "",
                ),
                now,
            )

    def faded(self, kind: str, device: DeviceId, at: Moment, *, by: str, reason: str) -> None:
        """Journal that the condition of an ended alarm is gone, so that after a restart its return is a new danger."""
        alarm = self._lingering.pop((kind, device), None)
        if alarm is not None:
            self.write(
                AlarmFact(replace(alarm, condition_active=False), "clear", alarm.state, by, reason),
                at,
            )

    def past(self, alarm: Alarm, now: Moment) -> bool:
        """Say whether somebody has had an alarm for so long that a new danger is a new alarm: whoever came may be gone."""
        return alarm.state in ANSWERED and now.mono - alarm.answered > self.times.new_again

    def succeeded(self, alarm: Alarm, now: Moment) -> None:
        """Hand what lasts of an open alarm over to the newer one that is opened now: its end ends nothing here any more."""
        if alarm.condition_active:
            self.write(
                AlarmFact(
                    self.keep(replace(alarm, condition_active=False)),
                    "clear",
                    alarm.state,
                    "rule",
                    "new_alarm",
                ),
                now,
            )

    def _point_to_newest(self, key: Key) -> None:
        newest = max(
            (a.number for a in self._open.values() if (a.kind, a.device) == key and not is_walk(a)),
            default=0,
        )
        if newest:
            self._by_key[key] = newest
        else:
            self._by_key.pop(key, None)

    def _ended_lately(self, key: Key, at: Moment) -> str:
        ended, when = self._closed.get(key, ("", 0.0))
        return ended if at.mono - when <= WAITS.linked or key[0].startswith("env.") else ""

    # -- moves and calls --------------------------------------------------------------------------

    def move(
        self,
        alarm: Alarm,
        move: Move,
        now: Moment,
        *,
        by: str,
        reason: str = "",
        vouched: bool = False,
    ) -> Alarm:
        """Carry out one move of the table; `vouched`: by somebody in the home. Raises NotAllowed."""
        after = moved(
            alarm, move, now, self._book.stamp(now), by=by, reason=reason, vouched=vouched
        )
        # help is taken away: whoever is being called for a renewed SOS is still wanted
        if move not in {Move.DECLINE, Move.RECALL}:
            after = taken_back(after)
        if not after.open and self._judge.endless(alarm.kind, alarm.device):
            # nobody will ever say that it is over: with its alarm it counts as that
            after = replace(after, condition_active=False)
        self.keep(after)
        self.write(AlarmFact(after, move.value, alarm.state, by, reason), now)
        return after

    def raise_now(self, alarm: Alarm, move: Move, now: Moment, *, by: str, reason: str) -> None:
        """End a grace by a move that raises the alarm, and call the platform."""
        after = moved(alarm, move, now, self._book.stamp(now), by=by, reason=reason)
        self.call(
            after, 0, Reason.RAISED, now, before=alarm.state, move=move.value, by=by, why=reason
        )

    def lapse(self, alarm: Alarm, rung: int | None, reason: str, now: Moment) -> None:
        """Take an answer back that nothing has come of in its time, and call the next; None: people are being called already.

        A responder who was on the way and has not arrived is asked once, where that can be done.
        """
        after = moved(alarm, Move.LAPSE, now, self._book.stamp(now), by="rule", reason=reason)
        who = (
            asked(alarm, self.ladder, rung)
            if rung is not None and alarm.state is State.DISPATCHED and not alarm.test
            else None
        )
        if rung is None:
            self.write(
                AlarmFact(self.keep(after), Move.LAPSE.value, alarm.state, "rule", reason), now
            )
        elif who is None:
            self.call(after, rung, reason, now, before=alarm.state, move=Move.LAPSE.value)
        else:
            after = self.call(
                after, who, Reason.ASKED, now, before=alarm.state, move=Move.LAPSE.value, why=reason
            )
            self.call(after, rung, reason, now, before=after.state)

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
        """Call `rung` for an alarm: the call stands in the alarm, its entry is what tells the platform.

        Whoever was called before in this round of the ladder begins the next one. What is beside
        the ladder does not begin its wait anew.
        """
        who, entry, now_round = (
            self.ladder[rung],
            entries(self.ladder)[rung] if rung else "",
            round_of(alarm),
        )
        beside = reason in BESIDE
        if (
            rung
            and not beside
            and any(
                c.entry == entry and c.round == now_round and counts(c, alarm) for c in alarm.calls
            )
        ):
            now_round += 1
        held = alarm.test and rung > 0  # a test never reaches the real ladder
        down = not held and skipped(who, self.ladder, self.down)
        call = Call(
            rung,
            who.responder,
            who.channel,
            reason,
            self._book.stamp(now),
            Delivery.HELD if held else Delivery.FAILED if down else Delivery.WAITING,
            entry=entry,
            round=now_round,
            mono=round(now.mono, 3),
        )
        calls = (*alarm.calls, call)
        calls = calls if len(calls) <= CALLS else (*calls[:FIRST_CALLS], *calls[FIRST_CALLS + 1 :])
        alarm = replace(alarm, calls=calls, made=alarm.made + 1)
        alarm = self.keep(alarm if beside else replace(alarm, rung=rung, called=now.mono))
        said = CHANNEL_DOWN if down and move == "call" else why or reason
        self.write(AlarmFact(alarm, move, before, by, said), now, call=alarm.made - 1)
        return alarm

    def called_back(self, number: int, index: int, now: Moment, *, ok: bool, detail: str) -> None:
        """Take how a call by a local program ended. A call that failed sends the ladder on at once."""
        alarm = self._open.get(number)
        place = -1 if alarm is None else _place(alarm, index)
        if alarm is not None and place >= 0:
            calls = _delivered(alarm, place, Delivery.ACCEPTED if ok else Delivery.FAILED)
            alarm = self._put(replace(alarm, calls=calls))
            name = "call_accepted" if ok else "call_failed"
            self.write(
                AlarmFact(alarm, name, alarm.state, alarm.calls[place].responder, detail[:LONGEST]),
                now,
            )

    def loud(self, alarm: Alarm, now: Moment) -> None:
        """End the silence of an alarm: its time is over."""
        self.write(
            AlarmFact(self.keep(loud(alarm)), SILENCE_OVER, alarm.state, "rule", "time_over"), now
        )

    def receipted(self, number: int, now: Moment) -> Alarm | None:
        """Take the platform's receipt of an entry. Return its alarm if this is the first about it: that is its push stage."""
        found = self._unreceipted.pop(number, None)
        self._waiting.discard(number)
        alarm = self._open.get(found[0]) if found else None
        if found is None or alarm is None or (alarm.accepted and found[1] < 0):
            return None
        # A program's call is accepted by the program alone; the receipt says only that the platform
        # knows of it.
        place = _place(alarm, found[1])
        by_platform = place >= 0 and alarm.calls[place].channel == PLATFORM
        calls = _delivered(alarm, place, Delivery.ACCEPTED) if by_platform else alarm.calls
        first = not alarm.accepted and alarm.state is not State.PRE_ALARM
        alarm = replace(
            alarm,
            calls=calls,
            stages={**alarm.stages, "push": self._book.stamp(now)} if first else alarm.stages,
        )
        self._put(alarm)
        if not first:
            return None
        self.write(AlarmFact(alarm, "receipt", alarm.state, PLATFORM, ""), now)
        reason = self._until_receipt.get(alarm.number)
        if reason is not None and Move.CLOSE in MOVES[alarm.state]:
            self.close(alarm, Outcome.TEST, now, by="rule", reason=reason)
        return alarm

    def close(self, alarm: Alarm, outcome: Outcome, now: Moment, *, by: str, reason: str) -> None:
        """Close an alarm with its outcome. Raises NotAllowed."""
        self.move(replace(alarm, outcome=outcome), Move.CLOSE, now, by=by, reason=reason)

    # -- entries ----------------------------------------------------------------------------------

    def write(
        self, fact: AlarmFact, now: Moment, *, call: int = -1, at: Stamp | None = None
    ) -> None:
        """Write the entry of a fact. `call` is the index of the call that it makes; `at` is as in `Book.entry`."""
        number = self._book.entry(fact, now, at=at)
        self.counting.written(fact.alarm.number)
        if fact.move != "receipt" and fact.alarm.open and fact.alarm.state is not State.PRE_ALARM:
            self._wait_for(number, fact.alarm.number, call)

    def _put(self, alarm: Alarm) -> Alarm:
        """Take an open alarm as it stands now, and when it is due next."""
        self._open[alarm.number] = alarm
        self._dues[alarm.number] = due_at(alarm, self.ladder, self.times)
        if not alarm.test:
            answered = alarm.answered if alarm.state in ANSWERED else None
            self._judge.answered(alarm.kind, alarm.device, answered)
        return alarm

    def _wait_for(self, entry: int, alarm: int, call: int) -> None:
        self._unreceipted[entry] = (alarm, call)
        self._waiting.add(entry)


def end_of(alarm: Alarm) -> Ended:
    """Return what the judge has to know of an alarm that has ended."""
    return Ended(
        alarm.since,
        again=alarm.state is State.CANCELLED
        or alarm.outcome in {Outcome.FALSE_ALARM, Outcome.TEST},
    )


def _place(alarm: Alarm, index: int) -> int:
    """Return where call number `index` (from 0) stands in the alarm's calls; -1 where it does not, or no more."""
    gone = alarm.made - len(alarm.calls)
    place = index if index < FIRST_CALLS or gone <= 0 else index - gone
    return (
        place if (place == index or place >= FIRST_CALLS) and 0 <= place < len(alarm.calls) else -1
    )


def _delivered(alarm: Alarm, place: int, delivery: Delivery) -> tuple[Call, ...]:
    """Return the calls with one as delivered. One of a test stays as it was held; one that was taken back may have ended before."""
    calls = alarm.calls
    if calls[place].delivery is Delivery.HELD and alarm.test:
        return calls
    return (*calls[:place], replace(calls[place], delivery=delivery), *calls[place + 1 :])


def renamed(alarm: str, old: str, new: str, shared: int) -> str:
    """Return an alarm's id in another journal: a new one where the old journal named it and its number is above `shared`."""
    head, number = f"{old}-a", alarm[len(old) + 2 :]
    return (
        f"{new}-a{number}"
        if alarm.startswith(head) and number.isdecimal() and int(number) > shared
        else alarm
    )


def _renamed(alarm: Alarm, old: str, new: str, shared: int) -> Alarm:
    return replace(
        alarm,
        id=renamed(alarm.id, old, new, shared),
        linked=renamed(alarm.linked, old, new, shared),
    )
