"""Waiting for what comes sooner or later. A test that waits learns from the event; its patience only ends a test that hangs.

How fast something was says how busy the machine is. Where a test means "at once", it gives what must not be waited for a time far
beyond `PATIENCE`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE = 120.0  # s; no machine that runs tests at all is so slow
NEVER = 10 * PATIENCE  # s; what would come only then has not been waited for


async def until(condition: Callable[[], object], every: float = 0.005) -> None:
    """Wait for a condition; the test fails at this line when it does not come."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(every)


def until_now(condition: Callable[[], object], every: float = 0.02) -> None:
    """Wait for a condition without a loop."""
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit, f"not within {PATIENCE:g} s"
        time.sleep(every)
