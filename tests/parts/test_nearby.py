"""What the radio hears now: the window by itself, on the stand-in for bluetoothd, and through the running gateway."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import msgspec
import pytest
from drivers import all_models
from gateway.hear import window as hearing_window
from gateway.hear.makes import address_kind, guess, maker
from gateway.hear.window import Window
from gateway.home import nearby
from gateway.home.config import load
from gateway.home.nearby import AT_MOST
from gateway.home.waits import WAITS
from gateway.tend.composition import build
from gateway.words.driver import Advertisement, Telegram, uuid16

from tests.kit.fake_bluez import Child, uuid
from tests.kit.wait import PATIENCE, until

MODELS = all_models()
BUTTON, DOOR, BELT = "A4:C1:38:00:00:01", "A4:C1:38:00:00:02", "A4:C1:38:00:00:11"
PHONE, PENDANT = "5B:11:22:33:44:55", "C2:11:22:33:44:55"
PRESS = {"fcd2": "4400523a01"}


def advert(address=BUTTON, rssi=-60, name=None, services=None, makers=None, uuids=()):
    return Advertisement(
        address=address,
        rssi=rssi,
        name=name,
        service_data={uuid(k): bytes.fromhex(v) for k, v in (services or {}).items()},
        manufacturer_data={k: bytes.fromhex(v) for k, v in (makers or {}).items()},
        service_uuids=tuple(uuid(u) for u in uuids),
    )


def opened(seconds=60.0, devices=()):
    return Window(MODELS, devices, 100.0, seconds)


def facts(window, now=110.0):
    return msgspec.to_builtins(window.facts(now))


def only(window, now=110.0):
    (one,) = facts(window, now)["heard"]
    return one


# ---- the window -------------------------------------------------------------------------------------------------------------


def test_a_window_remembers_signal_and_packets_strongest_first():
    window = opened()
    for rssi in (-80, -55, -70):
        window.heard(advert(rssi=rssi), "public", 101.0)
    window.heard(advert(DOOR, rssi=-40), "public", 104.0)
    first, second = facts(window)["heard"]
    assert (first["address"], first["packets"], first["silent_s"]) == (DOOR, 1, 6.0)
    assert (second["address"], second["packets"], second["best"], second["rssi"]) == (BUTTON, 3, -55, -70)


def test_a_window_closes_by_itself_and_cannot_be_kept_open():
    window = opened(10.0)
    assert window.is_open(109.9)
    assert not window.is_open(110.0)
    window.extend(105.0, 20.0)
    assert window.until == 125.0
    window.extend(106.0, 1.0)
    assert window.until == 125.0, "it is never made shorter"
    for now in range(110, 1000, 10):
        window.extend(float(now), 1e9)
    assert window.until == 100.0 + WAITS.window
    window.heard(advert(), "public", window.until)
    assert facts(window, window.until)["heard"] == []
    assert not facts(window, window.until)["open"]


def test_a_window_keeps_the_newest_addresses():
    window = opened()
    window.heard(advert(BUTTON), "public", 101.0)
    for n in range(AT_MOST + 50):
        window.heard(advert(f"C2:00:00:00:{n >> 8:02X}:{n & 255:02X}"), "random", 102.0)
        if n == 150:
            window.heard(advert(BUTTON), "public", 103.0)
    found = facts(window)
    assert len(found["heard"]) == AT_MOST
    assert found["forgotten"] == 51
    assert BUTTON in {one["address"] for one in found["heard"]}, "heard again in between"


def test_what_an_address_says_is_bounded():
    window = opened()
    for n in range(1000):
        window.heard(advert(services={"fcd2": f"4400{n & 255:02x}3a{1 + n % 3:02x}"}), "public", 101.0)
    said = window.neighbours[BUTTON].told
    assert len(said) <= hearing_window.TOLD_AT_MOST
    assert all(len(values) <= hearing_window.VALUES_AT_MOST for values in said.values())


@pytest.mark.parametrize(
    ("address", "kind", "what", "enrollable"),
    [
        (BUTTON, "public", "public", True),
        (PENDANT, "random", "static", True),
        (PHONE, "random", "private", False),  # resolvable: 01
        ("1B:11:22:33:44:55", "random", "private", False),  # non-resolvable: 00
        (PHONE, "", "", True),  # bluetoothd does not say: let the technician try
    ],
)
def test_an_address_that_changes_cannot_be_enrolled(address, kind, what, enrollable):
    assert address_kind(address, kind) == what
    window = opened()
    window.heard(advert(address, makers={0x004C: "1005011c4a3b2a"}), kind, 101.0)
    one = only(window)
    assert one["enrollable"] is enrollable
    assert one["maker"] == "Apple"


def test_the_make_is_guessed_by_name_by_bytes_and_by_service():
    def name(**what):
        found = guess(advert(**what), MODELS)
        return found.name if found else ""

    assert name(name="SBBT-002C", services=PRESS) == "shelly-blu-button"
    assert name(name="SBDW-002C", services={"fcd2": "44002d01"}) == "shelly-blu-door"
    assert name(name="somebody", services=PRESS) == "bthome-v2"
    assert name(services=PRESS) == "bthome-v2", "without a name no maker"
    assert name(name="SBBT-002C") == "shelly-blu-button", "a name alone is something"
    assert name(uuids=["180d"]) == "gatt-heart-rate"
    assert name(uuids=["180d", "1822"]) in {"gatt-heart-rate", "gatt-oximeter"}
    assert name() == name(makers={0x0006: "01"}, name="PC") == ""
    assert maker(advert(makers={0x0006: "01"})) == "Microsoft"
    assert maker(advert(uuids=["fe2c"])) == "Google"
    assert maker(advert(makers={0x0A0A: "01"})) == ""


def test_every_recorded_broadcast_is_guessed_as_a_make_that_takes_it():
    from gateway.hear.decode import decode_line

    wrong = []
    files = sorted((Path(__file__).parents[1] / "unit" / "drivers").glob("vectors_*.jsonl"))
    for vector in (json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()):
        if "service_data" not in vector or "reject" in vector["expect"]:
            continue
        packet = advert(vector.get("mac") or BUTTON, services=vector["service_data"], name=vector.get("local_name"))
        known = decode_line(json.dumps({k: v for k, v in vector.items() if k not in {"model", "protocol"}}))["model"]
        found = guess(packet, MODELS)
        if found is None or (vector.get("local_name") and found.name != known):
            wrong.append((vector["id"], known, found and found.name))
    assert not wrong


def test_a_press_in_the_window_is_told_and_an_encrypted_one_wants_its_key():
    window = opened()
    window.heard(advert(name="SBBT-002C", services={"fcd2": "440051"}), "public", 101.0)
    assert only(window)["told"] == {}
    for packet in ("4400523a01", "4400523a01", "4400533a02"):
        window.heard(advert(name="SBBT-002C", services={"fcd2": packet}), "public", 102.0)
    assert only(window)["told"] == {"button": ["press", "double_press"]}
    sealed = opened()
    sealed.heard(advert(name="SBBT-002C", services={"fcd2": "454c57abea0d4cbc0100007a371f37"}), "public", 101.0)
    assert only(sealed)["needs_key"] is True
    assert only(sealed)["model"] == "shelly-blu-button"


def test_a_door_shows_what_it_said():
    window = opened()
    for packet in ("4400012d01", "4400022d00"):
        window.heard(advert(DOOR, name="SBDW-002C", services={"fcd2": packet}), "public", 101.0)
    assert only(window)["told"] == {"contact_open": [True, False]}


def test_a_driver_that_fails_on_a_stranger_ends_nothing(monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(hearing_window, "guess", broken)
    window = opened()
    window.heard(advert(services=PRESS), "public", 101.0)
    assert only(window)["refused"] == "driver_failed"


def test_nobody_answers(tmp_path, monkeypatch):
    monkeypatch.setattr(WAITS, "window_answer", 0.2)
    began = time.monotonic()
    assert nearby.answer(tmp_path, began, 0.1) is None


def test_the_text_is_at_most_100_columns_and_names_write_nothing_on_the_terminal():
    window = opened()
    window.heard(advert(name="\x1b[31m客厅的非常非常长的名字" * 3, services=PRESS), "public", 101.0)
    window.heard(advert(PHONE, makers={0x004C: "10"}), "random", 101.0)
    text = nearby.told(MODELS, window.facts(110.0, ["adapter hci0 is not there (" + "x" * 200 + ")"]))
    assert "\x1b" not in text
    for line in text.splitlines():
        assert sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line) <= 100, line
    for name in MODELS:
        assert name[:21] in text
    assert "phone or watch: cannot be enrolled" in text
    assert "cannot be supervised" in text


# ---- the command and the gateway ----------------------------------------------------------------------------------------------


CONFIG = """
[gateway]
id = "gw-test"
state = "state"
runtime = "run"
{more}
"""
DEVICES = f"""
[consent]
vital_signs = true
[[device]]
id = "sos"
model = "bthome-v2"
room = "bedroom"
address = "{BUTTON}"
buttons = {{ 1 = "sos" }}

