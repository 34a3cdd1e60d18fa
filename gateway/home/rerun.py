"""Recorded readings once more through judge and pipeline, by rules that may be others.

The very engine of the daemon, without its clock: time is that of the readings, and between two of
them each turn is taken at the second at which it is due. People are played as the journal has them:
an alarm that was answered then is answered after as many seconds now; a new one, that nobody could
answer then, is answered after the home's usual time. A question is answered, unless somebody was
found in need then, or is out. A receipt takes a second. Faults are not judged. The same readings
and rules give the same alarms, to the byte.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, tzinfo
from math import inf
from statistics import median
from time import monotonic
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from gateway.home.config import Config
from gateway.home.recorded import Was
from gateway.home.silence import places, wishes
from gateway.home.waits import WAITS
from gateway.judge.alarm import Alarm, Outcome, State
from gateway.judge.book import AlarmFact, Entry
from gateway.judge.danger import Judge
from gateway.judge.dispatch import Rung
from gateway.judge.faults.fact import FaultFact
from gateway.judge.faults.fault import Faults
from gateway.judge.known import Known
from gateway.judge.pipeline import Pipeline
from gateway.judge.silence.kept import LINE, MARK
from gateway.judge.silence.life import Place
from gateway.judge.silence.wishes import Wishes
from gateway.judge.watch import Watch
from gateway.words import kind as kinds
from gateway.words.clock import Moment
from gateway.words.instruction import Do, Instruction
from gateway.words.reading import DeviceId, Kind, Reading
from gateway.words.times import Times

DAY: Final = 86400.0
RESIDENT: Final = "(resident)"  # who answers a question presses this
# outcomes of an alarm that nobody needed
NOTHING: Final = frozenset({Outcome.FALSE_ALARM, Outcome.NO_HELP_NEEDED, Outcome.TEST})


class Rules(Struct, frozen=True, kw_only=True):
    """By what a home is judged: its devices and their wishes, its times, its ladder."""

    watches: Mapping[DeviceId, Watch]
    times: Times
    zone: tzinfo
    night: tuple[time, time]
    ladder: Sequence[Rung] = ()
    wishes: Wishes = Wishes()
    places: Mapping[DeviceId, Place] = {}


def rules_of(config: Config) -> Rules:
    """Return the rules of a configuration."""
    return Rules(
        watches={d.id: d.watch for d in config.devices},
        times=config.times,
        zone=config.zone,
        night=config.night,
        ladder=config.ladder,
        # whoever tries a rule may be in a home that cannot ask yet
        wishes=replace(wishes(config), asks=True),
        places=places(config),
    )


@dataclass(slots=True)
class Count:
    """What came of one run."""

    raised: int = 0
    cancelled: int = 0
    called: int = 0  # calls beyond the platform
    asked: int = 0
    answered: int = 0


@dataclass(slots=True)
class Ran:
    """One run over the recorded readings."""

    count: Count = field(default_factory=Count)
    alarms: dict[int, Alarm] = field(default_factory=dict)
    # (wall second, about what), of each question and each answer
    asked: list[tuple[float, str]] = field(default_factory=list)
    answered: list[tuple[float, str]] = field(default_factory=list)
    until: float = 0.0
    complete: bool = True
    readings: int = 0


Act = int | tuple[Do, str] | Reading  # a receipt, an order about an alarm, or what a person does


class People(Protocol):
    """Platform and persons beside the readings."""

    def see(self, entry: Entry, mono: float) -> None:
        """Take an entry about an alarm, a question or an answer."""
        ...

    def due(self) -> float:
        """Return when somebody acts next."""
        ...

    def take(self) -> Act:
        """Return what is done then."""
        ...


class Home:
    """One home's judge and pipeline, from its first reading on."""

    def __init__(
        self,
        rules: Rules,
        people: People,
        faults: Faults | None = None,
        marks: Mapping[str, str] = {},
    ) -> None:
        """Make it; `marks`: what outlived a restart."""
        self.pipeline = Pipeline(
            boot="trial",
            devices={d: watch.room for d, watch in rules.watches.items()},
            judge=Judge(rules.watches, rules.times, rules.zone, rules.night),
            faults=Faults({}, rules.times) if faults is None else faults,
            ladder=rules.ladder,
            times=rules.times,
        )
        self.pipeline.silence.arrange(rules.wishes, {**rules.places, RESIDENT: Place()}, rules.zone)
        self.pipeline.silence.restored(marks.get(MARK, ""), marks.get(LINE, ""))
        self.ran = Ran()
        self._people, self._ids = people, itertools.count(1)
        self._now: Moment | None = None

    def heard(self, reading: Reading) -> None:
        """Judge a reading, and before it all that was due until then."""
        self.start(reading.at)
        self.until(reading.at.mono)
        self._now = reading.at
        self.ran.readings += 1
        self.ran.until = reading.at.mono
        self._take(self.pipeline.heard(reading), reading.at)

    def start(self, at: Moment) -> None:
        """Begin, where it has not begun yet."""
        if self._now is None:
            self.pipeline.restart(at, Known(journal="trial"), why="trial")
            self._now = at

    def until(self, mono: float) -> None:
        """Do all that is due until then."""
        while self._now is not None:
            due = min(self.pipeline.due_of_alarms(), self._people.due())
            if due > mono:
                return
            at = self._now.later(max(due, self._now.mono))
            if self._people.due() <= at.mono:
                self._take(self._acted(self._people.take(), at), at)
            else:
                self._take(self.pipeline.tick(at), at)

    def _acted(self, what: Act, at: Moment) -> list[Entry]:
        """Carry out what somebody does: a receipt, an order, or a press or movement at home."""
        if isinstance(what, Reading):
            return self.pipeline.heard(what)
        if isinstance(what, int):
            return self.pipeline.receipted([what], at)
        do, alarm = what
        outcome = Outcome.UNKNOWN if do is Do.CLOSE else ""
        number = next(self._ids)
        order = Instruction(id=f"t{number}", do=do, by="trial", alarm=alarm, outcome=outcome)
        return self.pipeline.told(order, at)

    def _take(self, entries: Iterable[Entry], at: Moment) -> None:
        for entry in entries:
            fact = entry.fact
            if isinstance(fact, AlarmFact):
                _note(self.ran, fact)
            elif isinstance(fact, FaultFact) and fact.kind in (kinds.ASKED, kinds.ANSWER):
                _asked(self.ran, fact, at)
            else:
                continue
            self._people.see(entry, at.mono)


