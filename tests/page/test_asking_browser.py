"""Debian's Chromium and the real daemon, on a phone: the home is told to ask first, and what came of it is looked at."""

from playwright.async_api import expect

from tests.page.served import IN_A_BROWSER, chromium
from tests.page.test_browser import Home
from tests.page.test_walk_browser import claimed, fit, pictured

pytestmark = IN_A_BROWSER


async def test_a_technician_has_the_home_ask_first(tmp_path):
    with Home(tmp_path) as home:
        async with chromium() as browser:
            context, page = await claimed(browser, home, "zh")
            await page.goto(f"{home.page.address}/rules")
            card = page.locator("#asking")
            await expect(card.locator("[name=preset][value=off]")).to_be_checked()
            await card.locator("label", has_text="一般").click()
            await card.locator("[name=back_by]").select_option("20:00")
            async with page.expect_navigation():
                await card.locator("button.main").last.click()
            await page.goto(f"{home.page.address}/rules")  # saved, it may have led to the next step
            await expect(card.locator("[name=preset][value=usual]")).to_be_checked()
            await expect(card.locator("[name=back_by]")).to_have_value("20:00")
            await expect(page.locator("#undo, .undo")).to_contain_text("先问一声")
            await fit(page)
            await pictured(page, "rules-asking-zh-360")
            # Today says that the home does not judge yet, and why
            await page.goto(f"{home.page.address}/")
            await expect(page.locator("[data-key=asked]")).to_contain_text("最近 24 小时没有问过")
            await fit(page)
            await pictured(page, "today-asked-zh-360")
            await page.emulate_media(color_scheme="dark")
            await page.set_viewport_size({"width": 1200, "height": 900})
            await page.goto(f"{home.page.address}/rules?lang=en")
            await pictured(page, "rules-asking-en-wide-dark")
            await context.close()
