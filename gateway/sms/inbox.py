"""SMS that come in: each is read whole, handed over, answered where an answer is due, and deleted.

A message is deleted once it was dealt with: cut off before, it is read again. What comes from
nobody we know is deleted too, for a SIM card has room for some twenty. Bounded: so many messages a
look, so much text of each, so many answers that wait.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

from gateway.sms.looks import Looks, Turn
from gateway.sms.modem import DELIVER, MESSAGING, RECEIVED, Modem, ModemManager, Trouble
from gateway.sms.waits import WAITS

AT_ONCE: Final = 100  # messages read in one look
LEFT_MOST: Final = 200  # messages that could not be deleted, of which it is known
TEXT_MOST: Final = 400  # characters of a message that are handed over


class Came(NamedTuple):
    """One SMS as it came. `stamp` is the network's time, as it wrote it."""

    number: str
    text: str
    stamp: str


# returns the answer, "" for none, None where nobody could deal with it now
Heard = Callable[[Came], Awaitable[str | None]]


class Inbox:
    """The SMS of all modems. `run` is a task on the loop."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._looks = Looks((MESSAGING, "Added", "ob"), self._look)
        # not whole, a report that somebody may wait for, or not to be dealt with now: first seen
        self._waits: dict[str, float] = {}
        self._dealt: dict[str, float] = {}
        # dealt with and still there, for they could not be deleted: another path may have them
        self._left: deque[Came] = deque(maxlen=LEFT_MOST)

    async def run(self, ready: Callable[[], None]) -> None:
        """Read what comes until the connection is lost. Raises Trouble."""
        await self._looks.run(ready)

    async def _look(self, manager: ModemManager, turn: Turn) -> float:
        if turn.anew:
            self._waits.clear()
            self._dealt.clear()
        there: set[str] = set()
        more = False
        for modem in await manager.modems():
            there.update(modem.messages)
            # what was not seen yet comes first
            todo = sorted(set(modem.messages) - self._dealt.keys(), key=self._turn)
            more = more or len(todo) > AT_ONCE
            for path in todo[:AT_ONCE]:
                with contextlib.suppress(Trouble):
                    await self._one(manager, modem, path)
        for known in (self._waits, self._dealt):
            for path in known.keys() - there:
                del known[path]
        if more:
            await asyncio.sleep(WAITS.look)
            return 0.0
        return WAITS.parts if self._waits else WAITS.look_in

    def _turn(self, path: str) -> tuple[bool, int, str]:
        """Return in which turn a message is read: ModemManager numbers their paths."""
        return path in self._waits, len(path), path

    async def _one(self, manager: ModemManager, modem: Modem, path: str) -> None:
        """Deal with one message. Raises Trouble."""
        facts = await manager.message(path)
        kind, now = facts.get("PduType"), asyncio.get_running_loop().time()
        # what is sent, and its report, is whoever's who sends just now; later it is nobody's, for
        # an answer ends the program that waits for the report
        reply: str | None = None
        came = _came(facts)
        if kind == DELIVER and facts.get("State") == RECEIVED:
            known = came.stamp and came in self._left
            reply = "" if known else await self._heard(came)
        if reply is None and now - self._waits.setdefault(path, now) < WAITS.leftover:
            return
        self._dealt[path] = now  # also where it cannot be deleted: it is read no more
        if reply:
            self._looks.replies.put(modem.path, came.number, reply)
        if reply is not None and came not in self._left:
            self._left.append(came)
        await manager.delete(modem.path, path)
        with contextlib.suppress(ValueError):
            self._left.remove(came)


def _came(facts: Mapping[str, Any]) -> Came:
    text, stamp = str(facts.get("Text", ""))[:TEXT_MOST], str(facts.get("Timestamp", ""))[:40]
    return Came(str(facts.get("Number", ""))[:40], text, stamp)
