"""What an installation costs a technician's thumb: taps, typed fields and page loads of each step, counted in a real browser.

python -m tests.page.taps prints the table. The home has three sensors that need no key: a button, a door and a motion sensor.
A tap is whatever is touched, a field that is typed into too unless it has the focus already, and the stroke of a signature.
"""

import asyncio
import contextlib
import itertools
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gateway.page.en import EN
from playwright.async_api import TimeoutError as NotThere

from tests.kit.brokers import Platform
from tests.kit.wait import PATIENCE
from tests.page.household import PASSWORD
from tests.page.served import chromium
from tests.page.test_browser import GATEWAY, Home, is_accessible, is_fit_for_a_finger
from tests.page.test_walk_browser import signed_with_a_finger

PHONE = {"width": 360, "height": 740}
# Presses and openings as BTHome has them; the motion sensor says once that somebody moves.
SENSORS = {
    "A4:C1:38:00:53:71": ("SBBT-002C", "3a01", "3a01", "Bedroom"),
    "A4:C1:38:00:53:72": ("SBDW-002C", "2d01", "2d00", "Front door"),
    "A4:C1:38:00:53:73": ("SBMO-003Z", "2101", "2100", "Living room"),
}
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
ISSUE = (78, 15, 52)  # before there was an order: taps, fields, loads


@dataclass
class Step:
    name: str
    taps: int = 0
    fields: int = 0
    loads: int = 0


class Thumb:
    """A technician's thumb on a phone. What it does is counted for the step it is at."""

    def __init__(self, page):
        self.page, self.steps = page, []
        page.on("load", lambda _: self._loaded())

    def _loaded(self):
        if self.steps:
            self.steps[-1].loads += 1

    def at(self, name):
        self.steps.append(Step(name))

    async def tap(self, what, **more):
        place = self.page.locator(what, **more).first if isinstance(what, str) else what.first
        await place.wait_for()
        self.steps[-1].taps += 1
        await place.click()

    async def write(self, name, text):
        field = self.page.locator(f"[name={name}]")
        await field.wait_for()
        self.steps[-1].fields += 1
        self.steps[-1].taps += not await field.evaluate("(e) => e === document.activeElement")
        await field.fill(text)

    async def signed(self, page):
        await page.locator("#pad").evaluate("(pad) => pad.scrollIntoView({block: 'center'})")
        await signed_with_a_finger(page)
        self.steps[-1].taps += 1

    async def onward(self):
        await self.tap(".onward a")

    @property
    def sums(self):
        return tuple(sum(getattr(s, what) for s in self.steps) for what in ("taps", "fields", "loads"))


class Sensor:
    """One that does not encrypt."""

    def __init__(self, home, address):
        self.home, self.address, self.packet = home, address, 0
        self.name, self.on, self.off, self.room = SENSORS[address]

    def act(self, *, over=False):
        self.packet += 1
        for _ in range(3):
            data = f"4400{self.packet:02x}0164{self.off if over else self.on}"
            self.home.air.advertise(self.address, service_data={"fcd2": data}, rssi=-62, name=self.name)


async def again(page, selector, act):
    """Do it again every few seconds until it shows: so does a person who sees nothing happen."""
    for _ in range(int(PATIENCE / 3)):
        act()
        with contextlib.suppress(NotThere):
            await page.wait_for_selector(selector, timeout=3000)
            return
    raise AssertionError(f"{selector} did not come: {(await page.inner_text('main'))[:900]}")


async def installed(page, home, check):
    """Install the home from the code on the box to the signature; return the thumb."""
    thumb = Thumb(page)
    await page.goto(f"{home.page.address}/first?lang=en")
    for part in (_opened, _home, _platform, _sensors, _rules, _people, _walk, _signed):
        await check(page)
        await part(thumb, page, home)
    return thumb


async def _opened(thumb, page, home):
    thumb.at("code")
    await thumb.write("code", home.code())
    await thumb.write("name", "T-07")
    await thumb.write("password", PASSWORD)
    await thumb.tap("main button.main")
    await thumb.tap(".rows a", has_text=EN["start.new"])
    await page.wait_for_selector("[name=number]")


async def _home(thumb, page, _):
    thumb.at("home")
    await thumb.write("number", "H-0451")
    await thumb.tap("#household button.main")
    await page.wait_for_selector(".notice.good")
    await thumb.tap("#consent .choice", has=page.locator("[name=activity]"))
    await thumb.tap("#consent .choice", has=page.locator("[value=resident]"))
    await thumb.signed(page)
    await thumb.tap("#consent button.main")
    await page.wait_for_selector("[name=host]")


