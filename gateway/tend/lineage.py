"""Is this journal the one that the platform knows? Generations, and cards that were put back.

A journal's numbers are given once. That ends where a card is copied: put back after a repair,
yesterday's image gives today's numbers a second time, and a platform that goes by numbers takes a
new SOS for a repeat. So does the clone of a card in a second box. Neither can be seen from within.
Three things see it:

    the platform   says in its receipts which entry it has as the newest, by number and hash
                   (contract/chain). A number that is higher
                   than ours, or that has another hash, was given by somebody who is not us
    the place      the journal is bound to its box and its card (box/machine): in another one it
                   may have a twin
    itself         the head that was written down with the newest entry: entries behind it that are
                   gone would be given again

In each case another journal is begun at once: a name of its own, numbers from 1, the next
generation. The old database is set aside as it is, and no later conflict writes over it: with
SET_ASIDE of them on the card that is said, and the gateway goes on in the journal it has. One that
was last written longer ago than the journal is kept makes room.

In the new one is told, in one transaction: how all that is open stands, the faults that are on, and
what the old one has beyond the last entry of which both sides are known to have the same
(`confirmed`: by the chain, all before it is the same as well). Alarms that began beyond it get new
ids, for the platform may know others under theirs. What waits up to there goes along as it is.

A generation counts how often a journal of this gateway was taken up: begun, or gone back to after
working from memory. Among all that a gateway says the highest (generation, number) is the newest. A
fresh card, or one gone back to, may not know which generation came before it: when the platform
names a higher one, or the same of another journal, ours is lifted above it, and what is open is
told anew. Nothing else is needed: numbers and names are nobody else's.

The platform is believed, for it could as well throw away what it gets; but not for ever. A conflict
is acted upon once in half an hour, so that two twins, or a mad platform, cost two journals an hour
and no alarm; and where a journal that was begun for a conflict meets another one before the
platform has named a single hash right, it is the platform that reckons wrongly, which is said and
no more. When it was acted upon last is written down: a restart does not begin the time anew. Nor
does one head lift the generation far: a head that is more than STEP ahead is counted and passed
over, and what the receipt says of entries holds.

State: on the pump's task, all of it.
"""

from __future__ import annotations

import json
from math import inf

from msgspec import Struct
from msgspec.structs import astuple, replace

from gateway.contract import wire
from gateway.home.home import Home
from gateway.judge.book import Entry
from gateway.judge.faults.fact import FaultFact, Turn
from gateway.judge.pipeline import Pipeline
from gateway.keep import succession
from gateway.keep.database import BROKEN, SET_ASIDE, has_room, new_name
from gateway.keep.history import Outgoing
from gateway.keep.journal import Writing
from gateway.keep.known import lived
from gateway.keep.stand_in import settled
from gateway.keep.storage import Storage
from gateway.tend.waits import WAITS
from gateway.words import kind
from gateway.words.clock import Clock, Moment, on_boot, stamp
from gateway.words.part import Part
from gateway.words.reading import Value
from gateway.words.say import both

# generations that one head may be ahead of us: two an hour, for a lifetime, and a hair of
# wire.GENERATIONS
STEP = 1_000_000
MARK = "confirmed"
ACTED = "acted"  # mark: when a conflict was acted upon last


class UnlikelyHead(wire.BadMessage):
    """A head that no gateway can have come to; the receipt around it may be well."""


class Conflict(Struct, frozen=True):
    """Why another journal, or a higher generation, is begun, and above which generation."""

    why: str
    generation: int


def judged(
    head: wire.Head, journal: str, generation: int, last: int, recent: dict[int, str]
) -> Conflict | int:
    """Hold what the platform has against what we have.

    Return a conflict, or the number up to which both have the same (0: nothing is known).
    """
    if head.journal != journal:
        return Conflict("older", head.generation) if head.generation >= generation else 0
    if head.number > last:
        return Conflict("put_back", head.generation)
    if head.number not in recent:
        return 0
    return (
        head.number
        if recent[head.number] == head.hash
        else Conflict("other_bytes", head.generation)
    )


