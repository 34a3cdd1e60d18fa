"""Tells open pages that something has changed: one look for all of them, while one is open."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from gateway.page.news import News
from gateway.page.waits import WAITS

MOST = 12  # streams at once
EACH = 4  # of one account, however often it is signed in


class Full(Exception):
    """As many streams are open as there may be."""


class Watch:
    """`newest` says in a number how things stand; it is asked in a thread of its own.

    `quiet`: after how long without a change a page looks again.
    """

    def __init__(
        self,
        newest: Callable[[], int],
        runtime: Path,
        quiet: Callable[[], float] = lambda: WAITS.quiet,
    ) -> None:
        self._newest, self._runtime, self._quiet = newest, runtime, quiet
        self._open: dict[str, int] = {}
        self._number = -1
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def streams(self) -> int:
        """How many are open."""
        return sum(self._open.values())

    def enter(self, who: str) -> None:
        """Take a place. Raises Full."""
        if self.streams >= MOST or self._open.get(who, 0) >= EACH:
            raise Full
        self._open[who] = self._open.get(who, 0) + 1
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._look())

    def leave(self, who: str) -> None:
        """Give the place back."""
        left = self._open.get(who, 0) - 1
        if left > 0:
            self._open[who] = left
        else:
            self._open.pop(who, None)
        if not self._open and self._task is not None:
            self._task.cancel()
            self._task = None

    async def events(self, still: Callable[[], bool], told: int = -1) -> AsyncIterator[str]:
        """Give server-sent events until `still` says that the visitor is signed out.

        `told`: what the page shows already, -1 where it looks by itself when the stream begins.
        """
        yield "retry: 4000\nevent: hello\ndata: 1\n\n"
        loop = asyncio.get_running_loop()
        looks = loop.time() + self._quiet()
        while True:
            changed = self._changed  # before the number is looked at: no change falls between
            told = self._number if told < 0 else told
            if self._number in (told, -1):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, min(WAITS.beat, looks - loop.time()))):
                        await changed.wait()
            if not await asyncio.to_thread(still):
                yield "event: over\ndata: 1\n\n"
                return
            if self._number in (told, -1) and loop.time() < looks:
                yield "event: still\ndata: 1\n\n"
                continue
            looks = loop.time() + self._quiet()
            told = self._number
            yield _changed(told)

    async def once(self, told: int) -> AsyncIterator[str]:
        """Give the events of one who found no place: it asks again in a moment."""
        number = self._number
        yield f"retry: {WAITS.brief * 1000:.0f}\nid: {number}\nevent: brief\ndata: 1\n\n"
        if told != number:
            yield _changed(number)

    async def _look(self) -> None:
        with contextlib.closing(News(self._runtime)) as line:
            while True:
                number = await asyncio.to_thread(self._newest)
                if number != self._number:
                    self._number = number
                    # wakes all that wait now; whoever comes later waits for the next
                    self._changed.set()
                    self._changed = asyncio.Event()
                await line.come()


def _changed(number: int) -> str:
    return f"event: changed\nid: {number}\ndata: {number}\n\n"
