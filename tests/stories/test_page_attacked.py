"""Stories of whoever is hostile on the network, or gives the page what would break it: the real daemon and the real page, two processes.

The page may open as many files as its unit allows. Each address of 127.0.0.0/8 is a machine of its own on the LAN; IPv6 is ::1.
"""

import asyncio
import contextlib
import re
import socket
import ssl

import httpx
import pytest
from gateway.page import label, papers
from gateway.page.guard import LARGER
from gateway.tend.attacks import TELL_AT
from gateway.words import kind

from tests.kit.household import Gateway
from tests.kit.ports import free_port
from tests.kit.wait import PATIENCE, until
from tests.page.household import PASSWORD
from tests.page.served import Page
from tests.page.test_papers import made

TECHNICIAN, NEIGHBOUR = "127.0.0.7", "127.0.0.66"
SILENT = 300
FILES = ("prlimit", "--nofile=256")  # LimitNOFILE of its unit
TOO_LARGE = 200_000_000
KEY = "231d39c1d7cc1ab1aee224cd096db932"


class Home:
    """A box at work. Over HTTPS it answers every address of this machine, on HTTP only this machine itself."""

    def __init__(self, folder):
        self.port, self.http = free_port(), free_port()
        lines = f"[page]\nport = {self.port}\nhttp_port = {self.http}\n"
        self.gateway = Gateway(folder, devices="", lines=lines)
        self.gateway.start()

    def page(self):
        return Page(self.gateway.config, self.http, self.gateway.folder / "page-log", FILES)

    def browser(self, source=None, host="127.0.0.1"):
        """Return the browser of a machine; the certificate of the box is taken, as a technician takes it."""
        transport = httpx.AsyncHTTPTransport(local_address=source, verify=False)
        return httpx.AsyncClient(transport=transport, base_url=f"https://{host}:{self.port}", timeout=PATIENCE)

    @property
    def certificate(self):
        return self.gateway.page / papers.FOLDER

    def faults(self, name):
        bodies = [b for b in self.gateway.journal().values() if b["type"] == "fault" and b["kind"] == name]
        return [(b["turn"], b["detail"]) for b in bodies]

    def household(self):
        """Return every file that stands for how the home is guarded and reached."""
        kept = [p for p in self.gateway.state.rglob("*") if p.is_file() and (p.parent == self.certificate or "household" in p.name)]
        return {str(p): p.read_bytes() for p in kept}

    def close(self):
        self.gateway.kill()
        self.gateway.systemd.close()


@pytest.fixture
def home(tmp_path):
    made_ = Home(tmp_path)
    yield made_
    made_.close()


async def key_of(browser, at):
    text = (await browser.get(at)).text
    found = re.search(r'name="key" value="([0-9a-f]+)"', text)
    assert found, text[:1000]
    return found[1]


async def post(browser, at, to, **said):
    return await browser.post(to, data={"key": await key_of(browser, at)} | said)


async def claimed(home, browser):
    said = {"code": label.shown(home.gateway.page), "name": "T-07", "password": PASSWORD, "again": PASSWORD}
    assert (await post(browser, "/first", "/first", **said)).status_code == 303


async def signed_in(browser):
    return (await post(browser, "/sign-in", "/sign-in", name="T-07", password=PASSWORD)).status_code


def beside(answer, field):
    """Return what stands beside a field of a form that was refused."""
    found = re.search(rf'id="{field}-say"[^>]*><strong>([^<]+)', answer.text)
    assert found, answer.text[:3000]
    return found[1]


# -- 36 ------------------------------------------------------------------------------------------------------------------