def run(
    rules: Rules,
    heard: Iterable[Reading],
    was: Sequence[Was],
    *,
    most: int,
    limit: float = inf,
    seen: Callable[[Reading, Home], None] | None = None,
    ends: float = -inf,
) -> Ran:
    """Judge the readings by these rules; `seen` takes each after it was judged.

    What is silent at the end is silent until `ends`, a day at most. It ends unfinished after `most`
    readings, or at the monotonic second `limit`.
    """
    home = Home(rules, AsThen(was))
    ran = home.ran
    for reading in heard:
        if ran.readings >= most or (ran.readings % 256 == 0 and monotonic() > limit):
            ran.complete = False
            return ran
        home.heard(reading)
        if seen is not None:
            seen(reading, home)
    # what is open at the end comes to its end
    home.until(max(ran.until, min(ends, ran.until + DAY)) + WAITS.trial_after)
    return ran


def _note(ran: Ran, fact: AlarmFact) -> None:
    alarm = fact.alarm
    if fact.before in {None, State.PRE_ALARM} and alarm.state is State.RAISED:
        ran.count.raised += 1
    ran.count.cancelled += alarm.state is State.CANCELLED and fact.before is State.PRE_ALARM
    if alarm.number not in ran.alarms or alarm.made > ran.alarms[alarm.number].made:
        ran.count.called += bool(alarm.calls) and alarm.calls[-1].rung > 0
    ran.alarms[alarm.number] = alarm


def _asked(ran: Ran, fact: FaultFact, at: Moment) -> None:
    about = str(fact.detail.get("about", ""))
    if fact.kind == kinds.ASKED and fact.detail.get("times") == 1:
        ran.count.asked += 1
        ran.asked.append((at.wall.timestamp(), about))
    elif fact.kind == kinds.ANSWER and "after_s" in fact.detail:
        ran.count.answered += 1
        ran.answered.append((at.wall.timestamp(), about))


