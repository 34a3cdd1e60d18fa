"""The disk fails in each state of an alarm: full, read-only, EIO, overwritten, deleted; alone and with kill -9. The next alarm is told all the same.

A full disk is a real one (a small tmpfs in a mount namespace; without root, and for errors that no file system here gives at will, a shim
of our own answers the gateway's system calls: bad_disk.c). Damage is random bytes over the files, of a stopped and of a running gateway. The
gateway is started again when it ends by itself, as its unit does.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import mmap
import os
import pickle
import random
import sqlite3
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

from gateway.keep.database import PAGE
from gateway.keep.pages import INNER_INDEX, INNER_TABLE
from gateway.keep.wal import FRAME, HEADER
from gateway.words import kind

from tests.kit.brokers import Mosquitto, mortal
from tests.kit.fake_bluez import Child
from tests.kit.household import REPO
from tests.prove.alarmed import PATIENCE, STATES, Alarmed
from tests.prove.home import together, until
from tests.prove.shims import shim
from tests.prove.table import Row

SOONER = (sys.executable, "-m", "tests.prove.sooner", "tend.try_disk=1")  # s; a minute in life
SIZE = 8 * 1024 * 1024  # bytes of the small disk: it must be able to have free what the gateway wants before it goes back
INNER = (INNER_TABLE, INNER_INDEX)
WOUNDS = 6  # places that are overwritten, 48 bytes each


class Fault:
    """A way in which the disk fails. `heals`: it can be put right while the gateway runs."""

    heals = True
    damages = False
    done = ""

    def __init__(self, home: Alarmed, dice: random.Random) -> None:
        self.home, self.dice = home, dice
        self.state = home.gateway.state  # as the gateway knows it

    async def begin(self) -> None:
        raise NotImplementedError

    async def end(self) -> None:
        """Put it right."""

    def close(self) -> None:
        """Take down what was put up."""


class Shim(Fault):
    """An error number for some system calls on the state folder."""

    words: tuple[int, int, int, int] = (0, 0, 0, 0)  # of fsync, write, open for writing, read

    def __init__(self, home: Alarmed, dice: random.Random) -> None:
        super().__init__(home, dice)
        word = home.gateway.folder / "bad-disk"
        word.write_bytes(bytes(16))
        self._file = word.open("r+b")
        self._word = mmap.mmap(self._file.fileno(), 16)
        home.gateway.environment |= {"LD_PRELOAD": str(shim("bad_disk")), "BAD_DISK": str(self.state), "BAD_DISK_WORD": str(word)}

    async def begin(self) -> None:
        self._word[:] = struct.pack("4i", *self.words)

    async def end(self) -> None:
        self._word[:] = bytes(16)

    def close(self) -> None:
        self._word.close()
        self._file.close()


class SyncFails(Shim):
    """fsync returns EIO"""

    words = (errno.EIO, 0, 0, 0)


class ReadOnly(Shim):
    """the disk turns read-only"""

    words = (errno.EROFS, errno.EROFS, errno.EROFS, 0)


class NoSpace(Shim):
    """writes return ENOSPC"""

    words = (0, errno.ENOSPC, 0, 0)


class Dead(Shim):
    """every call returns EIO"""

    words = (errno.EIO, errno.EIO, errno.EIO, errno.EIO)


class Full(Fault):
    """a small disk is full to the last byte"""

    def __init__(self, home: Alarmed, dice: random.Random) -> None:
        super().__init__(home, dice)
        self.state.mkdir(parents=True, exist_ok=True)
        mount = f"mount -t tmpfs -o size={SIZE} none {self.state} && echo mounted && exec sleep 36000"
        self._keeper = subprocess.Popen(mortal(["unshare", "-m", "sh", "-ec", mount]), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        assert self._keeper.stdout is not None
        assert self._keeper.stdout.readline() == b"mounted\n"
        home.gateway.prefix = ("nsenter", f"--target={self._keeper.pid}", "--mount", f"--wd={REPO}", *home.gateway.prefix)
        home.gateway.state = Path(f"/proc/{self._keeper.pid}/root{self.state}")
        home.gateway.rows = self._rows

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask in that namespace: SQLite follows /proc/PID/root back into ours."""
        ask = (
            "import json, pickle, sqlite3, sys; db = sqlite3.connect(f'file:{sys.argv[1]}/gateway.db?mode=ro', uri=True, timeout=5); "
            "sys.stdout.buffer.write(pickle.dumps(db.execute(sys.argv[2], json.loads(sys.argv[3])).fetchall()))"
        )
        command = [
            "nsenter",
            f"--target={self._keeper.pid}",
            "--mount",
            sys.executable,
            "-c",
            ask,
            str(self.state),
            query,
            json.dumps(values),
        ]
        found: list[tuple[Any, ...]] = pickle.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
        return found

    async def begin(self) -> None:
        with contextlib.suppress(OSError), (self.home.gateway.state / "fill").open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)

    async def end(self) -> None:
        (self.home.gateway.state / "fill").unlink()

    def close(self) -> None:
        self._keeper.kill()
        self._keeper.communicate()


