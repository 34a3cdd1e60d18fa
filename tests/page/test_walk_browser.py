"""The end of a visit on a phone's screen: every device walked, mains and network pulled, the certificate signed, printed and pushed.

Real daemon, real Mosquitto, the radio's stand-in and a radar on its pseudo-terminal. Set PICTURES to a folder to look at the pages.
"""

import hashlib
import json
import os
import random
import re
from pathlib import Path

import pytest
from gateway.home.parts import Signature
from gateway.home.signatures import unsigned

from tests.kit.brokers import Platform
from tests.kit.radar_emulator import Radar
from tests.page import test_browser
from tests.page.household import PASSWORD
from tests.page.served import IN_A_BROWSER, chromium
from tests.page.test_browser import BUTTON, DOOR, GATEWAY, Home, is_accessible, is_fit_for_a_finger

pytestmark = IN_A_BROWSER

PHONE = {"width": 360, "height": 740}
SECOND = "A4:C1:38:00:53:09"
MORE = """
[[device]]
id = "bath-button"
model = "shelly-blu-button"
room = "bathroom"
address = "{second}"
[[device]]
id = "radar"
model = "radar-5359"
room = "bedroom"
port = "{radar}"
[times]
grace_fall = 20
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home with a pendant, a button, a door and a radar, whose mains are told by a file."""
    text = test_browser.CONFIG.replace('runtime = "run"', f'runtime = "run"\nmains = "{tmp_path}/mains"')
    text = text.replace('id = "front-door"\nmodel = "bthome-v2"', 'id = "front-door"\nmodel = "shelly-blu-door"')
    monkeypatch.setattr(test_browser, "CONFIG", text + MORE.replace("{radar}", str(tmp_path / "radar")).replace("{second}", SECOND))
    (tmp_path / "mains").write_text("1")
    with Radar(tmp_path / "radar") as radar, Home(tmp_path) as home:
        home.radar = radar
        home.mains = tmp_path / "mains"
        yield home


def said(home, address, data, rssi):
    home.packet += 1
    for _ in range(3):  # a burst, as a real one sends it
        home.air.advertise(address, service_data={"fcd2": f"4400{home.packet:02x}0164{data}"}, rssi=rssi)


def press(home, address=BUTTON, rssi=-71):
    said(home, address, "3a01", rssi)


def door(home, is_open):
    said(home, DOOR, f"2d0{int(is_open)}", -80)


async def pictured(page, name, **more):
    if folder := os.environ.get("PICTURES"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True, **more)


async def claimed(browser, home, lang):
    context = await browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)
    page = await context.new_page()
    await page.goto(f"{home.page.address}/first?lang={lang}")
    for name, text in (("code", home.code()), ("name", "T-07"), ("password", PASSWORD)):
        await page.fill(f"[name={name}]", text)
    await page.click("main button.main")
    await page.wait_for_selector(".banner")
    return context, page


async def fit(page):
    await is_accessible(page)
    await is_fit_for_a_finger(page)


# Moves that came while the page was busy are handed to it together. (A browser paints after each: so many by hand cost half a minute.)
MOVED = """(pad, places) => {
  const moves = places.map(([x, y]) => new PointerEvent("pointermove", { clientX: x, clientY: y, isPrimary: true }));
  pad.dispatchEvent(new PointerEvent("pointermove", { isPrimary: true, coalescedEvents: moves }));
}"""


async def scribbled(page):
    """Draw far more than a name needs: it must become small enough by itself."""
    box = await page.locator("#pad").bounding_box()
    dice = random.Random(5)
    for _ in range(4):
        await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        await page.mouse.down()
        places = [(box["x"] + dice.random() * box["width"], box["y"] + dice.random() * box["height"]) for _ in range(800)]
        await page.locator("#pad").evaluate(MOVED, places)
        for x, y in places[:20]:
            await page.mouse.move(x, y)
        await page.mouse.up()


async def begin(page, what):
    await page.locator(f"#go-{what}").click()
    await page.wait_for_selector(".walk.running")


async def signed_with_a_finger(page):
    """Draw a name on the field, as a finger does."""
    await page.locator("#pad").scroll_into_view_if_needed()
    box = await page.locator("#pad").bounding_box()
    for stroke in (((0.1, 0.7), (0.2, 0.2), (0.3, 0.7), (0.15, 0.5)), ((0.4, 0.6), (0.5, 0.3), (0.55, 0.65), (0.7, 0.35), (0.85, 0.6))):
        (x, y), *rest = stroke
        await page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        await page.mouse.down()
        for x, y in rest:
            await page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=8)
        await page.mouse.up()


def of_the_walk(platform):
    return [m for m in platform.named("fault") if m["kind"] == "service.visit" and m["detail"]["what"] == "walk"]


async def in_english(page, home, sheet):
    """Look once more, in English, at the pages of a walk that has passed."""
    for path, words in (("/walk", "Pass"), ("/test", "Passed"), ("/certificate", ""), (sheet, "Passed")):
        await page.goto(f"{home.page.address}{path}?lang=en")
        assert words in await page.inner_text("main"), path
        await pictured(page, f"{path.strip('/').replace('/', '-')}-en")
        await fit(page)
    await one_sheet(page, "en")


