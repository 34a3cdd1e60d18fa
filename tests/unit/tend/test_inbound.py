"""What is left in the home: in its order, one at a time where it takes longer, its number written with its answer."""

import asyncio
import contextlib
import socket
import sqlite3
import threading
from types import SimpleNamespace

import pytest
from gateway.home import inbox
from gateway.tend.inbound import ORDERS_A_TURN, Inbound, Inbox, begin_of, woken_by
from gateway.tend.orders import Taken
from gateway.words.instruction import Do, Door, Instruction

from tests.kit.wait import PATIENCE, until
from tests.unit.tend.turns import Turns


class Takes:
    """Orders that write their own payload; one that begins with "slow" takes longer than a turn."""

    def __init__(self):
        self.doors = set()

    def taken(self, name, payload, door, now, *, program):
        assert (name, program) == ("inbox", False)
        self.doors.add(door)
        text = payload.decode()
        return Taken([], Instruction(id=text, do=Do.BACKUP, by="Li", door=door)) if text.startswith("slow") else Taken([text])


@pytest.fixture
async def home(tmp_path, monkeypatch):
    read, whole = inbox.read, threading.Event()
    made = SimpleNamespace(turns=Turns(), free=asyncio.Event(), begun=[], folder=tmp_path / "page", whole=whole)

    async def carry_out(instruction):
        made.begun.append(instruction.id)
        await made.free.wait()
        return lambda _now: [f"done {instruction.id}"]

    config = SimpleNamespace(page_folder=made.folder)
    monkeypatch.setattr(inbox, "read", lambda folder, after: made.whole.wait(PATIENCE) and read(folder, after))
    made.inbox = Inbox(SimpleNamespace(config=config), 0)
    made.inbound = Inbound(made.inbox, Takes(), made.turns.notes, carry_out)

    def leave(*texts):
        """Leave all of them before any is read."""
        for text in texts:
            inbox.leave(made.folder, tmp_path, text.encode())
        whole.set()

    made.leave = leave
    task = asyncio.create_task(made.inbound.run())
    yield made
    whole.set()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def turn(home):
    await until(lambda: home.turns.notes)
    return home.turns.turn()


async def test_what_is_done_at_once_is_written_in_one_turn_so_many_at_a_time(home):
    home.leave(*(f"o{n}" for n in range(ORDERS_A_TURN + 3)))
    home.inbound.ask()
    assert await turn(home) == [f"o{n}" for n in range(ORDERS_A_TURN)]
    assert home.inbox.marks(home.turns.clock.now()) == {"inbox": str(ORDERS_A_TURN)}
    assert await turn(home) == [f"o{n}" for n in range(ORDERS_A_TURN, ORDERS_A_TURN + 3)]
    assert home.inbound.orders.doors == {Door.LOCAL}


async def test_what_takes_longer_holds_up_what_lies_behind_it_and_nothing_else(home):
    home.leave("first", "slow", "behind")
    home.inbound.ask()
    assert await turn(home) == ["first"]
    await until(lambda: home.begun == ["slow"])
    assert home.inbox.after == 1, "if we end before it is done, it must still lie there"
    assert not home.turns.notes, "the pump is asked nothing meanwhile"
    home.free.set()
    assert await turn(home) == ["done slow"]
    assert home.inbox.after == 2, "its number with its answer"
    assert await turn(home) == ["behind"]


async def test_one_that_takes_longer_is_not_read_again_before_its_answer_is_written(home):
    home.leave("slow")
    home.inbound.ask()
    assert await turn(home) == []
    home.free.set()
    await until(lambda: home.turns.notes)
    home.inbound.ask()
    assert home.turns.turn() == ["done slow"]
    home.leave("next")
    home.inbound.ask()
    assert await turn(home) == ["next"]
    assert home.begun == ["slow"]


async def test_a_file_that_cannot_be_read_is_said_once_and_tried_again(home, caplog):
    home.folder.mkdir()
    home.whole.set()
    (home.folder / inbox.FILE).write_bytes(b"no database" * 1000)
    for _ in range(3):
        home.inbound.ask()
        await until(lambda: not home.inbound._asked.is_set())
    await until(lambda: "if it stays so, delete the file" in caplog.text)
    (home.folder / inbox.FILE).unlink()
    home.leave("o1")
    home.inbound.ask()
    assert await turn(home) == ["o1"]
    assert caplog.text.count("delete the file") == 1


def test_without_a_mark_what_lies_there_was_for_an_earlier_life(tmp_path):
    assert begin_of("", tmp_path) == 0
    inbox.leave(tmp_path, tmp_path, b"old")
    assert begin_of("", tmp_path) == 1
    assert begin_of("7", tmp_path) == 7
    with contextlib.closing(sqlite3.connect(tmp_path / inbox.FILE)) as db:
        db.execute("DROP TABLE inbox")
    (tmp_path / inbox.FILE).write_bytes(b"no database" * 1000)
    assert begin_of("", tmp_path) == 0


async def test_datagrams_wake_and_a_socket_that_cannot_be_made_is_said(tmp_path, caplog):
    heard = []
    with woken_by(tmp_path / "wake", heard.append):
        inbox.say(tmp_path, inbox.Left())
        await until(lambda: heard == [inbox.Left()])
        assert inbox.listens(tmp_path)
    assert not inbox.listens(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line, pytest.raises(ConnectionRefusedError):
        line.connect(str(tmp_path / "wake"))
    with woken_by(tmp_path / "none" / "wake", heard.append):
        assert "every few seconds" in caplog.text
