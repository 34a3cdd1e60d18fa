"""The waiting times of a messenger. All of one call end before the daemon ends the program."""

from __future__ import annotations

from gateway.words.waits import Waits, wait


class _Messenger(Waits):
    """Waits for the service, and between attempts."""

    attempt: float = wait(20.0, 2.0, 60.0, "ours: name, connection, TLS and answer together")
    again: float = wait(5.0, 0.5, 60.0, "ours: before the second attempt; then it doubles")
    whole: float = wait(100.0, 10.0, 115.0, "the daemon ends a program after 120 s")
    whole_test: float = wait(50.0, 5.0, 58.0, "the daemon ends a test after 60 s")


WAITS = _Messenger()
