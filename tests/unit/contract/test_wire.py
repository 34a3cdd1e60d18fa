"""The contract's bytes: what goes out is what the schema says, what comes back is the same, and what is wrong is named."""

import json
from itertools import pairwise

import msgspec
import pytest
from gateway.contract import encoding, inward, schemas, wire
from gateway.judge.alarm import Alarm, Called, Delivery, Masking, Outcome, Proof, State
from gateway.judge.book import AlarmFact, Entry
from gateway.judge.faults.fact import FaultFact, Turn
from gateway.words.clock import Moment, Quality, When, stamp
from gateway.words.instruction import Do, Door, Instruction, Refused, ResultFact
from gateway.words.kind import KINDS, Priority, of
from gateway.words.reading import Kind, Reading
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError
from msgspec.structs import replace

from tests.kit.hand import GATEWAY, JOURNAL, NOON, Day, HandClock, alike, checked, validators

NOW = Moment(5000.0, NOON)
AT = When("boot-1", 12.345, "2026-05-04T04:00:00.000Z", Quality.UNSURE)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
IDS = st.from_regex(r"[A-Za-z0-9._:-]{1,20}", fullmatch=True)
SECONDS = st.integers(0, 10**9).map(lambda ms: ms / 1000)
STAMPS = st.builds(
    When,
    IDS,
    SECONDS,
    st.datetimes(timezones=st.just(NOON.tzinfo)).map(lambda d: d.isoformat(timespec="milliseconds").replace("+00:00", "Z")),
    st.sampled_from(list(Quality)),
)
ALARMS = st.builds(
    Alarm,
    number=st.integers(1, 10**9),
    id=IDS,
    kind=st.sampled_from(list(KINDS)) | IDS,
    priority=st.sampled_from(list(Priority)),
    device=IDS,
    room=TEXT,
    state=st.sampled_from(list(State)),
    since=SECONDS.map(NOW.later),
    stages=st.dictionaries(IDS, STAMPS, max_size=8),
    test=st.booleans(),
    condition_active=st.booleans(),
    masking=st.sampled_from(list(Masking)),
    grace=SECONDS,
    calls=st.lists(
        st.builds(Called, st.integers(0, 9), TEXT, IDS, TEXT, STAMPS, st.sampled_from(list(Delivery)), IDS, st.integers(0, 10**6), SECONDS),
        max_size=4,
    ).map(tuple),
    made=st.integers(4, 10**6),
    answered=SECONDS,
    lapsed=st.booleans(),
    vouched=st.booleans(),
    silenced=SECONDS,
    rung=st.integers(0, 9),
    called=SECONDS,
    by=TEXT,
    reason=TEXT,
    responder=TEXT,
    expected=SECONDS,
    outcome=st.none() | st.sampled_from(list(Outcome)),
    count=st.integers(1, 10**6),
    evidence=st.lists(
        st.builds(Proof, IDS, IDS, st.booleans() | st.integers(-(2**53), 2**53) | TEXT, STAMPS, st.booleans()), max_size=2
    ).map(tuple),
    linked=st.just("") | IDS,
)


def entry(fact):
    return Entry(1, f"{JOURNAL}-1", AT, fact)


@given(ALARMS, st.none() | st.sampled_from(list(State)), TEXT, TEXT)
def test_an_alarm_goes_to_the_wire_and_back_unchanged(alarm, before, by, reason):
    name, body = encoding.encode_entry(GATEWAY, JOURNAL, entry(AlarmFact(alarm, "count", before, by, reason)))
    validators()[name].validate(json.loads(body))
    back = encoding.alarm_of(encoding.decode_entry(body), NOW)
    assert alike(back, alarm)
    assert {*encoding._OF_ALARM.values(), "since", "condition_active"} == {*Alarm.__struct_fields__}, "each field goes"
    message = json.loads(body)
    assert (message["by"], message["reason"], message["state_by"]) == (by, reason, alarm.by)


