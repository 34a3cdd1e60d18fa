"""The platform link on real brokers: Mosquitto (MQTT 5 and 3.1.1) and the embedded one (3.1.1 only), and a few that misbehave."""

import asyncio
import contextlib
import datetime as dt
import gc
import json
import logging
import re
import socket
import ssl
import warnings
from pathlib import Path
from types import SimpleNamespace

import aiomqtt
import pytest
from gateway.box.waits import WAITS as DIAL
from gateway.contract import wire
from gateway.tell import connection, mqtt
from gateway.tell.connection import Broker, LinkLost
from gateway.tell.heartbeat import Heartbeats
from gateway.tell.mqtt import Link
from gateway.tell.outbox import Lost, NotTaken
from gateway.tell.waits import WAITS
from gateway.words.clock import Moment, Quality, When
from gateway.words.times import Times
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.kit.brokers import Authority, Embedded, Mosquitto, Platform, breaches
from tests.kit.wait import NEVER, PATIENCE, until

GATEWAY = "gw-1"
PASSWORD = "correct-horse-battery"
DAY = dt.timedelta(days=1)


def status(online, reason):
    return wire.encode(wire.Status(1, GATEWAY, online, reason, "0.0.test"))


def heartbeat(number=0, gateway=GATEWAY):
    at = When("boot1", 1.0, "2026-11-22T00:00:00.000Z", Quality.SYNCHRONISED)
    return wire.encode(wire.Heartbeat(1, gateway, "j1", at, 60.0, number, 0, 0, 0, [], "platform"))


def topic(name):
    return wire.topic(GATEWAY, name)


class Up:
    """A running Link with all it heard and said. Leaving it is a clean stop."""

    def __init__(self, broker, **options):
        self.heard, self.refused, self.downs, self.ups = [], [], [], 0
        where = {"host": broker.host, "port": broker.port, "gateway": GATEWAY, "tls": False} if not isinstance(broker, Broker) else {}
        links = {k: options.pop(k) for k in ("proved", "heard", "status") if k in options}
        self.link = Link(
            broker if isinstance(broker, Broker) else Broker(**where | options),
            status=links.pop("status", status),
            heard=links.pop("heard", lambda name, payload: self.heard.append((name, payload))),
            refused=lambda name, why: self.refused.append((name, why)),
            up=self.on_up,
            down=self.downs.append,
            **links,
        )

    def on_up(self):
        self.ups += 1

    async def __aenter__(self):
        self.task = asyncio.create_task(self.link.run())
        await until(lambda: self.link.connected or self.task.done())
        if self.task.done():
            self.task.result()
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.wait((self.task,))
        assert not self.link.connected
        if not self.task.cancelled():
            self.task.exception()


async def refusal(broker, **options):
    """Return the LinkLost of one failed run, after checking that it left nothing behind and told no secret."""
    before = open_files()
    with pytest.raises(LinkLost) as caught:
        await one_life(broker, **options)
    await until(lambda: open_files() <= before)  # a scripted broker's own end closes a little later
    assert_no_secret(caught.value)
    return caught.value


async def one_life(broker, **options):
    async with asyncio.timeout(PATIENCE), Up(broker, **options) as up:
        await up.task


def assert_no_secret(error):
    while error is not None:
        assert PASSWORD not in f"{error!s} {error!r} {error.args}"
        error = error.__cause__ or error.__context__


def open_files():
    return len([path for path in Path("/proc/self/fd").iterdir() if is_socket(path)])


def is_socket(path):
    with contextlib.suppress(OSError):
        return str(path.readlink()).startswith("socket:")
    return False


@pytest.fixture(autouse=True)
def clean(caplog):
    """No secret in any log line of any test, and no exception that nobody looked at."""
    caplog.set_level(logging.DEBUG)
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gc.collect()
    assert PASSWORD not in caplog.text
    assert "never retrieved" not in caplog.text
    assert "Task was destroyed" not in caplog.text
    assert "Exception in callback" not in caplog.text


@pytest.fixture(scope="module")
def mosquitto():
    with Mosquitto() as broker:
        yield broker


@pytest.fixture(scope="module")
def embedded():
    with Embedded() as broker:
        yield broker


@pytest.fixture(params=["mosquitto 5", "mosquitto 3.1.1", "embedded 3.1.1"])
def broker(request):
    """Each broker in each version it speaks, as (broker, version)."""
    name, version = request.param.split()
    return request.getfixturevalue(name), version


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


# -- the ordinary day ---------------------------------------------------------------------------------------------------


