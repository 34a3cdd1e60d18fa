"""`eldercare-sms --to PERSON`: tell a person of an alarm by SMS, as a program of the ladder.

It follows the contract of such programs (docs/alarms.md): what happened stands in its
environment, it ends by itself, and its exit code says what is wrong with the channel. With `test`
as the last word it asks whether the modem is in a network, and sends an SMS to its own number
where that is known: so an empty SIM card is found before it is needed.

Taken by the network without a delivery report in time is done: the report may never come. The
text of an error has no telephone number in it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import resource
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from gateway.box.private import NotSetUp
from gateway.sms import codes, family, people
from gateway.sms.modem import DISABLED, ERROR, STATUS_REPORT, Modem, ModemManager, Trouble
from gateway.sms.modem import FAILED as BROKEN
from gateway.sms.text import PHRASES, Told, composed
from gateway.sms.waits import WAITS
from gateway.words.instruction import BY_SMS

PHONES: Final = Path("/etc/eldercare-gateway/phones.toml")
STATE: Final = Path("/var/lib/eldercare-gateway")
DONE, FAILED, UNPLUGGED, NO_CREDIT, NO_NETWORK, NO_SIM, NOT_SET_UP = 0, 1, 10, 11, 12, 13, 14
# MMMessageError and MMMobileEquipmentError by nick.
_SIM: Final = ("SimNotInserted", "SimPin", "SimPuk", "SimFailure", "SimWrong", "SimBusy")
_NETWORK: Final = ("NoNetwork", "NetworkTimeout", "NetworkNotAllowed")
# What the network itself says has no nick: seen of ModemManager 1.20.4 is "Message.Unknown", with
# the cause of 3GPP TS 24.011 E.2 in its text. An empty card is barred, or its SMS rejected.
_CAUSE: Final = re.compile(r"error: ([0-9]{1,3})\Z")
_BARRED: Final = frozenset({"8", "10", "21", "28", "29", "30", "50", "69"})
_LATER: Final = frozenset({"17", "22", "38", "41", "42", "47"})  # failure, congestion, resources
_REFUSED: Final = ("Message.NotAllowed", "MobileEquipment.NotAllowed")
_RIGHTS: Final = ("Core.Unauthorized",)
_ACCESS: Final = "org.freedesktop.DBus.Error.AccessDenied"
# MMSmsDeliveryState: up to here it is delivered, or handed to another network
_DELIVERED: Final = frozenset({0x00, 0x01, 0x02})
Sends = Callable[[ModemManager, Modem], Awaitable[None]]


class NotReached(Exception):
    """Nobody was reached: what came of it, with the exit code that says so."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


def blame(trouble: Trouble) -> int:
    """Return the exit code for what the modem or the network answered."""
    name = trouble.name.removeprefix(ERROR)
    if trouble.gone:
        return UNPLUGGED
    if name in _RIGHTS or trouble.name == _ACCESS:
        return NOT_SET_UP
    nick = name.rpartition(".")[2]
    if nick.startswith(_SIM):
        return NO_SIM
    found = _CAUSE.search(str(trouble)) if name == "Message.Unknown" else None
    cause = found[1] if found else ""
    if nick in _NETWORK or cause in _LATER:
        return NO_NETWORK
    return NO_CREDIT if name in _REFUSED or cause in _BARRED else FAILED


async def by_some_modem(manager: ModemManager, sends: Sends) -> None:
    """Let one modem after another send, until one has. Raises NotReached of the best of them."""
    try:
        found = await manager.modems()
    except Trouble as trouble:
        raise NotReached(blame(trouble), f"ModemManager: {trouble}") from None
    if not found:
        raise NotReached(UNPLUGGED, "no modem: is it plugged in?")
    failed: NotReached | None = None
    for modem in found:
        try:
            await sends(manager, await _ready(manager, modem))
        except Trouble as trouble:
            now = NotReached(blame(trouble), f"{Path(modem.path).name}: {trouble}")
        except NotReached as why:
            now = why
        else:
            return
        failed = failed or now
    assert failed is not None  # there was a modem
    raise failed


