"""The rooms of the gateway: a package imports only packages to its left. The picture is in docs/architecture.md."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.kit.source import Trees

ROOT = Path(__file__).resolve().parents[2]
# Packages of one line do not know each other. `page` is a process of its own and knows less, see below.
ROOMS = (
    {"words"},
    {"box", "voice"},
    {"sms"},
    {"ring"},
    {"hook", "relay"},
    {"messenger"},
    {"judge"},
    {"contract"},
    {"keep"},
    {"home"},
    {"hear", "tell"},
    {"tend"},
    {"page"},
    {"arguments"},
    {"__main__", "demo"},
)
PLACE = {name: n for n, names in enumerate(ROOMS) for name in names}
PAGE = {"words", "box", "judge", "contract", "home", "page"}
PURE = {"words", "judge", "contract"}
DRIVERS = {"hear", "tend", "__main__", "demo"}  # rooms that know the makes
LONGEST = 450  # lines of a module; the catalogue's are lists
CATALOGUES = {f"gateway/{room}/{language}.py" for room in ("words", "page", "voice", "sms") for language in ("zh", "en")} | {
    "gateway/words/both.py"
}
OUTSIDE = {
    "asyncio",
    "socket",
    "ssl",
    "sqlite3",
    "subprocess",
    "threading",
    "concurrent",
    "multiprocessing",
    "select",
    "selectors",
    "http",
    "urllib",
    "aiomqtt",
    "paho",
    "bleak",
    "dbus_fast",
    "serial",
    "os",
    "shutil",
    "tempfile",
    "random",
    "secrets",
}
PATHS = [path for folder in ("gateway", "drivers") for path in ROOT.joinpath(folder).rglob("*.py")]
GATEWAY = Trees({".".join(p.relative_to(ROOT / "gateway").with_suffix("").parts): p for p in PATHS if ROOT / "gateway" in p.parents})
MAKES = Trees({p.stem: p for p in PATHS if p.parent == ROOT / "drivers"})


def imports(tree):
    """Return every module named by an import anywhere in the file, as dotted names."""
    out = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            out |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            out |= {f"{node.module}.{alias.name}" for alias in node.names}
    return out


def ours(tree):
    """Return our modules that this one imports, without `gateway.` before their names."""
    names = {name.removeprefix("gateway.") for name in imports(tree) if name.startswith("gateway.")}
    return {next((m for m in (name, name.rpartition(".")[0]) if m in GATEWAY), name) for name in names} - {"__version__"}


def room(module):
    return module.partition(".")[0]


def roots(tree):
    return {name.split(".")[0] for name in imports(tree)}


@pytest.mark.parametrize("name", sorted(GATEWAY))
def test_a_room_knows_only_rooms_to_its_left(name):
    if name == "__init__":
        return
    for other in ours(GATEWAY[name]):
        assert room(other) == room(name) or PLACE[room(other)] < PLACE[room(name)], f"{name} imports {other}"
        assert room(name) != "page" or room(other) in PAGE, f"{name} imports {other}"
        assert room(other) != "page" or room(name) in {"page", "__main__", "demo"}, f"{name} imports {other}"


def test_no_part_takes_the_daemon():
    whole = {"tend.daemon", "tend.composition"}
    assert not {n for n in GATEWAY if room(n) != "tend" and n != "__main__" and whole & ours(GATEWAY[n])}


def test_no_module_is_longer_than_a_person_reads_at_once():
    long = {p.relative_to(ROOT).as_posix() for p in PATHS if len(p.read_text(encoding="utf-8").splitlines()) > LONGEST}
    assert long <= CATALOGUES


def test_no_circle():
    graph = {name: ours(tree) & GATEWAY.keys() for name, tree in GATEWAY.items()}
    tuple(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("name", sorted(n for n in GATEWAY if room(n) in PURE))
def test_the_middle_is_synchronous_and_does_no_io(name):
    tree = GATEWAY[name]
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)]
    assert not roots(tree) & OUTSIDE
    assert roots(tree) <= set(sys.stdlib_module_names) | {"gateway", "msgspec"} | ({"yaml"} if room(name) == "contract" else set())
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id in {"open", "print", "input", "exec", "eval"}]


@pytest.mark.parametrize("name", sorted(n for n in GATEWAY if room(n) in PURE and n != "words.clock"))
def test_only_the_clock_looks_at_a_clock(name):
    tree = GATEWAY[name]
    assert "time" not in roots(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"} and isinstance(node.value, ast.Name):
            assert node.value.id not in {"datetime", "date"}


@pytest.mark.parametrize("name", sorted(MAKES))
def test_a_driver_knows_only_what_a_driver_is(name):
    tree = MAKES[name]
    assert ours(tree) <= {"words.driver", "words.reading"}
    assert roots(tree) <= set(sys.stdlib_module_names) | {"gateway", "drivers", "cryptography"}
    assert not roots(tree) & (OUTSIDE | {"time", "datetime"}), "a driver opens nothing and reads no clock"


def test_only_who_puts_things_together_knows_the_drivers():
    knows = {name for name, tree in GATEWAY.items() if "drivers" in roots(tree)}
    assert {room(name) for name in knows} <= DRIVERS | {"page"}
    assert {name for name in knows if room(name) == "page"} <= {"page.change"}  # their names and notes, for who adds a sensor


def test_the_demonstrations_desk_knows_nothing_of_the_gateway():
    assert not roots(GATEWAY["demo.desk"]) & {"gateway", "drivers"}


def test_the_page_opens_no_radio_no_broker_and_no_port():
    for name, tree in GATEWAY.items():
        assert room(name) != "page" or not roots(tree) & {"aiomqtt", "paho", "bleak", "dbus_fast", "serial", "subprocess"}, name


@pytest.mark.parametrize(
    ("first", "never"),
    [
        (
            "gateway.tend.composition",
            {"fastapi", "starlette", "uvicorn", "jinja2", "argon2", "gateway.page", "sqlite_utils", "gateway.tell.https", "h11"},
        ),
        ("gateway.page.server", {"gateway.tend", "gateway.hear", "gateway.tell.mqtt", "bleak", "aiomqtt", "serial"}),
    ],
)
def test_daemon_and_page_do_not_load_each_other(first, never):
    say = f"import {first}, sys; print(*sorted(n for n in sys.modules if n in {never!r}))"
    out = subprocess.run([sys.executable, "-c", say], capture_output=True, text=True, cwd=ROOT, check=True)
    assert out.stdout.split() == []
