"""The composition root: builds the parts and lets them run.

One task decides (`_pump`), one thread writes (`Store`), one task pushes (`Push`). Radios, lines and the platform link are kept running
under supervision; the pump is bare: if it fails, the process fails and systemd starts it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import json
import logging
import os
import re
import secrets
import shutil
import signal
import socket
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from bleak.backends.device import BLEDevice

from drivers import all_models
from gateway import __version__, ble, compose, gatt, household, inbox, inputs, kind, mqtt, nearby, serial_port, status, systemd, wire
from gateway.alarm import ENDED, Masking, State
from gateway.bridge import Bridge, BridgeLost
from gateway.callers import Callers
from gateway.clock import Clock, Moment, Quality, SystemClock, boot_name
from gateway.config import Config, Device, speed
from gateway.danger import Judge
from gateway.dispatch import PROGRAM
from gateway.driver import BleAdvert, GattService, Inputs, MqttTopics
from gateway.fault import LOOK_EVERY, Faults
from gateway.instruction import LOCAL_ONLY, Do, Door, Refused, ResultFact
from gateway.intake import Historian, Intake, WaitingRoom
from gateway.kind import Priority
from gateway.pipeline import AlarmFact, Entry, Pipeline
from gateway.push import Lost, NotTaken, Push
from gateway.reading import FORMS, Form
from gateway.replay import Replay, ReplayClock
from gateway.store import Outgoing, Store, StoreProblem, Writing, forget_stand_in, opened, stand_in
from gateway.supervise import keep, say
from gateway.technician import Technician

LOG = logging.getLogger("eldercare")
MADE = datetime(2026, 11, 22, tzinfo=UTC)  # the software is not older than this: no earlier clock can be right
INBOUND = 1000  # messages of the platform that wait; beyond it they are dropped, for the platform sends them again
SLOW = 10.0  # s after which a pump that did not turn, or a store that did not answer, counts as hung
FLUSH_EVERY = 600.0  # s between two writings of what is not urgent: memories of drivers, last heard, the clock's floor
ACCEPT_EVERY = 1.0  # s for which receipts are gathered before the outbox rows go
READINGS_AT = 200  # readings that make a batch before its time
BAD_MESSAGES = 10  # told per hour; more are only counted
STATUS_EVERY = 2.0  # s between two status files and two beats
ANSWERED = ENDED | {State.ACKNOWLEDGED, State.DISPATCHED, State.ON_SITE}  # states in which nothing need sound or call any more
TIDY_EVERY = 86400.0  # s between two rounds of retention
TIDY_FIRST = 600.0  # s after the start of the first round: a home whose power goes every night is tidied too
DISK_WANTED = 4 * 1024 * 1024  # bytes free from which a disk that was full is tried again
TRY_DISK_EVERY = 60.0  # s between two looks whether a disk that failed can be written again


class _Mouth:
    """Push's way to the broker, which may not be configured."""

    link: mqtt.Link | None = None

    async def publish(self, topic: str, payload: bytes) -> None:
        if self.link is None:
            raise Lost
        await self.link.publish(topic, payload)


class DiskIsBack(Exception):  # noqa: N818  good news
    """The real database can be written again: start anew on it."""


