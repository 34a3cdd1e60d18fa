"""A small file of rows in the state folder, to which several programs add: whole, or as before.

The daemon's user alone may read it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

LARGEST: Final = 1 << 20  # bytes that are read


def read(state: Path, name: str) -> list[Any]:
    """Return the rows of a file. Raises OSError, ValueError."""
    with (state / name).open("rb") as file:
        found = json.loads(file.read(LARGEST))
    return found if isinstance(found, list) else []


@contextmanager
def alone(state: Path, name: str) -> Iterator[None]:
    """Hold off other programs that add to a file at the same time. Raises OSError."""
    descriptor = os.open(state / f".{name}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write(state: Path, name: str, rows: Sequence[Any]) -> None:
    """Put rows in the place of a file; they are on the disk by then. Raises OSError."""
    fresh = state / f".{name}.new"
    descriptor = os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(rows, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(state / name)
    folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
