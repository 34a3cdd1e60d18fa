"""The words of Zigbee makes: every row of the table, in every sort of sensor in which it has a meaning; and words of no row."""

from __future__ import annotations

import itertools
import json
import re

import pytest
from drivers import all_models
from drivers._zigbee_words import ILL, OCCUPANCY, RINGS, ROWS, Row, table
from gateway.words.driver import Report, Telegram
from gateway.words.reading import Kind

MODELS = {name: model for name, model in all_models().items() if name.startswith("zigbee-")}
SORTS = {name.split("-")[1]: model for name, model in MODELS.items()}
DETECTS = {  # what each row's kind is looked for with
    Kind.SMOKE: "smoke",
    Kind.GAS: "gas",
    Kind.CO: "gas",
    Kind.MOISTURE: "leak",
    Kind.FALL: "fall",
    Kind.STAY_STILL: "fall",
    Kind.PRESENCE: "fall",
    Kind.OCCUPANCY: "fall",
    Kind.CONTACT_OPEN: "contact",
}


def said(sort, value, **more):
    """Return {kind: value} of what one message of a sort says."""
    driver = SORTS[sort].new("", None, {})
    return {r.kind: r.value for r in driver.feed(Telegram(source="x", data=json.dumps(value).encode(), **more)) if isinstance(r, Report)}


def places(row: Row) -> list[str]:
    return [*row.sorts] or [DETECTS[row.kind]]


EACH = [(row, word, on) for row in (*ROWS, OCCUPANCY) for on, words in ((True, row.on), (False, row.off)) for word in words]


@pytest.mark.parametrize(("row", "word", "on"), EACH, ids=[f"{row.key}-{word}-{row.kind}" for row, word, _ in EACH])
def test_each_word_of_each_row(row, word, on):
    for sort in places(row):
        heard = said(sort, {row.key: word, "linkquality": 80})
        assert heard[row.kind] is on, sort
        assert Kind.NOT_UNDERSTOOD not in heard
        assert row.kind in SORTS[sort].senses, "or the intake would not let it pass"
        if isinstance(word, str):
            assert said(sort, {row.key: word.upper()})[row.kind] is on


NEITHER = [(row, word) for row in ROWS for word in row.neither]


@pytest.mark.parametrize(("row", "word"), NEITHER, ids=[f"{row.key}-{word}" for row, word in NEITHER])
def test_a_documented_word_that_is_neither_moves_nothing_and_is_no_fault(row, word):
    for sort in places(row):
        heard = said(sort, {row.key: word})
        assert row.kind not in heard
        assert Kind.NOT_UNDERSTOOD not in heard
        assert heard[Kind.OTHER_STATE] == word


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.key}-{row.kind}" for row in ROWS])
@pytest.mark.parametrize("word", ["gibberish", "unknown", "TRUE!", 7, 1, 0, 1.5, [True], {"on": True}])
def test_a_word_of_no_row_is_never_alive_and_nothing_to_say(row, word):
    for sort in places(row):
        heard = said(sort, {row.key: word})
        if row.key == "gas" and isinstance(word, int | float):
            assert heard == {Kind.OTHER_MEASURE: word}, "a concentration"
        else:
            assert heard == {Kind.NOT_UNDERSTOOD: f"{row.key}: {word}"}, sort


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.key}-{row.kind}" for row in ROWS])
@pytest.mark.parametrize("word", [None, ""])
def test_what_is_not_known_yet_is_nothing(row, word):
    for sort in places(row):
        assert said(sort, {row.key: word}) == {Kind.HEARTBEAT: True}


