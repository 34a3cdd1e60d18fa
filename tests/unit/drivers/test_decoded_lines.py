"""What a technician gets back for a line of bytes: a meaning, or what is wrong, where, and what to do."""

import json

import pytest
from gateway.hear.decode import decode, decode_line
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.drivers.driver_vectors import VECTORS


@pytest.mark.parametrize(
    ("line", "word", "says"),
    [
        ("{", "bad_json", "line 4: not JSON"),
        ("[" * 5000, "bad_json", "line 4"),
        ("7", "bad_line", "expected a JSON object, found int"),
        ("{}", "unknown_sensor", "service_data"),
        ('{"frame": "aabbcc"}', "unknown_sensor", "radar-5359"),
        ('{"frame": "53596"}', "bad_hex", "frame: '53596'"),
        ('{"frame": 5}', "bad_hex", "frame: expected hex"),
        ('{"service_data": {"fcd2": "4x"}}', "bad_hex", "service_data fcd2: '4x'"),
        ('{"service_data": {"no": "40"}}', "bad_line", "'no' is no UUID"),
        ('{"service_data": [], "model": "bthome-v2"}', "bad_line", "service_data: expected an object"),
        ('{"model": "bthome-v2"}', "bad_line", "bthome-v2 needs service_data or manufacturer_data"),
        ('{"model": "radar-5359", "frame": null}', "bad_line", "needs frame or stream"),
        ('{"model": "radar-9", "frame": "00"}', "unknown_model", "no driver is called 'radar-9'; there are "),
        ('{"model": 3, "frame": "00"}', "unknown_model", "3"),
        ('{"service_data": {"fcd2": "403a01"}, "mac": "here"}', "bad_line", "mac: 'here'"),
        ('{"service_data": {"fcd2": "403a01"}, "bindkey": "00"}', "bad_key", "expected 32 hex digits, found 2"),
        ('{"service_data": {"fcd2": "403a01"}, "manufacturer_data": {"x": "00"}}', "bad_line", "manufacturer_data: 'x'"),
        ('{"sequence": 3}', "bad_line", "sequence: expected a list"),
        ('{"sequence": []}', "unknown_sensor", "sequence"),
        ('{"service_data": {"fcd2": "403a01"}, "bindkey": "231d39c1d7cc1ab1aee224cd096db932"}', "downgrade", "in clear"),
        ('{"frame": "53598001000101d05443"}', "bad_checksum", "wrong sum"),
        ('{"frame": "535980010001012f54"}', "too_short", "cut"),
        ('{"frame": "53598301000102335443"}', "unknown_value", "maintainer"),
    ],
)
def test_wrong_lines_say_what_where_and_what_to_do(line, word, says):
    told = decode_line(line, 4)
    assert told["id"] == 4
    assert told["reject"] == word
    assert says in told["error"]
    assert not told.get("events")
    assert not told.get("states")


def test_an_address_that_is_not_given_is_any():
    told = decode_line('{"id": "a", "service_data": {"FCD2": "42b2188d38c1a43a01"}}')
    assert told["events"] == [{"type": "button", "action": "press"}]


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("SBBT-004CEU", "shelly-blu-button"),
        ("SBDW-002C", "shelly-blu-door"),
        ("SBMO-003Z", "shelly-blu-motion"),
        ("SBHT-103C", "shelly-blu-ht"),
        ("SBRC-005B", "shelly-blu-remote"),
        ("anything", "bthome-v2"),
    ],
)
def test_the_model_is_guessed_by_the_advertised_name(name, model):
    assert decode_line(json.dumps({"local_name": name, "service_data": {"fcd2": "403a01"}}))["model"] == model


def test_the_protocol_or_model_may_be_named():
    assert decode_line('{"protocol": "radar_5359", "frame": "00"}')["reject"] == "noise"
    assert decode_line('{"model": "shelly-blu-door", "service_data": {"fcd2": "402d01"}}')["model"] == "shelly-blu-door"


def test_a_sequence_says_what_each_step_did():
    steps = [{"service_data": {"fcd2": data}} for data in ("4000013a01", "4000013a01", "4000023a00", "30")]
    told = decode_line(json.dumps({"sequence": steps}))
    assert told["accepted"] == [True, False, True, False]
    assert told["rejects"] == [None, "repeated", None, "too_short"]
    assert told["packet_ids"] == [1, 1, 2, 2]
    assert told["events"] == [{"type": "button", "action": "press"}]


