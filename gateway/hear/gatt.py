"""Visits: connects to a device that has just spoken up, takes what it has stored, and leaves.

One visit at a time, and none while an alarm is fresh: on most boxes one radio both scans and
connects, and a thermometer must not cost a call for help its hearing. Every step is bounded. bleak
gets the device as the scanner heard it: by its address alone bluetoothd would have to search, which
fails with InProgress while we scan.

An advertisement is the invitation, and it ages within seconds. What looks like one right after a
visit is none: bleak announces every change of a device's properties, so also that the connection
ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.exc import BleakDBusError, BleakError, BleakGATTProtocolError
from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus
from msgspec import Struct, field

from gateway.hear.bluez import LOSSES
from gateway.hear.waits import WAITS
from gateway.words.driver import Attribute, GattService, uuid16

# values taken in one visit, each of at most 512 bytes; a device that has more is visited again
AT_MOST = 500
TRIES = 3  # of one connection that another operation of bluetoothd is in the way of
_BATTERY_LEVEL = uuid16(0x2A19)
_IN_PROGRESS = "org.bluez.Error.InProgress"
_NOT_ALLOWED = ("org.bluez.Error.NotAuthorized", "org.bluez.Error.NotPermitted")
_WANTS_PAIRING = (0x05, 0x08, 0x0F)  # ATT: authentication, authorisation or encryption is missing
_LOSSES = (*LOSSES, TimeoutError)

_log = logging.getLogger("eldercare")


class _Host(Struct):
    """One enrolled device: when it last invited us and was visited (monotonic seconds).

    It is left alone until `not_before`.
    """

    service: GattService
    device: BLEDevice | None = None
    invited: float = 0.0
    visited: float = 0.0
    not_before: float = 0.0
    failed: int = 0  # visits in a row that did not come about


class _Visit(Struct):
    """What one visit has brought, at most AT_MOST values, and how it went."""

    batch: list[Attribute] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    gone: bool = False
    open: bool = False  # it was connected and subscribed: what follows is no failure
    endless: bool = False  # it still talked when its time was over

    def leave(self, _client: object) -> None:
        self.gone = True
        self.news.set()

    def take(self, characteristic: str, data: bytes) -> None:
        if len(self.batch) < AT_MOST:
            self.batch.append(Attribute(characteristic=characteristic, data=data))
        self.news.set()


class Visits:
    """Visits the `hosts` (address: what to take there). On the event loop; `run` is its task.

    Each value goes to `sink(address, value)`, in the order of measuring. `busy` says
    that no connection may be made or kept now; whoever makes it true calls `drop`.
    `missed(address)` is called for each visit that failed.
    """

    def __init__(
        self,
        hosts: Mapping[str, GattService],
        sink: Callable[[str, Attribute], None],
        busy: Callable[[], bool],
        missed: Callable[[str], None] = lambda _address: None,
    ) -> None:
        self.visiting = ""  # the address of the device that is being visited
        self._hosts = {address: _Host(service) for address, service in hosts.items()}
        self._sink = sink
        self._busy = busy
        self._missed = missed
        self._invited = asyncio.Event()
        self._over: asyncio.Future[None] | None = None  # done = the visit in progress has to end
        self._now = asyncio.get_running_loop().time

    def met(self, device: BLEDevice) -> None:
        """Take an advertisement as an invitation. Called for each one of an enrolled address."""
        host = self._hosts.get(device.address)
        if host is None or device.address == self.visiting or self._now() < host.not_before:
            return
        host.device = device
        host.invited = self._now()
        self._invited.set()

    def drop(self) -> None:
        """End a visit in progress at once: an alarm needs the radio."""
        if self._over is not None and not self._over.done():
            self._over.set_result(None)

    async def run(self) -> None:
        """Visit until cancelled, whatever device or bluetoothd does. What it raises is a bug."""
        while True:
            await self._invited.wait()
            self._invited.clear()
            while (address := self._next()) is not None:
                await self._visited(address)

    def _next(self) -> str | None:
        """Return who invited us just now and was visited longest ago; None while `busy`."""
        if self._busy():
            return None
        now = self._now()
        waiting = [
            (h.visited, address)
            for address, h in self._hosts.items()
            if h.device is not None and now - h.invited <= WAITS.visit_fresh
        ]
        return min(waiting, default=(0.0, None))[1]

    async def _visited(self, address: str) -> None:
        """Make one visit, hand on what it brought, and say when the next may be."""
        host = self._hosts[address]
        device, host.device = host.device, None
        assert device is not None  # _next chose it for that
        visit = _Visit()
        self.visiting = address
        begun = self._now()
        self._over = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(
            self._visit(device, host.service, visit), name=f"visit {address}"
        )
        try:
            # every step has its own bound; this one is for what bleak awaits while it cleans up
            # behind a step
            longest = 2 * WAITS.visit_connect + WAITS.visit_take + 3 * WAITS.visit_leave
            await asyncio.wait(
                (task, self._over), timeout=longest, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            self._over = None
            await self._ended(task)
            self.visiting = ""
            # what seemed to be an advertisement meanwhile was the connection itself
            host.device = None
        self._settle(address, host, task, visit, begun)
        for value in host.service.ordered(visit.batch):
            self._sink(address, value)
            await asyncio.sleep(WAITS.visit_pace)

    async def _ended(self, task: asyncio.Task[None]) -> None:
        """See that a visit is over, at most for a while.

        bleak waits for bluetoothd's answer while it cleans up, which may never come.
        """
        for _ in range(3):
            if task.done():
                return
            task.cancel()
            await asyncio.wait((task,), timeout=WAITS.visit_leave)
        _log.error("visit of %s cannot be ended: systemctl restart bluetooth", self.visiting)

    def _settle(
        self, address: str, host: _Host, task: asyncio.Task[None], visit: _Visit, begun: float
    ) -> None:
        """Decide when this device is visited next."""
        now = self._now()
        problem = None if not task.done() or task.cancelled() else task.exception()
        if problem is not None and not isinstance(problem, _LOSSES):
            raise problem
        host.visited = now
        if visit.open or visit.batch:
            host.failed = 0
            host.not_before = now + (WAITS.visit_long_rest if visit.endless else WAITS.visit_rest)
            _log.info("visit of %s: %d values in %.1f s", address, len(visit.batch), now - begun)
        elif task.cancelled() or not task.done():
            host.not_before = now + WAITS.visit_rest
        else:
            host.failed += 1
            wait = min(WAITS.visit_first * 2.0 ** min(host.failed - 1, 16), WAITS.visit_longest)
            host.not_before = now + wait
            # a device that is carried out of range fails all day long: one line
            if host.failed == 1:
                _log.info(
                    "visit of %s failed: %s", address, str(problem) or "no connection in time"
                )
            self._missed(address)

    async def _visit(self, device: BLEDevice, service: GattService, visit: _Visit) -> None:
        """Connect, subscribe, take, leave; what was taken is in `visit`.

        Raises one of _LOSSES when the visit did not come about.
        """
        client = BleakClient(device, disconnected_callback=visit.leave, timeout=WAITS.visit_connect)
        # bleak's own limit comes first, and cleans up better
        async with asyncio.timeout(WAITS.visit_connect + WAITS.visit_leave):
            await self._connect(client)
        try:
            async with asyncio.timeout(WAITS.visit_connect):
                await self._subscribe(client, device, service, visit)
            visit.open = True
            await self._take(visit)
        except _LOSSES:
            # a device may say what it has and be gone before we have asked for everything
            if not visit.batch:
                raise
        finally:
            with contextlib.suppress(*_LOSSES):
                async with asyncio.timeout(WAITS.visit_leave):
                    await client.disconnect()

    async def _connect(self, client: BleakClient) -> None:
        for left in range(TRIES - 1, -1, -1):
            try:
                await client.connect()
            except BleakDBusError as refusal:
                if refusal.dbus_error != _IN_PROGRESS or not left:
                    raise
                await asyncio.sleep(WAITS.visit_again)
            else:
                return

    async def _subscribe(
        self, client: BleakClient, device: BLEDevice, service: GattService, visit: _Visit
    ) -> None:
        """Ask for all the model speaks by; what the device does not have is left out.

        Raises BleakError when it has nothing of it.
        """
        there = [
            c
            for uuid in service.characteristics
            if (c := client.services.get_characteristic(uuid)) is not None
        ]
        if not any(c.uuid != _BATTERY_LEVEL for c in there):
            raise BleakError("the device has no such service: is it the model that was enrolled?")
        for characteristic in there:
            if characteristic.uuid == _BATTERY_LEVEL:
                continue
            if {"notify", "indicate"} & set(characteristic.properties):
                await self._notified(client, characteristic, visit)
            elif "read" in characteristic.properties:
                visit.take(characteristic.uuid, bytes(await client.read_gatt_char(characteristic)))
        # last, and never the reason for a failure: the measurement is what counts
        if _BATTERY_LEVEL in service.characteristics:
            with contextlib.suppress(*_LOSSES):
                async with asyncio.timeout(WAITS.visit_leave):
                    level = next((c for c in there if c.uuid == _BATTERY_LEVEL), None)
                    read = None if level is None else bytes(await client.read_gatt_char(level))
                    visit.take(_BATTERY_LEVEL, read or await _battery(device.details["path"]))

    async def _notified(
        self, client: BleakClient, characteristic: BleakGATTCharacteristic, visit: _Visit
    ) -> None:
        """Subscribe to notifications or indications, as the characteristic has them.

        It pairs once if the device asks for it.
        """

        def said(_: BleakGATTCharacteristic, data: bytearray) -> None:
            visit.take(characteristic.uuid, bytes(data))

        try:
            await client.start_notify(characteristic, said)
        except (BleakDBusError, BleakGATTProtocolError) as refusal:
            if not _asks_for_pairing(refusal):
                raise
            await client.pair()
            await client.start_notify(characteristic, said)

    async def _take(self, visit: _Visit) -> None:
        """Return when the device is gone, has nothing more to say, or has talked long enough."""
        end = self._now() + WAITS.visit_take
        while not visit.gone and len(visit.batch) < AT_MOST:
            measured = any(value.characteristic != _BATTERY_LEVEL for value in visit.batch)
            left = end - self._now()
            if left <= 0:
                visit.endless = True
                return
            visit.news.clear()
            try:
                async with asyncio.timeout(min(left, WAITS.visit_quiet) if measured else left):
                    await visit.news.wait()
            except TimeoutError:
                if measured and left > WAITS.visit_quiet:
                    return


def _asks_for_pairing(refusal: BleakDBusError | BleakGATTProtocolError) -> bool:
    if isinstance(refusal, BleakDBusError):
        return refusal.dbus_error in _NOT_ALLOWED
    return int(refusal.code) in _WANTS_PAIRING


async def _battery(path: str) -> bytes:
    """Return the battery level as bluetoothd knows it.

    Since 5.48 it keeps the battery service to itself and tells only the level.
    """
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    try:
        what = ["org.bluez.Battery1", "Percentage"]
        interface = "org.freedesktop.DBus.Properties"
        reply = await bus.call(
            Message(
                destination="org.bluez",
                path=path,
                interface=interface,
                member="Get",
                signature="ss",
                body=what,
            )
        )
    finally:
        bus.disconnect()
    if reply.message_type is MessageType.ERROR:
        raise BleakError("bluetoothd knows no battery level")
    return bytes([reply.body[0].value])
