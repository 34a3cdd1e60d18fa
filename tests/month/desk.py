"""The platform and its desk: takes what a home sends when the link allows, receipts it, answers alarms; and what it shows as items.

**An item** is what somebody at the desk has to look at when it comes: an alarm when it is raised (what its ladder calls later is counted on
that line), a fault of class *now* each time it is told, and a home that was not heard for `AWAY`. What stands on a home's daily list is
read once a day and counted apart; figures, receipts, answers and the end of things are none. Three homes of one village, or of one
mobile cell, with the same trouble of power or network within `GROUPED` are one item, and so is the platform's own silence.
"""

from __future__ import annotations

import heapq
import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.judge.faults.outings import ENOUGH
from gateway.words import kind as kinds

from tests.kit.simulated import Loop
from tests.month.box import Box
from tests.month.homes import DAY, HOUR, Home, Sensor, rate
from tests.month.life import KIND_OF, Event, Life, Span

WIRE = 0.35  # s from the commit to the desk
ASKED_AGAIN = 60.0  # s after which an order without an answer is sent again
LEAVING = 60.0  # s between the door of whoever leaves with a pendant and its last word, at most
AWAY = 1800.0  # s without a heartbeat after which a home is an item
BEGINS = datetime(2026, 11, 28, 16, 0, tzinfo=UTC)  # midnight in Shanghai
QUIET_LOOK, CLOSE_LOOK = 300.0, 60.0  # s between two looks of supervision: while all is well, and while it is not
_IDLE = frozenset({"alive", "climate", "measure"})
_CALLS = frozenset({"pendant", "bath", "smoke"})
_GONE = frozenset({"along", "holiday"})  # why a pendant is silent that is out with its wearer


@dataclass(slots=True)
class Line:
    """One entry as the desk has it. `written` and `came` in seconds of the month; `truth` of an alarm: what made it."""

    home: Home
    name: str
    body: dict[str, Any]
    written: float
    came: float = math.inf
    truth: str = ""
    needed: bool = True  # somebody had to look soon; False: nobody would have missed it
    unknowable: str = ""  # of one that was not needed: why no gateway can know that


@dataclass(slots=True)
class Month:
    """All that came of one home's month."""

    home: Home
    life: Life
    lines: list[Line] = field(default_factory=list)
    silences: list[Span] = field(default_factory=list)  # nothing came from the home
    bytes: Counter[str] = field(default_factory=Counter)
    count: Counter[str] = field(default_factory=Counter)


