"""One turn of the story: a reading, an instruction, a receipt or the passing of time goes in, numbered entries come out.

Pure and synchronous: a function of readings, instructions and monotonic time, so that the same recorded day gives the same
alarms. It tells nobody anything; what it returns is committed first, then told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from gateway.judge.alarm import MOVES, Alarm, Evidence, Masking, Move, NotAllowed, Outcome, State, loud, shifted
from gateway.judge.away import Away
from gateway.judge.book import MOMENTARY, AlarmFact, Book, Entry, is_walk
from gateway.judge.chatter import Counting
from gateway.judge.danger import Cancelled, Cleared, Danger, Ended, Forgotten, Judge, Judgement
from gateway.judge.dispatch import Reason, Rung, due_at, following, interrupted, recalled, step
from gateway.judge.faults.fault import FaultFact, Faults, Turn
from gateway.judge.first_press import REASON, FirstPresses
from gateway.judge.lateness import left, malformed, takes_away, undecided
from gateway.judge.levels import On
from gateway.judge.masks import NOT_MASKED, End, Shelf
from gateway.judge.pending import Pending
from gateway.judge.walk_record import Plug
from gateway.judge.walk_test import Walking
from gateway.words import kind as kinds
from gateway.words.clock import Moment, Stamp
from gateway.words.instruction import FORGOTTEN, LOCAL_ONLY, Do, Done, Door, Instruction, Refused, ResultFact, no
from gateway.words.kind import Priority
from gateway.words.ranges import Range, within
from gateway.words.reading import DeviceId, Reading
from gateway.words.times import Times

REMEMBERED = 5000  # instruction ids kept against repeats, the oldest forgotten first
ENDINGS = 500  # ids of orders that took protection away, kept apart: a flood of others pushes none of them out. A month has dozens
WELL_AGAIN = 60.0  # s for which the same word of the resident about the same alarm is not written down again
FLICKER, FLICKERS = 600.0, 2  # s in which so many graces that ended by themselves leave the next of the same device and kind none
OFTEN = 3  # cancelled alarms within Times.cancelled_often that are told as a P3 of their own

# What an instruction does to the response, where it is one plain move.
_MOVE_OF = {
    Do.ACKNOWLEDGE: Move.ACKNOWLEDGE,
    Do.DISPATCH: Move.DISPATCH,
    Do.DECLINE: Move.DECLINE,
    Do.RECALL: Move.RECALL,
    Do.ARRIVE: Move.ARRIVE,
    Do.CLOSE: Move.CLOSE,
}
_PRESSED = frozenset({kinds.SOS, kinds.HELP})
_CONFIRMS = frozenset({kinds.SOS, kinds.HELP, kinds.FALL, kinds.STAY_TOO_LONG})  # second evidence for a fall in its grace


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the store remembers across a restart. Alarms come with `since` of this boot, or None where the boot is another."""

    journal: str
    last: int = 0
    last_alarm: int = 0
    own: Sequence[Range] = ()  # numbers of alarms that have an id of this journal and are kept
    # (alarm, its monotonic times are of this boot): every open one, and ended ones whose condition was still on
    alarms: Sequence[tuple[Alarm, bool]] = ()
    carried: Mapping[int, bool] = field(default_factory=dict)  # alarm number -> it was written in this boot and journal
    shift: Mapping[int, float] = field(default_factory=dict)  # alarm number -> what makes its times those of this boot, see clock.bridged
    raised_in: Mapping[int, int] = field(default_factory=dict)  # alarm number -> its last entry, where that has no receipt yet
    closed: Mapping[tuple[str, DeviceId], str] = field(default_factory=dict)  # (kind, device) -> id of its last ended alarm
    closed_for: Mapping[tuple[str, DeviceId], float] = field(default_factory=dict)  # s since its end, as far as is known
    cancels: Iterable[Stamp] = ()  # when the resident was quicker, the oldest first, on this boot's clock
    faults: Mapping[tuple[str, str], FaultFact] = field(default_factory=dict)
    said_for: Mapping[tuple[str, str], float] = field(default_factory=dict)  # seconds since each of them was said last
    silent_for: Mapping[DeviceId, float] = field(default_factory=dict)  # seconds of silence that had been counted
    heard_ago: Mapping[DeviceId, float] = field(default_factory=dict)  # seconds since each was heard, by the wall clock
    done: Mapping[str, Done] = field(default_factory=dict)
    endings: Iterable[str] = ()
    shelves: Mapping[DeviceId, Shelf] = field(default_factory=dict)
    away: End = NOT_MASKED
    pending: Pending = field(default_factory=lambda: Pending(same_boot=False))


