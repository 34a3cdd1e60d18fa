"""SQLite's log, mended where a part of it was damaged: `gateway.db-wal` holds the newest commits until they are written into the database.

    header  magic | version | page size | sequence | salt, 8 bytes | sum, 8
    frame   page number | database pages after a commit, else 0 | salt, 8 bytes | sum, 8 | the page

Each sum goes on from the one before it, and SQLite reads up to the first sum that does not fit: one bad byte, and every later commit
is gone without a word; their numbers would be given a second time. What lies behind such a place is still there. It is put
in order again here; that some page then has a bad byte is found by the check of the database, as any other damage is.
Format: sqlite.org/fileformat2.html, section 4; all numbers big endian, the sums in the order of bytes that the magic names.
"""

from __future__ import annotations

import os
import struct
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

MAGIC = 0x377F0682  # sums of little-endian words; with the lowest bit set of big-endian ones
HEADER, FRAME = 32, 24
VERSION = 3007000
LARGEST = 64 * 1024 * 1024  # bytes; ours are cut at 4 MiB
LEFTOVER = 16  # frames of another salt in a row, behind which nothing of ours is looked for
MOST_PAGES = 1 << 24  # a page number above is a damaged one
Sum = tuple[int, int]


class _Frame(NamedTuple):
    head: bytes  # page number and size after commit
    page: bytes
    ours: bool  # its salt is the log's: it was not left over from before
    whole: bool

    @property
    def commits(self) -> bool:
        return self.head[4:] != bytes(4)


def mend(path: Path) -> str:
    """Put the log of database `path` in order where it is damaged; return what was wrong, "" where nothing was. Raises OSError.

    A last transaction that was cut off is no damage: it was never acknowledged. For a log that nobody has open.
    """
    log = path.with_name(path.name + "-wal")
    try:
        if not HEADER + FRAME < log.stat().st_size < LARGEST:
            return ""
        data = log.read_bytes()
    except FileNotFoundError:
        return ""
    read = _frames(data)
    if read is None:
        return ""
    order, size, salt, frames = read
    last = max((n for n, frame in enumerate(frames) if frame.ours), default=-1)
    frames = frames[: last + 1]
    bad = [n for n, frame in enumerate(frames) if not frame.whole]
    commits = [n for n, frame in enumerate(frames) if frame.commits and frame.ours]
    if not bad or not any(bad[0] <= n < last for n in commits):
        return ""
    # What follows a commit proves that the commit had reached the disk; the very last one must prove it by its sums.
    before = commits[-2] if len(commits) > 1 else -1
    end = commits[-1] if commits[-1] < last or not any(n > before for n in bad) else before
    kept = [f for f in frames[: end + 1] if f.ours or 0 < int.from_bytes(f.head[:4], "big") < MOST_PAGES]
    _write(log, order, size, salt, kept)
    return f"{len(bad)} of {len(frames)} pages in {log.name} were damaged: put in order, {end + 1 - len(kept)} left out"


def _frames(data: bytes) -> tuple[str, int, bytes, list[_Frame]] | None:
    """Return (order of bytes, page size, salt, frames); None where it is no log that anything can be read of."""
    magic, _, size, _, salt = struct.unpack(">IIII8s", data[:24])
    head: Sum | None = struct.unpack(">II", data[24:HEADER])
    if magic | 1 != MAGIC | 1 or size not in {1 << n for n in range(9, 17)} or _sum("<>"[magic & 1], data[:24], (0, 0)) != head:
        # A damaged header: the same machine wrote it with pages of our size, and the frames still carry the salt.
        magic, size, head = MAGIC, 1024, None
        salts = [data[at + 8 : at + 16] for at in range(HEADER, len(data) - FRAME - size + 1, FRAME + size)]
        salt = next((one for one, after in pairwise(salts[:LEFTOVER]) if one == after), b"")
        if not salt:
            return None
    order = "<>"[magic & 1]
    out, before = [], head
    for at in range(HEADER, len(data) - FRAME - size + 1, FRAME + size):
        top, page = data[at : at + 8], data[at + FRAME : at + FRAME + size]
        ours, said = data[at + 8 : at + 16] == salt, struct.unpack(">II", data[at + 16 : at + FRAME])
        out.append(_Frame(top, page, ours, ours and before is not None and _sum(order, top + page, before) == said))
        before = said
        if not any(f.ours for f in out[-LEFTOVER:]):
            break  # from here on it is what an earlier turn of the log has left
    return order, size, salt, out


def _sum(order: str, data: bytes, start: Sum) -> Sum:
    one, two = start
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    return one, two


def _write(log: Path, order: str, size: int, salt: bytes, frames: list[_Frame]) -> None:
    top = struct.pack(">IIII8s", MAGIC | (order == ">"), VERSION, size, 0, salt)
    last = _sum(order, top, (0, 0))
    out = [top, struct.pack(">II", *last)]
    for frame in frames:
        last = _sum(order, frame.head + frame.page, last)
        out += [frame.head, salt, struct.pack(">II", *last), frame.page]
    new = log.with_name(log.name + ".new")
    with new.open("wb") as file:
        file.write(b"".join(out))
        file.flush()
        os.fsync(file.fileno())
    new.replace(log)
