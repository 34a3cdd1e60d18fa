"""Debian's Chromium on a phone's screen against the real daemon: from the first visit to a closed alarm, in both languages."""

import asyncio
import contextlib
import functools
import subprocess
import sys

from gateway.page import label

from tests.kit import forked
from tests.kit.brokers import Mosquitto, Platform, mortal
from tests.kit.fake_bluez import Child
from tests.kit.ports import free_port
from tests.kit.wait import PATIENCE, until_now
from tests.page.household import PASSWORD
from tests.page.served import IN_A_BROWSER, ROOT, Page, chromium

pytestmark = IN_A_BROWSER

BUTTON, DOOR = "A4:C1:38:00:53:01", "A4:C1:38:00:53:02"
GATEWAY = "page-test"
CONFIG = """
[sound]
voice = false
[gateway]
id = "{gateway}"
state = "state"
runtime = "run"
[platform]
host = "127.0.0.1"
port = {broker}
tls = false
[page]
address = "127.0.0.1"
port = {port}
http_port = {http}
[[device]]
id = "pendant"
model = "bthome-v2"
room = "bedroom"
address = "{button}"
buttons = {{ 1 = "sos" }}
[[device]]
id = "front-door"
model = "bthome-v2"
room = "hall"
address = "{door}"
left_open = 600
[[ladder]]
responder = "grid worker"
"""


class Home:
    """Broker, air, daemon and page, each a process of its own. `config` in the place of CONFIG; `new`: nobody's box, which hears nothing."""

    program = ("-m", "gateway")

    def __init__(self, folder, *, broker=None, config="", new=False):
        self.folder, self.config, self.new = folder, config, new
        self.broker = broker or Mosquitto()
        self.shared = broker is not None
        self.http = free_port()
        self.path = folder / "gateway.toml"
        self.packet = 0

    def __enter__(self):
        with contextlib.ExitStack() as begun:
            self._begin(begun)
            self._ends = begun.pop_all()
        return self

    def _begin(self, begun):
        if not self.shared:
            begun.enter_context(self.broker)
        text = (self.config or CONFIG).format(
            gateway=GATEWAY, broker=self.broker.port, port=free_port(), http=self.http, button=BUTTON, door=DOOR
        )
        self.path.write_text(text, encoding="utf-8")
        self.air = begun.enter_context(Child())
        self.daemon = self._started(self.folder / "daemon.log")
        begun.callback(self.daemon.wait, PATIENCE)
        begun.callback(self.daemon.terminate)
        try:
            self.ready()
        except (TimeoutError, AssertionError):
            raise AssertionError((self.folder / "daemon.log").read_text()[-2000:]) from None
        self.page = begun.enter_context(Page(self.path, self.http, self.folder / "page.log"))

    def _started(self, log):
        first, *words = (*self.program, "run", "--config", str(self.path))
        if first == "-m" and forked.allowed:
            return forked.Forked(words, folder=ROOT, log=log, environment=self.air.environment)
        with log.open("wb") as out:
            command = mortal([sys.executable, first, *words])
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=ROOT, env=self.air.environment)

    def ready(self):
        """Wait until the daemon guards: it scans, or, where nobody is enrolled yet, has written its status."""
        if not self.new:
            self.air.wait_for_scan()
        until_now((self.folder / "run" / "status.json").exists)

    def press(self):
        self.packet += 1
        self.air.advertise(BUTTON, service_data={"fcd2": f"4000{self.packet:02x}0164{'3a01'}"})

    def open_door(self):
        self.packet += 1
        self.air.advertise(DOOR, service_data={"fcd2": f"4000{self.packet:02x}016411" + "01"}, rssi=-70)

    def code(self):
        return label.shown(self.folder / "state" / "page")

    def printed(self):
        """Return the code as the command line says it."""
        out = subprocess.run(
            [sys.executable, "-m", "gateway", "code", "--config", str(self.path)], capture_output=True, text=True, cwd=ROOT, check=True
        )
        return out.stdout.splitlines()[0].split()[-1]

    def __exit__(self, *_):
        self._ends.close()


# Only what is serious comes back. No style is fetched anew: no rule that is judged here reads one.
SERIOUS = """axe.run(document, { resultTypes: ["violations"], preload: false }).then((found) => found.violations
  .filter((one) => ["serious", "critical"].includes(one.impact))
  .map((one) => [one.id, one.nodes.slice(0, 5).map((node) => node.target)]))"""


@functools.cache
def axe():
    from axe_playwright_python.base import AXE_FILE_PATH  # the script itself: nothing is fetched

    return AXE_FILE_PATH.read_text(encoding="utf-8")


async def is_accessible(page):
    """Look for serious faults with axe-core, which the package carries with it."""
    serious = await page.evaluate(f"{axe()}\n;{SERIOUS}")
    assert not serious, serious


async def is_fit_for_a_finger(page):
    """Everything that is tapped is at least 44 pixels high, and nothing makes the page wider than the phone."""
    small = await page.evaluate(
        """() => [...document.querySelectorAll("button, summary, a.button, nav a, input:not([type=hidden], [type=radio], [type=checkbox]), .choice, select, .language")]
        .filter((e) => e.checkVisibility() && !e.closest(".unseen") && !e.classList.contains("unseen"))
        .map((e) => [e.outerHTML.slice(0, 60), Math.round(e.getBoundingClientRect().height)]).filter(([, high]) => high < 44)"""
    )
    assert not small
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "wider than the phone"


