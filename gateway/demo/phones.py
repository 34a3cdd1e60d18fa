"""The demonstration's modem and the neighbour's telephone: a stand-in for ModemManager.

It has a message bus of its own, so that the gateway's own SMS program and what reads the answers
run as they do in a home. Names and signatures are those of ModemManager 1.20, as far as an SMS
needs them. On standard output is one JSON line for each thing that happens, on standard input comes
what the neighbour writes:

    python -m gateway.demo.phones FOLDER
    > {"did": "listens", "bus": "unix:abstract=..."}
    > {"did": "sent", "to": "+86...", "text": "..."}
    < {"from": "+86...", "text": "4711 1 5"}

It ends when told to, or when standard input is closed: with whoever started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import signal
import sys
from pathlib import Path
from typing import Any, Final

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from gateway.demo.both import both
from gateway.demo.child import die_with_starter
from gateway.sms.modem import (
    DELIVER,
    MESSAGING,
    MODEM,
    RECEIVED,
    REGISTERED,
    ROOT,
    SERVICE,
    STATUS_REPORT,
)

DAEMON: Final = "dbus-daemon"
PATH: Final = f"{ROOT}/Modem/0"
SENT: Final = 5  # MMSmsState
SUBMIT: Final = 2  # MMSmsPduType
DELIVERED: Final = 0  # MMSmsDeliveryState
TYPES: Final = {"Number": "s", "Text": "s"}  # of a message's properties; all others are numbers
_ERROR: Final = "org.freedesktop.DBus.Error.UnknownMethod"
_CONFIG: Final = """<busconfig>
  <type>system</type>
  <listen>unix:abstract={socket}</listen>
  <policy context="default">
    <allow own="*"/>
    <allow send_type="method_call"/><allow send_type="signal"/><allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"""


class Modem:
    """One modem in a network, as ModemManager shows it."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self._messages: dict[str, dict[str, Any]] = {}
        self._made = 0

    def receives(self, number: str, text: str) -> None:
        """Take an SMS from the network."""
        self._add(Number=number, Text=text, PduType=DELIVER, State=RECEIVED)

    def asked(self, message: Message) -> Message | bool | None:
        """Answer a call of a method."""
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        if message.interface == "org.freedesktop.DBus.Peer":
            return None
        answer = self._answer(str(message.path), str(message.member), message.body)
        if answer is None:
            what = f"{message.interface}.{message.member} of {message.path}"
            return Message.new_error(message, _ERROR, what)
        signature, body = answer
        return Message.new_method_return(message, signature, body)

    def _answer(self, path: str, member: str, body: list[Any]) -> tuple[str, list[Any]] | None:
        """Return signature and values of an answer; None where nothing here is called so."""
        match member:
            case "GetManagedObjects":
                return "a{oa{sa{sv}}}", [{PATH: self._facts()}]
            case "Enable":
                return "", []
            case "Create":
                number, text = (str(body[0][name].value) for name in ("number", "text"))
                sends = {"Number": number, "Text": text, "PduType": SUBMIT, "State": 0}
                return "o", [self._add(**sends, MessageReference=0)]
            case "Delete":
                self._messages.pop(str(body[0]), None)
                return "", []
            case "Send" if path in self._messages:
                self._sends(self._messages[path])
                return "", []
            case "GetAll" if path in self._messages:
                return "a{sv}", [_variants(self._messages[path])]
        return None

    def _facts(self) -> dict[str, dict[str, Variant]]:
        return {
            MODEM: {"State": Variant("i", REGISTERED), "StateFailedReason": Variant("u", 0)},
            MESSAGING: {"Messages": Variant("ao", list(self._messages))},
        }

    def _sends(self, facts: dict[str, Any]) -> None:
        self._made += 1
        reference = self._made % 256
        facts |= {"State": SENT, "MessageReference": reference}
        say("sent", to=facts["Number"], text=facts["Text"])
        report = {"Number": facts["Number"], "PduType": STATUS_REPORT, "State": RECEIVED}
        self._add(**report, MessageReference=reference, DeliveryState=DELIVERED)

    def _add(self, **facts: Any) -> str:
        self._made += 1
        path = f"{ROOT}/SMS/{self._made}"
        self._messages[path] = facts
        added = Message(
            message_type=MessageType.SIGNAL,
            path=PATH,
            interface=MESSAGING,
            member="Added",
            signature="ob",
            body=[path, facts["PduType"] != SUBMIT],
        )
        self._bus.send(added)
        return path


def _variants(facts: dict[str, Any]) -> dict[str, Variant]:
    return {name: Variant(TYPES.get(name, "u"), value) for name, value in facts.items()}


def say(did: str, **what: Any) -> None:
    """Write one line of what happens."""
    print(json.dumps({"did": did, **what}, ensure_ascii=False), flush=True)


async def _own_bus(folder: Path) -> tuple[asyncio.subprocess.Process, str]:
    """Start a message bus of one's own; return it and its address. Raises OSError.

    Its socket lies in no folder: the path of one may have 107 characters only. Who runs the
    demonstration may connect, and root.
    """
    file, socket = folder / "bus.conf", f"eldercare-demo-{secrets.token_hex(8)}"
    file.write_text(_CONFIG.format(socket=socket), encoding="utf-8")
    daemon = await asyncio.create_subprocess_exec(
        DAEMON,
        f"--config-file={file}",
        "--nofork",
        "--nopidfile",
        "--print-address",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        preexec_fn=die_with_starter,
    )
    assert daemon.stdout is not None  # asked for above
    if not await daemon.stdout.readline():  # its address is printed once it listens
        raise OSError(both("phones.no_bus"))
    return daemon, f"unix:abstract={socket}"


async def serve(folder: Path) -> None:
    """Serve until told to stop or standard input ends. Raises OSError."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    daemon, address = await _own_bus(folder)
    try:
        bus = await MessageBus(bus_address=address, bus_type=BusType.SYSTEM).connect()
        modem = Modem(bus)
        bus.add_message_handler(modem.asked)
        await bus.request_name(SERVICE)
        say("listens", bus=address)
        reading = asyncio.create_task(_read(modem, stop))
        await stop.wait()
        reading.cancel()
        bus.disconnect()
    finally:
        with contextlib.suppress(ProcessLookupError):
            daemon.terminate()
        await daemon.wait()


async def _read(modem: Modem, stop: asyncio.Event) -> None:
    """Let the modem receive what comes by standard input."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    while line := await lines.readline():
        told = json.loads(line)
        modem.receives(told["from"], told["text"])
    stop.set()


if __name__ == "__main__":
    try:
        asyncio.run(serve(Path(sys.argv[1])))
    except FileNotFoundError:
        sys.exit(both("phones.no_daemon"))
    except OSError as error:
        sys.exit(str(error))
