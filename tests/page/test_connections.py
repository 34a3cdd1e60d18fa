"""Places, patience and the accepting of connections: real sockets on loopback, where each of 127.0.0.x is a machine of its own."""

import asyncio
import contextlib
import socket
from types import SimpleNamespace

import httpx
import pytest
from gateway.page import guard
from gateway.page import server as module
from gateway.page.connections import BROWSER, EACH, KEPT, MOST, Places, Server
from gateway.page.server import Papers
from gateway.page.waits import WAITS

from tests.kit.ports import free_port
from tests.kit.wait import PATIENCE, until


async def answers(scope, receive, send):
    """An application that answers at once, and on /long piece by piece until it is told to end."""
    if scope["type"] != "http":
        return
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/long":
        await send({"type": "http.response.body", "body": b"piece", "more_body": True})
        await answers.end.wait()
    await send({"type": "http.response.body", "body": b"piece"})


class Site:
    """A server that accepts as the page does. `regular`: the sources that somebody is signed in from."""

    def __init__(self, context=None):
        self.port = free_port()
        self.regular = set()
        self.places = Places(self.regular.__contains__)
        options = module._options(answers)
        options.lifespan = "off"
        self.server = Server(options, self.places, context)
        self.base = f"{'http' if context is None else 'https'}://127.0.0.1:{self.port}"
        answers.end = asyncio.Event()

    async def __aenter__(self):
        self.serving = asyncio.create_task(self.server.serve(sockets=[module._listening("127.0.0.1", self.port)]))
        await until(lambda: self.server.started)
        return self

    async def __aexit__(self, *_):
        answers.end.set()
        self.server.should_exit = True
        await self.serving

    def browser(self, source):
        return httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(local_address=source, verify=False), base_url=self.base, timeout=PATIENCE
        )

    async def silent(self, source):
        """Open a connection and say nothing."""
        before = self.places._number
        line = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))
        await until(lambda: self.places._number > before)
        return line


async def ended(reader):
    """Wait until the other side has ended the connection."""
    async with asyncio.timeout(PATIENCE):
        with contextlib.suppress(ConnectionError):
            while await reader.read(1000):
                pass


# -- places --------------------------------------------------------------------------------------------------------------


def filled(places, who, count, **more):
    left = []
    for _ in range(count):
        place = places.take(who)
        place.leave = lambda place=place: left.append(place)
        for name, value in more.items():
            setattr(place, name, value)
    return left


def test_whoever_fills_all_places_displaces_himself():
    places = Places(lambda _: False)
    attacker = filled(places, "10.0.0.1", EACH)
    assert len(places) == EACH
    mine = filled(places, "10.0.0.2", BROWSER)
    attacker += filled(places, "10.0.0.1", 300)
    assert len(places) == EACH + BROWSER
    assert [p.number for p in attacker[:3]] == [1, 2, 3], "the oldest first"
    assert mine == []


