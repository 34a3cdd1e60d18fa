"""Makes the golden databases: what the software of each generation left behind, made by that software itself.

    .venv/bin/python -m tests.golden.make            every generation that is not here yet; needs git and the project's history
    .venv/bin/python -m tests.golden.make NAME       this one anew

For each row of `GENERATIONS` the tree of its commit is taken out of git, and this file runs there once more with `--here`: the old
gateway raises alarms in every state, leaves entries without receipt, faults, shelves, marks, memories, readings and instructions,
and closes. What it left is written as text, one folder a generation:

    gateway.sql history.sql inbox.sql page.sql    each database that generation had, as `iterdump` gives it
    gateway.toml, household.json, ...             its files, as they lay there
    expected.json                                 what that software itself said was known

`state` puts such a folder together again as a state folder. Whoever adds a migration, a table or a field to the journal adds a row.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

HERE = Path(__file__).parent
REPO = HERE.parents[1]
# name -> the commit whose software makes it; the newest is what runs today
GENERATIONS = {
    "1-first": "7e11849",  # gateway.db 0001, history.db 0001, inbox.db, gateway.toml; no page, no household
    "2-page": "7b00256",  # page.db, household.json in generations, results with problems and revisions
    "3-flagged": "1f1951c",  # history.db 0002: calls that were not proved fresh
    "4-said": "d016a09",  # gateway.db 0002: when a fault was said last; history.db 0003: signals by the hour; faults marked as tests
    "5-chained": "3a55bae",  # gateway.db 0003: orders by content; entries carry generation and the hash of the one before; marks begun, head, generation, bound
    "6-minutes": "00d39e3",  # history.db 0004: in which minutes of its hour a device was heard
}
DATABASES = ("gateway", "history", "inbox", "page")
PASSWORD = "correct-horse-battery"
RUNTIME = "run"


def state(name: str, folder: Path) -> dict[str, Any]:
    """Put a generation's state folder together; return what its software said was known."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in sorted((HERE / name).iterdir()):
        if path.suffix == ".sql":
            with contextlib.closing(sqlite3.connect(folder / f"{path.stem}.db", isolation_level=None)) as db:
                db.execute("PRAGMA page_size = 1024")
                if path.stem in ("gateway", "history"):
                    db.execute("PRAGMA journal_mode = WAL")
                db.executescript(path.read_text(encoding="utf-8"))
        elif path.name not in ("expected.json", "gateway.toml"):
            shutil.copyfile(path, folder / path.name)
            (folder / path.name).chmod(0o600)
    found: dict[str, Any] = json.loads((HERE / name / "expected.json").read_text(encoding="utf-8"))
    return found


# -- what runs in the old tree -------------------------------------------------------------------------------------------


def _flat() -> tuple[Any, ...]:
    """Return what is used of a tree whose modules all lie in one folder."""

    def of(module: str, *names: str) -> list[Any]:
        found = importlib.import_module(module)
        return [getattr(found, name) for name in names]

    try:
        page_of = of("gateway.folders", "page_of")[0]
    except ImportError:  # an older tree
        page_of = Path
    try:
        opened = of("gateway.recovery", "opened")[0]
    except ImportError:  # an older tree
        opened = of("gateway.store", "opened")[0]
    whole = [importlib.import_module(name) for name in ("hand", "gateway.inbox")]
    return (
        *whole,
        *of("gateway.wire", "decode_entry"),
        page_of,
        opened,
        *of("gateway.fault", "Turn"),
        *of("gateway.reading", "Kind", "Reading"),
        *of("gateway.store", "Writing"),
    )


