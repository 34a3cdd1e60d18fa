"""Every waiting time stands in a table of one form: its room's `waits.py`, or `words/times.py` where a household may change it."""

import ast
import importlib
import re
from pathlib import Path

import pytest
from gateway.words.waits import Waits

from tests.kit.waits import changed, rooms

ROOT = Path(__file__).resolve().parents[2] / "gateway"
# Rooms whose constants still stand in their modules. A line that is no longer true fails; none is added.
TO_DO: set[str] = set()
SECONDS = re.compile(r"#\s*(real )?s\b")  # the comment of a module's constant that is a time


def outside(room: Path) -> list[str]:
    """Return the constants of a room's modules that are waiting times by their own comment, on their line or the line above."""
    found = []
    for path in room.rglob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in ast.parse("\n".join(lines)).body:
            if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
                continue
            near = lines[node.lineno - 1], lines[node.lineno - 2] if lines[node.lineno - 2].startswith("#") else ""
            if any(isinstance(part, ast.Constant) and isinstance(part.value, int | float) for part in ast.walk(node.value)) and any(
                SECONDS.search(line) for line in near
            ):
                found.append(f"{path.name}:{node.lineno}")
    return found


@pytest.mark.parametrize("room", sorted(p.name for p in ROOT.iterdir() if p.is_dir() and p.name != "__pycache__"))
def test_no_waiting_time_stands_beside_the_table(room):
    assert bool(outside(ROOT / room)) == (room in TO_DO), outside(ROOT / room)


@pytest.mark.parametrize("room", rooms())
def test_each_line_has_bounds_and_a_ground(room):
    table = importlib.import_module(f"gateway.{room}.waits").WAITS
    assert isinstance(table, Waits)
    for line in table.lines():
        assert line.low <= line.default <= line.high, line
        assert len(line.why) > 10, line


def test_a_change_is_taken_back():
    table = importlib.import_module("gateway.box.waits").WAITS
    before = table.first
    with changed("box", first=0.01):
        assert table.first == 0.01
    assert table.first == before
    with pytest.raises(AttributeError), changed("box", no_such_wait=1.0):
        pass
