"""Past alarms with evidence and stages, as pages and a table; the journal; the book of visits."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from gateway.contract import wire
from gateway.judge.alarm import Outcome
from gateway.page import acts, search, sorting
from gateway.page.acts import notice
from gateway.page.change import current
from gateway.page.known import Filter, between, seconds
from gateway.page.today import STAGES
from gateway.page.visitor import Reader, Stop, Visitor
from gateway.page.zh import ZH

router = APIRouter()
A_PAGE = 20
A_LEAF = 40  # lines of the journal on one page
TABLE_MOST = 10_000  # rows of one export
NAMES = ("alarm", "fault", "result")
COLUMNS = (
    "number",
    "id",
    "kind",
    ZH["alarms.kind"],
    "priority",
    "room",
    "device",
    "test",
    "state",
    "outcome",
    "responder",
    *(f"{s}_utc" for s in STAGES),
    *(f"{s}_s" for s in STAGES[1:]),
    "calls",
    "count",
)


@router.get("/alarms")
def alarms(v: Reader) -> Response:
    """Show every alarm there has been, newest first or sorted by a column."""
    wanted, sort = _filter(v), sorting.asked(v)
    known = v.page.known
    before = _number(v, "before")
    text, words = search.asked(v)
    found, more = search.look(
        lambda at, most: known.past(wanted, at, most if words else sort.most(A_PAGE) + 1),
        lambda a: a.alarm_number,
        lambda a: search.has(words, search.of_alarm(v, a)),
        before,
        sort.most(A_PAGE),
    )
    facts = known.status()
    return v.render(
        "alarms.html",
        alarms=sorting.ordered(found, sort, sorting.of_alarms(v)),
        more=more,
        sort=sort,
        text=text,
        wanted=wanted,
        kinds=known.kinds(),
        outcomes=["open", *(o.value for o in Outcome)],
        between=between,
        now=known.now(facts),
        before=before,
    )


@router.get("/alarms.csv")
def table(v: Reader) -> Response:
    """Give the same alarms as a table (CSV) for a spreadsheet."""
    assert v.session is not None  # a reader has one
    wanted, (_, words) = _filter(v), search.asked(v)
    v.page.accounts.note(v.session.name, v.source, "exported")
    headers = {
        "content-disposition": 'attachment; filename="alarms.csv"',
        "cache-control": "no-store",
    }
    return StreamingResponse(
        _rows(v, wanted, words), media_type="text/csv; charset=utf-8", headers=headers
    )


@router.get("/alarms/{number}")
def alarm(v: Reader, number: int) -> Response:
    """Show one alarm: its evidence, stages, calls and moves."""
    known = v.page.known
    current(v)  # the names that devices have by now
    found = known.alarm(number)
    if found is None:
        raise Stop(404)
    facts = known.status()
    return v.render(
        "alarm.html",
        alarm=found,
        moves=known.moves(found),
        results=known.results(found.alarm),
        stages=STAGES,
        between=between,
        now=known.now(facts),
        then=seconds(found.stages["danger"].wall),
        notice=notice(v),
        possible=acts.possible(found) if found.outcome is None else [],
    )


@router.get("/journal")
def journal(v: Reader) -> Response:
    """Show every line of the journal, newest first or sorted by a column."""
    known, before, sort = v.page.known, _number(v, "before"), sorting.asked(v)
    current(v)  # the names that devices have by now
    what = v.request.query_params.get("what", "")
    facts = known.status()
    text, words = search.asked(v)
    if what == "visits":
        visits, more = search.look(
            v.page.accounts.visits,
            lambda e: e.number,
            lambda e: search.has(words, search.of_visit(e)),
            before,
            sort.most(A_LEAF),
        )
        return v.render(
            "journal.html",
            entries=[],
            visits=sorting.ordered(visits, sort, sorting.of_visits(v)),
            sort=sort,
            what=what,
            more=more,
            text=text,
            now=known.now(facts),
            before=before,
        )
    what = what if what in NAMES else ""
    entries, more = search.look(
        lambda at, most: known.journal(at, what, most if words else sort.most(A_LEAF) + 1),
        lambda e: e.number,
        lambda e: search.has(words, search.of_entry(v, e)),
        before,
        sort.most(A_LEAF),
    )
    entries = sorting.ordered(entries, sort, sorting.of_entries(v))
    shown = [(e, e.__struct_config__.tag) for e in entries]
    return v.render(
        "journal.html",
        entries=shown,
        visits=[],
        sort=sort,
        what=what,
        more=more,
        text=text,
        now=known.now(facts),
        before=before,
    )


def _number(v: Visitor, name: str) -> int:
    text = v.request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _filter(v: Visitor) -> Filter:
    query = v.request.query_params
    test = query.get("test", "")
    return Filter(
        query.get("kind", "")[:80],
        query.get("outcome", "")[:40],
        test if test in {"no", "only"} else "",
    )


def _rows(v: Visitor, wanted: Filter, words: search.Words) -> Iterator[str]:
    """Give the table piece by piece; the mark in front tells spreadsheets that it is UTF-8."""
    yield "\ufeff" + _line(COLUMNS)
    before, left = 0, TABLE_MOST
    while left > 0:
        found = v.page.known.past(wanted, before, min(200, left))
        if not found:
            return
        yield "".join(_line(_row(v, a)) for a in found if search.has(words, search.of_alarm(v, a)))
        before, left = found[-1].alarm_number, left - len(found)


def _row(v: Visitor, a: wire.AlarmMessage) -> tuple[object, ...]:
    stages = a.stages
    first = stages.get("danger")
    after = [
        f"{between(first, stages[s]):.1f}" if first and s in stages else "" for s in STAGES[1:]
    ]
    return (
        a.alarm_number,
        a.alarm,
        a.kind,
        v.words.kind(a.kind),
        f"P{int(a.priority)}",
        a.room,
        a.device,
        "test" if a.test else "",
        a.state.value,
        a.outcome.value if a.outcome else "",
        a.responder,
        *(stages[s].wall if s in stages else "" for s in STAGES),
        *after,
        a.calls_made or len(a.calls),  # an earlier version did not count them
        a.count,
    )


def _line(values: tuple[object, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([_harmless(str(value)) for value in values])
    return out.getvalue()


def _harmless(text: str) -> str:
    """Keep a spreadsheet from taking what somebody typed for a formula."""
    return (
        f"'{text}"
        if text.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n", "|"))
        else text
    )
