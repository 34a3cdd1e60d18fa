"""A technician's phone adds what is not found in the air: an RF bridge and a taught door, a radar by its port, a contact, Zigbee."""

import asyncio
import json

import aiomqtt
from drivers import all_models
from gateway.home.config import load
from playwright.async_api import expect

from tests.kit.household import KEY, OTHER_KEY, Sealed
from tests.kit.line_emulators import FallRadar, RfBridge
from tests.kit.wait import until
from tests.page.household import PASSWORD
from tests.page.served import IN_A_BROWSER, chromium
from tests.page.test_browser import Home, is_accessible, is_fit_for_a_finger
from tests.parts.test_wired_setup import WITH_PORTS

pytestmark = IN_A_BROWSER

NEW = "A4:C1:38:00:53:77"


class Wired(Home):
    """A home whose serial ports are those of a folder."""

    def __init__(self, folder):
        super().__init__(folder)
        self.ports = folder / "by-id"
        self.ports.mkdir()
        self.program = ("-c", WITH_PORTS, str(self.ports), "gateway")

    async def heard(self, signal):
        """Wait until the hearing window has told of a signal."""
        await until(lambda: not (signal not in (self.folder / "run" / "nearby.json").read_text()))

    def journal(self):
        import sqlite3

        with sqlite3.connect(f"file:{self.folder}/state/gateway.db?mode=ro", uri=True) as db:
            return [json.loads(bytes(body)) for (body,) in db.execute("SELECT body FROM journal ORDER BY number")]

    def changes(self):
        """Return the names of what each change of the configuration was about, oldest first."""
        return [m["detail"]["keys"] for m in self.journal() if m.get("kind") == "service.config_changed"]


class Phone:
    """A technician's phone that is signed in."""

    def __init__(self, page, home):
        self.page, self.home = page, home
        self.broken = []
        page.on("console", lambda m: self.broken.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: self.broken.append(str(e)))

    async def sign_in(self):
        await self.page.goto(self.home.page.address)
        for name, text in (("code", self.home.code()), ("name", "T-07"), ("password", PASSWORD)):
            await self.page.fill(f"[name={name}]", text)
        if await self.page.locator("[name=again]").count():  # without script it is typed twice
            await self.page.fill("[name=again]", PASSWORD)
        await self.page.click("main button.main")
        await self.page.wait_for_selector(".banner")

    async def to(self, path):
        await self.page.goto(self.home.page.address + path)

    async def fits(self):
        await is_accessible(self.page)
        await is_fit_for_a_finger(self.page)

    async def asks(self, name):
        """Ask the port of this name what it is, and go on to the form of the first answer."""
        await self.to("/sensors/add")
        await self.page.locator(".row", has_text=name).click()
        await self.page.click("#ask")
        await self.page.wait_for_selector(".banner.confirmed")
        await self.fits()
        await self.page.locator(".row.just").click()
        await self.page.wait_for_selector("[name=id]")


async def phone(browser, home, lang):
    context = await browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True, locale=lang)
    made = Phone(await context.new_page(), home)
    await made.sign_in()
    if lang == "en":
        await made.to("/sensors?lang=en")
    return made


async def test_a_finger_that_stays_a_while_still_chooses_what_it_lies_on(tmp_path):
    with Wired(tmp_path) as home, RfBridge(home.ports / "usb-433-bridge"):
        async with chromium() as browser:
            a = await phone(browser, home, "en")
            page = a.page
            await a.to("/sensors/add")
            await page.locator(".row", has_text="usb-433-bridge").hover()
            await page.mouse.down()
            async with page.expect_response(lambda answer: "part=1" in answer.url) as fetched:
                pass  # it is, whenever the daemon writes how it stands
            await (await fetched.value).finished()
            await page.mouse.up()
            await page.wait_for_selector("#ask")


