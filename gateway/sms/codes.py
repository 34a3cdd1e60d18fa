"""Which short code stands for which alarm: an SMS that comes back names it.

One code for a person and an alarm, however often he is told of it; none is given twice within 30
days. They stand in a small file of the state folder that the daemon's user alone may read: the
program adds to it, the daemon reads it.
"""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Final, NamedTuple

from gateway.sms import rows

FILE: Final = "sms-codes.json"
KEPT: Final = 30 * 86400.0
AT_LEAST: Final = 200  # kept whatever the wall clock says: it may be years wrong
AT_MOST: Final = 2000


class Given(NamedTuple):
    """One code: whom it was sent to, of which alarm, and the wall clock's second then."""

    code: str
    person: str
    alarm: str
    at: float


def given(state: Path) -> list[Given]:
    """Return what is known, oldest first; nothing where the file is not there or torn."""
    try:
        found = rows.read(state, FILE)
        return [Given(str(c), str(p), str(a), float(at)) for c, p, a, at in found]
    except (OSError, ValueError, TypeError):
        return []


def give(state: Path, person: str, alarm: str) -> str:
    """Return the code of a person for an alarm; a new one is on the disk. Raises OSError."""
    with rows.alone(state, FILE):
        known, now = given(state), time.time()
        for one in known:
            if (one.person, one.alarm) == (person, alarm):
                return one.code
        fresh = [one for one in known[:-AT_LEAST] if now - one.at < KEPT]
        kept = [*fresh, *known[-AT_LEAST:]][-AT_MOST + 1 :]
        code = _unused({one.code for one in kept})
        rows.write(state, FILE, [*kept, Given(code, person, alarm, round(now, 1))])
        return code


def _unused(used: set[str]) -> str:
    """Return four digits that are not in use; none begins with 0, which phones leave out."""
    while True:
        code = str(1000 + secrets.randbelow(9000))
        if code not in used:
            return code
