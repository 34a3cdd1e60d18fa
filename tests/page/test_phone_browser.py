"""What a phone keeps, in a real browser: the page opens at once, says so where the box is away, and comes back by itself."""

import asyncio
import re
import shutil

import pytest_asyncio
from gateway.page import assets
from playwright.async_api import expect

from tests.kit.ports import free_port
from tests.page.served import ROOT, Page, becomes, chromium, in_a_browser
from tests.page.weight import KEPT
from tests.write.screenshots import PHONE, claimed


class Served:
    """A home's page that can be switched off and on again."""

    def __init__(self, lived, folder):
        self.folder = folder
        self.http = free_port()
        self.example = lived.copy(folder, port=free_port(), http=self.http)
        self.served = self.state = None

    async def on(self, root=ROOT):
        if self.served is not None:
            return
        self.served = await asyncio.to_thread(Page, self.example.path, self.http, self.folder / "page.log", (), root)

    async def off(self):
        if self.served is not None:
            await asyncio.to_thread(self.served.__exit__)
            self.served = None

    def at(self, path):
        return f"http://127.0.0.1:{self.http}{path}"

    async def signed_in(self, browser):
        """Return what a browser has that is signed in as the first technician."""
        if self.state is None:
            context = await browser.new_context(viewport=PHONE)

            async def first(page):
                await page.goto(self.at("/first?lang=zh"))

            code = (self.example.config.page_folder / "page-code").read_text().strip()
            self.state = await claimed(context, self.at(""), code, first)
            await context.close()
        return self.state


class Home:
    """The page and a browser that looks at it."""

    def __init__(self, served, browser):
        self.browser, self.page = browser, served
        self.on, self.off, self.at, self.example = served.on, served.off, served.at, served.example

    async def phone(self):
        """Return a phone that is signed in, has kept nothing yet, and has then opened the page."""
        state = await self.page.signed_in(self.browser)
        context = await self.browser.new_context(viewport=PHONE, service_workers="allow", storage_state=state)
        page = await context.new_page()
        await page.goto(self.at("/?lang=zh"))
        await page.evaluate(KEPT)
        return context, page


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def served(lived, tmp_path_factory):
    """One home for all tests here: what they change is on their own phones."""
    made = Served(lived, tmp_path_factory.mktemp("home"))
    yield made
    await made.off()


@pytest_asyncio.fixture(loop_scope="session")
async def home(served, kept_browser):
    await served.on()
    async with chromium() as browser:
        yield Home(served, browser)


async def shown(page, heading):
    await expect(page.locator("h1")).to_have_text(heading)


@in_a_browser
async def test_a_box_that_is_away_is_said_in_place_of_the_page_and_it_opens_by_itself_again(home):
    _, page = await home.phone()
    await home.off()
    await page.goto(home.at("/sensors"))
    await shown(page, "连不上网关")
    assert page.url == home.at("/sensors"), "to ask again is to load it"
    await page.goto(home.at("/help"))
    await shown(page, "帮助")
    assert await page.locator("svg").count() > 9, "with its drawings"
    await page.goto(home.at("/sensors"))
    await shown(page, "连不上网关")
    await home.on()
    await page.wait_for_selector("nav a[aria-current]")
    assert page.url == home.at("/sensors")
    assert (await page.locator("nav a").count()) > 3, "the page that was asked for, still signed in"


@in_a_browser
async def test_the_words_are_in_the_language_that_was_chosen_last(home):
    _, page = await home.phone()
    await page.goto(home.at("/?lang=en"))
    await home.off()
    await page.goto(home.at("/rules"))
    await shown(page, "The gateway cannot be reached")
    await page.click("#again")
    await shown(page, "The gateway cannot be reached")


@in_a_browser
async def test_the_page_is_opened_anew_with_a_word_at_once(home):
    context, page = await home.phone()
    await page.close()
    page = await context.new_page()
    await page.goto(home.at("/sensors"), wait_until="commit")
    await page.wait_for_selector("nav a[aria-current]")
    assert page.url == home.at("/sensors")
    assert await page.evaluate("performance.getEntriesByType('navigation')[0].type") == "reload", "after the word that was kept"
    assert await page.evaluate("history.length") <= 2, "which leaves nothing to go back to"
    await home.off()
    await page.close()
    page = await context.new_page()
    await page.goto(home.at("/"), wait_until="commit")
    await shown(page, "连不上网关")


@in_a_browser
async def test_nothing_of_the_home_is_kept(home):
    context, page = await home.phone()
    await page.goto(home.at("/home"))
    kept = await page.evaluate(
        """async () => {
          const found = {};
          for (const name of await caches.keys())
            for (const request of await (await caches.open(name)).keys())
              found[new URL(request.url).pathname + new URL(request.url).search] = await (await caches.match(request)).text();
          return found;
        }"""
    )
    pages = {f"{path}?lang={lang}" for path in ("/opening", "/offline", "/help") for lang in ("zh", "en")}
    assert kept.keys() == pages | {f"/static/{assets.VERSION}/{name}" for name in assets.FILES} | {"/language"}
    for address, text in kept.items():
        assert home.example.config.gateway.id not in text, address
    chosen = [c["value"] for c in await context.cookies() if c["name"] == "lang"]
    assert chosen == ["zh"], "keeping the pages of both languages has chosen none"


@in_a_browser
async def test_after_an_update_nothing_old_is_shown(home, tmp_path):
    _, page = await home.phone()
    newer = tmp_path / "newer"
    for name in ("gateway", "drivers", "config"):
        shutil.copytree(ROOT / name, newer / name)  # compiled as it is
    with (newer / "gateway/page/static/page.css").open("a", encoding="utf-8") as style:
        style.write("/* newer */\n")
    await home.off()
    try:
        await home.on(newer)
        await page.goto(home.at("/"))
        address = await page.get_attribute('link[href$="page.css"]', "href")
        assert assets.VERSION not in address
        await becomes(page, "old => caches.keys().then(all => all.length === 1 && !all[0].includes(old))", assets.VERSION)
    finally:
        await home.off()  # no other test is of the newer one


async def test_the_worker_and_the_icons_are_there_for_anybody_and_the_manifest_tells_a_stranger_no_number(box):
    stranger, technician = box.browser(), await box.technician()
    worker = await stranger.get("/sw.js")
    assert worker.headers["cache-control"] == "no-cache"
    assert set(re.findall(r'"/static/[^/]+/([^"]+)"', worker.text)) == set(assets.FILES)
    for address in re.findall(r'"(/[^"]+)"', worker.text.partition("\n\n")[0].partition("// Runs")[0]):
        assert (await stranger.get(address)).status_code == 200, address
    here, there = (await stranger.get("/app.webmanifest")).json(), (await technician.get("/app.webmanifest")).json()
    number = box.example.config.gateway.id
    assert number in there["name"]
    assert number not in str(here)
    for icon in there["icons"]:
        answer = await stranger.get(icon["src"])
        assert answer.headers["content-type"] == "image/png"
        width, height = (int.from_bytes(answer.content[at : at + 4]) for at in (16, 20))
        assert f"{width}x{height}" == icon["sizes"]
