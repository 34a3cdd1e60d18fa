"""The locks that a box is installed from: what a home may need stands in one, with hashes and without another's version of anything."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "config" / "lock"


def pins(name):
    """Return {package: version} of a lock."""
    return dict(re.findall(r"(?m)^([A-Za-z0-9_.-]+)==(\S+)", (LOCKS / f"{name}.txt").read_text()))


@pytest.mark.parametrize("extra", ["modbus", "gpio"])
def test_a_home_with_wired_contacts_is_installed_with_hashes_too(extra):
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"][extra]
    run, found = pins("run"), pins(extra)
    assert {re.split(r"[<>=]", one)[0] for one in wanted} <= found.keys() - run.keys()
    assert {name: found[name] for name in run} == run, "what runs everywhere is the same here"
    text = (LOCKS / f"{extra}.txt").read_text()
    assert all("--hash=sha256:" in part for part in re.split(r"(?m)^(?=\S)", text) if part.strip())
    assert "http" not in text, "no address of a registry"
    assert f"config/lock/{extra}.txt" in (ROOT / "docs" / "operator.md").read_text()
    assert f"-o config/lock/{extra}.txt" in (ROOT / "Makefile").read_text()
