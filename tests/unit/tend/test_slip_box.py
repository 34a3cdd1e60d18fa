"""Instructions of our own programs: carried out once, deleted when their answer is written, and a disk that refuses said once."""

import asyncio
from types import SimpleNamespace

import pytest
from gateway.home import slips
from gateway.judge.faults.fact import Turn
from gateway.tend.inbound import Inbound
from gateway.tend.orders import Taken
from gateway.tend.slip_box import SlipBox
from gateway.words import kind
from gateway.words.instruction import Door

from tests.kit.wait import until
from tests.unit.tend.turns import Turns


@pytest.fixture
async def box(tmp_path):
    made = SimpleNamespace(turns=Turns(), state=tmp_path, folder=tmp_path / slips.FOLDER)

    def taken(name, payload, door, _now, *, program):
        assert (name, door, program) == ("slip", Door.LOCAL, True), "a program of ours sets nothing up"
        return Taken([payload.decode()])

    home = SimpleNamespace(config=SimpleNamespace(state=tmp_path))
    made.slips = SlipBox(home, made.turns.faults, made.turns.notes, made.turns.clock)
    made.box = Inbound(made.slips, SimpleNamespace(taken=taken), made.turns.notes, None, program=True)
    task = asyncio.create_task(made.box.run())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def turn(box):
    await until(lambda: box.turns.notes)
    return box.turns.turn()


async def test_a_slip_lies_there_until_its_answer_is_written(box):
    slips.leave(box.state, b"answered by hand")
    box.box.ask()
    assert await turn(box) == ["answered by hand"]
    assert len(list(box.folder.iterdir())) == 1, "its turn is not committed yet"
    assert await turn(box) == []
    await until(lambda: not list(box.folder.iterdir()))
    slips.leave(box.state, b"again")
    box.box.ask()
    assert await turn(box) == ["again"]


async def test_one_that_cannot_be_deleted_is_not_carried_out_again_and_said_once(box, monkeypatch):
    def refuses(_path, missing_ok):
        raise OSError(30, "Read-only file system")

    slips.leave(box.state, b"once")
    with monkeypatch.context() as read_only:
        read_only.setattr(slips.Path, "unlink", refuses)
        box.box.ask()
        assert await turn(box) == ["once"]
        assert await turn(box) == []
        (raised,) = await turn(box)
        assert (raised.kind, raised.turn, raised.device) == (kind.STORAGE_DEGRADED, Turn.RAISED, slips.FOLDER)
        box.turns.clock.mono += slips_wait(box)
        box.box.ask()
        await until(lambda: box.slips._delete_wait > 1)
        assert not box.turns.notes, "neither told nor carried out again"
    box.turns.clock.mono += slips_wait(box)
    box.box.ask()
    (cleared,) = await turn(box)
    assert cleared.turn is Turn.CLEARED
    assert not list(box.folder.iterdir())


def slips_wait(box):
    return 2 * box.slips._delete_wait