def leave(out: Path) -> None:
    """Let the software that is importable here live a while and leave what it leaves."""
    sys.meta_path = [f for f in sys.meta_path if "_Editable" not in repr(f)]  # what this tree has not, today's must not lend it
    secrets.token_hex = lambda n=32: "60" * n  # names, not keys: made anew they differ in nothing
    try:
        from gateway.box.folders import page_of
        from gateway.contract.encoding import decode_entry
        from gateway.home import inbox
        from gateway.judge.faults.fact import Turn
        from gateway.keep.journal import Writing
        from gateway.keep.recovery import opened
        from gateway.words.reading import Kind, Reading

        from tests.kit import hand
    except ImportError:  # a tree of before there were rooms
        hand, inbox, decode_entry, page_of, opened, Turn, Kind, Reading, Writing = _flat()
    _nowhere()

    folder = out / "state"
    clock = hand.HandClock()
    store, _, _ = opened(folder, out / RUNTIME, hand.GATEWAY, clock.now(), clock.boot)
    hand.JOURNAL = store.journal
    day = hand.Day(clock=clock)
    _live(day, Kind)
    heard = {w.device: clock.wall.timestamp() - 60.0 * n for n, w in enumerate(hand.WATCHES)}
    wall = clock.wall.timestamp() - clock.mono
    shelves = {d: {"until": s.until + wall, "by": s.by, "reason": s.reason} for d, s in day.pipeline.shelves.items()}
    marks = {
        "masks": json.dumps({"shelves": shelves, "away": _away_until(day.pipeline) + wall}, ensure_ascii=False),
        "inbox": "1",
        "floor": clock.wall.isoformat(),
    }
    memory = {"button": '{"packet":41}', "pendant": '{"counter":1007}'}
    write = store.write if hasattr(store, "write") else store._commit  # of an older tree
    write(Writing(entries=day.entries, memory=memory, heard=heard, marks=marks))
    write(Writing(accepted=[(1, 9)]))
    kept, taken = _readings(store), 0
    for n in range(6):
        readings = [Reading(device="door", kind=Kind.CONTACT_OPEN, value=bool(k % 2), at=clock.move(5)) for k in range(4)]
        readings += [Reading(device="window", kind=Kind.TEMPERATURE, value=20.0 + n, at=clock.move(5))]
        readings += [Reading(device="button", kind=Kind.BUTTON, value="press", at=clock.move(5), flagged=True)]
        kept._keep(readings, clock.boot)
        taken += len(readings)
    kept._accept([(1, 4)])
    boxes = [
        {"v": 1, "gateway": hand.GATEWAY, "id": "left-1", "do": "test", "by": "Li"},
        {"v": 1, "gateway": hand.GATEWAY, "id": "left-2", "do": "acknowledge", "by": "Li", "alarm": _one(day, "person.sos", "raised")},
    ]
    for order in boxes:
        inbox.leave(page_of(folder), out / RUNTIME, json.dumps(order).encode())
    known = store.load(clock.now(), "another-boot")
    silent = known.heard_ago if hasattr(known, "heard_ago") else known.silent_for  # of an older tree
    batches = [json.loads(b.payload)["readings"] for b in kept._waiting(0, 100)]
    (out / "expected.json").write_text(
        json.dumps(
            {
                "gateway": hand.GATEWAY,
                "wall": clock.wall.isoformat(),
                "journal": store.journal,
                "history": kept.name,
                "last": known.last,
                "last_alarm": known.last_alarm,
                "alarms": [_alarm(a) for a, _ in known.alarms],
                "faults": sorted(f"{k} {d}" for k, d in known.faults),
                "closed": sorted(known.closed.values()),
                "done": list(known.done),
                "shelves": {d: [s.by, s.reason] for d, s in known.shelves.items()},
                "away": _away_until(known) > clock.mono,
                "memories": store.memories(),
                "silent": {d: round(s) for d, s in silent.items()},
                "outbox": [r[0] for r in store._db.execute("SELECT number FROM outbox ORDER BY number")],
                "readings": taken,
                "batches": batches,
                "left": "left-2",
                "password": PASSWORD,
            },
            ensure_ascii=False,
            indent=1,
        )
        + "\n",
        encoding="utf-8",
    )
    states = {str(a.state) for a in day.alarms()}
    wanted = {"pre_alarm", "raised", "acknowledged", "dispatched", "on_site", "closed", "cancelled"}
    assert states == wanted, [(a.kind, str(a.state), a.device) for a in day.alarms()]
    assert {m.turn for m in map(decode_entry, day.bodies) if hasattr(m, "turn")} >= {Turn.RAISED, Turn.NOTED}
    store.close_now()
    _page(page_of(folder))
    _household(folder)


