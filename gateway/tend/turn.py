"""What a task beside the pump has to write down, in the pump's turn."""

from __future__ import annotations

import asyncio

from gateway.judge.book import Entry
from gateway.judge.notes import Later, Notes
from gateway.words.clock import Moment


async def in_turn(notes: Notes, note: Later) -> None:
    """Let the pump take `note` in its next turn; return once it was taken.

    What it returned is committed at the end of that turn.
    """
    taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def told(now: Moment) -> list[Entry]:
        entries = note(now)
        if not taken.done():  # whoever waited may have been cancelled
            taken.set_result(None)
        return entries

    notes.later(told)
    await taken
