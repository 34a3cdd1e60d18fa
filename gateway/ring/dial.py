"""`eldercare-ring --to PERSON`: let a person's telephone ring, as a program of the ladder.

It rings for half a minute and hangs up; nothing is said and nothing is heard. Whoever calls back
takes the alarm (`back`). It has rung: done, whoever ended it. A call that is taken is hung up at
once and is no answer: a mailbox takes calls too, and many modems say of every call that it was
taken as soon as it is made. Busy, or refused before it was heard: nobody was reached.

With `--sms` an SMS goes before it, and one of both is enough. What a ring cannot say, that one need
not come or that a device is at fault, goes by SMS alone. With `test` as the last word it asks
whether a modem that makes telephone calls is in a network, and rings nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from gateway.box.private import NotSetUp
from gateway.ring import line, made
from gateway.ring.waits import WAITS
from gateway.sms import people, send
from gateway.sms.modem import ERROR, Modem, ModemManager, Trouble
from gateway.sms.send import DONE, FAILED, NOT_SET_UP, NotReached
from gateway.sms.waits import WAITS as SMS_WAITS

NO_VOICE: Final = 15  # exit code: no modem here makes telephone calls
NO_RING: Final = frozenset({"recalled", "fault", "not_closed"})  # reasons that a ring cannot say
_UNSUPPORTED: Final = "Core.Unsupported"
_NO_ANSWER: Final = "Connection.NoAnswer"


class _Heard(NotReached):
    """Nobody was reached, but somebody may have heard it: busy, refused, or it rang shortly."""


async def rung(
    number: str, person: str, alarm: str, state: Path, longest: float, *, test: bool = False
) -> str:
    """Ring a telephone, or in a `test` see that a modem could, and that we may. Raises NotReached.

    A call that is made and never started rings nobody.
    """
    news, wrong = "", list[NotReached]()

    async def rings(manager: ModemManager, modem: Modem) -> None:
        nonlocal news
        if not modem.voice:
            raise NotReached(NO_VOICE, f"{Path(modem.path).name}: it makes no telephone calls")
        news = "in a network, makes telephone calls"
        if test:
            await line.forget(manager, modem.path, await line.create(manager, modem.path, number))
            return
        async with _line(state) as mine:
            fresh = _note(state, person, alarm)
            try:
                news = await _one(manager, modem, number, mine)
            except (NotReached, Trouble) as why:
                if fresh and not isinstance(why, _Heard):
                    _take_back(state, person, alarm)
                if isinstance(why, Trouble) or why.code != FAILED:
                    raise
                wrong.append(why)  # another modem would find the same

    await send.by_a_modem(rings, longest)
    if wrong:
        raise wrong[0]
    return news


@asynccontextmanager
async def _line(state: Path) -> AsyncIterator[made.Line]:
    """Have the line to ourselves; where no file can be locked, as it is. Raises NotReached."""
    end = asyncio.get_running_loop().time() + WAITS.line
    with contextlib.ExitStack() as held:
        try:
            while (mine := held.enter_context(made.line(state))) is None:
                if asyncio.get_running_loop().time() >= end:
                    raise NotReached(FAILED, "another call is being made")
                await asyncio.sleep(WAITS.look)
        except OSError as error:
            print(f"another may ring at the same time: {error.strerror}", file=sys.stderr)
            mine = made.Line(-1)
        yield mine


def _note(state: Path, person: str, alarm: str) -> bool:
    """Write down who is rung, and say if that is new.

    A card that cannot be written keeps back no call for help.
    """
    try:
        return not made.note(state, person, alarm)
    except OSError as error:
        print(f"calling back will not be understood: {error.strerror}", file=sys.stderr)
        return False


def _take_back(state: Path, person: str, alarm: str) -> None:
    """Write down that it never rang there: whoever calls by chance takes no alarm by it."""
    try:
        made.take_back(state, person, alarm)
    except OSError as error:
        print(f"a call by chance may take the alarm: {error.strerror}", file=sys.stderr)


async def _one(manager: ModemManager, modem: Modem, number: str, mine: made.Line) -> str:
    """Make one call and see it to its end. Raises NotReached, Trouble."""
    call = await line.create(manager, modem.path, number)
    mine.says(call)
    starting = asyncio.create_task(line.start(manager, call), name="start")
    try:
        return await _seen(manager, call, starting)
    finally:
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        for end in (line.hang_up(manager, call), line.forget(manager, modem.path, call)):
            with contextlib.suppress(Trouble):  # it is over already, or the modem is gone
                await end
        mine.says("")


async def _seen(manager: ModemManager, call: str, starting: asyncio.Task[None]) -> str:
    """Watch a call until it has rung for long enough, or is over. Raises NotReached, Trouble."""
    loop = asyncio.get_running_loop()
    begun, rings = loop.time(), 0.0
    while True:
        now = await line.look(manager, call)
        took = loop.time() - rings if rings else 0.0
        long = loop.time() - begun >= WAITS.connect + WAITS.ring
        if now.state == line.TERMINATED or _refused(starting):
            return await _over(starting, now, took)
        if now.state == line.ACTIVE and now.reason != line.STARTED:
            return "taken, and hung up: that is no answer yet"
        if not rings and now.state in {line.RINGING_OUT, line.ACTIVE}:
            rings = loop.time()
        if rings and (took >= WAITS.ring or long):
            return f"rang for {took:.0f} s"
        if long:
            raise NotReached(FAILED, "the network did not let it ring")
        await asyncio.sleep(WAITS.look)


def _refused(starting: asyncio.Task[None]) -> bool:
    return starting.done() and not starting.cancelled() and starting.exception() is not None


async def _over(starting: asyncio.Task[None], now: line.Call, took: float) -> str:
    """Return what came of a call that others have ended. Raises NotReached, Trouble."""
    if took >= WAITS.heard:
        return f"rang for {took:.0f} s, until somebody or the network ended it"
    await asyncio.wait({starting}, timeout=WAITS.hang_up)  # its error says more
    error = starting.exception() if _refused(starting) else None
    if isinstance(error, Trouble):
        name = error.name.removeprefix(ERROR)
        if name == _NO_ANSWER:
            return "rang, nobody took it"
        if name == _UNSUPPORTED:
            raise NotReached(NO_VOICE, "the modem makes no telephone calls")
        if now.reason != line.BUSY and (not took or error.gone):
            raise error
    if now.reason == line.BUSY:
        raise _Heard(FAILED, "busy, or refused")
    ended = _Heard if took > 0 else NotReached
    raise ended(FAILED, "the network ended the call")


class _Asked:
    """What is to be done for one person."""

    def __init__(self, arguments: Sequence[str] | None) -> None:
        """Read the arguments and the phone book. Raises NotSetUp."""
        parser = send.parser_of("eldercare-ring", __doc__)
        parser.add_argument("--sms", action="store_true", help="an SMS goes before it")
        given = parser.parse_args(arguments)
        self.to, self.test, self._state = str(given.to), given.word is not None, Path(given.state)
        known = people.all_of(given.phones, given.state)
        person = known.one(self.to)
        reason = os.environ.get("ELDERCARE_REASON", "")
        if people.EMERGENCY.fullmatch(person.number):
            raise NotSetUp(
                f"{self.to}: an emergency number is called by people, not rung from here"
            )
        self.rings = self.test or reason not in NO_RING
        self._person, self._number, self._writes_to = person.id, person.number, person.number
        self.text: str | None = None
        if self.test:
            self._writes_to, text = send.self_test(known, person)
            self.text = text if given.sms else None
        elif given.sms or not self.rings:
            self.text = send.worded(person, known.home, self._state, rings=self.rings)

    def hidden(self, text: str) -> str:
        """Return a text without the numbers that a modem's answer may quote."""
        return send.without(self._writes_to, send.without(self._number, text))

    async def write(self) -> str:
        """Send the SMS."""
        longest = WAITS.half_test if self.test else WAITS.sms if self.rings else SMS_WAITS.whole
        said = await send.sent(self._writes_to, self.text or "", longest, report=not self.rings)
        return f"SMS: {said}"

    async def ring(self) -> str:
        """Let it ring, or see that it could."""
        before = WAITS.sms if self.text is not None else 0.0
        longest = WAITS.half_test if self.test else WAITS.whole - before
        who = self._number, self._person, os.environ.get("ELDERCARE_ALARM", "")
        return f"ring: {await rung(*who, self._state, longest, test=self.test)}"


async def told(asked: _Asked) -> str:
    """Send what goes by SMS, ring where it rings; return how it went. Raises NotReached."""
    said: list[str] = []
    failed: list[NotReached] = []
    for does, when in ((asked.write, asked.text is not None), (asked.ring, asked.rings)):
        if not when:
            continue
        try:
            said.append(await does())
        except NotReached as why:
            failed.append(why)
    # of a test both halves are wanted
    if failed and (asked.test or not said):
        raise failed[0]
    return "; ".join([*said, *map(str, failed)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Ring a person; with `test` as the last word ring nobody and say whether it could."""
    send.keep_in()
    try:
        asked = _Asked(arguments)
    except NotSetUp as why:
        print(why, file=sys.stderr)
        return NOT_SET_UP
    try:
        news = asyncio.run(told(asked))
    except NotReached as why:
        print(asked.hidden(str(why)), file=sys.stderr)
        return why.code
    print(f"{asked.to}: {asked.hidden(news)}", file=sys.stderr)
    return DONE


if __name__ == "__main__":
    raise SystemExit(main())