[[device]]
id = "belt"
model = "gatt-heart-rate"
room = "bedroom"
address = "{BELT}"
"""


def configured(folder, more=DEVICES):
    path = folder / "gateway.toml"
    path.write_text(CONFIG.format(more=more))
    return path


def devices(path, *options, env=None):
    command = [sys.executable, "-m", "gateway", "devices", "--config", str(path), *options]
    return subprocess.run(command, env=env or os.environ, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_the_command_listens_itself_where_no_gateway_runs(tmp_path):
    path = configured(tmp_path)
    with Child() as child:
        command = [sys.executable, "-m", "gateway", "devices", "--config", str(path), "--seconds", "2.5", "--json"]
        running = subprocess.Popen(command, env=child.environment, stdout=subprocess.PIPE, text=True)
        child.wait_for_scan()
        child.advertise(BUTTON, service_data=PRESS, rssi=-50, name="SBBT-002C")
        child.advertise(PHONE, manufacturer_data={"76": "10"}, rssi=-70, address_type="random")
        out, _ = running.communicate(timeout=PATIENCE)
        assert running.returncode == 0
        assert child.ask()["scanning"] == 0
    known = json.loads(out)
    button, phone = known["heard"]
    assert button["enrolled"] == "sos"
    assert button["told"] == {"button": ["press"]}
    assert (phone["enrollable"], phone["maker"]) == (False, "Apple")
    assert {row["model"] for row in known["supported"]} == set(MODELS)
    assert known["radios"] == [""]


def test_the_command_without_radio_says_so_and_still_lists_what_is_supported(tmp_path):
    done = devices(configured(tmp_path), "--seconds", "0.5", env=os.environ | {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path}/none"})
    assert done.returncode == 1
    assert "shelly-blu-button" in done.stdout
    assert "no D-Bus" in done.stdout


def test_a_wrong_configuration_is_refused(tmp_path):
    done = devices(configured(tmp_path, "[nonsense]"))
    assert done.returncode == 2
    assert "nonsense" in done.stderr


@contextlib.asynccontextmanager
async def at_work(path):
    """The whole gateway in this process."""
    daemon = build(load(path, MODELS), MODELS)
    task = asyncio.create_task(daemon.run())
    try:
        yield daemon
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        from bleak.backends.bluezdbus.manager import _global_instances

        manager = _global_instances.get(asyncio.get_running_loop())
        if manager is not None and manager._bus is not None:
            manager._bus.disconnect()


async def asked(path, air, seconds, sends):
    """Run `devices` in a thread while the air is busy; return what it printed as JSON."""
    running = asyncio.create_task(asyncio.to_thread(devices, path, "--seconds", str(seconds), "--json"))
    while not running.done():
        sends()
        await asyncio.sleep(0.05)
    done = await running
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def test_the_running_gateway_hears_for_the_command(tmp_path, air, monkeypatch):
    monkeypatch.setattr(WAITS, "window_file", 0.3)
    path = configured(tmp_path)
    async with at_work(path) as daemon:
        await until(lambda: air.discovering)
        air.advertise(PENDANT, name="before")
        await until(lambda: daemon.intake.strangers)

        def sends():
            air.advertise(PENDANT, name="pendant", address_type="random")
            air.advertise(DOOR, service_data={"fcd2": "4400012d01"}, name="SBDW-002C", rssi=-45)

        known = await asked(path, air, 1.0, sends)
        assert [one["address"] for one in known["heard"]] == [DOOR, PENDANT]
        assert daemon.pipeline.orders.done, "it was an instruction"
        assert known["heard"][0]["model"] == "shelly-blu-door"
        assert len(air.discovering) == 1, "nobody else scanned"
        assert air.calls.count("StartDiscovery") == 1
        await until(lambda: daemon.ears.window is None)
        assert all(not radio._overheard for radio in daemon.ears.radios)
        await until(lambda: not (tmp_path / "run" / nearby.FILE).exists())
        assert daemon.intake.strangers > 10, "counted all the while"


async def test_before_the_first_sensor_the_gateway_listens_only_while_asked(tmp_path, air):
    path = configured(tmp_path, "")
    async with at_work(path) as daemon:
        await until((tmp_path / "run" / "wake").exists)
        assert not daemon.ears.radios
        known = await asked(path, air, 1.5, lambda: air.advertise(DOOR, service_data={"fcd2": "4400012d01"}))
        assert [one["address"] for one in known["heard"]] == [DOOR]
        await until(lambda: not air.discovering)


async def test_two_who_ask_share_one_window(tmp_path, air):
    path = configured(tmp_path)
    async with at_work(path) as daemon:
        await until(lambda: air.discovering)
        for seconds in (1.0, 2.0, 3.0):
            daemon.ears.open_window(seconds)
        await until(lambda: daemon.ears.window and daemon.ears.window.until - daemon.ears.window.opened > 2.5)
        until_then = daemon.ears.window.until
        for _ in range(200):
            daemon.ears.open_window(0.1)
            await asyncio.sleep(0)
        assert daemon.ears.window is None or daemon.ears.window.until == until_then, "nobody prolongs it by asking for less"
        await until(lambda: daemon.ears.window is None)
        assert air.calls.count("StartDiscovery") == 1


async def test_a_visit_in_the_gateway_and_what_an_sos_does_to_it(tmp_path, air, monkeypatch):
    """The whole way: the belt's pulse becomes a reading; an SOS ends the visit, and none is made until somebody answers."""
    path = configured(tmp_path)
    belt = air.peripheral(BELT, {"180d": {"2a37": (["notify"], b"")}}, stored=[("2a37", f"06{n:02x}") for n in range(80, 180)], gap=0.2)
    async with at_work(path) as daemon:
        await until(lambda: air.discovering)
        air.advertise(BELT, uuids=["180d"])
        await until(lambda: air.connected(BELT))
        await asyncio.sleep(0.5)
        air.advertise(BUTTON, service_data=PRESS)
        await until(lambda: daemon.pipeline.alarms)
        await until(lambda: not air.connected(BELT))
        await until(lambda: any(r.label == "heart_rate_bpm" for r in daemon.historian.pending))
        assert daemon.ears.visits is not None
        assert sum(r.label == "heart_rate_bpm" for r in daemon.historian.pending) < 100, "it was ended in the middle"
        daemon.ears.visits._hosts[BELT].not_before = 0.0
        for _ in range(20):
            air.advertise(BELT, uuids=["180d"])
            await asyncio.sleep(0.02)
        assert belt.connections == 1
        assert not any(f for f in daemon.faults.on if f[1] == "belt")


