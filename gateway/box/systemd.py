"""Words to systemd: READY, WATCHDOG, STOPPING, STATUS. Without systemd every word is a no-op."""

from __future__ import annotations

import os
import socket

# sd_watchdog_enabled(3) advises half the deadline, so that one late beat kills nobody
_BEATS_PER_DEADLINE = 2


def notify(*words: str) -> bool:
    """Send words like "READY=1", "WATCHDOG=1", "STATUS=..." in one datagram; say if it was sent.

    False without $NOTIFY_SOCKET, and when systemd cannot take it now (a full or vanished socket):
    the next beat tries again. A line break inside a word would be read as another word, so it
    becomes a space.
    """
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return False
    # a leading @ stands for the zero byte of Linux's abstract names, which an environment variable
    # cannot hold
    address = "\0" + path[1:] if path.startswith("@") else path
    text = "\n".join(" ".join(word.splitlines()) for word in words)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as wire:
        wire.setblocking(False)  # a stuck service manager must not stop the event loop
        try:
            wire.sendto(text.encode(), address)
        except OSError:
            return False
    return True


def watchdog_interval() -> float | None:
    """Return the seconds between two WATCHDOG=1, half of systemd's deadline.

    It is None where nobody watches this process.
    """
    try:
        deadline = int(os.environ.get("WATCHDOG_USEC", "")) / 1e6
        watched = int(os.environ.get("WATCHDOG_PID", "") or os.getpid())
    except ValueError:
        return None
    # the variables are inherited by children, which must not beat for their parent
    return deadline / _BEATS_PER_DEADLINE if deadline > 0 and watched == os.getpid() else None
