"""SQLite's log, mended where a part of it was damaged.

`gateway.db-wal` holds the newest commits until they are written into the database.

    header  magic | version | page size | sequence | salt, 8 bytes | sum, 8
    frame   page number | database pages after a commit, else 0 | salt, 8 bytes | sum, 8 | the page

Each sum goes on from the one before it, and SQLite reads up to the first sum that does not fit: one
bad byte, and every later commit is gone without a word; their numbers would be given a second time.
What lies behind such a place is still there. It is put in order again here; that some page then has
a bad byte is found by the check of the database, as any other damage is.

Damage in the very last commit looks like one that power cut off, for nothing follows it that would
prove that it was whole: it is left out, as SQLite does. If it had been told already, its numbers
are given again to other entries: the only way in which one can mean two. Format:
sqlite.org/fileformat2.html, section 4; all numbers big endian, the sums in the order of bytes that
the magic names.
"""

from __future__ import annotations

import os
import struct
import sys
from array import array
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

MAGIC = 0x377F0682  # sums of little-endian words; with the lowest bit set of big-endian ones
HEADER, FRAME = 32, 24
VERSION = 3007000
LARGEST = 64 * 1024 * 1024  # bytes; ours are cut at 4 MiB
LEFTOVER = 16  # frames of another salt in a row, behind which nothing of ours is looked for
AT_ONCE = 1024  # frames that are summed at once
# pairs of words after which what is above 32 bits is cut off: until then it stays within the 64 of
# its lane
UNCUT = 16
MOST_PAGES = 1 << 24  # a page number above is a damaged one
Sum = tuple[int, int]


class _Frame(NamedTuple):
    head: bytes  # page number and size after commit
    page: bytes
    ours: bool  # its salt is the log's: it was not left over from before
    whole: bool
    own: Sum  # what it adds to the sum of the one before it

    @property
    def number(self) -> int:
        return int.from_bytes(self.head[:4], "big")

    @property
    def commits(self) -> bool:
        return self.head[4:] != bytes(4)


class Image(NamedTuple):
    """One page as one commit left it.

    `whole`: its sums fit, so that neither it nor its number is damaged.
    """

    number: int
    page: bytes
    whole: bool


