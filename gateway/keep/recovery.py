"""How the gateway comes by its store at start: the real one, what a stand-in was left with, what can be read of a damaged one.

And the stand-in in memory itself, for a disk that takes nothing.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import stat
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from gateway.box import machine
from gateway.contract import wire
from gateway.judge import pending
from gateway.judge.alarm import ENDED, Alarm, State
from gateway.judge.book import AlarmFact, Entry
from gateway.judge.faults import firsts, silence
from gateway.judge.masks import masked, unmasked
from gateway.judge.pipeline import Known
from gateway.keep import schema, shed
from gateway.keep.database import (
    BROKEN,
    Damaged,
    DiskRefuses,
    StoreProblem,
    broken,
    finish_setting_aside,
    is_unsettled,
    look_for_damage,
    mark,
    new_name,
    problem_of,
    refuse_newer,
    set_aside,
    unsettled,
)
from gateway.keep.pages import INDEX, INNER_INDEX, TABLE, Held, Pages
from gateway.keep.store import BACK, DOUBT, WAITING_AT_MOST, Memories, Store, Writing, lived, stamps
from gateway.words import kind as kinds
from gateway.words.clock import Moment, Quality, stamp
from gateway.words.finite import loads
from gateway.words.instruction import Done
from gateway.words.kind import STORAGE_DEGRADED, TEST, Priority
from gateway.words.reading import DeviceId

LOG = logging.getLogger("eldercare")
AGAIN_AT_MOST = 200  # calls for help, the newest, that are told again where it cannot be read which of them wait
LONG_GONE = timedelta(days=30)  # an alarm that only a page in disuse tells of, and nothing newer
# Marks that go on in a fresh database, and what must be able to read them.
CARRIED: Mapping[str, Callable[[str], object]] = {
    "masks": lambda text: unmasked(text, Moment(0.0, datetime.now(UTC))),
    "floor": datetime.fromisoformat,
    "endings": lambda text: [str(i) for i in json.loads(text)],
    "alive": lived,
    "cancels": stamps,
    "inbox": int,
    "household": int,
    "certificate": int,
    "rounds": loads,
    "silent": silence.read,
    pending.MARK: loads,
    "told": firsts.read,
    "generation": int,
    "acted": lived,
}


class _Opened(NamedTuple):
    store: Store
    known: Known
    memories: Memories


def opened(folder: Path, runtime: Path, gateway: str, now: Moment, boot: str) -> tuple[Store, Known, Memories]:
    """Open the store and return it with what was known and the drivers' memories; never raises for a bad database.

    A damaged `gateway.db` is set aside and a fresh one begun. One that is newer than this software, or that cannot be written
    (read-only, full), is left untouched and a stand-in in `runtime` (memory) is used, so that alarms go on. Either way what is
    open is carried over as far as it can be read, and `Store.degraded` says what happened; what still waits for the platform only from
    a damaged one, for the other is there again. A stand-in that an earlier process left is carried into the real store once the disk was
    seen to take a write again (the mark BACK), and gone on with until then. Call `settled` once the first entry is written.
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
                store.take_back(left.store.marked(DOUBT))
            real = _Opened(store, store.load(now, boot), store.memories())
            if real.known.last or not is_unsettled(path):
                return _merged(_in_its_place(real), left, now, boot)  # raises sqlite3.Error where the disk refuses
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
        known, memories, carried, left_out = salvaged(source, log if source is path else Held(source), gateway, now, boot)
        after = _after(carried)
    why = f"{problem}; working from memory until then"
    try:
        if isinstance(problem, Damaged):
            if source is path:
                set_aside(path, keep=True)
            lost = f"; {left_out} entries that waited for the platform cannot be carried over" if left_out else ""
            why = f"{problem}; set aside as {broken(path).name}, a fresh one begun{lost}"
            store = Store(folder, gateway, degraded=why)
            _begin(store, carried, after)
        else:
            store = stand_in(runtime, gateway, why, after, replace(carried, waiting=()))
    except (StoreProblem, OSError, sqlite3.Error) as error:
        why = f"{why}; {error}; working from memory until then"
        store = stand_in(runtime, gateway, why, after, carried)
    LOG.error("store %s", why)
    # A fresh journal has numbers and a name of its own; what is open keeps its id.
    fresh = replace(known, journal=store.journal, last=0, carried={}, raised_in={}, faults={}, said_for={})
    try:
        return _merged(_Opened(store, fresh, memories), left, now, boot)
    except sqlite3.Error as error:  # only a stand-in has something to merge, and that still has it
        LOG.error("store %s; working from memory until then", error)  # noqa: TRY400
        assert left is not None
        return left


