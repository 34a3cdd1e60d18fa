"""The contract's files are true: schemas as generated, examples that fit them, an AsyncAPI file in which every reference leads somewhere."""

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml
from gateway.box import supervise
from gateway.contract import encoding, inward, portable, schemas, wire
from gateway.contract.fields import FIELDS, VALUES
from gateway.judge.alarm import MOVES, Move, State
from gateway.judge.allowance import Of
from gateway.judge.book import AlarmFact
from gateway.keep import database
from gateway.tell import connection, heartbeat, resend
from gateway.tell.waits import WAITS
from gateway.tend import upkeep
from gateway.words.clock import Moment
from gateway.words.instruction import LOCAL_ONLY, Do, What
from gateway.words.kind import KINDS
from gateway.words.times import Times
from jsonschema import Draft202012Validator, ValidationError

from tests.kit.brokers import validator
from tests.write import contract_examples

FOLDER = Path(__file__).parents[2] / "config" / "contract"
EXAMPLES = sorted((FOLDER / "examples").glob("*.json"))
API = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text(encoding="utf-8"))
TEXTS = [FOLDER / "asyncapi.yaml", FOLDER / "asyncapi.json", *FOLDER.glob("*.schema.json"), *EXAMPLES]


def name_of(path: Path) -> str:
    return path.stem.split("-")[0]


# -- schemas ------------------------------------------------------------------------------------------------------------


def test_schemas_are_as_generated(tmp_path):
    schemas.write(tmp_path / "new")
    fresh = {p.name: p.read_text(encoding="utf-8") for p in (tmp_path / "new").iterdir()}
    fresh["asyncapi.json"] = schemas.bundle(FOLDER)
    kept = {p.name: p.read_text(encoding="utf-8") for p in FOLDER.glob("*.json")}
    assert kept == fresh, "run: python -m gateway contract config/contract"


@pytest.mark.parametrize("name", wire.EVERY_MESSAGE)
def test_every_field_is_in_words(name):
    schema = json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    for part in (schema, *schema.get("$defs", {}).values()):
        for field, what in part.get("properties", {}).items():
            assert what["description"], field
        if "enum" in part:
            assert all(str(value) in part["description"] for value in part["enum"])


@pytest.mark.parametrize("name", wire.EVERY_MESSAGE)
def test_words_of_the_gateway_are_open_and_the_known_ones_are_listed(name):
    """Enumerations have grown and will again: a reader whose parser refuses a word that it does not know would lose an alarm."""
    closed, raw = schemas.described()[name], schemas.closed()[name]
    known = {part: what["enum"] for part, what in raw["$defs"].items() if "enum" in what}
    if name in wire.TO_GATEWAY:
        assert all(closed["$defs"][part]["enum"] == values for part, values in known.items() if part != "Do")
        return
    assert '"enum"' not in json.dumps(closed)
    listed = re.findall(r'"examples": (\[[^]]*\])', json.dumps(closed))
    for part, values in known.items():
        assert json.dumps(values) in listed, part
    for path in EXAMPLES:
        if name_of(path) == name:
            body = json.loads(path.read_text(encoding="utf-8"))
            for field, what in closed["properties"].items():
                if "examples" in what:
                    validator(name).validate(body | {field: 9 if field == "priority" else "a_word_that_comes_later"})
            with pytest.raises(ValidationError):
                validator(name).validate(body | {"v": 2})


def test_no_schema_says_what_generators_stumble_over():
    for name, schema in schemas.described().items():
        assert schema["$id"] == schema["title"] == wire.EVERY_MESSAGE[name].__name__

        def looked(part):
            if isinstance(part, dict):
                assert "prefixItems" not in part
                assert not isinstance(part.get("default"), list | dict), "Java has no default for them"
                assert "$ref" not in part or len(part) == 1
                for inside in part.values():
                    looked(inside)
            elif isinstance(part, list):
                for inside in part:
                    looked(inside)

        looked(schema)