def mend(path: Path) -> str:
    """Put the log of database `path` in order where it is damaged. Nobody may have it open.

    Return what was wrong, "" where nothing was. Raises OSError. A last transaction that was cut off
    is no damage: it was never acknowledged.
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
    order, size, salt, frames = *read[:3], _until_ours(read[3])
    bad = [n for n, frame in enumerate(frames) if not frame.whole]
    if not bad or not any(frame.commits and frame.ours for frame in frames[bad[0] : -1]):
        return ""
    end = _end(frames)
    kept = [f for f in frames[: end + 1] if f.ours or 0 < f.number < MOST_PAGES]
    _write(log, order, size, salt, kept)
    left = end + 1 - len(kept)
    found = f"{len(bad)} of {len(frames)} pages in {log.name} were damaged"
    return f"{found}: put in order, {left} left out"


def pages(path: Path) -> int:
    """Return how many pages wait in the log of database `path` since it was begun anew.

    It is 0 where there is none. The log may be in use: it is only read, and no lock of SQLite's
    lies on it. Frames of an earlier turn of the log lie behind the last one under another salt: the
    end is found by halving, whatever the log's size. Raises OSError.
    """
    try:
        with path.with_name(path.name + "-wal").open("rb") as file:
            head = file.read(HEADER)
            step = FRAME + int.from_bytes(head[8:12], "big")
            low, high = (
                0,
                (os.fstat(file.fileno()).st_size - HEADER) // step if len(head) == HEADER else 0,
            )
            while low < high:
                middle = (low + high + 1) // 2
                file.seek(HEADER + (middle - 1) * step + 8)
                low, high = (middle, high) if file.read(8) == head[16:24] else (low, middle - 1)
            return low
    except FileNotFoundError:
        return 0


def committed(data: bytes) -> list[Image]:
    """Return the committed pages of a log, oldest first; [] where it is no log."""
    read = _frames(data) if len(data) > HEADER + FRAME else None
    if read is None:
        return []
    frames = _until_ours(read[3])
    return [
        Image(f.number, f.page, f.whole)
        for f in frames[: _end(frames) + 1]
        if f.ours and 0 < f.number < MOST_PAGES
    ]


def _until_ours(frames: list[_Frame]) -> list[_Frame]:
    """Return the frames up to the last one of ours; behind it lie those of an earlier turn."""
    return frames[: max((n for n, frame in enumerate(frames) if frame.ours), default=-1) + 1]


def _end(frames: list[_Frame]) -> int:
    """Return the index of the frame that ends the last commit on the disk, -1 where there is none.

    What follows a commit proves that it was there whole; the very last one must prove it by its
    sums.
    """
    commits = [n for n, frame in enumerate(frames) if frame.commits and frame.ours]
    if not commits:
        return -1
    last, before = len(frames) - 1, commits[-2] if len(commits) > 1 else -1
    whole = all(frame.whole for frame in frames[before + 1 : commits[-1] + 1])
    return commits[-1] if commits[-1] < last or whole else before


def _frames(data: bytes) -> tuple[str, int, bytes, list[_Frame]] | None:
    """Return (order of bytes, page size, salt, frames); None where nothing of a log can be read."""
    magic, _, size, _, salt = struct.unpack(">IIII8s", data[:24])
    head: Sum | None = struct.unpack(">II", data[24:HEADER])
    if (
        magic | 1 != MAGIC | 1
        or size not in {1 << n for n in range(9, 17)}
        or _sum("<>"[magic & 1], data[:24], (0, 0)) != head
    ):
        # A damaged header: the same machine wrote it with pages of our size, and the frames still
        # carry the salt.
        magic, size, head = MAGIC, 1024, None
        salts = [
            data[at + 8 : at + 16]
            for at in range(HEADER, len(data) - FRAME - size + 1, FRAME + size)
        ]
        salt = next((one for one, after in pairwise(salts[:LEFTOVER]) if one == after), b"")
        if not salt:
            return None
    order = "<>"[magic & 1]
    out, before, step, carry, own = [], head, FRAME + size, _Carry(order, size), []
    newest = -LEFTOVER  # the last frame of ours
    for n, at in enumerate(range(HEADER, len(data) - step + 1, step)):
        if n % AT_ONCE == 0:
            own = _own_sums(order, data[at : at + AT_ONCE * step], step)
        top, page = data[at : at + 8], data[at + FRAME : at + step]
        ours, said = (
            data[at + 8 : at + 16] == salt,
            struct.unpack(">II", data[at + 16 : at + FRAME]),
        )
        added = own[n % AT_ONCE]
        out.append(
            _Frame(
                top,
                page,
                ours,
                ours and before is not None and carry.on(before, added) == said,
                added,
            )
        )
        before = said
        newest = n if ours else newest
        if n - newest >= LEFTOVER:
            break  # from here on it is what an earlier turn of the log has left
    return order, size, salt, out


class _Carry:
    """How the sum of a frame goes on from that of the one before.

    Both are linear, so that what a frame adds is summed by itself. Pure, for any thread.
    """

    def __init__(self, order: str, size: int) -> None:
        nothing = bytes(8 + size)
        self._ones, self._twos = _sum(order, nothing, (1, 0)), _sum(order, nothing, (0, 1))

    def on(self, before: Sum, own: Sum) -> Sum:
        (a, b), (c, d), (one, two) = self._ones, self._twos, before
        return (a * one + c * two + own[0]) & 0xFFFFFFFF, (b * one + d * two + own[1]) & 0xFFFFFFFF


def _own_sums(order: str, data: bytes, step: int) -> list[Sum]:
    """Return what each frame in `data` adds to the sum of the one before it.

    All are summed at once, a frame by a lane in two long numbers: word by word a log as long as we
    read would hold up the hearing for seconds.
    """
    count, per = len(data) // step, step // 4
    words, lanes = array("I", data[: count * step]), array("I", bytes(8 * count))
    little = sys.byteorder == "little"
    if (order == "<") is not little:
        words.byteswap()

    def lane(word: int) -> int:
        lanes[not little :: 2] = words[word::per]
        return int.from_bytes(lanes.tobytes(), sys.byteorder)

    low = int.from_bytes(b"\xff\xff\xff\xff\0\0\0\0" * count, "little")
    one = two = 0
    for n, word in enumerate((0, *range(FRAME // 4, per, 2))):
        one += lane(word) + two
        two += lane(word + 1) + one
        if n % UNCUT == 0:
            one, two = one & low, two & low
    cut = [array("Q", (total & low).to_bytes(8 * count, sys.byteorder)) for total in (one, two)]
    return list(zip(*cut, strict=True))


def _sum(order: str, data: bytes, start: Sum) -> Sum:
    one, two = start
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    return one, two


def _write(log: Path, order: str, size: int, salt: bytes, frames: list[_Frame]) -> None:
    top = struct.pack(">IIII8s", MAGIC | (order == ">"), VERSION, size, 0, salt)
    last, carry = _sum(order, top, (0, 0)), _Carry(order, size)
    out = [top, struct.pack(">II", *last)]
    for frame in frames:
        last = carry.on(last, frame.own)
        out += [frame.head, salt, struct.pack(">II", *last), frame.page]
    new = log.with_name(log.name + ".new")
    with new.open("wb") as file:
        file.write(b"".join(out))
        file.flush()
        os.fsync(file.fileno())
    new.replace(log)