def test_with_many_addresses_the_greediest_and_the_oldest_silent_make_room():
    places = Places(lambda _: False)
    left = [filled(places, f"10.0.1.{n}", 10) for n in range(MOST // 10)]
    filled(places, "10.0.2.1", MOST - len(places))
    assert len(places) == MOST
    mine = filled(places, "10.0.0.2", BROWSER)
    assert sum(map(len, left)) == BROWSER
    assert mine == []
    many = Places(lambda _: False)
    fresh = [filled(many, f"10.1.{n}.1", 1) for n in range(MOST)]
    mine = filled(many, "10.0.0.2", BROWSER)
    assert [len(one) for one in fresh] == [1] * BROWSER + [0] * (MOST - BROWSER), "a browser's six are no greed"
    assert mine == []


def test_who_is_being_answered_stays_before_who_is_silent():
    places = Places(lambda _: False)
    asked = filled(places, "10.0.0.1", 4, busy=lambda: True)
    silent = filled(places, "10.0.0.1", EACH - 4)
    filled(places, "10.0.0.1", EACH - 4)
    assert len(silent) == EACH - 4
    assert asked == []


def test_places_are_kept_for_sources_that_are_signed_in():
    places = Places({"10.0.0.2"}.__contains__)
    mine = filled(places, "10.0.0.2", EACH)
    for n in range(1000):
        filled(places, f"10.1.{n // 200}.{n % 200}", 1)
    assert len(places) == MOST + EACH
    assert mine == []
    assert KEPT + MOST < 256 // 2, "and the files of the process are enough for all"


# -- who is a source -----------------------------------------------------------------------------------------------------

ROUTES = """\
fd000000000000010000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
2001 40
"""


def test_in_the_homes_own_network_an_address_of_ipv6_counts_singly(tmp_path, monkeypatch):
    table = tmp_path / "ipv6_route"
    monkeypatch.setattr(guard, "NETWORKS", guard.Networks(table))

    def who(address):
        return guard.source({"client": (address, 4000)})

    assert who("fd00:0:0:1::7") == "fd00:0:0:1::/64", "without a table it is as far as it may be"
    table.write_text(ROUTES.splitlines()[0] + "\n")
    monkeypatch.setattr(guard, "NETWORKS", guard.Networks(table))
    assert who("fe80::1%eth0") == "fe80::1"
    assert who("fe80::2") != who("fe80::1")
    assert who("fd00:0:0:1::7") == "fd00:0:0:1::7"
    assert who("2001:db8::7") == "2001:db8::/64"
    assert who("::ffff:192.168.1.9") == "192.168.1.9"
    assert who("::1") == "::1"
    assert [guard.group(w) for w in ("::1", "192.168.1.9", "fe80::1", "2001:db8::/64")] == ["here", "near4", "near6", "far"]
    table.write_text(ROUTES)
    monkeypatch.setattr(guard, "NETWORKS", guard.Networks(table))
    assert who("fd00:0:0:1::7") == "fd00:0:0:1::/64", "nor one that is no table"


def test_the_kernels_table_of_routes_can_be_read():
    assert all(n.prefixlen >= 48 for n in guard.Networks().now())


def test_a_source_is_known_for_as_long_as_a_session_lasts_untouched():
    now = SimpleNamespace(at=5.0)
    regulars = guard.Regulars(lambda: now.at)
    assert not regulars.knows("10.0.0.2")
    regulars.saw("10.0.0.2")
    now.at += WAITS.regular - 1
    assert regulars.knows("10.0.0.2")
    now.at += 2
    assert not regulars.knows("10.0.0.2")
    for n in range(5 * guard.REGULARS):
        regulars.saw(f"10.0.1.{n}")
    assert len(regulars._seen) == guard.REGULARS


# -- on real sockets -----------------------------------------------------------------------------------------------------


async def test_three_hundred_silent_connections_shut_nobody_out(example):
    mine = Papers(example.config, ["box.local"])
    async with Site(lambda: mine.context) as site:
        lines = [await site.silent(f"127.0.0.{3 + n % 2}") for n in range(300)]
        assert len(site.places) <= 2 * EACH
        for source in ("127.0.0.2", "127.0.0.3"):
            async with site.browser(source) as browser:
                assert (await browser.get("/")).status_code == 200, source
        lines += [await site.silent(f"127.0.1.{n}") for n in range(2 * MOST)]
        assert len(site.places) == MOST
        async with site.browser("127.0.0.2") as browser:
            assert (await browser.get("/")).status_code == 200, "and from a network full of machines neither"
        for _, writer in lines:
            writer.transport.abort()
        await until(lambda: len(site.places) == 0)


async def test_many_slow_questions_of_several_sources_leave_places_for_others():
    async with Site() as site:
        lines = []
        for n in range(4 * MOST):
            reader, writer = await site.silent(f"127.0.0.{3 + n % 6}")
            with contextlib.suppress(ConnectionError):
                writer.write(b"GET / HTTP/1.1\r\nx-slow: ")
                await writer.drain()
            lines.append((reader, writer))
        async with site.browser("127.0.0.2") as browser:
            assert (await browser.get("/")).status_code == 200
        for _, writer in lines:
            writer.transport.abort()


@pytest.mark.parametrize(
    ("limit", "sent"),
    [
        ("head", b""),
        ("head", b"GET / HTTP/1.1\r\nx-slow: y"),
        ("question", b"POST / HTTP/1.1\r\nhost: box\r\ncontent-length: 1000\r\n\r\ny"),
    ],
)
async def test_who_never_finishes_a_question_is_shown_out(monkeypatch, limit, sent):
    for name in ("head", "question"):
        monkeypatch.setattr(WAITS, name, 0.05 if name == limit else 10 * PATIENCE)
    async with Site() as site:
        reader, writer = await site.silent("127.0.0.3")
        writer.write(sent)
        await ended(reader)
        writer.transport.abort()


async def test_who_never_finishes_the_handshake_is_shown_out(example, monkeypatch):
    monkeypatch.setattr(WAITS, "handshake", 0.05)
    mine = Papers(example.config, ["box.local"])
    async with Site(lambda: mine.context) as site:
        reader, writer = await site.silent("127.0.0.3")
        await ended(reader)
        await until(lambda: len(site.places) == 0)
        writer.transport.abort()


async def test_an_answer_may_take_as_long_as_it_likes_and_an_idle_connection_is_no_question(monkeypatch):
    monkeypatch.setattr(WAITS, "question", 0.05)
    async with Site() as site, site.browser("127.0.0.2") as browser:
        assert (await browser.get("/")).status_code == 200
        (number,) = [p.number for p in site.places._held]
        monkeypatch.setattr(WAITS, "head", 0.05)
        long = asyncio.create_task(browser.get("/long"))
        await asyncio.sleep(0.3)  # longer than any patience here; slower only makes it longer
        assert not long.done()
        answers.end.set()
        assert (await long).text == "piecepiece"
        await asyncio.sleep(0.3)
        assert [p.number for p in site.places._held] == [number], "the same connection all the time"


async def test_no_answer_waits_for_the_other_side_to_have_read_its_head():
    """Head and body are two writes: with Nagle's algorithm the second waits 40 ms for the acknowledgement of the first."""
    async with Site() as site, site.browser("127.0.0.2") as browser:
        await browser.get("/")
        for connection in site.server.server_state.connections:
            line = connection.transport.get_extra_info("socket")
            assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert site.server.server_state.connections


async def test_who_sends_on_what_was_refused_gets_the_answer_all_the_same(monkeypatch):
    monkeypatch.setattr(WAITS, "parting", 0.05)

    async def refuses(scope, receive, send):
        await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"no"})

    async with Site() as site:
        site.server.config.loaded_app = refuses
        reader, writer = await site.silent("127.0.0.3")
        writer.write(b"POST / HTTP/1.1\r\nhost: box\r\ncontent-length: 200000000\r\n\r\n" + b"y" * 100_000)
        assert b" 413 " in await reader.readline()
        await ended(reader)
        writer.transport.abort()
