"""One home's year through the real judge and pipeline, and falls in copies of it.

What the sensors say goes in as readings; the resident answers questions, and the desk answers alarms. Somebody who collapses does so in a
copy of the process (`fork`): there nobody stirs any more, the sensors check in as before, the cat walks, and the silence is waited out; the
year itself goes on undisturbed. Supervision runs, so that a dead sensor is known as the daemon knows it.
"""

from __future__ import annotations

import json
import math
import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from gateway.home.rerun import Act, Rules
from gateway.home.rerun import Home as Judged
from gateway.judge.alarm import State
from gateway.judge.book import AlarmFact, Entry
from gateway.judge.faults.fact import FaultFact
from gateway.judge.faults.fault import Faults
from gateway.judge.faults.silence import Supervised
from gateway.judge.masks import End
from gateway.judge.silence.life import Place
from gateway.judge.silence.wishes import Wishes
from gateway.judge.watch import Watch
from gateway.words import kind as kinds
from gateway.words.clock import Moment
from gateway.words.instruction import Do
from gateway.words.reading import Kind, Reading
from gateway.words.times import Times

from tests.kit.waits import changed
from tests.truth.residents import DAY, HOUR, Doing, Home, Said, Year, furnished, trait, wall

SILENCE = frozenset({"person.inactive", "person.not_up", "person.no_return", "person.night_exit", kinds.BED_EXIT, kinds.STAY_TOO_LONG})
NIGHT = time(22), time(7)
DAY_BEGINS, EVENING, DAY_ENDS = 7 * HOUR, 20 * HOUR, 22 * HOUR
WAITED = 26 * HOUR  # for a collapse to be found
SHADOW = 14  # days that are not counted: the lines are learnt, and a technician alone is told
PRESET = "usual"
SUPERVISED = 600.0  # s between two looks of supervision
CHECK_IN = 3000.0  # s between two signs of life of a sensor's own


@dataclass
class Fall:
    """One collapse: at a local second, where, and after how many seconds a person was called, and why."""

    at: float
    room: str
    what: str
    called: float = math.inf
    kind: str = ""
    fixed: float = math.inf  # s after which the rule of four hours would have called

    @property
    def when(self) -> str:
        hour = self.at % DAY
        return "day" if DAY_BEGINS <= hour < EVENING else "evening" if EVENING <= hour < DAY_ENDS else "night"


@dataclass
class Result:
    """What came of one home's year. `asked`, `raised`: by kind, after the shadow fortnight."""

    home: str
    days: int
    asked: Counter[str] = field(default_factory=Counter)
    answers: int = 0
    raised: Counter[str] = field(default_factory=Counter)
    by_night: int = 0  # questions 22:00-07:00
    nobody: int = 0  # of the raised: nobody was at home
    heard_by_nobody: int = 0  # of the questions: the same
    fixed: int = 0  # alarms of the rule of four hours
    falls: list[Fall] = field(default_factory=list)
    readings: int = 0
    cpu: float = 0.0
    state: int = 0  # bytes that outlive a restart


class Fixed:
    """The rule that this one is compared with: four hours without a sign by day call a person, unless the door was the last that was heard."""

    def __init__(self, life: Life) -> None:
        self.life, self.false = life, 0
        self.last, self.door = -math.inf, False

    def heard(self, mono: float, device: str) -> None:
        self.false += self.due() < mono
        self.last, self.door = mono, device == "door"

    def due(self) -> float:
        if self.door or self.last == -math.inf:
            return math.inf
        at = self.last + 4 * HOUR
        hour = self.life.local(at) % DAY
        early = DAY_BEGINS - hour if hour < DAY_BEGINS else DAY + DAY_BEGINS - hour if hour >= DAY_ENDS else 0.0
        return at + early


