"""Devices behind receivers: bursts are one, a second press is a second, kept presses are none; and the receivers on real lines."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from drivers import all_models
from gateway.hear.intake import Intake
from gateway.hear.serial_port import Line
from gateway.words.clock import Moment
from gateway.words.driver import NOT_MINE, Chunk, Published, Refusal, Reply, Report, Telegram
from gateway.words.reading import Kind, is_plausible

from tests.kit.line_emulators import EnOceanStick, RfBridge, TinyRadar
from tests.kit.wait import until

MODELS = all_models()
ENOCEAN = {name for name, model in MODELS.items() if name.startswith("enocean-") and not model.receiver}


class Home:
    """An intake with a clock in the hand."""

    def __init__(self, *receivers):
        self.now = 1000.0
        self.readings = []
        self.heard_at = {}
        self.intake = Intake(self.moment, self.heard_at, self.readings.append)
        for receiver in receivers:
            self.intake.enrol(receiver, MODELS[receiver], f"/dev/{receiver}", None, {})

    def moment(self):
        return Moment(self.now, datetime(2026, 12, 1, tzinfo=UTC))

    def hears(self, receiver, source, data=b""):
        self.intake.telegram(receiver, Telegram(source=source, data=data), self.moment())

    def said(self):
        out = [(one.kind, one.value) for one in self.readings]
        self.readings.clear()
        return out


def radio_code(code):
    return bytes.fromhex("aaa426c0013603ca") + bytes.fromhex(code) + b"\x55"


def test_a_door_that_sends_thirty_equal_codes_is_one_opening():
    home = Home("sonoff-rfbridge")
    home.intake.enrol("door", MODELS["ev1527-door"], "", None, {}, via="sonoff-rfbridge", codes={"open": "12F70A", "closed": "12F70E"})
    for code, kind in (("12F70A", True), ("12F70E", False), ("12F70A", True)):
        back = b""
        for _ in range(30):
            home.now += 0.1  # three seconds in all: longer than the window
            back += home.intake.chunk(Chunk(port="/dev/sonoff-rfbridge", data=radio_code(code)))
        assert home.said() == [(Kind.CONTACT_OPEN, kind)]
        assert back == 30 * b"\xaa\xa0\x55"  # each is acknowledged, or it comes again
    assert home.heard_at["door"] == home.now


def test_an_sos_pressed_again_three_seconds_later_is_a_new_press():
    home = Home("sonoff-rfbridge")
    home.intake.enrol("sos", MODELS["ev1527-sos"], "", None, {}, via="sonoff-rfbridge", codes={"press": "511451"})
    for _ in range(2):
        for _ in range(10):
            home.now += 0.05
            home.hears("sonoff-rfbridge", "511451")
        assert home.said() == [(Kind.BUTTON, "press")]
        home.now += 3


def test_a_code_nobody_was_taught_is_a_strangers():
    home = Home("sonoff-rfbridge")
    told = []
    home.hears("sonoff-rfbridge", "ABCDEF")
    home.intake.overhear(lambda receiver, telegram: told.append((receiver, telegram.source)))
    home.hears("sonoff-rfbridge", "ABCDEF")
    assert told == [("sonoff-rfbridge", "ABCDEF")], "outside a hearing window a stranger is counted and forgotten"
    assert home.intake.strangers == 2
    assert home.said() == []


def test_what_cannot_be_supervised_says_so():
    for name, model in MODELS.items():
        if name.startswith("ev1527") or name in {"enocean-ptm-cord", "enocean-leak"}:
            assert model.missing_after is None


def test_three_copies_of_an_enocean_telegram_are_one_but_press_release_press_are_three():
    home = Home("enocean-esp3")
    home.intake.enrol("cord", MODELS["enocean-ptm-cord"], "00298979", None, {}, via="enocean-esp3")
    for data in ("f65030", "f60020", "f65030"):
        for _ in range(3):
            home.now += 0.02
            home.hears("enocean-esp3", "00298979", bytes.fromhex(data))
        home.now += 0.2
    assert home.said() == [(Kind.BUTTON, "press"), (Kind.BUTTON, "release"), (Kind.BUTTON, "press")]
    home.now += 0.2
    home.hears("enocean-esp3", "00298979", bytes.fromhex("f65030"))  # the release was lost
    assert home.said() == [(Kind.BUTTON, "press")]


@pytest.mark.parametrize("payload", range(256))
def test_any_payload_with_bit_4_is_a_call(payload):
    driver = MODELS["enocean-ptm-cord"].new("", None, {})
    (said,) = driver.feed(Telegram(source="1", data=bytes([0xF6, payload, 0x20])))
    assert said.value == ("press" if payload & 0x10 else "release")


def test_teach_in_telegrams_say_nothing():
    """And of another profile than its own a driver says so: the hearing window tells makes apart by it."""
    for data, of in (
        ("d50000", {"enocean-contact"}),
        ("a50828458000", {"enocean-temperature"}),  # A5-02-05
        ("a51c08298000", {"enocean-pir"}),  # A5-07-01
        ("a55008468000", {"enocean-contact-a5"}),  # A5-14-01
        ("a55050168000", {"enocean-window"}),  # A5-14-0A, as Eltako's FTKB-hg introduces itself
        ("a50000000000", ENOCEAN - {"enocean-leak", "enocean-ptm-cord"}),  # it names none
        ("d4a0ff3e000107a500", {"enocean-pir"}),
        ("d4a0ff3e000101d200", set()),
    ):
        for model in ENOCEAN:
            heard = list(MODELS[model].new("", None, {}).feed(Telegram(source="1", data=bytes.fromhex(data))))
            assert not any(isinstance(one, Report) for one in heard)
            assert (Refusal("teach_in") in heard and NOT_MINE not in heard) is (model in of), (data, model)


def enocean(home, device, data):
    home.now += 60
    home.hears("enocean-esp3", device, bytes.fromhex(data))
    return [value for kind, value in home.said() if kind is Kind.CONTACT_OPEN]


def contact(model="enocean-contact", memory=None):
    home = Home("enocean-esp3")
    home.intake.enrol("window", MODELS[model], "01825DAB", None, memory or {}, via="enocean-esp3")
    return home


STATUS = "a56e66000800"  # Eltako's battery status: last byte as A5-14-01 says "closed"


def test_a_battery_telegram_does_not_close_an_open_window():
    home = contact()
    assert enocean(home, "01825DAB", "d50800") == [True]
    assert enocean(home, "01825DAB", STATUS) == []
    assert home.heard_at["window"] == home.now, "it is a sign of life"
    assert enocean(home, "01825DAB", "a5c800000800") == [], "nor does any other A5 telegram, once it has spoken D5"
    memory = json.loads(home.intake.memories()["window"])
    again = contact(memory=memory)
    assert enocean(again, "01825DAB", "a5c800000800") == [], "not after a restart either"
    assert enocean(again, "01825DAB", "d50900") == [False]


def test_a_contact_that_introduced_itself_by_both_profiles_is_moved_by_d5_alone():
    for first, second in (("a55008468000", "d50000"), ("d50000", "a55008468000")):
        home = contact()
        for data in (first, second):
            assert enocean(home, "01825DAB", data) == []
        assert enocean(home, "01825DAB", "a5c800000900") == []
        assert home.intake.devices["window"].driver.memory == {"eep": "D5-00-01"}


def test_before_it_has_spoken_d5_eltakos_status_moves_nothing():
    home = contact()
    assert enocean(home, "01825DAB", STATUS) == []
    assert enocean(home, "01825DAB", "d50800") == [True]


def test_a_contact_of_another_profile_enrolled_by_an_earlier_version_goes_on():
    home = contact()
    assert [enocean(home, "01825DAB", f"a5c80000{last}00") for last in ("09", "08", "09")] == [[True], [False], [True]]
    home = contact()
    assert enocean(home, "01825DAB", "a55050168000") == []  # it introduces itself: A5-14-0A
    assert [enocean(home, "01825DAB", f"a5820000{last}00") for last in ("0e", "08", "0a", "09")] == [[True], [False], [True], [False]]


def test_an_unknown_profile_is_said_and_not_guessed():
    home = contact()
    home.hears("enocean-esp3", "01825DAB", bytes.fromhex("a58200000e00"))
    assert home.said() == [(Kind.NOT_UNDERSTOOD, "A5: 8200000e")]
    window = contact("enocean-window")
    window.hears("enocean-esp3", "01825DAB", bytes.fromhex("a58200000c00"))
    assert window.said() == [(Kind.NOT_UNDERSTOOD, "A5: 8200000c")]


def test_a_contact_enrolled_by_its_profile_is_moved_by_that_alone():
    a5 = contact("enocean-contact-a5")
    assert enocean(a5, "01825DAB", "d50800") == []
    assert enocean(a5, "01825DAB", "a5c800000900") == [True]


def zigbee(home, topic, payload, *, retained=False):
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    home.intake.published("zigbee2mqtt", Published(topic=topic, payload=data, retained=retained))


def test_a_press_that_the_broker_kept_is_no_call_and_states_are_passed_on():
    home = Home("zigbee2mqtt")
    home.intake.enrol("cord", MODELS["zigbee-sos"], "bath/cord", None, {}, via="zigbee2mqtt")
    home.intake.enrol("door", MODELS["zigbee-contact"], "door", None, {}, via="zigbee2mqtt")
    zigbee(home, "bath/cord", {"action": "emergency", "battery": 80, "sos": True}, retained=True)
    zigbee(home, "door", {"contact": False}, retained=True)
    assert home.said() == [(Kind.BATTERY, 80), (Kind.CONTACT_OPEN, True)]
    zigbee(home, "bath/cord", {"action": "emergency", "battery": 80, "sos": True})
    zigbee(home, "bath/cord", {"action": "", "battery": 80, "sos": True})
    zigbee(home, "bath/cord", {"battery": 80, "sos": True})
    assert home.said().count((Kind.BUTTON, "press")) == 1
    zigbee(home, "bath/cord", {"action": "emergency"})
    assert home.said() == [(Kind.BUTTON, "press")]


def test_what_the_broker_kept_is_no_sign_of_life():
    home = Home("zigbee2mqtt")
    home.intake.enrol("door", MODELS["zigbee-contact"], "door", None, {}, via="zigbee2mqtt")
    for _ in range(2):
        zigbee(home, "door", {"contact": False, "retained": False}, retained=True)  # a key of that name proves nothing
        assert home.said() == [(Kind.CONTACT_OPEN, True)]
        assert home.heard_at == {}  # neither the door nor zigbee2mqtt
    zigbee(home, "door", {"contact": True, "retained": True})
    assert home.heard_at == {"zigbee2mqtt": 1000.0, "door": 1000.0}


@pytest.mark.parametrize("number", ["1" + "0" * 400, "9" * 5000, "-1e999", "1e999", "NaN"])
def test_an_absurd_number_beside_it_hides_no_danger(number):
    home = Home("zigbee2mqtt")
    home.intake.enrol("smoke", MODELS["zigbee-smoke"], "kitchen", None, {}, via="zigbee2mqtt")
    home.intake.enrol("cord", MODELS["zigbee-sos"], "cord", None, {}, via="zigbee2mqtt")
    for topic, said in (("kitchen", '"smoke":true'), ("cord", '"action":"emergency"')):
        payload = f'{{{said},"battery":{number},"temperature":{number},"x":{number},"linkquality":9}}'.encode()
        home.intake.published("zigbee2mqtt", Published(topic=topic, payload=payload, retained=False))
    assert home.said() == [(Kind.SMOKE, True), (Kind.BUTTON, "press")]
    assert not any("driver_failed" in one.refused for one in home.intake.devices.values())
    assert not is_plausible(Kind.OTHER_MEASURE, 10**400)
    assert not is_plausible(Kind.OTHER_MEASURE, float("nan"))


@pytest.mark.parametrize("topic", ["bath/cord/set", "bath/cord/get", "bath/cord/action", "bridge/devices", "bridge/state", "nobody", ""])
def test_other_topics_call_nobody(topic):
    home = Home("zigbee2mqtt")
    home.intake.enrol("cord", MODELS["zigbee-sos"], "bath/cord", None, {}, via="zigbee2mqtt")
    zigbee(home, topic, {"action": "emergency"})
    assert home.said() == []


def test_a_device_that_the_bridge_cannot_reach_is_not_alive():
    home = Home("zigbee2mqtt")
    home.intake.enrol("door", MODELS["zigbee-contact"], "door", None, {}, via="zigbee2mqtt")
    zigbee(home, "door/availability", b"offline")
    assert "door" not in home.heard_at
    zigbee(home, "door/availability", {"state": "online"})
    assert home.heard_at["door"] == 1000.0
    zigbee(home, "bridge/state", {"state": "offline"})
    assert home.intake.devices["zigbee2mqtt"].refused == {"bridge_offline": 1}


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"7",
        b"nan",
        b"[" * 9000,
        b'{"battery":true}',
        b'{"battery":1e999}',
        b'{"action":7}',
        b'{"action":"\\ud800"}',
        b"\xff\xfe",
    ],
)
def test_wrong_messages_say_nothing_false(payload):
    home = Home("zigbee2mqtt")
    home.intake.enrol("door", MODELS["zigbee-contact"], "door", None, {}, via="zigbee2mqtt")
    zigbee(home, "door", payload)
    assert home.said() == []


@pytest.mark.parametrize("word", ["open", 1, [], {}, "x" * 5000, "\x1b[2J"])
def test_a_word_about_what_matters_that_nobody_knows_is_said_once_and_is_no_state(word):
    home = Home("zigbee2mqtt")
    home.intake.enrol("door", MODELS["zigbee-contact"], "door", None, {}, via="zigbee2mqtt")
    for _ in range(3):
        home.now += 60
        zigbee(home, "door", {"contact": word, "battery": 90})
    said = home.said()
    assert [kind for kind, _ in said] == [Kind.NOT_UNDERSTOOD] + 3 * [Kind.BATTERY]
    assert said[0][1] == f"contact: {word}".replace("\x1b", "?")[:80]
    zigbee(home, "door", {"contact": False})
    assert home.said() == [(Kind.CONTACT_OPEN, True)]
    zigbee(home, "door", {"contact": word})
    assert [kind for kind, _ in home.said()] == [Kind.NOT_UNDERSTOOD], "and again when it comes again"


def test_rflink_lines_name_what_was_taught_and_the_battery():
    home = Home("rflink")
    home.intake.enrol("sos", MODELS["ev1527-sos"], "", None, {}, via="rflink", codes={"press": "EV1527;ID=07A410;SWITCH=01;CMD=ON"})
    back = home.intake.chunk(Chunk(port="/dev/rflink", data=b"", opened=True))
    assert back == b"10;PING;\r\n"
    for counter in (b"2D", b"2E", b"2F"):
        home.intake.chunk(Chunk(port="/dev/rflink", data=b"\xff20;" + counter + b";EV1527;ID=07a410;SWITCH=01;CMD=ON;BAT=LOW;\r\n"))
    assert home.said() == [(Kind.BUTTON, "press"), (Kind.BATTERY_LOW, True)]


def presence(model, frame, times):
    driver = MODELS[model].new("", None, {})
    return [one for _ in range(times) for one in driver.feed(Chunk(port="", data=frame))]


def test_ten_equal_reports_a_second_are_told_as_changes():
    still = bytes.fromhex("f4f3f2f10d0002aa0251000000003b00005500f8f7f6f5")
    target = bytes.fromhex("aaff03000e03b186100040010000000000000000000000000000000055cc")
    for model, frame in (("hilink-ld2410", still), ("hilink-ld2450", target)):
        heard = presence(model, frame, 50)
        assert len(heard) == 49 + len(presence(model, frame, 1))
        assert heard[-49:] == [Report(Kind.HEARTBEAT, True)] * 49
        assert len(presence(model, frame, 51)) > len(heard) + 1  # after five seconds all of it again
        assert Report(Kind.OCCUPANCY, True) in heard


class Served:
    """A home with one receiver or radar on a real line."""

    def __init__(self, device, model):
        self.home = Home()
        self.home.intake.enrol(model, MODELS[model], device.port, None, {})
        self.line = Line(device.port, MODELS[model].listens.baud, self.home.intake.chunk)

    async def __aenter__(self):
        self._task = asyncio.create_task(self.line.run())
        await until(lambda: self.line.open)
        return self.home

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest.mark.parametrize("split", [False, True])
async def test_the_rf_bridge_on_a_line_is_asked_and_acknowledged(tmp_path, split):
    with RfBridge(tmp_path / "rf") as bridge:
        bridge.split = split
        async with Served(bridge, "sonoff-rfbridge") as home:
            home.intake.enrol("sos", MODELS["ev1527-sos"], "", None, {}, via="sonoff-rfbridge", codes={"press": "55AA55"})
            await until(lambda: "sonoff-rfbridge" in home.heard_at)
            bridge.noise(b"\xaa\xa4\x55\x00")
            bridge.code("55aa55", times=5)
            await until(lambda: bridge.acknowledged >= 4)
            assert home.said() == [(Kind.BUTTON, "press")]


async def test_the_enocean_stick_on_a_line_passes_on_contacts(tmp_path):
    with EnOceanStick(tmp_path / "en") as stick:
        async with Served(stick, "enocean-esp3") as home:
            home.intake.enrol("door", MODELS["enocean-contact"], "01825DAB", None, {}, via="enocean-esp3")
            await until(lambda: stick.asked)
            stick.noise(b"\x55\x00\x07\x07\x55")
            stick.telegram("d508", gap=0)
            await until(lambda: home.readings)
            stick.telegram("d509", sender="0181B744")
            await until(lambda: home.intake.strangers)
            assert home.said() == [(Kind.CONTACT_OPEN, True)]
            assert home.intake.devices["door"].rssi == -54


async def test_a_tinyframe_radar_on_a_line_tells_a_fall_through_noise(tmp_path):
    with TinyRadar(tmp_path / "r") as radar:
        async with Served(radar, "seeed-mr60fda2") as home:
            await until(lambda: radar.asked)  # its settings, when the line was opened
            radar.noise(b"\x01\x00\x00\x00\x01\x0e\x02\x0c\xff")
            radar.split = True
            radar.fall()
            await until(lambda: (Kind.FALL, True) in [(one.kind, one.value) for one in home.readings])


def test_the_driver_asks_only_when_the_line_was_opened():
    model = MODELS["hilink-ld6002c"]
    driver = model.new("", None, {})
    assert list(driver.feed(Chunk(port="", data=b"", opened=True))) == [Reply(model.listens.ask)]
    assert model.listens.ask.hex() == "01000000000e06f6"