async def _ready(manager: ModemManager, modem: Modem) -> Modem:
    """Wait until a modem is in a network. Raises NotReached, Trouble."""
    name = Path(modem.path).name
    if modem.state == DISABLED:
        await manager.enable(modem)
    end = asyncio.get_running_loop().time() + WAITS.register
    while not modem.registered:
        if modem.no_sim:
            raise NotReached(NO_SIM, f"{name}: no SIM card, or it wants its PIN")
        if asyncio.get_running_loop().time() >= end:
            broken = modem.state == BROKEN
            why = "the modem has failed" if broken else "not registered in a network"
            raise NotReached(UNPLUGGED if broken else NO_NETWORK, f"{name}: {why}")
        await asyncio.sleep(WAITS.look)
        now = {m.path: m for m in await manager.modems()}
        if modem.path not in now:
            raise NotReached(UNPLUGGED, f"{name}: it is gone")
        modem = now[modem.path]
    return modem


class _Reports:
    """The delivery reports that come while an SMS is under way."""

    def __init__(self) -> None:
        self._came: asyncio.Queue[tuple[str, str]] = asyncio.Queue(64)

    def added(self, modem: str, path: str, received: bool) -> None:
        if received and not self._came.full():
            self._came.put_nowait((modem, path))

    async def of(self, manager: ModemManager, modem: str, reference: int, number: str) -> int:
        """Return the state in the last word on our message, whoever else's reports come."""
        while True:
            at, path = await self._came.get()
            try:
                facts = await manager.message(path) if at == modem else {}
                state = int(facts.get("DeliveryState", 0x100))
                ours = (facts.get("PduType"), facts.get("MessageReference")) == (
                    STATUS_REPORT,
                    reference,
                )
                to = str(facts.get("Number", ""))
                if not ours or (to and not people.same(to, number)):
                    continue
                await manager.delete(modem, path)
            except Trouble:
                continue
            if state in _DELIVERED or 0x40 <= state < 0x300:  # others are still tried
                return state


async def send(
    manager: ModemManager, modem: Modem, number: str, text: str, *, report: bool = True
) -> str:
    """Send one SMS; return what is known of its delivery. Raises NotReached, Trouble.

    Without a `report` it is done once the network has taken it.
    """
    reports = _Reports()
    if report:
        await manager.listen(reports.added)
    message = await manager.create(modem.path, number, text, report=report)
    try:
        await manager.send(message)
        if not report:
            return "taken by the network"
        try:
            reference = int((await manager.message(message)).get("MessageReference", -1))
            async with asyncio.timeout(WAITS.report):
                state = await reports.of(manager, modem.path, reference, number)
        except (Trouble, TimeoutError):
            return "taken by the network; no delivery report in time"
    finally:
        await _forget(manager, modem.path, message)
    if state not in _DELIVERED:
        raise NotReached(FAILED, f"taken by the network, not delivered (state {state:#x})")
    return "delivered"


async def _forget(manager: ModemManager, modem: str, message: str) -> None:
    try:
        await manager.delete(modem, message)
    except Trouble as trouble:
        print(f"the message stays in the modem: {trouble}", file=sys.stderr)


async def sent(number: str, text: str, longest: float, *, report: bool = True) -> str:
    """Send an SMS, or without a text see that a modem could; return how it went.

    Raises NotReached.
    """
    news = ""

    async def sends(manager: ModemManager, modem: Modem) -> None:
        nonlocal news
        news = "in a network"
        if text:
            news = await send(manager, modem, number, text, report=report)

    await by_a_modem(sends, longest)
    return news


