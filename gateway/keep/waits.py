"""The waiting times of the store: for a disk that may fail, and for locks."""

from __future__ import annotations

from gateway.words.waits import Waits, wait


class _Keep(Waits):
    """Waits for the disk, at a start, at a stop, and of what is kept."""

    stalled: float = wait(10.0, 2.0, 60.0, "ours: a disk so long silent has failed; a press waits")
    probe: float = wait(
        0.5, 0.1, 2.0, "ours: the pump's wait; a later answer counts at the next look"
    )
    prompt: float = wait(
        2.0, 0.5, 10.0, "ours: a failed disk that answers later is not trusted again"
    )
    check: float = wait(3.0, 1.0, 30.0, "ours: a start's look for damage; the rest is trusted")
    check_suspect: float = wait(
        30.0, 3.0, 120.0, "ours: damage was met behind what a start looks at"
    )
    lock: float = wait(5.0, 1.0, 30.0, "ours: for another's transaction; ours last milliseconds")
    lock_at_start: float = wait(2.0, 0.5, 10.0, "ours: a start goes on without what is locked")
    close: float = wait(10.0, 2.0, 60.0, "ours: a stop's wait for a disk that does not answer")
    give_up: float = wait(2.0, 0.5, 10.0, "ours: memory is full and the history's room is wanted")
    chattering: float = wait(60.0, 10.0, 3600.0, "ours: of a flickering state one reading a minute")
    long_gone: float = wait(
        2592000.0, 86400.0, 31622400.0, "ours: an alarm only a disused page has, and nothing newer"
    )


WAITS = _Keep()
