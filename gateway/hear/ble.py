"""The radio: one bleak scanner per adapter, whose silence is noticed and cured.

Scanning is active. A passive scan would spare Wi-Fi some air, but needs `bluetoothd --experimental`
and never delivers the scan response: no names, by which a technician finds a new sensor, and no
service data of makes that put it there. `DuplicateData` is on because bluetoothd otherwise drops
repeats of the same bytes, and a healthy, unchanging sensor would look dead.

bleak says nothing when bluetoothd restarts, when the adapter is pulled out or switched off, or when
the bus dies: the scan just ends in silence. `bluez.Bluez`, a second, tiny D-Bus connection, is told
of these events, and the silence itself is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from bleak import BleakScanner
from bleak.backends.bluezdbus.defs import Device1
from bleak.backends.bluezdbus.scanner import BleakScannerBlueZDBus
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakDBusError

from gateway.box.supervise import wait_before
from gateway.hear.bluez import LOSSES, Bluez, RadioError, SwitchError
from gateway.hear.waits import WAITS
from gateway.words.driver import Advertisement

_NO_RSSI = -127  # what bleak puts where bluetoothd states no signal strength
_REMEMBERED = 1000  # addresses whose last data is known; beyond it all are forgotten and begin anew

_log = logging.getLogger("eldercare")

# It gets the address type as bluetoothd names it, too.
Overheard = Callable[[Advertisement, str], None]


class _Scan(BleakScannerBlueZDBus):
    """bleak's scanner, which makes nothing of what nobody wants.

    Strangers are nearly all that is heard, and bleak makes two objects and four dicts of each.
    """

    def __init__(self, *args: Any, wanted: Callable[[Device1], bool], **more: Any) -> None:
        super().__init__(*args, **more)
        self._wanted = wanted

    def _handle_advertising_data(self, path: str, props: Device1) -> None:
        if self._wanted(props):
            super()._handle_advertising_data(path, props)


class Radio:
    """The ear at one adapter ("hci0"). On the event loop; `run` is its task.

    `sink` is called at once, in bleak's callback, for each advertisement of a wanted address.
    `said(name, works, why)` is called once when the radio is lost and once when it is back.
    `wanted` is asked with the address before anything is built, so that
    strangers cost next to nothing. `met` gets the wanted device itself, which only a connection
    needs.
    """

    def __init__(
        self,
        adapter: str,
        sink: Callable[[Advertisement], None],
        said: Callable[[str, bool, str], None],
        *,
        wanted: Callable[[str], bool] = lambda _address: True,
        met: Callable[[BLEDevice], None] = lambda _device: None,
    ) -> None:
        self.adapter = adapter
        # loop time (= monotonic) of the last advertisement that carried data
        self.heard_at: float | None = None
        self.adverts = 0  # advertisements with data, strangers' included
        self.restarts = 0  # scanners started after the first
        self.trouble = "not started yet"  # why it does not scan; "" while it scans
        self._sink = sink
        self._said = said
        self._wanted = wanted
        self._met = met
        self._overheard: list[Overheard] = []
        self._enrolled = False  # whether the sender of what is heard just now is wanted
        self._now = asyncio.get_running_loop().time
        self._scanners = 0
        self._started = 0.0  # loop time at which the present scan began
        self._lost = False
        self._bug: Exception | None = None
        self._bluez = Bluez(adapter)
        # by address: the data objects that bleak last had from bluetoothd
        self._told: dict[str, tuple[object, object]] = {}

    @property
    def hearing(self) -> bool:
        """Whether a scan runs and something with data was heard within the silence limit."""
        return (
            not self.trouble
            and self.heard_at is not None
            and self._now() - self.heard_at < WAITS.radio_silence
        )

    async def run(self) -> None:
        """Hear until cancelled, through every loss of adapter, bluetoothd and D-Bus.

        Whatever it raises is a bug.
        """
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
                    failed = (0 if heard else failed) + 1 if isinstance(loss, SwitchError) else 0
                    losses = (0 if heard else losses) + 1
                    self._lose(str(loss))
                    await self._bluez.wait_for_return(wait_before(losses))
                else:
                    heard = self._heard_since_start()
                    failed = (0 if heard else failed) + 1
                    losses = 0
                    # a home without neighbours is quiet every 90 s: one line, not a thousand a day
                    if failed == 1:
                        _log.info("radio %s: %s, starting a new scanner", self.adapter, quiet)
        finally:
            self.trouble = "stopped"
            self._bluez.close()

    async def _scan(self) -> str:
        """Scan with a fresh scanner until it falls silent; return in which way.

        Raises RadioError when the radio was lost.
        """
        # never the old scanner again: after a loss bleak's object still believes that it scans
        scanner = BleakScanner(
            self._hear,
            scanning_mode="active",
            bluez={"adapter": self.adapter, "filters": {"DuplicateData": True}},
            backend=_Scan,
            wanted=self._wants,
        )
        self._started = self._now()
        try:
            async with asyncio.timeout(WAITS.dbus_answer):
                await scanner.start()
        except TimeoutError:
            raise SwitchError(
                f"adapter {self.adapter}: no scan within {WAITS.dbus_answer:g} s;"
                " restart bluetooth.service"
            ) from None
        except LOSSES as refusal:
            raise SwitchError(
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
            with contextlib.suppress(*LOSSES):
                async with asyncio.timeout(WAITS.dbus_answer):
                    await scanner.stop()

    async def _silence(self) -> str:
        """Wait for silence: nothing heard for too long, or the scan ended. Return which.

        Raises RadioError on any loss.
        """
        while True:
            if self._bug is not None:
                raise self._bug
            if self._bluez.lost:
                raise RadioError(self._bluez.lost)
            now = self._now()
            wait = max(self._started, self.heard_at or 0.0) + WAITS.radio_silence - now
            if wait <= 0:
                return f"nothing heard for {WAITS.radio_silence:g} s"
            if self._bluez.idle_since is not None:
                idle = self._bluez.idle_since + WAITS.radio_idle - now
                if idle <= 0:
                    return "the scan ended by itself"
                wait = min(wait, idle)
            await self._bluez.news(wait)

    def _wants(self, props: Device1) -> bool:
        """Take what bluetoothd tells of a device; say whether somebody wants it.

        It is called for each one in the neighbourhood: every line here is paid by strangers.
        """
        told = services, makers = props.get("ServiceData"), props.get("ManufacturerData")
        # Empty adverts prove nothing (a wedged radio sends them). Without a signal strength it was
        # not heard now: when a scan ends bluetoothd announces each device once more, with its old
        # bytes, and an old press would be a new call for help.
        if props.get("RSSI", _NO_RSSI) == _NO_RSSI:
            return False
        address = props["Address"]
        if services or makers:
            # bluetoothd's data stay when it reports only a new RSSI. Treating them as fresh would
            # hide a deaf radio and replay an old press.
            before = self._told.get(address)
            if before is not None and before[0] is services and before[1] is makers:
                return False
            if len(self._told) >= _REMEMBERED:
                self._told.clear()
            self._told[address] = told
        elif not (props.get("UUIDs") or props.get("Name")):
            return False
        self.heard_at = self._now()
        self.adverts += 1
        self._enrolled = self._wanted(address)
        return self._enrolled or bool(self._overheard)

    def _hear(self, device: BLEDevice, advert: AdvertisementData) -> None:
        """Take one advertisement from bleak, of which `_wants` has just said that it is wanted."""
        name, makers, services, uuids, _, rssi, _ = advert
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
            if self._enrolled:
                self._sink(heard)
                self._met(device)
            for overheard in self._overheard:
                overheard(heard, device.details["props"].get("AddressType", ""))
        except Exception as bug:  # dbus-fast would log it and stay deaf: `run` ends with it
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

    async def _power_cycle(self) -> None:
        """Switch the adapter off and on. RadioError when bluetoothd will not."""
        _log.warning("radio %s: still deaf, switching the adapter off and on", self.adapter)
        await self._bluez.power(False)
        await asyncio.sleep(WAITS.radio_off)
        await self._bluez.power(True)


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
