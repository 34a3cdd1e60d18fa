"""How long this home is silent: learnt by hour, bounded, and never pulled down by its own questions."""

import random

import msgspec
import pytest
from gateway.judge.silence.line import CELLS, DAYS, TRIPS, Day, Line, lines_of

ASKED = range(7, 22)


def rows(days, cell, values):
    out = [[0] * CELLS for _ in range(days)]
    for row, value in zip(out, values, strict=True):
        row[cell] = value
    return out


def lived(line, days, minutes):
    """Let so many days pass, of each the hour 10 watched with so many minutes of silence."""
    for n in range(days):
        line.begin(f"day {n}", free=False)
        for _ in range(60):
            line.watch(20, minutes(n))
    line.begin("after", free=False)


@pytest.mark.parametrize(("wanted", "line"), [(0.0, 128), (1 / 28, 128), (2 / 28, 127), (5 / 28, 124)])
def test_the_line_is_the_longest_silence_that_brings_no_more_questions_than_wanted(wanted, line):
    values = [100 + n for n in range(1, 29)]
    assert lines_of(rows(28, 20, values), range(10, 11), wanted, 30)[20] == line


def test_a_silence_over_several_hours_is_one_question():
    days = rows(28, 20, [50] * 27 + [100])
    for row in days:
        row[22] = row[20] + 60
    lines = lines_of(days, range(10, 12), 1 / 28, 30)
    assert (lines[20], lines[22]) == (100, 160)


def test_no_line_is_shorter_than_the_least():
    assert lines_of(rows(28, 20, [10] * 28), range(10, 11), 99, 45)[20] == 45


def test_few_days_give_their_longest_and_a_quarter_and_fewer_nothing():
    assert lines_of(rows(7, 20, [40] * 6 + [80]), range(10, 11), 1, 30)[20] == 100
    assert lines_of(rows(6, 20, [40] * 6), range(10, 11), 1, 30)[20] == -1


def test_an_hour_that_was_hardly_watched_says_nothing():
    line = Line()
    line.begin("one", free=False)
    for _ in range(19):
        line.watch(20, 5.0)
    line.rose(400)
    line.begin("two", free=False)
    assert line.kept.days[0].longest == [-1] * CELLS
    assert line.rises() == [400]


def test_an_answer_does_not_pull_the_line_down():
    """She is fine with silences of two hours; each question ends one at its line."""
    line = Line()
    lived(line, 28, lambda n: 60 + n)
    for n in range(40):
        line.begin(f"later {n}", free=False)
        mark = line.of(20, ASKED, free=False, questions=1.0, least=30)
        for _ in range(60):
            line.watch(20, mark)
        line.answered(20, mark)
    assert line.of(20, ASKED, free=False, questions=0.5, least=30) >= 100


def test_an_hour_that_is_not_known_has_the_longest_of_its_neighbours():
    line = Line()
    lived(line, 20, lambda _: 70)
    assert line.of(22, ASKED, free=False, questions=0.0, least=30) == 70
    assert line.of(30, ASKED, free=False, questions=0.0, least=30) == -1


def test_weekends_count_alone_once_there_are_enough_of_them():
    line = Line()
    line.kept.days = [Day(f"{n}", n % 2 == 0, [30 if n % 2 else 90] * CELLS) for n in range(28)]
    assert [line.longest(20, free=free)[0] for free in (False, True)] == [30, 90]


def test_what_is_kept_is_bounded_and_outlives_a_restart():
    line, by_lot = Line(), random.Random(1)
    for n in range(400):
        line.begin(f"2027-01-{n:04}", free=n % 7 > 4)
        for cell in range(CELLS):
            for _ in range(25):
                line.watch(cell, by_lot.uniform(0, 1e9))
        line.trip(1e9)
        line.rose(1439)
        line.bathed(1e9)
        line.evening(1e9)
    mark = line.mark()
    assert len(mark) < 12_000
    assert (len(line.kept.days), len(line.kept.trips)) == (DAYS, TRIPS)
    other = Line()
    other.restored(mark)
    assert other.mark() == mark


@pytest.mark.parametrize("mark", ["", "{", "[]", '{"days":[["x",true,[1]]]}', '{"trips":"a"}', "[" * 100_000])
def test_of_a_damaged_mark_nothing_is_taken(mark):
    line = Line()
    line.restored(mark)
    assert line.days == 0


def test_a_mark_of_today_without_its_minutes_begins_the_day_anew():
    line = Line()
    line.restored(msgspec.json.encode({"days": [], "today": ["d", False, [1] * CELLS], "watched": []}).decode())
    assert line.kept.today is None
