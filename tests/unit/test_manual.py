"""The manual does not lie: its tables are the code's, its files and links exist, its unit is one."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from gateway.hear.decode import decode
from gateway.words import kind

from tests.kit.wait import PATIENCE
from tests.write import manual
from tests.write.screenshots import SHOWN

ROOT = Path(__file__).parents[2]
LARGEST = 60_000  # bytes of one picture: it is looked at on a phone
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", manual.TABLES, ids=lambda page: page.name)
def test_tables_are_those_of_the_code(page):
    assert page.read_text(encoding="utf-8") == manual.rewritten(page), "run: python -m tests.write.manual"


def test_the_table_of_kinds_says_which_are_judged_today():
    named = {value: name for name, value in vars(kind).items() if isinstance(value, str) and value in kind.KINDS}
    rooms = [path for room in ("judge", "hear", "tell", "keep", "tend") for path in (ROOT / "gateway" / room).rglob("*.py")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in rooms)
    made = {value for value, name in named.items() if re.search(rf"\bkinds?\.{name}\b", code)}
    assert kind.KINDS.keys() - made == kind.LATER
    table = manual.ALARMS.read_text(encoding="utf-8")
    for name in kind.KINDS:
        row = next(line for line in table.splitlines() if line.startswith(f"| `{name}` |"))
        assert ("| **no**, not yet |" in row) is (name in kind.LATER)


def test_the_readme_is_one_screen_and_names_every_page():
    text = manual.README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    for page in (ROOT / "docs").glob("*.md"):
        assert f"](docs/{page.name})" in text, f"{page.name} is not in the map of the manual"
    decisions = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs" / "decisions").glob("[0-9]*.md"):
        assert f"]({page.name})" in decisions


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_names_exists(page):
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"\]\((?!http)([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    for path in named:
        file, _, heading = path.partition("#")
        there = page.parent / file if file else page
        assert there.exists(), path
        if heading:
            titles = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, path
    for target in set(re.findall(r"`make (\w+)", text)):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE), target
    for name in set(re.findall(r"(?:config|systemd)/[\w.-]+\.\w+", text)):
        assert (ROOT / name).exists(), name
    for name in set(re.findall(r"`((?:tests|gateway|drivers)/[\w/.-]+\.\w+)[`:]", text)):
        assert (ROOT / name).exists(), name


def test_what_the_pictures_of_the_architecture_name_is_there():
    """A stranger follows a press and a change by these names: each module, and the function behind its dot."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = "|".join(path.name for path in (ROOT / "gateway").iterdir() if (path / "__init__.py").exists())
    named = re.findall(rf"\b({rooms})/(\w+)(?:\.(\w+))?", "".join(re.findall(r"```\n(.*?)```", text, re.DOTALL)))
    assert len(named) > 30
    for room, module, function in named:
        file = ROOT / "gateway" / room / f"{module}.py"
        assert file.exists(), f"{room}/{module}"
        defined = rf"\b(?:def|class) {function}\b"
        assert not function or re.search(defined, file.read_text(encoding="utf-8")), f"{room}/{module}.{function}"


def test_the_pictures_are_those_that_one_command_makes():
    """`make screenshots DOCS=1` makes every picture that a page shows, and none that no page shows."""
    shown = {name for page in PAGES for name in re.findall(r'src="(?:[\w/]*/)?([\w-]+)\.\w+"', page.read_text(encoding="utf-8"))}
    there = {path.stem: path.stat().st_size for path in (ROOT / "docs").iterdir() if path.suffix in {".jpg", ".png", ".svg", ".gif"}}
    assert shown == there.keys() == SHOWN.keys()
    assert max(there.values()) <= LARGEST


def test_unit_is_understood_by_systemd_and_waits_for_neither_network_nor_time(tmp_path):
    unit = (ROOT / "systemd" / "eldercare-gateway.service").read_text(encoding="utf-8")
    assert not re.search(r"^(After|Requires|Requisite|BindsTo)=.*(network|time)", unit, re.MULTILINE)
    assert "Type=notify" in unit
    assert "WatchdogSec=" in unit
    assert "StartLimitIntervalSec=0" in unit
    here = tmp_path / "eldercare-gateway.service"
    here.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit, flags=re.MULTILINE), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(here)], capture_output=True, text=True, timeout=PATIENCE, check=False)
    wrong = [line for line in (done.stdout + done.stderr).splitlines() if "eldercare-gateway.service" in line and "bluetooth" not in line]
    assert not wrong


def test_every_line_of_bytes_in_the_manual_is_understood():
    block = manual.DEVICES.read_text(encoding="utf-8").split("```jsonl\n")[1].split("```")[0]
    told = [json.loads(line) for line in decode(block.splitlines())]
    assert len(told) > 15
    assert not [one for one in told if "reject" in one]