class AsThen:
    """Platform and persons, as they were: receipts, answers and ends, each at its second."""

    def __init__(self, was: Sequence[Was]) -> None:
        self._was = list(was)
        self._answered = median(
            [w.answered for w in was if w.answered is not None] or [WAITS.trial_answered]
        )
        self._closed = max(
            self._answered,
            median(
                [w.closed for w in was if w.closed is not None]
                or [self._answered + WAITS.trial_closed]
            ),
        )
        self._plans: list[tuple[float, int, Act]] = []
        self._order = itertools.count()
        self._seen: set[int] = set()

    def see(self, entry: Entry, mono: float) -> None:
        """Plan what follows from an entry."""
        if isinstance(entry.fact, FaultFact):
            self._answer(entry.fact, mono)
            return
        assert isinstance(entry.fact, AlarmFact)  # the only others that are shown
        alarm = entry.fact.alarm
        if not alarm.open or alarm.state is State.PRE_ALARM:
            return
        if entry.fact.move != "receipt":
            self._plan(mono + WAITS.trial_receipt, entry.number)
        if alarm.number in self._seen:
            return
        self._seen.add(alarm.number)
        was = [w for w in self._was if same(key_of(alarm), (w.kind, w.device, w.at))]
        answered = was[0].answered if was and was[0].answered is not None else self._answered
        closed = was[0].closed if was and was[0].closed is not None else self._closed
        self._plan(mono + answered, (Do.ACKNOWLEDGE, alarm.id))
        # with an answer it is in hands: what follows is not what a rule changes
        self._plan(mono + answered, (Do.ARRIVE, alarm.id))
        self._plan(mono + max(closed, answered), (Do.CLOSE, alarm.id))

    def _answer(self, fact: FaultFact, mono: float) -> None:
        """Let a question be answered, unless somebody was found in need after such a silence.

        Who moved again by himself was well, and would have answered; who is out hears no question.
        """
        about = str(fact.detail.get("about", ""))
        first = fact.kind == kinds.ASKED and fact.detail.get("times") == 1
        if not first or about in (kinds.NO_RETURN, kinds.NIGHT_EXIT):
            return
        need = [w for w in self._was if w.kind == about and w.outcome not in NOTHING]
        if not any(abs(w.at - mono) <= WAITS.trial_silence for w in need):
            at = mono + WAITS.trial_asked
            wall = datetime.fromtimestamp(at, UTC)
            press = Reading(device=RESIDENT, kind=Kind.BUTTON, value="press", at=Moment(at, wall))
            self._plan(at, press)

    def _plan(self, at: float, what: Act) -> None:
        self._plans.append((at, next(self._order), what))
        self._plans.sort(key=lambda plan: plan[:2])

    def due(self) -> float:
        """Return when somebody acts next."""
        return self._plans[0][0] if self._plans else inf

    def take(self) -> Act:
        """Return what is done then: a receipt's entry number, or an instruction about an alarm."""
        return self._plans.pop(0)[2]


Key = tuple[str, str, float]  # kind, device, wall second of the danger


def key_of(alarm: Alarm) -> Key:
    """Return what an alarm of two runs, or of a run and the journal, is known by."""
    began = alarm.stages.get("danger", next(iter(alarm.stages.values())))
    return alarm.kind, alarm.device, datetime.fromisoformat(began.wall).timestamp()


def same(one: Key, other: Key) -> bool:
    """Say whether two alarms are the same danger, judged otherwise."""
    near = WAITS.trial_silence if one[0] in kinds.ASKED_FIRST else WAITS.trial_same
    return one[:2] == other[:2] and abs(one[2] - other[2]) <= near


def raised(ran: Ran) -> list[Alarm]:
    """Return the alarms that were raised."""
    return [a for a in ran.alarms.values() if "alarm" in a.stages]


def beyond(one: Ran, other: Ran) -> list[Alarm]:
    """Return what was raised in `one` and not in `other`, each once."""
    left = [key_of(a) for a in raised(other)]
    out = []
    for alarm in raised(one):
        if known := [other for other in left if same(key_of(alarm), other)]:
            left.remove(known[0])
        else:
            out.append(alarm)
    return out
