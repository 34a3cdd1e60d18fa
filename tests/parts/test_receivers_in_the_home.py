"""Devices behind receivers, end to end: a smoke detector's relay on a Modbus module, a taught door code on an RF bridge."""

import asyncio
import json
import sys

from tests.kit.brokers import Mosquitto, Platform
from tests.kit.household import REPO, Gateway
from tests.kit.line_emulators import ModbusModule, RfBridge

HOUSEHOLD = """
[[device]]
id = "module"
model = "modbus-inputs"
port = "{module}?unit=1&inputs=8"

[[device]]
id = "kitchen-smoke"
model = "dry-contact"
room = "kitchen"
via = "module"
codes = {{ smoke = "3" }}

[[device]]
id = "bridge"
model = "sonoff-rfbridge"
port = "{bridge}"

[[device]]
id = "bath-cord"
model = "ev1527-sos"
room = "bath"
via = "bridge"
codes = {{ press = "12F70A" }}
"""


async def test_a_relay_and_a_taught_cord_raise_their_alarms_and_an_untaught_code_is_shown_for_teaching(tmp_path):
    devices = HOUSEHOLD.format(module=tmp_path / "module", bridge=tmp_path / "bridge")
    with (
        Mosquitto() as broker,
        ModbusModule(tmp_path / "module") as module,
        RfBridge(tmp_path / "bridge") as bridge,
        Gateway(tmp_path / "home", broker=broker, devices=devices) as gateway,
    ):
        async with Platform(broker, "gw-e2e") as platform:
            module.closed[2] = True
            raised = await platform.wait(lambda m: m.get("kind") == "env.smoke")
            assert (raised["device"], raised["room"], raised["state"], raised["priority"]) == ("kitchen-smoke", "kitchen", "raised", 1)

            command = [sys.executable, "-m", "gateway", "devices", "--seconds", "3", "--json", "--config", str(gateway.config)]
            window = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=REPO)
            while not (gateway.runtime / "nearby.json").exists():
                await asyncio.sleep(0.02)
            for code in ("0ABCDE", "12F70A"):
                bridge.code(bytes.fromhex(code).hex(), times=3)
            called = await platform.wait(lambda m: m.get("kind") == "person.sos")
            assert called["device"] == "bath-cord"
            out, _ = await asyncio.wait_for(window.communicate(), 20)
            heard = {s["signal"]: s for s in json.loads(out)["signals"] if s["receiver"] == "bridge"}
            assert {code: s["enrolled"] for code, s in heard.items()} == {"0ABCDE": "", "12F70A": "bath-cord"}
            assert heard["0ABCDE"]["acted_s"] < 5