class People:
    """The resident, who answers a question when he can hear it, and the desk."""

    def __init__(self, life: Life, dice: random.Random) -> None:
        self.life, self.dice = life, dice
        self.plans: list[tuple[float, int, Act]] = []
        self.n = 0
        self.fallen = False
        self.asked: list[tuple[float, str]] = []
        self.raised: list[tuple[float, str]] = []
        self.nobody = 0
        self.heard_by_nobody = 0
        self.answers = 0

    def see(self, entry: Entry, mono: float) -> None:
        fact = entry.fact
        if isinstance(fact, FaultFact):
            if fact.kind == kinds.ASKED and fact.detail["times"] == 1:
                self.question(mono, str(fact.detail["about"]))
            return
        assert isinstance(fact, AlarmFact)
        alarm = fact.alarm
        if alarm.kind not in SILENCE:
            return
        if fact.before is None and alarm.state is State.PRE_ALARM:
            self.question(mono, alarm.kind)
        if alarm.state is State.RAISED and fact.before in (None, State.PRE_ALARM):
            self.raised.append((mono, alarm.kind))
            self.nobody += not self.life.hears(mono)
            self.plan(mono + 1, entry.number)
            self.plan(mono + 150, (Do.ACKNOWLEDGE, alarm.id))
            self.plan(mono + 160, (Do.ARRIVE, alarm.id))
            self.plan(mono + 1500, (Do.CLOSE, alarm.id))

    def question(self, mono: float, about: str) -> None:
        """Hear a question, and walk to where a sensor sees it; one that misses sees the next step."""
        self.asked.append((mono, about))
        here = self.life.hears(mono)
        self.heard_by_nobody += not here
        if self.fallen or not here or self.dice.random() >= trait("answers"):
            return
        self.answers += 1
        if about == kinds.BED_EXIT:  # who hears it lies down again
            self.plan(mono + 40, "bed")
            return
        after = self.dice.lognormvariate(math.log(trait("answer_s")), 0.5)
        for n, device in enumerate(self.life.answers_by(mono)):
            self.plan(mono + after + 20 * n, device)

    def plan(self, at: float, act: Act | str) -> None:
        self.n += 1
        if isinstance(act, str):
            kind = Kind.OCCUPANCY if act == "bed" else Kind.MOTION
            if kind is Kind.MOTION:
                over = Reading(device=act, kind=kind, value=False, at=self.life.moment(at + 60))
                self.plans.append((at + 60, self.n, over))
            act = Reading(device=act, kind=kind, value=True, at=self.life.moment(at))
        self.plans.append((at, self.n, act))
        self.plans.sort(key=lambda plan: plan[:2])

    def due(self) -> float:
        return self.plans[0][0] if self.plans else math.inf

    def take(self) -> Act:
        return self.plans.pop(0)[2]


class Life:
    """A home's year as readings on the gateway's clock."""

    def __init__(self, home: Home, seed: int, days: int) -> None:
        self.home = furnished(home, seed, days)
        self.year = Year(self.home, seed, days)
        self._finish(random.Random(f"{seed} answers {home.n}"))

    def _finish(self, dice: random.Random) -> None:
        self.doing: list[Doing] = []
        self.zero = wall(self.home, 0.0)
        self._zone = ZoneInfo(self.home.zone)
        self._dice = dice

    def moment(self, mono: float) -> Moment:
        return Moment(mono, datetime.fromtimestamp(mono, UTC))

    def local(self, mono: float) -> float:
        """Return the local second of the year."""
        begins = datetime.fromtimestamp(self.zero, self._zone).replace(tzinfo=None)
        return (datetime.fromtimestamp(mono, self._zone).replace(tzinfo=None) - begins).total_seconds()

    def where(self, at: float) -> Doing | None:
        """Return what is done at a local second."""
        return next((d for d in reversed(self.doing) if d.begin <= at < d.end), None)

    def now(self, mono: float) -> Doing | None:
        return self.where(self.local(mono))

    def hears(self, mono: float) -> bool:
        doing = self.now(mono)
        return doing is None or doing.room != "out"

    def answers_by(self, mono: float) -> list[str]:
        """Return the movement sensors that see who walks to answer."""
        at = self.local(mono)
        moving = [s for s in self.home.sensors.values() if s.kind is Kind.MOTION]
        return [s.id for s in moving if self.year.hears(s, at) and self._dice.random() > s.miss]

    def days(self) -> Iterator[list[tuple[float, Said]]]:
        """Yield each day's words with the gateway's second of each."""
        for said, doing in self.year.days():
            self.doing = [*self.doing[-12:], *doing]
            yield sorted((wall(self.home, one.at), one) for one in said if not self.cut(one.at))

    def cut(self, at: float) -> bool:
        return any(a <= at < b for a, b in self.home.cuts)


