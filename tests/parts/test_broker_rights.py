"""What config/broker/ gives to a gateway at a real Mosquitto: its own topics in its own direction, and nothing of any other home."""

import asyncio
import contextlib
import json
import re
import socket
import ssl
from pathlib import Path

import aiomqtt
import pytest
from gateway.contract import wire
from gateway.tell.connection import Broker, LinkLost
from gateway.tell.mqtt import Link
from gateway.tell.outbox import NotTaken
from gateway.words.clock import Quality, When

from tests.kit.brokers import Authority, Mosquitto
from tests.kit.wait import PATIENCE, until

ROOT = Path(__file__).parents[2]
ACL = (ROOT / "config" / "broker" / "mosquitto.acl").read_text(encoding="utf-8")
CONF = (ROOT / "config" / "broker" / "mosquitto.conf").read_text(encoding="utf-8")
A, B = "gw-a", "gw-b"
DESK, SECOND = "platform-1", "platform-2"  # two processes of the platform
WORDS = {A: "sea-of-grass-a", B: "sea-of-grass-b", DESK: "sea-of-grass-p", SECOND: "sea-of-grass-q"}
FROM_GATEWAY = [name for name in wire.EVERY_MESSAGE if name not in wire.TO_GATEWAY]
V5 = aiomqtt.ProtocolVersion.V5


def lines_of_the_example():
    """Return what of the example is not about where its files lie."""
    elsewhere = ("listener", "certfile", "keyfile", "password_file", "allow_anonymous", "acl_file", "persistence", "#")
    return "\n".join(line for line in CONF.splitlines() if line and not line.startswith(elsewhere))


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("papers"))


@pytest.fixture(scope="module")
def broker(papers):
    extra = lines_of_the_example()
    assert "use_username_as_clientid true" in extra
    with Mosquitto(tls=papers.issue("server", hosts=("127.0.0.1",)), passwords=WORDS, acl=ACL, extra=extra) as made:
        made.context = ssl.create_default_context(cafile=papers.ca)
        made.tls_ca = papers.ca
        yield made


def client(broker, who, **more):
    options = {"identifier": more.pop("identifier", None), "protocol": V5, "timeout": 10} | more
    return aiomqtt.Client("127.0.0.1", broker.port, username=who, password=WORDS[who], tls_context=broker.context, **options)


def told(gateway, online, reason):
    return wire.encode(wire.Status(1, gateway, online, reason, "0.0.test"))


class Home:
    """A gateway's real link, signed in as its id."""

    def __init__(self, broker, gateway):
        self.gateway, self.heard, self.downs = gateway, [], []
        where = Broker(host="127.0.0.1", port=broker.port, gateway=gateway, ca=broker.tls_ca, username=gateway, password=WORDS[gateway])
        self.link = Link(
            where,
            status=lambda online, reason: told(gateway, online, reason),
            heard=lambda name, body: self.heard.append((name, json.loads(body or "{}"))),
            down=self.downs.append,
        )

    async def __aenter__(self):
        self.task = asyncio.create_task(self.link.run())
        async with asyncio.timeout(PATIENCE):
            while not self.link.connected:
                assert not self.task.done(), self.task.exception()
                await asyncio.sleep(0.01)
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.wait((self.task,))

    async def hears(self, mark):
        await until(lambda: any(body.get("id") == mark for _, body in self.heard))


class Platform:
    """The platform's side: what it heard, with topics."""

    def __init__(self, broker):
        self.client = client(broker, DESK)
        self.heard = []

    async def __aenter__(self):
        await self.client.__aenter__()
        await self.client.subscribe([(f"eldercare/v1/+/{name}", 1) for name in FROM_GATEWAY])
        self.task = asyncio.create_task(self._hear())
        return self

    async def __aexit__(self, *how):
        self.task.cancel()
        await asyncio.wait((self.task,))
        await self.client.__aexit__(*how)

    async def _hear(self):
        async for message in self.client.messages:
            self.heard.append((message.topic.value, bytes(message.payload)))

    async def tell(self, gateway, mark):
        body = {"v": 1, "gateway": gateway, "id": mark, "do": "test", "by": "desk"}
        await self.client.publish(wire.topic(gateway, "instruction"), json.dumps(body).encode(), qos=1)

    async def hears(self, gateway, mark):
        await until(lambda: any(topic.startswith(f"eldercare/v1/{gateway}/") and mark in body for topic, body in self.heard))


