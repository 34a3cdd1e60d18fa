"""The drill's page: who is called and by which button, how one that runs is going, and what the last one came to."""

import re

import pytest
from gateway.contract import inward
from gateway.home import inbox
from gateway.home.status import WalkStatus
from gateway.page.en import EN
from gateway.page.zh import ZH
from gateway.words.instruction import Refused
from msgspec.structs import replace

from tests.page.conftest import post
from tests.page.household import DEVICES
from tests.page.test_figures import walked
from tests.page.test_setting import yes

FAMILY = '[[ladder]]\nresponder = "女儿"\nchannel = "program"\nprogram = ["/bin/true"]\n'


def left(box):
    """Return the newest order that was left."""
    _, body = inbox.read(box.example.config.page_folder, 0)[-1]
    return inward.decode_instruction(body, "example-home", box.example.day.clock.now())[0]


@pytest.fixture
def drilled(box):
    """A home whose gateway calls somebody itself."""
    path = box.example.path
    path.write_text(path.read_text(encoding="utf-8") + FAMILY + DEVICES, encoding="utf-8")
    return box


async def test_it_is_begun_with_a_button_of_the_resident_and_ended(drilled):
    browser = await drilled.technician()
    text = (await browser.get("/drill")).text
    assert 'name="device" value="pendant" checked' in text
    assert 'value="front-door"' not in text, "no button calls there"
    assert "女儿" in text
    yes(drilled)
    answer = await post(browser, "/drill", "/drill", device="pendant", go="begin")
    assert (answer.status_code, answer.headers["location"]) == (303, "/drill")
    order = left(drilled)
    assert (order.do, order.step, order.device, order.seconds) == ("walk", "drill", "pendant", 300.0)
    await post(browser, "/drill", "/drill", device="pendant", go="end")
    assert (left(drilled).step, left(drilled).seconds) == ("drill", 0.0)


async def test_why_there_is_none_stands_on_the_page(drilled):
    browser = await drilled.technician()
    yes(drilled, accepted=False, refused=Refused.NOT_ALLOWED, zh="有未结束的警报", en="an alarm is open")
    answer = await post(browser, "/drill", "/drill", device="pendant", go="begin")
    assert (answer.status_code, '<p class="notice bad" role="alert">有未结束的警报' in answer.text) == (422, True)
    alone = drilled.example.path
    alone.write_text(alone.read_text(encoding="utf-8").replace(FAMILY, ""), encoding="utf-8")
    assert "没有由网关自己呼叫的人" in (await browser.get("/drill")).text
    supervisor = await drilled.supervisor(browser)
    assert (await supervisor.get("/drill")).status_code == 403
    assert inbox.read(drilled.example.config.page_folder, 0), "the technician's own"


async def test_one_that_runs_says_what_is_still_to_come(drilled, monkeypatch):
    browser = await drilled.technician()
    known = drilled.page.known
    facts = replace(known.status(), walk=WalkStatus(device="pendant", drill=True, left_s=200.0))
    monkeypatch.setattr(type(known), "status", lambda _: facts)
    monkeypatch.setattr(type(facts), "well", True)
    text = (await browser.get("/drill", params={"lang": "en"})).text
    assert re.findall(r'<li class="open">', text) == ['<li class="open">'] * 4
    assert EN["drill.answered"].format(who="女儿") in text
    assert 'name="go" value="end"' in text
    assert "part" not in (await browser.get("/drill?part=1")).text.partition("<section")[0]


async def test_what_the_last_one_came_to_is_told_in_words(drilled, monkeypatch):
    browser = await drilled.technician()
    detail = {"what": "drill", "by": "T-07", "called": "女儿", "lacks": "receipt answered", "passed": False}
    told = [replace(walked("pendant", 9, passed=False), detail=detail), walked("pendant", 8, passed=True)]
    monkeypatch.setattr(type(drilled.page.known), "journal", lambda *_, **__: told)
    text = (await browser.get("/drill")).text
    assert ZH["drill.last"] in text
    for name, there in (("receipt", True), ("answered", True), ("presses", False)):
        assert (ZH[f"drill.lacks.{name}"] in text) is there