async def test_publishes_hears_and_says_goodbye(broker):
    where, version = broker
    async with Platform(where, GATEWAY) as platform:
        async with Up(where, version=version) as up:
            assert up.link.version == version
            await platform.wait(lambda m: m["type"] == "status" and m["online"])
            for number in (4, 5, 6):  # the second time on, MQTT 5 has a number in the place of the topic
                await up.link.say_now(topic("heartbeat"), heartbeat(number), 180.0)
            await until(lambda: {4, 5, 6} <= {m["last_number"] for m in platform.named("heartbeat")})
            if isinstance(where, Mosquitto):  # the other gives each message the QoS of the subscription
                assert {(h.qos, h.retain) for h in platform.heard if h.name == "heartbeat"} == {(0, False)}
            await up.link.publish(topic("heartbeat"), heartbeat(7))
            heard = await platform.wait_heard(lambda h: h.name == "heartbeat" and h.body["last_number"] == 7)
            assert heard.qos == 1
            await platform.instruct("test", id="i-1")
            await platform.receipt("j1", [(1, 3)])
            await until(lambda: len(up.heard) == 2)
            assert [name for name, _ in up.heard] == ["instruction", "receipt"]
            assert json.loads(up.heard[0][1])["id"] == "i-1"
        gone = await platform.wait(lambda m: m["type"] == "status" and not m["online"])
        assert gone["reason"] == "stopped"
        assert up.ups == 1
        assert up.downs == ["stopped"]
    with pytest.raises(Lost, match="not connected"):
        await up.link.publish(topic("heartbeat"), heartbeat())


async def test_status_is_retained(broker):
    where, version = broker
    async with Up(where, version=version), Platform(where, GATEWAY) as late:
        heard = await late.wait_heard(lambda h: h.name == "status")
        assert heard.retain
        assert heard.body["online"]


async def test_a_line_that_flaps_brings_no_last_will(mosquitto):
    async with Platform(mosquitto, GATEWAY) as platform:

        def words():
            return [h.body["reason"] for h in platform.heard if h.name == "status" and not h.retain]

        for n in (1, 2, 3):
            up = await Up(mosquitto, version="5", will_delay=round(NEVER)).__aenter__()
            await until(lambda n=n: words().count("connected") == n)
            if n < 3:
                up.link._connection._sock.shutdown(socket.SHUT_RDWR)
                with pytest.raises(LinkLost):
                    await up.task
        await up.__aexit__()
        await until(lambda: "stopped" in words())
        assert words() == ["connected"] * 3 + ["stopped"]


async def test_last_will_after_a_crash(broker):
    where, version = broker
    async with Platform(where, GATEWAY) as platform, Up(where, version=version, will_delay=1) as up:
        await platform.wait(lambda m: m["type"] == "status" and m["online"])
        seen = len(platform.heard)
        up.link._connection._sock.shutdown(socket.SHUT_RDWR)
        lost = await platform.wait(lambda m: m["type"] == "status" and not m["online"], after=seen)
        assert lost["reason"] == "lost"
        await until(up.task.done)
        assert "closed the connection" in up.downs[0]


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_instructions_given_while_away_arrive(mosquitto, version):
    """A help that brokers may give and may not (the embedded one forgets them): the platform sends again until there is a result."""
    where = mosquitto
    async with Up(where, version=version):
        pass
    async with Platform(where, GATEWAY) as platform:
        await platform.instruct("test", id="while-away")
        async with Up(where, version=version) as up:
            await until(lambda: any(json.loads(p).get("id") == "while-away" for _, p in up.heard))


class InAHurry:
    """A clock that runs: every look is a minute later. It is the store too."""

    boot, journal, generation, head = "boot1", "j1", 1, SimpleNamespace(number=7, hash="")

    def __init__(self):
        self.mono = 0.0

    def now(self):
        self.mono += 60.0
        return Moment(self.mono, dt.datetime(2026, 11, 22, tzinfo=dt.UTC))

    def real(self, _seconds):
        return 0.0

    async def counts(self):
        return 0, 0


