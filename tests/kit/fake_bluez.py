"""A private message bus and a stand-in for bluetoothd on it, so that bleak's genuine BlueZ backend runs without any radio.

It keeps the rules that were measured on the real bluetoothd 5.82:

  * equal bytes at an RSSI within 8 dB of the last are told to nobody, unless a client scans with DuplicateData;
  * discovery belongs to the client that started it: a second start by it is InProgress, a stop without start is Failed, and a
    client that leaves the bus takes its discovery with it;
  * when the last discovery ends, by whatever way, every device is announced once more without its RSSI;
  * a crash, a power-off or a pulled adapter ends all discovery without a word to the clients;
  * services of a device are there only while it is connected; a Disconnect ends a Connect that is still under way.

In one process:                          As a child (`Child` below does it), commands as JSON lines on stdin:

    with PrivateBus() as bus:                python tests/kit/fake_bluez.py [--adverts FILE]
        async with Bluetoothd(bus) as air:   <- {"bus": "unix:path=..."}
            air.advertise("A4:...", ...)     -> {"advertise": {"address": "A4:...", "service_data": {"fcd2": "40..."}}}

Not modelled: adverts without the Flags field, passive scanning, scan responses, pairing dialogues.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from tests.kit.wait import PATIENCE

ADAPTER = "org.bluez.Adapter1"
BATTERY = "org.bluez.Battery1"
CHARACTERISTIC = "org.bluez.GattCharacteristic1"
SERVICE = "org.bluez.GattService1"
DEVICE = "org.bluez.Device1"
OBJECTS = "org.freedesktop.DBus.ObjectManager"
PROPERTIES = "org.freedesktop.DBus.Properties"
RSSI_STEP = 8  # dB
SEND_BUFFER = 16 << 20  # bytes: dbus-fast drops its connection when a burst fills the socket
SYSTEM_BUS = "DBUS_SYSTEM_BUS_ADDRESS"

_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <policy context="default">
    <allow user="*"/><allow own="*"/>
    <allow send_type="method_call"/><allow send_type="signal"/><allow send_destination="*"/>
    <allow receive_type="method_call"/><allow receive_type="signal"/><allow receive_type="method_return"/><allow receive_type="error"/>
  </policy>
  <limit name="max_outgoing_bytes">67108864</limit>
  <limit name="max_incoming_bytes">67108864</limit>
</busconfig>
"""


def uuid(short: str) -> str:
    """Expand "fcd2" to the 128-bit text; longer texts stay as they are."""
    return f"0000{short}-0000-1000-8000-00805f9b34fb" if len(short) == 4 else short


class PrivateBus:
    """A dbus-daemon of one's own. `with` sets DBUS_SYSTEM_BUS_ADDRESS for this process and puts it back."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="bus-")
        self._socket = Path(self._folder.name, "socket")
        self._daemon: Any = None
        self.address = f"unix:path={self._socket}"

    def start(self) -> Self:
        """Return when the bus takes connections."""
        self._socket.unlink(missing_ok=True)  # a killed daemon leaves it
        config = Path(self._folder.name, "bus.conf")
        config.write_text(_CONFIG.format(socket=self._socket))
        self._daemon = subprocess.Popen(
            ["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile", "--print-address"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        if not self._daemon.stdout.readline():  # the address is printed when it listens
            raise RuntimeError("dbus-daemon did not start")
        return self

    def kill(self) -> None:
        """The bus dies under everybody."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()
            self._daemon.stdout.close()
            self._daemon = None
            self._socket.unlink(missing_ok=True)

    def close(self) -> None:
        self.kill()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        self._before = os.environ.get(SYSTEM_BUS)
        os.environ[SYSTEM_BUS] = self.address
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._before is None:
            del os.environ[SYSTEM_BUS]
        else:
            os.environ[SYSTEM_BUS] = self._before
        self.close()


