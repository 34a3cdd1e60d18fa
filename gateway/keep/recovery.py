"""How the gateway comes by its store at start.

Theory of operation. At a start there may be a database on the disk, a stand-in that an earlier
process left in memory, and a damaged database that was set aside. The start must end with a store
that takes writes, whatever these are like, because an SOS may be pressed in the next second. It
must not lose what is open, and must not give a number twice.

    stand-in left    disk             store                 what is open comes from
    goes on (1)      not looked at    the stand-in          it
    none             well             the disk's            it
    BACK (2)         well             the disk's            both; the stand-in is newer
    none or BACK     damaged          a fresh one, the      the old one's pages (salvage),
                                      old one set aside     and the stand-in
    none             refuses, newer   a fresh stand-in      the disk's pages
    BACK             refuses, newer   the stand-in          it

(1) It has open alarms or entries that wait, and nobody has seen the disk take a write since it
failed: the disk would fail again. (2) `gateway.keep.storage` saw the disk take a write again, or
the stand-in has nothing.

A start may be killed at any point. Setting a database aside leaves a file behind until `settled` is
called, after the first entry is on disk. Until then the next start reads what was set aside once
more. Merging a stand-in is one transaction; done twice it changes nothing, for entries of an
earlier journal are ignored where they already are.

A journal is never gone on with where its numbers may be given twice: its newest entries are gone,
or it lies in another box or on another card. Then another journal is begun, see
`gateway.tend.lineage`. One in a fresh database has a name and numbers of its own; what is open
keeps its id.

All of it runs on the thread that starts, before anybody else has the store.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from gateway.box import machine
from gateway.box.folders import reader
from gateway.judge import pending
from gateway.judge.alarm import Alarm
from gateway.judge.known import Known
from gateway.judge.masks import masked
from gateway.keep import schema, succession
from gateway.keep.database import (
    BROKEN,
    Damaged,
    DiskRefuses,
    StoreProblem,
    broken,
    finish_setting_aside,
    is_unsettled,
    look_for_damage,
    new_name,
    problem_of,
    refuse_newer,
    set_aside,
)
from gateway.keep.journal import DOUBT, Writing
from gateway.keep.known import Memories, texts
from gateway.keep.pages import Held
from gateway.keep.salvage import Salvaged, salvaged
from gateway.keep.stand_in import BACK, left_behind, reopen, stand_in
from gateway.keep.store import Store
from gateway.keep.waits import WAITS
from gateway.words.clock import Moment
from gateway.words.instruction import Done
from gateway.words.kind import STORAGE_DEGRADED

LOG = logging.getLogger("eldercare")


class _Opened(NamedTuple):
    store: Store
    known: Known
    memories: Memories


def opened(
    folder: Path, runtime: Path, gateway: str, now: Moment, boot: str
) -> tuple[Store, Known, Memories]:
    """Open the store and return it with what was known and the drivers' memories.

    A damaged `gateway.db` is set aside and a fresh one begun. One that is newer than this software,
    or that cannot be written (read-only, full), is left untouched and a stand-in in `runtime`
    (memory) is used, so that alarms go on. Either way what is open is carried over as far as it can
    be read, and `Store.degraded` says what happened; what still waits for the platform only from a
    damaged one, for the other is there again. A stand-in that an earlier process left is carried
    into the real store once the disk was seen to take a write again (the mark BACK), and gone on
    with until then. Call `settled` once the first entry is written. Nothing is raised for a bad
    database.
    """
    path = folder / "gateway.db"
    left = _left(runtime, gateway, now, boot)
    if left is not None and _goes_on(left):
        return left
    with Held(path) as log:
        store, source = Store(folder, gateway), path
        try:
            folder.mkdir(parents=True, exist_ok=True)
            finish_setting_aside(path)
            store.open()
            if left is not None:
                store.entries.take_back(left.store.marked(DOUBT))
            real = _Opened(store, store.load(now, boot), store.memories())
            if real.known.last or not is_unsettled(path):
                # raises sqlite3.Error where the disk refuses
                return _merged(_in_its_place(real), left, now, boot)
            source = broken(path)  # an earlier start was killed before it had told of it
            problem: StoreProblem = Damaged(f"{path} was damaged")
        except StoreProblem as error:
            problem = error
        except OSError as error:
            problem = DiskRefuses(str(error))
        except sqlite3.Error as error:
            # Where another journal was just being begun, the one before is set aside.
            problem, source = problem_of(path, error), broken(path) if is_unsettled(path) else path
        except BROKEN as error:
            problem = Damaged(f"{path} is damaged ({error})")
        store.drop()
        if left is not None and not isinstance(problem, Damaged):
            LOG.error("store %s; working from memory until then", problem)
            return left
        read = salvaged(source, log if source is path else Held(source), gateway, now, boot)
    if isinstance(problem, Damaged):
        store = _fresh(path, runtime, problem, read, gateway, aside=source is path)
    else:
        why = f"{problem}; working from memory until then"
        carried = replace(read.carried, waiting=())
        store = stand_in(runtime, gateway, why, _after(carried), carried)
    LOG.error("store %s", store.degraded)
    # A fresh journal has numbers and a name of its own; what is open keeps its id.
    fresh = replace(
        read.known, journal=store.journal, last=0, carried=(), raised_in={}, faults={}, said_for={}
    )
    try:
        return _merged(_Opened(store, fresh, read.memories), left, now, boot)
    except sqlite3.Error as error:  # only a stand-in has something to merge, and that still has it
        LOG.error("store %s; working from memory until then", error)  # noqa: TRY400  it is in the line
        assert left is not None
        return left


def _fresh(
    path: Path, runtime: Path, problem: Damaged, read: Salvaged, gateway: str, *, aside: bool
) -> Store:
    """Return a fresh store with what was read; a stand-in where the disk refuses one.

    `aside`: the damaged database is still in its place.
    """
    after = _after(read.carried)
    why = f"{problem}; working from memory until then"
    try:
        if aside:
            set_aside(path, keep=True)
        why = f"{problem}; set aside as {broken(path).name}, a fresh one begun"
        if read.left_out:
            lost = "entries that waited for the platform cannot be carried over"
            why = f"{why}; {read.left_out} {lost}"
        store = Store(path.parent, gateway, degraded=why)
        _begin(store, read.carried, after)
    except (StoreProblem, OSError, sqlite3.Error) as error:
        why = f"{why}; {error}; working from memory until then"
        return stand_in(runtime, gateway, why, after, read.carried)
    return store


def _after(carried: Writing) -> int:
    """Take the generation out of what is carried over; return the one that comes after it."""
    generation = int(carried.marks.get("generation", "1"))
    carried.marks = {name: value for name, value in carried.marks.items() if name != "generation"}
    return generation + 1


def _begin(store: Store, carried: Writing, generation: int) -> None:
    """Begin the journal after a damaged one; a start that was killed may have made it already.

    Raises StoreProblem, sqlite3.Error.
    """
    store.open()
    store.entries.lift(generation)
    carried.marks = {
        **carried.marks,
        "generation": str(store.generation),
        "begun": json.dumps([(1, "damaged")]),
    }
    store.write(carried)


def _in_its_place(real: _Opened) -> _Opened:
    """Return the store, with another journal where the one it has may not go on.

    It may not where it lies in another box or on another card, or its newest entries are gone: the
    platform may have entries under the numbers that would be given next. See gateway.tend.lineage.
    """
    store, known, here = real.store, real.known, machine.here(real.store.folder)
    bound = machine.known(store.marked("bound"))
    why = "cut" if store.entries.lost else "moved" if machine.moved(bound, here) else ""
    bind = {"bound": json.dumps(bound | here)}
    if not why:
        if here.keys() - bound.keys():
            store.mark("bound", bind["bound"])
        return real
    journal = new_name()
    waiting = succession.beyond(store.entries, known.last, journal).waiting
    store.begin_anew(journal, why, Writing(waiting=waiting, shared=known.last_alarm, marks=bind))
    LOG.error(
        "store %s: journal %s begun, generation %d: %s",
        store.folder,
        journal,
        store.generation,
        why,
    )
    return real._replace(
        known=replace(
            known,
            journal=journal,
            last=0,
            own=(),
            carried=(),
            raised_in={},
            done=_elsewhere(known.done),
        )
    )


def _goes_on(left: _Opened) -> bool:
    """Say whether a stand-in is gone on with.

    So it is where it holds open alarms or entries that wait, and nobody has seen the disk take a
    write since it failed.
    """
    has = left.known.alarms or left.store.count()[0]
    if has and not left.store.marked(BACK):
        LOG.error("store %s", left.store.degraded)
        return True
    return False


def _left(runtime: Path, gateway: str, now: Moment, boot: str) -> _Opened | None:
    """Return the stand-in that an earlier process left, None without a sound one."""
    for store in left_behind(runtime, gateway):
        try:
            reopen(store)
            if store.marked("gateway") == gateway:
                store.recall()
                return _Opened(store, store.load(now, boot), store.memories())
        except (StoreProblem, *BROKEN):
            store.drop()
        else:
            store.close_now()
    return None


def _merged(real: _Opened, left: _Opened | None, now: Moment, boot: str) -> _Opened:
    """Return the real store with all that a stand-in has.

    That is its journal, what waits, what is open or has ended, counters, masks. Its entries become
    entries of an earlier journal; what waits for the platform is pushed as it was. An open alarm
    goes on as it stood in the stand-in, and `restart` writes it into the real journal. Raises
    sqlite3.Error where the disk refuses.
    """
    if left is None:
        return real
    ended = left.store.ended(now)
    masks_known, told = bool(left.store.marked("masks")), left.store.marked("told")
    cancels_known = bool(left.store.marked("cancels"))
    judging = left.store.marked(pending.MARK)
    known, instead = real.known, left.known
    alarms = _joined(known, instead, ended)
    gone_on = {alarm.number for alarm, _ in instead.alarms if alarm.open}
    said = {key: fault for key, fault in instead.faults.items() if key[0] == STORAGE_DEGRADED}
    other = {alarm.number for alarm, _ in alarms if not alarm.open} | gone_on
    merged = replace(
        known,
        last_alarm=max(
            (known.last_alarm, instead.last_alarm, *(alarm.number for alarm, _ in alarms))
        ),
        alarms=alarms,
        carried={*known.carried} - other,
        shift={**known.shift, **instead.shift},
        raised_in={
            number: entry for number, entry in known.raised_in.items() if number not in other
        },
        closed={**known.closed, **instead.closed},
        closed_for={**known.closed_for, **instead.closed_for},
        cancels=instead.cancels if cancels_known else known.cancels,
        faults={**known.faults, **said},
        endings=list(dict.fromkeys((*known.endings, *instead.endings))),
        silent_for={**known.silent_for, **instead.silent_for},
        shelves=instead.shelves if masks_known else known.shelves,
        away=instead.away if masks_known else known.away,
        pending=instead.pending if judging else known.pending,
    )
    learned = Writing(
        memory=texts(left.memories),
        done=_elsewhere(instead.done),
        waiting=left.store.entries.all_entries(),
    )
    # what the stand-in has told is older than what is told from now on
    real.store.entries.lift(left.store.generation + 1)
    learned.marks = {
        "endings": json.dumps(merged.endings),
        "generation": str(real.store.generation),
    }
    if masks_known:
        learned.marks |= {"masks": masked(merged.shelves, merged.away, now, boot)}
    if told:
        learned.marks = {**learned.marks, "told": told}
    if judging:
        learned.marks = {**learned.marks, pending.MARK: judging}
    real.store.write(learned)
    # In their order, and as the real one knows them; the stand-in's answers stand in it by now,
    # under its numbers of an earlier journal.
    done = {
        i: one._replace(entry=real.store.entries.stands(left.store.journal, one.entry))
        for i, one in instead.done.items()
    }
    merged = replace(merged, done={**known.done, **done, **known.done})
    left.store.close_now()
    return _Opened(real.store, merged, {**real.memories, **left.memories})


def _joined(known: Known, instead: Known, ended: Mapping[str, Alarm]) -> list[tuple[Alarm, bool]]:
    """Return the alarms of the real store and of a stand-in, in the form of `Known.alarms`.

    One that is in both is returned as it stood in the stand-in.
    """
    newer = {alarm.id: (alarm, same) for alarm, same in instead.alarms if alarm.open}
    out = []
    for alarm, same in known.alarms:
        if alarm.id in newer:
            after, still = newer.pop(alarm.id)
            out.append((replace(after, number=alarm.number), still))
        else:
            out.append((ended.get(alarm.id, alarm), same and alarm.id not in ended))
    taken, last = {alarm.number for alarm, _ in out}, max(known.last_alarm, instead.last_alarm)
    for alarm, same in newer.values():
        number = alarm.number
        if number in taken or number <= known.last_alarm:
            last += 1
            number = last
        out.append((replace(alarm, number=number), same))
    return out


def _elsewhere(done: Mapping[str, Done]) -> dict[str, Done]:
    """Return instructions whose answers stand in another journal than this one."""
    return {i: one._replace(entry=0) for i, one in done.items()}


def time_kept(folder: Path) -> tuple[str, str]:
    """Return the marks of the time (`floor`, `agreeing`), "" where they cannot be read.

    They are read before the store is opened: what a store tells is read by the time.
    """
    path = folder / "gateway.db"
    found: dict[str, str] = {}
    if path.exists():
        with contextlib.suppress(sqlite3.Error), reader(path, WAITS.lock_at_start) as conn:
            found = {
                str(n): str(v)
                for n, v in conn.execute(
                    "SELECT name, value FROM marks WHERE name IN ('floor', 'agreeing')"
                )
            }
    return found.get("floor", ""), found.get("agreeing", "")


def unfit(folder: Path) -> str:
    """Return what is wrong with `gateway.db` and what to do, "" when nothing is.

    The file is only read.
    """
    path = folder / "gateway.db"
    if not path.exists():
        return ""
    try:
        with reader(path, WAITS.lock_at_start) as conn:
            refuse_newer(conn, path, schema.gateway)
            look_for_damage(conn, path)
    except StoreProblem as problem:
        return str(problem)
    except sqlite3.Error as error:
        return str(problem_of(path, error))
    return ""