class Counted:
    """A link of which each word is counted."""

    def __init__(self, link):
        self.link, self.connected, self.words = link, True, 0

    async def publish(self, *args, **more):
        await self.link.publish(*args, **more)
        self.words += 1

    async def say_now(self, *args):
        await self.link.say_now(*args)
        self.words += 1


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_an_hour_of_heartbeats_pushes_no_alarm_out_of_the_broker_while_the_platform_is_away(version):
    """Forty-five homes filled the queue of the example in 22 minutes, and the broker threw away what came then."""
    session = Properties(PacketTypes.CONNECT)
    session.SessionExpiryInterval = 3600
    with Mosquitto(extra="max_queued_messages 20") as there:
        options = {
            "hostname": "127.0.0.1",
            "port": there.port,
            "identifier": "desk-1",
            "clean_start": False,
            "properties": session,
            "protocol": aiomqtt.ProtocolVersion.V5,
        }
        async with aiomqtt.Client(**options) as platform:
            for name in ("alarm", "heartbeat"):
                await platform.subscribe(topic(name), qos=1)
        async with Up(there, version=version) as up:
            link = Counted(up.link)
            clock = InAHurry()
            home = SimpleNamespace(gateway=GATEWAY, config=SimpleNamespace(times=Times(), platform=SimpleNamespace(receipts="platform")))
            nothing = SimpleNamespace(alarms={}, faults=SimpleNamespace(on={}))
            beating = asyncio.create_task(Heartbeats(home, clock, SimpleNamespace(store=clock), nothing).run(link))
            await until(lambda: link.words >= 60)
            beating.cancel()
            await asyncio.wait((beating,))
            await up.link.publish(topic("alarm"), b"help")
        heard = []
        async with aiomqtt.Client(**options) as platform, asyncio.timeout(PATIENCE):
            async for message in platform.messages:
                heard.append((message.topic.value, message.payload))
                if message.payload == b"help":
                    break
        assert heard == [(topic("alarm"), b"help")]


async def test_many_callers_share_one_window(broker):
    where, version = broker
    async with Platform(where, GATEWAY) as platform, Up(where, version=version) as up:
        await asyncio.gather(*(up.link.publish(topic("heartbeat"), heartbeat(n)) for n in range(200)))
        await until(lambda: {m["last_number"] for m in platform.named("heartbeat")} == set(range(200)))
        assert not up.link._connection._waiting


async def test_cancelled_publish_leaves_the_link_alone(mosquitto):
    async with Up(mosquitto) as up:
        for _ in range(connection.WINDOW * 3):
            task = asyncio.create_task(up.link.publish(topic("heartbeat"), heartbeat()))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait((task,))
        await up.link.publish(topic("heartbeat"), heartbeat())
        assert up.link.connected


async def test_messages_are_delivered_without_a_task_each(mosquitto):
    begun = []

    def begin(loop, work, **more):
        if getattr(work, "cr_code", None) is not None and work.cr_code.co_filename == mqtt.__file__:
            begun.append(work.__qualname__)
        return asyncio.Task(work, loop=loop, **more)

    async with Platform(mosquitto, GATEWAY) as platform, Up(mosquitto) as up:
        asyncio.get_running_loop().set_task_factory(begin)
        await asyncio.gather(*(platform.instruct("test", id=f"n{n}") for n in range(100)))
        await until(lambda: len(up.heard) == 100)
        assert begun == []


# -- what comes in and is not wanted ------------------------------------------------------------------------------------


async def test_too_large_is_refused_before_it_is_read(broker):
    where, version = broker
    async with Platform(where, GATEWAY) as platform, Up(where, version=version) as up:
        await platform.send("instruction", b" " * (wire.LARGEST + 1))
        await platform.send("instruction", b" " * wire.LARGEST)
        await until(lambda: up.heard)
        assert [len(p) for _, p in up.heard] == [wire.LARGEST]
        assert [(name, str(wire.LARGEST + 1) in why) for name, why in up.refused] == [("instruction", True)]


async def test_far_too_large_never_leaves_a_broker_of_mqtt_5(mosquitto):
    async with Platform(mosquitto, GATEWAY) as platform, Up(mosquitto) as up:
        await platform.send("instruction", b" " * (wire.LARGEST + connection.ENVELOPE + 100))
        await platform.send("receipt", b"{}")
        await until(lambda: up.heard)
        assert up.refused == []


async def test_a_bug_in_the_listener_is_no_link_trouble(mosquitto):
    def broken(name, payload):
        raise KeyError(name)

    async with Platform(mosquitto, GATEWAY) as platform, Up(mosquitto, heard=broken) as up:
        await platform.send("receipt", b"{}")
        await until(up.task.done)
        with pytest.raises(KeyError, match="receipt"):
            await up.task


