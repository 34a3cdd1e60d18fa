"""What leaves the home is what docs/privacy.md lists, and nothing else: of a whole day, and by the types themselves."""

import json
import re
import sqlite3
from pathlib import Path

import pytest
from gateway.contract import encoding, schemas, wire
from gateway.words.clock import Quality, When
from gateway.words.reading import Kind
from jsonschema import Draft202012Validator

from tests.page.household import GATEWAY, ROOMS, SECRET_KEY, SECRET_NAME, SECRET_WORD, Example
from tests.write import privacy

ROOT = Path(__file__).parents[2]
CLOSED = {name: Draft202012Validator(schema) for name, schema in schemas.closed().items()}
LONGEST = 24 * 1024  # characters of a text: a signed certificate's document; anything of a sensor is far shorter


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """Every message of a day and a half in a home, as it is pushed: (name, body)."""
    example = Example(tmp_path_factory.mktemp("day"))
    out = []
    with sqlite3.connect(example.config.state / "gateway.db") as db:
        out += [(str(name), bytes(body)) for name, body in db.execute("SELECT name, body FROM journal ORDER BY number")]
    readings = [(d, k) for d in ROOMS for k in (Kind.BATTERY, Kind.PRESENCE)]
    clock = example.day.clock
    from gateway.words.reading import Reading

    batch = [Reading(device=d, kind=k, value=50 if k is Kind.BATTERY else True, at=clock.now()) for d, k in readings]
    out.append(("readings", encoding.encode_batch(GATEWAY, "h1", 1, "boot-1", batch)))
    at = When("boot-1", 1.0, "2026-05-04T00:00:00.000Z", Quality.SYNCHRONISED)
    for online, reason in ((True, "connected"), (False, "lost"), (False, "stopped")):
        out.append(("status", wire.encode(wire.Status(1, GATEWAY, online, reason, "0.1.0", "boot-1", "j1", at))))
    out.append(("heartbeat", wire.encode(wire.Heartbeat(1, GATEWAY, "j1", at, 60.0, 9, 0, 0, 1, ["device.missing:pendant"], "platform"))))
    device = wire.HomeDevice("pendant", "shelly-blu-button", "hall", ["sos"], "supervised", 50.0, False, False, "2026-05-04T00:00:00Z")
    alarm = wire.HomeAlarm("j1-a1", "person.sos", 1, "raised", False, False)
    rungs, shelved = [wire.HomeRung("person", 60.0)], [wire.HomeShelf("pendant", 60.0)]
    home = wire.HomeMessage(
        1,
        GATEWAY,
        "j1",
        1,
        at,
        "H-1",
        "",
        "",
        "0.1.0",
        7,
        9,
        "Asia/Shanghai",
        [device],
        rungs,
        0.0,
        shelved,
        [alarm],
        0,
    )
    out.append(("home", wire.encode(home)))
    return out


def texts(value, name=""):
    """Yield (field, text) of everything in a message."""
    if isinstance(value, dict):
        for key, inside in value.items():
            yield name, key
            yield from texts(inside, key)
    elif isinstance(value, list):
        for inside in value:
            yield from texts(inside, name)
    elif isinstance(value, str):
        yield name, value


def test_a_whole_day_fits_the_closed_schemas(day):
    assert {name for name, _ in day} == set(privacy.OUTWARD)
    assert len(day) > 40
    for name, body in day:
        wrong = [e.message for e in CLOSED[name].iter_errors(json.loads(body))]
        assert not wrong, (name, wrong)
    for name, schema in schemas.closed().items():
        for part in (schema, *schema["$defs"].values()):
            assert "properties" not in part or part["additionalProperties"] is False, name


def test_a_field_that_nobody_listed_would_be_found(day):
    body = json.loads(day[0][1])
    assert [*CLOSED[day[0][0]].iter_errors(body | {"camera": "x"})]
    assert [*CLOSED["heartbeat"].iter_errors(json.loads(day[-1][1]) | {"resident": SECRET_NAME})]


