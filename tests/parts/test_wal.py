"""A damaged log costs what was damaged and nothing behind it; a transaction that was cut off is left as SQLite leaves it."""

import contextlib
import random
import shutil
import sqlite3
import time
from pathlib import Path

import pytest
from gateway.keep import wal
from gateway.keep.wal import FRAME, HEADER, mend

COMMITS = 60
STEP = FRAME + 1024


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return a folder with `x.db` as a kill left it, all of it in the log; the log was begun anew once, so that old frames lie behind."""
    folder = tmp_path_factory.mktemp("log")
    db = sqlite3.connect(folder / "x.db", isolation_level=None)
    db.executescript("PRAGMA page_size = 1024; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0")
    db.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, body TEXT)")
    for n in range(COMMITS * 3):
        db.execute("INSERT INTO t VALUES (?, ?)", (-n - 1, "old" * 100))
    db.execute("PRAGMA wal_checkpoint(RESTART)")
    for n in range(COMMITS):
        db.execute("INSERT INTO t VALUES (?, ?)", (n, f"{n:04}" * 200))
    for part in ("x.db", "x.db-wal"):
        shutil.copy(folder / part, folder / f"killed-{part}")
    db.close()
    return folder


def copied(written: Path, to: Path) -> tuple[Path, Path]:
    for part in ("x.db", "x.db-wal"):
        shutil.copy(written / f"killed-{part}", to / part)
    (to / "x.db-shm").unlink(missing_ok=True)
    return to / "x.db", to / "x.db-wal"


def rows(path: Path) -> set[int]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return {n for (n,) in db.execute("SELECT n FROM t WHERE n >= 0")}


def ends(log: Path) -> list[int]:
    """Return where each transaction of the newest turn of the log ends, in bytes."""
    data = log.read_bytes()
    salt = data[16:24]
    return [
        at + STEP
        for at in range(HEADER, len(data) - STEP + 1, STEP)
        if data[at + 8 : at + 16] == salt and data[at + 4 : at + 8] != bytes(4)
    ]


def test_a_whole_log_is_left_alone(written, tmp_path):
    path, log = copied(written, tmp_path)
    before = log.read_bytes()
    assert mend(path) == ""
    assert log.read_bytes() == before
    assert rows(path) == set(range(COMMITS))
    assert mend(tmp_path / "none.db") == ""


def test_a_last_transaction_that_was_cut_off_is_left_as_it_is(written, tmp_path):
    dice = random.Random(3)
    for _ in range(40):
        path, log = copied(written, tmp_path)
        before, last = ends(log)[-2:]
        with log.open("r+b") as file:
            file.seek(dice.randrange(before, last - 8))
            file.write(dice.randbytes(8))
        assert mend(path) == "", "nobody was told of it"
        assert rows(path) == set(range(COMMITS - 1))
        path, log = copied(written, tmp_path)
        with log.open("r+b") as file:
            file.truncate(dice.randrange(before, last))
        assert mend(path) == ""
        assert rows(path) == set(range(COMMITS - 1))


@pytest.mark.parametrize("where", ["salt", "sum", "page", "anywhere", "header"])
def test_what_lies_behind_a_damaged_place_is_not_lost(written, tmp_path, where):
    dice = random.Random(where)
    worse = 0
    for _ in range(30):
        path, log = copied(written, tmp_path)
        places = ends(log)
        frame = HEADER + STEP * dice.randrange((places[-3] - HEADER) // STEP)
        at = {"salt": frame + 8, "sum": frame + 16, "page": frame + FRAME + 200, "anywhere": frame + dice.randrange(STEP - 8), "header": 4}[
            where
        ]
        with log.open("r+b") as file:
            file.seek(at)
            file.write(dice.randbytes(8))
        copy = tmp_path / "left"
        copy.mkdir(exist_ok=True)
        for part in (path, log):
            shutil.copy(part, copy / part.name)
        (copy / "x.db-shm").unlink(missing_ok=True)
        with contextlib.suppress(sqlite3.DatabaseError):
            worse += len(rows(copy / "x.db")) < COMMITS
        assert "damaged" in mend(path), at
        with contextlib.closing(sqlite3.connect(path)) as db:
            found = set()
            for n in range(COMMITS):  # a page may hold a bad byte; all others are there
                with contextlib.suppress(sqlite3.DatabaseError):
                    found |= {k for (k,) in db.execute("SELECT n FROM t WHERE n = ?", (n,))}
        assert COMMITS - 1 in found, "the newest above all"
        assert len(found) >= COMMITS - 4
        assert mend(path) == "", "once is enough"
    assert worse > 20, "without mending much is lost"


def test_noise_is_no_log(tmp_path):
    (tmp_path / "x.db-wal").write_bytes(random.Random(1).randbytes(50_000))
    assert mend(tmp_path / "x.db") == ""
    (tmp_path / "x.db-wal").write_bytes(b"")
    assert mend(tmp_path / "x.db") == ""


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("size", "frames"), [(1024, 2500), (512, 1), (4096, 3)])
def test_what_is_summed_at_once_is_what_is_summed_word_by_word(order, size, frames):
    step, dice = FRAME + size, random.Random(size + frames)
    data = dice.randbytes(frames // 2 * step) + b"\xff" * ((frames - frames // 2) * step)
    carry, last = wal._Carry(order, size), (dice.getrandbits(32), dice.getrandbits(32))
    own = wal._own_sums(order, data, step)
    assert len(own) == frames
    for n in range(frames):
        frame = data[n * step : (n + 1) * step]
        plain = wal._sum(order, frame[:8] + frame[FRAME:], last)
        last = carry.on(last, own[n])
        assert last == plain


def test_a_long_log_is_looked_over_in_a_part_of_the_time_that_its_words_take(tmp_path):
    """Nothing is heard meanwhile. The yardstick is the sum word by word, of the same log in the same run."""
    with contextlib.closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as db:
        db.executescript("PRAGMA page_size = 1024; PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 0")
        db.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, body BLOB)")
        for n in range(60):
            db.execute("INSERT INTO t VALUES (?, ?)", (n, random.Random(n).randbytes(100_000)))
        data = (tmp_path / "x.db-wal").read_bytes()
        began = time.process_time()
        for at in range(HEADER, len(data) - STEP + 1, STEP):
            wal._sum("<", data[at : at + 8] + data[at + FRAME : at + STEP], (0, 0))
        words = time.process_time() - began
        began = time.process_time()
        assert wal.mend(tmp_path / "x.db") == ""
        assert time.process_time() - began < 0.6 * words
