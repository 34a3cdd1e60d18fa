"""One turn: a reading, an order, a receipt or passing time goes in, entries come out.

Pure and synchronous: a function of readings, instructions and monotonic time, so that the same
recorded day gives the same alarms. It tells nobody anything; what it returns is committed first,
then told.

    reading -> Judge -> judgement -> Real or WalkTest -> OpenAlarms -> Book -> entries
    instruction -> Orders ------------------------------^
    time -> dispatch.step ------------------------------^
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import msgspec
from msgspec.structs import astuple, replace

from gateway.judge import pending
from gateway.judge.alarm import Alarm, Move, Outcome, State
from gateway.judge.away import Away
from gateway.judge.badges import MARK as BADGES
from gateway.judge.badges import Badges
from gateway.judge.book import Book, Entry, is_walk
from gateway.judge.calls import gave_up, instead
from gateway.judge.danger import Cancelled, Cleared, Danger, Forgotten, Judge, Judgement
from gateway.judge.dispatch import Reason, Rung
from gateway.judge.faults.fact import FaultFact
from gateway.judge.faults.fault import Faults
from gateway.judge.first_press import FirstPresses
from gateway.judge.known import Known
from gateway.judge.masks import Shelf, masked
from gateway.judge.open_alarms import OpenAlarms
from gateway.judge.orders import Orders
from gateway.judge.pending import Pending
from gateway.judge.real import Real
from gateway.judge.restart import take_alarms, take_pending, tell_open
from gateway.judge.silence.watch import Said, Silence
from gateway.judge.visits import MARK as VISITS
from gateway.judge.visits import Visits
from gateway.judge.walk_record import Plug
from gateway.judge.walk_test import WalkTest
from gateway.judge.wishes import Wish
from gateway.words import kind as kinds
from gateway.words.clock import Moment
from gateway.words.instruction import Done, Instruction, Refused, ResultFact
from gateway.words.kind import Priority
from gateway.words.ranges import Range, within
from gateway.words.reading import DeviceId, Reading
from gateway.words.times import Times


class Pipeline:
    """All that is heard, ordered, receipted and due in one household, turned into entries."""

    def __init__(
        self,
        *,
        boot: str,
        devices: Mapping[DeviceId, str],
        judge: Judge,
        faults: Faults,
        ladder: Sequence[Rung],
        times: Times,
    ) -> None:
        self.boot = boot
        self.faults = faults
        self._rooms = devices
        self._judge = judge
        self._book = Book(boot)
        self._alarms = OpenAlarms(self._book, judge, ladder=ladder, times=times)
        self.away = Away(faults, times)
        self.badges, self.visits = Badges(boot), Visits()
        self._real = Real(self._book, self._alarms, judge, faults, self.away)
        self.walk_test = WalkTest(self._book, self._alarms, faults, judge)
        self.silence = Silence(boot, faults, self.away, self.badges, self._alarms)
        self.orders = Orders(
            self._book, self._alarms, faults, self.away, self._real, self.walk_test, devices
        )

    @property
    def alarms(self) -> Mapping[int, Alarm]:
        """Every open alarm by its number."""
        return self._alarms.open

    @property
    def shelves(self) -> Mapping[DeviceId, Shelf]:
        """The devices that are not judged, and until when."""
        return self._real.shelves

    @property
    def first_presses(self) -> FirstPresses:
        """The presses that are asked for at an enrolment."""
        return self._real.first_presses

    @property
    def last(self) -> int:
        """Number of the newest entry."""
        return self._book.last

    def know_down(self, programs: Iterable[str | tuple[str, ...]]) -> None:
        """Take which program files, and commands of one person, are known not to work."""
        self._alarms.know_down(programs)

    @property
    def waits(self) -> bool:
        """True while somebody is called or expected: what has passed must outlast a power cut."""
        states = {State.RAISED, State.ACKNOWLEDGED, State.DISPATCHED}
        return any(
            a.state in states and a.priority <= Priority.P2 and not a.test
            for a in self._alarms.open.values()
        )

    @property
    def waits_quietly(self) -> bool:
        """True while a bed or a door is judged, or somebody on site has to close."""
        on_site = (a.state is State.ON_SITE and not a.test for a in self._alarms.open.values())
        return self._judge.waits or any(on_site)

    # -- over a restart ---------------------------------------------------------------------------

    def restart(self, now: Moment, known: Known, *, why: str) -> list[Entry]:
        """Take over what was known. A pre-alarm becomes an alarm; nothing else raises."""
        closed = {
            key: (alarm_id, now.mono - known.closed_for.get(key, 0.0))
            for key, alarm_id in known.closed.items()
        }
        self._book.begin(known.journal, known.last)
        self._alarms.begin(last_alarm=known.last_alarm, own=known.own, closed=closed)
        self._real.restore(known.shelves, known.cancels)
        self.orders.restore(known.done, known.endings, (alarm for alarm, _ in known.alarms))
        self.faults.start(now, known.faults, known.silent_for, known.said_for, known.heard_ago)
        self.badges.start(now)
        self.silence.start(now)
        # A walk test ends with the process, and so do the faults that a step of it began.
        walked = [alarm for alarm, _ in known.alarms if is_walk(alarm) and alarm.open]
        unwatched = take_alarms(self._alarms, self._judge, known, now)
        take_pending(self._judge, known.pending, self._alarms.times)
        still = {
            f"shelved {d}": round(shelf.until - now.mono)
            for d, shelf in known.shelves.items()
            if shelf.until > now.mono
        }
        restarted = self.faults.note(kinds.RESTARTED, now, "", why=why, **still)
        self._book.tell([restarted, *self.faults.end_tests(now)], now)
        said_for = known.said_for.get((kinds.AWAY, ""), 0.0)
        self._real.tell_away(self.away.restored(known.away, now, said_for), now)
        for alarm in unwatched:
            # While the power was off the danger may have gone and come again. An earlier version
            # left it behind for ever where a make never says that it is over.
            self._alarms.faded(alarm.kind, alarm.device, now, reason="restart")
        for alarm in walked:
            self.walk_test.restored(self._alarms.keep(replace(alarm, since=now)), now)
        tell_open(self._alarms, known, now, why)
        for key, danger in known.pending.withheld.items():
            if danger.device in self._rooms:
                self._real.withhold(key, danger)
        self._judge_again(now)
        return self._turn()

    def pending(self) -> Pending:
        """Return what has been heard and is not yet told, for the mark that outlives a restart."""
        judge = self._judge
        return Pending(
            heard={key: one.last for key, one in judge.levels.on.items()},
            doors=judge.open_doors,
            in_bed=judge.beds.lies,
            left_bed=judge.beds.left,
            moved=judge.beds.moved,
            withheld=self._real.withheld,
        )

    def marks(self, now: Moment, *, anew: bool = False) -> dict[str, str]:
        """Return the marks of what is masked, judged and ended, for a restart; see `saved`.

        `anew`: all of them, for a database that has none.
        """
        real, away = self._real, self.away
        out = {
            "cancels": msgspec.json.encode([astuple(at) for at in real.cancels]).decode(),
            pending.MARK: pending.text_of(self.pending(), now, self.boot),
            **self.silence.marks(now, anew=anew),
        }
        if anew or real.masks_changed or real.shelves or away.lasts(now):
            out["masks"] = masked(real.shelves, away.end, now, self.boot)
        if anew or self.orders.endings_changed:
            out["endings"] = json.dumps(self.orders.endings)
        if visits := self.visits.mark(anew=anew):
            out[VISITS] = visits
        if badges := self.badges.mark(anew=anew):
            out[BADGES] = badges
        return out

    @property
    def unsaved(self) -> bool:
        """True when something that is judged has changed and no entry says so."""
        return self._judge.unsaved or self._real.unsaved or self.badges.unsaved

    @property
    def begun(self) -> Collection[DeviceId]:
        """The devices of which a judgement has begun since `saved`."""
        return self._judge.begun

    def saved(self) -> None:
        """Take that `marks` are written."""
        self._judge.saved()
        self._real.saved()
        self.orders.saved()

    # -- what is changed --------------------------------------------------------------------------

    def rearrange(
        self,
        *,
        devices: Mapping[DeviceId, str],
        ladder: Sequence[Rung],
        times: Times,
        ended: Iterable[FaultFact],
        now: Moment,
        other: Collection[DeviceId] = (),
    ) -> list[Entry]:
        """Go on by a changed configuration: all that is open stays. `ended` faults are told.

        `other`: devices that are other hardware now.
        """
        gone = self._rooms.keys() - devices.keys()
        if any(self.walk_test.of(device) for device in (*gone, *other)):
            self.walk_test.end(now, reason="retired", gone=True)
        self.orders.rearrange(devices, {*(devices.keys() - self._rooms.keys()), *other}, now)
        self._real.forget(gone, other)
        self._rooms = devices
        self._alarms.arrange(ladder, times)
        self.away.arrange(times, devices.keys() - set(other))
        self._book.tell(ended, now)
        return self._turn()

    def renumber(
        self,
        journal: str,
        entries: Sequence[Entry],
        now: Moment,
        *,
        last: int = 0,
        shared: int | None = None,
        why: str = "storage",
    ) -> list[Entry]:
        """Begin another journal for what is open and `entries` that the old one does not have."""
        self._alarms.renumber(journal, entries, now, last=last, shared=shared, why=why)
        out = self._turn()
        self.orders.renumbered(out)
        return out

    def tell_anew(self, faults: Iterable[FaultFact], now: Moment, *, why: str) -> list[Entry]:
        """Write down how all that is open stands: the platform has it of an older generation."""
        self._alarms.restored(list(self._alarms.open.values()), now, why=why)
        self._book.tell(faults, now)
        return self._turn()

    # -- what goes in -----------------------------------------------------------------------------

    def heard(self, reading: Reading) -> list[Entry]:
        """Judge one reading."""
        self._book.tell(self.faults.heard(reading), reading.at)
        room = self._rooms.get(reading.device) or reading.device
        self._real.tell_away(self.away.heard(reading, room), reading.at)
        self.walk_test.heard(reading)
        for judgement in self._judge.heard(reading):
            self._judged(judgement)
        self.walk_test.judged(reading)
        if not self.walk_test.of(reading.device):
            self._told_of_silence(self.silence.heard(reading), reading.at)
        return self._turn()

    def tick(self, now: Moment) -> list[Entry]:
        """Do what has become due."""
        alarms = self._alarms
        self._real.tell_away(self.away.tick(now), now)
        for judgement in self._judge.tick(now, self.away.end.until):
            self._judged(judgement)
        for alarm, due in alarms.steps(now):
            if due.move is Move.CLOSE:
                alarms.close(alarm, Outcome.TEST, now, reason=due.reason)
            elif due.move is Move.LAPSE:
                alarms.lapse(alarm, due.rung, due.reason, now)
            elif due.move is Move.EXPIRE:
                alarms.raise_now(alarm, Move.EXPIRE, now, reason=due.reason)
            elif due.rung is None:
                alarms.loud(alarm, now)
            else:
                away = alarms.platform_away and due.reason == Reason.NO_RECEIPT
                why = Reason.PLATFORM_AWAY if away else due.reason
                alarms.call(alarm, due.rung, why, now, before=alarm.state)
        alarms.tell_counts(alarms.counting.take(now.mono), now)
        self._visited(now)
        self._real.arrived(self.badges.there(now), now)
        self._told_of_silence(self.silence.tick(now), now)
        self._book.tell(self.faults.tick(now), now)
        self._real.tick(now)
        self._judge_again(now)
        self.walk_test.tick(now)
        self._judge_again(now)
        return self._turn()

    def _visited(self, now: Moment) -> None:
        visits = self.badges.tick()
        for visit in visits:
            if visit.until is None and visit.device not in self.shelves:
                self.visits.came()
        self._real.visited(visits, now)
        if missed := self.visits.tick(now, away=self.away.lasts(now)):
            self._book.tell([self.faults.note(kinds.VISIT_MISSED, now, "", **missed)], now)

    def last_counts(self, now: Moment) -> list[Entry]:
        """Write down what is only counted in memory: the process ends."""
        self._alarms.tell_counts(self._alarms.counting.take_all(), now)
        return self._turn()

    def due(self) -> float:
        """Return the monotonic second at which `tick` is wanted."""
        return min(self.due_of_alarms(), self.faults.due())

    def due_of_alarms(self) -> float:
        """Return the same without supervision, which looks at the silences every few seconds."""
        judge = min(self._judge.due(self.away.end.until), self.silence.due(), self.away.due())
        return min(self._alarms.due(), self._real.due(), self.walk_test.due(), judge)

    def noticed(self, facts: Iterable[FaultFact], now: Moment) -> list[Entry]:
        """Take facts about the gateway itself, from where they were noticed."""
        self._book.tell(facts, now)
        return self._turn()

    def linked(self, up: bool, now: Moment) -> list[Entry]:
        """Take the state of the platform link: up means connected and receipts coming."""
        self._book.tell(self.faults.linked(up, now), now)
        self.walk_test.plugged(Plug.UPLINK, up, now)
        return self._turn()

    def platform(self, *, away: bool) -> list[Entry]:
        """Take whether the platform says that it is away: its receipt is waited for less long."""
        self._alarms.take_platform(away=away)
        return self._turn()

    def powered(self, on: bool, now: Moment) -> list[Entry]:
        """Take whether the mains are there."""
        self._book.tell(self.faults.powered(on, now), now)
        self.walk_test.plugged(Plug.MAINS, on, now)
        return self._turn()

    def self_test(self, now: Moment) -> list[Entry]:
        """Raise a test alarm. It goes the whole way, and the platform's receipt closes it."""
        alarm = self._alarms.opened(kinds.TEST, "", "", now, (), test=True, by="rule")
        self._alarms.closes_by_receipt(alarm, "self_test_passed")
        return self._turn()

    def covered(self, ranges: Sequence[Range]) -> list[int]:
        """Return the entries without receipt that ranges, which are `merged`, cover."""
        return [
            *self._alarms.covered(ranges),
            *(n for n in self.walk_test.unreceipted() if within(n, ranges)),
        ]

    def receipted(self, numbers: Iterable[int], now: Moment) -> list[Entry]:
        """Take the platform's receipts. The first about an alarm is its push stage."""
        for number in numbers:
            self.walk_test.receipted(number, self._alarms.receipted(number, now), now)
        return self._turn()

    def called_back(
        self, number: int, index: int, now: Moment, *, ok: bool, detail: str
    ) -> list[Entry]:
        """Take how a local program's call ended. One that failed sends the ladder on."""
        self._alarms.called_back(number, index, now, ok=ok, detail=detail)
        self.walk_test.called_back(number, now, ok=ok)
        return self._turn()

    def given_up(self, number: int, names: Collection[str], now: Moment) -> list[Entry]:
        """Take that who has an alarm cannot come, or is not there: the next is called at once.

        `names`: all that the ladder calls this person.
        """
        alarms, alarm = self._alarms, self.alarms.get(number)
        if alarm is not None and (why := gave_up(alarm)) is not None:
            rung = instead(alarm, alarms.ladder, alarms.down, now, names)
            waits = replace(alarm, called=round(now.mono, 3))
            alarms.lapse(waits, rung, why, now)
        return self._turn()

    # -- instructions -----------------------------------------------------------------------------

    def told(
        self, instruction: Instruction, now: Moment, spare: Callable[[], bool] = lambda: True
    ) -> list[Entry]:
        """Carry out one instruction, once. A refusal is answered while `spare` grants an answer."""
        if not self.orders.repeated(instruction, now):
            result = self.orders.carry_out(instruction, now)
            self._judge_again(now)
            if result.refused is Refused.NONE or spare():
                self.orders.answer(result, now)
        return self._turn()

    def answered(self, result: ResultFact, facts: Iterable[FaultFact], now: Moment) -> list[Entry]:
        """Take what came of an instruction carried out elsewhere, and what is told of it."""
        self._book.tell(facts, now)
        if not self.orders.repeated(result.instruction, now):
            self.orders.answer(result, now)
        return self._turn()

    def refuse(self, instruction: Instruction, why: str, now: Moment) -> list[Entry]:
        """Answer an instruction that came too late, or whose times are none."""
        if not self.orders.repeated(instruction, now):
            self.orders.refuse(instruction, why, now)
        return self._turn()

    def reused(self, instruction: Instruction, now: Moment) -> list[Entry]:
        """Refuse an order under the id of another that is being carried out."""
        self.orders.answer_reused(instruction, Done("", 0), now)
        return self._turn()

    # -- judgements -------------------------------------------------------------------------------

    def _judged(self, judgement: Judgement) -> None:
        answers: WalkTest | Real = self.walk_test if self.walk_test.takes(judgement) else self._real
        match judgement:
            case Danger():
                answers.danger(judgement)
            case Cleared():
                answers.cleared(judgement)
            case Cancelled():
                answers.cancelled(judgement)
            case Wish():
                answers.wished(judgement)
            case Forgotten(kind, device, at):
                self._alarms.faded(kind, device, at, reason="not_heard")

    def _told_of_silence(self, said: Iterable[Said], now: Moment) -> None:
        for one in said:
            self._book.tell([one], now) if isinstance(one, FaultFact) else self._judged(one)

    def _judge_again(self, now: Moment) -> None:
        """Judge what was withheld of devices on no shelf, and what a walk test has left on."""
        for danger in self._real.released(now):
            self._judged(danger)
        for danger in self.walk_test.left(now):
            self._real.danger(danger)

    def _turn(self) -> list[Entry]:
        self.walk_test.count()
        return self._book.turn()
