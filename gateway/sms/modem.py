"""ModemManager over D-Bus, as far as an SMS needs it, and what a telephone call asks of a modem.

Names, signatures and enumerations are those of ModemManager 1.20: its introspection files and
ModemManager-enums.h and -errors.h, as Debian's package modemmanager-dev has them. The keys of
`Create` are libmm-glib's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dbus_fast import BusType, DBusFastError, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from gateway.sms.waits import WAITS

SERVICE: Final = "org.freedesktop.ModemManager1"
ROOT: Final = "/org/freedesktop/ModemManager1"
MODEM: Final = f"{SERVICE}.Modem"
MESSAGING: Final = f"{SERVICE}.Modem.Messaging"
VOICE: Final = f"{SERVICE}.Modem.Voice"
SMS: Final = f"{SERVICE}.Sms"
ERROR: Final = f"{SERVICE}.Error."
_BUS: Final = "org.freedesktop.DBus"
_OBJECTS: Final = f"{_BUS}.ObjectManager"
_PROPERTIES: Final = f"{_BUS}.Properties"
# MMModemState
FAILED, LOCKED, DISABLED, REGISTERED = -1, 2, 3, 8
# MMModemStateFailedReason: SIM missing, SIM error, eSIM without profiles
NO_SIM: Final = frozenset({2, 3, 5})
# MMSmsState, MMSmsPduType
RECEIVED, DELIVER, STATUS_REPORT = 3, 1, 3
# the service or the object is not there: nothing runs, or the modem was pulled
_GONE: Final = frozenset(
    f"{_BUS}.Error.{name}"
    for name in (
        "ServiceUnknown",
        "NameHasNoOwner",
        "UnknownObject",
        "UnknownMethod",
        "UnknownInterface",
        "NoReply",
        "Disconnected",
        "Spawn.ServiceNotFound",
        "Spawn.ExecFailed",
        "Spawn.ChildExited",
    )
)
_LOST: Final = (DBusFastError, OSError, EOFError)
Added = Callable[[str, str, bool], None]  # (modem, path of the message, received from the network)
Heard = Callable[..., None]  # gets the path of the object that tells, and what it tells


class Trouble(Exception):
    """Why a message did not leave. `name` is the D-Bus error, "" where nobody answered."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name.removeprefix(ERROR)}: {text}" if name else text)
        self.name = name

    @property
    def gone(self) -> bool:
        """True where the modem, ModemManager or the bus is not there."""
        return self.name in _GONE


@dataclass(frozen=True, slots=True)
class Modem:
    """One modem as ModemManager shows it."""

    path: str
    state: int
    failed: int
    messaging: bool
    messages: tuple[str, ...] = ()  # paths of those it has
    voice: bool = False  # it makes telephone calls
    calls: tuple[str, ...] = ()  # paths of those it has

    @property
    def registered(self) -> bool:
        """True where it is in a network and takes messages."""
        return self.state >= REGISTERED and self.messaging

    @property
    def no_sim(self) -> bool:
        """True where its SIM card is missing, broken or wants a PIN."""
        return self.state == LOCKED or (self.state == FAILED and self.failed in NO_SIM)


