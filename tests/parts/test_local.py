"""What daemon and page hand each other: one Struct for each message, encoded by one side, decoded by the other, within its schema."""

import json

import msgspec
import pytest
from gateway.contract import inward, orders, portable, schemas, wire
from gateway.home import handed, inbox, nearby, status, values
from gateway.home.handed import Handed, Rejected
from gateway.home.nearby import Nearby
from gateway.home.status import Status
from gateway.words.instruction import Change, Do, Door, What
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator

from tests.kit import structs
from tests.kit.hand import HandClock
from tests.write import local

NOW = HandClock().now()
SLOW = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


def fits(name, value):
    Draft202012Validator(local.schema(name)).validate(json.loads(msgspec.json.encode(value)))


def test_schemas_are_as_generated():
    kept = {path.name: path.read_text(encoding="utf-8") for path in local.FOLDER.iterdir()}
    assert kept == local.texts(), "run: python -m tests.write.local"


@SLOW
@given(told=structs.values(Status))
def test_what_the_daemon_says_of_itself_is_read_by_the_page(folder, told):
    (folder / "status.json").write_text(status.as_json(told), encoding="utf-8")
    assert status.read(folder) == told
    fits("status", told)


@SLOW
@given(found=structs.values(Nearby))
def test_what_the_radio_hears_is_read_by_the_page(folder, found):
    nearby.write(folder, found)
    assert nearby.read(folder) == found
    fits("nearby", found)


@SLOW
@given(word=structs.values(inbox.Datagram))
def test_a_datagram_is_read_by_the_daemon(word):
    body = msgspec.json.encode(word)
    assert inbox.said(body) == word
    assert len(body) <= inbox.DATAGRAM
    fits("datagram", word)


@settings(SLOW, max_examples=30)
@given(secrets=structs.values(Handed))
def test_secrets_are_read_by_the_daemon(folder, secrets):
    handed.hand(folder, "x", secrets)
    assert handed.handed(folder, "x") == secrets
    fits("handed", {name: value for name, value in msgspec.to_builtins(secrets).items() if value is not None})


def ordered(**fields):
    """Return an instruction as the daemon has it that the page has left."""
    message = wire.InstructionMessage(v=1, gateway="gw", id="page-1", by="Li", **fields)
    instruction, _ = inward.decode_instruction(wire.encode(message), "gw", NOW, Door.LOCAL)
    return instruction


@pytest.mark.parametrize("what", What)
def test_the_value_of_a_change_is_read_by_both(what):
    @SLOW
    @given(value=structs.values(values.FORMS[what].struct))
    def whatever(value):
        fits(what.value, value)
        plain = msgspec.to_builtins(value)
        plain = plain["times"] if what is What.SET_TIMES else plain
        sent = wire.ChangeMessage(what=what, value=values.plain(what, plain))
        change = ordered(do=Do.CONFIGURE, change=sent).change
        assert change.what is what
        assert values.read(what, change.value) == value

    whatever()


@pytest.mark.parametrize(
    ("what", "value", "wrong"),
    [
        (What.PUT_DEVICE, {"id": "a"}, ("device", "a", "model")),
        (What.PUT_DEVICE, {"id": "a", "model": "m", "codes": {"press": 1}}, ("device", "a", "codes")),
        (What.SET_HOUSEHOLD, {"residents": 21}, ("household", "", "residents")),
        (What.SET_HOUSEHOLD, {"night": ["22:00"]}, ("household", "", "night")),
        (What.SET_LADDER, {"ladder": [{"responder": "Li"}, {"responder": "Wu", "wait": 29}]}, ("ladder", "2", "wait")),
        (What.SET_LADDER, {"ladder": [{"responder": "Li", "program": [1]}]}, ("ladder", "1", "program")),
        (What.SET_RULES, {"off": ["person.sos"]}, ("dangers", "", "off")),
        (What.SET_RULES, {"times": {"grace_fall": "20"}}, ("times", "", "grace_fall")),
        (What.SET_TIMES, {"grace_fall": True}, ("times", "", "grace_fall")),
        (What.SET_ROOMS, {"rooms": [""]}, ("rooms", "", "rooms")),
        (What.SET_PLATFORM, {"host": "h", "tls": 1}, ("platform", "", "tls")),
        (What.SET_CONSENT, {"climates": True}, ("consent", "", "climates")),
    ],
)
def test_what_does_not_fit_is_named_by_its_field(what, value, wrong):
    with pytest.raises(Rejected) as no:
        values.plain(what, value)
    (problem,) = no.value.problems
    assert (problem.section, problem.item, problem.field) == wrong
    assert problem.say.zh != problem.say.en


def test_what_is_left_out_stays_left_out():
    assert values.plain(What.SET_CONSENT, {"climate": True}) == {"climate": True}
    assert values.given(values.read(What.SET_CONSENT, {"climate": True})) == {"climate": True}


@pytest.mark.parametrize("do", Do)
def test_every_order_with_whatever_it_may_hold_is_read_by_the_daemon(do):
    form = schemas.described()["instruction"]["$defs"][f"{do.title().replace('_', '')}Instruction"]
    fields = {field.encode_name for field in msgspec.structs.fields(orders.ORDERS[do])}
    assert set(form["properties"]) == fields | {*portable.COMMON, *portable.ALWAYS}, "its form in the contract's schema"

    @settings(SLOW, max_examples=30)
    @given(order=structs.values(orders.ORDERS[do]))
    def whatever(order):
        sent = orders.message(order, gateway="gw", id="page-1", by="Li")
        found, _ = inward.decode_instruction(wire.encode(sent), "gw", NOW, Door.LOCAL)
        assert (found.do, found.by) == (do, "Li")
        for name in order.__struct_fields__:
            held = getattr(order, name)
            assert getattr(found, name) == (Change(held.what, held.value) if isinstance(held, wire.ChangeMessage) else held)

    whatever()


@given(result=structs.values(wire.ResultMessage))
@SLOW
def test_an_answer_is_read_by_the_page(result):
    body = wire.encode(result)
    assert msgspec.json.decode(body, type=wire.ResultMessage) == result
