"""Every page with a form, on a phone: what was typed survives whatever happens in the middle, and no button is silent. Real daemon and browser.

Set PICTURES to a folder to look at what the phone shows.
"""

import json
import os
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.page.household import PASSWORD
from tests.page.served import IN_A_BROWSER, chromium
from tests.page.test_answers_browser import in_sight, signed_in
from tests.page.test_browser import Home, is_accessible, is_fit_for_a_finger

pytestmark = IN_A_BROWSER
PHONE = {"width": 360, "height": 740}
NEW = "/sensors/new?model=bthome-v2&address=A4:C1:38:00:53:77"
# Each page with a form that is typed into, and what is typed there: (field, text); a tick is "".
KEPT = {
    "/home": [("#household-residents", "2"), ("#household-visits", "9")],
    "/home#consent": [("#consent [name=history_days]", "21")],
    NEW: [("#d-id", "bed-button")],
    "/sensors/change?device=front-door": [("#d-missing", "1")],
    "/platform": [("#p-host", "desk.example.org"), ("#p-port", "8884")],
    "/rules": [("#w-1", "90")],
    "/rules#judging": [("[name=t-grace_fall]", "20")],
    "/rules#voice": [("#voice [name=quiet_sos]", "")],
}
# What a phone never keeps: names of people, numbers of homes, notes, whatever is typed freely.
NEVER = {
    "/home": [
        ("#household-number", "word-h"),
        ("#household-area", "word-area"),
        ("#household-cell", "word-cell"),
        ("[name=more]", "word-room"),
    ],
    "/home#consent": [("#consent-name", "word-agreed")],
    NEW: [("#d-label", "word-label")],
    "/platform": [("#p-username", "word-user"), ("#p-password", "word-two"), ("#p-certificate_key", "word-three")],
    "/rules": [("#r-1", "word-nurse")],
    "/certificate": [("#typed", "word-signed")],
    "/devices/front-door": [("[name=reason]", "word-painter")],
    "/box": [("#new-name", "word-account")],
}
TYPED = {**NEVER, **KEPT}
kept_pages = pytest.mark.parametrize("where", KEPT)
pages = pytest.mark.parametrize("where", TYPED)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with Home(tmp_path_factory.mktemp("forms")) as home:
        yield home


async def signed(home):
    """Return what a browser has of somebody who has just signed in: an account has five sessions, the one longest unseen goes first."""
    async with chromium() as browser:
        context = await browser.new_context(viewport=PHONE)
        page = await context.new_page()
        await page.goto(home.page.address)
        if page.url.endswith("/first"):
            await signed_in(context, home)
        else:
            await sign_in(page)
        return await context.storage_state()


@pytest_asyncio.fixture(loop_scope="session")
async def entered(home, kept_browser):
    return await signed(home)


async def on_a_phone(browser, state=None, **more):
    context = await browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True, storage_state=state, **more)
    page = await context.new_page()
    page.broken = []
    page.on("pageerror", lambda error: page.broken.append(str(error)))
    page.on("console", lambda m: page.broken.append(m.text) if m.type == "error" and "Content Security" in m.text else None)
    return context, page


async def fill(page, where, typed=TYPED):
    """Type what is typed there, as a hand does: with the details opened."""
    for field, text in typed[where]:
        await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        if await page.locator(field).evaluate("e => e.tagName === 'SELECT'"):
            await page.locator(field).press("ArrowDown")  # as a hand does: what a script changes is not kept
        elif text:
            await page.locator(field).fill(text)
        else:
            await page.locator(field).click()


async def holds(page, where):
    """Say whether the form holds what was typed."""
    return [
        await page.locator(field).input_value() == text if text else await page.locator(field).is_checked() for field, text in TYPED[where]
    ] == [True] * len(TYPED[where])


async def pictured(page, name):
    if folder := os.environ.get("PICTURES"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=Path(folder) / f"forms-{name}.png")


