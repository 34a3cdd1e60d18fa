"""A search in alarms and journal: by the words of the page, for any text, over so many lines at a time, and in the export."""

import re
from types import SimpleNamespace

import pytest
from gateway.page import search

from tests.page.conftest import LAN

ODD = ("%", "_", "'", '"', "' OR 1=1 --", "\\", "<b>", "\N{GRINNING FACE}", "x" * 10_000, "\u0000", "%25", "[", "(", "*", "-1")


def numbers(text):
    return {int(n) for n in re.findall(r'href="/alarms/(\d+)"', text)}


async def test_alarms_are_found_by_kind_room_outcome_and_number_in_both_languages(box):
    browser = await box.technician()
    every = numbers((await browser.get("/alarms")).text)
    assert len(every) > 3
    for text, some in (
        ("跌倒", True),
        ("fall", True),
        ("FALL 卧室", True),
        ("浴室", True),
        ("helped", True),
        ("已帮助", True),
        ("浴室 跌倒", False),
    ):
        for lang in ("zh", "en"):
            found = numbers((await browser.get("/alarms", params={"q": text, "lang": lang})).text)
            assert found <= every
            assert bool(found) is some, (text, lang)
            assert found != every, text
    rows = (await browser.get("/alarms.csv", params={"q": "浴室"})).text.splitlines()
    assert len(rows) > 1
    assert all("浴室" in row for row in rows[1:])


async def test_any_text_is_a_text_and_stays_in_its_field(box):
    browser = await box.technician()
    every = numbers((await browser.get("/alarms")).text) | numbers((await browser.get("/journal")).text)
    for path in ("/alarms", "/journal", "/journal?what=visits"):
        for text in ODD:
            answer = await browser.get(path, params={"q": text} | ({"what": "visits"} if "visits" in path else {}))
            assert answer.status_code == 200, (path, text[:20])
            found = numbers(answer.text)
            assert not found or found < every or text == "\u0000", (path, text[:20])
            assert not found or text not in {"%", "x" * 10_000, "<b>", "%25"}, (path, text[:20])
            assert "<b>" not in answer.text.partition('id="f-q"')[2].partition(">")[0]
            assert len(answer.text) < 300_000
    long = (await browser.get("/alarms", params={"q": "x" * 10_000})).text
    assert f'value="{"x" * search.LONGEST}"' in long


async def test_the_journal_is_searched_within_what_was_chosen_and_its_pages_keep_the_words(box):
    browser = await box.technician()
    text = (await browser.get("/journal", params={"q": "跌倒"})).text
    lines = re.findall(r'<tr role="row" class="l-\w+">.*?</tr>', text, re.DOTALL)
    assert lines
    assert all("跌倒" in line for line in lines)
    assert not re.findall(r'class="l-', (await browser.get("/journal", params={"q": "跌倒", "what": "fault"})).text)
    visits = (await browser.get("/journal", params={"q": LAN, "what": "visits"})).text
    assert LAN in visits.partition('class="sorted listed lines"')[2]
    assert "没有找到" in (await browser.get("/journal", params={"q": "nowhere", "what": "visits"})).text


def test_one_answer_looks_at_so_many_lines_and_the_next_goes_on():
    lines = [SimpleNamespace(number=n) for n in range(10_000, 0, -1)]
    seen = []

    def leaf(before, most):
        part = [line for line in lines if not before or line.number < before][:most]
        seen.extend(part)
        return part

    found, more = search.look(leaf, lambda line: line.number, lambda line: line.number == 1, 0, 20)
    assert (found, len(seen), more) == ([], search.LOOKED, 10_000 - search.LOOKED + 1)
    while more:
        found, more = search.look(leaf, lambda line: line.number, lambda line: line.number == 1, more, 20)
    assert [line.number for line in found] == [1]


@pytest.mark.parametrize("count", [0, 1, 19, 20, 21, 40, 199, 200, 201, 399, 400, 401])
def test_pages_follow_each_other_without_a_gap_or_a_line_twice(count):
    lines = [SimpleNamespace(number=n) for n in range(count, 0, -1)]
    got, before = [], 0
    while True:
        found, before = search.look(
            lambda at, most: [line for line in lines if not at or line.number < at][:most],
            lambda line: line.number,
            lambda _: True,
            before,
            20,
        )
        got += found
        if not before:
            break
    assert [line.number for line in got] == list(range(count, 0, -1))