def _after(carried: Writing) -> int:
    """Take the generation out of what is carried over; return the one that comes after it."""
    generation = int(carried.marks.get("generation", "1"))
    carried.marks = {name: value for name, value in carried.marks.items() if name != "generation"}
    return generation + 1


def _begin(store: Store, carried: Writing, generation: int) -> None:
    """Begin the journal after a damaged one; a start that was killed may have made it already. Raises StoreProblem, sqlite3.Error."""
    store.open()
    store.lift(generation)
    carried.marks = {**carried.marks, "generation": str(store.generation), "begun": json.dumps([(1, "damaged")])}
    store._commit(carried)  # noqa: SLF001  nobody else has it yet


def _in_its_place(real: _Opened) -> _Opened:
    """Return the store; with another journal in it where it lies in another box or on another card, or its newest entries are gone.

    The platform may have entries under the numbers that would be given next: see gateway.lineage.
    """
    store, known, here = real.store, real.known, machine.here(real.store.folder)
    bound = machine.known(store.marked("bound"))
    why = "cut" if store.lost else "moved" if machine.moved(bound, here) else ""
    bind = {"bound": json.dumps(bound | here)}
    if not why:
        if here.keys() - bound.keys():
            store.bind(bind["bound"])
        return real
    journal = new_name()
    waiting = store.beyond(known.last, journal).waiting
    store.begin_anew(journal, why, Writing(waiting=waiting, shared=known.last_alarm, marks=bind))
    store.anew = why
    LOG.error("store %s: journal %s begun, generation %d: %s", store.folder, journal, store.generation, why)
    return real._replace(known=replace(known, journal=journal, last=0, own=(), carried={}, raised_in={}, done=_elsewhere(known.done)))


def _goes_on(left: _Opened) -> bool:
    """Say whether a stand-in is gone on with: it has something, and nobody has seen the disk take a write since it failed."""
    has = left.known.alarms or left.store._counts()[0]  # noqa: SLF001  nobody else has it yet
    if has and not left.store.marked(BACK):
        LOG.error("store %s", left.store.degraded)
        return True
    return False


def _left(runtime: Path, gateway: str, now: Moment, boot: str) -> _Opened | None:
    """Return the stand-in that an earlier process of this gateway left in memory, None where there is none that can be read."""
    for folder in _memory_folders(runtime):
        with contextlib.suppress(StoreProblem, *BROKEN):
            if not _ours(folder) or not (folder / "gateway.db").exists():
                continue
            store = _opened_for_reading(Store(folder, gateway))
            try:
                if store.marked("gateway") == gateway:
                    store.degraded = store.marked("degraded")
                    return _Opened(store, store.load(now, boot), store.memories())
            except BROKEN:
                store._close()  # noqa: SLF001  half open, nobody else has it
                raise
            store.close_now()
    return None


