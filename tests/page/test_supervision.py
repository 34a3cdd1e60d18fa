"""What the page says of supervision: slow devices, detectors that never told their kind, receivers that are gone, unknown words."""

from __future__ import annotations

import json
import re

from gateway.home.status import DeviceStatus, Status
from gateway.page.device import heard
from msgspec.structs import replace


def devices(box, **changed):
    """Return the example's devices with one of them changed."""
    facts = json.loads((box.example.config.runtime / "status.json").read_text(encoding="utf-8"))
    return [d | (changed if d["device"] == "kitchen-smoke" else {}) for d in facts["devices"]]


async def test_a_slow_device_and_one_that_never_told_its_kind_are_shown_as_such(box):
    browser = await box.technician()
    words = ("报到慢", "从未报过它该报的事")
    for path in ("/", "/devices/kitchen-smoke"):
        text = (await browser.get(path)).text
        assert not any(word in text for word in words)
    box.example.say(devices=devices(box, slow=True, untold=["smoke"]))
    for path in ("/", "/devices/kitchen-smoke"):
        text = (await browser.get(path)).text
        assert [word for word in words if word not in text] == [], path


def test_a_device_is_missing_by_the_silence_that_counts():
    device, facts = DeviceStatus(device="smoke", missing_after=100.0, heard_s=1000.0), Status(written=1.0)
    assert heard(device, facts) == "missing"
    assert heard(replace(device, silent_s=20.0), facts) == "heard", "the box itself was off meanwhile"
    assert heard(replace(device, silent_s=100.5), facts) == "missing"


async def test_which_devices_a_receiver_takes_along_and_what_was_not_understood_is_shown(box, monkeypatch):
    faults = box.page.known.faults()
    assert faults, "the example has one"
    changed = [
        type("Fault", (), {**{n: getattr(faults[0], n) for n in faults[0].__struct_fields__}, "detail": detail, "kind": kind})()
        for kind, detail in (("device.missing", {"behind": "cord, window"}), ("device.not_understood", {"words": "smoke: <fire>"}))
    ]
    monkeypatch.setattr(box.page.known, "faults", lambda: changed)
    text = (await (await box.technician()).get("/")).text
    assert re.search("没有它就收不到.cord, window", text)
    assert "smoke: &lt;fire&gt;" in text
    assert "收到无法识别的内容" in text
