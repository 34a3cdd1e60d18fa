"""The 53 59 fall radar: what its frames mean, and that damage on the wire neither invents nor hides a fall."""

import json
from itertools import pairwise

import pytest
from drivers.radar_5359 import MODEL, Frames, framed, meaning, question
from gateway.hear.decode import decode_line
from gateway.words.driver import Chunk, Refusal, Reply, Report
from gateway.words.reading import Kind
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.drivers.driver_vectors import GOLDEN, flips

FALL = bytes.fromhex("53598301000101325443")
QUESTIONS = "5359808100010fbd54435359808200010fbe54435359838100010fc054435359838500010fc45443"
NOISE, BAD_CHECKSUM, UNKNOWN_VALUE = Refusal("noise"), Refusal("bad_checksum"), Refusal("unknown_value")


def heard(data, **how):
    return list(MODEL.new("", None, {}).feed(Chunk(port="", data=data, **how)))


def said(frame):
    told = decode_line(json.dumps({"frame": frame}))
    return {key: told[key] for key in ("kind", "value", "raw", "what", "direction", "reply_to", "reject") if key in told}


@pytest.mark.parametrize(
    ("frame", "expected"),
    [  # worked examples of the documents; sums recomputed
        ("53598001000101 2f 5443", {"kind": "presence", "value": True}),
        ("53598001000100 2e 5443", {"kind": "presence", "value": False}),
        ("53598002000102 31 5443", {"kind": "motion", "value": "active"}),
        ("53598002000100 2f 5443", {"kind": "motion", "value": "none"}),
        ("53598301000100 31 5443", {"kind": "fall", "value": False}),
        ("53598305000100 35 5443", {"kind": "stay_still", "value": False}),
        ("5359838100010f c0 5443", {"kind": "query", "what": "fall", "direction": "host"}),
        ("5359068200010f 44 5443", {"kind": "query", "what": "install_height_cm", "direction": "host"}),
        ("53590602000200fa b0 5443", {"kind": "install_height_cm", "value": 250}),
        ("53598300000101 31 5443", {"kind": "fall_function_on", "value": True}),
        ("5359830c00040000000f 4e 5443", {"kind": "fall_duration_s", "value": 15}),
        ("5359830d000102 3f 5443", {"kind": "fall_sensitivity", "value": 2}),
        ("5359830a00040000012c 6a 5443", {"kind": "stay_still_after_s", "value": 300}),
        ("5359830b000101 3c 5443", {"kind": "stay_still_function_on", "value": True}),
    ],
)
def test_documented_frames(frame, expected):
    assert said(frame) == expected


@pytest.mark.parametrize(
    ("control", "command", "data", "expected"),
    [
        (0x01, 0x83, "01", {"kind": "presence_led_on", "value": True}),
        (0x02, 0xA1, "52363041464431 00", {"kind": "product_model", "value": "R60AFD1"}),
        (0x02, 0xA8, "02", {"kind": "work_mode", "value": "sleep"}),
        (0x05, 0x81, "01", {"kind": "working_state", "value": 1}),
        (0x06, 0x81, "0001 ffff 005a", {"kind": "install_angle_deg", "value": [1, -1, 90]}),
        (0x80, 0x8D, "012c", {"kind": "seated_distance_limit_cm", "value": 300}),
        (0x80, 0x92, "0000001e", {"kind": "nobody_after_s", "value": 30}),
        (0x83, 0x8A, "00000e10", {"kind": "stay_still_after_s", "value": 3600}),
        (0x83, 0x8D, "03", {"kind": "fall_sensitivity", "value": 3}),
        (0x83, 0x91, "0096", {"kind": "fall_break_height_cm", "value": 150}),
        (0x83, 0x92, "00010002", {"kind": "track_point", "raw": "00010002"}),
    ],
)
def test_replies_to_questions(control, command, data, expected):
    assert said(framed(control, command, bytes.fromhex(data)).hex()) == expected | {"reply_to": "query"}