def _merged(real: _Opened, left: _Opened | None, now: Moment, boot: str) -> _Opened:
    """Return the real store with all that a stand-in has: its journal, what waits, what is open or has ended, counters, masks.

    Its entries become entries of an earlier journal; what waits for the platform is pushed as it was. An open alarm goes on as
    it stood in the stand-in, and `restart` writes it into the real journal. Raises sqlite3.Error where the disk refuses.
    """
    if left is None:
        return real
    ended = {a.id: a for a in _newest(left.store, now) if not a.open}
    masks_known, told = bool(left.store.marked("masks")), left.store.marked("told")
    cancels_known = bool(left.store.marked("cancels"))
    judging = left.store.marked(pending.MARK)
    known, instead = real.known, left.known
    alarms = _joined(known, instead, ended)
    gone_on = {alarm.number for alarm, _ in instead.alarms if alarm.open}
    said = {key: fault for key, fault in instead.faults.items() if key[0] == STORAGE_DEGRADED}
    over = {alarm.number for alarm, _ in alarms if not alarm.open}
    carried = {number: same for number, same in known.carried.items() if number not in over | gone_on}
    merged = replace(
        known,
        last_alarm=max((known.last_alarm, instead.last_alarm, *(alarm.number for alarm, _ in alarms))),
        alarms=alarms,
        carried=carried,
        shift={**known.shift, **instead.shift},
        raised_in={number: entry for number, entry in known.raised_in.items() if number in carried},
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
    learned = Writing(memory=_texts(left.memories), done=_elsewhere(instead.done), waiting=left.store.all_entries())
    real.store.lift(left.store.generation + 1)  # what the stand-in has told is older than what is told from now on
    learned.marks = {"endings": json.dumps(merged.endings), "generation": str(real.store.generation)}
    if masks_known:
        learned.marks |= {"masks": masked(merged.shelves, merged.away, now, boot)}
    if told:
        learned.marks = {**learned.marks, "told": told}
    if judging:
        learned.marks = {**learned.marks, pending.MARK: judging}
    real.store._commit(learned)  # noqa: SLF001  nobody else has it yet
    # In their order, and as the real one knows them; the stand-in's answers stand in it by now, under its numbers of an earlier journal.
    done = {i: one._replace(entry=real.store.stands(left.store.journal, one.entry)) for i, one in instead.done.items()}
    merged = replace(merged, done={**known.done, **done, **known.done})
    left.store.close_now()
    return _Opened(real.store, merged, {**real.memories, **left.memories})


def _newest(store: Store, now: Moment) -> list[Alarm]:
    """Return every alarm of a store as its newest entry tells it."""
    rows = store._db.execute("SELECT j.body FROM alarms a JOIN journal j ON j.number = a.entry")  # noqa: SLF001
    messages = [wire.decode_entry(body) for (body,) in rows]
    return [wire.alarm_of(m, now) for m in messages if isinstance(m, wire.AlarmMessage)]


def _joined(known: Known, instead: Known, ended: Mapping[str, Alarm]) -> list[tuple[Alarm, bool]]:
    """Return the alarms of the real store and of a stand-in; of one that is in both, as it stood in the stand-in."""
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


def in_force(state: Path, runtime: Path) -> Path:
    """Return the folder of the store that the gateway writes just now: a stand-in's where the disk has failed, else `state`.

    A stand-in is believed where it belongs to whom the state folder belongs, and nobody else may write there.
    """
    with contextlib.suppress(OSError):
        owner = state.stat().st_uid
        for folder in _memory_folders(runtime, owner):
            if (folder / "gateway.db").exists() and _belongs(folder, owner):
                return folder
    return state


def settled(folder: Path, runtime: Path) -> None:
    """Forget a stand-in, and that a damaged database is still to be read: all of it is in the real one by now."""
    with contextlib.suppress(OSError):
        unsettled(folder / "gateway.db").unlink(missing_ok=True)
    for memory in _memory_folders(runtime):
        with contextlib.suppress(OSError):
            for old in memory.glob("*.db*"):
                old.unlink()


def time_kept(folder: Path) -> tuple[str, str]:
    """Return the marks of the time (`floor`, `agreeing`), "" where they cannot be read: what a store tells is read by the time."""
    path = folder / "gateway.db"
    found: dict[str, str] = {}
    if path.exists():
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2)) as conn:
            found = {str(n): str(v) for n, v in conn.execute("SELECT name, value FROM marks WHERE name IN ('floor', 'agreeing')")}
    return found.get("floor", ""), found.get("agreeing", "")


