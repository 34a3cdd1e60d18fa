"""What the page may set: every change is checked whole, every problem names its field in both languages, and the disk may fail at any step."""

import asyncio
import errno
import json
import os
import re
from datetime import UTC, datetime

import pytest
from drivers import all_models
from gateway.box import generations
from gateway.home import handed
from gateway.home.cancels import mute_cancels
from gateway.home.changes import changed
from gateway.home.config import kept, load
from gateway.home.handed import Handed, Rejected
from gateway.home.household import keep, shown
from gateway.home.parts import Agreed
from gateway.keep.historian import Historian
from gateway.keep.history import History
from gateway.tend.rearrange import withheld
from gateway.words.clock import Moment
from gateway.words.consent import CLASSES
from gateway.words.instruction import Change, What
from gateway.words.reading import Kind, Reading
from msgspec.structs import replace

from tests.kit.brokers import Authority
from tests.kit.household import DEVICES, KEY, OTHER_KEY, Gateway

BUTTON = {"id": "new", "model": "shelly-blu-button", "room": "kitchen", "address": "A4:C1:38:00:00:77"}
PLATFORM = '[platform]\nhost = "a.example"\n'


@pytest.fixture
def home(tmp_path):
    gateway = Gateway(tmp_path, devices=DEVICES, lines=PLATFORM)
    gateway.systemd.close()
    return load(gateway.config, all_models())


def after(config, what, value, given=None, **more):
    return changed(config, Change(What(what), value), given or Handed(), all_models(), **more)


def problems(config, what, value, given=None):
    with pytest.raises(Rejected) as no:
        after(config, what, value, given)
    for p in no.value.problems:
        assert any("一" <= c <= "鿿" for c in p.say.zh), p
        assert p.say.en
    return [(p.section, p.item, p.field) for p in no.value.problems]


def saved(config, before):
    keep(config, before)
    return load(config.path, all_models())


# -- changes ------------------------------------------------------------------------------------------------------------


def test_a_home_that_is_set_up_on_the_page_learns_of_its_silence_and_one_that_was_there_does_not(tmp_path, home):
    gateway = Gateway(tmp_path / "new", devices="", lines=PLATFORM)
    gateway.systemd.close()
    new = load(gateway.config, all_models())
    made = saved(after(new, "set_household", {"number": "H-1"}), new)
    assert (made.parts.silence.preset, made.parts.silence.shadow_days) == ("usual", 14)
    off = saved(after(made, "set_silence", {"preset": "off"}), made)
    assert saved(after(off, "set_household", {"number": "H-2"}), off).parts.silence.preset == "off"
    assert after(home, "set_household", {"number": "H-1"}).parts.silence.preset == "off"