def test_who_answered_is_not_lost_to_who_pressed_again():
    day = Day()
    day.press()
    day.tell("acknowledge", by="Zhao", alarm=day.alarm.id, reason="calling back")
    day.press()
    day.restart()
    assert (day.open[0].by, day.open[0].reason, day.open[0].count) == ("Zhao", "calling back", 2)


@pytest.mark.parametrize("kind", [*KINDS, "maker.unknown-kind"])
def test_every_kind_of_fault_and_its_codes_go_out_and_back(kind):
    reading = Reading(device="door", kind=Kind.BATTERY, value=7.5, at=NOW, flagged=True)
    fact = FaultFact(
        kind=kind,
        turn=Turn.RAISED,
        priority=of(kind).priority,
        since=NOW,
        device="door",
        room="走廊",
        detail={"battery_pct": 7.5, "why": "低", "n": 3, "yes": True},
        evidence=(reading,),
    )
    body = checked(entry(fact), NOW)
    message = json.loads(body)
    assert message["codes"] == {
        "ieee_11073_10471": of(kind).ieee,
        "scaip_device": of(kind).scaip_device,
        "scaip_status": of(kind).scaip_status,
    }
    assert message["evidence"][0] == {
        "device": "door",
        "kind": "battery_pct",
        "value": 7.5,
        "flagged": True,
        "at": {"boot": "boot-1", "mono": 5000.0, "wall": "2026-05-04T04:00:00.000Z", "clock": "synchronised"},
    }
    assert encoding.fault_of(encoding.decode_entry(body), NOW) == replace(fact, evidence=())


@pytest.mark.parametrize("refused", list(Refused))
@pytest.mark.parametrize("do", list(Do))
def test_every_result_goes_out(do, refused):
    instruction = Instruction(id="i-1", do=do, by="王", device="door", reason="维修", seconds=60.0)
    body = checked(entry(ResultFact(instruction, refused, "不行", "no", "j1-a1", "raised")), NOW)
    message = json.loads(body)
    assert (message["accepted"], message["refused"], message["do"], message["reason"]) == (refused is Refused.NONE, refused, do, "维修")


def test_the_same_entry_is_the_same_bytes_and_numbers_and_ids_are_on_it():
    day = Day()
    day.raise_to("closed")
    for one, two in pairwise(day.entries):
        assert two.number == one.number + 1
    for one, body in zip(day.entries, day.bodies, strict=True):
        assert encoding.encode_entry(GATEWAY, JOURNAL, one)[1] == body
        head = json.loads(body)
        assert (head["v"], head["gateway"], head["journal"], head["number"], head["id"]) == (
            1,
            GATEWAY,
            JOURNAL,
            one.number,
            f"{JOURNAL}-{one.number}",
        )


def test_schemas_are_of_2020_12_whole_and_strict():
    for name, schema in schemas.closed().items():
        Draft202012Validator.check_schema(schema)
        assert schema["$id"] == f"urn:eldercare:v1:{name}"
        assert schema["additionalProperties"] is False
        text = json.dumps(schema)
        for ref in {part.split('"')[0] for part in text.split("#/$defs/")[1:]}:
            assert ref in schema["$defs"], f"{name} refers to {ref}"


def test_the_schema_refuses_what_the_contract_does_not_have():
    body = json.loads(Day().bodies[0])
    validator = validators()["fault"]
    validator.validate(body)
    for change in ({"number": 0}, {"v": 2}, {"extra": 1}, {"priority": 9}, {"id": ""}, {"at": None}, {"turn": "begun"}, {"type": "alarm"}):
        with pytest.raises(ValidationError):
            validator.validate(body | change)
    for missing in body.keys() - {"test", "generation", "previous", "fault_class"}:  # older entries do not say it
        with pytest.raises(ValidationError):
            validator.validate({k: v for k, v in body.items() if k != missing})


