"""Who may import whom. A file that is not listed here fails: say first where it belongs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LINES = (
    {"clock", "finite", "ranges"},
    {"kind", "reading", "times"},
    {
        "driver",
        "chatter",
        "instruction",
        "alarm",
        "danger",
        "beds",
        "consent",
        "dispatch",
        "fault",
        "silence",
        "first_press",
        "outings",
        "flapping",
        "deafness",
        "daily",
        "untold",
        "firsts",
        "signals",
        "walk",
        "book",
        "walking",
        "levels",
        "pending",
        "lateness",
        "forged",
        "allowance",
        "masks",
        "away",
    },
    {"intake", "pipeline"},
    {"wire", "chain"},
    {"push", "supervise", "config", "parts", "programs", "audible", "strength", "generations", "folders", "household"}
    | {"dial", "packets", "certificate", "wal", "salvage", "shed", "machine"},
    {
        "store",
        "history",
        "database",
        "recovery",
        "schema",
        "inbox",
        "slips",
        "mqtt",
        "ble",
        "serial_port",
        "replay",
        "systemd",
        "decode",
        "status",
        "keeping",
        "callers",
        "sounder",
        "contract",
        "asyncapi",
        "portable",
        "bridge",
        "commission",
        "decode_lines",
        "inputs",
        "mains",
        "gatt",
        "nearby",
    },
    {
        "attacks",
        "attempt",
        "changeover",
        "fitting",
        "compose",
        "technician",
        "trial",
        "backup",
        "ears",
        "uplink",
        "lineage",
        "resend",
        "inventory",
        "doors",
        "upkeep",
        "rounds",
        "channels",
    },  # what the daemon does for the technician's page, and what the page does by itself
    {"daemon"},
    {"check", "rehearsal"},  # asks every part by itself, without a daemon
    {"__main__"},
)
LINE = {name: n for n, names in enumerate(LINES, 1) for name in names}
DOORS = {  # within line 7
    ("store", "schema"), ("store", "database"), ("store", "history"), ("history", "schema"), ("history", "database"),
    ("recovery", "database"), ("recovery", "store"), ("recovery", "schema"),
    ("decode", "decode_lines"), ("commission", "serial_port"), ("callers", "sounder"),
    ("contract", "asyncapi"), ("contract", "portable"),
}  # fmt: skip
TYPED = {
    ("status", "daemon"),
    ("attempt", "daemon"),
    ("changeover", "daemon"),
    ("fitting", "daemon"),
    ("compose", "daemon"),
    ("technician", "daemon"),
    ("ears", "daemon"),
    ("uplink", "daemon"),
    ("lineage", "daemon"),
    ("resend", "daemon"),
    ("inventory", "daemon"),
    ("doors", "daemon"),
    ("upkeep", "daemon"),
    ("rounds", "daemon"),
    ("channels", "daemon"),
}  # the parts of the daemon know its type, and import nothing of it at run time
WITHIN_3 = {
    "driver": 0,
    "chatter": 0,
    "instruction": 0,
    "lateness": 1,
    "masks": 0,
    "levels": 0,
    "pending": 2,
    "alarm": 1,
    "silence": 0,
    "first_press": 0,
    "outings": 0,
    "flapping": 0,
    "firsts": 1,
    "fault": 1,
    "away": 2,
    "danger": 1,
    "walk": 2,
    "dispatch": 2,
    "book": 3,
    "walking": 4,
}
OUTSIDE = {
    "asyncio", "socket", "ssl", "sqlite3", "sqlite_utils", "subprocess", "threading", "concurrent", "multiprocessing", "select",
    "selectors", "http", "urllib", "aiomqtt", "paho", "bleak", "dbus_fast", "serial", "os", "shutil", "tempfile", "random", "secrets",
}  # fmt: skip
NEEDS = {"wire": {"msgspec"}, "config": {"msgspec"}}


def modules(folder):
    return {
        path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / folder).glob("*.py")) if path.stem != "__init__"
    }


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


def ours(tree, package="gateway"):
    """Return the names of `package`'s files that this one imports."""
    return {name.split(".")[1] for name in imports(tree) if name.startswith(f"{package}.") and not name.endswith(".__version__")}


def typed(tree):
    """Return our files that are imported for their types only."""
    guarded = [n for n in ast.walk(tree) if isinstance(n, ast.If) and isinstance(n.test, ast.Name) and n.test.id == "TYPE_CHECKING"]
    return {other for n in guarded for other in ours(n)}


def roots(tree):
    return {name.split(".")[0] for name in imports(tree)}


GATEWAY = modules("gateway")
DRIVERS = modules("drivers")
DEMO = modules("gateway/demo")
WEB = modules("gateway/web")
# What the page may know: the words, the contract, the inbox, the status file. Never daemon, radio, broker or port.
WEB_KNOWS = {
    "first_press",
    "alarm",
    "audible",
    "backup",
    "certificate",
    "clock",
    "config",
    "danger",
    "driver",
    "finite",
    "folders",
    "household",
    "inbox",
    "instruction",
    "kind",
    "nearby",
    "parts",
    "programs",
    "reading",
    "strength",
    "status",
    "systemd",
    "times",
    "trial",
    "walk",
    "web",
    "wire",
}


