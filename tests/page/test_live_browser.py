"""Debian's Chromium: the mark that says "live" goes out when the box is heard no more, although no connection is closed."""

import os
import signal

from playwright.async_api import expect

from tests.page.household import PASSWORD
from tests.page.served import chromium
from tests.page.test_browser import Home


async def test_the_live_mark_goes_out_when_nothing_is_heard_and_comes_back(tmp_path):
    with Home(tmp_path) as home:
        async with chromium() as browser:
            page = await (await browser.new_context(viewport={"width": 360, "height": 740})).new_page()
            await page.goto(f"{home.page.address}/first")
            for name, text in (("code", home.code()), ("name", "T-07"), ("password", PASSWORD)):
                await page.fill(f"[name={name}]", text)
            await page.click("main button.main")
            live, dead = page.locator("#live:not(.off):not([hidden])"), page.locator("#live.off")
            await expect(live).to_be_visible()
            await page.wait_for_timeout(11_000)  # longer than the mark waits: a quiet home stays live
            await expect(live).to_be_visible()
            os.kill(home.page.process.pid, signal.SIGSTOP)  # as a network that is gone: nothing comes, and nothing is closed
            try:
                await expect(dead).to_be_visible()
            finally:
                os.kill(home.page.process.pid, signal.SIGCONT)
            await expect(live).to_be_visible()