MAKES = {  # (sort, message of the make, what it must mean), from their exposes
    "Heiman HS2FD-EF1-3.0": ("fall", {"occupancy": True, "sensor_status": "activity", "fall_status": "fall_alarm"}, {Kind.FALL: True}),
    "OWON FDS315": ("fall", {"status": "falling", "breathing_rate": 14, "location_x": 3}, {Kind.FALL: True, Kind.PRESENCE: True}),
    "OWON FDS315 lies in bed": ("fall", {"status": "on_the_bed"}, {Kind.FALL: False, Kind.PRESENCE: True}),
    "OWON FDS315 on the floor": ("fall", {"status": "low_posture"}, {Kind.PRESENCE: True, Kind.OTHER_STATE: "low_posture"}),
    "Tuya MIR-HE200-TY": ("fall", {"presence": True, "fall_down_status": "fall", "tumble_switch": "ON"}, {Kind.FALL: True}),
    "CTM Lyng AX_Water_Sensor": ("leak", {"water_leak": False, "active_water_leak": True}, {Kind.MOISTURE: True}),
    "CTM Lyng AX_Water_Sensor dry": ("leak", {"water_leak": False, "active_water_leak": False}, {Kind.MOISTURE: False}),
    "BlitzWolf BW-IS9": ("leak", {"water_leak_alarm_1": False, "water_leak_alarm_2": True}, {Kind.MOISTURE: True}),
    "Ensystec Leak-Protect": ("leak", {"channel_1_leak_detect_17": "Dry", "input_9_leak_detect_15": "Leak"}, {Kind.MOISTURE: True}),
    "Sprut.device Neptun.Smart": ("leak", {"water_leak_wire_1": False, "water_leak_zone_2": True}, {Kind.MOISTURE: True}),
    "FrankEver FK-BV05": ("leak", {"water_leakage_state": "water_leakage_yes"}, {Kind.MOISTURE: True}),
    "HOBEIAN ZG-303Z": ("leak", {"water_warning": "alarm"}, {Kind.MOISTURE: True}),
    "SONOFF SWV": ("leak", {"current_device_status": "water_shortage & water_leakage"}, {Kind.MOISTURE: True}),
    "SONOFF SWV-ZFE": ("leak", {"valve_abnormal_state": "water_shortage,fail_safe"}, {Kind.MOISTURE: False}),
    "Alecto SMART-SMOKE10": ("smoke", {"smoke_state": "alarm", "smoke_value": 4, "lifecycle": True}, {Kind.SMOKE: True}),
    "Sunricher SR-ZG9070A-SS": ("smoke", {"smoke_alarm_1": True, "smoke_alarm_2": False}, {Kind.SMOKE: True}),
    "MultIR MIR-SM100-E": ("smoke", {"alarm_1": True, "alarm_2": False, "tamper": False}, {Kind.SMOKE: True}),
    "Tuya TS0601_smoke_co": ("smoke", {"smoke": False, "smoke_state": "alarm", "carbon_monoxide": True}, {Kind.SMOKE: True, Kind.CO: True}),
    "Sunricher SR-ZG9060A-GS": ("gas", {"gas_alarm_1": True, "gas_alarm_2": False}, {Kind.GAS: True}),
    "IMOU ZGA1-EN": ("gas", {"gas_alarm_1": False, "gas_alarm_2": True}, {Kind.GAS: True}),
    "Lincukoo E04CF-Z10T": (
        "gas",
        {"gas": 12, "co": 3, "gas_sensor_state": "alarm", "co_state": "normal"},
        {Kind.GAS: True, Kind.CO: False},
    ),
    "Sunricher SR-ZG9060B-CS": ("gas", {"carbon_monoxide_alarm_1": True}, {Kind.CO: True}),
    "Tuya DCR-CO": ("gas", {"carbon_monoxide": "ON", "co": 81}, {Kind.CO: True}),
    "DAEWOO WKE502Z": ("sos", {"sos_alarm": True, "armed": False, "quick_sos_enabled": "ON"}, {Kind.BUTTON: "press"}),
    "Tuya TS0601_bed_presence_sensor": ("pad", {"occupancy": True, "work_state": "presence"}, {Kind.OCCUPANCY: True}),
    "Merrytek MSA201Z": ("presence", {"state": "absence"}, {Kind.PRESENCE: False}),
    "Tuya ZG-205Z": ("presence", {"presence_state": "peaceful"}, {Kind.PRESENCE: True}),
    "Shelly S4SN-0U61X": ("presence", {"occupancy_1": False, "occupancy_7": True}, {Kind.OCCUPANCY: True}),
}


