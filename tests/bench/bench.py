"""Measures the gateway beside the floor, in one run, against the nine goals. `make bench`, or with `--quick` in about a minute.

Nothing is asserted by time: the table says reached or not. A loss (count in, count out) ends the run with status 1. What each row
means stands in docs/performance.md.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import decode, people, rig
from tests.bench.rig import BUTTONS, CALLER, SENSORS, STRANGERS, Air, Broker, Floor, Gateway, Listener, Loss

SETTLE = 0.4  # s between two rounds
SLOW_MS = 20  # ms that a slow card adds to each sync
AT_ONCE = 200  # presses on their way at most, where throughput is measured
PIECE = 25  # presses sent at a stretch there
FILL = 240  # doors that fill a batch of readings
GROWN = 1200  # presses one by one, after which both write-ahead logs have had their first checkpoint and are used again
SEEDED = 100_000


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    runs: int = 3
    seconds: float = 8.0
    throughput: int = 4000
    mix: float = 12.0
    starts: int = 100
    waiting: int = 5000
    sirens: int = 20  # calls for help that are timed until the siren
    told: int = 8  # SMS that are timed
    seeded: int = SEEDED
    returns: int = 7
    alarms_on_disk: int = 200
    day: float = 120.0  # real seconds in which a day passes; 0 = no day


PARTS = {
    "sos": "an SOS on its way",
    "memory": "memory",
    "throughput": "throughput",
    "backlog": "a long outbox",
    "slow_card": "a slow card",
    "outage": "broker away, killed, back",
    "returns": "broker away for a moment, with a press",
    "mix": "a home's mix",
    "pressed": "CPU of a press",
    "starts": "starts",
    "bytes_written": "bytes on the card",
    "people": "a siren and a person, with the platform dead",
}
FIRST = ("sos", "memory", "throughput", "backlog")  # these stand on each other: all of them or none
FULL = Size()
QUICK = Size(runs=1, seconds=4.0, throughput=1500, mix=6.0, starts=10, returns=3, sirens=10, told=3, alarms_on_disk=60, day=0.0)
SMALLEST = Size(
    runs=1, seconds=0.5, throughput=50, mix=1.0, starts=1, returns=1, waiting=50, seeded=100, sirens=2, told=0, alarms_on_disk=0, day=0.0
)


@dataclass
class Row:
    """One line of the table. `limit` is the goal: the gateway's figure may be at most (or at least) so many times the floor's."""

    what: str
    floor: str
    gateway: str
    ratio: float | None = None
    limit: float | None = None
    at_least: bool = False
    goal: str = ""
    reached: bool | None = None

    def verdict(self):
        if self.reached is None and self.ratio is not None and self.limit is not None:
            self.reached = self.ratio >= self.limit if self.at_least else self.ratio <= self.limit
        return "" if self.reached is None else "reached" if self.reached else "NOT REACHED"


@dataclass
class Table:
    rows: list[Row] = field(default_factory=list)

    def add(self, what, floor, gateway, **more):
        row = Row(what, floor, gateway, **more)
        row.verdict()
        self.rows.append(row)
        print("  " + " | ".join(filter(None, (what, floor, gateway, _ratio(row), row.verdict()))), flush=True)

    def print(self):
        lines = [("goal", "what", "floor", "gateway", "ratio", "limit", "")]
        for r in self.rows:
            limit = "" if r.limit is None else f"{'≥' if r.at_least else '≤'} {r.limit:g}"
            lines.append((r.goal, r.what, r.floor, r.gateway, _ratio(r), limit, r.verdict()))
        widths = [max(len(line[i]) for line in lines) for i in range(7)]
        for n, line in enumerate(lines):
            print("| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |")
            if n == 0:
                print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


def _ratio(row):
    return "" if row.ratio is None else f"{row.ratio:.2f}"


def centile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def spread(values, form="{:.2f}"):
    """Return the median, with the lowest and the highest where there are several."""
    middle = form.format(statistics.median(values))
    return middle if len(values) < 2 else f"{middle} ({form.format(min(values))}-{form.format(max(values))})"


class Count:
    """What of the presses of one program has come, each counted once; doubles apart."""

    def __init__(self, listener, program):
        self.listener, self.program = listener, program
        self.at = len(listener.messages)
        self.came = defaultdict(dict)  # address -> {unique number: second}
        self.total = self.doubles = 0

    def look(self):
        for message in self.listener.messages[self.at :]:
            told = self.program.told(message)
            if told is not None:
                address, number = told
                self.doubles += number in self.came[address]
                if number not in self.came[address]:
                    self.total += 1
                    self.came[address][number] = message[0]
        self.at = len(self.listener.messages)
        return self.total

    async def all_of(self, number, longest=rig.LONGEST):
        try:
            await self.listener.until(lambda: self.look() >= number, longest)
        except Loss as loss:
            raise Loss(f"{self.program.name}: {number} went in, {self.total} came out: {loss}\n{self.program.log()}") from None

    def waits(self, adverts, times):
        """Return the ms from each press to its message: the nth press of a button is the nth message of it by number."""
        sent = defaultdict(list)
        for advert, second in zip(adverts, times, strict=True):
            sent[advert[1]].append(second)
        out = []
        for address, came in self.came.items():
            ordered = [came[number] for number in sorted(came)]
            out += [(b - a) * 1000 for a, b in zip(sent[address], ordered, strict=True)]
        return out


class Bench:
    def __init__(self, size, folder, parts=tuple(PARTS)):
        self.size, self.folder, self.parts = size, folder, parts
        self.table = Table()
        self.ids = defaultdict(int)
        self.shim = None
        self.notes = []

    # -- adverts -----------------------------------------------------------------------------------------------------

    def press(self, after, address):
        self.ids[address] = n = (self.ids[address] + 1) % 256
        return [after, address, f"4000{n:02x}3a01", 0]

    def presses(self, rate, number, buttons=BUTTONS):
        return [self.press(n / rate, buttons[n % len(buttons)]) for n in range(number)]

    def readings(self, rate, number):
        """Temperatures: each advert says another one."""
        out = []
        for n in range(number):
            address = SENSORS[n % len(SENSORS)]
            self.ids[address] += 1
            out.append(
                [
                    n / rate,
                    address,
                    f"4000{self.ids[address] % 256:02x}02{(1500 + self.ids[address] % 1000).to_bytes(2, 'little').hex()}",
                    0,
                ]
            )
        return out

    def doors(self, number, sensors=SENSORS):
        out = []
        for n in range(number):
            address = sensors[n % len(sensors)]
            self.ids[address] += 1
            out.append([0.0, address, f"4000{self.ids[address] % 256:02x}2d{self.ids[address] % 2:02x}", 0])
        return out

    def strangers(self, rate, number):
        return [[n / rate, STRANGERS[n % len(STRANGERS)], f"{n:08x}1005", 76] for n in range(number)]

    # -- the stage ---------------------------------------------------------------------------------------------------

    async def run(self):
        installed()
        self.broker = Broker()
        self.broker.start()
        self.airs = [Air(), Air()]
        self.listener = Listener()
        self.programs = []
        await self.listener.connect(self.broker.port)
        platform = asyncio.create_task(self.listener.platform())
        try:
            self.floor = self.program(Floor, self.airs[0], "floor")
            self.gateway = self.program(Gateway, self.airs[1], "gateway")
            self.shim = self.compiled()
            for title in self.parts:
                begin = time.monotonic()
                print(f"{PARTS[title]} ...", flush=True)
                await getattr(self, title)()
                if platform.done():
                    raise Loss("the platform of this run gave no receipts to its end") from platform.exception()
                print(f"  [{time.monotonic() - begin:.0f} s]", flush=True)
        finally:
            platform.cancel()
            for program in self.programs:
                program.stop(signal.SIGKILL)
            self.listener.close()
            for air in self.airs:
                air.close()
            self.broker.close()

    def program(self, kind, air, name):
        program = kind(air, self.broker, self.folder / name)
        self.programs.append(program)
        return program

    async def up(self, *programs):
        """Start programs and let each hear one press, so that all is warm."""
        for program in programs:
            program.start()
            await program.air.scanned()
        for program in programs:
            count = Count(self.listener, program)
            limit = time.monotonic() + 20
            while not count.look():  # a press before the link is up comes late, which is not measured here
                await program.air.play([self.press(0, CALLER)])
                await asyncio.sleep(0.1)
                if time.monotonic() > limit:
                    raise Loss(f"{program.name} does not come up\n{program.log()}")
        await asyncio.sleep(SETTLE)

    def down(self, *programs):
        for program in programs:
            program.stop()

    async def closed(self):
        """Let the desk close what is open, and wait until it is quiet."""
        open_alarms = {}
        for _, topic, payload in self.listener.messages:
            if topic.endswith("/alarm"):
                body = rig.decode(payload)
                open_alarms[body["alarm"]] = body["state"] != "closed"
        for n, alarm in enumerate(a for a, is_open in open_alarms.items() if is_open):
            self.listener.instruct(n, do="close", alarm=alarm, outcome="false_alarm")
        await asyncio.sleep(SETTLE)

    # -- goals 1 and 2 -------------------------------------------------------------------------------------------------

    async def timed(self, program, adverts, beside=()):
        """Play presses among other adverts; return the ms of each. A loss is raised."""
        count = Count(self.listener, program)
        merged = sorted([*adverts, *beside])
        times = await program.air.play(merged)
        wanted = {a[1] for a in adverts}
        await self.arrived(count, merged, wanted)
        kept = [(a, t) for a, t in zip(merged, times, strict=True) if a[1] in wanted]
        count.came = {address: came for address, came in count.came.items() if address in wanted}
        return count.waits([a for a, _ in kept], [t for _, t in kept])

    async def arrived(self, count, adverts, wanted):
        number = sum(a[1] in wanted for a in adverts)

        def all_in():
            count.look()
            return sum(len(came) for address, came in count.came.items() if address in wanted) >= number

        try:
            await self.listener.until(all_in)
        except Loss:
            raise Loss(f"{count.program.name}: {number} presses, {count.total} messages\n{count.program.log()}") from None

    async def sos(self):
        await self.up(self.floor, self.gateway)
        quiet, loud = defaultdict(list), defaultdict(list)
        for _ in range(self.size.runs):
            for program in (self.floor, self.gateway):
                number = int(20 * self.size.seconds)
                quiet[program.name].append(await self.timed(program, self.presses(20, number)))
                await self.closed()
            for program in (self.floor, self.gateway):
                number = int(20 * self.size.seconds)
                beside = self.readings(1000, int(1000 * self.size.seconds))
                loud[program.name].append(await self.timed(program, self.presses(20, number), beside))
                await self.closed()
        self.quiet = {name: [centile(run, 0.5) for run in runs] for name, runs in quiet.items()}
        late = {name: [centile(run, 0.99) for run in runs] for name, runs in quiet.items()}
        full = {name: [centile(run, 0.5) for run in runs] for name, runs in loud.items()}
        full99 = {name: [centile(run, 0.99) for run in runs] for name, runs in loud.items()}
        self.compare("SOS to broker, 20/s, p50 ms", self.quiet, 1.3, "1")
        self.compare("SOS to broker, 20/s, p99 ms", late, 1.5, "1")
        self.compare("same, 1,000 readings/s beside, p50 ms; ratio to the quiet floor", full, 2.0, "2", against=self.quiet)
        self.compare("same, ratio to the floor under the same load", full, None, "")
        self.compare("same, p99 ms", full99, None, "")

    def compare(self, what, values, limit, goal, *, against=None, form="{:.2f}", at_least=False):
        base = (against or values)["floor"]
        floor = spread(values["floor"], form) if "floor" in values else spread(base, form)
        ratio = statistics.median(values["gateway"]) / statistics.median(base)
        self.table.add(what, floor, spread(values["gateway"], form), ratio=ratio, limit=limit, goal=goal, at_least=at_least)

    async def memory(self):
        figures = {p.name: [p.rss()] for p in (self.floor, self.gateway)}
        self.compare("RSS after that, MiB", figures, 1.2, "8", form="{:.1f}")
        process = self.gateway.process
        maps = Path(f"/proc/{process.pid}/maps").read_text()
        self.table.add(
            "libraries of a web server in the daemon",
            "",
            "none" if "uvicorn" not in maps else "some",
            goal="8",
            reached="uvicorn" not in maps,
        )

    # -- goal 4 --------------------------------------------------------------------------------------------------------

    async def stream(self, program, adverts, at_once=AT_ONCE):
        """Send as fast as it takes them, `at_once` on their way at most; return events per second."""
        piece = min(PIECE, at_once)
        count = Count(self.listener, program)
        begin = time.monotonic()
        for at in range(0, len(adverts), piece):
            await self.listener.until(lambda at=at: count.look() >= at + piece - at_once)
            await program.air.play(adverts[at : at + piece])
        await count.all_of(len(adverts))
        return len(adverts) / (time.monotonic() - begin)

    async def readings_stream(self, number):
        """Send temperatures that change (doors would chatter) until `number` are dealt with. Return how many are told per second.

        Dealt with is what stands in a batch, and what a newer one of its sensor has replaced before its turn came, as on a busy machine.
        """
        listener, at, came, sent, longest = self.listener, len(self.listener.messages), 0, 0, time.monotonic() + rig.LONGEST
        order, told, made = {}, defaultdict(int), defaultdict(int)  # (sensor, value): the how manieth of its sensor

        def look():
            nonlocal at, came
            for _, topic, payload in listener.messages[at:]:
                for r in rig.decode(payload)["readings"] if topic.endswith("/readings") else ():
                    n = order.get((Gateway.devices.get(r["device"]), round(r["value"] * 100))) if r["kind"] == "temperature_c" else None
                    if n is not None and n > told[r["device"]]:
                        told[r["device"]], came = n, came + 1
            at = len(listener.messages)
            return sum(told.values())

        begin = time.monotonic()
        while look() < number:
            piece = self.readings(1e9, 100)
            for _, address, said, _ in piece:
                made[address] += 1
                order[address, int.from_bytes(bytes.fromhex(said[-4:]), "little")] = made[address]
            await self.gateway.air.play(piece)
            sent += len(piece)
            # a batch that is not full stays: what was replaced does not fill it, and more has to come
            with contextlib.suppress(Loss):
                await listener.until(lambda sent=sent: look() >= sent - 600, 1.0)
            if time.monotonic() > longest:
                raise Loss(f"gateway: {sent} readings, {came} told\n{self.gateway.log()}")
        if (replaced := look() - came) > 0:
            self.notes.append(f"readings: {came} told, {replaced} replaced by a newer one of the same sensor before their turn")
        return came / (time.monotonic() - begin)

    async def throughput(self):
        figures = defaultdict(list)
        for _ in range(self.size.runs):
            for program in (self.floor, self.gateway):
                figures[program.name].append(await self.stream(program, self.presses(1e9, self.size.throughput)))
                await self.closed()
        self.compare("calls for help per second, none lost", figures, 0.6, "4", form="{:.0f}", at_least=True)
        if self.size.throughput >= 1000:
            number = self.size.throughput // 200 * 200
            figures["gateway"] = [await self.readings_stream(number) for _ in range(self.size.runs)]
            self.compare("readings per second, none lost", figures, 0.6, "4", form="{:.0f}", at_least=True)

    # -- goal 2, second half -----------------------------------------------------------------------------------------

    async def backlog(self):
        """Fill the gateway's outbox with entries nobody has receipted, and press while it is being emptied."""
        self.down(self.gateway)
        added = seed(self.gateway, self.size.seeded)
        before = len(self.listener.messages)
        await self.up(self.gateway)
        number = int(20 * self.size.seconds)
        runs = [centile(await self.timed(self.gateway, self.presses(20, number)), 0.5) for _ in range(self.size.runs)]
        left = self.gateway.waiting()
        self.compare(
            f"SOS while {self.size.seeded:,} entries wait, p50 ms; ratio to the quiet floor",
            {"gateway": runs},
            2.0,
            "2",
            against=self.quiet,
        )
        await asyncio.sleep(SETTLE)
        self.down(self.gateway)
        numbers = {rig.decode(m[2])["number"] for m in self.listener.messages[before:] if m[1].endswith("/fault")}
        still = outbox_numbers(self.gateway)
        lost = set(added) - numbers - still
        if lost:
            raise Loss(f"gateway: {len(lost)} of {len(added)} waiting entries are neither sent nor in the outbox")
        self.notes.append(f"long outbox: {left:,} of {self.size.seeded:,} still waited when the last press had come")
        shutil.rmtree(self.gateway.folder)
        self.gateway.folder.mkdir()
        self.down(self.floor)
        self.listener.forget()

    # -- goal 4, second half -----------------------------------------------------------------------------------------

    def compiled(self):
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            return None
        path = self.folder / "slow_disk.so"
        made = subprocess.run(
            [compiler, "-shared", "-fPIC", "-O1", "-o", path, rig.HERE / "slow_disk.c", "-ldl"], capture_output=True, text=True, check=False
        )
        return path if made.returncode == 0 else None

    def shimmed(self, program, ms):
        counter = program.folder / "syncs"
        counter.write_bytes(bytes(8))
        program.environment = {"LD_PRELOAD": str(self.shim), "BENCH_SYNC_MS": str(ms), "BENCH_SYNC_COUNT": str(counter)}
        return lambda: int.from_bytes(counter.read_bytes(), "little")

    async def slow_card(self):
        if self.shim is None:
            print("  not measured: there is no C compiler here")
            return
        syncs = {p.name: self.shimmed(p, SLOW_MS) for p in (self.floor, self.gateway)}
        await self.up(self.floor, self.gateway)
        figures, late, each = defaultdict(list), defaultdict(list), {}
        number = int(100 * self.size.seconds / 2)
        for _ in range(self.size.runs):
            for program in (self.floor, self.gateway):
                begin = syncs[program.name]()
                waits = await self.timed(program, self.presses(100, number))
                figures[program.name].append(centile(waits, 0.5))
                late[program.name].append(centile(waits, 0.99))
                each[program.name] = (syncs[program.name]() - begin) / number
                await self.closed()
        self.compare(f"SOS at 100/s, +{SLOW_MS} ms per fsync, p50 ms", figures, 1.2, "4")
        self.compare("same, p99 ms", late, None, "")
        self.table.add("same, fsyncs per SOS (group commit)", f"{each['floor']:.2f}", f"{each['gateway']:.2f}")
        self.down(self.floor, self.gateway)
        for program in (self.floor, self.gateway):
            program.environment = {}

    # -- goals 5 and 7 -----------------------------------------------------------------------------------------------

    async def outage(self):
        """The broker goes, presses wait, the programs are killed and started, the broker comes back."""
        number, drained, first, fresh = self.size.waiting, {}, {}, {}
        for program in (self.floor, self.gateway):
            await self.up(program)
            await self.closed()
            before = program.waiting()
            deadline = time.monotonic() + 10
            while before and time.monotonic() < deadline:  # what is accepted leaves the outbox within a second
                await asyncio.sleep(0.2)
                before = program.waiting()
            self.broker.stop()
            sent = 0
            while sent < number:
                piece = min(100, number - sent)
                await program.air.play(self.presses(4000, piece))
                sent += piece
                await self.on_disk(program, sent + before - 400)
            await self.on_disk(program, number + before)
            program.stop(signal.SIGKILL)
            count = Count(self.listener, program)
            self.broker.start()
            await self.listener.connect(self.broker.port)
            at = len(self.listener.messages)
            program.start()
            await self.listener.until(lambda count=count: count.look() >= 1)
            await program.air.scanned()
            pressed = (await program.air.play([self.press(0, CALLER)]))[0]
            await count.all_of(number + 1)
            arrivals = sorted(second for address, came in count.came.items() if address != CALLER for second in came.values())
            lasted = max(1e-6, arrivals[-1] - arrivals[0])  # few may come in one read
            drained[program.name] = [number / lasted]
            fresh[program.name] = (max(count.came[CALLER].values()) - pressed, lasted)
            if program is self.gateway:
                online = next(m[0] for m in self.listener.messages[at:] if m[1].endswith("/status") and rig.decode(m[2])["online"])
                begin = next(m[0] for m in self.listener.messages[at:] if m[1].rpartition("/")[2] in {"alarm", "fault"})
                first = begin - online
            self.notes.append(
                f"outage: {program.name} {number} in, {sum(map(len, count.came.values())) - 1} out, {count.doubles} sent twice"
            )
            self.down(program)
        self.table.add(f"lost of {number:,} after broker away and kill -9", "0", "0", goal="5", reached=True)
        self.table.add("first delivery after the connection, s", "", f"{first:.3f}", goal="7", reached=first <= 0.3)
        self.compare(f"{number:,} waiting, drained per second", drained, 0.5, "7", form="{:.0f}", at_least=True)
        for name, (wait, whole) in fresh.items():
            self.notes.append(f"fresh alarm during the drain, {name}: {wait * 1000:.0f} ms of {whole * 1000:.0f} ms")
        share = fresh["gateway"][0] / fresh["gateway"][1]
        self.table.add(
            "a fresh alarm meanwhile, part of the drain's time",
            f"{fresh['floor'][0] / fresh['floor'][1]:.2f}",
            f"{share:.3f}",
            goal="7",
            reached=share <= 0.1,
        )

    async def returns(self):
        """The broker goes, somebody presses, and the broker comes back while the program knocks."""
        waits = []
        await self.up(self.gateway)
        await self.closed()
        for n in range(self.size.returns):
            self.broker.stop()
            await self.gateway.air.play([self.press(0, CALLER)])
            await asyncio.sleep(3.0 + n / 3)
            count = Count(self.listener, self.gateway)
            self.broker.start()
            back = time.monotonic()
            await self.listener.connect(self.broker.port)
            await count.all_of(1)
            waits.append(min(count.came[CALLER].values()) - back)
            await self.closed()
        self.down(self.gateway)
        worst = max(waits)
        self.table.add("first delivery after the broker is back, s", "", spread(waits), goal="7", reached=worst <= 1.0)

    async def on_disk(self, program, number):
        limit = time.monotonic() + rig.LONGEST
        while (found := program.waiting()) < number:
            if time.monotonic() > limit:
                raise Loss(f"{program.name}: {number} presses, only {found} in the outbox on disk\n{program.log()}")
            await asyncio.sleep(0.01)

    # -- goals 3 and 9 -----------------------------------------------------------------------------------------------

    def home(self, seconds):
        """A home's mix: 5 events/s (1 press, 2 doors, 2 temperatures), each sent 4 times within 0.1 s, and 80 strangers/s."""
        out, events = [], {"presses": 0, "readings": 0}
        for n in range(int(5 * seconds)):
            if n % 5 == 0:
                advert = self.press(n / 5, BUTTONS[n // 5 % 4])
                events["presses"] += 1
            else:
                sensor = SENSORS[n % 10]
                self.ids[sensor] += 1
                k = self.ids[sensor]
                what = f"2d{k % 2:02x}" if n % 5 < 3 else f"02{(1500 + k % 1000).to_bytes(2, 'little').hex()}"
                advert = [n / 5, sensor, f"4000{k % 256:02x}{what}", 0]
                events["readings"] += 1
            out += [[advert[0] + 0.03 * i, *advert[1:]] for i in range(4)]
        return sorted(out), events

    async def mix(self):
        """Both programs hear the very same air at once; their CPU time is read before and after."""
        self.gateway.air = self.floor.air
        both = (self.floor, self.gateway)
        await self.up(*both)
        await self.closed()
        figures = {name: defaultdict(list) for name in ("mix", "strangers", "enrolled")}
        counts = {p.name: Count(self.listener, p) for p in both}
        at = len(self.listener.messages)
        presses = readings = 0
        for _ in range(self.size.runs):
            for name in figures:
                adverts = self.strangers(80, int(80 * self.size.mix)) if name != "enrolled" else []
                if name != "strangers":
                    mine, events = self.home(self.size.mix)
                    presses, readings = presses + events["presses"], readings + events["readings"]
                    adverts = sorted([*adverts, *mine])
                before = {p.name: p.cpu() for p in both}
                await self.floor.air.play(adverts)
                await asyncio.sleep(0.1)
                for p in both:
                    figures[name][p.name].append((p.cpu() - before[p.name]) * 1000 / len(adverts))
        self.compare("CPU s per 1,000 adverts, home's mix", figures["mix"], 1.2, "3", form="{:.3f}")
        self.compare("strangers alone; ratio to the floor's mix", figures["strangers"], 0.6, "3", against=figures["mix"], form="{:.3f}")
        self.compare("strangers alone; ratio to the floor's strangers", figures["strangers"], None, "", form="{:.3f}")
        self.compare("enrolled alone", figures["enrolled"], None, "", form="{:.3f}")
        await self.floor.air.play(self.doors(FILL, SENSORS[10:]))  # they fill the gateway's batch, so that it goes now
        await counts["floor"].all_of(presses + readings + FILL)
        await counts["gateway"].all_of(presses)

        mine = {name for name, address in Gateway.devices.items() if address in SENSORS[:10]}

        def batched():
            return sum(
                r["device"] in mine and r["kind"] in {"contact_open", "temperature_c"}
                for m in self.listener.messages[at:]
                if m[1].endswith("/readings")
                for r in rig.decode(m[2])["readings"]
            )

        await self.listener.until(lambda: batched() >= readings, 15)
        alarms = counts["gateway"].total / presses
        self.table.add(
            "messages per press sent 4 times",
            f"{(counts['floor'].total - FILL) / (presses + readings):.2f}",
            f"{alarms:.2f}",
            goal="9",
            reached=alarms == 1,
        )
        told = batched() / readings
        self.table.add("readings told per reading sent 4 times", "", f"{told:.2f}", goal="9", reached=told == 1)
        self.down(*both)
        self.gateway.air = self.airs[1]

    async def pressed(self):
        """100 presses/s over 40 buttons, one program after the other, by the CPU time of all threads."""
        both = (self.floor, self.gateway)
        await self.up(*both)
        await self.closed()
        figures, number = defaultdict(list), int(100 * self.size.seconds)
        for _ in range(max(self.size.runs, 2)):
            for program in both:
                before = program.cpu()
                await self.timed(program, self.presses(100, number))
                figures[program.name].append((program.cpu() - before) * 1000 / number)
                await self.closed()
        self.compare("CPU ms per press, 100/s", figures, 1.3, "3")
        self.down(*both)

    # -- goal 8 ------------------------------------------------------------------------------------------------------

    async def starts(self):
        """Start again and again while a button is pressed every 10 ms from the moment that somebody scans."""
        figures, ready = defaultdict(list), []
        path = str(self.folder / "notify")
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        notify.bind(path)
        self.gateway.environment = {"NOTIFY_SOCKET": path}
        loop = asyncio.get_running_loop()
        said = []
        loop.add_reader(notify, lambda: said.append((time.monotonic(), notify.recv(4096))))
        deaf = 0
        for _ in range(self.size.starts):
            for program in (self.floor, self.gateway):
                said.clear()
                count = Count(self.listener, program)
                program.air.tell(call=[CALLER, 0.01])
                begin = time.monotonic()
                program.start()
                try:
                    await self.listener.until(lambda count=count: count.look() >= 1, 20)
                    figures[program.name].append(min(s for came in count.came.values() for s in came.values()) - begin)
                except Loss:
                    deaf += 1
                if program is self.gateway:
                    ready += [at - begin for at, word in said if b"READY=1" in word][:1]
                program.air.tell(quiet=True)
                await asyncio.sleep(0.05)
                program.stop(signal.SIGKILL)
        loop.remove_reader(notify)
        notify.close()
        self.gateway.environment = {}
        self.compare("start to first SOS at the broker, s", figures, 1.5, "8")
        if ready:
            self.table.add("start to READY, s", "", spread(ready))
        n = self.size.starts
        self.table.add(
            "starts that heard", f"{len(figures['floor'])} of {n}", f"{len(figures['gateway'])} of {n}", goal="8", reached=not deaf
        )

    # -- people ------------------------------------------------------------------------------------------------------

    async def people(self):
        """Time the siren and the SMS of gateways that have no platform, and weigh one with channels beside one without."""
        for after, waits in zip(("", ", 1,000 readings/s beside"), await people.siren(self, self.size.sirens), strict=True):
            for share in (0.5, 0.99):
                self.table.add(f"SOS to the siren's child{after}, platform dead, p{share * 100:.0f} ms", "", f"{centile(waits, share):.1f}")
        if not self.size.told:
            return
        for after, waits in zip(("", ", 1,000 readings/s beside"), await people.sms(self, self.size.told), strict=True):
            what = f"SOS to the SMS at the modem{after}, platform dead, s; {people.WAIT} of them for the receipt"
            self.table.add(what, "", spread(waits))
        without, withal = await people.memory(self)
        self.table.add(
            "RSS with siren, SMS and ring beside one without, MiB", f"{without:.1f}", f"{withal:.1f}", reached=withal - without <= 3
        )

    # -- goal 6 ------------------------------------------------------------------------------------------------------

    async def bytes_written(self):
        """Count what reaches a disk of one's own, by the block device's own counters."""
        if not self.size.alarms_on_disk:
            return
        with contextlib.ExitStack() as stack:
            try:
                disk = stack.enter_context(Disk(self.folder))
            except OSError as error:
                print(f"  not measured: {error}")
                return
            number = self.size.alarms_on_disk
            per_alarm, flushes, syncs = {}, {}, {}
            for kind, air in ((Floor, self.airs[0]), (Gateway, self.airs[1])):
                program = kind(air, self.broker, disk.folder / kind.name)
                program.runtime = self.aside(f"{kind.name}-aside")
                self.programs.append(program)
                counted = self.shimmed(program, 0) if self.shim else lambda: 0
                await self.up(program)
                await self.stream(program, self.presses(1e9, GROWN), 1)
                checkpoint(program)
                disk.sync()
                begin, synced = disk.counters(), counted()
                await self.timed(program, self.presses(20, number, BUTTONS[:20]))
                await asyncio.sleep(1.5)  # what is accepted leaves the outbox
                synced = counted() - synced
                program.stop()
                disk.sync()
                written, flushed = (b - a for a, b in zip(begin, disk.counters(), strict=True))
                per_alarm[program.name], flushes[program.name] = [written / number], [flushed / number]
                syncs[program.name] = [synced / number]
            self.compare("bytes on the card per alarm, 20/s", per_alarm, 0.6, "6", form="{:.0f}")
            self.table.add("fsyncs per alarm, 20/s", spread(syncs["floor"]), spread(syncs["gateway"]), goal="6", reached=None)
            self.table.add("flushes of the card per alarm, 20/s", spread(flushes["floor"]), spread(flushes["gateway"]))
            if self.size.day:
                await self.day(disk, per_alarm["floor"][0])

    def aside(self, name):
        """Return a folder that is not on the disk that is measured: the log goes to the journal, the status file to memory."""
        folder = self.folder / name
        folder.mkdir()
        return folder

    async def day(self, disk, floor_event):
        """A day of a home in two minutes: 2,000 readings that changed, 5 alarms with their whole life, a sync each minute of the day."""
        changes, alarms = 2000, 5
        pace = 86400 / self.size.day
        lines = ["date 2026-03-02T00:00:00+08:00", f"00:00:00 pace {pace:g}"]
        for n in range(changes):
            second = int((n + 0.5) * 86400 / changes)
            what = f"2d{n // 10 % 2:02x}" if n % 10 < 3 else f"02{(1500 + n % 1000).to_bytes(2, 'little').hex()}"
            lines.append(f"{clock(second)} ble {SENSORS[n % 10]} -60 fcd2=4000{n // 10 % 256:02x}{what}")
        for n in range(alarms):
            second = 3600 * (4 * n + 3)
            lines.append(f"{clock(second)} pace 1")
            lines.append(f"{clock(second + 0.1)} ble {BUTTONS[n]} -60 fcd2=4000{n:02x}3a01")
            lines.append(f"{clock(second + 2)} pace {pace:g}")
        (disk.folder / "day").mkdir()
        (disk.folder / "day" / "day.txt").write_text("\n".join(lines) + "\n")
        home = Gateway(self.airs[1], self.broker, disk.folder / "day")
        home.more = lambda: '\n[replay]\nfile = "day.txt"\n'
        home.runtime = self.aside("day-aside")
        home.devices = {name: at for name, at in Gateway.devices.items() if at in {*BUTTONS[:alarms], *SENSORS[:10]}}
        self.programs.append(home)
        counted = self.shimmed(home, 0) if self.shim else lambda: 0
        at = len(self.listener.messages)
        disk.sync()
        begin = disk.counters()
        home.start()
        done = set()
        until = time.monotonic() + self.size.day + 2 * alarms + 3
        late = until + 2 * self.size.day  # a starved machine starts late: its day is as long, and ends later
        while (now := time.monotonic()) < until or (len(done) < alarms and now < late):
            await asyncio.sleep(60 / pace)
            disk.sync()
            for n, (_, topic, payload) in enumerate(self.listener.messages[at:]):
                body = rig.decode(payload) if topic.endswith("/alarm") else None
                if body and body["move"] == "raise" and n not in done:
                    done.add(n)
                    for step, more in (
                        ("acknowledge", {}),
                        ("dispatch", {"responder": "one"}),
                        ("arrive", {}),
                        ("close", {"outcome": "helped"}),
                    ):
                        self.listener.instruct(n, do=step, alarm=body["alarm"], **more)
        synced = counted()
        home.stop()
        disk.sync()
        written, _ = (b - a for a, b in zip(begin, disk.counters(), strict=True))
        fresh = self.listener.messages[at:]
        raised = sum(rig.decode(m[2])["move"] == "raise" for m in fresh if m[1].endswith("/alarm"))
        batches = {body["batch"]: body["readings"] for body in (rig.decode(m[2]) for m in fresh if m[1].endswith("/readings"))}
        told = sum(r["kind"] in {"contact_open", "temperature_c"} for readings in batches.values() for r in readings)
        if raised != alarms:
            raise Loss(f"the day had {alarms} alarms, {raised} came out")
        floor = floor_event * (changes + alarms)
        self.table.add(
            "MB on the card per day (model: docs/performance.md); floor by its bytes per event",
            f"{floor / 1e6:.1f}",
            f"{written / 1e6:.1f}",
            ratio=written / floor,
        )
        # All that is not the alarms is laid to the readings: batches, last-heard times, the clock's mark.
        each = (written - alarms * 10 * floor_event * 0.6) / changes
        self.table.add(
            "bytes per routine reading, all daily upkeep laid to it",
            f"{floor_event:.0f}",
            f"{each:.0f}",
            ratio=each / floor_event,
            limit=0.15,
            goal="6",
        )
        rate = (synced - alarms * 10) / changes
        self.table.add("fsyncs per routine reading", "1.00", f"{rate:.2f}", ratio=rate, limit=0.15, goal="6")
        self.notes.append(f"day: {changes} readings changed, {told} told in batches, {raised} alarms, {synced} fsyncs")


class Disk:
    """A file with ext4 on a loop device, mounted; for root only."""

    def __init__(self, folder):
        self.folder = Path(folder, "disk")
        self._image = Path(folder, "disk.img")

    def _run(self, *command):
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=os.environ | {"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
        )
        if done.returncode:
            raise OSError(f"{command[0]}: {done.stderr.strip()}")
        return done.stdout.strip()

    def __enter__(self):
        if os.geteuid() != 0:
            raise OSError("mounting a disk of one's own needs root")
        with self._image.open("wb") as file:
            file.truncate(512 << 20)
        self._run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(self._image))
        self._loop = self._run("losetup", "--find", "--show", str(self._image))
        self.folder.mkdir()
        try:
            self._run("mount", self._loop, str(self.folder))
        except OSError:
            self._run("losetup", "--detach", self._loop)
            raise
        self._stat = Path("/sys/block", Path(self._loop).name, "stat")
        return self

    def sync(self):
        self._run("sync", "-f", str(self.folder))

    def counters(self):
        """Return (bytes written, flushes)."""
        fields = self._stat.read_text().split()
        return int(fields[6]) * 512, int(fields[15]) if len(fields) > 15 else 0

    def __exit__(self, *_):
        for command in (("umount", str(self.folder)), ("losetup", "--detach", self._loop)):
            for _ in range(20):
                try:
                    self._run(*command)
                    break
                except OSError:
                    time.sleep(0.2)


def installed():
    """Compile our files, as pip and the package do on a box, where those of the libraries are compiled too.

    Python would compile all of them anew at every start where PYTHONDONTWRITEBYTECODE is set: neither program has that at home.
    """
    subprocess.run([sys.executable, "-m", "compileall", "-q", "gateway", "drivers"], cwd=rig.ROOT, check=False)


def clock(seconds):
    whole = int(seconds)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60 + seconds - whole:06.3f}"


