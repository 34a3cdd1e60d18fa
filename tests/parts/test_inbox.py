"""Instructions left in the home: written by the page or the command line, read by the daemon, each once and in order."""

import os
import socket
import sqlite3
import threading
import time

import pytest
from gateway.home import inbox
from gateway.home.waits import WAITS

from tests.kit.wait import PATIENCE


def test_what_is_left_is_read_once_and_in_order(tmp_path):
    assert inbox.read(tmp_path, 0) == []
    assert inbox.newest(tmp_path) == 0
    numbers = [inbox.leave(tmp_path, tmp_path, f"order {n}".encode()) for n in range(5)]
    assert numbers == [1, 2, 3, 4, 5]
    assert inbox.read(tmp_path, 0) == [(n, f"order {n - 1}".encode()) for n in numbers]
    assert inbox.read(tmp_path, 3) == [(4, b"order 3"), (5, b"order 4")]
    assert inbox.read(tmp_path, 0, limit=2) == [(1, b"order 0"), (2, b"order 1")]
    assert inbox.read(tmp_path, 5) == []
    assert inbox.newest(tmp_path) == 5


def test_too_large_a_one_is_refused_and_leaves_no_trace(tmp_path):
    with pytest.raises(ValueError, match="at most 65536"):
        inbox.leave(tmp_path, tmp_path, b"x" * 65537)
    assert not (tmp_path / "inbox.db").exists()
    inbox.leave(tmp_path, tmp_path, b"x" * 65536)


def test_old_ones_are_deleted_by_the_next_writer_and_numbers_go_on(tmp_path, monkeypatch):
    inbox.leave(tmp_path, tmp_path, b"old")
    real = time.time
    monkeypatch.setattr(inbox.time, "time", lambda: real() + WAITS.inbox_kept + 1)
    assert inbox.leave(tmp_path, tmp_path, b"new") == 2
    assert inbox.read(tmp_path, 0) == [(2, b"new")]


def test_a_file_that_was_deleted_and_begun_anew_is_read_from_its_start(tmp_path):
    for n in range(7):
        inbox.leave(tmp_path, tmp_path, str(n).encode())
    (tmp_path / "inbox.db").unlink()
    inbox.leave(tmp_path, tmp_path, b"after")
    assert inbox.read(tmp_path, 7) == [(1, b"after")]
    assert inbox.read(tmp_path, 1) == []


def test_the_datagram_wakes_whoever_listens_and_its_lack_hurts_nobody(tmp_path):
    inbox.say(tmp_path, inbox.Left())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "wake"))
        listener.settimeout(PATIENCE)
        inbox.leave(tmp_path, tmp_path, b"x")
        assert inbox.said(listener.recv(inbox.DATAGRAM)) == inbox.Left()
        for _ in range(5000):  # a daemon that does not read: the sender must not hang
            inbox.say(tmp_path, inbox.Left())


def test_many_writers_at_once_lose_nothing(tmp_path):
    threads = [threading.Thread(target=lambda: [inbox.leave(tmp_path, tmp_path, b"x") for _ in range(10)]) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [n for n, _ in inbox.read(tmp_path, 0, limit=100)] == list(range(1, 51))


def test_a_reader_never_writes_and_a_broken_file_is_an_error_with_a_name(tmp_path):
    inbox.leave(tmp_path, tmp_path, b"x")
    before = {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    inbox.read(tmp_path, 0)
    assert {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()} == before
    (tmp_path / "inbox.db").write_bytes(os.urandom(4096))
    with pytest.raises(sqlite3.Error):
        inbox.read(tmp_path, 0)
    (tmp_path / "inbox.db").write_bytes(b"")
    assert inbox.read(tmp_path, 0) == []
