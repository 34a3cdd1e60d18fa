"""The waiting times of the demonstration; the call desk's own stand in it."""

from __future__ import annotations

from gateway.words.waits import Waits, wait


class _Demo(Waits):
    """Waits of the conductor for its processes, and for what they write."""

    start: float = wait(60.0, 10.0, 600.0, "ours: a small board with a slow card takes its time")
    look: float = wait(
        0.2, 0.05, 2.0, "ours: the eye; a line of the gateway's log is looked after at once"
    )
    settles: float = wait(20.0, 5.0, 120.0, "ours: the last receipts and answers of the day")
    status_age: float = wait(2.5, 2.0, 10.0, "the gateway writes its status every 2 s")
    end: float = wait(8.0, 2.0, 60.0, "ours: a process ends in good order, or is killed")
    last_lines: float = wait(1.0, 0.1, 10.0, "ours: a pipe is read to its end")
    database: float = wait(2.0, 0.5, 10.0, "ours: the gateway commits within milliseconds")


WAITS = _Demo()