def _readings(store: Any) -> Any:
    """Return the part of a store that has the readings; in an older tree that is the store itself."""
    if hasattr(store, "readings"):
        return store.readings
    return SimpleNamespace(name=store.history, _keep=store._keep_readings, _accept=store._accept_batches, _waiting=store._waiting_batches)


def _nowhere() -> None:
    """Let the tree not know in which box it runs: what is made here is opened in others."""
    with contextlib.suppress(ImportError):  # an older tree
        from gateway.box import machine

        machine.here = lambda _folder: {}


def _live(day: Any, kind: Any) -> None:
    """Bring alarms into every state, faults, a shelf and an absence."""
    day.receipt()
    day.fall(device="radar2")
    day.cancel()  # cancelled in its grace
    day.fall(False, device="radar2")
    day.hear("water", kind.MOISTURE, True)
    day.wait(70)
    day.receipt()
    day.tell("close", alarm=_one(day, "env.water", "raised"), outcome="helped", reason="mopped up")  # ended, its condition still on
    day.fall(device="radar")
    day.wait(31)
    day.receipt()
    fall = _one(day, "person.fall", "raised")
    day.tell("acknowledge", alarm=fall, by="desk 4")
    day.tell("dispatch", alarm=fall, by="desk 4", responder="grid worker", seconds=840.0)  # on the way
    day.hear("smoke", kind.SMOKE, True)
    day.receipt()
    smoke = _one(day, "env.smoke", "raised")
    day.tell("acknowledge", alarm=smoke)
    day.tell("arrive", alarm=smoke, by="neighbour", reason="rang the bell")  # there, and it still smokes
    day.press(device="pendant", value="press")
    day.receipt()
    day.tell("acknowledge", alarm=_one(day, "person.sos", "raised"), by="desk 2")
    day.press(device="button")
    day.press(device="button")  # counted
    day.wait(40)  # no receipt: the next rung is called
    day.tell("test", by="Li")
    day.tell("silence", alarm=_one(day, "person.sos", "raised"), by="Li", reason="the cat sleeps")
    day.hear("door", kind.BATTERY, 9.0)
    day.hear("window", kind.TAMPER, True)
    day.hear("bed", kind.PROBLEM, True)
    day.tell("shelve", device="window", seconds=43200.0, reason="window is being painted", by="Li")
    day.tell("away", seconds=259200.0, by="desk 1")
    day.tell("close", alarm="no-such-alarm", outcome="helped")  # a refused one stands in the journal too
    day.fall(device="radar2")  # in its grace when the power goes


def _away_until(known: Any) -> float:
    """Return until when nobody is at home, of a pipeline or of what a store knows, in this tree and in older ones."""
    if hasattr(known, "away_until"):
        return float(known.away_until)
    return float(getattr(known.away, "end", known.away).until)


def _one(day: Any, kind: str, state_: str) -> str:
    return next(str(a.id) for a in day.open if a.kind == kind and a.state == state_)


def _alarm(a: Any) -> dict[str, Any]:
    return {
        "number": a.number,
        "id": a.id,
        "kind": a.kind,
        "state": str(a.state),
        "device": a.device,
        "room": a.room,
        "count": a.count,
        "priority": int(a.priority),
        "active": a.condition_active,
        "masking": str(a.masking),
        "rung": a.rung,
        "test": a.test,
        "calls": [[c.rung, c.responder, c.channel, c.reason, str(c.delivery)] for c in a.calls],
        "by": a.by,
        "reason": a.reason,
        "responder": a.responder,
        "expected": a.expected,
        "outcome": str(a.outcome or ""),
        "linked": a.linked,
        "stages": {name: at.wall for name, at in a.stages.items()},
        "evidence": [[e.device, e.kind, e.value] for e in a.evidence],
    }