class Run:
    """One home's month while it runs."""

    def __init__(self, home: Home, life: Life, days: int, folder: Path, loop: Loop) -> None:
        self.month = Month(home, life)
        self.life, self.home, self.ends = life, home, days * DAY
        self.box = Box(home, life, folder, BEGINS, loop)
        self.dice = random.Random(f"{life.seed} desk {home.n}")
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._n = self._orders = 0
        self._waiting: list[Line] = []  # written, not yet at the desk
        self._unheard: list[dict[str, Any]] = []  # orders that found no link
        self._truth: dict[tuple[str, str], tuple[float, str]] = {}  # (kind, device) -> when something of it was heard last, and what it was
        self._of_alarm: dict[str, str] = {}
        self._met: set[str] = set()
        # what a door and what calls for help said while the box was on, and whether each word was heard
        self._said: dict[str, list[tuple[float, bool]]] = defaultdict(list)
        self._on_since = 0.0
        self._lost: Span | None = None
        self._batched = 0.0
        self._beat = b""

    def at(self, second: float, what: Callable[..., None], *args: Any) -> None:
        self._n += 1
        heapq.heappush(self._heap, (second, self._n, what, args))

    # -- the month

    def run(self) -> Month:
        box, life = self.box, self.life
        self._install()
        for span in life.off.all:
            self.at(span.began, self._power_off)
            self.at(span.ended, self._power_on, span.ended - span.began)
        for span in life.mains_off.all if self.home.ups else ():
            self.at(span.began, box.powered, False)
            self.at(span.ended, box.powered, True)
        for span in life.drops.all:
            self.at(span.began, self._dropped, span)
        for k in range(int(self.ends / DAY)):
            self.at(k * DAY + 43200, self._weigh)
        n, events, look, due = 0, life.events, 0.0, math.inf
        while True:
            second = min(
                events[n].at if n < len(events) else math.inf, self._heap[0][0] if self._heap else math.inf, max(due, box.now), look
            )
            if second >= self.ends:
                break
            box.now = max(box.now, second)
            idle = not self._heap or self._heap[0][0] > box.now
            while n < len(events) and events[n].at <= box.now:
                idle &= not self._happens(events[n]) or events[n].what in _IDLE
                n += 1
            if idle and box.on and box.now < min(due, look):
                continue  # nobody judges by it: the next turn takes it along
            while self._heap and self._heap[0][0] <= box.now:
                _, _, what, args = heapq.heappop(self._heap)
                what(*args)
            if not box.on:
                due, look = math.inf, math.inf
                continue
            box.now += 1e-6  # what is due is due now, whatever the rounding
            box.turn()
            self._take()
            if box.now - self._batched >= 300.0:
                self._batch()
            due = box.due()
            look = box.now + (CLOSE_LOOK if box.troubled(box.now + QUIET_LOOK) else QUIET_LOOK)
        self._found()
        if box.on:
            box.power_off()
        return self.month

    def _install(self) -> None:
        """Begin as a home that has been there for long: what the first start says was said then."""
        box = self.box
        box.power_on(0.0, 0.0)
        box.linked(True)
        box.turn()
        tried = box.daemon.rounds._tried
        for device in tried:
            tried[device] -= self.dice.uniform(0, 30) * DAY
        for message in box.offered:
            if message.name != "readings":
                self._receipt(json.loads(message.payload))
        box.offered, box.others = [], []
        box.turn()

    # -- power and link

    def _power_off(self) -> None:
        self._gone(self.life.off.at(self.box.now) or Span(0, 0, "cut"))
        self.box.power_off()

    def _power_on(self, was_off: float) -> None:
        box, now = self.box, self.box.now
        self._on_since = now
        after = self.dice.uniform(600, 1500) if self.home.late_time else self.dice.uniform(20, 90)
        dropped = self.life.drops.at(now)
        connects = (dropped.ended if dropped else now) + self.dice.uniform(30, 70)
        box.power_on(was_off, max(after, connects - now))
        self.at(connects, self._connect, box.boots)

    @property
    def usable(self) -> bool:
        return self.box.on and self.box.link.connected and self.life.drops.at(self.box.now) is None

    def _dropped(self, span: Span) -> None:
        if not self.box.on or not self.box.link.connected:
            return
        self._gone(span)
        noticed = span.began + self.dice.uniform(30, 60)
        if noticed < span.ended:
            self.at(noticed, self._noticed, span, self.box.boots)
        else:
            self.at(span.ended, self._flush, self.box.boots)

    def _noticed(self, span: Span, boot: int) -> None:
        if self.box.on and boot == self.box.boots:
            self.box.linked(False)
            self.at(span.ended + 1 + self.dice.uniform(0, min(60.0, (span.ended - span.began) / 2)), self._connect, boot)

    def _connect(self, boot: int) -> None:
        if not self.box.on or boot != self.box.boots or self.box.link.connected:
            return
        if (span := self.life.drops.at(self.box.now)) is not None:
            self.at(span.ended + 1 + self.dice.uniform(0, 60), self._connect, boot)
            return
        self.box.linked(True)
        self.month.count["connections"] += 1
        self._tell_home()
        self._flush(boot)

    def _flush(self, boot: int) -> None:
        if boot != self.box.boots or not self.usable:
            return
        self._found()
        self.box.unanswered = None
        waiting, self._waiting = self._waiting, []
        for n, line in enumerate(sorted(waiting, key=lambda line: (line.body.get("priority", 4), line.body["number"]))):
            self.at(self.box.now + WIRE * (n + 1), self._deliver, line)
        orders, self._unheard = self._unheard, []
        for order in orders:
            self.at(self.box.now + 1, self._order, order)

    def _gone(self, span: Span) -> None:
        if self._lost is None:
            self._lost = Span(self.box.now, math.inf, span.why)

    def _found(self) -> None:
        if self._lost is not None:
            self.month.silences.append(self._lost._replace(ended=self.box.now))
            self._lost = None

    # -- what the gateway says

    def _take(self) -> None:
        box, month = self.box, self.month
        offered, box.offered = box.offered, []
        for message in offered:
            month.bytes[message.name] += len(message.payload)
            month.count[message.name] += 1
            body = json.loads(message.payload)
            line = Line(self.home, message.name, body, box.now)
            month.lines.append(line)
            self._judge(line)
            if self.usable:
                self.at(box.now + WIRE, self._deliver, line)
            else:
                self._waits(line)
        for name, payload in box.others:
            month.bytes[name] += len(payload)
            month.count[name] += 1
        box.others = []

    def _waits(self, line: Line) -> None:
        self._waiting.append(line)
        if self.box.on and self.box.link.connected and self.box.unanswered is None:
            self.box.unanswered = self.box.daemon.clock.now().mono

    def _batch(self) -> None:
        self._batched = self.box.now
        if (batch := self.box.batch()) is not None:
            self.month.bytes["readings"] += len(batch)
            self.month.count["readings"] += 1

    def _weigh(self) -> None:
        """See how large a heartbeat is today, and count those of a day."""
        if self.box.on and self.box.link.connected:
            self._beat = self.box.heartbeat()
            for _ in range(4):  # every six hours, whatever has changed
                self._tell_home()
        began = self.box.now - 43200
        away = sum(max(0.0, min(s.ended, began + DAY) - max(s.began, began)) for s in (*self.life.drops.all, *self.life.off.all))
        beats = max(0, int((DAY - away) / self.box.config.times.heartbeat))
        self.month.bytes["heartbeat"] += beats * len(self._beat)
        self.month.count["heartbeat"] += beats

    def _tell_home(self) -> None:
        self.month.bytes["home"] += len(self.box.inventory())
        self.month.count["home"] += 1

    # -- what the desk does

    def _deliver(self, line: Line) -> None:
        if not self.usable:
            self._waits(line)
            return
        line.came = self.box.now
        self.at(self.box.now + 0.2, self._receipt, line.body)
        self._answer(line)

    def _receipt(self, body: dict[str, Any]) -> None:
        if not self.box.on or not self.box.link.connected:
            return
        number = body["number"]
        receipt = {"v": 1, "gateway": self.home.id, "journal": body["journal"], "entries": [[number, number]]}
        self.box.daemon.mailbox.from_platform("receipt", json.dumps(receipt).encode())

    def _order(self, order: dict[str, Any]) -> None:
        if not self.usable:
            self._unheard.append(order)
            return
        self._orders += 1
        body = {"v": 1, "gateway": self.home.id, "id": f"o{self._orders}", "by": "desk", **order}
        self.box.daemon.mailbox.from_platform("instruction", json.dumps(body).encode())

    def _answer(self, line: Line) -> None:
        """Do with a raised alarm what a desk does: answer, ask by telephone or send somebody, and write down how it ended."""
        body, dice, now = line.body, self.dice, self.box.now
        if line.name == "fault" and body["kind"] == kinds.TEST_DUE and body["turn"] == "raised":
            self.at(now + dice.uniform(1, 6) * DAY, self._try, body["device"])
        if line.name != "alarm" or body["test"] or body["state"] != "raised" or body["alarm"] in self._met:
            return
        self._met.add(body["alarm"])
        true = line.truth.startswith("true")

        def say(after: float, do: str, **more: Any) -> None:
            self.at(now + after, self._order, {"do": do, "alarm": body["alarm"], **more})

        nothing = dice.choice(["false_alarm", "no_help_needed"])
        if body["priority"] > 2:
            say(2 * HOUR, "close", outcome="no_help_needed")
            return
        answered = dice.lognormvariate(math.log(rate("answer_p1_s" if body["priority"] == 1 else "answer_p2_s")), 0.55)
        say(answered, "acknowledge")
        if not true and dice.random() < rate("by_phone"):
            say(answered + dice.uniform(40, 150), "close", outcome=nothing)
            return
        sent = answered + dice.uniform(30, 150)
        there = sent + dice.uniform(300, 840)
        say(sent, "dispatch", responder="grid worker", seconds=900.0)
        say(there, "arrive")
        say(there + dice.uniform(300, 1800), "close", outcome="helped" if true else nothing)

    def _try(self, device: str) -> None:
        """Let somebody try a device with the resident: by a press, by the page's walk test, or not at all."""
        if not self.box.on:
            return
        press = device in ("pendant", "bath")
        if press and self.dice.random() < rate("tested_by_press"):
            self._happens(Event(self.box.now, 0, device, "press", True, "false test"))
        elif press or self.dice.random() < 0.5:
            daemon = self.box.daemon
            daemon.rounds._tried[device] = daemon.clock.now().mono
            daemon.notes.later(lambda at: daemon.pipeline.noticed(daemon.faults.end(kinds.TEST_DUE, at, device), at))

    # -- what was true

    def _happens(self, event: Event) -> bool:
        heard = self.box.say(event)
        if self.box.on and (event.what == "open" or event.device in _CALLS):
            self._said[event.device].append((event.at, heard))
        if heard and event.on and event.what == "motion":
            self.box.last_motion = event.at
        kind = KIND_OF.get(event.what)
        if heard and event.truth and kind is not None:
            known = self._truth.get((kind, event.device))
            if known is None or not known[1].startswith("true") or event.at - known[0] > HOUR or event.truth.startswith("true"):
                self._truth[kind, event.device] = event.at, event.truth
            if event.truth.startswith("true"):
                for need in self.life.emergencies:
                    if need.heard is None and (need.kind, need.device) == (kind, event.device) and 0 <= event.at - need.at < HOUR:
                        need.heard = self.box.now
        return heard

    def _judge(self, line: Line) -> None:
        """Say what made this line, and whether somebody had to see it soon."""
        body, now, life = line.body, self.box.now, self.life
        if line.name == "alarm":
            alarm = body["alarm"]
            if alarm not in self._of_alarm:
                at, truth = self._truth.get((body["kind"], body["device"]), (-1e9, ""))
                self._of_alarm[alarm] = truth if now - at < 2 * HOUR else ""
            line.truth = self._of_alarm[alarm]
            up = body["kind"] == kinds.BED_EXIT and line.truth == "false up"
            line.needed = not (up and self.box.last_motion > now - 1320.0)  # whom nothing has seen since may lie there
        elif line.name == "fault" and body["kind"] == kinds.MISSING:
            silent = life.silent[body["device"]].at(now) if body["device"] in life.silent else None
            line.truth = silent.why if silent else "heard again" if body["device"] not in self.home.mute else "no beacon"
            lasted = now - self._began(silent, body) if silent else 0.0
            # twelve hours from its last word, which may be an hour older than the outing
            wanted = {"along": 11 * HOUR, "holiday": 11 * HOUR, "radio": 2 * HOUR if body["device"] == "pendant" else 4 * HOUR}
            hangs = "behind" in body["detail"] and body["priority"] <= 2  # nobody who is behind it can call
            line.needed = silent is not None and (hangs or lasted >= wanted.get(silent.why, 840.0))
            if not line.needed and body["turn"] != "cleared":
                line.unknowable = self._unknowable(silent, self.home.sensors[body["device"]], body["detail"]["silent_s"])
        elif line.name == "fault" and body["kind"] == kinds.RADIO_DEAF:
            deaf = life.deaf.at(now)
            line.truth = deaf.why if deaf else "heard again"
            line.needed = deaf is not None and deaf.why == "hang" and now - deaf.began >= 840.0

    def _began(self, silent: Span, body: dict[str, Any]) -> float:
        """Return when a silence began; of a pendant that went out again before it spoke, when it left first."""
        since = self.box.now - body["detail"].get("silent_s", 0.0)
        outings = [s.began for s in self.life.silent[body["device"]].all if s.why in _GONE and s.ended > since]
        return min([silent.began, *outings]) if silent.why in _GONE else silent.began

    def _unknowable(self, silent: Span | None, sensor: Sensor, silent_s: float) -> str:
        """Return why no gateway can know of a silence that it is none to tell of, "" where one could. `silent`: its cause, where it lasts."""
        since, silences = self.box.now - silent_s, self.life.silent
        if silent is not None and silent.why not in _GONE:
            return "its last word was older than the outage" if silent.why == "radio" and not sensor.stream and since < silent.began else ""
        if not sensor.stream and any(
            at > since and not heard and ((why := silences[sensor.id].at(at)) is None or why.why not in _GONE)
            for at, heard in self._said[sensor.id]
        ):
            return "words of it were lost at home, as of one that fails"
        if silent is None:
            return ""
        said = [one for one in self._said["door"] if one[0] <= silent.began + LEAVING]
        if not any(heard for at, heard in said if at >= silent.began - LEAVING):
            dead = "door" in silences and silences["door"].at(silent.began)
            return "the door's sensor was dead" if dead and dead.why == "battery" else "no word of the door came through"
        if all(heard for _, heard in said[-3:]):  # shut before, opened, shut
            return ""
        before = any(heard for at, heard in said if self._on_since < at < silent.began - LEAVING)
        little = not before or sum(heard for _, heard in said) <= ENOUGH + 1
        return "a word of a door was lost of which little was heard yet" if little else ""
