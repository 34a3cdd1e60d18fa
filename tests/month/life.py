"""A month of one home, drawn by the die: what its people do, what fails, and which of it is true.

Times are seconds since midnight of the first day in the home. `Silences` answer for each sensor, and for the radio, whether anything can
be heard now and since when not; what happens once is an `Event`.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.words import kind as kinds

from tests.month.homes import AREA, DAY, HOUR, Home, rate


class Span(NamedTuple):
    began: float
    ended: float
    why: str


class Event(NamedTuple):
    """One thing that a sensor has to say at `at`. `truth`: "true ..." or "false ..." where it may make an alarm."""

    at: float
    n: int
    device: str
    what: str
    on: bool = True
    truth: str = ""


class Spans:
    """Spans in order, asked at times that never go back by more than the last one."""

    def __init__(self, spans: Iterable[Span]) -> None:
        joined: list[Span] = []
        for one in sorted(spans):
            if joined and one.began <= joined[-1].ended:
                last = joined[-1]
                why = last.why if last.ended - last.began >= one.ended - one.began else one.why
                joined[-1] = Span(last.began, max(last.ended, one.ended), why)
            else:
                joined.append(one)
        self.all = joined
        self._begins = [one.began for one in joined]

    def at(self, second: float) -> Span | None:
        """Return the span that lasts at this second."""
        found = bisect_right(self._begins, second) - 1
        return self.all[found] if found >= 0 and second < self.all[found].ended else None

    def next(self, second: float) -> float:
        """Return when the next one begins."""
        found = bisect_right(self._begins, second)
        return self._begins[found] if found < len(self._begins) else math.inf


@dataclass(slots=True)
class Emergency:
    """Somebody needs help. `heard`: when the gateway first heard it, None while it has not.

    `walked`: seconds after it for which the resident was seen to move: a bed left is judged from the last sign of life on.
    """

    home: str
    kind: str
    device: str
    at: float
    heard: float | None = None
    walked: float = 0.0


# Second after the danger at which an alarm is raised where nothing is weighed but the danger and its grace: the table of kinds.
RAISED_AFTER = {kinds.SOS: 0.0, kinds.SMOKE: 0.0, kinds.FALL: 30.0, kinds.STAY_TOO_LONG: 180.0, kinds.BED_EXIT: 1320.0}
_KIND = {"press": kinds.SOS, "smoke": kinds.SMOKE, "fall": kinds.FALL, "still": kinds.STAY_TOO_LONG, "bed": kinds.BED_EXIT}
KIND_OF = _KIND | {"wet": kinds.WATER, "open": kinds.DOOR_LEFT_OPEN}


@dataclass(slots=True)
class Life:
    """The month of one home. `more` is how many times as many true emergencies as the rates say."""

    home: Home
    seed: int
    days: int
    more: float = 1.0
    silent: dict[str, Spans] = field(default_factory=dict)
    out: list[Span] = field(default_factory=list)  # the resident is out; `why` is "along" where the pendant is with them
    emergencies: list[Emergency] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    low: dict[str, tuple[float, float, float]] = field(default_factory=dict)  # % at the beginning, % a day, second of replacement
    deaf: Spans = field(default_factory=lambda: Spans(()))
    off: Spans = field(default_factory=lambda: Spans(()))
    mains_off: Spans = field(default_factory=lambda: Spans(()))
    drops: Spans = field(default_factory=lambda: Spans(()))
    dice: random.Random = field(default_factory=random.Random)
    _n: int = 0
    _silences: dict[str, list[Span]] = field(default_factory=lambda: defaultdict(list))
    _holiday: Span = field(default=Span(math.inf, math.inf, "holiday"))

    def __post_init__(self) -> None:
        self.dice = random.Random(f"{self.seed} life {self.home.n}")
        self._fail()
        self._power()
        if self.home.holiday:  # from a morning to an evening
            began = (int(self.dice.uniform(0.1, 0.6) * self.days) + self.dice.uniform(9, 11) / 24) * DAY
            self._holiday = Span(began, began + (self.dice.randint(5, 10) + 8 / 24) * DAY, "holiday")
            self._silences["pendant"].append(self._holiday)
        self.events = sorted(event for k in range(self.days) for event in self._day(k) if not self._nobody(event))
        self.emergencies = [e for e in self.emergencies if not self._holiday.began < e.at < self._holiday.ended]
        self.silent = {device: Spans(spans) for device, spans in self._silences.items()}

    # -- what fails

    def _times(self, per_month: float) -> Iterator[float]:
        at = 0.0
        while per_month > 0 and (at := at + self.dice.expovariate(per_month / 30 / DAY)) < self.days * DAY:
            yield at

    def _fail(self) -> None:
        dice, home = self.dice, self.home
        silences = self._silences
        hangs = [Span(at, at + _between(dice, 180, 2400), "hang") for at in self._times(rate("hang"))]
        for s in home.sensors.values():
            if s.model.startswith(("shelly", "bthome", "zigbee-")):
                often = rate("burst") * s.loss / rate("loss") / (1 if s.ble else 2)
                silences[s.id] += [Span(at, at + dice.lognormvariate(math.log(600), 0.9), "radio") for at in self._times(often)]
            if s.ble:
                silences[s.id] += hangs
            if s.id == "radar":
                often = rate("unplug") * (4 if home.who == "confused" else 1)
                silences[s.id] += [Span(at, at + _between(dice, 300, 5400), "unplugged") for at in self._times(often)]
            if s.id not in ("radar", "zigbee", "rf"):
                life = dice.uniform(2 / 3, 4 / 3) * rate("battery_days")
                level = dice.uniform(2, 100)
                asked = max(0.0, (level - 15) * life / 100 * DAY)
                changed = asked + dice.uniform(2, 30) * DAY  # after it was first said
                self.low[s.id] = level, 100 / life, changed
                if (empty := level * life / 100 * DAY) < changed:
                    silences[s.id].append(Span(empty, changed, "battery"))
        for receiver in ("zigbee", "rf"):
            if receiver in home.sensors:
                gone = [Span(at, at + _between(dice, 180, 3600), "receiver") for at in self._times(rate("usb"))]
                silences[receiver] += gone
                for s in home.sensors.values():
                    silences[s.id] += gone if s.via == receiver else []
        deaf = list(hangs)
        at = 0.0
        while home.quiet and at < self.days * DAY:
            night = not 6.5 * HOUR < at % DAY < 22.5 * HOUR
            gap = dice.expovariate(1 / (2400 if night else 240))
            deaf.append(Span(at, at + gap, "quiet"))
            at += gap + dice.expovariate(1 / (300 if night else 900)) + 1
        self.deaf = Spans(deaf)

    def _power(self) -> None:
        dice, home = self.dice, self.home
        shared = random.Random(f"{self.seed} shared")
        dark, cell, platform = (shared.uniform(0.1, 0.95) * self.days * DAY for _ in range(3))
        cuts = [Span(at, at + _between(dice, 300, 21600), "cut") for at in self._times(rate("cut"))]
        if home.who == "confused":
            cuts += [Span(at, at + _between(dice, 1800, 28800), "pulled") for at in self._times(1.0)]
        if home.village == 1:
            cuts.append(Span(dark, dark + 4200, "village"))
        self.mains_off = Spans(cuts)
        nights = [Span((k + 22 / 24) * DAY, (k + 1 + 6.2 / 24) * DAY, "night") for k in range(self.days)] if home.night_off else []
        lasting = [Span(c.began + 3 * HOUR, c.ended, c.why) for c in self.mains_off.all if c.ended - c.began > 3 * HOUR]
        self.off = Spans([*nights, *(lasting if home.ups else self.mains_off.all)])
        drops = [Span(platform, platform + 1500, "platform")]
        if home.link == "mobile":
            drops += [Span(at, at + _between(dice, 10, 1200), "mobile") for at in self._times(rate("mobile_drops") * 30)]
        else:
            drops += [Span(at, at + _between(dice, 1800, 28800), "line") for at in self._times(rate("line"))]
            drops += [Span(c.began, c.ended + dice.uniform(60, 150), c.why) for c in self.mains_off.all]  # the router is off too
        if home.link == "nightly":
            begins = [(k + 4 / 24) * DAY + dice.uniform(0, 60) for k in range(self.days)]
            drops += [Span(at, at + dice.uniform(90, 260), "router") for at in begins]
        if home.cell == 1:
            drops.append(Span(cell, cell + 5400, "cell"))
        self.drops = Spans(drops)

    # -- what happens

    def _nobody(self, event: Event) -> bool:
        """Say whether there is nobody who would do this: they are on holiday, of which nobody was told."""
        away = self._holiday
        return away.began < event.at < away.ended and event.what not in ("alive", "climate")

    def _day(self, k: int) -> Iterator[Event]:
        dice, home, begins = self.dice, self.home, k * DAY
        sensors, out = home.sensors, list[Event]()

        def at(second: float, device: str, what: str, on: bool = True, truth: str = "") -> None:
            if device in sensors:
                self._n += 1
                out.append(Event(begins + second, self._n, device, what, on, truth))

        for s in sensors.values():
            if s.via == "zigbee":
                second = dice.uniform(0, 3000)
                while second < DAY:
                    at(second, s.id, "alive")
                    second += dice.uniform(2900, 3300)
            elif s.ble and s.id not in home.mute and s.id != "climate" and not s.model.startswith("gatt"):
                for part in range(4):
                    at((part + dice.random()) * DAY / 4, s.id, "alive")
        for n in range(144):
            at(n * 600 + 7, "climate", "climate")
        for second in self._holiday[:2]:  # out by the door, and in again
            if begins <= second < begins + DAY:
                at(second - begins - 20, "door", "open", True, "false passing")
                at(second - begins, "door", "open", False)
                at(second - begins + 30, "motion", "motion", second == self._holiday.ended)
        wake, sleep, naps = self._nights(at)
        away = self._out(begins, at, wake, sleep)
        outside = [] if home.who == "couple" else away  # nobody lies in a bed who is out
        for began, ended in naps:
            if not any(a < ended and began < b for a, b in outside):
                at(began, "bed", "bed")
                at(ended, "bed", "bed", False)
        if home.who != "bedridden":
            at(max([sleep, *(b + 600 for _, b in outside)]), "bed", "bed")
        self._alarms(begins, at, away)
        return iter(out)

    def _nights(self, at: Callable[..., None]) -> tuple[float, float, list[tuple[float, float]]]:
        """Let the residents get up and be up at night; return when they get up, go to bed and lie down by day, in seconds of the day."""
        dice, home = self.dice, self.home
        wake = {"early": dice.gauss(4.9, 0.4), "bedridden": dice.gauss(7, 0.5)}.get(home.who, dice.gauss(6.4, 0.7)) * HOUR
        naps: list[tuple[float, float]] = []
        sleep = min(23.8, {"early": dice.gauss(20.8, 0.4)}.get(home.who, dice.gauss(21.9, 0.7))) * HOUR
        if home.who == "bedridden":
            for hour in (8, 12.5, 18):
                second = hour * HOUR + dice.uniform(0, 1800)
                at(second, "bed", "bed", False, "false helped")
                at(second + dice.uniform(1200, 3000), "bed", "bed")
        else:
            at(wake, "bed", "bed", False, "false up")
            if dice.random() < rate("seen_up"):
                seen = wake + dice.uniform(20, 600)
                at(seen, "motion", "motion")
                at(seen + dice.uniform(20, 90), "motion", "motion", False)
            if dice.random() < 0.35:
                began = 13 * HOUR + dice.uniform(-1800, 1800)
                naps.append((began, began + dice.uniform(1800, 6000)))
            often = {"restless": (2, 5), "confused": (1, 4), "couple": (1, 3)}.get(home.who, (0, round(2 * rate("up_at_night"))))
            for _ in range(dice.randint(*often)):
                second = dice.uniform(0.2, 2.2) * HOUR
                at(second, "bed", "bed", False, "false night")
                at(second + dice.lognormvariate(math.log(rate("toilet_s")), 0.7), "bed", "bed")
                if dice.random() < 0.5:
                    at(second + 30, "motion", "motion")
                    at(second + 80, "motion", "motion", False)
        return wake, sleep, naps

    def _out(self, begins: float, at: Callable[..., None], wake: float, sleep: float) -> list[tuple[float, float]]:
        """Let them go out and come back, open doors and move about; return when they are out, in seconds of the day."""
        dice, home = self.dice, self.home
        stays = home.who == "couple"
        away: list[tuple[float, float]] = []
        trips = 0 if home.who == "bedridden" else sum(dice.random() < rate("out_per_day") / 2 for _ in range(2))
        for _ in range(trips):
            left = max(wake + 1800, dice.uniform(7, 16.5) * HOUR)
            back = left + _between(dice, 1200, 5 * HOUR)
            if any(left < b + 600 and a < back + 600 for a, b in away):
                continue
            away.append((left, back))
            for second in (left, back):
                at(second, "door", "open", True, "false passing")
                at(second + dice.uniform(5, 40), "door", "open", False)
            along = dice.random() < rate("takes_pendant")
            self.out.append(Span(begins + left, begins + back, "along" if along else "out"))
            if along:
                self._silences["pendant"].append(Span(begins + left + dice.uniform(5, 60), begins + back, "along"))
        for _ in range(dice.randint(1, 4) + (6 if home.who in ("visited", "bedridden") else 0)):
            second = dice.uniform(7, 21) * HOUR
            if any(a - 300 <= second < b + 300 for a, b in away) and not stays:
                continue  # nobody is there who would open
            forgot = dice.random() < rate("forgets_door") * (3 if home.who in ("visited", "confused") else 1)
            at(second, "door", "open", True, "false forgotten" if forgot else "false passing")
            at(second + (dice.uniform(900, 4200) if forgot else dice.uniform(8, 150)), "door", "open", False)
        if home.airs:
            second = max(wake, 6 * HOUR) + dice.uniform(600, 3600)
            at(second, "door", "open", True, "false airing")
            at(second + dice.uniform(600, 2400), "door", "open", False)
        moves = dice.randint(35, 90) // (3 if home.who == "bedridden" else 1)
        for second in (dice.uniform(wake, max(sleep, wake + HOUR)) for _ in range(moves)):
            if not any(a <= second < b for a, b in away) or (stays and dice.random() < 0.5):
                at(second, "motion", "motion")
                at(second + dice.uniform(20, 90), "motion", "motion", False)
        for second in (dice.uniform(wake, max(sleep, wake + HOUR)) for _ in range(dice.randint(8, 25))):
            if stays or not any(a <= second < b for a, b in away):
                at(second, "radar", "presence")
                at(second + dice.uniform(60, 900), "radar", "presence", False)
        if dice.random() < 0.7:
            at(wake + 1800, "pressure", "measure")
        return away

    def _alarms(self, begins: float, at: Callable[..., None], away: list[tuple[float, float]]) -> None:
        dice, home = self.dice, self.home

        def home_at(low: float, high: float) -> float:
            for _ in range(20):
                second = dice.uniform(low, high) * HOUR
                if not any(a - 60 <= second < b + 60 for a, b in away):
                    return second
            return low * HOUR

        def happens(name: str, times: float = 1.0) -> bool:
            return dice.random() < rate(name) * times / 30

        if happens("pocket_press", 5 if home.who == "confused" else 1):
            at(home_at(7, 22), "pendant", "press", True, "false pocket")
        busy = 2 if home.who in ("couple", "visited") else 1
        if "radar" in home.sensors and happens("false_fall", busy):
            second = home_at(6.5, 21.5)
            at(second, "radar", "fall", True, "false radar")
            at(second + dice.uniform(20, 240), "radar", "fall", False)
            if dice.random() < rate("cancels"):
                at(second + dice.uniform(8, 28), "cancel", "cancel")
        if "radar" in home.sensors and happens("false_stay"):
            second = home_at(9, 21)
            at(second, "radar", "still", True, "false still")
            at(second + dice.uniform(60, 1800), "radar", "still", False)
        if "smoke" in home.sensors and happens("cooking"):
            second = dice.choice([11.3, 17.4]) * HOUR + dice.uniform(0, 2400)
            at(second, "smoke", "smoke", True, "false cooking")
            at(second + dice.uniform(120, 600), "smoke", "smoke", False)
        if "leak" in home.sensors and happens("mopping"):
            at(9 * HOUR, "leak", "wet", True, "false mopping")
            at(9 * HOUR + dice.uniform(600, 2400), "leak", "wet", False)
        if home.wet_contact and dice.random() < 4 / 30:
            second = dice.uniform(6, 20) * HOUR
            for n in range(dice.randint(10, 40)):
                second += dice.uniform(10, 150)
                at(second, "leak", "wet", n % 2 == 0, "false condensation")
            at(second + 30, "leak", "wet", False)
        for _ in range(3 if home.chatters else 0):
            second = home_at(7, 21)
            for n in range(dice.randint(10, 30) * 2):
                second += dice.uniform(1, 8)
                at(second, "door", "open", n % 2 == 0, "false loose contact")
        self._true(begins, at, home_at, happens)

    def _true(self, begins: float, at: Callable[..., None], home_at: Callable[..., float], happens: Callable[..., bool]) -> None:
        dice, sensors = self.dice, self.home.sensors

        def needs(second: float, device: str, what: str) -> None:
            self.emergencies.append(Emergency(self.home.id, _KIND[what], device, begins + second))

        if happens("true_sos", self.more):
            device = dice.choice([d for d in ("pendant", "bath") if d in sensors])
            second = home_at(0, 24)
            needs(second, device, "press")
            for _ in range(dice.randint(2, 4)):
                at(second, device, "press", True, "true sos")
                second += dice.uniform(6, 20)
        if "radar" in sensors and happens("true_fall", self.more):
            second = home_at(5, 23)
            needs(second, "radar", "fall")
            at(second, "radar", "fall", True, "true fall")
            at(second + dice.uniform(1200, 4000), "radar", "fall", False)
        if "smoke" in sensors and happens("true_smoke", self.more):
            second = home_at(0, 23)
            needs(second, "smoke", "smoke")
            for n in range(5):  # it goes on for as long as there is smoke
                at(second + 40 * n, "smoke", "smoke", True, "true fire")
            at(second + dice.uniform(600, 1800), "smoke", "smoke", False)
        if "radar" in sensors and happens("true_stay", self.more):
            second = home_at(9, 21)
            needs(second, "radar", "still")
            at(second, "radar", "still", True, "true still")
            at(second + 4000, "radar", "still", False)
        if "bed" in sensors and self.home.who in ("alone", "restless") and happens("true_night", self.more):
            second = 3 * HOUR  # after the last walk of that night
            needs(second, "bed", "bed")
            at(second - 60, "bed", "bed")
            at(second, "bed", "bed", False, "true night")
            if dice.random() < 0.5:  # seen to walk, and then not any more
                at(second + 15, "motion", "motion")
                self.emergencies[-1].walked = 15.0
            at(second + 5500, "bed", "bed")


def villages(homes: int) -> int:
    return (homes - 1) // AREA + 1


def _between(dice: random.Random, low: float, high: float) -> float:
    """Return something between both, as often in each octave."""
    return math.exp(dice.uniform(math.log(low), math.log(high)))
