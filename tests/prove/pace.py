"""How fast the gateway is, told apart from how fast the machine is.

What the gateway waits for by mistake it waits for each time; what the machine was busy with comes and goes. So a limit in seconds
is held against the middle of several times, and a start against the start of a bare bleak scanner in the same minute. The worst
is a figure in the table, and fails nothing.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from tests.kit.fake_bluez import Child

START = 20.0  # times as long as a bare scanner's start, at most: usual are 3 to 5; one that waits for its backlog takes hundreds
# The least program that hears: what bleak, D-Bus and the interpreter cost on this machine just now.
BARE = """
import asyncio
from bleak import BleakScanner

async def main():
    async with BleakScanner(lambda device, advertisement: None):
        await asyncio.Event().wait()

asyncio.run(main())
"""


def middle(times: Sequence[float]) -> float:
    """Return the median."""
    return sorted(times)[len(times) // 2]


def held(times: Sequence[float], limit: float, what: str) -> float:
    """See that the middle one of some times keeps a limit; return the worst."""
    assert middle(times) < limit, f"{what}: {middle(times):.2f} s in the middle of {len(times)}, {max(times):.2f} s at worst"
    return max(times)


def starts(times: Sequence[tuple[float, float]]) -> str:
    """See that starts keep to `START`; `times` are (gateway's, bare scanner's) in s. Return it in words."""
    ratio = middle([ours / floor for ours, floor in times])
    words = f"starts {ratio:.1f} x a bare scanner's {middle([floor for _, floor in times]):.1f} s"
    assert ratio < START, f"{words}, at most {START:g} x"
    return words


def bare(air: Child, *, prepare: Sequence[str] = (), take: object = None) -> float:
    """Let a bare scanner start on this bus; return the s until it scans. `take(pid)` puts it under the gateway's limits."""
    began = time.monotonic()
    with subprocess.Popen([*prepare, sys.executable, "-c", BARE], env={**os.environ, **air.environment}) as child:
        try:
            if callable(take):
                take(child.pid)
            air.wait_for_scan(120)
            return time.monotonic() - began
        finally:
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(signal.SIGKILL)
            child.wait()
