"""The waiting times of a telephone call. All of one end before the daemon ends the program."""

from __future__ import annotations

from gateway.words.waits import Waits, wait


class _Ring(Waits):
    """Waits for the modem, the network and the person."""

    ring: float = wait(30.0, 10.0, 60.0, "ours: some six rings; a mailbox answers at thirty")
    connect: float = wait(20.0, 5.0, 40.0, "ours: until it rings there; over 2G it takes ten")
    heard: float = wait(5.0, 1.0, 15.0, "ours: what rang so long was heard, whoever ended it")
    look: float = wait(0.5, 0.05, 5.0, "ours: between two looks at how a call stands")
    hang_up: float = wait(5.0, 1.0, 10.0, "ours: for hanging up; the program ends behind it")
    line: float = wait(30.0, 1.0, 60.0, "ours: until the call of another program is over")
    sms: float = wait(45.0, 5.0, 60.0, "ours: for the SMS before it; then it rings all the same")
    whole: float = wait(105.0, 10.0, 112.0, "the daemon ends a program after 120 s")
    half_test: float = wait(27.0, 5.0, 29.0, "the daemon ends a test after 60 s, SMS and ring")
    number: float = wait(8.0, 1.0, 20.0, "ours: who calls is known with the second ring")
    back: float = wait(900.0, 120.0, 3600.0, "ours: who calls later may mean something else")


WAITS = _Ring()