@pytest.mark.parametrize(
    ("control", "command", "data"), [(0x80, 0x01, 2), (0x83, 0x01, 2), (0x80, 0x02, 3), (0x80, 0x03, 101), (0x83, 0x0D, 4)]
)
def test_a_value_no_document_knows_is_refused(control, command, data):
    refused, *more = heard(framed(control, command, bytes([data])))
    assert refused == UNKNOWN_VALUE
    assert more == ([Report(Kind.NOT_UNDERSTOOD, "fall: 02")] if control == 0x83 and command == 1 else []), "of a fall it is also said"


def test_it_is_asked_when_the_line_opens_and_when_it_has_started():
    assert MODEL.listens.ask.hex() == QUESTIONS
    ask = Reply(bytes.fromhex(QUESTIONS))
    assert heard(b"", opened=True) == [ask]
    assert heard(framed(0x05, 0x01, b"\x0f"))[-1] == ask


def test_opening_forgets_half_a_frame():
    radar = MODEL.new("", None, {})
    assert list(radar.feed(Chunk(port="", data=FALL[:-1]))) == []
    assert [type(one) for one in radar.feed(Chunk(port="", data=FALL, opened=True))] == [Reply, Report]


def test_questions_and_unknown_commands_say_nothing():
    assert heard(bytes.fromhex(QUESTIONS)) == []
    assert heard(framed(0x84, 0x0C, b"\x01\x02")) == []
    assert said(framed(0x84, 0x0C, b"\x01\x02").hex()) == {"kind": "unknown", "what": "84_0c", "raw": "0102"}


def test_noise_is_told_once_a_run_and_a_bad_sum_each_time():
    bad = FALL[:-3] + b"\x33" + FALL[-2:]
    fall = Report(Kind.FALL, True)
    assert heard(b"\x00\x53\x53\x59\xff" * 9 + FALL + b"\x53\x59\x00\x00\xff\x00") == [NOISE, fall, NOISE]
    assert heard(bad + bad + FALL) == [BAD_CHECKSUM, BAD_CHECKSUM, fall]


def test_a_payload_may_hold_head_and_tail():
    frame = framed(0x85, 0x05, b"\x54\x43\x53\x59\x54\x43")
    assert [one.value for one in heard(frame)] == ["544353595443"]


def test_every_flipped_bit_is_found_and_hides_no_later_fall():
    for *_, data in GOLDEN[MODEL.name]:
        if len(Frames().feed(data)) != 1:
            continue  # a stream with its own noise
        for flipped in flips(data):
            assert not any(isinstance(one, Report) for one in heard(flipped))
            assert Report(Kind.FALL, True) in heard(flipped + FALL + bytes(80)), flipped.hex()


def test_a_damaged_length_does_not_delay_the_fall_behind_it():
    # the length byte is lost and the value, 40, stands in its place: 33 bytes would be awaited, in a quiet room for a minute
    damaged = framed(0x80, 0x03, bytes([40]))
    assert heard(damaged[:5] + damaged[6:] + FALL) == [NOISE, Report(Kind.FALL, True)]


PIECES = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from([data for *_, data in GOLDEN[MODEL.name]]),
        st.sampled_from([b"\x53", b"\x53\x59", b"\x53\x59\x84\x01\x00\x40", FALL[:7], b"\x54\x43"]),
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(PIECES, st.lists(st.integers(0, 250), max_size=8))
def test_any_split_says_the_same_and_the_buffer_stays_small(pieces, cuts):
    stream = b"".join(pieces)
    whole, parts = Frames(), Frames()
    expected = whole.feed(stream)
    got = []
    for start, end in pairwise([0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]):
        got += parts.feed(stream[start:end])
        assert len(parts.rest) <= 72
    assert got == expected
    for frame in expected:
        if isinstance(frame, bytes):
            assert frame == framed(frame[2], frame[3], frame[6:-3])


def test_questions_are_built_as_documented():
    assert question(0x02, 0xA1).hex() == "535902a100010f5f5443"
    assert meaning(0x83, 0x8C) is meaning(0x83, 0x0C)


def test_the_bed_of_a_radar_in_sleep_mode_is_shown():
    said = [[(r.label, r.value) for r in heard(framed(0x84, 0x01, bytes([state]))) if isinstance(r, Report)] for state in (0, 1, 2)]
    assert said == [[("in_bed", False)], [("in_bed", True)], []]
