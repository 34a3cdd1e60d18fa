"""By which column a list is sorted: alarms and journal, over so many lines at a time.

Newest first they stand page by page. Sorted otherwise a page has SORTED lines, and the list says
that it sorts these alone: no look at a home of many years costs more than one at a new home.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeVar

from gateway.contract import wire
from gateway.page.accounts import Visit
from gateway.page.visitor import Visitor

SORTED: Final = 200  # lines of a page that is sorted otherwise than newest first
TIME: Final = "time"
COLUMNS: Final = (TIME, "kind", "where", "state")
T = TypeVar("T")
Texts = Mapping[str, Callable[[T], str]]


class Sort(NamedTuple):
    """One column, and whether its least comes first. In an address "-" means the greatest."""

    column: str = TIME
    up: bool = False

    @property
    def plain(self) -> bool:
        """True for newest first, the order that pages have without a wish."""
        return self == Sort()

    @property
    def name(self) -> str:
        """What an address says of it; "" for newest first."""
        return "" if self.plain else f"{'' if self.up else '-'}{self.column}"

    def of(self, column: str) -> str:
        """Return what a head says of its column, "" where another one is sorted."""
        return ("ascending" if self.up else "descending") if column == self.column else ""

    def to(self, column: str) -> str:
        """Return what the head of a column leads to: itself, or the other way round."""
        return Sort(column, not self.up if column == self.column else column != TIME).name

    def most(self, page: int) -> int:
        """Return how many lines a page has that has `page` newest first."""
        return page if self.plain else SORTED


def asked(v: Visitor) -> Sort:
    """Return what an address asks for; anything else is newest first."""
    text = v.request.query_params.get("sort", "")
    column = text.removeprefix("-")
    return Sort(column, text == column) if column in COLUMNS else Sort()


def ordered(lines: list[T], sort: Sort, texts: Texts[T]) -> list[T]:
    """Return lines that come newest first in another order; equal ones stay newest first."""
    if sort.column == TIME:
        return lines[::-1] if sort.up else lines
    text = texts[sort.column]
    return sorted(lines, key=lambda line: _letters(text(line)), reverse=not sort.up)


def _letters(text: str) -> bytes:
    """Return what sorts Chinese by its sound: GB 2312 has the common characters in that order."""
    return text.casefold().encode("gb18030", "replace")


def of_alarms(v: Visitor) -> Texts[wire.AlarmMessage]:
    """Return what the columns of the alarms show."""
    return {
        "kind": lambda a: v.words.kind(a.kind),
        "where": lambda a: v.names.where(a.room, a.device),
        "state": lambda a: (
            v.words.named("outcome", a.outcome.value)
            if a.outcome
            else v.words.named("state", a.state.value)
        ),
    }


def of_entries(v: Visitor) -> Texts[wire.Outward]:
    """Return what the columns of the journal show."""

    def kind(m: wire.Outward) -> str:
        if isinstance(m, wire.ResultMessage):
            return f"{v.words('journal.result')}: {v.words.named('do', m.do)}"
        return v.words.kind(m.kind)

    def where(m: wire.Outward) -> str:
        if isinstance(m, wire.ResultMessage):
            return v.called(m.device)
        return v.names.where(m.room, m.device)

    def state(m: wire.Outward) -> str:
        match m:
            case wire.AlarmMessage():
                return v.words.named("move", m.move)
            case wire.FaultMessage():
                return v.words.named("turn", m.turn)
        return v.words("journal.accepted" if m.accepted else "journal.refused")

    return {"kind": kind, "where": where, "state": state}


def of_visits(v: Visitor) -> Texts[Visit]:
    """Return what the columns of the book of visits show."""
    return {
        "kind": lambda e: v.words.named("visit", e.what),
        "where": lambda e: e.who,
        "state": lambda e: f"{e.source} {e.detail}",
    }
