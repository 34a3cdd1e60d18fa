"""Whole visits on a phone's screen, against real daemons, a real broker and the radio's stand-in.

From the code on a box to the signed certificate, in each language; a broken box changed for another; and the same page without a mouse.
Set PICTURES to a folder to look at the pages.
"""

import contextlib
import re
import sqlite3
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.page.en import EN
from gateway.page.words import printed
from gateway.page.zh import ZH
from playwright.async_api import TimeoutError as NotThere
from playwright.async_api import expect

from tests.kit.brokers import Mosquitto, Platform
from tests.kit.household import KEY, Sealed
from tests.kit.wait import PATIENCE
from tests.page.household import PASSWORD
from tests.page.served import IN_A_BROWSER, chromium
from tests.page.test_browser import GATEWAY, Home, is_accessible, is_fit_for_a_finger
from tests.page.test_walk_browser import pictured, signed_with_a_finger

pytestmark = IN_A_BROWSER

PHONE = {"width": 360, "height": 740}
BUTTON, DOOR = "A4:C1:38:00:53:77", "A4:C1:38:00:53:66"
BARE = """
[sound]
voice = false
[gateway]
id = "{gateway}"
state = "state"
runtime = "run"
[page]
address = "127.0.0.1"
port = {port}
http_port = {http}
[times]
uplink_lost = 60
"""
WORDS = "four grey geese at dawn"


class Said:
    """The catalogue of one language, as the page prints it."""

    def __init__(self, lang):
        self.lang = lang

    def __call__(self, key, **values):
        return printed(ZH[key].format(**values)) if self.lang == "zh" else EN[key].format(**values)


async def opened(browser, home, lang):
    context = await browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2, accept_downloads=True)
    page = await context.new_page()
    trouble = []
    page.on("request", lambda r: trouble.append(r.url) if not r.url.startswith((home.page.address, "blob:")) else None)
    page.on("pageerror", lambda e: trouble.append(str(e)))
    page.on("console", lambda m: trouble.append(m.text) if m.type == "error" and "422" not in m.text else None)
    await page.goto(home.page.address)
    assert page.url.endswith("/first")
    if lang == "en":
        await page.click(".language")
    await fit(page)
    for name, text in (("code", home.code()), ("name", "T-07"), ("password", PASSWORD)):
        await page.fill(f"[name={name}]", text)
    await page.click("main button.main")
    await page.wait_for_selector(".banner")
    return page, trouble


async def fit(page):
    await is_accessible(page)
    await is_fit_for_a_finger(page)


async def answered(page, t, home):
    """Carry the open alarm from the first tap to its outcome."""
    await page.goto(home.page.address)
    card = page.locator(".alarm")
    await card.wait_for()
    await card.get_by_role("button", name=t("do.acknowledge")).click()
    await page.wait_for_selector(f".alarm .state:has-text('{t('state.acknowledged')}')")
    await card.locator("summary", has_text=t("do.dispatch")).first.click()
    await page.fill("[name=responder]", "grid worker")
    await page.fill("[name=minutes]", "900")
    async with page.expect_navigation():
        await card.locator("details[open] button").click()
    await page.wait_for_selector("[name=minutes][aria-invalid]")  # refused beside its field, and what was typed stays
    assert await page.input_value("[name=responder]") == "grid worker"
    await page.fill("[name=minutes]", "10")
    await card.locator("details[open] button").click()
    await page.wait_for_selector(f".alarm .state:has-text('{t('state.dispatched')}')")
    await card.get_by_role("button", name=t("do.arrive")).click()
    await page.wait_for_selector(f".alarm .state:has-text('{t('state.on_site')}')")
    await card.locator("summary", has_text=t("do.close")).click()
    await card.locator(".choice", has_text=t("outcome.helped")).click()
    await card.locator("details[open] button").click()
    await page.wait_for_selector(".alarm", state="detached")


