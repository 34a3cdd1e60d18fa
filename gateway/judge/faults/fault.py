"""Technical trouble: silent devices, low batteries, tampering, a deaf radio, a lost uplink.

This module watches devices, radios, uplink, mains and clock. What it finds begins and ends in the
ledger.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from gateway.judge.chatter import LIVELY, Chatter
from gateway.judge.faults.batteries import LOW_AT, WELL_AT
from gateway.judge.faults.deafness import Deafness
from gateway.judge.faults.fact import FaultFact, Turn
from gateway.judge.faults.ledger import Ledger
from gateway.judge.faults.outings import Outings
from gateway.judge.faults.silence import NAMED, Silences, Supervised
from gateway.judge.waits import WAITS
from gateway.words import kind as kinds
from gateway.words.clock import Moment, Quality
from gateway.words.kind import FaultClass
from gateway.words.reading import FORMS, DeviceId, Form, Kind, Reading, Value
from gateway.words.times import Times

# times its limit that a device may be silent which was missing in the last day: heard just too
# late, it is told once
HYSTERESIS = 1.25


# These stay on, whatever the device says later, until a technician has looked at it.
_LATCHED = {
    Kind.TAMPER: kinds.TAMPER,
    Kind.REPLAYED: kinds.REPLAYED,
    Kind.PROBLEM: kinds.DEVICE_FAULT,
    Kind.NOT_UNDERSTOOD: kinds.NOT_UNDERSTOOD,
}
_STRANGE = 5  # words that were not understood which one fault names
JUDGED = frozenset({Kind.BATTERY, Kind.BATTERY_LOW, *_LATCHED})


class _Mark(Struct):
    """What is remembered beside the day: each part may be damaged without the others."""

    air: msgspec.Raw = msgspec.Raw(b"0")
    low: msgspec.Raw = msgspec.Raw(b"{}")
    out: msgspec.Raw = msgspec.Raw(b"{}")


class Faults(Ledger):
    """The ledger together with the watch over devices, radios, uplink, mains and clock.

    `silences` has the monotonic second at which each device was last heard; intake writes it for
    every packet that proves life. `radios` maps each adapter to the second it last heard anything.
    `mains_jitter` is how long this box waits longer than others, so that an area without mains does
    not call at once.
    """

    def __init__(
        self,
        devices: Mapping[DeviceId, Supervised],
        times: Times,
        *,
        tells_out: bool = True,
        mains_jitter: float = 0.0,
    ) -> None:
        super().__init__(devices, times)
        self.silences = Silences(devices)
        self.heard_at = self.silences.heard_at
        self.outings = Outings()
        # False: no consent to activity. Nobody outside the home learns who is out, or by what
        # signs they are back.
        self._tells_out = tells_out
        self.deafness = Deafness()
        self._chatter = Chatter()
        # the last value of each state that was heard
        self._values: dict[tuple[DeviceId, Kind, int, str], Value] = {}
        self._began = 0.0
        self.radios: dict[str, float] = {}
        self._link_down_since: float | None = None
        self._was_up = False  # since the start: before that nothing was lost
        self.mains: bool | None = None  # None: this box cannot know
        self._mains_jitter = mains_jitter
        self._mains_lost_since: float | None = None
        self._clock_why: Mapping[str, Value] = {}  # why a time server is not believed
        self._unsure_since: float | None = None
        self._offset: float | None = None
        self._looked = 0.0

    def start(
        self,
        now: Moment,
        known: Mapping[tuple[str, str], FaultFact],
        silent_for: Mapping[DeviceId, float],
        said_for: Mapping[tuple[str, str], float] | None = None,
        heard_ago: Mapping[DeviceId, float] | None = None,
    ) -> None:
        """Take over what was on before a restart.

        `silent_for` is the silence of each device that had been counted, `heard_ago` how long ago
        it was heard, `said_for` how long ago each fault was said, each where that is known.
        """
        self._take_over(now, known, said_for or {})
        self.silences.start(now, silent_for, heard_ago or {}, self._missing())
        self.outings.start(now.mono)
        for kind, device in known:
            if kind == kinds.OUT:
                self.outings.restored(device, now.mono)
        self._link_down_since = now.mono
        self._looked = self._began = now.mono
        # Entries of the first seconds are mended too, however soon the time server answers.
        self._unsure_since = None if now.quality is Quality.SYNCHRONISED else now.mono
        self._offset = now.wall.timestamp() - now.mono

    def resupervise(
        self,
        devices: Mapping[DeviceId, Supervised],
        times: Times,
        other: set[DeviceId],
        now: Moment,
    ) -> list[FaultFact]:
        """Go on by changed wishes.

        Faults of devices that are gone, or are `other` hardware now, end: nobody would end them
        later.
        """
        ended = {d for d in self._devices if d not in devices} | other
        out = [fact for kind, d in list(self.on) if d in ended for fact in self.end(kind, now, d)]
        self.silences.change(devices, other, now)
        for gone in ended:
            self.outings.retire(gone)
        self._devices, self._times = devices, times
        return out

    def due(self) -> float:
        """Return the monotonic second of the next look."""
        return self._looked + WAITS.look_every

    def heard(self, reading: Reading) -> list[FaultFact]:
        """Take what a reading says about the device itself."""
        kind, device, value = reading.kind, reading.device, reading.value
        self.outings.heard(reading)
        out: list[FaultFact] = []
        if (kinds.MISSING, device) in self.on and self._lives(reading):
            out = self.end(kinds.MISSING, reading.at, device)
        out += self._changes(reading)
        if kind is Kind.BATTERY:
            if float(value) <= LOW_AT:
                out += self._begin(
                    kinds.LOW_BATTERY, device, reading.at, {"battery_pct": value}, (reading,)
                )
            elif float(value) >= WELL_AT:
                out += self._charged(device, reading.at, by_percent=True)
        elif kind is Kind.BATTERY_LOW and value:
            out += self._begin(kinds.LOW_BATTERY, device, reading.at, {}, (reading,))
        elif kind is Kind.BATTERY_LOW:
            out += self._charged(device, reading.at, by_percent=False)
        elif kind in _LATCHED and value is not False:
            detail = {"words": value} if kind is Kind.NOT_UNDERSTOOD else {}
            out += self._begin(
                _LATCHED[kind], device, reading.at, detail, (reading,)
            ) or self._more(reading)
        return out

    def _changes(self, reading: Reading) -> list[FaultFact]:
        """Count how often a state changes: one that chatters is told once."""
        if FORMS[reading.kind] is not Form.STATE or reading.kind in LIVELY:
            return []
        place = reading.device, reading.kind, reading.index, reading.label
        before, self._values[place] = self._values.get(place, reading.value), reading.value
        if before == reading.value:
            return []
        changes = self._chatter.changed(reading.device, reading.at.mono)
        what = {"what": reading.kind.value, "changes": changes}
        if not changes:
            return []
        return self._begin(kinds.CHATTERS, reading.device, reading.at, what, (reading,))

    def _more(self, reading: Reading) -> list[FaultFact]:
        """Tell further words that were not understood: one of them may be the one that matters."""
        fact = self.on[_LATCHED[reading.kind], reading.device]
        said = str(fact.detail.get("words", "")).split("; ")
        if (
            reading.kind is not Kind.NOT_UNDERSTOOD
            or str(reading.value) in said
            or len(said) >= _STRANGE
        ):
            return []
        self.on[fact.kind, fact.device] = fact = replace(
            fact, detail={"words": "; ".join((*said, str(reading.value)))}
        )
        return [replace(fact, turn=Turn.REPEATED, evidence=(reading,))]

    def _lives(self, reading: Reading) -> bool:
        """Say whether a reading is a sign of life.

        It is none where it was kept for us and the device has been silent since.
        """
        one = self._devices.get(reading.device)
        limit = one.missing_after if one is not None else None
        return (
            limit is None
            or reading.at.mono - self.heard_at.get(reading.device, reading.at.mono) < limit
        )

    def _charged(self, device: DeviceId, at: Moment, *, by_percent: bool) -> list[FaultFact]:
        """End a low battery by the same kind of word that began it.

        A percentage and a flag of one device may disagree for ever.
        """
        fact = self.on.get((kinds.LOW_BATTERY, device))
        if fact is None or ("battery_pct" in fact.detail) is not by_percent:
            return []
        return self.end(kinds.LOW_BATTERY, at, device)

    def confirmed(self, device: DeviceId, now: Moment, *, here: bool = True) -> list[FaultFact]:
        """End the latched faults of a device that a technician has looked at.

        `here`: at the device, so that it counts as tried too.
        """
        tried = (kinds.TEST_DUE,) if here else ()
        return [
            fact for kind in (*_LATCHED.values(), *tried) for fact in self.end(kind, now, device)
        ]

    def linked(self, up: bool, now: Moment) -> list[FaultFact]:
        """Take the state of the platform link: up means connected and receipts coming."""
        since = self._link_down_since
        if up and since is not None and self._was_up and (kinds.UPLINK_LOST, "") not in self.on:
            # nobody was told: it counts for the month
            self.daily.lasted(kinds.UPLINK_LOST, now.mono - since)
        self._was_up = self._was_up or up
        if not up:
            self._link_down_since = now.mono if since is None else since
            return []
        self._link_down_since = None
        return self.end(kinds.UPLINK_LOST, now)

    def link_wanted(self, now: Moment | None) -> None:
        """Take it that the link is missed from now on; None: no platform, nobody asks for it."""
        self._link_down_since = None if now is None else now.mono

    @property
    def link_down(self) -> bool:
        """Whether there is a platform and no link to it."""
        return self._link_down_since is not None

    def radio_heard(self, adapter: str, at: float) -> None:
        """Take when an adapter last heard anything, or from when on its silence counts."""
        self.radios[adapter] = at

    def clock_doubted(self, why: Mapping[str, Value]) -> None:
        """Take why a time server is not believed; nothing where it is."""
        self._clock_why = why

    def tell_out(self, agreed: bool) -> None:
        """Take whether the resident agrees that it is told who is out."""
        self._tells_out = agreed

    @property
    def tells_out(self) -> bool:
        """Whether it may be told who is out, and by what signs they are back."""
        return self._tells_out

    def mains_unknown(self) -> None:
        """Take it that this box cannot know whether the mains are there."""
        self.mains = None

    def powered(self, on: bool, now: Moment) -> list[FaultFact]:
        """Take whether the mains are there.

        They are said to be lost after a while, and back at once.
        """
        self.mains = on
        if not on:
            since = self._mains_lost_since
            self._mains_lost_since = now.mono if since is None else since
            return []
        self._mains_lost_since = None
        return self.end(kinds.MAINS_LOST, now)

    def tick(self, now: Moment) -> list[FaultFact]:
        """Look at all silences and at the clock, every few seconds."""
        if now.mono < self.due():
            return []
        self._looked = now.mono
        out = []
        for device, one in self._devices.items():
            if one.worn:
                self.outings.word(device, self.heard_at[device])
        missing, back = self.silences.look(now, self._missing())
        for device in back:
            self.outings.forget(device)
            out += self.end(kinds.OUT, now, device) + self.end(kinds.MISSING, now, device)
        for device in missing:
            out += self._late(device, now)
        out += self._deaf(now)
        down, lost = self._link_down_since, self._mains_lost_since
        if down is not None and now.mono - down >= self._times.uplink_lost:
            out += self._begin(kinds.UPLINK_LOST, "", now, {"down_s": round(now.mono - down)})
        if lost is not None and now.mono - lost >= self._times.mains_lost + self._mains_jitter:
            out += self._begin(kinds.MAINS_LOST, "", now, {"lost_s": round(now.mono - lost)})
        out += self._low_again(now)
        if now.mono - self._began >= WAITS.chatter_over:
            chatter = [of for kind, of in self.on if kind == kinds.CHATTERS]
            over = [of for of in chatter if not self._chatter.goes_on(of, now.mono)]
            out += [fact for of in over for fact in self.end(kinds.CHATTERS, now, of)]
        out += self._lasting(now)
        return out + self._end_retired(now) + self._clock(now) + self._daily(now)

    def _late(self, device: DeviceId, now: Moment) -> list[FaultFact]:
        """Judge a missing device: one that is out with its wearer is told as out, and later."""
        one = self._devices[device]
        if (known := self.on.get((kinds.MISSING, device))) is not None:
            return self._too_long(known, now)
        longer = HYSTERESIS if self.flapping.times((kinds.MISSING, device), now.mono) else 1.0
        if one.worn and self.outings.out(device, self.heard_at[device]):
            silent = round(self.silences.of(device, now))
            if silent < self._times.pendant_out:
                return (
                    self._begin(kinds.OUT, device, now, {"silent_s": silent})
                    if self._tells_out
                    else self.end(kinds.OUT, now, device)
                )
            with_wearer: dict[str, Value] = {"out": True} if self._tells_out else {}
            return self._begin(
                kinds.MISSING, device, now, {**self._silent(device, now), **with_wearer}
            )
        out = self.end(kinds.OUT, now, device)
        heard = self.heard_at[device]
        waits = one.worn and self.silences.of(device, now) < self._times.pendant_out
        if waits and self.outings.just_back(device, heard, now.mono):
            return out
        if self.silences.is_due(device, now, since=self.outings.home_since(device), longer=longer):
            listed = waits and one.shared and self.outings.left(device, heard)
            out += self._begin(kinds.MISSING, device, now, self._silent(device, now), listed=listed)
        return out

    def _too_long(self, fact: FaultFact, now: Moment) -> list[FaultFact]:
        """Tell of a pendant on today's list that has been out for too long.

        One of several residents may have taken it along.
        """
        one = self._devices[fact.device]
        waits = (
            one.worn and one.shared and self.silences.of(one.device, now) < self._times.pendant_out
        )
        if fact.fault_class is not FaultClass.LIST or fact.test or not one.vital or waits:
            return []
        return self._as_it_is(fact, self._silent(one.device, now))

    def mark(self, *, anew: bool = False) -> str:
        """Return what is to be remembered of the day and of the air, "" where nothing is new.

        `anew`: for a database that has none.
        """
        if not (self.daily.changed or anew):
            return ""
        mark = {
            **asdict(self.daily.mark()),
            "air": round(self.deafness.longest),
            "out": self.outings.mark(),
            "low": self._batteries.mark(self._looked),
        }
        return msgspec.json.encode(mark).decode()

    def restored(self, mark: str) -> None:
        """Take up what such a mark holds; nothing of one that is damaged."""
        with contextlib.suppress(ValueError, RecursionError):
            found = msgspec.json.decode(mark, type=_Mark)
            self.deafness.restored(found.air)
            self._batteries.restored(found.low)
            self.outings.learned(found.out, self._devices)
            self.daily.restored(mark)

    def _deaf(self, now: Moment) -> list[FaultFact]:
        self.deafness.learn(self.radios.items())
        limit, calls = self.deafness.limit(self._devices.values(), self._times.radio_deaf)
        out = [
            f
            for kind, of in list(self.on)
            if kind == kinds.RADIO_DEAF and of not in self.radios
            for f in self.end(kind, now, of)
        ]
        for adapter, heard in self.radios.items():
            if now.mono - heard >= limit:
                out += self._begin(
                    kinds.RADIO_DEAF,
                    adapter,
                    now,
                    {"silent_s": round(now.mono - heard)},
                    listed=not calls,
                )
            else:
                out += self.end(kinds.RADIO_DEAF, now, adapter)
        return out

    def _missing(self) -> set[DeviceId]:
        return {device for kind, device in self.on if kind == kinds.MISSING}

    def _silent(self, device: DeviceId, now: Moment) -> dict[str, Value]:
        """Return what is told of a missing device; of a receiver also which are behind it."""
        said: dict[str, Value] = {
            "silent_s": round(self.silences.of(device, now)),
            "limit_s": self._devices[device].missing_after or 0.0,
        }
        behind = [one.device for one in self.silences.behind(device)]
        if behind:
            said["behind"] = ", ".join(behind[:NAMED]) + (
                f" +{len(behind) - NAMED}" if len(behind) > NAMED else ""
            )
        return said

    def _clock(self, now: Moment) -> list[FaultFact]:
        """Watch the wall clock.

        The cleared entry carries boot, mono and wall together: from it earlier entries are mended.
        """
        offset = now.wall.timestamp() - now.mono
        stepped = self._offset is not None and abs(offset - self._offset) > WAITS.clock_stepped
        self._offset = offset
        if now.quality is not Quality.SYNCHRONISED:
            self._unsure_since = now.mono if self._unsure_since is None else self._unsure_since
            detail = {"clock": now.quality.value, **self._clock_why}
            if (
                now.quality is Quality.WRONG
                or self._clock_why
                or now.mono - self._unsure_since >= self._times.clock_unsure
            ):
                return self._begin(kinds.CLOCK_UNSURE, "", now, detail) or self._another_reason(
                    detail
                )
            return []
        was_unsure, self._unsure_since = self._unsure_since is not None, None
        if (kinds.CLOCK_UNSURE, "") in self.on:
            return self.end(kinds.CLOCK_UNSURE, now)
        if was_unsure or stepped:  # nobody was told of it, so it is no fault that ends
            return [self._fact(kinds.CLOCK_SET, "", now, Turn.NOTED, {"stepped": stepped})]
        return []

    def _another_reason(self, detail: Mapping[str, Value]) -> list[FaultFact]:
        fact = self.on[kinds.CLOCK_UNSURE, ""]
        if detail.get("why") in (None, fact.detail.get("why")):
            return []
        self.on[kinds.CLOCK_UNSURE, ""] = fact = replace(fact, detail=detail)
        return [replace(fact, turn=Turn.REPEATED)]