async def test_no_such_topic_of_ours(mosquitto):
    async with Up(mosquitto) as up, aiomqtt.Client(mosquitto.host, mosquitto.port) as other:
        await up.link._connection.ask([topic("else")])  # a broker that sends what nobody asked for
        await other.publish(topic("else"), b"x", qos=1)
        await until(lambda: up.refused)
        assert up.refused[0][0] == "else"


# -- lost, and refused --------------------------------------------------------------------------------------------------


async def test_broker_restarts():
    with Mosquitto() as broker:
        async with Platform(broker, GATEWAY) as platform:
            async with Up(broker) as up:
                waiting = asyncio.gather(*(up.link.publish(topic("heartbeat"), heartbeat(n)) for n in range(50)), return_exceptions=True)
                broker.restart()
                await until(up.task.done)
                with pytest.raises(LinkLost):
                    await up.task
                async with asyncio.timeout(PATIENCE):
                    assert all(r is None or isinstance(r, Lost) for r in await waiting)
            async with Up(broker) as again:
                async with asyncio.timeout(PATIENCE):
                    while not platform.named("heartbeat") or platform.named("heartbeat")[-1]["last_number"] != 99:
                        await again.link.publish(topic("heartbeat"), heartbeat(99))


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_half_open_is_noticed_by_the_publish(version, monkeypatch):
    monkeypatch.setattr(WAITS, "puback", 0.4)
    monkeypatch.setattr(WAITS, "farewell", 0.2)
    with Mosquitto() as broker:
        async with Up(broker, version=version) as up:
            broker.freeze()
            with pytest.raises(LinkLost, match="not confirmed"):
                await up.link.publish(topic("heartbeat"), heartbeat())
            await until(up.task.done)
            assert "not confirmed" in up.downs[0]
        broker.thaw()


async def test_half_open_is_noticed_without_traffic():
    with Mosquitto() as broker:
        async with Up(broker, keepalive=1) as up:
            broker.freeze()
            await until(up.task.done)
            assert "too long" in up.downs[0]
        broker.thaw()


async def test_clean_stop_from_a_dead_broker_is_bounded(monkeypatch):
    monkeypatch.setattr(WAITS, "farewell", 0.3)
    with Mosquitto() as broker:
        async with Up(broker) as up:
            broker.freeze()
            began = asyncio.get_running_loop().time()
            up.task.cancel()
            await asyncio.wait((up.task,))
            assert up.task.cancelled()
            assert asyncio.get_running_loop().time() - began > 0.2
        broker.thaw()


async def test_frozen_broker_accepts_nobody(monkeypatch):
    monkeypatch.setattr(WAITS, "version_trial", 0.3)
    monkeypatch.setattr(WAITS, "answer", 0.3)
    with Mosquitto() as broker:
        broker.freeze()  # the kernel still takes the TCP connection
        error = await refusal(broker)
        assert "does not answer" in str(error)
        broker.thaw()
        async with Up(broker) as up:
            assert up.link.version == "5"


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_second_box_with_one_id(mosquitto, version, monkeypatch):
    """Mosquitto 2.0 closes without a word in both versions: three times in a row is called what it is."""
    first = Up(mosquitto, version=version)
    taken = []
    for _ in range(mqtt.SHORT_LIVES):
        async with first, Up(mosquitto, version=version) as second:
            await until(first.task.done)
            with pytest.raises(LinkLost) as caught:
                await first.task
            taken.append(caught.value.taken_over)
            await second.link.publish(topic("heartbeat"), heartbeat())
    assert taken == [False] * (mqtt.SHORT_LIVES - 1) + [True]
    assert GATEWAY in str(caught.value)
    assert first.link.taken_over
    async with first:
        assert first.link.taken_over  # to be connected again proves nothing yet
        monkeypatch.setattr(WAITS, "short_life", 0.0)
        assert not first.link.taken_over


async def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        error = await refusal(Broker(host="127.0.0.1", port=port, gateway=GATEWAY, tls=False))
        assert f"127.0.0.1:{port} refused the connection" in str(error)
        assert not error.taken_over


async def test_whether_somebody_answered_and_turned_us_away(authority):
    """An attempt that nobody answers costs a metered line next to nothing, and may be made again sooner."""

    async def life(broker):
        up = Up(broker)
        with pytest.raises(LinkLost):
            await up.link.run()
        return up.link.turned_away

    async with Scripted(bytes([0x20, 3, 0, 0x87, 0])) as broker:
        assert await life(broker), "it does not know our password"
        plain = Broker(host=broker.host, port=broker.port, gateway=GATEWAY, ca=authority.ca)
        assert await life(plain), "it speaks no TLS"
    assert not await life(broker), "the port is closed"
    assert not await life(Broker(host="platform.invalid", port=8883, gateway=GATEWAY))
    with Mosquitto() as broker:
        async with Up(broker) as up:
            broker.stop()
            with pytest.raises(LinkLost):
                await up.task
            assert not up.link.turned_away, "it had let us in"


