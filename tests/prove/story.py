"""Everything at once, in any order: what is heard, told, lost, crashed and stepped, held against what must be known.

A Hypothesis state machine over the real middle, the real store on a file in memory, the real doors and the real push; the radio, the link, the
broker, the platform and the clock are played. Where it fails, Hypothesis makes the story as short as it can and prints it.

What must be known, after each step: the journal on disk is what was committed, byte by byte, numbered without gaps; each entry is at the
platform or waits for it; the platform has never had two different entries under one id; no alarm ended without outcome, name and time; a
test never called the ladder and a real alarm never became a test; a refused instruction moved nothing. And at the end of every story,
once the link holds for a while, the platform has all of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from gateway.judge.alarm import Outcome
from gateway.judge.book import Entry
from gateway.judge.notes import Notes
from gateway.keep.journal import Writing
from gateway.keep.recovery import opened
from gateway.keep.stand_in import settled
from gateway.tell.outbox import Lost
from gateway.tell.push import Push
from gateway.tell.receipts import Receipts
from gateway.tell.resend import Resend
from gateway.tend.admission import Admission
from gateway.tend.mailbox import Mailbox
from gateway.tend.orders import Orders
from gateway.words.clock import Quality
from gateway.words.instruction import Do, Door
from gateway.words.reading import Kind, Reading
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from tests.kit.brokers import ranges
from tests.kit.dated import dated
from tests.kit.hand import GATEWAY, HandClock, Home
from tests.prove.table import Row

MEMORY = Path("/dev/shm")
STEPS = 50  # of one story
MOST_RANGES = 500  # of one receipt, as the contract bounds it
SETTLED = 60  # turns of the event loop after which nothing is on its way
BUTTONS = ("button", "pendant")
SEEN_EVERY = 60.0  # s of a long wait between two looks of the push
LONG_ENOUGH = 40  # times 30 s in which a link that holds must empty the outbox


class Link:
    """The way to the broker, the broker, and the platform behind it."""

    def __init__(self) -> None:
        self.state = "down"  # up, down, half_open: takes and never answers
        self.hanging: list[asyncio.Future[None]] = []
        self.at_broker: list[bytes] = []
        self.recorded: dict[str, bytes] = {}
        self.unreceipted: set[tuple[str, int]] = set()
        self.repeats = 0

    async def publish(self, topic: str, payload: bytes) -> None:
        if self.state == "down":
            raise Lost
        if self.state == "half_open":
            future = asyncio.get_running_loop().create_future()
            self.hanging.append(future)
            await future
        self.at_broker.append(payload)

    def lose(self) -> None:
        """Let all that hangs be told of its loss."""
        self.state = "down"
        hanging, self.hanging = self.hanging, []
        for future in hanging:
            if not future.done():
                future.set_exception(Lost())

    def deliver(self) -> None:
        """Let the platform have what the broker has."""
        waiting, self.at_broker = self.at_broker, []
        for payload in waiting:
            message = json.loads(payload)
            self.repeats += message["id"] in self.recorded
            assert self.recorded.setdefault(message["id"], payload) == payload, "one id, one entry"
            self.unreceipted.add((message["journal"], message["number"]))


class Story(RuleBasedStateMachine):
    """One household, one platform, and all that can happen between them."""

    steps = committed_ever = crashes = repeats = 0  # of all stories

    # -- the daemon's part -------------------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="prove-story-", dir=MEMORY if MEMORY.is_dir() else None))
        self.loop = asyncio.new_event_loop()
        self.clock = Still()
        self.link = Link()
        self.home = Home(missing_after=4 * 3600.0)
        self.receipts = "given"
        self.committed: dict[int, bytes] = {}
        self.priority: dict[int, int] = {}
        self.is_test: dict[str, bool] = {}
        self.orders: dict[str, dict[str, Any]] = {}
        self.said_once: dict[str, tuple[Door, dict[str, Any]]] = {}
        self.presses = 0
        self.dangers: Counter[tuple[str, str]] = Counter()
        self.results: dict[str, list[dict[str, Any]]] = {}
        self.start()

    def start(self) -> None:
        now = self.clock.now()
        self.store, known, _ = opened(self.folder / "state", self.folder / "run", GATEWAY, now, self.clock.boot)
        assert self.store.degraded == ""
        self.pipeline = self.home.pipeline(self.clock.boot)
        self.notes = Notes(self.pipeline.faults, self.pipeline.noticed, lambda: None)
        self.daemon = SimpleNamespace(
            pipeline=self.pipeline,
            faults=self.pipeline.faults,
            store=self.store,
            clock=self.clock,
            wake=asyncio.Event(),
            receipts=Receipts(),
            presence=SimpleNamespace(proved=lambda _now: []),
            home=SimpleNamespace(
                gateway=GATEWAY, config=SimpleNamespace(page_folder=self.folder / "state" / "page", times=self.home.times)
            ),
            notes=self.notes,
            boot=self.clock.boot,
            lineage=SimpleNamespace(heard=lambda _head, _now: [], differs=lambda *_: False, conflict=None),
            untold=SimpleNamespace(receipted=lambda _ranges: None),
        )
        self.store.run = self.store.readings.run = here
        self.push = Push(self.link, self.store, self.clock, str, None)
        self.daemon.push = self.push
        now_on: Any = SimpleNamespace(store=self.store)
        nowhere: Any = SimpleNamespace()
        self.daemon.resend = Resend(self.daemon.home, self.notes, now_on, self.pipeline, self.push, nowhere)
        self.admission = Admission(self.pipeline.faults, self.notes, self.clock.now)
        self.orders_in = Orders(
            home=self.daemon.home,
            clock=self.clock,
            boot=self.clock.boot,
            pipeline=self.pipeline,
            resend=self.daemon.resend,
            admission=self.admission,
        )
        self.mailbox = Mailbox(
            home=self.daemon.home,
            orders=self.orders_in,
            admission=self.admission,
            pipeline=self.pipeline,
            storage=SimpleNamespace(store=self.store),
            lineage=self.daemon.lineage,
            presence=self.daemon.presence,
            receipts=self.daemon.receipts,
            push=self.push,
            untold=SimpleNamespace(receipted=lambda _ranges: None),
            wake=lambda: None,
        )
        self.task = self.loop.create_task(self.push.run())
        self.write(self.pipeline.restart(now, known, why="start"))
        settled(self.folder / "state", self.folder / "run")

    def write(self, entries: list[Entry], *, offer: bool = True) -> None:
        accepted = []
        while self.daemon.receipts:
            accepted += self.daemon.receipts.take()
        known = self.pipeline.marks(self.clock.now())
        self.pipeline.saved()
        marks = {name: known[name] for name in ("masks",) if name in known}
        out = self.store.write(Writing(entries=entries, accepted=accepted, marks=marks))
        for message in out:
            assert message.number == len(self.committed) + 1, "numbered without gaps"
            self.committed[message.number] = message.payload
            self.priority[message.number] = message.priority
            self.look_at(json.loads(message.payload))
        Story.committed_ever += len(out)
        if offer:
            self.push.offer(out)

    def turn(self, judge: Callable[[], list[Entry]] = list) -> list[Entry]:
        """Take what came in, judge, commit, push; return the entries of this turn."""
        now = self.clock.now()
        entries = judge()
        entries += self.mailbox.entries(now)
        for note in self.notes.take():
            entries += note(now)
        self.write(entries)
        self.settle()
        return entries

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def settle(self) -> None:
        async def turns() -> None:
            for _ in range(SETTLED):
                await asyncio.sleep(0)

        self.run(turns())
        if self.task.done():
            self.task.result()

    def exchange(self) -> None:
        """Let what is at the broker reach the platform and its receipts come back, until nothing is on its way."""
        for _ in range(200):
            self.link.deliver()
            if self.link.state == "up":
                self.answer()
            if not (self.mailbox.waiting or self.notes or self.link.at_broker):
                return
            self.turn()
        raise AssertionError("it never comes to rest")

    def answer(self) -> None:
        wanted, self.link.unreceipted = self.link.unreceipted, set()
        numbers = {n for journal, n in wanted if journal == self.store.journal}
        if not numbers or self.receipts == "lost":
            return
        covered = ranges(numbers)
        for first in range(0, len(covered), MOST_RANGES):
            body = self.receipt([list(r) for r in covered[first : first + MOST_RANGES]])
            for _ in range(2 if self.receipts == "twice" else 1):
                self.mailbox.from_platform("receipt", body)

    def receipt(self, entries: list[list[int]], journal: str = "") -> bytes:
        return json.dumps({"v": 1, "gateway": GATEWAY, "journal": journal or self.store.journal, "entries": entries}).encode()

    # -- what the home does ------------------------------------------------------------------------------------------

    def reading(self, device: str, what: Kind, value: object, index: int = 1) -> Reading:
        now = self.clock.now()
        self.pipeline.faults.heard_at[device] = now.mono
        return Reading(device=device, kind=what, value=value, at=now, index=index)

    def hear(self, device: str, what: Kind, value: object, index: int = 1) -> list[Entry]:
        reading = self.reading(device, what, value, index)
        entries = self.turn(lambda: self.pipeline.heard(reading))
        self.exchange()
        return entries

    @rule(device=st.sampled_from(BUTTONS))
    def press(self, device: str) -> None:
        before = self.said("person.sos", device)
        self.hear(device, Kind.BUTTON, "press")
        assert self.said("person.sos", device) == before + 1, "each press is written down, whatever else is going on"
        self.presses += 1

    @rule(device=st.sampled_from(["radar", "radar2"]), value=st.booleans())
    def fall(self, device: str, value: bool) -> None:
        self.hear(device, Kind.FALL, value)

    @rule(what=st.sampled_from([("smoke", Kind.SMOKE), ("water", Kind.MOISTURE), ("door", Kind.CONTACT_OPEN)]), value=st.booleans())
    def sensor(self, what: tuple[str, Kind], value: bool) -> None:
        self.hear(*what, value)

    @rule()
    def cancel(self) -> None:
        self.hear("button", Kind.BUTTON, "press", 2)

    @rule(seconds=st.sampled_from([0.5, 6.0, 29.0, 31.0, 61.0, 310.0, 1000.0, 5 * 3600.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass; after five hours all devices are missing."""
        end, woken = self.clock.mono + seconds, self.clock.mono
        while (due := self.pipeline.due()) <= end:
            self.clock.to(max(due, self.clock.mono))
            entries = self.pipeline.tick(self.clock.now())
            if entries or self.clock.mono - woken > SEEN_EVERY:
                woken = self.clock.mono
                self.push._wake.set()
                self.turn(lambda found=entries: found)
                self.exchange()
        self.clock.to(max(end, self.clock.mono))
        self.push._wake.set()
        self.settle()
        self.exchange()

    @rule(days=st.sampled_from([-400.0, -1.0, 1.0, 400.0]), quality=st.sampled_from(list(Quality)))
    def clock_steps(self, days: float, quality: Quality) -> None:
        before = self.facts()
        self.clock.wall += timedelta(days=days)
        self.clock.quality = quality
        self.turn()
        assert self.facts() == before

    # -- what people do ----------------------------------------------------------------------------------------------

    @rule(
        door=st.sampled_from(list(Door)),
        do=st.sampled_from([Do.ACKNOWLEDGE, Do.DISPATCH, Do.DECLINE, Do.ARRIVE, Do.CLOSE, Do.CLOSE, Do.SILENCE]),
        which=st.integers(0, 4),
        by=st.sampled_from(["Wang", "Wang", "Wang", " "]),
        outcome=st.sampled_from([*map(str, Outcome), "fine", ""]),
        expires=st.sampled_from(["", "", "", "2020-01-01T00:00:00+00:00", "2100-01-01T00:00:00+00:00", "soon"]),
    )
    def instruct(self, door: Door, do: Do, which: int, by: str, outcome: str, expires: str) -> None:
        alarms = list(self.is_test)
        alarm = alarms[-1 - which] if which < len(alarms) else "j0-a99"
        more: dict[str, Any] = {"responder": "Li", "seconds": 300.0} if do is Do.DISPATCH else {}
        more |= {"outcome": outcome} if do is Do.CLOSE else {}
        self.tell(door, {"do": do.value, "by": by, "alarm": alarm, "expires": expires, **more})

    @rule(
        door=st.sampled_from(list(Door)),
        do=st.sampled_from([Do.SHELVE, Do.AWAY, Do.TEST, Do.WALK, Do.CONFIRM]),
        device=st.sampled_from(["radar", "button", "pendant", "door", "attic", ""]),
        seconds=st.sampled_from([0.0, 60.0, 300.0, 7200.0]),
        reason=st.sampled_from(["repair", ""]),
    )
    def mask(self, door: Door, do: Do, device: str, seconds: float, reason: str) -> None:
        self.tell(door, {"do": do.value, "by": "Wang", "device": device, "seconds": seconds, "reason": reason})

    @precondition(lambda self: self.said_once)
    @rule(which=st.integers(0, 30))
    def replay(self, which: int) -> None:
        """Say once more what has had its answer."""
        before, entries = self.facts(), len(self.committed)
        door, said = list(self.said_once.values())[which % len(self.said_once)]
        self.say(door, said)
        assert len(self.committed) == entries, "once, however often it is said"
        assert self.facts() == before

    def tell(self, door: Door, said: dict[str, Any]) -> None:
        name = f"o{len(self.orders) + 1}"
        before = self.facts()
        given = dated(said["do"], said, self.clock.wall) if door is Door.PLATFORM else said
        order = {"v": 1, "gateway": GATEWAY, "id": name, **given}
        self.say(door, order)
        results = self.results.get(name, [])
        assert len(results) == 1, "each instruction has one answer"
        self.orders[name] = results[0]
        if results[0]["refused"] != "bad_message":  # what cannot be read is no order, and is answered as often as it comes
            self.said_once[name] = door, order
        if results[0]["refused"]:
            assert self.facts() == before, "a refused instruction moves nothing"
            assert results[0]["zh"]
            assert results[0]["en"]

    def say(self, door: Door, body: dict[str, Any]) -> None:
        payload = json.dumps(body).encode()
        if door is Door.PLATFORM:
            self.mailbox.from_platform("instruction", payload)
            self.turn()
        else:
            self.turn(lambda: self.orders_in.taken("inbox", payload, Door.LOCAL, self.clock.now()).entries)
        held, self.receipts = self.receipts, "lost"  # what comes back meanwhile is another step
        self.exchange()
        self.receipts = held

    # -- what the network does ---------------------------------------------------------------------------------------

    @rule()
    def link_up(self) -> None:
        self.link.lose()
        self.link.state = "up"
        self.push.up()
        self.notes.later(lambda at: self.pipeline.linked(True, at))
        self.turn()
        self.exchange()

    @rule()
    def link_down(self) -> None:
        self.link.lose()
        self.push.down()
        self.notes.later(lambda at: self.pipeline.linked(False, at))
        self.turn()

    @precondition(lambda self: self.link.state == "up")
    @rule()
    def half_open(self) -> None:
        self.link.state = "half_open"

    @rule(how=st.sampled_from(["given", "given", "lost", "twice"]))
    def platform(self, how: str) -> None:
        self.receipts = how

    @precondition(lambda self: self.link.state == "up")
    @rule(device=st.sampled_from(BUTTONS))
    def broker_loses_what_it_took(self, device: str) -> None:
        reading = self.reading(device, Kind.BUTTON, "press")
        self.turn(lambda: self.pipeline.heard(reading))
        self.presses += 1
        self.link.at_broker.clear()

    @rule(beyond=st.integers(1, 5))
    def receipt_for_the_future(self, beyond: int) -> None:
        last = self.pipeline.last
        waiting = self.outbox()
        self.mailbox.from_platform("receipt", self.receipt([[1, 1], [last, last + beyond]]))
        self.turn()
        self.turn()
        assert waiting <= self.outbox(), "nothing of it was taken"
        self.exchange()

    @rule()
    def receipt_for_another_journal(self) -> None:
        waiting = self.outbox()
        self.mailbox.from_platform("receipt", self.receipt([[1, max(1, self.pipeline.last)]], journal="another"))
        self.turn()
        assert self.outbox() == waiting

    # -- crashes -----------------------------------------------------------------------------------------------------

    @rule(other_boot=st.booleans())
    def crash(self, other_boot: bool) -> None:
        before = {a.id: a.state.value for a in self.pipeline.alarms.values() if not a.test}
        self.die(other_boot)
        after = {a.id: a.state.value for a in self.pipeline.alarms.values() if not a.test}
        assert after == {name: "raised" if state == "pre_alarm" else state for name, state in before.items()}, "forgotten, or raised anew"

    @rule(device=st.sampled_from(BUTTONS))
    def crash_before_the_commit(self, device: str) -> None:
        """What was judged and not written down was never told either."""
        before = self.said("person.sos", device)
        self.pipeline.heard(self.reading(device, Kind.BUTTON, "press"))
        self.die(other_boot=False)
        assert self.said("person.sos", device) == before

    @rule(device=st.sampled_from(BUTTONS))
    def crash_after_the_commit(self, device: str) -> None:
        """What was written down and not yet told is told by the next start."""
        self.presses += 1
        self.write(self.pipeline.heard(self.reading(device, Kind.BUTTON, "press")), offer=False)
        self.die(other_boot=False)

    def die(self, other_boot: bool) -> None:
        Story.crashes += 1
        self.end()
        connected = self.link.state == "up"
        self.link.lose()
        if other_boot:
            self.clock.reboot(f"{self.clock.boot[:40]}x")
        self.start()
        rows = dict(self.store._db.execute("SELECT number, body FROM journal ORDER BY number").fetchall())
        assert rows == self.committed, "what was written stays, to the byte"
        if connected:
            self.link_up()

    def end(self) -> None:
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Lost):
            self.run(self.task)
        self.store.close_now()

    # -- what must be known ------------------------------------------------------------------------------------------

    def facts(self) -> list[tuple[object, ...]]:
        return [(a.number, a.state, a.count, a.rung, a.by, a.outcome, a.masking, a.test) for a in self.pipeline.alarms.values()]

    def outbox(self) -> set[int]:
        return {int(n) for (n,) in self.store._db.execute("SELECT number FROM outbox")}

    def said(self, what: str, device: str) -> int:
        """Return how often a danger of a device was written down: as an alarm, or on one."""
        return self.dangers[what, device]

    def look_at(self, m: dict[str, Any]) -> None:
        """Hold one entry against what no entry may ever say."""
        if m["type"] == "result":
            self.results.setdefault(m["instruction"], []).append(m)
        if m["type"] != "alarm":
            return
        if m["move"] in {"raise", "count"}:
            self.dangers[m["kind"], m["device"]] += 1
        assert self.is_test.setdefault(m["alarm"], m["test"]) == m["test"], "a real alarm never becomes a test, nor a test a real one"
        if m["test"]:
            assert {call["rung"] for call in m["calls"]} <= {0}, "a test never calls the ladder"
            assert m["kind"] == "alarm.test" or m["priority"] == 4
        if m["state"] in {"closed", "cancelled"}:
            assert m["state_by"].strip()
            assert m["state"] in m["stages"]
            if m["state"] == "closed":
                assert m["outcome"]
                assert (m["outcome"] == "test") is m["test"]

    @invariant()
    def each_entry_is_at_the_platform_or_waits_for_it(self) -> None:
        Story.steps += 1
        waiting = self.outbox()
        for number, body in self.committed.items():
            if number not in waiting:
                assert self.link.recorded.get(f"{self.store.journal}-{number}") == body, f"entry {number} is lost"

    @invariant()
    def what_the_platform_has_was_on_disk_first(self) -> None:
        known = {f"{self.store.journal}-{number}" for number in self.committed}
        assert self.link.recorded.keys() <= known

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        try:
            if not self.task.done():
                self.calm_weather()
        finally:
            self.end()
            Story.repeats += self.link.repeats
            self.loop.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def calm_weather(self) -> None:
        """A link that holds, and a platform that answers: all that ever was written arrives, and nothing waits any more."""
        self.receipts = "given"
        self.link_up()
        for _ in range(LONG_ENOUGH):
            if not self.outbox():
                break
            self.clock.move(30)
            self.push._wake.set()
            self.settle()
            self.exchange()
            self.turn()
        assert not self.outbox()
        assert self.link.recorded == {f"{self.store.journal}-{n}": body for n, body in self.committed.items()}
        sos = sum(self.dangers["person.sos", device] for device in BUTTONS)
        assert sos == self.presses, "every press that was written down, once"


class Still(HandClock):
    """A hand clock that keeps a sleeper asleep: the story moves time and wakes."""

    def real(self, seconds: float) -> float:
        return 3600.0


async def here(job: Callable[..., Any], *args: object) -> Any:
    """Do a job of the store in the story's own thread."""
    return job(*args)


def any_story(short: bool, folder: Path, seed_: int) -> Row:
    """Crashes, link, broker, receipts, clock, instructions and the radio in any order."""
    examples = 40 if short else 500
    story = seed(seed_)(Story)
    asked = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    for name in ("steps", "committed_ever", "crashes", "repeats"):
        setattr(Story, name, 0)
    run_state_machine_as_test(story, settings=asked)
    return Row(
        promises=(1, 2, 3, 5, 7, 9),
        done=f"{examples} stories of anything in any order",
        times=Story.steps,
        repeats=Story.repeats,
        note=f"{Story.committed_ever} entries, {Story.crashes} crashes",
    )


PROOFS = [any_story]
