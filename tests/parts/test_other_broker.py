"""zigbee2mqtt's messages on a real broker: a kept press calls nobody, a fresh one does, states are taken over."""

import asyncio
import json
from datetime import UTC, datetime

import aiomqtt
import pytest
from drivers import all_models
from gateway.hear.intake import Intake
from gateway.hear.other_broker import Bridge, BridgeLost
from gateway.words.clock import Moment
from gateway.words.reading import Kind

from tests.kit.brokers import Mosquitto
from tests.kit.wait import until

MODELS = all_models()


async def test_only_a_fresh_press_is_a_call():
    readings, heard_at = [], {}
    intake = Intake(lambda: Moment(1.0, datetime(2026, 12, 1, tzinfo=UTC)), heard_at, readings.append)
    intake.enrol("z2m", MODELS["zigbee2mqtt"], "", None, {})
    intake.enrol("cord", MODELS["zigbee-sos"], "bath/cord", None, {}, via="z2m")
    intake.enrol("door", MODELS["zigbee-contact"], "door", None, {}, via="z2m")
    with Mosquitto() as broker:
        async with aiomqtt.Client("127.0.0.1", broker.port) as z2m:

            async def say(name, payload, *, retain=False):
                await z2m.publish(f"zigbee2mqtt/{name}", json.dumps(payload), qos=1, retain=retain)

            await say("bath/cord", {"action": "emergency", "battery": 77}, retain=True)
            await say("door", {"contact": False}, retain=True)
            bridge = Bridge(f"mqtt://127.0.0.1:{broker.port}/zigbee2mqtt", None, ("#",), lambda message: intake.published("z2m", message))
            hearing = asyncio.create_task(bridge.run())
            await until(lambda: len(readings) >= 2)
            assert {(one.device, one.kind, one.value) for one in readings} == {
                ("cord", Kind.BATTERY, 77),
                ("door", Kind.CONTACT_OPEN, True),
            }
            await say("bath/cord", {"action": "emergency", "battery": 77})
            await say("bath/cord", {"action": "", "battery": 77})
            await say("bridge/state", {"state": "online"})
            await until(lambda: "z2m" in heard_at and len(readings) >= 5)
            assert [one.value for one in readings if one.kind is Kind.BUTTON] == ["press"]
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)


@pytest.mark.parametrize(("suback", "said"), [("9003000180", "0x80"), ("90020001", "nothing"), ("900400018000", "0x80")])
async def test_a_broker_that_does_not_let_us_read_is_not_connected(suback, said, caplog):
    async def serve(reader, writer):
        await reader.read(2000)
        writer.write(bytes.fromhex("20020000"))
        await reader.read(2000)
        writer.write(bytes.fromhex(suback))
        await reader.read()
        writer.close()

    ready = []
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        bridge = Bridge(f"mqtt://127.0.0.1:{port}/zigbee2mqtt", None, ("#",), lambda _: None)
        with pytest.raises(BridgeLost, match=rf"does not let us read zigbee2mqtt/# \(it answers {said}\)"):
            await asyncio.wait_for(bridge.run(lambda: ready.append(1)), 20)
    assert not ready
    assert not bridge.connected
    await asyncio.sleep(0)
    assert "Exception in callback" not in caplog.text, "its socket is closed: nothing is left that would write to it"
