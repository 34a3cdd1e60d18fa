"""Unknown until heard, on the page too: after a start nothing is online and no door is shut before it has said so itself."""

import json
import re

from gateway.home.status import DeviceStatus
from gateway.page import device

DOOR, RADAR = "front-door", "bedroom-radar"


def devices(example, **changed):
    """Let the daemon's word on all devices be another; return it."""
    facts = json.loads((example.config.runtime / "status.json").read_text())
    found = [d | changed for d in facts["devices"]]
    example.say(devices=found)
    return found


def words(page):
    """Return what one reads on a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.partition("<main")[2]))


async def test_after_a_start_with_silent_air_nothing_is_online_and_no_door_is_shut(box):
    browser = await box.technician()
    text = words((await browser.get("/?lang=en")).text)
    assert re.search(r"入户门 shut heard \d+ (min|s) ago", text), "how long ago turns on the hour: the example's door follows the day"
    assert "Not heard since the start" not in text
    box.example.say()
    found = devices(box.example, heard=False, alive=False, states={})
    text = words((await browser.get("/?lang=en")).text)
    assert "入户门 not heard yet" in text
    assert not re.search("shut|heard [0-9]+ min ago", text)
    assert text.count("Not heard since the start") == len(found) - 1, "one is missing anyway"
    assert "还没有信号" in (await browser.get("/?lang=zh")).text
    for path in (f"/devices/{DOOR}?lang=en", f"/devices/{RADAR}?lang=en"):
        assert "Not heard since the start" in (await browser.get(path)).text


async def test_a_calm_home_is_not_called_well_before_it_is_heard(box):
    browser = await box.technician()
    facts = json.loads((box.example.config.runtime / "status.json").read_text())
    fine = [d for d in facts["devices"] if d["device"] in {DOOR, RADAR}]
    box.page.known.open_alarms = list
    box.page.known.faults = list
    box.example.say(devices=fine, faults=[])
    assert "All is well" in (await browser.get("/?lang=en")).text
    box.example.say(devices=[fine[0], fine[1] | {"heard": False}], faults=[])
    text = (await browser.get("/?lang=en")).text
    assert "All is well" not in text
    assert "Not heard yet: 1" in text


def test_a_wire_has_no_signal_to_be_missed():
    assert device.signal(DeviceStatus(device="x", model="micradar-r60afd1", rssi=0)) == "wired"
    assert device.signal(DeviceStatus(device="x", model="radar-5359", rssi=0)) == "wired"
    assert device.signal(DeviceStatus(device="x", model="ev1527-smoke", rssi=0)) == "unmeasured"
    assert device.signal(DeviceStatus(device="x", model="shelly-blu-button", rssi=0)) == "none"
    assert device.signal(DeviceStatus(device="x", model="shelly-blu-button", rssi=-60)) == "good"
