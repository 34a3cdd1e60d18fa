"""Memory, processor, disk and the page's patience run out: alarms come in time all the same."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import random
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from drivers import all_models
from gateway.home.config import load
from gateway.judge.book import Entry
from gateway.judge.dispatch import PLATFORM, Rung
from gateway.judge.watch import Watch
from gateway.keep.journal import Writing
from gateway.keep.store import Store
from gateway.page import app as application
from gateway.page import label
from gateway.words.reading import Kind, Reading
from msgspec import structs

from tests.kit.brokers import Mosquitto
from tests.kit.fake_bluez import Child
from tests.kit.hand import JOURNAL, HandClock
from tests.kit.hand import Home as HandHome
from tests.kit.ports import free_port
from tests.kit.wait import PATIENCE
from tests.page.flood import flood
from tests.page.household import PASSWORD
from tests.page.served import Page
from tests.prove import pace
from tests.prove.broker import Offline
from tests.prove.home import Home, together, until
from tests.prove.limits import Children, Limits, worse_first
from tests.prove.table import Row

MIB = 1024 * 1024
LOCALLY = 2.0  # s, promise 8


async def pressing(home: Home, presses: int, dice: random.Random, device: str = "pendant") -> list[float]:
    """Press so many times, each once the one before has arrived; return the seconds to the broker."""
    before = len(home.arrivals(device))
    for n in range(presses):
        home.press(device)
        await until(lambda n=n: len(home.arrivals(device)) > before + n, 20, lambda: home.gateway.log()[-1500:])
        await asyncio.sleep(dice.uniform(0.01, 0.05))
    return [b - a for a, b in zip(home.pressed[device][before:], home.arrivals(device)[before:], strict=True)]


# -- memory and processor ---------------------------------------------------------------------------------------------------


async def no_memory(short: bool, folder: Path, seed: int) -> Row:
    """A box of 96 MiB in which something else takes all there is; the kernel ends who is to be ended first."""
    dice, hogs = random.Random(seed), 3 if short else 30
    with Limits(memory=96 * MIB) as box, Children() as children, Mosquitto() as broker, Child() as air:
        async with Home(folder, 1, broker, air) as home:
            box.take(home.gateway.pid)
            worse_first(home.gateway.pid, -800)
            ended, took = 0, await pressing(home, 5, dice)
            for _ in range(hogs):
                hog = children.hog()
                box.take(hog.pid)
                worse_first(hog.pid, 500)
                limit = time.monotonic() + 10
                while hog.poll() is None and time.monotonic() < limit:
                    took += await pressing(home, 1, dice)
                ended += hog.poll() is not None
                hog.kill()
            took += await pressing(home, 5, dice)
            await home.all_arrived()
            assert home.gateway.process.poll() is None, "the gateway lives"
            assert len(home.gateway.systemd.said("READY=1")) == 1
            pace.held(took, LOCALLY, "a press")
            row = home.row(promises=(1, 8), done="memory runs out in a box of 96 MiB", times=hogs)
            return replace(row, note=f"{box.how}; {ended} of {hogs} hogs ended by the kernel; {len(took)} presses")


async def processor_taken(short: bool, folder: Path, seed: int) -> Row:
    """Every processor is kept busy by three others and a fifth of one is left; also at the start."""
    dice, presses = random.Random(seed), 10 if short else 200
    with Limits(cpu=0.2) as box, Children() as children, Mosquitto() as broker, Child() as air:
        home = Home(folder, 1, broker, air, scans=False)
        async with home.platform:
            try:
                children.burn(3)
                floor = await asyncio.to_thread(pace.bare, air, take=box.take)
                began = time.monotonic()
                await asyncio.to_thread(home.gateway.start, wait=False)
                box.take(home.gateway.pid)
                await asyncio.to_thread(air.wait_for_scan, PATIENCE)
                hears = time.monotonic() - began
                words = pace.starts([(hears, floor)])
                took = await pressing(home, presses, dice)
                pace.held(took, LOCALLY, "a press")
                await home.all_arrived()
                row = home.row(promises=(1, 8, 9), done="a fifth of a busy processor")
                return replace(row, note=f"{box.how}; hears {hears:.1f} s after its start; {words}")
            finally:
                await asyncio.to_thread(home.gateway.kill)
                home.gateway.systemd.close()


# -- a large backlog -------------------------------------------------------------------------------------------------------------

BACKLOG = 200 * MIB
ALARMS = 30  # that nobody answers: each entry of one carries its last forty calls
BATCH = 200


async def heaped(home: Home) -> tuple[int, int]:
    """Fill the home's store with 200 MB that wait, through our own pipeline and store; return how many entries and batches."""
    config = load(home.gateway.config, all_models())
    store = Store(config.state, home.name)
    config.state.mkdir(parents=True)
    clock = HandClock(boot="before")
    watches = tuple(Watch(device=f"button{k}", room="hall") for k in range(ALARMS))
    day = Offline(HandHome(watches=watches, ladder=(Rung("family", PLATFORM, 120.0),)), clock)
    for k in range(ALARMS):
        day.press(device=f"button{k}")
    day.wait(4 * 3600)
    entries: list[Entry] = list(day.entries)
    last = entries[-ALARMS:]  # the next repeats would be like these, five minutes later
    await store.run(store.open)
    await store.run(_quickly, store)
    number, size = len(entries), 0
    await store.commit(Writing(entries=entries))
    while size < BACKLOG * 3 // 4:
        more = [structs.replace(last[n % ALARMS], number=number + n + 1, id=f"{JOURNAL}-{number + n + 1}") for n in range(1500)]
        size += sum(len(message.payload) for message in await store.commit(Writing(entries=more)))
        number += len(more)
    batches, readings = (
        0,
        [Reading(device=f"sensor{k % 8}", kind=Kind.TEMPERATURE, value=15 + k / 8, at=clock.now(), index=1) for k in range(BATCH)],
    )
    while sum(path.stat().st_size for path in config.state.glob("history.db*")) < BACKLOG // 4:
        for _ in range(100):
            assert await store.readings.keep(readings, "before") is not None
        batches += 100
    await store.close()
    return number, batches