async def test_an_rf_bridge_and_a_door_that_is_taught_by_opening_and_closing_it(tmp_path):
    with Wired(tmp_path) as home, RfBridge(home.ports / "usb-433-bridge") as bridge:
        async with chromium() as browser:
            a = await phone(browser, home, "zh-CN")
            page = a.page
            await a.asks("usb-433-bridge")
            await page.locator(".choice", has_text="客厅").click()
            await page.fill("[name=id]", "bridge")
            await page.get_by_role("button", name="添加").click()
            await page.wait_for_selector(".confirmed:has-text('收到了')")
            await a.fits()
            await page.get_by_role("link", name="添加它后面的设备").click()
            await page.click("#begin")
            await page.wait_for_selector(".countdown")
            bridge.code("0abcde", times=2)
            await page.wait_for_selector(".near .row:has-text('0ABCDE')")
            bridge.code("12f70a", times=4)
            await page.wait_for_selector(".near li:first-child .row.just:has-text('12F70A')")
            await a.fits()
            await page.locator("#n-bridge-12F70A").click()
            await page.get_by_role("button", name="433 门磁").click()
            await page.wait_for_selector("#teach")
            assert await page.input_value("[name=code-open]") == "12F70A"
            await page.locator(".function", has_text="关门").get_by_role("button").click()
            await page.wait_for_selector(".function.waits")
            await asyncio.sleep(2.5)  # as a hand does; and a code of before the touch may not be taken
            assert await page.input_value("[name=code-closed]") == ""
            bridge.code("12f70e", times=4)
            await page.wait_for_selector(".function.known:has([name=code-closed])")
            assert await page.input_value("[name=code-closed]") == "12F70E"
            await a.fits()
            await page.locator("main button.main").click()
            await page.wait_for_selector("[role=alert]:has-text('还没有保存')")  # no room yet; what was taught stays
            assert await page.input_value("[name=code-closed]") == "12F70E"
            await a.fits()
            await page.locator(".choice", has_text="入户门").click()
            await page.fill("[name=id]", "front-433")
            await page.select_option("[name=left_open]", "10")
            await page.locator("main button.main").click()
            await page.wait_for_selector(".banner:has-text('现在开关一次')")
            bridge.code("12f70e", times=4)
            await page.wait_for_selector(".confirmed:has-text('收到了')")
            made = load(home.path, all_models(), with_secrets=False).parts.device[-1]
            assert made.codes == {"open": "12F70A", "closed": "12F70E"}
            assert (made.via, made.room, made.left_open) == ("bridge", "入户门", 600.0)
            await taught_anew(a, home, bridge)
            assert not [b for b in a.broken if "422" not in b], a.broken
        made = load(home.path, all_models(), with_secrets=False).parts.device[-1]
        assert (made.codes, made.label) == ({"open": "12F70A", "closed": "77C00E"}, "前门")
        assert home.changes()[-1] == "device.front-433.label, device.front-433.codes"


async def taught_anew(a, home, bridge):
    """Teach one of a device's signals anew; the others stay, and so does what was typed before the box began to listen."""
    page = a.page
    await a.to("/sensors/add")
    await page.click("#over")
    await page.wait_for_selector("#begin")
    await a.to("/sensors/change?device=front-433")
    await page.fill("[name=label]", "前门")
    await page.get_by_role("button", name="开始收听").click()
    await page.wait_for_selector("#signals .notice.test")
    assert await page.input_value("[name=label]") == "前门"
    await a.fits()
    await page.locator(".function", has_text="关门").get_by_role("button").click()
    await page.wait_for_selector(".function.waits")
    await asyncio.sleep(1.2)  # as a hand does
    bridge.code("77c00e", times=4)
    await expect(page.locator("[name=code-closed]")).to_have_value("77C00E")
    assert await page.input_value("[name=code-open]") == "12F70A"
    await page.locator("main button.main").click()
    await page.wait_for_selector(".banner.waiting")
    bridge.code("77c00e", times=4)
    await page.wait_for_selector(".confirmed")
    await expect(page.locator("h1")).to_contain_text("入户门 · 前门")


async def test_a_radar_by_its_port_its_settings_side_by_side_and_what_differs_in_words(tmp_path):
    with Wired(tmp_path) as home, FallRadar(home.ports / "usb-radar") as radar:
        radar.clamp[0x83, 0x0D] = b"\x02"
        async with chromium() as browser:
            a = await phone(browser, home, "en")
            page = a.page
            await a.asks("usb-radar")
            await page.locator(".choice", has_text="Bathroom").click()
            await page.fill("[name=id]", "bath-radar")
            await page.get_by_role("button", name="Add", exact=True).click()
            await page.wait_for_selector(".confirmed:has-text('Received!')")
            await page.get_by_role("link", name="Now set up the radar").click()
            await a.fits()
            await page.click("#read")
            await page.wait_for_selector(".banner:has-text('Read')")
            await page.wait_for_selector("[name=set-height][value='280']")
            await page.fill("[name=set-height]", "25")
            async with page.expect_navigation():
                await page.get_by_role("button", name="Write and read back").click()
            await page.wait_for_selector("[name=set-height][aria-invalid=true]")
            assert "Must be 150 to 400 cm" in await page.inner_text("#set-height-say")
            await a.fits()
            await page.fill("[name=set-height]", "250")
            await page.locator("fieldset", has_text="fall detection").locator(".choice", has_text="On").click()
            await page.fill("[name=set-sensitivity]", "3")
            await page.get_by_role("button", name="Write and read back").click()
            await page.wait_for_selector("progress")
            await a.fits()
            await page.wait_for_selector(".banner:has-text('1 did not take effect')")
            row = await page.locator("tr", has_text="fall sensitivity").inner_text()
            assert row.lower().split() == ["fall", "sensitivity", "3", "2", "differs"]
            assert "250 cm" in await page.locator("tr", has_text="mounting height").inner_text()
            await a.fits()
            radar.fall()
            await a.to("/")
            await page.wait_for_selector(".alarm, .banner:has-text('alarm')")
            assert not [b for b in a.broken if "422" not in b], a.broken
        (note,) = [m["detail"] for m in home.journal() if m.get("detail", {}).get("what") == "adjust" and "wanted_height" in m["detail"]]
        assert (note["by"], note["wanted_height"], note["read_height"], note["well"]) == ("T-07 (127.0.0.1)", 250.0, 250.0, False)


