"""Debian's Chromium: what a supervisor and a relative see on every screen, in both languages, light and dark, at large text."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from gateway.page import label
from gateway.page.accounts import Accounts, Role, Session
from gateway.words.clock import boot_name
from playwright.async_api import expect

from tests.kit.ports import free_port
from tests.page.household import PASSWORD
from tests.page.served import IN_A_BROWSER, Page, chromium
from tests.page.test_browser import is_accessible, is_fit_for_a_finger
from tests.page.test_family import consent
from tests.page.test_today_browser import BROKEN, DESK, LEFT, LYING, PHONE

pytestmark = IN_A_BROWSER
TABLET = {"width": 768, "height": 1024}
WORD = "quiet river under stars"
OVERSEEN = ("/figures", "/figures?sort=arrival", "/figures?month=2021-02", "/alarms", "/certificate")
LARGE = "--blink-settings=defaultFontSize=32,defaultFixedFontSize=26"


async def pictured(page, name):
    if folder := os.environ.get("PICTURES"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


async def entered(page, at, example):
    """Sign in as the first technician."""
    await page.goto(f"{at}/first")
    for name, text in (("code", label.shown(example.config.page_folder)), ("name", "T-07"), ("password", PASSWORD)):
        await page.fill(f"[name={name}]", text)
    async with page.expect_navigation():
        await page.click("main button.main")


async def invited(page, browser, at, name, lang):
    """Invite a relative by the form, and return the page of their phone, which has joined by the code."""
    await page.goto(f"{at}/box?lang={lang}")
    await page.click("summary[data-invite]")
    await page.fill("#invite-name", name)
    async with page.expect_navigation():
        await page.click("form[action='/box/invite'] button")
    await expect(page.locator(".invitation")).to_be_in_viewport()
    code = await page.locator(".invitation").inner_text()
    phone = await (await browser.new_context(viewport=PHONE)).new_page()
    await phone.goto(f"{at}/sign-in?lang={lang}")
    await phone.click("a[href='/join']")
    await phone.fill("[name=code]", code)
    await phone.fill("[name=password]", WORD)
    await expect(phone.locator("[name=again]")).to_have_count(0)
    await pictured(phone, f"join-{lang}")
    await is_accessible(phone)
    async with phone.expect_navigation():
        await phone.click("main button.main")
    assert phone.url == f"{at}/family"
    return phone


class Seen:
    """One page process for all tests here that change nothing, and who has signed in there: each once."""

    def __init__(self, lived, folder):
        self.http, self.folder = free_port(), folder
        self.example = lived.copy(folder, port=free_port(), http=self.http)
        self.at, self._states = f"http://127.0.0.1:{self.http}", {}

    async def page(self, who, browser, **more):
        """Return a page of who has signed in: supervisor, daughter or 女儿."""
        if who not in self._states:
            async with chromium() as first:
                made = _supervised if who == "supervisor" else _related
                self._states[who] = await made(self, who, first)
        context = await browser.new_context(**{"viewport": PHONE, "storage_state": self._states[who]} | more)
        return await context.new_page()

    async def technician(self, browser):
        if "technician" not in self._states:
            page = await (await browser.new_context(viewport=PHONE)).new_page()
            await entered(page, self.at, self.example)
            self._states["technician"] = await page.context.storage_state()
        return await (await browser.new_context(viewport=PHONE, storage_state=self._states["technician"])).new_page()


async def _supervised(seen, _, browser):
    await seen.technician(browser)
    by = Session("", "T-07", Role.TECHNICIAN)
    Accounts(seen.folder / "state" / "page", boot_name()).add("S-01", Role.SUPERVISOR, WORD, by, "test")
    page = await (await browser.new_context(viewport=PHONE)).new_page()
    await page.goto(f"{seen.at}/sign-in")
    await page.fill("[name=name]", "S-01")
    await page.fill("[name=password]", WORD)
    async with page.expect_navigation():
        await page.click("main button.main")
    assert page.url == f"{seen.at}/figures"
    return await page.context.storage_state()


async def _related(seen, who, browser):
    lang = "zh" if who == "女儿" else "en"
    page = await seen.technician(browser)
    consent(SimpleNamespace(example=SimpleNamespace(path=seen.folder / "gateway.toml")), may=True)
    phone = await invited(page, browser, seen.at, who, lang)
    await pictured(page, f"invited-{lang}")
    assert await page.evaluate(BROKEN) == []
    await is_accessible(page)
    await page.goto(f"{seen.at}/home?lang={lang}#consent")
    await pictured(page, f"consent-{lang}")
    await is_accessible(page)
    return await phone.context.storage_state()


@pytest.fixture(scope="module")
def seen(lived, tmp_path_factory):
    folder = tmp_path_factory.mktemp("roles")
    seen = Seen(lived, folder)
    with Page(seen.example.path, seen.http, folder / "page.log"):
        yield seen


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_a_supervisor_reads_figures_on_every_screen(seen, lang):
    async with chromium() as browser:
        page = await seen.page("supervisor", browser)
        for view in (PHONE, LYING, TABLET, DESK):
            await page.set_viewport_size(view)
            for theme in ("light", "dark"):
                await page.goto(f"{seen.at}/figures?lang={lang}&theme={theme}")
                await pictured(page, f"figures-{view['width']}-{lang}-{theme}")
                assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
                assert await page.evaluate(BROKEN) == []
                await is_accessible(page)
        await page.set_viewport_size(PHONE)
        for path in OVERSEEN:
            await page.goto(f"{seen.at}{path}")
            assert await page.evaluate(BROKEN) == [], path
            await is_fit_for_a_finger(page)


@pytest.mark.parametrize(("lang", "who"), [("zh", "女儿"), ("en", "daughter")])
async def test_a_relative_is_invited_and_sees_one_sentence_on_every_screen(seen, lang, who):
    async with chromium() as browser:
        phone = await seen.page(who, browser)
        for view in (PHONE, LYING, TABLET, DESK):
            await phone.set_viewport_size(view)
            for theme in ("light", "dark"):
                await phone.goto(f"{seen.at}/family?lang={lang}&theme={theme}")
                await pictured(phone, f"family-{view['width']}-{lang}-{theme}")
                assert await phone.evaluate(BROKEN) == []
                assert await phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
                await is_accessible(phone)
                await is_fit_for_a_finger(phone)
        await phone.goto(f"{seen.at}/devices/pendant")
        await is_accessible(phone)


async def test_a_box_that_does_not_say_how_things_are_is_said_in_place_of_what_was_seen_before(seen):
    async with chromium() as browser:
        phone = await seen.page("女儿", browser)
        await phone.goto(f"{seen.at}/family")
        stale, banner = phone.locator("#stale"), phone.locator(".banner strong")
        assert await stale.is_hidden()
        await phone.context.set_offline(True)
        await phone.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await expect(stale).to_be_visible()
        await expect(banner).to_be_hidden()
        await phone.context.set_offline(False)
        await expect(stale).to_be_hidden()
        await expect(banner).to_be_visible()
        await phone.route("**/family?part=1", lambda route: route.fulfill(status=503))
        await phone.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await expect(stale).to_be_visible()
        await expect(banner).to_be_hidden()
        await pictured(phone, "family-unanswered")
        await is_accessible(phone)
        await phone.unroute("**/family?part=1")
        await expect(banner).to_be_visible()
        await expect(stale).to_be_hidden()


async def test_a_table_is_sorted_by_its_head_without_script(seen):
    async with chromium() as browser:
        plain, at = await seen.page("supervisor", browser, viewport=DESK, java_script_enabled=False), seen.at
        await plain.goto(f"{at}/figures?lang=en")
        for n, order in ((0, "ascending"), (1, "descending"), (6, "descending")):
            async with plain.expect_navigation():
                await plain.locator(".sorted").first.locator("thead a").nth(n).click()
            heads = plain.locator(".sorted").first.locator("thead th")
            assert await heads.nth(n).get_attribute("aria-sort") == order
            assert await plain.locator("[aria-sort]").count() == 1
        for path in ("alarms?q=SOS", "journal?q=SOS&what=alarm"):
            await plain.goto(f"{at}/{path}&lang=en")
            for order in ("ascending", "descending"):
                async with plain.expect_navigation():
                    await plain.get_by_role("columnheader", name="Kind").get_by_role("link").click()
                head = plain.get_by_role("columnheader", name="Kind")
                assert await head.get_attribute("aria-sort") == order
                assert await plain.locator("[aria-sort]").count() == 1
                assert await plain.locator("#f-q").input_value() == "SOS"


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_large_text_hides_nothing(seen, lang):
    async with chromium(LARGE) as browser:
        page = await seen.page("supervisor", browser)
        await page.goto(f"{seen.at}/figures?lang={lang}")
        await pictured(page, f"figures-large-{lang}")
        assert await page.evaluate(BROKEN) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await page.evaluate(LEFT) > 0.6


@pytest.mark.parametrize(("lang", "who"), [("zh", "女儿"), ("en", "daughter")])
async def test_large_text_hides_nothing_from_a_relative(seen, lang, who):
    async with chromium(LARGE) as browser:
        phone = await seen.page(who, browser)
        for path in ("/family", "/join", "/alarms"):
            await phone.goto(f"{seen.at}{path}?lang={lang}")
            await pictured(phone, f"family-large{path.replace('/', '-')}-{lang}")
            assert await phone.evaluate(BROKEN) == [], path
            assert await phone.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_alarms_and_journal_are_searched_without_script(seen, lang):
    async with chromium() as browser:
        page, at = await seen.page("supervisor", browser), seen.at
        bare = await seen.page("supervisor", browser, java_script_enabled=False)
        await bare.goto(f"{at}/alarms?lang={lang}")
        await bare.fill("#f-q", "跌倒")
        async with bare.expect_navigation():
            await bare.press("#f-q", "Enter")
        assert 0 < await bare.locator(".listed tbody tr").count() < 5
        assert await bare.locator("#f-q").input_value() == "跌倒"
        for view, theme in ((PHONE, "light"), (TABLET, "dark"), (DESK, "light")):
            await page.set_viewport_size(view)
            for path in ("alarms", "journal"):
                await page.goto(f"{at}/{path}?q=SOS&lang={lang}&theme={theme}")
                await pictured(page, f"search-{path}-{view['width']}-{lang}")
                assert await page.evaluate(BROKEN) == []
                await is_accessible(page)
                await is_fit_for_a_finger(page)


async def test_consent_taken_back_ends_the_page_that_is_open(lived, tmp_path):
    seen = Seen(lived, tmp_path)
    with Page(seen.example.path, seen.http, tmp_path / "page.log"):
        async with chromium() as browser:
            page, at = await seen.technician(browser), seen.at
            home = SimpleNamespace(example=SimpleNamespace(path=tmp_path / "gateway.toml"))
            consent(home, may=True)
            phone = await invited(page, browser, at, "女儿", "zh")
            await phone.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
            await expect(phone.locator(".banner strong")).to_be_visible()
            consent(home, may=False)
            async with phone.expect_navigation(url="**/sign-in**"):
                await phone.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
            assert "一切正常" not in await phone.content()
            await phone.goto(f"{at}/family")
            assert "/sign-in" in phone.url
