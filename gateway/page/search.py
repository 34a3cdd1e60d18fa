"""A search in alarms and journal: whole lines that have each word, over so many lines at a time.

It is made in Python over decoded entries: `%`, `_` and quotes are letters like all others, and the
words are those of the page, in both languages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from gateway.contract import wire
from gateway.page.accounts import Visit
from gateway.page.visitor import Visitor
from gateway.page.words import LANGUAGES
from gateway.words import kind
from gateway.words.wide import visible

LONGEST: Final = 80  # characters that are looked for
LOOKED: Final = 3000  # lines that one answer looks at
LEAF: Final = 200  # of them at a time
T = TypeVar("T")
Words = tuple[str, ...]


def asked(v: Visitor) -> tuple[str, Words]:
    """Return what an address looks for, as it is shown, and its words."""
    text = " ".join(visible(v.request.query_params.get("q", "")[:LONGEST]).split())
    return text, tuple(text.casefold().split())


def has(words: Words, says: Iterator[str]) -> bool:
    """Say whether a line has all words; without a word each has."""
    text = "\n".join(says).casefold() if words else ""
    return all(word in text for word in words)


def look(
    leaf: Callable[[int, int], Sequence[T]],
    number: Callable[[T], int],
    fits: Callable[[T], bool],
    before: int,
    most: int,
) -> tuple[list[T], int]:
    """Return at most `most` lines, newest first, and the number before which to go on; 0: no more.

    `leaf` gives lines before a number, at most so many. After LOOKED of them it ends, with or
    without a find.
    """
    out: list[T] = []
    for _ in range(LOOKED // LEAF):
        lines = leaf(before, LEAF)
        for line in lines:
            if fits(line):
                if len(out) == most:
                    return out, number(out[-1])
                out.append(line)
            before = number(line)
        if len(lines) < LEAF:
            return out, 0
    return out, before


def _named(group: str, value: str) -> Iterator[str]:
    for catalogue in LANGUAGES.values():
        yield catalogue.get(f"{group}.{value}", value)


def _of_kind(v: Visitor, name: str, room: str, device: str) -> Iterator[str]:
    row = kind.of(name)
    yield from (name, row.zh, row.en, room, device, v.called(device))


def of_alarm(v: Visitor, a: wire.AlarmMessage) -> Iterator[str]:
    """Give all that an alarm says, in both languages."""
    yield from _of_kind(v, a.kind, a.room, a.device)
    yield from (str(a.alarm_number), a.alarm, a.by, a.reason, a.responder)
    yield from (a.state_by, a.state_reason)
    yield from _named("state", a.state.value)
    yield from _named("move", a.move)
    yield from _named("outcome", a.outcome.value if a.outcome else "open")


def of_entry(v: Visitor, m: wire.Outward) -> Iterator[str]:
    """Give all that a line of the journal says, in both languages."""
    match m:
        case wire.AlarmMessage():
            yield from of_alarm(v, m)
        case wire.FaultMessage():
            yield from _of_kind(v, m.kind, m.room, m.device)
            yield from _named("turn", m.turn)
            yield from (str(value) for value in m.detail.values() if isinstance(value, str))
        case wire.ResultMessage():
            yield from (m.by, m.device, v.called(m.device), m.reason, m.zh, m.en)
            yield from _named("do", m.do)


def of_visit(e: Visit) -> Iterator[str]:
    """Give all that a line of the book of visits says."""
    yield from (e.who, e.source, e.detail)
    yield from _named("visit", e.what)
