"""Frames of radars, receivers and modules on a wire: damage neither invents nor hides a fall, and any split says the same."""

import json
import struct
from itertools import pairwise

import pytest
from drivers import _modbus_rtu, _tinyframe, _zigbee_ias, enocean_esp3, sonoff_rfbridge
from drivers._frames import Cutter
from gateway.hear.decode import decode_line
from gateway.words.driver import Chunk, Refusal, Report, SerialLine
from gateway.words.reading import Kind
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.framer.rtu import FramerRTU

from tests.unit.drivers.driver_vectors import GOLDEN, MODELS, flips

FALL = bytes.fromhex("01000000010e02f301fe")
CUT = {  # a fresh cutter, and its bound: one longest frame and one piece
    "tinyframe": (_tinyframe.Frames, 1033 + 512),
    "rf-bridge": (lambda: Cutter(b"\xaa", sonoff_rfbridge.judged), 140 + 512),
    "esp3": (lambda: Cutter(b"\x55", enocean_esp3.judged), 519 + 512),
}


def heard(model, data):
    return list(MODELS[model].new("", None, {}).feed(Chunk(port="", data=data)))


@pytest.mark.parametrize(
    ("frame", "built"),
    [  # the protocol's worked examples
        ("01000000000e06f6", _tinyframe.framed(_tinyframe.SETTINGS)),
        ("01000000040e04f00000204 09f", _tinyframe.framed(_tinyframe.HEIGHT, struct.pack("<f", 2.5))),
        ("01000000040e08fc0000403f80", _tinyframe.framed(_tinyframe.THRESHOLD, struct.pack("<f", 0.75))),
        ("01000000040e0afe0a000000f5", _tinyframe.framed(_tinyframe.SENSITIVITY, struct.pack("<I", 10))),
        ("01000000100e0cec0000c03f0000c03f0000c03f0000c03fff", _tinyframe.framed(_tinyframe.AREA, struct.pack("<4f", *4 * [1.5]))),
        ("5500010005700838", enocean_esp3.framed(5, b"\x08")),
    ],
)
def test_frames_are_built_as_documented(frame, built):
    assert built.hex() == frame.replace(" ", "")


@pytest.mark.parametrize("model", ["seeed-mr60fda2", "hilink-ld6002c"])
def test_every_flipped_bit_of_a_tinyframe_invents_nothing_and_hides_no_later_fall(model):
    for *_, data in GOLDEN[model]:
        if len(_tinyframe.Frames().feed(data)) != 1 or len(data) > 64:
            continue
        for flipped in flips(data):
            said = heard(model, flipped)
            assert not any(isinstance(one, Report) and one.kind in {Kind.FALL, Kind.PRESENCE, "measure", "state"} for one in said), (
                flipped.hex()
            )
            assert Report(Kind.FALL, True) in heard(model, flipped + FALL + bytes(64)), flipped.hex()


def test_an_empty_frame_may_have_a_sum_or_none():
    empty = _tinyframe.framed(_tinyframe.SETTINGS)
    for stream in (empty + FALL, empty + b"\xff" + FALL, empty + b"\xff" + empty + FALL):
        frames = _tinyframe.Frames().feed(stream)
        assert Refusal("noise") not in frames
        assert frames[-1] == FALL
    assert Refusal("noise") in _tinyframe.Frames().feed(empty + b"\xff\xff" + FALL)


def test_long_frames_are_passed_over_and_longer_ones_are_no_frames():
    assert heard("hilink-ld6002c", _tinyframe.framed(0x0A08, bytes(1024)) + FALL) == [Report(Kind.HEARTBEAT, True), Report(Kind.FALL, True)]
    false = struct.pack(">BHHH", 1, 0, 1025, 0x0A08)
    said = heard("hilink-ld6002c", false + bytes([_tinyframe.check(false)]) + FALL)
    assert said == [Refusal("noise"), Report(Kind.FALL, True)]


def test_a_target_height_that_is_no_height_is_not_believed():
    assert heard("hilink-ld6002c", _tinyframe.framed(_tinyframe.TARGET_HEIGHT, struct.pack("<I", 170))) == [Refusal("unknown_value")]
    for bad in (float("nan"), float("inf"), -1.0):
        data = struct.pack("<ffIffff", bad, 0.6, 10, 0.5, 0.5, 0.5, 0.5)
        assert heard("hilink-ld6002c", _tinyframe.framed(_tinyframe.SETTINGS, data)) == [Refusal("unknown_value")]


