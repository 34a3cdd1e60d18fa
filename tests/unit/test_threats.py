"""docs/threats.md and docs/en-303-645.md name only what there is: each test, proof and file."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("docs/threats.md", "docs/en-303-645.md")


@cache
def functions(path):
    return {
        n.name
        for n in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
        if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_is_named_exists(page):
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / page).read_text(encoding="utf-8"))
    assert len(named) > 10
    missing = [f"{path}::{name}" for path, name in named if not (ROOT / path).exists() or name not in functions(path)]
    assert not missing, missing
    for path, name in named:
        assert name.startswith("test_") or "PROOFS" in (ROOT / path).read_text(encoding="utf-8"), (path, name)


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_exists(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for path in re.findall(r"`((?:config|docs|gateway|systemd|tests)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert (ROOT / "docs" / path).exists(), path
    for target in re.findall(r"`make (\w+)", text):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE), target


def test_every_row_of_threats_is_shown_by_something():
    rows = [line for line in (ROOT / PAGES[0]).read_text(encoding="utf-8").splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert len(rows) > 12
    for row in rows:
        assert "::" in row.rsplit("|", 2)[1], row[:80]


def test_the_provisions_are_all_there_and_each_says_met_or_why_not():
    text = (ROOT / PAGES[1]).read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+\.\d+(?:-\d+)?) \| ([^|]+) \| (met|partly|not met|n\.a\.) \| ([^|]+) \|$", text, re.MULTILINE)
    numbers = [number for number, *_ in rows]
    assert len(numbers) == len(set(numbers))
    wanted = {
        **dict.fromkeys(["5.1"], 5),
        "5.2": 3,
        "5.3": 16,
        "5.4": 4,
        "5.5": 8,
        "5.6": 9,
        "5.7": 2,
        "5.8": 3,
        "5.9": 3,
        "5.10": 1,
        "5.11": 4,
        "5.12": 3,
        "5.13": 1,
        "6": 5,
    }
    expected = {f"{part}-{n}" if part != "6" else f"6-{n}" for part, count in wanted.items() for n in range(1, count + 1)}
    assert {re.sub(r"^6\.", "6-", n) for n in numbers} == expected
    for number, _, verdict, how in rows:
        assert len(how.strip()) > 15, number
        assert verdict != "met" or "`" in how or "](" in how or "OpenSSL" in how, (number, "met by what?")
