"""Attacks that were refused are told: each sort as one fault with a number of tries.

A refused try changes nothing, so nobody would know that somebody works on this home. Sorts:
"passwords" (wrong ones at the page), "frames" (forged or recorded ones on the air, a fault of its
own for each device, see `forged`). The page is another process and another user: it may only send a
datagram to the socket that wakes the daemon. What it says is one line of fixed form; of many the
newest counts, so a page that babbles fills nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from gateway.home.inbox import PageWord
from gateway.judge.faults.fact import FaultFact
from gateway.judge.faults.forged import FRAMES, Tallies
from gateway.judge.faults.ledger import Ledger
from gateway.tend.waits import WAITS
from gateway.words import kind
from gateway.words.clock import Moment
from gateway.words.part import Part
from gateway.words.reading import Value

# refused tries of one attack that are told: a technician mistypes less often
TELL_AT = 20
# as often as this many times what was told last: a month of guessing is a handful of entries
AGAIN_AT = 10
GUESSES = "passwords"  # the sort of wrong passwords


class _Seen(Struct):
    what: str
    count: int
    last: float  # monotonic second of the newest try
    told: int = 0


class Attacks(Part):
    """What was refused and looks like an attack.

    On the loop's thread: `page_says` is called when a datagram comes, all else by the pump.
    """

    faults: Ledger

    def __post_init__(self) -> None:
        self._seen: dict[str, _Seen] = {}  # by device, or by sort where it has none
        self._frames = Tallies()
        self._page: PageWord | None = None
        self._taken: PageWord | None = None

    def page_says(self, word: PageWord) -> None:
        """Take the page's newest word; the pump's next look acts on it."""
        self._page = word

    def look(
        self, now: Moment, refused: Iterable[tuple[str, Mapping[str, int]]] = ()
    ) -> list[FaultFact]:
        """Take what was `refused` of each device and at the page; end what has been quiet."""
        out = self._of_page(now)
        on = frozenset(of for name, of in self.faults.on if name == kind.ATTACKED)
        for device, tries in self._frames.look(refused, on, now.mono):
            out += self.counted(FRAMES, now, tries, device)
        for of in [of for name, of in self.faults.on if name == kind.ATTACKED]:
            self._of(of, str(self.faults.on[kind.ATTACKED, of].detail.get("what", of)), now)
        for of, seen in list(self._seen.items()):
            if now.mono - seen.last >= WAITS.attack_over:
                del self._seen[of]
                out += [
                    replace(f, detail={**f.detail, **_detail(seen)})
                    for f in self.faults.end(kind.ATTACKED, now, of)
                ]
        return out

    def counted(self, what: str, now: Moment, tries: int = 1, device: str = "") -> list[FaultFact]:
        """Take it that so many more tries of a sort were refused."""
        of = device or what
        seen = self._of(of, what, now)
        seen.count, seen.last = seen.count + tries, now.mono
        if (kind.ATTACKED, of) not in self.faults.on and seen.count >= TELL_AT:
            seen.told = seen.count
            return self.faults.begin(kind.ATTACKED, now, of, what=what, count=seen.count)
        if seen.told and seen.count >= AGAIN_AT * seen.told:
            seen.told = seen.count
            return self.faults.again(kind.ATTACKED, of, _detail(seen))
        return []

    def _of(self, of: str, what: str, now: Moment) -> _Seen:
        """Return what is known of one attack.

        One that has gone on since before a restart begins with what was told of it.
        """
        on = self.faults.on.get((kind.ATTACKED, of))
        told = int(on.detail.get("count", 0)) if on else 0
        return self._seen.setdefault(of, _Seen(what, told, now.mono, told))

    def _of_page(self, now: Moment) -> list[FaultFact]:
        word, before = self._page, self._taken
        if word is None or word == before:
            return []
        self._taken = word
        # The first word after our start counts from there: what it tells of was told before, or is
        # the page's whole life.
        more = 0 if before is None else word.wrong - (before.wrong if before.run == word.run else 0)
        out = self.counted(GUESSES, now, more) if more > 0 else []
        turned = self.faults.begin if word.unusable else self.faults.end
        return out + turned(kind.PAGE_CERTIFICATE, now)


def _detail(seen: _Seen) -> Mapping[str, Value]:
    return {"what": seen.what, "count": seen.count}
