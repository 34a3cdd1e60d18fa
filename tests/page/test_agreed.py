"""What the resident agrees to, in a real browser against the real daemon: who says so is signed, and what is refused stays away."""

import json
import sqlite3

import pytest
from drivers import all_models
from gateway.home.config import load
from gateway.home.parts import Agreed
from gateway.home.signatures import unagreed
from playwright.async_api import expect

from tests.kit.brokers import Platform
from tests.kit.wait import until
from tests.page.served import chromium, in_a_browser
from tests.page.test_browser import CONFIG, GATEWAY, Home
from tests.page.test_walk_browser import claimed, fit, pictured, signed_with_a_finger

MOTION, CLIMATE = "A4:C1:38:00:53:03", "A4:C1:38:00:53:04"
SENSORS = f"""
[[device]]
id = "hall"
model = "bthome-v2"
room = "hall"
address = "{MOTION}"
[[device]]
id = "bedroom-climate"
model = "bthome-v2"
room = "bedroom"
address = "{CLIMATE}"
"""
DRAWN = ((80, 150, 60, -90, 40, 80),)


class Hasty(Home):
    """A daemon that sends routine readings each second and not each ten minutes."""

    program = ("-m", "tests.prove.sooner", "tend.flush=1", "gateway")


def kept(home):
    """Return what the box's own history has kept."""
    with sqlite3.connect(f"file:{home.folder / 'state' / 'history.db'}?mode=ro", uri=True) as db:
        return "".join(str(row) for row in db.execute("SELECT * FROM readings"))


async def nowhere(home, platform, refused, but):
    """Somebody moves, and it gets warmer: what was refused is neither kept nor sent, and what is allowed is."""
    begun, had = len(platform.heard), kept(home)

    def sent():
        return json.dumps([m for m in platform.messages[begun:] if m.get("type") == "readings"])

    def lived():
        home.packet += 1
        home.air.advertise(MOTION, service_data={"fcd2": f"4400{home.packet:02x}01{home.packet:02x}2101"})
        warm = (2000 + 37 * home.packet).to_bytes(2, "little").hex()
        home.air.advertise(CLIMATE, service_data={"fcd2": f"4400{home.packet:02x}01{home.packet:02x}02{warm}"})
        return but in sent() and kept(home).count(but) > had.count(but)

    await until(lived, every=0.5)
    assert refused not in sent()
    assert kept(home).count(refused) <= had.count(refused)


async def agreeing(page, home, *classes, who="resident"):
    await page.goto(f"{home.page.address}/home")
    for name in classes:
        await page.check(f"#consent [name={name}]")
    if who:
        await page.check(f"#consent [value={who}]")
        await signed_with_a_finger(page)


async def on_the_certificate(page, home, platform):
    await page.goto(f"{home.page.address}/certificate?lang=en")
    await page.locator(".preview summary").click()
    await expect(page.locator(".sheet .drawn")).to_be_visible()
    await expect(page.locator(".sheet")).to_contain_text("Activity (motion, presence, doors): Not agreed")
    await page.locator(".preview summary").click()
    await signed_with_a_finger(page)
    async with page.expect_navigation():
        await page.get_by_role("button", name="Sign and save").click()
    await expect(page.locator(".sheet")).to_contain_text("李桂兰")
    await pictured(page, "agreed-sheet-en")
    document = await platform.wait(lambda m: m.get("detail", {}).get("what") == "commissioned")
    assert "李桂兰" not in json.dumps(document, ensure_ascii=False)
    said = json.loads(document["detail"]["document"])["consent"]
    assert (said["climate"], said["activity"], said["agreed"]["who"]) == (True, False, "resident")


@in_a_browser
async def test_who_agreed_has_signed_and_what_was_refused_is_nowhere(tmp_path):
    with Hasty(tmp_path, config=CONFIG + SENSORS) as home:
        async with Platform(home.broker, GATEWAY) as platform, chromium() as browser:
            _, page = await claimed(browser, home, "zh")
            await page.goto(f"{home.page.address}/home")
            assert await page.locator("#consent :checked").count() == 0, "nothing is ticked beforehand"
            await agreeing(page, home, "climate", who="")
            await page.click("#consent button.main")
            await expect(page.locator("#c-who-say")).to_be_visible()
            await pictured(page, "agreed-wrong-zh")
            assert "household.json" not in {p.name for p in (tmp_path / "state").iterdir()}

            await agreeing(page, home, "climate")
            await page.fill("#consent [name=name]", "李桂兰")
            await pictured(page, "agreed-zh")
            async with page.expect_navigation():
                await page.click("#consent button.main")
            await expect(page.locator(".agreed")).to_contain_text("老人本人 李桂兰")
            await pictured(page, "agreed-done-zh")
            await fit(page)
            config = load(home.path, all_models(), with_secrets=False)
            assert config.household.agreed.who == "resident"
            assert config.household.agreed.strokes
            assert config.household.agreed.at

            await nowhere(home, platform, "motion", but="temperature")
            everything = json.dumps(platform.messages, ensure_ascii=False)
            assert "李桂兰" not in everything
            assert "李桂兰" not in (tmp_path / "daemon.log").read_text()

            await on_the_certificate(page, home, platform)

            # less is taken away without a signature; what was agreed to before stays signed
            await page.goto(f"{home.page.address}/home?lang=en")
            await page.uncheck("#consent [name=climate]")
            async with page.expect_navigation():
                await page.click("#consent button.main")
            less = load(home.path, all_models(), with_secrets=False)
            assert (less.parts.consent.climate, less.household.agreed) == (False, config.household.agreed)


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"who": "resident", "strokes": DRAWN}, ""),
        ({"who": "resident"}, "name"),
        ({"who": "resident", "name": "Li"}, ""),
        ({"who": "representative", "strokes": DRAWN}, "name"),
        ({"who": "representative", "strokes": DRAWN, "name": "Li"}, ""),
        ({"who": "resident", "strokes": ((80, 150, 2, 2),)}, "strokes"),
        ({"who": "resident", "strokes": ((80, 150, 2),)}, "strokes"),
        ({"who": "resident", "strokes": ((80, 150, 700, 0),)}, "strokes"),
    ],
)
def test_an_agreement_has_a_signature_or_a_name(said, wrong):
    problem = unagreed(Agreed(**said))
    assert (problem.field if problem else "") == wrong
