"""Every page in both languages, light and dark, on a phone and a desktop: python -m tests.web.screenshots [--docs] [FOLDER].

The household is the example of the tests. With --docs the README's small pictures are made as well.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.brokers import free_port
from tests.web.household import PASSWORD, Example
from tests.web.served import ROOT, Page, chromium

PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 860}
PAGES = ("/", "/alarms", "/alarms/2", "/journal", "/journal?what=visits", "/test", "/box")


def named(path):
    return {"/": "today", "/alarms/2": "alarm", "/journal?what=visits": "visits"}.get(path, path.strip("/"))


async def taken(browser, address, code, out, *, calm):
    context = await browser.new_context(viewport=PHONE, device_scale_factor=2)
    page = await context.new_page()
    for lang in ("zh", "en"):
        await page.goto(f"{address}/first?lang={lang}")
        await page.screenshot(path=out / f"first-{lang}-light-phone.png", full_page=True)
    await page.fill("[name=code]", code)
    await page.fill("[name=name]", "T-07")
    await page.fill("[name=password]", PASSWORD)
    await page.fill("[name=again]", PASSWORD)
    await page.click("main button")
    await page.wait_for_selector(".banner")
    state = await context.storage_state()
    await context.close()
    for size, view in (("phone", PHONE), ("desk", DESK)):
        for lang in ("zh", "en"):
            for theme in ("light", "dark"):
                context = await browser.new_context(viewport=view, storage_state=state, device_scale_factor=1.5 if size == "phone" else 1)
                page = await context.new_page()
                await page.goto(f"{address}/box?lang={lang}&theme={theme}")
                for path in ("/",) if calm else PAGES:
                    await page.goto(address + path)
                    await page.wait_for_timeout(400)
                    name = f"{'calm' if calm else named(path)}-{lang}-{theme}-{size}"
                    await page.screenshot(path=out / f"{name}.png", full_page=True)
                await context.close()


async def pictured(browser, address, state, docs):
    """Make the README's pictures: small, of what is seen first."""
    for name, lang, theme in (("page-today-zh", "zh", "light"), ("page-today-en", "en", "dark")):
        context = await browser.new_context(viewport={"width": 360, "height": 740}, storage_state=state)
        page = await context.new_page()
        await page.goto(f"{address}/box?lang={lang}&theme={theme}")
        await page.goto(f"{address}/")
        await page.wait_for_timeout(400)
        await page.screenshot(path=docs / f"{name}.jpg", type="jpeg", quality=72)
        await context.close()


async def signed_in(browser, address):
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{address}/sign-in")
    await page.fill("[name=name]", "T-07")
    await page.fill("[name=password]", PASSWORD)
    await page.click("main button")
    await page.wait_for_selector(".banner")
    state = await context.storage_state()
    await context.close()
    return state


async def main(out, docs):
    out.mkdir(parents=True, exist_ok=True)
    for calm in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            http = free_port()
            example = await asyncio.to_thread(Example, Path(folder), open_alarms=not calm, calm=calm, port=free_port(), http=http)
            with Page(example.path, http, Path(folder) / "page.log") as page:
                code = (example.config.state / "page-code").read_text().strip()
                async with chromium() as browser:
                    await taken(browser, page.address, code, out, calm=calm)
                    if docs and not calm:
                        await pictured(browser, page.address, await signed_in(browser, page.address), ROOT / "docs")
    print(f"{len(list(out.glob('*.png')))} pictures in {out}")


if __name__ == "__main__":
    words = [w for w in sys.argv[1:] if not w.startswith("--")]
    asyncio.run(main(Path(words[0]) if words else ROOT / "build" / "screenshots", "--docs" in sys.argv))
