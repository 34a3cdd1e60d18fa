"""Words to systemd, on real sockets."""

import os
import socket
import subprocess
from pathlib import Path

import pytest
from gateway.box.systemd import notify, watchdog_interval

from tests.kit.wait import PATIENCE


@pytest.fixture
def manager():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(PATIENCE)
        yield manager


def test_without_systemd_nothing_happens(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")


def test_words_arrive_in_one_datagram(monkeypatch, manager, tmp_path):
    manager.bind(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    assert notify("READY=1", "STATUS=hears 12 devices")
    assert manager.recv(1024) == b"READY=1\nSTATUS=hears 12 devices"
    assert notify("WATCHDOG=1")
    assert manager.recv(1024) == b"WATCHDOG=1"


def test_abstract_socket(monkeypatch, manager):
    name = f"eldercare-test-{os.getpid()}"
    manager.bind("\0" + name)
    monkeypatch.setenv("NOTIFY_SOCKET", "@" + name)
    assert notify("STOPPING=1")
    assert manager.recv(1024) == b"STOPPING=1"


def test_a_line_break_smuggles_no_word(monkeypatch, manager, tmp_path):
    manager.bind(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    assert notify("STATUS=a device named\nWATCHDOG=trigger")
    assert manager.recv(1024) == b"STATUS=a device named WATCHDOG=trigger"


def test_a_vanished_or_full_socket_is_survived(monkeypatch, manager, tmp_path):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    assert not notify("WATCHDOG=1")
    manager.bind(str(tmp_path / "notify"))
    assert any(not notify("WATCHDOG=1") for _ in range(100_000)), "never blocks, says that it was not sent"


@pytest.mark.parametrize(
    ("usec", "pid", "expected"),
    [
        ("30000000", None, 15.0),
        ("30000000", "own", 15.0),
        ("30000000", "1", None),
        ("", None, None),
        ("0", None, None),
        ("-5", None, None),
        ("soon", None, None),
        ("30000000", "x", None),
    ],
)
def test_watchdog_interval(monkeypatch, usec, pid, expected):
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    if pid is None:
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
    else:
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)
    assert watchdog_interval() == expected


def test_nobody_watches(monkeypatch):
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert watchdog_interval() is None


UNITS = Path(__file__).parents[2] / "systemd"


def settings(name):
    """Return what stands in a unit: every value of every key, in order."""
    found = {}
    for line in (UNITS / name).read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize(("unit", "most"), [("eldercare-gateway.service", 20), ("eldercare-gateway-page.service", 15)])
def test_units_are_as_closed_as_was_promised(unit, most, tmp_path):
    """By systemd's own reckoning, in tenths; that everything works in them so is shown in the virtual machine (tests/prove/vm)."""
    (tmp_path / unit).write_text((UNITS / unit).read_text(encoding="utf-8"), encoding="utf-8")
    command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", f"--threshold={most}", str(tmp_path / unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr


@pytest.mark.parametrize("unit", ["eldercare-gateway.service", "eldercare-gateway-page.service"])
def test_units_start_again_for_ever_and_are_bounded(unit):
    found = settings(unit)
    assert found["Restart"] == ["always"]
    assert found["StartLimitIntervalSec"] == ["0"]
    assert found["Type"] == ["notify"], "ready means that it works"
    assert found["LimitCORE"] == ["0"], "a core holds keys"
    assert found["MemoryMax"]
    assert found["TasksMax"]


def test_the_daemon_may_ask_whether_the_clock_is_right():
    found = settings("eldercare-gateway.service")
    assert "ProtectClock" not in found, "it forbids the question, and the clock counts as unsure for ever"
    assert {"adjtimex", "clock_adjtime"} <= set(found["SystemCallFilter"][-1].split())
    assert found["CapabilityBoundingSet"] == [""], "so that it cannot set it"


def test_a_receiver_that_is_plugged_in_later_is_not_refused():
    found = settings("eldercare-gateway.service")
    assert not {"DeviceAllow", "DevicePolicy", "PrivateDevices"} & set(found), "their list is made when the unit starts"


def test_every_group_of_the_daemon_is_made_by_its_sysusers_file():
    made = {line.split()[2] for line in (UNITS / "eldercare-gateway.sysusers").read_text().splitlines() if line.startswith("m eldercare ")}
    wanted = set(settings("eldercare-gateway.service")["SupplementaryGroups"][0].split())
    assert wanted == made, "a unit with a group that is not there does not start"
