"""Simulated residents: what they do all year, and what the sensors of their homes say of it.

Nothing here knows how silence is judged. A person does one thing after the other, for as long as it takes; while it lasts he stirs now
and then, and a sensor sees some of that. How long somebody sits still has a heavy tail (a log-normal with a Pareto part), days differ in
vigour, and a run of days may be spent ill. Where each figure comes from stands in TRAITS; the gaps that come of them are put beside those
of two published recordings by `tests.truth.gaps`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from gateway.words.reading import Kind

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
BEGINS = datetime(2026, 3, 2)  # noqa: DTZ001  local midnight, a Monday: a year with both changes of the clock
PERSON = "person"  # doing: where somebody is and what he does


class Trait(NamedTuple):
    """A figure of how somebody lives: its value, what it is, and the ground it stands on."""

    value: float
    of: str
    ground: str

    @property
    def row(self) -> str:
        """Return it as a row of docs/truth.md."""
        return f"| {self.value:g} | {self.of} | {self.ground} |"


_GUESS = "assumed"
TRAITS: dict[str, Trait] = {
    "busy_s": Trait(110, "s between two movements of somebody at work about the home, median; log-normal, sigma 1.0", _GUESS),
    "sit_s": Trait(330, "s between two movements of somebody who sits, median; log-normal, sigma 1.0", _GUESS),
    "sit_tail": Trait(0.14, "share of those that are Pareto from 15 min on, exponent 1.1: read, dozed, watched a film", _GUESS),
    "nap_s": Trait(2100, "s between two turns of a sleeper by day, median; log-normal, sigma 0.8", _GUESS),
    "sit_min": Trait(60, "min for which somebody sits, median; log-normal, sigma 0.8", _GUESS),
    "busy_min": Trait(25, "min for which somebody is about, median; log-normal, sigma 0.7", _GUESS),
    "nap_min": Trait(55, "min of a nap, median; log-normal, sigma 0.6", _GUESS),
    "unseen": Trait(0.06, "share of what is done by day in a place without a sensor: balcony, store, yard", _GUESS),
    "vigour": Trait(0.3, "sigma of a day's factor on all gaps; log-normal", _GUESS),
    "ill": Trait(0.012, "share of days on which an illness of one to five days begins: gaps twice as long, twice the naps", _GUESS),
    "out": Trait(1.1, "times out a day, 15 min to 6 h, log-uniform", _GUESS),
    "overnight": Trait(0.012, "share of evenings spent and slept elsewhere, told to nobody", _GUESS),
    "holiday": Trait(2, "absences of four to twelve days a year, of homes that have them; half of them entered as away", _GUESS),
    "call": Trait(1.6, "times a day that the door opens and nobody leaves: post, neighbours, rubbish", _GUESS),
    "miss": Trait(0.12, "share of movements that a sensor does not see, 0.03 to 0.3 by sensor", _GUESS),
    "lost": Trait(0.007, "share of the words of door, bed and refrigerator that are lost", "tests/month: the square of 0.085"),
    "blind_s": Trait(60, "s for which a battery movement sensor says nothing after a movement", "makers: 60-90 s"),
    "burst": Trait(4, "times a month that a sensor is not heard, 15 min in the median", "tests/month"),
    "cut": Trait(0.3, "power cuts a month, 5 min to 6 h", "tests/month"),
    "dies": Trait(0.5, "batteries a year and home that end; replaced after 3 to 20 days", "assumed; 540 days in tests/month"),
    "dying": Trait(0.3, "sensors a year and home that see less and less over three weeks while they check in", _GUESS),
    "answers": Trait(0.97, "share of questions that somebody at home answers", "the bar's own"),
    "answer_s": Trait(45, "s until he does, median; log-normal, sigma 0.5", _GUESS),
}


def trait(name: str) -> float:
    return TRAITS[name].value


class Said(NamedTuple):
    """What a sensor says, at a local second of the year."""

    at: float
    device: str
    kind: Kind
    value: bool


class Doing(NamedTuple):
    """Where the resident is from `begin` to `end`: a room, "out" or "unseen", and what he does there."""

    begin: float
    end: float
    room: str
    what: str


@dataclass(slots=True)
class Sensor:
    id: str
    kind: Kind
    room: str
    miss: float
    dead: list[tuple[float, float]] = field(default_factory=list)
    dying: float = math.inf  # from when on it sees less and less
    door: bool = False  # by which the home is left


@dataclass(slots=True, kw_only=True)
class Home:
    """One home. `who` names its sort; `kit` its sensors."""

    n: int
    who: str
    kit: str
    zone: str = "Asia/Shanghai"
    wake: float = 6.3
    wake_s: float = 0.6
    bed: float = 21.8
    still: float = 1.0  # times the gaps of others
    nights: tuple[int, int] = (0, 2)  # times up
    naps: float = 0.45
    out: float = 1.0
    carer: float = 0.0  # hour at which one comes each day
    guests: float = 0.12  # visits a day
    cat: bool = False
    holidays: bool = False
    sensors: dict[str, Sensor] = field(default_factory=dict)
    cuts: list[tuple[float, float]] = field(default_factory=list)
    away: list[tuple[float, float]] = field(default_factory=list)  # entered by a person

    @property
    def id(self) -> str:
        return f"{self.n:02}-{self.who}"


# rooms with a movement sensor; b: a pad in the bed, f: a contact on the refrigerator
KITS = {
    "small": ("living", "bedroom"),
    "usual": ("living", "bedroom", "bath"),
    "full": ("living", "bedroom", "bath", "kitchen", "b"),
    "rich": ("living", "bedroom", "bath", "kitchen", "hall", "b", "f"),
}
HOMES: tuple[Home, ...] = (
    Home(n=0, who="usual", kit="usual"),
    Home(n=1, who="early", kit="full", wake=4.8, bed=20.4, naps=0.7),
    Home(n=2, who="late", kit="usual", wake=8.4, wake_s=1.0, bed=23.6, nights=(0, 1)),
    Home(n=3, who="restless", kit="full", nights=(2, 5), wake_s=1.2, naps=0.8),
    Home(n=4, who="still", kit="usual", still=1.7, out=0.4, naps=0.8),
    Home(n=5, who="outgoing", kit="rich", out=2.2, guests=0.3),
    Home(n=6, who="carer", kit="usual", still=1.3, out=0.15, carer=11.8, naps=0.9, nights=(1, 3)),
    Home(n=7, who="visited", kit="full", guests=0.8, out=0.8, holidays=True),
    Home(n=8, who="small-kit", kit="small", out=0.8),
    Home(n=9, who="winter-time", kit="full", zone="Europe/Berlin", wake=7.0, bed=22.4, holidays=True),
    Home(n=10, who="cat", kit="usual", cat=True),
    Home(n=11, who="irregular", kit="rich", wake_s=1.6, out=1.3, naps=0.6, guests=0.25, holidays=True),
)


def furnished(home: Home, seed: int, days: int) -> Home:
    """Put the sensors into a home, and what will happen to them, to its power and to its peace."""
    dice = random.Random(f"{seed} sensors {home.n}")
    for name in KITS[home.kit]:
        room = {"b": "bedroom", "f": "kitchen"}.get(name, name)
        kind = {"b": Kind.OCCUPANCY, "f": Kind.CONTACT_OPEN}.get(name, Kind.MOTION)
        device = {"b": "bed", "f": "fridge"}.get(name, f"pir-{name}")
        miss = dice.uniform(0.25, 2.5) * trait("miss")
        home.sensors[device] = Sensor(device, kind, room, miss if kind is Kind.MOTION else trait("lost"))
    home.sensors["door"] = Sensor("door", Kind.CONTACT_OPEN, "hall", trait("lost"), door=True)
    whole = days * DAY
    moving = [s for s in home.sensors.values() if s.kind is Kind.MOTION]
    for _ in range(_poisson(dice, trait("dies") * days / 365)):
        began = dice.uniform(20 * DAY, max(whole, 21 * DAY))
        dice.choice(list(home.sensors.values())).dead.append((began, began + dice.uniform(3, 20) * DAY))
    for _ in range(_poisson(dice, trait("dying") * days / 365)):
        dice.choice(moving).dying = dice.uniform(30 * DAY, max(whole, 31 * DAY))
    for sensor in home.sensors.values():
        for _ in range(_poisson(dice, trait("burst") * days / 30)):
            began = dice.uniform(0, whole)
            sensor.dead.append((began, began + dice.lognormvariate(math.log(900), 0.8)))
    for _ in range(_poisson(dice, trait("cut") * days / 30)):
        began = dice.uniform(0, whole)
        home.cuts.append((began, began + _octaves(dice, 300, 6 * HOUR)))
    home.cuts.sort()
    return home


class Year:
    """One resident's year. `days` yields what the sensors say and what was done, a day at a time, from one getting up to the next."""

    def __init__(self, home: Home, seed: int, days: int) -> None:
        self.home, self.n = home, days
        self._dice = random.Random(f"{seed} life {home.n}")
        self._said: list[Said] = []
        self._doing: list[Doing] = []
        self._blind: dict[str, float] = {}
        self._gap = 1.0  # of this day
        self._ill = 0
        self._cat_at = 0.0
        self._trips = self._absences()

    def _absences(self) -> list[tuple[float, float]]:
        dice, out = self._dice, list[tuple[float, float]]()
        for _ in range(_poisson(dice, trait("holiday") * self.n / 365) if self.home.holidays else 0):
            began = (dice.randrange(25, max(self.n - 14, 26)) + dice.uniform(0.35, 0.6)) * DAY
            if any(a - 15 * DAY < began < b + DAY for a, b in out):
                continue
            ended = began + (dice.randint(4, 12) + dice.uniform(-0.1, 0.25)) * DAY
            out.append((began, ended))
            if dice.random() < 0.5:
                self.home.away.append((began + 1200, ended))
        return sorted(out)

    def days(self) -> Iterator[tuple[list[Said], list[Doing]]]:
        """Yield each day: what was said, in the order of time, and what was done."""
        now = self._wake(0)
        for k in range(self.n):
            now = self._day(k, now)
            self._said.sort(key=lambda said: said.at)
            yield self._said, self._doing
            self._said, self._doing = [], []

    # -- a day

    def _wake(self, k: int) -> float:
        home, season = self.home, 0.25 * math.cos(2 * math.pi * (k + 60) / 365)
        return k * DAY + max(2.5, self._dice.gauss(home.wake + season, home.wake_s)) * HOUR

    def _day(self, k: int, wake: float) -> float:
        """Live from getting up until getting up; return when that is."""
        dice, home = self._dice, self.home
        self._ill = max(0, self._ill - 1)
        if dice.random() < trait("ill"):
            self._ill = dice.randint(1, 5)
        self._gap = home.still * dice.lognormvariate(0, trait("vigour")) * (2.0 if self._ill else 1.0)
        bed = k * DAY + min(25.5, dice.gauss(home.bed, 0.5)) * HOUR
        gone = next(((a, b) for a, b in self._trips if a < bed and b > wake), None)
        if gone is not None:
            return self._gone(k, wake, *gone)
        plans = sorted([*self._meals(k), *self._outings(k), *self._callers(k)], key=lambda plan: plan[0])
        now = self._spend(wake, wake + dice.uniform(4, 15) * MINUTE, "bath", "busy")
        now = self._spend(now, now + dice.uniform(8, 40) * MINUTE, "kitchen", "busy")
        while now < bed:
            while plans and plans[0][0] <= now:
                now = plans.pop(0)[1](now)
            until = plans[0][0] if plans else bed
            now = self._something(now, max(now + 2 * MINUTE, min(until, bed)))
        self._cat(k)
        if dice.random() < trait("overnight") * home.out and not self._ill:
            back = (k + 1) * DAY + dice.uniform(8, 13) * HOUR
            self._outside(now, back)
            return back
        return self._night(now, max(self._wake(k + 1), now + 3 * HOUR))

    def _something(self, now: float, until: float) -> float:
        """Do what comes to mind."""
        dice, home = self._dice, self.home
        hour = now % DAY / HOUR
        if dice.random() < trait("unseen"):
            return self._spend(now, min(until, now + dice.lognormvariate(math.log(15), 0.6) * MINUTE), "unseen", "busy")
        nap = home.naps * (0.35 if 12.2 < hour < 15 else 0.04) * (2 if self._ill else 1)
        if dice.random() < nap:
            return self._spend(now, min(until, now + self._minutes("nap_min", 0.6)), dice.choice(["bedroom", "bedroom", "living"]), "nap")
        if dice.random() < (0.7 if self._ill or hour > 18 else 0.5):
            end = min(until, now + self._minutes("sit_min", 0.8))
            return self._spend(now, end, "living" if dice.random() < 0.8 else "bedroom", "sit")
        if dice.random() < 0.25:
            return self._spend(now, min(until, now + dice.uniform(3, 14) * MINUTE), "bath", "busy")
        return self._spend(
            now, min(until, now + self._minutes("busy_min", 0.7)), dice.choice(["living", "kitchen", "kitchen", "bedroom"]), "busy"
        )

    def _minutes(self, name: str, sigma: float) -> float:
        return self._dice.lognormvariate(math.log(trait(name)), sigma) * MINUTE

    def _meals(self, k: int) -> Iterator[tuple[float, Callable[[float], float]]]:
        for hour in (11.4, 17.3):
            at = k * DAY + self._dice.gauss(hour, 0.5) * HOUR
            yield at, lambda now: self._spend(now, now + self._dice.uniform(15, 60) * MINUTE, "kitchen", "busy")

    def _outings(self, k: int) -> Iterator[tuple[float, Callable[[float], float]]]:
        dice, home = self._dice, self.home
        market = 1.4 if k % 7 in (0, 3, 5) else 0.8
        for _ in range(0 if self._ill else _poisson(dice, trait("out") * home.out * market)):
            at = k * DAY + dice.triangular(6.5, 20, 9) * HOUR
            yield at, self._goes

    def _callers(self, k: int) -> Iterator[tuple[float, Callable[[float], float]]]:
        dice, home = self._dice, self.home
        for _ in range(_poisson(dice, trait("call"))):
            yield k * DAY + dice.uniform(7.5, 20.5) * HOUR, self._at_the_door
        guests = [k * DAY + dice.gauss(home.carer, 0.3) * HOUR] if home.carer else []
        guests += [k * DAY + dice.uniform(9, 19) * HOUR for _ in range(_poisson(dice, home.guests * (2 if k % 7 > 4 else 0.8)))]
        for at in guests:
            yield at, lambda now: self._visited(now, now + dice.uniform(25, 200) * MINUTE)

    # -- what somebody does

    def _at_the_door(self, now: float) -> float:
        self._door(now)
        self._move(now + 4, "hall")
        self._move(now + 9, "living")
        return now + self._dice.uniform(20, 240)

    def _outside(self, now: float, back: float) -> float:
        self._move(now - 15, "living")
        self._move(now - 6, "hall")
        self._door(now)
        self._door(back)
        self._move(back + 12, "hall")
        self._move(back + 25, "living")
        self._doing.append(Doing(now, back, "out", "out"))
        return self._spend(back + 40, back + self._dice.uniform(8, 30) * MINUTE, "living", "busy")

    def _goes(self, now: float) -> float:
        """Go out, unless it has become late."""
        if now % DAY > 20.5 * HOUR:
            return now
        return self._outside(now, now + _octaves(self._dice, 15 * MINUTE, 6 * HOUR))

    def _visited(self, now: float, until: float) -> float:
        """Somebody comes, is about with the resident, and goes."""
        self._door(now)
        for room in ("hall", "living"):
            self._move(now + 10, room)
        at = now
        while at < until:
            self._move(at, self._dice.choice(["living", "living", "kitchen", "bath", "hall"]))
            at += self._dice.lognormvariate(math.log(150), 0.9)
        self._doing.append(Doing(now, until, "living", "visited"))
        self._door(until)
        return until + 30

    def _gone(self, k: int, wake: float, began: float, ended: float) -> float:
        """Live the part of an absence that is of this day."""
        if began > wake:
            self._spend(wake, wake + 50 * MINUTE, "kitchen", "busy")
            self._spend(wake + 50 * MINUTE, began - 30, "living", "busy")
            self._door(began)
        self._cat(k)
        if ended < (k + 1) * DAY + self.home.wake * HOUR:
            self._doing.append(Doing(max(began, wake), ended, "out", "holiday"))
            self._door(ended)
            self._move(ended + 20, "hall")
            now = self._spend(ended + 30, ended + 45 * MINUTE, "living", "busy")
            bed = max(now, k * DAY + self.home.bed * HOUR)
            while now < bed:
                now = self._something(now, bed)
            return self._night(now, max(self._wake(k + 1), now + 3 * HOUR))
        self._doing.append(Doing(max(began, wake), (k + 1) * DAY + self.home.wake * HOUR, "out", "holiday"))
        return (k + 1) * DAY + self.home.wake * HOUR

    def _night(self, now: float, wake: float) -> float:
        dice = self._dice
        self._bed(now, lies=True)
        at = now
        for up in sorted(dice.uniform(now + HOUR, wake - 0.7 * HOUR) for _ in range(dice.randint(*self.home.nights))):
            if up < at + 1200:
                continue
            self._asleep(at, up)
            self._bed(up, lies=False)
            back = self._spend(up, up + dice.lognormvariate(math.log(260), 0.6), "bath", "busy")
            self._move(up + 5, "bedroom")
            self._move(back + 5, "bedroom")
            self._bed(back + 20, lies=True)
            at = back + 30
        self._asleep(at, wake)
        self._bed(wake, lies=False)
        self._move(wake + 10, "bedroom")
        return wake

    def _asleep(self, now: float, until: float) -> None:
        self._doing.append(Doing(now, until, "bedroom", "asleep"))
        at = now
        while (at := at + self._dice.lognormvariate(math.log(3 * HOUR), 0.9)) < until:
            self._move(at, "bedroom")

    def _spend(self, now: float, until: float, room: str, what: str) -> float:
        """Be in a room for a while, and stir now and then."""
        dice, at = self._dice, now
        if dice.random() < 0.6:
            self._move(now - 8, "hall")
        if what == "nap" and room == "bedroom":
            self._bed(now + 60, lies=True)
        while at < until:
            self._move(at, room)
            if room == "kitchen" and dice.random() < 0.12:
                self._see("fridge", at, True, False, 12)
            at += self._still(what)
        if what == "nap" and room == "bedroom":
            self._bed(until, lies=False)
        self._doing.append(Doing(now, until, room, what))
        return until

    def _still(self, what: str) -> float:
        """Return for how long somebody does not move now."""
        dice = self._dice
        if what == "sit":
            if dice.random() < trait("sit_tail"):
                return self._gap * 15 * MINUTE * dice.paretovariate(1.1)
            return self._gap * dice.lognormvariate(math.log(trait("sit_s")), 1.0)
        median, sigma = (trait("nap_s"), 0.8) if what == "nap" else (trait("busy_s"), 1.0)
        return self._gap * dice.lognormvariate(math.log(median), sigma)

    def _cat(self, k: int) -> None:
        """Let the cat walk; a movement sensor for homes with pets sees one walk in eight."""
        while self.home.cat and self._cat_at < (k + 1) * DAY:
            self._cat_at += self._dice.lognormvariate(math.log(1500), 1.1)
            if self._dice.random() < 0.125:
                self._move(self._cat_at, self._dice.choice(["living", "bedroom"]))

    # -- what a sensor says of it

    def _move(self, at: float, room: str) -> None:
        self._see(f"pir-{room}", at, True, False, trait("blind_s"))

    def _door(self, at: float) -> None:
        self._see("door", at, True)
        self._see("door", at + self._dice.uniform(4, 30), False)

    def _bed(self, at: float, *, lies: bool) -> None:
        self._see("bed", at, lies)

    def _see(self, device: str, at: float, value: bool, after: bool | None = None, seconds: float = 0.0) -> None:
        """Let a sensor say something, and after so many seconds something else, unless it misses it."""
        sensor = self.home.sensors.get(device)
        if sensor is None or at < self._blind.get(device, -math.inf):
            return
        worn = min(0.92, max(0.0, at - sensor.dying) / (21 * DAY))
        if self._dice.random() < max(sensor.miss, worn) or not self.hears(sensor, at):
            return
        self._said.append(Said(at, device, sensor.kind, value))
        if after is not None:
            self._said.append(Said(at + seconds, device, sensor.kind, after))
            self._blind[device] = at + seconds

    def hears(self, sensor: Sensor, at: float) -> bool:
        """Say whether what a sensor says reaches the gateway at a local second."""
        return not any(a <= at < b for a, b in sensor.dead)


def wall(home: Home, at: float) -> float:
    """Return the wall second (UTC) of a local second of the year."""
    return (BEGINS + timedelta(seconds=at)).replace(tzinfo=ZoneInfo(home.zone)).timestamp()


def _octaves(dice: random.Random, low: float, high: float) -> float:
    return math.exp(dice.uniform(math.log(low), math.log(high)))


def _poisson(dice: random.Random, mean: float) -> int:
    limit, n, product = math.exp(-mean), 0, dice.random()
    while product > limit:
        n, product = n + 1, product * dice.random()
    return n
