"""Simulated residents (tests/truth): the same seed gives the same year, and a collapse in a copy disturbs nothing of it."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest

from tests.truth import gaps, table
from tests.truth.residents import HOMES, TRAITS, Year, furnished
from tests.truth.year import Result, lived

DAYS, SEED = 20, 5


def live(n: int, every: int) -> Result:
    return replace(lived(copy.deepcopy(HOMES[n]), SEED, DAYS, every=every), cpu=0.0)


@pytest.fixture(scope="module")
def result() -> Result:
    return live(1, every=1)


def test_the_same_seed_gives_the_same_year(result: Result) -> None:
    assert live(1, every=1) == result
    assert table.text([result]) == table.text([live(1, every=1)])


def test_a_collapse_in_a_copy_leaves_the_year_as_it_was(result: Result) -> None:
    assert result.falls, "somebody was at home and alone"
    assert replace(result, falls=[]) == live(1, every=0)


def test_no_home_says_anything_before_its_time_or_without_a_sensor() -> None:
    for home in HOMES:
        furnished_home = furnished(copy.deepcopy(home), SEED, 3)
        for said, doing in Year(furnished_home, SEED, 3).days():
            assert [one.at for one in said] == sorted(one.at for one in said)
            assert {one.device for one in said} <= furnished_home.sensors.keys()
            assert all(d.end >= d.begin for d in doing)


def test_every_trait_says_what_it_stands_on() -> None:
    assert all(trait.of and trait.ground for trait in TRAITS.values())


def test_a_silence_is_asked_about_by_day_only() -> None:
    line = [3600.0] * 24
    nine, hour = 9 * 3600.0, 3600.0
    assert gaps.asks(line, nine, nine, 8 * hour, 1e9) == nine + hour
    assert gaps.asks(line, 21.5 * hour, 21.5 * hour, 8 * hour, 1e9) == 32 * hour
    assert gaps.asks(line, 21 * hour, 21 * hour, 8 * hour, 1800.0) == 22 * hour - 1200


def test_the_document_has_the_traits_that_are_in_force() -> None:
    text = (Path(__file__).parents[2] / "docs/truth.md").read_text(encoding="utf-8")
    assert [trait.row for trait in TRAITS.values() if trait.row not in text] == []
