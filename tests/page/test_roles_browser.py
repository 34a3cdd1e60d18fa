"""Debian's Chromium: what a supervisor sees on a phone, a tablet and a desktop, in both languages, light and dark, at large text."""

import contextlib
import os
from pathlib import Path

import pytest
from gateway.page.accounts import Accounts, Role, Session
from gateway.words.clock import boot_name

from tests.page.test_browser import is_accessible, is_fit_for_a_finger
from tests.page.test_today_browser import BROKEN, DESK, LEFT, LYING, PHONE, chromium, shown

TABLET = {"width": 768, "height": 1024}
WORD = "quiet river under stars"
OVERSEEN = ("/figures", "/figures?sort=arrival", "/figures?month=2021-02", "/alarms", "/certificate")
LARGE = "--blink-settings=defaultFontSize=32,defaultFixedFontSize=26"


async def pictured(page, name):
    if folder := os.environ.get("PICTURES"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@contextlib.asynccontextmanager
async def overseen(folder, browser):
    """Give a page on which a supervisor has signed in, and its address."""
    async with shown(folder, browser) as (_, at):
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
async def test_a_supervisor_reads_figures_on_every_screen(tmp_path, lang):
    async with chromium() as browser, overseen(tmp_path, browser) as (page, at):
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


async def test_a_table_is_sorted_by_its_head_without_script(tmp_path):
    async with chromium() as browser, overseen(tmp_path, browser) as (page, at):
        bare = await browser.new_context(viewport=DESK, java_script_enabled=False, storage_state=await page.context.storage_state())
        plain = await bare.new_page()
        await plain.goto(f"{at}/figures?lang=en")
        for n, order in ((0, "ascending"), (1, "descending"), (6, "descending")):
            async with plain.expect_navigation():
                await plain.locator(".sorted").first.locator("thead a").nth(n).click()
            heads = plain.locator(".sorted").first.locator("thead th")
            assert await heads.nth(n).get_attribute("aria-sort") == order
            assert await plain.locator("[aria-sort]").count() == 1


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_large_text_hides_nothing(tmp_path, lang):
    async with chromium(LARGE) as browser, overseen(tmp_path, browser) as (page, at):
        await page.goto(f"{at}/figures?lang={lang}")
        await pictured(page, f"figures-large-{lang}")
        assert await page.evaluate(BROKEN) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await page.evaluate(LEFT) > 0.6
