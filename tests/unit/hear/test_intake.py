"""From packets to readings: strangers, repeats, signs of life, drivers that fail."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field

import pytest
from drivers import all_models
from gateway.hear.enrolled import GUARDED
from gateway.hear.intake import Intake
from gateway.hear.waits import WAITS
from gateway.judge import danger
from gateway.judge.faults import fault
from gateway.words.driver import REPEATED, UNPROVED, Advertisement, BleAdvert, Chunk, Model, Refusal, Reply, Report, SerialLine, uuid16
from gateway.words.reading import Kind, Reading
from msgspec.structs import replace

from tests.kit.hand import HandClock

BUTTON = "A4:C1:38:00:00:01"
PORT = "/dev/serial/by-id/radar"


@dataclass
class Script:
    """A driver that answers what it is told to."""

    answers: list = field(default_factory=list)
    memory: dict = field(default_factory=dict)
    fed: list = field(default_factory=list)

    def feed(self, packet):
        self.fed.append(packet)
        answer = self.answers.pop(0) if self.answers else ()
        if isinstance(answer, Exception):
            raise answer
        return answer


class Home:
    """An intake with one scripted radio device, one scripted wired one, and a clock moved by hand."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.heard_at: dict[str, float] = {}
        self.readings: list[Reading] = []
        self.intake = Intake(self.clock.now, self.heard_at, self.readings.append)
        self.made: list[tuple] = []
        for name, at, listens in (("button", BUTTON, BleAdvert()), ("radar", PORT, SerialLine(baud=1))):
            model = Model(name="m", title=("", ""), listens=listens, senses=frozenset(Kind), missing_after=None, new=self._new)
            self.intake.enrol(name, model, at, b"key", {"seen": 7})
        self.button: Script = self.intake.devices["button"].driver
        self.radar: Script = self.intake.devices["radar"].driver

    def _new(self, address, key, memory):
        self.made.append((address, key, dict(memory)))
        return Script(memory=dict(memory))

    def advert(self, data: str = "00", *, address: str = BUTTON, **more) -> None:
        self.intake.advert(Advertisement(address=address, service_data={uuid16(0xFCD2): bytes.fromhex(data)}, **more))


@pytest.fixture
def home():
    return Home()


PRESS = Report(Kind.BUTTON, "press")


# -- what is believed of whom ---------------------------------------------------------------------------------------------

SHELLY_DOOR = "B4:35:22:00:00:02"
FORGED = {  # plain BTHome objects that no door sensor sends
    Kind.SMOKE: "2901",
    Kind.GAS: "1c01",
    Kind.CO: "1701",
    Kind.MOISTURE: "2001",
    Kind.OCCUPANCY: "2300",
    Kind.PRESENCE: "2501",
    Kind.TAMPER: "2b01",
    Kind.PROBLEM: "2601",
    Kind.BATTERY_LOW: "1501",
}


def real_home(model, address, *, key=None):
    home = Home()
    home.intake.enrol("it", all_models()[model], address, key, {})
    return home


@pytest.mark.parametrize("kind", FORGED)
def test_what_a_make_does_not_sense_raises_nothing_and_is_counted(kind):
    home = real_home("shelly-blu-door", SHELLY_DOOR)
    home.advert("40" + FORGED[kind], address=SHELLY_DOOR)
    home.advert("40" + FORGED[kind], address=SHELLY_DOOR)  # the same again is no sign of life either
    assert (home.readings, home.heard_at) == ([], {})
    assert home.intake.devices["it"].refused == {"not_sensed": 1}
    home.advert("402d01" + FORGED[kind], address=SHELLY_DOOR)
    assert [(r.kind, r.value) for r in home.readings] == [(Kind.CONTACT_OPEN, True)]
    assert home.heard_at == {"it": home.clock.now().mono}
    general = real_home("bthome-v2", SHELLY_DOOR)
    general.advert("40" + FORGED[kind], address=SHELLY_DOOR)
    assert [r.kind for r in general.readings] == [kind]


