"""A call that stands in what a device goes on saying is one call; where its end got lost, it is a call again."""

import json

import pytest
from drivers import all_models
from gateway.hear.intake import Intake
from gateway.hear.waits import WAITS
from gateway.words.clock import Moment
from gateway.words.driver import Advertisement, Published, Telegram
from gateway.words.reading import Kind

from tests.kit.hand import HandClock

MODELS = all_models()
UUID = "0102030405060708090a0b0c0d0e0f10"


class Home:
    """An intake, and a clock that is moved."""

    def __init__(self):
        self.clock = HandClock()
        self.heard = []
        self.intake = Intake(self.now, {}, self.heard.append)

    def now(self) -> Moment:
        return self.clock.now()

    def presses(self):
        out, self.heard[:] = [r for r in self.heard if r.kind is Kind.BUTTON and r.value == "press"], []
        return len(out)


class Zigbee(Home):
    """A cord that says "sos" as a state."""

    def __init__(self, memory=None):
        super().__init__()
        self.intake.enrol("bridge", MODELS["zigbee2mqtt"], "mqtt://x/zigbee2mqtt", None, {})
        self.intake.enrol("cord", MODELS["zigbee-sos"], "cord", None, memory or {}, via="bridge")

    def calls(self, on=True, **more):
        self.intake.published("bridge", Published(topic="cord", payload=json.dumps({"sos": on} | more).encode()))


class Contact(Home):
    """A pull cord on an input."""

    def __init__(self, memory=None):
        super().__init__()
        self.intake.enrol("inputs", MODELS["gpio-inputs"], "gpio:17", None, {})
        self.intake.enrol("cord", MODELS["dry-contact"], "", None, memory or {}, via="inputs", codes={"sos": "17"})

    def calls(self, on=True):
        self.intake.polled("inputs", Telegram(source="17", data=bytes((on,))))


class Pendant(Home):
    """A pendant that sends another signal when it is pressed."""

    def __init__(self, memory=None):
        super().__init__()
        self.intake.enrol(
            "cord", MODELS["ibeacon"], "A4:C1:38:00:00:01", None, memory or {}, codes={"press": f"{UUID}/1/2", "idle": f"{UUID}/1/1"}
        )

    def calls(self, on=True):
        data = bytes.fromhex("0215" + UUID) + b"\0\1\0" + bytes((1 + on,)) + b"\xc5"
        self.intake.advert(Advertisement(address="A4:C1:38:00:00:01", rssi=-60, manufacturer_data={0x004C: data}))


@pytest.fixture(params=[Zigbee, Contact, Pendant])
def home(request):
    return request.param


def test_a_call_that_is_said_again_and_again_is_one(home):
    one = home()
    for _ in range(100):
        one.calls()
        one.clock.move(60)
    assert one.presses() == 1


def test_a_call_whose_end_got_lost_is_a_call_again(home):
    one = home()
    one.calls(on=False)
    one.calls()
    assert one.presses() == 1
    one.clock.move(30 * 86_400)
    one.calls()
    assert one.presses() == 1
    one.clock.move(6)
    one.calls()
    assert one.presses() == 0


def test_a_call_that_ended_is_a_call_when_it_begins(home):
    one = home()
    one.calls()
    for _ in range(3):
        one.clock.move(10)
        one.calls(on=False)
        one.calls(on=False) if home is not Pendant else None
    one.clock.move(10)
    if home is Pendant:  # two other packets in a row, equal ones within 5 s are one
        one.calls(on=False)
        one.clock.move(10)
    one.calls()
    assert one.presses() == 2


@pytest.mark.parametrize("after", [10, WAITS.call_stands - 1])
def test_what_stands_at_a_start_is_the_call_of_before(after):
    before = Contact()
    before.calls()
    one = Contact(before.intake.devices["cord"].driver.memory)
    one.clock.move(after)
    for _ in range(20):
        one.calls()
        one.clock.move(60)
    assert one.presses() == 0


def test_a_message_that_was_sent_for_its_battery_is_no_call():
    one = Zigbee()
    one.calls(battery=90)
    for level in (89, 88, 87):
        one.clock.move(3600)
        one.calls(battery=level)
    assert one.presses() == 1
    one.clock.move(3600)
    one.calls(battery=87)
    assert one.presses() == 1


def test_a_state_that_goes_on_in_the_same_packet_is_said_again():
    home = Home()
    home.intake.enrol("leak", MODELS["switchbot-leak"], "C4:34:30:37:4C:7A", None, {})
    wet = {
        "service_data": {"0000fd3d-0000-1000-8000-00805f9b34fb": bytes.fromhex("260064")},
        "manufacturer_data": {0x0969: bytes.fromhex("c43430374c7a4764f96761c4083c0500000000")},
    }

    def sends(seconds):
        for _ in range(int(seconds // 10)):
            home.intake.advert(Advertisement(address="C4:34:30:37:4C:7A", rssi=-60, **wet))
            home.clock.move(10)

    sends(WAITS.says_again * 5)
    assert [r.value for r in home.heard if r.kind is Kind.MOISTURE] == [True] * 5
    home.heard.clear()
    wet["manufacturer_data"] = {0x0969: bytes.fromhex("c43430374c7a4764f86761c4083c0500000000")}
    sends(WAITS.says_again * 5)
    assert [r.value for r in home.heard if r.kind is Kind.MOISTURE] == [False]