class Daemon:
    """One gateway at work."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.boot = boot_name()
        self.replay = Replay(config.replay) if config.replay else None
        self.clock: Clock = self.replay.clock(self.boot) if self.replay else SystemClock(MADE)
        config.runtime.mkdir(mode=0o750, parents=True, exist_ok=True)
        self.gateway = identity(config)
        now = self.clock.now()
        self.store, self._known, memories = opened(config.state, config.runtime, self.gateway, now, self.boot)
        self._trust_clock_from(self.store.marked("floor"))
        self.faults = Faults({d.id: d.supervised for d in config.devices}, config.times)
        self.judge = Judge({d.id: d.watch for d in config.devices}, config.times, config.zone, config.night)
        self.pipeline = Pipeline(
            boot=self.boot,
            devices={d.id: d.room for d in config.devices},
            judge=self.judge,
            faults=self.faults,
            ladder=config.ladder,
            times=config.times,
        )
        self._wake = asyncio.Event()
        self.room = WaitingRoom(self._wake.set)
        self.intake = Intake(self.clock.now, self.faults.heard_at, self.room.put)
        for d in config.devices:
            self.intake.enrol(d.id, d.model, d.at, d.key, memories.get(d.id, {}), via=d.via, codes=d.codes)
        self.historian = Historian(config.times.same_again, compose.withheld(config))
        self.technician = Technician(self, all_models())
        self.callers = Callers(self._called)
        self.radios: list[ble.Radio] = []
        self.visits: gatt.Visits | None = None
        self.window: nearby.Window | None = None
        self._window_asked: asyncio.Queue[float] = asyncio.Queue(10)  # seconds; a flood of requests asks for nothing more
        self.lines: list[serial_port.Line] = []
        self._group: asyncio.TaskGroup | None = None
        self._ears: dict[str, asyncio.Task[None]] = {}  # by device: its line, or its way to another broker
        self._links: list[asyncio.Task[None]] = []
        self._visiting: asyncio.Task[None] | None = None
        self._hosts: dict[str, GattService] = {}
        self._changing = 0  # number of the local instruction that is being carried out
        self._mouth = _Mouth()
        weaker = config.platform is not None and config.platform.receipts == "broker"
        self.push = Push(self._mouth, self.store, self.clock, self._topic, self._taken if weaker else None)
        self._inbound: deque[tuple[str, bytes]] = deque(maxlen=INBOUND)
        self._inbox_after = self._begin_of_box()
        self._look_in_box = self._box_well = True
        self._notes: list[Callable[[Moment], list[Entry]]] = []
        self._accepted: list[tuple[int, int]] = []
        self._accepted_batches: list[tuple[int, int]] = []
        self._bad = 0
        self._bad_since = now.mono
        self._turned = now.mono
        self._due = now.mono  # when the pipeline wants its next tick
        self._flushed = self._kept = self._batched = self._tried = now.mono
        self._tidied = now.mono - TIDY_EVERY + TIDY_FIRST
        self._forgotten = 0
        self._event = False  # something that happens once was heard in this turn

    @property
    def link(self) -> mqtt.Link | None:
        """The way to the platform, None where none is configured."""
        return self._mouth.link

    # -- life --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until cancelled or told to stop. Raises what the pump or the store raises."""
        loop = asyncio.get_running_loop()
        me = asyncio.current_task()
        assert me is not None  # noqa: S101  a coroutine runs in a task
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, me.cancel)
        waker = self._open_waker()
        LOG.info("gateway %s, software %s, boot %s, %d devices, store %s", self.gateway, __version__, self.boot, len(self.config.devices),
                 self.store.degraded or self.store.folder)  # fmt: skip
        try:
            await self._begin()
            async with asyncio.TaskGroup() as group:
                self._group = group
                group.create_task(self._pump(), name="pump")
                group.create_task(self.push.run(), name="push")
                group.create_task(self._beat(), name="beat")
                group.create_task(self._overhear(), name="overhear")
                self._listen(group)
                self._connect()
        except* asyncio.CancelledError:
            LOG.info("stopping")
        except* DiskIsBack:
            LOG.info("the disk can be written again: starting anew on it")
        finally:
            systemd.notify("STOPPING=1")
            if waker is not None:
                loop.remove_reader(waker)
                waker.close()
            with contextlib.suppress(sqlite3.Error):
                # What was heard in the last moment is judged too: its driver will not report it again.
                await self._write(self._judge_waiting(), self.clock.now(), flush=True)
                await self._keep_readings(self.clock.now(), now_or_never=True)
            await self.technician.close()
            await self.callers.close()
            await self.store.close()

    async def _begin(self) -> None:
        """Take over what was known: from here on the first alarm can be raised."""
        now = self.clock.now()
        entries = self.pipeline.restart(now, self._known, why="storage" if self.store.degraded else "start")
        if self.store.degraded:
            entries += self.pipeline.noticed(self.faults.begin(kind.STORAGE_DEGRADED, now, why=self.store.degraded[:300]), now)
        else:
            entries += self.pipeline.noticed(self.faults.end(kind.STORAGE_DEGRADED, now), now)
        entries += self.technician.begin(now)
        for adapter in self.config.adapters if self.replay is None and self._wants_radio() else ():
            self.faults.radios[adapter] = now.mono
        if self.config.platform is None:
            self.faults.link_down_since = None  # what nobody asked for is not lost
        await self._write(entries, now, flush=True)
        self.technician.tidy()
        if self.store.folder == self.config.state:
            forget_stand_in(self.config.runtime)
        self._write_status(await self.store.counts())  # whoever is told READY may ask at once
        gc.freeze()  # what stands now stands for ever: the collector need not walk it in the middle of an alarm
        systemd.notify("READY=1", f"STATUS=guarding with {len(self.config.devices)} devices")

    def _wants_radio(self) -> bool:
        return any(isinstance(d.model.listens, BleAdvert | GattService) for d in self.config.devices)

    def _listen(self, group: asyncio.TaskGroup) -> None:
        if self.replay is not None:
            assert isinstance(self.clock, ReplayClock)  # noqa: S101  made together
            group.create_task(self.replay.run(self.clock, self.intake.advert, self.intake.chunk), name="replay")
            return
        self.listen_by_radio()
        for d in self.config.devices:
            self.listen_to(d)

    def listen_by_radio(self) -> None:
        """Hear by radio who is enrolled for it. Asked again after a change, it begins what is not there yet and cuts nothing."""
        if self.replay is not None or not self._wants_radio():
            return
        assert self._group is not None  # noqa: S101  the daemon runs
        hosts = {d.at: d.model.listens for d in self.config.devices if isinstance(d.model.listens, GattService)}
        if hosts != self._hosts:
            self._hosts = hosts
            if self._visiting is not None:
                self._visiting.cancel()
            self.visits = gatt.Visits(hosts, self.intake.attribute, self._alarm_is_fresh, self.intake.missed) if hosts else None
            self._visiting = self._group.create_task(self.visits.run(), name="visits") if self.visits is not None else None
        for adapter in self.config.adapters if not self.radios else ():
            radio = ble.Radio(adapter, self.intake.advert, say, wanted=self.intake.knows, met=self._met)
            self.radios.append(radio)
            self.faults.radios.setdefault(adapter, self.clock.now().mono)
            self._group.create_task(radio.run(), name=adapter)

    def _met(self, device: BLEDevice) -> None:
        if self.visits is not None:
            self.visits.met(device)

    def listen_to(self, d: Device) -> None:
        """Hear a device that has a line, or another program's broker, of its own."""
        if self.replay is not None:
            return
        assert self._group is not None  # noqa: S101  the daemon runs
        if (line := speed(d.model)) is not None:
            ask = functools.partial(self.intake.ask, d.at)
            port = serial_port.Line(d.at, line.baud, self.intake.chunk, ask=ask, ask_every=line.ask_every)
            self.lines.append(port)
            self._ears[d.id] = self._group.create_task(keep(f"line {d.id}", port.run, expected=(OSError,)), name=d.id)
        elif isinstance(d.model.listens, MqttTopics):
            other = Bridge(d.at, self.config.passwords.get(d.id), d.model.listens.filters, functools.partial(self.intake.published, d.id))
            self._ears[d.id] = self._group.create_task(keep(f"bridge {d.id}", other.run, expected=(BridgeLost,)), name=d.id)
        elif isinstance(d.model.listens, Inputs):
            polled = functools.partial(self._poll, d)
            self._ears[d.id] = self._group.create_task(keep(f"inputs {d.id}", polled, expected=(OSError, ValueError)), name=d.id)

    async def _poll(self, d: Device, ready: Callable[[], None]) -> None:
        await inputs.run(inputs.bus_at(d.at), functools.partial(self.intake.polled, d.id), ready)

    def stop_listening_to(self, device: str) -> None:
        """Let go of a device's line."""
        at = self.intake.devices[device].address
        if (ear := self._ears.pop(device, None)) is not None:
            ear.cancel()
            self.lines = [line for line in self.lines if line.port != at]

    def _alarm_is_fresh(self) -> bool:
        """Say whether somebody may need help whom nobody has answered yet: then the radio is for hearing only."""
        return any(a.state in {State.PRE_ALARM, State.RAISED} and a.priority <= Priority.P2 for a in self.pipeline.alarms.values())

    async def _overhear(self) -> None:
        """Open a hearing window when it is asked for. What it hears lies in a file, for as long as somebody may look at it."""
        while True:
            seconds = await self._window_asked.get()
            self.window = nearby.Window(all_models(), self.config.devices, time.monotonic(), seconds)
            # where no enrolled device is heard by radio, as before the first is enrolled, nobody else uses the adapters
            own = (
                []
                if self.radios or self.replay
                else [ble.Radio(a, lambda _: None, say, wanted=lambda _: False) for a in self.config.adapters]
            )
            tasks = [asyncio.create_task(radio.run(), name=f"overhear {radio.adapter}") for radio in own]
            try:
                await self._until_closed(self.window, own or self.radios)
            finally:
                self.window = None
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(nearby.KEPT):
                    self._window_asked.put_nowait(await self._window_asked.get())
            nearby.erase(self.config.runtime)

    async def _until_closed(self, window: nearby.Window, radios: list[ble.Radio]) -> None:
        for radio in radios:
            radio.overhear = lambda advert, kind: window.heard(advert, kind, time.monotonic())
        self.intake.unknown.clear()
        self.intake.teaching = True
        try:
            while True:
                while not self._window_asked.empty():
                    window.extend(time.monotonic(), self._window_asked.get_nowait())
                now = time.monotonic()
                with contextlib.suppress(OSError):  # the status file says what is wrong with the folder
                    nearby.write(self.config.runtime, window.facts(now, [radio.trouble for radio in radios], self.intake.unknown))
                if not window.is_open(now):
                    return
                await asyncio.sleep(min(1.0, max(0.01, window.until - now)))
        finally:
            self.intake.teaching = False
            for radio in radios:
                radio.overhear = None

    def ports(self) -> list[str]:
        """Return the serial ports that are plugged in."""
        return serial_port.present()

    def open_window(self, seconds: float) -> None:
        """Let the radio tell of strangers for so long; 0 ends it."""
        if seconds > 0 and not self._window_asked.full():
            self._window_asked.put_nowait(seconds)
        elif seconds <= 0 and self.window is not None:
            self.window.until = time.monotonic()

    def _connect(self) -> None:
        assert self._group is not None  # noqa: S101  the daemon runs
        link = self._link()
        if link is None:
            LOG.warning("no [platform] in the configuration: alarms stay in this home")
            return
        self._mouth.link = link
        self._links = [
            self._group.create_task(keep("platform", link.run, expected=(mqtt.LinkLost,)), name="link"),
            self._group.create_task(self._heartbeats(link), name="heartbeat"),
        ]

    async def disconnect(self) -> None:
        """Say good-bye to the platform. What waits stays in the outbox."""
        links, self._links, self._mouth.link = self._links, [], None
        for task in links:
            task.cancel()
        await asyncio.gather(*links, return_exceptions=True)

    def reconnect(self) -> None:
        """Begin the link anew with the settings that are in force now. The hearing goes on meanwhile."""
        assert self._group is not None  # noqa: S101  the daemon runs

        async def again() -> None:
            await self.disconnect()
            if self._links:
                return  # somebody was quicker
            weaker = self.config.platform is not None and self.config.platform.receipts == "broker"
            self.push.trust(self._taken if weaker else None)
            self._connect()

        self._group.create_task(again(), name="reconnect")

    def broker(self, config: Config) -> mqtt.Broker:
        """Return how a configuration's broker is spoken to as this gateway."""
        return broker_of(config, self.gateway)

    def _link(self) -> mqtt.Link | None:
        if self.config.platform is None:
            return None
        return mqtt.Link(
            broker_of(self.config, self.gateway),
            status=self.status_message,
            heard=self.from_platform,
            refused=self._bad_message,
            up=self._up,
            down=lambda _why: self._down(),
            clock_unsure=lambda: self.clock.now().quality is not Quality.SYNCHRONISED,
        )

    # -- the pump ----------------------------------------------------------------------------------------------------

    async def _pump(self) -> None:
        """Take what was heard and told, judge it, write it down, tell it. The only task that decides."""
        while True:
            now = self.clock.now()
            self._turned = now.mono
            entries: list[Entry] = []
            entries += await self._messages(now)
            # From here to the commit nothing is awaited: a driver's memory is written with the readings it stands for, or not at all.
            entries += self._judge_waiting()
            notes, self._notes = self._notes, []
            for note in notes:
                entries += note(now)
            if now.mono >= self.faults.due():
                entries += self._look(now)
            if now.mono >= self._due:
                entries += self.pipeline.tick(now)
            if entries and self.visits is not None and self._alarm_is_fresh():
                self.visits.drop()
            await self._write(entries, now, flush=self._event and not entries)  # no press may count twice, also one without entry
            self._event = False
            await self._keep_readings(now)
            await self._sometimes(now)
            self._due = self.pipeline.due()  # it looks at every open alarm: asked once a turn, after the turn's alarm is told
            if len(self.room) or self._inbound or self._notes or (self._look_in_box and not self.technician.busy):
                await asyncio.sleep(0)
                continue
            wait = self.clock.real(max(0.0, min(self._due - self.clock.now().mono, LOOK_EVERY)))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(wait, ACCEPT_EVERY) if self._accepted or self._accepted_batches else wait):
                    await self._wake.wait()
            self._wake.clear()

    def _judge_waiting(self) -> list[Entry]:
        entries: list[Entry] = []
        for reading in self.room.take():
            self.historian.heard(reading)
            if self.pipeline.walk is not None and self.pipeline.walk.device == reading.device:
                self.pipeline.walk.signal(self.intake.devices[reading.device].rssi)
            entries += self.pipeline.heard(reading)
            self._event = self._event or FORMS[reading.kind] is Form.EVENT
        return entries

    async def _write(self, entries: list[Entry], now: Moment, *, flush: bool = False) -> None:
        """Commit, then tell."""
        flush = flush or now.mono - self._flushed >= FLUSH_EVERY
        accept = bool(self._accepted) and (flush or now.mono - self._kept >= ACCEPT_EVERY)
        if not entries and not flush and not accept:
            return
        writing = Writing(entries=entries, memory=self.intake.memory() if entries or flush else {}, marks={})
        if entries or accept or flush:
            writing.accepted, self._accepted = self._accepted, []
            self._kept = now.mono
        marks: dict[str, str] = {"inbox": str(self._inbox_after), "household": str(self.config.household.revision)}
        if self.pipeline.masks_changed:
            marks["masks"] = self._masks(now)
            self.pipeline.masks_changed = False
        if flush:
            self._flushed = now.mono
            if now.quality is Quality.SYNCHRONISED:
                marks["floor"] = now.wall.isoformat()
                writing.heard = {
                    d: now.wall.timestamp() - (now.mono - at) for d, at in self.faults.heard_at.items() if d in self.intake.devices
                }
        writing.marks = marks if entries or flush else {}
        try:
            out = await asyncio.shield(self.store.commit(writing))  # a stop must not lose what was just judged
        except sqlite3.Error as error:
            out = await self._degrade(writing, now, error)
            entries = list(writing.entries)
        self.push.offer(out)
        self._act(entries)
        if entries:
            asyncio.get_running_loop().call_soon(_log, entries)  # behind the push, which now has its turn

    async def _degrade(self, writing: Writing, now: Moment, error: sqlite3.Error) -> list[Outgoing]:
        """Go on in memory when the disk takes nothing more: an alarm that cannot be written is told all the same, and this too."""
        why = f"{self.store.folder / 'gateway.db'}: {error}; working from memory until the disk can be written"
        LOG.error("store %s", why)
        if self.store.degraded and self.store.folder != self.config.state:
            raise error
        broken = self.store
        self.store = await broken.run(stand_in, self.config.runtime, self.gateway, why)
        self.push.use(self.store)
        with contextlib.suppress(sqlite3.Error):
            await broken.close()
        if self.link is not None and self.link.connected:  # the platform shall know the new journal before its first entry
            with contextlib.suppress(Lost, NotTaken):
                await self.link.publish(self._topic("status"), self.status_message(True, "storage"), retain=True)
        entries = self.pipeline.renumber(self.store.journal, writing.entries, now)
        entries += self.pipeline.noticed(self.faults.begin(kind.STORAGE_DEGRADED, now, why=why[:300]), now)
        writing.entries, writing.accepted = entries, []
        self._accepted.clear()
        return await self.store.commit(writing)

    def _act(self, entries: list[Entry]) -> None:
        """Let local programs sound and call, now that the entry is on disk."""
        for entry in entries:
            fact = entry.fact
            if isinstance(fact, ResultFact) and fact.instruction.do is Do.CONFIRM and fact.refused is Refused.NONE:
                self.intake.forget_memory(fact.instruction.device)
            if isinstance(fact, ResultFact):
                household.forget(self.config.state, fact.instruction.secrets)
            if self.technician.attempt is not None:
                self.technician.attempt.committed(entry)
            if not isinstance(fact, AlarmFact):
                continue
            alarm = fact.alarm
            moved = fact.before is not alarm.state
            if moved and alarm.state in ANSWERED:
                self.callers.stop(alarm.number)
            elif fact.move == "silence":
                self.callers.stop(alarm.number, sounds_only=True)  # silence stops the noise, never a call for somebody
            began = moved and alarm.masking is not Masking.SILENCED
            if began and alarm.state is State.PRE_ALARM and self.config.sound_pre_alarm:
                self.callers.start(self.config.sound_pre_alarm, alarm, call=None, reason="pre_alarm")
            if began and alarm.state is State.RAISED and alarm.priority <= Priority.P2 and self.config.sound_alarm:
                self.callers.stop(alarm.number, sounds_only=True)
                self.callers.start(self.config.sound_alarm, alarm, call=None, reason="raised")
            call = alarm.calls[-1] if alarm.calls else None
            if call is not None and call.channel == PROGRAM and call.at == entry.at and fact.move in {"call", "lapse", "count"}:
                self.callers.start(self.config.ladder[call.rung - 1].program, alarm, call=len(alarm.calls) - 1, reason=call.reason)

    async def _messages(self, now: Moment) -> list[Entry]:
        """Take receipts and instructions from both doors."""
        entries: list[Entry] = []
        while self._inbound:
            name, payload = self._inbound.popleft()
            try:
                if name == "receipt":
                    entries += self._receipt(wire.decode_receipt(payload, self.gateway), now)
                else:
                    entries += self._instruction(payload, Door.PLATFORM, now) or []
            except wire.BadMessage as bad:
                self._bad_message(name, str(bad))
        if self._look_in_box and not self.technician.busy:
            self._look_in_box = False
            for number, payload in await self._left_in_box():
                self._changing = number
                try:
                    done = self._instruction(payload, Door.LOCAL, now)
                except wire.BadMessage as bad:
                    self._bad_message("inbox", str(bad))
                    done = []
                if done is None:  # being carried out: if we end before, it must still lie there
                    break
                self._inbox_after = number
                entries += done
        return entries

    def inbox_goes_on(self) -> None:
        """Take it that the instruction which kept the inbox waiting has its answer in this turn."""
        self._inbox_after = self._changing
        self._look_in_box = True

    async def _left_in_box(self) -> list[tuple[int, bytes]]:
        """Read the local file. One that is broken or locked must not end the judging: that is said once, and tried again."""
        try:
            found = await self.store.run(inbox.read, self.config.state, self._inbox_after)
        except sqlite3.Error as error:
            if self._box_well:
                say("inbox", False, f"{self.config.state / 'inbox.db'}: {error}; if it stays so, delete the file")
            self._box_well = False
            return []
        if not self._box_well:
            say("inbox", True, "can be read again")
        self._box_well = True
        return found

    def _instruction(self, payload: bytes, door: Door, now: Moment) -> list[Entry] | None:
        """Carry out one instruction; None while it takes longer."""
        instruction, late = wire.decode_instruction(payload, self.gateway, now, door)
        if late:
            return self.pipeline.refuse(instruction, late, now)
        if door is Door.LOCAL and instruction.do in LOCAL_ONLY - {Do.WALK}:
            return self.technician.told(instruction, now)
        return self.pipeline.told(instruction, now)

    def _receipt(self, receipt: wire.Receipt, now: Moment) -> list[Entry]:
        """Take a receipt. One for another journal is of an earlier life; one for the future is refused whole."""
        if self.technician.attempt is not None:
            self.technician.attempt.receipted(receipt)
        entries = receipt.entries if receipt.journal == self.store.journal else []
        batches = receipt.batches if receipt.history == self.store.history else []
        for what, ranges, newest in (("entry", entries, self.pipeline.last), ("batch", batches, self.store.newest_batch)):
            highest = max((last for _, last in ranges), default=0)
            if highest > newest or any(first > last for first, last in ranges):
                raise wire.BadMessage(f"receipt covers {what} {highest}, but the newest is {newest}: nothing of it was taken")
        if batches:
            self.push.received(batches, batch=True)
            self._accepted_batches += batches
        if not entries:
            return []
        self.push.received(entries, batch=False)
        self._accepted += entries
        covered = [n for n in self.pipeline.unreceipted() if any(first <= n <= last for first, last in entries)]
        return self.pipeline.receipted(covered, now)

    def _look(self, now: Moment) -> list[Entry]:
        """Give supervision what it judges silence by."""
        for radio in self.radios:
            if radio.heard_at is not None:
                self.faults.radios[radio.adapter] = radio.heard_at
        self._look_in_box = True
        if self.config.platform is None:
            return []
        since = self.push.unanswered_since()
        answered = since is None or now.mono - since < self.config.times.uplink_lost
        up = self._mouth.link is not None and self._mouth.link.connected and answered
        link = self._mouth.link
        taken_over = link is not None and link.taken_over
        twice = self.faults.begin(kind.IDENTITY_CONFLICT, now) if taken_over else self.faults.end(kind.IDENTITY_CONFLICT, now)
        return self.pipeline.noticed(self.faults.linked(up, now) + twice, now)

    async def _keep_readings(self, now: Moment, *, now_or_never: bool = False) -> None:
        """Write routine readings in batches. They are pushed last; what cannot be kept is said."""
        due = now_or_never or now.mono - self._batched >= self.config.times.readings_every or len(self.historian.pending) >= READINGS_AT
        if not due:
            return
        self._batched = now.mono
        if self._accepted_batches:
            done, self._accepted_batches = self._accepted_batches, []
            await self.store.accept_batches(done)
        if readings := self.historian.take():
            message = await self.store.keep_readings(readings, self.boot)
            if message is None:
                self.historian.forgotten += len(readings)
            else:
                self.push.offer([message])

    async def _sometimes(self, now: Moment) -> None:
        """Do what is done once a day or a minute: retention, saying what was forgotten, trying the disk again."""
        if now.mono - self._tidied >= TIDY_EVERY:
            self._tidied = now.mono
            forgotten, gone = await self.store.tidy(now, self.config.gateway.history_days, self.config.gateway.journal_days)
            if forgotten or gone:
                LOG.info("retention: %d batches of readings forgotten unsent, %d journal rows deleted", forgotten, gone)
            if forgotten:
                self._notes.append(lambda at: self.pipeline.noticed([self.faults.note(kind.FORGOTTEN, at, batches=forgotten)], at))
        if now.mono - self._tried < TRY_DISK_EVERY:
            return
        self._tried = now.mono
        lost = self.historian.forgotten + self.room.forgotten
        if lost > self._forgotten:
            count, self._forgotten = lost - self._forgotten, lost
            self._notes.append(lambda at: self.pipeline.noticed([self.faults.note(kind.FORGOTTEN, at, readings=count)], at))
        if self.store.degraded and self.store.folder != self.config.state and await self._disk_is_back():
            raise DiskIsBack

    async def _disk_is_back(self) -> bool:
        """Say whether the real database takes a write again and nothing in memory would be lost by going back to it."""
        if (await self.store.counts())[0] or self.pipeline.alarms:
            return False

        def probe() -> bool:
            real = Store(self.config.state, self.gateway)
            try:
                if shutil.disk_usage(self.config.state).free < DISK_WANTED:
                    return False
                real.open()
            except (OSError, sqlite3.Error, StoreProblem, ValueError):
                return False
            real.close_now()
            return True

        return await self.store.run(probe)

    # -- ears and mouths ---------------------------------------------------------------------------------------------

    def from_platform(self, name: str, payload: bytes) -> None:
        """Let a receipt or an instruction wait for the pump."""
        self._inbound.append((name, payload))
        self._wake.set()

    def _bad_message(self, name: str, why: str) -> None:
        """Tell of a message that was refused, at most BAD_MESSAGES times an hour: a babbling sender must not fill the journal."""
        now = self.clock.now().mono
        if now - self._bad_since >= 3600:
            self._bad, self._bad_since = 0, now
        self._bad += 1
        if self._bad <= BAD_MESSAGES:
            self.note(lambda at: self.pipeline.noticed([self.faults.note(kind.BAD_MESSAGE, at, message=name, why=why[:300])], at))

    def note(self, note: Callable[[Moment], list[Entry]]) -> None:
        """Let the pump write down in its next turn what the note returns."""
        self._notes.append(note)
        self._wake.set()

    def _called(self, number: int, index: int, ok: bool, detail: str) -> None:
        self.note(lambda at: self.pipeline.called_back(number, index, at, ok=ok, detail=detail))

    def _taken(self, message: Any) -> None:
        """Count a PUBACK as the receipt, for a platform that sends none."""
        if message.batch:
            self._accepted_batches.append((message.number, message.number))
            return
        self._accepted.append((message.number, message.number))
        self.note(lambda at: self.pipeline.receipted([message.number], at))

    def _up(self) -> None:
        self.push.up()
        self.note(lambda at: self.pipeline.noticed(self.faults.linked(True, at), at))

    def _down(self) -> None:
        self.push.down()
        self.note(lambda at: self.pipeline.noticed(self.faults.linked(False, at), at))

    def status_message(self, online: bool, reason: str) -> bytes:
        """Return the retained word that the gateway is there, or not."""
        at = wire.when(self.clock.now(), self.boot)
        return wire.encode(wire.Status(1, self.gateway, online, reason, __version__, self.boot, self.store.journal, at))

    async def _heartbeats(self, link: mqtt.Link) -> None:
        """Tell the platform that the home is well; its silence is how the platform notices ours."""
        last = -self.config.times.heartbeat
        while True:
            now = self.clock.now()
            if link.connected and now.mono - last >= self.config.times.heartbeat:
                last = now.mono
                waiting, batches = await self.store.counts()
                message = wire.Heartbeat(
                    v=1,
                    gateway=self.gateway,
                    journal=self.store.journal,
                    at=wire.when(now, self.boot),
                    every_s=self.config.times.heartbeat,
                    last_number=self.pipeline.last,
                    waiting=waiting,
                    waiting_batches=batches,
                    open_alarms=len(self.pipeline.alarms),
                    faults=sorted({f"{k}:{d}" if d else k for k, d in self.faults.on}),
                    receipts=self.config.platform.receipts if self.config.platform is not None else "platform",
                )
                with contextlib.suppress(Lost, NotTaken):
                    await link.publish(self._topic("heartbeat"), wire.encode(message))
            await asyncio.sleep(max(0.05, min(1.0, self.clock.real(self.config.times.heartbeat))))

    async def _beat(self) -> None:
        """Beat systemd's watchdog only if the pump turned and the store answered lately; write the status file."""
        interval = min(systemd.watchdog_interval() or STATUS_EVERY, STATUS_EVERY)
        while True:
            turned = self._turned
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SLOW):
                    counts = await self.store.counts()
                    if self.clock.now().mono - turned < SLOW or self.replay is not None:
                        systemd.notify("WATCHDOG=1")
                    self._write_status(counts)
            await asyncio.sleep(interval)

    def _write_status(self, counts: tuple[int, int]) -> None:
        path = self.config.runtime / "status.json"
        new = path.with_suffix(".new")
        try:
            new.write_text(json.dumps(status.facts(self, counts), ensure_ascii=False), encoding="utf-8")
            new.replace(path)
        except OSError as error:
            LOG.warning("status file %s: %s", path, error.strerror)

    # -- small things ------------------------------------------------------------------------------------------------

    def _topic(self, name: str) -> str:
        return wire.topic(self.gateway, name)

    def _masks(self, now: Moment) -> str:
        wall = now.wall.timestamp() - now.mono
        shelves = {d: {"until": s.until + wall, "by": s.by, "reason": s.reason} for d, s in self.pipeline.shelves.items()}
        away = self.pipeline.away_until + wall if self.pipeline.away_until > now.mono else 0.0
        return json.dumps({"shelves": shelves, "away": away}, ensure_ascii=False)

    def _begin_of_box(self) -> int:
        """Return after which local instruction to begin. Without a mark what lies there was for an earlier life of the store."""
        if mark := self.store.marked("inbox"):
            return int(mark)
        with contextlib.suppress(sqlite3.Error):
            return inbox.newest(self.config.state)
        return 0

    def _trust_clock_from(self, floor: str) -> None:
        """No time before the last one seen can be right."""
        if isinstance(self.clock, SystemClock) and floor:
            with contextlib.suppress(ValueError):
                self.clock.floor = max(self.clock.floor, datetime.fromisoformat(floor))

    def _open_waker(self) -> socket.socket | None:
        """Open the socket that wakes us for the local file; without it the file is looked at every few seconds."""
        path = self.config.runtime / "wake"
        waker = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        waker.setblocking(False)
        try:
            path.unlink(missing_ok=True)
            waker.bind(str(path))
        except OSError as error:
            waker.close()
            LOG.warning("wake-up socket %s: %s; local instructions are looked for every %g s", path, error, LOOK_EVERY)
            return None

        def woken() -> None:
            with contextlib.suppress(BlockingIOError):
                if (seconds := nearby.asked(waker.recv(64))) is not None and not self._window_asked.full():
                    self._window_asked.put_nowait(seconds)
                    return
            self._look_in_box = True
            self._wake.set()

        asyncio.get_running_loop().add_reader(waker, woken)
        return waker