def checkpoint(program):
    """Bring what the program has committed so far into its database, so that it is not laid to what comes."""
    with contextlib.closing(sqlite3.connect(program.database)) as db:
        db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def outbox_numbers(program):
    with contextlib.closing(sqlite3.connect(program.database)) as db:
        return {n for (n,) in db.execute("SELECT number FROM outbox")}


def seed(program, number):
    """Put entries that wait into a stopped gateway's database: technical faults, as a long outage leaves them. Return their numbers."""
    with contextlib.closing(sqlite3.connect(program.database)) as db:
        last = db.execute("SELECT max(number) FROM journal").fetchone()[0]
        (body,) = db.execute("SELECT body FROM journal WHERE name = 'fault' ORDER BY number LIMIT 1").fetchone()
        like = rig.decode(body)
        numbers = range(last + 1, last + 1 + number)
        rows = ((n, "fault", None, time.time(), rig.dump(**like | {"number": n, "id": f"{like['journal']}-{n}"})) for n in numbers)
        with db:
            db.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", rows)
            db.executemany("INSERT INTO outbox VALUES (3, ?)", ((n,) for n in numbers))
    return numbers


def measure(size, parts=tuple(PARTS)):
    """Measure, and return the bench with its table. Raises Loss."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bench = Bench(size, Path(folder), parts)
        asyncio.run(bench.run())
    return bench


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="about a minute")
    parser.add_argument("--only", help=f"some parts, with commas: {', '.join(PARTS)}; the first four go together")
    options = parser.parse_args()
    parts = tuple(options.only.split(",")) if options.only else tuple(PARTS)
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if set(parts) & set(FIRST):
        parts = FIRST + tuple(p for p in parts if p not in FIRST)
    begin = time.monotonic()
    load = os.getloadavg()[0]
    try:
        bench = measure(QUICK if options.quick else FULL, parts)
    except Loss as loss:
        print(f"LOST: {loss}", file=sys.stderr)
        return 1
    print()
    bench.table.print()
    decode.report()
    for note in bench.notes:
        print(f"- {note}")
    print(f"- load before {load:.2f}, after {os.getloadavg()[0]:.2f}; {time.monotonic() - begin:.0f} s; {time.strftime('%Y-%m-%d %H:%M')}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