def _quickly(store: Store) -> None:
    """Nobody cuts the power while the store is being filled."""
    store.mark("journal", JOURNAL)
    store.entries.name = JOURNAL
    for db in (store._db, store.readings._db):
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA wal_autocheckpoint = 100000")


async def large_backlog(short: bool, folder: Path) -> Row:
    """200 MB of alarms and readings wait; the gateway starts and somebody presses."""
    with Mosquitto(extra="max_queued_messages 0\nmax_inflight_messages 0") as broker, Child() as air:
        home = Home(folder, 1, broker, air, buttons=ALARMS, scans=False)
        home.platform.check = False
        entries, batches = await asyncio.to_thread(asyncio.run, heaped(home))  # the other home goes on meanwhile
        size = sum(path.stat().st_size for path in home.gateway.state.iterdir()) / 1e6
        slowest = {"ready": 0.0, "alarm": 0.0}
        paced = []
        starts = 1 if short else 10
        async with home.platform:
            try:
                for n in range(starts):
                    if n:
                        await asyncio.to_thread(home.gateway.kill)
                    floor = await asyncio.to_thread(pace.bare, air)
                    began = time.monotonic()
                    await home.start()
                    ready = time.monotonic() - began
                    await asyncio.to_thread(air.wait_for_scan, PATIENCE)
                    home.press()
                    await until(lambda n=n: len(home.arrivals("pendant")) > n, PATIENCE, lambda: home.gateway.log()[-1500:])
                    alarm = home.arrivals("pendant")[n] - began
                    slowest = {"ready": max(slowest["ready"], ready), "alarm": max(slowest["alarm"], alarm)}
                    paced.append((alarm, floor))
                rss = int(Path(f"/proc/{home.gateway.pid}/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
                drained = ""
                found = Row(promises=(9,), done=f"{size:.0f} MB of backlog at the start", times=starts)
                if not short:
                    began = time.monotonic()
                    await home.all_arrived(600)
                    drained = f", drained in {time.monotonic() - began:.0f} s"
                    found = home.row(promises=(1, 3, 9), done=found.done, times=starts)
                note = f"{entries} entries, {batches} batches; ready after {slowest['ready']:.1f} s, {pace.starts(paced)}, {rss:.0f} MiB at most{drained}"
                return replace(found, worst=slowest["alarm"], worst_of="start to first alarm", note=note)
            finally:
                await asyncio.to_thread(home.gateway.kill)
                home.gateway.systemd.close()


# -- the page -----------------------------------------------------------------------------------------------------------------

UPLOAD = 1024 * MIB
CUT_OFF = 8 * MIB  # what the sockets' buffers hold, and far less than would hurt
SLOW = 200  # connections that never finish their question


def resident(pid: int, what: str = "VmRSS") -> float:
    """Return MiB."""
    return int(Path(f"/proc/{pid}/status").read_text().partition(f"{what}:")[2].split()[0]) / 1024


class Answer(asyncio.Protocol):
    """What comes back, however the connection ends."""

    def __init__(self) -> None:
        self.data, self.over, self.room = b"", asyncio.Event(), asyncio.Event()
        self.room.set()

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.over.set()

    def connection_lost(self, _: Exception | None) -> None:
        self.over.set()
        self.room.set()

    def pause_writing(self) -> None:
        self.room.clear()

    def resume_writing(self) -> None:
        self.room.set()


async def upload(port: int, path: str, cookie: str, *, length: bool) -> tuple[int, int]:
    """Send 1 GB to a path, with its length said or in chunks, until we are answered or cut off; return (status, bytes sent)."""
    transport, answer = await asyncio.get_running_loop().create_connection(Answer, "127.0.0.1", port)
    size = f"content-length: {UPLOAD}" if length else "transfer-encoding: chunked"
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncookie: {cookie}\r\ncontent-type: application/x-www-form-urlencoded\r\n{size}\r\n\r\n"
    part = b"key=" + b"x" * 65532
    part = part if length else f"{len(part):x}\r\n".encode() + part + b"\r\n"
    transport.write(head.encode())
    sent = 0
    while sent < UPLOAD and not answer.over.is_set():
        transport.write(part)
        sent += len(part)
        async with asyncio.timeout(10):
            await answer.room.wait()
        await asyncio.sleep(0.001)
    transport.abort()
    return int(answer.data.split()[1]) if answer.data else 0, sent


def ask_slowly(port: int, stop: Any, count: Any) -> None:
    """Hold so many connections that ask one byte at a time, for ever; whoever is shown out comes again. Runs in a process of its own."""
    head = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: " + b"y" * 10_000

    async def one() -> None:
        while not stop.is_set():
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                count.value += 1
                for sign in head:
                    if stop.is_set() or writer.transport.is_closing():
                        break
                    writer.write(bytes([sign]))
                    await writer.drain()
                    await asyncio.sleep(0.2)
                writer.transport.abort()
            await asyncio.sleep(0.2)

    async def all_of_them() -> None:
        await asyncio.gather(*(one() for _ in range(SLOW)))

    asyncio.run(all_of_them())


async def signed_in(address: str, folder: Path) -> str:
    """Come for the first time and return the cookie."""
    async with httpx.AsyncClient(base_url=address) as browser:
        text = (await browser.get("/first")).text
        key = re.search(r'name="key" value="([0-9a-f]+)"', text)
        assert key, text[:500]
        said = {"key": key[1], "code": label.shown(folder), "name": "T-07", "password": PASSWORD, "again": PASSWORD}
        answer = await browser.post("/first", data=said)
        assert answer.status_code == 303, answer.text
        return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())


def post_paths(config: Path, folder: Path) -> list[str]:
    """Return every path of the page that takes a POST."""
    copy = folder / "gateway.toml"
    folder.mkdir()
    copy.write_text(config.read_text())
    guard, _ = application.made(load(copy, all_models(), with_secrets=False))
    found = [path for path, methods in guard._app.openapi()["paths"].items() if "post" in methods]
    assert len(found) > 10, found
    return [re.sub(r"\{\w+\}", "1", path) for path in found]


async def page_attacked(short: bool, folder: Path, seed: int) -> list[Row]:
    """The page flooded, asked slowly, sent 1 GB on every path and killed; presses beside each."""
    dice, presses = random.Random(seed), 20 if short else 300
    http = free_port()
    lines = f'[page]\naddress = "127.0.0.1"\nport = {free_port()}\nhttp_port = {http}\n'
    rows = []
    with Mosquitto() as broker, Child() as air:
        async with Home(folder / "home", 1, broker, air, lines=lines) as home:
            page = await asyncio.to_thread(Page, home.gateway.config, http, folder / "page.log")
            with page:
                os.setpriority(os.PRIO_PROCESS, page.process.pid, 10)  # as its unit does
                cookie = await signed_in(page.address, home.gateway.page)
                paths = post_paths(home.gateway.config, folder / "paths")
                await pressing(home, 5, dice)
                quiet = await pressing(home, presses, dice)

                rows.append(await _uploads(page.process.pid, http, paths, cookie))

                context = multiprocessing.get_context("spawn")
                stop, count = context.Event(), context.Value("l", 0)
                flooding = context.Process(target=flood, args=(http, stop, count), daemon=True)
                flooding.start()
                await until(lambda: count.value > 50, 60)
                asked, began = count.value, time.monotonic()
                flooded = await pressing(home, presses, dice)
                rate = (count.value - asked) / (time.monotonic() - began)
                stop.set()
                await asyncio.to_thread(flooding.join, 15)
                rows.append(_beside(home, "page flooded", quiet, flooded, f"{rate:.0f} answers/s"))

                over, opened = context.Event(), context.Value("l", 0)
                asking = context.Process(target=ask_slowly, args=(http, over, opened), daemon=True)
                asking.start()
                await until(lambda: opened.value >= SLOW, 60)
                slow = await pressing(home, presses, dice)
                async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(local_address="127.0.0.2")) as technician:
                    answers = await technician.get(f"{page.address}/static/icon.svg", timeout=5)
                assert answers.status_code == 200, "a technician elsewhere gets in meanwhile"
                over.set()
                await asyncio.to_thread(asking.join, 15)
                rows.append(_beside(home, f"{SLOW} connections that never finish their question", quiet, slow, "others get in"))

                page.process.kill()
                page.process.wait()
                rows.append(_beside(home, "page killed", quiet, await pressing(home, presses, dice), ""))
            await home.all_arrived()
            rows.append(home.row(promises=(1, 3), done="all presses beside an attacked page"))
    return rows