def test_what_nothing_is_judged_by_passes_from_every_make():
    home = real_home("shelly-blu-door", SHELLY_DOOR)
    home.advert("40022b09" + "0c8a0b", address=SHELLY_DOOR)
    assert [(r.kind, r.label) for r in home.readings] == [(Kind.TEMPERATURE, ""), (Kind.OTHER_MEASURE, "voltage_v")]


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ("4001aa", []),  # battery 170 %
        ("400254c0", []),  # -163 degrees
        ("40022b09", [(Kind.TEMPERATURE, 23.47)]),
        ("4001640254c0", [(Kind.BATTERY, 100)]),
        ("402e69", [(Kind.HUMIDITY, 105)]),
        ("402e6a", []),
        ("4004ffffff", []),  # 167,772 hPa
        ("4005ffffff", [(Kind.ILLUMINANCE, 167772.15)]),
    ],
)
def test_a_measure_that_cannot_be_true_is_no_reading_and_is_counted(frame, said):
    home = real_home("bthome-v2", SHELLY_DOOR)
    home.advert(frame, address=SHELLY_DOOR)
    assert [(r.kind, r.value) for r in home.readings] == said
    refused = home.intake.devices["it"].refused.get("implausible", 0)
    assert refused == (frame in {"4004ffffff", "4001aa", "400254c0", "4001640254c0", "402e6a"})


def test_guarded_is_all_that_can_raise_an_alarm_or_a_fault():
    assert GUARDED | {Kind.REPLAYED} > danger.JUDGED
    assert GUARDED | {Kind.REPLAYED, Kind.NOT_UNDERSTOOD} > fault.JUDGED
    assert GUARDED.isdisjoint({Kind.TEMPERATURE, Kind.OTHER_STATE, Kind.OTHER_MEASURE, Kind.MOTION})


# -- who speaks -----------------------------------------------------------------------------------------------------------


def test_strangers_are_counted_and_forgotten(home):
    for n in range(50):
        home.advert(address=f"C2:00:00:00:00:{n:02X}")
    assert not home.intake.knows("C2:00:00:00:00:01")
    assert home.intake.knows(BUTTON)
    assert home.intake.strangers == 51
    assert (home.readings, home.heard_at, set(home.intake.devices)) == ([], {}, {"button", "radar"})
    assert home.intake.chunk(Chunk(port="/dev/other", data=b"x")) == b""


def test_a_report_becomes_a_reading_with_device_and_moment(home):
    home.button.answers = [[Report(Kind.BUTTON, "hold_press", 2, "x", flagged=True), Report(Kind.BATTERY, 90)]]
    home.advert(rssi=-71)
    assert home.readings == [
        Reading(device="button", kind=Kind.BUTTON, value="hold_press", at=home.clock.now(), index=2, label="x", flagged=True),
        Reading(device="button", kind=Kind.BATTERY, value=90, at=home.clock.now()),
    ]
    assert home.heard_at == {"button": home.clock.mono}
    assert home.intake.devices["button"].rssi == -71


def test_equal_packets_are_one_for_some_seconds_and_still_a_sign_of_life(home):
    home.button.answers = [[PRESS], [PRESS], [PRESS]]
    home.advert("01")
    home.clock.move(WAITS.same - 1)
    home.advert("01")
    assert (len(home.readings), home.intake.repeats) == (1, 1)
    assert home.heard_at["button"] == home.clock.mono
    home.clock.move(1)
    home.advert("01")
    assert len(home.readings) == 2, "after that the driver decides"
    home.advert("02")
    assert len(home.readings) == 3


def test_a_refused_frame_and_its_repeats_are_no_sign_of_life(home):
    home.button.answers = [[Refusal("decrypt_failed")], [Refusal("replayed")]]
    home.advert("01")
    home.clock.move(1)
    home.advert("01")
    home.advert("02")
    assert home.heard_at == {}
    assert home.intake.devices["button"].refused == {"decrypt_failed": 1, "replayed": 1}
    assert home.readings == []


DOUBTED = replace(PRESS, flagged=True)
REPLAY = Report(Kind.REPLAYED, 7)