@pytest.mark.parametrize(
    ("what", "value", "given", "where"),
    [
        ("put_device", {}, None, [("device", "", "id")]),
        ("put_device", BUTTON | {"id": "Bad Id"}, None, [("device", "Bad Id", "id")]),
        ("put_device", BUTTON | {"colour": 1}, None, [("device", "new", "colour")]),
        ("put_device", BUTTON | {"model": "nobody-makes"}, None, [("device", "new", "model")]),
        ("put_device", BUTTON | {"address": "A4:C1:38:00:00:01"}, None, [("device", "new", "address")]),
        (
            "put_device",
            BUTTON | {"address": "x", "buttons": {"0": "siren"}},
            None,
            [("device", "new", "address"), ("device", "new", "buttons")],
        ),
        ("put_device", BUTTON | {"missing_after": 10}, None, [("device", "new", "missing_after")]),
        ("put_device", BUTTON, Handed(key="xyz"), [("device", "new", "key")]),
        ("retire_device", {"id": "nobody"}, None, [("device", "nobody", "id")]),
        ("replace_device", {"id": "nobody", "address": "A4:C1:38:00:00:77"}, None, [("device", "nobody", "id")]),
        ("replace_device", {"id": "pendant", "address": "A4:C1:38:00:00:02"}, None, [("device", "cancel", "address")]),
        ("set_rooms", {"rooms": ["a", "a"]}, None, [("rooms", "", "rooms")]),
        ("set_rooms", {"rooms": ["hall", "bath"]}, None, [("device", "sealed", "room")]),
        ("set_rooms", {"names": []}, None, [("rooms", "", "names")]),
        ("set_household", {"timezone": "Mars/Olympus"}, None, [("household", "", "timezone")]),
        ("set_household", {"night": ["late", "early"]}, None, [("household", "", "night")]),
        ("set_household", {"number": "x" * 41}, None, [("household", "", "number")]),
        ("set_household", {"area": "He\nxi"}, None, [("household", "", "area")]),
        ("set_times", {"grace_fal": 20}, None, [("times", "", "grace_fal")]),
        ("set_times", {"grace_fall": 1}, None, [("times", "", "grace_fall")]),
        ("set_times", {"grace_fall": "soon"}, None, [("times", "", "grace_fall")]),
        ("set_dangers", {"off": ["person.sos"]}, None, [("dangers", "", "off")]),
        ("set_dangers", {"off": ["env.smoke"]}, None, [("dangers", "", "off")]),
        ("set_rules", {"off": ["person.fall"], "times": {"grace_fall": 20}}, None, [("dangers", "", "off")]),
        ("set_rules", {"off": ["env.water"], "times": {"grace_fall": 1}}, None, [("times", "", "grace_fall")]),
        ("set_rules", {"off": [], "times": 3}, None, [("times", "", "times")]),
        ("set_rules", {"on": []}, None, [("rules", "", "on")]),
        ("put_device", BUTTON | {"label": "x" * 41}, None, [("device", "new", "label")]),
        ("set_consent", {"history_days": 0}, None, [("consent", "", "history_days")]),
        ("set_ladder", {"ladder": [{"responder": "a"}, {"responder": ""}]}, None, [("ladder", "2", "responder")]),
        ("set_ladder", {"ladder": [{"responder": "a", "channel": "program"}]}, None, [("ladder", "1", "program")]),
        ("set_ladder", {"ladder": [{"responder": "a", "channel": "program", "program": ["/bin/sh"]}]}, None, [("ladder", "1", "program")]),
        ("set_sound", {"alarm": ["/usr/local/lib/eldercare-gateway/../../bin/x"]}, None, [("sound", "", "alarm")]),
        ("set_platform", {"host": ""}, None, [("platform", "", "host")]),
        ("set_platform", {"host": "a", "port": 0}, None, [("platform", "", "port")]),
        ("set_platform", {"host": "a", "ca": "hello"}, None, [("platform", "", "ca")]),
    ],
)
def test_a_wrong_field_is_named(home, what, value, given, where):
    assert problems(home, what, value, given) == where


def test_what_stood_in_the_file_stays_when_the_page_adds_to_it(home):
    new = saved(after(home, "put_device", BUTTON, by="Li", instruction="i1", at="2026-11-22T00:00:00+00:00"), home)
    assert [d.id for d in new.devices] == ["pendant", "cancel", "sealed", "new"]
    assert next(d for d in new.devices if d.id == "sealed").key == bytes.fromhex(KEY)
    assert new.devices[1].watch.buttons == {1: "cancel"}
    assert (new.household.revision, new.household.by, new.household.changed) == (1, "Li", ("device.new",))
    assert shown(new)["revision"] == 1
    assert "key" not in json.dumps(shown(new)["device"])


def test_a_known_key_is_not_lost_and_other_hardware_does_not_inherit_it(home):
    moved = after(home, "put_device", {"id": "sealed", "model": "shelly-blu-button", "room": "attic", "address": "A4:C1:38:00:00:03"})
    assert moved.devices[2].key == bytes.fromhex(KEY)
    other = after(moved, "replace_device", {"id": "sealed", "address": "A4:C1:38:00:00:99"})
    assert other.devices[2].key is None
    assert after(other, "put_device", BUTTON | {"id": "sealed"}, Handed(key=OTHER_KEY)).devices[2].key == bytes.fromhex(OTHER_KEY)


def test_a_press_may_cancel_only_where_it_is_proved(home):
    one = BUTTON | {"buttons": {"1": "sos", "1-long": "cancel"}}
    assert problems(home, "put_device", one) == [("device", "new", "buttons")]
    kept = after(home, "put_device", one, Handed(key=OTHER_KEY)).devices[-1]
    assert (kept.watch.role(1, "press"), kept.watch.role(1, "long_press")) == ("sos", "cancel")


def test_equal_is_the_same_object(home):
    new = after(home, "set_times", {"grace_fall": 20})
    assert after(new, "set_times", {"grace_fall": 20.0}) is new
    assert after(new, "put_device", {"id": "pendant", "model": "shelly-blu-button", "room": "hall", "address": "A4:C1:38:00:00:01"}) is new


