"""Debian's Chromium: the mark that says "live" goes out with the box, what is ticked stays, and no open page is a press behind."""

import os
import signal

from gateway.page import live
from playwright.async_api import expect

from tests.kit import wait
from tests.page.household import PASSWORD
from tests.page.served import IN_A_BROWSER, chromium
from tests.page.test_answers_browser import signed_in
from tests.page.test_browser import Home

pytestmark = IN_A_BROWSER


async def test_the_live_mark_goes_out_when_nothing_is_heard_and_comes_back(tmp_path):
    with Home(tmp_path) as home:
        async with chromium() as browser:
            page = await (await browser.new_context(viewport={"width": 360, "height": 740})).new_page()
            await page.goto(f"{home.page.address}/first")
            for name, text in (("code", home.code()), ("name", "T-07"), ("password", PASSWORD)):
                await page.fill(f"[name={name}]", text)
            await page.click("main button.main")
            alive, dead = page.locator("#live:not(.off):not([hidden])"), page.locator("#live.off")
            await expect(alive).to_be_visible()
            await page.wait_for_timeout(11_000)  # longer than the mark waits: a quiet home stays live
            await expect(alive).to_be_visible()
            os.kill(home.page.process.pid, signal.SIGSTOP)  # as a network that is gone: nothing comes, and nothing is closed
            try:
                await expect(dead).to_be_visible()
            finally:
                os.kill(home.page.process.pid, signal.SIGCONT)
            await expect(alive).to_be_visible()
            # A box that has too much to do: the stream lives, and what is new is not given.
            await page.route("**/?part=1", lambda route: route.fulfill(status=429, headers={"retry-after": "1"}))
            home.press()
            await expect(dead).to_be_visible()
            asked = []
            page.on("request", lambda r: asked.append(r) if "part=1" in r.url else None)
            await wait.until(lambda: len(asked) > 2)
            await expect(dead).to_be_visible()
            await expect(page.locator(".alarm")).to_have_count(0)
            await page.unroute("**/?part=1")
            await expect(page.locator(".alarm")).to_be_visible()
            await expect(alive).to_be_visible()


async def test_a_tick_stays_when_the_alarm_has_news(tmp_path):
    """With and without the focus on it: some browsers give a tapped box none."""
    with Home(tmp_path) as home:
        async with chromium() as browser:
            page = await signed_in(await browser.new_context(viewport={"width": 360, "height": 740}), home)
            home.press()
            tick, card = page.locator("[name=sure]"), page.locator(".alarm")
            await card.wait_for()
            for count, blurs in ((2, False), (3, True)):
                fold = page.locator("details:has([name=sure])")
                if await fold.count() and await fold.get_attribute("open") is None:
                    await fold.locator("summary").click()
                await tick.set_checked(True)
                if blurs:
                    await tick.blur()
                home.press()
                await expect(card.locator(".tag", has_text=f"{count} x")).to_be_visible()
                await expect(tick).to_be_checked()
                assert await tick.evaluate("e => e === document.activeElement") is not blurs
                await tick.set_checked(False)


async def test_a_page_beyond_the_streams_of_one_account_shows_each_press(tmp_path):
    with Home(tmp_path) as home:
        async with chromium() as browser:
            context = await browser.new_context(viewport={"width": 360, "height": 740})
            pages = [await signed_in(context, home)]
            for _ in range(live.EACH):
                pages.append(await context.new_page())
                await pages[-1].goto(home.page.address)
                await expect(pages[-1].locator("#live:not(.off):not([hidden])")).to_be_visible()
            asked, parts = [], []
            for page in pages:
                page.on("request", lambda r, page=page: asked.append(page) if "/live" in r.url else None)
                page.on("request", lambda r, page=page: parts.append(page) if "part=1" in r.url else None)
            await wait.until(lambda: len(asked) > 2)  # one of them asks again and again
            assert len(set(asked)) == 1
            (late,) = set(asked)
            assert late not in parts, "and fetches nothing while nothing is new"
            await expect(late.locator("#live:not(.off):not([hidden])")).to_be_visible()
            for count in (1, 2, 3):
                home.press()
                for page in pages:
                    await expect(page.locator(".alarm")).to_be_visible()
                    if count > 1:
                        await expect(page.locator(".alarm .tag", has_text=f"{count} x")).to_be_visible()
