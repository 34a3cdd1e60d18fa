"""SwitchBot: both halves of the frame against a second decoder, and what is shown though nothing is judged by it."""

import json

import pytest
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from drivers._switchbot import COMPANY, OLD_UUID, UUID
from gateway.hear.decode import decode_line
from gateway.words.driver import NOT_MINE, REPEATED, Advertisement, Refusal, Report
from gateway.words.reading import Kind
from hypothesis import given, settings
from hypothesis import strategies as st
from switchbot.adv_parser import parse_advertisement_data

from tests.unit.drivers.driver_vectors import GOLDEN, MODELS

ADDRESS = "AA:BB:CC:DD:EE:FF"
SAME = {  # the library's name: ours; what is not here (range, LED) is not told
    "contact_open": "contact_open",
    "contact_timeout": "contact_timeout",
    "motion_detected": "motion",
    "is_light": "light",
    "battery": "battery_pct",
    "button_count": "button_count",
    "leak": "moisture",
    "tampered": "tamper",
    "low_battery": "battery_low",
}
LETTERS = {"switchbot-contact": "d", "switchbot-motion": "s", "switchbot-leak": "&", "switchbot-remote": "b"}


def heard(model, service=b"", maker=b"", uuid=UUID, adapter="", stranger=""):
    packet = Advertisement(
        address=ADDRESS,
        service_data={uuid: service} if service else {},
        manufacturer_data={COMPANY: maker} if maker else {},
        adapter=adapter,
    )
    device = MODELS[model].new(ADDRESS, None, {})
    if not service and LETTERS[model] != stranger:
        list(device.feed(Advertisement(address=ADDRESS, service_data={uuid: LETTERS[model].encode()})))
    return list(device.feed(packet))


def by_library(service, maker, uuid=UUID):
    data = AdvertisementData(
        local_name=None,
        manufacturer_data={COMPANY: maker} if maker else {},
        service_data={uuid: service} if service else {},
        service_uuids=[],
        tx_power=None,
        rssi=-60,
        platform_data=(),
    )
    told = parse_advertisement_data(BLEDevice(ADDRESS, None, None), data)
    values = told.data["data"] if told else {}
    return {SAME[name]: value for name, value in values.items() if name in SAME and value is not None}


def by_us(reports):
    return {report.label or report.kind.value: report.value for report in reports if isinstance(report, Report)}


@pytest.mark.parametrize("model", LETTERS)
@settings(max_examples=150, deadline=None)
@given(
    rest=st.binary(max_size=12), maker=st.one_of(st.just(b""), st.binary(min_size=6, max_size=20)), tested=st.booleans(), old=st.booleans()
)
def test_any_frame_agrees_with_the_second_decoder(model, rest, maker, tested, old):
    service = bytes([ord(LETTERS[model]) | 0x80 * tested]) + rest
    uuid = OLD_UUID if old else UUID
    ours = by_us(heard(model, service, maker, uuid))
    theirs = by_library(service, maker, uuid)
    if model == "switchbot-motion" and len(service) < 6:
        ours.pop("battery_pct", None)  # the library wants the whole of it before it reads its third byte
    assert ours == theirs


def test_the_whole_frame_of_a_door_in_both_halves():
    service, maker = bytes.fromhex("6440da020017005144"), bytes.fromhex("cb39cdc43d46849c0017005144")
    assert by_us(heard("switchbot-contact", service)) == by_us(heard("switchbot-contact", service, maker))
    alone = by_us(heard("switchbot-contact", b"", maker))
    assert alone == {k: v for k, v in by_us(heard("switchbot-contact", service)).items() if k != "battery_pct"}
    assert heard("switchbot-contact", b"", maker + b"\0") == heard("switchbot-motion", service, maker) == [NOT_MINE]


def test_no_frame_is_taken_by_its_length_alone():
    """A plug or a meter of the same length, enrolled as a door by mistake, told a door."""
    maker = bytes.fromhex("cb39cdc43d46849c0017005144")
    assert heard("switchbot-contact", b"", maker, stranger="d") == [NOT_MINE]
    assert by_us(heard("switchbot-contact", b"", maker)), "after its letter was heard once"
    assert decode_line(json.dumps({"manufacturer_data": {"2409": maker.hex()}}))["states"] == {}


@pytest.mark.parametrize(
    ("state", "opened"),
    [(0x00, False), (0x10, True), (0x20, True), (0x30, True), (0xCF, False)],
)
def test_open_and_left_open_are_open_in_manufacturer_data(state, opened):
    maker = bytes(7) + bytes([state]) + bytes(5)
    assert by_us(heard("switchbot-contact", b"", maker))["contact_open"] is opened


@pytest.mark.parametrize(("state", "opened"), [(0x00, False), (0x02, True), (0x04, True), (0xF9, False)])
def test_open_and_left_open_are_open_in_service_data(state, opened):
    assert by_us(heard("switchbot-contact", b"\x64\x00\x5a" + bytes([state]) + bytes(5)))["contact_open"] is opened


def test_the_same_state_again_is_repeated_on_each_radio_by_itself():
    model = MODELS["switchbot-contact"]
    device = model.new(ADDRESS, None, {})
    service = bytes.fromhex("6440da020017005144")
    closed = bytes.fromhex("6440da000017005144")

    def hear(data, adapter):
        return list(device.feed(Advertisement(address=ADDRESS, service_data={UUID: data}, adapter=adapter)))

    assert hear(service, "hci0")[0] == hear(service, "hci1")[0] == Report(Kind.CONTACT_OPEN, True)
    assert hear(closed, "hci0")[0] == Report(Kind.CONTACT_OPEN, False)
    assert hear(service, "hci1") == [REPEATED]  # the second radio's cache


def test_frames_that_end_too_early_are_refused():
    assert heard("switchbot-contact", b"\x64\x40\xda\x02") == heard("switchbot-leak", b"\x26\x00\x64") == [Refusal("too_short")]
    assert heard("switchbot-remote", b"\x62") == [Refusal("too_short")]
    assert GOLDEN["switchbot-remote"]
