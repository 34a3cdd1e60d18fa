"""The installed gateway under the real kernel, systemd and bluetoothd: power cuts, units, radio, watchdog, disk, clock, backlog.

A machine starts saved with everything installed (tests/vm). Where there can be none, that is said; it is a failure only where CI is set.
What is told counts as it reached this side of the machine: messages at the platform, and what sounded.
"""

from tests.prove.vm import backlog, card, clock, crowd, package, power, radio, units

PROOFS = [proof for part in (units, power, radio, card, clock, crowd, backlog, package) for proof in part.PROOFS]
