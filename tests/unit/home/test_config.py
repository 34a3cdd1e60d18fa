"""Every wrong configuration is answered with file, line, key and what was expected; no secret stands in any answer."""

import os

import msgspec
import pytest
from drivers import all_models
from gateway.home import audible, commissioning, config
from gateway.home.audible import Lack
from gateway.home.cancels import mute_cancels
from gateway.home.config import load
from gateway.home.devices import is_slow, is_vital, longest_silence
from gateway.home.parts import HomePart, HouseholdSecrets, Secrets
from gateway.home.source import ConfigError
from gateway.home.waits import WAITS
from gateway.judge.badges import Badge
from gateway.judge.watch import SOS
from gateway.words.reading import Kind

MODELS = all_models()
KEY = "231d39c1d7cc1ab1aee224cd096db932"
PASSWORD = "correct-horse-battery"
GOOD = """[gateway]
id = "gw-1"
state = "state"
runtime = "run"

[platform]
host = "127.0.0.1"
port = 1883
tls = false

[times]
grace_fall = 20

[[device]]
id = "pendant"
model = "shelly-blu-button"
room = "hall"
address = "a4:c1:38:00:00:01"
buttons = { 2 = "cancel" }

[[device]]
id = "radar"
model = "radar-5359"
port = "/dev/serial/by-id/radar"

[[ladder]]
responder = "Zhang"
channel = "program"
program = ["/usr/bin/call", "138"]
"""


@pytest.fixture
def home(tmp_path):
    return tmp_path


def written(folder, text=GOOD, secrets=None, mode=0o600):
    path = folder / "gateway.toml"
    path.write_text(text, encoding="utf-8")
    if secrets is not None:
        file = folder / "secrets.toml"
        file.write_text(secrets, encoding="utf-8")
        file.chmod(mode)
    return path


def problems(folder, text=GOOD, secrets=None, mode=0o600):
    path = written(folder, text, secrets, mode)
    with pytest.raises(ConfigError) as caught:
        load(path, MODELS)
    assert all(str(p).startswith((str(folder), "secrets.toml")) for p in caught.value.problems), caught.value.problems
    return [str(p) for p in caught.value.problems]


def test_a_good_one(home):
    found = load(written(home, secrets=f'password = "{PASSWORD}"\n[keys]\npendant = "{KEY}"\n'), MODELS)
    pendant, radar = found.devices
    assert pendant.at == "A4:C1:38:00:00:01"
    assert pendant.key == bytes.fromhex(KEY)
    assert pendant.watch.buttons == {2: "cancel"}
    assert pendant.watch.buttons.get(1, SOS) == SOS
    assert pendant.supervised.missing_after == pendant.model.missing_after
    assert (radar.at, radar.key) == ("/dev/serial/by-id/radar", None)
    assert radar.supervised.vital
    assert found.times.grace_fall == 20
    assert (found.state, found.runtime) == (home / "state", home / "run")
    assert found.password == PASSWORD
    assert found.ladder[0].program == ("/usr/bin/call", "138")


@pytest.mark.parametrize("name", ["area", "cell"])
@pytest.mark.parametrize("text", [r"Hexi\n", r"\u001b[2J", r"\u202Eixe"])
def test_the_name_of_a_place_can_be_printed(home, name, text):
    (problem,) = problems(home, GOOD + f'\n[household]\n{name} = "{text}"\n')
    assert name in problem
    assert "characters that cannot be printed" in problem


def test_a_kind_of_press_has_a_role_of_its_own(home):
    text = GOOD.replace('2 = "cancel"', '1 = "help", 1-double = "sos", 1-long = "cancel"')
    sealed = load(written(home, text, secrets=f'[keys]\npendant = "{KEY}"\n'), MODELS).devices[0]
    said = [sealed.watch.role(1, action) for action in ("press", "double_press", "long_press", "hold_press", "triple_press")]
    assert said == ["help", "sos", "cancel", "cancel", "help"]
    assert sealed.supervised.vital, "one of its presses calls for help"
    (home / "secrets.toml").unlink()
    plain = load(written(home, text), MODELS)
    assert [d.id for d in mute_cancels(plain.devices)] == ["pendant"], "without its key a press is no proof, and cancels nothing"
    assert plain.devices[0].watch.unproved


