"""One example household for all tests of the page, and browsers that are signed out, a supervisor or a technician."""

import asyncio
import re

import anyio.to_thread
import httpx
import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from gateway.home import handed
from gateway.page import accounts, guard, label
from gateway.page import app as application
from jinja2 import BytecodeCache

from tests.page.household import PASSWORD, Example
from tests.page.served import Kept

LAN = "192.168.1.50"
ON_A_THREAD = anyio.to_thread.run_sync
# What a guess at a password costs is shown by test_door, and every page that is a process of its own asks it. Here hundreds of people
# sign in to pages of this process: of its 250 s a quarter went into that.
LIGHT = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
NOBODY = LIGHT.hash("nobody's")


@pytest.fixture(autouse=True)
def light_hashes(monkeypatch):
    monkeypatch.setattr(accounts, "_hasher", LIGHT)
    monkeypatch.setattr(accounts, "_NOBODY", NOBODY)


async def in_turn(work, *args, **how):
    """Do work of a page here and now where nobody else asks it for anything: only those who come together need threads."""
    if len(asyncio.all_tasks()) > 1:
        return await ON_A_THREAD(work, *args, **how)
    return work(*args)


@pytest.fixture
def alone(monkeypatch):
    """Save two switches of threads a request, which cost more than the request."""
    monkeypatch.setattr(anyio.to_thread, "run_sync", in_turn)


class Compiled(BytecodeCache):
    """What templates were compiled to: each test has a page of its own, and all have the same templates."""

    def __init__(self):
        self.kept = {}

    def load_bytecode(self, bucket):
        if bucket.key in self.kept:
            bucket.bytecode_from_string(self.kept[bucket.key])

    def dump_bytecode(self, bucket):
        self.kept[bucket.key] = bucket.bytecode_to_string()


COMPILED = Compiled()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kept_browser():
    """A browser, begun by the first test that opens a page in it."""
    async with Kept():
        yield


@pytest.fixture(scope="session")
def lived(tmp_path_factory):
    return Example(tmp_path_factory.mktemp("home"))


@pytest.fixture
def example(lived, tmp_path):
    return lived.copy(tmp_path)


class Box:
    """A page over a household, and its browsers. Each source is a machine of its own on the LAN."""

    def __init__(self, example):
        self.example = example
        self.app, self.page = application.made(example.config)
        self.page.environment.bytecode_cache = COMPILED
        self.browsers = []

    @property
    def code(self):
        return label.shown(self.example.config.page_folder)

    def browser(self, source=LAN, scheme="https", host="localhost"):
        transport = httpx.ASGITransport(self.app, client=(source, 40000))
        made = httpx.AsyncClient(transport=transport, base_url=f"{scheme}://{host}", follow_redirects=False)
        self.browsers.append(made)
        return made

    async def first(self, source=LAN, name="T-07", password=PASSWORD, **changed):
        """Come for the first time; return (browser, answer)."""
        browser = self.browser(source)
        said = {"code": self.code, "name": name, "password": password, "again": password} | changed
        return browser, await post(browser, "/first", "/first", **said)

    async def technician(self):
        browser, answer = await self.first()
        assert answer.status_code == 303, answer.text
        return browser

    async def supervisor(self, technician):
        word = "quiet river under stars"
        answer = await post(technician, "/box", "/box/accounts", name="S-01", role="supervisor", password=word, again=word)
        assert answer.status_code == 303, answer.text
        browser = self.browser("192.168.1.51")
        assert (await post(browser, "/sign-in", "/sign-in", name="S-01", password=word)).status_code == 303
        return browser


async def form_key(browser, page):
    text = (await browser.get(page)).text
    found = re.search(r'name="key" value="([0-9a-f]+)"', text)
    assert found, text[:2000]
    return found[1]


async def post(browser, page, to, **said):
    """Fill in the form of `page` and send it to `to`."""
    return await browser.post(to, data={"key": await form_key(browser, page)} | said)


@pytest.fixture
def kept_secrets(monkeypatch):
    """Let the page leave what it has handed over where it is, once it has its answer, for a test to look at."""
    monkeypatch.setattr(handed, "forget", lambda *_: None)


@pytest.fixture
async def box(example, monkeypatch, alone):
    monkeypatch.setattr(guard, "RATE", 1e9)  # a fast machine asks more often than people do; the flood sets its own
    made = Box(example)
    yield made
    for browser in made.browsers:
        await browser.aclose()