@pytest.mark.parametrize(
    ("answer", "without_key", "with_key"),
    [
        ([], True, True),
        ([PRESS], True, True),
        ([Refusal("x"), PRESS], True, True),
        ([REPEATED], True, False),
        ([DOUBTED], True, False),
        ([DOUBTED, REPLAY], True, False),
        ([REPLAY], False, False),
        ([UNPROVED], False, False),
    ],
)
def test_what_counts_as_a_sign_of_life(home, answer, without_key, with_key):
    """Of a device that has a key only what was never heard before proves that it lives."""
    for key, alive in ((None, without_key), (b"key", with_key)):
        home.heard_at.clear()
        home.intake.devices["button"].key = key
        home.button.answers = [answer]
        home.advert("01" if key else "02")
        assert ("button" in home.heard_at) is alive
    assert "unproved" not in home.intake.devices["button"].refused


def test_a_frame_with_a_key_is_life_for_as_long_as_a_burst_takes(home):
    home.button.answers = [[PRESS]] + [[REPEATED]] * 40
    home.advert("01")
    first = home.clock.mono
    while home.clock.mono < first + 2 * WAITS.burst:
        home.clock.move(WAITS.same + 1)
        home.advert("01")
    assert first + WAITS.burst - 2 * WAITS.same < home.heard_at["button"] < first + WAITS.burst + WAITS.same
    assert home.intake.signals.take(home.clock.now(), unfinished=True)[0].packets < 15, "nor does the day's strip show it as heard"
    home.button.answers = [[PRESS]]
    home.advert("02")
    assert home.heard_at["button"] == home.clock.mono


def test_a_line_that_only_makes_noise_is_not_alive(home):
    home.radar.answers = [[], [Refusal("noise")], [Reply(b"ask")], [Report(Kind.HEARTBEAT, True)]]
    assert home.intake.chunk(Chunk(port=PORT, data=b"x")) == b""
    home.intake.chunk(Chunk(port=PORT, data=b"x"))
    assert home.intake.chunk(Chunk(port=PORT, data=b"", opened=True)) == b"ask"
    assert home.heard_at == {}
    home.intake.chunk(Chunk(port=PORT, data=b"x"))
    assert home.heard_at == {"radar": home.clock.mono}
    assert home.readings == [], "a heartbeat is a sign of life and nothing else"


# -- drivers that fail ------------------------------------------------------------------------------------------------------


def test_a_driver_that_raises_ends_no_hearing(home, caplog):
    def half():
        yield PRESS
        raise ValueError("a bug")

    home.button.answers = [KeyError("a bug"), half(), [PRESS]]
    home.radar.answers = [[Report(Kind.FALL, True)]]
    for n in range(3):
        home.advert(f"0{n}")
    home.intake.chunk(Chunk(port=PORT, data=b"x"))
    assert [r.kind for r in home.readings] == [Kind.BUTTON, Kind.FALL]
    assert home.intake.devices["button"].refused == {"driver_failed": 2}
    assert "driver m failed on a packet" in caplog.text
    assert b"key".hex() not in caplog.text


def test_the_key_stands_in_no_text_of_a_device(home):
    assert "key" not in repr(home.intake.devices["button"]).replace("key=", "").replace("key_bytes", "")


# -- memory -----------------------------------------------------------------------------------------------------------------


def test_a_drivers_memory_is_given_back_and_told_once_when_it_changed(home):
    assert home.made[0] == (BUTTON, b"key", {"seen": 7})
    assert home.intake.memory() == {}
    home.button.memory = {"seen": 8}
    home.advert("01")
    assert home.intake.memory() == {}, "the driver remembered before it was fed: nothing new"

    class Remembers(Script):
        def feed(self, packet):
            self.memory = {**self.memory, "seen": len(self.fed)}
            return super().feed(packet)

    home.intake.devices["button"].driver = Remembers(memory={})
    home.advert("02")
    assert {d: json.loads(m) for d, m in home.intake.memory().items()} == {"button": {"seen": 0}}
    assert home.intake.memory() == {}


