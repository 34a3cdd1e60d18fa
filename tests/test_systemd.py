"""Words to systemd, on real sockets."""

import os
import socket

import pytest

from gateway.systemd import notify, watchdog_interval


@pytest.fixture
def manager():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(2.0)
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