class _Judged(Judged):
    """The judged home; between two looks of supervision only the silence is looked at each minute."""

    looked = -math.inf

    def until(self, mono: float) -> None:
        pipeline, silence = self.pipeline, self.pipeline.silence
        while self._now is not None:
            due = min(pipeline.due_of_alarms(), self._people.due())
            if due > mono:
                return
            at = self._now.later(max(due, self._now.mono))
            others = min(pipeline._judge.due(pipeline.away.end.until), pipeline._alarms.due(), pipeline._real.due(), self._people.due())
            if others <= at.mono or at.mono - self.looked >= SUPERVISED or silence.due() > at.mono:
                self.looked = at.mono
                super().until(at.mono)
            else:
                pipeline._told_of_silence(silence.tick(at), at)
                self._take(pipeline._turn(), at)


def rules(home: Home, shadow: int) -> Rules:
    watches = {s.id: Watch(device=s.id, room=s.room, bed=s.id == "bed", left_open=1800.0 if s.door else 0.0) for s in home.sensors.values()}
    places = {
        s.id: Place(room=s.room, bed=s.id == "bed", entrance=s.door, bath=s.room == "bath", sleeps=s.room == "bedroom")
        for s in home.sensors.values()
    }
    wishes = Wishes(preset=PRESET, shadow=shadow)
    return Rules(watches=watches, times=Times(), zone=ZoneInfo(home.zone), night=NIGHT, places=places, wishes=wishes)


def lived(home: Home, seed: int, days: int, *, every: int = 2) -> Result:
    """Live a simulated home's year."""
    return played(Life(home, seed, days), seed, days, every=every)


def played(life: Life, seed: int, days: int, *, every: int = 2, shadow: int = SHADOW, first: int = 0) -> Result:
    """Play what was lived; the silence is looked at every two minutes, for the machine's sake. See `_played`."""
    with changed("judge", silence_look=120.0):
        return _played(life, seed, days, every, first + shadow, shadow)


def _played(life: Life, seed: int, days: int, every: int, counts: int, shadow: int) -> Result:
    """Play it, with a collapse in a copy on every so many days by day, and as many by night; `counts`: from which day on."""
    home = life.home
    people = People(life, random.Random(f"{seed} people {home.n}"))
    by = rules(life.home, shadow)
    judged = _started(by, people, {}, life.moment(life.zero))
    result = Result(home.id, days - shadow)
    falls = random.Random(f"{seed} falls {home.n}")
    began = os.times()
    checked = dict.fromkeys(by.watches, life.zero)
    fixed, cuts = Fixed(life), list(life.home.cuts)
    for k, words in enumerate(life.days()):
        for span in life.home.away:
            if k * DAY <= span[0] < (k + 1) * DAY:
                _away(judged, life, span)
        wanted = _falls(falls, life, k) if every and k >= counts and k % every == 0 else []
        for mono, one in words:
            while wanted and wanted[0][0] <= mono:
                at, doing = wanted.pop(0)
                fall = _fallen(judged, people, life, at, doing)
                fall.fixed = max(fixed.due() - at, 0.0)
                result.falls.append(fall)
            if cuts and one.at >= cuts[0][1]:
                judged = _cut(judged, by, people, life, cuts.pop(0))
            _check_in(judged, life, checked, mono)
            judged.pipeline.faults.heard_at[one.device] = mono
            judged.heard(Reading(device=one.device, kind=one.kind, value=one.value, at=life.moment(mono)))
            if one.value or one.kind is not Kind.MOTION:
                fixed.heard(mono, one.device)
            result.readings += 1
        if k == counts:
            people.asked, people.raised, people.answers, people.nobody, people.heard_by_nobody, fixed.false = [], [], 0, 0, 0, 0
    ended = os.times()
    result.cpu = ended.user - began.user
    result.asked = Counter(kind for _, kind in people.asked)
    result.raised = Counter(kind for _, kind in people.raised)
    result.answers, result.nobody, result.fixed = people.answers, people.nobody, fixed.false
    result.heard_by_nobody = people.heard_by_nobody
    result.state = sum(len(mark) for mark in judged.pipeline.silence.marks(life.moment(mono), anew=True).values())
    result.by_night = sum(not DAY_BEGINS <= life.local(at) % DAY < DAY_ENDS for at, _ in people.asked)
    return result


