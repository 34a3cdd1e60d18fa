"""What older software left is taken over: databases, household and configuration of every generation (tests/golden), whatever cuts it off.

A migration is a few dozen calls of the operating system. Each is cut in turn: the process is killed before it, in the middle of what it
writes, the disk is full from there on, or the sync fails; by a small library between SQLite and the C library. What stands on the disk
then is looked at as it lies, and opened again: the old database or the new one, never one between, and nothing that was known is missing.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from drivers import all_models
from gateway.box import folders
from gateway.home import config as configured
from gateway.home import inbox
from gateway.keep import recovery, schema
from gateway.keep.journal import Writing
from gateway.page.accounts import Accounts
from gateway.words.clock import Moment, Quality
from gateway.words.reading import Kind, Reading

from tests.golden import make
from tests.kit.brokers import Mosquitto
from tests.kit.fake_bluez import Child
from tests.kit.hand import Home as Judged
from tests.kit.household import REPO, Gateway
from tests.prove.home import Recorder
from tests.prove.table import Row

HOWS = {"kill": 1, "torn": 2, "full": 3, "sync": 4}  # as the library below knows them
SETS = {"gateway": schema.gateway, "history": schema.history}
BOOT = "another-boot"
LIBRARY = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
static int how, at, seen; static char under[512];
void cut_arm(int h, int a, const char *u) { how = h; at = a; seen = 0; strncpy(under, u, sizeof under - 1); }
int cut_seen(void) { return seen; }
static int ours(int fd) {
    char link[64], path[600];
    if (!how) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return !strncmp(path, under, strlen(under));
}
static int counted(void) {
    seen++;
    if (how == 1 && seen == at) kill(getpid(), SIGKILL);
    return at && seen >= at;
}
#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name)) dlsym(RTLD_NEXT, #name)
#define WRITES(name, params, call, half) ssize_t name params { REAL(name); \
    if (!ours(fd)) return real call; \
    if (counted()) { \
        if (how == 2) { size_t n = size; size = n / 2; if (half) real call; kill(getpid(), SIGKILL); } \
        if (how == 3) { errno = ENOSPC; return -1; } } \
    return real call; }
WRITES(write, (int fd, const void *b, size_t size), (fd, b, size), size)
WRITES(pwrite, (int fd, const void *b, size_t size, off_t o), (fd, b, size, o), size)
WRITES(pwrite64, (int fd, const void *b, size_t size, off64_t o), (fd, b, size, o), size)
#define SYNCS(name) int name(int fd) { REAL(name); if (!ours(fd)) return real(fd); \
    if (counted()) { if (how == 2) kill(getpid(), SIGKILL); if (how == 4) { errno = EIO; return -1; } } return real(fd); }
SYNCS(fsync)
SYNCS(fdatasync)
#define CUTS(name, type) int name(int fd, type size) { REAL(name); if (!ours(fd)) return real(fd, size); \
    if (counted()) { if (how == 2) kill(getpid(), SIGKILL); if (how == 3) { errno = ENOSPC; return -1; } } return real(fd, size); }
CUTS(ftruncate, off_t)
CUTS(ftruncate64, off64_t)
int unlink(const char *path) { REAL(unlink);
    if (how && !strncmp(path, under, strlen(under)) && counted() && how == 2) kill(getpid(), SIGKILL);
    return real(path); }
"""


# -- what must have been taken over ----------------------------------------------------------------------------------------


def later(expected: dict[str, Any]) -> Moment:
    """Return the moment at which the new software starts: ten minutes after the old one ended, after a power cut."""
    return Moment(40.0, datetime.fromisoformat(expected["wall"]) + timedelta(minutes=10), Quality.SYNCHRONISED)


def differences(known: Any, memories: Any, expected: dict[str, Any]) -> list[str]:
    """Return what is known otherwise than the software that wrote it said."""
    found = {
        "last": known.last,
        "last_alarm": known.last_alarm,
        "alarms": json.loads(json.dumps([make._alarm(a) for a, _ in known.alarms])),
        "faults": sorted(f"{k} {d}" for k, d in known.faults),
        "closed": sorted(known.closed.values()),
        "done": list(known.done),
        "shelves": {d: [s.by, s.reason] for d, s in known.shelves.items()},
        "away": known.away.until > 40.0,
        "memories": memories,
        "silent": {d: round(s) - 600 for d, s in known.heard_ago.items()},
    }
    return [f"{name}: {value!r} instead of {expected[name]!r}" for name, value in found.items() if value != expected[name]]