class Peripheral:
    """A device that can be connected: `services` is {service: {characteristic: (flags, bytes to read)}}, uuids as "180d" or full.

    `delay`: seconds a connection takes; None = it never comes about. `stored`: [(characteristic, bytes)] it sends, `gap` seconds
    apart, once the last characteristic that can be subscribed to was; then, if it `leaves`, it ends the connection. `battery`: what
    bluetoothd tells of it instead of showing its battery service. `pairs`: it refuses subscriptions until it was paired.
    """

    def __init__(
        self,
        services: Mapping[str, Mapping[str, tuple[Iterable[str], bytes | str]]],
        *,
        delay: float | None = 0.0,
        stored: Iterable[tuple[str, bytes | str]] = (),
        gap: float = 0.01,
        leaves: bool = False,
        battery: int | None = None,
        pairs: bool = False,
    ) -> None:
        self.services = {uuid(s): {uuid(c): (list(f), _bytes(v)) for c, (f, v) in cs.items()} for s, cs in services.items()}
        self.delay = delay
        self.stored = [(uuid(c), _bytes(v)) for c, v in stored]
        self.gap = gap
        self.leaves = leaves
        self.battery = battery
        self.pairs = pairs
        self.connections = 0
        self.connecting: Message | None = None  # the message that asked for a connection, until it is answered