def test_every_flipped_bit_of_an_enocean_frame_is_found():
    frame = bytes.fromhex("55000707017ad50801825dab0001ffffffff360053")
    for flipped in flips(frame):
        assert not any(not isinstance(one, Refusal) for one in heard("enocean-esp3", flipped)), flipped.hex()


def test_a_code_may_hold_the_marks_of_a_frame():
    for code in ("55aa55", "aaa055", "aaaaaa", "555555"):
        frame = bytes.fromhex(f"aaa426c0013603ca{code}55")
        assert [one.source for one in heard("sonoff-rfbridge", frame + frame) if hasattr(one, "source")] == 2 * [code.upper()]


def test_raw_timings_with_many_buckets_end_at_the_first_tail():
    frame = bytes.fromhex("aab106" + "0100020003000400" + "05000600" + "0110" + "55")
    assert decode_line(json.dumps({"frame": frame.hex()}))["bits"] == "01"


@pytest.mark.parametrize("which", CUT)
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_split_says_the_same_and_the_buffer_stays_small(which, data):
    fresh, bound = CUT[which]
    golden = [frame for model in ("hilink-ld6002c", "sonoff-rfbridge", "enocean-esp3") for *_, frame in GOLDEN[model]]
    pieces = data.draw(
        st.lists(st.one_of(st.binary(max_size=20), st.sampled_from(golden), st.sampled_from([b"\x01", b"\xaa", b"\x55", b"\xff"])))
    )
    stream = b"".join(pieces)
    cuts = data.draw(st.lists(st.integers(0, 300), max_size=8))
    expected, parts, got = fresh().feed(stream), fresh(), []
    for start, end in pairwise([0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]):
        got += parts.feed(stream[start:end])
        assert len(parts.rest) <= bound
    assert got == expected


@given(st.binary(max_size=80), st.sampled_from(["0x0500", "0x0501", "0x0006", "znp", "x", "0x1"]))
@settings(max_examples=200, deadline=None)
def test_no_zigbee_frame_ends_in_a_traceback(data, cluster):
    assert json.dumps(decode_line(json.dumps({"frame": data.hex(), "cluster": cluster})))


@given(st.binary(max_size=40), st.sampled_from([None, *(name for name, model in MODELS.items() if isinstance(model.listens, SerialLine))]))
@settings(max_examples=200, deadline=None)
def test_no_line_ends_in_a_traceback(data, model):
    for key in ("frame", "stream"):
        assert json.dumps(decode_line(json.dumps({key: data.hex()} | ({"model": model} if model else {}))))
    assert json.dumps(decode_line(json.dumps({"line": data.decode("latin-1"), **({"model": model} if model else {})})))
    whole = data + _modbus_rtu.crc16(data).to_bytes(2, "little")
    assert json.dumps(decode_line(json.dumps({"frame": whole.hex()})))


@pytest.mark.parametrize(
    ("frame", "cluster", "said"),
    [
        ("190200210000170000", 0x0500, {"cmd": "status_change", "zone_status": 33, "alarm1": True}),
        ("0964000c000017 2800", 0x0500, {"tamper": True, "battery_low": True, "alarm1": False}),
        ("0901012c00 0000", 0x0500, {"cmd": "enroll_request", "zone_type": 0x2C}),
        ("010702", 0x0501, {"cmd": "emergency"}),
        ("08570a00001001", 0x0006, {"cmd": "attribute_report", "value": True}),
    ],
)
def test_zone_frames_of_a_bridges_log(frame, cluster, said):
    meaning = _zigbee_ias.meaning(cluster, bytes.fromhex(frame))
    assert said.items() <= meaning[0].items()


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ("018102", {"unit": 1, "function": 1, "exception": 2, "reply": True}),
        ("010304 000a 0102", {"registers": [10, 258], "reply": True}),
        ("0105 0003 ff00", {"address": 3, "value": True}),
        ("0106 0003 0102", {"address": 3, "value": 258}),
        ("0110 0001 0002 04 000a 0102", {"address": 1, "count": 2, "data": "000a0102"}),
    ],
)
def test_modbus_frames_of_a_line_monitor(frame, said):
    data = bytes.fromhex(frame)
    told = decode_line(json.dumps({"model": "modbus-inputs", "frame": (data + _modbus_rtu.crc16(data).to_bytes(2, "little")).hex()}))
    assert said.items() <= told.items()
    assert decode_line(json.dumps({"model": "modbus-inputs", "frame": data.hex() + "0000"}))["reject"] == "bad_checksum"


@given(st.binary(max_size=64))
def test_our_modbus_sum_is_pymodbuss(data):
    assert _modbus_rtu.crc16(data).to_bytes(2, "little") == FramerRTU.compute_CRC(data).to_bytes(2, "big")