def test_a_confirmed_device_may_begin_its_count_anew_for_two_minutes(home):
    home.button.memory = {"counter": 900, "calls": "01020304"}
    home.intake.arm("button", 120.0)
    assert home.button.memory == {"counter": 900, "calls": "01020304", "confirmed": 1}
    home.clock.move(119)
    home.advert("01")
    assert home.button.memory["confirmed"] == 1
    home.button.memory = {**home.button.memory, "rising": 3}
    home.clock.move(1)
    home.advert("02")
    assert home.button.memory == {"counter": 900, "calls": "01020304"}
    assert set(home.intake.memory()) == {"button"}


def test_a_technicians_word_ends_with_the_process(home):
    home.intake.enrol(
        "other", home.intake.devices["button"].model, "A4:C1:38:00:00:99", b"key", {"counter": 9, "confirmed": 1, "rising": 3}
    )
    assert home.made[-1][2] == {"counter": 9}


def test_a_real_button_counts_each_packet_once_also_after_a_restart():
    clock, readings = HandClock(), []
    model = all_models()["shelly-blu-button"]
    intake = Intake(clock.now, {}, readings.append)
    intake.enrol("pendant", model, BUTTON, None, {})
    packet = Advertisement(address=BUTTON, service_data={uuid16(0xFCD2): bytes.fromhex("4400013a01")})
    intake.advert(packet)
    memory = json.loads(intake.memory()["pendant"])
    again = Intake(clock.now, {}, readings.append)
    again.enrol("pendant", model, BUTTON, None, memory)
    clock.move(600)
    again.advert(packet)
    assert [r.kind for r in readings].count(Kind.BUTTON) == 1


# -- badges ---------------------------------------------------------------------------------------------------------------


def test_the_air_is_heard_by_a_strangers_packet_too_and_by_no_line(home):
    home.clock.move(5)
    home.intake.chunk(Chunk(port=PORT, data=b"x"))
    before, heard = home.intake.aired, home.clock.move(5).mono
    home.intake.advert(Advertisement(address="00:00:00:00:00:01"))
    assert (before, home.intake.aired) == (-math.inf, heard)


@pytest.mark.parametrize(
    ("answer", "without_key", "with_key"),
    [
        ([], True, True),
        ([PRESS], True, True),
        ([REPEATED], True, False),
        ([DOUBTED], True, False),
        ([REPLAY], False, False),
        ([Refusal("decrypt_failed")], False, False),
    ],
)
def test_of_a_badge_with_a_key_only_a_new_counter_counts(answer, without_key, with_key):
    seen = []
    home = Home()
    home.intake = Intake(home.clock.now, home.heard_at, home.readings.append, badge=lambda *heard: seen.append(heard))
    model = Model(name="m", title=("", ""), listens=BleAdvert(), senses=frozenset(Kind), missing_after=None, new=home._new)
    for key, counts in ((None, without_key), (b"key", with_key)):
        seen.clear()
        home.intake.enrol("badge", model, BUTTON, key, {}, badge=True)
        home.intake.devices["badge"].driver.answers = [[PRESS], answer] if key and answer == [REPEATED] else [answer]
        if key and answer == [REPEATED]:
            home.advert("00", rssi=-61)
            seen.clear()
            home.clock.move(1)
        home.advert("01" if key else "02", rssi=-61)
        assert seen == ([("badge", -61, home.clock.mono)] if counts else [])
    assert not [r for r in home.readings if r.kind is Kind.BUTTON], "nor does its press reach anybody"


def test_a_badge_says_nothing_of_the_home_and_how_it_fares_itself(home):
    words = [Report(Kind.BUTTON, "press"), Report(Kind.MOTION, True), Report(Kind.SMOKE, True), Report(Kind.BATTERY, 12)]
    home.intake.devices["button"].badge = True
    home.button.answers = [words]
    home.advert("01")
    assert [r.kind for r in home.readings] == [Kind.BATTERY]
    assert home.intake.firsts.told("button") == frozenset()