def heartbeat(gateway, number):
    at = When("boot1", 1.0, "2026-11-22T00:00:00.000Z", Quality.SYNCHRONISED)
    return wire.encode(wire.Heartbeat(1, gateway, "j1", at, 60.0, number, 0, 0, 0, [], "platform"))


async def test_a_gateway_can_do_all_that_it_must(broker):
    async with Platform(broker) as platform, Home(broker, A) as home:
        for number, name in enumerate(FROM_GATEWAY):
            await home.link.publish(wire.topic(A, name), heartbeat(A, 7700 + number))
            await platform.hears(A, f"{7700 + number}".encode())
        await platform.tell(A, "x-1")
        await platform.client.publish(wire.topic(A, "receipt"), json.dumps({"id": "r-1"}).encode(), qos=1)
        await home.hears("x-1")
        await home.hears("r-1")
    async with Platform(broker) as platform:
        await platform.hears(A, b'"stopped"')  # the farewell was retained under its own topic


@pytest.mark.parametrize("protocol", [V5, aiomqtt.ProtocolVersion.V311])
async def test_a_gateway_hears_nothing_of_another_however_it_asks(broker, protocol):
    heard = []
    filters = ["#", "eldercare/#", "+/+/+/+", "eldercare/v1/+/instruction", "$SYS/#"] + [wire.topic(B, n) for n in wire.EVERY_MESSAGE]
    if protocol is V5:
        filters += [f"$share/x/{wire.topic(B, 'instruction')}", "$share/x/eldercare/v1/+/alarm", "$share/x/#"]
    async with Platform(broker) as platform, Home(broker, B) as home, client(broker, A, protocol=protocol) as spy:
        for each in filters:
            with contextlib.suppress(aiomqtt.MqttError):
                await spy.subscribe(each, qos=1)

        async def listen():
            async for message in spy.messages:
                heard.append((message.topic.value, bytes(message.payload)))  # noqa: PERF401  it never ends by itself

        listening = asyncio.create_task(listen())
        for name in FROM_GATEWAY:
            await home.link.publish(wire.topic(B, name), heartbeat(B, 8100))
        await platform.hears(B, b"8100")
        await platform.tell(B, "for-b-alone")
        await home.hears("for-b-alone")
        await platform.tell(A, "for-a")  # the last of all: when it has come, everything before it would have
        await until(lambda: any(b"for-a" in body for _, body in heard))
        listening.cancel()
        await asyncio.wait((listening,))
    assert {topic for topic, _ in heard} <= {wire.topic(A, "instruction"), wire.topic(A, "receipt")}, heard


@pytest.mark.parametrize("protocol", [V5, aiomqtt.ProtocolVersion.V311])
async def test_a_gateway_says_nothing_for_another_and_tells_itself_nothing(broker, protocol):
    forged = heartbeat(B, 666)
    will = aiomqtt.Will(wire.topic(B, "status"), forged, qos=1, retain=True)
    order = json.dumps({"v": 1, "gateway": B, "id": "forged", "do": "close", "by": "desk"}).encode()
    async with Platform(broker) as platform, Home(broker, B) as home:
        liar = client(broker, A, protocol=protocol, will=will)
        await liar.__aenter__()
        for name in FROM_GATEWAY:
            for retain in (False, True):
                with contextlib.suppress(aiomqtt.MqttError):
                    await liar.publish(wire.topic(B, name), forged, qos=1, retain=retain)
        for gateway in (A, B):
            for name in wire.TO_GATEWAY:
                with contextlib.suppress(aiomqtt.MqttError):
                    await liar.publish(wire.topic(gateway, name), order, qos=1, retain=True)
        liar._client._sock.shutdown(socket.SHUT_RDWR)  # no farewell: the broker sends the last will, if it may
        with contextlib.suppress(aiomqtt.MqttError):
            await liar.__aexit__(None, None, None)
        await home.link.publish(wire.topic(B, "heartbeat"), heartbeat(B, 8200))
        await platform.hears(B, b"8200")
        await platform.tell(B, "after")
        await home.hears("after")
        async with Home(broker, A) as own:
            await platform.tell(A, "after")
            await own.hears("after")
            assert not [body for _, body in own.heard if body.get("id") == "forged"], "nor does a kept one wait for itself"
    assert b"666" not in b"".join(body for _, body in platform.heard)
    assert not [body for _, body in home.heard if body.get("id") == "forged"]
    async with Platform(broker) as later:
        await later.hears(B, b'"stopped"')
        assert b"666" not in b"".join(body for _, body in later.heard), "nothing was retained"