async def _uploads(pid: int, port: int, paths: list[str], cookie: str) -> Row:
    before, worst = resident(pid), 0
    for path in paths:
        for length in (True, False):
            status, sent = await upload(port, path, cookie, length=length)
            # refused before anything of it is read: a relatives' own path, in pieces, to a technician; what is of no device or phrase
            sooner = {("/family/password", False): 403}
            sooner |= {(of_none, whole): 404 for of_none in ("/sensors/photo", "/rules/phrases") for whole in (True, False)}
            assert status == sooner.get((path, length), 413), f"{path} answers {status} to 1 GB, {length=}, {sent=}"
            assert sent < CUT_OFF, f"{path} took {sent / MIB:.0f} MiB"
            worst = max(worst, sent)
            await asyncio.sleep(0.04)  # 25 requests a second of one source are answered
    grown = resident(pid, "VmHWM") - before
    assert grown < 32, f"the page grew by {grown:.0f} MiB"
    note = f"413 after {worst / MIB:.1f} MiB at most; the page grew by {grown:.0f} MiB"
    return Row(promises=(8,), done="1 GB sent to every POST path", times=2 * len(paths), note=note)


def _beside(home: Home, done: str, quiet: list[float], times: list[float], note: str) -> Row:
    middle = [sorted(t)[len(t) // 2] * 1000 for t in (times, quiet)]
    pace.held(times, LOCALLY, f"{done}: a press")
    note = f"median {middle[0]:.1f} ms, {middle[1]:.1f} without{'; ' if note else ''}{note}"
    return Row(promises=(4, 8), done=done, times=len(times), worst=max(times), worst_of="press to broker", note=note)


async def memory_runs_out_and_200_mb_wait(short: bool, folder: Path, seed: int) -> list[Row | str]:
    """Two homes: one in which memory runs out, one that starts with 200 MB of backlog."""
    return await together({"memory": no_memory(short, folder / "memory", seed), "backlog": large_backlog(short, folder / "backlog")})


PROOFS = [memory_runs_out_and_200_mb_wait, processor_taken, page_attacked]