async def kept(page):
    """Return the drafts that are on this phone."""
    text = await page.evaluate("JSON.stringify(Object.entries(localStorage).filter(([key]) => key.startsWith('draft:')))")
    return [json.loads(draft) for _, draft in json.loads(text)]


async def sign_in(page):
    await page.fill("[name=name]", "T-07")
    await page.fill("[name=password]", PASSWORD)
    async with page.expect_navigation():
        await page.click("main button.main")


@kept_pages
async def test_what_was_typed_is_offered_again_after_the_session_went(home, entered, where):
    """Away until the session was over: to whom typed it, never by itself, and no longer once it is forgotten."""
    async with chromium() as browser:
        context, page = await on_a_phone(browser, entered)
        await page.goto(home.page.address + where)
        await fill(page, where)
        assert len(await kept(page)) == 1
        await context.clear_cookies()
        await page.reload()
        assert "/sign-in" in page.url
        assert await page.locator(".draft").count() == 0, "a stranger is shown nothing"
        await sign_in(page)
        await page.locator(".draft a.button").click()
        await expect(page.locator(".draft .put")).to_be_visible()
        assert not await holds(page, where), "nothing is filled in by itself"
        await is_accessible(page)
        await is_fit_for_a_finger(page)
        await page.locator(".draft .put").click()
        await expect(page.locator(".draft")).to_have_count(0)
        assert await holds(page, where)
        await page.reload()
        await page.locator(".draft button:not(.put)").click()
        assert await kept(page) == []
        await page.goto(f"{home.page.address}/setup")
        assert await page.locator(".draft").count() == 0
        assert page.broken == []


@pages
async def test_the_line_goes_in_the_middle_of_a_form(home, entered, where):
    """By keyboard alone: the button works, then says what is the matter, where the thumb is; back, forward, turned, the phone off and on."""
    async with chromium() as browser:
        context, page = await on_a_phone(browser, entered)
        await page.goto(f"{home.page.address}/setup?lang=en")
        await page.goto(home.page.address + where)
        await fill(page, where)
        form = page.locator(TYPED[where][-1][0]).locator("xpath=ancestor::form")
        await context.set_offline(True)
        await form.locator("button:not([type=button]):visible").last.press("Enter")
        again = page.locator("#unsent button")
        await expect(again).to_be_focused()
        assert await in_sight(page, "#unsent")
        assert await page.locator("[aria-busy=true]").count() == 0
        await pictured(page, f"offline-{list(TYPED).index(where)}")
        await is_accessible(page)
        await again.press("Enter")
        await expect(again).to_be_focused()
        await page.set_viewport_size({"width": 740, "height": 360})
        assert await in_sight(page, "#unsent")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "wider than the phone"
        assert await holds(page, where)
        await page.set_viewport_size(PHONE)
        if where not in KEPT:
            assert await kept(page) == []
            return
        await context.set_offline(False)
        await page.go_back()
        await page.go_forward()
        await page.wait_for_load_state()
        if not await holds(page, where):  # what the browser has not put back itself is offered
            await page.locator(".draft .put").click()
        assert await holds(page, where)
        await page.close()  # the phone goes off
        page = await context.new_page()
        await page.goto(home.page.address + where)
        await page.wait_for_load_state()
        await pictured(page, f"offered-{list(TYPED).index(where)}")
        await page.locator(".draft .put").press("Enter")
        assert await holds(page, where)
        assert await page.evaluate("document.activeElement.form !== undefined"), "the focus is in the form"