class Door:
    """A door contact that does not encrypt."""

    def __init__(self, home):
        self.home, self.packet = home, 0

    def say(self, *, is_open):
        self.packet += 1
        data = f"4400{self.packet:02x}01642d0{int(is_open)}"
        for _ in range(3):
            self.home.air.advertise(DOOR, service_data={"fcd2": data}, rssi=-62, name="SBDW-002C")


def press(home, button):
    data = button.press()
    for _ in range(3):
        home.air.advertise(BUTTON, service_data={"fcd2": data}, rssi=-71, name="SBBT-002C")


async def set_up(page, t, home):
    """Home and platform, as a technician fills them in."""
    await page.locator(".rows a", has_text=t("start.new")).click()
    await page.fill("[name=number]", "H-0451")
    await page.select_option("[name=timezone]", "Asia/Urumqi")
    await page.fill("[name=night_from]", "23:00")
    async with page.expect_navigation():
        await page.locator("#household button.main").click()
    await page.wait_for_selector(".notice.good")
    assert await page.input_value("[name=night_from]") == "23:00"
    for room in ("卧室", "入户门") if t.lang == "zh" else ("Bedroom", "Front door"):
        await page.locator("#rooms .choice", has_text=room).click()
    async with page.expect_navigation():
        await page.locator("#rooms button").click()
    await page.wait_for_selector(".notice.good")
    await fit(page)

    await page.goto(f"{home.page.address}/platform")
    await page.fill("[name=host]", "127.0.0.1")
    await page.fill("[name=port]", str(home.broker.port))
    await page.uncheck("[name=tls]")
    await page.get_by_role("button", name=t("platform.try")).click()
    await page.wait_for_selector(".verdict.good")
    async with page.expect_navigation():
        await page.get_by_role("button", name=t("save"), exact=True).click()
    await page.wait_for_selector(".notice.good")


async def again(page, selector, act):
    """Do it again every few seconds until it shows: so does a person who sees nothing happen, for a radio may just begin to listen."""
    for _ in range(int(PATIENCE / 3)):
        act()
        with contextlib.suppress(NotThere):
            await page.wait_for_selector(selector, timeout=3000)
            return
    raise AssertionError(f"{selector} did not come: {(await page.inner_text('main'))[:600]}")


async def add_button(page, t, home, button):
    await page.goto(f"{home.page.address}/sensors")
    await page.get_by_role("link", name=t("sensor.add")).first.click()
    await page.click("#begin")
    await page.wait_for_selector(".countdown")
    home.air.wait_for_scan()
    await again(page, f"#n-{BUTTON.replace(':', '')}", lambda: press(home, button))
    await page.locator(f"#n-{BUTTON.replace(':', '')}").click()
    await pictured(page, f"journey-new-{t.lang}")
    await page.locator(".choice", has_text="卧室" if t.lang == "zh" else "Bedroom").click()
    await page.fill("[name=id]", "pendant")
    await page.fill("[name=secret]", KEY)
    await page.get_by_role("button", name=t("new.save"), exact=True).click()
    await page.wait_for_selector(f".banner:has-text('{t('confirm.press')}')")
    await again(page, ".confirmed", lambda: press(home, button))
    # The first press was a test by itself; whoever presses once more calls for help.
    await again(page, f".banner:has-text('{t('confirm.alarm', kind='').strip()}')", lambda: press(home, button))


async def add_door(page, t, home, door):
    await page.goto(f"{home.page.address}/sensors/add")
    if await page.locator("#begin").is_visible():
        await page.click("#begin")
    await page.wait_for_selector(".countdown")
    await again(page, f"#n-{DOOR.replace(':', '')}", lambda: door.say(is_open=True))
    await page.locator(f"#n-{DOOR.replace(':', '')}").click()
    await page.locator(".choice", has_text="入户门" if t.lang == "zh" else "Front door").first.click()
    await page.fill("[name=id]", "front-door")
    await page.get_by_role("button", name=t("new.save"), exact=True).click()
    await page.wait_for_selector(f".banner:has-text('{t('confirm.open')}')")
    await again(page, ".confirmed", lambda: door.say(is_open=False))