async def test_a_device_is_changed_without_pairing_and_a_second_technician_is_told(tmp_path):
    with Wired(tmp_path) as home:
        async with chromium() as browser:
            a = await phone(browser, home, "zh-CN")
            page = a.page
            await a.to("/sensors")
            await a.fits()
            other = await page.context.new_page()
            for one in (page, other):
                await one.goto(f"{home.page.address}/sensors/change?device=pendant")
            await a.fits()
            await page.locator(".choice", has_text="浴室").click()
            await page.locator(".choice", has_text="不紧急").first.click()
            async with page.expect_navigation():
                await page.locator("main button.main").click()
            await page.wait_for_selector(".notice.good")
            assert "不紧急" in await page.locator(".device", has=page.locator("#d-pendant")).inner_text()
            await other.locator(".choice", has_text="厨房").click()
            await other.locator("main button.main").click()
            await other.wait_for_selector("[role=alert]:has-text('T-07')")
            assert await other.is_checked("input[name=room][value='厨房']"), "what was chosen stays"
            await ruled(a, other, home)
            home.press()
            await a.to("/")
            await page.wait_for_selector(".alarm:has-text('求助')")
        alarms = [m for m in home.journal() if m["type"] == "alarm"]
        assert [(m["kind"], m["room"]) for m in alarms[:1]] == [("person.help", "浴室")]


async def ruled(a, other, home):
    """Choose rules by one touch, change one of them, try and save; a second technician who has seen nothing of it overwrites nothing."""
    page = a.page

    def kept():
        return json.loads((home.folder / "state" / "household.json").read_text())["body"]

    for one in (page, other):
        await one.goto(f"{home.page.address}/rules")
        await expect(one.locator("#preset")).to_contain_text("和“独居”完全一样")
    await a.fits()
    await page.get_by_role("button", name="有人同住", exact=True).click()
    await expect(page.locator("#preset")).to_contain_text("和“有人同住”完全一样")
    await page.locator("#rule-fall summary").click()
    await page.fill("[name=t-grace_fall]", "40")
    await page.locator("#judging button[value=try]").first.click()
    await expect(page.locator("#judging #tried")).to_be_visible()
    await expect(page.locator("#preset")).to_contain_text("跌倒后 40 秒")
    await a.fits()
    before = kept()["revision"]
    async with page.expect_navigation():
        await page.locator("#judging button.main").first.click()
    await page.wait_for_selector(".notice.good:has-text('已保存')")
    await page.goto(f"{home.page.address}/rules")  # saved, it has led to the next step
    await expect(page.locator("#preset")).to_contain_text("最接近“有人同住”")
    await page.locator("#rule-door summary").click()
    await expect(page.locator("[name='on-door.left_open']")).not_to_be_checked()
    assert (kept()["revision"], kept()["times"]["grace_fall"], len(kept()["dangers"]["off"])) == (before + 1, 40, 3)

    await other.get_by_role("button", name="会走失", exact=True).click()
    await other.locator("#judging button.main").first.click()
    await other.wait_for_selector("[role=alert]:has-text('T-07')")
    await expect(other.locator("#preset")).to_contain_text("和“会走失”完全一样")
    assert kept()["revision"] == before + 1
    async with other.expect_navigation():  # told, and wanted all the same
        await other.locator("#judging .both button").first.click()
    await other.wait_for_selector(".notice.good:has-text('已保存')")
    assert (kept()["times"]["door_left_open"], kept()["dangers"]["off"]) == (180, [])


