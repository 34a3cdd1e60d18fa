"""How the daemon tells an open page that something is new: an entry, status.json or nearby.json.

The page names an address at the daemon's wake-up socket and is sent a datagram there for a few
seconds. The kernel gives the address (Linux's abstract names): no file needs an owner, daemon and
page stay two users, and nothing is left of either that ends. A datagram says no more than "look":
one that is lost or forged costs one look.
"""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path

from gateway.home import inbox
from gateway.home.waits import WAITS

AT_MOST = 32  # addresses; who has asked longest ago is forgotten first


def listening() -> socket.socket:
    """Return a non-blocking datagram socket at an address that the kernel gives."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    line.setblocking(False)
    line.bind("")
    return line


def ask(runtime: Path, line: socket.socket) -> None:
    """Ask the daemon to send news to the address of `line` for `WAITS.news` seconds.

    Where no daemon listens nothing is ever sent.
    """
    inbox.say(runtime, inbox.WantsNews(bytes(line.getsockname())[1:].decode()))


class News:
    """The addresses that want to be told of news, at most AT_MOST. On the daemon's loop."""

    def __init__(self) -> None:
        self._asked: dict[str, float] = {}  # address -> when, oldest first

    def want(self, address: str) -> None:
        """Tell this address from now on, for `WAITS.news` seconds after it has asked last."""
        self._asked.pop(address, None)
        self._asked[address] = time.monotonic()
        if len(self._asked) > AT_MOST:
            del self._asked[next(iter(self._asked))]

    def tell(self) -> None:
        """Send each address a datagram; one whose socket is full has not looked at the last yet."""
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
                    line.sendto(b"new", f"\0{address}")
                    old = now - at > WAITS.news
                except BlockingIOError:
                    old = False
                except OSError:  # it is gone
                    old = True
                if old:
                    del self._asked[address]
