"""The demonstration's part of the catalogue: every line is shown by somebody, and whatever is shown stands in it."""

import ast
import re
import string
from pathlib import Path

from gateway.demo import proof, screen
from gateway.demo.both import BOTH, both

ROOM = Path(proof.__file__).parent
NODES = [node for p in ROOM.glob("*.py") if p.name != "both.py" for node in ast.walk(ast.parse(p.read_text("utf-8")))]
CODE = re.compile(rf"({'|'.join(sorted({code.partition('.')[0] for code in BOTH}))})\.(?!toml$|txt$|py$)[a-z_]+")
NAMED = {n.value for n in NODES if isinstance(n, ast.Constant) and isinstance(n.value, str) and CODE.fullmatch(n.value)}
# Codes that are put together, as in f"stage.{name}".
MADE = {str(getattr(n.values[0], "value", "")) for n in NODES if isinstance(n, ast.JoinedStr)}


def test_what_is_named_stands_in_it_and_nothing_else():
    assert set(BOTH) >= NAMED
    left = {code for code in BOTH if code not in NAMED and f"{code.partition('.')[0]}." not in MADE}
    assert not left


def test_each_line_is_in_both_languages():
    for code, line in BOTH.items():
        words = "".join(text for text, *_ in string.Formatter().parse(line))
        assert re.search("[\u4e00-\u9fff]", words), code
        assert re.search("[A-Za-z]", words), code


def test_each_stage_and_each_move_that_is_shown_has_its_name():
    for name in {*proof.ANSWERED, *proof.BY_RULE, *proof.CANCELLED}:
        assert both(f"stage.{name}")
    for move in screen._MOVES:
        assert both(f"move.{move}", rung=1)
    assert {f"move.{move}" for move in screen._MOVES} == {code for code in BOTH if code.startswith("move.")}
    for head in screen._HEADS:
        assert both(f"head.{head}").count("\t") == 1
