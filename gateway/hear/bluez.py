"""Our own connection to D-Bus: asks and switches one adapter, and is told when it goes."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Any

from bleak.exc import BleakError
from dbus_fast import BusType, DBusFastError, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from gateway.hear.waits import WAITS

_BLUEZ = "org.bluez"
_ADAPTER = "org.bluez.Adapter1"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_OBJECTS = "org.freedesktop.DBus.ObjectManager"
_BUS = "org.freedesktop.DBus"
# what a dying bus, a dying bluetoothd or a removed adapter may raise out of bleak and dbus-fast
LOSSES = (BleakError, DBusFastError, OSError, EOFError)


class RadioError(Exception):
    """Why nothing can be heard: what, where, and what to do about it."""


class _RefusedError(RadioError):
    """bluetoothd or the bus answered with an error; `name` is its D-Bus name."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name


class SwitchError(RadioError):
    """The adapter is there but neither scans nor switches: worth switching it off and on."""


class Bluez:
    """One adapter at bluetoothd. On the event loop; no advertisement passes here."""

    def __init__(self, adapter: str) -> None:
        self._adapter = adapter
        self._path = f"/org/bluez/{adapter}"
        self._bus: MessageBus | None = None
        self._end: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._returned = asyncio.Event()
        self.lost = ""  # what was lost first since `make_ready`
        # loop time since which the adapter says that nobody scans
        self.idle_since: float | None = None

    async def connect(self) -> None:
        """Connect unless connected. RadioError without a system bus."""
        if self._bus is not None and self._bus.connected:
            return
        self.close()
        where = os.environ.get("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/run/dbus/system_bus_socket")
        try:
            async with asyncio.timeout(WAITS.dbus_answer):
                bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
        except TimeoutError:
            raise RadioError(f"D-Bus at {where} does not answer; restart the machine") from None
        except LOSSES as refusal:
            raise RadioError(
                f"no D-Bus at {where} ({refusal}); start it: systemctl start dbus"
            ) from refusal
        self._bus = bus
        bus.add_message_handler(self._told)
        self._end = asyncio.create_task(self._until_end(bus), name=f"bus of {self._adapter}")
        # Only these few messages wake us. No other local program can feign a loss: rules name the
        # sender.
        rules = (
            f"sender='{_BUS}',member='NameOwnerChanged',arg0='{_BLUEZ}'",
            f"sender='{_BLUEZ}',interface='{_OBJECTS}',arg0path='{self._path}'",
            f"sender='{_BLUEZ}',interface='{_PROPERTIES}',path='{self._path}',arg0='{_ADAPTER}'",
        )
        try:
            for rule in rules:
                await self._ask(
                    _BUS, "/org/freedesktop/DBus", _BUS, "AddMatch", "s", f"type='signal',{rule}"
                )
        except RadioError:
            self.close()  # a connection that is told nothing is worse than none
            raise

    def close(self) -> None:
        """Leave the bus; harmless when there is none."""
        if self._end is not None:
            self._end.cancel()
        if self._bus is not None:
            self._bus.disconnect()
        self._bus = self._end = None

    async def make_ready(self) -> None:
        """Forget old news and see that the adapter is there and on. RadioError says what to do."""
        self._news.clear()
        self._returned.clear()
        self.lost = ""
        self.idle_since = None
        try:
            (facts,) = await self._ask(_BLUEZ, self._path, _PROPERTIES, "GetAll", "s", _ADAPTER)
        except _RefusedError as refusal:
            raise RadioError(await self._why_absent(refusal)) from refusal
        if not facts["Powered"].value:
            # it is off only after a boot without AutoEnable, or by mistake
            await self.power(True)
        self.lost = ""  # our own switching is no loss

    async def power(self, on: bool) -> None:
        """Switch the adapter. RadioError when it does not follow."""
        try:
            await self._ask(
                _BLUEZ, self._path, _PROPERTIES, "Set", "ssv", _ADAPTER, "Powered", Variant("b", on)
            )
        except _RefusedError as refusal:
            state = "on" if on else "off"
            raise SwitchError(
                f"adapter {self._adapter} cannot be switched {state} ({refusal});"
                " look at: rfkill list"
            ) from refusal

    async def adapters(self) -> list[tuple[str, str, bool]]:
        """Return (name, address, powered) of every adapter. RadioError: bluetoothd is not there."""
        try:
            (objects,) = await self._ask(_BLUEZ, "/", _OBJECTS, "GetManagedObjects")
        except _RefusedError as refusal:
            raise RadioError(
                f"bluetoothd does not run ({refusal}); start it: systemctl start bluetooth"
            ) from refusal
        found = (
            (path, interfaces[_ADAPTER])
            for path, interfaces in objects.items()
            if _ADAPTER in interfaces
        )
        return sorted(
            (path.rpartition("/")[2], facts["Address"].value, facts["Powered"].value)
            for path, facts in found
        )

    async def news(self, longest: float) -> None:
        """Wait until something changed about the adapter, at most `longest` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest):
                await self._news.wait()
        self._news.clear()

    async def wait_for_return(self, longest: float) -> None:
        """Wait `longest` seconds, or until bluetoothd or the adapter came back and settled."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest):
                await self._returned.wait()
        # its adapters come after bluetoothd's name; and a loose plug must not make us spin
        await asyncio.sleep(WAITS.radio_settle)

    def stir(self) -> None:
        """End a running `news`."""
        self._news.set()

    async def _why_absent(self, refusal: _RefusedError) -> str:
        there = await self.adapters()
        names = ", ".join(name for name, _, _ in there) or "none"
        return (
            f"adapter {self._adapter} is not there ({refusal.name});"
            f" plug it in or correct the configuration; present: {names}"
        )

    async def _ask(
        self, whom: str, path: str, interface: str, member: str, signature: str = "", *body: Any
    ) -> list[Any]:
        if self._bus is None or not self._bus.connected:
            raise RadioError("the connection to D-Bus is lost; it is tried again")
        call = Message(
            destination=whom,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
        )
        try:
            async with asyncio.timeout(WAITS.dbus_answer):
                reply = await self._bus.call(call)
        except TimeoutError:
            raise RadioError(
                f"{whom} does not answer {member} within {WAITS.dbus_answer:g} s;"
                " restart bluetooth.service"
            ) from None
        except LOSSES as loss:
            raise RadioError(
                f"the connection to D-Bus broke ({loss or type(loss).__name__}); it is tried again"
            ) from loss
        if reply.message_type is MessageType.ERROR:
            raise _RefusedError(str(reply.error_name), str(reply.body[0]) if reply.body else "")
        return list(reply.body)

    async def _until_end(self, bus: MessageBus) -> None:
        with contextlib.suppress(*LOSSES):
            await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]  # dbus-fast's
        self._lose("the connection to D-Bus is lost; if it stays so: systemctl start dbus")

    def _lose(self, what: str) -> None:
        self.lost = self.lost or what
        self._news.set()

    def _told(self, message: Message) -> None:
        """Take what the bus says; called by dbus-fast for every message on our connection."""
        if message.message_type is not MessageType.SIGNAL:
            return
        match message.member, message.body:
            case "NameOwnerChanged", [str(name), str(old), str(new)] if name == _BLUEZ:
                if old:
                    self._lose("bluetoothd stopped; if it stays so: systemctl start bluetooth")
                if new:
                    self._returned.set()
            case "InterfacesRemoved", [str(path), list(interfaces)] if (
                path == self._path and _ADAPTER in interfaces
            ):
                self._lose(f"adapter {self._adapter} was removed; plug it in again")
            case "InterfacesAdded", [str(path), _] if path == self._path:
                self._returned.set()
            case "PropertiesChanged", [_, dict(changed), _] if message.path == self._path:
                self._changed(changed)

    def _changed(self, changed: dict[str, Variant]) -> None:
        if "Powered" in changed:
            if changed["Powered"].value:
                self._returned.set()
            else:
                self._lose(f"adapter {self._adapter} was switched off")
        if "Discovering" in changed:
            self.idle_since = (
                None if changed["Discovering"].value else asyncio.get_running_loop().time()
            )
            self._news.set()


async def adapters() -> list[tuple[str, str, bool]]:
    """Return (name, address, powered) of each Bluetooth adapter. RadioError: nobody answers."""
    bluez = Bluez("hci0")
    try:
        await bluez.connect()
        return await bluez.adapters()
    finally:
        bluez.close()
