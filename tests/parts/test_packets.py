"""What a hostile broker sends is judged by its header: nothing that it sends can fill the memory, and the way back stays open."""

import asyncio
import contextlib
import random
import struct

import pytest
from gateway.box import packets
from gateway.box.packets import Bounded, PacketRefused
from gateway.contract import wire
from gateway.hear import other_broker
from gateway.hear.other_broker import Bridge, BridgeLost
from gateway.hear.waits import WAITS
from gateway.tell.connection import FORGOTTEN, Broker, LinkLost
from gateway.tell.mqtt import Link
from paho.mqtt.client import CallbackAPIVersion, Client
from paho.mqtt.properties import MQTTException

from tests.kit.hostile import Hostile, length, publish

GATEWAY = "gw-1"
INSTRUCTION = wire.topic(GATEWAY, "instruction")
MEGA = 1024 * 1024


class Wire:
    """A socket that delivers given bytes in given pieces, and counts what was taken."""

    def __init__(self, data, piece=1 << 20):
        self.data, self.piece, self.taken = memoryview(bytes(data)), piece, 0

    def recv(self, size):
        if self.taken == len(self.data):
            raise BlockingIOError
        out = bytes(self.data[self.taken : self.taken + min(size, self.piece)])
        self.taken += len(out)
        return out

    def send(self, data):
        raise BlockingIOError  # whoever is there does not read

    def __getattr__(self, name):
        return lambda *_: 99


def spoken(data, *, held=1000, forgotten=5000, piece=1 << 20, protocol=4):
    """Feed bytes to a paho client through the bound; return (messages, client, wire, what ended it)."""
    heard = []
    client = Client(CallbackAPIVersion.VERSION2, client_id="c", protocol=protocol)
    client.on_message = lambda _client, _data, message: heard.append((message.payload, message.qos))
    line = Wire(data, piece)
    client._sock = Bounded(line, client._out_packet, held=held, forgotten=forgotten)
    why = None
    try:
        for _ in range(20 * len(data) + 100):
            if client._sock is None or line.taken == len(data):
                break
            client.loop_read()
    except (
        PacketRefused,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        AssertionError,
        struct.error,
        MQTTException,
    ) as error:  # aiomqtt ends the connection with it
        why = error
    return heard, client, line, why


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_what_may_be_held_is_handed_on_and_what_is_longer_is_cut(piece):
    one = publish("t", b"x" * 900, qos=0, five=False)
    long = publish("t", b"y" * 4000, qos=0, five=False)
    heard, _, line, why = spoken(one + long + one, piece=piece)
    assert why is None
    assert [len(payload) for payload, _ in heard] == [900, 1000 - 3, 900]
    assert line.taken == len(line.data)


@pytest.mark.parametrize(
    ("packet", "words"),
    [
        (publish("t", b"x", size=200 * MEGA, five=False), "209715200 bytes"),
        (publish("t", b"x", qos=2, five=False), "QoS 2"),
        (publish("t", b"x", qos=3, five=False), "QoS 3"),
        (bytes([0x62, 2, 0, 1]), "type 6"),  # PUBREL
        (bytes([0x50, 2, 0, 1]), "type 5"),  # PUBREC
        (bytes([0xC0, 0]), "type 12"),  # PINGREQ
        (bytes([0x40]) + length(packets.CONTROL + 1), "PUBACK"),
        (bytes([0x20, 0xFF, 0xFF, 0xFF, 0xFF, 1]), "not MQTT"),
    ],
)
def test_by_the_header_alone(packet, words):
    heard, _, line, why = spoken(packet + b"z" * 100_000)
    assert isinstance(why, PacketRefused)
    assert words in str(why)
    assert heard == []
    assert line.taken <= 5, "nothing of the body was read"


def test_a_broker_that_does_not_read_our_answers_is_left():
    asked = b"".join(publish("t", b"", mid=1 + n, five=False) for n in range(packets.ANSWERS + 50))
    _, client, _, why = spoken(asked)
    assert "does not read" in str(why)
    assert len(client._out_packet) <= packets.ANSWERS + 1


def test_no_bytes_of_a_broker_make_the_client_hold_more_than_is_allowed():
    """300 streams of made-up and of broken packets: what is held at any time is bounded, whatever they say of themselves."""
    dice = random.Random(5)
    real = [
        publish("t", b"x" * 300, mid=7, five=False),
        publish("t", b"", qos=2, mid=8, five=False),
        bytes([0x40, 2, 0, 1]),
        bytes([0xD0, 0]),
        bytes([0x90, 3, 0, 1, 1]),
    ]
    for _ in range(300):
        stream = bytearray(b"".join(dice.choice(real) for _ in range(dice.randint(1, 12))))
        for _ in range(dice.randint(0, 4)):
            stream[dice.randrange(len(stream))] = dice.choice((0xFF, 0x80, 0x34, 0x7F, dice.randrange(256)))
        stream += dice.randbytes(dice.randint(0, 3000))
        _, client, line, _ = spoken(stream, piece=dice.choice((1, 3, 4096)), protocol=dice.choice((4, 5)))
        assert len(client._in_packet["packet"]) <= packets.CONTROL
        assert not client._in_messages
        assert len(client._out_packet) <= packets.ANSWERS + 1
        assert line.taken <= len(stream)


# -- the platform's link --------------------------------------------------------------------------------------------------


def link_to(broker, refused, version="5"):
    where = Broker(host=broker.host, port=broker.port, gateway=GATEWAY, tls=False, version=version)
    return Link(where, status=lambda _online, _why: b"{}", heard=lambda *_: None, refused=lambda *what: refused.append(what))


