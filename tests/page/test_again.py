"""The password is asked once more before a backup, an account or the platform changes hands; weak ones are refused, six words offered."""

import re
from types import SimpleNamespace

import pytest
from gateway.contract import inward
from gateway.home import inbox, strength
from gateway.page import again, papers
from gateway.page.waits import WAITS
from gateway.words.instruction import Refused

from tests.page.conftest import form_key, post
from tests.page.household import PASSWORD
from tests.page.test_setting import TYPED

WORDS = "three blind mice run"
SUPERVISOR = {"name": "S-02", "role": "supervisor", "password": "quiet river under stars", "again": "quiet river under stars"}
SEALED = {"passphrase": WORDS, "again": WORDS}
ACTS = {
    "/box/accounts": ("/box", SUPERVISOR),
    "/box/accounts/remove": ("/box", {"name": "S-02"}),
    "/platform": ("/platform", TYPED | {"go": "save", "once": "ab" * 12, "revision": "0"}),
    "/box/backup": ("/moving", SEALED),
    "/box/papers": ("/box", {"certificate": "x", "private": "x"}),
}


@pytest.fixture
def later(box, monkeypatch):
    """Let the page's monotonic clock go on by so many seconds."""
    passed = 0.0
    real = box.page.accounts._now

    def go_on(seconds):
        nonlocal passed
        passed += seconds

    monkeypatch.setattr(box.page.accounts, "_now", lambda: real() + passed)
    box.page.known.result = lambda _: SimpleNamespace(accepted=False, problems=[], zh="不行", en="no", refused=Refused.INVALID)
    return go_on


def left(box):
    rows = inbox.read(box.example.config.page_folder, 0)
    return [inward.decode_instruction(body, "example-home", None)[0].do for _, body in rows]


def asked(text):
    return bool(re.search(rf'<input id="[a-z0-9]+-{again.FIELD}" name="{again.FIELD}" type="password"', text))


@pytest.mark.parametrize("to", ACTS)
async def test_after_five_minutes_it_is_asked_beside_its_field(box, later, to):
    page, said = ACTS[to]
    browser = await box.technician()
    if to == "/box/accounts/remove":
        assert (await post(browser, "/box", "/box/accounts", **SUPERVISOR)).status_code == 303
    names = box.page.accounts.all()
    assert not asked((await browser.get(page)).text), "whoever has just signed in is not asked"
    later(WAITS.fresh + 1)
    assert asked((await browser.get(page)).text)
    for typed in ({}, {"mine": ""}, {"mine": "not my password"}):
        answer = await browser.post(to, data={"key": await form_key(browser, "/box")} | said | typed)
        assert answer.status_code == 422
        assert asked(answer.text)
        assert 'aria-invalid="true"' in answer.text
        assert "not my password" not in answer.text
    assert left(box) == []
    assert box.page.accounts.all() == names
    later(10)  # the wait after a wrong one
    answer = await browser.post(to, data={"key": await form_key(browser, "/box")} | said | {"mine": PASSWORD})
    if to.startswith("/box/accounts"):
        assert answer.status_code == 303
        assert box.page.accounts.all() != names
    elif to == "/box/papers":
        assert answer.status_code == 422, "and then it is looked at"
    else:
        assert left(box) == [{"/platform": "configure", "/box/backup": "backup"}[to]]
    assert PASSWORD not in answer.text
    assert not asked((await browser.get(page)).text), "and not for the next minutes"


async def test_it_is_asked_of_each_session_and_wrong_ones_are_counted(box, later):
    first = await box.technician()
    later(WAITS.fresh + 1)
    second = box.browser("192.168.1.60")
    assert (await post(second, "/sign-in", "/sign-in", name="T-07", password=PASSWORD)).status_code == 303
    assert not asked((await second.get("/box")).text)
    assert asked((await first.get("/box")).text)
    before = box.page.accounts.wrong
    await post(first, "/box", "/box/accounts", **SUPERVISOR, mine="guess")
    assert box.page.accounts.wrong == before + 1
    codes = [(await post(first, "/box", "/box/accounts", **SUPERVISOR, mine=f"guess {n}")).status_code for n in range(12)]
    assert set(codes) == {422}
    text = (await post(first, "/box", "/box/accounts", **SUPERVISOR, mine=PASSWORD)).text
    assert asked(text), "who has guessed so often waits, also with the right one"


@pytest.mark.parametrize("words", ["1111111111", "woaini1314520", "eldercare2026", "T-07 T-07 T-07"])
async def test_a_weak_passphrase_is_refused_and_six_words_are_offered(box, later, words):
    browser = await box.technician()
    answer = await post(browser, "/moving", "/box/backup", passphrase=words, again=words)
    assert answer.status_code == 422
    assert left(box) == []
    offered = re.search(r'<strong lang="zh-Latn">([a-z ]+)</strong>', answer.text)[1]
    assert len(offered.split()) == strength.WORDS
    assert offered not in (await browser.get("/moving")).text, "others each time"
    await post(browser, "/moving", "/box/backup", passphrase=offered, again=offered)
    assert left(box) == ["backup"]


@pytest.mark.parametrize("word", ["1111111111", "woaini1314", "5201314520", "qq123456789"])
async def test_a_weak_password_is_no_account(box, word):
    browser = await box.technician()
    answer = await post(browser, "/box", "/box/accounts", name="S-03", role="supervisor", password=word, again=word)
    assert answer.status_code == 422
    assert [name for name, _ in box.page.accounts.all()] == ["T-07"]


async def test_the_pages_own_certificate_is_not_taken_away_without_the_password(box, later):
    browser = await box.technician()
    own = box.example.config.page_folder / papers.FOLDER / "own.pem"
    own.parent.mkdir(mode=0o700, exist_ok=True)
    own.write_text("x")
    later(WAITS.fresh + 1)
    assert (await post(browser, "/box", "/box/papers", remove="1")).status_code == 422
    assert own.exists()
    assert (await post(browser, "/box", "/box/papers", remove="1", mine=PASSWORD)).status_code == 303
    assert not own.exists()
