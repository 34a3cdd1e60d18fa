"""The chain of a journal: each entry carries the hash of the one before.

So no entry can be changed, cut out or moved unseen.

    entry 7   {"v":1, ... "number":7, "previous":"<hash of the bytes of entry 6>"}
    entry 8   {"v":1, ... "number":8, "previous":"<hash of the bytes of entry 7>"}
    head      (8, hash of the bytes of entry 8): it vouches for everything before it

An entry is encoded once. What is hashed are these very bytes, as they lie in the journal and go
over the wire; nobody has to agree on how JSON is written. Nothing that was told is ever encoded
again: a wall clock that is put right later is told by a further entry, and the earlier ones keep
the times they had.

The gateway keeps the head beside the entries (the mark `head`, written in the same transaction),
says it in each heartbeat, and the platform says in its receipts which head it has. So there are two
witnesses: whoever changes the card changes nothing at the platform.

A chain begins where a journal does. It honestly begins later, or goes on without what was before,
and says so, each in a mark:

    begun    entry number, why: a new journal (`new`, `damaged`, `stand_in`, `conflict`, `backup`),
             or the first entry that this software wrote into a journal of earlier software, which
             knew no chain (`earlier`)
    anchor   number and hash of the newest entry that retention has deleted: the next one must carry
             that hash. Older entries that are kept, because they are open, have lost their
             neighbours: they stand alone, and nothing here proves them. Retention never reaches
             above the first entry that is young enough: a young one below the anchor was deleted
             by somebody else

`proved` holds all of it against each other, without network: `eldercare-gateway check --journal`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from math import inf
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct, field

from gateway.contract import encoding, wire
from gateway.words.clock import Quality
from gateway.words.say import Say

# hex digits of SHA-256 that are kept: 128 bits. A heartbeat carries them 43,200 times a month over
# a metered line
DIGITS: Final = 32
TOLD: Final = 20  # troubles that are told in words; more are counted
EARLIER: Final = "earlier"


class Head(NamedTuple):
    """An entry by its number and hash. Number 0: there is none."""

    number: int = 0
    hash: str = ""


class Begun(NamedTuple):
    """Where a chain begins, and why there."""

    number: int
    why: str


class Trouble(NamedTuple):
    """What does not fit: the first number concerned, and how, in words."""

    number: int
    say: Say


class Verdict(Struct):
    """What holding a journal against itself has shown.

    `proved` entries are vouched for by a later one or by the head.
    """

    head: Head = field(default_factory=Head)
    proved: int = 0
    before: int = 0  # written by software that knew no chain
    alone: int = 0  # older than what retention has deleted, without a neighbour
    count: int = 0
    troubles: list[Trouble] = field(default_factory=list)

    def add(self, number: int, say: Say) -> None:
        """Take a trouble."""
        self.count += 1
        if len(self.troubles) < TOLD:
            self.troubles.append(Trouble(number, say))


def hashed(body: bytes) -> str:
    """Return the hash of an entry's bytes: the first 32 hex digits of SHA-256."""
    return hashlib.sha256(body).hexdigest()[:DIGITS]


def head_of(text: str) -> Head:
    """Return the head, or anchor, that a mark holds; Head() for "". Raises ValueError."""
    number, _, found = text.partition(" ")
    return Head(int(number), found) if text else Head()


def text_of(head: Head) -> str:
    """Return a head as a mark holds it."""
    return f"{head.number} {head.hash}"


def begun_of(text: str) -> list[Begun]:
    """Return the beginnings that a mark holds. Raises ValueError."""
    return msgspec.json.decode(text or "[]", type=list[Begun])


def proved(
    rows: Iterable[tuple[int, bytes]],
    journal: str,
    head: Head | None,
    anchor: Head,
    begun: Sequence[Begun],
    young: float = inf,
) -> Verdict:
    """Hold a journal's entries against each other, the journal's head and retention's anchor.

    `rows`: (number, bytes) in the order of the numbers. `head`: None where there is no mark of it
    at all. `young`: the wall second from which on retention keeps everything.
    """
    out = Verdict()
    # before it there may be entries without a chain
    unchained = max((b.number for b in begun if b.why == EARLIER), default=0)
    chained = bool(begun)
    after = 0  # number of the row before this one
    before = Head()  # the same with its hash, where it is an entry of this journal
    for number, body in rows:
        if number != after + 1:
            out.alone += 0 < after <= anchor.number
            if number - 1 > anchor.number:
                first = max(after, anchor.number) + 1
                gap = f"{first}" if first == number - 1 else f"{first}-{number - 1}"
                out.add(first, Say("chain.missing", gap=gap))
        linked = (
            before
            if before.number == number - 1
            else anchor
            if anchor.number == number - 1
            else Head()
        )
        message, here = _read(body), Head(number, hashed(body))
        if message is None:
            out.add(number, Say("chain.unread", number=number))
        elif (message.journal, message.number) != (journal, number):
            says = f"{message.number} ({message.journal})"
            out.add(number, Say("chain.moved", number=number, says=says))
        elif not message.previous and number >= unchained and number > 1:
            out.add(number, Say("chain.bare", number=number))
        elif message.previous and linked.number and linked.hash != message.previous:
            bad = number if linked is anchor else linked.number
            said = f"{bad}: {message.previous} != {linked.hash}"
            out.add(bad, Say("chain.changed", said=said, number=number))
        elif message.previous and linked is before and before.number:
            out.proved += 1
        elif not message.previous and number > 1:
            out.before += 1
        if message is not None and number < anchor.number and _wall(message) >= young:
            said = f"{anchor.number}: {number} ({message.at.wall})"
            out.add(number, Say("chain.young", said=said))
            young = inf  # once is enough
        whole = message is not None and (message.journal, message.number) == (journal, number)
        after, before, out.head = number, here if whole else Head(), here
        chained = chained or (message is not None and bool(message.previous))
    if chained and (head is None or (out.head.number and not head.number)):
        out.add(out.head.number, Say("chain.no_head"))
    _ended(out, head or Head())
    return out


def _ended(out: Verdict, head: Head) -> None:
    """Hold the newest entry against the head that was written down with it."""
    if not head.number:
        return
    if out.head.number < head.number:
        gap = f"{out.head.number + 1}-{head.number}"
        out.add(out.head.number + 1, Say("chain.cut", gap=gap))
    elif out.head.number == head.number and out.head.hash != head.hash:
        said = f"{head.number}: {head.hash} != {out.head.hash}"
        out.add(head.number, Say("chain.newest_changed", said=said))
    elif out.head.number == head.number:
        out.proved += 1


def _wall(message: wire.Outward) -> float:
    """Return the wall second of an entry; one that no time server had confirmed is of no age."""
    return (
        datetime.fromisoformat(message.at.wall).timestamp()
        if message.at.clock is Quality.SYNCHRONISED
        else -inf
    )


def _read(body: bytes) -> wire.Outward | None:
    try:
        return encoding.decode_entry(body)
    except wire.BadMessage:
        return None
