"""A pattern ends where the text ends: `$` would let a line break through, into a log, a file name or a topic."""

import ast
import json
import logging
from pathlib import Path

import msgspec
import pytest
from gateway.box.supervise import OneLine
from gateway.contract import schemas, wire
from gateway.home import parts
from gateway.words.clock import When

ROOT = Path(__file__).parents[2]
TREE = [path for folder in ("gateway", "drivers") for path in sorted((ROOT / folder).rglob("*.py"))]


def loose(path):
    """Yield every text in a call of `re` or behind `pattern=` that ends with `$`, and every name of a constant that does."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        texts = []
        if isinstance(node, ast.Call):
            of_re = isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) and node.func.value.id == "re"
            texts += node.args[:1] if of_re else []
            texts += [word.value for word in node.keywords if word.arg == "pattern"]
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and str(node.value.value).startswith("^"):
            texts.append(node.value)
        for text in texts:
            last = text.values[-1] if isinstance(text, ast.JoinedStr) else text
            if isinstance(last, ast.Constant) and str(last.value).rstrip(")").endswith("$"):
                yield f"{path.name}:{node.lineno}"


def test_no_pattern_of_ours_takes_a_trailing_line_break():
    assert [found for path in TREE for found in loose(path)] == []


@pytest.mark.parametrize(
    ("kind", "good"),
    [
        (parts.Name, "bath-button"),
        (wire.Id, "o-1"),
        (When, {"boot": "b", "mono": 1.0, "wall": "2026-01-01T00:00:00Z", "clock": "unsure"}),
    ],
)
def test_what_ends_with_a_line_break_is_refused(kind, good):
    msgspec.convert(good, kind)
    bad = good | {"wall": good["wall"] + "\n"} if isinstance(good, dict) else good + "\n"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(bad, kind)


def test_the_published_schemas_say_it_as_json_schema_does():
    whole = json.dumps(schemas.closed())
    assert "pattern" in whole
    assert "Z\\\\Z" not in whole
    assert "\\\\Z" not in whole


def test_a_line_break_in_a_topic_or_a_word_forges_no_line_of_the_log(caplog):
    record = logging.LogRecord(
        "eldercare", logging.WARNING, "", 0, "platform: %s refused: %s", ("x\nalarm 1 {closed}", "\u202ewhy\r"), None
    )
    assert OneLine().filter(record)
    assert record.getMessage() == "platform: x\\nalarm 1 {closed} refused: \\u202ewhy\\r"
    plain = logging.LogRecord("eldercare", logging.INFO, "", 0, "alarm 1 {new}: danger, 浴室 %d %%", (5,), None)
    OneLine().filter(plain)
    assert plain.getMessage() == "alarm 1 {new}: danger, 浴室 5 %"