class Lineage(Part, kw_only=True):
    """What the platform says that it has, held against what we have. In the task "pump".

    `conflict`: another journal is to be begun in this turn.
    """

    home: Home
    clock: Clock
    boot: str
    storage: Storage
    pipeline: Pipeline

    def __post_init__(self) -> None:
        self.conflict: Conflict | None = None
        store = self.storage.store
        mark = store.marked(MARK)
        self.confirmed = int(mark) if mark.isdecimal() else 0
        self._began = (
            store.head.number
        )  # where no platform ever named a hash, what was there at the start is taken as shared
        self._proved = "conflict" not in store.marked("begun")  # the platform's hashes are believed
        self._at = store.marked(ACTED)
        self._acted = self._acted_before()

    def _acted_before(self) -> float:
        """Return when a conflict was last acted upon, on this boot's clock.

        It is just now where that cannot be read.
        """
        now = self.clock.now()
        try:
            at = lived(self._at)
            return (
                min(
                    now.mono,
                    on_boot(at, lived(self.storage.store.marked("alive")), now, self.boot).mono,
                )
                if at is not None
                else -inf
            )
        except BROKEN:
            return now.mono

    def marks(self, _now: Moment, _anew: bool = False) -> dict[str, str]:
        """Return what is written down with each turn."""
        return {MARK: str(self.confirmed), "generation": str(self.storage.store.generation)} | (
            {ACTED: self._at} if self._at else {}
        )

    def begin(self, now: Moment) -> list[Entry]:
        """Tell of another journal that the start has begun, and what is on."""
        why = self.storage.store.anew
        return (
            self.pipeline.noticed(
                self._told(why, now, generation=self.storage.store.generation), now
            )
            if why
            else []
        )

    def differs(self, head: wire.Head | None) -> bool:
        """Say whether the platform has entries under our numbers that are not ours."""
        found = self._judged(head) if head is not None else 0
        return isinstance(found, Conflict) and found.why != "older"

    def _judged(self, head: wire.Head) -> Conflict | int:
        store = self.storage.store
        return judged(
            head, store.journal, store.generation, store.head.number, store.entries.recent
        )

    def heard(self, head: wire.Head | None, now: Moment) -> list[Entry]:
        """Take which entry the platform has as the newest.

        Raises BadMessage where its hash, UnlikelyHead where it cannot be right.
        """
        if head is None:
            return []
        store = self.storage.store
        if head.generation > store.generation + STEP:
            raise UnlikelyHead(
                f"receipt's head says generation {head.generation}, "
                f"this is {store.generation}: the head is passed over"
            )
        found = self._judged(head)
        if isinstance(found, int):
            self.confirmed, self._proved = max(self.confirmed, found), self._proved or bool(found)
            return []
        if found.why != "older" and not self._proved:
            said = (
                f"receipt says that entry {head.number} of {head.journal} "
                f"has the hash {head.hash}, here it has another"
            )
            raise wire.BadMessage(f"{said}: is it reckoned over the bytes as they came?")
        if now.mono - self._acted < WAITS.conflict_again:
            return []
        self._acted, self._at = now.mono, json.dumps(astuple(stamp(self.boot, now)))
        if found.why == "older":
            store.entries.lift(found.generation + 1)
            told = self._told(found.why, now, generation=store.generation)
            return self.pipeline.tell_anew(told, now, why="generation")
        if store.folder != self.home.config.state:
            return []
        if not has_room(store.folder / "gateway.db", now, self.home.config.gateway.journal_days):
            return self.pipeline.noticed(self._told("full", now, also=found.why)[:1], now)
        self.conflict = found
        return []

    async def begun_anew(self, writing: Writing, now: Moment) -> tuple[Writing, list[Outgoing]]:
        """Begin another journal with what this turn writes. Raises sqlite3.Error."""
        conflict, store, pipeline = self.conflict, self.storage.store, self.pipeline
        assert conflict is not None  # asked only then
        self.conflict = None
        journal = new_name()
        floor = self.confirmed or self._began
        beyond = await store.run(succession.beyond, store.entries, floor, journal)
        store.entries.lift(conflict.generation)
        shared, last = beyond.shared, len(beyond.again)
        entries = pipeline.renumber(
            journal, writing.entries, now, last=last, shared=shared, why="conflict"
        )
        told = self._told(
            conflict.why,
            now,
            generation=store.generation + 1,
            confirmed=self.confirmed,
            earlier_journal=store.journal,
            earlier_last=store.head.number,
            earlier_head=store.head.hash,
        )
        entries += pipeline.noticed(told, now)
        writing = replace(
            writing,
            entries=entries,
            accepted=[],
            again=beyond.again,
            resent=(),
            waiting=beyond.waiting,
            shared=shared,
        )
        writing.marks = {**writing.marks, ACTED: self._at}
        withheld = store.readings.withheld
        out = await store.run(store.begin_anew, journal, "conflict", writing)
        self.anew()
        self._proved = False
        settled(self.home.config.state, self.home.config.runtime)
        store.readings.withhold(withheld)
        return writing, out

    def anew(self) -> None:
        """Begin with another store: nothing of its journal is known to anybody yet."""
        self.conflict, self.confirmed, self._began, self._proved = None, 0, 0, True

    def _told(self, why: str, now: Moment, **more: Value) -> list[FaultFact]:
        """Return what is told of it, and the faults that are on, as another journal tells them."""
        faults = self.pipeline.faults
        said = faults.note(
            kind.IDENTITY_CONFLICT,
            now,
            "",
            why=why,
            said=both(f"lineage.{why}", most=SET_ASIDE),
            **more,
        )
        return [
            said,
            *(replace(fact, turn=Turn.RAISED) for fact in faults.on.values() if not fact.test),
        ]