async def one_sheet(page, lang):
    """Print the certificate: it is one page."""
    pdf = await page.pdf(format="A4", prefer_css_page_size=True, print_background=True)
    assert len(re.findall(rb"/Type\s*/Page[^s]", pdf)) == 1, "one page"
    if folder := os.environ.get("PICTURES"):
        Path(folder, f"sheet-{lang}.pdf").write_bytes(pdf)


async def test_a_walk_that_passes_and_its_certificate(home):  # noqa: PLR0915  one visit
    """In Chinese; in English the pages are looked at where they have all that they show."""
    lang = "zh"
    async with Platform(home.broker, GATEWAY) as platform, chromium() as browser:
        context, page = await claimed(browser, home, lang)
        foreign, broken = [], []
        page.on("request", lambda r: foreign.append(r.url) if not r.url.startswith(home.page.address) else None)
        page.on("pageerror", lambda e: broken.append(str(e)))
        page.on("console", lambda m: broken.append(m.text) if m.type == "error" else None)
        await page.goto(f"{home.page.address}/walk")
        await page.wait_for_selector("#sum")
        await pictured(page, f"walk-begin-{lang}")
        await fit(page)

        await begin(page, "pendant")
        for n, rssi in ((1, -71), (2, -80), (3, -77)):
            press(home, rssi=rssi)
            await page.locator(".presses .there").nth(n - 1).wait_for()
            if n == 2:
                press(home, SECOND)  # a button that is not under test, in the middle of it
                await page.wait_for_selector(".banner.red")
                await pictured(page, f"walk-real-{lang}")
        await page.wait_for_selector(".presses :text('\u221280 dBm')")
        await page.wait_for_selector(".walk.running .notice.good")  # the platform's receipts have come too
        await pictured(page, f"walk-pendant-{lang}")
        await fit(page)
        await page.wait_for_selector("#device-pendant.passed")  # by itself: nobody has touched the page
        real = await platform.wait(lambda m: m.get("type") == "alarm" and m["device"] == "bath-button")
        assert real["test"] is False
        await platform.instruct("close", alarm=real["alarm"], outcome="false_alarm")
        await page.wait_for_selector(".banner.red", state="detached")

        await begin(page, "front-door")
        door(home, True)
        await page.wait_for_selector(".needs li:not(.open)")
        door(home, False)
        await page.wait_for_selector("#device-front-door.passed")
        await begin(page, "bath-button")
        for n in (1, 2, 3):
            press(home, SECOND)
            await page.locator(".presses .there").nth(n - 1).wait_for()
        await page.wait_for_selector("#device-bath-button.passed")
        await begin(page, "radar")
        home.radar.presence()
        home.radar.fall()
        await page.wait_for_selector(".walk.running .notice.wait")  # it is still on: it would be real a moment later
        await pictured(page, f"walk-radar-{lang}")
        await page.reload()  # a phone that lost its page goes on where it was
        await page.wait_for_selector("#device-radar.running .notice.wait")
        home.radar.fall(False)
        await page.wait_for_selector("#device-radar.passed")

        await begin(page, "mains")
        home.mains.write_text("0")
        await page.wait_for_selector(".walk.running li:not(.open)")
        home.mains.write_text("1")
        await page.wait_for_selector("#step-mains.passed")
        await begin(page, "uplink")
        home.broker.stop()
        await page.wait_for_selector(".walk.running li:nth-child(2):not(.open)")
        await pictured(page, f"walk-uplink-{lang}")
        home.broker.start()
        await page.wait_for_selector("#step-uplink.passed")
        await page.wait_for_selector("#sum.all:has-text('通过')")
        await pictured(page, f"walk-passed-{lang}")
        await fit(page)

        await page.goto(f"{home.page.address}/test")
        await page.locator("main form button").first.click()
        await page.wait_for_selector(".verdict.good")
        await pictured(page, f"test-{lang}")
        await fit(page)

        await page.goto(f"{home.page.address}/certificate")
        await page.wait_for_selector(".sum.all")
        await page.locator(".preview summary").click()
        await signed_with_a_finger(page)
        await pictured(page, f"certificate-{lang}")
        await fit(page)
        async with page.expect_navigation():
            await page.get_by_role("button", name="签名并保存").click()
        await page.wait_for_selector(".notice.good:has-text('已保存')")
        await page.locator("#slots summary").click()
        await page.fill("#only-person", "Example Name")
        await page.fill("#only-place", "Example Street 7")
        assert await page.inner_text("#slot-person") == "Example Name"
        await pictured(page, f"sheet-{lang}")
        await fit(page)
        await one_sheet(page, lang)

        told = await platform.wait(lambda m: m.get("detail", {}).get("what") == "commissioned")
        document = told["detail"]["document"]
        assert hashlib.sha256(document.encode()).hexdigest() == told["detail"]["sha256"]
        assert told["detail"]["sha256"] in await page.inner_text(".sheet-foot")
        assert told["detail"]["passed"] is True
        assert "signature" not in told["detail"], "handwriting stays in the home unless it is wanted otherwise"
        body = json.loads(document)
        assert {d["id"]: d["lacks"] for d in body["devices"]} == {"pendant": [], "front-door": [], "bath-button": [], "radar": []}
        assert next(d for d in body["devices"] if d["id"] == "pendant")["walk"]["signals_dbm"] == "-71 -80 -77"
        uplink = next(s for s in body["steps"] if s["step"] == "uplink")
        assert uplink["walk"]["receipt_s"] < 30
        assert all(m["test"] for m in of_the_walk(platform))
        assert not any(w in document for w in ("Example", home.air.environment["DBUS_SYSTEM_BUS_ADDRESS"]))
        again = await page.request.get(f"{page.url.partition('?')[0]}.json")
        assert (await again.body()).decode() == document
        sheet = await page.locator(".sheet").evaluate(
            "e => { for (const s of e.querySelectorAll('dd[id]')) s.textContent = ''; return e.outerHTML }"
        )
        await page.goto(page.url.partition("?")[0])
        assert sheet == await page.locator(".sheet").evaluate("e => e.outerHTML"), "printed again it is the same"
        await page.goto(f"{home.page.address}/certificate?theme=dark")
        await pictured(page, f"certificate-dark-{lang}")
        await fit(page)
        await in_english(page, home, "/certificate/1")
        for path in (*home.folder.rglob("*.db"), *home.folder.rglob("*.log"), *home.folder.rglob("*.json")):
            assert b"Example Street" not in path.read_bytes(), path
        strokes = json.loads((home.folder / "state" / "certificate-0001.json").read_text())["body"]["signature"]["strokes"]
        for path in (*home.folder.rglob("*.db*"), *home.folder.rglob("*.log")):
            assert json.dumps(strokes[0], separators=(",", ":")).encode() not in path.read_bytes(), path
        assert not foreign
        assert not broken, broken
        await context.close()