def _started(by: Rules, people: People, marks: dict[str, str], now: Moment) -> Judged:
    supervised = {d: Supervised(device=d, room=w.room, missing_after=4 * CHECK_IN, vital=False) for d, w in by.watches.items()}
    judged = _Judged(by, people, Faults(supervised, by.times), marks)
    judged.start(now)
    return judged


def _cut(judged: Judged, by: Rules, people: People, life: Life, span: tuple[float, float]) -> Judged:
    """Cut the power, and start anew from the marks when it is back. Whoever was being called has been."""
    began, ended = (life.moment(wall(life.home, at)) for at in span)
    judged.until(began.mono)
    marks = judged.pipeline.silence.marks(began, anew=True)
    people.plans = [plan for plan in people.plans if isinstance(plan[2], Reading) and plan[0] > ended.mono]
    again = _started(by, people, marks, ended)
    again.pipeline.away.begun(judged.pipeline.away.end, ended, "restart")
    return again


def _check_in(judged: Judged, life: Life, checked: dict[str, float], mono: float) -> None:
    """Let the sensors that live say so, until `mono`."""
    heard_at = judged.pipeline.faults.heard_at
    for device, sensor in life.home.sensors.items():
        while checked[device] + CHECK_IN < mono:
            checked[device] = max(checked[device] + CHECK_IN, mono - 3 * CHECK_IN)
            at = life.local(checked[device])
            if life.year.hears(sensor, at) and not life.cut(at):
                heard_at[device] = max(heard_at.get(device, 0.0), checked[device])


def _away(judged: Judged, life: Life, span: tuple[float, float]) -> None:
    at = wall(life.home, span[0])
    judged.until(at)
    judged.pipeline.away.begun(End(wall(life.home, span[1])), life.moment(at), "technician")


def _falls(dice: random.Random, life: Life, k: int) -> list[tuple[float, Doing]]:
    """Choose a second of the waking day, and one of the night, at which somebody is at home and alone."""
    out = []
    for low, high in ((DAY_BEGINS, DAY_ENDS), (0.5 * HOUR, 6 * HOUR)):
        at = k * DAY + dice.uniform(low, high)
        doing = life.where(at)
        if doing is not None and doing.room != "out" and doing.what not in ("visited", "holiday"):
            out.append((wall(life.home, at), doing))
    return sorted(out)


def _fallen(judged: Judged, people: People, life: Life, mono: float, doing: Doing) -> Fall:
    """Let somebody collapse in a copy of this process, and wait there until a person is called."""
    at = life.local(mono)
    fall = Fall(at, doing.room, doing.what)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            os.write(write, json.dumps(asdict(_silent(judged, people, life, mono, fall))).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as said:
        found = said.read()
    os.waitpid(child, 0)
    return Fall(**json.loads(found))


def _silent(judged: Judged, people: People, life: Life, mono: float, fall: Fall) -> Fall:
    """Wait out the silence. What had been planned for the resident is not done any more."""
    people.fallen = True
    people.plans = [plan for plan in people.plans if not isinstance(plan[2], Reading)]
    people.raised = []
    dice = random.Random(f"{fall.at} cat")
    checked = dict.fromkeys(life.home.sensors, mono)
    at, cat = mono, mono
    while not people.raised and at < mono + WAITED:
        at += 60.0
        _check_in(judged, life, checked, at)
        if life.home.cat:
            while cat < at:
                cat += dice.lognormvariate(math.log(1500), 1.1)
                if dice.random() < 0.125 and cat < mono + WAITED:
                    judged.heard(Reading(device="pir-living", kind=Kind.MOTION, value=True, at=life.moment(max(cat, at))))
        judged.until(at)
    if people.raised:
        fall.called, fall.kind = people.raised[0][0] - mono, people.raised[0][1]
    return fall
