"""A few homes' days in simulated time (tests/month): the same seed gives the same table, and nobody who needs help is missed."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import pytest
from gateway.words import kind

from tests.month import table
from tests.month.desk import Month
from tests.month.homes import RATES, drawn
from tests.month.life import RAISED_AFTER
from tests.month.run import month

HOMES, DAYS, SEED = 4, 4, 29
MORE = 100.0  # so many times as many true emergencies as in a month, so that each sort is among them


def live() -> list[Month]:
    homes = drawn(HOMES, SEED)
    homes[2].night_off = True
    return month(homes, DAYS, SEED, more=MORE)


@pytest.fixture(scope="module")
def lived() -> list[Month]:
    return live()


def said(months: list[Month]) -> list[object]:
    """Return every entry of all homes, but for the journals' names and hashes, which are nobody's to foresee."""
    out: list[object] = []
    for line in (line for m in months for line in m.lines):
        body = json.dumps({k: v for k, v in line.body.items() if k != "previous"})
        out.append((line.written, line.came, line.truth, body.replace(line.body["journal"], "journal")))
    return out


def test_the_same_seed_gives_the_same_table(lived: list[Month]) -> None:
    again = live()
    assert table.text(again, DAYS) == table.text(lived, DAYS)
    assert said(again) == said(lived)
    one, other = drawn(1, SEED), drawn(1, SEED + 1)
    assert table.text(month(other, 1, SEED + 1), 1) != table.text(month(one, 1, SEED), 1)


def test_every_true_emergency_is_raised_at_its_second(lived: list[Month]) -> None:
    found = [one for m in lived for one in table.emergencies(m)]
    assert {one.need.kind for one in found} == set(RAISED_AFTER), "each sort happens in these days"
    assert [one.need for one in found if one.raised == math.inf] == []
    assert [(one.need, one.late) for one in found if one.late > 1.0] == []


def test_the_desk_has_no_more_than_it_bears(lived: list[Month]) -> None:
    """The county's goal is 15 items a day of 45 homes, here of four whose emergencies are many: those are left out."""
    found = [i for i in table.items(lived, DAYS * 86400.0) if not (i.line and i.line.truth.startswith("true"))]
    assert len(found) <= HOMES * DAYS, Counter((i.kind, i.line.truth if i.line else "") for i in found)
    assert max(Counter(int(i.at // 3600) for i in found).values()) <= 6
    facts = table.facts(lived, DAYS)
    assert [(i.kind, i.line.truth) for i in facts["not_needed"] if i.line and "along" not in i.line.truth] == []
    assert sum(facts["figures"].values()) > 0, "what is counted for the month is no item"


def test_the_homes_go_on_over_power_cuts_with_what_they_had(lived: list[Month]) -> None:
    faults = Counter(line.body["kind"] for m in lived for line in m.lines if line.name == "fault")
    assert faults[kind.RESTARTED] >= DAYS - 1, "one of them is switched off each night"
    assert not {kind.STORAGE_DEGRADED, kind.BAD_MESSAGE, kind.IDENTITY_CONFLICT} & faults.keys()
    for m in lived:
        numbers = [line.body["number"] for line in m.lines]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "one journal, each number once"


def test_no_alarm_and_no_fault_goes_on_without_end(lived: list[Month]) -> None:
    assert table.facts(lived, DAYS)["open"] == []
    told = Counter(
        (m.home.id, line.body["kind"], line.body["device"], int(line.written // 86400))
        for m in lived
        for line in m.lines
        if line.name == "fault" and line.body["turn"] != "cleared"
    )
    assert max(told.values(), default=0) <= 20, told.most_common(3)


def test_trouble_of_a_place_is_one_item() -> None:
    places = {f"home-{n}": (f"v{n // 12}", "c0") for n in range(36)}

    def told(homes: range, apart: float) -> list[int]:
        some = [table.Item(apart * n, "gateway.mains_lost", 3, {f"home-{n}"}) for n in homes]
        return [len(item.homes) for item in table._grouped(some, places)]

    assert told(range(12, 20), 60.0) == [8], "a village"
    assert told(range(2), 60.0) == [1, 1], "two homes are two"
    assert told(range(11, 14), 60.0) == [1, 1, 1], "so are three of two villages"
    assert told(range(12, 15), 700.0) == [1, 1, 1], "and what comes one after the other"
    assert told(range(36), 1.0) == [36], "the whole county"


def test_the_document_has_the_rates_that_are_in_force() -> None:
    text = (Path(__file__).parents[2] / "docs/truth.md").read_text(encoding="utf-8")
    rows = [rate.row for rate in RATES.values()]
    assert [row for row in rows if row not in text] == []
    assert text.count(" | guess |") == sum(row.endswith(" | guess |") for row in rows), "nothing that is not in force"
