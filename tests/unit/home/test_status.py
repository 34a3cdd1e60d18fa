"""The status file: what the daemon writes is what the page reads, also where one of the two is of another version."""

import json
from collections import deque
from typing import get_args

import msgspec
import pytest
from gateway.home import status
from gateway.home.status import Status
from gateway.judge import walk_record
from hypothesis import given

from tests.kit.structs import values

# Every key of version 0.1, "" for the file itself: programs of others read `status --json`.
KEYS = {
    "": "gateway software pid boot written wall mono clock store degraded journal generation head last waiting waiting_batches receipts "
    "uplink radio ports lines strangers repeats devices alarms faults away household lacks mains card channels walk step fitting "
    "first_presses platform_test silence",
    "uplink": "configured connected version where platform_away_s",
    "radio": "adapter hearing trouble adverts restarts silent_s",
    "lines": "port open received",
    "devices": "device model room heard_s silent_s untold missing_after slow minutes rssi heard states unread_s alive refused shelved "
    "mute_cancel badge",
    "alarms": "number alarm kind priority state room device rung since_s test installing",
    "faults": "kind device since_s test",
    "household": "revision at",
    "card": "written_mb over_h budget_mb day_mb",
    "channels": "program why test tested_s rungs proved",
    "fitting": "instruction device port over trouble baud found said contacts rows",
    "walk": "device left_s on readings packets presses openings closings falls stays motions presences occupied left smokes gases leaks "
    "receipts without_receipt not_proved_fresh worst_dbm signals_dbm receipt_s drill",
    "step": "step left_s noticed_s alarm away_s receipt_s held_s",
    "platform_test": "instruction over where steps",
    "silence": "preset why device days shadow shadowed silent_s sure rule rests lines question",
}


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


def read(runtime, text):
    (runtime / "status.json").write_text(text, encoding="utf-8")
    return status.read(runtime)


@given(told=values(Status))
def test_what_is_written_is_what_is_read(runtime, told):
    assert read(runtime, status.as_json(told)) == told


def structs(of):
    if isinstance(of, type) and issubclass(of, msgspec.Struct):
        yield of
    for inner in get_args(of):
        yield from structs(inner)


@pytest.mark.parametrize("part", KEYS)
def test_every_key_that_others_read_is_there_in_its_order(part):
    found = Status if not part else next(structs(next(f.type for f in msgspec.structs.fields(Status) if f.name == part)))
    assert [f.name for f in msgspec.structs.fields(found)] == KEYS[part].split()


def test_what_holds_for_few_is_written_only_for_them():
    device = status.DeviceStatus(device="door")
    told = json.loads(status.as_json(Status(written=1.0, devices=[device, msgspec.structs.replace(device, mute_cancel=True)])))
    assert ["mute_cancel" in d for d in told["devices"]] == [False, True]


def test_a_file_of_another_version_is_read(runtime):
    told = read(runtime, '{"written": 5, "new": {"a": 1}, "devices": [{"device": "door", "heard_s": 9, "missing_after": 8, "newer": []}]}')
    assert (told.written, told.gateway, told.alarms, told.walk) == (5.0, "", [], None)
    (door,) = told.devices
    assert (door.device, door.heard, door.untold, door.missing) == ("door", True, [], True)
    assert not msgspec.structs.replace(door, silent_s=1.0).missing


def test_whatever_a_walk_test_counts_is_told():
    walk = walk_record.Walk(
        "pendant", "Li", 0.0, 300.0, counts=dict.fromkeys({*walk_record._COUNTED.values(), *walk_record._ENDED.values()}, 2)
    )
    walk.flagged, walk.worst, walk.slowest = 1, -80, 0.5
    walk._acts, walk._signals = [1.0], deque([(1.5, -80)])
    told = msgspec.convert({"device": "pendant"} | walk.facts(), status.WalkStatus)
    assert msgspec.to_builtins(told) == {"device": "pendant", "left_s": 0.0, "on": []} | walk.facts()
    step = walk_record.Step(walk_record.Plug.UPLINK, "Li", 0.0, 900.0, lost=2.0, back=4.0, alarm=7, delivered=5.0)
    told = msgspec.convert({"step": "uplink"} | step.facts(), status.PlugStatus)
    assert msgspec.to_builtins(told) == {"step": "uplink", "left_s": 0.0} | step.facts()
