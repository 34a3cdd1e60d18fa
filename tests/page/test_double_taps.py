"""A double tap on every button of every form acts once: by the page's script, and, without script, by the number each form is drawn with.

The pages are walked as they are: a form that is new is tapped too.
"""

import asyncio
import collections
import contextlib
import json
import sqlite3
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
import pytest_asyncio

from tests.kit.wait import PATIENCE, until_now
from tests.page.household import PASSWORD
from tests.page.served import IN_A_BROWSER, chromium
from tests.page.test_browser import Home
from tests.page.test_forms_browser import NEW, on_a_phone, signed

pytestmark = IN_A_BROWSER
WORD = "quiet river under stars"
PAGES = (
    "/",
    "/test",
    "/home",
    "/sensors/add",
    NEW,
    "/sensors/change?device=front-door",
    "/platform",
    "/rules",
    "/walk",
    "/certificate",
    "/devices/front-door",
    "/moving",
    "/box",
    "/sensors",  # last: what is retired has no pages of its own
)
ANSWERS = {
    "sure": "1",
    "password": WORD,
    "again": WORD,
    "old": PASSWORD,
    "name": "T-09",
    "reason": "the painter is here",
    "passphrase": "tea hill rain bamboo lamp stone",
    "typed": "T-07",
}
UPLOADS = {"/moving/look", "/sensors/photo?device=front-door"}  # a file, which no form of these sends


class Forms(HTMLParser):
    """Reads the forms of a page that post: [(where to, {field: value}, [(button's name, value, where to)])]."""

    def __init__(self, text):
        super().__init__()
        self.all, self.select = [], ""
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        has = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.inside = has.get("method") == "post"
            if self.inside:
                self.all.append((has["action"].partition("#")[0], {}, []))
        if not self.inside:
            return
        to, fields, buttons = self.all[-1]
        name, kind = has.get("name", ""), has.get("type", "text")
        if tag == "button" and kind != "button" and has.get("aria-hidden") != "true":
            buttons.append((name, has.get("value", ""), has.get("formaction", to).partition("#")[0]))
        elif tag == "select":
            self.select = name
            fields[name] = ""
        elif tag == "option" and self.select and (not fields[self.select] or "selected" in has):
            fields[self.select] = has.get("value", "")
        elif tag == "textarea":
            fields[name] = ""
        elif tag == "input" and name:
            if kind == "radio":
                fields[name] = has["value"] if "checked" in has else fields.get(name, has["value"])
            elif kind != "checkbox" or "checked" in has or name in ANSWERS:
                typed = ANSWERS.get(name, "") if kind != "hidden" else ""
                fields[name] = typed or has.get("value", "")

    def handle_endtag(self, tag):
        if tag == "form":
            self.inside = False
        if tag == "select":
            self.select = ""


@pytest.fixture
def home(tmp_path):
    with Home(tmp_path) as home:
        yield home


@pytest_asyncio.fixture(loop_scope="session")
async def entered(home, kept_browser):
    return await signed(home)


def journalled(home, name):
    with contextlib.closing(sqlite3.connect(f"file:{home.folder}/state/gateway.db?mode=ro", uri=True, timeout=PATIENCE)) as db:
        return [json.loads(body) for (body,) in db.execute("SELECT body FROM journal WHERE name = ?", (name,))]


def led(answer):
    """Return what came of a form: where it led, without the name under which a drawn page is kept."""
    to = urlsplit(answer.headers.get("location", ""))
    return answer.status_code, to.path, [(name, value) for name, value in parse_qsl(to.query) if name != "said"]


async def test_without_script_a_form_that_is_sent_twice_acts_once(home):
    headers = {"accept": "text/html"}
    async with httpx.AsyncClient(base_url=home.page.address, timeout=PATIENCE, headers=headers) as browser:

        async def forms(page):
            answer = await browser.get(page)
            assert answer.status_code == 200, (page, answer.headers)
            return Forms(answer.text).all

        [(to, said, _)] = await forms("/first")
        assert (
            await browser.post(to, data=said | {"code": home.code(), "name": "T-07", "password": PASSWORD, "again": PASSWORD})
        ).status_code == 303
        home.press()
        until_now(lambda: journalled(home, "alarm"))
        tapped = collections.Counter()
        for page in PAGES:
            for n, (_, _, buttons) in enumerate(await forms(page)):
                for m in range(len(buttons)):
                    found = await forms(page)
                    if n >= len(found) or m >= len(found[n][2]):
                        continue  # what was done before has taken it away
                    to, said, buttons_now = found[n]
                    name, value, there = buttons_now[m]
                    if to in UPLOADS or to == "/sign-out":
                        continue
                    assert len(said.get("once", "")) == 24, f"{page}: {to} has no number"
                    said = said | ({name: value} if name else {})
                    answers = await asyncio.gather(
                        *(
                            browser.post(there, content=urlencode(said), headers={"content-type": "application/x-www-form-urlencoded"})
                            for _ in range(2)
                        )
                    )
                    assert led(answers[0]) == led(answers[1]), (page, there, said, [a.text[:300] for a in answers])
                    tapped[to] += 1
        assert len(tapped) >= 18, tapped
        results = collections.Counter(result["instruction"] for result in journalled(home, "result"))
        assert len(results) >= 15
        assert set(results.values()) == {1}, results.most_common(3)
        revisions = [result["revision"] for result in journalled(home, "result") if result["accepted"] and result.get("revision")]
        changes = [fact for fact in journalled(home, "fault") if fact["kind"] == "service.config_changed"]
        assert len(changes) == len(set(revisions)), "each change is there once"


async def test_a_double_tap_on_any_button_sends_one_form_and_the_button_says_that_it_works(home, entered):
    home.press()
    async with chromium() as browser:
        context, page = await on_a_phone(browser, entered)
        sent = []

        async def taken(route):
            sent.append(route.request.url)
            await route.fulfill(status=204)  # the page stays, as where an answer is long in coming

        tapped = 0
        for where in PAGES:
            await page.goto(home.page.address + where)
            await page.wait_for_load_state()
            await context.route(lambda _: True, lambda route: taken(route) if route.request.method == "POST" else route.continue_())
            await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
            # A phone is set only when its browser has agreed: tests/page/test_duty_browser.py.
            buttons = page.locator("form[method=post]:not(#duty-set) button:not([type=button], .unseen, [hidden])")
            for n in range(await buttons.count()):
                button = buttons.nth(n)
                if not await button.is_visible():
                    continue
                sent.clear()
                await button.dblclick()
                assert await button.get_attribute("aria-busy") == "true", (where, n)
                assert await page.locator("p.unseen[role=status]").last.inner_text()
                await button.press("Enter")
                await page.evaluate("fetch('/static/icon.svg')")  # what was sent before it has come by now
                assert len(sent) == 1, (where, n, sent)
                tapped += 1
                await page.evaluate("dispatchEvent(new Event('pageshow'))")
                assert await page.locator("[aria-busy=true]").count() == 0
            await context.unroute_all()
        assert tapped >= 30
        assert page.broken == []
