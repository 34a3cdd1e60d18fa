"""Polling of dry contacts: what is told, what is told again, and when a bus counts as lost. The bus is a script."""

import asyncio

import pytest
from gateway.hear.contacts import LOST_AFTER, run
from gateway.words.driver import Telegram

from tests.kit.waits import changed

OPEN, CLOSED = {"1": False}, {"1": True}


class Script:
    """A bus that answers what it is told to, and then no more. OSError stands for an answer that was lost."""

    every = 0.0

    def __init__(self, *answers):
        self.answers = list(answers)
        self.opened = self.closed = 0

    async def open(self):
        self.opened += 1

    async def read(self):
        answer = self.answers.pop(0) if self.answers else OSError("no answer: wires A and B?")
        if isinstance(answer, OSError):
            raise answer
        return answer

    def close(self):
        self.closed += 1


async def told(bus):
    """Poll until the bus is lost; return what was told."""
    out = []
    with pytest.raises(OSError, match="wires A and B"):
        await run(bus, out.append)
    assert (bus.opened, bus.closed) == (1, 1)
    return [one.data for one in out]


async def test_a_contact_is_told_at_the_start_and_when_it_changes():
    assert await told(Script(OPEN, OPEN, CLOSED, CLOSED, OPEN)) == [b"\0", b"\1", b"\0"]


async def test_an_unchanged_contact_is_told_again_in_time():
    with changed("hear", contact_again=0.0):
        assert await told(Script(*5 * [OPEN])) == 5 * [b"\0"]


async def test_lost_answers_in_a_row_end_it_and_fewer_do_not():
    lost = (LOST_AFTER - 1) * [OSError("lost")]
    assert await told(Script(OPEN, *lost, OPEN, *lost, CLOSED)) == [b"\0", b"\1"]


async def test_it_is_ready_once_the_bus_is_open_and_closes_when_it_is_let_go():
    ready, bus, heard = asyncio.Event(), Script(*1000 * [CLOSED]), []
    task = asyncio.create_task(run(bus, heard.append, ready.set))
    await ready.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (bus.opened, bus.closed) == (1, 1)
    assert set(heard) <= {Telegram(source="1", data=b"\1")}
