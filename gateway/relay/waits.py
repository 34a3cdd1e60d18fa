"""The waiting times of an output. A run ends by itself before the daemon ends the program."""

from __future__ import annotations

from gateway.words.waits import Waits, wait


class _Relay(Waits):
    """For how long something is switched, and what the other side may take."""

    on: float = wait(
        60.0, 5.0, 100.0, "ours: a siren is heard in one run; the daemon ends it at 120"
    )
    trial: float = wait(2.0, 0.5, 5.0, "ours: who tries it sees and hears it; six s are allowed")
    refresh: float = wait(
        1.0, 0.1, 5.0, "ours: a module that lost its power, or watches its master, is told again"
    )
    answer: float = wait(0.5, 0.1, 2.0, "ours: for one answer of a module")
    off: float = wait(5.0, 1.0, 6.0, "ours: to switch off is tried for so long; see late")
    late: float = wait(8.0, 2.0, 15.0, "ours: a line that hangs is given up so long after its time")


WAITS = _Relay()