IN_ENGLISH = {
    "/": "There is no real alarm",
    "/alarms": "SOS",
    "/alarms/1": "Helped",
    "/test": "End the test",
    "/journal": "raised",
    "/box": "T-07",
}


async def test_from_the_first_visit_to_a_closed_alarm(tmp_path):  # noqa: PLR0915  one visit, from door to door
    """In Chinese; in English every page is looked at at the end, and `test_journey` answers an alarm."""
    with Home(tmp_path) as home:
        async with Platform(home.broker, GATEWAY), chromium() as browser:
            context = await browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
            page = await context.new_page()
            foreign, broken = [], []
            page.on("request", lambda r: foreign.append(r.url) if not r.url.startswith(home.page.address) else None)
            page.on("console", lambda m: broken.append(m.text) if m.type == "error" else None)
            page.on("pageerror", lambda e: broken.append(str(e)))
            await page.goto(home.page.address)
            assert page.url.endswith("/first")
            await page.click(".language")
            await page.wait_for_selector("html[lang=en]")
            await is_accessible(page)
            await is_fit_for_a_finger(page)
            await page.click(".language")
            await page.wait_for_selector("html[lang=zh-CN]")
            await is_accessible(page)
            await is_fit_for_a_finger(page)
            await page.fill("[name=code]", home.printed().lower())
            await page.fill("[name=name]", "T-07")
            await page.fill("[name=password]", PASSWORD)
            await page.click("main button.main")

            await page.wait_for_selector(".banner:has-text('还没有信号')")
            await page.wait_for_selector("#live:not(.off):not([hidden])")
            home.open_door()
            home.press()
            card = page.locator(".alarm")
            await card.wait_for()  # by itself: nobody has touched the page
            assert "求救" in await card.inner_text()
            assert (await page.title()).startswith("(1)")
            await is_accessible(page)
            await is_fit_for_a_finger(page)

            await card.get_by_role("button", name="我来处理").click()
            await page.wait_for_selector(".alarm .state:has-text('已应答')")
            await card.locator("summary", has_text="派人").first.click()
            await page.fill("[name=responder]", "grid worker")
            await page.fill("[name=minutes]", "soon")
            async with page.expect_navigation():
                await card.locator("details[open] button").click()
            await page.wait_for_selector("[aria-invalid=true]")
            await is_accessible(page)
            await page.fill("[name=minutes]", "12")
            home.press()  # meanwhile: what is being typed stays
            await page.wait_for_timeout(1500)
            assert await page.input_value("[name=minutes]") == "12"
            await card.locator("details[open] button").click()
            await page.wait_for_selector(".alarm .state:has-text('已派人')")
            await card.get_by_role("button", name="人已到场").click()
            await page.wait_for_selector(".alarm .state:has-text('已到场')")
            await card.locator("summary", has_text="结束警报").click()
            await card.locator(".choice", has_text="已帮助").click()
            await card.locator("details[open] button").click()
            await page.wait_for_selector(".banner:has-text('一切正常')")
            assert await page.locator(".alarm").count() == 0

            await page.click("nav a:has-text('警报')")
            row = page.locator(".listed tbody tr").first
            assert "求救" in await row.inner_text()
            await is_accessible(page)
            await row.click()
            text = await page.inner_text("main")
            for word in ("T-07 (127.0.0.1)", "grid worker", "已帮助", "按下"):
                assert word in text, word
            await is_accessible(page)

            await page.goto(f"{home.page.address}/test")
            await page.get_by_role("button", name="开始测试").click()
            await page.wait_for_selector(".verdict:has-text('通过')")
            await is_accessible(page)
            for path in ("/journal", "/box"):
                await page.goto(home.page.address + path)
                await is_accessible(page)
                await is_fit_for_a_finger(page)
            for path, words in IN_ENGLISH.items():
                await page.goto(f"{home.page.address}{path}?lang=en")
                assert words in await page.inner_text("main"), path
                await is_accessible(page)
                await is_fit_for_a_finger(page)
            await page.goto(f"{home.page.address}/box?theme=dark&lang=zh")
            for path in ("/", "/alarms/1", "/test"):
                await page.goto(home.page.address + path)
                await is_accessible(page)
            assert not foreign, "a request to somewhere else"
            assert not [b for b in broken if "422" not in b], broken


async def test_without_script_everything_is_read_and_done(tmp_path):
    with Home(tmp_path) as home:
        async with chromium() as browser:
            context = await browser.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=False)
            page = await context.new_page()
            await page.goto(home.page.address)
            await page.fill("[name=code]", home.code())
            await page.fill("[name=name]", "T-07")
            await page.fill("[name=password]", PASSWORD)
            await page.fill("[name=again]", PASSWORD)
            await page.click("main button.main")
            home.press()
            async with asyncio.timeout(PATIENCE):
                while await page.locator(".alarm").count() == 0:  # whoever has no script looks again
                    await page.goto(home.page.address)
            assert "求救" in await page.inner_text(".alarm")
            await page.locator(".alarm button", has_text="我来处理").click()
            assert "已应答" in await page.inner_text(".alarm")
            await page.goto(f"{home.page.address}/alarms/1")
            assert "T-07" in await page.inner_text("main")