def test_certificates_travel_as_text_and_stand_as_files_for_their_owner(home, tmp_path):
    papers = Authority(tmp_path).issue("gw")
    ca = Authority(tmp_path, "other authority").ca.read_text()
    value = {"host": "b.example", "certificate": papers.cert.read_text(), "ca": ca}
    assert problems(home, "set_platform", value) == [("platform", "", "certificate_key")]
    stranger = Authority(tmp_path).issue("stranger").key.read_text()
    assert problems(home, "set_platform", value, Handed(certificate_key=stranger)) == [("platform", "", "certificate_key")]
    key = papers.key.read_text()
    new = saved(after(home, "set_platform", value, Handed(certificate_key=key, password="pw")), home)
    path = new.file(new.platform.certificate_key)
    assert path.read_text() == key
    assert path.stat().st_mode & 0o077 == 0
    assert new.password == "pw"
    assert key[40:80] not in (home.state / "household.json").read_text()
    assert set(new.household.changed) >= {"platform", "platform.certificate_key", "platform.password"}
    later = after(new, "set_platform", {"host": "b.example", "port": 8884})
    assert later.household.platform.certificate == papers.cert.read_text(), "what is left out stays"
    gone = after(new, "set_platform", {"host": "b.example", "certificate": ""})
    assert (gone.platform.certificate_key, gone.secrets.certificate_key) == ("", "")


BRIDGE = {"id": "z2m", "model": "zigbee2mqtt", "room": "hall", "port": "mqtt://home@10.0.0.2:1883/zigbee2mqtt"}


def at(host):
    return BRIDGE | {"port": f"mqtt://home@{host}/zigbee2mqtt"}


@pytest.mark.parametrize("way", ["put_device", "replace_device"])
def test_a_kept_password_of_another_programs_broker_goes_to_no_host_that_it_was_not_typed_for(home, way):
    """It goes in plain text: whoever may set a sensor could have it sent to a listener of his own."""
    new = saved(after(home, "put_device", BRIDGE, Handed(password="pass-word")), home)
    assert new.passwords == {"z2m": "pass-word"}
    for host in ("10.0.0.66:1883", "10.0.0.2:1884", "10.0.0.2.example:1883"):
        value = at(host) if way == "put_device" else {"id": "z2m", "port": at(host)["port"]}
        assert problems(new, way, value) == [("device", "z2m", "password")]
        assert after(new, way, value, Handed(password="")).passwords == {}
        assert after(new, way, value, Handed(password="typed")).passwords == {"z2m": "typed"}
    assert after(new, "put_device", at("10.0.0.2") | {"room": "kitchen"}).passwords == {"z2m": "pass-word"}
    assert after(new, "put_device", BRIDGE | {"port": "mqtt://other@10.0.0.2:1883/z"}).passwords == {"z2m": "pass-word"}


def test_retired_and_enrolled_anew_it_does_not_take_the_password_of_the_file_along(tmp_path):
    devices = f'[[device]]\nid = "z2m"\nmodel = "zigbee2mqtt"\nroom = "hall"\nport = "{BRIDGE["port"]}"\n'
    gateway = Gateway(tmp_path, devices=devices, lines=PLATFORM)
    gateway.systemd.close()
    secrets = gateway.config.with_name("secrets.toml")
    secrets.write_text('[passwords]\nz2m = "pass-word"\n', encoding="utf-8")
    secrets.chmod(0o600)
    home = load(gateway.config, all_models())
    assert home.passwords == {"z2m": "pass-word"}
    assert problems(home, "put_device", at("10.0.0.66")) == [("device", "z2m", "password")]
    gone = saved(after(home, "retire_device", {"id": "z2m"}), home)
    assert problems(gone, "put_device", at("10.0.0.66")) == [("device", "z2m", "password")]
    assert after(gone, "put_device", BRIDGE).passwords == {"z2m": "pass-word"}


def test_no_secret_is_in_any_text_of_ours(home):
    new = after(home, "put_device", BUTTON, Handed(key=OTHER_KEY, password="pass-word"))
    for text in (repr(new), repr(new.secrets), repr(new.source), repr(Handed(key=OTHER_KEY)), repr(new.household), str(new.devices)):
        assert OTHER_KEY not in text
        assert "pass-word" not in text


# -- secrets on their way -----------------------------------------------------------------------------------------------