class Pipeline:
    """What is heard, instructed, receipted and due in one household, turned into entries of its book."""

    def __init__(
        self, *, boot: str, devices: Mapping[DeviceId, str], judge: Judge, faults: Faults, ladder: Sequence[Rung], times: Times
    ) -> None:
        self.boot = boot
        self.faults = faults
        self.shelves: dict[DeviceId, Shelf] = {}
        self.masks_changed = False
        self._book = Book(boot=boot, ladder=ladder, times=times)
        self._book.endless = judge.endless
        self._book.has_ended = lambda alarm: judge.ended(alarm.kind, alarm.device, _ended(alarm))
        self.walking = Walking(self._book, faults, judge, real=self._danger)
        self.away = Away(faults, lambda: self._book.times)
        self.first_presses = FirstPresses()
        self._installed: dict[DeviceId, float] = {}  # when a device was enrolled, or became other hardware, in this power-up
        self._rooms = devices
        self._judge = judge
        self._shelved: Counting[tuple[str, DeviceId]] = Counting()  # of dangers of a shelved device that are told
        self._withheld: dict[tuple[str, DeviceId], Danger] = {}  # conditions that began while their device was shelved
        self._ended_in_grace: dict[tuple[str, DeviceId], deque[float]] = {}  # when those began that ended by themselves in their grace
        self._done: dict[str, Done] = {}
        self.resent: list[int] = []  # results of this turn's repeated orders, to be sent once more; the doors bound it
        self._tests: dict[Door, int] = {}  # number of the newest test alarm that was opened at a door
        self._endings: dict[str, None] = {}
        self.endings_changed = False
        self.cancels: deque[Stamp] = deque(maxlen=OFTEN)  # when the resident was quicker, with monotonic seconds of this boot
        self._said_well: dict[int, float] = {}  # alarm number -> when the resident last said to be well
        self._own_tests: set[int] = set()  # numbers of the test alarms that the platform's receipt closes

    @property
    def down(self) -> frozenset[str]:
        """The program files of the ladder that are known not to work."""
        return self._book.down

    def know_down(self, programs: Iterable[str]) -> None:
        """Take which program files of the ladder are known not to work."""
        self._book.down = frozenset(programs)

    @property
    def alarms(self) -> Mapping[int, Alarm]:
        """Every open alarm by its number."""
        return self._book.alarms

    @property
    def waits(self) -> bool:
        """True while a wait runs in which somebody is called or expected: what has passed of it must outlast a power cut."""
        states = {State.RAISED, State.ACKNOWLEDGED, State.DISPATCHED}
        return any(a.state in states and a.priority <= Priority.P2 and not a.test for a in self._book.alarms.values())

    @property
    def waits_quietly(self) -> bool:
        """True while a wait runs that calls nobody yet: a bed or a door is judged, or somebody is on site and has to close."""
        on_site = (a.state is State.ON_SITE and not a.test for a in self._book.alarms.values())
        return self._judge.waits or any(on_site)

    @property
    def last(self) -> int:
        """Number of the newest entry."""
        return self._book.last

    # -- beginning -----------------------------------------------------------------------------------------------------

    def restart(self, now: Moment, known: Known, *, why: str) -> list[Entry]:
        """Take over what was known. A pre-alarm becomes an alarm; nothing else that is restored raises anything."""
        book = self._book
        closed = {key: (alarm_id, now.mono - known.closed_for.get(key, 0.0)) for key, alarm_id in known.closed.items()}
        book.begin(known.journal, last=known.last, last_alarm=known.last_alarm, own=known.own, closed=closed)
        self.shelves = dict(known.shelves)
        self.cancels.extend(known.cancels)
        self._done, self._endings = dict(known.done), dict.fromkeys(known.endings)
        tests = [alarm.number for alarm, _ in known.alarms if alarm.open and alarm.kind == kinds.TEST]
        self._tests = dict.fromkeys(Door, max(tests, default=0))  # by which door is not known any more
        self.faults.start(now, known.faults, known.silent_for, known.said_for, known.heard_ago)
        active: set[tuple[str, DeviceId]] = set()
        over: dict[tuple[str, DeviceId], Ended] = {}
        ended = []
        walked = []
        for alarm, same_boot in known.alarms:
            if is_walk(alarm):
                # A walk test ends with the process: from now on the device is real, and nothing of the test may stand in its way.
                walked += [alarm] if alarm.open else []
                continue
            key = alarm.kind, alarm.device
            watched = alarm.open or (same_boot and not self._judge.endless(*key))
            if watched and alarm.condition_active:
                active.add(key)
            if not alarm.open:
                book.linger(alarm)
                over[key] = _ended(alarm)
                ended += [] if watched else [alarm]
                continue
            over.pop(key, None)
            if not same_boot:  # what has passed of each wait is known: it goes on, whatever the power did
                alarm = shifted(alarm, known.shift.get(alarm.number, now.mono - alarm.since.mono), now)  # noqa: PLW2901
            book.resume(alarm, known.raised_in.get(alarm.number))
        self._judge.restore(active, now, over)
        self._judge.listed_before(alarm.device for alarm, _ in known.alarms if alarm.listed)
        p = known.pending
        in_bed = p.in_bed if p.away < book.times.level_lost else {}
        self._judge.resume(heard=p.heard, doors=p.doors, in_bed=in_bed, left_bed=p.left_bed, same_boot=p.same_boot, moved=p.moved)
        # What a step of the walk test began ended with the process.
        still = {f"shelved {d}": round(shelf.until - now.mono) for d, shelf in self.shelves.items() if shelf.until > now.mono}
        book.tell([self.faults.note(kinds.RESTARTED, now, "", why=why, **still), *self.faults.end_tests(now)], now)
        self._tell_away(self.away.restored(known.away, now, known.said_for.get((kinds.AWAY, ""), 0.0)), now)
        for alarm in ended:
            # Nobody watched while the power was off: what an ended alarm left behind may have gone and come again. Of a make that never
            # says that it is over, an earlier version may have left it behind for ever.
            book.faded(alarm.kind, alarm.device, now, by="rule", reason="restart")
        for alarm in walked:
            self.walking.end_alarm(book.keep(replace(alarm, since=now)), now, by="rule", reason="restart")
        for alarm in list(book.alarms.values()):
            if is_walk(alarm):
                continue
            if alarm.state is State.PRE_ALARM:
                book.raise_now(alarm, Move.EXPIRE, now, by="rule", reason="restart")
            elif not known.carried.get(alarm.number, False):
                # Written down once in this boot (and this journal), so that its waits go on from here over further restarts.
                book.entry(AlarmFact(alarm, "restored", alarm.state, "rule", why), now)
        for alarm in list(book.alarms.values()):
            for rung in [] if alarm.test else interrupted(alarm, book.ladder, book.times, now.mono):
                book.call(book.alarms[alarm.number], rung, Reason.INTERRUPTED, now, before=alarm.state)
        for key, danger in p.withheld.items():
            self._withhold_on(key, danger, now)
        return book.turn()

    def _withhold_on(self, key: tuple[str, DeviceId], danger: Danger, now: Moment) -> None:
        """Go on withholding a danger that began while its device was shelved; where it no longer is, the danger has waited long enough."""
        if key[1] not in self._rooms:
            return
        if danger.evidence:
            self._judge.levels.on.setdefault(key, On(last=danger.evidence[-1]))
        if key[1] in self.shelves:
            self._withheld[key] = danger
        else:
            self._danger(replace(danger, at=now))

    def pending(self) -> Pending:
        """Return what has been heard and is not yet told, for the mark that outlives a restart."""
        judge = self._judge
        heard = {key: one.last for key, one in judge.levels.on.items()}
        return Pending(
            heard=heard,
            doors=judge.open_doors,
            in_bed=judge.beds.lies,
            left_bed=judge.beds.left,
            moved=judge.beds.moved,
            withheld=self._withheld,
        )

    @property
    def unsaved(self) -> bool:
        """True when something of it has changed and no entry says so."""
        return self._judge.unsaved

    @property
    def begun(self) -> set[DeviceId]:
        """The devices of which a judgement has begun since then."""
        return self._judge.begun

    def saved(self) -> None:
        """Take that it has been written."""
        self._judge.unsaved = False
        self._judge.begun.clear()

    def rearrange(
        self, *, devices: Mapping[DeviceId, str], ladder: Sequence[Rung], times: Times, ended: Iterable[FaultFact], now: Moment,
        other: Collection[DeviceId] = (),
    ) -> list[Entry]:  # fmt: skip
        """Go on by a changed configuration: all that is open stays as it is, a grace that runs goes on. `ended` faults are told.

        `other`: devices that are other hardware now.
        """
        gone = self._rooms.keys() - devices.keys()
        if any(self.walking.of(device) for device in (*gone, *other)):
            self.walking.end(now, by="rule", reason="retired", gone=True)
        new = {*(devices.keys() - self._rooms.keys()), *other}
        self._installed = {d: at for d, at in self._installed.items() if d in devices} | dict.fromkeys(new, now.mono)
        self._rooms = devices
        self.first_presses.forget([*gone, *other])
        self._book.arrange(ladder, times)
        for device in gone & self.shelves.keys():
            del self.shelves[device]
            self.masks_changed = True
        self._withheld = {key: danger for key, danger in self._withheld.items() if key[1] not in {*gone, *other}}
        self._ended_in_grace = {key: began for key, began in self._ended_in_grace.items() if key[1] not in {*gone, *other}}
        self._book.tell(ended, now)
        return self._book.turn()

    def renumber(
        self, journal: str, entries: Sequence[Entry], now: Moment, *, last: int = 0, shared: int | None = None, why: str = "storage"
    ) -> list[Entry]:
        """Begin another journal: its own numbers for `entries`, which could not be written to the old one, and for what is open."""
        self._book.renumber(journal, entries, now, last=last, shared=shared, why=why)
        out = self._book.turn()
        self._done = {i: done._replace(entry=0) for i, done in self._done.items()}
        for entry in out:
            if isinstance(entry.fact, ResultFact) and entry.fact.refused not in FORGOTTEN:
                self._done[entry.fact.instruction.id] = Done(entry.fact.instruction.digest, entry.number)
        return out

    def tell_anew(self, faults: Iterable[FaultFact], now: Moment, *, why: str) -> list[Entry]:
        """Write down how all that is open stands, in the same journal: the platform has it from an older generation."""
        self._book.restored(list(self._book.alarms.values()), now, why=why)
        self._book.tell(faults, now)
        return self._book.turn()

    # -- what goes in ------------------------------------------------------------------------------------------------

    def heard(self, reading: Reading) -> list[Entry]:
        """Judge one reading."""
        self._book.tell(self.faults.heard(reading), reading.at)
        self._tell_away(self.away.heard(reading, self._rooms.get(reading.device) or reading.device), reading.at)
        self.walking.heard(reading)
        for judgement in self._judge.heard(reading):
            self._judged(judgement)
        self.walking.judged(reading)
        return self._book.turn()

    def tick(self, now: Moment) -> list[Entry]:
        """Do what has become due."""
        book = self._book
        self._tell_away(self.away.tick(now), now)
        for judgement in self._judge.tick(now, self.away.end.until):
            self._judged(judgement)
        for alarm in list(book.alarms.values()):
            due = step(alarm, book.ladder, book.times, now.mono)
            if due is None:
                continue
            if due.move is Move.CLOSE:
                book.close(alarm, Outcome.TEST, now, by="rule", reason=due.reason)
            elif due.move is Move.LAPSE:
                book.lapse(alarm, due.rung, due.reason, now)
            elif due.move is Move.EXPIRE:
                book.raise_now(alarm, Move.EXPIRE, now, by="rule", reason=due.reason)
            elif due.rung is None:
                book.loud(alarm, now)
            else:
                away = book.platform_away and due.reason == Reason.NO_RECEIPT
                book.call(alarm, due.rung, Reason.PLATFORM_AWAY if away else due.reason, now, before=alarm.state)
        book.tell_counts(book.counting.take(now.mono), now)
        book.tell(self.faults.tick(now), now)
        self.shelves = {d: shelf.settled(now) for d, shelf in self.shelves.items()}
        for device in [d for d, shelf in self.shelves.items() if now.mono >= shelf.until]:
            self._unshelve(device, now)
        self.walking.tick(now)
        return book.turn()

    def last_counts(self, now: Moment) -> list[Entry]:
        """Write down what is only counted in memory: the process ends."""
        self._book.tell_counts(self._book.counting.take_all(), now)
        return self._book.turn()

    def due(self) -> float:
        """Return the monotonic second at which `tick` is wanted."""
        return min(self.due_of_alarms(), self.faults.due())

    def due_of_alarms(self) -> float:
        """Return the same without supervision, which looks at the silences every few seconds."""
        counts = self._book.counting.due()
        alarms = (due_at(alarm, self._book.ladder, self._book.times) for alarm in self._book.alarms.values())
        shelves = (shelf.until for shelf in self.shelves.values())
        return min((counts, *alarms, *shelves, self.away.due(), self.walking.due(), self._judge.due(self.away.end.until)))

    def noticed(self, facts: Iterable[FaultFact], now: Moment) -> list[Entry]:
        """Take facts about the gateway itself, from where they were noticed."""
        self._book.tell(facts, now)
        return self._book.turn()

    def linked(self, up: bool, now: Moment) -> list[Entry]:
        """Take the state of the platform link: up means connected and receipts coming."""
        self._book.tell(self.faults.linked(up, now), now)
        self.walking.plugged(Plug.UPLINK, up, now)
        return self._book.turn()

    def platform(self, *, away: bool) -> list[Entry]:
        """Take whether the platform says that it is away: its receipt is not waited for as long then."""
        self._book.take_platform(away=away)
        return self._book.turn()

    def powered(self, on: bool, now: Moment) -> list[Entry]:
        """Take whether the mains are there."""
        self._book.tell(self.faults.powered(on, now), now)
        self.walking.plugged(Plug.MAINS, on, now)
        return self._book.turn()

    def self_test(self, now: Moment) -> list[Entry]:
        """Raise a test alarm by ourselves. It goes the whole way, and the platform's receipt closes it."""
        self._own_tests = {self._book.open(kinds.TEST, "", "", now, (), test=True, by="rule").number, *self._own_tests & self.alarms.keys()}
        return self._book.turn()

    def covered(self, ranges: Sequence[Range]) -> list[int]:
        """Return which entries about open alarms, and of a walk test, of those without receipt, ranges cover that are `merged`."""
        return [*self._book.covered(ranges), *(n for n in self.walking.unreceipted() if within(n, ranges))]

    def receipted(self, numbers: Iterable[int], now: Moment) -> list[Entry]:
        """Take the platform's word that it has recorded these entries. The first one about an alarm is its push stage."""
        for number in numbers:
            alarm = self._book.receipted(number, now)
            if alarm is not None and alarm.number in self._own_tests and Move.CLOSE in MOVES[alarm.state]:
                reason = "self_test_passed" if alarm.kind == kinds.TEST else REASON
                self._book.close(alarm, Outcome.TEST, now, by="rule", reason=reason)
            self.walking.receipted(number, alarm, now)
        return self._book.turn()

    def called_back(self, number: int, index: int, now: Moment, *, ok: bool, detail: str) -> list[Entry]:
        """Take how a call by a local program ended. A call that failed sends the ladder on at once."""
        self._book.called_back(number, index, now, ok=ok, detail=detail)
        return self._book.turn()

    def told(self, instruction: Instruction, now: Moment, spare: Callable[[], bool] = lambda: True) -> list[Entry]:
        """Carry out one instruction, once. A refused one changes nothing and its result says why, if one is to `spare`."""
        if not self._repeated(instruction, now):
            result = self._carry_out(instruction, now)
            if result.refused is Refused.NONE and takes_away(instruction):
                self._endings[instruction.id], self.endings_changed = None, True
                while len(self._endings) > ENDINGS:
                    del self._endings[next(iter(self._endings))]
            if result.refused is Refused.NONE or spare():
                self._answer(result, now)
        return self._book.turn()

    def answered(self, result: ResultFact, facts: Iterable[FaultFact], now: Moment) -> list[Entry]:
        """Take what came of an instruction that was carried out elsewhere, and what is to be told of it."""
        self._book.tell(facts, now)
        if not self._repeated(result.instruction, now):
            self._answer(result, now)
        return self._book.turn()

    @property
    def done(self) -> Mapping[str, Done]:
        """The instructions that have their answer, oldest first."""
        return self._done

    @property
    def endings(self) -> list[str]:
        """Those of them that took protection away, oldest first."""
        return list(self._endings)

    def is_done(self, instruction: str) -> bool:
        """Say whether an instruction has its answer."""
        return instruction in self._done or instruction in self._endings

    def repeats(self, instruction: Instruction) -> bool | None:
        """Say whether an instruction came before with the same content; None where its id is new."""
        done = self._done.get(instruction.id)
        if done is None:
            return False if instruction.id in self._endings else None
        return done.digest == instruction.digest and done.entry != 0

    def reused(self, instruction: Instruction, now: Moment) -> list[Entry]:
        """Refuse an order under the id of another one that is being carried out; the place of that one's result stays free."""
        self._book.entry(_used(instruction, Done("", 0)), now)
        return self._book.turn()

    def refuse(self, instruction: Instruction, why: str, now: Moment) -> list[Entry]:
        """Answer an instruction that came too late, or whose times are none; nothing else happens."""
        if not self._repeated(instruction, now):
            torn = malformed(instruction)
            word, zh = (Refused.BAD_MESSAGE, "指令的时间写法不对") if torn else (Refused.EXPIRED, "指令已过期")
            self._answer(no(instruction, word, f"{zh}: {why}", why), now)
        return self._book.turn()

    def _repeated(self, instruction: Instruction, now: Moment) -> bool:
        """Answer an instruction whose id was used: its result is sent again, or it is another order and refused as that."""
        same = self.repeats(instruction)
        if same:
            self.resent.append(self._done[instruction.id].entry)
        elif same is False:
            self._book.entry(_used(instruction, self._done.get(instruction.id, Done("?", 0))), now)
        return same is not None

    def _answer(self, result: ResultFact, now: Moment) -> None:
        self._book.entry(result, now)
        if result.refused in FORGOTTEN:
            return
        self._done[result.instruction.id] = Done(result.instruction.digest, self._book.last)
        while len(self._done) > REMEMBERED:
            del self._done[next(iter(self._done))]

    def _tell_away(self, facts: Sequence[FaultFact], now: Moment) -> None:
        """Tell what is to be said of an absence. Once it is over, what was left undecided meanwhile is looked at."""
        self._book.tell(facts, now)
        if any(fact.kind == kinds.AWAY and fact.turn is Turn.CLEARED for fact in facts):
            self._judge.beds.home()

    # -- judgements --------------------------------------------------------------------------------------------------

    def _judged(self, judgement: Judgement) -> None:
        match judgement:
            case Danger():
                self._danger(judgement)
            case Cleared():
                self._cleared(judgement)
            case Forgotten(kind, device, at):
                self._book.faded(kind, device, at, by="rule", reason="not_heard")
            case Cancelled():
                self._well(judgement)

    def _danger(self, danger: Danger) -> None:
        book = self._book
        evidence = tuple(Evidence(r.device, r.kind.value, r.value, book.stamp(r.at), r.flagged) for r in danger.evidence)
        shelved = danger.device in self.shelves
        if (walk := self.walking.of(danger.device)) is not None:
            self.walking.danger(walk, danger, evidence)
            return
        if danger.kind in _PRESSED and self._confirms_enrolment(danger, evidence):
            return
        if kinds.of(danger.kind).by_absence and self.away.lasts(danger.at):
            return
        if shelved and danger.kind != kinds.SOS:
            if danger.kind == kinds.HELP or self._shelved.at_once((danger.kind, danger.device), danger.at.mono):
                said = self.faults.note(kinds.SHELVED, danger.at, danger.device, danger=danger.kind)
                book.tell([replace(said, evidence=danger.evidence)], danger.at)
            if danger.kind != kinds.HELP:  # a press is over, a condition may outlast the shelf
                self._withheld[danger.kind, danger.device] = danger
            return
        if danger.kind in _CONFIRMS:
            others = [a for a in book.pre_alarms(test=False) if (a.kind, a.device) != (danger.kind, danger.device)]
            for alarm in [a for a in others if a.kind == kinds.FALL or danger.kind == kinds.SOS]:
                confirmed = replace(alarm, evidence=alarm.evidence + evidence)
                book.raise_now(confirmed, Move.CONFIRM, danger.at, by="rule", reason=danger.kind)
        if danger.listed:
            self.faults.daily.listed(danger.kind, danger.device)
        found = book.of(danger.kind, danger.device)
        if found is None or book.past(found, danger.at):
            if found is not None:
                book.succeeded(found, danger.at)
            flickers = self._flickers(danger)
            book.open(
                danger.kind, danger.device, danger.room, danger.at, evidence, grace=0.0 if flickers else danger.grace, shelved=shelved,
                why="comes_and_goes" if flickers else "returned" if danger.returned else "", linked=found.id if found is not None else "",
                listed=danger.listed,
            )  # fmt: skip
            return
        alarm = book.counted(replace(found, listed=found.listed and danger.listed), evidence)
        if danger.kind == kinds.SOS:  # each press reaches the next person at once, whoever says to have it
            rung = following(alarm, book.ladder)
            book.call(loud(alarm), rung, Reason.AGAIN, danger.at, before=alarm.state, move="count", by=danger.device)
        elif danger.kind in MOMENTARY:
            book.entry(AlarmFact(alarm, "count", alarm.state, danger.device, ""), danger.at)
        else:
            book.told_now_and_then(alarm, "count", danger.device, danger.at)

    def _flickers(self, danger: Danger) -> bool:
        """Say whether it came and went within its grace again and again: no grace of it would ever run out."""
        began = self._ended_in_grace.get((danger.kind, danger.device), deque())
        within = max(FLICKER, (FLICKERS + 1) * danger.grace)
        return danger.grace > 0 and len(began) == FLICKERS and danger.at.mono - began[0] <= within

    def _confirms_enrolment(self, danger: Danger, evidence: tuple[Evidence, ...]) -> bool:
        """Say whether a press is the one that was asked for at the device's enrolment: then it is a test, and told as one."""
        if any(not a.test and (a.device == danger.device or _waits_for_help(a)) for a in self._book.alarms.values()):
            self.first_presses.forget([danger.device])  # somebody may need help
        proved = not any(r.flagged for r in danger.evidence)
        if self.first_presses.taken(danger.device, danger.at, proved=proved) is None:
            return False
        alarm = self._book.open(danger.kind, danger.device, danger.room, danger.at, evidence, test=True, by=danger.device, why=REASON)
        self._own_tests = {alarm.number, *self._own_tests & self.alarms.keys()}
        return True

    def _cleared(self, cleared: Cleared) -> None:
        if self.walking.cleared(cleared):
            return
        if self._withheld.pop((cleared.kind, cleared.device), None) is not None:
            self._judge.unsaved = True
        alarm = self._book.of(cleared.kind, cleared.device)
        if alarm is None:
            self._book.faded(cleared.kind, cleared.device, cleared.at, by=cleared.device, reason="")
            return
        alarm = self._book.keep(replace(alarm, condition_active=False))
        if cleared.by_resident and alarm.state is State.PRE_ALARM:
            self._book.move(alarm, Move.CANCEL, cleared.at, by=f"resident, {cleared.device}")
            self._count_cancel(alarm, cleared.at)
        elif alarm.kind in kinds.ENDS_IN_GRACE and alarm.state is State.PRE_ALARM:
            began = self._ended_in_grace.setdefault((alarm.kind, alarm.device), deque(maxlen=FLICKERS))
            began.append(alarm.since.mono)
            self._book.move(alarm, Move.CANCEL, cleared.at, by="rule", reason="condition_cleared")
        elif not kinds.of(alarm.kind).latches and alarm.state in {State.RAISED, State.ACKNOWLEDGED}:
            self._book.close(alarm, Outcome.NO_HELP_NEEDED, cleared.at, by="rule", reason="condition_cleared")
        else:
            self._book.told_now_and_then(alarm, "clear", cleared.device, cleared.at)

    def _unshelve(self, device: DeviceId, now: Moment) -> None:
        """Judge the device again, from what is on right now."""
        del self.shelves[device]
        self.masks_changed = True
        for key in [k for k in self._withheld if k[1] == device]:
            self._danger(replace(self._withheld.pop(key), at=now))

    def _well(self, said: Cancelled) -> None:
        """Take that the resident says: I am well. It ends what asks about the resident, never water, smoke or a door."""
        device, at = said.device, said.at
        if self.walking.of(device) is not None:
            self.walking.cancelled(at, device)  # a button that is tried must not end somebody's real pre-alarm
        elif (asked := self.first_presses.taken(device, at, proved=said.proved)) is not None:
            said_so = self.faults.note(kinds.VISIT, at, device, what="first_press", by=asked.by)
            self._book.tell([replace(said_so, test=True)], at)
        elif device in self.shelves:
            self._book.tell([self.faults.note(kinds.SHELVED, at, device, danger="cancel")], at)
        elif not said.proved:
            self._book.tell(self.faults.begin(kinds.REPLAYED, at, device, danger="cancel"), at)
        else:
            asks = [alarm for alarm in self._book.pre_alarms(test=False) if alarm.kind in kinds.ANSWERED]
            for alarm in asks:
                self._book.move(alarm, Move.CANCEL, at, by=f"resident, {device}")
            if asks:
                self._count_cancel(asks[0], at)
            self._well_late(at, f"resident, {device}")
            self.walking.cancelled(at, device)

    def _well_late(self, at: Moment, by: str) -> None:
        """Write down that the resident says to be well, after the grace. The desk sees it; it changes nothing."""
        for alarm in list(self._book.alarms.values()):
            said = self._said_well.get(alarm.number, -inf)
            if alarm.test or alarm.state is State.PRE_ALARM or alarm.priority > Priority.P2 or at.mono - said < WELL_AGAIN:
                continue
            self._said_well[alarm.number] = at.mono
            self._book.entry(AlarmFact(alarm, "well", alarm.state, by, ""), at)
        self._said_well = {n: said for n, said in self._said_well.items() if n in self._book.alarms}

    def _count_cancel(self, alarm: Alarm, at: Moment) -> None:
        """Count that the resident was quicker: each press once, however much it has ended."""
        self.cancels.append(self._book.stamp(at))
        if len(self.cancels) == OFTEN and at.mono - self.cancels[0].mono <= self._book.times.cancelled_often:
            self.cancels.clear()
            self._book.tell([self.faults.note(kinds.OFTEN_CANCELLED, at, alarm.device, cancelled=OFTEN)], at)

    # -- instructions ------------------------------------------------------------------------------------------------

    def _carry_out(self, i: Instruction, now: Moment) -> ResultFact:
        if not i.by.strip():
            return no(i, Refused.MISSING, "缺少操作人 by", "`by` is missing: say who gives the instruction")
        if i.do in LOCAL_ONLY and i.door is not Door.LOCAL:
            return no(i, Refused.LOCAL_ONLY, "只能在家中的技术员页面操作", "only the technician's page in the home may do this")
        if i.do is Do.RESEND:  # at the platform's door it is carried out elsewhere
            return no(i, Refused.PLATFORM_ONLY, "只能由平台要求重发", "only the platform may ask for entries again")
        if i.do is Do.TEST:
            if i.device and i.device not in self._rooms:
                return no(i, Refused.UNKNOWN_DEVICE, f"没有设备 {i.device}", f"no device {i.device}")
            if self._tests.get(i.door) in self._book.alarms:
                zh, en = (
                    "一个测试警报还没有结束: 请先结束它",
                    "a test alarm is open already: close it, or wait until it closes itself",
                )
                return no(i, Refused.NOT_ALLOWED, zh, en)
            alarm = self._book.open(kinds.TEST, i.device, self._rooms.get(i.device, ""), now, (), test=True, by=i.by)
            self._tests[i.door] = alarm.number
            return ResultFact(i, Refused.NONE, alarm=alarm.id, state=alarm.state.value)
        if i.do is Do.AWAY:
            if i.seconds > (most := self._book.times.away_most):
                days = f"{most / 86400:g}"
                return no(i, Refused.TOO_LONG, f"离家最长 {days} 天", f"away lasts {days} days at most: say it again then")
            if undecided(i, now, self.boot, {}):
                return _undecided(i)
            self._tell_away(self.away.begun(End(now.mono + left(i, now)) if i.seconds > 0 else NOT_MASKED, now, i.by), now)
            self.masks_changed = True
            return ResultFact(i, Refused.NONE)
        if i.do is Do.WALK and i.step:
            return self.walking.stepped(i, now)
        if i.do in {Do.SHELVE, Do.CONFIRM, Do.WALK}:
            return self._about_device(i, now)
        found = next((a for a in self._book.alarms.values() if a.id == i.alarm), None)
        if found is None and self._book.ended(i.alarm):
            over = no(i, Refused.ALARM_ENDED, f"警报 {i.alarm} 已经结束", f"alarm {i.alarm} has ended already")
            return replace(over, state=State.CLOSED.value)
        if found is None:
            return no(i, Refused.UNKNOWN_ALARM, f"本户没有警报 {i.alarm or '(空)'}", f"this home has no alarm {i.alarm or '(empty)'}")
        if undecided(i, now, self.boot, found.stages):
            return _undecided(i)
        if i.do is Do.SILENCE:
            alarm = self._book.keep(replace(found, masking=Masking.SILENCED, silenced=round(now.mono, 3)))
            self._book.entry(AlarmFact(alarm, "silence", alarm.state, i.by, i.reason), now)
            return ResultFact(i, Refused.NONE, alarm=alarm.id, state=alarm.state.value)
        return self._moved_by(i, found, now)

    def _moved_by(self, i: Instruction, alarm: Alarm, now: Moment) -> ResultFact:
        if i.do is Do.DISPATCH:
            if not i.responder.strip():
                return no(i, Refused.MISSING, "派人指令缺少 responder", "`responder` is missing: say who is sent")
            longest = self._book.times.longest_on_site(alarm.priority)
            if i.seconds > longest:
                most = f"{longest / 60:g}"
                return no(i, Refused.TOO_LONG, f"到场时间最长 {most} 分钟", f"expect the responder within {most} min, or send a nearer one")
            expected = max(self._book.times.expect_least, i.seconds) if i.seconds > 0 else 0.0
            alarm = replace(alarm, responder=i.responder, expected=expected)
        if i.do is Do.ARRIVE:
            # Who is there is not always who was sent. In the home it is who says so.
            there = i.responder.strip() or (i.by if i.door is Door.LOCAL else "")
            alarm = replace(alarm, responder=there or alarm.responder)
        if i.do is Do.CLOSE:
            allowed = {o.value for o in Outcome}
            tested = alarm.test or self.installing(alarm)  # the alarm of a device being installed was real, and ends as what it was
            if i.outcome not in allowed or (alarm.test and i.outcome != Outcome.TEST) or (not tested and i.outcome == Outcome.TEST):
                given = i.outcome or "(empty)"
                return no(i, Refused.MISSING, f"结束警报须给出有效结果, 收到 {given}", f"a close needs an outcome that fits, got {given}")
            alarm = replace(alarm, outcome=Outcome(i.outcome))
        try:
            alarm = self._book.move(alarm, _MOVE_OF[i.do], now, by=i.by, reason=i.reason, vouched=i.door is Door.LOCAL)
        except NotAllowed as refusal:
            return replace(
                no(i, Refused.NOT_ALLOWED, f"当前状态 {refusal.state} 不允许 {refusal.move}", str(refusal)),
                alarm=alarm.id,
                state=alarm.state.value,
            )
        if i.do is Do.RECALL and not alarm.test and (who := recalled(alarm, self._book.ladder)) is not None:
            self._book.call(alarm, who, Reason.RECALLED, now, before=alarm.state, by=i.by)
        return ResultFact(i, Refused.NONE, alarm=alarm.id, state=alarm.state.value)

    def installing(self, alarm: Alarm) -> bool:
        """Say whether an alarm came while its device was being installed: then it may be closed as a test, though it was real."""
        since, danger = self._installed.get(alarm.device), alarm.stages.get("danger")
        if since is None or danger is None or danger.boot != self.boot:
            return False
        return since <= danger.mono <= since + self._book.times.installing

    def _about_device(self, i: Instruction, now: Moment) -> ResultFact:
        if i.device not in self._rooms:
            return no(i, Refused.UNKNOWN_DEVICE, f"没有设备 {i.device or '(空)'}", f"no device {i.device or '(empty)'}")
        if i.do is Do.CONFIRM:
            if i.door is not Door.LOCAL and (kinds.REPLAYED, i.device) in self.faults.on:
                zh, en = "收到过旧信号, 只能在家中确认", "an old signal was heard: only who stands at the device may confirm it"
                return no(i, Refused.LOCAL_ONLY, zh, en)
            self._book.tell(self.faults.confirmed(i.device, now, here=i.door is Door.LOCAL), now)
            return ResultFact(i, Refused.NONE)
        if i.do is Do.WALK:
            result = self.walking.instructed(i, now)
            if result.refused is Refused.NONE:
                self.first_presses.forget([i.device])  # tried in the test: behind it every press is real
            return result
        if i.seconds <= 0:  # more protection needs nobody's leave
            if i.device in self.shelves:
                self._unshelve(i.device, now)
            return ResultFact(i, Refused.NONE)
        vital = self.faults.is_vital(i.device)
        most = self._book.times.shelve_p1_most if vital else self._book.times.shelve_most
        if vital and i.door is not Door.PLATFORM:
            return no(i, Refused.PLATFORM_ONLY, "一级设备只能由平台搁置", "a device of a P1 kind is shelved by the platform only")
        if i.seconds > most:
            return no(i, Refused.TOO_LONG, f"搁置最长 {most / 3600:g} 小时", f"shelve for at most {most / 3600:g} h")
        if not i.reason.strip():
            return no(i, Refused.MISSING, "搁置须写明原因 reason", "`reason` is missing: say why the device is shelved")
        if undecided(i, now, self.boot, {}):
            return _undecided(i)
        self.masks_changed = True
        self.shelves[i.device] = Shelf(now.mono + left(i, now), i.by, i.reason)
        return ResultFact(i, Refused.NONE)


