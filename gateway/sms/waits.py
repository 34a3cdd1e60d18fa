"""The waiting times of an SMS. All of one call end before the daemon ends the program."""

from __future__ import annotations

from gateway.words.waits import Waits, wait


class _Sms(Waits):
    """Waits for the bus, the modem and the network."""

    bus: float = wait(10.0, 1.0, 30.0, "ours: for one answer of ModemManager that needs no network")
    register: float = wait(15.0, 1.0, 60.0, "ours: a modem just found or enabled; then the next")
    look: float = wait(0.5, 0.05, 5.0, "ours: between two looks whether it is registered")
    send: float = wait(45.0, 5.0, 90.0, "ours: until the network takes it, in several parts")
    report: float = wait(20.0, 1.0, 60.0, "ours: the next person waits for the modem meanwhile")
    look_in: float = wait(60.0, 5.0, 600.0, "ours: a signal that was missed costs no more")
    parts: float = wait(5.0, 0.5, 60.0, "ours: parts of a long SMS come within seconds")
    leftover: float = wait(600.0, 60.0, 3600.0, "ours: what is not whole by then never will be")
    whole: float = wait(110.0, 10.0, 115.0, "the daemon ends a program after 120 s")
    whole_test: float = wait(55.0, 10.0, 58.0, "the daemon ends a test after 60 s")


WAITS = _Sms()