def test_secrets_are_taken_only_from_a_file_that_is_ours_alone(home):
    handed.hand(home.page_folder, "a", Handed(key="00"))
    assert handed.handed(home.page_folder, "a") == Handed(key="00")
    (home.page_folder / "handed" / "a").chmod(0o644)
    with pytest.raises(Rejected):
        handed.handed(home.page_folder, "a")
    (home.page_folder / "handed" / "b").symlink_to("/etc/shadow")
    os.mkfifo(home.page_folder / "handed" / "c", 0o600)
    (home.page_folder / "handed" / "d").write_text('{"key": 5, "secret-word": 1}')
    (home.page_folder / "handed" / "d").chmod(0o600)
    for name in ("b", "c", "d", "nothing"):
        with pytest.raises(Rejected) as no:
            handed.handed(home.page_folder, name)
        assert "secret-word" not in str(no.value)
    handed.forget(home.page_folder, "a")
    handed.forget(home.page_folder, "a")
    assert not (home.page_folder / "handed" / "a").exists()


# -- generations --------------------------------------------------------------------------------------------------------


def test_five_generations_and_the_newest_whole_one_holds(tmp_path):
    path = tmp_path / "x.json"
    for n in range(8):
        generations.write(path, {"n": n})
    assert [g.body()["n"] for g in generations.newest_first(path)] == [7, 6, 5, 4, 3]
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(generations.Torn):
        generations.newest_first(path)[0].body()
    generations.write(path, {"n": 8})
    assert [g.body()["n"] for g in generations.newest_first(path)] == [8, 6, 5, 4, 3], "a torn one is worth no generation"


def test_secrets_of_another_generation_are_never_paired(home):
    one = saved(after(home, "put_device", BUTTON, Handed(key=KEY)), home)
    two = after(one, "put_device", BUTTON, Handed(key=OTHER_KEY))
    generations.write(home.state / "household-secrets.json", json.loads(json.dumps({"v": 1, "revision": 2, "token": two.household.token})))
    assert load(home.path, all_models()).secrets.keys["new"] == KEY, "cut off between the two files: the old pair holds"
    saved(after(one, "put_device", BUTTON, Handed(key=OTHER_KEY)), one)
    for path in home.state.glob("household-secrets.json*"):
        path.unlink()
    nothing, _, trouble = kept(home.state)
    assert nothing.revision == 0
    assert "secrets" in trouble


@pytest.mark.parametrize("step", ["open", "fsync", "link", "replace"])
@pytest.mark.parametrize("nth", range(4))
def test_a_disk_that_fails_at_any_step_leaves_the_old_or_the_new(home, monkeypatch, step, nth):
    old = saved(after(home, "put_device", BUTTON | {"room": "old"}, Handed(key=KEY)), home)
    new = after(old, "put_device", BUTTON | {"room": "new"}, Handed(key=OTHER_KEY))
    left = nth

    def failing(real):
        def call(*arguments, **words):
            nonlocal left
            if left == 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            left -= 1
            return real(*arguments, **words)

        return call

    with monkeypatch.context() as patch:
        where = generations.Path if step == "replace" else os
        patch.setattr(where, step, failing(getattr(where, step)))
        failed = False
        try:
            keep(new, old)
        except OSError:
            failed = True
    found = load(home.path, all_models())
    device = found.devices[-1]
    assert (device.room, device.key.hex()) in {("old", KEY), ("new", OTHER_KEY)}
    assert failed or device.room == "new"
    assert found.trouble == ""
    assert saved(after(found, "set_times", {"grace_fall": 20}), found).times.grace_fall == 20


def test_a_danger_that_is_switched_off_is_off_for_every_device_and_on_again_by_the_same_way(home):
    new = saved(after(home, "set_dangers", {"off": ["door.left_open", "door.left_open"]}), home)
    assert {d.watch.off for d in new.devices} == {frozenset({"door.left_open"})}
    assert new.household.changed == ("dangers",)
    assert shown(new)["dangers"] == {"off": ["door.left_open"]}
    assert {d.watch.off for d in after(new, "set_dangers", {"off": []}).devices} == {frozenset()}


def test_dangers_and_times_are_set_in_one(home):
    new = saved(after(home, "set_rules", {"off": ["env.water"], "times": {"grace_fall": 20, "door_left_open": 180}}), home)
    assert ({d.watch.off for d in new.devices}, new.times.grace_fall) == ({frozenset({"env.water"})}, 20)
    assert (new.household.revision, new.household.changed) == (1, ("times", "dangers"))
    assert after(new, "set_rules", {"off": ["env.water"], "times": {"grace_fall": 20, "door_left_open": 180}}) is new
    none = after(new, "set_rules", {})
    assert (none.household.dangers.off, none.household.times) == ((), {}), "what is not said is as it was delivered"


