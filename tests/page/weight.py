"""What a page weighs on the wire the first time, and when a slow phone on a slow line paints it: python -m tests.page.weight prints the table.

Bytes are the browser's own (headers and everything a page loads, as it was sent), with nothing kept from before. First paint is measured
on 400 kbit/s with 2 s until an answer begins and a processor six times slower; the machine itself has to be quiet for that.
"""

import asyncio
import contextlib
import tempfile
import time
from pathlib import Path

from tests.kit.ports import free_port
from tests.kit.wait import PATIENCE
from tests.page.household import Example
from tests.page.served import Page, chromium
from tests.write.screenshots import PAGES, PHONE, claimed, set_up

MOST = 60_000
SLOW = {"offline": False, "latency": 2000, "downloadThroughput": 400_000 / 8, "uploadThroughput": 400_000 / 8}
SLOWER = 6  # times
# Until the phone keeps what it is to keep.
KEPT = """navigator.serviceWorker.ready.then(
  (r) => r.active.state === "activated" || new Promise((ok) => (r.active.onstatechange = ok)))"""
PAINT = """new PerformanceObserver((all) => {
  for (const one of all.getEntries()) if (one.name === "first-contentful-paint") window.told(performance.timeOrigin, one.startTime);
}).observe({ type: "paint", buffered: true });"""
PAINTED = ("/", "/sensors", "/rules", "/certificate")


@contextlib.asynccontextmanager
async def opened(lived, folder):
    """A page of the example household, a browser, and what somebody who is signed in has of it."""
    http = free_port()
    example = lived.copy(folder, port=free_port(), http=http)
    set_up(example)

    async def first(page):
        await page.goto(f"{served.address}/first?lang=zh")

    with Page(example.path, http, folder / "page.log") as served:
        code = (example.config.page_folder / "page-code").read_text().strip()
        async with chromium() as browser:
            context = await browser.new_context(viewport=PHONE)
            state = await claimed(context, served.address, code, first)
            await context.close()
            state["cookies"] = [c for c in state["cookies"] if c["name"] != "style"]
            yield served.address, browser, state


async def weighed(browser, state, urls):
    """Yield for each address the bytes of its page, opened as for the first time: [(name of the file, bytes)]."""
    context = await browser.new_context(viewport=PHONE, storage_state=state)
    page = await context.new_page()
    wire = await context.new_cdp_session(page)
    names, sizes = {}, []
    wire.on("Network.requestWillBeSent", lambda e: names.update({e["requestId"]: e["request"]["url"]}))
    wire.on("Network.loadingFinished", lambda e: sizes.append((names.get(e["requestId"], "?"), round(e["encodedDataLength"]))))
    await wire.send("Network.enable")
    await wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
    for url in urls:
        await context.clear_cookies(name="style")  # it says that the style is kept
        sizes.clear()
        answer = await page.goto(url, wait_until="load")
        assert answer.status == 200, url
        await page.wait_for_load_state("load")
        yield url, list(sizes)
    await context.close()


async def painted(browser, state, url):
    """Return the milliseconds until the first paint, with nothing kept and with all of it.

    Of a page that is opened anew the first thing painted is the word that the worker keeps; the page takes its place by itself.
    """
    context = await browser.new_context(viewport=PHONE, storage_state=state, service_workers="allow")
    paints = asyncio.Queue()
    await context.expose_binding("told", lambda _, begin, after: paints.put_nowait((begin, round(after))))
    await context.add_init_script(PAINT)
    page = await context.new_page()
    wire = await context.new_cdp_session(page)
    await wire.send("Network.enable")
    await wire.send("Network.emulateNetworkConditions", SLOW)
    await wire.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    found = []
    for _ in range(2):
        asked, begin = time.time() * 1000, 0.0
        await page.goto(url, wait_until="commit")
        while begin < asked - 50:  # what was painted before came late
            begin, after = await asyncio.wait_for(paints.get(), PATIENCE)
        found.append(after)
        await page.wait_for_selector(".brand .which")  # the page itself
        await page.evaluate(KEPT)
        await page.goto("about:blank")
    await context.close()
    return found


async def measured(lived, folder):
    async with opened(lived, folder) as (address, browser, state):
        print(f"{'page':<76}{'bytes':>8}{'files':>7}")
        async for url, sizes in weighed(browser, state, [address + path for path in PAGES]):
            print(f"{url.removeprefix(address):<76}{sum(size for _, size in sizes):>8}{len(sizes):>7}")
        print(f"\n{'first paint, ms (400 kbit/s, 2 s, processor 6 times slower)':<76}{'cold':>8}{'warm':>7}")
        for path in PAINTED:
            cold, warm = await painted(browser, state, address + path)
            print(f"{path:<76}{cold:>8}{warm:>7}")


def main():
    with tempfile.TemporaryDirectory() as lived, tempfile.TemporaryDirectory() as folder:
        asyncio.run(measured(Example(Path(lived)), Path(folder)))


if __name__ == "__main__":
    main()
