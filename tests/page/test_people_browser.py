"""Debian's Chromium and the real daemon: a telephone number, and the address of a webhook, are typed on the page."""

import re

from standardwebhooks import Webhook

from tests.kit.hook_server import HookServer, installed, says
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
            for channel in ("sms", "ring", "sms_ring"):
                await page.select_option("[name=channel-1]", channel)
                assert await page.is_visible("[name=number-1]"), channel
                assert not await page.is_visible("[name=address-1]"), channel
                assert await page.is_visible("[name=informed-1]") is (channel == "sms"), "a ring asks for an answer"
                assert not await page.is_visible("[name=messenger-1]"), channel
            await page.select_option("[name=channel-1]", "messenger")
            assert await page.is_visible("[name=messenger-1]")
            assert not await page.is_visible("[name=number-1]")
            await fit(page)
            await pictured(page, "rules-messenger-zh-360")
            await page.select_option("[name=channel-1]", "sms_ring")
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
            shown = await page.content()
            assert NUMBER not in shown
            assert "5821" not in re.sub("[0-9a-f]{12,}", "", shown), "of the keys of forms any four digits may be a part"
            await page.emulate_media(color_scheme="dark")
            await page.set_viewport_size({"width": 1200, "height": 900})
            await page.goto(f"{home.page.address}/rules?lang=en")
            await pictured(page, "rules-people-en-wide-dark")
            assert await page.input_value("[name=channel-1]") == "sms_ring"
            assert "SMS and ring" in await page.inner_text("#calls")
            await context.close()
        own = {"household-secrets.json", "household-phones.toml"}
        kept = {p.name for p in tmp_path.rglob("*") if p.is_file() and b"0000582" in p.read_bytes()}
        assert {name.removesuffix(".1") for name in kept} <= own, kept


async def test_an_address_typed_on_the_page_and_its_key_stand_in_the_daemons_secrets_and_nowhere_else(tmp_path):
    home = Home(tmp_path, config=without_platform())
    with home:
        async with chromium() as browser:
            context, page = await claimed(browser, home, "zh")
            await page.goto(f"{home.page.address}/rules")
            await page.select_option("[name=channel-1]", "webhook")
            await page.fill("[name=responder-1]", "县平台")
            assert not await page.is_visible("[name=number-1]")
            await page.fill("[name=address-1]", "http://desk.county.example/t0ken-Zq")
            async with page.expect_navigation():
                await page.locator("#ladder button.main").last.click()
            assert "不能用 http://" in await page.inner_text("#a-1-say")
            await page.fill("[name=address-1]", "https://desk.county.example/t0ken-Zq")
            await fit(page)
            await pictured(page, "rules-webhook-zh-360")
            async with page.expect_navigation():
                await page.locator("#ladder button.main").last.click()
            key = await page.input_value("#k-1")
            assert key.startswith("whsec_")
            await fit(page)
            await pictured(page, "keys-zh-360")
            await page.emulate_media(color_scheme="dark")
            await page.set_viewport_size({"width": 1200, "height": 900})
            await pictured(page, "keys-zh-wide-dark")
            async with page.expect_navigation():
                await page.click("#keys a.main")
            await page.goto(f"{home.page.address}/rules?lang=en")
            assert "ends in k.county.example" in await page.inner_text("#a-1-say")
            assert "t0ken" not in await page.content()
            assert key not in await page.content()
            await pictured(page, "rules-webhook-en-wide-dark")
            await context.close()
        own = {"household-secrets.json", "household-hooks.toml"}
        for secret in (b"t0ken", key.encode()):
            kept = {p.name for p in tmp_path.rglob("*") if p.is_file() and secret in p.read_bytes()}
            assert {name.removesuffix(".1") for name in kept} == own, kept


async def test_a_rung_is_tried_from_the_page_and_what_came_back_is_said(tmp_path):
    installed()
    home = Home(tmp_path, config=without_platform())
    with HookServer() as server, home:
        async with chromium() as browser:
            context, page = await claimed(browser, home, "zh")
            await page.goto(f"{home.page.address}/rules")
            await page.select_option("[name=channel-1]", "webhook")
            await page.fill("[name=responder-1]", "县平台")
            await page.fill("[name=address-1]", server.url)
            async with page.expect_navigation():
                await page.locator("#ladder button.main").last.click()
            key = await page.input_value("#k-1")
            await page.goto(f"{home.page.address}/")
            await page.wait_for_selector("[data-key=unproved]")
            assert "县平台" in await page.inner_text("[data-key=unproved]")
            await fit(page)
            await pictured(page, "today-unproved-zh-360")

            async def tried():
                """Press the button, and look again until something has come back."""
                await page.goto(f"{home.page.address}/rules")
                async with page.expect_navigation():
                    await page.click("#calls button")
                while await page.locator("#calls a").count():
                    async with page.expect_navigation():
                        await page.click("#calls a")
                return await page.inner_text("#calls .notice")

            assert "成功" in await tried()
            await fit(page)
            await pictured(page, "rules-tried-zh-360")
            (came,) = server.came
            said = Webhook(key).verify(came.body, came.headers)
            assert (said["type"], said["data"]["test"]) == ("gateway.test", True)
            assert "演练" in said["data"]["text"]["zh"]
            server.does = says(404)
            told = await tried()
            assert "对方没有这个地址" in told
            assert "404" in told
            await page.emulate_media(color_scheme="dark")
            await page.set_viewport_size({"width": 1200, "height": 900})
            await pictured(page, "rules-tried-zh-wide-dark")
            await page.goto(f"{home.page.address}/?lang=en")
            assert not await page.locator("[data-key=unproved]").count(), "it was reached once; now it is a fault"
            assert "Not set up" in await page.content()
            await context.close()
