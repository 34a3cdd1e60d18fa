"""Ports of the loopback that nobody else takes between the moment they are chosen and the moment they are listened on."""

from __future__ import annotations

import fcntl
import itertools
import os
import socket
import tempfile
from pathlib import Path

FIRST, LAST = 20000, 32000  # below what Linux gives to outgoing connections (32768 to 60999), so that none of them takes one
_CLAIMS: list[int] = []  # open files: a claim lasts as long as the process
_NEXT = itertools.count(FIRST + os.getpid() * 97 % (LAST - FIRST))


def free_port() -> int:
    """Return a port that nobody listens on and no other process of the tests has been given. It stays this process's own."""
    folder = Path(tempfile.gettempdir()) / f"ports-of-tests-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for number in itertools.islice(_NEXT, LAST - FIRST):
        port = FIRST + (number - FIRST) % (LAST - FIRST)
        claim = os.open(folder / str(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as sock:
                sock.bind(("127.0.0.1", port))
        except OSError:
            os.close(claim)
            continue
        _CLAIMS.append(claim)
        return port
    raise OSError(f"no port between {FIRST} and {LAST} is free")
