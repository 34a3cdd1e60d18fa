"""The waiting times of a webhook. All of one call end before the daemon ends the program."""

from __future__ import annotations

from gateway.words.waits import Waits, wait


class _Hook(Waits):
    """Waits for the other side."""

    attempt: float = wait(15.0, 1.0, 60.0, "ours: name, connection, TLS and answer of one attempt")
    again: float = wait(2.0, 0.1, 30.0, "ours: before the second attempt, doubling")
    pause_most: float = wait(3600.0, 60.0, 86400.0, "ours: who asks for a longer pause gets this")
    clock: float = wait(
        240.0, 60.0, 290.0, "the specification: a receiver may refuse from 5 min on"
    )
    whole: float = wait(60.0, 5.0, 110.0, "ours: then the next person is called instead")
    whole_test: float = wait(40.0, 5.0, 58.0, "the daemon ends a test after 60 s")


WAITS = _Hook()