async def test_nobody_answers(monkeypatch):
    """A host whose packets vanish: on the loopback interface, a listener whose waiting room is full."""
    monkeypatch.setattr(DIAL, "connect", 0.3)
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        await asyncio.sleep(0.05)
        error = await refusal(Broker(host="127.0.0.1", port=full.getsockname()[1], gateway=GATEWAY, tls=False))
        assert "does not answer within" in str(error)


async def test_no_answer_to_tls(monkeypatch, authority):
    monkeypatch.setattr(DIAL, "tls", 0.3)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(5)
        error = await refusal(Broker(host="127.0.0.1", port=silent.getsockname()[1], gateway=GATEWAY, ca=authority.ca))
        assert "no TLS answer" in str(error)


async def test_no_such_name():
    error = await refusal(Broker(host="platform.invalid", port=8883, gateway=GATEWAY))
    assert re.search("platform.invalid: (this name does not exist|no answer from the name server)", str(error))


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".invalid", ""])
async def test_no_possible_name(host):
    error = await refusal(Broker(host=host, port=1, gateway=GATEWAY, tls=False))
    assert "check the host name" in str(error) or "refused" in str(error)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_wrong_password(version):
    with Mosquitto(passwords={"gateway": PASSWORD, "desk": "desk"}) as broker:
        async with (
            Up(broker, username="gateway", password=PASSWORD, version=version) as up,
            Platform(broker, GATEWAY, username="desk", password="desk") as platform,
        ):
            await up.link.publish(topic("heartbeat"), heartbeat())
            await platform.wait(lambda m: m["type"] == "status")
        for word in (f"{PASSWORD}x", None):
            error = await refusal(broker, username="gateway", password=word, version=version)
            assert "password" in str(error)
            assert f"{broker.host}:{broker.port}" in str(error)
        error = await refusal(broker, version=version)
        assert "user name" in str(error)
    assert PASSWORD not in repr(up.link.broker)


async def test_access_list_forbids_reading(mosquitto):
    with Mosquitto(acl="topic write eldercare/v1/#\n") as broker:
        # Mosquitto 2.0 says yes to a subscription and forbids each message; the one that says no at once is scripted below.
        async with Up(broker) as up:
            assert up.link.connected


async def test_access_list_forbids_writing():
    with Mosquitto(acl=f"topic write {topic('status')}\ntopic read eldercare/v1/#\n") as broker:
        async with Up(broker) as up:
            with pytest.raises(NotTaken, match="does not authorise"):
                await up.link.publish(topic("heartbeat"), heartbeat())
            assert up.link.connected
        async with Up(broker, version="3.1.1") as up:
            await up.link.publish(topic("heartbeat"), heartbeat())  # 3.1.1 has no words for it: only the missing receipt tells
    with Mosquitto(acl="topic read eldercare/v1/#\n") as broker:
        error = await refusal(broker, version="5")
        assert "status" in str(error)


async def test_brokers_limit_of_size():
    with Mosquitto(extra="max_packet_size 1000") as broker:
        async with Up(broker) as up:
            with pytest.raises(NotTaken, match="1000 bytes"):
                await up.link.publish(topic("heartbeat"), b"x" * 1000)
            await up.link.publish(topic("heartbeat"), heartbeat())


async def test_cancelled_at_any_moment_leaves_nothing(mosquitto):
    before = open_files()
    for step in range(60):
        link = Link(Broker(host="localhost", port=mosquitto.port, gateway=f"c{step}", tls=False), status=status, heard=lambda n, p: None)
        task = asyncio.create_task(link.run())
        for _ in range(step):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,), timeout=5)
        assert task.done()
        assert not link.connected
    await asyncio.sleep(0.05)
    assert open_files() == before
    assert len(asyncio.all_tasks()) == 1


# -- versions, and brokers that misbehave -------------------------------------------------------------------------------