async def test_without_script_a_code_is_taught_by_looking_again(tmp_path):
    with Wired(tmp_path) as home, RfBridge(home.ports / "usb-433-bridge") as bridge:
        async with chromium() as browser:
            context = await browser.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=False)
            page = await context.new_page()
            a = Phone(page, home)
            await a.sign_in()
            await a.to(f"/sensors/new?port={bridge.port}&model=sonoff-rfbridge")
            await page.locator(".choice").nth(1).click()
            await page.fill("[name=id]", "bridge")
            await page.locator("main button.main").click()
            await a.to("/sensors/add")
            await page.click("#begin")
            bridge.code("12f70a", times=2)
            await home.heard("12F70A")
            await a.to("/sensors/new?via=bridge&signal=12F70A&model=ev1527-door")
            bridge.code("12f70e", times=2)
            await home.heard("12F70E")
            await page.click("[name=again]")
            await page.select_option("[name=code-closed]", "12F70E")
            assert await page.input_value("[name=code-open]") == "12F70A"


async def test_zigbee2mqtt_and_a_cord_behind_it_that_calls(tmp_path):
    with Wired(tmp_path) as home:
        async with chromium() as browser, aiomqtt.Client("127.0.0.1", home.broker.port) as zigbee:
            a = await phone(browser, home, "en")
            page = a.page
            await a.to("/sensors/add")
            await page.locator("summary", has_text="Other ways").click()
            await page.click("#zigbee")
            await page.locator("summary", has_text="Port, user name").click()
            await page.fill("[name=number]", str(home.broker.port))
            await page.locator(".choice", has_text="Living room").click()
            await a.fits()
            await page.locator("main button.main").click()
            await page.wait_for_selector(".banner.waiting")
            while await page.locator(".confirmed").count() == 0:  # the gateway subscribes in a moment of its own
                await zigbee.publish("zigbee2mqtt/bridge/state", '{"state":"online"}')
                await page.wait_for_timeout(300)
            await page.get_by_role("link", name="Add the devices behind it").click()
            await page.click("#begin")
            await page.wait_for_selector(".countdown")
            await zigbee.publish("zigbee2mqtt/bath cord", '{"action":"emergency","battery":87}')
            await page.wait_for_selector(".near li:first-child .row.just:has-text('bath cord')")
            assert "SOS" in await page.locator(".near .row.just").inner_text()
            await page.locator(".near .row.just").click()
            assert await page.input_value("[name=address]") == "bath cord"
            await page.locator(".choice", has_text="Bathroom").click()
            await page.fill("[name=id]", "bath-cord")
            await a.fits()
            await page.locator("main button.main").click()
            await page.wait_for_selector(".banner:has-text('Press it once now')")
            await zigbee.publish("zigbee2mqtt/bath cord", '{"action":"emergency","battery":86}')
            await page.wait_for_selector(".confirmed:has-text('Received!')")
            await expect(page.locator(".banner.red")).to_have_count(0)  # the press that was asked for is a test
            await zigbee.publish("zigbee2mqtt/bath cord", '{"action":"emergency","battery":86}')
            await page.wait_for_selector(".banner.red:has-text('SOS')")
            await a.fits()
            assert not a.broken


async def test_a_wrong_key_is_said_and_put_right_without_pairing_again(tmp_path):
    button = Sealed(NEW)
    with Wired(tmp_path) as home:
        async with chromium() as browser:
            a = await phone(browser, home, "zh-CN")
            page = a.page
            await a.to(f"/sensors/new?address={NEW}&model=shelly-blu-button")
            await page.locator(".choice", has_text="浴室").click()
            await page.fill("[name=id]", "bath-button")
            await page.fill("[name=secret]", OTHER_KEY)
            await page.wait_for_selector(".say.good")
            await page.locator("main button.main").click()
            await page.wait_for_selector(".banner.waiting")
            home.air.advertise(NEW, service_data={"fcd2": button.press()}, rssi=-75)
            await page.wait_for_selector(".banner.amber:has-text('用这个密钥解不开')")
            await a.fits()
            await page.get_by_role("link", name="重新填写密钥").click()
            await page.fill("[name=secret]", f"bindkey: {KEY}")
            await page.wait_for_selector(".say.good")
            await page.locator("main button.main").click()
            await page.wait_for_selector(".banner.waiting")
            home.air.advertise(NEW, service_data={"fcd2": button.press()}, rssi=-75)
            await page.wait_for_selector(".confirmed")
            await expect(page.locator(".banner.red")).to_have_count(0)  # the press that was asked for is a test
            home.air.advertise(NEW, service_data={"fcd2": button.press()}, rssi=-75)
            await page.wait_for_selector(".banner.red:has-text('求救')")
            assert not a.broken
        for text in ((tmp_path / "daemon.log").read_text(), (tmp_path / "page.log").read_text()):
            assert KEY not in text
            assert OTHER_KEY not in text
