"""A technician's phone adds an encrypted button by live adverts: found by pressing it, enrolled with its key, confirmed by a press."""

import asyncio
import os
import sqlite3

from tests.kit.household import KEY, Sealed
from tests.page.household import PASSWORD
from tests.page.served import IN_A_BROWSER, chromium
from tests.page.test_browser import Home, is_accessible, is_fit_for_a_finger

pytestmark = IN_A_BROWSER

NEW, OTHER = "A4:C1:38:00:53:77", "A4:C1:38:00:53:66"


async def test_an_encrypted_button_from_the_air_to_its_first_alarm(tmp_path):  # noqa: PLR0915  one visit, from door to door
    button = Sealed(NEW)
    with Home(tmp_path) as home:
        async with chromium() as browser:
            context = await browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True, locale="zh-CN")
            page = await context.new_page()
            broken = []
            page.on("console", lambda m: broken.append(m.text) if m.type == "error" else None)
            page.on("pageerror", lambda e: broken.append(str(e)))
            await page.goto(home.page.address)
            for name, text in (("code", home.code()), ("name", "T-07"), ("password", PASSWORD)):
                await page.fill(f"[name={name}]", text)
            await page.click("main button.main")
            await page.wait_for_selector(".banner")

            await page.goto(f"{home.page.address}/home")
            await page.fill("[name=number]", "H-0451")
            async with page.expect_navigation():
                await page.locator("#household button.main").click()
            await page.wait_for_selector(".notice.good")
            await is_accessible(page)
            await is_fit_for_a_finger(page)

            await page.goto(f"{home.page.address}/sensors")
            await is_accessible(page)
            await page.get_by_role("link", name="添加设备").click()
            await page.click("#begin")
            await page.wait_for_selector(".countdown")
            home.air.advertise(OTHER, service_data={"fcd2": "44000101641001"}, rssi=-40, name="SBDW-002C")
            await page.wait_for_selector(f".near .row:has-text('{OTHER}')")
            home.air.advertise(NEW, service_data={"fcd2": button.press()}, rssi=-75, name="SBBT-002C")
            await page.wait_for_selector(f".near li:first-child .row.just:has-text('{NEW}')")
            assert "尾号 53:77" in (await page.locator("#said").text_content())
            first = page.locator(".near .row").first
            assert "需要密钥" in await first.inner_text()
            await is_accessible(page)
            await is_fit_for_a_finger(page)
            await page.locator(f"#n-{NEW.replace(':', '')}").click()

            await page.wait_for_selector("[name=secret]")
            await is_accessible(page)
            await is_fit_for_a_finger(page)
            await page.locator(".choice", has_text="bedroom").click()
            await page.fill("[name=id]", "bath-button")
            await page.fill("[name=secret]", KEY[:-1])
            async with page.expect_navigation():
                await page.get_by_role("button", name="添加").click()
            await page.wait_for_selector("[name=secret][aria-invalid=true]")
            assert await page.input_value("[name=id]") == "bath-button"
            assert await page.input_value("[name=secret]") == ""
            await is_accessible(page)
            await page.fill("[name=secret]", KEY)
            await page.get_by_role("button", name="添加").click()

            await page.wait_for_selector(".banner:has-text('现在按它一次')")
            await is_accessible(page)
            await is_fit_for_a_finger(page)
            await asyncio.sleep(0.3)
            home.air.advertise(NEW, service_data={"fcd2": button.press()}, rssi=-75)
            await page.wait_for_selector(".confirmed")
            await page.wait_for_selector(".banner:has-text('这一次按键是测试')")
            await is_accessible(page)
            if folder := os.environ.get("PICTURES"):
                await page.screenshot(path=f"{folder}/confirmed.png", full_page=True)
            async with page.expect_navigation():
                await page.locator("a", has_text="拍照").click()
            await page.wait_for_selector("#photo-file")
            assert not [b for b in broken if "422" not in b], broken
        with sqlite3.connect(f"file:{tmp_path}/state/gateway.db?mode=ro", uri=True) as db:
            bodies = [bytes(body).decode() for (body,) in db.execute("SELECT body FROM journal")]
        assert any('"bath-button"' in b and '"alarm"' in b for b in bodies)
        for text in (*bodies, (tmp_path / "daemon.log").read_text(), (tmp_path / "page.log").read_text()):
            assert KEY not in text
        assert not list((tmp_path / "state" / "page" / "handed").iterdir()), "the key's file is gone"
