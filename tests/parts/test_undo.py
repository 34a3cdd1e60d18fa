"""The last change taken back: a device comes back as it was, numbers and rules too, and what cannot be taken back is refused."""

import json
import time

import pytest
from drivers import all_models
from gateway.home import hooks
from gateway.home.config import load
from gateway.home.handed import Handed, Hook
from gateway.hook import targets
from gateway.page.offer import offered

from tests.kit.household import KEY, SEALED, Gateway, Sealed
from tests.kit.wait import until_now as until
from tests.parts.test_technician import alarms, change, kept, told_changes

NUMBER = "13800138000"


def test_a_retired_device_is_heard_again_with_its_key_and_an_old_frame_stays_old(tmp_path, bluez):
    with Gateway(tmp_path, bus=bluez) as gateway:
        bluez.wait_for_scan()
        button = Sealed(SEALED, KEY)
        gateway.air(SEALED, old := button.press())
        until(lambda: alarms(gateway, "sealed"))
        devices = [d["device"] for d in gateway.status()["devices"]]
        assert change(gateway, "retire_device", {"id": "sealed"}, 0)["accepted"]
        gateway.air(SEALED, button.press())
        until(lambda: gateway.status()["strangers"] > 0)
        back = change(gateway, "undo", {}, 1, by="Wang")
        assert (back["accepted"], back["revision"]) == (True, 2)
        until(lambda: [d["device"] for d in gateway.status()["devices"]] == devices)
        gateway.air(SEALED, old)
        gateway.air(SEALED, button.press())
        until(lambda: alarms(gateway, "sealed")[-1]["count"] >= 2)
        assert [a["count"] for a in alarms(gateway, "sealed")] == [1, 2], "what was sent before is not a press"
        assert told_changes(gateway)[-1] == {"by": "Wang", "revision": 2, "keys": "undone, device.sealed"}
        again = change(gateway, "undo", {}, 2)
        assert again["refused"] == "not_allowed", "what was undone is not undone"


def test_deleted_people_and_rules_come_back_with_their_numbers(tmp_path):
    rung = {"responder": "daughter", "channel": "sms", "wait": 120, "person": "daughter"}
    with Gateway(tmp_path) as gateway:
        assert change(gateway, "set_ladder", {"ladder": [rung]}, 0, given=Handed(numbers={"1": NUMBER}))["accepted"]
        file = gateway.state / "household-secrets.json"
        before = json.loads(file.read_text())["body"]["phones"]
        assert NUMBER in json.dumps(before)
        assert change(gateway, "set_ladder", {"ladder": []}, 1)["accepted"]
        assert NUMBER not in file.read_text()
        assert change(gateway, "undo", {}, 2)["accepted"]
        assert json.loads(file.read_text())["body"]["phones"] == before
        assert [r["responder"] for r in kept(gateway)["ladder"]] == ["daughter"]
        assert change(gateway, "set_rules", {"off": ["env.water"], "times": {"grace_fall": 20}}, 3)["accepted"]
        assert change(gateway, "undo", {}, 4)["accepted"]
        assert (kept(gateway)["times"], kept(gateway)["dangers"]) == (None, None)
        assert [r["responder"] for r in kept(gateway)["ladder"]] == ["daughter"]


def test_a_deleted_webhook_comes_back_with_its_address_and_key(tmp_path):
    url, secret = "https://desk.county.example/t0ken", hooks.fresh()
    rung = {"responder": "county", "channel": "webhook", "person": "new"}
    with Gateway(tmp_path) as gateway:
        typed = Handed(hooks={"1": Hook(url=url, secret=secret)})
        assert change(gateway, "set_ladder", {"ladder": [rung]}, 0, given=typed)["accepted"]
        file = gateway.state / targets.OWN_FILE
        assert change(gateway, "set_ladder", {"ladder": []}, 1)["accepted"]
        assert not file.exists()
        assert change(gateway, "undo", {}, 2)["accepted"]
        target = targets.read(file)["w1"]
        assert (target.url, target.key) == (url, targets.key_of(secret))


def test_a_signing_key_that_was_made_anew_stays_void_and_all_else_comes_back(tmp_path):
    url, old, new = "https://desk.county.example/t0ken", hooks.fresh(), hooks.fresh()
    rung = {"responder": "county", "channel": "webhook", "person": "w1"}
    daughter = {"responder": "daughter", "channel": "sms", "wait": 120, "person": "p1"}
    with Gateway(tmp_path) as gateway:

        def keys():
            return {t.name: (t.url, t.key) for t in targets.read(gateway.state / targets.OWN_FILE).values()}

        def held():
            return "".join((gateway.state / name).read_text() for name in ("household-secrets.json", targets.OWN_FILE))

        typed = Handed(hooks={"1": Hook(url=url, secret=old)}, numbers={"2": NUMBER})
        first = [one | {"person": "new"} for one in (rung, daughter)]
        assert change(gateway, "set_ladder", {"ladder": first}, 0, given=typed)["accepted"]
        anew = Handed(hooks={"1": Hook(url="", secret=new)})
        assert change(gateway, "set_ladder", {"ladder": [rung, daughter]}, 1, given=anew)["accepted"]
        assert offered(configured(gateway), all_models(), time.time()) is None, "the page offers nothing either"
        assert change(gateway, "undo", {}, 2)["refused"] == "not_allowed"
        assert keys() == {"w1": (url, targets.key_of(new))}
        third = hooks.fresh()
        typed = Handed(hooks={"1": Hook(url="", secret=third)})
        assert change(gateway, "set_ladder", {"ladder": [rung]}, 2, given=typed)["accepted"]
        assert NUMBER not in held()
        assert offered(configured(gateway), all_models(), time.time()) is not None
        assert change(gateway, "undo", {}, 3)["accepted"]
        assert [r["responder"] for r in kept(gateway)["ladder"]] == ["county", "daughter"]
        assert keys() == {"w1": (url, targets.key_of(third))}
        assert NUMBER in held(), "a person deleted by mistake comes back with the number"
        assert not any(secret in held() for secret in (old, new))
        wrong = Handed(hooks={"1": Hook(url="https://other.example/", secret=hooks.fresh())})
        assert change(gateway, "set_ladder", {"ladder": [rung, daughter]}, 4, given=wrong)["accepted"]
        assert change(gateway, "undo", {}, 5)["accepted"]
        assert keys() == {"w1": (url, targets.key_of(third))}, "an address typed over comes back with its key"


def configured(gateway):
    return load(gateway.config, all_models())


@pytest.mark.parametrize("after", ["consent", "restart", "nothing"])
def test_what_cannot_be_taken_back_is_refused_and_says_why(tmp_path, after):
    with Gateway(tmp_path) as gateway:
        revision = 0
        if after != "nothing":
            assert change(gateway, "set_times", {"grace_fall": 20}, 0)["accepted"]
            revision = 1
        if after == "consent":
            assert change(gateway, "set_consent", {"climate": False}, 1)["accepted"]
            revision = 2
        if after == "restart":
            gateway.kill()
            gateway.start()
        no = change(gateway, "undo", {}, revision)
        assert (no["accepted"], no["refused"]) == (False, "not_allowed")
        assert "undone" in no["en"]
        assert "撤销" in no["zh"]
        if revision:
            assert kept(gateway)["times"] == {"grace_fall": 20}