CASES = {
    "broken toml": ('host = "127.0.0.1"', 'host = "127.0.0.1', "line 7", "not TOML"),
    "unknown key": ("tls = false", "tsl = false", "line 9", "tsl", "did you mean `tls`"),
    "unknown key, no guess": ("tls = false", "zzz = false", "line 9", "zzz", "known here: host"),
    "unknown table": ("[times]", "[time]", "line 11", "time", "did you mean `times`"),
    "unknown time": ("grace_fall = 20", "grace_fal = 20", "line 12", "times.grace_fal", "did you mean `grace_fall`"),
    "time too short": ("grace_fall = 20", "grace_fall = 1", "line 12", "times.grace_fall", "outside 15 to 60 s"),
    "time too long": ("grace_fall = 20", "grace_fall = 61", "line 12", "times.grace_fall", "outside 15 to 60 s"),
    "time no number": ("grace_fall = 20", 'grace_fall = "20"', "line 12", "times.grace_fall", "Expected `float`"),
    "time nan": ("grace_fall = 20", "grace_fall = nan", "line 12", "times.grace_fall", "a number was expected"),
    "unknown driver": ("shelly-blu-button", "shelly-blu-buton", "line 16", "device.model", "did you mean 'shelly-blu-button'"),
    "unknown driver, no guess": ('"radar-5359"', '"??"', "line 23", "device.model", "known: ", "bthome-v2"),
    "id twice": ('id = "radar"', 'id = "pendant"', "line 22", "device.id", "'pendant' is enrolled twice"),
    "bad id": ('id = "radar"', 'id = "Radar 1"', "line 22", "device.id", "regex"),
    "bad address": (
        "a4:c1:38:00:00:01",
        "a4:c1:38:00:00",
        "line 18",
        "device.address",
        "enter its Bluetooth address, such as AA:BB:CC:DD:EE:FF",
    ),
    "port for a radio device": (
        'address = "a4:c1:38:00:00:01"',
        'port = "/dev/ttyUSB0"',
        "device.address",
        "is a radio device",
        "no port",
    ),
    "both": ('room = "hall"', 'port = "/dev/ttyUSB0"', "line 18", "device.address", "no port"),
    "address for a wired device": (
        'port = "/dev/serial/by-id/radar"',
        'address = "A4:C1:38:00:00:09"',
        "line 21",
        "device.port",
        "is wired",
        "/dev/serial/by-id",
    ),
    "button role": ('2 = "cancel"', '2 = "cancle"', "line 19", "device.buttons", "one of sos, help, cancel, request, nothing"),
    "button zero": ('2 = "cancel"', '0 = "cancel"', "line 19", "device.buttons", "a number from 1"),
    "press role": ('2 = "cancel"', '1-double = "cancle"', "line 19", "device.buttons", "one of sos, help, cancel, request, nothing"),
    "press kind": ('2 = "cancel"', '1-treble = "help"', "line 19", "device.buttons", "1-single, 1-double, 1-long"),
    "press of none": ('2 = "cancel"', '1- = "help"', "line 19", "device.buttons", "1-single, 1-double, 1-long"),
    "missing model": ('model = "radar-5359"\n', "", "line 21", "device.model", "missing required field"),
    "limit nan": ('port = "/dev/serial', 'missing_after = nan\nport = "/dev/serial', "line 24", "missing_after", "nan"),
    "limit inf": ('port = "/dev/serial', 'missing_after = inf\nport = "/dev/serial', "line 24", "missing_after", "inf"),
    "limit too short": ('port = "/dev/serial', 'missing_after = 5\nport = "/dev/serial', "line 24", "device.missing_after", ">= 60"),
    "relative program": ('"/usr/bin/call"', '"call"', "line 29", "ladder.program", "'call' must be an absolute path"),
    "program without one": ('program = ["/usr/bin/call", "138"]\n', "", "line 26", "ladder.program", "is required for the channel"),
    "program on another channel": ('channel = "program"\n', "", "line 28", "ladder.program", "not allowed for any other"),
    "unknown channel": ('channel = "program"', 'channel = "pigeon"', "line 28", "ladder.channel", "pigeon"),
    "timezone": ('id = "gw-1"', 'timezone = "Asia/Shangai"', "line 2", "gateway.timezone", "'Asia/Shangai' is not known", "Asia/Shanghai"),
    "timezone folder": ('id = "gw-1"', 'timezone = "Asia"', "line 2", "gateway.timezone", "not known"),
    "timezone path": ('id = "gw-1"', 'timezone = "../../etc/passwd"', "line 2", "gateway.timezone", "not known"),
    "night": ('id = "gw-1"', 'night = ["25:00", "06:00"]', "line 2", "gateway.night", '["22:00", "06:00"] was expected'),
    "gateway id": ('id = "gw-1"', 'id = "a/b"', "line 2", "gateway.id", "regex"),
    "tcp port": ("port = 1883", "port = 70000", "line 8", "platform.port", "<= 65535"),
    "receipts": ("tls = false", 'receipts = "maybe"', "line 9", "platform.receipts", "maybe"),
    "certificate alone": ("tls = false", 'certificate = "client.pem"', "line 9", "platform.certificate", "needs its private key"),
    "adapter": ("[times]", '[radio]\nadapters = ["usb0"]\n[times]', "line 12", "radio.adapters", "hci"),
    "sound": ("[times]", '[sound]\nalarm = ["beep"]\n[times]', "line 12", "sound.alarm", "absolute path"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_value_is_refused_with_file_line_key_and_what_was_expected(home, case):
    old, new, *words = CASES[case]
    assert old in GOOD
    (found,) = problems(home, GOOD.replace(old, new))
    assert found.startswith(str(home / "gateway.toml"))
    for word in words:
        assert word in found, found


def test_an_address_enrolled_twice_is_refused_however_it_is_written(home):
    again = '\n[[device]]\nid = "other"\nmodel = "bthome-v2"\naddress = "A4:C1:38:00:00:01"\n'
    (found,) = problems(home, GOOD + again)
    assert "line 34" in found
    assert "device.address" in found
    assert "also as device pendant" in found


def test_a_port_enrolled_twice_is_refused(home):
    again = '\n[[device]]\nid = "other"\nmodel = "radar-5359"\nport = "/dev/serial/by-id/radar"\n'
    (found,) = problems(home, GOOD + again)
    assert "device.port" in found
    assert "also as device radar" in found


def test_all_problems_are_told_at_once(home):
    text = GOOD.replace("grace_fall = 20", "grace_fall = 1\nno_such = 3").replace("/usr/bin/call", "call").replace("radar-5359", "radar")
    assert len(problems(home, text)) == 4


def test_a_missing_file_says_how_to_name_another(home):
    with pytest.raises(ConfigError, match="--config") as caught:
        load(home / "nowhere.toml", MODELS)
    assert str(home / "nowhere.toml") in str(caught.value)
    with pytest.raises(ConfigError, match=str(home)):
        load(home, MODELS)


def test_a_file_that_is_no_text_says_where(home):
    path = written(home)
    path.write_bytes(b'[gateway]\nid = "\xff"\n')
    with pytest.raises(ConfigError, match="not UTF-8 text at byte 16"):
        load(path, MODELS)


# -- secrets --------------------------------------------------------------------------------------------------------------


def test_secrets_that_others_can_read_are_refused_unread(home):
    for mode in (0o640, 0o604, 0o644, 0o620):
        (found,) = problems(home, secrets=f'password = "{PASSWORD}"\n', mode=mode)
        assert f"chmod 600 {home / 'secrets.toml'}" in found
        assert PASSWORD not in found


@pytest.mark.parametrize(
    ("secrets", "words"),
    [
        (f'[keys]\npendant = "{KEY}00"\n', ("pendant", "must have 32 hexadecimal digits", "34")),
        (f'[keys]\npendant = "{KEY[:-2]}zz"\n', ("pendant", "32 hexadecimal digits")),
        (f'[keys]\nradar = "{KEY}"\n', ("radar", "has no key")),
        (f'[keys]\nghost = "{KEY}"\n', ("ghost", "no device has this id")),
        (f'[keys]\npendant = 231393\npassword = "{PASSWORD}"\n', ("line 2", "pendant", "Expected `str`")),
        (f'pasword = "{PASSWORD}"\n', ("line 1", "pasword", "did you mean `password`")),
        (f'password = "{PASSWORD}\n', ("not TOML", "line 1")),
        (f"[keys]\npendant = {KEY}\n", ("not TOML", "line 2")),
    ],
)
def test_a_wrong_secret_is_refused_and_not_repeated(home, secrets, words):
    (found,) = problems(home, secrets=secrets)
    for word in words:
        assert word in found, found
    for secret in (KEY, KEY[:16], PASSWORD, "231393"):
        assert secret not in found


def test_secrets_stand_in_no_text_of_the_configuration(home):
    found = load(written(home, secrets=f'password = "{PASSWORD}"\n[keys]\npendant = "{KEY}"\n[passwords]\nradar = "{PASSWORD}"\n'), MODELS)
    for thing in (found, found.devices[0], found.devices, found.source, Secrets(password=PASSWORD, keys={"x": KEY})):
        for text in (repr(thing), str(thing), f"{thing}"):
            assert PASSWORD not in text
            assert KEY not in text.lower()
            assert repr(bytes.fromhex(KEY)) not in text
    own = HouseholdSecrets(password=PASSWORD)
    assert PASSWORD not in repr(own)


def test_without_secrets_nothing_of_them_is_read(home):
    path = written(home, secrets="this is no toml", mode=0o644)
    found = load(path, MODELS, with_secrets=False)
    assert found.password == ""
    assert found.devices[0].key is None


def test_as_an_ordinary_user_secrets_of_another_are_an_answer(home):
    """As root everything can be read; then the answer is the mode's alone."""
    path = written(home, secrets=f'password = "{PASSWORD}"\n', mode=0o000)
    if os.geteuid() == 0:
        assert load(path, MODELS).password == PASSWORD
    else:
        with pytest.raises(ConfigError, match=r"secrets\.toml"):
            load(path, MODELS)


@pytest.mark.parametrize(("codes", "endless"), [({"alarm": "AA"}, {Kind.SMOKE}), ({"alarm": "AA", "clear": "AB"}, set())])
def test_a_taught_detector_says_over_where_that_was_taught(tmp_path, codes, endless):
    taught = ", ".join(f'{name} = "{code}"' for name, code in codes.items())
    path = tmp_path / "gateway.toml"
    path.write_text(
        '[[device]]\nid = "rf"\nmodel = "rflink"\nroom = "hall"\nport = "/dev/x"\n'
        f'[[device]]\nid = "smoke"\nmodel = "ev1527-smoke"\nroom = "hall"\nvia = "rf"\ncodes = {{ {taught} }}\n'
    )
    assert load(path, all_models()).devices[1].watch.endless == endless


def test_a_general_sensor_that_the_household_calls_a_bed_or_a_door_is_no_call_button(tmp_path):
    """Its silence woke the desk at 15 minutes of quiet air, though nobody calls for help by it."""
    device = '[[device]]\nid = "it"\nmodel = "bthome-v2"\naddress = "A4:C1:38:00:00:01"\n'
    for more, vital in {
        "bed = true": False,
        "left_open = true": False,
        "": True,
        'bed = true\nbuttons = { 1 = "sos" }': True,
        'bed = true\nbuttons = { 1 = "help" }': False,
    }.items():
        (it,) = load(written(tmp_path, device + more + "\n"), MODELS).devices
        assert it.supervised.vital is vital, more
    (radar,) = load(written(tmp_path, '[[device]]\nid = "r"\nmodel = "radar-5359"\nport = "/dev/x"\nbed = true\n'), MODELS).devices
    assert radar.supervised.vital, "it still senses falls"


def test_a_vital_make_that_checks_in_once_a_day_is_supervised_and_called_slow(tmp_path):
    """The stricter limit of four hours switched its supervision off."""
    device = '[[device]]\nid = "it"\nmodel = "{model}"\naddress = "A4:C1:38:00:00:01"\n{more}\n'
    for model in ("xiaomi-jtyjgd03mi", "linptech-ks2bb", "bthome-v2", "mibeacon"):
        (it,) = load(written(tmp_path, device.format(model=model, more="")), MODELS).devices
        assert (it.supervised.missing_after, it.supervised.vital, it.supervised.slow) == (90000.0, True, True), model
        (sooner,) = load(written(tmp_path, device.format(model=model, more="missing_after = 14400")), MODELS).devices
        assert (sooner.supervised.missing_after, sooner.supervised.slow) == (14400.0, False)
        assert "at most 90000 s" in problems(tmp_path, device.format(model=model, more="missing_after = 90001"))[0]
    assert "at most 14400 s" in problems(tmp_path, device.format(model="shelly-blu-button", more="missing_after = 14401"))[0]
    zigbee = '[[device]]\nid = "z"\nmodel = "zigbee2mqtt"\nport = "mqtt://127.0.0.1/zigbee2mqtt"\n'
    smoke = zigbee + '[[device]]\nid = "it"\nmodel = "zigbee-smoke"\nvia = "z"\naddress = "it"\nmissing_after = 90000\n'
    assert load(written(tmp_path, smoke), MODELS).devices[1].supervised.slow, "some of these check in once a day"


def test_no_make_is_vital_and_left_unsupervised_for_checking_in_too_seldom():
    for name, model in MODELS.items():
        if model.missing_after is not None:
            assert model.missing_after <= WAITS.missing, name
            assert model.missing_after <= longest_silence(model, vital=is_vital(model)), name
        assert is_slow(model) == (is_vital(model) and (model.missing_after or 0) > WAITS.missing_vital), name
    assert {name for name, model in MODELS.items() if is_slow(model)} == {
        "bthome-v2",
        "linptech-ks2bb",
        "mibeacon",
        "xiaomi-jtyjgd03mi",
    }


def test_a_rung_that_runs_what_sounds_in_the_home_reaches_nobody(home):
    text = GOOD + '\n[[ladder]]\nresponder = "siren"\nchannel = "program"\nprogram = ["/usr/bin/siren", "loud"]\n'
    text += '\n[[ladder]]\nresponder = "light"\nchannel = "program"\nprogram = ["/usr/bin/light"]\nsounds = true\n'
    text += '\n[sound]\nalarm = ["/usr/bin/siren"]\n'
    rungs = {r.responder: r.sounds for r in load(written(home, text), MODELS).ladder}
    assert rungs == {"Zhang": False, "siren": True, "light": True}


@pytest.mark.parametrize(("seconds", "waits"), [(60, 60), (300, 300), (301, 300), (600, 300)])
def test_a_home_set_up_with_a_longer_repeat_goes_on_with_the_longest_there_is(home, seconds, waits):
    assert load(written(home, GOOD.replace("grace_fall = 20", f"repeat = {seconds}")), MODELS).times.repeat == waits
    assert "repeat = 601" in problems(home, GOOD.replace("grace_fall = 20", "repeat = 601"))[0]


def test_who_is_told_of_a_silence_and_when(home):
    """A line after 15 min, a call button 2 h, another vital one 4 h, all others the next day; what the household says holds."""
    sensors = """
[[device]]
id = "cord"
model = "shelly-blu-button"
address = "A4:C1:38:00:01:01"
[[device]]
id = "asked"
model = "shelly-blu-button"
address = "A4:C1:38:00:01:02"
missing_after = 3600
[[device]]
id = "climate"
model = "shelly-blu-ht"
address = "A4:C1:38:00:01:03"
[[device]]
id = "daily"
model = "xiaomi-jtyjgd03mi"
address = "A4:C1:38:00:01:04"
[[device]]
id = "radar2"
model = "radar-5359"
port = "/dev/serial/by-id/usb-radar2"
[[device]]
id = "z2m"
model = "zigbee2mqtt"
port = "mqtt://127.0.0.1:1883/zigbee2mqtt"
[[device]]
id = "sos"
model = "zigbee-sos"
via = "z2m"
address = "sos"
[[device]]
id = "smoke"
model = "zigbee-smoke"
via = "z2m"
address = "smoke"
"""
    found = {d.id: d.supervised for d in load(written(home, GOOD + sensors), MODELS).devices}
    assert {d: s.told_after for d, s in found.items() if d not in {"pendant", "radar"}} == {
        "cord": 7200.0,
        "asked": 3600.0,
        "climate": 90000.0,
        "daily": 90000.0,
        "radar2": 900.0,
        "z2m": 3600.0,
        "sos": 10800.0,
        "smoke": 14400.0,
    }
    assert {d for d, s in found.items() if s.worn} >= {"cord", "asked", "sos"}
    assert not {"climate", "smoke", "radar2"} & {d for d, s in found.items() if s.worn}
    assert not found["sos"].radio
    assert found["climate"].radio


@pytest.mark.parametrize(("given", "holds"), [(60, 180.0), (179, 180.0), (180, 180.0), (7200, 7200.0)])
def test_a_home_that_was_told_sooner_of_its_line_goes_on(home, given, holds):
    assert load(written(home, GOOD.replace("grace_fall = 20", f"uplink_lost = {given}")), MODELS).times.uplink_lost == holds


DOOR_PART = '\n[[device]]\nid = "front"\nmodel = "shelly-blu-door"\naddress = "A4:C1:38:00:02:01"\nleft_open = true\n'


@pytest.mark.parametrize(
    ("times", "by_night", "by_day"),
    [("", 600, 1800), ("door_left_open = 180", 180, 0), ("door_left_open = 1200", 1200, 1800), ("door_left_open_day = 900", 600, 900)],
)
def test_who_asks_to_hear_of_a_door_soon_hears_it_by_day_too(home, times, by_night, by_day):
    text = GOOD.replace("grace_fall = 20", times) + DOOR_PART
    watch = next(d.watch for d in load(written(home, text), MODELS).devices if d.id == "front")
    assert (watch.left_open, watch.left_open_day) == (by_night, by_day)


def test_a_home_says_where_it_lies(home):
    said = load(written(home, GOOD + '\n[household]\narea = "Qiaotou"\ncell = "460-00-1"\n'), MODELS)
    assert (said.place.area, said.place.cell) == ("Qiaotou", "460-00-1")
    page = msgspec.structs.replace(said.household, household=HomePart(cell="460-00-2"))
    both = config.composed(said.source, MODELS, page, said.secrets)
    assert (both.place.area, both.place.cell) == ("Qiaotou", "460-00-2")
    assert load(written(home, GOOD), MODELS).place.area == ""


def test_an_id_with_a_dot_is_refused_for_a_new_home_and_an_older_one_goes_on(home):
    """NATS lets in no client with one, and RabbitMQ reads it as a /: a home would be heard by nobody."""
    dotted = GOOD.replace('id = "gw-1"', 'id = "gw.1"')
    (told,) = problems(home, dotted)
    assert "gateway.toml, line 2: " in told
    assert "NATS" in told
    assert "RabbitMQ" in told
    (home / "state").mkdir()
    (home / "state" / "gateway.db").touch()
    assert load(written(home, dotted), MODELS).gateway.id == "gw.1"
    (colon,) = problems(home, GOOD.replace('id = "gw-1"', 'id = "gw:1"'))
    assert "id" in colon


BADGE = GOOD + '[[device]]\nid = "badge-1"\nmodel = "bthome-v2"\naddress = "a4:c1:38:00:00:09"\nbadge = "grid worker"\n'


def test_a_badge_says_who_comes_and_nobody_misses_it(home):
    for secrets, proved in ((None, False), (f'[keys]\nbadge-1 = "{KEY}"\n', True)):
        config = load(written(home, BADGE, secrets), MODELS)
        badge = config.devices[-1]
        assert badge.badge == Badge("grid worker", proved=proved)
        assert (badge.room, badge.watch.role(1), badge.watch.role(3, "long_press")) == ("", "nothing", "nothing")
        told = badge.supervised
        assert (told.missing_after, told.vital, told.worn, told.radio) == (None, False, False, False)
        assert commissioning.goals(config)["badge-1"].counts == {"packets": 1}
        assert badges_alone(config) == {"pendant", "radar"}


def badges_alone(config):
    """Return the devices that a certificate is about."""
    paper = commissioning.facts(
        config, commissioning.Seen(), gateway="g", journal="j", software="1", mains=False, clock="synchronised", faults=()
    )
    return {d["id"] for d in paper["devices"]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('model = "bthome-v2"\naddress = "a4:c1:38:00:00:09"', 'model = "radar-5359"\nport = "/dev/serial/by-id/x"'), "cannot be a badge"),
        (('badge = "grid worker"', 'badge = "grid worker"\nbed = true'), "a badge says who has come, nothing else"),
        (('badge = "grid worker"', 'badge = "grid worker"\nbuttons = { 1 = "sos" }'), "a badge says who has come, nothing else"),
        (('badge = "grid worker"', 'badge = "grid\\u200eworker"'), "printed"),
        (('badge = "grid worker"', f'badge = "{"x" * 41}"'), "40"),
    ],
)
def test_a_badge_that_can_be_none_is_refused(home, change, words):
    assert any(words in problem for problem in problems(home, BADGE.replace(*change)))


