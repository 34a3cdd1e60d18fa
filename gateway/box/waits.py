"""The waiting times of the machine underneath: of supervised links and of connections."""

from __future__ import annotations

from gateway.words.waits import Waits, wait


class _Box(Waits):
    """Waits of the supervision of links, and of a connection that is dialled."""

    first: float = wait(
        1.0, 0.1, 10.0, "ours: before the first new attempt; a slip is over by then"
    )
    longest: float = wait(60.0, 10.0, 600.0, "ours: by doubling; a platform may be away for days")
    ran_well: float = wait(60.0, 10.0, 600.0, "ours: a loss after it counts as a first one again")
    name: float = wait(10.0, 2.0, 60.0, "ours: for the resolver, on a bad mobile line")
    connect: float = wait(5.0, 1.0, 30.0, "ours: for TCP, for each address of at most four")
    tls: float = wait(15.0, 5.0, 60.0, "ours: for the handshake; a bad mobile line needs seconds")


WAITS = _Box()
