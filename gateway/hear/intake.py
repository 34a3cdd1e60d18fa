"""Packets -> readings: finds the device and its driver, drops repeats, says who and when.

Strangers' packets are counted and forgotten: one look-up each, nothing kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from math import inf

from gateway.hear.enrolled import Enrolled, driver_of, unarmed
from gateway.hear.waits import WAITS
from gateway.judge import danger
from gateway.judge.faults import fault
from gateway.judge.faults.firsts import Firsts
from gateway.judge.signals import Signals
from gateway.words.clock import Moment
from gateway.words.driver import (
    OFFLINE,
    REPEATED,
    UNPROVED,
    Advertisement,
    Attribute,
    Behind,
    Chunk,
    GattService,
    Heard,
    Model,
    Packet,
    Published,
    Refusal,
    Reply,
    Report,
    Standing,
    Telegram,
)
from gateway.words.reading import NOT_A_CALL, DeviceId, Kind, Reading

# refusals of who has another key than we know
UNREAD = frozenset({"decrypt_failed", "bindkey_required", "bad_key"})
# what the page shows as holding now
STATES = frozenset({Kind.CONTACT_OPEN, Kind.PRESENCE, Kind.OCCUPANCY})

Overheard = Callable[[DeviceId, Telegram], None]

# made once: `json.dumps` makes another for each call
_memory = json.JSONEncoder(separators=(",", ":")).encode


class Intake:
    """All enrolled devices by address and port. On the event loop, in its callbacks.

    `heard_at` is supervision's table: written for every packet that proves life. A repeat does, but
    of a device that has a key only within WAITS.burst of a new counter: a recording can be played
    again for ever. `offline` are the receivers that say so themselves.
    """

    def __init__(
        self,
        now: Callable[[], Moment],
        heard_at: dict[DeviceId, float],
        sink: Callable[[Reading], None],
        firsts: Firsts | None = None,
        *,
        walked: Callable[[DeviceId, int, float], None] = lambda _device, _rssi, _mono: None,
        proved: Callable[[DeviceId], None] = lambda _device: None,
        badge: Callable[[DeviceId, int, float], None] = lambda _device, _rssi, _mono: None,
    ) -> None:
        """Tell `walked` of each packet: device, dBm or 0, monotonic second.

        Tell `proved` of a confirmed device that has proved itself live, `badge` of each frame of a
        badge; of one with a key only under a new counter.
        """
        self.devices: dict[DeviceId, Enrolled] = {}
        self.strangers = 0
        self.aired = -inf  # when a packet came by radio, a stranger's too
        self.repeats = 0
        self.changed: set[DeviceId] = set()
        self._walked = walked
        self._proved = proved
        self._badge = badge
        self.signals = Signals()
        self.firsts = firsts or Firsts()
        self.offline: set[DeviceId] = set()
        self._now = now
        self._heard_at = heard_at
        self._sink = sink
        self._by_address: dict[str, Enrolled] = {}
        self._behind: dict[tuple[str, str], Enrolled] = {}
        self._overheard: list[Overheard] = []

    def overhear(self, overheard: Overheard) -> Callable[[], None]:
        """Have what receivers hear told also to a hearing window; return what ends that."""
        self._overheard.append(overheard)
        return lambda: self._overheard.remove(overheard)

    def enrol(
        self,
        device: DeviceId,
        model: Model,
        address: str,
        key: bytes | None,
        memory: Mapping[str, int | str],
        *,
        via: str = "",
        codes: Mapping[str, str] | None = None,
        badge: bool = False,
    ) -> None:
        """Take one device in.

        `via` is the receiver it is heard through; `codes` are its taught signals, {function:
        signal}. A `badge` says who is here, and nothing of the home.
        """
        # a technician's word ends with the process
        driver = driver_of(model, address, key, codes or {}, unarmed(memory))
        enrolled = Enrolled(
            device,
            model,
            address,
            key,
            driver,
            codes=codes or {},
            since=self._now().mono,
            badge=badge,
        )
        self.devices[device] = enrolled
        if via:
            for source in (codes or {}).values() if codes else (address,):
                self._behind[via, source] = enrolled
        else:
            self._by_address[address] = enrolled

    def retire(self, device: DeviceId) -> None:
        """Let a device go: from now on it is a stranger."""
        enrolled = self.devices.pop(device)
        self._by_address = {at: e for at, e in self._by_address.items() if e is not enrolled}
        self._behind = {key: e for key, e in self._behind.items() if e is not enrolled}
        self.changed.discard(device)
        self.offline.discard(device)

    def arm(self, device: DeviceId, seconds: float) -> None:
        """Let a device prove live, for `seconds`, that its counter begins anew.

        A technician at the box has confirmed it.
        """
        self.devices[device].arm(self._now().mono + seconds)
        self.changed.add(device)

    def knows(self, address: str) -> bool:
        """Say whether an address is enrolled; a no counts a stranger.

        The radio asks before it builds anything.
        """
        if address in self._by_address:
            return True
        self.strangers += 1
        return False

    def advert(self, advertisement: Advertisement) -> None:
        """Take one radio packet. A stranger costs one look-up."""
        now = self._now()
        self.aired = now.mono
        enrolled = self._by_address.get(advertisement.address)
        if enrolled is None:
            self.strangers += 1
            return
        enrolled.rssi = advertisement.rssi
        self._walked(enrolled.device, advertisement.rssi, now.mono)
        same = (
            advertisement.service_data == enrolled.payload
            and advertisement.manufacturer_data == enrolled.makers
        )
        if same and now.mono - enrolled.fed < WAITS.same:
            self.repeats += 1
            if enrolled.alive:
                self._lives(enrolled, now, advertisement.rssi)
            return
        enrolled.payload, enrolled.makers, enrolled.fed = (
            advertisement.service_data,
            advertisement.manufacturer_data,
            now.mono,
        )
        # what it has to say it says when it is visited
        if isinstance(enrolled.model.listens, GattService):
            enrolled.alive = True
            self._lives(enrolled, now, advertisement.rssi)
            return
        self._feed(enrolled, advertisement, now)

    def chunk(self, chunk: Chunk) -> bytes:
        """Take bytes of a serial line; return what is to be written back."""
        enrolled = self._by_address.get(chunk.port)
        return self._feed(enrolled, chunk, self._now()) if enrolled else b""

    def published(self, receiver: DeviceId, message: Published) -> None:
        """Take a message of another program's broker."""
        self._feed(self.devices[receiver], message, self._now())

    def attribute(self, address: str, attribute: Attribute) -> None:
        """Take a value of a device that was visited."""
        if (enrolled := self._by_address.get(address)) is not None:
            self._feed(enrolled, attribute, self._now())

    def missed(self, address: str) -> None:
        """Count a visit that failed, where the technician looks for what is wrong with a device."""
        if (enrolled := self._by_address.get(address)) is not None:
            enrolled.refused["not_reached"] = enrolled.refused.get("not_reached", 0) + 1

    def polled(self, receiver: DeviceId, telegram: Telegram) -> None:
        """Take the state of one polled input; the module lives, whoever is behind the input."""
        now = self._now()
        self._lives(self.devices[receiver], now, 0)
        self.devices[receiver].alive = True
        self._walked(receiver, 0, now.mono)
        self.telegram(receiver, telegram, now)

    def telegram(self, receiver: DeviceId, telegram: Telegram, now: Moment) -> None:
        """Take what a receiver heard from a device behind it.

        A stranger's is counted; an open hearing window is told of all.
        """
        for overheard in self._overheard:
            overheard(receiver, telegram)
        enrolled = self._behind.get((receiver, telegram.source))
        if enrolled is None:
            self.strangers += 1
            return
        enrolled.rssi = telegram.rssi
        self._walked(enrolled.device, telegram.rssi, now.mono)
        listens = enrolled.model.listens
        window = listens.same_within if isinstance(listens, Behind) else 0.0
        data, at = enrolled.told.get(telegram.source, (None, 0.0))
        # Measured from the last of them, so that a burst of any length is one; a second press comes
        # after a pause.
        enrolled.told[telegram.source] = telegram.data, now.mono
        if telegram.data == data and now.mono - at < window:
            self.repeats += 1
            if enrolled.alive:
                self._lives(enrolled, now, telegram.rssi)
            return
        self._feed(enrolled, telegram, now)

    def states(self, device: DeviceId) -> dict[str, bool]:
        """Return what holds at a device, as it said since it was taken in.

        Of several contacts of one kind any counts.
        """
        out: dict[str, bool] = {}
        for (kind, _), on in self.devices[device].states.items():
            out[kind.value] = out.get(kind.value, False) or on
        return out

    def memory(self) -> dict[DeviceId, str]:
        """Return the drivers' memories that changed since the last call, as JSON."""
        changed, self.changed = self.changed, set()
        return {device: _memory(self.devices[device].driver.memory) for device in changed}

    def memories(self) -> dict[DeviceId, str]:
        """Return all drivers' memories as JSON, whether they changed or not.

        It is for a database that has none of them.
        """
        self.changed.update(self.devices)
        return self.memory()

    def _say(self, enrolled: Enrolled, report: Report, now: Moment) -> None:
        """Pass on what a device says; of a badge only how it fares itself."""
        if enrolled.badge and report.kind not in fault.JUDGED:
            return
        if report.kind in STATES:
            enrolled.states[report.kind, report.index] = bool(report.value)
        if report.kind is Kind.BUTTON and report.value not in NOT_A_CALL:
            enrolled.called[report.index] = now.mono
        elif report.kind in danger.LEVELS:
            place, enrolled.said = (report.kind, report.index), now.mono
            if report.value is True:
                enrolled.levels[place] = report
            else:
                enrolled.levels.pop(place, None)
        self._sink(
            Reading(
                device=enrolled.device,
                kind=report.kind,
                value=report.value,
                at=now,
                index=report.index,
                label=report.label,
                flagged=report.flagged,
            )
        )

    def _refused(self, enrolled: Enrolled, refusal: Refusal, now: Moment) -> None:
        """Count what was refused, and take what it says about the device."""
        if refusal is UNPROVED:
            return
        # With a key only a new counter is the device's own word: a recording can be played again
        # for ever.
        plain = refusal is REPEATED and enrolled.alive and enrolled.key is None
        if plain and now.mono - enrolled.said >= WAITS.says_again:
            for level in list(enrolled.levels.values()):
                self._say(enrolled, level, now)
        if refusal.reason in UNREAD:
            enrolled.unread = now.mono
        if refusal is OFFLINE:
            self.offline.add(enrolled.device)
        enrolled.refused[refusal.reason] = enrolled.refused.get(refusal.reason, 0) + 1

    def _told_already(self, enrolled: Enrolled, now: Moment) -> bool:
        """Count a recording; say whether one was told just now.

        Each makes the card write, and thousands say no more than one.
        """
        enrolled.refused["replayed"] = enrolled.refused.get("replayed", 0) + 1
        if now.mono - enrolled.replayed < WAITS.replayed_again:
            return True
        enrolled.replayed = now.mono
        return False

    def _lives(self, enrolled: Enrolled, now: Moment, rssi: int) -> None:
        """Take a sign of life. `rssi` is 0 where there is none."""
        self._heard_at[enrolled.device] = enrolled.lived = now.mono
        self.signals.heard(enrolled.device, rssi, now)
        self.offline.discard(enrolled.device)
        if enrolled.badge and (enrolled.key is None or enrolled.proved == now.mono):
            self._badge(enrolled.device, rssi, now.mono)

    def _feed(self, enrolled: Enrolled, packet: Packet, now: Moment) -> bytes:
        """Let a device's driver hear a packet, take what it says, return what is to be answered."""
        if enrolled.disarm(now):
            self.changed.add(enrolled.device)
        before = enrolled.driver.memory
        heard = enrolled.hear(packet)
        if enrolled.has_proved():
            self._proved(enrolled.device)
        # a driver puts in a new dict whenever it remembers something
        if enrolled.driver.memory is not before:
            self.changed.add(enrolled.device)
        self._proves(enrolled, packet, heard, now)
        back = b""
        for item in heard:
            match item:
                case Report():
                    self._reported(enrolled, item, now)
                case Standing():
                    self._stands(enrolled, item, now)
                case Reply():
                    back += item.data
                case Telegram():
                    if not item.retained:
                        self._lives(enrolled, now, 0)
                        enrolled.alive = True
                    self.telegram(enrolled.device, item, now)
                case Refusal():
                    self._refused(enrolled, item, now)
        return back

    def _proves(
        self, enrolled: Enrolled, packet: Packet, heard: Sequence[Heard], now: Moment
    ) -> None:
        """Take a packet for a sign of life where it proves one.

        A frame that was refused, say a forged one, is none of this device; nor is one that somebody
        kept for us.
        """
        kept = isinstance(packet, Published | Telegram) and packet.retained
        enrolled.alive = not kept and enrolled.proves_life(heard, now)
        if enrolled.alive and (not isinstance(packet, Chunk) or heard):
            rssi = packet.rssi if isinstance(packet, Advertisement | Telegram) else 0
            self._lives(enrolled, now, rssi)
            if isinstance(packet, Chunk | Published):
                self._walked(enrolled.device, 0, now.mono)

    def _reported(self, enrolled: Enrolled, report: Report, now: Moment) -> None:
        """Take one report; a battery and a first word count also where nothing is passed on."""
        if report.kind is Kind.BATTERY and isinstance(report.value, int | float):
            self.signals.battery(enrolled.device, float(report.value))
        if not enrolled.badge:
            self.firsts.heard(enrolled.device, report.kind)
        if report.kind is Kind.REPLAYED and self._told_already(enrolled, now):
            return
        if report.kind is not Kind.HEARTBEAT:
            self._say(enrolled, report, now)

    def _stands(self, enrolled: Enrolled, standing: Standing, now: Moment) -> None:
        """Pass on a call that stands in what a device says, once."""
        call = standing.call
        if now.mono - enrolled.called.get(call.index, enrolled.since) >= WAITS.call_stands:
            self._say(enrolled, call, now)
        enrolled.called[call.index] = now.mono
