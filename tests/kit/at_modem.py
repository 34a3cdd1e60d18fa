"""What tests at the stand-in for ModemManager share: the tasks that read what comes in, and a program that tells a person.

hearer = Hearer(Inbox)
async with at_work(hearer):           # until it is ready, and until it is ended
    modem.receives(...)
async with kept(hearer) as said:      # as the daemon keeps it: lost and found again
    ...
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from gateway.box import supervise
from gateway.sms.modem import Trouble

from tests.kit.fake_modem import FakeModem, FakeModemManager
from tests.kit.wait import until
from tests.kit.waits import changed

ROOT = Path(__file__).parents[2]
NUMBER = "+8613800000000"


class Hearer:
    """A task at work: what it was handed, and what it answers to that, "" for nothing."""

    def __init__(self, makes: Callable[[Any], Any]) -> None:
        """`makes` gets what is called for each that comes in, and returns what has `run(ready)`."""
        self.came: list[Any] = []
        self.replies: dict[Any, Any] = {}
        self.ready = 0
        self._makes = makes

    async def heard(self, came: Any) -> Any:
        self.came.append(came)
        return self.replies.get(getattr(came, "text", came), "")

    async def run(self) -> None:
        await self._makes(self.heard).run(self._began)

    def _began(self) -> None:
        self.ready += 1

    async def looks(self, more: int = 3) -> None:
        """Return when it has looked so many times more."""
        seen = self.ready
        await until(lambda: self.ready > seen + more)

    def kept(self, said: Callable[..., None]) -> Any:
        return supervise.keep("heard", self._makes(self.heard).run, expected=(Trouble,), said=said)


@contextlib.asynccontextmanager
async def at_work(hearer: Hearer) -> AsyncIterator[None]:
    task = asyncio.create_task(hearer.run())
    await until(lambda: hearer.ready or task.done())
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        await _ended(task)


@contextlib.asynccontextmanager
async def kept(hearer: Hearer) -> AsyncIterator[list[bool]]:
    """Keep it running as the daemon does; yield what is said of its connection."""
    said: list[bool] = []
    with changed("box", first=0.1, longest=0.2):
        task = asyncio.create_task(hearer.kept(lambda *what: said.append(what[1])))
        try:
            yield said
        finally:
            await _ended(task)


async def goes_and_comes(manager: FakeModemManager, said: list[bool]) -> FakeModem:
    """Let ModemManager end and begin again, seen both times; return a modem that is plugged in then."""
    await manager.stop()
    await until(lambda: said == [False])
    await manager.start()
    await until(lambda: said == [False, True])
    return manager.plug()


async def begins_anew(manager: FakeModemManager, old: FakeModem) -> FakeModem:
    """Let ModemManager begin anew, as after a crash: its paths begin again. Return the modem it finds."""
    manager.unplug(old)
    await manager.stop()
    manager._messages = manager._calls = 0
    await manager.start()
    return manager.plug()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def rung(folder: Path, bus: Any, name: str, module: str, *, begins: str = "", more: str = "") -> str:
    """Write a phone book and a program `name` of `module` that reaches the stand-in; return a rung that tells the daughter by it.

    `begins` is done in it before `main`, `more` are lines of the phone book.
    """
    book, program = folder / "phones.toml", folder / name
    book.write_text(f'home = "012"\n[people.daughter]\nnumber = "{NUMBER}"\n{more}', encoding="utf-8")
    book.chmod(0o600)
    where = f"PYTHONPATH={ROOT} DBUS_SYSTEM_BUS_ADDRESS={bus.address}"
    start = f'-c "import sys; {begins}; from {module} import main; sys.exit(main())"' if begins else f"-m {module}"
    files = f"--phones {book} --state {folder / 'state'}"
    program.write_text(f'#!/bin/sh\nexec env {where} {sys.executable} {start} {files} "$@"\n')
    program.chmod(0o755)
    return f'[[ladder]]\nresponder = "first"\nchannel = "program"\nprogram = ["{program}", "--to", "daughter"]\n'
