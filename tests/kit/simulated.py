"""A gateway in simulated time: the real daemon, store, pipeline, push and upkeep on an event loop whose clock jumps to what is due next.

    with Lapse(folder, config_text) as lapse:
        lapse.run(story(lapse))                       # a coroutine; `asyncio.sleep` in it costs no real time

Nothing is simplified but what has another machine at its end: radio and line (packets are put into the intake), broker and platform
(`Desk`). The store's jobs run in the loop's own thread, so that the same seed gives the same year.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import json
import selectors
import shutil
from array import array
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from drivers import all_models
from gateway.box import aside
from gateway.home.config import load
from gateway.tell.outbox import Lost
from gateway.tend.composition import MADE, build
from gateway.tend.daemon import Daemon
from gateway.tend.waits import WAITS
from gateway.words.clock import SystemClock
from gateway.words.driver import Advertisement, Chunk, uuid16
from gateway.words.instruction import Instruction

from tests.kit.dated import dated
from tests.kit.waits import change

BTHOME = uuid16(0xFCD2)
KEY = "231d39c1d7cc1ab1aee224cd096db932"  # of whatever seals what it says
DISK = WAITS.try_disk  # as the daemon has it
TURN = 1e-6  # s that a turn of the loop takes: with none at all, what is due a rounding error from now would be asked for ever


class _Jump:
    """A selector that never waits: where nothing is ready the loop's clock goes on to what is due."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = self._real.select(0)
        self._loop.now += TURN
        if not ready and timeout is None:
            raise RuntimeError("nothing is due, for ever")
        if not ready and timeout and timeout > 0:
            self._loop.now += timeout
        return ready

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose seconds are simulated, and whose threads are its own."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Jump(self))

    def time(self) -> float:
        return self.now

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  it is whoever awaits it who knows it
            done.set_exception(error)
        return done


async def _no_modem() -> None:
    """Stand in for the task that reads SMS at ModemManager: this machine's own is no business of a story."""


def at_once(job: Callable[..., Any], *args: Any) -> Future[Any]:
    """Do what the daemon does on a thread of its own: beside a simulated second a real one would be late."""
    done: Future[Any] = Future()
    try:
        done.set_result(job(*args))
    except Exception as error:  # noqa: BLE001  whoever waits gets it
        done.set_exception(error)
    return done


class Clock(SystemClock):
    """The machine's clocks in simulated time. After a power cut the wall clock stands where it was until a time server answers."""

    def __init__(self, lapse: Lapse, boot: int, *, behind: float = 0.0, sure_after: float = 0.0) -> None:
        super().__init__(MADE)
        self.boot = f"boot{boot:08}"
        self._lapse = lapse
        self._began = lapse.loop.now
        self._behind, self._sure_after = behind, sure_after

    def _read(self) -> tuple[float, datetime, bool]:
        mono = 12.0 + self._lapse.loop.now - self._began
        if mono - 12.0 >= self._sure_after:
            return mono, self._lapse.wall() + timedelta(seconds=self._lapse.lies), True
        return mono, self._lapse.wall() - timedelta(seconds=self._behind), False


class Seen:
    """Which numbers have come, and the hash of each one's bytes; nothing but that, for a year of them."""

    def __init__(self) -> None:
        self.digests = bytearray()

    def of(self, number: int) -> bytes | None:
        return found if any(found := bytes(self.digests[number * 16 : number * 16 + 16])) else None

    def take(self, number: int, digest: bytes) -> None:
        self.digests.extend(bytes(max(0, number * 16 + 16 - len(self.digests))))
        self.digests[number * 16 : number * 16 + 16] = digest

    @property
    def highest(self) -> int:
        return len(self.digests) // 16 - 1

    def __len__(self) -> int:
        return sum(self.of(number) is not None for number in range(self.highest + 1))


