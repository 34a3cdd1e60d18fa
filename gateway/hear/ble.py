"""The radio: one bleak scanner per adapter, whose silence is noticed and cured.

Scanning is active. A passive scan would spare Wi-Fi some air, but needs `bluetoothd --experimental`, and never delivers the scan
response: no names (by which a technician finds a new sensor) and no service data of makes that put it there. `DuplicateData`
is on because bluetoothd otherwise swallows every repeat of the same bytes, and a healthy, unchanging sensor would look dead.

bleak says nothing when bluetoothd restarts, when the adapter is pulled out or switched off, or when
the bus dies: the scan just ends in silence. So a second, tiny D-Bus connection is told of exactly
these events, and the silence itself is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakDBusError, BleakError
from dbus_fast import BusType, DBusFastError, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from gateway.words.driver import Advertisement

_BLUEZ = "org.bluez"
_ADAPTER = "org.bluez.Adapter1"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_OBJECTS = "org.freedesktop.DBus.ObjectManager"
_BUS = "org.freedesktop.DBus"
_NO_RSSI = -127  # what bleak puts where bluetoothd states no signal strength
_REMEMBERED = 1000  # addresses whose last data is known; beyond it all are forgotten and begin anew
# what a dying bus, a dying bluetoothd or a removed adapter may raise out of bleak and dbus-fast
_LOSSES = (BleakError, DBusFastError, OSError, EOFError)

_log = logging.getLogger("eldercare")
_dice = random.SystemRandom()


class RadioError(Exception):
    """Why nothing can be heard: what, where, and what to do about it."""


class _RefusedError(RadioError):
    """bluetoothd or the bus answered with an error; `name` is its D-Bus name."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name