def test_uuid_of_tests_is_that_of_the_gateway():
    assert uuid("180d") == uuid16(0x180D)


# ---- what receivers hear, and what is taught ------------------------------------------------------------------------------


def behind(tmp_path, text):
    path = tmp_path / "gateway.toml"
    path.write_text(f'[gateway]\nstate = "."\nruntime = "."\n{text}', encoding="utf-8")
    return load(path, MODELS, with_secrets=False).devices


RECEIVERS = """
[[device]]
id = "bridge"
model = "sonoff-rfbridge"
port = "/dev/bridge"
[[device]]
id = "zigbee"
model = "zigbee2mqtt"
port = "mqtt://127.0.0.1:1883/zigbee2mqtt"
[[device]]
id = "pins"
model = "gpio-inputs"
port = "gpio:17,27"
[[device]]
id = "cord"
model = "ev1527-sos"
via = "bridge"
codes = { press = "AAAAAA" }
"""


def signals(window, now=110.0):
    return {s["signal"]: s for s in facts(window, now)["signals"]}


def test_a_code_is_somebodys_doing_each_time_an_input_only_when_it_changes(tmp_path):
    window = opened(devices=behind(tmp_path, RECEIVERS))
    window.behind("bridge", Telegram(source="12F70A"), 101.0)
    window.behind("bridge", Telegram(source="12F70A"), 105.0)
    window.behind("bridge", Telegram(source="AAAAAA"), 106.0)
    window.behind("pins", Telegram(source="17", data=b"\0"), 102.0)
    window.behind("pins", Telegram(source="27", data=b"\0"), 102.0)
    window.behind("pins", Telegram(source="27", data=b"\1"), 108.0)
    window.behind("pins", Telegram(source="17", data=b"\0"), 109.0)
    found = signals(window)
    assert (found["12F70A"]["times"], found["12F70A"]["acted_s"], found["12F70A"]["enrolled"]) == (2, 5.0, "")
    assert found["AAAAAA"]["enrolled"] == "cord"
    assert (found["17"]["acted_s"], found["27"]["acted_s"]) == (None, 2.0)
    assert "12F70A" in nearby.told({}, window.facts(110.0))
    assert "AAAAAA" not in nearby.told({}, window.facts(110.0))