def test_other_messages_are_of_the_contract_as_well():
    at = stamp("boot-1", NOW)
    readings = [
        Reading(device="door", kind=Kind.TEMPERATURE, value=21.5, at=NOW),
        Reading(device="door", kind=Kind.CONTACT_OPEN, value=True, at=NOW, index=2),
        Reading(device="door", kind=Kind.ACTIVITY, value="still", at=NOW, label="x"),
    ]
    for name, body in (
        ("readings", encoding.encode_batch(GATEWAY, "h1", 1, "boot-1", readings)),
        ("status", wire.encode(wire.Status(1, GATEWAY, True, "started", "0.1", "boot-1", JOURNAL, at))),
        ("status", wire.encode(wire.Status(1, GATEWAY, False, "last will", "0.1"))),
        ("heartbeat", wire.encode(wire.Heartbeat(1, GATEWAY, JOURNAL, at, 60.0, 0, 0, 0, 0, ["gateway.uplink_lost"], "platform"))),
    ):
        validators()[name].validate(json.loads(body))
    assert wire.topic(GATEWAY, "alarm") == f"eldercare/v1/{GATEWAY}/alarm"


@pytest.mark.parametrize(
    "wall", [NOON.replace(year=1970, month=1, day=1, hour=0), NOON.replace(year=2199), NOON.replace(microsecond=999999)]
)
def test_every_wall_time_can_be_written_down(wall):
    day = Day(clock=HandClock(wall, quality=Quality.WRONG))
    day.press()
    day.restart(other_boot=True)
    assert len(day.open) == 1


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"\xff", b'{"type":"alarm"}', b'{"type":"readings","v":1}', b"{" * 10])
def test_a_journal_row_that_is_none_is_named(body):
    with pytest.raises(wire.BadMessage, match="journal row"):
        encoding.decode_entry(body)


GOOD_RECEIPT = {"v": 1, "gateway": GATEWAY, "journal": JOURNAL, "entries": [[1, 3], [5, 5]], "history": "h1", "batches": [[1, 1]]}
GOOD_INSTRUCTION = {
    "v": 1,
    "gateway": GATEWAY,
    "id": "p-1",
    "do": "dispatch",
    "by": "王",
    "alarm": "j1-a1",
    "responder": "李",
    "seconds": 600,
}


def test_good_ones_are_taken_and_of_the_schema():
    for name, good in (("receipt", GOOD_RECEIPT), ("instruction", GOOD_INSTRUCTION)):
        validators()[name].validate(good)
    assert inward.decode_receipt(json.dumps(GOOD_RECEIPT).encode(), GATEWAY).entries == [(1, 3), (5, 5)]
    instruction, late = inward.decode_instruction(json.dumps(GOOD_INSTRUCTION).encode(), GATEWAY, NOW)
    assert late == ""
    assert replace(instruction, digest="") == Instruction(
        id="p-1", do=Do.DISPATCH, by="王", door=Door.PLATFORM, alarm="j1-a1", responder="李", seconds=600.0
    )
    assert inward.decode_instruction(json.dumps(GOOD_INSTRUCTION).encode(), GATEWAY, NOW, Door.LOCAL)[0].door is Door.LOCAL


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"id": ""},
        {"id": "a b"},
        {"id": "x" * 81},
        {"do": "reboot"},
        {"do": None},
        {"by": ""},
        {"by": "x" * 81},
        {"by": 5},
        {"seconds": -1},
        {"seconds": 31_536_001},
        {"seconds": "60"},
        {"extra": 1},
        {"door": "platform"},
        {"reason": "x" * 401},
        {"alarm": "x" * 81},
        {"device": "x" * 81},
        {"outcome": "x" * 81},
        {"responder": "x" * 81},
        {"expires": "x" * 81},
    ],
)
def test_an_instruction_that_breaks_the_contract_is_refused_by_type_and_schema_alike(change):
    bad = GOOD_INSTRUCTION | change
    with pytest.raises(wire.BadMessage, match=r"instruction breaks the contract: .+"):
        inward.decode_instruction(json.dumps(bad).encode(), GATEWAY, NOW)
    with pytest.raises(ValidationError):
        validators()["instruction"].validate(bad)


