"""The technician's instructions on the real daemon: what is changed is in force at once, whoever else is there and whatever is cut."""

import asyncio
import itertools
import json
import random
import stat
import time

import pytest
from gateway.home import handed, inbox
from gateway.home.handed import Handed

from tests.kit.brokers import Mosquitto, Platform
from tests.kit.household import DEVICES, KEY, OTHER_KEY, PENDANT, SEALED, Gateway, Sealed, radar
from tests.kit.radar_emulator import Radar
from tests.kit.wait import until_now as until

NEW = "A4:C1:38:00:00:77"
BUTTON = {"id": "new", "model": "shelly-blu-button", "room": "kitchen", "address": NEW}


@pytest.fixture(scope="module")
def broker():
    with Mosquitto() as running:
        yield running


_told = itertools.count(1)


def tell(gateway, do, *, by="Li", given=None, order="", **fields):
    """Leave an instruction as the page does; return its id."""
    order = order or f"page-{next(_told)}"
    if given is not None:
        handed.hand(gateway.page, order, given)
        fields["secrets"] = order
    body = {"v": 1, "gateway": gateway.name, "id": order, "do": do, "by": by, **fields}
    inbox.leave(gateway.page, gateway.runtime, json.dumps(body, ensure_ascii=False).encode())
    return order


def result(gateway, order):
    """Wait for the one answer to an instruction."""
    found = []

    def there():
        found[:] = [m for m in gateway.journal().values() if m["type"] == "result" and m["instruction"] == order]
        return bool(found)

    until(there)
    assert len(found) == 1
    return found[0]


def change(gateway, what, value, revision, **more):
    order = tell(gateway, "configure", revision=revision, change={"what": what, "value": value}, **more)
    return result(gateway, order)


def kept(gateway):
    return json.loads((gateway.state / "household.json").read_text())["body"]


def alarms(gateway, device):
    return [m for m in gateway.journal().values() if m["type"] == "alarm" and m["device"] == device]


def told_changes(gateway):
    return [m["detail"] for m in gateway.journal().values() if m.get("kind") == "service.config_changed"]


# -- changes ------------------------------------------------------------------------------------------------------------


def test_a_device_is_added_and_heard_at_once_and_those_that_were_there_stay_heard(tmp_path, bluez):
    with Gateway(tmp_path, bus=bluez) as gateway:
        bluez.wait_for_scan()
        scans = bluez.ask()["calls"]["StartDiscovery"]
        gateway.air(NEW, "44000101643a01")
        answer = change(gateway, "put_device", BUTTON, 0)
        assert answer["accepted"]
        assert answer["revision"] == 1
        gateway.air(NEW, "44000201643a01")
        until(lambda: alarms(gateway, "new"))
        gateway.press(PENDANT)
        until(lambda: alarms(gateway, "pendant"))
        assert bluez.ask()["calls"]["StartDiscovery"] == scans, "the radio was not interrupted"
        assert told_changes(gateway) == [{"by": "Li", "revision": 1, "keys": "device.new"}]
        pid = gateway.status()["pid"]
        assert pid == gateway.pid
        gateway.kill()
        gateway.start()
        bluez.wait_for_scan()
        gateway.air(NEW, "44000301643a01")
        until(lambda: [m for m in alarms(gateway, "new") if m["count"] == 2])
        assert len(told_changes(gateway)) == 1


def test_retired_is_a_stranger_and_its_open_alarm_stays(tmp_path, bluez):
    with Gateway(tmp_path, bus=bluez) as gateway:
        bluez.wait_for_scan()
        gateway.press(PENDANT)
        until(lambda: alarms(gateway, "pendant"))
        assert change(gateway, "retire_device", {"id": "pendant"}, 0)["accepted"]
        gateway.press(PENDANT)
        until(lambda: gateway.status()["strangers"] > 0)
        until(lambda: [d["device"] for d in gateway.status()["devices"]] == ["cancel", "sealed"])
        assert [a["device"] for a in gateway.status()["alarms"]] == ["pendant"]
        refused = change(gateway, "retire_device", {"id": "pendant"}, 1)
        assert refused["refused"] == "invalid"
        assert refused["problems"][0]["item"] == "pendant"