async def test_what_is_saved_is_forgotten_and_what_is_refused_is_not(home, entered):
    async with chromium() as browser:
        _, page = await on_a_phone(browser, entered)
        await page.goto(f"{home.page.address}/home?lang=en")
        await page.fill("#household-residents", "3")
        await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        await page.fill("#consent [name=history_days]", "soon")
        assert len(await kept(page)) == 2
        async with page.expect_navigation():
            await page.locator("#consent button.main").click()
        await expect(page.locator("[name=history_days]")).to_be_focused()
        assert len(await kept(page)) == 2
        assert await page.locator("#consent .draft").count() == 0, "the form that is shown again has it"
        await page.locator(".draft .put").click()
        assert await page.input_value("#household-residents") == "3"
        await page.fill("#household-number", "H-77")  # which no phone keeps
        async with page.expect_navigation():
            await page.locator("#household button.main").click()
        await expect(page.locator(".answer.good")).to_be_focused()
        await expect(page.locator(".draft")).to_have_count(1)
        assert ["history_days", "soon"] in (await kept(page))[0]["fields"]


async def test_no_name_note_number_or_secret_is_kept_and_signing_out_leaves_nothing(home, entered):
    async with chromium() as browser:
        context, page = await on_a_phone(browser, entered)
        for where in NEVER:
            await page.goto(home.page.address + where)
            await fill(page, where, NEVER)
        await page.goto(f"{home.page.address}/rules")
        await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        await page.select_option("#c-1", "sms")
        await page.fill("[name=number-1]", "13800138000")
        await page.select_option("#c-1", "webhook")
        await page.fill("[name=address-1]", "https://hooks.example.org/word-five")
        await page.goto(f"{home.page.address}/platform?lang=en")
        await page.fill("#p-host", "mqtts://box:word-one@desk.example.org")
        found = await page.evaluate("JSON.stringify(Object.entries(localStorage))")
        assert "desk.example.org" in found
        assert "word-" not in found
        assert "13800138000" not in found
        assert all(len(key.split(":")[1]) == 16 for key in await page.evaluate("Object.keys(localStorage)")), "no name in its key"
        word = "quiet river under stars"
        await page.goto(f"{home.page.address}/box")
        await page.locator("#accounts summary:not([data-invite])").click()
        for name, text in (("#new-name", "T-08"), ("#new-password", word), ("#new-again", word)):
            if await page.locator(name).count():
                await page.fill(name, text)
        await page.select_option("#new-role", "technician")
        if await page.locator("#new-mine").count():
            await page.fill("#new-mine", PASSWORD)
        async with page.expect_navigation():
            await page.locator("form[action='/box/accounts'] button:not([type=button])").click()
        await expect(page.locator("#accounts li")).to_have_count(2)
        await context.clear_cookies()
        await page.goto(f"{home.page.address}/sign-in")
        await page.fill("[name=name]", "T-08")
        await page.fill("[name=password]", word)
        async with page.expect_navigation():
            await page.click("main button.main")
        await page.goto(f"{home.page.address}/platform")
        assert await page.locator(".draft").count() == 0
        assert len(await kept(page)) > 1
        await page.goto(f"{home.page.address}/box")
        async with page.expect_navigation():
            await page.locator("form[action='/sign-out'] button").click()
        assert await kept(page) == [], "of nobody"
        await page.evaluate("""() => {
            const draft = { fields: [["note", "an earlier version kept it"]], before: [], page: "/home", title: "", rests: [], since: Date.now() };
            localStorage.setItem("draft:x", "{");
            localStorage.setItem("draft:y", JSON.stringify(draft));
            localStorage.setItem("draft:z", JSON.stringify({ ...draft, shape: 2, since: Date.now() - 25 * 3600e3 }));
        }""")
        await page.reload()
        assert await kept(page) == [], "a day later nothing is left of anybody"


