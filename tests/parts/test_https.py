"""The link to a platform that takes HTTPS, against a real server that answers well, badly, late, half, or not at all."""

import asyncio
import json
import socket
import time
from types import SimpleNamespace

import pytest
from gateway.box.dial import Tls
from gateway.hook import targets
from gateway.tell import https
from gateway.tell.connection import LinkLost
from gateway.tell.exchange import Place
from gateway.tell.outbox import NotTaken

from tests.kit import waits
from tests.kit.brokers import CONTRACT, Authority
from tests.kit.hook_server import HookServer, says
from tests.kit.http_platform import PATH, HttpPlatform
from tests.kit.ports import free_port
from tests.kit.wait import NEVER, until

GATEWAY = "gw-7c3e91"  # of the examples
NOTHING = json.dumps({"v": 1}).encode()
HTML = b"<!DOCTYPE html><title>Sign in</title>"


def example(name):
    return json.dumps(json.loads((CONTRACT / "examples" / f"{name}.json").read_text(encoding="utf-8"))).encode()


SOS, READINGS, HOME = example("alarm-sos-raised"), example("readings-batch"), example("home")


def status(online, reason):
    body = json.loads(example("status-online"))
    return json.dumps(body | {"online": online, "reason": reason}).encode()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def place(url, secret, ca=None, **papers):
    host, port, tls = targets.place_of(url)
    return Place(url=url, host=host, port=port, gateway=GATEWAY, secret=targets.key_of(secret), tls=Tls(ca=ca, **papers) if tls else None)


class Up:
    """A link that runs once, while it is entered."""

    def __init__(self, at, **more):
        self.heard, self.refused, self.told = [], [], []
        self.up = asyncio.Event()
        self.link = https.Link(
            at,
            status=status,
            heard=lambda name, payload: self.heard.append((name, json.loads(payload))),
            refused=lambda name, why: self.refused.append((name, why)),
            up=self.up.set,
            down=self.told.append,
            **more,
        )

    async def __aenter__(self):
        self.task = asyncio.create_task(self.link.run())
        waiting = asyncio.create_task(self.up.wait())
        await asyncio.wait({self.task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self.task.done():
            self.task.result()
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def tells(self, name="alarm", body=SOS):
        await self.link.publish(f"eldercare/v1/{GATEWAY}/{name}", body)

    async def beats(self):
        await self.link.say_now(f"eldercare/v1/{GATEWAY}/heartbeat", example("heartbeat"), 180)

    async def lost(self):
        with pytest.raises(LinkLost) as lost:
            await self.task
        return lost.value.say


async def test_it_posts_the_very_messages_hears_the_receipt_in_the_answer_and_says_goodbye(authority):
    with HttpPlatform(authority, GATEWAY) as platform:
        async with Up(place(platform.url, platform.key, platform.ca)) as up:
            assert up.link.connected
            assert (up.link.where, up.link.version, up.link.pause) == (platform.url.split("/")[2], "HTTP", 0.0)
            assert up.link.certificate_begins < time.time() < up.link.certificate_ends
            await up.tells()
            await up.tells("readings", READINGS)
            await up.tells("home", HOME)
            sos, batch = json.loads(SOS), json.loads(READINGS)
            (_, first), (_, second) = up.heard
            assert (first["journal"], first["entries"]) == (sos["journal"], [[sos["number"]] * 2])
            assert (second["history"], second["batches"]) == (batch["history"], [[batch["batch"]] * 2])
            await up.tells()
            ids = [c.headers["webhook-id"] for c in platform.server.came if json.loads(c.body)["type"] == "alarm"]
            assert ids[-2:] == [sos["id"]] * 2, "sent again, it is the same"
            await until(lambda: platform.polls)
        assert [(m["online"], m["reason"]) for m in platform.named("status")] == [(True, "connected"), (False, "stopped")]
        assert up.told == ["stopped"]
        assert platform.server.connections == 2, "one to post by, one that is held back"
        assert not up.link.connected


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((301, {"location": "https://203.0.113.9/"}, b""), "post.redirect"),
        ((302, {"location": "/elsewhere"}, b""), "post.redirect"),
        ((401, {}, b""), "post.refused"),
        ((403, {}, HTML), "post.refused"),
        ((404, {}, HTML), "post.not_there"),
        ((405, {}, b""), "post.not_there"),
        ((429, {"retry-after": "7"}, b""), "post.busy"),
        ((503, {}, b""), "post.busy"),
        ((500, {}, b""), "post.failed"),
        ((200, {}, HTML), "post.no_answer"),
        ((200, {}, b'{"status": "ok"}'), "post.no_answer"),
        ((200, {}, b"[" * 60_000), "post.no_answer"),
        ((200, {}, b"\xff\xfe"), "post.no_answer"),
    ],
)
async def test_whoever_does_not_answer_as_a_platform_is_not_connected_to_and_says_so(answer, code):
    key = HttpPlatform(None, GATEWAY).key
    with HookServer(lambda _: answer, keeps=True) as server:
        up = Up(place(server.url, key))
        with pytest.raises(LinkLost) as lost:
            await up.__aenter__()
        assert lost.value.say.code == code, str(lost.value)
        assert up.link.turned_away
        assert not up.told, "it was not up"
        assert [c.path for c in server.came] == ["/alarms"], "no redirect is followed, and nothing is tried twice"
        assert up.link.pause == pytest.approx(7 if "retry-after" in answer[1] else 0, abs=1)
        assert all(one in lost.value.say.zh + lost.value.say.en for one in (str(answer[0]),))


