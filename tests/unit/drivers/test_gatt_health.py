"""Vital signs: the two number formats with all their words that are no numbers, and which values count."""

import json
import math

import pytest
from drivers import _gatt_health as health
from drivers import all_models
from gateway.hear.decode import decode_line
from gateway.words.driver import NOT_MINE, Advertisement, Attribute, Chunk, GattService, Refusal, Report, uuid16
from gateway.words.reading import Kind
from hypothesis import given
from hypothesis import strategies as st

MODELS = {m.name: m for m in all_models().values() if isinstance(m.listens, GattService)}
PRESSURE, RATE, WARMTH, SPOT, RUNNING, WEIGHT, BATTERY = (uuid16(s) for s in (0x2A35, 0x2A37, 0x2A1C, 0x2A5E, 0x2A5F, 0x2A9D, 0x2A19))


def said(characteristic, data):
    """Return the readings as {label: value}, or the word they were refused with."""
    out = health.reports_of(characteristic, bytes.fromhex(data))
    if isinstance(out[0], Refusal):
        assert len(out) == 1
        return out[0].reason
    return {r.label or r.kind.value: r.value for r in out}


@pytest.mark.parametrize(
    ("word", "number"),
    [
        (0x0062, 98.0),
        (0xF2B2, 69.0),
        (0xF6DE, 175.8),
        (0x1005, 50.0),
        (0x7001, 1e7),
        (0x8001, 1e-8),
        (0x0FFF, -1.0),
        (0xFFFF, -0.1),
        (0x0803, -2045.0),
        (0x07FD, 2045.0),
        (0x17FF, 20470.0),
        (0xF7FF, 204.7),
    ],
)
def test_sfloat(word, number):
    assert health.sfloat(word) == number


@pytest.mark.parametrize(
    ("word", "number"),
    [(0xFF000168, 36.0), (0xFE000EB0, 37.6), (0x00000025, 37.0), (0xFFFFFFFF, -0.1), (0x01800003, -83886050.0), (0x007FFFFD, 8388605.0)],
)
def test_float(word, number):
    assert health.float32(word) == number


@pytest.mark.parametrize("word", [0x07FE, 0x07FF, 0x0800, 0x0801, 0x0802])
def test_the_five_words_that_are_no_sfloat(word):
    assert health.sfloat(word) is None
    low, high = word.to_bytes(2, "little")
    assert said(RUNNING, f"00{low:02x}{high:02x}4800") == "no_value"
    assert said(RUNNING, f"006200{low:02x}{high:02x}") == {"spo2_pct": 98.0}, "a pulse may be missing"


@pytest.mark.parametrize("word", [0x007FFFFE, 0x007FFFFF, 0x00800000, 0x00800001, 0x00800002])
def test_the_five_words_that_are_no_float(word):
    assert health.float32(word) is None
    assert said(WARMTH, "00" + word.to_bytes(4, "little").hex()) == "no_value"


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF))
def test_every_other_word_is_a_finite_number(short, long):
    for number in (health.sfloat(short), health.float32(long)):
        assert number is None or math.isfinite(number)


@pytest.mark.parametrize(
    ("characteristic", "data", "expected"),
    [
        (RATE, "0050", {"heart_rate_bpm": 80}),  # says nothing of contact: most belts
        (RATE, "0250", {"heart_rate_bpm": 80}),  # contact bit without "supported" means nothing
        (RATE, "0650", {"heart_rate_bpm": 80}),
        (RATE, "0450", "no_contact"),
        (RATE, "0014", {"heart_rate_bpm": 20}),
        (RATE, "0013", "out_of_range"),
        (RATE, "0000", "out_of_range"),
        (RATE, "00fa", {"heart_rate_bpm": 250}),
        (RATE, "00fb", "out_of_range"),
        (RATE, "01", "too_short"),
        (RATE, "1050000800", "too_short"),  # half an RR interval
        (PRESSURE, "0078004e005c00", {"systolic_mmhg": 120, "diastolic_mmhg": 78, "map_mmhg": 92}),
        (PRESSURE, "0478004e0000000000", {"systolic_mmhg": 120, "diastolic_mmhg": 78}),  # no mean and no pulse said as 0
        (PRESSURE, "004e0078005c00", "out_of_range"),  # diastolic above systolic
        (PRESSURE, "0078007800ff07", "out_of_range"),
        (PRESSURE, "0078004e00f401", "out_of_range"),  # a mean nobody has: the whole is doubtful
        (PRESSURE, "0078004e00ff07", {"systolic_mmhg": 120, "diastolic_mmhg": 78}),
        (PRESSURE, "00780000085c00", "no_value"),
        (PRESSURE, "1078004e005c000100", "unreliable"),  # moved
        (PRESSURE, "1078004e005c002000", "unreliable"),  # arm in a wrong position
        (PRESSURE, "1078004e005c000200", "no_contact"),
        (PRESSURE, "1078004e005c000400", {"systolic_mmhg": 120, "diastolic_mmhg": 78, "map_mmhg": 92}),  # an irregular pulse is one
        (WARMTH, "00680100ff", {"body_temperature_c": 36.0}),
        (WARMTH, "0100000000", "out_of_range"),  # 0 F
        (WARMTH, "00c20100ff", {"body_temperature_c": 45.0}),
        (WARMTH, "00c30100ff", "out_of_range"),
        (SPOT, "006100ff07", {"spo2_pct": 97}),
        (SPOT, "0064004800", {"spo2_pct": 100, "pulse_bpm": 72}),
        (SPOT, "0065004800", "out_of_range"),
        (SPOT, "0031004800", "out_of_range"),
        (SPOT, "02610048000080", "unreliable"),  # invalid
        (SPOT, "02610048000002", {"spo2_pct": 97, "pulse_bpm": 72}),  # from its storage
        (SPOT, "0461004800000800", "no_contact"),
        (SPOT, "0461004800020000", "unreliable"),
        (WEIGHT, "00b036", {"weight_kg": 70.0}),
        (WEIGHT, "00d007", {"weight_kg": 10.0}),
        (WEIGHT, "00cf07", "out_of_range"),
        (WEIGHT, "00ffff", "no_value"),
        (BATTERY, "64", {"battery_pct": 100}),
        (BATTERY, "65", "out_of_range"),
        (BATTERY, "", "too_short"),
    ],
)
def test_what_counts(characteristic, data, expected):
    assert said(characteristic, data) == expected