def test_an_order_that_lacks_what_it_needs_breaks_the_schema():
    for path in EXAMPLES:
        if name_of(path) == "instruction":
            body = json.loads(path.read_text(encoding="utf-8"))
            for needed in portable.ORDERS[Do(body["do"])].needs:
                with pytest.raises(ValidationError):
                    validator("instruction").validate({field: value for field, value in body.items() if field != needed})


def test_no_words_without_a_field():
    fields = set()
    kinds = set()
    for name, schema in schemas.closed().items():
        parts = {wire.EVERY_MESSAGE[name].__name__: schema, **schema["$defs"]}
        fields |= {f"{kind}.{field}" for kind, part in parts.items() for field in part.get("properties", {})}
        kinds |= set(parts)
    for name, schema in schemas.over_http().items():
        fields |= {f"{wire.OVER_HTTP[name].__name__}.{field}" for field in schema["properties"]}
    used = {f if f in FIELDS else f".{f.split('.')[1]}" for f in fields}
    assert set(FIELDS) == used
    assert set(VALUES) <= kinds


def test_what_is_sent_may_grow_and_what_is_taken_may_not():
    more = {"something_new": 1}
    for path in EXAMPLES:
        body = json.loads(path.read_text(encoding="utf-8")) | more
        if name_of(path) in wire.TO_GATEWAY:
            with pytest.raises(ValidationError):
                validator(name_of(path)).validate(body)
        else:
            validator(name_of(path)).validate(body)


def test_unknown_kinds_are_allowed():
    body = json.loads((FOLDER / "examples" / "alarm-sos-raised.json").read_text(encoding="utf-8")) | {"kind": "person.seizure"}
    validator("alarm").validate(body)
    assert encoding.decode_entry(json.dumps(body).encode()).kind == "person.seizure"


# -- examples -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_example_fits_its_schema_and_is_read(path):
    body = json.loads(path.read_text(encoding="utf-8"))
    name = name_of(path)
    validator(name).validate(body)
    raw = json.dumps(body).encode()
    if name == "receipt":
        assert inward.decode_receipt(raw, body["gateway"]).v == 1
    elif name == "instruction":
        now = Moment(0.0, datetime.fromisoformat("2026-05-04T04:10:00+00:00"))
        instruction, late = inward.decode_instruction(raw, body["gateway"], now)
        assert instruction.do == path.stem.split("-")[1]
        assert not late
    elif name in {"alarm", "fault", "result"}:
        assert encoding.decode_entry(raw).id == body["id"]
        assert json.loads(wire.encode(encoding.decode_entry(raw))) == body


def test_there_is_an_example_of_everything():
    assert {name_of(p) for p in EXAMPLES} == set(wire.EVERY_MESSAGE)
    assert {p.name for p in EXAMPLES} == set(contract_examples.examples()), "run: PYTHONPATH=. python tests/write/contract_examples.py"
    assert {p.stem for p in EXAMPLES if name_of(p) == "instruction"} == {f"instruction-{do}" for do in Do}
    states = {json.loads(p.read_text(encoding="utf-8"))["state"] for p in EXAMPLES if name_of(p) == "alarm"}
    assert states == {"pre_alarm", "raised", "acknowledged", "dispatched", "on_site", "closed", "cancelled"}


def test_examples_can_be_made_again():
    for name, text in contract_examples.examples().items():
        assert not list(validator(name.split("-")[0].removesuffix(".json")).iter_errors(json.loads(text)))
    assert AlarmFact  # they come from the pipeline itself


def test_the_rule_for_mending_times_works():
    """wall = wall_cleared - (mono_cleared - mono), as the contract says."""
    sos, cleared = (
        json.loads((FOLDER / "examples" / f"{name}.json").read_text(encoding="utf-8"))["at"]
        for name in ("alarm-sos-clock-wrong", "fault-clock-mended")
    )
    assert sos["boot"] == cleared["boot"]
    assert (sos["clock"], cleared["clock"]) == ("wrong", "synchronised")
    mended = datetime.fromisoformat(cleared["wall"]) - timedelta(seconds=cleared["mono"] - sos["mono"])
    assert mended == datetime.fromisoformat("2026-05-04T17:00:00+00:00")


