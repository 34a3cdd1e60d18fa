"""Runs the month of some homes."""

from __future__ import annotations

import asyncio
import gc
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.kit.simulated import Loop
from tests.month import box
from tests.month.desk import Month, Run
from tests.month.homes import Home
from tests.month.life import Life


def month(homes: Sequence[Home], days: int, seed: int, *, more: float = 1.0, told: Callable[[Month], None] | None = None) -> list[Month]:
    """Return the months of some homes. `more`: so many times as many true emergencies as the rates say."""
    out = []
    loop = Loop()
    asyncio.set_event_loop(loop)
    folder = Path(tempfile.mkdtemp(prefix="month-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    try:
        with box.quietly():
            for home in homes:
                out.append(Run(home, Life(home, seed, days, more), days, folder / home.id, loop).run())
                shutil.rmtree(folder / home.id)
                gc.collect()
                if told is not None:
                    told(out[-1])
    finally:
        asyncio.set_event_loop(None)
        loop.close()
        shutil.rmtree(folder)
    return out