def test_two_technicians_the_second_is_told_and_overwrites_nothing(tmp_path):
    with Gateway(tmp_path) as gateway:
        first = tell(gateway, "configure", revision=0, by="Li", change={"what": "set_times", "value": {"grace_fall": 20}})
        second = tell(gateway, "configure", revision=0, by="Wang", change={"what": "set_times", "value": {"grace_fall": 50}})
        assert result(gateway, first)["accepted"]
        no = result(gateway, second)
        assert (no["refused"], no["revision"]) == ("changed_meanwhile", 1)
        assert "Li" in no["zh"]
        assert "Li" in no["en"]
        assert kept(gateway)["times"] == {"grace_fall": 20}
        stale = tell(
            gateway, "configure", revision=0, by="Wang", change={"what": "set_rules", "value": {"off": ["env.water"], "times": {}}}
        )
        assert result(gateway, stale)["refused"] == "changed_meanwhile"
        assert (kept(gateway)["times"], kept(gateway)["dangers"]) == ({"grace_fall": 20}, None)
        assert change(gateway, "set_times", {"grace_fall": 50}, 1, by="Wang")["revision"] == 2


def test_equal_is_no_change_and_a_wrong_one_changes_nothing(tmp_path):
    with Gateway(tmp_path) as gateway:
        assert change(gateway, "set_times", {"grace_fall": 20}, 0)["revision"] == 1
        assert change(gateway, "set_times", {"grace_fall": 20}, 1)["revision"] == 1
        assert len(told_changes(gateway)) == 1
        no = change(gateway, "set_times", {"grace_fall": 5000}, 1)
        assert no["refused"] == "invalid"
        assert no["problems"] == [
            {
                "section": "times",
                "item": "",
                "field": "grace_fall",
                "zh": "跌倒撤警时间为 5000 秒, 须在 15 到 60 秒之间",
                "en": "grace_fall = 5000 s is outside 15 to 60 s",
            }
        ]
        assert kept(gateway)["revision"] == 1


def test_a_grace_that_runs_goes_on_through_a_change(tmp_path):
    port = tmp_path / "radar"
    secrets = f'[keys]\nsealed = "{KEY}"\ncancel = "{OTHER_KEY}"\n'  # so that a grace can be ended
    with Radar(port) as emulated, Gateway(tmp_path, devices=DEVICES + radar(port), secrets=secrets) as gateway:
        until(lambda: any(line["open"] for line in gateway.status()["lines"]))
        emulated.fall()
        until(lambda: alarms(gateway, "radar"))
        assert change(gateway, "put_device", BUTTON, 0)["accepted"]
        assert change(gateway, "set_household", {"number": "H-1"}, 1)["accepted"]
        time.sleep(0.5)
        assert {m["state"] for m in alarms(gateway, "radar")} == {"pre_alarm"}


# -- secrets ------------------------------------------------------------------------------------------------------------


def test_a_key_goes_no_other_way_than_its_file(tmp_path, bluez):
    with Gateway(tmp_path, bus=bluez) as gateway:
        bluez.wait_for_scan()
        answer = change(gateway, "put_device", BUTTON, 0, given=Handed(key=OTHER_KEY))
        assert answer["accepted"]
        assert gateway.sweep() == []
        button = Sealed(NEW, OTHER_KEY)
        gateway.air(NEW, "44000901643a01")  # in plain text: somebody else
        gateway.air(NEW, button.press())
        until(lambda: alarms(gateway, "new"))
        assert len(alarms(gateway, "new")) == 1
        time.sleep(2.2)  # a status file
        files = [p for p in (*gateway.state.rglob("*"), *gateway.runtime.rglob("*"), gateway.log_file) if p.is_file()]
        holding = {p.name for p in files if OTHER_KEY.encode() in p.read_bytes()}
        assert holding == {"household-secrets.json"}
        assert stat.S_IMODE((gateway.state / "household-secrets.json").stat().st_mode) == 0o600
        wrong = change(gateway, "put_device", BUTTON, 1, given=Handed(key="abc"))
        assert wrong["problems"][0]["field"] == "key"


def test_replaced_hardware_keeps_its_id_and_begins_to_count_anew(tmp_path, bluez):
    with Gateway(tmp_path, bus=bluez) as gateway:
        bluez.wait_for_scan()
        old = Sealed(SEALED, KEY)
        old.counter = 100_000
        gateway.air(SEALED, old.press())
        until(lambda: alarms(gateway, "sealed"))
        value = {"id": "sealed", "address": NEW}
        assert change(gateway, "replace_device", value, 0, given=Handed(key=OTHER_KEY))["accepted"]
        assert "device.sealed.replaced" in told_changes(gateway)[0]["keys"]
        gateway.air(SEALED, old.press())
        gateway.kill()  # nothing but the change has been written since
        gateway.start()
        bluez.wait_for_scan()
        new = Sealed(NEW, OTHER_KEY)
        new.counter = 5
        gateway.air(NEW, new.press())
        until(lambda: [m for m in alarms(gateway, "sealed") if m["count"] == 2])