async def by_a_modem(sends: Sends, longest: float) -> None:
    """Connect and let some modem do it within `longest` seconds. Raises NotReached."""
    manager = ModemManager()
    try:
        async with asyncio.timeout(longest):
            await manager.connect()
            await by_some_modem(manager, sends)
    except TimeoutError:
        raise NotReached(FAILED, f"not done within {longest:g} s") from None
    except Trouble as trouble:
        raise NotReached(blame(trouble), str(trouble)) from None
    finally:
        manager.close()


def told(environment: Mapping[str, str], home: str) -> Told:
    """Return what an alarm's environment says; `home` is how the phone book calls the home."""
    return Told(
        kind=environment.get("ELDERCARE_KIND", ""),
        reason=environment.get("ELDERCARE_REASON", ""),
        home=home or environment.get("ELDERCARE_HOME", ""),
        room=environment.get("ELDERCARE_ROOM", ""),
        since=environment.get("ELDERCARE_SINCE", ""),
        test=environment.get("ELDERCARE_TEST") == "1",
        on_site=environment.get("ELDERCARE_STATE") == "on_site",
        closes=environment.get("ELDERCARE_ARRIVED") != BY_SMS,
    )


def worded(person: people.Person, home: str, state: Path, *, rings: bool = False) -> str:
    """Return the SMS that our environment asks for; `rings`: and the person's telephone rings."""
    if os.environ.get("ELDERCARE_REASON", "").startswith(family.PREFIX):
        return family.of(os.environ, home, person.language)
    what = replace(told(os.environ, home), rings=rings)
    return composed(what, _code(state, person.id, os.environ), person.language)


def _code(state: Path, person: str, environment: Mapping[str, str]) -> str:
    """Return the code to answer with; a card that cannot be written keeps back no call for help."""
    alarm = environment.get("ELDERCARE_ALARM", "")
    if not alarm or environment.get("ELDERCARE_REASON") in {"fault", "recalled"}:
        return ""
    try:
        return codes.give(state, person, alarm)
    except OSError as error:
        print(f"no code to answer with: {error.strerror}", file=sys.stderr)
        return ""


def parser_of(name: str, about: str | None) -> argparse.ArgumentParser:
    """Return what reads the arguments of a program that tells a person by telephone."""
    parser = argparse.ArgumentParser(prog=name, description=about)
    parser.add_argument("--to", required=True, metavar="PERSON")
    parser.add_argument("--phones", type=Path, default=PHONES)
    parser.add_argument("--state", type=Path, default=STATE)
    parser.add_argument("--anew", metavar="N")  # of the ladder: another number is another call
    parser.add_argument("word", nargs="?", choices=("test",))
    return parser


def keep_in() -> None:
    """Leave no core: telephone numbers are in our memory."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(arguments: Sequence[str] | None = None) -> int:
    """Tell a person; with `test` as the last word reach nobody and say whether it could."""
    asked = parser_of("eldercare-sms", __doc__).parse_args(arguments)
    keep_in()
    number = ""
    try:
        known = people.all_of(asked.phones, asked.state)
        person = known.one(asked.to)
        if asked.word:
            number, text = self_test(known, person)
        else:
            number, text = person.number, worded(person, known.home, asked.state)
        longest = WAITS.whole_test if asked.word else WAITS.whole
        news = asyncio.run(sent(number, text, longest))
    except NotSetUp as why:
        print(why, file=sys.stderr)
        return NOT_SET_UP
    except NotReached as why:
        print(without(number, str(why)), file=sys.stderr)
        return why.code
    print(f"{asked.to}: {news}", file=sys.stderr)
    return DONE


def self_test(known: people.People, person: people.Person) -> tuple[str, str]:
    """Return to which number a test sends what: to the card's own, nothing where none is known."""
    return known.own, PHRASES[person.language]["self"] if known.own else ""


def without(number: str, text: str) -> str:
    """Return a text without the number that a modem's answer may quote."""
    return text.replace(number, "…") if number else text


if __name__ == "__main__":
    raise SystemExit(main())
