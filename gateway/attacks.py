"""Attacks that were refused are told: each sort as one fault with a number, however many thousand tries it was.

A refused try changes nothing, so nobody would know that somebody works on this home. Sorts: "passwords" (wrong ones at the page),
"frames" (forged or repeated on the air). The page is another process and another user: it may only send a datagram to the socket that
wakes the daemon. What it says is one line of fixed form; of many the newest counts, so a page that babbles fills nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gateway import kind
from gateway.clock import Moment
from gateway.fault import FaultFact, Faults
from gateway.reading import Value

TELL_AT = 20  # refused tries, each within QUIET of the one before, that are told: a technician mistypes less often
AGAIN_AT = 10  # times as many as were told last are told again: a month of guessing is a handful of entries
QUIET = 3600.0  # s without another try after which an attack is over
GUESSES = "passwords"  # the sort of wrong passwords
_WORD = re.compile(rb"page ([0-9a-f]{8}) ([0-9]{1,9}) ([01])")


@dataclass(slots=True)
class _Seen:
    count: int
    last: float  # monotonic second of the newest try
    told: int = 0


@dataclass(frozen=True, slots=True)
class PageWord:
    """What the page says of itself: how many wrong passwords since its start, which `run` tells from others, and its certificate."""

    run: str
    wrong: int
    unusable: bool  # the certificate that was given to it: the box's own is served instead

    def datagram(self) -> bytes:
        """Return it as it is sent."""
        return f"page {self.run} {min(self.wrong, 999_999_999)} {self.unusable:d}".encode()


def page_word(datagram: bytes) -> PageWord | None:
    """Return what the page says of itself, None where a datagram is something else."""
    found = _WORD.fullmatch(datagram)
    return PageWord(found[1].decode(), int(found[2]), found[3] == b"1") if found else None


class Attacks:
    """What was refused and looks like an attack. `page` is the newest word of the page; the pump takes it when it looks."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._seen: dict[str, _Seen] = {}
        self.page: PageWord | None = None
        self._taken: PageWord | None = None

    def look(self, now: Moment) -> list[FaultFact]:
        """Take the page's newest word, and end what has been quiet for long enough."""
        out = self._of_page(now)
        for what in [of for name, of in self._faults.on if name == kind.ATTACKED]:
            self._seen.setdefault(what, _Seen(self._told(what), now.mono, self._told(what)))
        for what, seen in list(self._seen.items()):
            if now.mono - seen.last >= QUIET:
                del self._seen[what]
                out += [replace(f, detail={**f.detail, **_detail(what, seen)}) for f in self._faults.end(kind.ATTACKED, now, what)]
        return out

    def counted(self, what: str, now: Moment, tries: int = 1) -> list[FaultFact]:
        """Take it that so many more tries of a sort were refused."""
        seen = self._seen.setdefault(what, _Seen(self._told(what), now.mono, self._told(what)))
        seen.count, seen.last = seen.count + tries, now.mono
        if (kind.ATTACKED, what) not in self._faults.on and seen.count >= TELL_AT:
            seen.told = seen.count
            return self._faults.begin(kind.ATTACKED, now, what, what=what, count=seen.count)
        if seen.told and seen.count >= AGAIN_AT * seen.told:
            seen.told = seen.count
            return self._faults.again(kind.ATTACKED, what, _detail(what, seen))
        return []

    def _told(self, what: str) -> int:
        """Return how many tries were told of an attack that goes on, also before a restart."""
        on = self._faults.on.get((kind.ATTACKED, what))
        return int(on.detail.get("count", 0)) if on else 0

    def _of_page(self, now: Moment) -> list[FaultFact]:
        word, before = self.page, self._taken
        if word is None or word == before:
            return []
        self._taken = word
        # The first word after our start counts from there: what it tells of was told before, or is the page's whole life.
        more = 0 if before is None else word.wrong - (before.wrong if before.run == word.run else 0)
        out = self.counted(GUESSES, now, more) if more > 0 else []
        turned = self._faults.begin if word.unusable else self._faults.end
        return out + turned(kind.PAGE_CERTIFICATE, now)


def _detail(what: str, seen: _Seen) -> Mapping[str, Value]:
    return {"what": what, "count": seen.count}