def tables(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table, column by name; migrations aside."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        names = [n for (n,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_sqlite%' ESCAPE '\\'")]
        return {name: [dict(row) for row in db.execute(f"SELECT * FROM {name}")] for name in names if not name.startswith("sqlite_")}


def nothing_lost(before: dict[str, list[dict[str, Any]]], after: dict[str, list[dict[str, Any]]], *, but: tuple[str, ...] = ()) -> int:
    """Hold that each row of before is still there with its values, and return how many there were."""
    count = 0
    for name, rows in before.items():
        if name in but:
            continue
        columns = list(rows[0]) if rows else []
        left = [tuple(row[c] for c in columns) for row in after[name]]
        missing = [row for row in rows if tuple(row[c] for c in columns) not in left]
        assert not missing, f"{name}: {missing[:2]}"
        count += len(rows)
    return count


# -- the proofs ------------------------------------------------------------------------------------------------------------


async def every_generation(short: bool, folder: Path, seed: int) -> Row:
    """The state of each generation of the software is taken over by the real gateway: alarms, numbers, outbox, orders, readings, accounts."""
    rows = repeats = 0
    for name in make.GENERATIONS:
        home = folder / name
        expected = make.state(name, home / "state")
        before = {base: tables(home / "state" / f"{base}.db") for base in SETS}
        shutil.copytree(home / "state", home / "copy")
        rows += _in_this_process(home / "copy", expected, before)
        # A broker each: all of them have one journal's name, and the broker keeps receipts for a gateway that is away.
        with Mosquitto() as broker, Child() as bluez:
            repeats += await _by_the_gateway(home, expected, before, broker, bluez)
    return Row(
        promises=(1, 3, 5),
        done="state of every older version taken over",
        times=len(make.GENERATIONS),
        repeats=repeats,
        more={"rows": rows},
    )


def _in_this_process(state: Path, expected: dict[str, Any], before: dict[str, Any]) -> int:
    """Open it with a clock that is sure of itself, and hold everything that was known against what the old software said."""
    now = later(expected)
    opened, known, memories = recovery.opened(state, state.parent / "run", expected["gateway"], now, BOOT)
    assert not opened.degraded, opened.degraded
    assert (opened.journal, opened.readings.name) == (expected["journal"], expected["history"])
    assert not (wrong := differences(known, memories, expected)), wrong
    assert [n for (n,) in opened._db.execute("SELECT number FROM outbox ORDER BY number")] == expected["outbox"]
    batches = [json.loads(b.payload)["readings"] for b in opened.readings._waiting(0, 100)]
    assert batches == expected["batches"]
    folders.moved_in(state)
    assert [json.loads(body)["id"] for _, body in inbox.read(folders.page_of(state), int(opened.marked("inbox")))] == [expected["left"]]
    for base, migrations in SETS.items():
        db = opened._db if base == "gateway" else opened.readings._db
        assert migrations.applied(db) == [*migrations.statements]
    pipeline = Judged().pipeline(BOOT)
    entries = pipeline.restart(now, known, why="start")
    assert entries[0].number == expected["last"] + 1
    states = {a["id"]: a["state"] for a in expected["alarms"] if a["state"] != "closed"}
    assert {a.id: str(a.state) for a in pipeline.alarms.values()} == {i: "raised" if s == "pre_alarm" else s for i, s in states.items()}
    entries += pipeline.heard(Reading(device="cord", kind=Kind.BUTTON, value="press", at=now))
    out = opened.write(Writing(entries=entries))
    assert [m.number for m in out] == list(range(expected["last"] + 1, expected["last"] + 1 + len(entries)))
    opened.readings._keep([Reading(device="door", kind=Kind.CONTACT_OPEN, value=True, at=now)], BOOT)
    opened.close_now()
    count = nothing_lost(before["gateway"], tables(state / "gateway.db"), but=("marks", "alarms"))
    count += nothing_lost(before["history"], tables(state / "history.db"), but=("marks",))
    assert len(tables(state / "history.db")["readings"]) == expected["readings"] + 1
    if (folders.page_of(state) / "page.db").exists():
        book = Accounts(folders.page_of(state), BOOT)
        assert dict(book.all()) == {"wang": "technician", "county": "supervisor"}
        assert book.sign_in("wang", expected["password"], "192.0.2.9")
        assert any(v.what == "exported" for v in book.visits(0, 10))
    return count


