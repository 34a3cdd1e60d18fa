"""Debian's Chromium on a phone: back after a refused form is a page, an error has the focus, "saved" is in sight, and what is sent offline stays."""

from playwright.async_api import expect

from tests.page.household import PASSWORD
from tests.page.served import IN_A_BROWSER, chromium
from tests.page.test_browser import Home, is_accessible, is_fit_for_a_finger

pytestmark = IN_A_BROWSER


async def signed_in(context, home):
    page = await context.new_page()
    await page.goto(f"{home.page.address}/first?lang=en")
    for name, text in (("code", home.code()), ("name", "T-07"), ("password", PASSWORD)):
        await page.fill(f"[name={name}]", text)
    await page.click("main button.main")
    await page.wait_for_selector(".banner")
    return page


async def in_sight(page, selector):
    return await page.evaluate(
        "(s) => { const b = document.querySelector(s).getBoundingClientRect(); return b.top >= 0 && b.bottom <= innerHeight; }", selector
    )


async def test_a_refused_form_is_a_page_with_the_focus_on_what_is_wrong(tmp_path):
    with Home(tmp_path) as home:
        async with chromium() as browser:
            for script in (True, False):
                phone = {"width": 360, "height": 740}
                if script:
                    context = await browser.new_context(viewport=phone, has_touch=True, is_mobile=True)
                    page = await signed_in(context, home)
                    state = await context.storage_state()
                else:
                    context = await browser.new_context(
                        viewport=phone, has_touch=True, is_mobile=True, storage_state=state, java_script_enabled=False
                    )
                    page = await context.new_page()
                await page.goto(f"{home.page.address}/home")
                await page.locator("#consent details > summary").click()
                await page.fill("[name=history_days]", "soon")
                await page.locator("#consent button.main").click()
                wrong = page.locator("[name=history_days]")
                await expect(wrong).to_be_focused()
                assert await wrong.input_value() == "soon"
                if script:
                    assert await in_sight(page, "[name=history_days]")
                    await is_accessible(page)
                await page.click("nav a:has-text('Today')")
                await page.go_back()
                await expect(wrong).to_have_value("soon")
                await page.reload()
                await expect(wrong).to_have_value("soon")
                await page.go_back()
                await expect(page.locator("#consent")).to_be_visible()
                if await page.locator("#consent details:not([open])").count():
                    await page.locator("#consent details > summary").click()
                await page.fill("[name=history_days]", "29" if script else "28")
                await page.locator("#consent button.main").click()
                await expect(page.locator(".notice.good.answer")).to_be_visible()
                if script:
                    assert await in_sight(page, ".answer.good")
                    await is_accessible(page)
                    await is_fit_for_a_finger(page)


async def test_a_form_sent_offline_stays_and_is_sent_when_asked_again(tmp_path):
    with Home(tmp_path) as home:
        async with chromium() as browser:
            context = await browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
            page = await signed_in(context, home)
            await page.goto(f"{home.page.address}/home")
            await page.fill("[name=number]", "H-0451")
            await context.set_offline(True)
            await page.locator("#household button.main").click()
            await page.wait_for_selector("#unsent")
            assert await in_sight(page, "#unsent")
            assert await page.input_value("[name=number]") == "H-0451"
            await is_accessible(page)
            await page.click("#unsent button")
            await expect(page.locator("#unsent")).to_be_visible()
            await context.set_offline(False)
            await page.click("#unsent button")
            await expect(page.locator(".notice.good.answer")).to_be_visible()
            assert await page.input_value("[name=number]") == "H-0451"


async def test_two_technicians_at_one_form(tmp_path):
    with Home(tmp_path) as home:
        async with chromium() as browser:
            context = await browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
            first = await signed_in(context, home)
            second = await context.new_page()
            for page in (first, second):
                await page.goto(f"{home.page.address}/home")
            await first.fill("[name=number]", "H-1")
            await first.locator("#household button.main").click()
            await expect(first.locator(".notice.good.answer")).to_be_visible()
            for _ in range(2):  # pressed again it is asked again
                await second.fill("[name=number]", "H-2")
                await second.locator("#household button.main").last.click()
                await second.wait_for_selector(".both")
            told = await second.inner_text(".both")
            assert "H-1" in told
            assert "H-2" in told
            await is_accessible(second)
            await is_fit_for_a_finger(second)
            await first.reload()
            assert await first.input_value("[name=number]") == "H-1", "nothing was overwritten"
            await second.locator(".both button").click()
            await expect(second.locator(".notice.good.answer")).to_be_visible()
            assert await second.input_value("[name=number]") == "H-2"
