"""Waits for a phone book, and reads what people answer by SMS from then on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from gateway.home.home import Home
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
        await Answers(self.home, self.boot, self.pipeline, self.in_turn, book).run()

    def _has_book(self) -> bool:
        config = self.home.config
        return config.path.with_name(BOOK).exists() or (config.state / OWN_FILE).exists()