@pytest.mark.parametrize(
    "change", [{"v": 0}, {"entries": [[0, 1]]}, {"entries": [[1]]}, {"entries": [[1, 2, 3]]}, {"entries": [[1, 1]] * 501}, {"x": 1}]
)
def test_a_receipt_that_breaks_the_contract_is_refused_by_type_and_schema_alike(change):
    bad = GOOD_RECEIPT | change
    with pytest.raises(wire.BadMessage, match="receipt breaks the contract"):
        inward.decode_receipt(json.dumps(bad).encode(), GATEWAY)
    with pytest.raises(wire.BadMessage):
        inward.receipt_of(json.dumps(bad).encode(), GATEWAY)
    with pytest.raises(ValidationError):
        validators()["receipt"].validate(bad)


BROKEN = [b"", b"{", b"\xff\xfe", b"nonsense", b"[" * 30_000, b'{"v":1,"by":"\\ud800"}', b'{"v":NaN}', b"\x00" * 10]


@pytest.mark.parametrize("payload", BROKEN)
def test_what_is_no_json_is_refused_with_a_sentence(payload):
    for decode in (
        lambda p: inward.decode_receipt(p, GATEWAY),
        lambda p: inward.receipt_of(p, GATEWAY),
        lambda p: inward.decode_instruction(p, GATEWAY, NOW),
    ):
        with pytest.raises(wire.BadMessage, match=r"is not JSON|breaks the contract"):
            decode(payload)


def test_too_large_is_refused_unread_and_another_gateways_message_is_named():
    with pytest.raises(wire.BadMessage, match="65537 bytes, at most 65536"):
        inward.decode_receipt(b" " * (wire.LARGEST + 1), GATEWAY)
    for good, decode in (
        (GOOD_RECEIPT, inward.decode_receipt),
        (GOOD_INSTRUCTION, lambda p, g: inward.decode_instruction(p, g, NOW)),
    ):
        with pytest.raises(wire.BadMessage, match="for gateway 'gw-other', this one is 'gw-test'"):
            decode(json.dumps(good | {"gateway": "gw-other"}).encode(), GATEWAY)


@pytest.mark.parametrize(
    ("expires", "quality", "late"),
    [
        ("", Quality.SYNCHRONISED, ""),
        ("2026-05-04T04:00:01Z", Quality.SYNCHRONISED, ""),
        ("2026-05-04T12:00:01+08:00", Quality.SYNCHRONISED, ""),
        ("2026-05-04T03:59:59Z", Quality.SYNCHRONISED, "expired at"),
        ("2026-05-04T11:59:59+08:00", Quality.SYNCHRONISED, "expired at"),
        ("2020-01-01T00:00:00Z", Quality.UNSURE, ""),  # nobody confirmed our clock: help that comes late beats none
        ("2020-01-01T00:00:00Z", Quality.WRONG, ""),
        ("2026-05-04T04:00:01", Quality.UNSURE, "no time zone"),
        ("tomorrow", Quality.SYNCHRONISED, "not a time"),
    ],
)
def test_when_an_instruction_is_too_late(expires, quality, late):
    payload = json.dumps(GOOD_INSTRUCTION | {"expires": expires}).encode()
    said = inward.decode_instruction(payload, GATEWAY, NOW._replace(quality=quality))[1]
    assert late in said
    assert bool(late) is bool(said)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | TEXT, lambda c: st.lists(c, max_size=3) | st.dictionaries(TEXT, c, max_size=3))
)
def test_any_json_at_all_is_taken_or_refused_with_a_sentence(value):
    payload = msgspec.json.encode(value)
    for decode in (lambda: inward.receipt_of(payload, GATEWAY), lambda: inward.decode_instruction(payload, GATEWAY, NOW)):
        with pytest.raises(wire.BadMessage):
            decode()


def test_texts_from_outside_never_outgrow_the_contract():
    day = Day()
    day.press()
    day.wait(30)
    day.called_back(day.alarm.number, 1, ok=False, detail="x" * 100_000)
    assert len(day.entries[-1].fact.reason) == 400
    day.tell("close", alarm="a" * 80, outcome="o" * 80)
    day.tell("close", alarm=day.alarm.id, outcome="o" * 80, by="b" * 80, reason="r" * 400)