# -- the doors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("do", ["configure", "walk", "window", "platform_test", "commissioned"])
async def test_the_platform_may_not_do_what_the_technician_does(tmp_path, broker, do):
    with Gateway(tmp_path, broker=broker, name=f"gw-{do}") as gateway:
        async with Platform(broker, gateway.name) as platform:
            await platform.wait(lambda m: m["type"] == "status" and m["online"])
            value = {"what": "set_times", "value": {"grace_fall": 20}}
            order = await platform.instruct(do, device="pendant", seconds=10, change=value)
            answer = await platform.result(order)
            assert answer["refused"] == "local_only"
        assert not (gateway.state / "household.json").exists()


# -- power cuts ---------------------------------------------------------------------------------------------------------


def test_killed_at_any_moment_of_a_change_it_is_the_old_or_the_new_and_answered_once(tmp_path):
    gateway = Gateway(tmp_path)
    dice = random.Random(4)
    revision = 0
    try:
        gateway.start()
        for n in range(30):  # each time it has just started, and has seen to what was cut off before
            key = f"{n:032x}"
            order = tell(
                gateway,
                "configure",
                revision=revision,
                order=f"cut-{n}",
                change={"what": "put_device", "value": BUTTON | {"room": f"room {n}", "label": f"label {n}"}},
                given=Handed(key=key),
            )
            time.sleep(dice.uniform(0.0, 0.035))
            gateway.kill()
            body = kept(gateway) if (gateway.state / "household.json").exists() else {"revision": 0}
            assert body["revision"] in {revision, revision + 1}
            gateway.start()
            assert result(gateway, order)["accepted"]
            body = kept(gateway)
            revision += 1
            assert body["revision"] == revision
            new = next(d for d in body["device"] if d["id"] == "new")
            secrets = json.loads((gateway.state / "household-secrets.json").read_text())["body"]
            assert (new["room"], new["label"]) == (f"room {n}", f"label {n}")
            assert f"label {n}" not in gateway.log() + json.dumps(list(gateway.journal().values()))
            assert (secrets["token"], secrets["keys"]["new"]) == (body["token"], key)
            assert gateway.sweep() == []
        gateway.kill()
        told = [c["revision"] for c in told_changes(gateway)]
        assert told == list(range(1, 31)), "each change is told once"
        answers = [m["instruction"] for m in gateway.journal().values() if m["type"] == "result"]
        assert answers == [f"cut-{n}" for n in range(30)]
    finally:
        gateway.kill()
        gateway.systemd.close()


def test_cut_off_between_the_file_and_the_journal_it_is_told_and_answered_at_the_next_start(tmp_path):
    with Gateway(tmp_path) as gateway:
        gateway.stop()
        before = (gateway.state / "gateway.db").read_bytes()
        gateway.start()
        assert change(gateway, "put_device", BUTTON, 0, order="cut", given=Handed(key=KEY))["accepted"]
        gateway.kill()
        for part in gateway.state.glob("gateway.db*"):
            part.unlink()
        (gateway.state / "gateway.db").write_bytes(before)  # as if the change had not come to be written down
        handed.hand(gateway.page, "cut", Handed(key=KEY))
        gateway.start()
        assert result(gateway, "cut")["revision"] == 1
        assert told_changes(gateway) == [{"by": "Li", "revision": 1, "keys": "device.new, device.new.key", "after": "restart"}]
        assert gateway.sweep() == []


def test_a_torn_household_falls_back_to_the_one_before_and_says_so(tmp_path):
    with Gateway(tmp_path) as gateway:
        assert change(gateway, "set_times", {"grace_fall": 20}, 0)["accepted"]
        assert change(gateway, "set_times", {"grace_fall": 25}, 1)["accepted"]
        gateway.kill()
        path = gateway.state / "household.json"
        path.write_bytes(path.read_bytes()[:100])
        gateway.start()
        said = [m for m in gateway.journal().values() if m.get("kind") == "gateway.storage_degraded"]
        assert "household.json" in said[0]["detail"]["why"]
        assert told_changes(gateway)[-1]["revision"] == 1
        assert change(gateway, "set_times", {"grace_fall": 30}, 1)["revision"] == 2