async def rule(page, t, home):
    """Who is called, what is judged: a danger is switched off after it was tried."""
    await page.goto(f"{home.page.address}/rules")
    await page.get_by_role("button", name=t("rules.add")).click()
    await page.fill("[name=responder-1]", "grid worker")
    async with page.expect_navigation():
        await page.locator("#ladder button.main").last.click()
    await page.wait_for_selector(".notice.good")
    await page.goto(f"{home.page.address}/rules")  # saved, each has led to the next step
    await page.locator("#rule-water summary").click()
    await page.locator(".choice", has_text="漏水" if t.lang == "zh" else "Water").click()
    await page.locator("#judging button[value=try]").click()
    await page.wait_for_selector("#judging #tried")
    await fit(page)
    async with page.expect_navigation():
        await page.locator("#judging button.main").last.click()
    await page.wait_for_selector(".notice.good")
    await page.goto(f"{home.page.address}/rules")
    assert not await page.locator("[name='on-env.water']").is_checked()
    assert await page.locator("[name='on-door.left_open']").is_checked()


async def walked(page, home, button, door):
    await page.goto(f"{home.page.address}/walk")
    await page.locator("#go-pendant").click()
    await page.wait_for_selector("#device-pendant.running")
    for n in range(3):
        press(home, button)
        await page.locator(".presses .there").nth(n).wait_for()
    await page.wait_for_selector("#device-pendant.passed")
    await page.locator("#go-front-door").click()
    await page.wait_for_selector("#device-front-door.running")
    door.say(is_open=True)
    await page.wait_for_selector("#device-front-door .needs li:not(.open)")
    door.say(is_open=False)
    await page.wait_for_selector("#device-front-door.passed")
    await page.locator("#go-uplink").click()
    await page.wait_for_selector("#step-uplink.running")
    home.broker.stop()
    await page.wait_for_selector("#step-uplink.running li:nth-child(2):not(.open)")
    home.broker.start()
    await page.wait_for_selector("#step-uplink.passed")
    await page.wait_for_selector("#sum.all")


async def in_english(page, home):
    """Look at every page of the visit in English too, where each has all that it shows."""
    t = Said("en")
    for path, key in (
        ("/", "lacks.smoke"),
        ("/home", "save"),
        ("/platform", "platform.try"),
        ("/sensors", "sensor.add"),
        ("/rules", "rules.add"),
        ("/walk", "walk.title"),
        ("/test", "test.title"),
        ("/certificate", "cert.keep"),
        ("/alarms", "outcome.helped"),
        ("/journal", "journal.title"),
    ):
        await page.goto(f"{home.page.address}{path}?lang=en")
        assert t(key) in await page.inner_text("main"), path
        await pictured(page, f"journey-{path.strip('/') or 'end'}-en")
        await fit(page)