async def test_a_draft_that_is_put_back_overwrites_no_colleague_and_is_no_conflict_with_another_form(home, entered):
    async with chromium() as browser:
        _, mine = await on_a_phone(browser, entered)
        _, theirs = await on_a_phone(browser, entered)
        for page in (mine, theirs):
            await page.goto(f"{home.page.address}/home?lang=en")
        await mine.fill("#household-visits", "17")
        await mine.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        await mine.fill("#consent [name=history_days]", "17")
        await theirs.fill("#household-visits", "18")
        async with theirs.expect_navigation():
            await theirs.locator("#household button.main").click()

        async def put_back(form):
            await mine.goto(f"{home.page.address}/setup")
            await mine.goto(f"{home.page.address}/home")
            await mine.locator(f"{form} .put").click()
            async with mine.expect_navigation():
                await mine.locator(f"{form} button.main:visible").last.click()

        await put_back("#consent")
        assert await mine.locator(".both").count() == 0, "another form was changed, not this one"
        assert "visits" in dict((await kept(mine))[0]["fields"])
        await put_back("#household")
        both = await mine.inner_text(".both")
        assert "17" in both
        assert "18" in both
        await is_accessible(mine)
        async with mine.expect_navigation():
            await mine.locator(".both button[name=over]").click()
        await mine.goto(f"{home.page.address}/home")
        assert await mine.input_value("#household-visits") == "17"
        assert await kept(mine) == []


HIDDEN = """(is) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => is });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


async def test_a_search_that_ran_out_behind_another_app_goes_on(home, entered):
    async with chromium() as browser:
        _, page = await on_a_phone(browser, entered)
        _, other = await on_a_phone(browser, entered)
        await page.goto(f"{home.page.address}/sensors/add?lang=en")
        await page.click("#begin")
        await page.wait_for_selector(".countdown")
        await page.evaluate(HIDDEN, True)
        await other.goto(f"{home.page.address}/sensors/add")
        await other.click("#over")  # as if its four minutes were over
        await other.wait_for_selector("#begin")
        async with page.expect_navigation():
            await page.evaluate(HIDDEN, False)
        await page.wait_for_selector(".countdown")
        await other.reload()
        await other.click("#over")
        await page.wait_for_selector("#begin")  # whoever looks on is not searched for again


@pytest.mark.parametrize(
    "where", [*(where for where in TYPED if "#" not in where), "/", "/walk", "/sensors/add", "/moving", "/alarms", "/journal", "/test"]
)
async def test_by_keyboard_alone_every_field_and_button_is_reached_and_seen(home, entered, where):
    async with chromium() as browser:
        _, page = await on_a_phone(browser, entered)
        await page.goto(home.page.address + where)
        await page.wait_for_load_state()
        await page.evaluate("""() => {
            for (const one of document.querySelectorAll("details")) one.open = true;
            document.querySelector(".skip").focus();
            const once = (one) => (one.type === "radio" ? document.querySelector(`input[name="${one.name}"]:checked`) || one : one);
            const all = document.querySelectorAll("main button, main input:not([type=hidden]), main select, main textarea, main a[href], main summary");
            window.wanted = new Set([...all].filter((one) => one.checkVisibility() && !one.disabled && one.tabIndex >= 0).map(once));
        }""")
        unseen = []
        for _ in range(600):
            await page.keyboard.press("Tab")
            found = await page.evaluate("""() => {
                const one = document.activeElement;
                if (one === document.body) return { over: true };
                wanted.delete(one);
                if (one.type === "radio") for (const other of [...wanted]) if (other.name === one.name && other.type === "radio") wanted.delete(other);
                const box = (one.classList.contains("unseen") ? one.parentElement : one).getBoundingClientRect();
                const at = document.elementFromPoint(box.left + box.width / 2, box.top + Math.min(box.height, 40) / 2);
                const seen = at && (one.contains(at) || at.contains(one) || (one.labels && [...one.labels].some((l) => l.contains(at))));
                return { seen: Boolean(seen), html: one.outerHTML.slice(0, 90), over: false };
            }""")
            if found["over"]:
                break
            if not found["seen"]:
                unseen.append(found["html"])
        assert await page.evaluate("[...wanted].filter((one) => one.isConnected).map((one) => one.outerHTML.slice(0, 90))") == []
        assert unseen == []