@pytest.mark.parametrize("make", MAKES)
def test_what_real_makes_say(make):
    sort, message, meaning = MAKES[make]
    heard = said(sort, message)
    assert heard | meaning == heard, heard
    assert Kind.NOT_UNDERSTOOD not in heard, heard


def test_of_two_keys_for_one_thing_the_one_that_alarms_is_believed():
    for first, second in itertools.permutations(["water_leak", "active_water_leak", "water_sensor"], 2):
        assert said("leak", {first: True, second: False})[Kind.MOISTURE] is True


@pytest.mark.parametrize("key", RINGS)
def test_a_call_in_words_nobody_knows(key):
    assert said("sos", {key: "pressed!"}) == {Kind.NOT_UNDERSTOOD: f"{key}: pressed!"}
    assert said("smoke", {key: "pressed!"}) == {Kind.HEARTBEAT: True}, "what this sort does not sense"


@pytest.mark.parametrize(
    ("sort", "message"),
    [
        ("smoke", {"smoke_status": "fire"}),
        ("gas", {"gas_leak": True}),
        ("leak", {"flooding": "alarm"}),
        ("fall", {"falling": True}),
        ("fall", {"fall_event": "fallen"}),
        ("sos", {"panic_button": "help"}),
        ("gas", {"co_detected": True}),
    ],
)
def test_a_key_of_no_row_that_sounds_of_danger_is_said(sort, message):
    ((key, word),) = message.items()
    assert said(sort, message) == {Kind.NOT_UNDERSTOOD: f"{key}: {word}"}
    assert said(sort, {key: False}) == {Kind.HEARTBEAT: True}


SETTINGS = {  # from the exposes of the same makes
    "smoke_alarm_silenced": True,
    "smoke_unit": "dB/m",
    "force_smoke_alarm": "ON",
    "gas_sensitivity": "10%LEL",
    "gas_valve_state": "OPEN",
    "enable_alarm_water_leak": True,
    "water_leak_buzzer": "ON",
    "water_leak_alarm_control": "MUTED",
    "beeper_on_leak_1": "ON",
    "tumble_switch": "ON",
    "fall_detection": "ON",
    "fall_sensitivity": 5,
    "quick_sos_enabled": "ON",
    "fall_detection_settings": "1,2,3",
    "smoke_concentration": 12,
    "alarm": "ON",
    "fault": "clear",
    "lifecycle": True,
    "test": True,
    "co": 4,
    "gas_value": 4,
    "muted": "normal",
}


@pytest.mark.parametrize("sort", SORTS)
def test_settings_and_limits_are_no_words(sort):
    heard = said(sort, SETTINGS)
    assert not heard.keys() & {Kind.NOT_UNDERSTOOD, Kind.PROBLEM, Kind.SMOKE, Kind.GAS, Kind.FALL, Kind.MOISTURE, Kind.BUTTON}, heard


@pytest.mark.parametrize(("key", "words"), ILL.items())
def test_a_detector_that_is_not_well_says_so(key, words):
    for sort, word in itertools.product(SORTS, words):
        assert said(sort, {key: word})[Kind.PROBLEM] is True
        assert Kind.PROBLEM not in said(sort, {key: False})


def test_the_state_of_a_lock_or_a_switch_is_not_taken_for_a_radars():
    for sort in set(SORTS) - {"presence", "fall", "pad"}:
        heard = said(sort, {"state": "ON", "status": "on", "work_state": "opening", "motion_state": "none"})
        assert heard == {Kind.HEARTBEAT: True}, sort


def test_the_table_is_whole():
    for row in ROWS:
        assert row.makes, row
        words = [*row.on, *row.off, *row.neither]
        assert len(words) == len({(type(word), word) for word in words}), "a word has one meaning"
        assert all(isinstance(word, bool) or word == word.lower() for word in words)
        assert set(row.sorts) <= set(SORTS)
        assert row.kind in set().union(*(SORTS[sort].senses for sort in places(row)))
    for sort in SORTS:
        rows = table(sort, Kind.OCCUPANCY)
        for key, found in rows.items():
            assert len({row.kind for row in found}) == len(found), (sort, key)
    assert len({make for row in ROWS for make in re.split(", ", row.makes)} - {"?"}) > 40