async def test_every_gateway_hears_whether_the_platform_is_there_and_none_says_so(broker):
    async with Platform(broker) as platform, Home(broker, B) as other, client(broker, A) as liar:
        topic = wire.topic(A, wire.TO_ALL)
        with contextlib.suppress(aiomqtt.MqttError):
            await liar.publish(topic, b'{"v":1,"online":false,"reason":"forged"}', qos=1, retain=True)
        await platform.client.publish(topic, b'{"v":1,"online":true}', qos=1, retain=True)
        await until(lambda: ("platform", {"v": 1, "online": True}) in other.heard)
        async with Home(broker, A) as late:
            await until(lambda: ("platform", {"v": 1, "online": True}) in late.heard)
            await platform.client.publish(topic, b"", qos=1, retain=True)
            assert "forged" not in json.dumps([*other.heard, *late.heard])


async def test_a_list_that_does_not_know_the_platforms_topic_yet_lets_the_gateway_work_all_the_same(papers):
    old = "\n".join(line for line in ACL.splitlines() if "eldercare/v1/platform" not in line)
    with Mosquitto(tls=papers.issue("server", hosts=("127.0.0.1",)), passwords=WORDS, acl=old, extra=lines_of_the_example()) as there:
        there.context, there.tls_ca = ssl.create_default_context(cafile=papers.ca), papers.ca
        async with Platform(there) as platform, Home(there, A) as home:
            await platform.tell(A, "x-1")
            await home.hears("x-1")
            await home.link.publish(wire.topic(A, "alarm"), heartbeat(A, 9100))
            await platform.hears(A, b"9100")
            assert home.downs == []


async def test_nobody_takes_anothers_session_by_its_client_id(broker):
    async with Platform(broker) as platform, Home(broker, B) as home:
        async with client(broker, A, identifier=B, clean_start=False) as thief:
            await platform.tell(B, "still-here")
            await home.hears("still-here")
            await thief.publish(wire.topic(A, "heartbeat"), heartbeat(A, 8300), qos=1)
            await platform.hears(A, b"8300")
        await home.link.publish(wire.topic(B, "heartbeat"), heartbeat(B, 8301))
        await platform.hears(B, b"8301")
        assert home.downs == []


async def test_the_link_is_told_what_it_may_not(broker):
    async with Home(broker, A) as home:
        with pytest.raises(NotTaken, match=r"access list|authoris"):
            await home.link.publish(wire.topic(B, "alarm"), heartbeat(A, 1))
        await home.link.publish(wire.topic(A, "alarm"), heartbeat(A, 2))


@pytest.mark.parametrize("who", [None, "gw-c", "+", "#", "gw-a/+", ""])
async def test_nobody_without_a_word_of_his_own_comes_in(broker, who):
    with pytest.raises(aiomqtt.MqttError):
        async with aiomqtt.Client(
            "127.0.0.1", broker.port, username=who, password=WORDS[A] if who else None, tls_context=broker.context, protocol=V5
        ):
            pass