class Deleted(Fault):
    """gateway.db is deleted under it"""

    heals = False
    names: tuple[str, ...] = ("gateway.db",)

    async def begin(self) -> None:
        for name in self.names:
            with contextlib.suppress(FileNotFoundError):
                (self.state / name).unlink()


class LogDeleted(Deleted):
    """gateway.db's log is deleted under it"""

    names = ("gateway.db-wal",)


class AllDeleted(Deleted):
    """all databases are deleted under it"""

    names = tuple(f"{name}.db{part}" for name in ("gateway", "history") for part in ("", "-wal", "-shm"))


class Overwritten(Fault):
    """random bytes over the files while it runs"""

    heals = False
    damages = True
    stopped = False

    async def begin(self) -> None:
        if self.stopped:
            await self.home.kill()
        places = _pages(self.state / "gateway.db")
        for path, at in self.dice.sample(places, min(WOUNDS, len(places))):
            with path.open("r+b") as file:
                file.seek(at + self.dice.randrange(PAGE - 48))
                file.write(self.dice.randbytes(48))
        if self.stopped:
            await self.home.start()


def _pages(path: Path) -> list[tuple[Path, int]]:
    """Return (file, offset) of every page of a database and its log, but for the end of the log.

    There damage cannot be told from a commit that was never finished. docs/operator.md says so.
    """
    base, log = path.read_bytes(), path.with_name(path.name + "-wal").read_bytes()
    frames = range(HEADER, len(log) - FRAME - PAGE + 1, FRAME + PAGE)
    ours = [at for at in frames if log[at + 8 : at + 16] == log[16:24]]
    found = [(path.with_name(path.name + "-wal"), at + FRAME) for at in ours[:-16]]
    return [(path, at) for at in range(0, len(base), PAGE)] + found


class OverwrittenStopped(Overwritten):
    """random bytes over the files while it is off"""

    stopped = True


class PageLost(Overwritten):
    """Pages of one sort are overwritten from end to end while it is off."""

    stopped = True
    exact = True  # how each alarm stands is known all the same: the entries stand on other pages

    async def begin(self) -> None:
        await self.home.kill()
        path = self.state / "gateway.db"
        lose(path, self.lost(path), self.dice)
        await self.home.start()

    def lost(self, path: Path) -> list[int]:
        """Return which pages."""
        raise NotImplementedError


def lose(path: Path, pages: list[int], dice: random.Random) -> None:
    assert pages
    with path.open("r+b") as file:
        for number in pages:
            file.seek((number - 1) * PAGE)
            file.write(dice.randbytes(PAGE))


def trees(path: Path) -> dict[str, list[int]]:
    """Return the pages of each table, its root first, of a database without a log; "names" are those that name the tables."""
    with contextlib.closing(sqlite3.connect(path)) as db:  # the last to close it tidies the log away
        roots = {"names": 1} | dict(db.execute("SELECT tbl_name, rootpage FROM sqlite_master WHERE type = 'table'").fetchall())
    data = path.read_bytes()

    def below(number: int) -> list[int]:
        page = data[(number - 1) * PAGE : number * PAGE][100 if number == 1 else 0 :]
        gone = PAGE - len(page)
        if page[0] not in INNER:
            return [number]
        places = struct.unpack(f">{int.from_bytes(page[3:5], 'big')}H", page[12 : 12 + 2 * int.from_bytes(page[3:5], "big")])
        cells = [int.from_bytes(page[at - gone : at - gone + 4], "big") for at in places]
        return [number, *(found for child in (*cells, int.from_bytes(page[8:12], "big")) for found in below(child))]

    return {name: below(root) for name, root in roots.items()}


class NamesLost(PageLost):
    """the pages that name the tables are noise"""

    def lost(self, path: Path) -> list[int]:
        return trees(path)["names"]


class RootLost(PageLost):
    """the page above all entries is noise"""

    def lost(self, path: Path) -> list[int]:
        return trees(path)["journal"][:1]