async def _platform(thumb, page, home):
    thumb.at("platform")
    await thumb.write("host", f"mqtt://127.0.0.1:{home.broker.port}")
    await thumb.tap(".choice", has=page.locator("[name=tls]"))  # nobody encrypts on loopback; a platform costs no such tap
    await thumb.tap(page.get_by_role("button", name=EN["platform.try"]))
    await thumb.tap(page.get_by_role("button", name=EN["platform.save_on"]))
    await page.wait_for_selector(f"h1:has-text('{EN['sensor.title']}')")


async def _sensors(thumb, page, home):
    thumb.at("sensors")
    home.sensors = [Sensor(home, a) for a in SENSORS]
    await thumb.tap("a[href='/sensors/add']")
    for n, sensor in enumerate(home.sensors):
        if n:
            await thumb.tap(".acts a[href='/sensors/add']")
        if await page.locator("#begin").count():
            await thumb.tap("#begin")
        await page.wait_for_selector(".countdown")
        home.air.wait_for_scan()
        row = f"#n-{sensor.address.replace(':', '')}"
        await again(page, row, sensor.act)
        await thumb.tap(row)
        await thumb.tap(".choices.big .choice", has_text=sensor.room)
        await thumb.tap("#device > button.main")
        await page.wait_for_selector(".way")
        await again(page, ".confirmed", lambda s=sensor: s.act(over=True))
    await thumb.onward()
    await page.wait_for_selector("#judging")


async def _rules(thumb, page, _):
    thumb.at("rules")
    await thumb.tap("#judging .presets button")
    await thumb.tap("#judging .acts button.main")
    await page.wait_for_selector("[name=responder-1]")


async def _people(thumb, page, _):
    thumb.at("people")
    await thumb.tap("#ladder button.main")
    await page.wait_for_selector("#sum")


async def _walk(thumb, page, home):
    thumb.at("walk test")
    for sensor in home.sensors:
        await thumb.tap(".walk.never form button")
        await page.wait_for_selector(".walk.running")
        turns = itertools.count()
        await again(page, ".walk.running .needs:not(:has(li.open))", lambda s=sensor, n=turns: s.act(over=bool(next(n) % 2)))
        await page.wait_for_selector(".walk.running", state="detached")
    await thumb.tap("#go-uplink")
    await page.wait_for_selector("#step-uplink.running")
    home.broker.stop()
    await page.wait_for_selector("#step-uplink.running li:nth-child(2):not(.open)")
    home.broker.start()
    await page.wait_for_selector("#step-uplink.passed")
    await thumb.tap("#sum.all a.button")
    if page.url.endswith("/test"):
        await thumb.tap("main form button.main")
        await page.wait_for_selector(".verdict.good")
        await thumb.tap(page.get_by_role("button", name=EN["test.finish"]))
        await page.wait_for_selector(f"p:has-text('{EN['test.ended']}')")
        await thumb.onward()
    await page.wait_for_selector("#signing")


async def _signed(thumb, page, _):
    thumb.at("certificate")
    assert await page.locator(".sum.all").count(), await page.inner_text(".sum")
    await thumb.signed(page)
    await thumb.tap(page.get_by_role("button", name=EN["cert.keep"]))
    await page.wait_for_selector(".notice.good")


def table(thumb):
    rows = [(s.name, s.taps, s.fields, s.loads) for s in thumb.steps]
    rows += [("together", *thumb.sums), ("before", *ISSUE), ("goal", 40, 5, "-")]
    lines = [f"{name:<12} {taps:>5} {fields:>7} {loads:>6}" for name, taps, fields, loads in rows]
    return "\n".join([f"{'step':<12} {'taps':>5} {'fields':>7} {'loads':>6}", *lines])


async def counted(folder, check):
    """Install a home in a browser and return the thumb; `check` looks at the page before each step."""
    with Home(folder, config=BARE, new=True) as home:
        async with Platform(home.broker, GATEWAY), chromium() as browser:
            context = await browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
            page = await context.new_page()
            page.set_default_timeout(20000)
            thumb = await installed(page, home, check)
            await page.goto(home.page.address)
            assert "install" not in await page.content(), "with the certificate nothing leads any more"
            return thumb


async def fit(page):
    await is_accessible(page)
    await is_fit_for_a_finger(page)


async def _unchecked(_):
    return None


def main():
    with tempfile.TemporaryDirectory() as folder:
        print(table(asyncio.run(counted(Path(folder), _unchecked))))
    print("Three sensors without a key. One that encrypts is one field more (its key), a fall radar one (its height).")


if __name__ == "__main__":
    main()