def test_no_raw_data_no_secret_and_no_name_but_where_people_write(day):
    assert any(SECRET_NAME in body.decode() for _, body in day), "somebody has written a name where it does not belong"
    for name, body in day:
        assert len(body) <= wire.LARGEST
        for secret in (SECRET_WORD, SECRET_KEY, "sentinel-user"):
            assert secret not in body.decode()
        for field, text in texts(json.loads(body)):
            assert SECRET_NAME not in text or field in privacy.BY_PEOPLE, (name, field)
            assert len(text) <= LONGEST
            if field not in privacy.BY_PEOPLE:
                if field == "previous":  # a hash of what the platform has had already
                    assert re.fullmatch(r"([0-9a-f]{32})?", text)
                    continue
                assert not re.search(r"[0-9a-fA-F]{24,}|[A-Za-z0-9+/]{40,}={0,2}", text), (name, field, text[:60])


def test_a_value_is_a_number_a_word_or_yes_and_no_never_bytes():
    """By the types: no message has a place for bytes, and a reading's value is plain and short."""
    whole = json.dumps(schemas.closed())
    assert "contentEncoding" not in whole
    assert "base64" not in whole
    for name in privacy.OUTWARD:
        for part in schemas.described()[name].get("$defs", {}).values():
            value = part.get("properties", {}).get("value")
            if value is not None:
                assert {o["type"] for o in value.get("anyOf", [value])} <= {"boolean", "integer", "number", "string"}


def test_topics_carry_no_name():
    for name in wire.EVERY_MESSAGE:
        assert wire.topic(GATEWAY, name) == ("eldercare/v1/platform" if name == wire.TO_ALL else f"eldercare/v1/{GATEWAY}/{name}")


def test_the_document_is_the_contracts_and_the_pages():
    assert privacy.FILE.read_text(encoding="utf-8") == privacy.written(), "run: python -m tests.write.manual"
    text = privacy.FILE.read_text(encoding="utf-8")
    for name in privacy.OUTWARD:
        for field in schemas.closed()[name]["properties"]:
            assert f"* `{field}`: " in text, (name, field)


def test_where_people_write_is_listed_whole():
    """A text without bound of form is one that people write, an id, or a word of ours: a new one must say which."""
    ours = {
        "v",
        "type",
        "gateway",
        "journal",
        "id",
        "boot",
        "wall",
        "kind",
        "device",
        "move",
        "masking",
        "condition",
        "channel",
        "delivery",
        "alarm",
        "linked",
        "instruction",
        "do",
        "state",
        "outcome",
        "history",
        "label",
        "software",
        "reason",
        "field",
        "section",
        "item",
        "value",
        "refused",
        "ieee_11073_10471",
        "scaip_device",
        "scaip_status",
        "turn",
        "clock",
        "faults",
        "receipts",
        "before",
        "codes",
        "entry",
        "previous",
        "head",
        "fault_class",
        "model",
        "timezone",
        "means",
        "supervised",
        "heard",
        "role",
    }
    for name in privacy.OUTWARD:
        schema = schemas.closed()[name]
        for part in (schema, *schema["$defs"].values()):
            for field, what in part.get("properties", {}).items():
                if '"string"' in json.dumps(what) and "$ref" not in json.dumps(what):
                    assert field in ours | privacy.BY_PEOPLE, (name, field)


def test_ten_plain_lines_in_each_language():
    for words in (privacy.ZH, privacy.EN):
        told = privacy.lines(words)
        assert len(told) == privacy.LINES
        assert all(20 <= len(line) <= 240 for line in told), [len(line) for line in told]
    assert all(re.search("[一-鿿]", line) for line in privacy.lines(privacy.ZH))


def test_only_the_named_places_open_a_connection():
    """By the source: who speaks to a network outside the box, so that the list above is all there is."""
    makers = {}
    for path in [*ROOT.glob("gateway/**/*.py"), *ROOT.glob("drivers/*.py")]:
        found = set(
            re.findall(
                r"\b(?:sock_connect|create_connection|open_connection|urlopen|import httpx|import requests|import aiohttp|aiomqtt\.Client)\b",
                path.read_text(),
            )
        )
        if found and "demo" not in path.parts:
            makers[path.relative_to(ROOT).as_posix()] = found
    assert set(makers) == {
        "gateway/box/dial.py",
        "gateway/tell/connection.py",
        "gateway/hear/other_broker.py",
        "gateway/page/deliver.py",
        "gateway/messenger/deliver.py",
    }, makers
