"""Alarms, journal and visits sorted by a column: by a link, within what was filtered and searched, over so many lines at a time."""

import re

import pytest
from gateway.page import sorting
from gateway.page.en import EN
from gateway.page.sorting import Sort
from gateway.page.zh import ZH
from gateway.words.wide import printed

LISTS = ("/alarms", "/journal", "/journal?what=visits")


def test_a_head_leads_to_its_column_and_then_the_other_way_round():
    assert (Sort().name, Sort().to("time"), Sort("time", up=True).to("time")) == ("", "time", "")
    assert [Sort().to(c) for c in ("kind", "where", "state")] == ["kind", "where", "state"]
    assert (Sort("kind", up=True).to("kind"), Sort("kind").to("kind"), Sort("kind").to("time")) == ("-kind", "kind", "")
    assert (Sort().of("time"), Sort("kind", up=True).of("kind"), Sort("kind").of("time")) == ("descending", "ascending", "")
    assert (Sort().most(20), Sort("time", up=True).most(20)) == (20, sorting.SORTED)


def test_equal_lines_stay_newest_first_and_chinese_goes_by_its_sound():
    lines = [(3, "卧室"), (2, "浴室"), (1, "卧室"), (0, "厨房")]
    texts = {"where": lambda line: line[1]}
    assert sorting.ordered(lines, Sort("where", up=True), texts) == [(0, "厨房"), (3, "卧室"), (1, "卧室"), (2, "浴室")]
    assert sorting.ordered(lines, Sort("where"), texts) == [(2, "浴室"), (3, "卧室"), (1, "卧室"), (0, "厨房")]
    assert sorting.ordered(lines, Sort("time", up=True), texts) == lines[::-1]
    assert sorting.ordered([(0, "\ud800"), (1, "\N{GRINNING FACE}")], Sort("where", up=True), texts), "any text is a text"


def rows(text):
    """The cells of each row, as people read them."""
    body = text.partition('<tbody role="rowgroup">')[2].partition("</tbody>")[0]
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL)]
    return [[" ".join(re.sub("<[^>]+>", " ", cell).split()) for cell in row] for row in cells]


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_each_column_sorts_both_ways_and_says_so(box, lang):
    browser = await box.technician()
    for path in LISTS:
        plain = (await browser.get(path, params={"lang": lang} | ({"what": "visits"} if "visits" in path else {}))).text
        heads = re.findall(r'<th scope="col"[^>]*><a href="([^"]+)">', plain)
        assert len(heads) == 4, path
        assert plain.count("aria-sort") == plain.count('aria-sort="descending"') == 1
        columns = ("kind", "where", "time", "state") if path == "/alarms" else ("time", "kind", "where", "state")
        at = {name: n if path == "/alarms" else n + 1 for n, name in enumerate(columns)}
        for name, head in zip(columns, heads, strict=True):
            text = (await browser.get(head.replace("&amp;", "&"))).text
            assert text.count("aria-sort") == text.count('aria-sort="ascending"') == 1, (path, name)
            back = next(h for h in re.findall(r'<th scope="col"[^>]*aria-sort[^>]*><a href="([^"]+)">', text)).replace("&amp;", "&")
            turned = (await browser.get(back)).text
            assert 'aria-sort="descending"' in turned, (path, name)
            if name == "time":
                assert rows(turned)[: len(rows(plain))] == rows(plain)
                continue
            up, down = ([row[at[name]] for row in rows(one)] for one in (text, turned))
            assert len(up) >= len(rows(plain))
            assert sorted(up) == sorted(down)
            first = [cell.partition(" · ")[0] for cell in up] if name == "state" and path != "/alarms" else up
            if name == "kind" or path == "/alarms":
                assert first == sorted(first, key=lambda cell: cell.casefold().encode("gb18030")), (path, name)
            told = (ZH if lang == "zh" else EN)["sorted.all"].format(count=len(up))
            assert (printed(told) if lang == "zh" else told) in text, (path, name)


async def test_filter_search_and_what_was_chosen_stay(box):
    browser = await box.technician()
    for path, query in (
        ("/alarms", {"kind": "person.fall", "test": "no", "q": "卧室"}),
        ("/journal", {"what": "alarm", "q": "卧室"}),
    ):
        plain = rows((await browser.get(path, params=query)).text)
        text = (await browser.get(path, params=query | {"sort": "-kind"})).text
        assert sorted(rows(text)) == sorted(plain)
        assert all("卧室" in " ".join(row) for row in rows(text))
        for head in re.findall(r'<th scope="col"[^>]*><a href="([^"]+)">', text):
            assert all(f"{name}=" in head for name in query), head
        assert '<input type="hidden" name="sort" value="-kind">' in text, "a new search sorts as the one before"


async def test_a_sorted_page_says_that_it_sorts_these_lines_alone_and_leads_on(box, monkeypatch):
    monkeypatch.setattr(sorting, "SORTED", 3)
    browser = await box.technician()
    for path, number in (("/alarms", r'href="/alarms/(\d+)"'), ("/journal", r'class="n">(\d+)<')):
        every = re.findall(number, (await browser.get(path)).text)
        assert len(every) > 3
        seen, at = [], f"{path}?sort=kind"
        for n in range(2):
            text = (await browser.get(at)).text
            here = re.findall(number, text)
            assert printed(ZH["sorted.some"].format(count=len(here))) in text
            assert printed(ZH["sorted.newest"]) in text
            assert len(here) == 3 or n
            seen += here
            onward = [a for a in re.findall(r'class="button" href="([^"]+)"', text) if "before=" in a and "before=&" not in a]
            at = next((a for a in onward if not a.endswith("before=")), "").replace("&amp;", "&")
            if not at:
                break
            assert "sort=kind" in at
        assert len(set(seen)) == len(seen)
        assert set(seen[:3]) == set(every[:3]), "the newest are sorted, not any"


async def test_what_nobody_can_sort_by_is_newest_first(box):
    browser = await box.technician()
    for path in LISTS:
        plain = rows((await browser.get(path)).text)
        for odd in ("number", "__class__", "--kind", "kind-", "kind; DROP", "x" * 9000, "\u0000", "-time"):
            answer = await browser.get(path, params={"sort": odd} | ({"what": "visits"} if "visits" in path else {}))
            assert (answer.status_code, rows(answer.text)) == (200, plain), (path, odd[:20])


async def test_a_supervisor_sorts_too(box):
    technician = await box.technician()
    browser = await box.supervisor(technician)
    assert (await browser.get("/alarms?sort=where")).text.count('aria-sort="ascending"') == 1