class Scripted:
    """A broker that answers each connection with given bytes, one list entry per CONNECT; None = closes, "" = says nothing."""

    def __init__(self, *answers):
        self.answers, self.connects = list(answers), []
        self.host = "127.0.0.1"

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await self.server.wait_closed()

    async def serve(self, reader, writer):
        with contextlib.suppress(OSError):
            try:
                first = await reader.read(2000)
                self.connects.append(first[first.find(b"MQTT") + 4])  # 4 is 3.1.1, 5 is 5
                answers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                for answer in answers if isinstance(answers, list) else [answers]:
                    if answer is None:
                        return
                    writer.write(answer)
                    await reader.read(2000)
            finally:
                writer.close()
                await writer.wait_closed()


OLD_REFUSAL = bytes.fromhex("20020001")  # CONNACK of 3.1.1: unacceptable protocol version
NEW_REFUSAL = bytes.fromhex("2003008400")  # CONNACK of 5: unsupported protocol version


@pytest.mark.parametrize("answer", [OLD_REFUSAL, NEW_REFUSAL, None])
async def test_falls_back_to_3_1_1(answer):
    async with Scripted(answer, [bytes.fromhex("20020000"), bytes.fromhex("9004000100 00".replace(" ", "")), None]) as broker:
        error = await refusal(broker)
        assert broker.connects == [5, 4]
        assert "does not allow" not in str(error)


async def test_remembers_what_the_broker_speaks(embedded, monkeypatch):
    monkeypatch.setattr(WAITS, "version_trial", 0.5)
    loop = asyncio.get_running_loop()
    up = Up(embedded)
    began = loop.time()
    async with up:
        assert up.link.version == "3.1.1"
        assert loop.time() - began >= 0.5  # the embedded broker ignores a CONNECT of MQTT 5
    monkeypatch.setattr(WAITS, "version_trial", NEVER)  # another trial of MQTT 5 would take so long
    async with up:
        assert up.link.version == "3.1.1"


async def test_no_fall_back_when_told_so(embedded, monkeypatch):
    monkeypatch.setattr(WAITS, "answer", 0.3)
    error = await refusal(embedded, version="5")
    assert "does not answer MQTT 5" in str(error)


@pytest.mark.parametrize(
    ("code", "words"),
    [(0x85, "client id"), (0x86, "password"), (0x87, "authorise"), (0x88, "not available"), (0x8A, "banned"), (0x97, "quota")],
)
async def test_refusals_of_mqtt_5_in_words(code, words):
    async with Scripted(bytes([0x20, 3, 0, code, 0])) as broker:
        error = await refusal(broker)
        assert words in str(error)
        assert str(broker.port) in str(error)
        assert broker.connects == [5]


@pytest.mark.parametrize(("code", "words"), [(2, "client id"), (3, "not available"), (4, "password"), (5, "authorise")])
async def test_refusals_of_3_1_1_in_words(code, words):
    async with Scripted(bytes([0x20, 2, 0, code])) as broker:
        assert words in str(await refusal(broker, version="3.1.1"))


async def test_subscription_refused():
    async with Scripted([bytes.fromhex("20020000"), bytes.fromhex("900400010180")]) as broker:
        assert "does not allow subscribing to eldercare/v1/gw-1/instruction" in str(await refusal(broker, version="3.1.1"))


@pytest.mark.parametrize(
    ("version", "packets"),
    [
        ("5", ("2003000000", "9003000100")),
        ("3.1.1", ("20020000", "90020001")),
        ("5", ("2003000000", "900400010001")),
        ("3.1.1", ("20020000", "9003000101")),
    ],
)
async def test_a_subscription_that_is_not_answered_for_each_topic_is_a_lost_link(version, packets):
    async with Scripted([bytes.fromhex(p) for p in packets]) as broker:
        error = await refusal(broker, version=version)
        assert f"127.0.0.1:{broker.port}" in str(error)
        assert "is this the port of a broker" in str(error)


async def test_a_mistake_of_ours_in_one_connection_ends_no_more_than_that(mosquitto, monkeypatch, caplog):
    async def broken(_connection, _topics):
        raise KeyError("topic")

    monkeypatch.setattr(connection.Connection, "ask", broken)
    error = await refusal(mosquitto)
    assert "internal error of the gateway (KeyError)" in str(error)
    assert error.anew
    assert "Traceback" in caplog.text
    caplog.clear()


async def test_closes_on_the_subscription():
    async with Scripted([bytes.fromhex("20020000"), None]) as broker:
        assert "closed the connection" in str(await refusal(broker, version="3.1.1"))