async def _by_the_gateway(home: Path, expected: dict[str, Any], before: dict[str, Any], broker: Mosquitto, bluez: Child) -> int:
    """Start the real daemon on it: what waited is told to the byte, what lay in the inbox is done, numbers go on, an SOS is heard."""
    waiting = {row["number"]: json.loads(row["body"]) for row in before["gateway"]["journal"] if row["number"] in expected["outbox"]}
    async with Recorder(broker, expected["gateway"]) as platform:
        gateway = Gateway(home, broker=broker, bus=bluez, name=expected["gateway"])
        try:
            await asyncio.to_thread(gateway.start)
            folders.moved_in(gateway.state)  # what the page does first when it starts
            await platform.wait(lambda m: m.get("type") == "result" and m["instruction"] == expected["left"], 30)
            bluez.wait_for_scan()
            gateway.press()
            await platform.wait(lambda m: m.get("type") == "alarm" and m["device"] == "pendant" and m["number"] > expected["last"], 30)
            for number in waiting:
                await platform.wait(lambda m, number=number: m.get("number") == number, 30)
            newest = gateway.rows("SELECT max(number) FROM journal")[0][0]
            for number in range(expected["last"] + 1, newest + 1):
                await platform.wait(lambda m, number=number: m.get("number") == number, 30)
            heard = {m["number"]: m for m in platform.messages if "number" in m}
            assert {n: heard[n] for n in waiting} == waiting
            assert {n for n in heard if n <= expected["last"]} == {*waiting}, "what has its receipt is not told again"
            await asyncio.to_thread(gateway.stop)
        finally:
            gateway.kill()
            gateway.systemd.close()
    nothing_lost(before["gateway"], tables(home / "state" / "gateway.db"), but=("marks", "alarms", "outbox", "devices", "faults"))
    numbers = platform.numbers()
    return len(numbers) - len(set(numbers))


