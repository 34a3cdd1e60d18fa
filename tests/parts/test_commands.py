"""What the command line says where it cannot do what it was asked, and that nothing is written then."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from gateway.home import inbox, status
from gateway.home.takeover import REHEARSED

from tests.kit.wait import PATIENCE

HOME = """
[gateway]
id = "gw-1"
state = "state"
runtime = "run"
[radio]
adapters = []
"""


@pytest.fixture
def home(tmp_path):
    (tmp_path / "gateway.toml").write_text(HOME, encoding="utf-8")
    for name in ("state", "run"):
        (tmp_path / name).mkdir()
    (tmp_path / "run" / "status.json").write_text(status.as_json(status.Status(written=1.0, gateway="gw-1")), encoding="utf-8")
    return tmp_path


def run(home, *words, given=None):
    """Run one command in a session of its own: no terminal stands behind it."""
    config = [] if words[0] in {"contract", "decode"} else ["--config", str(home / "gateway.toml")]
    return subprocess.run(
        [sys.executable, "-m", "gateway", *words, *config],
        input=given,
        stdin=subprocess.DEVNULL if given is None else None,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        start_new_session=True,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )


def left(home):
    return inbox.read(home / "state" / "page", 0)


def test_tell_says_that_nobody_runs_who_carries_it_out(home):
    done = run(home, "tell", "silence", "--by", "Li", "--alarm", "a1")
    assert done.returncode == 1
    assert "the gateway is not running" in done.stderr
    assert len(left(home)) == 1, "it is carried out at the start"


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "soon"])
@pytest.mark.parametrize("command", [("tell", "away", "--by", "Li"), ("devices",)])
def test_seconds_are_a_number(home, seconds, command):
    done = run(home, *command, f"--seconds={seconds}")
    assert done.returncode == 2
    assert f"'{seconds}' is not a number of seconds" in done.stderr
    assert not left(home)


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (("away", "--by", "Li", "--seconds", "1e9"), "$.seconds"),
        (("silence", "--by", "Li", "--reason", "x" * 401), "$.reason"),
        (("silence", "--by", "L\ni"), "$.by"),
        (("dance", "--by", "Li"), "invalid choice: 'dance'"),
    ],
)
def test_tell_leaves_nothing_that_the_gateway_would_not_understand(home, words, wrong):
    done = run(home, "tell", *words)
    assert done.returncode == 2
    assert wrong in done.stderr
    assert "Traceback" not in done.stderr
    assert not left(home)


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_without_a_terminal_a_passphrase_comes_from_a_file(home, command):
    if command == "restore":
        sealed = run(home, "backup", str(home / "sealed"), "--passphrase-file", "/dev/stdin", given="a long enough one 4711\n")
        assert sealed.returncode == 0, sealed.stderr
    done = run(home, command, str(home / "sealed"))
    assert done.returncode == 2
    assert "--passphrase-file" in done.stderr
    assert "Traceback" not in done.stderr


def tree(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def test_a_contract_is_written_into_no_folder_with_other_things(home):
    before = tree(home)
    done = run(home, "contract", str(home))
    assert done.returncode == 2
    assert "gateway.toml" in done.stderr
    assert tree(home) == before
    done = run(home, "contract", str(home / "gateway.toml"))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for _ in range(2):
        assert run(home, "contract", str(home / "new")).returncode == 0, "also over an earlier one"
    assert {path.name for path in tree(home / "new")} == {
        path.name for path in (Path(__file__).parents[2] / "config" / "contract").glob("*.schema.json")
    }


def test_a_rehearsal_uses_up_only_a_copy_that_was_made_for_it(home):
    before = tree(home / "state")
    done = run(home, "rehearse", str(home / "state"))
    assert done.returncode == 2
    assert REHEARSED in done.stderr
    assert tree(home / "state") == before
    shutil.copytree(home / "state", home / REHEARSED)
    done = run(home, "rehearse", str(home / REHEARSED))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_backup_takes_the_place_of_nothing_but_a_file(home, kind):
    place, words = home / "place", home / "words"
    words.write_text("correct horse battery staple 7\n", encoding="utf-8")
    {"link": lambda: place.symlink_to(words), "pipe": lambda: os.mkfifo(place), "folder": place.mkdir}[kind]()
    before = os.lstat(place)
    got = run(home, "backup", str(place), "--passphrase-file", str(words))
    assert got.returncode == 1
    assert "not an ordinary file" in got.stderr
    assert (os.lstat(place).st_ino, os.lstat(place).st_mode) == (before.st_ino, before.st_mode)


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_passphrase_file_that_is_no_text_gets_an_answer(home, command):
    (home / "words").write_bytes(b"\xff\xfe\x00secret")
    (home / "file").write_bytes(b"x")
    got = run(home, command, str(home / "file"), "--passphrase-file", str(home / "words"))
    assert got.returncode == 2
    assert "no text in UTF-8" in got.stderr
    assert "secret" not in got.stdout + got.stderr
    assert (home / "file").read_bytes() == b"x"
