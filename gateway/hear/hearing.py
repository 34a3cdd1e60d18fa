"""What the gateway hears by: radios, lines, other brokers, visits, the hearing window.

Each runs under supervision in a task of its own and hands what it hears to the intake. None of them
waits for the broker, the disk or the page; none of them decides anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from bleak.backends.device import BLEDevice

from gateway.box.supervise import keep, say
from gateway.hear import ble, contacts, gatt, serial_port
from gateway.hear.intake import Intake
from gateway.hear.other_broker import Bridge, BridgeLost
from gateway.hear.replay import Replay, ReplayClock
from gateway.hear.waits import WAITS
from gateway.hear.window import Window
from gateway.home import nearby
from gateway.home.config import Config
from gateway.home.devices import Device
from gateway.home.home import Home
from gateway.home.status import LineStatus, RadioStatus
from gateway.home.waits import WAITS as HOME
from gateway.words.clock import Clock
from gateway.words.driver import BleAdvert, GattService, Inputs, Model, MqttTopics, SerialLine

LOG = logging.getLogger("eldercare")


class Ears:
    """All this gateway hears by. On the event loop; its tasks run in the group of `listen`."""

    def __init__(
        self,
        home: Home,
        intake: Intake,
        models: Mapping[str, Model],
        clock: Clock,
        replay: Replay | None,
        *,
        alarm_is_fresh: Callable[[], bool],
        radio_begins: Callable[[str], None],
        told: Callable[[], None],
    ) -> None:
        """Take where what is heard goes.

        `replay` is a recorded day that is played instead. While `alarm_is_fresh` nobody is visited.
        `radio_begins` is told of each adapter whose silence counts from now on.
        """
        self._home = home
        self._intake = intake
        self._models = models
        self._clock = clock
        self._replay = replay
        self._alarm_is_fresh = alarm_is_fresh
        self._radio_begins = radio_begins
        self._told = told
        self.radios: list[ble.Radio] = []
        self.lines: list[serial_port.Line] = []
        self.visits: gatt.Visits | None = None
        self._brokers: dict[str, Bridge] = {}  # by device
        self.window: Window | None = None
        # seconds; a flood of requests asks for nothing more
        self._asked: asyncio.Queue[float] = asyncio.Queue(10)
        self._group: asyncio.TaskGroup | None = None
        # by device: its line, or its way to another broker
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._visiting: asyncio.Task[None] | None = None
        self._hosts: dict[str, GattService] = {}
        # by adapter: radios that a hearing window has to itself
        self._own: dict[str, tuple[ble.Radio, asyncio.Task[None]]] = {}

        home.subscribe(self._changed)

    def _changed(self, _before: Config) -> None:
        self.by_radio()
        if self.window is not None:
            self.window.know(self._home.config.devices)

    def listen(self, group: asyncio.TaskGroup) -> None:
        """Begin to hear, in this group of tasks: radio and lines, or the recorded day instead."""
        self._group = group
        if self._replay is not None:
            assert isinstance(self._clock, ReplayClock)  # made together
            group.create_task(
                self._replay.run(self._clock, self._intake.advert, self._intake.chunk),
                name="replay",
            )
            return
        self.by_radio()
        for d in self._home.config.devices:
            self.listen_to(d)

    def wants_radio(self) -> bool:
        """Whether an enrolled device is heard by radio."""
        return any(
            isinstance(d.model.listens, BleAdvert | GattService) for d in self._home.config.devices
        )

    def by_radio(self) -> None:
        """Hear by radio who is enrolled for it. A later call begins what is new, cuts nothing."""
        if self._replay is not None or not self.wants_radio():
            return
        assert self._group is not None  # the daemon runs
        hosts = {
            d.at: d.model.listens
            for d in self._home.config.devices
            if isinstance(d.model.listens, GattService)
        }
        if hosts != self._hosts:
            self._hosts = hosts
            if self._visiting is not None:
                self._visiting.cancel()
            self.visits = self._visiting = None
            if hosts:
                self.visits = gatt.Visits(
                    hosts, self._intake.attribute, self._alarm_is_fresh, self._intake.missed
                )
                self._visiting = self._group.create_task(self.visits.run(), name="visits")
        for adapter in self._home.config.adapters if not self.radios else ():
            # A hearing window that had the adapter to itself gives its radio over: two scans of one
            # adapter would make both deaf.
            radio, _ = self._own.pop(adapter) if adapter in self._own else self._begun(adapter)
            self.radios.append(radio)
            self._radio_begins(adapter)

    def _begun(self, adapter: str) -> tuple[ble.Radio, asyncio.Task[None]]:
        assert self._group is not None  # the daemon runs
        radio = ble.Radio(
            adapter, self._intake.advert, say, wanted=self._intake.knows, met=self._met
        )
        return radio, self._group.create_task(radio.run(), name=adapter)

    def _met(self, device: BLEDevice) -> None:
        if self.visits is not None:
            self.visits.met(device)

    def listen_to(self, d: Device) -> None:
        """Hear a device that has a line, or another program's broker, of its own."""
        if self._replay is not None:
            return
        match d.model.listens:
            case SerialLine() as line:
                port = serial_port.Line(
                    d.at, line.baud, self._intake.chunk, ask=line.ask, ask_every=line.ask_every
                )
                self.lines.append(port)
                self._begin("line", d.id, port.run, OSError)
            case MqttTopics(filters=filters):
                password = self._home.config.passwords.get(d.id)
                sink = functools.partial(self._intake.published, d.id)
                self._brokers[d.id] = other = Bridge(d.at, password, filters, sink)
                self._begin("bridge", d.id, other.run, BridgeLost)
            case Inputs():
                poll = functools.partial(self._poll, d)
                self._begin("inputs", d.id, poll, OSError, ValueError)

    def _begin(
        self,
        what: str,
        device: str,
        run: Callable[[Callable[[], None]], Awaitable[None]],
        *expected: type[Exception],
    ) -> None:
        assert self._group is not None  # the daemon runs
        self._tasks[device] = self._group.create_task(
            keep(f"{what} {device}", run, expected=expected), name=device
        )

    async def _poll(self, d: Device, ready: Callable[[], None]) -> None:
        sink = functools.partial(self._intake.polled, d.id)
        await contacts.run(contacts.bus_at(d.at), sink, ready)

    def let_go_of(self, device: str) -> None:
        """Let go of a device's line."""
        at = self._intake.devices[device].address
        if (ear := self._tasks.pop(device, None)) is not None:
            ear.cancel()
            self._brokers.pop(device, None)
            self.lines = [line for line in self.lines if line.port != at]

    @contextlib.asynccontextmanager
    async def lent(self, device: str) -> AsyncIterator[None]:
        """Lend a device's line; hear it again afterwards, as it is configured by then."""
        task = self._tasks.get(device)
        self.let_go_of(device)
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)
        stopping = False
        try:
            yield
        except asyncio.CancelledError:
            stopping = True
            raise
        finally:
            d = next((d for d in self._home.config.devices if d.id == device), None)
            if d is not None and device not in self._tasks and not stopping:
                self.listen_to(d)

    def hurry(self) -> None:
        """Drop a visit under way while an alarm is fresh: then the radio is for hearing only."""
        if self.visits is not None and self._alarm_is_fresh():
            self.visits.drop()

    def cut(self) -> set[str]:
        """Return whose line or broker is not there now, and receivers that say so themselves."""
        closed = {line.port for line in self.lines if not line.open}
        gone = {d.id for d in self._home.config.devices if d.at in closed}
        return (
            gone
            | {device for device, broker in self._brokers.items() if not broker.connected}
            | self._intake.offline
        )

    def radio_status(self, mono: float) -> list[RadioStatus]:
        """Return how each adapter stands, for the status file."""
        return [
            RadioStatus(
                adapter=r.adapter,
                hearing=r.hearing,
                trouble=r.trouble,
                adverts=r.adverts,
                restarts=r.restarts,
                silent_s=round(mono - r.heard_at, 1) if r.heard_at is not None else None,
            )
            for r in self.radios
        ]

    def ports(self) -> list[str]:
        """Return the serial ports that are plugged in."""
        return serial_port.present()

    def line_status(self) -> list[LineStatus]:
        """Return how each serial line stands, for the status file."""
        return [LineStatus(port=x.port, open=x.open, received=x.received) for x in self.lines]

    def open_window(self, seconds: float) -> None:
        """Let the radio tell of strangers for so long; 0 ends it."""
        if seconds > 0 and not self._asked.full():
            self._asked.put_nowait(seconds)
        elif seconds <= 0 and self.window is not None:
            self.window.close(time.monotonic())

    async def overhear(self) -> None:
        """Open a hearing window when it is asked for; what it hears lies in a file for a while."""
        while True:
            seconds = await self._asked.get()
            self.window = Window(self._models, self._home.config.devices, time.monotonic(), seconds)
            # where no enrolled device is heard by radio, as before the first is enrolled, nobody
            # else uses the adapters
            if not self.radios and not self._replay:
                self._own = {
                    adapter: self._begun(adapter) for adapter in self._home.config.adapters
                }
            try:
                await self._until_closed(
                    self.window, [radio for radio, _ in self._own.values()] or list(self.radios)
                )
            finally:
                self.window = None
                tasks = [task for _, task in self._own.values()]
                self._own = {}
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HOME.window_file):
                    self._asked.put_nowait(await self._asked.get())
            nearby.erase(self._home.config.runtime)

    def _tell(self, window: Window, now: float, troubles: list[str]) -> None:
        try:
            nearby.write(self._home.config.runtime, window.facts(now, troubles))
            self._told()
        except OSError:
            pass  # the status file says what is wrong with the folder
        except Exception:  # it is a question: a mistake in its answer must not end the guarding
            LOG.exception("what is near cannot be told")

    async def _until_closed(self, window: Window, radios: list[ble.Radio]) -> None:
        ends = [
            radio.overhear(lambda advert, kind: window.heard(advert, kind, time.monotonic()))
            for radio in radios
        ]
        ends.append(
            self._intake.overhear(
                lambda receiver, telegram: window.behind(receiver, telegram, time.monotonic())
            )
        )
        try:
            while True:
                while not self._asked.empty():
                    window.extend(time.monotonic(), self._asked.get_nowait())
                now = time.monotonic()
                self._tell(window, now, [radio.trouble for radio in radios])
                if not window.is_open(now):
                    return
                await asyncio.sleep(min(WAITS.window_told, max(0.01, window.until - now)))
        finally:
            for end in ends:
                end()