def test_the_chain_of_the_examples_is_as_the_text_says():
    """Computed as an integrator would, from the files alone: SHA-256 over the payload, of its 64 hex digits the first 32."""
    first, after = (
        json.loads((FOLDER / "examples" / f"alarm-sos-{name}.json").read_text(encoding="utf-8")) for name in ("raised", "pushed")
    )
    payload = json.dumps(first, separators=(",", ":"), ensure_ascii=False).encode()
    assert wire.encode(encoding.decode_entry(payload)) == payload, "the very bytes that were sent"
    found = hashlib.sha256(payload).hexdigest()[:32]
    assert (after["journal"], after["number"], after["previous"]) == (first["journal"], first["number"] + 1, found)
    text = " ".join(API["info"]["description"].split())
    assert f"({len(payload)} bytes), has the hash `{found}`" in text
    restored = json.loads((FOLDER / "examples" / "alarm-restored.json").read_text(encoding="utf-8"))
    assert (restored["number"], restored["generation"], restored["previous"]) == (1, first["generation"] + 1, "")
    assert restored["journal"] != first["journal"]
    assert restored["alarm"].startswith(first["journal"])


# -- AsyncAPI -----------------------------------------------------------------------------------------------------------


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if set(node) == {"$ref"}:
            yield node["$ref"]
        else:
            for part in node.values():
                yield from references(part)
    elif isinstance(node, list):
        for part in node:
            yield from references(part)


def resolved(reference: str) -> object:
    file, _, pointer = reference.partition("#")
    node = API if not file else json.loads((FOLDER / file).read_text(encoding="utf-8"))
    for step in pointer.split("/")[1:]:
        node = node[step]
    return node


def test_every_reference_leads_somewhere():
    found = set(references(API))
    for reference in found:
        assert resolved(reference), reference
    files = {(FOLDER / r).resolve() for r in found if r.startswith("./")}
    topicless = {(FOLDER / f"{name}.schema.json").resolve() for name in wire.OVER_HTTP}
    there = {p.resolve() for p in [*FOLDER.glob("*.schema.json"), *EXAMPLES]} - topicless
    assert files == there, "every schema and example is used, once"


def test_nothing_is_left_over():
    found = set(references(API))
    for kind in ("parameters", "securitySchemes", "messages", "correlationIds"):
        for name in API["components"][kind]:
            assert f"#/components/{kind}/{name}" in found
    assert {f"#/channels/{c}" for c in API["channels"]} == {o["channel"]["$ref"] for o in API["operations"].values()}
    assert {f"#/servers/{s}" for s in API["servers"]} <= found


def test_channels_and_operations_are_ours():
    assert API["asyncapi"] == "3.0.0"
    assert set(API) <= {"asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations", "components"}
    assert set(API["channels"]) == set(wire.EVERY_MESSAGE)
    for name, channel in API["channels"].items():
        assert channel["address"] == wire.topic("{gateway}", name)
        named = set() if name == wire.TO_ALL else {"gateway"}
        assert set(re.findall(r"{(\w+)}", channel["address"])) == set(channel.get("parameters", ())) == named
        assert list(channel["messages"]) == [name]
        assert set(channel) <= {"address", "title", "description", "servers", "parameters", "messages"}
    for operation in API["operations"].values():
        name = operation["channel"]["$ref"].rsplit("/", 1)[1]
        assert operation["action"] == ("receive" if name in wire.TO_GATEWAY else "send")
        assert operation["messages"] == [{"$ref": f"#/channels/{name}/messages/{name}"}]
        assert operation["bindings"]["mqtt"]["qos"] == (name != "heartbeat")
        assert operation["bindings"]["mqtt"]["retain"] is (name in {"status", "home", "platform"})
        assert {t["name"] for t in operation["tags"]} <= {t["name"] for t in API["info"]["tags"]}
        assert set(operation) <= {"action", "title", "description", "channel", "messages", "tags", "bindings", "reply"}
    for name, message in API["components"]["messages"].items():
        assert message["name"] == name
        assert message["payload"]["schema"] == {"$ref": f"./{name}.schema.json"}
        examples = [e["payload"]["$ref"] for e in message["examples"]]
        assert examples
        assert all(name_of(Path(e)) == name for e in examples)
        assert len({e["name"] for e in message["examples"]}) == len(examples)