class ModemManager:
    """A connection to it. On the event loop."""

    def __init__(self) -> None:
        self._bus: MessageBus | None = None
        self._heard: dict[tuple[str, str, str], Heard] = {}

    async def connect(self) -> None:
        """Connect to the system bus. Raises Trouble."""
        try:
            async with asyncio.timeout(WAITS.bus):
                self._bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
        except (TimeoutError, *_LOST) as error:
            raise Trouble(f"{_BUS}.Error.Disconnected", f"no system bus ({error})") from None
        self._bus.add_message_handler(self._told)

    async def listen(self, added: Added) -> None:
        """Have `added` called for each message that a modem says it has. Raises Trouble."""
        await self.hear(MESSAGING, "Added", "ob", added)

    async def hear(self, interface: str, member: str, signature: str, heard: Heard) -> None:
        """Have `heard` called for each such signal, with path and content. Raises Trouble."""
        self._heard[member, interface, signature] = heard
        rule = f"type='signal',sender='{SERVICE}',interface='{interface}',member='{member}'"
        await self._ask(_BUS, "/org/freedesktop/DBus", _BUS, "AddMatch", "s", [rule])

    async def on_restart(self, heard: Callable[[], None]) -> None:
        """Have `heard` called when ModemManager ends or begins anew. Raises Trouble.

        The paths of its messages and calls begin anew with it.
        """
        self._heard["NameOwnerChanged", _BUS, "sss"] = lambda *_: heard()
        rule = f"type='signal',sender='{_BUS}',member='NameOwnerChanged',arg0='{SERVICE}'"
        await self._ask(_BUS, "/org/freedesktop/DBus", _BUS, "AddMatch", "s", [rule])

    def close(self) -> None:
        """Leave the bus."""
        if self._bus is not None:
            self._bus.disconnect()

    async def modems(self) -> list[Modem]:
        """Return every modem, one that is in a network first. Raises Trouble."""
        (objects,) = await self.ask(ROOT, _OBJECTS, "GetManagedObjects")
        found = [
            Modem(
                path,
                _number(facts[MODEM], "State"),
                _number(facts[MODEM], "StateFailedReason"),
                MESSAGING in facts,
                _paths(facts.get(MESSAGING, {}), "Messages"),
                # one that is in emergency mode calls nobody else
                VOICE in facts and not _number(facts[VOICE], "EmergencyOnly"),
                _paths(facts.get(VOICE, {}), "Calls"),
            )
            for path, facts in objects.items()
            if MODEM in facts
        ]
        return sorted(found, key=lambda modem: (not modem.registered, modem.no_sim, modem.path))

    async def enable(self, modem: Modem) -> None:
        """Switch a modem on that nobody has. Raises Trouble."""
        await self.ask(modem.path, MODEM, "Enable", "b", [True], longest=WAITS.register)

    async def create(self, modem: str, number: str, text: str, *, report: bool) -> str:
        """Make a message; return its path. Raises Trouble."""
        facts = {
            "number": Variant("s", number),
            "text": Variant("s", text),
            "delivery-report-request": Variant("b", report),
        }
        (path,) = await self.ask(modem, MESSAGING, "Create", "a{sv}", [facts])
        return str(path)

    async def send(self, message: str) -> None:
        """Send a message; return once the network has taken it. Raises Trouble."""
        await self.ask(message, SMS, "Send", longest=WAITS.send)

    async def delete(self, modem: str, message: str) -> None:
        """Forget a message: a SIM card has room for some twenty. Raises Trouble."""
        await self.ask(modem, MESSAGING, "Delete", "o", [message])

    async def message(self, path: str) -> Mapping[str, Any]:
        """Return what a message is: Number, Text, State, PduType and so on. Raises Trouble."""
        return await self.facts(path, SMS)

    async def ask(
        self,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: list[Any] | None = None,
        *,
        longest: float = 0.0,
    ) -> list[Any]:
        """Call a method of an object; return what it answers. Raises Trouble."""
        return await self._ask(SERVICE, path, interface, member, signature, body, longest=longest)

    async def facts(self, path: str, interface: str) -> Mapping[str, Any]:
        """Return the properties of an object's interface. Raises Trouble."""
        (facts,) = await self.ask(path, _PROPERTIES, "GetAll", "s", [interface])
        return {name: fact.value for name, fact in facts.items()}

    async def _ask(
        self,
        service: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: list[Any] | None = None,
        *,
        longest: float = 0.0,
    ) -> list[Any]:
        if self._bus is None:
            raise Trouble(f"{_BUS}.Error.Disconnected", "no system bus")
        call = Message(service, path, interface, member, signature=signature, body=body or [])
        try:
            async with asyncio.timeout(longest or WAITS.bus):
                answer = await self._bus.call(call)
        except TimeoutError:
            raise Trouble("", f"{member}: no answer") from None
        except _LOST as error:
            raise Trouble(f"{_BUS}.Error.Disconnected", f"{member}: {error}") from None
        if answer is None:
            raise Trouble("", f"{member}: no answer")
        if answer.message_type is MessageType.ERROR:
            raise Trouble(str(answer.error_name), " ".join(str(part) for part in answer.body))
        return list(answer.body)

    def _told(self, message: Message) -> None:
        told = str(message.member), str(message.interface), str(message.signature)
        if message.message_type is MessageType.SIGNAL and (heard := self._heard.get(told)):
            heard(str(message.path), *message.body)


def _number(facts: Mapping[str, Variant], name: str) -> int:
    return int(facts[name].value) if name in facts else 0


def _paths(facts: Mapping[str, Variant], name: str) -> tuple[str, ...]:
    found = facts[name].value if name in facts else []
    return tuple(str(path) for path in found)