class Desk:
    """Broker and platform at once: takes what is published, holds it against what came before, gives receipts, answers alarms."""

    def __init__(self, lapse: Lapse) -> None:
        self.lapse = lapse
        self.entries: dict[str, Seen] = {}  # by journal
        self.batches: dict[str, Seen] = {}
        self.repeats = self.doubled = self.readings = self.bytes = 0
        self.says_head = True  # whether this platform says which entry it has as the newest
        self.newest: dict[str, Any] = {"generation": -1, "number": 0}
        self.beats: dict[str, list[array[float]]] = {}  # boot -> for each connection the monotonic seconds
        self.connections = self._beating = 0
        self.faults: list[tuple[float, str, str, str, dict[str, Any]]] = []  # (second, kind, device, turn, detail)
        self._alarms: dict[str, list[tuple[float, bytes]]] = {}
        self.results: list[dict[str, Any]] = []
        self.homes: list[tuple[float, dict[str, Any]]] = []
        self.order: list[tuple[int, bytes]] = []  # entries as they came since `forget`, each once: number and digest
        self.forgets: Callable[[], bool] = lambda: False  # whether a receipt gets lost
        self.answers: Callable[[dict[str, Any]], list[tuple[float, dict[str, Any]]]] = lambda _: []

    def take(self, name: str, payload: bytes) -> None:
        self.bytes += len(payload)
        if name == "status":
            return
        body = json.loads(payload)
        if name == "home":
            self.homes.append((self.lapse.loop.now, body))
            return
        if name == "heartbeat":
            lines = self.beats.setdefault(body["at"]["boot"], [])
            if not lines or self._beating != self.connections:
                lines.append(array("d"))
            self._beating = self.connections
            lines[-1].append(body["at"]["mono"])
            return
        batch = name == "readings"
        kept = (self.batches if batch else self.entries).setdefault(body["history" if batch else "journal"], Seen())
        number, digest = body["batch" if batch else "number"], hashlib.sha256(payload).digest()[:16]
        before = kept.of(number)
        if before is not None:
            self.repeats += before == digest
            self.doubled += before != digest
        else:
            kept.take(number, digest)
            self.order += [] if batch else [(number, digest)]
            self._new(name, body, payload)
        if not self.forgets():
            receipt = {"v": 1, "gateway": body["gateway"], "journal": "none", "entries": []}
            if batch:
                receipt |= {"history": body["history"], "batches": [[number, number]]}
            else:
                receipt["journal"], head = body["journal"], {n: body[n] for n in ("journal", "generation", "number")}
                head["hash"] = (before or digest).hex()
                if before in (None, digest) or not self.says_head:  # the same number with other bytes is no repeat
                    receipt["entries"] = [[number, number]]
                    self.newest = head = max(self.newest, head, key=lambda h: (h["generation"], h["number"]))
                receipt |= {"head": head} if self.says_head else {}
            self.say("receipt", receipt, after=0.2)

    def forget(self) -> None:
        """Lose the database, as a platform does that is set up anew."""
        self.entries.clear()
        self.batches.clear()
        self.order.clear()
        self._alarms.clear()
        self.newest = {"generation": -1, "number": 0}

    @property
    def alarms(self) -> dict[str, list[tuple[float, dict[str, Any]]]]:
        """Every message of every alarm: alarm -> [(second, message)]."""
        return {alarm: [(at, json.loads(payload)) for at, payload in moves] for alarm, moves in self._alarms.items()}

    def weighs(self) -> int:
        """Return the bytes of all that is remembered here, so that what the daemon keeps can be told from it."""
        seen = [*self.entries.values(), *self.batches.values()]
        beats = sum(len(line) * line.itemsize for lines in self.beats.values() for line in lines)
        moves = sum(len(payload) + 200 for moves in self._alarms.values() for _, payload in moves)
        return sum(len(one.digests) for one in seen) + beats + moves + 1500 * (len(self.faults) + len(self.results))

    def _new(self, name: str, body: dict[str, Any], payload: bytes) -> None:
        at = self.lapse.loop.now
        if name == "readings":
            self.readings += len(body["readings"])
        elif name == "fault":
            self.faults.append((at, body["kind"], body["device"], body["turn"], body["detail"]))
        elif name == "alarm":
            self._alarms.setdefault(body["alarm"], []).append((at, payload))
            for after, order in self.answers(body):
                self.instruct(after=after, **order)
        else:
            self.results.append(body)

    def instruct(self, *, after: float = 0.0, **order: Any) -> None:
        self.lapse.orders += 1
        order = dated(order["do"], order, self.lapse.wall() + timedelta(seconds=after))
        self.say("instruction", {"v": 1, "gateway": "gw-year", "id": f"o{self.lapse.orders}", "by": "desk", **order}, after=after)

    def say(self, name: str, body: dict[str, Any], *, after: float) -> None:
        """Hand something down. What cannot be delivered then is asked again, as a platform does."""

        def deliver() -> None:
            link = self.lapse.link
            if link is not None and link.connected:
                self.lapse.daemon.mailbox.from_platform(name, json.dumps(body).encode())
            elif name == "instruction":
                self.lapse.loop.call_later(60.0, deliver)

        self.lapse.loop.call_later(after, deliver)

    def said(self, kind: str, turn: str, device: str | None = None) -> list[float]:
        """Return when a fault was told."""
        return [at for at, k, d, t, _ in self.faults if k == kind and t == turn and device in (None, d)]


