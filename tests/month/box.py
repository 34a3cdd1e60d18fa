"""The gateway of one home in simulated time: the real daemon but for its loop, its radios and lines, its pushing and its history.

What decides is the daemon's own: intake, judge, faults, pipeline, rounds, doors, marks, and the store with its files, from which it is
started anew after each power cut. In place of the task that turns when something wakes it, `turn` is called when something is due.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from drivers import all_models
from gateway.contract import encoding
from gateway.home.config import load
from gateway.keep.history import Outgoing
from gateway.tell import inventory
from gateway.tend.composition import MADE, build
from gateway.tend.daemon import Daemon
from gateway.words import kind as kinds
from gateway.words.clock import SystemClock
from gateway.words.driver import Advertisement, Chunk, Published
from msgspec.structs import replace

from tests.kit.radar_emulator import FALL, PRESENCE, STAY_STILL, frame
from tests.kit.simulated import BTHOME, Loop
from tests.kit.waits import change
from tests.month.homes import KEY, STICK, Home
from tests.month.life import Event, Life, Span

FIRST = 12.0  # monotonic second at which a gateway is there after power-up
LOOK = 60.0  # s between two looks of supervision
SAVED = 600.0  # s at most that a power cut takes away of what is no entry
_LASTING = frozenset({kinds.LOW_BATTERY, kinds.TEST_DUE})  # faults that no look ends
_BTHOME = {"alive": "", "press": "3a01", "open": "1a{on}", "motion": "21{on}", "bed": "23{on}", "climate": "0208072e32"}
_ZIGBEE: dict[str, Callable[[bool], dict[str, Any]]] = {
    "alive": lambda _: {},
    "press": lambda _: {"action": "emergency"},
    "open": lambda on: {"contact": not on},
    "motion": lambda on: {"occupancy": on},
    "smoke": lambda on: {"smoke": on},
    "wet": lambda on: {"water_leak": on},
}
_RADAR = {"fall": FALL, "still": STAY_STILL, "presence": PRESENCE}


class _Clock(SystemClock):
    """A box's clocks. After a power cut the wall clock stands where it was until a time server answers."""

    def __init__(self, box: Box, boot: str, behind: float, sure_at: float) -> None:
        super().__init__(MADE)
        self.boot = boot
        self._box, self._began, self._behind, self._sure_at = box, box.now, behind, sure_at

    def mono(self, second: float) -> float:
        return FIRST + second - self._began

    def _read(self) -> tuple[float, datetime, bool]:
        now = self._box.now
        sure = now >= self._sure_at
        return self.mono(now), self._box.begins + timedelta(seconds=now - (0.0 if sure else self._behind)), sure


class _Radio:
    """The adapter as the daemon's ears know it."""

    adapter, adverts, restarts = "hci0", 0, 0

    def __init__(self, heard_at: float) -> None:
        self.heard_at: float | None = heard_at
        self.trouble = ""


class _Line:
    def __init__(self, port: str) -> None:
        self.port, self.open = port, True


class _Broker:
    connected = True


class _Link:
    """The link to the platform's broker."""

    version, taken_over, certificate_begins, certificate_ends = "5", False, None, None

    def __init__(self, box: Box) -> None:
        self._box = box
        self.connected = False

    async def publish(self, topic: str, payload: bytes, *_: Any, **__: Any) -> None:
        self._box.published(topic.rpartition("/")[2], payload)

    say_now = publish