class _ScanError(RadioError):
    """The adapter is there and on, but does not scan: worth switching it off and on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """The radio's waiting times in seconds.

    `silence`: no data from anybody for so long means a new scanner. `idle`: discovery may report
    itself stopped for so long; bluetoothd scans in windows of about 10 s with gaps of up to 5 s,
    which are no loss. `answer`: the longest wait for one D-Bus answer. `off`: how long the adapter
    stays off in a power cycle. `first_wait` doubles to `longest_wait` between attempts.
    """

    silence: float = 90.0
    idle: float = 15.0
    answer: float = 10.0
    off: float = 1.0
    first_wait: float = 1.0
    longest_wait: float = 60.0


# gets the address type as bluetoothd names it, too
Overheard = Callable[[Advertisement, str], None]


class Radio:
    """The ear at one adapter ("hci0"). `sink` is called at once, on the event loop, for each advertisement of a wanted address.

    `said(name, works, why)` is called once when the radio is lost and once when it is back.
    `wanted` (None = everybody) is asked with the address before anything is built, so that
    strangers cost next to nothing. `met` gets the wanted device itself, which only a connection
    needs.
    """

    def __init__(
        self,
        adapter: str,
        sink: Callable[[Advertisement], None],
        said: Callable[[str, bool, str], None],
        *,
        wanted: Callable[[str], bool] | None = None,
        met: Callable[[BLEDevice], None] | None = None,
        times: Times | None = None,
    ) -> None:
        self.adapter = adapter
        # loop time (= monotonic) of the last advertisement that carried data
        self.heard_at: float | None = None
        self.adverts = 0  # advertisements with data, strangers' included
        self.restarts = 0  # scanners started after the first
        self.power_cycles = 0
        self.trouble = "not started yet"  # why it does not scan; "" while it scans
        self._sink = sink
        self._said = said
        self._wanted = wanted
        self._met = met
        self._overheard: list[Overheard] = []
        self._times = times or Times()
        self._now = asyncio.get_running_loop().time
        self._scanners = 0
        self._started = 0.0  # loop time at which the present scan began
        self._lost = False
        self._bug: Exception | None = None
        self._bluez = _Bluez(adapter, self._times.answer)
        # by address: the data objects that bleak last had from bluetoothd
        self._told: dict[str, tuple[object, object]] = {}

    @property
    def hearing(self) -> bool:
        """Whether a scan runs and something with data was heard within the silence limit."""
        return (
            not self.trouble
            and self.heard_at is not None
            and self._now() - self.heard_at < self._times.silence
        )

    async def run(self) -> None:
        """Hear until cancelled. Handles every loss of adapter, bluetoothd and D-Bus itself; whatever it raises is a bug."""
        failed = 0  # scans in a row that did not start, or heard nothing
        losses = 0  # losses in a row, for the back-off
        try:
            while True:
                try:
                    await self._bluez.connect()
                    if _worth_a_power_cycle(failed):
                        await self._power_cycle()
                    await self._bluez.make_ready()
                    quiet = await self._scan()
                except RadioError as loss:
                    heard = self._heard_since_start()
                    failed = (0 if heard else failed) + 1 if isinstance(loss, _ScanError) else 0
                    losses = (0 if heard else losses) + 1
                    self._lose(str(loss))
                    await self._bluez.wait_for_return(
                        self._wait_before(losses), self._times.first_wait / 10
                    )
                else:
                    heard = self._heard_since_start()
                    failed = (0 if heard else failed) + 1
                    losses = 0
                    # a home without any neighbour is quiet every 90 s: that is one line, not a thousand a day
                    if failed == 1:
                        _log.info("radio %s: %s, starting a new scanner", self.adapter, quiet)
        finally:
            self.trouble = "stopped"
            self._bluez.close()

    async def _scan(self) -> str:
        """Scan with a fresh scanner until it falls silent; return in which way. RadioError when it was lost."""
        # never the old scanner again: after a loss bleak's object still believes that it scans
        scanner = BleakScanner(
            self._hear,
            scanning_mode="active",
            bluez={"adapter": self.adapter, "filters": {"DuplicateData": True}},
        )
        self._started = self._now()
        try:
            async with asyncio.timeout(self._times.answer):
                await scanner.start()
        except TimeoutError:
            raise _ScanError(
                f"adapter {self.adapter}: no scan within {self._times.answer:g} s; restart bluetooth.service"
            ) from None
        except _LOSSES as refusal:
            raise _ScanError(
                f"adapter {self.adapter} does not scan ({refusal}){_advice(refusal)}"
            ) from refusal
        self.restarts += self._scanners > 0
        self._scanners += 1
        self._started = self._now()
        self.trouble = ""
        if self._lost:
            self._lost = False
            self._said(f"radio {self.adapter}", True, "it scans again")
        try:
            return await self._silence()
        finally:
            # stop() of a scan that is gone already raises; the loss itself is known
            with contextlib.suppress(*_LOSSES):
                async with asyncio.timeout(self._times.answer):
                    await scanner.stop()

    async def _silence(self) -> str:
        """Return when nothing was heard for too long, or discovery ended by itself. RadioError on any loss."""
        while True:
            if self._bug is not None:
                raise self._bug
            if self._bluez.lost:
                raise RadioError(self._bluez.lost)
            now = self._now()
            wait = max(self._started, self.heard_at or 0.0) + self._times.silence - now
            if wait <= 0:
                return f"nothing heard for {self._times.silence:g} s"
            if self._bluez.idle_since is not None:
                idle = self._bluez.idle_since + self._times.idle - now
                if idle <= 0:
                    return "the scan ended by itself"
                wait = min(wait, idle)
            await self._bluez.news(wait)

    def _hear(self, device: BLEDevice, advert: AdvertisementData) -> None:
        """Take one advertisement from bleak. Called for each one in the neighbourhood: every line here is paid by strangers."""
        name, makers, services, uuids, _, rssi, (_, props) = advert
        # Empty adverts prove nothing (a wedged radio sends them). Without a signal strength it was
        # not heard now: when a scan ends bluetoothd announces each device once more, with its old
        # bytes, and an old press would be a new call for help.
        if rssi == _NO_RSSI or not (services or makers or uuids or name):
            return
        # What bluetoothd does not tell anew bleak takes from its memory: then only the signal
        # strength is of now, and the old bytes would make a radio that hears nothing but empty
        # adverts look well, and an old press a new one.
        told = props.get("ServiceData"), props.get("ManufacturerData")
        if services or makers:
            before = self._told.get(device.address)
            if before is not None and before[0] is told[0] and before[1] is told[1]:
                return
            if len(self._told) >= _REMEMBERED:
                self._told.clear()
            self._told[device.address] = told
        self.heard_at = self._now()
        self.adverts += 1
        wanted = self._wanted is None or self._wanted(device.address)
        if not wanted and not self._overheard:
            return
        heard = Advertisement(
            address=device.address,
            rssi=rssi,
            name=name,
            service_data=services,
            manufacturer_data=makers,
            service_uuids=tuple(uuids),
            adapter=self.adapter,
        )
        try:
            if wanted:
                self._sink(heard)
                if self._met is not None:
                    self._met(device)
            for overheard in self._overheard:
                overheard(heard, device.details["props"].get("AddressType", ""))
        except Exception as bug:
            # dbus-fast would log it and go on for ever, deaf to what matters: `run` ends with it
            # instead
            self._bug = bug
            self._bluez.stir()
            raise

    def overhear(self, overheard: Overheard) -> Callable[[], None]:
        """Give everybody's advertisements to who looks for a new sensor; return what ends that."""
        self._overheard.append(overheard)
        return lambda: self._overheard.remove(overheard)

    def _heard_since_start(self) -> bool:
        return self.heard_at is not None and self.heard_at >= self._started

    def _lose(self, why: str) -> None:
        self.trouble = why
        if not self._lost:
            self._lost = True
            self._said(f"radio {self.adapter}", False, why)

    def _wait_before(self, attempt: int) -> float:
        doubled = self._times.first_wait * 2.0 ** min(attempt - 1, 16)
        return min(doubled, self._times.longest_wait) * _dice.uniform(0.8, 1.2)

    async def _power_cycle(self) -> None:
        """Switch the adapter off and on. RadioError when bluetoothd will not."""
        self.power_cycles += 1
        _log.warning("radio %s: still deaf, switching the adapter off and on", self.adapter)
        await self._bluez.power(False)
        await asyncio.sleep(self._times.off)
        await self._bluez.power(True)


