"""Waits for a phone book, and reads what people answer by SMS from then on.

While somebody's telephone is rung from here, calls that come in are refused and understood too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from gateway.home.home import Home
from gateway.home.ladder import RING
from gateway.judge.notes import Later
from gateway.judge.pipeline import Pipeline
from gateway.sms.people import OWN_FILE
from gateway.words.part import Part

BOOK = "phones.toml"  # beside gateway.toml


class Answering(Part):
    """What `Answers` needs. On the loop's thread; `run` is a task of its own.

    `in_turn` lets the pump take what is to be written down; it returns once that is so.
    """

    home: Home
    boot: str
    pipeline: Pipeline
    in_turn: Callable[[Later], Awaitable[None]]

    async def run(self) -> None:
        """Read what comes in once there is a phone book, by hand or by the page."""
        changed = asyncio.Event()
        end = self.home.subscribe(lambda _: changed.set())
        try:
            while not self._has_book():
                await changed.wait()
                changed.clear()
        finally:
            end()
        from gateway.tell.answers import Answers

        book = self.home.config.path.with_name(BOOK)
        answers = Answers(self.home, self.boot, self.pipeline, self.in_turn, book)
        async with asyncio.TaskGroup() as group:
            group.create_task(answers.run(), name="sms")
            group.create_task(self._while_it_rings(answers.refuse), name="telephone")

    async def _while_it_rings(self, refuse: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Refuse calls as long as the ladder has somebody who is rung."""
        changed = asyncio.Event()
        end = self.home.subscribe(lambda _: changed.set())
        try:
            while True:
                if self._rings():
                    await self._until_changed(changed, asyncio.create_task(refuse()))
                else:
                    await changed.wait()
                    changed.clear()
        finally:
            end()

    async def _until_changed(self, changed: asyncio.Event, refusing: asyncio.Task[None]) -> None:
        """Let calls be refused until the ladder rings nobody any more."""
        waiting = asyncio.create_task(changed.wait())
        try:
            while self._rings():
                await asyncio.wait({refusing, waiting}, return_when=asyncio.FIRST_COMPLETED)
                if refusing.done():
                    return refusing.result()
                changed.clear()
                waiting = asyncio.create_task(changed.wait())
        finally:
            refusing.cancel()
            waiting.cancel()
            await asyncio.gather(refusing, waiting, return_exceptions=True)
        return None

    def _rings(self) -> bool:
        ladder = self.home.config.ladder
        return any(r.program and Path(r.program[0]).name == RING for r in ladder)

    def _has_book(self) -> bool:
        config = self.home.config
        return config.path.with_name(BOOK).exists() or (config.state / OWN_FILE).exists()