def _log(entries: Sequence[Entry]) -> None:
    for entry in entries:
        LOG.log(logging.WARNING if entry.priority <= Priority.P2 else logging.INFO, "%s", status.line(entry))


def broker_of(config: Config, gateway: str) -> mqtt.Broker:
    """Return where the configured broker is and how to speak to it."""
    platform = config.platform
    assert platform is not None  # noqa: S101  asked only where one is configured
    return mqtt.Broker(
        host=platform.host,
        port=platform.port,
        gateway=gateway,
        tls=platform.tls,
        ca=config.file(platform.ca),
        cert=config.file(platform.certificate),
        key=config.file(platform.certificate_key),
        username=platform.username or None,
        password=config.password or None,
        version=platform.version,
    )


def identity(config: Config) -> str:
    """Return this gateway's id: configured, or made at first start and kept in a file of its own."""
    if config.gateway.id:
        return config.gateway.id
    path = config.state / "identity"
    with contextlib.suppress(OSError, ValueError):
        if re.fullmatch(r"[A-Za-z0-9._-]{1,40}", known := path.read_text(encoding="ascii").strip()):
            return known
        LOG.error("identity %s is damaged: a new one is made, the platform will see a new gateway", path)
    made = f"gw-{secrets.token_hex(6)}"
    try:
        config.state.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        with new.open("w", encoding="ascii") as file:
            file.write(made + "\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        folder = os.open(config.state, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    except OSError as error:
        LOG.error("identity %s cannot be kept (%s): the platform will see a new gateway at each start", path, error.strerror)  # noqa: TRY400
    return made
