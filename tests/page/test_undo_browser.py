"""Taken back on the page: a device that was retired, a person who was deleted, an away or a shelf that was ended; and what is final says so before."""

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.page.served import IN_A_BROWSER, chromium
from tests.page.test_answers_browser import in_sight
from tests.page.test_browser import CONFIG, Home, is_accessible, is_fit_for_a_finger
from tests.page.test_forms_browser import on_a_phone, pictured, signed

pytestmark = IN_A_BROWSER


@pytest.fixture
def home(tmp_path):
    with Home(tmp_path, config=CONFIG) as home:
        yield home


@pytest_asyncio.fixture(loop_scope="session")
async def entered(home, kept_browser):
    return await signed(home)


async def pressed(page, button):
    async with page.expect_navigation():
        await button.click()


@pytest.mark.parametrize("lang", ["en", "zh"])
async def test_what_was_retired_or_deleted_comes_back(home, entered, lang):
    async with chromium() as browser:
        _, page = await on_a_phone(browser, entered)
        await page.goto(f"{home.page.address}/sensors?lang={lang}")
        door = page.locator("article", has=page.locator("#d-front-door"))
        await door.locator("summary").click()
        await door.locator(".choice").click()
        await pictured(page, f"retire-{lang}")
        await pressed(page, door.locator("details button"))
        await expect(door).to_have_count(0)
        offer = page.locator(".undo")
        said = await offer.inner_text()
        assert "hall " in said
        assert "front-door" not in said, "a technician knows no ids"
        assert "T-07" in await offer.inner_text()
        assert await in_sight(page, ".undo button")
        await pictured(page, f"undo-{lang}")
        await is_accessible(page)
        await is_fit_for_a_finger(page)
        await pressed(page, offer.locator("button"))
        await expect(door).to_have_count(1)
        await expect(page.locator(".answer.good")).to_be_focused()
        await expect(offer).to_have_count(0)

        await page.goto(f"{home.page.address}/rules")
        await pressed(page, page.locator("button[value=remove-1]"))
        assert await page.locator("#r-1").count() == 0
        await pressed(page, page.locator("#ladder button.main").last)
        await page.goto(f"{home.page.address}/rules")
        assert await page.locator("#r-1").count() == 0
        await pressed(page, page.locator(".undo button"))
        await expect(page.locator("#r-1")).to_have_value("grid worker")
        await expect(offer).to_have_count(0)


async def test_what_somebody_has_changed_since_is_not_taken_back(home, entered):
    async with chromium() as browser:
        context, page = await on_a_phone(browser, entered)
        await page.goto(f"{home.page.address}/home?lang=en")
        await page.fill("#household-number", "H-1")
        await pressed(page, page.locator("#household button.main"))
        await page.goto(f"{home.page.address}/home")
        colleague = await context.new_page()
        await colleague.goto(f"{home.page.address}/home")
        await colleague.fill("#household-number", "H-2")
        await pressed(colleague, colleague.locator("#household button.main"))
        await pressed(page, page.locator(".undo button"))
        assert "has changed" in await page.inner_text("main") or "changed" in await page.inner_text("main")
        await is_accessible(page)
        await page.goto(f"{home.page.address}/home")
        await expect(page.locator("#household-number")).to_have_value("H-2")


async def test_an_away_that_was_ended_is_taken_back_and_a_closed_alarm_is_final_and_says_so(home, entered):
    async with chromium() as browser:
        _, page = await on_a_phone(browser, entered)
        await page.goto(f"{home.page.address}/?lang=en")
        await pressed(page, page.locator("form[action='/do/away'] button"))
        away = page.locator("form[action='/do/away'] [name=was]")
        was = await away.get_attribute("value")
        await pressed(page, page.locator("form[action='/do/away'] button"))
        offer = page.locator(".undo")
        await pictured(page, "undo-away")
        await is_accessible(page)
        await is_fit_for_a_finger(page)
        await pressed(page, offer.locator("button"))
        await expect(offer).to_have_count(0)
        assert await away.get_attribute("value") == was
        home.press()
        card = page.locator(".alarm")
        await card.wait_for()
        await card.locator("summary", has_text="Close").click()
        assert "final" in await card.locator("details[open]").inner_text()


async def test_a_shelf_that_was_ended_is_taken_back_until_the_time_it_was_for(home, entered):
    async with chromium() as browser:
        _, page = await on_a_phone(browser, entered)
        await page.goto(f"{home.page.address}/devices/front-door?lang=zh")
        await page.click("details.act > summary")
        await page.fill("[name=reason]", "the painter is here")
        await pressed(page, page.locator("details.act button"))
        tag = page.locator(".tag.shelved")
        until = await tag.inner_text()
        was = await page.get_attribute("[name=was]", "value")
        await pressed(page, page.locator("form[action='/do/shelve'] button"))
        await expect(tag).to_have_count(0)
        offer = page.locator(".undo")
        assert was.partition("T")[2] in await offer.inner_text()
        await pictured(page, "undo-shelf")
        await is_accessible(page)
        await is_fit_for_a_finger(page)
        await pressed(page, offer.locator("button"))
        await expect(tag).to_have_text(until)
        await expect(offer).to_have_count(0)
