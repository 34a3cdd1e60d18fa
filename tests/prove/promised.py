"""Promises that are about an order or a bound: written before told, sounding without anybody's help, a test that stays one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.home import inbox
from gateway.words import kind

from tests.kit.brokers import Mosquitto
from tests.kit.fake_bluez import Child
from tests.kit.ports import free_port
from tests.page.served import Page
from tests.prove import pace
from tests.prove.home import QUICK, Home, hurried, together, until
from tests.prove.table import Row

FASTER = 10
SOUND = 2.0  # s, promise 8
CALLED = '[[ladder]]\nresponder = "neighbour"\nchannel = "program"\nprogram = ["{program}"]\nwait = 30\n'


def program(folder: Path, line: str) -> Path:
    """Write a program of one line, and return where."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return path


async def sounds_alone(folder: Path, n: int, air: Child, dice: random.Random, short: bool) -> Row:
    """Broker and page are killed; every press sounds in the home."""
    presses = 15 if short else 200
    sounded = folder / "sounded"
    lines = f'[sound]\nalarm = ["{program(folder, f"date +%s.%N >> {sounded}")}"]\n[page]\naddress = "127.0.0.1"\nport = {free_port()}\n'
    http = free_port()
    with Mosquitto() as broker:
        async with Home(folder, n, broker, air, buttons=presses, lines=f"{lines}http_port = {http}\n") as home:
            page = await asyncio.to_thread(Page, home.gateway.config, http, folder / "page.log")
            page.process.kill()
            page.process.wait()
            await asyncio.to_thread(broker.kill)
            pressed = []
            for k in range(presses):
                pressed.append(time.time())
                home.press(f"button{k}")
                await until(lambda k=k: sounded.exists() and len(sounded.read_text().splitlines()) > k, 10)
                await asyncio.sleep(dice.uniform(0, 0.05))
            took = [float(at) - began for at, began in zip(sounded.read_text().split(), pressed, strict=True)]
            pace.held(took, SOUND, "a press sounds")
            await asyncio.to_thread(broker.start)
            await home.all_arrived()
            row = home.row(promises=(1, 8), done="press with broker and page dead", note="then the broker is back and has all")
            return replace(row, worst=max(took), worst_of="press to sound")


# -- commit, then tell --------------------------------------------------------------------------------------------------------

CALLS = "pwrite64,fdatasync,fsync,sendto,write,writev,sendmsg,execve"
WAL = "gateway.db-wal>"


def may_look() -> bool:
    """Say whether strace may look into a child here."""
    strace = shutil.which("strace")
    return strace is not None and subprocess.run([strace, "-o", "/dev/null", "true"], capture_output=True, check=False).returncode == 0


