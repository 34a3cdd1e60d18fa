"""What is in the home, as the platform is told: after connecting, after a change, never what is not on disk yet."""

import asyncio
import json
from types import SimpleNamespace

import pytest
from drivers import all_models
from gateway.home.config import load
from gateway.home.home import Home
from gateway.judge.faults.fault import Faults
from gateway.tell.inventory import LARGEST, Inventory, fitted
from gateway.words import kind

from tests.kit.wait import until
from tests.unit.tell import fakes

HOME = """
[sound]
voice = false
[gateway]
id = "gw-1"

[[device]]
id = "pendant"
model = "shelly-blu-button"
room = "hall"
address = "a4:c1:38:00:00:01"

[[ladder]]
responder = "Zhang"
channel = "program"
program = ["/usr/bin/call", "138"]
"""


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "gateway.toml").write_text(HOME)
    config = load(tmp_path / "gateway.toml", all_models())
    desk = SimpleNamespace(home=Home(config, "gw-1"), clock=fakes.Clock(), pipeline=fakes.Pipeline(), link=fakes.Link())
    desk.pipeline.faults = Faults({d.id: d.supervised for d in config.devices}, config.times)
    desk.pipeline.shelves, desk.pipeline.away = {}, SimpleNamespace(end=SimpleNamespace(until=0.0), lasts=lambda _now: False)
    desk.pipeline.last = 3
    desk.store = SimpleNamespace(journal=fakes.JOURNAL, generation=1, head=SimpleNamespace(number=3))
    desk.inventory = Inventory(desk.home, desk.clock, SimpleNamespace(store=desk.store), desk.pipeline, lambda _device: 42.0)
    return desk


def test_it_says_what_is_there_and_no_name(desk):
    desk.pipeline.faults.begin(kind.LOW_BATTERY, desk.clock.now(), "pendant")
    home = desk.inventory.of(desk.clock.now())
    (pendant,) = home.devices
    assert (pendant.device, pendant.battery_pct, pendant.battery_low, pendant.missing) == ("pendant", 42.0, True, False)
    assert [rung.role for rung in home.ladder] == ["person"]
    assert b"Zhang" not in fitted(home)
    assert b"138" not in fitted(home)


def test_what_does_not_fit_is_left_out_and_counted(desk):
    home = desk.inventory.of(desk.clock.now())
    home.devices.extend([home.devices[0]] * 400)
    body = fitted(home)
    assert len(body) <= LARGEST
    assert json.loads(body)["left_out"] == 401 - len(json.loads(body)["devices"]) > 0


async def test_it_is_told_at_once_and_again_after_a_change_that_is_on_disk(desk):
    running = asyncio.create_task(desk.inventory.run(desk.link))
    await until(lambda: desk.link.sent)
    (topic, body, retain) = desk.link.sent[0]
    assert (topic, json.loads(body)["last_number"], retain) == ("eldercare/v1/gw-1/home", 3, True)
    desk.pipeline.last = 4
    desk.pipeline.faults.begin(kind.MISSING, desk.clock.now(), "pendant")
    desk.inventory.changed()
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(desk.link.sent) == 1, "it is judged, and not on disk yet"
    desk.store.head = SimpleNamespace(number=4)
    desk.inventory.changed()
    await until(lambda: len(desk.link.sent) > 1)
    assert json.loads(desk.link.sent[1][1])["devices"][0]["missing"]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