def unfit(folder: Path) -> str:
    """Return what is wrong with `gateway.db` and what to do, "" when nothing is; the file is only read."""
    path = folder / "gateway.db"
    if not path.exists():
        return ""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2)) as conn:
            refuse_newer(conn, path, schema.gateway)
            look_for_damage(conn, path)
    except StoreProblem as problem:
        return str(problem)
    except sqlite3.Error as error:
        return str(problem_of(path, error))
    return ""


def _opened_for_reading(store: Store) -> Store:
    """Open a stand-in that is there. One that fills its memory gives up its readings for it. Raises StoreProblem."""
    try:
        store.open()
    except DiskRefuses:
        shed.release(store.folder)
        store.open()
    return store


def stand_in(runtime: Path, gateway: str, why: str, generation: int = 1, carried: Writing | None = None) -> Store:
    """Return a fresh store in memory, for a disk that takes nothing. `carried`: what must outlast this process in it too."""
    folder = _memory_folder(runtime)
    for old in folder.glob("*.db*"):
        old.unlink()
    store = Store(folder, gateway, degraded=why, generation=generation, why="stand_in")
    store.open()
    shed.reserve(folder)
    mark(store._db, "gateway", gateway)  # noqa: SLF001  its own
    mark(store._db, "degraded", why)  # noqa: SLF001
    if carried is not None:
        store._commit(carried)  # noqa: SLF001
    return store


def _memory_folders(runtime: Path, owner: int | None = None) -> tuple[Path, Path]:
    name = f"eldercare-gateway-{os.getuid() if owner is None else owner}"
    return runtime / "stand-in", Path("/dev/shm") / name  # noqa: S108  tmpfs on purpose


def _ours(folder: Path) -> bool:
    """Say whether a folder is ours to write in and nobody else's: in the shared memory anybody may have made one by that name."""
    return _belongs(folder, os.geteuid()) and os.access(folder, os.W_OK)


def _belongs(folder: Path, owner: int) -> bool:
    """Say whether a folder is one user's to write in and nobody else's."""
    facts = folder.lstat()
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == owner and not facts.st_mode & 0o022


def _memory_folder(runtime: Path) -> Path:
    """Return a folder in memory that can be written: one in the runtime folder, else in the shared memory."""
    for folder in _memory_folders(runtime):
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            if _ours(folder):
                return folder
    raise StoreProblem(f"neither {runtime} nor /dev/shm can be written: free some memory or start the service through systemd")


class _Salvaged(NamedTuple):
    known: Known
    memories: Memories
    carried: Writing  # what a fresh database begins with
    left_out: int  # entries that wait for the platform and cannot be read, or are too many


def salvaged(path: Path, log: Held, gateway: str, now: Moment, boot: str) -> _Salvaged:
    """Return what can be read of a database that cannot be used. Never raises for damage.

    Its rows are read page by page, whatever has become of its tables, and put into a database in memory, which is then read as any is:
    so it matters neither what is damaged, nor which version wrote it, nor whether its folder can be written.
    """
    with log, Pages(path, log) as pages:
        found = _Found(pages, now)
    store = Store(path.parent, gateway)
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as conn:
        store._db = conn  # noqa: SLF001  only to read with
        schema.gateway.apply(store._db)  # noqa: SLF001
        found.put(conn, gateway, now, boot)
        known, memories = store.load(now, boot), store.memories()
    said = f"{len(known.alarms)} open alarms, {len(memories)} devices' memories, {len(found.waiting)} entries that wait for the platform"
    LOG.warning("store %s: %s carried over%s", path, said, f", {found.left} that wait are not" if found.left else "")
    carried = Writing(memory=_texts(memories), done=_elsewhere(known.done), marks=found.marks, waiting=found.waiting)
    return _Salvaged(known, memories, carried, found.left)


class _Row(NamedTuple):
    """A row of the table of alarms."""

    id: str
    kind: str
    device: str
    entry: int
    open: bool
    active: bool