@pytest.mark.parametrize(
    "noise", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00" * 50, b"\xff" * 50, b"SSH-2.0-OpenSSH_9.2\r\n", b"\x20\x02\x00"]
)
async def test_not_a_broker_at_all(noise, monkeypatch):
    monkeypatch.setattr(WAITS, "version_trial", 0.3)
    monkeypatch.setattr(WAITS, "answer", 0.3)
    async with Scripted(noise) as broker:
        error = await refusal(broker)
        assert f"127.0.0.1:{broker.port}" in str(error)


async def test_thrown_out_later_says_why():
    for code, words, taken_over in (("98", "operator", False), ("8e", "one gateway id", True), ("8b", "shutting down", False)):
        packets = ["2003000000", "9005000100 0101", f"40020002 e002{code}00"]
        async with Scripted([bytes.fromhex(p) for p in packets]) as broker:
            error = await refusal(broker, version="5")
            assert words in str(error)
            assert error.taken_over == taken_over


# -- TLS ----------------------------------------------------------------------------------------------------------------


def over_tls(broker, authority, **options):
    return Broker(**{"host": "127.0.0.1", "port": broker.port, "gateway": GATEWAY, "ca": authority.ca, **options})


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_tls_with_client_certificate(authority, version):
    server = authority.issue("server", hosts=("127.0.0.1", "localhost"))
    ours = authority.issue("gw-1")
    with Mosquitto(tls=server, ca=authority.ca) as broker:
        context = ssl.create_default_context(cafile=authority.ca)
        context.load_cert_chain(ours.cert, ours.key)
        ours_up = Up(over_tls(broker, authority, cert=ours.cert, key=ours.key, version=version))
        async with Platform(broker, GATEWAY, tls_context=context) as platform, ours_up as up:
            await asyncio.gather(*(up.link.publish(topic("heartbeat"), heartbeat(n)) for n in range(30)))
            await platform.instruct("test")
            await until(lambda: up.heard)
            assert up.link._connection._sock.version() in {"TLSv1.2", "TLSv1.3"}
            await until(lambda: len(platform.named("heartbeat")) == 30)
        error = await refusal(over_tls(broker, authority, version=version))
        assert "client certificate" in str(error)


async def test_client_certificate_of_a_stranger(authority, tmp_path):
    server = authority.issue("server", hosts=("127.0.0.1",))
    stranger = Authority(tmp_path, "stranger").issue("stranger-gw")
    with Mosquitto(tls=server, ca=authority.ca) as broker:
        error = await refusal(over_tls(broker, authority, cert=stranger.cert, key=stranger.key))
        assert "certificate" in str(error)


async def test_wrong_authority(authority, tmp_path):
    with Mosquitto(tls=authority.issue("server", hosts=("127.0.0.1",))) as broker:
        error = await refusal(over_tls(broker, Authority(tmp_path, "other")))
        assert "CA unknown to the gateway" in str(error)
        error = await refusal(over_tls(broker, authority, ca=None))  # the system's store does not know it either
        assert "CA unknown to the gateway" in str(error)


async def test_certificate_for_another_host(authority):
    with Mosquitto(tls=authority.issue("server", hosts=("platform.invalid",))) as broker:
        for host in ("127.0.0.1", "localhost"):
            error = await refusal(over_tls(broker, authority, host=host), proved=lambda: 0.0)
            assert "is for another host" in str(error)


@pytest.mark.parametrize(("valid", "words"), [((-9 * DAY, -1 * DAY), "expired"), ((1 * DAY, 9 * DAY), "not valid yet")])
async def test_dates_count_only_while_our_clock_is_good(authority, valid, words, caplog):
    server = authority.issue("server", hosts=("127.0.0.1",), valid_from=valid[0], valid_to=valid[1])
    with Mosquitto(tls=server) as broker:
        error = await refusal(over_tls(broker, authority))
        assert words in str(error)
        assert "clock" in str(error)
        async with Up(over_tls(broker, authority), proved=lambda: 0.0) as up:
            await up.link.publish(topic("heartbeat"), heartbeat())
        assert "dates do not fit" in caplog.text


async def test_what_ended_before_the_newest_proved_time_is_refused_under_an_unsure_clock_too(authority):
    """Long expired, and the box's clock is unsure: but the time server's last word was later than the certificate's end."""
    with Mosquitto(tls=authority.issue("server", hosts=("127.0.0.1",), valid_from=-500 * DAY, valid_to=-400 * DAY)) as broker:
        ended = (dt.datetime.now(dt.UTC) - 400 * DAY).timestamp()
        error = await refusal(over_tls(broker, authority), proved=lambda: ended + 60)
        assert "whatever the clock says" in str(error)
        async with Up(over_tls(broker, authority), proved=lambda: ended - 60) as up:
            assert up.link.certificate_ends == pytest.approx(ended, abs=60)
            assert up.link.certificate_begins == pytest.approx(ended - 100 * 86400, abs=60)