def test_every_file_has_its_line():
    assert set(GATEWAY) <= set(LINE), f"say where these belong: {sorted(set(GATEWAY) - set(LINE))}"
    assert {p.name for p in (ROOT / "gateway").iterdir() if p.is_dir() and p.name != "__pycache__"} <= {"demo", "web"}


@pytest.mark.parametrize("name", sorted(GATEWAY))
def test_lower_never_imports_higher(name):
    for other in ours(GATEWAY[name]):
        assert other != "demo", f"{name} imports the demonstration"
        if (name, other) == ("__main__", "web"):
            continue  # starts it, as a process of its own
        assert other in LINE, f"{name} imports {other}, which has no line"
        only_typed = (name, other) in TYPED and other in typed(GATEWAY[name])
        assert LINE[other] <= LINE[name] or only_typed, f"{name} (line {LINE[name]}) imports {other} (line {LINE[other]})"


def test_within_line_3_it_goes_from_danger_to_alarm_to_dispatch():
    for name, order in WITHIN_3.items():
        for other in ours(GATEWAY[name]) & set(WITHIN_3):
            assert WITHIN_3[other] < order, f"{name} imports {other}"


def test_the_two_of_line_4_do_not_know_each_other():
    assert "pipeline" not in ours(GATEWAY["intake"])
    assert "intake" not in ours(GATEWAY["pipeline"])


@pytest.mark.parametrize("name", sorted(n for n in GATEWAY if LINE.get(n) == 7))
def test_the_files_of_line_7_do_not_know_each_other(name):
    for other in ours(GATEWAY[name]):
        assert LINE[other] < 7 or (name, other) in DOORS | TYPED, f"{name} imports {other}"


@pytest.mark.parametrize("name", sorted(n for n in GATEWAY if LINE.get(n, 9) <= 5))
def test_the_middle_is_synchronous_and_does_no_io(name):
    tree = GATEWAY[name]
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)]
    assert not roots(tree) & OUTSIDE
    allowed = set(sys.stdlib_module_names) | {"gateway"} | NEEDS.get(name, set())
    assert roots(tree) <= allowed, f"{name} may use the standard library only"
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id in {"open", "print", "input", "exec", "eval"}]


@pytest.mark.parametrize("name", sorted(n for n in GATEWAY if 1 < LINE.get(n, 9) <= 5))
def test_only_the_clock_looks_at_a_clock(name):
    tree = GATEWAY[name]
    assert "time" not in roots(tree)
    for node in ast.walk(tree):
        assert not (isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"} and _is(node.value, "datetime", "date"))


def _is(node, *names):
    return isinstance(node, ast.Name) and node.id in names


@pytest.mark.parametrize("name", sorted(DRIVERS))
def test_a_driver_knows_only_what_a_driver_is(name):
    tree = DRIVERS[name]
    assert ours(tree) <= {"driver", "reading"}
    assert roots(tree) <= set(sys.stdlib_module_names) | {"gateway", "drivers", "cryptography"}
    assert not roots(tree) & (OUTSIDE | {"time", "datetime"}), "a driver opens nothing and reads no clock"


def test_only_who_puts_things_together_knows_the_drivers():
    knows = {name for name, tree in GATEWAY.items() if "drivers" in roots(tree)}
    assert knows <= {"decode", "decode_lines", "check", "daemon", "rehearsal", "__main__"}


def test_nobody_imports_the_demonstration_and_its_desk_knows_nothing_of_the_gateway():
    for name, tree in (GATEWAY | DRIVERS).items():
        assert "demo" not in ours(tree), name
    if "desk" in DEMO:
        assert "gateway" not in roots(DEMO["desk"])
        assert "drivers" not in roots(DEMO["desk"])


@pytest.mark.parametrize("name", sorted(WEB))
def test_the_page_knows_words_and_files_only(name):
    assert ours(WEB[name]) <= WEB_KNOWS
    assert "drivers" not in roots(WEB[name]) or name == "change"  # their names and notes, for who adds a sensor
    assert not roots(WEB[name]) & {"aiomqtt", "paho", "bleak", "dbus_fast", "serial", "subprocess"}


def test_nobody_but_the_command_line_knows_the_page():
    assert {name for name, tree in (GATEWAY | DRIVERS | DEMO).items() if "web" in ours(tree)} <= {"__main__"}


def test_daemon_and_page_do_not_load_each_other():
    say = "import sys; print(*sorted(n for n in sys.modules if n in {wanted!r}))"
    for code, wanted in (
        ("import gateway.daemon", {"fastapi", "starlette", "uvicorn", "jinja2", "argon2", "gateway.web"}),
        (
            "import gateway.web.server",
            {"gateway.daemon", "gateway.ble", "gateway.mqtt", "gateway.serial_port", "bleak", "aiomqtt", "serial"},
        ),
    ):
        out = subprocess.run(
            [sys.executable, "-c", f"{code}\n{say.format(wanted=wanted)}"], capture_output=True, text=True, cwd=ROOT, check=True
        )
        assert out.stdout.split() == [], code