def _ended(alarm: Alarm) -> Ended:
    return Ended(alarm.since, again=alarm.state is State.CANCELLED or alarm.outcome in {Outcome.FALSE_ALARM, Outcome.TEST})


def _used(i: Instruction, done: Done) -> ResultFact:
    """Return the answer to an order whose id has its answer already. Only what is another order for certain may be given again."""
    if done.digest in {"?", i.digest}:
        zh = "这个编号的指令已处理过, 原答复已不在, 这次没有再做: 请先看警报现状, 确有需要才换新编号重发"
        en = "an order of this id was answered before and the answer is not kept any more; nothing was done again: see how things stand"
        return no(i, Refused.ANSWER_LOST, zh, f"{en} before you give it under a new id")
    zh, en = "这个指令编号已用过, 内容不同: 请换一个新编号重发", "this id was used before, with another content: send it under a new id"
    return no(i, Refused.ID_REUSED, zh, en)


def _waits_for_help(alarm: Alarm) -> bool:
    """Say whether nobody has an alarm about a person or of a P1 yet, its grace included: whoever presses any button now may mean it."""
    about = alarm.priority is Priority.P1 or (alarm.priority is Priority.P2 and alarm.kind.startswith("person."))
    return about and (alarm.calls_on or alarm.state is State.PRE_ALARM)


def _undecided(i: Instruction) -> ResultFact:
    zh = "网关的时钟未经确认, 无法判断指令是否过期: 请稍后重发, 或写明 boot (网关最新消息里的开机编号)"
    en = "the gateway's clock is not confirmed, so nobody can know whether this order is late: send a new one in some minutes,"
    return no(i, Refused.UNDECIDED, zh, f"{en} or name the power-up of the gateway's newest message in `boot`")