class _Found:
    """What the pages of a database tell. They may contradict each other; in doubt an alarm is open.

    How an alarm stands says its newest entry that can be read. Where that is not its newest one, its row in the table of alarms says at
    least that there is one, and whether it is over.
    """

    def __init__(self, pages: Pages, now: Moment) -> None:
        self.devices: dict[str, tuple[str, float | None]] = {}
        self.done: dict[int, tuple[str, str | None]] = {}  # number -> (id, digest); the answers stay where they are
        self.marks: dict[str, str] = {}
        self.alarms: dict[int, _Row] = {}
        self.newest: dict[int, wire.AlarmMessage] = {}
        self.unanswered: dict[int, int] = {}  # entry -> priority
        self._small(pages)
        # Calls for help first, of these the newest: what a start may take in time and memory is bounded.
        chosen = set(sorted(self.unanswered, key=lambda n: (self.unanswered[n] > Priority.P2, -n))[:WAITING_AT_MOST])
        waiting: dict[int, tuple[int, str, bytes]] = {}
        again: dict[int, tuple[int, str, bytes]] = {}
        since = 1 if pages.torn else 1 << 62  # from here on calls for help are told again: that they need not be cannot be seen
        for number, values, _ in pages.rows(TABLE):
            match values:
                case (None, str(name), alarm, _, bytes(body), *_) if name == "alarm" or number in chosen or number >= since:
                    known = self.newest.get(alarm) if isinstance(alarm, int) else None
                    if known is not None and known.number >= number and number not in chosen and number < since:
                        continue
                    message = _message(body, number, now)
                    priority = None if message is None else getattr(message, "priority", self._of_result(number))
                    if number in chosen and priority is not None:
                        if self.unanswered.get(number) == priority:
                            waiting[number] = priority, name, body
                        else:  # of the index of what is open, whose rows look like those of the outbox
                            self.unanswered.pop(number, None)
                    elif number >= since and priority is not None and priority <= Priority.P2:
                        again[number] = priority, name, body
                        if len(again) > 2 * AGAIN_AT_MOST:
                            again = dict(sorted(again.items())[-AGAIN_AT_MOST:])
                            since = min(again)
                    if isinstance(message, wire.AlarmMessage) and number > 0:
                        before = self.newest.setdefault(message.alarm_number, message)
                        self.newest[message.alarm_number] = max(before, message, key=lambda m: m.number)
                case (None, str(name), str(kind), str(device), int(entry), 0 | 1 as open_, 0 | 1 as active, *_) if number > 0:
                    row = _Row(name, kind, device, entry, bool(open_), bool(active))
                    self.alarms[number] = max(self.alarms.get(number, row), row, key=lambda r: r.entry)
                case (None, str(instruction)):
                    self.done.setdefault(number, (instruction, None))
                case (None, str(instruction), None | str() as digest, None | int()):
                    self.done.setdefault(number, (instruction, digest))
        self.left = len(self.unanswered) - len(waiting)
        waiting = dict(sorted(again.items())[-AGAIN_AT_MOST:]) | waiting
        self.waiting = [waiting[number] for number in sorted(waiting)]

    def _of_result(self, number: int) -> int:
        """Return the priority of a result, which does not say it: earlier versions pushed it as P2."""
        return found if (found := self.unanswered.get(number, Priority.P4)) in {Priority.P2, Priority.P4} else Priority.P4

    def _small(self, pages: Pages) -> None:
        """Read the tables that are an index: outbox, devices, marks."""
        for _, values, stands in pages.rows(INDEX, INNER_INDEX):
            with contextlib.suppress(*BROKEN):
                match values:
                    case (int(priority), int(number)) if stands and 1 <= priority <= max(Priority):
                        self.unanswered[number] = priority
                    case (str(device), str(text), None | int() | float() as heard, *_) if text.startswith("{"):
                        memory = {str(k): v for k, v in json.loads(text).items() if isinstance(v, int | str)}
                        self.devices.setdefault(device, (json.dumps(memory), heard))
                    case (str(name), str(value)) if name in CARRIED:
                        CARRIED[name](value)
                        self.marks.setdefault(name, value)

    def put(self, conn: sqlite3.Connection, gateway: str, now: Moment, boot: str) -> None:
        """Write it into a database as if that had never held anything else."""
        conn.executemany("INSERT INTO devices VALUES (?, ?, ?)", [(name, *row) for name, row in self.devices.items()])
        rows = [(number, *done) for number, done in sorted(self.done.items())]
        conn.executemany("INSERT OR IGNORE INTO instructions VALUES (?, ?, ?, NULL)", rows)
        conn.executemany("INSERT INTO marks VALUES (?, ?)", self.marks.items())
        newest = max(self.newest.values(), key=lambda m: m.number, default=None)
        for number in sorted(self.newest.keys() | self.alarms.keys()):
            message, row = self.newest.get(number), self.alarms.get(number)
            if row is None or (message is not None and row.entry <= message.number):
                assert message is not None  # one of the two there is
                if row is None and newest is not None and _long_gone(message, newest):
                    continue
                over, active = message.state in ENDED, message.condition == "active"
                row = _Row(message.alarm, message.kind, message.device, message.number, not over, active)
            elif message is not None and message.state in ENDED:
                message, row = None, row._replace(open=False)
            elif row.open or row.entry in self.unanswered:  # where it ended, how is lost and nobody was told: it goes on
                message, row = message or _unread(number, row, gateway, now, boot), row._replace(open=True)
            else:
                message = None
            conn.execute("INSERT INTO alarms VALUES (?, ?, ?, ?, ?, ?, ?)", (number, *row))
            if message is not None:
                conn.execute("INSERT OR IGNORE INTO journal VALUES (?, 'alarm', ?, 0, ?)", (row.entry, number, wire.encode(message)))


