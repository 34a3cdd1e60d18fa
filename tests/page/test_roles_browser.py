"""Debian's Chromium: what a supervisor and a relative see on every screen, in both languages, light and dark, at large text."""

import contextlib
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


@contextlib.asynccontextmanager
async def shown(lived, folder, browser):
    """Give a page on which a technician has signed in, and its address."""
    http = free_port()
    example = lived.copy(folder, port=free_port(), http=http)
    with Page(example.path, http, folder / "page.log") as served:
        page = await (await browser.new_context(viewport=PHONE)).new_page()
        await page.goto(f"{served.address}/first")
        for name, text in (("code", label.shown(example.config.page_folder)), ("name", "T-07"), ("password", PASSWORD)):
            await page.fill(f"[name={name}]", text)
        async with page.expect_navigation():
            await page.click("main button.main")
        yield page, served.address


@contextlib.asynccontextmanager
async def overseen(lived, folder, browser):
    """Give a page on which a supervisor has signed in, and its address."""
    async with shown(lived, folder, browser) as (_, at):
        by = Session("", "T-07", Role.TECHNICIAN)
        Accounts(folder / "state" / "page", boot_name()).add("S-01", Role.SUPERVISOR, WORD, by, "test")
        page = await (await browser.new_context(viewport=PHONE)).new_page()
        await page.goto(f"{at}/sign-in")
        await page.fill("[name=name]", "S-01")
        await page.fill("[name=password]", WORD)
        async with page.expect_navigation():
            await page.click("main button.main")
        assert page.url == f"{at}/figures"
        yield page, at


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_a_supervisor_reads_figures_on_every_screen(lived, tmp_path, lang):
    async with chromium() as browser, overseen(lived, tmp_path, browser) as (page, at):
        for view in (PHONE, LYING, TABLET, DESK):
            await page.set_viewport_size(view)
            for theme in ("light", "dark"):
                await page.goto(f"{at}/figures?lang={lang}&theme={theme}")
                await pictured(page, f"figures-{view['width']}-{lang}-{theme}")
                assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
                assert await page.evaluate(BROKEN) == []
                await is_accessible(page)
        await page.set_viewport_size(PHONE)
        for path in OVERSEEN:
            await page.goto(f"{at}{path}")
            assert await page.evaluate(BROKEN) == [], path
            await is_fit_for_a_finger(page)


@contextlib.asynccontextmanager
async def related(lived, folder, browser, lang="zh"):
    """Give a technician's page, that of a relative who was invited by its form, its address, and the household."""
    async with shown(lived, folder, browser) as (page, at):
        home = SimpleNamespace(example=SimpleNamespace(path=folder / "gateway.toml"))
        consent(home, may=True)
        await page.goto(f"{at}/box?lang={lang}")
        await page.click("summary[data-invite]")
        await page.fill("#invite-name", "女儿" if lang == "zh" else "daughter")
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
        yield page, phone, at, home


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_a_relative_is_invited_and_sees_one_sentence_on_every_screen(lived, tmp_path, lang):
    async with chromium() as browser, related(lived, tmp_path, browser, lang) as (page, phone, at, _home):
        await pictured(page, f"invited-{lang}")
        assert await page.evaluate(BROKEN) == []
        await is_accessible(page)
        for view in (PHONE, LYING, TABLET, DESK):
            await phone.set_viewport_size(view)
            for theme in ("light", "dark"):
                await phone.goto(f"{at}/family?lang={lang}&theme={theme}")
                await pictured(phone, f"family-{view['width']}-{lang}-{theme}")
                assert await phone.evaluate(BROKEN) == []
                assert await phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
                await is_accessible(phone)
                await is_fit_for_a_finger(phone)
        await phone.goto(f"{at}/devices/pendant")
        await is_accessible(phone)
        await page.goto(f"{at}/home?lang={lang}#consent")
        await pictured(page, f"consent-{lang}")
        await is_accessible(page)


async def test_consent_taken_back_ends_the_page_that_is_open(lived, tmp_path):
    async with chromium() as browser, related(lived, tmp_path, browser) as (_, phone, at, home):
        await phone.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await expect(phone.locator(".banner strong")).to_be_visible()
        consent(home, may=False)
        async with phone.expect_navigation(url="**/sign-in**"):
            await phone.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        assert "一切正常" not in await phone.content()
        await phone.goto(f"{at}/family")
        assert "/sign-in" in phone.url


async def test_a_box_that_is_gone_is_said_beside_what_was_seen_before(lived, tmp_path):
    async with chromium() as browser, related(lived, tmp_path, browser) as (_, phone, _at, _home):
        assert await phone.locator("#stale").is_hidden()
        await phone.context.set_offline(True)
        await phone.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await expect(phone.locator("#stale")).to_be_visible()
        await phone.context.set_offline(False)
        await phone.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await expect(phone.locator("#stale")).to_be_hidden()


async def test_a_table_is_sorted_by_its_head_without_script(lived, tmp_path):
    async with chromium() as browser, overseen(lived, tmp_path, browser) as (page, at):
        bare = await browser.new_context(viewport=DESK, java_script_enabled=False, storage_state=await page.context.storage_state())
        plain = await bare.new_page()
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
async def test_large_text_hides_nothing(lived, tmp_path, lang):
    async with chromium(LARGE) as browser, overseen(lived, tmp_path, browser) as (page, at):
        await page.goto(f"{at}/figures?lang={lang}")
        await pictured(page, f"figures-large-{lang}")
        assert await page.evaluate(BROKEN) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await page.evaluate(LEFT) > 0.6


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_large_text_hides_nothing_from_a_relative(lived, tmp_path, lang):
    async with chromium(LARGE) as browser, related(lived, tmp_path, browser, lang) as (_, phone, at, _home):
        for path in ("/family", "/join", "/alarms"):
            await phone.goto(f"{at}{path}")
            await pictured(phone, f"family-large{path.replace('/', '-')}-{lang}")
            assert await phone.evaluate(BROKEN) == [], path
            assert await phone.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_alarms_and_journal_are_searched_without_script(lived, tmp_path, lang):
    async with chromium() as browser, overseen(lived, tmp_path, browser) as (page, at):
        state = await page.context.storage_state()
        bare = await (await browser.new_context(viewport=PHONE, java_script_enabled=False, storage_state=state)).new_page()
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
