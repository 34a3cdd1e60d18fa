"""The Debian package: what lies in it, that it runs as it lies, and what its scripts do to a home."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from drivers import all_models
from gateway import __version__
from gateway.home.config import load

from tests.write.deb import package, wheels

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
EPOCH = 1_700_000_000
LOCKED = wheels.wanted((wheels.ROOT / "config/lock/run.txt").read_text(encoding="utf-8"), "amd64", PYTHON)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """What a package of this machine has: the libraries as they are installed here in the place of wheels that would be fetched."""
    folder = tmp_path_factory.mktemp("wheels")
    made = []
    for name in LOCKED:
        found = metadata.distribution(name)
        made.append(folder / f"{name}.whl")
        with zipfile.ZipFile(made[-1], "w") as whole:
            for file in found.files:
                if ".." not in file.parts and file.suffix != ".pyc":
                    whole.writestr(str(file), Path(found.locate_file(file)).read_bytes())
    return package.contents({PYTHON: made}, clips=folder)


@pytest.fixture(scope="module")
def built(files, tmp_path_factory):
    return package.packed("amd64", files, tmp_path_factory.mktemp("built"), epoch=EPOCH, compressed="none")


@pytest.fixture(scope="module")
def unpacked(built, tmp_path_factory):
    root = tmp_path_factory.mktemp("unpacked")
    subprocess.run(["dpkg-deb", "-R", str(built), str(root)], check=True)
    return root


def told(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_the_same_input_gives_the_same_bytes(files, built, tmp_path, monkeypatch):
    monkeypatch.setenv("LANG", "C")
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    before = os.umask(0o077)
    try:
        again = package.packed("amd64", dict(reversed(files.items())), tmp_path, epoch=EPOCH, compressed="none")
    finally:
        os.umask(before)
    assert again.read_bytes() == built.read_bytes()
    later = package.packed("amd64", files, tmp_path, epoch=EPOCH + 1, compressed="none")
    assert later.read_bytes() != built.read_bytes(), "the comparison sees nothing"


def test_fields_say_what_it_is_and_what_it_needs(built, files):
    said = dict(re.findall(r"(?m)^([\w-]+): (.*)$", told("dpkg-deb", "-f", str(built))))
    assert (said["Package"], said["Version"], said["Architecture"]) == ("eldercare-gateway", __version__, "amd64")
    assert abs(int(said["Installed-Size"]) - sum(len(i.content) for i in files.values()) / 1024) < len(files)
    needed = {part.split()[0] for part in re.split(r"[,|]\s*", said["Depends"])}
    assert {"python3", "bluez", "alsa-utils", "ca-certificates", "libc6", "systemd", "udev"} <= needed
    assert f"libc6 (>= {wheels.GLIBC[0].replace('_', '.')})" in said["Depends"], "wheels may want a newer one than is asked for"
    for python in wheels.PYTHONS:
        major, minor = python.split(".")
        assert f"python3 (>= {python}~)" in said["Depends"]
        assert f"python3 (<< {major}.{int(minor) + 1}~)" in said["Depends"]
    assert "@" not in re.sub(r"<.*?>", "", told("dpkg-deb", "-f", str(built))), "a word was not put in"


def test_owners_modes_and_times(built):
    rows = [line.split(None, 5) for line in told("dpkg-deb", "-c", str(built)).splitlines()]
    assert {row[1] for row in rows} == {"root/root"}
    assert len({tuple(row[3:5]) for row in rows}) == 1
    odd = {
        row[5].removeprefix("."): row[0] for row in rows if row[0] not in {"-rw-r--r--", "drwxr-xr-x"} and "/usr/share/doc/" not in row[5]
    }
    assert odd == {
        "/etc/eldercare-gateway/": "drwxr-x---",
        "/etc/eldercare-gateway/gateway.toml": "-rw-r-----",
        **{
            f"/usr/bin/{command}": "-rwxr-xr-x"
            for command in (
                "eldercare-gateway",
                "eldercare-voice",
                "eldercare-sms",
                "eldercare-ring",
                "eldercare-webhook",
                "eldercare-relay",
                "eldercare-messenger",
            )
        },
        "/usr/share/python3/runtime.d/eldercare-gateway.rtupdate": "-rwxr-xr-x",
    }
    assert not [row[5] for row in rows if "/opt/" in row[5] or "__pycache__" in row[5] or row[5].startswith("./var/")]


def test_what_lies_in_it(unpacked):
    there = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert {
        "usr/lib/systemd/system/eldercare-gateway.service",
        "usr/lib/systemd/system/eldercare-gateway-page.service",
        "usr/lib/sysusers.d/eldercare-gateway.conf",
        "usr/lib/udev/rules.d/99-eldercare-serial.rules",
        "usr/share/polkit-1/rules.d/50-eldercare-modem.rules",
        "usr/share/doc/eldercare-gateway/operator.md",
        "usr/share/doc/eldercare-gateway/copyright",
        "usr/lib/eldercare-gateway/site/gateway/page/templates/today.html",
        "usr/lib/eldercare-gateway/site/gateway/demo/day.txt",
        "usr/lib/eldercare-gateway/site/drivers/bthome_v2.py",
    } <= there
    for path in wheels.ROOT.glob("gateway/**/*.py"):
        assert f"usr/lib/eldercare-gateway/site/{path.relative_to(wheels.ROOT).as_posix()}" in there
    assert not [path for path in there if path.startswith("usr/lib/eldercare-gateway/site/tests")]
    assert (unpacked / "DEBIAN/conffiles").read_text() == "/etc/eldercare-gateway/gateway.toml\n"
    sums = dict(line.split("  ", 1)[::-1] for line in (unpacked / "DEBIAN/md5sums").read_text().splitlines())
    assert set(sums) == {p for p in there if not p.startswith(("DEBIAN/", "etc/"))}
    assert all(hashlib.md5((unpacked / path).read_bytes()).hexdigest() == md5 for path, md5 in sums.items())


def test_of_our_own_it_has_what_git_has_and_no_leavings_of_tools(files, tmp_path, monkeypatch):
    listed = told(
        "git", "-C", str(wheels.ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "gateway", "drivers"
    ).splitlines()
    known = {path for path in listed if (wheels.ROOT / path).exists() and not path.endswith("ruff.toml")}
    site = "usr/lib/eldercare-gateway/site/"
    assert {p.removeprefix(site) for p in files if p.startswith((f"{site}gateway/", f"{site}drivers/"))} == known
    for name in ("gateway/a.py", "drivers/.ruff_cache/1", "drivers/__pycache__/a.pyc", "gateway/voice/clips/zh/old.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr(package, "ROOT", tmp_path)
    assert set(package._code(tmp_path / "none")) == {f"{site}gateway/a.py"}


def test_units_name_what_the_package_has(unpacked):
    for unit in (unpacked / "usr/lib/systemd/system").iterdir():
        text = unit.read_text(encoding="utf-8")
        program = re.search(r"(?m)^ExecStart=/(\S+)", text)[1]
        document = re.search(r"(?m)^Documentation=file:/(\S+)", text)[1]
        assert os.access(unpacked / program, os.X_OK)
        assert (unpacked / document).exists()
    # the gateway names its voice beside the Python it runs by, and Debian's lies in /usr
    source = wheels.ROOT / "gateway/home/config.py"
    assert 'Path(sys.prefix, "bin", "eldercare-voice")' in source.read_text(encoding="utf-8")
    assert (unpacked / "usr/bin/eldercare-voice").read_text().startswith("#!/usr/bin/python3 -I\n")


def started(unpacked, command, *arguments, **more):
    """Run a launcher as it lies, by the Python below this environment: the package's own libraries are all it has."""
    line = [sys._base_executable, "-I", str(unpacked / "usr/bin" / command), *arguments]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False, **more)


