"""The page as its own process, as the unit starts it."""

import asyncio
import contextlib
import http.client
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.kit import forked
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
    """`python -m gateway page`, on loopback; ends with the test run. With a prefix, or of another tree, it is started from nothing."""

    def __init__(self, config: Path, port: int, log: Path, prefix: tuple[str, ...] = (), root: Path = ROOT):
        self.address = f"http://127.0.0.1:{port}"
        self.port, self.log = port, log
        words = ["gateway", "page", "--config", str(config)]
        self.process: Any
        with log.open("wb") as out:
            if prefix or root != ROOT or not forked.allowed:
                command = mortal([*prefix, sys.executable, "-m", *words])
                self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=root)
            else:
                self.process = forked.Forked(words, folder=root, log=log)
        end = time.monotonic() + PATIENCE
        while not self.answers():
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError(f"the page does not answer: {log.read_text()[-2000:]}")
            time.sleep(0.05)

    def answers(self):
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(line), contextlib.suppress(OSError, http.client.HTTPException):
            line.request("GET", "/static/icon.svg")
            return line.getresponse().status == 200
        return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE)


def patient(opens):
    """Give what a browser opens as much time as all tests have: how long a page takes says how busy the machine is."""

    async def opened(**how):
        # What a page asks for goes past a test's own eyes where a worker asks: only tests of the worker have one.
        made = await opens(**{"service_workers": "block"} | how)
        made.set_default_timeout(1000 * PATIENCE)
        return made

    return opened


async def becomes(page, what, arg=None):
    """Wait until a script says yes; the page's own policy forbids a browser's own way to wait for one."""
    async with asyncio.timeout(PATIENCE):
        while not await page.evaluate(what, arg):
            await asyncio.sleep(0.05)


class Kept:
    """Debian's Chromium, one process for all tests of a loop. Each test has contexts of its own, which are forgotten with it."""

    of: ClassVar = {}  # the one of each loop

    def __init__(self):
        self.play = self.browser = None

    async def __aenter__(self):
        self.of[asyncio.get_running_loop()] = self
        return self

    async def __aexit__(self, *_):
        del self.of[asyncio.get_running_loop()]
        if self.play is not None:
            await self.browser.close()
            await self.play.stop()
            await asyncio.sleep(0)

    async def begun(self):
        if self.play is None:
            self.play = await started()
        if self.browser is None or not self.browser.is_connected():
            self.browser = await launched(self.play)
        return self.browser


# Of tests that look at a page: they share the loop of their worker, and in it a browser.
IN_A_BROWSER = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("kept_browser")]


def in_a_browser(test):
    """Mark one test in a file of others."""
    for mark in IN_A_BROWSER:
        test = mark(test)
    return test


async def started():
    from playwright.async_api import async_playwright, expect

    expect.set_options(timeout=1000 * PATIENCE)
    return await async_playwright().start()


async def launched(play, *more):
    browser = await play.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *more])
    browser.new_context, browser.new_page = patient(browser.new_context), patient(browser.new_page)
    return browser


@contextlib.asynccontextmanager
async def chromium(*more):
    """Debian's Chromium, without a context; `more`: arguments of a process of its own."""
    async with contextlib.AsyncExitStack() as ends:
        kept = Kept.of.get(asyncio.get_running_loop()) or await ends.enter_async_context(Kept())
        browser = await kept.begun()
        if more:
            browser = await launched(kept.play, *more)
            ends.push_async_callback(browser.close)
        try:
            yield browser
        finally:
            for context in browser.contexts:
                await context.close()