@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.parametrize("attack", ["200 MB", "QoS 2"])
async def test_the_link_is_ended_at_the_header_and_what_the_broker_kept_is_not_sent_again(version, attack, monkeypatch):
    """A broker keeps a QoS 1 message until it is confirmed: refused and asked for again, it would keep the link down for ever."""
    five, taken = version == "5", []
    head = publish(INSTRUCTION, b"{", size=200 * MEGA, five=five) if attack == "200 MB" else publish(INSTRUCTION, b"{}", qos=2, five=five)
    real = Bounded.recv

    def counted(self, size):
        data = real(self, size)
        taken.append(len(data))
        return data

    monkeypatch.setattr(Bounded, "recv", counted)
    refused = []

    def sends(n):
        if n == 0:
            yield head
            for _ in range(64):
                yield b" " * 65536  # 4 MB of it

    async with Hostile(sends) as broker:
        link = link_to(broker, refused, version)
        with pytest.raises(LinkLost, match="209715200 bytes" if attack == "200 MB" else "QoS 2"):
            await asyncio.wait_for(link.run(), 20)
        assert sum(taken) < 200, "the greetings, and five bytes"
        assert refused
        up = asyncio.Event()
        again = asyncio.create_task(link.run(up.set))
        await asyncio.wait_for(up.wait(), 20)
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)
    (_, first), (_, second) = broker.connects
    assert (first & 2, second & 2) == (0, 2), "the second connection begins a clean session"


async def test_a_message_that_is_only_too_long_is_passed_over_and_the_link_stays():
    refused, heard = [], asyncio.Event()
    long = publish(INSTRUCTION, b" " * (FORGOTTEN // 2), mid=9)

    async with Hostile(lambda _: [long, publish(INSTRUCTION, b"{}", mid=10)]) as broker:
        link = link_to(broker, refused)
        link._heard = lambda _name, payload: payload == b"{}" and heard.set()
        running = asyncio.create_task(link.run())
        await asyncio.wait_for(heard.wait(), 20)
        assert "split it" in refused[0][1]
        assert link.connected
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert bytes([0x40, 0, 9]) in broker.got[0] or bytes([0x40, 0, 9, 0]) in broker.got[0], "confirmed, so that it is not sent again"


# -- another program's broker ---------------------------------------------------------------------------------------------


async def test_a_bridged_brokers_huge_message_is_read_past_and_sensors_are_heard_behind_it(monkeypatch):
    """zigbee2mqtt keeps its device list on a topic that we hear: in a large home it is longer than any sensor's message."""
    held, told, real = [], [], Bounded.recv

    def counted(self, size):
        data = real(self, size)
        held.append(len(data))
        return data

    monkeypatch.setattr(Bounded, "recv", counted)
    size = 8 * MEGA

    def sends(_n):
        yield publish("z/bridge/devices", b"", size=size, five=False)
        for _ in range(size // 65536 - 1):
            yield b" " * 65536
        yield b" " * (65536 - 2 - len("z/bridge/devices") - 2)
        yield publish("z/door", b'{"contact":true}', mid=2, five=False)

    heard = asyncio.Event()
    async with Hostile(sends) as broker:
        ear = Bridge(f"mqtt://{broker.host}:{broker.port}/z", None, ("#",), lambda said: (told.append(said), heard.set()))
        running = asyncio.create_task(ear.run())
        await asyncio.wait_for(heard.wait(), 30)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert [said.topic for said in told] == ["door"]
    assert sum(held) < other_broker.LARGEST + 10_000


@pytest.mark.parametrize(
    "attack", [publish("z/door", b"{}", qos=2, five=False), publish(b"z/\xff\xfe", b"{}", five=False), b"\x62\x02\0\1"]
)
async def test_a_bridged_broker_that_is_none_is_left_and_ends_nothing_else(attack):
    async with Hostile(lambda _: [attack]) as broker:
        ear = Bridge(f"mqtt://{broker.host}:{broker.port}/z", None, ("#",), lambda _: None)
        with pytest.raises(BridgeLost, match=f"{broker.host}:{broker.port} sent"):
            await asyncio.wait_for(ear.run(), 20)
        assert not ear.connected


async def test_a_mistake_over_one_message_makes_deaf_for_no_other(caplog):
    heard = asyncio.Event()

    def broken(said):
        if said.topic == "door":
            raise KeyError(said.topic)
        heard.set()

    sends = [publish("z/door", b"{}", five=False), publish("z/door", b"{}", mid=2, five=False), publish("z/cord", b"{}", mid=3, five=False)]
    async with Hostile(lambda _: sends) as broker:
        hearing = asyncio.create_task(Bridge(f"mqtt://{broker.host}:{broker.port}/z", None, ("#",), broken).run())
        await asyncio.wait_for(heard.wait(), 20)
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)
    assert caplog.text.count("a message could not be taken") == 1
    assert "KeyError: 'door'" in caplog.text


async def test_nobody_there_and_nobody_answering(monkeypatch):
    monkeypatch.setattr(WAITS, "broker_answer", 0.2)
    server = await asyncio.start_server(lambda _r, _w: asyncio.sleep(0), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(BridgeLost, match=str(port)):
        await Bridge(f"mqtt://127.0.0.1:{port}/z", None, ("#",), lambda _: None).run()
    server.close()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(server.wait_closed(), 1)
    with pytest.raises(BridgeLost, match="refused the connection"):
        await Bridge(f"mqtt://127.0.0.1:{port}/z", None, ("#",), lambda _: None).run()