@given(st.sampled_from([PRESSURE, RATE, WARMTH, SPOT, RUNNING, WEIGHT, BATTERY]), st.binary(max_size=40))
def test_no_bytes_give_a_reading_that_nobody_can_have(characteristic, data):
    for one in health.reports_of(characteristic, data):
        if isinstance(one, Report):
            low, high = health.RANGES[one.label or one.kind.value]
            assert low <= one.value <= high
            assert one.kind in {Kind.OTHER_MEASURE, Kind.BATTERY}


def test_a_model_takes_its_own_characteristics_only():
    driver = MODELS["gatt-thermometer"].new("", None, {})
    assert list(driver.feed(Attribute(characteristic=RATE, data=b"\x00\x50"))) == [NOT_MINE]
    assert list(driver.feed(Advertisement(address=""))) == list(driver.feed(Chunk(port="", data=b"\x00"))) == [NOT_MINE]
    assert driver.memory == {}
    again = [list(driver.feed(Attribute(characteristic=WARMTH, data=bytes.fromhex("00680100ff")))) for _ in range(2)]
    assert again[0] == again[1] != [], "the same value twice is two measurements"


def test_all_five_are_unsupervised_and_raise_nothing():
    assert len(MODELS) == 5
    for model in MODELS.values():
        assert model.missing_after is None
        assert model.senses == {Kind.OTHER_MEASURE, Kind.BATTERY}
        assert BATTERY in model.listens.characteristics


def stamped(tenths, year, month=3):
    time = "000000000000" if not year else year.to_bytes(2, "little").hex() + f"{month:02x}0a153400"[:10]
    return Attribute(characteristic=WARMTH, data=bytes.fromhex("02" + tenths.to_bytes(3, "little").hex() + "ff" + (time + "00" * 7)[:14]))


def test_a_batch_is_put_in_order_by_the_devices_own_clock():
    battery = Attribute(characteristic=BATTERY, data=b"\x40")
    batch = [stamped(371, 2021), battery, stamped(365, 2019), stamped(366, 0), stamped(368, 2020, 12), stamped(367, 2020, 2)]
    ordered = health.in_order(batch)
    assert [next(iter(health.fields(a.characteristic, a.data).values())) for a in ordered] == [36.5, 36.6, 36.7, 36.8, 37.1, 64]
    assert health.in_order([]) == []
    assert health.in_order([battery, Attribute(characteristic=WARMTH, data=b"")])[0] is battery


def test_decode_wants_both_the_characteristic_and_its_bytes():
    assert decode_line('{"characteristic": "2a37"}')["reject"] == "bad_line"
    assert decode_line('{"characteristic": 5, "frame": "00"}')["reject"] == "bad_line"
    assert decode_line('{"characteristic": "2a00", "frame": "00"}')["reject"] == "unknown_sensor"
    assert decode_line('{"characteristic": "xx", "frame": "00"}')["reject"] == "bad_line"
    assert decode_line('{"characteristic": "2A37", "frame": "0"}')["reject"] == "bad_hex"
    assert decode_line('{"characteristic": "2a19", "frame": "4b", "model": "gatt-scale"}')["measures"] == {"battery_pct": 75}
    told = decode_line(
        json.dumps({"model": "gatt-thermometer", "sequence": [{"characteristic": "2a1c", "frame": f} for f in ("00680100ff", "00")]})
    )
    assert told["accepted"] == [True, False]
    assert told["rejects"] == [None, "too_short"]