def test_what_people_call_a_device_stays_with_its_name_when_the_hardware_is_another(home):
    new = saved(after(home, "put_device", BUTTON | {"label": "床头按钮"}), home)
    assert new.devices[-1].label == "床头按钮"
    other = saved(after(new, "replace_device", {"id": "new", "address": "A4:C1:38:00:00:78"}), new)
    assert (other.devices[-1].label, other.devices[-1].at) == ("床头按钮", "A4:C1:38:00:00:78")
    assert all("床头" not in name for name in (*new.household.changed, *other.household.changed)), "names of fields are told, no values"
    plain = after(other, "put_device", BUTTON | {"address": "A4:C1:38:00:00:78"})
    assert plain.household.changed == ("device.new.label",)


# -- consent ------------------------------------------------------------------------------------------------------------


def test_what_the_resident_has_not_agreed_to_is_neither_kept_nor_pushed(home):
    new = after(home, "set_consent", {"activity": False, "climate": True, "vital_signs": False, "history_days": 7, "journal_days": 90})
    assert (new.gateway.history_days, new.gateway.journal_days) == (7, 90)
    historian = Historian(300, withheld(new))
    at = Moment(0.0, datetime(2026, 11, 22, tzinfo=UTC))

    def reading(kind, value, label=""):
        return Reading(device="x", kind=kind, value=value, at=at, label=label)

    for one in (
        reading(Kind.MOTION, True),
        reading(Kind.CONTACT_OPEN, True),
        reading(Kind.OTHER_MEASURE, 60, "heart_rate_bpm"),
        reading(Kind.OTHER_MEASURE, 93.0, "map_mmhg"),
        reading(Kind.OTHER_STATE, True, "of which nobody has thought"),
        reading(Kind.TEMPERATURE, 20.5),
        reading(Kind.BUTTON, "press"),
        reading(Kind.BATTERY, 80),
    ):
        historian.heard(one)
    assert {r.kind for r in historian.take()} == {Kind.TEMPERATURE, Kind.BATTERY}


def test_all_consents_are_no_until_somebody_was_asked_and_what_was_said_stays(home):
    path, models = home.path, all_models()
    assert withheld(home) == set(), "this one has agreed in gateway.toml"
    path.write_text(re.sub(r"(?s)\[consent\].*?(?=\[)", "", path.read_text()))
    nobody = load(path, models)
    assert withheld(nobody) == {"activity", "climate", "vital_signs"}
    assert shown(nobody)["consent"]["activity"] is False
    asked = saved(after(nobody, "set_consent", {"activity": True}), nobody)
    assert withheld(asked) == {"climate", "vital_signs"}, "what was not asked is no"
    path.write_text("[consent]\nclimate = true\n" + path.read_text())
    assert withheld(load(path, models)) == {"climate", "vital_signs"}, "what the page has set holds"


def test_since_when_relatives_may_look_is_kept_with_the_consent_and_no_reading_hangs_on_it(home):
    assert (home.parts.consent.family, home.household.family_since) == (False, "")
    drawn = Handed(agreed=Agreed(who="resident", strokes=((80, 150, 60, -90, 40, 80),)))
    given = saved(after(home, "set_consent", {"family": True}, drawn, at="1"), home)
    assert (given.parts.consent.family, given.household.family_since, given.household.agreed.at) == (True, "1", "1")
    assert withheld(given) == withheld(home)
    other = saved(after(given, "set_consent", {"climate": False}, at="2"), given)
    assert other.household.family_since == "1", "another word about readings leaves it"
    over = saved(after(other, "set_consent", {"family": False}, at="3"), other)
    assert (over.parts.consent.family, over.household.family_since) == (False, "")
    again = saved(after(over, "set_consent", {"family": True}, drawn, at="4"), over)
    assert again.household.family_since == "4", "it is another consent"
    silent = after(over, "set_consent", {"family": True}, at="5")
    assert silent.household.agreed is None, "nobody is said to have agreed to more than somebody did"


def test_each_kind_has_its_class():
    assert set(CLASSES) == set(Kind)


