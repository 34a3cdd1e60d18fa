"""The README does not lie: its tables are the code's, its files exist, its unit is one."""

import json
import re
import subprocess
from pathlib import Path

from gateway.decode import decode
from tests import manual

ROOT = Path(__file__).parent.parent


def test_tables_are_those_of_the_code():
    text = manual.README.read_text(encoding="utf-8")
    assert text == manual.rewritten(text), "run: python -m tests.manual"


def test_files_and_commands_named_in_the_readme_exist():
    text = manual.README.read_text(encoding="utf-8")
    for path in re.findall(r"\]\((?!http)([^)]+)\)", text):
        assert (ROOT / path).exists(), path
    for target in set(re.findall(r"`make (\w+)", text)):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE), target
    for name in set(re.findall(r"(?:config|systemd)/[\w.-]+\.\w+", text)):
        assert (ROOT / name).exists(), name


def test_unit_is_understood_by_systemd_and_waits_for_neither_network_nor_time(tmp_path):
    unit = (ROOT / "systemd" / "eldercare-gateway.service").read_text(encoding="utf-8")
    assert not re.search(r"^(After|Requires|Requisite|BindsTo)=.*(network|time)", unit, re.MULTILINE)
    assert "Type=notify" in unit
    assert "WatchdogSec=" in unit
    assert "StartLimitIntervalSec=0" in unit
    here = tmp_path / "eldercare-gateway.service"
    here.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit, flags=re.MULTILINE), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(here)], capture_output=True, text=True, timeout=30, check=False)
    wrong = [line for line in (done.stdout + done.stderr).splitlines() if "eldercare-gateway.service" in line and "bluetooth" not in line]
    assert not wrong


def test_every_line_of_bytes_in_the_readme_is_understood():
    block = manual.README.read_text(encoding="utf-8").split("```jsonl\n")[1].split("```")[0]
    told = [json.loads(line) for line in decode(block.splitlines())]
    assert len(told) > 15
    assert not [one for one in told if "reject" in one]
