"""A technician's phone gets alarms, in a real browser: turned on at a tap, shown by the worker while no page is open, ended.

The address that a browser's maker would give is made here: a browser in a test asks no network.
"""

import asyncio
import os
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest_asyncio
from gateway.page import notify
from gateway.page.en import EN
from gateway.page.notify import Stand
from gateway.page.words import LANGUAGES, Words, printed
from gateway.page.zh import ZH
from playwright.async_api import expect

from tests.kit.browser_push import Subscriber
from tests.kit.wait import PATIENCE
from tests.page.served import IN_A_BROWSER, becomes, chromium
from tests.page.test_browser import is_accessible, is_fit_for_a_finger
from tests.page.test_phone_browser import Home, Served
from tests.page.test_today_browser import BROKEN, DESK, PHONE

pytestmark = IN_A_BROWSER
GIVEN = """(form) => {
  PushManager.prototype.getSubscription = async () => null;
  PushManager.prototype.subscribe = async (how) => {
    const key = how.applicationServerKey;
    sessionStorage.asked = `${how.userVisibleOnly} ${key.length} ${key[0]}`;
    return { toJSON: () => ({ endpoint: form.endpoint, keys: { p256dh: form.p256dh, auth: form.auth } }) };
  };
}"""


async def pictured(page, name):
    if folder := os.environ.get("PICTURES"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        await page.locator("#duty").screenshot(path=Path(folder) / f"{name}.png")


@pytest_asyncio.fixture(loop_scope="session")
async def home(lived, tmp_path, kept_browser):
    served = Served(lived, tmp_path)
    async with chromium() as browser:
        await served.on()
        try:
            yield Home(served, browser)
        finally:
            await served.off()


async def tapped(page, selector):
    async with page.expect_navigation():
        await page.click(selector)


async def looks_well(page, home, name):
    for lang in ("zh", "en"):
        for theme, view in (("light", PHONE), ("dark", PHONE), ("light", DESK)):
            await page.set_viewport_size(view)
            await page.goto(home.at(f"/box?lang={lang}&theme={theme}"))
            assert await page.evaluate(BROKEN) == []
            await pictured(page, f"duty-{name}-{lang}-{theme}-{view['width']}")
    await page.set_viewport_size(PHONE)
    await page.goto(home.at("/box?lang=en&theme=light"))
    await is_accessible(page)
    await is_fit_for_a_finger(page)


async def shows_what_comes(context, page, home):
    """The worker's part, as a push service would wake it."""
    words = {language: Words(language, ZoneInfo("Asia/Shanghai")) for language in LANGUAGES}
    cdp = await context.new_cdp_session(page)
    registered = asyncio.get_running_loop().create_future()

    def updated(event):
        found = [r["registrationId"] for r in event["registrations"] if not r["isDeleted"]]
        if found and not registered.done():
            registered.set_result(found[0])

    cdp.on("ServiceWorker.workerRegistrationUpdated", updated)
    await cdp.send("ServiceWorker.enable")
    number = await asyncio.wait_for(registered, PATIENCE)

    async def comes(data):
        await cdp.send("ServiceWorker.deliverPushMessage", {"origin": home.at("").rstrip("/"), "registrationId": number, "data": data})

    shown = """async (title) => {
      const all = await (await navigator.serviceWorker.ready).getNotifications();
      return all.some((one) => one.title === title);
    }"""
    facts = """async () => (await (await navigator.serviceWorker.ready).getNotifications())
      .map((one) => [one.title, one.body, one.data, one.lang, one.tag])"""
    call = notify.message("j1-a7", Stand(7, "person.sos", "raised"), "H-0451", words).decode()
    await comes(call)
    title = f"{words['en'].kind('person.sos')} · H-0451"
    await becomes(page, shown, title)
    assert await page.evaluate(facts) == [[title, EN["duty.body.raised"], "/alarms/7", "en", "j1-a7"]]
    await page.goto(home.at("/box?lang=zh"))
    await comes(notify.message("j1-a7", Stand(7, "person.sos", "answered"), "H-0451", words).decode())
    title = f"{words['zh'].kind('person.sos')} · H-0451"
    await becomes(page, shown, title)
    assert await page.evaluate(facts) == [[title, printed(ZH["duty.body.answered"]), "/alarms/7", "zh-CN", "j1-a7"]], (
        "in the place of the call"
    )
    await comes("{not of this version")
    await becomes(page, shown, ZH["app"])


async def test_a_technician_turns_it_on_and_the_worker_shows_what_comes(home):
    context, page = await home.phone()
    await looks_well(page, home, "off")
    await page.goto(home.at("/box?lang=en"))
    await page.click("#duty-set button")
    await expect(page.locator("#duty-why")).to_have_text(EN["duty.denied"])
    await expect(page.locator("#duty-set button")).not_to_have_attribute("aria-busy", "true")
    await context.grant_permissions(["notifications"], origin=home.at("").rstrip("/"))
    await page.goto(home.at("/box?lang=en"))
    await page.evaluate(GIVEN, Subscriber().form("https://127.0.0.1/given"))
    async with page.expect_navigation():
        await page.dblclick("#duty-set button")
    assert await page.evaluate("sessionStorage.asked") == "true 65 4", "for a message that is shown, with a public key"
    await expect(page.locator("#duty .notice.good")).to_have_text(EN["duty.said.set"])
    await expect(page.locator("#duty li strong")).to_have_text(EN["duty.this"])
    assert await page.locator("#duty-set").count() == 0, "this phone is on"
    await looks_well(page, home, "on")
    await tapped(page, "#duty form[action='/box/phone/test'] button")
    await expect(page.locator("#duty > .notice.bad:not([hidden])")).to_have_text(EN["duty.said.inside"])
    await is_accessible(page)

    await shows_what_comes(context, page, home)
    await tapped(page, "#duty form[action='/box/phone/end'] button")
    await expect(page.locator("#duty-set button")).to_be_visible()

    # A browser that cannot says why.
    await context.add_init_script("delete window.PushManager;")
    await page.goto(home.at("/box?lang=en"))
    await expect(page.locator("#duty-why")).to_have_text(EN["duty.unable"])
    assert not await page.locator("#duty-set").is_visible()
