"""What a month comes to: items at the desk, emergencies, bytes."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.words import kind as kinds

from tests.month.desk import AWAY, Line, Month
from tests.month.homes import DAY, HOUR
from tests.month.life import RAISED_AFTER, Emergency

GROUPED = 600.0  # s within which the same trouble of three homes of one place is one item
BEARS = 6  # items an hour that one operator bears
PLACED = {kinds.MAINS_LOST, kinds.UPLINK_LOST, "home silent", kinds.RESTARTED}


@dataclass(slots=True)
class Item:
    """One line that somebody at the desk has to look at. `homes` more than one: one event of a place."""

    at: float
    kind: str
    priority: int
    homes: set[str] = field(default_factory=set)
    line: Line | None = None

    @property
    def what(self) -> str:
        return f"{self.kind} ({len(self.homes)} homes)" if len(self.homes) > 1 else self.kind


def class_of(body: dict[str, Any]) -> str:
    """Return a fault's class: now, list or figure."""
    return body.get("fault_class") or "now"


def items(months: Sequence[Month], ends: float) -> list[Item]:
    """Return the items of all homes in order, places grouped."""
    out: list[Item] = []
    for month in months:
        seen: set[str] = set()
        for line in month.lines:
            body = line.body
            if line.came >= ends:
                continue
            if line.name == "alarm" and not body["test"] and body["state"] == "raised" and body["alarm"] not in seen:
                seen.add(body["alarm"])
                if body.get("listed"):
                    continue
                out.append(Item(line.came, body["kind"], body["priority"], {month.home.id}, line))
            elif line.name == "fault" and not body["test"] and body["turn"] != "cleared" and class_of(body) == "now":
                out.append(Item(line.came, body["kind"], body["priority"], {month.home.id}, line))
        long = (s.began + AWAY for s in month.silences if s.ended - s.began >= AWAY)
        out += [Item(at, "home silent", 3, {month.home.id}) for at in long if at < ends]
    return _grouped(sorted(out, key=lambda i: i.at), {m.home.id: (f"v{m.home.village}", f"c{m.home.cell}") for m in months})