class Bluetoothd:
    """The stand-in. Its switches: `unplug`, `plug`, `power`, `idle`, `crash`, `start`, and `fail` = {member: D-Bus error name}.

    `fail` values may also be (error name, how many times). `mute` = members that are never answered.
    """

    def __init__(self, bus: str | PrivateBus, adapter: str = "hci0") -> None:
        self._address = bus if isinstance(bus, str) else bus.address
        self._path = f"/org/bluez/{adapter}"
        self._bus: Any = None
        self._objects: dict[str, dict[str, dict[str, Variant]]] = {}
        self._told: dict[
            str, tuple[tuple[object, ...], int]
        ] = {}  # device path -> (bytes as last told, RSSI); bounded by the devices a test advertises
        self._filters: dict[str, dict[str, Any]] = {}  # client -> its discovery filter
        self.discovering: dict[str, dict[str, Any]] = {}  # client -> filter it scans with
        self.calls: list[str] = []  # members called on org.bluez, in order
        self.fail: dict[str, str | tuple[str, int]] = {}
        self.mute: set[str] = set()
        self.peripherals: dict[str, Peripheral] = {}  # device path -> Peripheral
        self.pauses = False  # whether a connection stops the discovery for as long as it lasts, as on some controllers
        self._tasks: set[asyncio.Task[None]] = set()
        self._add_adapter()

    # --- life ---

    async def start(self) -> Self:
        """Come up as systemd would start it, with the adapter that is plugged in and no devices."""
        self._forget_devices()
        self._bus = await MessageBus(bus_address=self._address, bus_type=BusType.SYSTEM).connect()
        with contextlib.suppress(PermissionError):  # beyond the system's limit only for root
            self._bus._sock.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_SNDBUFFORCE", 32), SEND_BUFFER)
        self._bus.add_message_handler(self._asked)
        await self._bus.request_name("org.bluez")
        for path, interfaces in self._objects.items():
            self._signal("/", OBJECTS, "InterfacesAdded", "oa{sa{sv}}", path, interfaces)
        return self

    async def crash(self) -> None:
        """The process dies: its name leaves the bus, nobody is told anything else."""
        for task in self._tasks:
            task.cancel()
        if self._bus is not None:
            self._bus.disconnect()
            with contextlib.suppress(OSError, EOFError):
                await self._bus.wait_for_disconnect()
        self._bus = None
        self._forget_devices()
        self._filters.clear()
        self.discovering.clear()
        adapter = self._objects.get(self._path)
        if adapter:
            adapter[ADAPTER]["Discovering"] = Variant("b", False)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.crash()

    # --- the world ---

    def advertise(
        self,
        address: str,
        *,
        service_data: Mapping[str, bytes | str] | None = None,
        manufacturer_data: Mapping[int | str, bytes | str] | None = None,
        name: str | None = None,
        uuids: Iterable[str] = (),
        rssi: int = -60,
        address_type: str = "public",
    ) -> bool:
        """One advertisement in the air; data as bytes or hex, services as "fcd2" or full. Say whether clients were told."""
        if not self.discovering or self._bus is None:
            return False
        services = {uuid(k): _bytes(v) for k, v in (service_data or {}).items()}
        makers = {int(k): _bytes(v) for k, v in (manufacturer_data or {}).items()}
        heard = {"RSSI": Variant("n", rssi)}
        if services:
            heard["ServiceData"] = Variant("a{sv}", {k: Variant("ay", v) for k, v in services.items()})
        if makers:
            heard["ManufacturerData"] = Variant("a{qv}", {k: Variant("ay", v) for k, v in makers.items()})
        if name:
            heard["Name"] = Variant("s", name)
        if uuids:
            heard["UUIDs"] = Variant("as", [uuid(u) for u in uuids])
        path = self._device_path(address)
        content = (services, makers, name, tuple(uuids))
        before = self._told.get(path)
        self._told[path] = (content, rssi)
        if before is None:
            self._objects[path] = {DEVICE: self._device(address) | {"AddressType": Variant("s", address_type)} | heard}
            return self._signal("/", OBJECTS, "InterfacesAdded", "oa{sa{sv}}", path, self._objects[path])
        repeats_wanted = any(f.get("DuplicateData", True) for f in self.discovering.values())
        if content == before[0] and not repeats_wanted:
            if abs(rssi - before[1]) < RSSI_STEP:
                self._told[path] = before
                return False
            heard = {"RSSI": heard["RSSI"]}
        return self._change(path, DEVICE, heard)

    def unplug(self) -> None:
        """The adapter is pulled out, and every device goes with it."""
        self.discovering.clear()
        for path in [p for p in self._objects if p.startswith(self._path)][::-1]:
            gone = list(self._objects.pop(path))
            self._signal("/", OBJECTS, "InterfacesRemoved", "oas", path, gone)
        self._told.clear()

    def plug(self) -> None:
        self._add_adapter()
        self._signal("/", OBJECTS, "InterfacesAdded", "oa{sa{sv}}", self._path, self._objects[self._path])

    def power(self, on: bool) -> None:
        """Somebody, or rfkill, switches the adapter."""
        self._change(self._path, ADAPTER, {"Powered": Variant("b", on)})
        if not on:
            self.discovering.clear()
            self._discovery_over()

    def idle(self) -> None:
        """Discovery ends by itself, as when the kernel loses it."""
        self.discovering.clear()
        self._discovery_over()

    def peripheral(self, address: str, services: Any, **how: Any) -> Peripheral:
        """Put a connectable device into the air; it still has to advertise. Return it."""
        found = self.peripherals[self._device_path(address)] = Peripheral(services, **how)
        return found

    def connected(self, address: str) -> bool:
        facts = self._objects.get(self._device_path(address), {}).get(DEVICE)
        return bool(facts and facts["Connected"].value)

    def notify(self, address: str, characteristic: str, data: bytes | str) -> bool:
        """Let a connected device send a value; say whether anybody has subscribed to it."""
        path = self._characteristic(self._device_path(address), uuid(characteristic))
        if path is None or not self._objects[path][CHARACTERISTIC]["Notifying"].value:
            return False
        return self._signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", CHARACTERISTIC, {"Value": Variant("ay", _bytes(data))}, [])

    def drop(self, address: str) -> None:
        """The link is lost, or the device ends it."""
        path = self._device_path(address)
        if not self.connected(address):
            return
        self._change(path, DEVICE, {"ServicesResolved": Variant("b", False)})
        for below in sorted((p for p in self._objects if p.startswith(f"{path}/")), reverse=True):
            self._signal("/", OBJECTS, "InterfacesRemoved", "oas", below, list(self._objects.pop(below)))
        self._change(path, DEVICE, {"Connected": Variant("b", False)})
        if self.pauses and self.discovering:
            self._change(self._path, ADAPTER, {"Discovering": Variant("b", True)})

    # --- what clients ask ---

    def _asked(self, message: Any) -> Message | bool | None:
        if message.message_type is MessageType.SIGNAL and message.member == "NameOwnerChanged" and not message.body[2]:
            if self.discovering.pop(message.body[0], None) is not None and not self.discovering:
                self._discovery_over()
            return None
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        member = message.member
        self.calls.append(member)
        if member in self.mute:
            return True
        if member in self.fail:
            error = self.fail[member]
            if not isinstance(error, str):
                error, times = error
                self.fail[member] = (error, times - 1)
                if times <= 1:
                    del self.fail[member]
            return Message.new_error(message, error, "injected by the test")
        if member == "GetManagedObjects":
            return Message.new_method_return(message, "a{oa{sa{sv}}}", [self._objects])
        if message.path not in self._objects:
            return Message.new_error(message, "org.freedesktop.DBus.Error.UnknownObject", f"no object {message.path}")
        answer = getattr(self, f"_on_{member}", None)
        if answer is None:
            return Message.new_error(message, "org.freedesktop.DBus.Error.UnknownMethod", f"no method {member}")
        answered: Message | bool = answer(message)
        return answered

    def _on_GetAll(self, message: Any) -> Message:
        return Message.new_method_return(message, "a{sv}", [self._objects[message.path][message.body[0]]])

    def _on_Set(self, message: Any) -> Message:
        _, name, value = message.body
        if name == "Powered":
            self.power(value.value)
        return Message.new_method_return(message)

    def _on_SetDiscoveryFilter(self, message: Any) -> Message:
        self._filters[message.sender] = {k: v.value for k, v in message.body[0].items()}
        return Message.new_method_return(message)

    def _on_StartDiscovery(self, message: Any) -> Message:
        facts = self._objects[self._path][ADAPTER]
        if not facts["Powered"].value:
            return Message.new_error(message, "org.bluez.Error.NotReady", "Resource Not Ready")
        if message.sender in self.discovering:
            return Message.new_error(message, "org.bluez.Error.InProgress", "Operation already in progress")
        self.discovering[message.sender] = self._filters.get(message.sender, {})
        rule = f"type='signal',member='NameOwnerChanged',arg0='{message.sender}'"
        path, bus = "/org/freedesktop/DBus", "org.freedesktop.DBus"
        self._bus.send(Message(destination=bus, path=path, interface=bus, member="AddMatch", signature="s", body=[rule]))
        if not facts["Discovering"].value:
            self._change(self._path, ADAPTER, {"Discovering": Variant("b", True)})
        return Message.new_method_return(message)

    def _on_StopDiscovery(self, message: Any) -> Message:
        if self.discovering.pop(message.sender, None) is None:
            return Message.new_error(message, "org.bluez.Error.Failed", "No discovery started")
        if not self.discovering:
            self._discovery_over()
        return Message.new_method_return(message)

    def _on_Get(self, message: Any) -> Message:
        interface, name = message.body
        facts = self._objects[message.path].get(interface)
        if facts is None or name not in facts:
            return Message.new_error(message, "org.freedesktop.DBus.Error.InvalidArgs", f"No such interface {interface!r}")
        return Message.new_method_return(message, "v", [facts[name]])

    def _on_Connect(self, message: Any) -> Message | bool:
        peripheral = self.peripherals.get(message.path)
        if peripheral is None:
            return Message.new_error(message, "org.bluez.Error.Failed", "br-connection-create-socket")
        if peripheral.connecting is not None:
            return Message.new_error(message, "org.bluez.Error.InProgress", "Operation already in progress")
        peripheral.connecting = message
        self._later(self._connect(message.path, peripheral))
        return True

    async def _connect(self, path: str, peripheral: Peripheral) -> None:
        await asyncio.sleep(1e6 if peripheral.delay is None else peripheral.delay)
        message, peripheral.connecting = peripheral.connecting, None
        if message is None or path not in self._objects:
            return
        peripheral.connections += 1
        if self.pauses:
            self._change(self._path, ADAPTER, {"Discovering": Variant("b", False)})
        self._change(path, DEVICE, {"Connected": Variant("b", True)})
        self._bus.send(Message.new_method_return(message))
        handle = 1
        for service, characteristics in peripheral.services.items():
            below = f"{path}/service{handle:04x}"
            facts = {"UUID": Variant("s", service), "Primary": Variant("b", True), "Device": Variant("o", path)}
            self._add(below, {SERVICE: facts | {"Includes": Variant("ao", []), "Handle": Variant("q", handle)}})
            for characteristic, (flags, _) in characteristics.items():
                handle += 3
                facts = {"UUID": Variant("s", characteristic), "Service": Variant("o", below), "Flags": Variant("as", flags)}
                facts |= {"Value": Variant("ay", b""), "Notifying": Variant("b", False), "MTU": Variant("q", 247)}
                self._add(f"{below}/char{handle:04x}", {CHARACTERISTIC: facts | {"Handle": Variant("q", handle)}})
            handle += 1
        if peripheral.battery is not None:
            self._objects[path][BATTERY] = {"Percentage": Variant("y", peripheral.battery)}
        self._change(path, DEVICE, {"ServicesResolved": Variant("b", True)})

    def _on_Disconnect(self, message: Any) -> Message:
        peripheral = self.peripherals.get(message.path)
        if peripheral is not None and peripheral.connecting is not None:
            pending, peripheral.connecting = peripheral.connecting, None
            self._bus.send(Message.new_error(pending, "org.bluez.Error.Failed", "le-connection-abort-by-local"))
        self.drop(self._objects[message.path][DEVICE]["Address"].value)
        return Message.new_method_return(message)

    def _on_Pair(self, message: Any) -> Message:
        self.peripherals[message.path].pairs = False
        self._change(message.path, DEVICE, {"Paired": Variant("b", True)})
        return Message.new_method_return(message)

    def _on_StartNotify(self, message: Any) -> Message:
        device = message.path.rsplit("/", 2)[0]
        peripheral = self.peripherals[device]
        facts = self._objects[message.path][CHARACTERISTIC]
        if peripheral.pairs:
            return Message.new_error(message, "org.bluez.Error.Failed", "Operation failed with ATT error: 0x0f")
        if not {"notify", "indicate"} & set(facts["Flags"].value):
            return Message.new_error(message, "org.bluez.Error.NotSupported", "Operation is not supported")
        facts["Notifying"] = Variant("b", True)
        wanted = {c for cs in peripheral.services.values() for c, (flags, _) in cs.items() if {"notify", "indicate"} & set(flags)}
        below = [i[CHARACTERISTIC] for p, i in self._objects.items() if p.startswith(f"{device}/") and CHARACTERISTIC in i]
        if {c["UUID"].value for c in below if c["Notifying"].value} >= wanted - {uuid("2a19")}:
            self._later(self._send_stored(device, peripheral))
        return Message.new_method_return(message)

    async def _send_stored(self, device: str, peripheral: Peripheral) -> None:
        address = self._objects[device][DEVICE]["Address"].value
        for characteristic, data in peripheral.stored:
            await asyncio.sleep(peripheral.gap)
            self.notify(address, characteristic, data)
        if peripheral.leaves:
            await asyncio.sleep(max(peripheral.gap, 0.05))
            self.drop(address)

    def _on_ReadValue(self, message: Any) -> Message:
        peripheral = self.peripherals[message.path.rsplit("/", 2)[0]]
        wanted = self._objects[message.path][CHARACTERISTIC]["UUID"].value
        value = next(c[wanted][1] for c in peripheral.services.values() if wanted in c)
        return Message.new_method_return(message, "ay", [value])

    # --- inside ---

    def _device_path(self, address: str) -> str:
        return f"{self._path}/dev_{address.replace(':', '_')}"

    def _characteristic(self, device: str, wanted: str) -> str | None:
        below = ((p, i) for p, i in self._objects.items() if p.startswith(f"{device}/"))
        return next((p for p, i in below if CHARACTERISTIC in i and i[CHARACTERISTIC]["UUID"].value == wanted), None)

    def _add(self, path: str, interfaces: dict[str, dict[str, Variant]]) -> None:
        self._objects[path] = interfaces
        self._signal("/", OBJECTS, "InterfacesAdded", "oa{sa{sv}}", path, interfaces)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _discovery_over(self) -> None:
        if self._path not in self._objects:
            return
        self._change(self._path, ADAPTER, {"Discovering": Variant("b", False)})
        for path, interfaces in self._objects.items():
            if DEVICE in interfaces and "RSSI" in interfaces[DEVICE]:
                del interfaces[DEVICE]["RSSI"]
                self._signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", DEVICE, {}, ["RSSI"])

    def _add_adapter(self) -> None:
        self._objects[self._path] = {
            ADAPTER: {
                "Address": Variant("s", "02:00:5E:00:53:01"),
                "Name": Variant("s", "stand-in"),
                "Powered": Variant("b", True),
                "Discovering": Variant("b", False),
                "Roles": Variant("as", ["central"]),
            }
        }

    def _device(self, address: str) -> dict[str, Variant]:
        facts = {"Address": Variant("s", address), "Alias": Variant("s", address.replace(":", "-")), "Adapter": Variant("o", self._path)}
        flags = ("Paired", "Bonded", "Trusted", "Blocked", "LegacyPairing", "Connected", "ServicesResolved")
        return facts | {flag: Variant("b", False) for flag in flags} | {"UUIDs": Variant("as", [])}

    def _forget_devices(self) -> None:
        self._told.clear()
        self._objects = {path: facts for path, facts in self._objects.items() if ADAPTER in facts}

    def _change(self, path: str, interface: str, changed: dict[str, Variant]) -> bool:
        self._objects[path][interface].update(changed)
        return self._signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", interface, changed, [])

    def _signal(self, path: str, interface: str, member: str, signature: str, *body: object) -> bool:
        if self._bus is None:
            return False
        self._bus.send(
            Message(message_type=MessageType.SIGNAL, path=path, interface=interface, member=member, signature=signature, body=list(body))
        )
        return True