def test_a_zigbee_device_is_recognised_by_what_it_says(tmp_path):
    window = opened(devices=behind(tmp_path, RECEIVERS))
    window.behind("zigbee", Telegram(source="door", data=b'{"contact":true,"battery":90}'), 101.0)
    window.behind("zigbee", Telegram(source="cord", data=b'{"action":"emergency","battery":87}', retained=True), 101.0)
    assert (signals(window)["door"]["model"], signals(window)["door"]["acted_s"]) == ("zigbee-contact", None)
    assert signals(window)["cord"]["acted_s"] is None, "what a broker kept is nobody's doing now"
    window.behind("zigbee", Telegram(source="door", data=b'{"contact":false,"battery":90}'), 104.0)
    window.behind("zigbee", Telegram(source="cord", data=b'{"action":"emergency","battery":87}'), 105.0)
    window.behind("zigbee", Telegram(source="mad", data=b"\xff{"), 105.0)
    found = signals(window)
    assert (found["door"]["acted_s"], found["cord"]["acted_s"], found["cord"]["model"]) == (6.0, 5.0, "zigbee-sos")
    assert found["mad"]["model"] == ""


@pytest.mark.parametrize(
    ("data", "model"),
    [
        ({"occupancy": True, "battery": 90, "illuminance": 3}, "zigbee-motion"),
        ({"presence": True}, "zigbee-presence"),
        ({"presence": True, "fall_down_status": "none"}, "zigbee-fall-radar"),
        ({"status": "sitting"}, "zigbee-fall-radar"),
        ({"occupancy": True, "work_state": "presence"}, "zigbee-motion"),
        ({"water_warning": "none"}, "zigbee-leak"),
        ({"carbon_monoxide": "OFF", "co": 1}, "zigbee-gas"),
        ({"smoke_state": "normal"}, "zigbee-smoke"),
    ],
)
def test_a_make_behind_zigbee_is_the_one_that_is_for_what_it_says(tmp_path, data, model):
    window = opened(devices=behind(tmp_path, RECEIVERS))
    window.behind("zigbee", Telegram(source="it", data=json.dumps(data).encode()), 101.0)
    assert signals(window)["it"]["model"] == model