async def test_who_asks_for_a_day_gets_a_minute():
    key = HttpPlatform(None, GATEWAY).key
    with HookServer(says(429, retry_after="86400")) as server:
        up = Up(place(server.url, key))
        with pytest.raises(LinkLost):
            await up.__aenter__()
        assert 50 < up.link.pause <= 60


def endless(handler):
    handler.send_response(200)
    handler.send_header("content-length", str(200 * 1024 * 1024))
    handler.end_headers()
    try:
        for _ in range(3200):
            handler.wfile.write(b"x" * 65536)
    except OSError:
        pass


@pytest.mark.parametrize("answer", [(500, {}, b""), (413, {}, b""), (400, {}, b"no"), (200, {}, HTML), endless])
async def test_what_is_wrong_with_one_message_leaves_the_others_and_the_link(authority, answer):
    with HttpPlatform(authority, GATEWAY) as platform:
        async with Up(place(platform.url, platform.key, platform.ca)) as up:
            platform.does = lambda _: answer
            with pytest.raises(NotTaken):
                await up.tells()
            assert not up.heard
            platform.does = None
            await up.tells("home", HOME)
            assert up.link.connected
            assert [name for name, _ in up.heard] == ["receipt"], "for both: the platform has them"
            if answer is endless or answer[2] is HTML:
                assert [name for name, _ in up.refused] == ["answer"]


@pytest.mark.parametrize("answer", [(500, {}, b""), (200, {}, HTML), (401, {}, b""), (429, {"retry-after": "3"}, b"")])
async def test_a_heartbeat_that_is_not_taken_ends_the_link(authority, answer):
    with HttpPlatform(authority, GATEWAY) as platform:
        async with Up(place(platform.url, platform.key, platform.ca)) as up:
            await up.beats()
            platform.does = lambda _: answer
            with pytest.raises(LinkLost):
                await up.beats()
            assert (await up.lost()).code.startswith("post.")
            assert len(up.told) == 1
            with pytest.raises(LinkLost):
                await up.tells()


def half(handler):
    handler.send_response(200)
    handler.send_header("content-length", "1000")
    handler.end_headers()
    handler.wfile.write(NOTHING)
    handler.close_connection = True


def noise(handler):
    handler.wfile.write(b"\x16\x03\x01 no HTTP at all\r\n\r\n" * 10)
    handler.close_connection = True


def drip(handler):
    handler.send_response(200)
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    try:
        while not handler.server.over.wait(0.01):
            handler.wfile.write(b"1\r\n \r\n")
    except OSError:
        pass


def headless(handler):
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not handler.server.over.wait(0.0001):
            handler.wfile.write(b"x-more: " + b"x" * 500 + b"\r\n")
    except OSError:
        pass


def reset(handler):
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    handler.close_connection = True


@pytest.mark.parametrize(
    ("does", "code"),
    [
        (lambda _: None, "post.silent"),
        (lambda _: drip, "post.silent"),
        (lambda _: half, "post.broke_off"),
        (lambda _: reset, "post.broke_off"),
        (lambda _: noise, "post.no_http"),
        (lambda _: headless, "post.no_http"),
    ],
)
async def test_an_answer_that_does_not_come_to_its_end_ends_the_link_within_bounds(authority, does, code):
    with waits.changed("tell", puback=1.0), HttpPlatform(authority, GATEWAY) as platform:
        platform.server._server.over = platform.server.over
        async with Up(place(platform.url, platform.key, platform.ca)) as up:
            platform.does = does
            with pytest.raises(LinkLost):
                await up.tells()
            assert (await up.lost()).code == code


