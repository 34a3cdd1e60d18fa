"""How the gateway comes by its store at start: the real one, what a stand-in was left with, what can be read of a damaged one.

And the stand-in in memory itself, for a disk that takes nothing.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from sqlite_utils import Database

from gateway import schema, wire
from gateway.alarm import Alarm
from gateway.clock import Moment
from gateway.database import (
    BROKEN,
    Damaged,
    StoreProblem,
    look_for_damage,
    problem_of,
    refuse_newer,
    set_aside,
)
from gateway.kind import STORAGE_DEGRADED
from gateway.pipeline import Known, Shelf
from gateway.reading import DeviceId
from gateway.store import Memories, Store, Writing

LOG = logging.getLogger("eldercare")
INSTRUCTIONS = 20_000  # entries back to which instructions are remembered against repeats


class _Opened(NamedTuple):
    store: Store
    known: Known
    memories: Memories


def opened(folder: Path, runtime: Path, gateway: str, now: Moment, boot: str) -> tuple[Store, Known, Memories]:
    """Open the store and return it with what was known and the drivers' memories; never raises for a bad database.

    A damaged `gateway.db` is set aside and a fresh one begun. One that is newer than this software, or that cannot be written
    (read-only, full), is left untouched and a stand-in in `runtime` (memory) is used, so that alarms go on. Either way what is
    open is carried over as far as it can be read, and `Store.degraded` says what happened. A stand-in that a killed process left
    is gone on with as long as anything in it is open or unaccepted.
    """
    path = folder / "gateway.db"
    left = _left(runtime, gateway, now, boot)
    if left is not None and (left.known.alarms or left.store._counts()[0]):  # noqa: SLF001  nobody else has it yet
        LOG.error("store %s", left.store.degraded)
        return left
    store = Store(folder, gateway)
    damaged = False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        store.open()
        return _merged(_Opened(store, store.load(now, boot), store.memories()), left, now)
    except Damaged as error:
        damaged, why = True, str(error)
    except (StoreProblem, OSError) as error:
        why = f"{error}; working from memory until then"
    except BROKEN as error:
        store._close()  # noqa: SLF001  half open, nobody else has it
        damaged, why = True, f"{path} is damaged ({error})"
    if not damaged and left is not None:
        LOG.error("store %s", why)
        return left
    known, memories = _salvaged(path, runtime, gateway, now, boot)
    carried = Writing(memory=_texts(memories), done=list(known.done), marks={"masks": masked(known.shelves, known.away_until, now)})
    try:
        if damaged:
            why = f"{why}; set aside as {set_aside(path, keep=True)}, a fresh one begun"
            store = Store(folder, gateway, degraded=why)
            store.open()
            store._commit(carried)  # noqa: SLF001  nobody else has it yet
        else:
            store = stand_in(runtime, gateway, why, carried)
    except (StoreProblem, OSError, sqlite3.Error) as error:
        why = f"{why}; {error}; working from memory until then"
        store = stand_in(runtime, gateway, why, carried)
    LOG.error("store %s", why)
    # A fresh journal has numbers and a name of its own; what is open keeps its id.
    last_alarm = max((alarm.number for alarm, _ in known.alarms), default=0)
    fresh = Known(
        journal=store.journal, last_alarm=last_alarm, alarms=known.alarms, closed=known.closed, silent_for=known.silent_for,
        done=known.done, shelves=known.shelves, away_until=known.away_until,
    )  # fmt: skip
    return _merged(_Opened(store, fresh, memories), left if damaged else None, now)


def _left(runtime: Path, gateway: str, now: Moment, boot: str) -> _Opened | None:
    """Return the stand-in that an earlier process of this gateway left in memory, None where there is none that can be read."""
    for folder in _memory_folders(runtime):
        with contextlib.suppress(StoreProblem, *BROKEN):
            if not (folder / "gateway.db").exists() or not os.access(folder, os.W_OK):
                continue
            store = Store(folder, gateway)
            store.open()
            try:
                if store.marked("gateway") == gateway:
                    store.degraded = store.marked("degraded")
                    return _Opened(store, store.load(now, boot), store.memories())
            except BROKEN:
                store._close()  # noqa: SLF001  half open, nobody else has it
                raise
            store.close_now()
    return None


def _merged(real: _Opened, left: _Opened | None, now: Moment) -> _Opened:
    """Return the real store with what a stand-in, now empty, learned meanwhile: alarms that ended, instructions done, counters."""
    if left is None:
        return real
    rows = left.store._db.execute("SELECT j.body FROM alarms a JOIN journal j ON j.number = a.entry WHERE NOT a.open")  # noqa: SLF001
    messages = [wire.decode_entry(body) for (body,) in rows]
    over = [wire.alarm_of(m, now) for m in messages if isinstance(m, wire.AlarmMessage)]
    ended = {alarm.id: alarm for alarm in over}
    # A commit that failed at its last step may lie in the real one all the same: its alarm went on in the stand-in under another name.
    twins = {_began(alarm): alarm for alarm in over}
    masks_known = bool(left.store.marked("masks"))
    left.store.close_now()
    known = real.known
    # An alarm that ended in the stand-in is journalled as ended in the real one; `restart` writes that entry.
    alarms = []
    for alarm, same in known.alarms:
        end = ended.get(alarm.id) or twins.get(_began(alarm))
        alarms.append((alarm, same) if end is None else (replace(end, id=alarm.id, number=alarm.number), False))
    said = {key: fault for key, fault in left.known.faults.items() if key[0] == STORAGE_DEGRADED}
    merged = replace(
        known,
        last_alarm=max(known.last_alarm, left.known.last_alarm),
        alarms=alarms,
        carried={number: same for number, same in known.carried.items() if number not in {a.number for a, _ in alarms if not a.open}},
        closed={**known.closed, **left.known.closed},
        faults={**known.faults, **said},
        done=list(dict.fromkeys((*known.done, *left.known.done))),
        shelves=left.known.shelves if masks_known else known.shelves,
        away_until=left.known.away_until if masks_known else known.away_until,
    )
    learned = Writing(memory=_texts(left.memories), done=list(left.known.done))
    if masks_known:
        learned.marks = {"masks": masked(merged.shelves, merged.away_until, now)}
    with contextlib.suppress(sqlite3.Error):  # the start's own commit comes next, and says so
        real.store._commit(learned)  # noqa: SLF001  nobody else has it yet
    return _Opened(real.store, merged, {**real.memories, **left.memories})


def _began(alarm: Alarm) -> tuple[str, str, str, float]:
    """Return what no two alarms of a home have in common: which danger, of what, when."""
    at = alarm.stages.get("danger")
    return (alarm.kind, alarm.device, at.boot, at.mono) if at is not None else (alarm.kind, alarm.device, alarm.id, 0.0)


def forget_stand_in(runtime: Path) -> None:
    """Delete what a stand-in left: all of it is in the real database by now."""
    for folder in _memory_folders(runtime):
        with contextlib.suppress(OSError):
            for old in folder.glob("*.db*"):
                old.unlink()


def unfit(folder: Path) -> str:
    """Return what is wrong with `gateway.db` and what to do, "" when nothing is; the file is only read."""
    path = folder / "gateway.db"
    if not path.exists():
        return ""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2)) as conn:
            refuse_newer(Database(conn, execute_plugins=False), path, schema.gateway)
            look_for_damage(conn, path)
    except StoreProblem as problem:
        return str(problem)
    except sqlite3.Error as error:
        return str(problem_of(path, error))
    return ""


def stand_in(runtime: Path, gateway: str, why: str, carried: Writing | None = None) -> Store:
    """Return a fresh store in memory, for a disk that takes nothing. `carried`: what must outlast this process in it too."""
    folder = _memory_folder(runtime)
    for old in folder.glob("*.db*"):
        old.unlink()
    store = Store(folder, gateway, degraded=why)
    store.open()
    store._mark(store._db, "gateway", gateway)  # noqa: SLF001  its own
    store._mark(store._db, "degraded", why)  # noqa: SLF001
    if carried is not None:
        store._commit(carried)  # noqa: SLF001
    return store


def _memory_folders(runtime: Path) -> tuple[Path, Path]:
    return runtime / "stand-in", Path("/dev/shm") / f"eldercare-gateway-{os.getuid()}"  # noqa: S108  tmpfs on purpose


def _memory_folder(runtime: Path) -> Path:
    """Return a folder in memory that can be written: one in the runtime folder, else in the shared memory."""
    for folder in _memory_folders(runtime):
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
    raise StoreProblem(f"neither {runtime} nor /dev/shm can be written: free some memory or start the service through systemd")


def _salvaged(path: Path, runtime: Path, gateway: str, now: Moment, boot: str) -> tuple[Known, Memories]:
    """Read what can be read of a database that cannot be used.

    A file of WAL mode in a folder that cannot be written cannot even be read where it lies, and one of an older version cannot be
    brought up to ours there: then a copy in memory is.
    """
    known, memories = Known(journal=""), Memories()
    copy = None
    for attempt in ("in place", "as a copy"):
        try:
            if attempt == "as a copy":
                copy = _memory_folder(runtime) / "salvage"
                for suffix in ("", "-wal"):
                    if (part := path.with_name(path.name + suffix)).exists():
                        shutil.copyfile(part, copy.with_name(copy.name + suffix))
            where = f"file:{path}?mode=ro" if copy is None else f"file:{copy}"
            with contextlib.closing(sqlite3.connect(where, uri=True, timeout=1)) as conn:
                store = Store(path.parent, gateway)
                store._db = db = Database(conn, execute_plugins=False)  # noqa: SLF001  only to read with
                store.marked("journal")
                if schema.gateway.pending(db):
                    if copy is None:
                        raise StoreProblem("it is of an older version")  # noqa: TRY301  said below, as any other reason
                    with contextlib.suppress(*BROKEN):
                        schema.gateway.apply(db)
                try:
                    known, memories = store.load(now, boot), store.memories()
                except BROKEN:
                    known, memories = _readable(store._db, now, boot)  # noqa: SLF001
            break
        except (StoreProblem, *BROKEN) as error:
            LOG.warning("store %s: cannot be read %s: %s", path, attempt, error)
    if copy is not None:
        for part in copy.parent.glob(copy.name + "*"):
            part.unlink()
    LOG.warning("store %s: %d open alarms and %d devices' memories carried over", path, len(known.alarms), len(memories))
    return known, memories


def _readable(db: Database, now: Moment, boot: str) -> tuple[Known, Memories]:
    """Return what can be read of a damaged file: open alarms, instructions done, drivers' memories. Never raises for damage.

    Each row is read by itself. Tables of a damaged file may contradict each other, so the journal says how an alarm stands: it
    is read from both ends up to the damage, and the newest entry of each alarm counts. In doubt an alarm is open.
    """
    newest: dict[int, wire.AlarmMessage] = {}
    memories = Memories()
    done: dict[str, None] = {}

    def alarm(body: bytes) -> None:
        message = wire.decode_entry(body)
        if not isinstance(message, wire.AlarmMessage):
            return
        wire.alarm_of(message, now)
        before = newest.get(message.alarm_number)
        if before is None or before.number < message.number:
            newest[message.alarm_number] = message

    def memory(device: str, text: str) -> None:
        memories[str(device)] = {str(k): v for k, v in json.loads(text).items() if isinstance(v, int | str)}

    def was_done(instruction: str) -> None:
        done[str(instruction)] = None

    reads: tuple[tuple[str, Callable[..., None]], ...] = (
        ("SELECT body FROM journal WHERE name = 'alarm' ORDER BY number DESC", alarm),
        ("SELECT body FROM journal WHERE name = 'alarm' ORDER BY number", alarm),
        ("SELECT j.body FROM alarms a JOIN journal j ON j.number = a.entry WHERE a.open OR a.active", alarm),
        ("SELECT device, memory FROM devices", memory),
        ("SELECT id FROM instructions ORDER BY number", was_done),
    )
    for query, take in reads:
        with contextlib.suppress(*BROKEN):
            for row in db.execute(query):
                with contextlib.suppress(*BROKEN):
                    take(*row)
    found = [(wire.alarm_of(m, now), m.at.boot == boot) for _, m in sorted(newest.items())]
    return Known(
        journal="",
        alarms=[(alarm, same) for alarm, same in found if alarm.open or alarm.condition_active],
        closed={(alarm.kind, alarm.device): alarm.id for alarm, _ in found if not alarm.open},
        done=list(done),
    ), memories


def _texts(memories: Memories) -> dict[DeviceId, str]:
    return {device: json.dumps(memory, separators=(",", ":")) for device, memory in memories.items()}


def masked(shelves: Mapping[DeviceId, Shelf], away_until: float, now: Moment) -> str:
    """Return what is shelved, and until when nobody is at home, as the mark `masks` keeps it: by the wall clock."""
    wall = now.wall.timestamp() - now.mono
    kept = {d: {"until": s.until + wall, "by": s.by, "reason": s.reason} for d, s in shelves.items()}
    return json.dumps({"shelves": kept, "away": away_until + wall if away_until > now.mono else 0.0}, ensure_ascii=False)