async def test_an_unsure_clock_excuses_nothing_else(authority, tmp_path):
    old = {"valid_from": -9 * DAY, "valid_to": -1 * DAY}
    other = Authority(tmp_path, "other")
    for papers, words in (
        (authority.issue("a", hosts=("platform.invalid",), **old), "another host"),
        (other.issue("b", hosts=("127.0.0.1",), **old), "CA unknown to the gateway"),
    ):
        with Mosquitto(tls=papers) as broker:
            assert words in str(await refusal(over_tls(broker, authority), proved=lambda: 0.0))


async def test_tls_to_a_plain_port_and_back(authority, mosquitto, monkeypatch):
    monkeypatch.setattr(WAITS, "version_trial", 0.5)
    monkeypatch.setattr(WAITS, "answer", 0.5)
    error = await refusal(over_tls(mosquitto, authority))
    assert "TLS" in str(error)
    with Mosquitto(tls=authority.issue("server", hosts=("127.0.0.1",))) as broker:
        error = await refusal(broker)
        assert f"127.0.0.1:{broker.port}" in str(error)


async def test_tls_1_1_is_not_spoken(authority):
    """A server that offers TLS 1.1 at most is refused, whatever the system's library would allow."""
    papers = authority.issue("server", hosts=("127.0.0.1",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.load_cert_chain(papers.cert, papers.key)
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        error = await refusal(Broker(host="127.0.0.1", port=port, gateway=GATEWAY, ca=authority.ca))
        assert "TLS" in str(error)


async def test_broken_certificate_files(authority, tmp_path, mosquitto):
    ours, other = authority.issue("one"), authority.issue("two")
    broken = tmp_path / "broken.pem"
    broken.write_text("not a certificate")
    locked = tmp_path / "locked.key"
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(ours.key.read_bytes(), None)
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(PASSWORD.encode())
        )
    )
    for options, name in (
        ({"ca": tmp_path / "absent.pem"}, "absent.pem"),
        ({"ca": broken}, "broken.pem"),
        ({"cert": tmp_path / "absent.crt", "key": ours.key}, "absent.crt"),
        ({"cert": ours.cert, "key": other.key}, "two.key"),
        ({"cert": ours.cert, "key": locked}, "locked.key"),
        ({"cert": broken}, "broken.pem"),
    ):
        error = await refusal(over_tls(mosquitto, authority, **options))
        assert name in str(error)
        assert "upload" in str(error)


# -- the platform of the tests itself -----------------------------------------------------------------------------------


async def test_platform_notices_what_breaks_the_contract(mosquitto):
    platform = Platform(mosquitto, GATEWAY)
    async with Up(mosquitto) as up:
        await platform.__aenter__()
        await up.link.publish(topic("heartbeat"), heartbeat(5).replace(b'"last_number":5', b'"last_number":-5'))
        await up.link.publish(topic("heartbeat"), heartbeat(6))
        with pytest.raises(AssertionError, match="last_number"):
            await platform.wait(lambda m: m.get("last_number") == 7, timeout=2)
        with pytest.raises(AssertionError, match="last_number"):
            await platform.__aexit__(None, None, None)
    assert breaches("receipt", {"v": 1})


async def test_platform_gives_receipts(mosquitto):
    async with Up(mosquitto) as up, Platform(mosquitto, GATEWAY, check=False) as platform:
        for number in (1, 2, 3, 5):
            entry = {"v": 1, "type": "fault", "gateway": GATEWAY, "journal": "j1", "number": number}
            await up.link.publish(topic("fault"), json.dumps(entry).encode())
        await until(lambda: {n for _, p in up.heard for a, b in json.loads(p)["entries"] for n in range(a, b + 1)} == {1, 2, 3, 5})
        assert not any(breaches("receipt", json.loads(p)) for _, p in up.heard)
        platform.receipts = False
        seen = len(up.heard)
        await up.link.publish(topic("readings"), json.dumps({"type": "readings", "gateway": GATEWAY, "history": "h1", "batch": 1}).encode())
        await platform.wait(lambda m: m.get("batch") == 1)
        await asyncio.sleep(0.05)
        assert len(up.heard) == seen
        await platform.catch_up()
        await until(lambda: json.loads(up.heard[-1][1]).get("batches") == [[1, 1]])