class Link:
    """The way to the desk, in place of the MQTT link. It is there while `Lapse.network` is."""

    version, taken_over, turned_away, certificate_begins, pause = "5", False, False, None, 0.0

    def __init__(self, lapse: Lapse) -> None:
        self._lapse = lapse
        self.connected = False

    @property
    def certificate_ends(self) -> float | None:
        return self._lapse.broker_ends

    async def run(self, ready: Callable[[], None] | None = None) -> None:
        lapse, uplink = self._lapse, self._lapse.daemon.uplink
        while True:
            await lapse.network.wait()
            await asyncio.sleep(1.0)
            if not lapse.network.is_set():
                continue
            self.connected = True
            lapse.desk.connections += 1
            uplink._up(self)
            if ready is not None:
                ready()
            try:
                await lapse.away.wait()
            finally:  # also where somebody lets go of the link
                self.connected = False
                uplink._down(self)

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        await asyncio.sleep(0.05)
        if not self.connected or self._lapse.link is not self:
            raise Lost
        self._lapse.desk.take(topic.rpartition("/")[2], payload)

    async def say_now(self, topic: str, payload: bytes, seconds: float) -> None:
        assert seconds > 0
        await self.publish(topic, payload)


class Lapse:
    """A home in simulated time. `begins` is the wall clock's second at the start."""

    def __init__(self, folder: Path, config: str, *, begins: datetime, look_every: float = 60.0) -> None:
        self.folder, self.state = folder, folder / "state"
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "gateway.toml"
        self.path.write_text(config, encoding="utf-8")
        self.loop = Loop()
        self.begins = begins
        self.look_every = look_every
        self.boots = self.orders = 0
        self.desk = Desk(self)
        self.broker_ends: float | None = None
        self.lies = 0.0  # s by which the time server is wrong
        self.network, self.away = asyncio.Event(), asyncio.Event()
        self.network.set()
        self.link: Link | None = None
        self.daemon: Daemon
        self._packet: dict[str, int] = {}
        self._counters: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None
        self._clock: Clock
        # Looked at once a minute instead of every few seconds, and the status file written every hour: both cost what a year has not.
        self._patched = [
            (WAITS, "status", 3600.0),
            (WAITS, "try_mains", look_every),
            (WAITS, "try_disk", DISK),
            (aside, "run", at_once),
            (gc, "freeze", lambda: None),  # a daemon keeps what it began with for ever; here it is one of many
        ]
        self._waits: dict[str, dict[str, float]] = {}
        self._before = [(module, name, getattr(module, name)) for module, name, _ in self._patched]

    def __enter__(self) -> Self:
        self._waits = {"judge": change("judge", look_every=self.look_every), "tell": change("tell", look_link=self.look_every)}
        for module, name, value in self._patched:
            setattr(module, name, value)
        return self

    def __exit__(self, *_: object) -> None:
        for room, waits in self._waits.items():
            change(room, **waits)
        for module, name, value in self._before:
            setattr(module, name, value)

    def look(self, *, every: float) -> None:
        """Let the daemon look round at least so often, for what no deadline of its own wakes it for; never more often than asked for."""
        disk = max(every, DISK) if every > self.look_every else DISK
        every = max(every, self.look_every)
        change("judge", look_every=every)
        change("tend", try_mains=every, try_disk=disk)
        change("tell", look_link=every)

    def wall(self) -> datetime:
        return self.begins + timedelta(seconds=self.loop.now)

    def run(self, story: Coroutine[Any, Any, Any]) -> Any:
        asyncio.set_event_loop(self.loop)
        try:
            return self.loop.run_until_complete(story)
        finally:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    self.loop.run_until_complete(task)
            asyncio.set_event_loop(None)
            self.loop.close()
            gc.collect()  # what was left open is told here, and not in whatever test comes next

    # -- power and network

    async def start(self, *, behind: float = 0.0, sure_after: float = 0.0, same_boot: bool = False) -> None:
        """Start the gateway as after a power-up, or its process alone; the time server answers `sure_after` seconds later."""
        if not same_boot:
            self.boots += 1
            self._clock = Clock(self, self.boots, behind=behind, sure_after=sure_after)
        self.daemon = one = build(load(self.path, all_models()), all_models(), self._clock, self._clock.boot)
        self.link = link = Link(self)
        one.uplink.made = lambda: link
        one.ears.listen = lambda _group: None
        one.answering.run = _no_modem
        self._task = asyncio.ensure_future(one.run())
        await asyncio.sleep(2.0)

    async def stop(self) -> None:
        """End it as systemd does."""
        await self._end()

    async def cut(self) -> None:
        """End it as a power cut does: what is on the disk at this instant is what there is."""
        kept = self.folder / "kept"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self.state, kept, ignore=shutil.ignore_patterns("*-shm"))
        await self._end()
        shutil.rmtree(self.state)
        kept.replace(self.state)

    async def _end(self) -> None:
        self.link = None  # nothing more is heard of it
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        del self.daemon
        self._task = None
        gc.collect()

    def plug(self, there: bool) -> None:
        """Plug the network in or pull it."""
        (self.network.set if there else self.network.clear)()
        (self.away.clear if there else self.away.set)()

    # -- what happens in the home

    def air(self, address: str, data: str) -> None:
        """Let a BTHome packet be heard; {n} in it is the device's next packet number."""
        if self._task is None:
            return
        n = self._packet[address] = (self._packet.get(address, 0) + 1) % 256
        service = bytes.fromhex(data.replace("{n}", f"{n:02x}"))
        self.daemon.intake.advert(Advertisement(address=address, rssi=-66, service_data={BTHOME: service}))

    def sealed(self, address: str, plain: str, *, key: str = KEY, counter: int | None = None) -> str:
        """Let an encrypted BTHome v2 packet be heard; return its bytes (hex), so that it can be played again."""
        n = self._counters[address] = self._counters.get(address, 0) + 1 if counter is None else counter
        counted = n.to_bytes(4, "little")
        nonce = bytes.fromhex(address.replace(":", "")) + b"\xd2\xfc\x45" + counted
        body = AESCCM(bytes.fromhex(key), tag_length=4).encrypt(nonce, bytes.fromhex(plain), None)
        data = (b"\x45" + body[:-4] + counted + body[-4:]).hex()
        self.air(address, data)
        return data

    def at_the_box(self, order: Instruction) -> None:
        """Let the technician's page give an instruction, which the daemon has read already."""

        async def carried_out() -> None:
            daemon.notes.later(await daemon.technician.carry_out(order))

        daemon = self.daemon
        self._ordered = self.loop.create_task(carried_out())

    def line(self, port: str, data: bytes) -> None:
        """Let a serial line deliver."""
        if self._task is not None:
            self.daemon.intake.chunk(Chunk(port=port, data=data))
