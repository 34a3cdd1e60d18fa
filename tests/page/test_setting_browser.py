"""Debian's Chromium on a phone's screen: the platform entered and tried, the ladder and a time changed, a button walked; real parts."""

import re
import ssl

from playwright.async_api import expect

from tests.kit.brokers import Authority, Mosquitto, Platform
from tests.page import test_browser
from tests.page.household import PASSWORD
from tests.page.served import IN_A_BROWSER, chromium
from tests.page.test_browser import GATEWAY, Home, is_accessible, is_fit_for_a_finger

pytestmark = IN_A_BROWSER

WORDS = {"box": "right word", "desk": "desk word"}


async def test_platform_rules_and_walk(tmp_path, monkeypatch):  # noqa: PLR0915  one visit
    bare = re.sub(r"\[platform\].*?(?=\[page\])", "", test_browser.CONFIG, flags=re.DOTALL)
    monkeypatch.setattr(test_browser, "CONFIG", bare)
    home = Home(tmp_path)
    home.broker = Mosquitto(passwords=WORDS)
    with home:
        async with Platform(home.broker, GATEWAY, username="desk", password=WORDS["desk"]), chromium() as browser:
            context = await browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
            page = await context.new_page()
            broken = []
            page.on("pageerror", lambda e: broken.append(str(e)))
            page.on("console", lambda m: broken.append(m.text) if m.type == "error" and "422" not in m.text else None)
            await page.goto(f"{home.page.address}/first?lang=en")
            for name, text in (("code", home.code()), ("name", "T-07"), ("password", PASSWORD)):
                await page.fill(f"[name={name}]", text)
            await page.click("main button.main")
            await page.click("nav a:has-text('Set up')")
            await is_accessible(page)
            await is_fit_for_a_finger(page)

            await page.click("main a:has-text('Platform')")
            await page.fill("[name=host]", "127.0.0.1")
            await page.fill("[name=port]", "1")
            await page.uncheck("[name=tls]")
            await page.fill("[name=username]", "box")
            await page.fill("[name=password]", "wrong word")
            await page.get_by_role("button", name="Test it now").click()
            await page.wait_for_selector(".verdict.bad:has-text('Connect')")
            assert "refused the connection" in await page.inner_text(".todo")
            await is_accessible(page)
            await is_fit_for_a_finger(page)
            await page.fill("[name=port]", str(home.broker.port))
            await page.get_by_role("button", name="Test it now").click()
            await page.wait_for_selector(".verdict.bad:has-text('Log in')")
            assert await page.inner_text(".todo")
            await page.fill("[name=password]", WORDS["box"])
            await page.get_by_role("button", name="Test it now").click()
            await page.wait_for_selector(".verdict.good")
            assert await page.locator("#way .after").count() == 6
            async with page.expect_navigation():  # with the password that was tried
                await page.get_by_role("button", name="Save", exact=True).click()
            await page.wait_for_selector(".notice.good")
            assert WORDS["box"] not in await page.content()

            await page.goto(f"{home.page.address}/rules")
            await is_accessible(page)
            await is_fit_for_a_finger(page)
            await page.get_by_role("button", name="Add a rung").click()
            await page.fill("[name=responder-2]", "neighbour")
            await page.fill("[name=wait-2]", "90")
            await page.get_by_role("button", name="Up: neighbour").or_(page.locator("button[value=up-2]")).first.click()
            await expect(page.locator("[name=responder-1]")).to_have_value("neighbour")
            async with page.expect_navigation():
                await page.locator("#ladder button.main").last.click()
            await page.wait_for_selector(".notice.good")
            await page.goto(f"{home.page.address}/rules")  # saved, each has led to the next step
            await page.locator("#rule-fall summary").click()
            await page.fill("[name=t-grace_fall]", "5")
            async with page.expect_navigation():
                await page.locator("#judging button.main").last.click()
            await page.wait_for_selector("#t-grace_fall[aria-invalid]")
            await page.fill("[name=t-grace_fall]", "20")
            await page.locator("#judging button[value=try]").click()
            await page.wait_for_selector("#tried")
            await is_accessible(page)
            async with page.expect_navigation():
                await page.locator("#judging button.main").last.click()
            await page.wait_for_selector(".notice.good")
            await page.goto(f"{home.page.address}/rules")
            await expect(page.locator("[name=t-grace_fall]")).to_have_value("20")

            await page.goto(f"{home.page.address}/walk")
            await page.locator("#device-pendant button").click()
            await page.wait_for_selector("#device-pendant.running")
            for n in (1, 2, 3):
                home.press()
                await page.wait_for_selector(f"#device-pendant :text('{n} of 3')")
            await page.wait_for_selector("#device-pendant :text('slowest')")
            await is_accessible(page)
            await is_fit_for_a_finger(page)
            assert await page.locator(".banner.red").count() == 0
            await page.wait_for_selector("#device-pendant.passed")  # by itself, once it has shown what is wanted
            await page.goto(home.page.address)
            assert await page.locator(".alarm:not(.is-test)").count() == 0
            assert not broken, broken