def _grouped(found: Sequence[Item], places: dict[str, tuple[str, str]]) -> list[Item]:
    """Make one item of what three homes of one place, or a third of all, have within a short time."""
    gone: set[int] = set()
    for kind in PLACED:
        some = [i for i in found if i.kind == kind]
        for n, first in enumerate(some):
            if id(first) in gone or len(first.homes) > 1:
                continue
            near = [i for i in some[n:] if i.at - first.at < GROUPED and id(i) not in gone]
            (home,) = first.homes
            for place in ("", *places[home]):
                same = [i for i in near if not place or place in places[next(iter(i.homes))]]
                if place != "c0" and len({h for i in same for h in i.homes}) >= (3 if place else max(3, len(places) // 3)):
                    first.homes = {h for i in same for h in i.homes}
                    gone |= {id(i) for i in same if i is not first}
                    break
    return [i for i in found if id(i) not in gone]


@dataclass(slots=True)
class Found:
    """One emergency and its alarm: when it was raised, inf for never."""

    need: Emergency
    raised: float = math.inf

    @property
    def late(self) -> float:
        """Seconds after the second at which a bare judgement raises it."""
        return self.raised - (self.need.heard or 0.0) - self.need.walked - RAISED_AFTER[self.need.kind]


def emergencies(month: Month) -> list[Found]:
    """Return the emergencies of a home that its gateway heard. A danger that is counted on an open alarm is raised as soon as it is heard."""
    out = []
    for need in month.life.emergencies:
        if need.heard is None:
            continue
        found = Found(need)
        open_: set[str] = set()
        for line in month.lines:
            body = line.body
            if line.name != "alarm" or body["test"] or (body["kind"], body["device"]) != (need.kind, need.device):
                continue
            if line.written <= need.heard - 0.001:
                (open_.discard if body["state"] in ("closed", "cancelled", "pre_alarm") else open_.add)(body["alarm"])
            elif body["state"] not in ("pre_alarm", "closed", "cancelled"):
                found.raised = line.written
                break
            elif body["state"] == "cancelled":
                continue
        out.append(found)
    return out


def facts(months: Sequence[Month], days: int) -> dict[str, Any]:
    """Return all figures of the table."""
    ends = days * DAY
    found = items(months, ends)
    hours = Counter(int(i.at // HOUR) for i in found)
    needs = [f for m in months for f in emergencies(m)]
    unheard = sum(n.heard is None for m in months for n in m.life.emergencies)
    lists: Counter[str] = Counter()
    figures: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    listed = set()
    open_: list[str] = []
    for month in months:
        last: dict[str, Any] = {}
        for line in month.lines:
            body = line.body
            if line.name == "fault" and body["turn"] != "cleared":
                kind = class_of(body)
                if kind == "list":
                    lists[body["kind"]] += 1
                    listed.add((month.home.id, int(line.came // DAY) if line.came < math.inf else -1))
                elif kind == "figure":
                    figures[body["kind"]] += 1
            elif line.name == "alarm" and not body["test"]:
                if body["alarm"] not in last and body.get("listed"):
                    lists[body["kind"]] += 1
                    listed.add((month.home.id, int(line.came // DAY) if line.came < math.inf else -1))
                last[body["alarm"]] = line
                if body["move"] in ("call", "count") and body["rung"] > 0:
                    calls[body["kind"]] += 1
        open_ += [
            f"{month.home.id} {line.body['kind']} {line.body['state']}"
            for line in last.values()
            if line.body["state"] not in ("closed", "cancelled") and ends - line.written > DAY
        ]
    soon = [i for i in found if i.priority == 2 and i.line is not None and not i.line.needed]
    weight: defaultdict[str, list[float]] = defaultdict(list)
    for month in months:
        for name in ("heartbeat", "alarm", "fault", "result", "readings", "status", "home"):
            weight[name].append(month.bytes[name])
    return {
        "homes": len(months),
        "days": days,
        "sensors": sum(len([s for s in m.home.sensors.values() if s.room]) for m in months),
        "items": found,
        "hours_over": sum(n > BEARS for n in hours.values()),
        "busiest_hour": max(hours.values(), default=0),
        "busiest_day": max(Counter(int(i.at // DAY) for i in found).values(), default=0),
        "needs": needs,
        "unheard": unheard,
        "not_needed": soon,
        "lists": lists,
        "listed": len(listed),
        "figures": figures,
        "calls": calls,
        "open": open_,
        "weight": weight,
        "outages": [s.ended - s.began for m in months for s in m.silences],
    }


def text(months: Sequence[Month], days: int) -> str:
    """Return the table."""
    f = facts(months, days)
    found: list[Item] = f["items"]
    per_day = len(found) / days
    n = len(months)
    out = [f"{n} homes, {f['sensors']} sensors, {days} days", ""]
    out += _table(
        ("at the desk", ""),
        [
            ("items a day", f"{per_day:.1f}"),
            *((f"  of them P{p}", f"{sum(i.priority == p for i in found) / days:.1f}") for p in (1, 2, 3, 4)),
            ("busiest day", f["busiest_day"]),
            ("busiest hour", f["busiest_hour"]),
            (f"hours with more than {BEARS} items, of {days * 24}", f["hours_over"]),
            (f"homes that one operator carries at {BEARS} items an hour", math.floor(BEARS * 24 / per_day * n) if found else "-"),
            ("P2 that nobody needed to see soon", len(f["not_needed"])),
            ("  of them for what cannot be known", sum(bool(i.line.unknowable) for i in f["not_needed"])),
            ("calls further down the ladder, on lines that are there already", sum(f["calls"].values())),
            ("homes' daily lists with something on them, a day", f"{f['listed'] / days:.1f}"),
            ("outages of a home that end within 30 min", f"{100 * sum(s < 1800 for s in f['outages']) // max(1, len(f['outages']))} %"),
        ],
    )
    rows = Counter((i.kind, i.priority) for i in found)
    others = [(kind, "list", v) for kind, v in f["lists"].items()] + [(kind, "figure", v) for kind, v in f["figures"].items()]
    out += [
        "",
        *_table(
            ("kind", "priority", "class", "in all", "a day"),
            [
                *((kind, f"P{p}", "now", v, f"{v / days:.2f}") for (kind, p), v in sorted(rows.items(), key=lambda r: (-r[1], r[0]))),
                *((kind, "", name, v, f"{v / days:.2f}") for kind, name, v in sorted(others, key=lambda r: (r[1], -r[2], r[0]))),
            ],
        ),
    ]
    out += [
        "",
        *_table(("true emergency", "heard", "raised", "s after the danger, latest", "later than a bare judgement"), _needs(f["needs"])),
    ]
    out += [f"not heard by any sensor or box, so not judged: {f['unheard']}"]
    out += ["", *_table(("P2 that nobody needed to see soon", "why", "cannot be known", "first", "in all"), _not_needed(f["not_needed"]))]
    if f["open"]:
        out += ["", *_table(("alarms open for more than a day at the end",), Counter(f["open"]))]
    out += ["", *_table(("payload per home, kB", "mean", "median", "most", "messages a day"), _weights(f["weight"], months, days))]
    return "\n".join(out) + "\n"


def _needs(needs: Iterable[Found]) -> list[tuple[Any, ...]]:
    by: defaultdict[str, list[Found]] = defaultdict(list)
    for found in needs:
        by[found.need.kind].append(found)
    rows = []
    for kind, some in sorted(by.items()):
        raised = [s for s in some if s.raised < math.inf]
        latest = max((s.raised - (s.need.heard or 0) for s in raised), default=0.0)
        rows.append((kind, len(some), len(raised), f"{latest:.1f}", sum(s.late > 1.0 for s in some)))
    return rows


def _not_needed(found: Iterable[Item]) -> list[tuple[Any, ...]]:
    first: dict[tuple[str, str, str], str] = {}
    why: Counter[tuple[str, str, str]] = Counter()
    for i in found:
        if i.line:
            of = i.kind, f"{i.line.body['device']}: {i.line.truth}", i.line.unknowable
            first.setdefault(of, f"{i.line.home.id} day {i.line.written // DAY:.0f}")
            why[of] += 1
    return [(*of, first[of], v) for of, v in why.most_common()]


def _weights(weight: dict[str, list[float]], months: Sequence[Month], days: int) -> list[tuple[Any, ...]]:
    rows = []
    all_ = [sum(some[n] for some in weight.values()) for n in range(len(months))]
    for name, some in [*weight.items(), ("all", all_)]:
        ordered = sorted(v / 1000 for v in some)
        messages = sum(m.count[name] for m in months) / len(months) / days if name != "all" else 0.0
        if ordered[-1]:
            told = f"{messages:.1f}" if name != "all" else ""
            rows.append((name, f"{sum(ordered) / len(ordered):.0f}", f"{ordered[len(ordered) // 2]:.0f}", f"{ordered[-1]:.0f}", told))
    return rows


def _table(head: Sequence[str], rows: Iterable[Any]) -> list[str]:
    cells = [head, *(tuple(map(str, row)) if isinstance(row, tuple) else (str(row),) for row in rows)]
    width = [max(len(str(row[n])) for row in cells) for n in range(len(head))]
    lines = [
        "  ".join(str(c).ljust(w) if n == 0 else str(c).rjust(w) for n, (c, w) in enumerate(zip(row, width, strict=True))).rstrip()
        for row in cells
    ]
    return [lines[0], "-" * len(lines[0]), *lines[1:]]