@contextlib.asynccontextmanager
async def looked_into(home: Home, trace: Path) -> AsyncIterator[None]:
    """Attach strace to the running gateway for as long as this lasts."""
    command = ["strace", "-f", "-v", "-y", "-s", "4096", "-o", str(trace), "-e", f"trace={CALLS}", "-p", str(home.gateway.pid)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as strace:
        said = await asyncio.to_thread(strace.stderr.readline)
        assert b"attached" in said, f"strace may not look here: {said.decode()}"
        try:
            yield
        finally:
            strace.send_signal(signal.SIGINT)


def told_by_itself(home: Home, folder: Path, trace: Path) -> None:
    """Let the gateway's C library say what it does."""
    library = folder / "told.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, Path(__file__).with_name("told.c"), "-ldl"], check=True, timeout=60)
    home.gateway.environment |= {"LD_PRELOAD": str(library), "PROVE_TRACE": str(trace)}


async def written_first(folder: Path, n: int, air: Child, dice: random.Random, short: bool) -> Row:
    """The system calls of the running daemon: for each entry its write, its fsync, then the message or the program."""
    trace, presses = folder / "trace", 8 if short else 100
    lines = f'[sound]\nalarm = ["{program(folder, "exit 0")}"]\n'
    with Mosquitto() as broker:
        home = Home(folder, n, broker, air, buttons=presses, lines=lines)
        by_kernel = may_look()
        if not by_kernel:
            told_by_itself(home, folder, trace)
        async with home:
            await home.all_arrived()
            first = max(home.gateway.journal()) + 1
            async with looked_into(home, trace) if by_kernel else contextlib.nullcontext():
                for k in range(presses):
                    home.press(f"button{k}")
                    await asyncio.sleep(dice.uniform(0, 0.1))
                    if k % 4 == 3:  # of the programs that sound no more than eight run at a time
                        await home.all_arrived(60)
                await home.all_arrived(60)
            journal = {number: m for number, m in home.gateway.journal().items() if number >= first}
            told, programs = told_after_fsync(trace.read_text(errors="replace"), journal)
            assert told >= presses, f"{told} messages seen"
            assert programs == presses, f"{programs} programs seen"
            return home.row(
                promises=(2,),
                done="fsync of the journal before publish and exec",
                times=told + programs,
                note=f"{told} messages, {programs} programs, as {'strace' if by_kernel else 'the C library (no ptrace here)'} saw them",
            )


def told_after_fsync(trace: str, journal: dict[int, dict[str, Any]]) -> tuple[int, int]:
    """Return how many messages and programs were told, each after the write of its entry and a later fsync had returned.

    A system call that others interrupt stands in two lines: it began at the first and returned at the second.
    """
    raised = {m["alarm"]: number for number, m in journal.items() if m["type"] == "alarm" and m["move"] == "raise"}
    written: dict[int, int] = {}  # entry -> line at which its write returned
    synced: list[int] = []  # lines at which an fsync of the journal returned
    begun: dict[tuple[str, str], str] = {}
    told: set[int] = set()
    programs = 0

    def on_disk(number: int, line: int) -> None:
        at = written.get(number)
        assert at is not None, f"entry {number} is told at line {line} of the trace before it is written"
        assert any(at < sync < line for sync in synced), f"entry {number} is told at line {line}, written at {at}, and no fsync between"

    for place, line in enumerate(trace.splitlines()):
        thread, _, rest = line.partition(" ")
        rest = rest.lstrip()
        if found := re.match(r"<\.\.\. (\w+) resumed>", rest):
            call, whole = found[1], begun.pop((thread, found[1]), "") + rest
            returned = True
        else:
            call, whole = rest.partition("(")[0], rest
            returned = "<unfinished" not in rest
            if not returned:
                begun[thread, call] = rest
            numbers = {int(x) for x in re.findall(r'\\"number\\":(\d+),', rest)} & journal.keys()
            if call in {"sendto", "sendmsg", "write", "writev"} and "socket:" in rest.partition(",")[0]:
                for number in numbers - told:
                    on_disk(number, place)
                    told.add(number)
            if call == "execve" and (alarm := re.search(r"ELDERCARE_ALARM=([\w-]+)", rest)):
                on_disk(raised[alarm[1]], place)
                programs += 1
        if returned and call == "pwrite64" and WAL in whole:
            for number in {int(x) for x in re.findall(r'\\"number\\":(\d+),', whole)} & journal.keys():
                written.setdefault(number, place)
        if returned and call in {"fdatasync", "fsync"} and WAL in whole and whole.rstrip().endswith("= 0"):
            synced.append(place)
    return len(told), programs


# -- a test stays a test --------------------------------------------------------------------------------------------------------


async def tests_stay_tests(folder: Path, n: int, air: Child, dice: random.Random, short: bool) -> Row:
    """A walk test, a test alarm and a real call for help at once, on a platform that gives no receipts: only the real one is called out."""
    called = folder / "called"
    line = f'echo "$ELDERCARE_KIND $ELDERCARE_REASON $ELDERCARE_TEST $ELDERCARE_ALARM" >> {called}'
    tool, siren = program(folder, line), program(folder / "sounds", line)  # one siren is not begun twice for one alarm
    lines = CALLED.format(program=tool) + f'[sound]\nalarm = ["{siren}"]\npre_alarm = ["{siren}"]\n'
    with Mosquitto() as broker:
        home = Home(folder, n, broker, air, buttons=2, lines=lines, times=QUICK)
        hurried(home, FASTER)
        async with home:
            home.platform.receipts = False
            walk = {"v": 1, "gateway": home.name, "id": "walk-1", "do": "walk", "by": "T-07", "device": "button0", "seconds": 300}
            inbox.leave(home.gateway.page, home.gateway.runtime, json.dumps(walk).encode())
            assert (await home.platform.result("walk-1"))["accepted"]
            assert (await home.platform.result(await home.platform.instruct("test", by="Wang", device="button1")))["accepted"]
            for _ in range(2):
                home.press("button0")
                await asyncio.sleep(0.2)
            await asyncio.sleep(40 / FASTER)  # three times as long as a real alarm may wait for its receipt
            assert not called.exists(), called.read_text()
            home.press()
            real = await home.platform.wait(lambda m: m.get("move") == "raise" and m["device"] == "pendant")
            await until(
                lambda: called.exists() and "no_receipt" in called.read_text(),
                60,
                lambda: called.read_text() if called.exists() else "nobody",
            )
            for outcome in ("test", "device_fault"):
                done = await home.platform.result(await home.platform.instruct("close", by="Wang", alarm=real["alarm"], outcome=outcome))
                if outcome == "test":
                    assert not done["accepted"], "a real alarm cannot be closed as a test"
            home.platform.receipts = True
            await home.platform.catch_up()
            await home.all_arrived()
            alarms = home.platform.named("alarm")
            tests = [m for m in alarms if m["device"] in {"button0", "button1"}]
            assert {m["test"] for m in tests} == {True}
            assert {m["rung"] for m in tests} == {0}
            assert {m["test"] for m in alarms if m["device"] == "pendant"} == {False}
            lines_called = [x.split() for x in called.read_text().splitlines()]
            assert {(x[0], x[2], x[3]) for x in lines_called} == {(kind.SOS, "0", real["alarm"])}, lines_called
            return home.row(promises=(7,), done="walk test, test alarm and a real SOS at once", note=f"clock x{FASTER}, no receipts")


# -- the platform notices our silence ------------------------------------------------------------------------------------------


class Hurried(Mosquitto):
    """A broker whose clock runs faster, as the gateway's does."""

    def options(self) -> dict[str, Any]:
        found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        assert found, "there is no libfaketime here: apt-get install faketime"
        return super().options() | {"env": {**os.environ, "LD_PRELOAD": str(found[0]), "FAKETIME": f"+0 x{FASTER}"}}


async def silence_is_told(folder: Path, n: int, air: Child, dice: random.Random, short: bool) -> Row:
    """The gateway is killed, and once it hangs: the heartbeats end and the broker says its last will."""
    worst = {"killed": 0.0, "hung": 0.0}
    with Hurried() as broker:
        home = Home(folder, n, broker, air, times="heartbeat = 20\n")
        hurried(home, FASTER)
        async with home:
            for times in range(1 if short else 10):
                await until(lambda times=times: len(home.platform.named("heartbeat")) > 2 * times, 10)
                for how in ("hung", "killed"):
                    after = len(home.platform.heard)
                    began = time.monotonic()
                    if how == "hung":
                        os.kill(home.gateway.pid, signal.SIGSTOP)
                    else:
                        await asyncio.to_thread(home.gateway.kill)
                    will = await home.platform.wait_heard(lambda h: h.body["type"] == "status" and not h.body["online"], 30, after=after)
                    assert (will.body["reason"], will.body["gateway"]) == ("lost", home.name)
                    worst[how] = max(worst[how], (will.at - began) * (FASTER if how == "hung" else 1))
                    if how == "hung":
                        os.kill(home.gateway.pid, signal.SIGCONT)
                    else:
                        await home.start()
                    await home.platform.wait(lambda m: m["type"] == "status" and m["online"], 30, after=after)
            home.press()
            await home.all_arrived()
            row = home.row(promises=(10,), done="gateway hung, gateway killed: the broker says so", times=2 if short else 20)
            return replace(
                row, worst=worst["killed"], worst_of="kill to last will", note=f"hung: said after {worst['hung']:.0f} s, clock x{FASTER}"
            )


# -- readings beside a press -----------------------------------------------------------------------------------------------------


async def readings_beside(short: bool, folder: Path, seed: int) -> Row:
    """1,000 readings a second of enrolled sensors beside presses, and presses without them, in turns."""
    dice, rounds, presses = random.Random(seed), 1 if short else 20, 12
    sensors = "".join(
        f'\n[[device]]\nid = "climate{k}"\nmodel = "bthome-v2"\nroom = "hall"\naddress = "C2:00:00:00:00:{k:02X}"\n' for k in range(50)
    )
    with Mosquitto() as broker, Child() as air:
        async with Home(folder, 1, broker, air, devices=sensors) as home:

            async def some() -> list[float]:
                before = len(home.arrivals("pendant"))
                for _ in range(presses):
                    home.press()
                    await asyncio.sleep(dice.uniform(0.1, 0.2))
                await home.all_arrived()
                pairs = zip(home.pressed["pendant"][before:], home.arrivals("pendant")[before:], strict=True)
                return [b - a for a, b in pairs]

            quiet, beside, before = [], [], air.ask()["told"]
            for turn in range(rounds):
                quiet += await some()
                air.do(flood_beside={"rate": 1000, "seconds": 2, "devices": 50})
                beside += await some()
                wanted = before + 2000 * (turn + 1)
                await until(lambda wanted=wanted: air.ask()["told"] >= wanted, 10)
            batches = sum(h.name == "readings" for h in home.platform.heard)
            middle = [sorted(times)[len(times) // 2] * 1000 for times in (quiet, beside)]
            pace.held(beside, SOUND, "a press beside the readings")
            row = home.row(promises=(4,), done="1,000 readings/s beside presses", times=len(beside))
            note = f"median {middle[1]:.1f} ms beside, {middle[0]:.1f} without, highest {max(quiet) * 1000:.0f} without; {batches} batches"
            return replace(row, worst=max(beside), note=note)


CASES = (sounds_alone, written_first, tests_stay_tests, silence_is_told)


async def sounds_written_first_tests_silence(short: bool, folder: Path, seed: int) -> list[Row | str]:
    """Sounding alone, fsync before telling, tests that stay tests, a gateway that falls silent: a home each."""
    with Child() as air:
        homes = {c.__name__: c(folder / str(n), n, air, random.Random(seed + n), short) for n, c in enumerate(CASES, 1)}
        return await together(homes)


PROOFS = [sounds_written_first_tests_silence, readings_beside]
