"""A stand-in for ModemManager on a private bus, so that our own half runs against the real names without any modem.

Its interfaces (names, signatures, enumerations) are facts of ModemManager 1.20.4: the introspection files and ModemManager-enums.h
and -errors.h of Debian's package modemmanager-dev. A call that these do not know, or with another signature, is refused as the bus
would; a property is told with the type that stands there.

    with PrivateBus() as bus:
        async with FakeModemManager(bus) as phones:
            modem = phones.plug()              # registered, with a SIM card
            modem.reports = [(0.1, 0x00)]      # each SMS is reported delivered after 0.1 s; [] = the report is lost
            modem.receives("+86138...", "1 15")
            modem.phones = {"+86138...": "busy"}   # what becomes of a call: see RINGS and the like
            modem.rung("+86138...")                # somebody rings

Not modelled: how an SMS is cut into parts, storages, the AT or QMI side of a modem, sound.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
from collections.abc import Iterable
from typing import Any, Self

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from tests.kit.fake_bluez import OBJECTS, PROPERTIES, PrivateBus

NAME, ROOT = "org.freedesktop.ModemManager1", "/org/freedesktop/ModemManager1"
MODEM, MESSAGING, SMS = f"{NAME}.Modem", f"{NAME}.Modem.Messaging", f"{NAME}.Sms"
VOICE, CALL = f"{NAME}.Modem.Voice", f"{NAME}.Call"
ERROR = f"{NAME}.Error."
# method -> (signature in, signature out), of the interfaces as far as an SMS and a ring need them
METHODS = {
    (MODEM, "Enable"): ("b", ""),
    (MESSAGING, "List"): ("", "ao"),
    (MESSAGING, "Delete"): ("o", ""),
    (MESSAGING, "Create"): ("a{sv}", "o"),
    (SMS, "Send"): ("", ""),
    (VOICE, "ListCalls"): ("", "ao"),
    (VOICE, "CreateCall"): ("a{sv}", "o"),
    (VOICE, "DeleteCall"): ("o", ""),
    (CALL, "Start"): ("", ""),
    (CALL, "Accept"): ("", ""),
    (CALL, "Hangup"): ("", ""),
    (PROPERTIES, "Get"): ("ss", "v"),
    (PROPERTIES, "GetAll"): ("s", "a{sv}"),
    (OBJECTS, "GetManagedObjects"): ("", "a{oa{sa{sv}}}"),
}
TYPES = {
    "State": "i",  # of a modem; that of a message is u
    "StateFailedReason": "u",
    "UnlockRequired": "u",
    "Number": "s",
    "Text": "s",
    "PduType": "u",
    "MessageReference": "u",
    "DeliveryState": "u",
    "DeliveryReportRequest": "b",
    "Timestamp": "s",
    "Messages": "ao",
}
# keys of Create, as libmm-glib's MMSmsProperties reads them
KEYS = {"number": "s", "text": "s", "delivery-report-request": "b"}
# MMModemState, MMModemStateFailedReason, MMSmsState, MMSmsPduType
FAILED, LOCKED, DISABLED, SEARCHING, REGISTERED, CONNECTED = -1, 2, 3, 7, 8, 11
SIM_MISSING = 2
RECEIVING, RECEIVED, SENT = 2, 3, 5
DELIVER, SUBMIT, STATUS_REPORT = 1, 2, 3
# MMCallState, MMCallStateReason, MMCallDirection
DIALING, RINGING_OUT, RINGING_IN, ACTIVE, WAITING, TERMINATED = 1, 2, 3, 4, 6, 7
STARTED, INCOMING_NEW, ACCEPTED, ENDED, BUSY, ERRED = 1, 2, 3, 4, 5, 6
INCOMING, OUTGOING = 1, 2
TALKS = (DIALING, RINGING_OUT, RINGING_IN, ACTIVE, WAITING)
# what becomes of a call to a number: it rings for ever; it is taken after a moment; it rings, but the modem says that it was taken as
# soon as it was made, as many do; busy; the network does not take it; the network lets nothing ring; the modem is pulled meanwhile
RINGS, TAKEN, BLIND, IS_BUSY, NO_CARRIER, SILENT, PULLED = "rings", "taken", "blind", "busy", "network", "silent", "pulled"


class FakeModem:
    """One modem. What it does is set by its attributes before it is asked."""

    def __init__(self, manager: FakeModemManager, path: str, state: int, failed: int) -> None:
        self._manager = manager
        self.path = path
        self.state, self.failed = state, failed
        self.messages: dict[str, dict[str, Variant]] = {}
        self.sent: list[tuple[str, str]] = []  # (number, text) that the network took
        self.reports: list[tuple[float, int]] = [(0.02, 0x00)]  # (seconds after it, MMSmsDeliveryState) for each SMS
        self.others: list[tuple[str, int, int]] = []  # (number, reference, state): reports of earlier SMS that come at each
        self.fail: dict[str, str] = {}  # member -> D-Bus error name, "Message.Unknown 8" with the network's cause
        self.delay = 0.0  # until the network takes an SMS
        self.goes = False  # it is pulled while it sends
        self.registers = True  # a modem that is enabled finds its network
        self.enabled = 0
        self._reference = 0
        self.voice, self.emergency = True, False  # has the interface; calls nobody but the police
        self.calls: dict[str, dict[str, Variant]] = {}
        self.phones: dict[str, str] = {}  # number -> what becomes of a call to it; one that is not here rings
        self.rings: list[tuple[str, str]] = []  # (path, number) of calls that rang there
        self.over: list[str] = []  # paths of calls that we have hung up, or refused
        self.at_once = 0  # calls that went on at the same time, at most

    def facts(self) -> dict[str, dict[str, Variant]]:
        own = {"State": Variant("i", self.state), "StateFailedReason": Variant("u", self.failed)}
        out = {MODEM: own}
        if self.state > LOCKED:  # "only once the modem is ready to be registered"
            out[MESSAGING] = {"Messages": Variant("ao", list(self.messages))}
            if self.voice:
                out[VOICE] = {"Calls": Variant("ao", list(self.calls)), "EmergencyOnly": Variant("b", self.emergency)}
        return out

    # -- telephone calls

    def rung(self, number: str, *, known_after: float = 0.0, state: int = RINGING_IN) -> str:
        """Somebody rings; his number may come later, as with the second ring. Return the path."""
        path = self._call({"Direction": INCOMING, "Number": "" if known_after else number, "State": state, "StateReason": INCOMING_NEW})
        if known_after:
            self._manager.later(known_after, self._known, path, number)
        return path

    def _known(self, path: str, number: str) -> None:
        if path in self.calls:
            self.calls[path]["Number"] = Variant("s", number)

    def ends(self, path: str, reason: int = ENDED) -> None:
        """The other side, or the network, ends a call."""
        self._goes_to(path, TERMINATED, reason)

    def _call(self, facts: dict[str, Any]) -> str:
        path = self._manager.call_path()
        self.calls[path] = {name: Variant("s" if name == "Number" else "i", value) for name, value in facts.items()}
        self._manager.signal(self.path, VOICE, "CallAdded", "o", path)
        return path

    def dialled(self, facts: dict[str, Variant]) -> str | None:
        """Make a call that is not started yet; None where its properties are wrong."""
        if {name: one.signature for name, one in facts.items()} != {"number": "s"}:
            return None
        return self._call({"Direction": OUTGOING, "Number": facts["number"].value, "State": 0, "StateReason": 0})

    def _goes_to(self, path: str, state: int, reason: int) -> None:
        facts = self.calls.get(path)
        if facts is None or facts["State"].value in {state, TERMINATED}:
            return
        before = facts["State"].value
        facts |= {"State": Variant("i", state), "StateReason": Variant("i", reason)}
        self.at_once = max(self.at_once, len(self.talking))
        self._manager.signal(path, CALL, "StateChanged", "iiu", before, state, reason)

    async def starts(self, path: str) -> None:
        """Dial; what comes of it comes by and by. Raises _Refusal as ModemManager would."""
        number = self.calls[path]["Number"].value
        does = self.phones.get(number, RINGS)
        self._goes_to(path, DIALING, STARTED)
        if does == NO_CARRIER:
            self._goes_to(path, TERMINATED, ERRED)
            raise _Refusal(f"{ERROR}Connection.NoCarrier", f"no carrier: {number}")
        if does == PULLED:
            self._manager.later(0.1, self._manager.unplug, self)
        if does == IS_BUSY:
            self._manager.later(0.1, self._goes_to, path, TERMINATED, BUSY)
        elif does != SILENT:
            self.rings.append((path, number))
            self._goes_to(path, *((ACTIVE, STARTED) if does == BLIND else (RINGING_OUT, STARTED)))
        if does == TAKEN:
            self._manager.later(0.2, self._goes_to, path, ACTIVE, ACCEPTED)

    def hung_up(self, path: str) -> bool:
        """End a call; False where it is none that can be ended."""
        if self.calls[path]["State"].value not in TALKS:
            return False
        self.over.append(path)
        # one that waits is refused by +CHUP: then everything is hung up
        every = self.calls[path]["State"].value == WAITING
        for one in list(self.calls) if every else [path]:
            self._goes_to(one, TERMINATED, ENDED)
        return True

    @property
    def talking(self) -> list[str]:
        """The calls that go on."""
        return [path for path, facts in self.calls.items() if facts["State"].value in TALKS]

    # -- SMS

    def receives(self, number: str, text: str, *, state: int = RECEIVED) -> str:
        """An SMS comes in; with RECEIVING only its first part has. Return its path."""
        return self._comes({"Number": number, "Text": text, "PduType": DELIVER}, state)

    def completed(self, path: str, text: str) -> None:
        """The last part of a long one has come: nobody is told by a second Added."""
        self.messages[path] |= {"Text": Variant("s", text), "State": Variant("u", RECEIVED)}
        self._manager.signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", SMS, {"State": Variant("u", RECEIVED)}, [])

    def report(self, number: str, reference: int, delivery: int) -> None:
        self._comes({"Number": number, "PduType": STATUS_REPORT, "MessageReference": reference, "DeliveryState": delivery}, RECEIVED)

    def _comes(self, facts: dict[str, Any], state: int) -> str:
        path = self._manager.message_path()
        self.messages[path] = {name: Variant(TYPES[name], value) for name, value in facts.items()} | {"State": Variant("u", state)}
        self._manager.signal(self.path, MESSAGING, "Added", "ob", path, True)
        return path

    def created(self, facts: dict[str, Variant]) -> str | None:
        """Make a message; None where its properties are wrong."""
        if any(KEYS.get(name) != one.signature for name, one in facts.items()) or not {"number", "text"} <= facts.keys():
            return None
        path = self._manager.message_path()
        self.messages[path] = {
            "Number": facts["number"],
            "Text": facts["text"],
            "DeliveryReportRequest": facts.get("delivery-report-request", Variant("b", False)),
            "PduType": Variant("u", SUBMIT),
            "MessageReference": Variant("u", 0),
            "State": Variant("u", 0),
        }
        self._manager.signal(self.path, MESSAGING, "Added", "ob", path, False)
        return path

    async def sends(self, path: str) -> bool:
        """Hand a message to the network; False where the modem was pulled meanwhile."""
        if self.goes:
            self._manager.unplug(self)
            return False
        await asyncio.sleep(self.delay)
        self._reference = (self._reference + 1) % 256
        facts = self.messages[path]
        facts |= {"State": Variant("u", SENT), "MessageReference": Variant("u", self._reference)}
        self.sent.append((facts["Number"].value, facts["Text"].value))
        for other in self.others:
            self._manager.later(0.05, self.report, *other)
        if facts["DeliveryReportRequest"].value:
            for after, delivery in self.reports:
                self._manager.later(after, self.report, facts["Number"].value, self._reference, delivery)
        return True


class FakeModemManager:
    """The stand-in. `async with` puts it on the bus."""

    def __init__(self, bus: PrivateBus) -> None:
        self._address = bus.address
        self._bus: MessageBus | None = None
        self.modems: list[FakeModem] = []
        self.calls: list[str] = []
        self._messages = self._calls = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._out: asyncio.Queue[Message] = asyncio.Queue()  # what goes onto the bus, in order

    async def start(self) -> Self:
        self._bus = await MessageBus(bus_address=self._address, bus_type=BusType.SYSTEM).connect()
        self._bus.add_message_handler(self._asked)
        await self._bus.request_name(NAME)
        self._out = asyncio.Queue()
        self._keep(self._writes(self._bus, self._out))
        return self

    async def stop(self) -> None:
        """The process ends: its name leaves the bus."""
        for task in self._tasks:
            task.cancel()
        if self._bus is not None:
            self._bus.disconnect()
            with contextlib.suppress(OSError, EOFError):
                await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        self._bus = None

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def plug(self, state: int = REGISTERED, failed: int = 0) -> FakeModem:
        """A modem is plugged in."""
        modem = FakeModem(self, f"{ROOT}/Modem/{len(self.calls)}{len(self.modems)}", state, failed)
        self.modems.append(modem)
        self.signal(ROOT, OBJECTS, "InterfacesAdded", "oa{sa{sv}}", modem.path, modem.facts())
        return modem

    def unplug(self, modem: FakeModem) -> None:
        self.modems.remove(modem)
        self.signal(ROOT, OBJECTS, "InterfacesRemoved", "oas", modem.path, [MODEM, MESSAGING, VOICE])

    def call_path(self) -> str:
        self._calls += 1
        return f"{ROOT}/Call/{self._calls}"

    def message_path(self) -> str:
        self._messages += 1
        return f"{ROOT}/SMS/{self._messages}"

    def signal(self, path: str, interface: str, member: str, signature: str, *body: object) -> None:
        if self._bus is not None:
            kind = MessageType.SIGNAL
            self._out.put_nowait(
                Message(message_type=kind, path=path, interface=interface, member=member, signature=signature, body=list(body))
            )

    @staticmethod
    async def _writes(bus: MessageBus, out: asyncio.Queue[Message]) -> None:
        """Write one message after the other, each when the socket takes it: dbus-fast gives a connection up whose socket is full."""
        while True:
            message = await out.get()
            while not select.select([], [bus._fd or 0], [], 0)[1]:
                await asyncio.sleep(0.002)
            await bus.send(message)

    def later(self, after: float, do: Any, *what: Any) -> None:
        async def doing() -> None:
            await asyncio.sleep(after)
            do(*what)

        self._keep(doing())

    def _keep(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _asked(self, message: Message) -> Message | bool | None:
        if message.message_type is not MessageType.METHOD_CALL or message.interface == "org.freedesktop.DBus.Peer":
            return None
        known = METHODS.get((str(message.interface), str(message.member)))
        if known is None or known[0] != message.signature:
            error = "org.freedesktop.DBus.Error.UnknownMethod"
            return Message.new_error(message, error, f"{message.interface}.{message.member}({message.signature})")
        self.calls.append(str(message.member))
        self._keep(self._answer(message, known[1]))
        return True

    async def _answer(self, message: Message, signature: str) -> None:
        try:
            body = await self._done(message)
            answer = Message.new_method_return(message, signature, body)
        except _Refusal as no:
            answer = Message.new_error(message, no.args[0], no.args[1])
        if self._bus is not None:
            self._out.put_nowait(answer)

    async def _done(self, message: Message) -> list[Any]:
        if message.member == "GetManagedObjects":
            return [{modem.path: modem.facts() for modem in self.modems}]
        modem = self._of(str(message.path))
        if message.member in modem.fail:
            name, _, cause = modem.fail[message.member].partition(" ")
            text = f"Unknown message error: {cause}" if cause else f"refused: {message.member} for {_numbers(modem)}"
            raise _Refusal(ERROR + name, text)
        match message.member:
            case "Enable":
                modem.enabled += 1
                modem.state = REGISTERED if modem.registers else SEARCHING
                return []
            case "List":
                return [list(modem.messages)]
            case "Delete":
                if modem.messages.pop(message.body[0], None) is None:
                    raise _Refusal(f"{ERROR}Core.NotFound", "no such message")
                return []
            case "Create":
                path = modem.created(message.body[0])
                if path is None:
                    raise _Refusal(f"{ERROR}Core.InvalidArgs", f"unexpected properties {sorted(message.body[0])}")
                return [path]
            case "Send":
                if not await modem.sends(str(message.path)):
                    raise _Refusal("org.freedesktop.DBus.Error.UnknownObject", "the modem is gone")
                return []
            case "GetAll":
                return [(modem.messages | modem.calls)[str(message.path)]]
            case "Get":
                return [(modem.messages | modem.calls)[str(message.path)][message.body[1]]]
            case _:
                return await self._called(modem, message)

    async def _called(self, modem: FakeModem, message: Message) -> list[Any]:
        """Answer a method of the interfaces Voice and Call."""
        if not modem.voice:
            raise _Refusal("org.freedesktop.DBus.Error.UnknownMethod", f"No such interface {message.interface!r}")
        match message.member:
            case "ListCalls":
                return [list(modem.calls)]
            case "DeleteCall":
                if modem.calls.pop(message.body[0], None) is None:
                    raise _Refusal(f"{ERROR}Core.NotFound", "no such call")
                self.signal(modem.path, VOICE, "CallDeleted", "o", message.body[0])
                return []
            case "CreateCall":
                path = modem.dialled(message.body[0])
                if path is None:
                    raise _Refusal(f"{ERROR}Core.InvalidArgs", f"unexpected properties {sorted(message.body[0])}")
                return [path]
            case "Start":
                if modem.emergency:
                    raise _Refusal(f"{ERROR}Core.Unauthorized", "only emergency calls are allowed")
                await modem.starts(str(message.path))
                return []
            case "Hangup":
                if not modem.hung_up(str(message.path)):
                    raise _Refusal(f"{ERROR}Core.Failed", "This call was not active, cannot hangup")
                return []
            case _:
                raise AssertionError("nobody here takes a call")

    def _of(self, path: str) -> FakeModem:
        found = next((m for m in self.modems if path == m.path or path in m.messages or path in m.calls), None)
        if found is None:
            raise _Refusal("org.freedesktop.DBus.Error.UnknownObject", f"no object {path}")
        return found


class _Refusal(Exception):
    """(name of the D-Bus error, text)."""


def _numbers(modem: FakeModem) -> Iterable[str]:
    """What a talkative modem quotes in its error: whom the message was for."""
    return [m["Number"].value for m in (*modem.messages.values(), *modem.calls.values()) if "Number" in m]