def test_the_list_names_every_message_of_the_contract_once_and_in_its_direction():
    given = {
        name: how for how, _, name in re.findall(r"^pattern (\w+) eldercare/v1/(%u/(?!platform)|(?=platform))(\w+)$", ACL, re.MULTILINE)
    }
    assert given == {name: "read" if name in wire.TO_GATEWAY else "write" for name in wire.EVERY_MESSAGE}
    for who in (DESK, SECOND):
        rules = re.search(rf"^user {who}\n((?:topic .*\n)+)", ACL, re.MULTILINE)[1]
        theirs = {
            name: how for how, _, name in re.findall(r"^topic (\w+) eldercare/v1/(\+/(?!platform)|(?=platform))(\w+)$", rules, re.MULTILINE)
        }
        assert theirs == {name: "write" if name in wire.TO_GATEWAY else "read" for name in wire.EVERY_MESSAGE}
    rules = [line for line in ACL.splitlines() if line and not line.startswith("#")]
    assert len(rules) == 3 * len(wire.EVERY_MESSAGE) + 2


async def test_two_processes_of_the_platform_work_side_by_side_and_share_what_comes(broker):
    """With one user they threw each other out for ever: the user name is the client id, and that has one connection."""
    taken = {DESK: [], SECOND: []}

    async def work(who):
        async with client(broker, who) as worker:
            await worker.subscribe(f"$share/desk/{wire.topic('+', 'alarm')}", qos=1)
            ready[who].set()
            async for message in worker.messages:
                taken[who].append(message.payload)
                await worker.publish(wire.topic(A, "receipt"), message.payload, qos=1)

    ready = {who: asyncio.Event() for who in taken}
    working = [asyncio.create_task(work(who)) for who in taken]
    await asyncio.gather(*(asyncio.wait_for(one.wait(), PATIENCE) for one in ready.values()))
    sent = [b'{"id": "a-%d"}' % n for n in range(60)]
    async with Home(broker, A) as home:
        for body in sent:
            await home.link.publish(wire.topic(A, "alarm"), body)
        await until(lambda: len(home.heard) >= len(sent))
        assert not any(one.done() for one in working), "nobody was thrown out"
    assert sorted(taken[DESK] + taken[SECOND]) == sorted(sent), "each alarm went to one of them"
    assert all(taken.values()), "and both had some"
    for one in working:
        one.cancel()
    await asyncio.wait(working)


async def test_two_processes_of_one_user_throw_each_other_out(broker):
    """Why the example has a user for each."""
    async with client(broker, DESK) as first:
        await first.subscribe(wire.topic("+", "alarm"), qos=1)
        async with client(broker, DESK, identifier="another"):
            with pytest.raises(aiomqtt.MqttError):
                async with asyncio.timeout(PATIENCE):
                    await anext(aiter(first.messages))


async def test_a_revoked_box_is_let_in_no_more_and_the_others_need_nothing_new(tmp_path):
    """The certificate of a box that was stolen is good until its date: only the broker's list ends it."""
    lines = [line.removeprefix("#").split()[0] for line in CONF.splitlines() if line]
    assert lines.index("crlfile") > lines.index("cafile"), "the example has a place for the list"
    authority = Authority(tmp_path)
    server, stolen, kept = authority.issue("server", hosts=("127.0.0.1",)), authority.issue(A), authority.issue(B)
    extra = "use_identity_as_username true\nuse_username_as_clientid true"
    with Mosquitto(tls=server, ca=authority.ca, crl=authority.revoked(stolen), acl=ACL, extra=extra) as there:
        for papers, gateway in ((stolen, A), (kept, B)):
            where = Broker(host="127.0.0.1", port=there.port, gateway=gateway, ca=authority.ca, cert=papers.cert, key=papers.key)
            up = asyncio.Event()
            link = Link(where, status=lambda online, reason, gateway=gateway: told(gateway, online, reason), heard=lambda *_: None)
            run = asyncio.create_task(link.run(up.set))
            waiting = asyncio.create_task(up.wait())
            await asyncio.wait((run, waiting), timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if papers is stolen:
                # TLS 1.3 refuses after the handshake: a CONNECT that meets the closed socket is reset, and the reason is lost.
                with pytest.raises(LinkLost, match=r"revoked|missing or refused client certificate"):
                    await run
                assert not up.is_set()
            else:
                assert up.is_set()
                run.cancel()
                await asyncio.gather(run, return_exceptions=True)