def test_it_runs_as_it_lies_and_takes_nothing_from_who_calls_it(unpacked, tmp_path):
    (tmp_path / "gateway").mkdir()
    (tmp_path / "gateway/__init__.py").write_text("raise SystemExit('not ours')")
    (tmp_path / "msgspec.py").write_text("raise SystemExit('not ours')")
    done = started(unpacked, "eldercare-gateway", "--version", cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert (done.stdout, done.stderr) == (f"eldercare-gateway {__version__}\n", "")
    (tmp_path / "home").mkdir()
    (tmp_path / "home/gateway.toml").write_text('[gateway]\nstate = "state"\nruntime = "run"\n[radio]\nadapters = []\n')
    done = started(unpacked, "eldercare-gateway", "check", "--config", str(tmp_path / "home/gateway.toml"), cwd=tmp_path)
    assert "Traceback" not in done.stderr
    assert len(done.stdout.splitlines()) > 4, done.stdout + done.stderr


LOADS = """
import importlib, json, pkgutil, sys
sys.path[:0] = sys.argv[1:]
import drivers, gateway
names = [m.name for p in (gateway, drivers) for m in pkgutil.walk_packages(p.__path__, f"{p.__name__}.")]
for name in names:
    if not name.startswith("gateway.demo") and name != "gateway.__main__":
        importlib.import_module(name)
import sqlite_utils
files = {getattr(m, "__file__", None) or "" for m in sys.modules.values()}
print(json.dumps(sorted(f for f in files if "-packages" in f)))
"""


def test_every_module_that_a_home_loads_is_there(unpacked):
    """What is loaded later too; `-S` keeps away the libraries of this machine, so that none can stand in for one that was left out."""
    library = unpacked / "usr/lib/eldercare-gateway"
    line = [sys._base_executable, "-IS", "-c", LOADS, str(library / f"python{PYTHON}"), str(library / "site")]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_the_voice_speaks_from_the_package(unpacked, tmp_path):
    done = started(
        unpacked,
        "eldercare-voice",
        "--language=zh",
        f"--device=file:{tmp_path}",
        env={"ELDERCARE_STATE": "raised", "ELDERCARE_KIND": "sos"},
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert list(tmp_path.iterdir())


def test_a_python_without_libraries_is_told_plainly(unpacked, tmp_path):
    alone = tmp_path / "root"
    (alone / "usr/bin").mkdir(parents=True)
    shutil.copy(unpacked / "usr/bin/eldercare-gateway", alone / "usr/bin")
    done = started(alone, "eldercare-gateway", "--version")
    assert done.returncode == 1
    assert f"no libraries for Python {PYTHON}" in done.stderr


def test_a_lock_is_read_for_the_box_and_not_for_this_machine():
    text = (
        "plain==1 ; sys_platform == 'linux' \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
        "arm==2 ; platform_machine == 'aarch64' \\\n    --hash=sha256:cc\n"
        "old==3 ; python_full_version < '3.13' and sys_platform == 'linux' \\\n    --hash=sha256:dd\n"
        "pip==26 \\\n    --hash=sha256:ee\n"
        "lgpio==1 \\\n    --hash=sha256:ff\n"
    )
    assert set(wheels.wanted(text, "arm64", "3.11")) == {"plain", "arm", "old", "lgpio"}
    assert set(wheels.wanted(text, "arm64", "3.13")) == {"plain", "arm"}
    assert set(wheels.wanted(text, "amd64", "3.13")) == {"plain"}
    assert wheels.wanted(text, "amd64", "3.13")["plain"] == "plain==1 --hash=sha256:aa --hash=sha256:bb"


def test_a_wheel_that_was_changed_is_not_packed(tmp_path, monkeypatch):
    lines = {}
    for lock in wheels.LOCKS:
        lines |= wheels.wanted((wheels.ROOT / f"config/lock/{lock}.txt").read_text(encoding="utf-8"), "amd64", PYTHON)
    (tmp_path / "wanted.txt").write_text("".join(f"{line}\n" for _, line in sorted(lines.items())), encoding="utf-8")
    for name in lines:
        (tmp_path / f"{name}.whl").write_bytes(b"somebody else's")
    monkeypatch.setattr(wheels, "_download", lambda *_: pytest.fail("nothing is to be fetched"))
    with pytest.raises(ValueError, match="not what is locked"):
        wheels.fetched("amd64", PYTHON, tmp_path)


def test_wheels_that_differ_lie_apart_and_none_lies_elsewhere(tmp_path):
    def wheel(name, **inside):
        with zipfile.ZipFile(tmp_path / name, "w") as whole:
            for path, content in inside.items():
                whole.writestr(path.replace("__", "/"), content)
        return tmp_path / name

    pure, first, second = wheel("pure.whl", pure__a="p"), wheel("one-cp311.whl", one__a="1"), wheel("one-cp313.whl", one__a="3")
    found = package.libraries({"3.11": [pure, first], "3.13": [pure, second]})
    assert {path.removeprefix("usr/lib/eldercare-gateway/"): item.content for path, item in found.items()} == {
        "site/pure/a": b"p",
        "python3.11/one/a": b"1",
        "python3.13/one/a": b"3",
    }
    with zipfile.ZipFile(tmp_path / "out.whl", "w") as whole:
        whole.writestr("../../etc/passwd", "")
    with pytest.raises(ValueError, match="lie elsewhere"):
        package.libraries({"3.11": [tmp_path / "out.whl"]})
    with pytest.raises(ValueError, match="from two wheels"):
        package.libraries({"3.11": [first, wheel("other.whl", one__a="9")]})


# --- what the scripts do to a home: run as they are, with another root and stand-ins for Debian's own tools

CONFMODULE = """
db_version() { :; }
db_stop() { :; }
db_input() { echo "asked: $2" >>"$ROOT/asked"; }
db_go() { :; }
db_get() { RET=$(cat "$ROOT/answer"); }
db_purge() { :; }
"""


class Box:
    """A root of its own for the scripts: every path in them lies below it."""

    def __init__(self, root):
        self.root = root
        self.tools = root / "tools"
        for place in (
            "etc/eldercare-gateway",
            "var/lib/eldercare-gateway",
            "var/backups",
            "usr/share/debconf",
            "usr/lib/eldercare-gateway/site",
            "tools",
        ):
            (root / place).mkdir(parents=True)
        for tool in ("systemd-sysusers", "chgrp", "deb-systemd-helper", "deb-systemd-invoke", "userdel", "getent"):
            (self.tools / tool).write_text(f'#!/bin/sh\necho "{tool} $*" >>"{root}/called"\n')
            (self.tools / tool).chmod(0o755)
        (self.tools / "install").write_text(
            '#!/bin/sh\n[ "$3" != -o ] || exec /usr/bin/install "$1" "$2" "$5" "$6"\nexec /usr/bin/install "$@"\n'
        )
        (self.tools / "install").chmod(0o755)
        self.toml.write_text("[[device]]\n")

    @property
    def toml(self):
        return self.root / "etc/eldercare-gateway/gateway.toml"

    @property
    def home(self):
        return self.root / "var/lib/eldercare-gateway"

    @property
    def kept(self):
        return self.root / "var/backups/eldercare-gateway/gateway.toml"

    def lived_in(self):
        (self.home / "gateway.db").write_bytes(b"a home")
        (self.root / "etc/eldercare-gateway/secrets.toml").write_text("[keys]\n")
        return self

    def asked_by(self, answer):
        (self.root / "usr/share/debconf/confmodule").write_text(CONFMODULE)
        (self.root / "answer").write_text(answer)
        return self

    def run(self, script, *arguments):
        text = package.filled(script).decode()
        text = re.sub(r"(?<![\w.*/-])/(etc|var|usr/share/debconf|usr/lib/eldercare|run)(?=[/-])", rf"{self.root}/\1", text)
        done = subprocess.run(
            ["sh", "-s", "--", *arguments],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": f"{self.tools}:{os.environ['PATH']}", "ROOT": str(self.root)},
        )
        return done.returncode, done.stderr

    def removed_and_purged(self):
        assert self.run("postrm", "remove")[0] == 0
        self.toml.unlink()  # by dpkg
        code, said = self.run("postrm", "purge")
        assert code == 0, said
        return said


@pytest.fixture
def box(tmp_path):
    return Box(tmp_path / "box")


def test_a_purge_where_nobody_is_asked_keeps_the_home_and_says_where(box):
    said = box.lived_in().removed_and_purged()
    assert (box.home / "gateway.db").exists()
    assert (box.toml.parent / "secrets.toml").exists()
    assert box.kept.read_text() == "[[device]]\n"
    assert str(box.home) in said


@pytest.mark.parametrize(("answer", "there"), [("false", True), ("true", False)])
def test_a_purge_asks_and_does_what_was_answered(box, answer, there):
    box.lived_in().asked_by(answer).removed_and_purged()
    assert (box.root / "asked").read_text() == "asked: eldercare-gateway/delete-home\n"
    assert box.home.exists() is there
    assert box.toml.parent.exists() is there
    assert box.kept.exists() is there
    assert ("userdel eldercare\n" in (box.root / "called").read_text()) is not there


def test_a_purge_of_a_box_that_never_guarded_leaves_nothing(box):
    box.asked_by("false").removed_and_purged()
    assert not (box.root / "asked").exists()
    assert not box.home.exists()
    assert not box.toml.parent.exists()


def test_installed_again_over_a_home_it_goes_on_with_it(box):
    box.lived_in().removed_and_purged()
    box.asked_by("")
    box.toml.write_text("as shipped\n")  # by dpkg
    code, said = box.run("postinst", "configure", "")
    assert code == 0, said
    assert box.toml.read_text() == "[[device]]\n"
    assert not box.kept.exists()
    assert (box.home / "gateway.db").read_bytes() == b"a home"
    assert (box.toml.parent / "secrets.toml").read_text() == "[keys]\n"


def test_an_update_changes_neither_configuration_nor_keys(box):
    box.lived_in().asked_by("")
    assert box.run("postinst", "configure", "0.1.0") == (0, "")
    assert box.toml.read_text() == "[[device]]\n"
    assert (box.toml.parent / "secrets.toml").read_text() == "[keys]\n"


def test_a_first_installation_makes_a_file_for_keys_that_only_the_daemon_reads(box):
    box.asked_by("")
    assert box.run("postinst", "configure", "") == (0, "")
    assert (box.toml.parent / "secrets.toml").stat().st_mode & 0o777 == 0o600


def test_over_an_installation_by_hand_it_is_refused_and_says_what_to_do(box):
    assert box.run("preinst", "install") == (0, "")
    units = box.root / "etc/systemd/system"
    units.mkdir(parents=True)
    shutil.copy(wheels.ROOT / "systemd/eldercare-gateway.service", units)
    code, said = box.run("preinst", "install")
    assert code == 1
    assert "systemctl disable --now" in said
    assert box.run("preinst", "upgrade")[0] == 0


@pytest.mark.parametrize("script", [*package.SCRIPTS, "rtupdate"])
def test_scripts_are_ones(script):
    subprocess.run(["sh", "-n"], input=package.filled(script), check=True)


def test_the_voice_of_a_box_is_its_command(tmp_path):
    (tmp_path / "gateway.toml").write_text('[gateway]\nstate = "s"\nruntime = "r"\n[radio]\nadapters = []\n')
    command = load(tmp_path / "gateway.toml", all_models()).sound_alarm
    assert command[0] == f"{sys.prefix}/bin/{next(c for c in package.COMMANDS if 'voice' in c)}"
