"""Who was rung for which alarm, and whose the line is: files of the state folder.

Whoever calls back is believed where his telephone was rung for an alarm; it is written down before
it rings. One program at a time has the line, and its call stands in a file that is locked
meanwhile: a call whose program was ended is found by that and hung up.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from gateway.sms import rows

FILE: Final = "ring-calls.json"
LINE: Final = ".ring-line"
MOST: Final = 200  # the newest that are kept
_PATH_MOST: Final = 200  # letters of a call's path


class Made(NamedTuple):
    """One call: to whom, of which alarm, and the wall clock's second then."""

    person: str
    alarm: str
    at: float


def made(state: Path) -> list[Made]:
    """Return what is known, oldest first; nothing where the file is not there or torn."""
    try:
        return [Made(str(p), str(a), float(at)) for p, a, at in rows.read(state, FILE)]
    except (OSError, ValueError, TypeError):
        return []


def note(state: Path, person: str, alarm: str) -> bool:
    """Write down that a person's telephone is rung for an alarm; say if it was before.

    Raises OSError.
    """
    with rows.alone(state, FILE):
        known = made(state)
        rest = [one for one in known if (one.person, one.alarm) != (person, alarm)]
        one = Made(person, alarm, round(time.time(), 1))
        rows.write(state, FILE, [*rest[-MOST + 1 :], one])
        return len(rest) < len(known)


def take_back(state: Path, person: str, alarm: str) -> None:
    """Write down that a person's telephone never rang for an alarm. Raises OSError."""
    with rows.alone(state, FILE):
        rest = [one for one in made(state) if (one.person, one.alarm) != (person, alarm)]
        rows.write(state, FILE, rest)


class Line:
    """The line, held by this program until it ends; -1 where no file says so."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def says(self, call: str) -> None:
        """Write which call is made on it, "" for none, where that can be written."""
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, call.encode()[:_PATH_MOST], 0)


@contextmanager
def line(state: Path) -> Iterator[Line | None]:
    """Take the line while no other program has it, else yield None. Raises OSError."""
    descriptor = os.open(state / LINE, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        yield None
        return
    try:
        yield Line(descriptor)
    finally:
        os.close(descriptor)


def left(state: Path) -> str:
    """Return the call whose program was ended in the middle of it; "" for none."""
    try:
        with line(state) as mine:
            return (state / LINE).read_text("utf-8", "replace")[:_PATH_MOST] if mine else ""
    except OSError:
        return ""


def gone(state: Path) -> None:
    """Take that no call is left. Raises OSError."""
    with line(state) as mine:
        if mine is not None:
            mine.says("")