async def test_a_platform_that_closes_what_is_idle_loses_nothing_and_is_no_trouble(authority):
    def closes(handler):
        handler.send_response(200)
        handler.send_header("content-length", str(len(NOTHING)))
        handler.end_headers()  # it does not say that it will close
        handler.wfile.write(NOTHING)
        handler.close_connection = True

    with HttpPlatform(authority, GATEWAY) as platform:
        async with Up(place(platform.url, platform.key, platform.ca)) as up:
            platform.does = lambda _: closes
            for _ in range(5):
                await up.tells()
                await asyncio.sleep(0.02)
            assert len(platform.named("alarm")) == 5
            assert up.link.connected


@pytest.mark.parametrize("keeps", [True, False])
async def test_http_1_0_is_understood_too(authority, keeps):
    key = HttpPlatform(None, GATEWAY).key
    with HookServer(says(200, NOTHING), keeps=keeps) as server:
        async with Up(place(server.url, key)) as up:
            for _ in range(3):
                await up.tells()
            assert up.link.connected


@pytest.mark.parametrize(("away", "code"), [("closed", "net.refused"), ("name", "net.no_name")])
async def test_nobody_there(away, code):
    key = HttpPlatform(None, GATEWAY).key
    host = "127.0.0.1" if away == "closed" else "nobody.invalid"
    up = Up(Place(url=f"https://{host}{PATH}", host=host, port=free_port(), gateway=GATEWAY, secret=targets.key_of(key), tls=Tls()))
    with pytest.raises(LinkLost) as lost:
        await up.__aenter__()
    assert lost.value.say.code in {code, "net.name_server"}
    assert not up.link.turned_away


async def test_a_stranger_a_wrong_name_and_a_wrong_key_are_no_platform(authority, tmp_path):
    with HttpPlatform(authority, GATEWAY) as platform:
        for ca, host, code in ((Authority(tmp_path, "stranger").ca, "127.0.0.1", "tls."), (platform.ca, "localhost", "tls.other_host")):
            at = place(platform.url.replace("127.0.0.1", host), platform.key, ca)
            with pytest.raises(LinkLost) as lost:
                await Up(at).__aenter__()
            assert lost.value.say.code.startswith(code)
        assert not platform.heard, "nothing was said before it was clear to whom"
        with pytest.raises(LinkLost) as lost:
            await Up(place(platform.url, HttpPlatform(None, GATEWAY).key, platform.ca)).__aenter__()
        assert lost.value.say.code == "post.refused"
        platform.breaches.clear()


async def test_a_platform_may_ask_for_a_certificate_of_ours(authority):
    ours, key = authority.issue("gateway-http"), HttpPlatform(None, GATEWAY).key
    own = authority.issue("asks", hosts=("127.0.0.1",))
    with HookServer(says(200, NOTHING), (own.cert, own.key), client_ca=authority.ca) as server:
        async with Up(place(server.url, key, authority.ca, cert=ours.cert, key=ours.key)) as up:
            await up.tells()
        with pytest.raises(LinkLost) as lost:
            await Up(place(server.url, key, authority.ca)).__aenter__()
        assert lost.value.say.code in {"tls.wants_certificate", "post.broke_off"}, "a reset may be faster than its word"


@pytest.mark.parametrize("behind", [-400 * 86400, 3 * 3600])
async def test_a_box_whose_clock_is_wrong_signs_by_the_platforms(authority, monkeypatch, behind):
    with HttpPlatform(authority, GATEWAY) as platform:
        monkeypatch.setattr(https, "time", SimpleNamespace(time=lambda: time.time() + behind, monotonic=time.monotonic))
        own = platform.server.does

        def does(came):
            if abs(int(came.headers["webhook-timestamp"]) - time.time()) > 300:
                return 401, {}, b""
            return own(came)

        platform.server.does = does
        async with Up(place(platform.url, platform.key, platform.ca)) as up:
            await up.tells()
            assert [name for name, _ in up.heard] == ["receipt"]
            refused = len(platform.server.came) - len(platform.heard) - platform.polls
            assert refused == 1, "once, and then it is known"


# -- instructions ----------------------------------------------------------------------------------------------------------


