"""The store: `gateway.db` (WAL, synchronous FULL) and the one thread that writes it.

Entry and outbox row are one transaction, on disk before anybody is told. What the tables mean is in
`gateway.keep.journal` and, for a start, in `gateway.keep.known`. Here is what keeps the file and
the thread: a file that was deleted under us is written again, damage that is met is noted for the
next start. Bulk readings lie in another database with a thread of its own: `readings`, see
`gateway.keep.history`.

`async` methods run on the event loop and let the store's thread do the work. All others run on the
store's thread by `run`, or before anybody else has the store, and so do those of `entries`; names,
numbers, and of `entries` `lift`, `stands` and `receipted` are for any thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from gateway.box.generations import sync
from gateway.contract import chain, encoding, wire
from gateway.judge.alarm import Alarm
from gateway.judge.known import Known
from gateway.keep import known, retention, schema, shed, succession, wal
from gateway.keep.database import (
    BROKEN,
    LOG_PAGES_PRECIOUS,
    StoreProblem,
    database,
    is_gone,
    is_read_only,
    is_sound,
    mark,
    marked,
    parts,
    problem_of,
    set_aside,
    single,
    suspect,
)
from gateway.keep.history import History, Outgoing
from gateway.keep.journal import Journal, Writing
from gateway.keep.known import Memories
from gateway.keep.retention import Gone
from gateway.words.clock import Moment, Quality
from gateway.words.kind import TEST, Priority

LOG = logging.getLogger("eldercare")
T = TypeVar("T")
_STANDING: Final = (
    "SELECT o.priority, o.number, j.name, j.body FROM alarms a "
    "JOIN outbox o ON o.priority IN (?, ?) AND o.number = a.entry "
    "JOIN journal j ON j.number = a.entry WHERE a.open AND (a.open OR a.active) "
    "ORDER BY o.priority, a.number DESC LIMIT ?"
)
_WAITING: Final = (
    "SELECT o.priority, o.number, j.name, j.body "
    "FROM outbox o JOIN journal j ON j.number = o.number "
    "WHERE (o.priority, o.number) > (?, ?) ORDER BY o.priority, o.number LIMIT ?"
)
_AGAIN: Final = (
    "SELECT o.priority, o.number, j.name, j.body "
    "FROM outbox o JOIN journal j ON j.number = o.number WHERE o.priority IN (1, 2, 3, 4) "
    "AND o.number IN (SELECT value FROM json_each(?)) ORDER BY 1, 2"
)


class Store:
    """The journal's database and its thread, and beside it `readings`.

    Opened by `gateway.keep.recovery`. Which method runs on which thread: see above.
    """

    def __init__(
        self,
        folder: Path,
        gateway: str,
        *,
        degraded: str = "",
        generation: int = 1,
        why: str = "new",
    ) -> None:
        """Name the folder; nothing is opened.

        `generation` and `why` are of the journal that is begun where there is none yet, see
        gateway.contract.chain; `degraded` is why this is a stand-in.
        """
        self.folder, self._folder = folder, str(folder)  # asked before each commit
        self.gateway = gateway
        self.degraded = degraded  # why the store is not the real one, "" when it is
        self.anew = ""  # why another journal was begun in this process, for the pump to tell
        # what was put right in files that were damaged or deleted, for the pump to tell
        self.mended = ""
        self.readings = History(folder, gateway)
        self._generation, self._why = generation, why
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._counted = 0  # entries that waited when they could last be counted
        self._db: sqlite3.Connection
        self.entries: Journal
        self._files: dict[Path, int] = {}  # those of gateway.db as we opened them: their inodes

    @property
    def journal(self) -> str:
        """The name of the journal."""
        return self.entries.name

    @property
    def generation(self) -> int:
        """The generation of the journal."""
        return self.entries.generation

    @property
    def head(self) -> chain.Head:
        """The newest entry on the disk."""
        return self.entries.head

    # -- files -------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the databases, migrate them, and prove by a write that `gateway.db` can be written.

        Raises StoreProblem.
        """
        path = self.folder / "gateway.db"
        with contextlib.suppress(OSError):  # SQLite says in its own words what it cannot read
            self.mended = wal.mend(path)
        if self.mended:
            LOG.error("store %s", self.mended)
        self._open_files()
        try:
            self.entries = Journal(self._db, self.gateway)
            self.entries.begin(self._generation, self._why)
        except BROKEN as error:
            self._db.close()
            raise problem_of(path, error) from error
        self.readings.open()

    def _open_files(self) -> None:
        path = self.folder / "gateway.db"
        self._db = database(path, schema.gateway, "FULL", LOG_PAGES_PRECIOUS)
        self._files = {part: part.stat().st_ino for part in parts(path)}

    def _see_to_files(self) -> None:
        """Write gateway.db again where somebody deleted it, or its log, under us.

        What we have open still has everything, and would vanish with this process. Raises
        sqlite3.Error, also where the file system has become read-only: Linux lets open files of
        such a one be written and flushed, says that it is done, and writes nothing.
        """
        if is_read_only(self._folder):
            raise sqlite3.OperationalError(
                "the file system is read-only: remount it read-write, or change the card"
            )
        if not any(is_gone(part, inode) for part, inode in self._files.items()):
            return
        path = self.folder / "gateway.db"
        new = path.with_name("gateway.db.new")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            new.unlink(missing_ok=True)
            with contextlib.closing(sqlite3.connect(new)) as copy:
                self._db.backup(copy)
            new.replace(path)
            # To close the old one removes by name what it takes for its log: only then may the new
            # one get its own.
            self._db.close()
            for part in parts(path)[1:]:
                part.unlink(missing_ok=True)
            sync(self.folder)
            self._open_files()
            self.entries.reopened(self._db)
        except (StoreProblem, OSError) as error:
            raise sqlite3.OperationalError(
                f"its files were deleted, and cannot be written again: {error}"
            ) from error
        self.mended = (
            f"files of {path} were deleted or replaced by another program: "
            "written again, nothing is lost"
        )
        LOG.error("store %s", self.mended)

    def recall(self) -> None:
        """Read why this stand-in was made from its marks, where an earlier process made it."""
        self.degraded = self.marked("degraded")

    def take_mended(self) -> str:
        """Return what was put right since the last call, "" where nothing was."""
        why, self.mended = self.mended, ""
        return why

    def begin_anew(self, journal: str, why: str, turn: Writing) -> list[Outgoing]:
        """Set the database aside; begin another, in the next generation, with this turn.

        Killed in between, the next start finds the old one set aside and a new one without entries,
        and reads what is open from there (`gateway.keep.recovery`). What is not of a journal goes
        along. Raises sqlite3.Error.
        """
        self._see_to_files()
        old = self.entries
        heritage = succession.heritage(old, journal, turn.shared)
        turn.done = succession.done(old)
        self._db.close()
        try:
            set_aside(self.folder / "gateway.db", keep=True)
            sync(self.folder)
            self._open_files()
        except (StoreProblem, OSError) as error:
            raise sqlite3.OperationalError(f"another journal cannot be begun: {error}") from error
        self.entries, self.anew = Journal(self._db, self.gateway), why
        return self.entries.succeed(journal, old.generation + 1, why, heritage, turn)

    def shed(self, step: int) -> int:
        """Let go of what can be missed, where this is a stand-in and memory is full.

        `step`: which of `gateway.keep.shed.STEPS`. Return how many entries went. Raises
        sqlite3.Error.
        """
        self.readings.give_up()
        return shed.shed(self._db, self.folder, step)

    async def close(self) -> None:
        """Finish what is queued, close the files and join the threads.

        That of the readings is waited for as far as its disk answers in time.
        """
        await self.run(self._close)
        self._thread.shutdown()
        await self.readings.close()

    def close_now(self) -> None:
        """Close the files from the thread that opened them, where no job was ever queued."""
        self._close()
        self._thread.shutdown()
        self.readings.close_now()

    def _close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    def drop(self) -> None:
        """Close what is open, of a store that could not be opened in full.

        Its log stays as it is, readable for whoever holds it.
        """
        self.readings.close_now(checkpoint=False)
        with contextlib.suppress(AttributeError, sqlite3.Error):
            self._db.close()
        self._thread.shutdown()

    # -- a start -----------------------------------------------------------------------------------

    def load(self, now: Moment, boot: str) -> Known:
        """Return what was known. Raises one of BROKEN on damage."""
        return known.load(self._db, self.journal, now, boot)

    def memories(self) -> Memories:
        """Return the drivers' memories. Raises one of BROKEN on damage."""
        return known.memories(self._db)

    def ended(self, now: Moment) -> dict[str, Alarm]:
        """Return every alarm that has ended, by its id. Raises one of BROKEN on damage."""
        return known.ended(self._db, now)

    def marked(self, name: str) -> str:
        """Return a mark of gateway.db, "" where there is none."""
        return marked(self._db, name)

    # -- the pump's side ---------------------------------------------------------------------------

    async def run(self, job: Callable[..., T], *args: object) -> T:
        """Run one job on the store's thread."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, job, *args)
        except sqlite3.DatabaseError as error:
            self._suspected(error)
            raise

    def _suspected(self, error: sqlite3.Error) -> None:
        """Leave a mark that makes the next start look at all of the database, where it is damaged.

        A start's short look does not find everything: each life would meet the damage anew.
        """
        if "malformed" in str(error):
            with contextlib.suppress(OSError):
                suspect(self.folder / "gateway.db").touch()

    async def commit(self, turn: Writing) -> list[Outgoing]:
        """Put one turn on disk; return its entries as they are to be pushed.

        Raises sqlite3.Error when nothing was written.
        """
        return await self.run(self.write, turn)

    def write(self, turn: Writing) -> list[Outgoing]:
        """Put one turn on disk, as `commit` does."""
        self._see_to_files()
        return self.entries.write(turn)

    def mark(self, name: str, value: str) -> None:
        """Write a mark. Raises sqlite3.Error."""
        mark(self._db, name, value)

    def retention(self, now: Moment, kept: int) -> Iterator[Gone]:
        """Carry out retention a little at a time: what is pressed is written between two steps.

        `kept`: the number from which on entries are young enough (`retention.entries_kept_from`).
        Age decides, whether the platform has it or not: in a home without one, or with it away for
        years, nothing would ever go. Only by a clock that is confirmed.
        """
        try:
            if now.quality is Quality.SYNCHRONISED:
                yield from retention.steps(self._db, kept)
        except sqlite3.Error as error:
            LOG.warning("store retention not carried out: %s", error)

    # -- push's side -------------------------------------------------------------------------------

    async def newest(
        self, faults: int, tests: int
    ) -> tuple[list[wire.Outward], list[wire.Outward]]:
        """Return the newest faults and the newest test alarms as they stand, newest first.

        Raises sqlite3.Error, BadMessage.
        """
        return await self.run(self._newest, faults, tests)

    def _newest(self, faults: int, tests: int) -> tuple[list[wire.Outward], list[wire.Outward]]:
        of_faults = self._db.execute(
            "SELECT body FROM journal WHERE name = 'fault' ORDER BY number DESC LIMIT ?", (faults,)
        )
        of_tests = self._db.execute(
            "SELECT j.body FROM alarms a JOIN journal j ON j.number = a.entry "
            "WHERE a.kind = ? ORDER BY a.number DESC LIMIT ?",
            (TEST, tests),
        )
        return [encoding.decode_entry(body) for (body,) in of_faults], [
            encoding.decode_entry(body) for (body,) in of_tests
        ]

    async def standing(self, limit: int) -> list[Outgoing]:
        """Return the newest entry of each open alarm of P1 and P2, where that has no receipt.

        At most `limit`; P1 first, of equal priority the newest first.
        """
        return await self.run(self._outgoing, _STANDING, int(Priority.P1), int(Priority.P2), limit)

    async def waiting(self, after: tuple[int, int], limit: int) -> list[Outgoing]:
        """Return entries without receipt, most urgent first, then oldest.

        Only those behind `after` (priority, number) in that order, at most `limit`.
        """
        return await self.run(self._outgoing, _WAITING, *after, limit)

    async def waiting_batches(self, after: int, limit: int) -> list[Outgoing]:
        """Return batches without receipt that come after number `after`, oldest first."""
        return await self.readings.waiting(after, limit)

    async def again(self, numbers: Iterable[int], *, batch: bool) -> list[Outgoing]:
        """Return these entries (or batches), as far as they still wait, to be sent again."""
        wanted = sorted(numbers)
        if batch:
            return [
                found
                for n in wanted
                for found in await self.waiting_batches(n - 1, 1)
                if found.number == n
            ]
        return await self.run(self._outgoing, _AGAIN, json.dumps(wanted))

    def _outgoing(self, query: str, *values: object) -> list[Outgoing]:
        """Return what a query finds in the outbox.

        What damage has made unreadable is taken out first: it would wait for ever.
        """
        while True:
            found = [Outgoing(*row) for row in self._db.execute(query, values)]
            torn = [m.number for m in found if not is_sound(m.payload)]
            if not torn:
                return found
            forget = "DELETE FROM outbox WHERE priority IN (1, 2, 3, 4) AND number = ?"
            self._db.executemany(forget, [(number,) for number in torn])
            self.mended = f"entries {torn} are damaged on the disk and cannot be sent"
            LOG.error("store %s", self.mended)

    async def kept(
        self, journal: str, first: int, last: int, limit: int
    ) -> list[tuple[int, str, bytes]]:
        """Return entries of a journal that are still kept, see `Journal.kept`."""
        return await self.run(self.entries.kept, journal, first, last, limit)

    async def counts(self) -> tuple[int, int]:
        """Return (entries, batches) that wait for a receipt; if unreadable, as read last."""
        return await self.run(self.count)

    def count(self) -> tuple[int, int]:
        """Return what `counts` does; on the store's thread."""
        with contextlib.suppress(sqlite3.Error):  # the next commit meets it, and goes on in memory
            self._see_to_files()
        try:
            self._counted = single(self._db, "SELECT count(*) FROM outbox")
        except sqlite3.Error as error:  # a question ends nothing: whoever writes next finds it out
            self._suspected(error)
        return self._counted, self.readings.waits
