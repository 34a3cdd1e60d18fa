"""Waiting for the daemon: the page looks when it is told of news, and each second without."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from starlette.concurrency import run_in_threadpool

from gateway.home import news
from gateway.page.waits import WAITS

T = TypeVar("T")


class News:
    """The line of one who waits, in the page's event loop. What comes between two looks is kept."""

    def __init__(self, runtime: Path) -> None:
        self._runtime = runtime
        self._line: socket.socket | None = None
        with contextlib.suppress(OSError):  # no descriptor left: then it looks now and then
            self._line = news.listening()
            news.ask(runtime, self._line)

    def close(self) -> None:
        """Be told nothing more."""
        if self._line is not None:
            self._line.close()

    async def come(self) -> None:
        """Return when something is new, at the latest after `look` seconds; ask again each time."""
        if self._line is None:
            await asyncio.sleep(WAITS.look)
            return
        news.ask(self._runtime, self._line)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WAITS.look):
                await asyncio.get_running_loop().sock_recv(self._line, 16)
                await asyncio.sleep(WAITS.together)
        with contextlib.suppress(BlockingIOError):
            while self._line.recv(16):
                pass


async def until(runtime: Path, found: Callable[[], T | None], seconds: float) -> T | None:
    """Return what is found, looked for in a thread at all news; None after so many seconds."""
    end = time.monotonic() + seconds
    with contextlib.closing(News(runtime)) as line:
        while (result := await run_in_threadpool(found)) is None and time.monotonic() < end:
            await line.come()
    return result
