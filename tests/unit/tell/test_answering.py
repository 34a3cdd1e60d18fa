"""Calls that come in are refused while the ladder rings somebody, and only then."""

import asyncio
from types import SimpleNamespace

import pytest
from gateway.judge.dispatch import Rung
from gateway.tell.answering import Answering

from tests.kit.wait import until
from tests.unit.tell import fakes

RING = Rung("Li", channel="program", program=("/x/bin/eldercare-ring", "--to", "p1"))
SMS = Rung("Li", channel="program", program=("/x/bin/eldercare-sms", "--to", "p1"))


class Refusing:
    """What refuses calls: how often it was begun and ended."""

    def __init__(self):
        self.begun, self.ended, self.fails = 0, 0, asyncio.Event()

    async def __call__(self):
        self.begun += 1
        try:
            await self.fails.wait()
            raise RuntimeError("a mistake of ours")
        finally:
            self.ended += 1


@pytest.fixture
async def made():
    home, refusing = fakes.home(ladder=(SMS,)), Refusing()
    task = asyncio.create_task(Answering(home, "boot", fakes.Pipeline(), None)._while_it_rings(refusing))

    def ladder(*rungs):
        home.replace(fakes.home(ladder=rungs).config)

    yield SimpleNamespace(refusing=refusing, ladder=ladder, task=task)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_it_begins_and_ends_with_the_rung_that_rings(made):
    refusing = made.refusing
    for turn in range(1, 3):
        made.ladder(SMS, RING)
        await until(lambda turn=turn: refusing.begun == turn)
        made.ladder(RING)  # it goes on with another ladder that rings
        made.ladder()
        await until(lambda turn=turn: refusing.ended == turn)
    assert refusing.begun == 2


async def test_a_mistake_is_not_swallowed(made):
    made.ladder(RING)
    await until(lambda: made.refusing.begun)
    made.refusing.fails.set()
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        await made.task
