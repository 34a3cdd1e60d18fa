"""What is judged as real: dangers open alarms, what is over ends them, the resident may be quicker.

Beside this there is the walk test, which answers the same three (`walk_test`); the pipeline chooses
between them. A shelved device is judged again, from what is on right now, when its shelf is over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from math import inf

from msgspec.structs import replace

from gateway.judge.alarm import MOVES, Alarm, Move, Outcome, Proof, State, loud
from gateway.judge.away import Away
from gateway.judge.badges import BADGE, SHOWN, There, Visit
from gateway.judge.book import Book
from gateway.judge.calls import pressed_again
from gateway.judge.chatter import Counting
from gateway.judge.conditions import MOMENTARY, counted
from gateway.judge.danger import Cancelled, Cleared, Danger, Judge
from gateway.judge.dispatch import Reason
from gateway.judge.faults.fact import FaultFact, Turn
from gateway.judge.faults.ledger import Ledger
from gateway.judge.first_press import REASON, FirstPresses
from gateway.judge.levels import Key
from gateway.judge.masks import Shelf
from gateway.judge.open_alarms import OpenAlarms
from gateway.judge.unclosed import by_sms_alone
from gateway.judge.waits import WAITS
from gateway.judge.wishes import Wish, Wishes
from gateway.words import kind as kinds
from gateway.words.clock import Moment, When
from gateway.words.kind import Priority
from gateway.words.part import Part
from gateway.words.reading import DeviceId, Value

FLICKERS = 2  # graces in a row that ended by themselves
OFTEN = 3  # cancelled alarms within Times.cancelled_often that are told as a P3 of their own

# stages of an alarm that somebody has, or had
_TAKEN = frozenset({"answered", "dispatch"})
_PRESSED = frozenset({kinds.SOS, kinds.HELP})
# second evidence for a fall in its grace
_CONFIRMS = frozenset({kinds.SOS, kinds.HELP, kinds.FALL, kinds.STAY_TOO_LONG})


class Real(Part):
    """Answers dangers, what is over, and the resident's own word, where no walk test does."""

    book: Book
    alarms: OpenAlarms
    judge: Judge
    faults: Ledger
    away: Away

    def __post_init__(self) -> None:
        self.first_presses = FirstPresses()
        self._wishes = Wishes()
        self.shelves: dict[DeviceId, Shelf] = {}
        # conditions that began while their device was shelved
        self.withheld: dict[Key, Danger] = {}
        # when the resident was quicker, with monotonic seconds of this boot
        self.cancels: deque[When] = deque(maxlen=OFTEN)
        self.masks_changed = False
        self.unsaved = False  # what was withheld is over, and no entry says so
        self._shelved: Counting[Key] = Counting()  # of dangers of a shelved device that are told
        # when those began that ended by themselves in their grace
        self._ended_in_grace: dict[Key, deque[float]] = {}
        # alarm number -> when the resident last said to be well
        self._said_well: dict[int, float] = {}

    def restore(self, shelves: Mapping[DeviceId, Shelf], cancels: Iterable[When]) -> None:
        """Take over what was shelved before a restart, and when the resident was quicker."""
        self.shelves = dict(shelves)
        self.cancels.extend(cancels)

    def withhold(self, key: Key, danger: Danger) -> None:
        """Take over a danger that was withheld before a restart; `released` tells it later."""
        if danger.evidence:
            self.judge.goes_on(key, danger.evidence[-1])
        self.withheld[key] = danger

    def forget(self, gone: Collection[DeviceId], other: Collection[DeviceId]) -> None:
        """Forget devices that are `gone`, and what `other` hardware under the same name said."""
        left = {*gone, *other}
        self.first_presses.forget(left)
        self._wishes.forget(left)
        for device in self.shelves.keys() & set(gone):
            self.unshelve(device)
        self.withheld = {key: danger for key, danger in self.withheld.items() if key[1] not in left}
        self._ended_in_grace = {
            key: began for key, began in self._ended_in_grace.items() if key[1] not in left
        }

    def saved(self) -> None:
        """Take that what has changed is written."""
        self.masks_changed = self.unsaved = False

    # -- shelves ----------------------------------------------------------------------------------

    def shelve(self, device: DeviceId, shelf: Shelf) -> None:
        """Judge nothing of a device but its SOS, until the shelf is over."""
        self.shelves[device] = shelf
        self.masks_changed = True

    def unshelve(self, device: DeviceId) -> None:
        """Judge the device again."""
        if self.shelves.pop(device, None) is not None:
            self.masks_changed = True

    def due(self) -> float:
        """Return the monotonic second at which `tick` is wanted."""
        return min((shelf.until for shelf in self.shelves.values()), default=inf)

    def tick(self, now: Moment) -> None:
        """End the shelves whose time is over."""
        self.shelves = {d: shelf.settled(now) for d, shelf in self.shelves.items()}
        for device in [d for d, shelf in self.shelves.items() if now.mono >= shelf.until]:
            self.unshelve(device)

    def released(self, now: Moment) -> list[Danger]:
        """Return, once, what was withheld of devices that are shelved no more."""
        free = [key for key in self.withheld if key[1] not in self.shelves]
        return [replace(self.withheld.pop(key), at=now) for key in free]

    def tell_away(self, facts: Collection[FaultFact], now: Moment) -> None:
        """Tell what is to be said of an absence.

        Once it is over, what was left undecided meanwhile is looked at.
        """
        self.book.tell(facts, now)
        self.masks_changed = self.masks_changed or bool(facts)
        if any(fact.kind == kinds.AWAY and fact.turn is Turn.CLEARED for fact in facts):
            self.judge.home()

    # -- answers ----------------------------------------------------------------------------------

    def danger(self, danger: Danger) -> None:
        """Open an alarm, or count on the one that is open."""
        evidence = self.book.evidence(danger.evidence)
        if danger.kind in _PRESSED and self._confirms_enrolment(danger, evidence):
            return
        if kinds.of(danger.kind).by_absence and self.away.lasts(danger.at):
            return
        if danger.device in self.shelves and danger.kind != kinds.SOS:
            self._withhold(danger)
            return
        self._confirm_falls(danger, evidence)
        if danger.listed:
            self.faults.daily.listed(danger.kind, danger.device)
        found = self.alarms.of(danger.kind, danger.device)
        if found is None or self.alarms.past(found, danger.at):
            self._open(danger, evidence, found)
        else:
            self._count(danger, evidence, found)

    def cleared(self, cleared: Cleared) -> None:
        """Take that a condition is over.

        What latches stays open; what was still in its grace, or does not latch, ends.
        """
        if self.withheld.pop((cleared.kind, cleared.device), None) is not None:
            self.unsaved = True
        alarm = self.alarms.of(cleared.kind, cleared.device)
        if alarm is None:
            self.alarms.faded(
                cleared.kind, cleared.device, cleared.at, by=cleared.device, reason=""
            )
            return
        alarm = self.alarms.keep(replace(alarm, condition_active=False))
        if cleared.by_resident and alarm.state is State.PRE_ALARM:
            self.alarms.move(alarm, Move.CANCEL, cleared.at, by=f"resident, {cleared.device}")
            self._count_cancel(alarm, cleared.at)
        elif alarm.kind in kinds.ENDS_IN_GRACE and alarm.state is State.PRE_ALARM:
            began = self._ended_in_grace.setdefault(
                (alarm.kind, alarm.device), deque(maxlen=FLICKERS)
            )
            began.append(alarm.since.mono)
            self.alarms.move(alarm, Move.CANCEL, cleared.at, reason="condition_cleared")
        elif not kinds.of(alarm.kind).latches and alarm.state in {State.RAISED, State.ACKNOWLEDGED}:
            self.alarms.close(alarm, Outcome.NO_HELP_NEEDED, cleared.at, reason="condition_cleared")
        else:
            self.alarms.told_now_and_then(alarm, "clear", cleared.device, cleared.at)

    def cancelled(self, said: Cancelled) -> None:
        """Take that the resident says: I am well.

        It ends what asks about the resident, never water, smoke or a door.
        """
        device, at = said.device, said.at
        if (asked := self.first_presses.taken(device, at, proved=said.proved)) is not None:
            said_so = self.faults.note(kinds.VISIT, at, device, what="first_press", by=asked.by)
            self.book.tell([replace(said_so, test=True)], at)
        elif device in self.shelves:
            self.book.tell([self.faults.note(kinds.SHELVED, at, device, danger="cancel")], at)
        elif not said.proved:
            self.book.tell(self.faults.begin(kinds.REPLAYED, at, device, danger="cancel"), at)
        else:
            if asks := self.alarms.cancel_graces(at, device, test=False):
                self._count_cancel(asks[0], at)
            self._well_late(at, f"resident, {device}")
            self.alarms.cancel_graces(at, device, test=True)

    def wished(self, wish: Wish) -> None:
        """Tell that the resident asks for a service: nobody is called for it."""
        device, at = wish.device, wish.at
        proved = not any(r.flagged for r in wish.evidence)
        if (asked := self.first_presses.taken(device, at, proved=proved)) is not None:
            said = self.faults.note(kinds.VISIT, at, device, what="first_press", by=asked.by)
            self.book.tell([replace(said, test=True)], at)
        elif self._wishes.new(wish):
            said = self.faults.note(kinds.REQUEST, at, device)
            self.book.tell([replace(said, evidence=wish.evidence)], at)

    def arrived(self, there: Iterable[There], now: Moment) -> None:
        """Take who is here by a badge: it is an arrival at each alarm that was before it."""
        for one in there:
            for alarm in list(self.alarms.open.values()):
                if not self._comes_to(one, alarm):
                    continue
                if by_sms_alone(alarm) and alarm.responder.strip() == one.badge.who.strip():
                    shown = self.alarms.keep(replace(alarm, reason=BADGE))
                    self.alarms.say(shown, SHOWN, now, by=one.badge.who, reason=BADGE)
                elif Move.ARRIVE in MOVES[alarm.state]:
                    self.alarms.move(
                        replace(alarm, responder=one.badge.who),
                        Move.ARRIVE,
                        now,
                        by=one.badge.who,
                        reason=BADGE,
                    )

    def _comes_to(self, one: There, alarm: Alarm) -> bool:
        """Say whether somebody has come to an alarm.

        A badge ends no ladder that nobody has answered: it may be heard through a wall, and a plain
        one can be copied. Who carries it has to be on the way, or somebody else to have the alarm.
        """
        if alarm.test or alarm.priority > Priority.P2:
            return False
        if one.device in self.shelves or _TAKEN.isdisjoint(alarm.stages):
            return False
        danger = alarm.stages["danger"]
        if danger.boot == one.boot:
            return one.since > danger.mono  # else was there before: has not come for it
        return one.boot == self.book.boot

    def visited(self, visits: Iterable[Visit], now: Moment) -> None:
        """Tell of visits: who is here, and who has left."""
        for visit in visits:
            about: dict[str, Value] = {"what": BADGE, "who": visit.badge.who}
            about |= {"proved": visit.badge.proved, "came": _at(now, visit.since)}
            if visit.until is not None:
                stayed = max(1, round((visit.until - visit.since) / 60))
                about |= {"left": _at(now, visit.until), "minutes": stayed}
            self.book.tell([self.faults.note(kinds.VISIT, now, visit.device, **about)], now)

    def _withhold(self, danger: Danger) -> None:
        """Tell what a shelved device says, and judge it again later where it lasts."""
        key = danger.kind, danger.device
        if danger.kind == kinds.HELP or self._shelved.at_once(key, danger.at.mono):
            said = self.faults.note(kinds.SHELVED, danger.at, danger.device, danger=danger.kind)
            self.book.tell([replace(said, evidence=danger.evidence)], danger.at)
        if danger.kind != kinds.HELP:  # a press is over, a condition may outlast the shelf
            self.withheld[key] = danger

    def _confirm_falls(self, danger: Danger, evidence: tuple[Proof, ...]) -> None:
        """End the graces that this danger confirms: of a fall, and by an SOS of anything."""
        if danger.kind not in _CONFIRMS:
            return
        others = [
            a
            for a in self.alarms.pre_alarms(test=False)
            if (a.kind, a.device) != (danger.kind, danger.device)
        ]
        for alarm in [a for a in others if a.kind == kinds.FALL or danger.kind == kinds.SOS]:
            confirmed = replace(alarm, evidence=alarm.evidence + evidence)
            self.alarms.raise_now(confirmed, Move.CONFIRM, danger.at, reason=danger.kind)

    def _open(self, danger: Danger, evidence: tuple[Proof, ...], before: Alarm | None) -> None:
        if before is not None:
            self.alarms.succeeded(before, danger.at)
        flickers = self._flickers(danger)
        self.alarms.opened(
            danger.kind,
            danger.device,
            danger.room,
            danger.at,
            evidence,
            grace=0.0 if flickers else danger.grace,
            shelved=danger.device in self.shelves,
            why="comes_and_goes" if flickers else "returned" if danger.returned else "",
            linked=before.id if before is not None else "",
            listed=danger.listed,
        )

    def _count(self, danger: Danger, evidence: tuple[Proof, ...], found: Alarm) -> None:
        alarm = counted(found, evidence, listed=danger.listed)
        # each press reaches the next person at once, whoever says to have it
        if danger.kind == kinds.SOS:
            self.alarms.call(
                loud(alarm),
                pressed_again(alarm, self.alarms.ladder, self.alarms.down, danger.at),
                Reason.AGAIN,
                danger.at,
                before=alarm.state,
                move="count",
                by=danger.device,
            )
        elif danger.kind in MOMENTARY:
            self.alarms.say(self.alarms.keep(alarm), "count", danger.at, by=danger.device)
        else:
            alarm = self.alarms.keep(alarm)
            self.alarms.told_now_and_then(alarm, "count", danger.device, danger.at)

    def _flickers(self, danger: Danger) -> bool:
        """Say whether it comes and goes within its grace: no grace of it would ever run out."""
        began = self._ended_in_grace.get((danger.kind, danger.device), deque())
        within = max(WAITS.flicker, (FLICKERS + 1) * danger.grace)
        return danger.grace > 0 and len(began) == FLICKERS and danger.at.mono - began[0] <= within

    def _confirms_enrolment(self, danger: Danger, evidence: tuple[Proof, ...]) -> bool:
        """Say whether a press is the one that was asked for at the enrolment: that is a test."""
        if any(
            not a.test and (a.device == danger.device or _waits_for_help(a))
            for a in self.alarms.open.values()
        ):
            self.first_presses.forget([danger.device])  # somebody may need help
        proved = not any(r.flagged for r in danger.evidence)
        if self.first_presses.taken(danger.device, danger.at, proved=proved) is None:
            return False
        alarm = self.alarms.opened(
            danger.kind,
            danger.device,
            danger.room,
            danger.at,
            evidence,
            test=True,
            by=danger.device,
            why=REASON,
        )
        self.alarms.closes_by_receipt(alarm, REASON)
        return True

    def _well_late(self, at: Moment, by: str) -> None:
        """Write down that the resident says to be well, after the grace.

        The desk sees it; it changes nothing.
        """
        for alarm in list(self.alarms.open.values()):
            said = self._said_well.get(alarm.number, -inf)
            if (
                alarm.test
                or alarm.state is State.PRE_ALARM
                or alarm.priority > Priority.P2
                or at.mono - said < WAITS.well_again
            ):
                continue
            self._said_well[alarm.number] = at.mono
            self.alarms.say(alarm, "well", at, by=by)
        self._said_well = {n: said for n, said in self._said_well.items() if n in self.alarms.open}

    def _count_cancel(self, alarm: Alarm, at: Moment) -> None:
        """Count that the resident was quicker: each press once, however much it has ended."""
        self.cancels.append(self.book.stamp(at))
        if (
            len(self.cancels) == OFTEN
            and at.mono - self.cancels[0].mono <= self.alarms.times.cancelled_often
        ):
            self.cancels.clear()
            self.book.tell(
                [self.faults.note(kinds.OFTEN_CANCELLED, at, alarm.device, cancelled=OFTEN)], at
            )


def _at(now: Moment, mono: float) -> str:
    """Return an earlier second by the wall clock of now."""
    return (now.wall - timedelta(seconds=now.mono - mono)).isoformat(timespec="seconds")


def _waits_for_help(alarm: Alarm) -> bool:
    """Say whether nobody has an alarm about a person, or a P1, yet, its grace included.

    Whoever presses any button now may mean it.
    """
    about = alarm.priority is Priority.P1 or (
        alarm.priority is Priority.P2 and alarm.kind.startswith("person.")
    )
    return about and (alarm.calls_on or alarm.state is State.PRE_ALARM)
