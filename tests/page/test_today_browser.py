"""Debian's Chromium: Today on a phone with an open alarm, large text, a phone on its side, and a desktop that uses its width."""

import contextlib

import pytest
import pytest_asyncio
from gateway.page import label

from tests.kit.ports import free_port
from tests.page.household import PASSWORD
from tests.page.served import IN_A_BROWSER, Page, chromium
from tests.page.test_browser import is_accessible, is_fit_for_a_finger

pytestmark = IN_A_BROWSER

PHONE, LYING, DESK = {"width": 360, "height": 740}, {"width": 740, "height": 360}, {"width": 1280, "height": 860}
SEEN = ("/", "/alarms", "/alarms/2", "/journal", "/devices/front-door")

# Lines of one letter, several below each other, and what is wider than the screen.
BROKEN = """() => {
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode, text = node.data.trim(), on = node.parentElement;
    if (text.length < 4 || !on.checkVisibility() || on.closest("svg, .unseen, option, code, .skip")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const size = parseFloat(getComputedStyle(on).fontSize);
    const lines = new Map();
    for (const r of range.getClientRects()) lines.set(Math.round(r.top), Math.max(lines.get(Math.round(r.top)) || 0, r.width));
    const thin = [...lines.values()].filter((w) => w < 1.6 * size).length;
    if (thin > 2 && thin * 2 > lines.size) found.push(["letters", text.slice(0, 30), lines.size]);
  }
  for (const e of document.querySelectorAll("main *, header *")) {
    const box = e.getBoundingClientRect();
    if (e.closest("svg, .unseen, .wide-table, .skip") || !box.width || !e.checkVisibility()) continue;
    if (box.right > innerWidth + 1 || box.left < -1) found.push(["outside", e.outerHTML.slice(0, 60), Math.round(box.right)]);
  }
  for (const e of document.querySelectorAll("nav a")) if (!e.checkVisibility()) found.push(["hidden", e.textContent, 0]);
  return found;
}"""
# How much of the window is left for the page itself between what stands still above and below.
LEFT = """() => {
  let top = 0, low = innerHeight;
  for (const e of document.querySelectorAll(".top, .top nav")) {
    const how = getComputedStyle(e).position, box = e.getBoundingClientRect();
    if (how === "fixed") low = Math.min(low, box.top);
    if (how === "sticky") top = Math.max(top, box.bottom);
  }
  return (low - top) / innerHeight;
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def home(kept_browser, lived, tmp_path_factory):
    """A page of the example household, and what a browser has of it that is signed in: who only looks changes nothing."""
    http = free_port()
    example = lived.copy(tmp_path_factory.mktemp("today"), port=free_port(), http=http)
    with Page(example.path, http, example.folder / "page.log") as page:
        async with chromium() as browser:
            tab = await browser.new_page()
            await tab.goto(f"{page.address}/first")
            for name, text in (("code", label.shown(example.config.page_folder)), ("name", "T-07"), ("password", PASSWORD)):
                await tab.fill(f"[name={name}]", text)
            async with tab.expect_navigation():
                await tab.click("main button.main")
            state = await tab.context.storage_state()
        yield page.address, state


@contextlib.asynccontextmanager
async def shown(home, browser):
    at, state = home
    context = await browser.new_context(viewport=PHONE, storage_state=state)
    yield await context.new_page(), at


async def test_an_open_alarm_is_whole_on_a_phone_with_its_act_first(home):
    async with chromium() as browser, shown(home, browser) as (page, at):
        for lang in ("zh", "en"):
            await page.goto(f"{at}/?lang={lang}")
            card = page.locator(".alarm").first
            box = await card.bounding_box()
            assert box["y"] + box["height"] <= 600, (lang, box)
            act = await card.locator("button.main").first.bounding_box()
            assert act["height"] >= 44
            others = [await b.bounding_box() for b in await card.locator("button:visible, summary:visible").all()]
            assert min(b["y"] for b in others) == act["y"], "nothing to press stands before it"
            assert all(b["y"] + b["height"] <= 600 for b in others), lang
            bar = await page.locator(".way-bar").first.bounding_box()
            assert act["y"] < bar["y"] < 600
            await page.locator(".way summary").first.click()
            assert await card.locator(".stages li").count() == 6
            assert (await card.locator(".stages .reached").count()) == 3
            await is_accessible(page)
            await is_fit_for_a_finger(page)


async def test_the_day_stands_on_one_axis_and_is_told_in_words_too(home):
    async with chromium() as browser, shown(home, browser) as (page, at):
        for view in (PHONE, DESK):
            await page.set_viewport_size(view)
            await page.goto(f"{at}/?lang=en")
            rows = [await r.bounding_box() for r in await page.locator(".strip").all()]
            back = await page.locator(".day-back").bounding_box()
            assert len(rows) == 7
            for row in rows:
                assert abs(row["x"] - back["x"]) < 1, "each row has the axis of the others"
                assert abs(row["width"] - back["width"]) < 1
                assert back["y"] <= row["y"]
                assert row["y"] + row["height"] <= back["y"] + back["height"]
            axis = await page.locator(".day-axis").bounding_box()
            assert (round(axis["x"]), round(axis["width"])) == (round(back["x"]), round(back["width"]))
        assert await page.locator(".night").count() >= 1
        assert await page.locator(".day-back .now").count() == 1
        assert await page.locator(".across.a-alarm").count() >= 2
        gap = page.locator(".day-row.missing [fill='url(#gap)']")
        assert await gap.count() == 1, "a silence is hatched"
        assert await page.locator(".day-row:not(.missing) [fill='url(#gap)']").count() == 0, "quiet is not"
        await page.locator(".as-table summary").click()
        rows = await page.locator(".as-table tbody tr").all_inner_texts()
        assert len(rows) == 7
        assert any("not heard" in row for row in rows)
        alarms = await page.locator(".as-table li").all_inner_texts()
        assert any("SOS" in line for line in alarms)
        assert any("test" in line for line in alarms)


async def test_a_desktop_has_alarm_and_day_side_by_side(home):
    async with chromium() as browser, shown(home, browser) as (page, at):
        await page.set_viewport_size(DESK)
        await page.goto(at)
        alarm, day = await page.locator(".alarm").first.bounding_box(), await page.locator(".day").bounding_box()
        assert alarm["x"] + alarm["width"] <= day["x"]
        assert alarm["y"] < DESK["height"]
        assert day["y"] < DESK["height"] / 2
        assert day["x"] + day["width"] > 1200
        await is_accessible(page)


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_a_phone_on_its_side_shows_every_place_and_the_page(home, lang):
    async with chromium() as browser, shown(home, browser) as (page, at):
        await page.set_viewport_size(LYING)
        for path in SEEN:
            await page.goto(f"{at}{path}?lang={lang}")
            assert await page.evaluate(BROKEN) == [], path
            assert await page.evaluate(LEFT) > 0.6, path
            places = [await a.bounding_box() for a in await page.locator("nav[aria-label] a").all()]
            assert all(b["x"] >= 0 and b["x"] + b["width"] <= LYING["width"] for b in places), path
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_text_of_twice_the_size_is_read_and_hides_nothing(home, lang):
    """The browser's own setting: an old person's, or a relative's."""
    large = chromium("--blink-settings=defaultFontSize=32,defaultFixedFontSize=26")
    async with large as browser, shown(home, browser) as (page, at):
        assert await page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)") >= 32
        for path in SEEN:
            await page.goto(f"{at}{path}?lang={lang}")
            assert await page.evaluate(BROKEN) == [], path
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
            assert await page.evaluate(LEFT) > 0.6, path
        await page.goto(at)
        await is_accessible(page)