def test_what_waits_when_consent_is_withdrawn_is_never_sent(tmp_path):
    async def story():
        history = History(tmp_path, "gw")
        at = Moment(1.0, datetime(2026, 11, 22, tzinfo=UTC))
        warm = Reading(device="x", kind=Kind.TEMPERATURE, value=20.5, at=at)
        moved, pulse = replace(warm, kind=Kind.MOTION, value=True), replace(warm, kind=Kind.OTHER_MEASURE, value=93.0, label="map_mmhg")
        await history.run(history.open)
        for batch in ([warm, moved], [moved, pulse], [warm]):
            await history.keep(batch, "boot")
        history.withhold(frozenset({"activity", "vital_signs"}))
        sent = await history.waiting(0, 2)
        told = [(m.number, [r["kind"] for r in json.loads(m.payload)["readings"]]) for m in sent]
        assert told == [(1, ["temperature_c"]), (3, ["temperature_c"])]
        assert (history.withdrawn, history.waits) == (3, 2)
        history.withhold(frozenset({"activity", "climate", "vital_signs"}))
        await history.withdraw()
        history.withhold(frozenset())
        assert await history.waiting(0, 9) == [], "agreed to again, it is gone all the same"
        await history.close()

    asyncio.run(story())


CANCELS = {"buttons": {"1": "cancel"}}


@pytest.mark.parametrize(
    ("value", "given", "refused"),
    [
        (BUTTON | CANCELS, None, True),
        (BUTTON | CANCELS, Handed(key=KEY), False),
        (BUTTON | {"model": "nodon-niu"} | CANCELS, None, True),
        ({"id": "cancel", "model": "shelly-blu-button", "room": "hall", "address": "A4:C1:38:00:00:02"} | CANCELS, None, True),
        ({"id": "cancel", "model": "shelly-blu-button", "room": "hall", "address": "A4:C1:38:00:00:02"} | CANCELS, Handed(key=KEY), False),
    ],
)
def test_a_button_that_cannot_prove_a_press_is_not_made_a_cancel_button(home, value, given, refused):
    if refused:
        assert problems(home, "put_device", value, given) == [("device", value["id"], "buttons")]
    else:
        made = after(home, "put_device", value, given)
        assert not next(d for d in made.devices if d.id == value["id"]).watch.unproved


def test_a_cancel_button_of_an_earlier_version_loads_and_hinders_no_other_change(home):
    assert [d.id for d in mute_cancels(home.devices)] == ["cancel"]
    made = after(home, "put_device", BUTTON)
    assert [d.id for d in mute_cancels(made.devices)] == ["cancel"]
    assert not mute_cancels(after(made, "retire_device", {"id": "cancel"}).devices)
    made = saved(after(home, "replace_device", {"id": "cancel"}, Handed(key=KEY)), home)
    assert not mute_cancels(made.devices)
    assert problems(made, "replace_device", {"id": "cancel"}) == [("device", "cancel", "buttons")], "other hardware, and no key of it"


def test_a_wire_proves_what_it_says(home):
    bus = {"id": "inputs", "model": "gpio-inputs", "room": "hall", "port": "gpio:17"}
    cord = {"id": "well", "model": "dry-contact", "room": "hall", "via": "inputs", "codes": {"sos": "17"}} | CANCELS
    assert [d.id for d in mute_cancels(after(after(home, "put_device", bus), "put_device", cord).devices)] == ["cancel"]


def test_a_ladder_saved_by_the_page_keeps_which_of_its_programs_only_sound(tmp_path):
    siren = '[[ladder]]\nresponder = "siren"\nchannel = "program"\nprogram = ["/bin/siren"]\nsounds = true\n'
    gateway = Gateway(tmp_path, devices=DEVICES, lines=PLATFORM + siren)
    gateway.systemd.close()
    config = load(gateway.config, all_models())
    typed = [{"responder": "care", "channel": "platform"}, {"responder": "Siren", "channel": "program", "program": ["/bin/siren"]}]
    made = after(config, "set_ladder", {"ladder": typed})
    assert [r.sounds for r in made.ladder] == [False, True]
    made = after(config, "set_ladder", {"ladder": [typed[0], typed[1] | {"sounds": False}]})
    assert [r.sounds for r in made.ladder] == [False, False]


def test_half_a_character_in_a_handed_password_is_refused(home):
    handed.hand(home.page_folder, "half", Handed(password="x"))
    (home.page_folder / handed.HANDED / "half").write_text('{"password":"a\\ud800b"}')
    with pytest.raises(handed.Rejected) as no:
        handed.handed(home.page_folder, "half")
    assert "enter them again" in no.value.problems[0].say.en
