"""Every command is a process that nobody else of the same user can look into: no core, not traceable, its files its own."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.wait import PATIENCE

PR_GET_DUMPABLE = 3
LOOK = f"""
import ctypes, json, os, resource, sys
from gateway import __main__
sys.argv[1:] = {{argv}}
__main__._COMMANDS[sys.argv[1]] = lambda args: print(json.dumps([
    ctypes.CDLL(None).prctl({PR_GET_DUMPABLE}), resource.getrlimit(resource.RLIMIT_CORE), os.umask(0)]))
__main__.main()
"""


@pytest.mark.parametrize("command", ["run", "page", "check", "status", "code", "backup"])
def test_a_command_that_may_hold_secrets_leaves_no_core_and_lets_nobody_look_into_it(command):
    argv = [command, *(["file"] if command == "backup" else [])]
    script = LOOK.replace("{argv}", repr(argv)).replace("{{", "{").replace("}}", "}")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=True, timeout=PATIENCE, umask=0o022
    )
    dumpable, core, mask = json.loads(done.stdout)
    assert dumpable == 0
    assert core == [0, 0]
    assert mask == 0o027, (
        "what it writes is the gateway's, whatever the unit says: its owner's, and for the page, of the same group, to look at"
    )


def test_a_test_that_calls_it_stays_as_it_was(capsys):
    """Only a process of its own is shut: whoever calls `main` with arguments keeps his."""
    from gateway.__main__ import main

    before = resource.getrlimit(resource.RLIMIT_CORE), os.umask(0o022)
    os.umask(before[1])
    with pytest.raises(SystemExit):
        main(["--help"])
    assert main(["check", "--config", "/nowhere/gateway.toml"]) == 2
    after = os.umask(before[1])
    assert (resource.getrlimit(resource.RLIMIT_CORE), after) == before
    assert capsys.readouterr()