class _Bluez:
    """Our own connection to D-Bus: asks and switches one adapter, and is told when it goes. No advertisement passes here."""

    def __init__(self, adapter: str, answer: float) -> None:
        self._adapter = adapter
        self._path = f"/org/bluez/{adapter}"
        self._answer = answer
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
            async with asyncio.timeout(self._answer):
                bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
        except TimeoutError:
            raise RadioError(f"D-Bus at {where} does not answer; restart the machine") from None
        except _LOSSES as refusal:
            raise RadioError(
                f"no D-Bus at {where} ({refusal}); start it: systemctl start dbus"
            ) from refusal
        self._bus = bus
        bus.add_message_handler(self._told)
        self._end = asyncio.create_task(self._until_end(bus), name=f"bus of {self._adapter}")
        # only these few messages wake us; the sender is named so that no other local program can
        # feign a loss
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
        """Forget old news and see that the adapter is there and switched on. RadioError with what to do when it is not."""
        self._news.clear()
        self._returned.clear()
        self.lost = ""
        self.idle_since = None
        try:
            (facts,) = await self._ask(_BLUEZ, self._path, _PROPERTIES, "GetAll", "s", _ADAPTER)
        except _RefusedError as refusal:
            raise RadioError(await self._why_absent(refusal)) from refusal
        if not facts["Powered"].value:
            # a gateway's radio is off only after a boot without AutoEnable or by mistake
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
            raise _ScanError(
                f"adapter {self._adapter} cannot be switched {state} ({refusal}); look at: rfkill list"
            ) from refusal

    async def adapters(self) -> list[tuple[str, str, bool]]:
        """Return (name, address, powered) of every adapter. RadioError when bluetoothd cannot be asked."""
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

    async def wait_for_return(self, longest: float, settle: float) -> None:
        """Wait `longest` seconds, or until `settle` after bluetoothd or the adapter came back."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest):
                await self._returned.wait()
        # bluetoothd takes its name a moment before its adapters are there; and a loose plug must
        # not make us spin
        await asyncio.sleep(settle)

    def stir(self) -> None:
        """End a running `news`."""
        self._news.set()

    async def _why_absent(self, refusal: _RefusedError) -> str:
        there = await self.adapters()
        names = ", ".join(name for name, _, _ in there) or "none"
        return f"adapter {self._adapter} is not there ({refusal.name}); plug it in or correct the configuration; present: {names}"

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
            async with asyncio.timeout(self._answer):
                reply = await self._bus.call(call)
        except TimeoutError:
            raise RadioError(
                f"{whom} does not answer {member} within {self._answer:g} s; restart bluetooth.service"
            ) from None
        except _LOSSES as loss:
            raise RadioError(
                f"the connection to D-Bus broke ({loss or type(loss).__name__}); it is tried again"
            ) from loss
        if reply.message_type is MessageType.ERROR:
            raise _RefusedError(str(reply.error_name), str(reply.body[0]) if reply.body else "")
        return list(reply.body)

    async def _until_end(self, bus: MessageBus) -> None:
        with contextlib.suppress(*_LOSSES):
            await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
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


async def adapters(answer: float = 10.0) -> list[tuple[str, str, bool]]:
    """Return (name, address, powered) of each Bluetooth adapter; RadioError says why bluetoothd cannot be asked.

    `answer` is the longest wait for each D-Bus answer in seconds.
    """
    bluez = _Bluez("hci0", answer)
    try:
        await bluez.connect()
        return await bluez.adapters()
    finally:
        bluez.close()


def _worth_a_power_cycle(failed: int) -> bool:
    """Say whether to switch the adapter off and on after so many failures in a row.

    At the second, then ever more rarely: in a home with no Bluetooth neighbour silence is normal,
    and each cycle is a deaf second.
    """
    return failed in (2, 4, 8) or (failed > 0 and failed % 16 == 0)


def _advice(refusal: BaseException) -> str:
    if isinstance(refusal, BleakDBusError) and refusal.dbus_error == "org.bluez.Error.InProgress":
        return "; another program scans or pairs: end it (bluetoothctl scan off)"
    return ""