def _message(body: bytes, number: int, now: Moment) -> wire.Outward | None:
    """Return the entry in a row of the journal, None where it is not whole. In rows of an earlier journal the number is another."""
    with contextlib.suppress(*BROKEN):
        message = wire.decode_entry(body)
        if isinstance(message, wire.AlarmMessage):
            wire.alarm_of(message, now)
        return message if number in {message.number, -abs(number)} else None
    return None


def _unread(number: int, row: _Row, gateway: str, now: Moment, boot: str) -> wire.AlarmMessage | None:
    """Return an alarm of which no entry can be read: that it is open, of what, and its name are known; how far it had got is not."""
    at, test = stamp(boot, now), row.kind == TEST
    alarm = Alarm(
        number=number, id=row.id, kind=row.kind, priority=kinds.of(row.kind).priority, device=row.device, room="", state=State.RAISED,
        since=now, stages={"danger": at, "alarm": at}, called=now.mono, by="rule", reason="storage", condition_active=row.active, test=test,
    )  # fmt: skip
    fact = AlarmFact(alarm, "restored", State.RAISED, "rule", "storage")
    with contextlib.suppress(*BROKEN):
        message = wire.decode_entry(wire.encode_entry(gateway, "unread", Entry(row.entry, f"unread-{row.entry}", at, fact))[1])
        return message if isinstance(message, wire.AlarmMessage) else None
    return None


def _long_gone(message: wire.AlarmMessage, newest: wire.AlarmMessage) -> bool:
    """Say whether an entry is what retention has left on a page that is free: the alarm has no row, and all that is told came long after.

    An alarm that is open has been told of lately, at each restart if nothing else.
    """
    if not message.at.clock == newest.at.clock == Quality.SYNCHRONISED:
        return False
    return datetime.fromisoformat(newest.at.wall) - datetime.fromisoformat(message.at.wall) > LONG_GONE


def _texts(memories: Memories) -> dict[DeviceId, str]:
    return {device: json.dumps(memory, separators=(",", ":")) for device, memory in memories.items()}