async def test_a_walk_that_fails_says_what_is_missing_and_the_certificate_says_it_in_big_letters(home):
    async with Platform(home.broker, GATEWAY) as platform, chromium() as browser:
        _, page = await claimed(browser, home, "en")
        await page.goto(f"{home.page.address}/walk")
        await begin(page, "pendant")
        press(home, rssi=-94)
        await page.locator(".presses .there").first.wait_for()
        await page.locator("#end-pendant").click()
        await page.wait_for_selector("#device-pendant.missing")
        text = await page.inner_text("#device-pendant")
        for words in ("Press three times", "1 of 3", "Signal strong enough", "Move the gateway nearer"):
            assert words in text, words
        await pictured(page, "walk-failed-en")
        await fit(page)
        before = len(platform.heard)
        press(home, rssi=-60)  # after its window: real
        assert (await platform.wait(lambda m: m.get("type") == "alarm" and m["device"] == "pendant", after=before))["test"] is False
        await page.goto(f"{home.page.address}/certificate")
        await page.wait_for_selector(".sum:not(.all)")
        assert "front-door" in await page.locator(".lacking a.fix").nth(1).get_attribute("href")
        async with page.expect_navigation():
            await page.get_by_role("button", name="Sign and save").click()
        await page.wait_for_selector(".is-wrong")
        await fit(page)
        await page.locator("#pad").scroll_into_view_if_needed()
        await scribbled(page)
        strokes = await page.input_value("#strokes")
        assert 4000 < len(strokes) <= 8192
        assert unsigned(Signature(how="drawn", strokes=tuple(map(tuple, json.loads(strokes)))), "T-07") is None
        await page.locator("#pad-clear").click()
        assert await page.input_value("#strokes") == ""
        await page.fill("#typed", "T-08")
        async with page.expect_navigation():  # the field is already marked wrong on the page before: its answer must be here
            await page.get_by_role("button", name="Sign and save").click()
        await page.wait_for_selector("#typed[aria-invalid]")
        assert await page.input_value("#typed") == "T-08"
        await page.fill("#typed", "T-07")
        await pictured(page, "certificate-failed-en")
        async with page.expect_navigation():
            await page.get_by_role("button", name="Sign and save").click()
        await page.wait_for_selector(".notice.good")
        assert await page.inner_text(".stamp.bad") == "Not passed"
        assert "bathroom" in await page.inner_text(".sheet-missing")
        await pictured(page, "sheet-failed-en")
        if folder := os.environ.get("PICTURES"):
            Path(folder, "sheet-failed-en.pdf").write_bytes(await page.pdf(prefer_css_page_size=True, print_background=True))
        told = await platform.wait(lambda m: m.get("detail", {}).get("what") == "commissioned")
        assert told["detail"]["passed"] is False
        assert json.loads(told["detail"]["document"])["signed"]["how"] == "typed"