def test_every_step_meets_a_fresh_driver_in_a_file_of_lines_or_of_vectors():
    pressed = {"id": "x", "service_data": {"fcd2": "4000013a01"}}
    lines = [json.dumps(pressed), "", "nonsense", json.dumps(pressed)]
    told = [json.loads(line) for line in decode(lines)]
    assert [one.get("reject") for one in told] == [None, "bad_json", None]
    assert "line 3" in told[1]["error"]
    for indent in (None, 1):
        document = json.dumps({"vectors": list(VECTORS.values())}, indent=indent).splitlines(keepends=True)
        assert [json.loads(line)["id"] for line in decode(document)] == list(VECTORS)
    assert list(decode([])) == []
    assert [json.loads(line)["reject"] for line in decode(["{", "}{"])] == ["bad_json", "bad_json"]


def test_a_stream_names_its_frames():
    told = decode_line('{"stream": "535980010001012f54435359808100010fbd5443"}')
    assert told["frames"] == ["535980010001012f5443", "5359808100010fbd5443"]
    assert told["rejected_bytes"] is False
    assert told["states"] == {"presence": True}
    assert [one["kind"] for one in told["told"]] == ["presence", "query"]


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["403a01", "5359", "fcd2", "bthome-v2"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["fcd2", "2985", "frame", "service_data"]), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = st.sampled_from(
    ["id", "model", "protocol", "mac", "local_name", "bindkey", "service_data", "manufacturer_data", "frame", "stream", "sequence"]
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(KEYS, ANYTHING, max_size=5), st.sampled_from([{}, {"model": "bthome-v2"}, {"model": "radar-5359"}]))
def test_no_line_ends_in_a_traceback(vector, more):
    told = decode_line(json.dumps(vector | more))
    assert json.dumps(told)
    assert ("reject" in told) == ("error" in told)


def test_no_profile_of_an_enocean_telegram_and_no_maker_of_an_advertisement_is_guessed():
    rocker, hot = "55000707017af650002989793001ffffffff37009d", "55000a0701eba500007508018217f30001ffffffff2d0000"
    told = decode_line(json.dumps({"frame": rocker}))
    assert (told["model"], told["rorg"], told.get("events", [])) == ("enocean-esp3", "F6", [])
    assert decode_line(json.dumps({"frame": rocker, "eep": "F6-02-01"}))["model"] == "enocean-ptm-cord"
    assert decode_line(json.dumps({"frame": hot})).get("measures", {}) == {}
    assert decode_line(json.dumps({"manufacturer_data": {"76": "0215"}}))["model"] != "altbeacon"
    unknown = decode_line(json.dumps({"manufacturer_data": {"4660": "0102030405"}}))
    assert (unknown["model"], unknown["reject"]) == (None, "unknown_sensor")


def test_a_number_that_no_thing_of_a_home_can_have_is_said_and_no_measure():
    told = decode_line(json.dumps({"service_data": {"fcd2": "4001aa0254c0"}}))
    assert (told["measures"], told["implausible"]) == ({}, {"battery_pct": 170, "temperature_c": -163})


def test_who_else_was_asked_and_why_it_refused_is_said():
    told = decode_line(json.dumps({"service_data": {"fe95": "5820aa0101b2188d38c1a40d1004c8004801"}}))
    assert (told["reject"], told["model"]) == ("too_short", "mibeacon-legacy")
    assert told["others"]["wrong_version"] == ["mibeacon"]
    assert "qingping-cgh1" in told["others"]["wrong_product"]


def test_why_bytes_of_a_stream_are_no_frames_is_said_beside_those_that_are():
    told = decode_line(json.dumps({"stream": "53598001000101d05443535980010001002e5443"}))
    assert told["frames"] == ["535980010001002e5443"]
    assert "wrong sum" in told["refused"]["bad_checksum"]


def test_a_value_that_no_document_knows_is_refused_and_shown():
    told = decode_line(json.dumps({"frame": "53598301000102335443"}))
    assert (told["kind"], told["raw"], told["not_understood"]) == ("fall", "02", "fall: 02")


def test_what_a_receiver_passes_on_goes_to_the_device_that_is_named():
    code = {"frame": "aaa426c0013603ca51145155", "model": "ev1527-sos", "codes": {"press": "511451"}}
    assert decode_line(json.dumps(code))["events"] == [{"type": "button", "action": "press"}]
    assert decode_line(json.dumps(code | {"codes": {"press": "511452"}}))["reject"] == "not_mine"
    line = {"line": "20;2D;EV1527;ID=07a410;SWITCH=01;CMD=ON;", "model": "ev1527-sos"}
    told = decode_line(json.dumps(line | {"codes": {"press": "EV1527;ID=07A410;SWITCH=01;CMD=ON"}}))
    assert (told["model"], told["sensor_id"], told["events"]) == ("ev1527-sos", "07a410", [{"type": "button", "action": "press"}])