class OutboxLost(PageLost):
    """the outbox is noise"""

    def lost(self, path: Path) -> list[int]:
        return trees(path)["outbox"]


class AlarmsLost(PageLost):
    """the table of alarms is noise"""

    def lost(self, path: Path) -> list[int]:
        return trees(path)["alarms"]


class RestLost(PageLost):
    """devices, instructions and marks are noise"""

    def lost(self, path: Path) -> list[int]:
        return [page for name, pages in trees(path).items() if name in {"devices", "instructions", "marks"} for page in pages]


class EntriesLost(PageLost):
    """the newest entries' own page is noise"""

    exact = False

    def lost(self, path: Path) -> list[int]:
        return trees(path)["journal"][-1:]


class EndsLost(PageLost):
    """where the newest entries go on is noise"""

    exact = False

    def lost(self, path: Path) -> list[int]:
        inside = {page for pages in trees(path).values() for page in pages}
        return [page for page in range(1, path.stat().st_size // PAGE + 1) if page not in inside][-3:]


FAULTS: tuple[type[Fault], ...] = (
    *((Full,) if os.geteuid() == 0 else ()),
    NoSpace,
    ReadOnly,
    SyncFails,
    Dead,
    Deleted,
    LogDeleted,
    AllDeleted,
    Overwritten,
    OverwrittenStopped,
    NamesLost,
    RootLost,
    OutboxLost,
    AlarmsLost,
    RestLost,
    EntriesLost,
    EndsLost,
)


class Guarded(Alarmed):
    """A home whose gateway is started again when it ends by itself."""

    restarts = 0
    _guard: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._guard = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if self._guard is not None:
            self._guard.cancel()
            await asyncio.gather(self._guard, return_exceptions=True)
        await super().__aexit__(kind, *rest)

    async def _watch(self) -> None:
        while True:
            process = self.gateway.process
            if process is not None and process.poll() is not None:
                self.gateway.process = None
                self.restarts += 1
                await asyncio.to_thread(self.gateway.start)
            await asyncio.sleep(0.05)

    def healthy(self) -> None:
        """Raise what the watching met: a gateway that does not come back."""
        if self._guard is not None and self._guard.done():
            self._guard.result()

    def on_disk(self) -> bool:
        """Say whether it works on the real database: its status says so, and it is this process's status."""
        self.healthy()
        said = self.gateway.status()
        process = self.gateway.process
        return process is not None and said["pid"] == process.pid and Path(said["store"]).name == "state"


def is_told(m: dict[str, Any]) -> bool:
    return m.get("kind") == kind.STORAGE_DEGRADED and m["turn"] in {"raised", "noted"}


async def suffer(home: Guarded, fault: Fault, state: str, *, kill: bool) -> float:
    """Let the disk fail in a state of an alarm; return the longest time from a press to the platform. s."""
    alarm = await home.bring(state)
    before = len(home.platform.heard)
    await fault.begin()
    if getattr(fault, "exact", False):
        stands = {a["alarm"]: a["state"] for a in home.gateway.status()["alarms"]}
        assert stands.get(alarm) == ("raised" if state == "pre_alarm" else state), f"{alarm} in {state}: {stands}"
    worst = await home.heard_of("button0")
    limit = time.monotonic() + PATIENCE
    while fault.heals and not any(map(is_told, home.platform.messages[before:])):
        assert time.monotonic() < limit
        worst = max(worst, await home.heard_of("button0"))  # a log that has room takes some more
    if not fault.damages:
        await home.platform.wait(is_told, PATIENCE, after=before)
    if kill:
        await home.kill()
        await home.start()
        worst = max(worst, await home.heard_of("button0"))
    home.healthy()
    await until(lambda: alarm in {a["alarm"] for a in home.gateway.status()["alarms"]}, 10, lambda: f"{alarm} in {state} is forgotten")
    await home.finish(alarm)
    await fault.end()
    await home.finish_all()
    if fault.damages and not kill:
        await home.kill()
        await home.start()
    await home.fresh()
    await until(home.on_disk, PATIENCE, lambda: f"not back on the disk: {home.gateway.status()['degraded']}; {home.gateway.log()[-1500:]}")
    await home.heard_of("button0")
    kept = [json.loads(body) for (body,) in home.gateway.rows("SELECT body FROM journal WHERE name = 'alarm' ORDER BY number DESC LIMIT 5")]
    assert any(m["device"] == "button0" for m in kept), "it is on the real disk"
    await home.finish_all()
    return worst


async def failed(make: type[Fault], n: int, short: bool, folder: Path, seed: int, broker: Mosquitto, bluez: Child) -> Row:
    dice = random.Random(seed + n)
    home = Guarded(folder, n, broker, bluez, prefix=SOONER)
    fault = make(home, dice)
    worst, times = 0.0, 0
    ways = [(state, kill) for kill in (False, True) for state in STATES]
    if short:
        ways = [(state, bool(k)) for k, state in enumerate(dice.sample(STATES, 2))]
    try:
        async with home:
            for state, kill in ways:
                times += 1
                worst = max(worst, await suffer(home, fault, state, kill=kill))
            seen = await home.audit(damaged=fault.damages)
            told = sum(map(is_told, home.platform.messages))
    finally:
        fault.close()
    return Row(
        promises=(1, 2, 3, 5),
        done=str(make.__doc__),
        times=times,
        lost=seen.lost,
        doubled=seen.doubled,
        repeats=seen.repeats,
        worst=worst,
        worst_of="press to platform",
        note=f"said {told} times, started again {home.restarts} times",
    )


async def disk_fails(short: bool, folder: Path, seed: int) -> list[Row | str]:
    """The disk fails in each state of an alarm, alone and with kill -9."""
    with Mosquitto() as broker, Child() as bluez:
        cases = {
            make.__name__: failed(make, 16 + n, short, folder / make.__name__, seed, broker, bluez)
            for n, make in enumerate(FAULTS)
            if not short or not issubclass(make, PageLost) or make in {NamesLost, EntriesLost}
        }
        return await together(cases)


# -- what waits for the platform --------------------------------------------------------------------------------------------------------------


async def unheard(make: type[PageLost], n: int, short: bool, folder: Path, seed: int, bluez: Child) -> Row:
    """With the broker away buttons are pressed in each state of an alarm, then a page is lost; all that was written down is told in the end."""
    dice = random.Random(seed + n)
    times, worst, repeats, waited = 0, 0.0, 0, 0
    with Mosquitto() as broker:
        home = Guarded(folder, n, broker, bluez, prefix=SOONER)
        fault = make(home, dice)
        async with home:
            for state in dice.sample(STATES, 1) if short else STATES:
                alarm = await home.bring(state)
                await home.settled()
                broker.kill()
                before = home.gateway.log().count(" SOS, ")
                for k in range(3):
                    home.press("button0")
                    await until(lambda wanted=before + k + 1: home.gateway.log().count(" SOS, ") >= wanted, PATIENCE, home.gateway.log)
                await home.kill()
                path = home.gateway.state / "gateway.db"
                trees(path)
                rows = home.gateway.rows("SELECT o.priority, j.body FROM outbox o JOIN journal j ON j.number = o.number")
                waits = {json.loads(body)["id"]: json.loads(body) for priority, body in rows if priority <= kind.Priority.P2}
                assert len(waits) >= 3
                lose(path, fault.lost(path), dice)
                await home.start()
                began = time.monotonic()
                broker.start()
                await until(
                    lambda waits=waits: waits.keys() <= home.ids(), PATIENCE, lambda waits=waits: f"{waits.keys() - home.ids()} missing"
                )
                worst, times, waited = max(worst, time.monotonic() - began), times + 1, waited + len(waits)
                heard = {m["id"]: m for m in home.platform.messages if "id" in m and "number" in m}
                assert {name: heard[name] for name in waits} == waits, "told as it was written down"
                await until(lambda: not home.gateway.status()["waiting"], PATIENCE, lambda: f"{home.gateway.status()['waiting']} wait")
                await home.finish(alarm)
                await home.finish_all()
            seen = await home.audit(damaged=True)
    repeats += seen.repeats
    return Row(
        promises=(1, 3, 5),
        done=f"nobody has heard yet, and {make.__doc__}",
        times=times,
        lost=seen.lost,
        doubled=seen.doubled,
        repeats=repeats,
        worst=worst,
        worst_of="broker back to all told",
        note=f"{waited} entries waited",
    )


async def waiting_survives(short: bool, folder: Path, seed: int) -> list[Row | str]:
    """What waits for the platform survives the loss of each sort of page that is not its own."""
    makes = (NamesLost, OutboxLost) if short else (NamesLost, RootLost, OutboxLost, AlarmsLost, RestLost)
    with Child() as bluez:
        return await together(
            {make.__name__: unheard(make, 60 + n, short, folder / make.__name__, seed, bluez) for n, make in enumerate(makes)}
        )


PROOFS = [disk_fails, waiting_survives]
