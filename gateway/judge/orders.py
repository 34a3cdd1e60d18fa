"""Instructions and their answers: each is carried out once; a refusal changes nothing and says why.

Pure. What is answered is remembered against repeats, for a while; that an order took protection
away is remembered apart and for longer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from msgspec.structs import replace

from gateway.judge.alarm import Alarm, Masking, Move, NotAllowed, Outcome, State
from gateway.judge.away import Away
from gateway.judge.book import Book, Entry
from gateway.judge.dispatch import Reason, asked
from gateway.judge.faults.fault import Faults
from gateway.judge.lateness import left, malformed, takes_away, undated, undecided
from gateway.judge.masks import NOT_MASKED, End, Shelf
from gateway.judge.open_alarms import OpenAlarms
from gateway.judge.real import Real
from gateway.judge.walk_record import DRILL
from gateway.judge.walk_test import WalkTest
from gateway.words import kind as kinds
from gateway.words.clock import Moment, When
from gateway.words.instruction import (
    FORGOTTEN,
    LOCAL_ONLY,
    Do,
    Done,
    Door,
    Instruction,
    Refused,
    ResultFact,
    no,
)
from gateway.words.part import Part
from gateway.words.reading import DeviceId
from gateway.words.say import Say

REMEMBERED = 5000  # instruction ids kept against repeats, the oldest forgotten first
# ids of orders that took protection away, kept apart: a flood of others pushes none of them out. A
# month has dozens
ENDINGS = 500

# What an instruction does to the response, where it is one plain move.
_MOVE_OF = {
    Do.ACKNOWLEDGE: Move.ACKNOWLEDGE,
    Do.DISPATCH: Move.DISPATCH,
    Do.DECLINE: Move.DECLINE,
    Do.RECALL: Move.RECALL,
    Do.ARRIVE: Move.ARRIVE,
    Do.CLOSE: Move.CLOSE,
}


class Orders(Part):
    """Carries out instructions, once each, and remembers the answers."""

    book: Book
    alarms: OpenAlarms
    faults: Faults
    away: Away
    real: Real
    walk_test: WalkTest
    rooms: Mapping[DeviceId, str]

    def __post_init__(self) -> None:
        self.endings_changed = False
        # results of this turn's repeated orders, to be sent once more; the inlet bounds it
        self.resent: list[int] = []
        # when a device was enrolled, or became other hardware, in this power-up
        self._installed: dict[DeviceId, float] = {}
        self._done: dict[str, Done] = {}
        self._endings: dict[str, None] = {}
        # number of the newest test alarm that was opened at a door
        self._tests: dict[Door, int] = {}

    def restore(
        self, done: Mapping[str, Done], endings: Iterable[str], alarms: Iterable[Alarm]
    ) -> None:
        """Take over which orders had their answer, and which test alarms are open."""
        self._done, self._endings = dict(done), dict.fromkeys(endings)
        tests = [alarm.number for alarm in alarms if alarm.open and alarm.kind == kinds.TEST]
        # by which door is not known any more
        self._tests = dict.fromkeys(Door, max(tests, default=0))

    def rearrange(
        self, rooms: Mapping[DeviceId, str], new: Collection[DeviceId], now: Moment
    ) -> None:
        """Go on with other devices; `new` ones are being installed now."""
        installed = {d: at for d, at in self._installed.items() if d in rooms}
        self.rooms, self._installed = rooms, installed | dict.fromkeys(new, now.mono)

    # -- answers ----------------------------------------------------------------------------------

    @property
    def done(self) -> Mapping[str, Done]:
        """The instructions that have their answer, oldest first."""
        return self._done

    @property
    def endings(self) -> list[str]:
        """Those of them that took protection away, oldest first."""
        return list(self._endings)

    def saved(self) -> None:
        """Take that `endings` are written."""
        self.endings_changed = False

    def take_resent(self) -> list[int]:
        """Return, once, the entries of results that this turn's repeated orders want once more."""
        out, self.resent = self.resent, []
        return out

    def repeats(self, instruction: Instruction) -> bool | None:
        """Say whether an instruction came before with the same content; None: its id is new."""
        done = self._done.get(instruction.id)
        if done is None:
            return False if instruction.id in self._endings else None
        return done.digest == instruction.digest and done.entry != 0

    def repeated(self, instruction: Instruction, now: Moment) -> bool:
        """Answer an instruction whose id was used before.

        Its result is sent again, or it is another order and refused as that.
        """
        same = self.repeats(instruction)
        if same:
            self.resent.append(self._done[instruction.id].entry)
        elif same is False:
            self.answer_reused(instruction, self._done.get(instruction.id, Done("?", 0)), now)
        return same is not None

    def answer_reused(self, instruction: Instruction, done: Done, now: Moment) -> None:
        """Refuse an order under an id that another order has, or had.

        The result of that one keeps its place.
        """
        self.book.entry(_used(instruction, done), now)

    def answer(self, result: ResultFact, now: Moment) -> None:
        """Write down what came of an instruction, and remember it against repeats."""
        number = self.book.entry(result, now)
        if result.refused in FORGOTTEN:
            return
        self._done[result.instruction.id] = Done(result.instruction.digest, number)
        while len(self._done) > REMEMBERED:
            del self._done[next(iter(self._done))]

    def renumbered(self, entries: Iterable[Entry]) -> None:
        """Take that another journal has begun.

        Of the results so far it has only those that stand in `entries`.
        """
        self._done = {i: done._replace(entry=0) for i, done in self._done.items()}
        for entry in entries:
            if isinstance(entry.fact, ResultFact) and entry.fact.refused not in FORGOTTEN:
                self._done[entry.fact.instruction.id] = Done(
                    entry.fact.instruction.digest, entry.number
                )

    def refuse(self, i: Instruction, why: str, now: Moment) -> None:
        """Answer an instruction that came too late, or whose times are none; it has no effect."""
        torn = malformed(i)
        word, code = (
            (Refused.BAD_MESSAGE, "order.bad_times") if torn else (Refused.EXPIRED, "order.expired")
        )
        self.answer(no(i, word, code, why=why), now)

    # -- what is carried out ----------------------------------------------------------------------

    def carry_out(self, i: Instruction, now: Moment) -> ResultFact:
        """Do what an instruction says, and return its result; it is not answered yet."""
        result = self._refused(i) or self._carried_out(i, now)
        if result.refused is Refused.NONE and takes_away(i):
            self._endings[i.id], self.endings_changed = None, True
            while len(self._endings) > ENDINGS:
                del self._endings[next(iter(self._endings))]
        return result

    def _refused(self, i: Instruction) -> ResultFact | None:
        """Return why an instruction may not be carried out, as its result; None where it may."""
        if not i.by.strip():
            return no(i, Refused.MISSING, "order.no_by")
        if i.do in LOCAL_ONLY and i.door is not Door.LOCAL:
            return no(i, Refused.LOCAL_ONLY, "order.local_only")
        if i.do is Do.RESEND:  # at the platform's door it is carried out elsewhere
            return no(i, Refused.PLATFORM_ONLY, "order.platform_only")
        return None

    def _carried_out(self, i: Instruction, now: Moment) -> ResultFact:
        if i.do is Do.TEST:
            return self._test(i, now)
        if i.do is Do.AWAY:
            return self._nobody_home(i, now)
        if i.do is Do.WALK and i.step and i.step != DRILL:
            return self.walk_test.stepped(i, now)
        if i.do in {Do.SHELVE, Do.CONFIRM, Do.WALK}:
            return self._about_device(i, now)
        return self._about_alarm(i, now)

    def _unproved(
        self, i: Instruction, now: Moment, stages: Mapping[str, When]
    ) -> ResultFact | None:
        """Refuse what would take protection away and cannot be shown to be fresh.

        `stages`: those of the alarm that it names.
        """
        if undated(i, now, self.book.boot, stages, self.alarms.times.order_lives):
            return no(i, Refused.MISSING, "order.undated")
        if undecided(i, now, self.book.boot, stages):
            return no(i, Refused.UNDECIDED, "order.undecided")
        return None

    def _test(self, i: Instruction, now: Moment) -> ResultFact:
        if i.device and i.device not in self.rooms:
            return no(i, Refused.UNKNOWN_DEVICE, "order.no_device", device=i.device)
        if self._tests.get(i.door) in self.alarms.open:
            return no(i, Refused.NOT_ALLOWED, "order.test_open")
        alarm = self.alarms.opened(
            kinds.TEST, i.device, self.rooms.get(i.device, ""), now, (), test=True, by=i.by
        )
        self._tests[i.door] = alarm.number
        return _done(i, alarm)

    def _nobody_home(self, i: Instruction, now: Moment) -> ResultFact:
        if i.seconds > (most := self.alarms.times.away_most):
            days = f"{most / 86400:g}"
            return no(i, Refused.TOO_LONG, "order.away_long", days=days)
        if (unproved := self._unproved(i, now, {})) is not None:
            return unproved
        end = End(now.mono + left(i, now)) if i.seconds > 0 else NOT_MASKED
        self.real.tell_away(self.away.begun(end, now, i.by), now)
        return ResultFact(i, Refused.NONE)

    def _about_alarm(self, i: Instruction, now: Moment) -> ResultFact:
        found = next((a for a in self.alarms.open.values() if a.id == i.alarm), None)
        if found is None and self.alarms.ended(i.alarm):
            over = no(i, Refused.ALARM_ENDED, "order.alarm_ended", alarm=i.alarm)
            return replace(over, state=State.CLOSED.value)
        if found is None:
            return no(
                i, Refused.UNKNOWN_ALARM, "order.no_alarm", alarm=i.alarm or Say("word.empty")
            )
        if (unproved := self._unproved(i, now, found.stages)) is not None:
            return unproved
        if i.do is Do.SILENCE:
            alarm = replace(found, masking=Masking.SILENCED, silenced=round(now.mono, 3))
            self.alarms.say(self.alarms.keep(alarm), "silence", now, by=i.by, reason=i.reason)
            return _done(i, alarm)
        return self._moved_by(i, found, now)

    def _moved_by(self, i: Instruction, alarm: Alarm, now: Moment) -> ResultFact:
        if i.do is Do.DISPATCH:
            if not i.responder.strip():
                return no(i, Refused.MISSING, "order.no_responder")
            longest = self.alarms.times.longest_on_site(alarm.priority)
            if i.seconds > longest:
                most = f"{longest / 60:g}"
                return no(i, Refused.TOO_LONG, "order.expect_long", most=most)
            expected = max(self.alarms.times.expect_least, i.seconds) if i.seconds > 0 else 0.0
            alarm = replace(alarm, responder=i.responder, expected=expected)
        if i.do is Do.ARRIVE:
            # Who is there is not always who was sent. In the home it is who says so.
            there = i.responder.strip() or (i.by if i.door is Door.LOCAL else "")
            alarm = replace(alarm, responder=there or alarm.responder)
        if i.do is Do.CLOSE:
            allowed = {o.value for o in Outcome}
            # the alarm of a device being installed was real, and ends as what it was
            tested = alarm.test or self.installing(alarm)
            if (
                i.outcome not in allowed
                or (alarm.test and i.outcome != Outcome.TEST)
                or (not tested and i.outcome == Outcome.TEST)
            ):
                given = i.outcome or Say("word.empty")
                return no(i, Refused.MISSING, "order.outcome", given=given)
            alarm = replace(alarm, outcome=Outcome(i.outcome))
        try:
            alarm = self.alarms.move(
                alarm, _MOVE_OF[i.do], now, by=i.by, reason=i.reason, vouched=i.door is Door.LOCAL
            )
        except NotAllowed as refusal:
            return replace(no(i, Refused.NOT_ALLOWED, refusal.say), state=alarm.state.value)
        if (
            i.do is Do.RECALL
            and not alarm.test
            and (who := asked(alarm, self.alarms.ladder)) is not None
        ):
            self.alarms.call(alarm, who, Reason.RECALLED, now, before=alarm.state, by=i.by)
        return _done(i, alarm)

    def installing(self, alarm: Alarm) -> bool:
        """Say whether an alarm came while its device was being installed.

        It may be closed as a test then, though it was real.
        """
        since, danger = self._installed.get(alarm.device), alarm.stages.get("danger")
        if since is None or danger is None or danger.boot != self.book.boot:
            return False
        return since <= danger.mono <= since + self.alarms.times.installing

    def _about_device(self, i: Instruction, now: Moment) -> ResultFact:
        if i.device not in self.rooms:
            return no(
                i,
                Refused.UNKNOWN_DEVICE,
                "order.no_device",
                device=i.device or Say("word.empty"),
            )
        if i.do is Do.CONFIRM:
            if i.door is not Door.LOCAL and (kinds.REPLAYED, i.device) in self.faults.on:
                return no(i, Refused.LOCAL_ONLY, "order.old_signal")
            self.book.tell(self.faults.confirmed(i.device, now, here=i.door is Door.LOCAL), now)
            return ResultFact(i, Refused.NONE)
        if i.do is Do.WALK:
            result = self.walk_test.instructed(i, now)
            if result.refused is Refused.NONE:
                # tried in the test: behind it every press is real
                self.real.first_presses.forget([i.device])
            return result
        if i.seconds <= 0:  # more protection needs nobody's leave
            self.real.unshelve(i.device)
            return ResultFact(i, Refused.NONE)
        vital = self.faults.is_vital(i.device)
        most = self.alarms.times.shelve_p1_most if vital else self.alarms.times.shelve_most
        if vital and i.door is not Door.PLATFORM:
            return no(i, Refused.PLATFORM_ONLY, "order.shelve_p1")
        if i.seconds > most:
            return no(i, Refused.TOO_LONG, "order.shelve_long", most=most / 3600)
        if not i.reason.strip():
            return no(i, Refused.MISSING, "order.no_reason")
        if (unproved := self._unproved(i, now, {})) is not None:
            return unproved
        self.real.shelve(i.device, Shelf(now.mono + left(i, now), i.by, i.reason))
        return ResultFact(i, Refused.NONE)


def _done(i: Instruction, alarm: Alarm) -> ResultFact:
    """Return the answer to an order about an alarm, as that stands now."""
    return ResultFact(i, Refused.NONE, alarm=alarm.id, state=alarm.state.value)


def _used(i: Instruction, done: Done) -> ResultFact:
    """Return the answer to an order whose id has its answer already.

    It is ID_REUSED only where the content is certainly another, else ANSWER_LOST.
    """
    if done.digest in {"?", i.digest}:
        return no(i, Refused.ANSWER_LOST, "order.answer_lost")
    return no(i, Refused.ID_REUSED, "order.id_reused")