def test_server_is_what_the_link_does():
    binding = API["servers"]["platform"]["bindings"]["mqtt"]
    broker = connection.Broker(host="platform.invalid", port=8883, gateway="gw-1")
    assert binding["keepAlive"] == broker.keepalive
    assert binding["sessionExpiryInterval"] == WAITS.session
    assert binding["maximumPacketSize"] == wire.LARGEST + connection.ENVELOPE
    assert binding["lastWill"]["topic"] == wire.topic("{gateway}", "status")
    assert set(re.findall(r"{(\w+)}", API["servers"]["platform"]["host"])) == set(API["servers"]["platform"]["variables"])


def test_figures_in_the_text_are_true():
    text = " ".join(API["info"]["description"].split())
    assert "of P1 or P2 is sent again after 5, 10, 20, 20, ... seconds, after 30 minutes every 60 s;" in text
    assert "any other after 5, 10, 20, 40, ... seconds, in the end every 10 minutes" in text
    assert (WAITS.again, WAITS.again_urgent, WAITS.patience) == (5, 20, 1800)
    assert (WAITS.again_late, WAITS.again_other) == (60, 600)
    assert "A batch of readings without a receipt is sent again every 10 minutes" in text
    assert API["operations"]["sendHeartbeat"]["bindings"]["mqtt"]["messageExpiryInterval"] == heartbeat.OFFLINE * Times().heartbeat
    assert "by up to a fifth" in text
    assert supervise.JITTER == 0.2
    assert "without a receipt within 30 s" in text
    times = Times()
    assert "| acknowledge, after it was raised | 60 s | 5 min |" in text
    assert (times.acknowledge_p1, times.acknowledge_p2) == (60, 300)
    assert "| dispatch, after acknowledging | 3 min | 15 min |" in text
    assert (times.dispatch_p1, times.dispatch_p2) == (180, 900)
    assert "where it says no `seconds` | 15 min | 60 min |" in text
    assert (times.on_site_p1, times.on_site_p2) == (900, 3600)
    assert "calls you after 60 min and then every 30 min" in text
    assert (times.on_site_close, times.close_again) == (3600, 1800)
    assert f"at most {resend.MOST} in one order" in text
    assert "at most ten a second" in text
    assert WAITS.pace == 0.1
    at_once, every, _ = Of.RESEND.value
    assert f"{at_once} of them at once and then one an hour" in text
    assert every == 3600
    assert Times().receipt == 30
    assert "180 s with the usual interval" in text
    assert Times().heartbeat * 3 == 180
    assert "more than 64 KiB" in text
    assert "a packet of more than 65 KiB" in text
    assert wire.LARGEST + connection.ENVELOPE == 65 * 1024
    nine = re.search(r"Eleven are the technician's, at the door of the home: (.+?)\. From the platform", text)
    assert nine
    assert set(re.findall(r"`(\w+)`", nine[1])) == LOCAL_ONLY
    assert len(LOCAL_ONLY) == 11
    assert "这十一项" in text
    said = API["channels"]["readings"]["description"]
    assert f"one every {Times().readings_every:g} s, sooner after {upkeep.READINGS_AT} readings" in said
    missing = json.loads((FOLDER / "examples" / "fault-device-missing.json").read_text(encoding="utf-8"))
    assert (missing["device"], missing["priority"], missing["fault_class"]) == ("pendant", 2, "now"), "a button: somebody must look soon"
    assert wire.LARGEST == 64 * 1024
    assert "persistent, 7 days" in text
    assert "5 s for your receipt in the place of 30 s" in text
    assert Times().receipt_away == 5
    assert "delay of 60 s" in text
    assert WAITS.will_delay == 60


