"""A backup that somebody has crafted: none names a program that this box does not let run, none leaves a daemon that never starts."""

import json
import shutil
import sqlite3

import pytest
from drivers import all_models
from gateway.home import backup, takeover
from gateway.home.backup import BackupError
from gateway.home.config import load
from gateway.home.parts import DevicePart, HomePart, HomePlatform, Household, HouseholdSecrets, RungPart, SoundPart
from gateway.tend import rehearsal
from gateway.words.say import Say

from tests.kit.household import DEVICES, Gateway
from tests.parts.test_backup import given_away, kept, taken
from tests.parts.test_technician import result

WHEN = {"boot": "b", "mono": 5.0, "wall": "2026-11-22T00:00:00Z", "clock": "synchronised"}
CALL = {"rung": 1, "responder": "x", "channel": "platform", "reason": "raised", "at": WHEN, "delivery": "waiting"}
ALARM = {
    "type": "alarm",
    "v": 1,
    "gateway": "g",
    "journal": "j1",
    "number": 5,
    "id": "j1-5",
    "at": WHEN,
    "alarm": "j1-a1",
    "alarm_number": 1,
    "kind": "person.sos",
    "priority": 1,
    "codes": {"ieee_11073_10471": "", "scaip_device": "", "scaip_status": ""},
    "device": "pendant",
    "room": "r",
    "state": "raised",
    "move": "raise",
    "by": "",
    "reason": "",
    "test": False,
    "condition": "active",
    "masking": "none",
    "stages": {"danger": WHEN, "alarm": WHEN},
    "rung": 0,
    "calls": [CALL],
    "responder": "",
    "expected_s": 0.0,
    "count": 1,
    "evidence": [],
}
PAPER = {"number": 3, "document": "{}", "instruction": "i", "signature": {"how": "typed"}, "push": False}


@pytest.fixture
def box(tmp_path):
    """A box that nobody has set up yet."""
    gateway = Gateway(tmp_path / "box", name="")
    gateway.systemd.close()
    return load(gateway.config, all_models())


def here(path, beside):
    """Rehearse in this process: a hundred starts of Python would take minutes."""
    copy = beside.with_name("copy")
    shutil.copytree(beside, copy)
    try:
        rehearsal.rehearsed(path, copy)
    except (Exception, ExceptionGroup) as error:
        raise BackupError(Say("backup.not_started", why=f"{type(error).__name__}: {error}")) from error
    finally:
        shutil.rmtree(copy)


def device(**more):
    return Household(device=(DevicePart(id="d", **more),))


def opened(**more):
    return {"alarms": (json.dumps(ALARM | more),)}


NEVER_STARTS = {
    "the mark of certificates is no number": {"marks": {"certificate": "x"}},
    "a certificate without content": {"certificates": (PAPER,)},
    "a certificate that is a list": {"certificates": (PAPER | {"document": "[]"},)},
    "a certificate below zero": {"certificates": (PAPER | {"number": -1},)},
    "a certificate of a number without end": {"certificates": (PAPER | {"number": 10**30},)},
    "a port with a NUL": {"household": device(model="radar-5359", port="/dev/\0x")},
    "a port of a broker that is none": {"household": device(model="zigbee2mqtt", port="mqtt://a:99999999/x")},
    "a broker whose name cannot be one": {"household": device(model="zigbee2mqtt", port="mqtt://a..b/x")},
    "a platform whose name has a NUL": {"household": Household(platform=HomePlatform(host="a\0b"))},
    "a platform whose name cannot be one": {"household": Household(platform=HomePlatform(host="x" * 70 + ".example"))},
    "a password that no packet holds": {"secrets": HouseholdSecrets(password="x" * 70_000)},
    "a night with an offset": {"household": Household(household=HomePart(night=("22:00+01:00", "06:00")))},
    "a night that is none": {"household": Household(household=HomePart(night=("\0", "06:00")))},
    "a time zone that is a folder": {"household": Household(household=HomePart(timezone="../../etc"))},
    "a household that no file holds": {"household": Household(rooms=("hall", "bath", "bedroom", *(f"{n:040}" for n in range(40_000))))},
    "an alarm with the last number": opened(alarm_number=2**63 - 1),
    "an alarm with a number beyond": opened(alarm_number=2**70),
    "an alarm since for ever": opened(since_mono=-1e308),
    "an alarm at a time that is none": opened(at=WHEN | {"wall": "9999-99-99T99:99:99Z", "mono": 1e308}),
    "an alarm twice": {"alarms": (json.dumps(ALARM),) * 2},
    "an alarm that is a fault": {"alarms": ('{"type":"fault"}',)},
    "two devices in one": {"household": Household(device=(DevicePart(id="d", model="radar-5359", port="/dev/x"),) * 2)},
}


@pytest.mark.parametrize("what", NEVER_STARTS)
def test_what_would_never_start_is_refused_and_nothing_has_happened(box, monkeypatch, what):
    monkeypatch.setattr(takeover, "_rehearsed", here)
    box.state.mkdir()
    with pytest.raises(BackupError):
        takeover.restore(box, kept(**NEVER_STARTS[what]), all_models())
    assert list(box.state.iterdir()) == []
    assert load(box.path, all_models()).household.revision == 0