async def too_large(home, browser):
    """Send a file of 200 MB until the page answers. What is sent on against the answer may cost it: the connection is cut a while later."""
    unproved = ssl._create_unverified_context()
    reader, writer = await asyncio.open_connection("127.0.0.1", home.port, ssl=unproved)
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    head = f"POST /moving/look HTTP/1.1\r\nhost: 127.0.0.1:{home.port}\r\ncookie: {cookies}\r\ncontent-length: {TOO_LARGE}\r\n"
    writer.write(f"{head}connection: close\r\ncontent-type: multipart/form-data; boundary=x\r\n\r\n".encode())

    async def send():
        with contextlib.suppress(OSError):
            for _ in range(TOO_LARGE // 100_000):
                writer.write(b"\0" * 100_000)
                await writer.drain()

    sending = asyncio.create_task(send())
    status = int((await reader.readline()).split()[1])
    sending.cancel()
    head = await reader.readuntil(b"\r\n\r\n")
    body = await reader.readexactly(int(re.search(rb"(?i)content-length: (\d+)", head)[1]))
    writer.transport.abort()
    return httpx.Response(status, content=body)


async def test_what_would_break_the_page_is_refused_beside_its_field_and_all_is_as_before(home):
    """A certificate of 1,024 bits, a file of 200 MB, keys with a letter too few; then a restart."""
    with await asyncio.to_thread(home.page) as page:
        async with home.browser() as browser:
            await claimed(home, browser)
            before = home.household()

            certificate, key = made("rsa-1024")
            answer = await post(browser, "/box", "/box/papers", certificate=certificate, private=key)
            assert answer.status_code == 422
            assert "2048" in beside(answer, "p-c")

            certificate, key = made("p-256")
            lines = key.splitlines()
            lines[2] = lines[2][:-1]
            answer = await post(browser, "/box", "/box/papers", certificate=certificate, private="\n".join(lines))
            assert answer.status_code == 422
            assert "PEM" in beside(answer, "p-k")

            answer = await too_large(home, browser)
            assert answer.status_code == 413
            assert f"{LARGER['/moving/look'] // 1024} KB" in beside(answer, "m-file")

            said = {"model": "shelly-blu-button", "address": "A4:C1:38:00:00:03", "id": "pendant", "room": "hall", "secret": KEY[:-1]}
            answer = await post(browser, "/sensors/add", "/sensors/put", **said)
            assert answer.status_code == 422
            assert "31" in answer.text
            assert KEY[:-1] not in answer.text

            assert home.household() == before
            assert (await browser.get("/")).status_code == 200
        assert "Traceback" not in page.log.read_text()
    with await asyncio.to_thread(home.page):
        async with home.browser() as browser:
            assert await signed_in(browser) == 303
            assert (await browser.get("/box")).status_code == 200


async def test_a_certificate_that_an_earlier_version_kept_neither_shuts_the_page_nor_stays_unsaid(home):
    with await asyncio.to_thread(home.page):
        async with home.browser() as browser:
            await claimed(home, browser)
    for name, text in zip(("own.pem", "own.key"), made("rsa-1024"), strict=True):
        (home.certificate / name).write_text(text)
    with await asyncio.to_thread(home.page):
        async with home.browser() as browser:
            assert await signed_in(browser) == 303
            assert "2048" in (await browser.get("/box")).text
            await until(lambda: home.faults(kind.PAGE_CERTIFICATE), every=0.1)
            assert "网页证书不能用" in (await browser.get("/")).text
            assert (await post(browser, "/box", "/box/papers", remove="1")).status_code == 303
        await until(lambda: [turn for turn, _ in home.faults(kind.PAGE_CERTIFICATE)] == ["raised", "cleared"], every=0.1)


# -- 40 ------------------------------------------------------------------------------------------------------------------


class Neighbour:
    """Opens silent connections again and again, and guesses without end: over IPv6, and from his IPv4 address."""

    def __init__(self, home):
        self._home = home
        self._tasks = []
        self.opened = self.guessed = 0

    async def _silent(self, n):
        """Keep one silent connection; opened anew some time after it was ended."""
        while True:
            writer = None
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._home.port, local_addr=(f"127.0.1.{n % 40 + 1}", 0))
                self.opened += 1
                await reader.read()
            except OSError:
                pass
            finally:
                if writer is not None:
                    writer.transport.abort()
            await asyncio.sleep(10)

    async def _guess(self, source, host):
        while True:
            with contextlib.suppress(httpx.HTTPError, AssertionError):
                async with self._home.browser(source, host) as browser:
                    await post(browser, "/sign-in", "/sign-in", name="T-07", password=f"guess number {self.guessed}")
                    self.guessed += 1

    async def __aenter__(self):
        six = [(None, "[::1]")] * 2 if socket.has_dualstack_ipv6() else []
        guesses = [*six, (NEIGHBOUR, "127.0.0.1")]
        self._tasks = [asyncio.create_task(self._silent(n)) for n in range(SILENT)]
        self._tasks += [asyncio.create_task(self._guess(*where)) for where in guesses]
        async with asyncio.timeout(PATIENCE):
            while self.opened < SILENT or self.guessed < TELL_AT:
                await asyncio.sleep(0.05)
        return self

    async def __aexit__(self, *_):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def test_a_neighbour_opens_300_sockets_and_guesses_and_the_technician_signs_in(home):
    """His very first try, on a phone that was never here and on his own, while it goes on; and the desk is told, with a number."""
    with await asyncio.to_thread(home.page) as page:
        async with home.browser(TECHNICIAN) as own:
            await claimed(home, own)
            assert (await post(own, "/box", "/sign-out")).status_code == 303
            async with Neighbour(home) as neighbour, home.browser("127.0.0.8") as new:
                assert await signed_in(new) == 303
                assert (await new.get("/")).status_code == 200
                assert await signed_in(own) == 303
                assert (await own.get("/")).status_code == 200
                await until(lambda: home.faults(kind.ATTACKED), every=0.1)
                assert neighbour.guessed > 0
            ((turn, detail),) = home.faults(kind.ATTACKED)[:1]
            assert turn == "raised"
            assert detail["what"] == "passwords"
            assert detail["count"] >= TELL_AT
            shown = (await own.get("/")).text
            assert "有人试图入侵" in shown
            assert f"至少 {detail['count']} 次" in shown
        assert "Traceback" not in page.log.read_text()
