"""Debian's Chromium and the real daemon: a telephone number is typed on the page."""

import re

from tests.page import test_browser
from tests.page.served import IN_A_BROWSER, chromium
from tests.page.test_browser import Home
from tests.page.test_walk_browser import claimed, fit, pictured

pytestmark = IN_A_BROWSER

NUMBER = "+8613800005821"


def without_platform():
    return re.sub(r"\[platform\].*?(?=\[page\])", "", test_browser.CONFIG, flags=re.DOTALL)


async def test_a_number_typed_on_the_page_stands_in_the_daemons_secrets_and_nowhere_else(tmp_path):
    home = Home(tmp_path, config=without_platform())
    with home:
        async with chromium() as browser:
            context, page = await claimed(browser, home, "zh")
            await page.goto(f"{home.page.address}/rules")
            await page.select_option("[name=channel-1]", "sms")
            await page.fill("[name=responder-1]", "女儿")
            await page.fill("[name=number-1]", "12")
            await page.locator("#ladder button.main").last.click()
            await page.wait_for_selector("#t-1-say strong")
            assert "不是电话号码" in await page.inner_text("#t-1-say")
            await page.fill("[name=number-1]", NUMBER)
            await page.locator(".rung details summary").first.click()
            await page.select_option("[name=when-1]", "always")
            await fit(page)
            await pictured(page, "rules-people-zh-360")
            await page.locator("#ladder button.main").last.click()
            await page.wait_for_selector(".notice.good")
            await page.goto(f"{home.page.address}/rules")  # saved, it has led to the next step
            assert "尾号 821" in await page.inner_text("#t-1-say")
            assert "5821" not in await page.content()
            await page.emulate_media(color_scheme="dark")
            await page.set_viewport_size({"width": 1200, "height": 900})
            await page.goto(f"{home.page.address}/rules?lang=en")
            await pictured(page, "rules-people-en-wide-dark")
            await context.close()
        own = {"household-secrets.json", "household-phones.toml"}
        kept = {p.name for p in tmp_path.rglob("*") if p.is_file() and b"0000582" in p.read_bytes()}
        assert {name.removesuffix(".1") for name in kept} <= own, kept