async def test_from_the_code_on_the_box_to_the_certificate(tmp_path):
    """In Chinese; what is different in English is looked at at the end."""
    lang = "zh"
    t, button = Said(lang), Sealed(BUTTON)
    with Home(tmp_path, config=BARE, new=True) as home:
        door = Door(home)
        async with Platform(home.broker, GATEWAY) as platform, chromium() as browser:
            page, trouble = await opened(browser, home, lang)
            await page.wait_for_selector(f"h2:has-text('{t('start.title')}')")
            await pictured(page, f"journey-start-{lang}")
            await fit(page)
            await set_up(page, t, home)
            await add_button(page, t, home, button)
            sos = await platform.wait(lambda m: m.get("type") == "alarm" and m["kind"] == "person.sos" and not m["test"])
            assert sos["test"] is False
            await answered(page, t, home)
            closed = await platform.wait(lambda m: m.get("type") == "alarm" and m["state"] == "closed" and not m["test"])
            assert set(closed["stages"]) >= {"danger", "alarm", "push", "answered", "dispatch", "arrival", "closed"}
            await add_door(page, t, home, door)
            await page.goto(home.page.address)
            await page.wait_for_selector(f".lacks:has-text('{t('lacks.smoke')}')")
            assert t("start.title") not in await page.inner_text("main")
            await fit(page)
            await rule(page, t, home)
            await walked(page, home, button, door)
            await page.goto(f"{home.page.address}/test")
            await page.locator("main form button").first.click()
            await page.wait_for_selector(".verdict.good")
            await page.get_by_role("button", name=t("test.finish")).click()
            await page.wait_for_selector(f"p:has-text('{t('test.ended')}')")
            await page.goto(f"{home.page.address}/certificate")
            assert await page.locator(".sum.all").count(), await page.inner_text(".sum")
            await page.locator("#pad").evaluate("(pad) => pad.scrollIntoView({block: 'center'})")  # above the bar at the foot
            await signed_with_a_finger(page)
            async with page.expect_navigation():
                await page.get_by_role("button", name=t("cert.keep")).click()
            await page.wait_for_selector(".notice")
            assert await page.locator(".notice.good").count(), await page.inner_text(".notice")
            told = await platform.wait(lambda m: m.get("detail", {}).get("what") == "commissioned")
            assert told["detail"]["passed"] is True
            await page.goto(home.page.address)
            await page.wait_for_selector(".banner.green, .banner.amber")
            await pictured(page, f"journey-end-{lang}")
            assert await page.locator(".alarm").count() == 0
            await fit(page)
            await in_english(page, home)
            assert not trouble, trouble
        with sqlite3.connect(f"file:{tmp_path}/state/gateway.db?mode=ro", uri=True) as db:
            numbers = [n for (n,) in db.execute("SELECT number FROM journal ORDER BY number")]
            assert numbers == list(range(1, len(numbers) + 1))


async def test_a_broken_box_is_changed_for_another(tmp_path):  # noqa: PLR0915  one visit
    t = Said("zh")
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    with Mosquitto() as broker:
        async with Platform(broker, GATEWAY) as platform, chromium() as browser:
            with Home(old, broker=broker) as home:
                page, trouble = await opened(browser, home, "zh")
                home.press()
                await page.wait_for_selector(".alarm")
                await page.goto(f"{home.page.address}/box")
                assert t("moving.never") in await page.inner_text("main")
                await page.get_by_role("link", name=t("moving.title")).click()
                await fit(page)
                await page.fill("#b-passphrase", "short")
                await page.fill("#b-again", "short")
                async with page.expect_navigation():
                    await page.locator("#backup button").click()
                await page.wait_for_selector("#b-passphrase[aria-invalid]")
                await page.fill("#b-passphrase", WORDS)
                await page.fill("#b-again", WORDS)
                async with page.expect_download() as waiting:
                    await page.locator("#backup button").click()
                file = tmp_path / (await waiting.value).suggested_filename
                await (await waiting.value).save_as(file)
                assert file.name.startswith(f"backup-{GATEWAY}-")
                for again in ("", f"{home.page.address}/moving", f"{home.page.address}/box"):  # where one is, and where one looks
                    if again:
                        await page.goto(again)
                    told = await page.inner_text("main")
                    assert t("moving.never") not in told
                    assert re.search(t("moving.last", time=".+", who="T-07"), told)
                assert not trouble, trouble
                assert WORDS not in (old / "daemon.log").read_text() + (old / "page.log").read_text()
                before = (await platform.wait(lambda m: m.get("type") == "alarm"))["alarm"]

            with Home(new, broker=broker, config=BARE.replace('id = "{gateway}"\n', ""), new=True) as box:
                page, trouble = await opened(browser, box, "zh")
                await page.locator(".rows a", has_text=t("start.take")).click()
                await pictured(page, "swap-begin")
                await fit(page)
                await page.set_input_files("#m-file", file)
                await page.fill("#m-passphrase", WORDS + "x")
                async with page.expect_navigation():
                    await page.locator("#look button").click()
                await page.wait_for_selector("#m-passphrase[aria-invalid]")
                await fit(page)
                await page.set_input_files("#m-file", file)
                await page.fill("#m-passphrase", WORDS)
                await page.locator("#look button").click()
                await page.wait_for_selector("[name=sure]")
                text = await page.inner_text("main")
                for word in (GATEWAY, "bedroom BTHome", "hall BTHome", "127.0.0.1", "grid worker", "求救"):
                    assert word in text, word
                await pictured(page, "swap-shown")
                await fit(page)
                async with page.expect_navigation():
                    await page.get_by_role("button", name=t("moving.take_go")).click()
                await page.wait_for_selector("[name=sure][aria-invalid]")  # nothing is taken over by one tap
                await page.locator(".choice").click()
                await page.get_by_role("button", name=t("moving.take_go")).click()
                await page.wait_for_selector(f".banner.green:has-text('{t('moving.taken')}')")
                await pictured(page, "swap-taken")
                await fit(page)
                box.air.wait_for_scan()
                await page.goto(box.page.address)
                card = page.locator(".alarm")
                await card.wait_for()
                assert await page.locator(".alarm").get_attribute("data-key") == f"alarm-{before}", "what was open goes on"
                box.packet = home.packet
                box.press()
                await page.wait_for_selector(f".alarm .tag:has-text('{t('alarm.count', count=2)}')")
                await answered(page, t, box)
                closed = await platform.wait(lambda m: m.get("type") == "alarm" and m["state"] == "closed")
                assert closed["alarm"] == before
                assert t("visit.take_over") in await (await page.request.get(f"{box.page.address}/journal?what=visits")).text()
                assert not trouble, trouble

                with Home(old, broker=broker) as back:  # somebody plugs the old box in again: each says which of the two it is
                    again = await browser.new_page()
                    await again.goto(f"{back.page.address}/sign-in")
                    await again.fill("[name=name]", "T-07")
                    await again.fill("[name=password]", PASSWORD)
                    await again.click("main button.main")
                    now = datetime.now(ZoneInfo("Asia/Shanghai"))
                    hour = f"(?:{now - timedelta(minutes=5):%H}|{now:%H}):"
                    says = (page, box, f"这台网关 {hour}.*留下这台.*拔掉旧的"), (again, back, "没有接替过别的网关.*请拔掉")
                    for one, at, words in says:
                        await one.goto(at.page.address)
                        await expect(one.locator(".fault", has_text="身份冲突")).to_contain_text(re.compile(words))