async def test_a_client_certificate_is_chosen_from_files_and_the_broker_lets_nobody_in_without(tmp_path, monkeypatch):
    bare = re.sub(r"\[platform\].*?(?=\[page\])", "", test_browser.CONFIG, flags=re.DOTALL)
    monkeypatch.setattr(test_browser, "CONFIG", bare)
    authority, strangers = Authority(tmp_path), Authority(tmp_path, "strangers")
    server, mine, other, desk = (
        authority.issue("server", hosts=("localhost", "127.0.0.1")),
        authority.issue(GATEWAY),
        strangers.issue("other"),
        authority.issue("desk"),
    )
    trust = ssl.create_default_context(cafile=str(authority.ca))
    trust.load_cert_chain(desk.cert, desk.key)
    home = Home(tmp_path, broker=Mosquitto(tls=server, ca=authority.ca))
    with home.broker, home:
        async with Platform(home.broker, GATEWAY, tls_context=trust), chromium() as browser:
            page = await (await browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)).new_page()
            await page.goto(f"{home.page.address}/first?lang=en")
            for name, text in (("code", home.code()), ("name", "T-07"), ("password", PASSWORD)):
                await page.fill(f"[name={name}]", text)
            await page.click("main button.main")
            await page.goto(f"{home.page.address}/platform")
            await page.fill("[name=host]", "localhost")
            await page.fill("[name=port]", str(home.broker.port))
            await page.locator("summary", has_text="Certificates").click()

            async def tried(papers, key=None):
                if not await page.locator("#f-ca").is_visible():
                    await page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
                await page.set_input_files("#f-ca", authority.ca)
                await expect(page.locator("#p-ca")).to_have_value(re.compile("BEGIN CERTIFICATE"))
                if papers is not None:
                    await page.set_input_files("#f-certificate", papers.cert)
                    await page.set_input_files("#f-certificate_key", key or papers.key)
                    await expect(page.locator("#p-certificate_key")).to_have_value(re.compile("PRIVATE KEY"))
                await page.get_by_role("button", name="Test it now").click()

            await tried(None)
            await page.wait_for_selector(".verdict.bad")
            assert await page.inner_text(".todo")
            await tried(mine, other.key)
            await page.wait_for_selector("#p-certificate_key[aria-invalid]")
            assert "PRIVATE KEY" not in await page.content(), "a key is never sent back"
            await tried(other)
            await page.wait_for_selector(".verdict.bad")
            await tried(mine)
            await page.wait_for_selector(".verdict.good")
            await is_accessible(page)
            await is_fit_for_a_finger(page)
            async with page.expect_navigation():
                await page.get_by_role("button", name="Save", exact=True).click()
            await page.wait_for_selector(".notice.good")
            await page.goto(home.page.address)
            await page.wait_for_selector(".glance :text('Connected')")
        key = mine.key.read_text().splitlines()[1]
        for path in (*tmp_path.glob("*.log"), *(tmp_path / "state").glob("*.db*")):
            assert key.encode() not in path.read_bytes(), path