def cut_at_every_step(short: bool, folder: Path, seed: int) -> list[Row]:
    """The migration of each older database is cut at every call that changes a file: killed, torn, disk full, sync failed."""
    library = folder / "cut.so"
    (folder / "cut.c").write_text(LIBRARY)
    made = subprocess.run(
        ["cc", "-O1", "-shared", "-fPIC", "-o", library, folder / "cut.c", "-ldl"], check=False, capture_output=True, text=True
    )
    assert made.returncode == 0, f"this proof needs a C compiler (apt-get install gcc libc6-dev): {made.stderr[-500:]}"
    # In a short run the oldest generation and the one before today's; each once as it was closed and once as a kill left it.
    names = [*make.GENERATIONS]
    wanted = names if not short else [names[0]]
    environment = {**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": f"{REPO}{os.pathsep}{REPO / 'tests'}"}
    child = subprocess.run(
        [sys.executable, "-m", "tests.prove.upgrade", str(folder), *wanted],
        cwd=REPO,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert child.returncode == 0, child.stderr.splitlines()[-1][:1000]
    done = json.loads(child.stdout.splitlines()[-1])
    words = {
        "kill": "killed before each step of a migration",
        "torn": "torn in each write of a migration",
        "full": "disk full from each step of a migration on",
        "sync": "each sync of a migration fails",
    }
    return [
        Row(
            promises=(1, 3, 5),
            done=words[how],
            times=done[how]["times"],
            note=f"gateway.db was the new one already {done[how]['new']} times",
        )
        for how in HOWS
    ]


async def a_newer_database(short: bool, folder: Path, seed: int) -> Row:
    """A database of newer software is left as it is, alarms go on in memory, and it is gone on with once that software is back."""
    name = [*make.GENERATIONS][-1]
    expected = make.state(name, folder / "state")
    path = folder / "state" / "gateway.db"
    for base in SETS:
        _of_the_future(folder / "state" / f"{base}.db", base)
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    with Mosquitto() as broker, Child() as bluez:
        async with Recorder(broker, expected["gateway"]) as platform:
            gateway = Gateway(folder, broker=broker, bus=bluez, name=expected["gateway"])
            try:
                await asyncio.to_thread(gateway.start)
                assert "9999_future" in gateway.status()["degraded"], gateway.status()["degraded"]
                open_before = {a["id"] for a in expected["alarms"] if a["state"] != "closed"}
                assert open_before <= {a["alarm"] for a in gateway.status()["alarms"]}, "what is open is carried over"
                bluez.wait_for_scan()
                gateway.press()
                raised = await platform.wait(lambda m: m.get("move") in {"raise", "count"} and m["device"] == "pendant", 30)
                assert raised["journal"] != expected["journal"], "a stand-in has a journal of its own"
                await platform.wait(lambda m: m.get("kind") == "gateway.storage_degraded" and m["turn"] == "raised", 30)
                await asyncio.to_thread(gateway.stop)
                assert hashlib.sha256(path.read_bytes()).hexdigest() == before, "not a byte of it has changed"
                told = subprocess.run(
                    [sys.executable, "-m", "gateway", "check", "--config", str(gateway.config)],
                    cwd=REPO,
                    check=False,
                    capture_output=True,
                    text=True,
                )
                assert "9999_future" in told.stdout, "the technician is told which version it wants"
            finally:
                gateway.kill()
                gateway.systemd.close()
    return Row(promises=(1, 8), done="database of a newer version", times=1)


def _of_the_future(path: Path, base: str) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES (?, '9999_future', '')", (base,))
        db.execute("CREATE TABLE future (number INTEGER PRIMARY KEY)")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def configuration_and_household(short: bool, folder: Path, seed: int) -> Row:
    """gateway.toml as each generation shipped it, and household.json with its generations, are read as they are; a torn one by the one before."""
    read = 0
    for name in make.GENERATIONS:
        home = folder / name
        make.state(name, home / "state")
        text = (make.HERE / name / "gateway.toml").read_text(encoding="utf-8").replace('"/var/lib/eldercare-gateway"', '"state"')
        (home / "gateway.toml").write_text(text, encoding="utf-8")
        loaded = configured.load(home / "gateway.toml", all_models())
        read += 1
        household = home / "state" / "household.json"
        if not household.exists():
            assert {d.id for d in loaded.devices} >= {"pendant", "front-door", "bedroom-radar"}
            continue
        assert (loaded.household.revision, loaded.times.grace_fall, loaded.password) == (2, 22.0, "platform-password")
        assert [d.id for d in loaded.devices] == ["pendant"]
        for size in range(0, household.stat().st_size, 1 if not short else 40):
            whole = household.read_bytes()
            household.write_bytes(whole[:size])
            older = configured.load(home / "gateway.toml", all_models())
            assert older.household.revision == 1, size
            assert older.trouble, "and it is said"
            household.write_bytes(whole)
            read += 1
    return Row(promises=(1, 5), done="configuration of every older version, torn ones too", times=read)


# -- the child between whose calls the library stands --------------------------------------------------------------------------


def _left_by(name: str, folder: Path, *, killed: bool) -> dict[str, Any]:
    """Put a generation's state into `folder`, as closed or as a kill left it: with what it wrote last in the write-ahead log alone."""
    whole = folder.with_name(folder.name + "-whole")
    expected = make.state(name, whole)
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        for base in SETS if killed else ():
            db = stack.enter_context(contextlib.closing(sqlite3.connect(whole / f"{base}.db", isolation_level=None)))
            db.execute("PRAGMA wal_autocheckpoint = 0")
            db.execute("INSERT INTO marks VALUES ('last', 'in the log')")
        for path in whole.iterdir():
            if not path.name.endswith("-shm"):
                shutil.copyfile(path, folder / path.name)
    shutil.rmtree(whole)
    return expected


def _tries(name: str, base: Path, expected: dict[str, Any], before: dict[str, Any], done: dict[str, dict[str, int]]) -> None:
    import ctypes

    library = ctypes.CDLL(None)
    library.cut_arm.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p]
    trial = base.with_name(base.name + "-trial")
    for how, code in HOWS.items():
        at = 0  # the first run only counts
        steps = 0
        while at <= steps:
            shutil.rmtree(trial, ignore_errors=True)
            shutil.copytree(base, trial / "state")
            read, write = os.pipe()
            pid = os.fork()
            if pid == 0:
                _child(library, code, at, trial, expected, write)
            os.close(write)
            with os.fdopen(read, "rb") as pipe:
                said = pipe.read()
            _, status = os.waitpid(pid, 0)
            where = f"{name}, {how} at step {at} of {steps}"
            if at == 0:
                steps = int(said)
                assert steps > 20, f"{where}: the library sees nothing ({steps} calls)"
            else:
                killed = os.WIFSIGNALED(status)
                assert killed or (os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0), f"{where}: {said.decode()[-1500:]}"
                done[how]["new"] += _after(where, trial, expected, before)
                done[how]["times"] += 1
            at += 1
    shutil.rmtree(trial, ignore_errors=True)


def _child(library: Any, code: int, at: int, trial: Path, expected: dict[str, Any], write: int) -> None:
    """Take the database over while the library counts, and cuts; what can go on must know everything."""
    try:
        library.cut_arm(code, at, os.fsencode(trial / "state"))
        opened, known, memories = recovery.opened(trial / "state", trial / "run", expected["gateway"], later(expected), BOOT)
        wrong = differences(known, memories, expected) if not opened.degraded else _open_ones(known, expected)
        assert not wrong, wrong
        opened.write(Writing(entries=()))
        os.write(write, str(library.cut_seen()).encode())
        os._exit(0)
    except BaseException as error:  # noqa: BLE001  it is told to who waits
        library.cut_arm(0, 0, b"")
        os.write(write, repr(error).encode())
        os._exit(1)


def _open_ones(known: Any, expected: dict[str, Any]) -> list[str]:
    """Return which open alarms a stand-in does not know as they were."""
    found = json.loads(json.dumps({a.id: make._alarm(a) for a, _ in known.alarms}))
    return [a["id"] for a in expected["alarms"] if found.get(a["id"]) != a]


def _after(where: str, trial: Path, expected: dict[str, Any], before: dict[str, Any]) -> bool:
    """Look at what lies there, then open it again; return whether gateway.db was the new one already."""
    new = False
    for base, migrations in SETS.items():
        with contextlib.closing(sqlite3.connect(trial / "state" / f"{base}.db")) as db:
            names = {n for (n,) in db.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = ?", (base,))}
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",), f"{where}: {base}"
            shape = sorted(_plain(sql) for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"))
        assert shape == _shape(base, frozenset(names)), f"{where}: {base} has {names}, and is shaped otherwise"
        new = new or (base == "gateway" and names == migrations.statements.keys())
        nothing_lost(before[base], tables(trial / "state" / f"{base}.db"), but=("marks",))
    opened, known, memories = recovery.opened(trial / "state", trial / "run", expected["gateway"], later(expected), BOOT)
    assert not opened.degraded, f"{where}: {opened.degraded}"
    assert not (wrong := differences(known, memories, expected)), f"{where}: {wrong}"
    assert opened.readings.name == expected["history"], f"{where}: the readings were thrown away"
    opened.close_now()
    return new


_SHAPES: dict[tuple[str, frozenset[str]], list[str]] = {}


def _plain(sql: str) -> str:
    """Return a statement without what white space it was written with."""
    return re.sub(r"\s*([(),])\s*", r"\1", " ".join(sql.split()))


def _shape(base: str, names: frozenset[str]) -> list[str]:
    """Return the tables that exactly these migrations make."""
    if (base, names) not in _SHAPES:
        db = sqlite3.connect(":memory:", isolation_level=None)
        schema.Migrations(base, {name: text for name, text in SETS[base].statements.items() if name in names}).apply(db)
        found = db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
        _SHAPES[base, names] = sorted(_plain(sql) for (sql,) in found)
        db.close()
    return _SHAPES[base, names]


def _main() -> None:
    import logging

    logging.disable(logging.CRITICAL)
    done = {how: {"times": 0, "new": 0} for how in HOWS}
    folder = Path(sys.argv[1])
    for name in sys.argv[2:]:
        for killed in (False, True):
            base = folder / f"{name}-{'killed' if killed else 'closed'}"
            expected = _left_by(name, base, killed=killed)
            shutil.copytree(base, look := base.with_name(base.name + "-look"))
            before = {b: tables(look / f"{b}.db") for b in SETS}
            _tries(base.name, base, expected, before, done)
    print(json.dumps(done))


PROOFS = [every_generation, cut_at_every_step, a_newer_database, configuration_and_household]

if __name__ == "__main__":
    _main()