def test_a_home_with_two_relays_is_silent_only_where_both_are_dead(home):
    out = '[[ladder]]\nresponder = "{0}"\nchannel = "relay"\noutput = "gpio:{1}"\n'
    text = GOOD + out.format("stairs", 17) + out.format("door", 18) + "[sound]\nvoice = false\n"
    config = load(written(home, text), MODELS)
    stairs, door = (f"{rung.program[0]} ({rung.responder})" for rung in config.ladder[-2:])
    assert Lack.SILENT not in audible.lacks(config, {stairs})
    assert Lack.SILENT in audible.lacks(config, {stairs, door})
    assert Lack.SILENT in audible.lacks(config, {config.ladder[-1].program[0]}), "neither can be switched"


def test_a_relay_sounds_can_be_tried_and_reaches_nobody(home):
    config = load(written(home, GOOD + '[[ladder]]\nresponder = "light"\nchannel = "relay"\noutput = "gpio:17"\n'), MODELS)
    light = config.ladder[-1]
    assert [*light.program[1:]] == ["--at", "gpio:17"]
    assert light.program[0].endswith("/eldercare-relay")
    assert (light.channel, light.sounds, light.test, light.online, light.person) == ("program", True, True, False, "")
    silent = GOOD.replace('channel = "program"\nprogram = ["/usr/bin/call", "138"]', 'channel = "relay"\noutput = "gpio:17"')
    assert Lack.NO_RUNG in audible.lacks(load(written(home, silent), MODELS)), "a light calls nobody"
    for wrong in ('channel = "relay"\n', 'channel = "relay"\noutput = "gpio:99"\n', 'output = "gpio:17"\n'):
        assert any("a relay is gpio:17" in p for p in problems(home, GOOD + '[[ladder]]\nresponder = "light"\n' + wrong))