def test_an_enocean_contact_is_taken_in_by_the_profile_it_names_itself(tmp_path):
    stick = '[[device]]\nid = "stick"\nmodel = "enocean-esp3"\nport = "/dev/stick"\n'
    window = opened(devices=behind(tmp_path, stick))
    for source, *data in (
        ("01825DAB", "a55050168000", "a58200000800"),  # teach-in of A5-14-0A, then "closed"
        ("01825DAC", "a55008468000", "a5c800000900"),  # A5-14-01
        ("01825DAD", "d50000", "d50900"),
        ("01825DAE", "d50800"),
    ):
        for each in data:
            window.behind("stick", Telegram(source=source, data=bytes.fromhex(each)), 101.0)
    found = {name: one["model"] for name, one in signals(window).items()}
    assert [found[f"01825DA{n}"] for n in "BCDE"] == ["enocean-window", "enocean-contact-a5", "enocean-contact", "enocean-contact"]
    assert signals(window)["01825DAB"]["acted_s"] is not None, "its learn button was pressed"


def test_a_device_enrolled_while_the_window_is_open_is_known_at_once(tmp_path):
    window = opened()
    window.heard(advert(BUTTON, services=PRESS), "public", 101.0)
    window.behind("bridge", Telegram(source="AAAAAA"), 101.0)
    assert only(window)["enrolled"] == signals(window)["AAAAAA"]["enrolled"] == ""
    more = f'[[device]]\nid = "mine"\nmodel = "bthome-v2"\naddress = "{BUTTON}"\n'
    window.know(behind(tmp_path, RECEIVERS + more))
    assert (only(window)["enrolled"], signals(window)["AAAAAA"]["enrolled"]) == ("mine", "cord")


def test_a_pendants_signals_are_listed_and_another_one_is_a_press():
    window = opened()
    idle, pressed = "0215" + "ab" * 16 + "00640000c5", "0215" + "ab" * 16 + "00640001c5"
    for at, frame in ((101.0, idle), (103.0, idle), (105.0, pressed), (106.0, idle)):
        window.heard(advert(PENDANT, makers={0x004C: frame}), "random", at)
    one = only(window)
    assert (one["model"], one["acted_s"]) == ("ibeacon", 4.0)
    assert [(s["signal"][-6:], s["acted_s"]) for s in one["signals"]] == [("/100/0", 4.0), ("/100/1", 5.0)]


def test_signals_are_bounded():
    window = opened()
    for n in range(hearing_window.SIGNALS_AT_MOST + 5):
        window.behind("bridge", Telegram(source=f"{n:06X}"), 101.0)
    assert len(signals(window)) == hearing_window.SIGNALS_AT_MOST
    assert "000000" not in signals(window)
