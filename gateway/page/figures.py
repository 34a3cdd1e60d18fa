"""What a supervisor comes to: this home's month in figures, and how well it is guarded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Response

from gateway.contract import wire
from gateway.home import certificates, commissioning
from gateway.home.status import Status
from gateway.judge.badges import BADGE
from gateway.page import counted, ledger, weeks
from gateway.page.device import heard
from gateway.page.known import Filter, Known, seconds
from gateway.page.makes import look
from gateway.page.visitor import Reader, Visitor
from gateway.words import kind

router = APIRouter()
MOST: Final = 2000  # newest alarms, and newest faults, that are looked at
LEAF: Final = 200  # of them at a time
SORTS: Final = ("kind", "count", "helped", "needless", "cancelled", *counted.STEPS)


class Sensor(NamedTuple):
    """How well one sensor is: on how many days it was not heard at all, and its battery."""

    look: str
    room: str
    device: str
    state: str
    silent: int
    battery: float | None


class Walked(NamedTuple):
    """The newest walk test: when, by whom, and of how many sensors how many have passed."""

    at: float
    by: str
    passed: int
    tried: int


@router.get("/figures")
def figures(v: Reader) -> Response:
    """Show a month in figures."""
    known = v.page.known
    facts = known.status()
    now = known.now(facts)
    today = counted.day_of(now, known.zone)
    first = counted.asked(v.request.query_params.get("month", ""), today)
    month = counted.counted(_alarms(known, first), first, known.zone)
    sort = v.request.query_params.get("sort", "")
    sort = sort if sort in SORTS else "count"
    following = counted.after(first)
    sensors, deaf = _sensors(known, facts, now)
    entries = known.journal(name="fault", limit=MOST)
    told = [m for m in entries if isinstance(m, wire.FaultMessage)]
    visits = _visits(told, first, known.zone)
    return v.render(
        "figures.html",
        month=month,
        rows=counted.ordered(month, sort),
        sort=sort,
        days=counted.columns(month.days),
        days_said=_days(v, month.days),
        spreads=[(step, *_spread(v, month.total.times[step])) for step in counted.STEPS],
        columns=counted.columns,
        edges=_edges(v),
        earlier=f"{first - timedelta(days=1):%Y-%m}",
        later=f"{following:%Y-%m}" if following <= today else "",
        sensors=sensors,
        well=sum(s.state in {"heard", "unsupervised"} for s in sensors),
        deaf=deaf,
        weeks=weeks.DAYS // 7,
        faults=known.faults(),
        troubles=_troubles(told, first, known.zone),
        walked=_walked(told),
        asked=ledger.questions(told, first, known.zone),
        needless=ledger.false_alarms(month.total.needless, first, today),
        visits=visits,
        visited=sum(visits.values()),
        wanted=v.page.config.place.visits,
        certificate=next(iter(certificates.numbers(v.page.config.state)), 0),
        facts=facts,
        now=now,
    )


def _edges(v: Visitor) -> list[str]:
    """Return what stands under each column of a spread."""
    t = v.words
    said = [
        t("figures.second", n=round(edge)) if edge < 60 else t("figures.minute", n=round(edge / 60))
        for edge in counted.EDGES
    ]
    return [*said, t("figures.beyond")]


def _days(v: Visitor, days: list[int]) -> str:
    """Return in words on which days of a month there were how many alarms."""
    said = [v.words("figures.day", day=n, count=count) for n, count in enumerate(days, 1) if count]
    return v.words.pair("\u3001", ", ").join(said)


def _spread(v: Visitor, times: list[float]) -> tuple[list[int], str]:
    """Return how many times stand in each column of a spread, and that in words."""
    t, counts = v.words, counted.spread(times)
    said = [
        t("figures.up_to", edge=edge, count=count)
        for edge, count in zip(_edges(v), counts[:-1], strict=False)
        if count
    ]
    if counts[-1]:
        said.append(t("figures.over", count=counts[-1]))
    return counts, t.pair("\u3001", ", ").join(said)


def _alarms(known: Known, first: date) -> Iterator[wire.AlarmMessage]:
    """Give alarms back to a month's begin, newest first, at most MOST of them."""
    before, left = 0, MOST
    while left > 0 and (found := known.past(Filter(), before, min(LEAF, left))):
        yield from found
        before, left = found[-1].alarm_number, left - len(found)
        if "danger" not in found[-1].stages:
            return
        # A clock that was wrong puts one of another month in between: look a day further.
        last = counted.day_of(seconds(found[-1].stages["danger"].wall), known.zone)
        if last < first - timedelta(days=1):
            return


def _sensors(known: Known, facts: Status, now: float) -> tuple[list[Sensor], int]:
    """Return how well each sensor is, and on how many days nothing at all was heard."""
    days = known.weeks(now, weeks.DAYS)
    rows = []
    for d in facts.guards:
        own = days.get(d.device, [])
        batteries = [day.battery for day in own if day.battery is not None]
        silent = weeks.silent(own, weeks.DAYS)[0]
        battery = batteries[-1] if batteries else None
        rows.append(Sensor(look(d.model), d.room, d.device, heard(d, facts), silent, battery))
    every = [day for own in days.values() for day in own]
    return rows, weeks.silent(every, weeks.DAYS)[0]


def _troubles(
    told: Iterable[wire.FaultMessage], first: date, zone: ZoneInfo
) -> list[tuple[str, int]]:
    """Return how often each kind of fault began in a month, as far as the journal was read."""
    following = counted.after(first)
    count = Counter(
        m.kind
        for m in told
        if m.turn in {"raised", "noted"}
        and not m.test
        and not m.kind.startswith("service.")
        and first <= counted.day_of(seconds(m.at.wall), zone) < following
    )
    return count.most_common()


def _visits(told: Iterable[wire.FaultMessage], first: date, zone: ZoneInfo) -> dict[str, int]:
    """Return how often each badge came in a month, as far as the journal was read."""
    following = counted.after(first)
    count = Counter(
        str(m.detail.get("who", ""))
        for m in told
        if m.kind == kind.VISIT
        and m.detail.get("what") == BADGE
        and "left" not in m.detail
        and first <= counted.day_of(seconds(m.at.wall), zone) < following
    )
    return dict(count.most_common())


def _walked(told: Sequence[wire.FaultMessage]) -> Walked | None:
    """Return what the newest walk test came to, None where there was none."""
    newest = next(
        (m for m in told if m.kind == kind.VISIT and m.detail.get("what") == "walk" and m.device),
        None,
    )
    if newest is None:
        return None
    walks = commissioning.seen(told, (), newest.at).walks or {newest.device: newest}
    passed = sum(bool(m.detail.get("passed")) for m in walks.values())
    by = str(newest.detail.get("by", ""))
    return Walked(seconds(newest.at.wall), by, passed, len(walks))