def _page(folder: Path) -> None:
    """Leave the page's memory, where this generation has a page."""
    try:
        from gateway.page import accounts
    except ImportError:
        return
    book = accounts.Accounts(folder, "boot-1")
    with contextlib.closing(sqlite3.connect(folder / accounts.FILE, isolation_level=None)) as db:
        db.execute("INSERT INTO accounts VALUES ('wang', 'technician', ?, 1.0)", (accounts._hasher.hash(PASSWORD),))
        db.execute("INSERT INTO accounts VALUES ('county', 'supervisor', ?, 2.0)", (accounts._hasher.hash(PASSWORD),))
    book.note("wang", "192.0.2.7", "exported")


def _household(folder: Path) -> None:
    """Leave two generations of what a technician has set, where this generation knows that."""
    try:
        from gateway.box import generations
        from gateway.home.parts import DevicePart, Household, HouseholdSecrets, RungPart
        from msgspec import to_builtins
    except ImportError:
        return
    for revision in (1, 2):
        home = Household(
            revision=revision,
            token="6060",
            instruction=f"i{revision}",
            by="Li",
            at="2026-05-04T04:00:00Z",
            changed=("device.pendant",),
            rooms=("hall", "bath"),
            times={"grace_fall": 20.0 + revision},
            ladder=(RungPart(responder="grid worker", wait=90.0),),
            device=(DevicePart(id="pendant", model="shelly-blu-button", room="hall", address="A4:C1:38:00:00:01"),),
        )
        own = HouseholdSecrets(revision=revision, token="6060", password="platform-password")
        generations.write(folder / "household-secrets.json", to_builtins(own))
        generations.write(folder / "household.json", to_builtins(home))


# -- what runs in this tree ----------------------------------------------------------------------------------------------


def make(name: str, commit: str) -> None:
    """Make one generation."""
    with tempfile.TemporaryDirectory(prefix="golden-") as found:
        tree, out = Path(found) / "tree", Path(found) / "out"
        tree.mkdir()
        out.mkdir()
        archive = subprocess.run(["git", "archive", commit], cwd=REPO, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", str(tree)], input=archive, check=True)
        shutil.copyfile(__file__, tree / "make_golden.py")
        environment = {**os.environ, "PYTHONPATH": f"{tree}{os.pathsep}{tree / 'tests'}", "PYTHONDONTWRITEBYTECODE": "1"}
        subprocess.run([sys.executable, str(tree / "make_golden.py"), "--here", str(out)], cwd=tree, env=environment, check=True)
        shutil.rmtree(HERE / name, ignore_errors=True)
        (HERE / name).mkdir()
        for base in DATABASES:
            here = [path for path in (out / "state" / f"{base}.db", out / "state" / "page" / f"{base}.db") if path.exists()]
            for path in here:
                with contextlib.closing(sqlite3.connect(path)) as db:
                    (HERE / name / f"{base}.sql").write_text("\n".join(db.iterdump()) + "\n", encoding="utf-8")
        for path in sorted((out / "state").glob("household*.json*")):
            shutil.copyfile(path, HERE / name / path.name)
        shutil.copyfile(tree / "config" / "gateway.toml", HERE / name / "gateway.toml")
        shutil.copyfile(out / "expected.json", HERE / name / "expected.json")
    print(f"{name}: {sum(p.stat().st_size for p in (HERE / name).iterdir())} bytes from {commit}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.golden.make", description=__doc__)
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", choices=[[], *GENERATIONS])
    asked = parser.parse_args()
    if asked.here:
        leave(asked.here)
        return
    for name, commit in GENERATIONS.items():
        if name in asked.names or (not asked.names and not (HERE / name).exists()):
            make(name, commit)


if __name__ == "__main__":
    main()