STARTS = {
    "an alarm on a rung that this home has not": opened(rung=7, calls=[CALL | {"rung": 7}]),
    "an alarm on a rung beyond all": opened(rung=2**63),
    "an alarm that calls by nobody knows what": opened(calls=[CALL | {"channel": "pigeon"}]),
    "an alarm of a kind that nobody knows": opened(kind="x.y"),
    "an alarm without stages": opened(stages={}),
    "an alarm that has ended": opened(state="closed", outcome="helped"),
    "three hundred alarms": {"alarms": tuple(json.dumps(ALARM | {"alarm_number": n, "alarm": f"j1-a{n}"}) for n in range(1, 301))},
    "masks that are none": {"marks": {"masks": "[]"}},
    "the newest time seen has no offset": {"marks": {"floor": "2026-01-01T00:00:00"}},
    "the time seen last is the last": {"marks": {"floor": "9999-12-31T23:59:59+00:00"}},
    "papers that are none": {"household": Household(platform=HomePlatform(host="b.example", ca="hello"))},
}


@pytest.mark.parametrize("what", STARTS)
def test_what_is_odd_and_starts_is_taken(box, monkeypatch, what):
    monkeypatch.setattr(takeover, "_rehearsed", here)
    after = takeover.restore(box, kept(**STARTS[what]), all_models())
    assert after.household.revision == 1
    here(box.path, box.state)
    with sqlite3.connect(box.state / "gateway.db") as db:
        assert db.execute("SELECT count(*) FROM journal WHERE name != 'alarm'").fetchone() == (0,), "the rehearsal left nothing"


@pytest.mark.parametrize(
    "home",
    [
        Household(sound=SoundPart(alarm=("/bin/sh", "-c", "touch /tmp/owned"))),
        Household(sound=SoundPart(pre_alarm=("/usr/bin/python3", "-c", "0"))),
        Household(ladder=(RungPart(responder="family", channel="program", program=("/bin/sh", "-c", "0")),)),
    ],
)
def test_a_program_that_this_box_does_not_let_run_is_named_and_refused(box, home):
    ((command, why),) = backup.programs(box, kept(household=home))
    assert why is not None
    assert "-c" in command
    with pytest.raises(BackupError, match=r"may not be run.*/usr/local/lib/eldercare-gateway") as no:
        takeover.restore(box, kept(household=home), all_models())
    assert "不允许运行" in no.value.say.zh
    assert "不允许" not in no.value.say.en
    assert not box.state.exists()


def test_a_program_that_the_new_boxs_owner_has_named_goes_along(tmp_path):
    lines = '[sound]\nalarm = ["/usr/local/bin/siren", "3"]\n'
    gateway = Gateway(tmp_path / "box", name="", lines=lines)
    gateway.systemd.close()
    box = load(gateway.config, all_models())
    same = kept(household=Household(sound=SoundPart(alarm=("/usr/local/bin/siren", "3"))))
    assert backup.programs(box, same) == [("/usr/local/bin/siren 3", None)]
    assert takeover.restore(box, same, all_models()).sound_alarm == ("/usr/local/bin/siren", "3")


def test_the_real_start_is_tried_in_a_process_of_its_own_and_calls_nobody(tmp_path):
    ran = tmp_path / "ran"
    (script := tmp_path / "siren").write_text(f"#!/bin/sh\ntouch {ran}\n")
    script.chmod(0o755)
    gateway = Gateway(tmp_path / "box", name="", lines=f'[sound]\nalarm = ["{script}"]\n')
    gateway.systemd.close()
    box = load(gateway.config, all_models())
    takeover.restore(box, kept(**opened()), all_models())
    assert not ran.exists()
    assert sorted(p.name for p in box.state.iterdir()) == ["gateway.db", "household-secrets.json", "household.json", "identity"]
    with pytest.raises(BackupError, match="the trial start failed"):
        takeover.prepared(load(Gateway(tmp_path / "other", name="").config, all_models()), kept(marks={"certificate": "x"}), all_models())


def test_the_running_gateway_refuses_both_and_goes_on_as_before(tmp_path, bluez):
    with Gateway(tmp_path / "old", bus=bluez, name="gw-7", lines='[sound]\nalarm = ["/bin/sh", "-c", "touch /tmp/owned"]\n') as old:
        _, programs = given_away(old, passphrase="three blind mice run")
    with Gateway(tmp_path / "box", bus=bluez, name="", devices=DEVICES) as box:
        box.name = first = box.status()["gateway"]
        no = result(box, taken(box, programs))
        assert (no["accepted"], no["refused"]) == (False, "invalid")
        assert "/bin/sh" in no["en"]
        assert "may not be run" in no["en"]
        assert box.status()["gateway"] == first
        assert not (box.state / "restore").exists()
        assert not (box.state / takeover.PREPARED).exists()