def _bytes(data: bytes | str) -> bytes:
    return bytes.fromhex(data) if isinstance(data, str) else bytes(data)


class Child:
    """The stand-in as a process of its own, with its own bus at `address`: for tests and measurements of the whole daemon.

    Commands go out at once and are not answered, but for `ask`, which waits until all before it are done.
    """

    def __init__(self, *options: str) -> None:
        self._process: Any = subprocess.Popen(
            [sys.executable, "-m", "tests.kit.fake_bluez", *options],
            cwd=Path(__file__).resolve().parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        assert self._process.stdout
        self.address = json.loads(self._process.stdout.readline())["bus"]
        self.environment = os.environ | {SYSTEM_BUS: self.address}

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    def advertise(self, address: str, **advert: Any) -> None:
        """One advertisement; keywords as of Bluetoothd.advertise, bytes allowed."""
        self.do(advertise={"address": address, **advert})

    def do(self, **command: Any) -> None:
        """Send for instance do(unplug=True), do(power=False), do(fail={"StartDiscovery": "org.bluez.Error.InProgress"})."""
        self._process.stdin.write(json.dumps(command, default=bytes.hex) + "\n")

    def ask(self) -> dict[str, Any]:
        """Return {"scanning": clients that scan, "told": adverts told, "calls": {member: times}, "connected": addresses}."""
        self.do(ask=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def wait_for_scan(self, longest: float = PATIENCE) -> None:
        end = time.monotonic() + longest
        while not self.ask()["scanning"]:
            if time.monotonic() > end:
                raise TimeoutError(f"nobody scans after {longest} s")
            time.sleep(0.02)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


async def _obey(lines: asyncio.StreamReader, bus: PrivateBus, air: Bluetoothd) -> None:
    told = 0
    beside: list[asyncio.Task[int]] = []
    while line := await lines.readline():
        for word, what in json.loads(line).items():
            match word:
                case "advertise":
                    told += air.advertise(**what)
                    if told % 64 == 0:
                        await asyncio.sleep(0)  # the socket is emptied in between
                case "flood":  # {"rate": per s, "seconds": s, "devices": n}: device data changes with every advert
                    told += await flood(air, **what)
                case "flood_beside":  # the same, and other commands are obeyed meanwhile; `ask` counts it once it is over
                    beside.append(asyncio.create_task(flood(air, **what)))
                case "unplug" | "plug" | "idle":
                    getattr(air, word)()
                case "power":
                    air.power(what)
                case "peripheral":
                    air.peripheral(**what)
                case "drop":
                    air.drop(what)
                case "crash":
                    await air.crash()
                case "start":
                    await air.start()
                case "kill_bus":
                    bus.kill()
                case "start_bus":
                    bus.start()
                case "fail":
                    air.fail = {k: v if isinstance(v, str) else tuple(v) for k, v in what.items()}
                case "ask":
                    calls = {member: air.calls.count(member) for member in set(air.calls)}
                    connected = [p[-17:].replace("_", ":") for p in air.peripherals if air.connected(p[-17:].replace("_", ":"))]
                    heard = told + sum(task.result() for task in beside if task.done())
                    answer = {"scanning": len(air.discovering), "told": heard, "calls": calls, "connected": connected}
                    print(json.dumps(answer), flush=True)
                case _:
                    raise SystemExit(f"unknown command {word}")


async def flood(
    air: Bluetoothd, rate: float, seconds: float, devices: int = 50, first: str = "C2:00:00:00:00:00", service: str = "fcd2"
) -> int:
    """Send `rate` adverts a second from `devices` addresses, bytes new each time; return how many were told."""
    told = 0
    prefix = first[:-5]
    begin = time.monotonic()
    for n in range(int(rate * seconds)):
        device = n % devices
        body = b"\x40\x00" + bytes([n & 255]) + b"\x02" + (n & 0x7FFF).to_bytes(2, "little")
        told += air.advertise(f"{prefix}{device >> 8:02X}:{device & 255:02X}", service_data={service: body})
        early = begin + n / rate - time.monotonic()
        if early > 0.002 or n % 32 == 0:
            await asyncio.sleep(max(0.0, early))
    return told


async def _main() -> None:
    parser = argparse.ArgumentParser(description="a private bus with a stand-in for bluetoothd; commands as JSON lines on stdin")
    parser.add_argument("--adverts", type=Path, help='JSON lines {"after": seconds, "address": ..., ...} to play once somebody scans')
    options = parser.parse_args()
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    with PrivateBus() as bus:
        air = Bluetoothd(bus)
        await air.start()
        print(json.dumps({"bus": bus.address}), flush=True)
        playing = asyncio.create_task(_play(air, options.adverts)) if options.adverts else None
        await _obey(lines, bus, air)
        if playing:
            playing.cancel()
        await air.crash()


async def _play(air: Bluetoothd, path: Path) -> None:
    while not air.discovering:
        await asyncio.sleep(0.02)
    for line in path.read_text().splitlines():
        advert = json.loads(line)
        await asyncio.sleep(advert.pop("after", 0.0))
        air.advertise(**advert)


if __name__ == "__main__":
    asyncio.run(_main())
