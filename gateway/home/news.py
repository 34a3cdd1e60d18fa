"""How the daemon tells an open page that something is new: an entry, status.json or nearby.json.

The page names an address at the daemon's wake-up socket and is sent a datagram there for a few
seconds. The kernel gives the address (Linux's abstract names): no file needs an owner, daemon and
page stay two users, and nothing is left of either that ends. A datagram says no more than "look":
one that is lost or forged costs one look.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from pathlib import Path
from typing import Final

from gateway.home import inbox
from gateway.home.waits import WAITS

AT_MOST = 32  # addresses; who has asked longest ago is forgotten first
_ASK: Final = re.compile(rb"news ([0-9a-f]{5})")


def listening() -> socket.socket:
    """Return a socket with an address of its own."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    line.setblocking(False)
    line.bind("")
    return line


def ask(runtime: Path, line: socket.socket) -> None:
    """Ask the daemon to tell what is new; where nobody listens nothing is told."""
    inbox.say(runtime, b"news " + bytes(line.getsockname())[1:])


def asked(datagram: bytes) -> bytes | None:
    """Return the address that a datagram names, None where it asks for something else."""
    found = _ASK.fullmatch(datagram)
    return b"\0" + found[1] if found else None


class News:
    """Who wants to be told. On the daemon's loop."""

    def __init__(self) -> None:
        self._asked: dict[bytes, float] = {}  # address -> when, oldest first

    def want(self, address: bytes) -> None:
        """Tell this one from now on, until it has not asked for a while."""
        self._asked.pop(address, None)
        self._asked[address] = time.monotonic()
        if len(self._asked) > AT_MOST:
            del self._asked[next(iter(self._asked))]

    def tell(self) -> None:
        """Say that something is new. Who does not take it has plenty to look at already."""
        if not self._asked:
            return
        now = time.monotonic()
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line,
        ):
            line.setblocking(False)
            for address, at in list(self._asked.items()):
                try:
                    line.sendto(b"new", address)
                    old = now - at > WAITS.news
                except BlockingIOError:
                    old = False
                except OSError:  # it is gone
                    old = True
                if old:
                    del self._asked[address]
