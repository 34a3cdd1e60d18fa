"""Who signed, and how: typed, under the name that has signed in, or drawn with a finger."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

from gateway.home.certificates import canonical
from gateway.home.parts import Agreed, Signature, Strokes
from gateway.words.instruction import Problem
from gateway.words.say import Say

WIDE, HIGH = 600, 200  # units of the field that is signed on
SHORTEST = 80  # units of a drawn signature, all strokes together: a touch by mistake is none
STROKES = 8 * 1024  # bytes of it


def unsigned(signature: Signature, by: str) -> Problem | None:
    """Say what is wrong with a signature, None where nothing is.

    A typed one must be the name under which one has signed in (`by`); a drawn one must stay in its
    field and be long enough.
    """
    if signature.how == "typed":
        same = signature.name and signature.name == by.partition(" (")[0]
        return None if same else Problem("certificate", "", "typed", Say("sign.name"))
    return _undrawn(signature.strokes, "certificate")


def unagreed(agreed: Agreed) -> Problem | None:
    """Say what is wrong with an agreement, None where nothing is.

    It is drawn, or has the name of who signed on paper; who speaks for the resident has a name.
    """
    if not agreed.name and (agreed.who == "representative" or not agreed.strokes):
        return Problem("consent", "", "name", Say("sign.agreed"))
    return _undrawn(agreed.strokes, "consent") if agreed.strokes else None


def _undrawn(strokes: Strokes, section: str) -> Problem | None:
    """Say what is wrong with what was drawn: it is in its field, and long enough."""
    whole = all(len(s) >= 2 and len(s) % 2 == 0 for s in strokes)
    if not whole or len(canonical(strokes)) > STROKES or not _inside(strokes):
        return Problem(section, "", "strokes", Say("sign.unread"))
    if _length(strokes) < SHORTEST:
        return Problem(section, "", "strokes", Say("sign.none"))
    return None


def _points(stroke: Sequence[int]) -> list[tuple[int, int]]:
    """Return the places (x, y) of a stroke, whose numbers are a place and then steps from it."""
    x = y = 0
    out = []
    for dx, dy in zip(stroke[::2], stroke[1::2], strict=True):
        x, y = x + dx, y + dy
        out.append((x, y))
    return out


def _inside(strokes: Iterable[Sequence[int]]) -> bool:
    return all(0 <= x <= WIDE and 0 <= y <= HIGH for s in strokes for x, y in _points(s))


def _length(strokes: Iterable[Sequence[int]]) -> float:
    return sum(
        math.dist(a, b) for s in strokes for p in [_points(s)] for a, b in itertools.pairwise(p)
    )


def drawn(strokes: Iterable[Sequence[int]]) -> str:
    """Return a signature as the path of an SVG; a single place is a dot."""
    return "".join(
        f"M{s[0]} {s[1]}l"
        + (" ".join(f"{dx} {dy}" for dx, dy in zip(s[2::2], s[3::2], strict=True)) or "0 0")
        for s in strokes
    )
