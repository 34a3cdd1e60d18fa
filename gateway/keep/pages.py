"""The rows of a damaged database, from its pages one by one.

They are read without the names of the tables, and without the tree above the rows.

    page    type | free, 2 | cells, 2 | begin, 2 | fragments | last child, 4 (of an inner page)
            | where each cell lies, 2 each
    cell    of a table: size | row number | record
            of an index: child, 4 (of an inner page) | size | record
    record  size of its head | type of each value | the values

Numbers behind a comma are bytes. What does not fit into its page goes on in a chain of pages: next,
4 | content. Sizes, row numbers and types take 1 to 9 bytes of 7 bits. A damaged page costs what
stands in it. Older images of a page, in the log and under it, are read too, for what they hold of
rows that never change. Format: sqlite.org/fileformat2.html; a WITHOUT ROWID table is an index.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

from gateway.keep import wal

Value = int | float | str | bytes | None

PAGE = 1024  # bytes
LARGEST = 1024 * 1024  # bytes of one row; what says that it is larger is damaged
LONGEST = 50  # values of one row
BLOCK = 64  # pages that are read at a time
TABLE, INDEX, INNER_TABLE, INNER_INDEX, OVERFLOW = 13, 10, 5, 2, 0  # what pages of ours begin with
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}  # type of a value -> its bytes
# bytes of a row up to which all of it lies in its cell, and how many at least
_MOST = {
    TABLE: PAGE - 35,
    INDEX: (PAGE - 12) * 64 // 255 - 23,
    INNER_INDEX: (PAGE - 12) * 64 // 255 - 23,
}
_LEAST = (PAGE - 12) * 32 // 255 - 23


_NOTHING = bytes(PAGE)


class Row(NamedTuple):
    """One row of a table or an index.

    `now`: it stands so in the newest image of a page that is in use; else it may have been changed
    or deleted since.
    """

    number: int  # of an index 0
    values: tuple[Value, ...]
    now: bool


class Held:
    """The log of a database, held open before SQLite opens it. On the thread that starts.

    So it can be read when SQLite has tidied it away.
    """

    def __init__(self, path: Path) -> None:
        self._log: BinaryIO | None = None
        with contextlib.suppress(OSError):
            self._log = path.with_name(path.name + "-wal").open("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._log is not None:
            self._log.close()

    def frames(self) -> list[wal.Image]:
        """Return what the log holds of committed pages, oldest first; [] if unreadable."""
        with contextlib.suppress(OSError):
            if self._log is not None and os.fstat(self._log.fileno()).st_size < wal.LARGEST:
                return wal.committed(os.pread(self._log.fileno(), wal.LARGEST, 0))
        return []


class Pages:
    """All images of a database's pages. On the thread that starts.

    Nobody may have the file open: to close it here takes away SQLite's locks on it.
    """

    def __init__(self, path: Path, held: Held) -> None:
        self.torn = False  # in reading rows a page was met that may have held rows of an index
        self._file: BinaryIO | None = None
        self._count = 0
        with contextlib.suppress(OSError):
            self._file = path.open("rb")
            self._count = (os.fstat(self._file.fileno()).st_size + PAGE - 1) // PAGE
        self._images = [image for image in held.frames() if len(image.page) == PAGE]
        self._newest = {image.number: image.page for image in self._images if image.whole}
        self._free = self._unused()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def rows(self, *types: int) -> Iterator[Row]:
        """Yield every row that can be read on pages of these types, what was written last first.

        Damage is skipped, never raised.
        """
        for number, page, _ in reversed(self._images):
            # begins with the header of the file, and has nothing but the tables' names
            if number == 1:
                continue
            yield from self._rows(
                page, types, now=self._newest.get(number) is page and number not in self._free
            )
        for first in reversed(range(2, self._count + 1, BLOCK)):
            for number, page in reversed([*enumerate(self._block(first), first)]):
                yield from self._rows(
                    page, types, now=number not in self._newest and number not in self._free
                )

    def _block(self, first: int) -> list[bytes]:
        """Return the pages from `first` on as they stand in the database itself.

        Those that the disk does not give are empty.
        """
        last = min(first + BLOCK, self._count + 1)
        block = self._read(first, last - first) or b"".join(
            self._read(n, 1) or _NOTHING for n in range(first, last)
        )
        return [block[at : at + PAGE] for at in range(0, len(block), PAGE)]

    def _read(self, number: int, count: int) -> bytes:
        """Return `count` pages of the database itself from `number` on, b"" where there are none.

        A last page that was cut off is filled up with zeros.
        """
        with contextlib.suppress(OSError):
            if self._file is not None and 0 < number <= self._count:
                return os.pread(self._file.fileno(), PAGE * count, (number - 1) * PAGE).ljust(
                    PAGE * count, b"\0"
                )
        return b""

    def _page(self, number: int) -> bytes:
        return self._newest.get(number) or self._read(number, 1) or _NOTHING

    def _unused(self) -> set[int]:
        """Return the pages that are free: what was deleted still stands in them.

        It is empty where the first page does not name them credibly.
        """
        trunk, count = struct.unpack(">II", self._page(1)[32:40])
        free: set[int] = set()
        while trunk and trunk not in free and len(free) < count:
            page = self._page(trunk)
            after, leaves = struct.unpack(">II", page[:8])
            if leaves > PAGE // 4 - 2:
                return set()
            found = {trunk, *struct.unpack(f">{leaves}I", page[8 : 8 + 4 * leaves])}
            if len(found) != leaves + 1 or found & free:
                return set()
            free |= found
            trunk = after
        return free if len(free) == count and not trunk else set()

    def _rows(self, page: bytes, types: tuple[int, ...], *, now: bool) -> Iterator[Row]:
        kind = page[0]
        if kind not in types:
            known = kind in {TABLE, INDEX, INNER_TABLE, INNER_INDEX} or (
                kind == OVERFLOW and page != _NOTHING
            )
            self.torn |= now and not known
            if TABLE not in types or known:
                return
            kind = TABLE  # its first bytes are damaged; the rows behind them may be whole
        begin = 12 if kind == INNER_INDEX else 8
        end = begin + 2 * int.from_bytes(page[3:5], "big")
        places = [
            int.from_bytes(page[at : at + 2], "big") for at in range(begin, min(end, PAGE), 2)
        ]
        if kind == TABLE and (kind != page[0] or not all(end <= at < PAGE for at in places)):
            places = list(range(8, PAGE - 4))  # where each row lies is not known any more
        for at in places:
            try:
                yield self._row(page, kind, at, now=now)
            except (IndexError, ValueError, struct.error):
                self.torn |= now and kind != TABLE

    def _row(self, page: bytes, kind: int, at: int, *, now: bool) -> Row:
        """Return the row at a place. Raises IndexError, ValueError, struct.error where none is."""
        size, at = _number(page, at + 4 if kind == INNER_INDEX else at)
        number, at = _number(page, at) if kind == TABLE else (0, at)
        if not 1 < size <= LARGEST:
            raise ValueError(size)
        if size <= _MOST[kind]:
            record = page[at : at + size]
        else:
            here = _LEAST + (size - _LEAST) % (PAGE - 4)
            here = here if here <= _MOST[kind] else _LEAST
            record = page[at : at + here] + self._rest(
                int.from_bytes(page[at + here : at + here + 4], "big"), size - here
            )
        return Row(number - (1 << 64) if number >> 63 else number, _values(record), now)

    def _rest(self, number: int, size: int) -> bytes:
        """Return the content of a chain of pages, at most `size` bytes.

        A chain that is broken gives less; the caller then takes the record as not whole.
        """
        parts: list[bytes] = []
        for _ in range(0, size, PAGE - 4):
            if not 1 < number < wal.MOST_PAGES:
                break
            page = self._page(number)
            parts.append(page[4:])
            number = int.from_bytes(page[:4], "big")
        return b"".join(parts)[:size]


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of 1 to 9 bytes and where it ends. Raises IndexError."""
    value = 0
    for place in range(at, at + 8):
        byte = data[place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # the highest bit says that there is more
            return value, place + 1
    return value << 8 | data[at + 8], at + 9


def _values(record: bytes) -> tuple[Value, ...]:
    """Return a record's values. Raises IndexError, ValueError, struct.error where it is none."""
    head, at = _number(record, 0)
    types = []
    while at < head:
        one, at = _number(record, at)
        types.append(one)
    if at != head or len(types) > LONGEST:
        raise ValueError(head)
    out: list[Value] = []
    for one in types:
        if one in _INTEGERS:
            size = _INTEGERS[one]
            out.append(int.from_bytes(record[at : at + size], "big", signed=True))
        elif one == 7:
            size = 8
            out.append(struct.unpack(">d", record[at : at + 8])[0])
        elif one >= 12:
            size = (one - 12) // 2
            out.append(record[at : at + size].decode() if one % 2 else record[at : at + size])
        elif one in {10, 11}:
            raise ValueError(one)
        else:
            size = 0
            out.append(None if one == 0 else one - 8)
        at += size
    if at != len(record):
        raise ValueError(at)
    return tuple(out)
