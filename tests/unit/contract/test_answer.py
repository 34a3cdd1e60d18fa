"""What a platform answers over HTTP is taken apart strictly, and a wrong part spoils no other."""

import json

import pytest
from gateway.contract import schemas, wire
from gateway.contract.inward import Told, answer_of
from jsonschema import Draft202012Validator

RECEIPT = {"v": 1, "gateway": "gw-1", "journal": "j1", "entries": [[1, 2]]}
ORDER = {"v": 1, "gateway": "gw-1", "id": "o1", "do": "test", "by": "desk"}
ANSWER = Draft202012Validator(schemas.over_http()["answer"])


def said(**parts):
    return json.dumps({"v": 1, **parts}).encode()


@pytest.mark.parametrize("nothing", [b"", b" \n", b'{"v":1}', b'{"v":1,"receipt":null,"platform":null,"instructions":[]}'])
def test_nothing_may_be_said(nothing):
    assert answer_of(nothing) == []


def test_each_part_is_handed_on_as_its_own_message():
    whole = {"receipt": RECEIPT, "instructions": [ORDER, {"broken": True}], "platform": {"v": 1, "online": False}}
    told = answer_of(said(**whole))
    assert [(t.name, json.loads(t.payload)) for t in told] == [
        ("receipt", RECEIPT),
        ("platform", whole["platform"]),
        ("instruction", ORDER),
        ("instruction", {"broken": True}),
    ]
    assert isinstance(told[0], Told)


@pytest.mark.parametrize(
    "wrong",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"v":2}',
        b'{"v":1,"recieved":[]}',
        b'{"v":1,"instructions":{}}',
        b'{"v":1',
        b"\xff",
        b"[" * 5000,
        said(instructions=[ORDER] * (wire.ORDERS + 1)),
        b" " * 10 + b'{"v":1,"receipt":"' + b"x" * wire.LARGEST + b'"}',
        json.dumps(RECEIPT).encode(),  # the receipt alone, and an echo of what was posted
        json.dumps({"type": "poll", "v": 1, "gateway": "gw-1", "wait_s": 50.0}).encode(),
    ],
)
def test_what_is_no_answer_is_refused_whole(wrong):
    with pytest.raises(wire.BadMessage, match="answer"):
        answer_of(wrong)


@pytest.mark.parametrize(
    ("answer", "good"),
    [
        ({"v": 1}, True),
        ({"v": 1, "receipt": RECEIPT, "instructions": [ORDER], "platform": {"v": 1, "online": True}}, True),
        ({"v": 1, "receipt": {**RECEIPT, "entries": [[0, 1]]}}, False),
        ({"v": 1, "instructions": [{**ORDER, "do": "dance"}]}, False),
        ({"v": 1, "instructions": [ORDER] * (wire.ORDERS + 1)}, False),
        ({"v": 1, "more": 1}, False),
        ({}, False),
    ],
)
def test_the_schema_says_the_same(answer, good):
    Draft202012Validator.check_schema(ANSWER.schema)
    assert ANSWER.is_valid(answer) is good
