"""The page as its own process, as the unit starts it."""

import asyncio
import contextlib
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.kit.brokers import mortal
from tests.kit.wait import PATIENCE

ROOT = Path(__file__).parents[2]
CHROMIUM = "/usr/bin/chromium"
# Nothing of this asks the network: what a browser would look for by itself is switched off.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Page:
    """`python -m gateway page`, on loopback; ends with the test run."""

    def __init__(self, config: Path, port: int, log: Path, prefix: tuple[str, ...] = ()):
        self.address = f"http://127.0.0.1:{port}"
        self.log = log
        with log.open("wb") as out:
            command = mortal([*prefix, sys.executable, "-m", "gateway", "page", "--config", str(config)])
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=ROOT)
        end = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.address}/static/icon.svg").status_code == 200:
                    return
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError(f"the page does not answer: {log.read_text()[-2000:]}")
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE)


def patient(opens):
    """Give what a browser opens as much time as all tests have: how long a page takes says how busy the machine is."""

    async def opened(**how):
        made = await opens(**how)
        made.set_default_timeout(1000 * PATIENCE)
        return made

    return opened


@contextlib.asynccontextmanager
async def chromium(*more):
    """Debian's Chromium; `more`: arguments of its own."""
    from playwright.async_api import async_playwright, expect

    expect.set_options(timeout=1000 * PATIENCE)
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *more])
        browser.new_context, browser.new_page = patient(browser.new_context), patient(browser.new_page)
        try:
            yield browser
        finally:
            await browser.close()
        await asyncio.sleep(0)
