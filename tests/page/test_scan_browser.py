"""Scanning with a phone's camera in a real browser: a code, an address, a key, a platform's file; and where the camera fails."""

import contextlib
import json

import pytest
import pytest_asyncio
import segno
from drivers import all_models
from gateway.home.changes import changed
from gateway.home.config import load
from gateway.home.handed import Handed
from gateway.home.household import keep
from gateway.page import label
from gateway.words.instruction import Change, What
from playwright.async_api import expect

from tests.kit.ports import free_port
from tests.page.served import IN_A_BROWSER, Page, becomes, chromium
from tests.page.test_browser import is_accessible
from tests.page.test_qr import drawn
from tests.page.test_roles_browser import pictured
from tests.write.screenshots import NEW, PHONE, claimed

pytestmark = IN_A_BROWSER
KEY = "231d39c1d7cc1ab1aee224cd096db932"
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


def film(text, file):
    """Show a camera a QR code, as the browser takes one: 4:2:0 frames in YUV4MPEG2."""
    width, height, grey = drawn(segno.make(text, micro=False, encoding="utf-8"), 6)
    width, height = (width + 40) // 2 * 2, (height + 40) // 2 * 2
    inner = width - 40
    rows = [b"\xe0" * width] * 20 + [b"\xe0" * 20 + grey[y * inner : (y + 1) * inner] + b"\xe0" * 20 for y in range(height - 40)]
    lit = b"".join(row[:width].ljust(width, b"\xe0") for row in [*rows, *[b"\xe0" * width] * 20][:height])
    frame = b"FRAME\n" + lit + b"\x80" * (width // 2 * height // 2 * 2)
    file.write_bytes(f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\n".encode() + frame * 3)


class Camera:
    """A browser with a camera, which reads what it sees anew each time it is switched on."""

    def __init__(self, browser, file):
        self.browser, self.file = browser, file

    def sees(self, text):
        film(text, self.file)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def camera(kept_browser, tmp_path_factory):
    file = tmp_path_factory.mktemp("camera") / "film.y4m"
    film("nothing yet", file)
    async with chromium(*CAMERA, f"--use-file-for-fake-video-capture={file}") as browser:
        yield Camera(browser, file)


@contextlib.contextmanager
def page_of(lived, folder):
    """A page of the example household."""
    http = free_port()
    example = lived.copy(folder, port=free_port(), http=http)
    with Page(example.path, http, folder / "page.log") as served:
        yield served.address, example


async def state_of(address, example, browser):
    """Return what a browser has that is signed in as the first technician."""
    context = await browser.new_context(viewport=PHONE)

    async def first(page):
        await page.goto(f"{address}/first?lang=zh")

    state = await claimed(context, address, label.shown(example.config.page_folder), first)
    await context.close()
    return state


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def entered(kept_browser, lived, tmp_path_factory):
    """One home for all tests that change nothing of it, and who is signed in there."""
    with page_of(lived, tmp_path_factory.mktemp("scanned")) as (address, example):
        async with chromium() as browser:
            state = await state_of(address, example, browser)
        yield address, state


@contextlib.asynccontextmanager
async def phone(browser, state=None):
    context = await browser.new_context(viewport=PHONE, has_touch=True, storage_state=state)
    yield await context.new_page()
    await context.close()


async def value(page, field, wanted):
    await expect(page.locator(f"#{field}")).to_have_value(wanted)
    await expect(page.locator("#scanner")).to_be_hidden()
    assert await page.evaluate("document.querySelector('#scanner video').srcObject === null"), "the camera is off"


async def says(page, text):
    await expect(page.locator("#scanner [role=status]")).to_contain_text(text)


async def test_the_label_of_the_box_is_scanned_before_anybody_has_signed_in(camera, lived, tmp_path):
    camera.sees("https://gateway.local/first#ABCDE-23456")
    with page_of(lived, tmp_path) as (address, _):
        async with phone(camera.browser) as page:
            await page.goto(f"{address}/first?lang=zh")
            await page.click("[data-scan=code]")
            await value(page, "first-code", "ABCDE-23456")
            assert await page.evaluate("document.activeElement.id") == "first-code"


async def test_a_sensors_key_is_scanned_and_counted(camera, entered):
    address, state = entered
    camera.sees(json.dumps({"mac": "A4C1385E5307", "key": KEY}))
    async with phone(camera.browser, state) as page:
        await page.goto(f"{address}{NEW}")
        await page.click("[data-scan=key]")
        await becomes(page, "key => document.getElementById('d-secret').value.includes(key)", KEY)
        await page.goto(f"{address}/sensors/new?model=shelly-blu-button")
        await page.click("[data-scan=address]")
        await value(page, "d-address", "A4:C1:38:5E:53:07")


async def test_a_platforms_code_fills_its_form_and_the_number_of_the_home_and_another_code_is_said(camera, entered):
    address, state = entered
    told = {"url": "mqtts://desk.example.org:8884", "username": "3-2-501", "password": "pa ss", "household": "3-2-501"}
    camera.sees(json.dumps(told))
    async with phone(camera.browser, state) as page:
        await page.goto(f"{address}/platform")
        await page.click("[data-scan=platform]")
        await value(page, "p-host", "desk.example.org")
        for field, wanted in (("p-port", "8884"), ("p-username", "3-2-501"), ("p-password", "pa ss")):
            await value(page, field, wanted)
        assert await page.is_checked("[name=tls]")
        await page.goto(f"{address}/home")
        await page.click("[data-scan=household]")
        await value(page, "household-number", "3-2-501")
        await page.goto(f"{address}/sensors/new?model=shelly-blu-button")
        await page.click("[data-scan=address]")
        await says(page, "这是别的二维码")
        await page.keyboard.press("Escape")
        await value(page, "d-address", "")
        assert await page.evaluate("document.activeElement.dataset.scan") == "address"


async def test_where_the_camera_may_not_be_used_a_file_or_a_photograph_is_chosen(lived, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    with page_of(lived, home) as (address, example):
        before = load(example.path, all_models(), with_secrets=False)
        number = Change(What.SET_HOUSEHOLD, {"number": "3-2-501"})
        keep(changed(before, number, Handed(), all_models(), instruction="page-1", by="T-07", at="2026-05-04T08:00:00Z"), before)
        async with chromium() as browser:  # without a camera and without leave
            page = await (await browser.new_context(viewport=PHONE, storage_state=await state_of(address, example, browser))).new_page()
            await chosen(page, address, tmp_path)


async def chosen(page, address, folder):
    await page.goto(f"{address}/platform")
    await page.click("[data-scan=platform]")
    await becomes(page, "document.querySelector('#scanner [role=status]').textContent.includes('手工填写')")
    chooser = page.locator("#scanner input")
    file = json.dumps({"url": "mqtt://10.0.0.8", "username": "u", "household": "9-9-9"}).encode()
    await chooser.set_input_files({"name": "x.json", "mimeType": "application/json", "buffer": b"no"})
    await says(page, "别的二维码")
    await chooser.set_input_files({"name": "x.json", "mimeType": "application/json", "buffer": b" " * 50_000})
    await says(page, "读不出")
    await chooser.set_input_files({"name": "x.json", "mimeType": "application/json", "buffer": file})
    # Another home's, and without encryption: said in red, and nothing is filled in by itself.
    doubt = page.locator("#scan-doubt")
    await expect(doubt).to_contain_text("连接不加密")
    await expect(doubt).to_contain_text("这一家是 3-2-501")
    await pictured(page, "scan-doubt")
    await is_accessible(page)
    await page.keyboard.press("Escape")
    assert await page.input_value("#p-host") == "mqtt.example.org", "what it was"
    await page.click("[data-scan=platform]")
    await expect(doubt).to_be_hidden()
    await chooser.set_input_files({"name": "x.json", "mimeType": "application/json", "buffer": file})
    await doubt.get_by_role("button").click()
    await value(page, "p-host", "10.0.0.8")
    await value(page, "p-port", "1883")
    assert not await page.is_checked("[name=tls]")
    await page.click("[data-scan=platform]")
    segno.make("mqtts://photo.example.org", micro=False).save(str(folder / "photo.png"), scale=7)
    await chooser.set_input_files(folder / "photo.png")
    await value(page, "p-host", "photo.example.org")
    await page.click("[data-scan=platform]")
    await chooser.set_input_files({"name": "x.png", "mimeType": "image/png", "buffer": b"no picture"})
    await says(page, "读不出")


@pytest.mark.parametrize("formats", [["qr_code"], []])
async def test_a_browser_that_reads_codes_itself_is_asked(camera, entered, formats):
    address, state = entered
    own = f"window.BarcodeDetector = class {{ static async getSupportedFormats() {{ return {formats}; }} async detect() {{ return [{{rawValue: 'A4C138000001'}}]; }} }};"
    camera.sees("A4C138000002")
    async with phone(camera.browser, state) as page:
        await page.add_init_script(own)
        await page.goto(f"{address}/sensors/new?model=shelly-blu-button")
        await page.click("[data-scan=address]")
        await value(page, "d-address", "A4:C1:38:00:00:01" if formats else "A4:C1:38:00:00:02")