async def test_without_a_mouse_an_alarm_is_answered(tmp_path):
    t = Said("en")
    with Home(tmp_path) as home:
        async with chromium() as browser:
            page, trouble = await opened(browser, home, "en")
            home.press()
            await page.wait_for_selector(".alarm")
            await page.goto(home.page.address)
            await fit(page)
            await page.keyboard.press("Tab")
            assert await page.evaluate("document.activeElement.className") == "skip"
            await page.keyboard.press("Enter")
            for _ in range(6):
                await page.keyboard.press("Tab")
                if t("do.acknowledge") in await page.evaluate("document.activeElement.textContent"):
                    break
            outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid", "where one is can be seen"
            await page.keyboard.press("Enter")
            await page.wait_for_selector(f".alarm .state:has-text('{t('state.acknowledged')}')")
            focused = ""
            for _ in range(30):
                await page.keyboard.press("Tab")
                focused = await page.evaluate("document.activeElement.tagName + document.activeElement.textContent")
                if focused.startswith("SUMMARY") and t("do.close") in focused:
                    break
            assert t("do.close") in focused
            await page.keyboard.press("Enter")
            await page.keyboard.press("Tab")
            await page.keyboard.press("ArrowDown")  # the second outcome
            await page.keyboard.press("Tab")
            await page.keyboard.type("by keyboard")
            await page.keyboard.press("Enter")
            await page.wait_for_selector(".alarm", state="detached")
            assert not trouble, trouble
        with sqlite3.connect(f"file:{tmp_path}/state/gateway.db?mode=ro", uri=True) as db:
            assert db.execute("SELECT count(*) FROM alarms WHERE open").fetchone() == (0,)