_BY_ORDER = {Move.ACKNOWLEDGE, Move.DISPATCH, Move.DECLINE, Move.RECALL, Move.ARRIVE, Move.CLOSE}


def test_what_the_text_says_of_moves_and_local_orders_is_the_table():
    text = " ".join(API["info"]["description"].split())
    may = {state: {*moves} & _BY_ORDER for state, moves in MOVES.items()}
    said = {
        State.RAISED: "From `raised` you may acknowledge, dispatch, arrive or close",
        State.ACKNOWLEDGED: "from `acknowledged` dispatch, arrive or close",
        State.DISPATCHED: "from `dispatched` arrive, decline or recall",
        State.ON_SITE: "from `on_site` close",
    }
    for state, sentence in said.items():
        assert sentence in text
        assert {m.value for m in may.pop(state)} == {*re.findall(r"acknowledge\b|dispatch\b|decline|recall|arrive|close", sentence)}
    assert not any(may.values()), "in a grace nothing, and at the end nothing"


def test_the_text_says_where_the_place_of_a_home_is_set():
    text = " ".join(API["info"]["description"].split())
    assert (
        "its number as the technician typed it, `area` and `cell` as the page or `[household]` of the gateway's `gateway.toml` has them"
        in text
    )
    (part,) = re.findall(r"^\[household\][^[]*", (FOLDER.parent / "gateway.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert {*re.findall(r"^# (\w+) =", part, re.MULTILINE)} == {"area", "cell", "residents", "visits"}


def test_the_form_of_every_change_stands_where_the_contract_points():
    (place,) = set(re.findall(r"the form of each (?:value )?stands in (\S+)\.[ \"]", (FOLDER / "asyncapi.json").read_text(), re.IGNORECASE))
    text = (FOLDER.parents[1] / place).read_text(encoding="utf-8")
    assert [what for what in What if f"| `{what}` |" not in text] == []
    assert [do for do in LOCAL_ONLY if f'"do": "{do}"' not in text] == []


def test_every_message_that_names_a_journal_says_its_generation():
    for name, schema in schemas.closed().items():
        if name not in wire.TO_GATEWAY and "journal" in schema["properties"]:
            assert "generation" in schema["properties"], name
    named = [json.loads(p.read_text(encoding="utf-8")) for p in EXAMPLES if name_of(p) not in wire.TO_GATEWAY]
    assert all(body["generation"] >= 1 for body in named if "journal" in body)
    assert {body["type"] for body in named if "journal" not in body} == {"readings"}
    assert len(database.new_name()) * 4 == 64


# -- what must not stand there ------------------------------------------------------------------------------------------


def test_topics_name_a_box_and_nothing_else():
    for name in wire.EVERY_MESSAGE:
        assert wire.topic("gw-7c3e91", name) == ("eldercare/v1/platform" if name == wire.TO_ALL else f"eldercare/v1/gw-7c3e91/{name}")


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: p.name)
def test_no_real_host_or_address(path):
    text = path.read_text(encoding="utf-8")
    allowed = ("platform.invalid", "https://json-schema.org/draft/2020-12/schema")
    for word in allowed:
        text = text.replace(word, "")
    assert not re.search(r"https?://", text)
    assert not re.search(r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b", text)
    assert not re.search(r"\b[\w-]+\.(com|org|net|cn|io|local|invalid)\b", text)
    assert not re.search(r"\b[0-9A-F]{2}(:[0-9A-F]{2}){5}\b", text)


def test_kinds_of_the_examples_are_in_the_table():
    for path in EXAMPLES:
        body = json.loads(path.read_text(encoding="utf-8"))
        if name_of(path) in {"alarm", "fault"}:
            assert body["kind"] in KINDS