async def test_what_the_platform_has_to_say_comes_with_a_poll_that_it_holds_and_with_any_answer(authority):
    with HttpPlatform(authority, GATEWAY) as platform:
        async with Up(place(platform.url, platform.key, platform.ca)) as up:
            await until(lambda: platform.polls == 1)
            order = platform.instruct("test")
            await until(lambda: up.heard)
            platform.says(online=False, reason="power cut")
            await until(lambda: len(up.heard) == 2)
            platform.does = lambda _: (200, {}, json.dumps({"v": 1, "instructions": [{"id": "a"}, {"id": "b"}], "receipt": None}).encode())
            await up.tells()
            assert [(name, body.get("id") or body["reason"]) for name, body in up.heard] == [
                ("instruction", order),
                ("platform", "power cut"),
                ("instruction", "a"),
                ("instruction", "b"),
            ], "what is in them is read by whoever reads it of a broker"


async def test_who_does_not_hold_a_poll_is_asked_less_and_less_often(monkeypatch):
    rests, key = [], HttpPlatform(None, GATEWAY).key
    monkeypatch.setattr(https, "wait_before", lambda idle: rests.append(idle) or 0.001)
    with HookServer(says(200, NOTHING), keeps=True) as server:
        async with Up(place(server.url, key)) as up:
            await until(lambda: len(rests) >= 8)
            assert up.link.connected
    assert rests[:8] == [1, 2, 3, 4, 5, 6, 7, 8], "as a link that is lost: from a second to a minute"


@pytest.mark.parametrize(
    "answer", [(200, {}, HTML), (504, {}, b""), (429, {}, b""), lambda handler: setattr(handler, "close_connection", True)]
)
async def test_a_poll_that_gets_no_answer_says_nothing_of_the_link(authority, answer):
    key = HttpPlatform(None, GATEWAY).key
    polls = []

    def does(came):
        if b'"poll"' not in came.body:
            return 200, {}, NOTHING
        polls.append(came)
        return answer

    with waits.changed("box", first=0.1), HookServer(does, keeps=True) as server:
        async with Up(place(server.url, key)) as up:
            await until(lambda: len(polls) > 2)
            await up.tells()
            assert up.link.connected


async def test_a_poll_that_is_refused_ends_the_link(authority):
    key = HttpPlatform(None, GATEWAY).key
    with HookServer(lambda came: (403, {}, b"") if b'"poll"' in came.body else (200, {}, NOTHING), keeps=True) as server:
        up = Up(place(server.url, key))
        await up.__aenter__()
        assert (await up.lost()).code == "post.refused"


# -- in turn ---------------------------------------------------------------------------------------------------------------


async def test_one_is_under_way_at_a_time_and_an_entry_goes_before_whatever_else_waits(authority):
    with HttpPlatform(authority, GATEWAY) as platform:
        async with Up(place(platform.url, platform.key, platform.ca)) as up:
            gate = asyncio.Event()
            loop, held = asyncio.get_running_loop(), []

            def holds(came):
                held.append(came)
                asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(NEVER)
                return platform.receipt(came)

            platform.does = holds
            first = asyncio.create_task(up.tells("home", HOME))
            await until(lambda: held)
            rest = [asyncio.create_task(up.tells("readings", READINGS)), asyncio.create_task(up.beats())]
            await asyncio.sleep(0)
            rest.append(asyncio.create_task(up.tells()))
            await asyncio.sleep(0.05)
            assert len(held) == 1
            gate.set()
            await asyncio.gather(first, *rest)
            assert [json.loads(c.body)["type"] for c in held] == ["home", "alarm", "readings", "heartbeat"]


async def test_cancelled_at_any_moment_it_leaves_nothing(authority):
    before = len(asyncio.all_tasks())
    with HttpPlatform(authority, GATEWAY) as platform:
        for steps in range(0, 60, 3):
            up = Up(place(platform.url, platform.key, platform.ca))
            up.link.hurry()
            task = asyncio.create_task(up.link.run())
            telling = None
            for _ in range(steps):
                await asyncio.sleep(0.0005)
                if up.up.is_set() and telling is None:
                    telling = asyncio.create_task(up.tells())
            task.cancel()
            await asyncio.gather(task, *([telling] if telling else []), return_exceptions=True)
            assert not up.link.connected
        assert len(asyncio.all_tasks()) == before
        async with Up(place(platform.url, platform.key, platform.ca)) as up:
            await up.tells()


async def test_a_link_that_ends_lets_go_of_whoever_sends(authority):
    with HttpPlatform(authority, GATEWAY) as platform:
        up = Up(place(platform.url, platform.key, platform.ca))
        await up.__aenter__()
        platform.does = lambda _: None
        telling = asyncio.create_task(up.tells())
        await until(lambda: len(platform.heard) > 1)
        up.link.hurry()
        await up.__aexit__()
        with pytest.raises(LinkLost):
            await telling
