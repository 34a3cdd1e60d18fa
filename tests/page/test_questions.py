"""Today: what the home asked and by what it was answered, of a home that lived it; and who may read what moved."""

import asyncio
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from drivers import all_models
from gateway.home.config import load
from gateway.home.silence import SilenceStatus
from gateway.page import guard, questions
from gateway.page.words import Words, printed

from tests.page.conftest import Box
from tests.stories.life import HOUR, MINUTE
from tests.stories.test_asks_first import BEDROOM, asks, gets_up

SIGNED_IN = {}  # by the home's folder: what the browser of its one technician has kept


def looked(folder, path="/", lang="zh"):
    """Return what a technician reads of a home that is over."""

    status = folder / "run" / "status.json"
    # its daemon lives as long as somebody looks, however slow the machine is
    status.write_text(json.dumps(json.loads(status.read_text()) | {"written": time.time() + 3600}))

    async def look():
        example = SimpleNamespace(config=load(folder / "gateway.toml", all_models(), with_secrets=False), path=folder / "gateway.toml")
        box = Box(example)
        browser = box.browser() if folder in SIGNED_IN else await box.technician()
        browser.cookies.update(SIGNED_IN.setdefault(folder, dict(browser.cookies)))
        text = (await browser.get(path, params={"lang": lang})).text
        for one in box.browsers:
            await one.aclose()
        return text

    return asyncio.run(look())


def card(text):
    return unescape(text.partition('data-key="asked"')[2].partition("</section>")[0])


async def asked_once(life):
    """A morning, three hours without a movement, a question, and twelve seconds later the bedroom."""
    await gets_up(life)
    await life.wait(3 * HOUR - 4 * MINUTE, at_ease=False)
    await life.wait(12, at_ease=False)


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(guard, "RATE", 1e9)


def test_what_was_asked_and_by_what_it_was_answered(tmp_path):
    async def story():
        await asked_once(life)
        life.daemon.upkeep.write_status((0, 0))
        open_yet.append(card(looked_now(life.folder)))
        life.moves(BEDROOM)
        await life.wait(20 * MINUTE)
        life.daemon.upkeep.write_status((0, 0))

    open_yet = []

    def looked_now(folder):
        with ThreadPoolExecutor(1) as other:  # a loop of its own
            return other.submit(looked, folder).result()

    with asks(tmp_path) as life:
        life.live(story())
    assert re.search(r"起家里正在问老人.久无活动.,问了 1 次,还没有应答", open_yet[0].replace("\uff0c", ","))
    text = looked(life.folder)
    said = card(text)
    assert re.search(r"\d\d:\d\d 家里问过.久无活动.*后 bedroom 有动静", said)
    assert printed("还没学会这个家的习惯") in said
    assert re.search(r"从 \d\d:\d\d 起没有动静", said)
    assert "正在问" not in said
    assert 'class="a-asked"' in text
    assert "询问老人" not in text.partition('data-key="notes"')[2].partition("</details>")[0]
    english = card(looked(life.folder, lang="en"))
    assert "there was life at bedroom" in english
    assert not re.search(r"(?:asked|silent|asking)\.\w", said + english)
    # without consent what moved, and when, is nobody's business
    path = life.path
    path.write_text(path.read_text(encoding="utf-8").replace("activity = true", "activity = false"), encoding="utf-8")
    said = card(looked(life.folder))
    assert "bedroom" not in said
    assert "老人应答了" in said
    assert "没有动静" not in said


def test_a_question_that_nobody_answered_leads_to_its_alarm(tmp_path):
    async def story():
        await asked_once(life)
        await life.wait(10 * MINUTE)
        life.daemon.upkeep.write_status((0, 0))

    with asks(tmp_path) as life:
        life.live(story())
    text = looked(life.folder)
    assert re.search(r'<a href="/alarms/\d+">[^<]*没有应答', card(text))
    assert 'class="a-unanswered"' in text


def test_a_home_that_does_not_ask_has_no_such_card(tmp_path):
    async def story():
        await gets_up(life)
        life.daemon.upkeep.write_status((0, 0))

    with asks(tmp_path, preset="off") as life:
        life.live(story())
    assert 'data-key="asked"' not in looked(life.folder)


SENTENCES = [
    ({"rule": ""}, "夜里不问;夜里开大门后没有动静除外。"),
    (
        {"rule": "person.inactive", "silent_s": 6000.0, "rests": {"line_min": 150, "basis": "learnt", "longest_min": 110, "days": 28}},
        "从 08:20 起没有动静,满 2 小时 30 分就问;28 天里这个钟点最久 1 小时 50 分。",
    ),
    (
        {"rule": "person.inactive", "silent_s": 30.0, "rests": {"line_min": 180, "basis": "preset"}},
        "刚才还有动静,再静 3 小时就问;还没学会这个家的习惯。",
    ),
    (
        {"rule": "person.not_up", "rests": {"line_at": "09:40", "basis": "learnt", "usual_at": "08:30"}},
        "还没有起床,到 09:40 还没起床就问;平时 08:30 起床。",
    ),
    (
        {"rule": "person.stay_too_long", "rests": {"line_min": 25, "basis": "preset"}},
        "从 09:50 起在卫生间里没有动静,满 25 分就问;还没学会这个家的习惯。",
    ),
    (
        {"rule": "person.no_return", "rests": {"line_min": 300, "basis": "preset"}},
        "09:50 开过门后屋里没有动静,满 5 小时就问;还没学会这个家的习惯。",
    ),
    ({"rule": "person.inactive", "why": "deaf"}, ""),
]


@pytest.mark.parametrize(("silence", "says"), SENTENCES)
def test_how_silent_it_is_in_one_sentence_with_its_numbers(silence, says):
    v = SimpleNamespace(words=Words("zh", ZoneInfo("Asia/Shanghai")))
    wall = 1_800_000_000.0 - 1_800_000_000.0 % 86400 + 2 * 3600  # ten in the morning there
    said = questions.present(v, SilenceStatus(**({"silent_s": 600.0} | silence)), wall)
    assert re.sub(r"\s", "", said) == re.sub(r"\s", "", printed(says))
