"""What the answer of a webhook means. A receipt is one that names the entry."""

from __future__ import annotations

import http.client
import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from gateway.hook.hours import hour, seconds
from gateway.hook.waits import WAITS
from gateway.words.say import Say

ONCE: Final = 32  # letters of the word in a message by which an echo of it is known
ANSWER_MOST: Final = 64 * 1024  # bytes of an answer that are read
SIGNED: Final = 8  # letters of a signature in a row that nobody says by chance
# refused for good: who signs wrongly or asks at a wrong place need not ask again
_WRONG: Final = frozenset({401, 403, 404, 405, 410})
_KEYS: Final = frozenset({401, 403})  # of these, where the signature is not taken
_DOUBTS: Final = _KEYS | {400}  # of these, where the clocks differ, that is the likely cause
_LATER: Final = frozenset({408, 425, 429})


class Answered(Struct, frozen=True):
    """What came of one attempt.

    `receipt`: the other side has the entry. `wrong`: it is set up wrongly, so that trying again
    makes no sense; `again`: whether it makes sense; `after`: seconds the other side asks for.
    """

    receipt: bool = False
    wrong: bool = False
    again: bool = True
    no_network: bool = False
    after: float = 0.0
    why: Say = Say("hook.receipt")  # no word of the address


def body_of(answer: http.client.HTTPResponse, name: str) -> bytes:
    """Read an answer until it names the entry, piece by piece: some never say where they end."""
    got, word = bytearray(), name.encode()
    while len(got) < ANSWER_MOST and is_good(answer.status):
        piece = answer.read1(ANSWER_MOST - len(got))
        got += piece
        if not piece or word in got[-len(piece) - len(word) :]:
            break
    return bytes(got)


def echoes(message: bytes, signature: str) -> list[bytes]:
    """Return the words by which an answer is known that repeats a message, or its headers.

    They are letters and digits alone: whatever escapes them, they stay as they are.
    """
    once = re.search(rb'"once": ?"([0-9a-f]{%d})"' % ONCE, message)
    run = max(re.findall("[A-Za-z0-9]+", signature.rpartition(",")[2]), key=len, default="")
    return [*([once[1]] if once else []), *([run.encode()] if len(run) >= SIGNED else [])]


def is_good(status: int) -> bool:
    """Say whether a status is a 2xx: of no other is the body read."""
    return 200 <= status < 300


def meant(
    status: int,
    body: bytes,
    name: str,
    *,
    echo: Collection[bytes] = (),
    retry_after: str = "",
    date: str = "",
    at: float,
) -> Answered:
    """Return what an answer means that came `at` our wall seconds.

    Only a 2xx whose body names the entry is a receipt, and none that only repeats what was sent:
    `echo` are words of it that a receiver has no reason to say. `date` is the hour by the
    other's clock: ours may be wrong.
    """
    if is_good(status):
        if any(word in body for word in echo):  # a page that shows what it was asked, not a desk
            return Answered(why=Say("hook.echo", status=status))
        if name.encode() in body:
            return Answered(receipt=True)
        return Answered(why=Say("hook.unnamed", status=status))
    if 300 <= status < 400:
        return Answered(wrong=True, again=False, why=Say("hook.redirect", status=status))
    theirs = hour(date)
    if status in _DOUBTS and theirs and abs(theirs - at) > WAITS.clock:
        why = Say("hook.clock", status=status, ours=_said(at), theirs=_said(theirs))
        return Answered(again=False, why=why)
    if status in _WRONG:
        code = "hook.refused" if status in _KEYS else "hook.not_there"
        return Answered(wrong=True, again=False, why=Say(code, status=status))
    again = status in _LATER or status >= 500
    after = min(seconds(retry_after, theirs or at), WAITS.pause_most)
    why = Say("hook.later" if again else "hook.odd", status=status)
    return Answered(again=again, after=after, why=why)


def _said(wall: float) -> str:
    return f"{datetime.fromtimestamp(wall, UTC):%Y-%m-%d %H:%M}"