# -- hearing window -----------------------------------------------------------------------------------------------------


def test_the_hearing_window_shows_a_stranger_and_closes(tmp_path, bluez):
    with Gateway(tmp_path, bus=bluez) as gateway:
        bluez.wait_for_scan()
        assert result(gateway, tell(gateway, "window", seconds=241))["refused"] == "too_long"
        assert result(gateway, tell(gateway, "window", seconds=60))["accepted"]
        found = gateway.runtime / "nearby.json"
        until(lambda: found.exists() and json.loads(found.read_text())["open"])
        gateway.air(NEW, "44000101643a01")
        until(lambda: NEW in found.read_text())
        assert result(gateway, tell(gateway, "window", seconds=0))["accepted"]
        until(lambda: not json.loads(found.read_text())["open"])


# -- walk test ----------------------------------------------------------------------------------------------------------


async def test_a_walk_test_is_a_test_end_to_end_and_a_real_call_meanwhile_is_real(tmp_path, bluez, broker):
    with Gateway(tmp_path, bus=bluez, broker=broker, name="gw-walk") as gateway:
        bluez.wait_for_scan()
        async with Platform(broker, gateway.name) as platform:
            assert (await asyncio.to_thread(result, gateway, tell(gateway, "walk", device="pendant", seconds=300)))["accepted"]
            for _ in range(3):
                gateway.press(PENDANT)
            test = await platform.wait(lambda m: m.get("kind") == "person.sos" and m["count"] == 3)
            assert (test["test"], test["priority"]) == (True, 4)
            gateway.air("A4:C1:38:00:00:03", Sealed(SEALED).press())
            real = await platform.wait(lambda m: m.get("kind") == "person.sos" and m["device"] == "sealed")
            assert (real["test"], real["priority"]) == (False, 1)
            await asyncio.to_thread(until, lambda: (gateway.status()["walk"] or {}).get("presses") == 3)
            await asyncio.to_thread(until, lambda: (gateway.status()["walk"] or {}).get("receipts", 0) >= 3)
            assert (await asyncio.to_thread(result, gateway, tell(gateway, "walk", device="pendant", seconds=0)))["accepted"]
            told = await platform.wait(lambda m: m.get("kind") == "service.visit")
            assert told["detail"]["what"] == "walk"
            assert told["detail"]["presses"] == 3
            assert told["detail"]["worst_dbm"] == -60
            assert told["detail"]["receipt_s"] < 5
            gateway.press(PENDANT)
            after = await platform.wait(lambda m: m.get("device") == "pendant" and m.get("priority") == 1)
            assert after["test"] is False
            assert after["alarm"] != test["alarm"]


# -- platform test ------------------------------------------------------------------------------------------------------


def steps(gateway, order):
    def over():
        found = gateway.status().get("platform_test")
        return found and found["instruction"] == order and found["over"]

    until(over)
    return {s["step"]: s for s in gateway.status()["platform_test"]["steps"]}


async def test_the_way_to_the_platform_is_tried_over_the_running_link_without_cutting_it(tmp_path, broker):
    with Gateway(tmp_path, broker=broker, name="gw-try") as gateway:
        async with Platform(broker, gateway.name) as platform:
            await platform.wait(lambda m: m["type"] == "status" and m["online"])
            await asyncio.to_thread(until, lambda: gateway.status()["uplink"]["connected"])
            order = tell(gateway, "platform_test")
            assert (await platform.result(order))["accepted"]
            told = await platform.wait(lambda m: m.get("kind") == "service.visit" and m["detail"]["what"] == "platform_test")
            assert told["detail"]["failed"] == ""
            assert set(told["detail"]) >= {f"{s}_s" for s in ("resolve", "connect", "tls", "login", "publish", "receipt")}
            assert all(s["ok"] for s in (await asyncio.to_thread(steps, gateway, order)).values())
            assert [m["reason"] for m in platform.named("status")] == ["connected"], "the link was not cut"


