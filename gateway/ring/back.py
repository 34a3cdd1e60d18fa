"""Calls that come in: each is refused, for nobody here takes it, and handed over.

One that waits while we ring somebody is heard at once and refused behind our own call: by the AT
command for it (+CHUP) a modem hangs up every call.
The number of who calls may come with the second ring; one that is withheld is nobody's. What was
over before we looked for the first time is not heard: nobody knows how long ago it was. A call
that we made, whose program was ended in the middle of it, is hung up: it would ring on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from gateway.box import aside
from gateway.ring import line, made
from gateway.ring.waits import WAITS
from gateway.sms.looks import Looks, Turn
from gateway.sms.modem import VOICE, Modem, ModemManager, Trouble
from gateway.sms.waits import WAITS as SMS_WAITS

AT_ONCE: Final = 20  # calls that are looked at, of one modem
# returns the SMS that answers whoever has called from this number, "" for none
Heard = Callable[[str], Awaitable[str]]


class CallsBack:
    """The telephone calls of all modems. `run` is a task on the loop."""

    def __init__(self, heard: Heard, state: Callable[[], Path]) -> None:
        """`state()` is the folder in which programs say which call is theirs."""
        self._heard = heard
        self._state = state
        self._looks = Looks((VOICE, "CallAdded", "o"), self._look)
        self._since: dict[str, float] = {}  # when a call was first seen that is still to be told
        self._told: set[str] = set()  # who calls was handed over
        self._dealt: set[str] = set()

    async def run(self, ready: Callable[[], None]) -> None:
        """Refuse what comes until the connection is lost. Raises Trouble."""
        await self._looks.run(ready)

    async def _look(self, manager: ModemManager, turn: Turn) -> float:
        """Deal with every call; look again soon while there is one that is not over."""
        if turn.anew:
            self._since.clear()
            self._told.clear()
            self._dealt.clear()
        there: set[str] = set()
        for modem in await manager.modems():
            there.update(modem.calls)
            calls: dict[str, line.Call] = {}
            for path in sorted(set(modem.calls) - self._dealt, key=lambda p: (len(p), p))[:AT_ONCE]:
                with contextlib.suppress(Trouble):
                    calls[path] = await line.look(manager, path)
            ours = any(call.direction == line.OUTGOING and call.goes_on for call in calls.values())
            for path, call in calls.items():
                with contextlib.suppress(Trouble):
                    if call.direction == line.INCOMING:
                        await self._comes(manager, modem, path, call, stale=turn.first, ours=ours)
                    else:
                        await self._goes(manager, modem, path, call)
        self._dealt &= there
        self._told &= there
        for path in self._since.keys() - there:
            del self._since[path]
        return WAITS.look if there - self._dealt else SMS_WAITS.look_in

    async def _goes(self, manager: ModemManager, modem: Modem, path: str, call: line.Call) -> None:
        """Hang up a call of a program of ours that was ended. Raises Trouble."""
        if path == await asyncio.wrap_future(aside.run(made.left, self._state())):
            await self._ends(manager, modem, path)
            await asyncio.wrap_future(aside.run(_gone, self._state()))
        elif call.state == line.TERMINATED:
            self._dealt.add(path)  # whoever made it deletes it

    async def _comes(
        self,
        manager: ModemManager,
        modem: Modem,
        path: str,
        call: line.Call,
        *,
        stale: bool,
        ours: bool,
    ) -> None:
        """Hear whoever calls, and refuse the call unless ours goes on. Raises Trouble."""
        now = asyncio.get_running_loop().time()
        waited = now - self._since.setdefault(path, now)
        if call.goes_on and not call.number and waited < WAITS.number:
            return
        if not call.goes_on and stale:
            self._told.add(path)
        if path not in self._told:
            self._told.add(path)
            # what it means is on the disk before the caller hears that he was refused
            if call.number and (reply := await self._heard(call.number)):
                self._looks.replies.put(modem.path, call.number, reply)
        if ours and call.goes_on:
            return
        self._dealt.add(path)  # also where it cannot be refused
        await self._ends(manager, modem, path)

    async def _ends(self, manager: ModemManager, modem: Modem, path: str) -> None:
        with contextlib.suppress(Trouble):  # it is over already
            await line.hang_up(manager, path)
        await line.forget(manager, modem.path, path)


def _gone(state: Path) -> None:
    with contextlib.suppress(OSError):
        made.gone(state)