class _Push:
    """In place of the daemon's pushing: what is offered is handed to whoever runs the month."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self.sent = 0

    def offer(self, messages: Iterable[Outgoing]) -> None:
        self._box.offered += messages

    def unanswered_since(self) -> float | None:
        return self._box.unanswered

    def urgent(self, _seconds: float) -> bool:
        return False

    def received(self, *_: Any, **__: Any) -> None: ...

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None  # up, down, use, trust


class Box:
    """One home's gateway. `now` is the month's second, which whoever runs it moves on."""

    def __init__(self, home: Home, life: Life, folder: Path, begins: datetime, loop: Loop) -> None:
        self.home, self.life, self.begins = home, life, begins
        self.now = 0.0
        self.boots = 0
        self.on = False
        self.offered: list[Outgoing] = []
        self.others: list[tuple[str, bytes]] = []  # published beside the outbox
        self.unanswered: float | None = None
        self.last_motion = -1e9
        self._door_open: bool | None = None
        self._loop = loop
        self._packets: dict[str, int] = {}
        self._counter = 0
        self._streams = [s for s in home.sensors.values() if s.stream and s.id not in home.mute]
        self._saved = 0.0
        folder.mkdir(parents=True)
        self.path = folder / "gateway.toml"
        self.path.write_text(home.config(), encoding="utf-8")
        if "cancel" in home.sensors:
            secrets = folder / "secrets.toml"
            secrets.write_text(f'[keys]\ncancel = "{KEY}"\n')
            secrets.chmod(0o600)
        self.config = load(self.path, _models())
        self.daemon: Daemon

    # -- power

    def power_on(self, behind: float, sure_after: float) -> None:
        """Start as after a power-up; the time server answers so much later."""
        self.boots += 1
        self.on = True
        clock = _Clock(self, f"{self.home.id}-{self.boots:04}", behind, self.now + sure_after)
        self.daemon = daemon = build(self.config, _models(), clock, clock.boot)
        self._clock = clock
        daemon.push = push = _Push(self)
        for part in (daemon.uplink, daemon.presence, daemon.resend):
            part._push = push
        for part in (daemon.mailbox, daemon.supervision, daemon.upkeep):
            part.push = push
        daemon.pump.parts = replace(daemon.pump.parts, offer=push.offer)
        self.link = _Link(self)
        daemon.way.use(self.link)
        daemon.ears.radios = [_Radio(clock.mono(self.now))]
        daemon.ears.lines = [_Line(s.at) for s in self.home.sensors.values() if s.at.startswith("/dev/")]
        daemon.ears._brokers = {"zigbee": _Broker()} if "zigbee" in self.home.sensors else {}
        daemon.upkeep.write_status = lambda _counts: None
        self._run(daemon.begin())
        gc.unfreeze()  # the daemon keeps what it began with for ever; here it is one of many
        self._saved = self.now
        if self.home.ups:
            self.powered(self.life.mains_off.at(self.now) is None)

    def power_off(self) -> None:
        """Cut the power. What was heard since `SAVED` and is no entry is lost with it, at most."""
        self.on = False
        self._run(self.daemon.store.close())
        del self.daemon, self._clock

    def powered(self, on: bool) -> None:
        """Let the box see whether the mains are there."""
        if self.on:
            self.daemon.notes.later(lambda at: self.daemon.pipeline.powered(on, at))

    def linked(self, up: bool) -> None:
        """Let the box see that its link is there, or gone."""
        self.link.connected = up
        (self.daemon.uplink._up if up else self.daemon.uplink._down)(self.link)
        if up:
            self.others.append(("status", self.daemon.heartbeats.status(True, "start")))

    def published(self, name: str, payload: bytes) -> None:
        self.others.append((name, payload))

    def _run(self, coroutine: Any) -> Any:
        return self._loop.run_until_complete(coroutine)

    # -- turns

    def turn(self) -> None:
        """Judge what was heard and told and what is due, and write it down."""
        daemon, heard = self.daemon, self.daemon.pump.parts.heard
        self._listen()
        for _ in range(3):
            now = daemon.clock.now()
            entries: list[Any] = []
            daemon.pump.decide(entries, now)
            flush = self._may_be_cut and self.now - self._saved >= SAVED
            if flush:
                self._saved = self.now
            unsaved = self._may_be_cut and now.mono >= daemon.pump.keeping.due(daemon.pipeline)
            if entries or flush or unsaved or daemon.pipeline.orders.resent:
                self._run(daemon.pump.write(entries, now, flush=(heard.event or unsaved or flush) and not entries))
            heard.event = False
            daemon.pump.due = daemon.pipeline.due()
            if not daemon.pump.waiting:
                return
        raise AssertionError(f"{self.home.id}: never at rest")

    def due(self) -> float:
        """Return the month's second at which an alarm is due."""
        mono = self.daemon.pipeline.due_of_alarms()
        if self._may_be_cut:
            mono = min(mono, self.daemon.pump.keeping.due(self.daemon.pipeline))
        return mono - FIRST + self._clock._began

    @property
    def _may_be_cut(self) -> bool:
        """Whether the power goes soon: what is written down only for that need not be written before."""
        return self.life.off.next(self.now) < self.now + 7200

    def _listen(self) -> None:
        """Let supervision know what has been heard since the last turn of what speaks every few seconds."""
        daemon, now = self.daemon, self.now
        heard_at, mono = daemon.faults.heard_at, self._clock.mono
        for s in self._streams:
            silent = self.life.silent[s.id].at(now) if s.id in self.life.silent else None
            heard_at[s.id] = mono(now) if silent is None else max(heard_at[s.id], mono(silent.began))
        radio = daemon.ears.radios[0]
        deaf = self.life.deaf.at(now)
        radio.heard_at = mono(now) if deaf is None else max(radio.heard_at or 0.0, mono(deaf.began))
        for line in daemon.ears.lines:
            line.open = self._silent("rf" if line.port == STICK else "radar") is None
        for name, broker in daemon.ears._brokers.items():
            broker.connected = self._silent(name) is None

    def _silent(self, device: str) -> Span | None:
        return self.life.silent[device].at(self.now) if device in self.life.silent else None

    def troubled(self, until: float) -> bool:
        """Say whether something is, or will be until then, that supervision has to look at closely."""
        life, now = self.life, self.now
        spans = [life.silent[s.id] for s in self._streams if s.id in life.silent]
        ends = any(kind not in _LASTING for kind, _ in self.daemon.faults.on)
        return ends or any(s.next(now) < until or s.at(now) for s in (*spans, life.deaf, life.drops, life.mains_off))

    # -- what the sensors say

    def say(self, event: Event) -> bool:
        """Let a sensor say something; return whether it was heard."""
        sensor, dice = self.home.sensors[event.device], self.life.dice
        if event.what == "open":
            self._door_open = event.on
        # An event is sent as a burst, and what Zigbee does not get through it sends again: lost by the square.
        lost = sensor.loss if event.what in ("alive", "climate") and sensor.ble else sensor.loss**2
        if not self.on or self._silent(sensor.id) is not None or (sensor.loss and dice.random() < lost):
            return False
        daemon, on = self.daemon, event.on
        level, what = self._level(sensor.id), event.what
        if self.home.repeats and sensor.id == "door" and what == "alive" and self._door_open is not None:
            what, on = "open", self._door_open
        if sensor.model.startswith("gatt"):
            daemon.faults.heard_at[sensor.id] = self._clock.mono(self.now)
        elif sensor.id == "cancel":
            self._sealed(sensor.at, f"01{level:02x}" + ("3a01" if event.what == "cancel" else ""))
        elif sensor.ble:
            n = self._packets[sensor.id] = (self._packets.get(sensor.id, 0) + 1) % 256
            said = _BTHOME[what].replace("{on}", f"{on:02x}")
            if event.what == "climate":
                said = f"02{int(1900 + 300 * dice.random()).to_bytes(2, 'little').hex()}2e{dice.randint(35, 60):02x}"
            self._advert(sensor.at, f"4400{n:02x}01{level:02x}{said}")
        elif sensor.via == "zigbee":
            body = _ZIGBEE[what](on) | {"battery": level, "linkquality": 90}
            daemon.intake.published("zigbee", Published(topic=sensor.at, payload=json.dumps(body).encode()))
        elif sensor.via == "rf":
            if not on:
                return False  # it says nothing when it is over
            daemon.intake.chunk(Chunk(port=STICK, data=f"20;01;{sensor.at};\r\n".encode()))
        else:
            daemon.intake.chunk(Chunk(port=sensor.at, data=frame(*_RADAR[event.what], bytes([on]))))
        return True

    def _level(self, device: str) -> int:
        level, a_day, changed = self.life.low.get(device, (90.0, 0.0, 0.0))
        level = 100 - (self.now - changed) / 86400 * a_day if self.now >= changed else level - self.now / 86400 * a_day
        return max(0, min(100, round(level)))

    def _advert(self, address: str, data: str) -> None:
        self.daemon.intake.advert(Advertisement(address=address, rssi=-68, service_data={BTHOME: bytes.fromhex(data)}))

    def _sealed(self, address: str, plain: str) -> None:
        self._counter += 1
        counter = self._counter.to_bytes(4, "little")
        nonce = bytes.fromhex(address.replace(":", "")) + b"\xd2\xfc\x45" + counter
        body = AESCCM(bytes.fromhex(KEY), tag_length=4).encrypt(nonce, bytes.fromhex(plain), None)
        self._advert(address, (b"\x45" + body[:-4] + counter + body[-4:]).hex())

    def heartbeat(self) -> bytes:
        """Return the heartbeat that the gateway would send now."""

        async def one() -> None:
            task = asyncio.ensure_future(self.daemon.heartbeats.run(self.link))
            for _ in range(1000):
                if any(name == "heartbeat" for name, _ in self.others):
                    break
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

        kept, self.others = self.others, []
        self._run(one())
        beat = next(payload for name, payload in self.others if name == "heartbeat")
        self.others = kept
        return beat

    def inventory(self) -> bytes:
        """Return what the gateway would say of its home now."""
        return inventory.fitted(self.daemon.inventory.of(self.daemon.clock.now()))

    def batch(self) -> bytes | None:
        """Return the batch of readings that is due, None where nothing was heard that is kept."""
        readings = self.daemon.historian.take()
        self.daemon.intake.signals.take(self.daemon.clock.now(), unfinished=False)
        return encoding.encode_batch(self.home.id, "0" * 16, 1, self._clock.boot, readings) if readings else None


_known: dict[str, Any] = {}


def _models() -> Any:
    if not _known:
        _known.update(all_models())
    return _known


@contextlib.contextmanager
def quietly() -> Any:
    """Let nothing of the gateway's log be printed, and supervision look once in `LOOK` seconds."""
    before, logger = change("judge", look_every=LOOK), logging.getLogger("eldercare")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        change("judge", **before)
        logger.setLevel(level)