async def test_another_broker_is_tried_beside_the_running_link(tmp_path, broker):
    with Mosquitto(passwords={"home": "right"}) as other, Gateway(tmp_path, broker=broker, name="gw-beside") as gateway:
        async with Platform(broker, gateway.name) as here, Platform(other, gateway.name, username="home", password="right"):
            await here.wait(lambda m: m["type"] == "status" and m["online"])
            value = {"host": other.host, "port": other.port, "tls": False, "username": "home"}
            settings = {"what": "set_platform", "value": value}
            order = tell(gateway, "platform_test", change=settings, given=Handed(password="right"))
            found = await asyncio.to_thread(steps, gateway, order)
            assert all(s["ok"] for s in found.values()), found
            order = tell(gateway, "platform_test", change=settings, given=Handed(password="wrong"))
            found = await asyncio.to_thread(steps, gateway, order)
            assert list(found) == ["resolve", "connect", "tls", "login"]
            assert found["login"]["ok"] is False
            assert "密码" in found["login"]["zh"]
            assert [m["reason"] for m in here.named("status")] == ["connected"]
            assert not (gateway.state / "household.json").exists()
            answer = await asyncio.to_thread(change, gateway, "set_platform", value, 0, given=Handed(password="right"))
            assert answer["accepted"]
            await asyncio.to_thread(
                until,
                lambda: (
                    gateway.status()["uplink"]
                    == {
                        "configured": True,
                        "connected": True,
                        "version": "5",
                        "where": f"{other.host}:{other.port}",
                        "platform_away_s": None,
                    }
                ),
            )
        assert b"right" not in (gateway.state / "household.json").read_bytes()


async def test_the_same_broker_with_other_words_pauses_the_link_and_never_while_an_alarm_is_open(tmp_path, bluez, broker):
    with Gateway(tmp_path, bus=bluez, broker=broker, name="gw-pause") as gateway:
        async with Platform(broker, gateway.name) as platform:
            await platform.wait(lambda m: m["type"] == "status" and m["online"])
            value = {"host": broker.host, "port": broker.port, "tls": False, "username": "somebody"}
            settings = {"what": "set_platform", "value": value}
            found = await asyncio.to_thread(steps, gateway, tell(gateway, "platform_test", change=settings, given=Handed(password="x")))
            assert all(s["ok"] for s in found.values()), found
            await asyncio.to_thread(until, lambda: gateway.status()["uplink"]["connected"])
            reasons = [m["reason"] for m in platform.named("status")]
            assert reasons == ["connected", "stopped", "connected", "stopped", "connected"]
            await asyncio.to_thread(bluez.wait_for_scan)
            gateway.press(PENDANT)
            await platform.wait(lambda m: m.get("kind") == "person.sos")
            found = await asyncio.to_thread(steps, gateway, tell(gateway, "platform_test", change=settings, given=Handed(password="x")))
            *_, last = found.values()  # what happens to the alarm meanwhile ends the try even before its login
            assert last["ok"] is False
            assert "警报" in last["zh"]
            assert [m["reason"] for m in platform.named("status")] == reasons


# -- the first device of a home -------------------------------------------------------------------------------------------


def test_the_first_device_is_heard_at_once_although_the_window_that_found_it_is_open(tmp_path, bluez):
    """Two scans of one adapter would make both deaf: the window gives its radio over, and goes on hearing by it."""
    with Gateway(tmp_path, bus=bluez, devices="") as gateway:
        tell(gateway, "window", seconds=60)
        bluez.wait_for_scan()
        gateway.air(NEW, "44000101643a01")
        until(lambda: [d for d in nearby_of(gateway)["heard"] if d["address"] == NEW])
        assert change(gateway, "put_device", BUTTON, 0)["accepted"]
        gateway.air(NEW, "44000201643a01")
        until(lambda: alarms(gateway, "new"))
        other = "A4:C1:38:00:99:01"
        gateway.air(other, "44000101643a01")
        until(lambda: [d for d in nearby_of(gateway)["heard"] if d["address"] == other])
        assert not any(nearby_of(gateway)["radios"])
        tell(gateway, "window", seconds=0)
        until(lambda: not nearby_of(gateway)["open"])
        gateway.air(NEW, "44000301643a01")
        until(lambda: alarms(gateway, "new")[-1]["count"] == 2)
        until(lambda: [r["hearing"] for r in gateway.status()["radio"]] == [True])


def nearby_of(gateway):
    path = gateway.runtime / "nearby.json"
    return json.loads(path.read_text()) if path.exists() else {"heard": [], "radios": [], "open": False}
